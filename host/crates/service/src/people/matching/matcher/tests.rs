//! Each test matches a few users to a few people and checks the plan.

use super::*;

fn person(number: u32, name: &str, email: &str, account: Option<&str>) -> MatchCandidate {
    MatchCandidate {
        id: number.to_string(),
        name: name.to_owned(),
        email: email.to_owned(),
        email_key: to_email_key(email),
        active: true,
        account: account.map(str::to_owned),
    }
}

fn user(id: &str, name: &str, email: Option<&str>, aliases: &[&str]) -> User {
    User {
        external_id: id.to_owned(),
        name: name.to_owned(),
        email: email.map(str::to_owned),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        active: true,
    }
}

fn plan(people: &[(&str, &str, Option<&str>)], users: Vec<User>) -> MatchPlan {
    let mut matcher = Matcher::default();
    for (number, (name, email, linked)) in (0..).zip(people) {
        matcher.add_person(person(number, name, email, *linked));
    }
    matcher.build_indexes();
    users.into_iter().for_each(|user| matcher.add_user(&user));
    matcher.into_plan("made")
}

/// Formats each person in one line: status, account, and the evidence of each account.
fn lines(plan: &MatchPlan) -> Vec<String> {
    let account = |account: &MatchedAccount| format!("{}[{}]", account.external_id, account.evidence.names().join("+"));
    let line = |person: &PlannedPerson| {
        let accounts: Vec<String> = person.accounts.iter().map(account).collect();
        let id = person.external_id.as_deref().unwrap_or("-");
        format!("{} {:?} {id} {}", person.name, person.status, accounts.join(" "))
    };
    plan.people.iter().map(|person| line(person).trim_end().to_owned()).collect()
}

#[test]
fn an_address_matches_in_any_case_and_encoding() {
    let plan = plan(
        &[("Zoë", "ZOE\u{308}@Acme.example", None), ("Ada", "ada@acme.example", None)],
        vec![user("u1", "Z.", Some(" zoë@acme.EXAMPLE "), &[]), user("u2", "ADA", Some("x@y"), &["Ada@acme.example"])],
    );
    assert_eq!(lines(&plan), ["Zoë Matched u1 u1[email]", "Ada Matched u2 u2[alias+name]"]);
    assert_eq!((plan.accounts, plan.unclaimed, plan.counts.matched), (2, 0, 2));
}

#[test]
fn a_name_alone_links_nobody() {
    let plan = plan(
        &[("Ada Lovelace", "ada@acme.example", None), ("Kim Lee", "kim@acme.example", None)],
        vec![user("u1", "ada  LOVELACE", Some("al@home.example"), &[]), user("u2", "", None, &[])],
    );
    assert_eq!(lines(&plan), ["Ada Lovelace Ambiguous - u1[name]", "Kim Lee Missing -"]);
    assert_eq!(plan.people[0].reason, Some(NAME_ALONE));
    assert_eq!(plan.unclaimed, 1);
}

#[test]
fn two_accounts_with_one_address_are_ambiguous() {
    let plan = plan(
        &[("Ada", "ada@acme.example", None)],
        vec![user("u1", "Ada", Some("ada@acme.example"), &[]), user("u2", "Ada", None, &["ADA@acme.example"])],
    );
    assert_eq!(lines(&plan), ["Ada Ambiguous - u1[email+name] u2[alias+name]"]);
    assert_eq!(plan.people[0].reason, Some(TWO_ACCOUNTS));
}

fn inactive(mut user: User) -> User {
    user.active = false;
    user
}

#[test]
fn the_only_active_one_of_several_accounts_with_one_address_matches() {
    let ada = |id: &str| user(id, "Ada", Some("ada@acme.example"), &[]);
    let people = [("Ada", "ada@acme.example", None)];
    let one = plan(&people, vec![inactive(ada("old")), ada("new")]);
    assert_eq!(lines(&one), ["Ada Matched new old[email+name] new[email+only_active+name]"]);
    let by_alias = user("new", "A.", Some("a@home.example"), &["Ada@acme.example"]);
    let by_alias = plan(&people, vec![inactive(ada("old")), by_alias]);
    assert_eq!(lines(&by_alias), ["Ada Matched new old[email+name] new[alias+only_active]"]);

    let many: Vec<User> = (0..5).map(|number| inactive(ada(&format!("old{number}")))).chain([ada("new")]).collect();
    let many = plan(&people, many);
    assert_eq!((many.people[0].external_id.as_deref(), many.people[0].more_accounts), (Some("new"), 3));
    let two: Vec<User> = (0..5).map(|number| inactive(ada(&format!("old{number}")))).collect();
    let two = plan(&people, [two, vec![ada("a"), ada("b")]].concat());
    assert_eq!((two.people[0].status, two.people[0].reason), (MatchStatus::Ambiguous, Some(TWO_ACCOUNTS)));
    let none = plan(&people, vec![inactive(ada("a")), inactive(ada("b"))]);
    assert_eq!((none.people[0].status, none.people[0].reason), (MatchStatus::Ambiguous, Some(NO_ACTIVE_ACCOUNT)));
}

#[test]
fn the_only_active_account_is_ambiguous_if_it_is_also_somebody_elses() {
    let people = [("Ada", "ada@acme.example", None), ("Eve", "eve@acme.example", Some("new"))];
    let ada = |id: &str| user(id, "Ada", Some("ada@acme.example"), &[]);
    let plan = plan(&people, vec![inactive(ada("old")), ada("new")]);
    assert_eq!(lines(&plan)[0], "Ada Ambiguous - old[email+name] new[email+name]");
    assert_eq!(plan.people[0].reason, Some(TWO_PEOPLE));
}

