//! CSV files from spreadsheets, invalid files, and cells that a spreadsheet would evaluate.

use super::*;

fn parse_valid(file: &str) -> Vec<ImportRow> {
    parse(file.as_bytes()).expect("a valid file").rows
}

fn errors(file: impl AsRef<[u8]>) -> Vec<String> {
    match parse(file.as_ref()) {
        Err(Error::InvalidRows(errors)) => {
            errors.iter().map(|error| format!("{} {}: {}", error.line, error.field, error.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn person(name: &str, email: &str, user_id: Option<&str>) -> Person {
    let user_id = user_id.map(str::to_owned);
    Person { id: String::new(), name: name.to_owned(), email: email.to_owned(), user_id, active: false }
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let file = "\u{feff}Active, EMAIL ,\"name\"\r\nyes,Ada@acme.example,\"Lovelace, Ada\"\r\n\r\n0,b@acme.example,\"B \"\"b\"\"\"\r\n";
    let rows = parse_valid(file);
    assert_eq!((rows[0].name.as_str(), rows[0].email_key.as_str()), ("Lovelace, Ada", "ada@acme.example"));
    assert_eq!((rows[0].active, &rows[0].user_id), (Some(true), &None), "a missing column leaves the field unchanged");
    assert_eq!((rows[1].name.as_str(), rows[1].active), ("B \"b\"", Some(false)));
}

#[test]
fn an_empty_cell_removes_an_id_and_is_not_a_bool() {
    assert_eq!(parse_valid("name,email,user_id\nA,a@b,\n")[0].user_id, Some(None));
    assert_eq!(errors("name,email,active\nA,a@b,\n"), ["2 active: must be true or false"]);
}

#[test]
fn every_problem_of_the_header_is_reported() {
    assert_eq!(errors(""), ["1 file: is empty; the first line must contain the names of the columns"]);
    let found = errors("name,mail,name\nA,a@b,A\n");
    assert!(found[0].starts_with("1 mail: is not a column"), "{found:?}");
    assert_eq!(found[1..], ["1 name: appears twice in the header", "1 email: is a required column"]);
    assert_eq!(errors("ï»¿name,email\n")[0][..19], *"1 file: was read in");
    assert!(errors(b"\xff\xfen\0a\0")[0].contains("UTF-16"));
}

#[test]
fn problems_have_the_line_number_that_an_editor_shows() {
    for end in ["\n", "\r\n"] {
        let file = ["name,email", "A,a@b", "", "\"two\nlines\",c@d", ",e", "F,f@g,x", "H,A@B"].join(end);
        assert_eq!(
            errors(file),
            [
                "4 name: contains a character that is not allowed: U+000A LINE FEED",
                "6 name: is empty",
                "6 email: is not an email address",
                "7 row: has 3 cells, but the header has 2",
                "8 email: is already on line 2",
            ],
            "{end:?}"
        );
    }
    assert_eq!(errors(b"name,email\nZo\xeb,a@b\n"), ["2 name: is not UTF-8; save the file as CSV in UTF-8"]);
}

#[test]
fn empty_rows_and_columns_without_a_name_are_ignored() {
    let rows = parse_valid(",name,email,,user_id,\n,,,,,\n,Ada,a@b,,7,,,\n,\u{a0},\u{200b},,,\n,Bob,c@d,\n");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].user_id, Some(Some("7".to_owned())));
    assert_eq!(rows[1].user_id, None, "a cell that Excel omitted at the end of a row leaves the id unchanged");
    let text = errors(",name,email,\nx,Ada,a@b,\n,Bob,c@d,,y\n,Eve\n");
    assert_eq!(
        text,
        [
            "2 row: has text in column 1, which has no name in the header",
            "3 row: has 5 cells, but the header has 3",
            "4 row: has 2 cells, but the header has 3",
        ]
    );
}

#[test]
fn the_real_mistake_is_listed_among_many_errors() {
    let file = format!("name,email,active\n{}Ada,ada@,yes\n", "x,x@y,maybe\n".repeat(500));
    let found = errors(file);
    assert!(found.contains(&"502 email: is not an email address".to_owned()), "{found:?}");
    assert_eq!(errors(format!("name,email\n{}Ada,ada@\n", ",\n".repeat(50))), ["52 email: is not an email address"]);
}

#[test]
fn an_id_of_two_lines_is_rejected() {
    assert_eq!(errors("name,email,user_id\nA,a@b,7\nB,c@d,7\n"), ["3 user_id: is already on line 2"]);
}

#[test]
fn what_a_spreadsheet_damaged_is_marked() {
    let rows = parse_valid("name,email,user_id\nBjÃ¸rn,a@b,02-Jan\nBjørn,c@d,7\n");
    let fields: Vec<DoubtfulField> = rows[0].doubts.iter().map(|doubt| doubt.field).collect();
    assert_eq!(fields, [DoubtfulField::Name, DoubtfulField::UserId]);
    assert_eq!(rows[1].doubts, []);
}

#[test]
fn a_carriage_return_alone_ends_a_line() {
    assert_eq!(errors("name,email\rA,a@b\rB,\r"), ["3 email: is empty"]);
}

#[test]
fn a_hundred_problems_are_listed_and_the_others_counted() {
    let file = format!("name,email\n{}", "x,\n".repeat(130));
    let found = errors(file);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "101 file: has 30 more errors");
}

#[test]
fn a_file_with_too_many_rows_is_rejected() {
    let mut file = String::from("name,email\n");
    for number in 0..=MAX_ROWS {
        file.push_str(&format!("x,{number}@x\n"));
    }
    assert!(errors(file)[0].contains("has more than 250000 rows"));
}

#[test]
fn a_formula_is_escaped_and_parses_to_the_same_text() {
    let people: Vec<Person> = [
        "=cmd()", "+1", "-2+3", "@SUM(A1)", "＝cmd()", "'=cmd()", "''+1", "'t Hooft", "O'Brien", "a=b", "a;=cmd()",
        "\"=1",
    ]
    .iter()
    .enumerate()
    .map(|(number, name)| {
        person(name, &format!("{}{number}@acme.example", name.replace([' ', '(', ')', '@'], "")), Some(name))
    })
    .collect();
    let file = String::from_utf8([header(), rows(&people)].concat()).expect("text");
    for cell in file.lines().flat_map(|line| line.split("\",\"")) {
        let is_formula =
            cell.trim_start_matches('"').starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
        assert!(!is_formula || cell.contains("\"\"="), "{cell}");
    }
    let back: Vec<Person> = parse_valid(&file)
        .into_iter()
        .map(|row| Person {
            id: String::new(),
            name: row.name,
            email: row.email,
            user_id: row.user_id.flatten(),
            active: row.active.expect("a column"),
        })
        .collect();
    assert_eq!(back, people);
}
