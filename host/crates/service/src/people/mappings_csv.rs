//! Mappings as CSV files: a table of everybody to export, and a list of accounts to import. Pure.

use jackfield_core::{
    Error, RowError,
    csv::{self, ByteRecord, RowErrors, RowReader, Titles, row_error},
};
use jackfield_store::PersonWithAccounts;

use super::{
    account_list::{AccountList, SyncRow},
    people_csv::{MAX_ROWS, too_many_rows},
};

/// The columns of a list to import.
///
/// In an exported table, a column named after the provider replaces the second.
const EMAIL: &str = "email";
const ACCOUNT: &str = "external_id";

/// Writes the header of a table: name, email, and a column for each provider.
#[must_use]
pub fn header(providers: &[String]) -> Vec<u8> {
    csv::write_header(["name", EMAIL].into_iter().chain(providers.iter().map(String::as_str)))
}

/// Writes people with their accounts, one row each.
#[must_use]
pub fn rows(people: &[PersonWithAccounts], providers: &[String]) -> Vec<u8> {
    csv::write(people.iter().map(|mapped| {
        let account = |provider: &String| {
            let found = mapped.external_ids.iter().find(|(at, _)| at == provider);
            found.map_or("", |(_, account)| account.as_str())
        };
        [mapped.person.name.as_str(), mapped.person.email.as_str()].into_iter().chain(providers.iter().map(account))
    }))
}

/// Parses a list of accounts of a provider; the cells are validated later.
///
/// The file has the columns `email` and `external_id`, or is an exported table. In a table, empty cells are skipped.
/// Other columns are ignored.
///
/// # Errors
/// [`Error::InvalidRows`] if the header or the form of a row is wrong.
pub(super) fn parse(file: &[u8], provider: &str) -> Result<AccountList, Error> {
    let mut reader = RowReader::new(file)?;
    let mut record = ByteRecord::new();
    let line = reader.read_header(&mut record)?;
    let columns = MappingColumns::from_header(line, &record, provider).map_err(Error::InvalidRows)?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let mut errors = RowErrors::default();
    let mut count = 0;
    while let Some(line) = reader.read_row(&mut record, &mut errors)? {
        count += 1;
        if count > MAX_ROWS {
            return Err(too_many_rows(line));
        }
        if let Err(message) = columns.titles.check_row(&record, columns.required) {
            errors.add(line, "row", &message);
            continue;
        }
        let mut cell = |index: usize, field: &str| {
            let text = csv::decode_cell(record.get(index).unwrap_or_default());
            text.map_err(|message| errors.add(line, field, &message)).ok().map(str::to_owned)
        };
        let (email, account) = (cell(columns.email, EMAIL), cell(columns.account, ACCOUNT));
        if let (Some(email), Some(external_id)) = (email, account)
            && !(columns.may_be_empty && external_id.is_empty())
        {
            rows.push(SyncRow { email, external_id });
            lines.push(line);
        }
    }
    errors.finish()?;
    Ok(AccountList { rows, lines: Some(lines) })
}

/// The index of each column in a row.
struct MappingColumns {
    titles: Titles,
    /// The number of cells that every row needs. In a table, the cell of the account can be missing.
    required: usize,
    email: usize,
    account: usize,
    /// Whether an empty account is skipped. In an exported table most people have none.
    may_be_empty: bool,
}

