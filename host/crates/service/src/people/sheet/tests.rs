//! Files as spreadsheets write them, files that are wrong, and cells that would be run.

use super::*;

fn rows(file: &str) -> Vec<ImportRow> {
    read(file.as_bytes()).expect("a good file")
}

fn errors(file: impl AsRef<[u8]>) -> Vec<String> {
    match read(file.as_ref()) {
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
    let rows = rows(file);
    assert_eq!((rows[0].name.as_str(), rows[0].email_key.as_str()), ("Lovelace, Ada", "ada@acme.example"));
    assert_eq!((rows[0].active, &rows[0].user_id), (Some(true), &None), "a column that is left out says nothing");
    assert_eq!((rows[1].name.as_str(), rows[1].active), ("B \"b\"", Some(false)));
}

#[test]
fn an_empty_cell_of_an_id_is_none_and_of_a_truth_is_wrong() {
    assert_eq!(rows("name,email,user_id\nA,a@b,\n")[0].user_id, Some(None));
    assert_eq!(errors("name,email,active\nA,a@b,\n"), ["2 active: must be true or false"]);
}

#[test]
fn what_is_wrong_with_the_first_line_is_named() {
    assert_eq!(errors(""), ["1 file: is empty; its first line names the columns"]);
    let said = errors("name,mail,name\nA,a@b,A\n");
    assert!(said[0].starts_with("1 mail: is not a column"), "{said:?}");
    assert_eq!(said[1..], ["1 name: is there twice", "1 email: is a column that is needed"]);
    assert!(errors("name;email\nA;a@b\n")[0].contains("with commas between them"));
    assert!(errors(b"\xff\xfen\0a\0")[0].contains("UTF-16"));
}

#[test]
fn every_wrong_line_is_named_as_an_editor_counts_it() {
    for end in ["\n", "\r\n"] {
        let file = ["name,email", "A,a@b", "", "\"two\nlines\",c@d", ",e", "F,f@g,x", "H,A@B"].join(end);
        assert_eq!(
            errors(file),
            [
                "4 name: holds a character that cannot be shown, U+000A",
                "6 name: is empty",
                "6 email: is not an email address",
                "7 row: has 3 cells, and the first line has 2",
                "8 email: stands on line 2 already",
            ],
            "{end:?}"
        );
    }
    assert_eq!(errors(b"name,email\nZo\xeb,a@b\n"), ["2 name: is not UTF-8; save the file as CSV in UTF-8"]);
}

#[test]
fn old_line_ends_are_counted_too() {
    assert_eq!(errors("name,email\rA,a@b\rB,\r"), ["3 email: is empty"]);
}

#[test]
fn a_hundred_errors_are_told_and_the_others_counted() {
    let file = format!("name,email\n{}", "x,\n".repeat(130));
    let said = errors(file);
    assert_eq!(said.len(), 101);
    assert_eq!(said[100], "101 file: has 30 more errors below");
}

#[test]
fn a_file_of_more_rows_than_are_taken_is_refused() {
    let mut file = String::from("name,email\n");
    for number in 0..=MOST_ROWS {
        file.push_str(&format!("x,{number}@x\n"));
    }
    assert!(errors(file)[0].contains("has more than 250000 rows"));
}

#[test]
fn a_cell_that_would_be_run_is_disarmed_and_reads_back_the_same() {
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
    let file = String::from_utf8([header(), lines(&people)].concat()).expect("text");
    for cell in file.lines().flat_map(|line| line.split("\",\"")) {
        let is_formula =
            cell.trim_start_matches('"').starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
        assert!(!is_formula || cell.contains("\"\"="), "{cell}");
    }
    let back: Vec<Person> = rows(&file)
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
