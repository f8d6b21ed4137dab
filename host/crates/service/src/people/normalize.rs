//! Normal forms of names and email addresses: texts that are the same to a person have the same form. Pure.
//!
//! Two texts are the same if they are canonical caseless matches (The Unicode Standard, 3.13, D145): neither case nor
//! the encoding of an accented character counts. Characters that only look alike stay different: Latin and Cyrillic `a`.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use jackfield_core::invisible;

use super::addresses::clean_email;

/// Returns the form in which names and email addresses are stored: Unicode's NFC.
pub(super) fn to_nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Returns the form by which email addresses are compared.
///
/// Case, encoding, invisible characters and what surrounds the address do not count, and an international domain is the
/// same in either spelling (UTS #46).
pub(super) fn to_email_key(email: &str) -> String {
    fold_email(clean_email(email))
}

/// Returns the form in which a part of an email address is searched.
pub(super) fn to_email_part(text: &str) -> String {
    fold_email(invisible::trim(text))
}

fn fold_email(email: &str) -> String {
    if email.is_ascii() && !has_punycode(email) {
        return email.to_ascii_lowercase();
    }
    let is_seen =
        |character: &char| !invisible::is_invisible(*character) && !invisible::is_mark_without_glyph(*character);
    let email: String = email.chars().filter(is_seen).collect();
    match email.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{}", fold(local), to_domain_key(domain)),
        None => fold(&email),
    }
}

/// Returns the form by which names are compared.
///
/// Case, encoding, invisible characters and the amount of white space do not count.
pub(super) fn to_name_key(name: &str) -> String {
    let name: String = name.chars().filter(|character| !invisible::is_invisible(*character)).collect();
    let words: Vec<&str> = name.split_whitespace().collect();
    fold(&words.join(" "))
}

/// Returns the form by which names are searched and sorted.
///
/// Neither case nor accents count. Different names can have the same form.
pub(super) fn to_search_text(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let folded = CaseMapper::new().fold_string(&DecomposingNormalizerBorrowed::new_nfd().normalize(&text)).into_owned();
    let mut plain = String::with_capacity(folded.len());
    for character in DecomposingNormalizerBorrowed::new_nfd().normalize(&folded).chars() {
        match character {
            // Combining accents of Latin, Greek and Cyrillic characters.
            '\u{300}'..='\u{36f}' => {}
            // Characters that do not decompose and that many keyboards lack.
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
    to_nfc(&plain)
}

fn has_punycode(text: &str) -> bool {
    text.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"xn--"))
}

fn to_domain_key(domain: &str) -> String {
    match idna::domain_to_unicode(domain) {
        // Not folded, because `ß` and `ss` are two domains.
        (unicode, Ok(())) => unicode,
        // Not a valid domain, so it is compared like any other text.
        (_, Err(_)) => fold(domain),
    }
}

fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    to_nfc(&CaseMapper::new().fold_string(&decomposed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_white_space_and_encoding_do_not_count_in_an_address() {
        for (a, b) in [
            (" Ada@Acme.Example\t", "ada@acme.example"),
            ("ZOË@acme.example", "zoe\u{308}@acme.example"),
            ("STRASSE@acme.example", "straße@acme.example"),
            ("ΣΊΣΥΦΟΣ@acme.example", "σίσυφος@acme.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ada@XN--BCHER-KVA.example", "ada@bu\u{308}cher.example"),
            ("\u{212b}ngstrom@acme.example", "ångstrom@acme.example"),
            ("a\u{200b}da@acme.example", "ada@acme.example"),
            ("mailto:ada@acme.example;", "ada@acme.example"),
            ("Ada <ada@acme\u{ad}.example>", "ada@acme.example"),
        ] {
            assert_eq!(to_email_key(a), to_email_key(b), "{a} and {b}");
        }
    }

    #[test]
    fn an_address_that_only_looks_alike_is_different() {
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
            assert_ne!(to_email_key(a), to_email_key(b), "{a} and {b}");
        }
    }

    #[test]
    fn the_key_of_a_key_is_the_same() {
        for text in ["Ada@Acme.example", "İPEK@Acme.example", "ᾳ\u{345}@ﬃ.example", "no address", "@", "a@b@c", ""]
        {
            let key = to_email_key(text);
            assert_eq!(to_email_key(&key), key, "{text}");
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
            assert_eq!(to_search_text(name), to_search_text(typed), "{name}");
            assert_eq!(to_search_text(&to_search_text(name)), to_search_text(name), "{name}");
        }
        assert_ne!(to_search_text("Ada"), to_search_text("Аda"), "characters of different scripts stay different");
    }

    #[test]
    fn case_and_white_space_do_not_count_in_a_name() {
        assert_eq!(to_name_key("  Zoë\u{a0} LEE "), to_name_key("zoe\u{308} lee"));
        assert_eq!(to_name_key("\u{feff}Z\u{200b}oë Lee"), to_name_key("Zoë Lee"));
        assert_ne!(to_name_key("Zoë Lee"), to_name_key("Zoe Lee"));
        assert_eq!(to_name_key(" \t "), "");
    }
}
