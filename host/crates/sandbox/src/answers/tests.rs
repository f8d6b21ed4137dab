//! Random values of a guest: none of them panics, and none of them gets past the limits.

use jackfield_core::manifest::{Auth, Capabilities, Field, FieldKind, MappingFate};

use super::*;
use crate::types::UpstreamFate;

/// Pseudo-random values, the same in every run (Marsaglia's xorshift).
struct RandomValues(u64);

impl RandomValues {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap_or(0)
    }

    fn text(&mut self) -> String {
        const CHARACTERS: [char; 12] =
            ['a', 'Z', '_', '0', ' ', '\n', '\0', '\u{1b}', '\u{202e}', 'ä', '\u{10ffff}', '\u{fffd}'];
        let length = [0, 1, 3, 40, 41, 257, 501][self.below(7)];
        (0..length).map(|_| CHARACTERS[self.below(12)]).collect()
    }

    fn maybe_text(&mut self) -> Option<String> {
        (self.below(2) == 0).then(|| self.text())
    }

    fn number(&mut self) -> f64 {
        [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN, f64::MIN_POSITIVE, 1e308][self.below(7)]
    }

    fn page(&mut self) -> GuestPage {
        let users = (0..self.below(3)).map(|_| GuestUser {
            user: User {
                external_id: self.text(),
                name: self.text(),
                email: self.maybe_text(),
                aliases: (0..[0, 0, 1, 17][self.below(4)]).map(|_| self.text()).collect(),
                active: true,
            },
            is_person: self.below(4) > 0,
        });
        GuestPage { users: users.collect(), next_cursor: self.maybe_text() }
    }

    fn facts(&mut self) -> Vec<Fact> {
        let facts = (0..self.below(3)).map(|_| {
            let value = match self.below(3) {
                0 => FactValue::Number(self.number()),
                1 => FactValue::Text(self.text()),
                _ => FactValue::Texts(vec![self.text(); self.below(70)]),
            };
            Fact { name: ["fact".to_owned(), self.text()][self.below(2)].clone(), value }
        });
        facts.collect()
    }

    fn accounts(&mut self) -> Vec<Account> {
        (0..self.below(4)).map(|_| Account { id: self.text(), name: self.text() }).collect()
    }

    fn error(&mut self) -> ProviderError {
        match self.below(4) {
            0 => ProviderError::Unauthorized(self.text()),
            1 => ProviderError::Invalid(FieldError::new(self.text(), self.text())),
            2 => ProviderError::Upstream { status: u16::MAX, message: self.text() },
            _ => ProviderError::Http(SendError::Unreachable(self.text())),
        }
    }
}

fn manifest() -> Manifest {
    Manifest {
        id: "example".to_owned(),
        title: "Example".to_owned(),
        version: "1.0.0".to_owned(),
        auth: Auth::Fields,
        fields: Vec::new(),
        endpoints: Vec::new(),
        capabilities: Capabilities::default(),
        on_disconnect: MappingFate::Keep,
    }
}

#[test]
fn no_value_of_a_guest_panics_or_exceeds_its_limit() {
    let mut random = RandomValues(0x2545_f491_4f6c_dd1d);
    let manifest = manifest();
    let (mut accepted, mut rejected) = (0, 0);
    for _ in 0..100_000 {
        // Ids are returned unchanged, so only the other answers must have no bidirectional character.
        let (answer, has_ids) = match random.below(5) {
            0 => (check_users(random.page()).map(|page| format!("{page:?}")), true),
            1 => (check_facts(random.facts()).map(|facts| format!("{facts:?}")), false),
            2 => {
                let outcome = ConnectOutcome::Choose(random.accounts());
                (check_connect(outcome, &manifest).map(|outcome| format!("{outcome:?}")), true)
            }
            3 => {
                let outcome = DisconnectOutcome { upstream: UpstreamFate::Kept, note: random.maybe_text() };
                (Ok(format!("{:?}", check_disconnect(outcome))), false)
            }
            _ => (Err(check_error(random.error(), &manifest)), false),
        };
        match answer {
            Ok(answer) => {
                accepted += 1;
                assert!(has_ids || !answer.contains("\\u{202e}"), "{answer}");
                assert!(answer.len() < 200_000);
            }
            Err(error) => {
                rejected += 1;
                assert!(error.to_string().chars().count() < 1_200);
            }
        }
    }
    assert!(accepted > 10_000 && rejected > 10_000, "{accepted} accepted, {rejected} rejected");
}