impl MappingColumns {
    fn from_header(line: u64, header: &ByteRecord, provider: &str) -> Result<Self, Vec<RowError>> {
        let titles = Titles::from_record(header);
        let columns_of = |column: &str| -> Vec<usize> {
            titles.named().filter(|(_, title)| title.eq_ignore_ascii_case(column)).map(|(index, _)| index).collect()
        };
        let index_of = |column: &str| columns_of(column).first().copied();
        let mut errors = Vec::new();
        for column in [EMAIL, ACCOUNT, provider] {
            if columns_of(column).len() > 1 {
                errors.push(row_error(line, column, "appears twice in the header"));
            }
        }
        if index_of(EMAIL).is_none() {
            errors.push(row_error(line, EMAIL, "is a required column; separate columns with commas"));
        }
        let account = match (index_of(ACCOUNT), index_of(provider)) {
            (Some(index), None) => Some((index, false)),
            (None, Some(index)) => Some((index, true)),
            (Some(_), Some(_)) => {
                errors.push(row_error(
                    line,
                    provider,
                    "cannot be combined with external_id; keep one of the two columns",
                ));
                None
            }
            (None, None) => {
                let message = format!("is a required column, unless the file is an exported table with `{provider}`");
                errors.push(row_error(line, ACCOUNT, &message));
                None
            }
        };
        match (index_of(EMAIL), account) {
            (Some(email), Some((account, may_be_empty))) if errors.is_empty() => {
                let required = if may_be_empty { email } else { email.max(account) } + 1;
                Ok(Self { titles, required, email, account, may_be_empty })
            }
            _ => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use jackfield_core::Person;

    use super::*;

    fn parse_valid(file: &str) -> Vec<(u64, String, String)> {
        let list = parse(file.as_bytes(), "acme").expect("a valid file");
        let rows = list.rows.into_iter().zip(list.lines.expect("lines of a file"));
        rows.map(|(row, line)| (line, row.email, row.external_id)).collect()
    }

    fn errors(file: &str) -> Vec<String> {
        match parse(file.as_bytes(), "acme") {
            Err(Error::InvalidRows(errors)) => {
                errors.iter().map(|error| format!("{} {}: {}", error.line, error.field, error.message)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_is_parsed_with_its_lines() {
        let file = "\u{feff}External_ID;note,EMAIL\r\n";
        assert!(errors(file)[0].starts_with("1 external_id: is a required column"), "{:?}", errors(file));
        let expected = |line, email: &str, id: &str| (line, email.to_owned(), id.to_owned());
        assert_eq!(
            parse_valid("note,External_ID, email\r\n\r\nx,'=1, a@b\n,U2,c@d\n,,e@f\n"),
            [expected(3, "a@b", "=1"), expected(4, "c@d", "U2"), expected(5, "e@f", "")]
        );
        assert_eq!(
            parse_valid("name,email,acme,other\nA,a@b,,1\nB,b@c,U2,\n"),
            [expected(3, "b@c", "U2")],
            "an empty cell of a table is skipped"
        );
        assert_eq!(
            parse_valid("name;email;acme;other\r\nA;a@b\r\n;;;\r\nB;b@c;U2\r\n"),
            [expected(4, "b@c", "U2")],
            "Excel can omit empty cells at the end of a row"
        );
    }

    #[test]
    fn every_problem_of_the_form_is_reported() {
        assert_eq!(errors("a@b,U1\n").len(), 2);
        assert_eq!(errors("email,email,external_id\n"), ["1 email: appears twice in the header"]);
        assert_eq!(
            errors("email,external_id,acme\n"),
            ["1 acme: cannot be combined with external_id; keep one of the two columns"]
        );
        assert_eq!(errors("email,external_id\na@b\n"), ["2 row: has 1 cells, but the header has 2"]);
    }

    #[test]
    fn an_exported_table_has_no_formula_and_can_be_imported() {
        let providers = ["acme".to_owned(), "other".to_owned()];
        let person = |name: &str, account: &str| PersonWithAccounts {
            person: Person {
                id: String::new(),
                name: name.to_owned(),
                email: format!("{name}@acme.example"),
                user_id: None,
                active: true,
            },
            external_ids: vec![("acme".to_owned(), account.to_owned())],
        };
        let people = [person("=cmd()", "@SUM(1)"), person("b", "'+1"), person("c", "plain, \"quoted\"")];
        let file = String::from_utf8([header(&providers), rows(&people, &providers)].concat()).expect("text");
        assert!(
            file.starts_with(
                "\u{feff}\"name\",\"email\",\"acme\",\"other\"\n\"'=cmd()\",\"'=cmd()@acme.example\",\"'@SUM(1)\",\"\"\n"
            ),
            "{file}"
        );
        let accounts: Vec<String> = parse_valid(&file).into_iter().map(|(_, _, account)| account).collect();
        assert_eq!(accounts, ["@SUM(1)", "'+1", "plain, \"quoted\""]);
    }
}
