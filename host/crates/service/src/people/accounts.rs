//! Accounts as CSV files: one table of everybody's for reading, and a list by address that is taken in. Pure.

use jackfield_core::{
    Error, RowError,
    csv::{self, ByteRecord, Errors, Reader, error},
};
use jackfield_store::Mapped;

use super::{mappings::SyncRow, sheet};

/// The columns of a list that is taken in; a table that was given out has its provider's id in place of the second.
const EMAIL: &str = "email";
const ACCOUNT: &str = "external_id";

/// A caller's list, and the line of each row.
#[derive(Debug)]
pub(super) struct List {
    pub(super) rows: Vec<SyncRow>,
    pub(super) lines: Vec<u64>,
}

/// Writes the line that names the columns: name, address, and a column for each provider.
pub(super) fn header(providers: &[String]) -> Vec<u8> {
    csv::write([["name", EMAIL].into_iter().chain(providers.iter().map(String::as_str))])
}

/// Writes people with their accounts, one line for each.
pub(super) fn lines(people: &[Mapped], providers: &[String]) -> Vec<u8> {
    csv::write(people.iter().map(|mapped| {
        let account = |provider: &String| {
            let found = mapped.external_ids.iter().find(|(at, _)| at == provider);
            found.map_or("", |(_, account)| account.as_str())
        };
        [mapped.person.name.as_str(), mapped.person.email.as_str()].into_iter().chain(providers.iter().map(account))
    }))
}

/// Reads a list for a provider: the columns `email` and `external_id`, or a table that was given out, in which an empty
/// cell says nothing and the other columns are passed over. What the cells hold is judged later.
///
/// # Errors
/// What is wrong with its form, by line.
pub(super) fn read(file: &[u8], provider: &str) -> Result<List, Error> {
    let mut reader = Reader::new(file)?;
    let mut record = ByteRecord::new();
    let line = reader.header(&mut record)?;
    let columns = Columns::read(line, &record, provider).map_err(Error::InvalidRows)?;
    let mut list = List { rows: Vec::new(), lines: Vec::new() };
    let mut errors = Errors::default();
    let mut count = 0;
    while let Some(line) = reader.next(&mut record)? {
        count += 1;
        if count > sheet::MOST_ROWS {
            return Err(sheet::too_many(line));
        }
        if record.len() != columns.count {
            let message = format!("has {} cells, and the first line has {}", record.len(), columns.count);
            errors.add(line, "row", &message);
            continue;
        }
        let mut cell = |at: usize, field: &str| {
            let text = csv::text(record.get(at).unwrap_or_default());
            text.map_err(|message| errors.add(line, field, &message)).ok().map(str::to_owned)
        };
        let (email, account) = (cell(columns.email, EMAIL), cell(columns.account, ACCOUNT));
        if let (Some(email), Some(external_id)) = (email, account)
            && !(columns.may_be_empty && external_id.is_empty())
        {
            list.rows.push(SyncRow { email, external_id });
            list.lines.push(line);
        }
    }
    errors.finish()?;
    Ok(list)
}

/// Which cell of a row holds what.
struct Columns {
    count: usize,
    email: usize,
    account: usize,
    /// A table of everybody has no account for most of them.
    may_be_empty: bool,
}

impl Columns {
    fn read(line: u64, header: &ByteRecord, provider: &str) -> Result<Self, Vec<RowError>> {
        let titles: Vec<String> =
            header.iter().map(|title| String::from_utf8_lossy(title).trim().to_ascii_lowercase()).collect();
        let at = |sought: &str| titles.iter().position(|title| title == sought);
        let mut errors = Vec::new();
        for sought in [EMAIL, ACCOUNT, provider] {
            if titles.iter().filter(|title| *title == sought).count() > 1 {
                errors.push(error(line, sought, "is there twice"));
            }
        }
        if at(EMAIL).is_none() {
            errors.push(error(line, EMAIL, "is a column that is needed, with commas between the columns"));
        }
        let account = match (at(ACCOUNT), at(provider)) {
            (Some(at), None) => Some((at, false)),
            (None, Some(at)) => Some((at, true)),
            (Some(_), Some(_)) => {
                errors.push(error(line, provider, "is there beside external_id; only one can be meant"));
                None
            }
            (None, None) => {
                let message = format!("is a column that is needed, or `{provider}` of a table that was given out");
                errors.push(error(line, ACCOUNT, &message));
                None
            }
        };
        match (at(EMAIL), account) {
            (Some(email), Some((account, may_be_empty))) if errors.is_empty() => {
                Ok(Self { count: header.len(), email, account, may_be_empty })
            }
            _ => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_core::Person;

    fn rows(file: &str) -> Vec<(u64, String, String)> {
        let list = read(file.as_bytes(), "acme").expect("a good file");
        let rows = list.rows.into_iter().zip(list.lines);
        rows.map(|(row, line)| (line, row.email, row.external_id)).collect()
    }

    fn errors(file: &str) -> Vec<String> {
        match read(file.as_bytes(), "acme") {
            Err(Error::InvalidRows(errors)) => {
                errors.iter().map(|error| format!("{} {}: {}", error.line, error.field, error.message)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_is_read_with_its_lines() {
        let file = "\u{feff}External_ID;note,EMAIL\r\n";
        assert!(errors(file)[0].starts_with("1 external_id: is a column that is needed"), "{:?}", errors(file));
        let expected = |line, email: &str, id: &str| (line, email.to_owned(), id.to_owned());
        assert_eq!(
            rows("note,External_ID, email\r\n\r\nx,'=1, a@b\n,U2,c@d\n,,e@f\n"),
            [expected(3, "a@b", "=1"), expected(4, "c@d", "U2"), expected(5, "e@f", "")]
        );
        assert_eq!(
            rows("name,email,acme,other\nA,a@b,,1\nB,b@c,U2,\n"),
            [expected(3, "b@c", "U2")],
            "an empty cell of a table says nothing"
        );
    }

    #[test]
    fn what_is_wrong_with_its_form_is_named() {
        assert_eq!(errors("a@b,U1\n").len(), 2);
        assert_eq!(errors("email,email,external_id\n"), ["1 email: is there twice"]);
        assert_eq!(errors("email,external_id,acme\n"), ["1 acme: is there beside external_id; only one can be meant"]);
        assert_eq!(errors("email,external_id\na@b\n"), ["2 row: has 1 cells, and the first line has 2"]);
    }

    #[test]
    fn a_table_that_is_given_out_is_read_back_and_holds_no_formula() {
        let providers = ["acme".to_owned(), "other".to_owned()];
        let person = |name: &str, account: &str| Mapped {
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
        let file = String::from_utf8([header(&providers), lines(&people, &providers)].concat()).expect("text");
        assert!(
            file.starts_with(
                "\"name\",\"email\",\"acme\",\"other\"\n\"'=cmd()\",\"'=cmd()@acme.example\",\"'@SUM(1)\",\"\"\n"
            ),
            "{file}"
        );
        let accounts: Vec<String> = rows(&file).into_iter().map(|(_, _, account)| account).collect();
        assert_eq!(accounts, ["@SUM(1)", "'+1", "plain, \"quoted\""]);
    }
}