#[test]
fn an_address_of_the_provider_is_compared_without_what_surrounds_it() {
    let people = [("Ada", "ada@acme.example", None), ("Bob", "bob@acme.example", None)];
    let users = vec![
        user("u1", "A.", Some("Ada <mailto:ada@acme.example>"), &[]),
        user("u2", "B.", Some("b@home.example"), &["b\u{200b}ob@acme.example;"]),
    ];
    assert_eq!(lines(&plan(&people, users)), ["Ada Matched u1 u1[email]", "Bob Matched u2 u2[alias]"]);
}

#[test]
fn an_account_with_the_addresses_of_two_people_is_ambiguous() {
    let people = [("Ada", "ada@acme.example", None), ("Bob", "bob@acme.example", None)];
    let plan = plan(&people, vec![user("u1", "Ada", Some("ada@acme.example"), &["bob@acme.example"])]);
    assert_eq!(lines(&plan), ["Ada Ambiguous - u1[email+name]", "Bob Ambiguous - u1[alias]"]);
    assert_eq!(plan.people[0].accounts[0].others, [1]);
    assert_eq!(plan.people[1].accounts[0].others, [0]);
}

#[test]
fn an_account_that_is_listed_under_two_addresses_is_ambiguous() {
    let people = [("Ada", "ada@acme.example", None), ("Bob", "bob@acme.example", None)];
    let users = vec![user("u1", "", Some("ada@acme.example"), &[]), user("u1", "", Some("bob@acme.example"), &[])];
    let plan = plan(&people, users);
    assert_eq!(lines(&plan), ["Ada Ambiguous - u1[email]", "Bob Ambiguous - u1[email]"]);
    assert_eq!((plan.people[0].accounts[0].others.as_slice(), plan.counts.matched), ([1].as_slice(), 0));
}

#[test]
fn an_account_that_is_linked_to_somebody_else_is_ambiguous() {
    let people = [("Ada", "ada@acme.example", None), ("Eve", "eve@acme.example", Some("u1"))];
    let plan = plan(&people, vec![user("u1", "Ada", Some("ada@acme.example"), &[])]);
    assert_eq!(lines(&plan), ["Ada Ambiguous - u1[email+name]", "Eve AlreadyLinked u1 u1[linked]"]);
    assert_eq!(plan.people[0].accounts[0].others, [1]);
}

#[test]
fn a_link_is_kept_and_is_orphaned_if_its_account_is_not_listed() {
    let people = [("Ada", "ada@acme.example", Some("u1")), ("Bob", "bob@acme.example", Some("u9"))];
    let users = vec![
        user("u2", "Ada", Some("ada@acme.example"), &[]),
        user("u1", "Somebody", Some("else@acme.example"), &[]),
        user("u3", "", Some("bob@acme.example"), &[]),
    ];
    let plan = plan(&people, users);
    assert_eq!(lines(&plan), ["Ada AlreadyLinked u1 u2[email+name] u1[linked]", "Bob Orphaned u9 u3[email]"]);
    assert_eq!(plan.people[1].reason, Some(NOT_LISTED));
}

#[test]
fn an_account_that_is_listed_twice_counts_once() {
    let ada = || user("u1", "Ada", Some("ada@acme.example"), &[]);
    let plan = plan(&[("Ada", "ada@acme.example", None)], vec![ada(), ada()]);
    assert_eq!(lines(&plan), ["Ada Matched u1 u1[email+name]"]);
}

#[test]
fn accounts_with_an_address_replace_those_with_a_name_alone() {
    let mut users: Vec<User> = (0..10).map(|number| user(&format!("n{number}"), "Ada", None, &[])).collect();
    users.push(user("own", "", Some("ada@acme.example"), &[]));
    let plan = plan(&[("Ada", "ada@acme.example", None)], users);
    let ada = &plan.people[0];
    assert_eq!((ada.status, ada.external_id.as_deref()), (MatchStatus::Matched, Some("own")));
    assert_eq!((ada.accounts.len(), ada.more_accounts), (MAX_ACCOUNTS, 8));
}

#[test]
fn an_id_that_cannot_be_stored_matches_nobody() {
    let users = ["", " u1", "u\0", "\u{202e}u"].map(|id| user(id, "Ada", Some("ada@acme.example"), &[]));
    let plan = plan(&[("Ada", "ada@acme.example", None)], users.into());
    assert_eq!(lines(&plan), ["Ada Missing -"]);
    assert_eq!((plan.accounts, plan.unclaimed), (4, 4));
}

#[test]
fn a_user_is_compared_with_few_people_of_the_same_name() {
    let people: Vec<(&str, String)> = (0..5_000).map(|number| ("Kim", format!("{number}@acme.example"))).collect();
    let people: Vec<(&str, &str, Option<&str>)> =
        people.iter().map(|(name, email)| (*name, email.as_str(), None)).collect();
    let users = (0..5_000).map(|number| user(&format!("u{number}"), "Kim", None, &[])).collect();
    let plan = plan(&people, users);
    assert_eq!((plan.counts.ambiguous, plan.counts.missing), (MAX_NAMESAKES, 5_000 - MAX_NAMESAKES));
}