#[test]
fn accounts_that_belong_to_no_person_are_left_out() {
    let user = |id: &str, is_person| GuestUser {
        user: User { external_id: id.to_owned(), name: String::new(), email: None, aliases: Vec::new(), active: true },
        is_person,
    };
    let page = GuestPage { users: vec![user("bot", false), user("ada", true)], next_cursor: None };
    let users = check_users(page).expect("a page").users;
    assert_eq!(users.iter().map(|user| user.external_id.as_str()).collect::<Vec<_>>(), ["ada"]);
}

#[test]
fn a_user_beyond_a_limit_is_left_out_or_cut_and_the_others_stay() {
    let user = |id: &str| GuestUser {
        user: User {
            external_id: id.to_owned(),
            name: "n".repeat(10_000),
            email: None,
            aliases: Vec::new(),
            active: true,
        },
        is_person: true,
    };
    let long = "x".repeat(EMAIL_BYTES + 1);
    let mut addressed = user("addressed");
    addressed.user.email = Some(long.clone());
    addressed.user.aliases =
        (0..40).map(|number| if number == 0 { long.clone() } else { format!("{number}@a") }).collect();
    let users = vec![user("ada"), user(""), user(&"i".repeat(ID_BYTES + 1)), addressed, user("\u{202e}\0")];
    let page = check_users(GuestPage { users, next_cursor: None }).expect("a page");
    assert_eq!(page.skipped, 2);
    let ids: Vec<_> = page.users.iter().map(|user| user.external_id.as_str()).collect();
    assert_eq!(ids, ["ada", "addressed", "\u{202e}\0"]);
    assert_eq!(page.users[0].name.chars().count(), NAME_CHARS + 1, "with an ellipsis");
    assert_eq!((page.users[1].email.as_deref(), page.users[1].aliases.len()), (None, ALIASES));

    let page = GuestPage { users: (0..USERS + 3).map(|_| user("ada")).collect(), next_cursor: Some("next".to_owned()) };
    let page = check_users(page).expect("a page");
    assert_eq!((page.users.len(), page.skipped, page.next_cursor.as_deref()), (USERS, 3, Some("next")));
}

#[test]
fn a_learned_value_follows_the_rules_of_its_field() {
    let field = |kind: FieldKind, secret: bool| Field {
        name: "team".to_owned(),
        label: "Team".to_owned(),
        help: String::new(),
        help_url: None,
        kind,
        secret,
        required: false,
        choices: Vec::new(),
        pattern: (kind == FieldKind::Text).then(|| "[a-z ]+".to_owned()),
    };
    let learn = |field: Field, name: &str, value: &str| {
        let manifest = Manifest { fields: vec![field], ..manifest() };
        let learned = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        check_connect(ConnectOutcome::Connected { org_name: None, account: None, learned }, &manifest)
    };
    assert!(learn(field(FieldKind::Text, false), "team", "red team").is_ok());
    assert!(learn(field(FieldKind::Url, false), "team", "https://acme.example/").is_ok());
    for (kind, value) in [
        (FieldKind::Text, "Red"),
        (FieldKind::Text, "red\nteam"),
        (FieldKind::Text, "red\u{1b}[8m"),
        (FieldKind::Text, "red\u{202e}"),
        (FieldKind::Text, ""),
        (FieldKind::Url, "http://10.0.0.1/"),
        (FieldKind::Url, "javascript:alert(1)"),
        (FieldKind::Email, "nobody"),
        (FieldKind::Json, "{"),
        (FieldKind::Choice, "any"),
    ] {
        let fault = learn(field(kind, false), "team", value);
        assert!(
            matches!(&fault, Err(CallError::Fault(why)) if why.contains("learned for `team`")),
            "{kind:?} {value:?}"
        );
    }
    for (secret, name) in [(true, "team"), (false, "other")] {
        assert!(matches!(learn(field(FieldKind::Text, secret), name, "red"), Err(CallError::Fault(_))), "{name}");
    }
}

#[test]
fn an_empty_cursor_ends_the_list() {
    let page = |cursor: &str| GuestPage { users: Vec::new(), next_cursor: Some(cursor.to_owned()) };
    assert_eq!(check_users(page("")).expect("a page").next_cursor, None);
    assert_eq!(check_users(page("2")).expect("a page").next_cursor.as_deref(), Some("2"));
}
