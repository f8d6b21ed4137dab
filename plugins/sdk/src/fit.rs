//! Cuts the results of a call to the limits of the contract, so that one value beyond a limit does not lose the others.

use crate::types::{ConnectOutcome, Error, InvalidField, Page, Report, ReportValue, UpstreamError, User};

/// The most characters of a name, a message or a fact.
const TEXT_CHARS: usize = 500;

/// The most characters of the name of an organisation or an account.
const ORG_NAME_CHARS: usize = 200;

/// The most bytes of an email address.
const EMAIL_BYTES: usize = 320;

/// The most additional addresses of a user.
const ALIASES: usize = 16;

/// The most users of a page.
const USERS: usize = 1_000;

/// The most users that are passed to the host, so that they fit into its limit of 4 MiB.
const MOST_COUNTED: usize = 10_000;

/// The most texts of a fact.
const TEXTS: usize = 64;

/// Cuts names, leaves out addresses that are too long, and empties users beyond the largest page.
pub(crate) fn fit_page(mut page: Page) -> Page {
    page.users.iter_mut().take(USERS).for_each(fit_user);
    // The host leaves them out and counts them, so they only have to be there.
    page.users.truncate(MOST_COUNTED);
    page.users.iter_mut().skip(USERS).for_each(|user| *user = User::new("", ""));
    page
}

/// Cuts the name of an organisation or of the accounts to choose from.
pub(crate) fn fit_connect(mut outcome: ConnectOutcome) -> ConnectOutcome {
    match &mut outcome {
        ConnectOutcome::Connected(connected) => {
            connected.org_name.iter_mut().for_each(|name| cut(name, ORG_NAME_CHARS));
        }
        ConnectOutcome::Choose(accounts) => {
            accounts.iter_mut().for_each(|account| cut(&mut account.name, ORG_NAME_CHARS))
        }
    }
    outcome
}

/// Cuts texts, and leaves out facts whose number is not finite.
pub(crate) fn fit_reports(mut reports: Vec<Report>) -> Vec<Report> {
    reports.retain_mut(|report| {
        match &mut report.value {
            ReportValue::Text(text) => cut(text, TEXT_CHARS),
            ReportValue::Texts(texts) => {
                texts.truncate(TEXTS);
                texts.iter_mut().for_each(|text| cut(text, TEXT_CHARS));
            }
            ReportValue::Number(number) => return number.is_finite(),
            ReportValue::Flag(_) => {}
        }
        true
    });
    reports
}

/// Cuts the text of an error.
pub(crate) fn fit_error(mut error: Error) -> Error {
    match &mut error {
        Error::Unauthorized(text) | Error::Forbidden(text) | Error::Unsupported(text) | Error::Malformed(text) => {
            cut(text, TEXT_CHARS);
        }
        Error::Upstream(UpstreamError { message, .. }) | Error::Invalid(InvalidField { message, .. }) => {
            cut(message, TEXT_CHARS);
        }
        Error::RateLimited(_) | Error::Http(_) => {}
    }
    error
}

fn fit_user(user: &mut User) {
    cut(&mut user.name, TEXT_CHARS);
    user.email = user.email.take().filter(|email| email.len() <= EMAIL_BYTES);
    let mut known: Vec<String> = Vec::new();
    for alias in user.aliases.drain(..) {
        if known.len() < ALIASES
            && alias.len() <= EMAIL_BYTES
            && user.email.as_ref() != Some(&alias)
            && !known.contains(&alias)
        {
            known.push(alias);
        }
    }
    user.aliases = known;
}

/// Cuts a text to a number of characters. The last of them is then an ellipsis.
fn cut(text: &mut String, max_chars: usize) {
    // A text has at most as many characters as bytes.
    if text.len() > max_chars && text.chars().nth(max_chars).is_some() {
        let end = text.char_indices().nth(max_chars - 1).map_or(0, |(at, _)| at);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Account;

    #[test]
    fn one_user_beyond_a_limit_is_cut_and_the_others_stay() {
        let long = User::new("a", "é".repeat(10_000)).email(Some(&"x".repeat(321)));
        let many = User::new("b", "B").email(Some("b@a")).aliases([
            "b@a".to_owned(),
            "x".repeat(321),
            "c@a".to_owned(),
            "c@a".to_owned(),
        ]);
        let many = many.aliases((0..20).map(|number| format!("{number}@a")));
        let page = fit_page(Page::last(vec![long, many, User::new("c", "C")]));
        assert_eq!(page.users[0].name.chars().count(), 500);
        assert_eq!((page.users[0].email.as_deref(), page.users[1].aliases.len()), (None, 16));
        assert_eq!((page.users[1].aliases[0].as_str(), page.users[2].name.as_str()), ("c@a", "C"));

        let page = fit_page(Page::last((0..1_200).map(|id| User::new(id.to_string(), "")).collect()));
        assert_eq!((page.users.len(), page.users[999].external_id.as_str()), (1_200, "999"));
        assert!(page.users[1_000..].iter().all(|user| user.external_id.is_empty()), "the host counts them");
    }

    #[test]
    fn texts_are_cut_to_the_limits_of_the_contract() {
        let long = "x".repeat(5_000_000);
        let accounts = vec![Account { id: "1".into(), name: long.clone() }];
        let ConnectOutcome::Choose(accounts) = fit_connect(accounts.into()) else { panic!("accounts were expected") };
        assert_eq!(accounts[0].name.chars().count(), 200);
        let reports = fit_reports(vec![
            Report::text("text", &*long),
            Report::number("number", f64::NAN),
            Report::texts("texts", vec![long.clone(); 65]),
        ]);
        assert!(matches!(&reports[0].value, ReportValue::Text(text) if text.chars().count() == 500));
        assert!(matches!(&reports[1].value, ReportValue::Texts(texts) if texts.len() == 64));
        let Error::Upstream(error) = fit_error(Error::upstream(200, long)) else { panic!("another error") };
        assert_eq!(error.message.chars().count(), 500);
    }
}
