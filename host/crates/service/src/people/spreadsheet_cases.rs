//! Cells and files as spreadsheets and people write them. The browser tests read the same table with the console's reader.

use jackfield_core::{
    Error,
    csv::{ByteRecord, RowErrors, RowReader, decode_cell},
    garbled::find_garbling,
    spreadsheet::{find_id_damage, parse_boolean},
};
use serde_json::Value;

use super::field_rules::{validate_email, validate_id, validate_name};

fn cases(name: &str) -> Vec<Value> {
    let cases = include_str!("../../../../../tests/data/spreadsheet-cells.json");
    let cases: Value = serde_json::from_str(cases).expect("JSON");
    cases[name].as_array().expect("a list").clone()
}

fn texts(name: &str) -> Vec<String> {
    cases(name).iter().map(|text| text.as_str().expect("a text").to_owned()).collect()
}

#[test]
fn a_boolean_is_read_in_the_languages_of_spreadsheets() {
    for (name, expected) in [("true", Some(true)), ("false", Some(false)), ("not_boolean", None)] {
        for text in texts(name) {
            assert_eq!(parse_boolean(&text), expected, "{text}");
        }
    }
}

#[test]
fn an_id_that_a_spreadsheet_damaged_is_found_and_a_sound_one_is_not() {
    let is_damaged = |text: &String| find_id_damage(text).is_some();
    assert_eq!(texts("damaged_ids").into_iter().filter(|text| !is_damaged(text)).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(texts("sound_ids").into_iter().filter(is_damaged).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_name_in_the_wrong_encoding_is_found_and_a_sound_one_is_not() {
    let is_garbled = |text: &String| find_garbling(text).is_some();
    assert_eq!(texts("garbled_names").into_iter().filter(|text| !is_garbled(text)).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(texts("sound_names").into_iter().filter(is_garbled).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn addresses_names_and_ids_are_cleaned_or_rejected() {
    let email = |text: &str| validate_email(text).ok();
    let name = |text: &str| validate_name(text).ok();
    let id = |text: &str| validate_id(text).ok().map(str::to_owned);
    let check = |list: &str, validate: &dyn Fn(&str) -> Option<String>| {
        for case in cases(list) {
            let text = case[0].as_str().expect("a text");
            assert_eq!(validate(text).as_deref(), case[1].as_str(), "{text:?}");
        }
    };
    check("addresses", &email);
    check("names", &name);
    check("ids", &id);
}

/// Reads a file to its end, or returns the line of a quotation mark that is not closed.
fn read(file: &str) -> Result<Vec<(u64, Vec<String>)>, u64> {
    let open_quote = |error| match error {
        Error::InvalidRows(errors) if errors[0].message.contains("quotation mark") => errors[0].line,
        other => panic!("{other:?}"),
    };
    let mut reader = RowReader::new(file.as_bytes()).expect("a file that can be read");
    let (mut record, mut errors, mut rows) = (ByteRecord::new(), RowErrors::default(), Vec::new());
    let cells = |record: &ByteRecord| record.iter().map(|cell| decode_cell(cell).expect("UTF-8").to_owned()).collect();
    let line = reader.read_header(&mut record).map_err(open_quote)?;
    rows.push((line, cells(&record)));
    while let Some(line) = reader.read_row(&mut record, &mut errors).expect("a row") {
        rows.push((line, cells(&record)));
    }
    errors.finish().map_err(open_quote)?;
    Ok(rows)
}

#[test]
fn the_rows_of_a_file_are_read_and_none_is_lost_in_a_quotation() {
    for case in cases("files") {
        let expected = match case["open_quote"].as_u64() {
            Some(line) => Err(line),
            None => Ok(serde_json::from_value(case["rows"].clone()).expect("rows")),
        };
        assert_eq!(read(case["file"].as_str().expect("a file")), expected, "{case}");
    }
}
