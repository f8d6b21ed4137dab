//! How addresses and names are compared: what is the same to a person has the same key. Pure.
//!
//! Two texts are the same when they are canonical caseless matches (The Unicode Standard, 3.13, D145), so neither case
//! nor the form in which a letter and its accent are written counts. Look-alikes stay apart, as `a` and Cyrillic `а`.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// The form in which people's names and addresses are stored: Unicode's NFC.
pub(super) fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// What two addresses have in common when they are the same: the blanks around them, case and form do not count, and
/// an international domain is the same in either of its spellings (UTS #46).
pub(super) fn email_key(email: &str) -> String {
    let email = email.trim();
    if email.is_ascii() && !holds_punycode(email) {
        return email.to_ascii_lowercase();
    }
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{}", folded(local), domain_key(domain)),
        None => folded(email),
    }
}

/// What two names have in common when they are the same: case, form and the width of blanks do not count.
pub(super) fn name_key(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    folded(&words.join(" "))
}

/// A name as it is sought and ordered: what is typed in another case, or without the accents, finds it. Two people may
/// have the same.
pub(super) fn sought(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = CaseMapper::new().fold_string(&DecomposingNormalizerBorrowed::new_nfd().normalize(&text)).into_owned();
    let mut plain = String::with_capacity(folded.len());
    for letter in DecomposingNormalizerBorrowed::new_nfd().normalize(&folded).chars() {
        match letter {
            // The accents of Latin, Greek and Cyrillic letters.
            '\u{300}'..='\u{36f}' => {}
            // What no accent makes, and a keyboard may not have.
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ħ' => plain.push('h'),
            'ı' => plain.push('i'),
            'þ' => plain.push_str("th"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            other => plain.push(other),
        }
    }
    composed(&plain)
}

fn holds_punycode(text: &str) -> bool {
    text.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"xn--"))
}

fn domain_key(domain: &str) -> String {
    match idna::domain_to_unicode(domain) {
        // Not folded: `ß` and `ss` are two domains.
        (unicode, Ok(())) => unicode,
        // No domain that could be looked up; it is compared as any text.
        (_, Err(_)) => folded(domain),
    }
}

fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    composed(&CaseMapper::new().fold_string(&decomposed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_blanks_and_form_do_not_count_in_an_address() {
        for (a, b) in [
            (" Ada@Acme.Example\t", "ada@acme.example"),
            ("ZOË@acme.example", "zoe\u{308}@acme.example"),
            ("STRASSE@acme.example", "straße@acme.example"),
            ("ΣΊΣΥΦΟΣ@acme.example", "σίσυφος@acme.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ada@XN--BCHER-KVA.example", "ada@bu\u{308}cher.example"),
            ("\u{212b}ngstrom@acme.example", "ångstrom@acme.example"),
        ] {
            assert_eq!(email_key(a), email_key(b), "{a} and {b}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_another_address() {
        for (a, b) in [
            ("ada@acme.example", "аda@acme.example"),
            ("ada@acme.example", "ada+x@acme.example"),
            ("ada.l@acme.example", "adal@acme.example"),
            ("ada@acme.example", "\u{ff41}da@acme.example"),
            ("ipek@acme.example", "ıpek@acme.example"),
            ("zoe@acme.example", "zoë@acme.example"),
            ("ada@strasse.example", "ada@straße.example"),
            ("ada@acme.example", "ada@acme.example.evil.test"),
        ] {
            assert_ne!(email_key(a), email_key(b), "{a} and {b}");
        }
    }

    #[test]
    fn a_key_is_its_own_key() {
        for text in ["Ada@Acme.example", "İPEK@Acme.example", "ᾳ\u{345}@ﬃ.example", "no address", "@", "a@b@c", ""]
        {
            let key = email_key(text);
            assert_eq!(email_key(&key), key, "{text}");
        }
    }

    #[test]
    fn a_name_is_found_without_its_case_and_accents() {
        for (name, typed) in [
            ("Zoë Lee", "zoe lee"),
            ("Bjørn  Øster", "BJORN OSTER"),
            ("Łukasz Súilleabháin", "lukasz suilleabhain"),
            ("İpek Yılmaz", "ipek yilmaz"),
            ("Владимир Йонов", "ВЛАДИМИР йонов"),
            ("STRASSE", "straße"),
            ("山田 太郎", "山田\u{3000}太郎"),
            ("Nguye\u{302}\u{303}n", "nguyen"),
            ("김", "\u{1100}\u{1175}\u{11b7}"),
        ] {
            assert_eq!(sought(name), sought(typed), "{name}");
            assert_eq!(sought(&sought(name)), sought(name), "{name}");
        }
        assert_ne!(sought("Ada"), sought("Аda"), "another script stays another");
    }

    #[test]
    fn a_name_is_the_same_however_it_is_typed() {
        assert_eq!(name_key("  Zoë\u{a0} LEE "), name_key("zoe\u{308} lee"));
        assert_ne!(name_key("Zoë Lee"), name_key("Zoe Lee"));
        assert_eq!(name_key(" \t "), "");
    }
}
