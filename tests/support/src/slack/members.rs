//! The members of the stand-in's workspace, with the irregularities of real ones: bots, guests, gaps, nulls, empty
//! strings.

use std::fmt::Write;

use serde_json::{Value, json};

use super::TEAM;
use crate::people::{self, Employee, PEOPLE};

/// Members that are not people: Slackbot, apps and workflows.
pub const NOBODY: usize = 1 + APPS.len() + WORKFLOWS.len();

/// All members of `users.list`, including the 300 people.
pub const MEMBERS: usize = PEOPLE + NOBODY;

const APPS: [&str; 8] = ["github", "pagerduty", "calendar", "jackfield", "standup", "lunch", "deploy", "zoom"];
const WORKFLOWS: [&str; 2] = ["Onboarding", "Holiday request"];

/// Creates all members, with those that are not people between the people.
pub(super) fn members() -> Vec<Value> {
    let mut members: Vec<Value> = people::people().iter().map(person).collect();
    for (number, name) in APPS.iter().enumerate() {
        members.insert(number * 29, bot(&format!("U0B0T00{number:02}"), name, "is_bot"));
    }
    for (number, name) in WORKFLOWS.iter().enumerate() {
        members.insert(number * 101 + 7, bot(&format!("U0FL0W0{number:02}"), name, "is_workflow_bot"));
    }
    // Slackbot has `is_bot: false`.
    members.insert(3, bot("USLACKBOT", "Slackbot", "is_slackbot"));
    members
}

/// Encodes JSON as Slack does, with slashes and non-ASCII characters escaped.
pub(super) fn encode_json(document: &Value) -> String {
    let plain = document.to_string();
    let mut text = String::with_capacity(plain.len() * 9 / 8);
    for character in plain.chars() {
        match character {
            // In JSON, slashes occur only in strings.
            '/' => text.push_str(r"\/"),
            character if character.is_ascii() => text.push(character),
            character => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}").expect("writing to a string");
                }
            }
        }
    }
    text
}

/// Returns one generated member.
pub(super) fn generated(number: usize) -> Value {
    person(&people::generated_employee(number))
}

fn person(person: &Employee) -> Value {
    let id = person.id("U0");
    let is_guest = person.number.is_multiple_of(23);
    let mut member = json!({
        "id": id,
        "team_id": TEAM,
        "name": person.email.split('@').next(),
        "deleted": !person.active,
        "color": format!("{:06x}", person.number * 54_321 % 0xff_ffff),
        "real_name": person.name(),
        "tz": "Europe/Amsterdam",
        "is_bot": false,
        "is_restricted": is_guest,
        "is_ultra_restricted": is_guest && person.number.is_multiple_of(2),
        "is_app_user": person.number.is_multiple_of(50),
        "updated": 1_700_000_000 + person.number * 977,
        "profile": {
            "title": if person.number.is_multiple_of(3) { "Engineer" } else { "" },
            "phone": "",
            "real_name": person.name(),
            "display_name": person.given,
            "avatar_hash": format!("g{:011x}", person.number * 7_919),
            "fields": null,
            "status_text": "",
            "email": person.email,
            "first_name": person.given,
            "image_48": picture(person, 48),
            "image_72": picture(person, 72),
            "image_192": picture(person, 192),
        },
    });
    gaps(&mut member, person.number);
    member
}

/// Removes what real workspaces lack.
fn gaps(member: &mut Value, number: usize) {
    let Some(profile) = member["profile"].as_object_mut() else { return };
    match number % 30 {
        4 => drop(profile.remove("email")),
        11 => drop(profile.insert("email".to_owned(), Value::Null)),
        17 => drop(profile.insert("email".to_owned(), json!(""))),
        // The name is then only in the member itself.
        8 => drop(profile.insert("real_name".to_owned(), json!(""))),
        13 => drop(profile.insert("real_name".to_owned(), Value::Null)),
        // Email addresses are not always in lower case.
        22 => {
            if let Some(Value::String(email)) = profile.get_mut("email") {
                *email = email.replacen("@acme", "@Acme", 1);
            }
        }
        _ => {}
    }
    if number % 60 == 38
        && let Some(member) = member.as_object_mut()
    {
        // Only the account's name remains.
        member.remove("real_name");
        member["profile"]["real_name"] = json!("");
    }
    if number % 150 == 149 {
        // Members deleted long ago look like this.
        member["profile"] = json!({});
    }
}

fn bot(id: &str, name: &str, what: &str) -> Value {
    let mut member = json!({
        "id": id, "team_id": TEAM, "name": name.to_lowercase(), "deleted": false, "real_name": name, "is_bot": false,
        "is_restricted": false, "is_ultra_restricted": false, "is_app_user": false, "updated": 0,
        "profile": {"real_name": name, "display_name": name, "title": "", "email": null, "bot_id": "B0BOT0001"},
    });
    if what != "is_slackbot" {
        member[what] = json!(true);
    }
    member
}

fn picture(person: &Employee, size: u32) -> String {
    let hash = (person.number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    format!("https://avatars.slack-edge.com/2026-01-01/{hash:014}_{size}.jpg")
}
