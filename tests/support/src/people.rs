//! The people of one company, identical in every run and known to all stand-ins and the demo.

/// Number of people in the company.
pub const PEOPLE: usize = 300;

/// The company's name.
pub const COMPANY: &str = "Acme Instruments";

/// The domain of its email addresses.
pub const DOMAIN: &str = "acme.example";

/// One person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Employee {
    /// From 1 to [`PEOPLE`]; ids are derived from it.
    pub number: usize,
    /// The given name.
    pub given: &'static str,
    /// The family name.
    pub family: &'static str,
    /// The email address in lower-case ASCII, unique.
    pub email: String,
    /// Whether the person is still employed; one in twenty has left.
    pub active: bool,
}

impl Employee {
    /// Returns the given and the family name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }

    /// Returns a unique id: a prefix such as `U0` and seven capital letters or digits.
    #[must_use]
    pub fn id(&self, prefix: &str) -> String {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        // An odd factor permutes the numbers below 2^35, so ids are unique.
        let mut left = (self.number as u64).wrapping_mul(0x4_9E37_79B1) & ((1 << 35) - 1);
        let mut id = prefix.to_owned();
        for _ in 0..7 {
            id.push(char::from(DIGITS[(left % 32) as usize]));
            left /= 32;
        }
        id
    }
}

/// Returns all people by number.
#[must_use]
pub fn people() -> Vec<Employee> {
    (1..=PEOPLE).map(employee).collect()
}

/// Returns one person of a company of any size. Names repeat, email addresses do not.
#[must_use]
pub fn generated_employee(number: usize) -> Employee {
    Employee { email: format!("p{number}@{DOMAIN}"), ..employee(number) }
}

fn employee(number: usize) -> Employee {
    // 25 and 24 have no common factor, so a pair of names repeats only after 600.
    let (given, given_ascii) = GIVEN[number % GIVEN.len()];
    let (family, family_ascii) = FAMILY[number % FAMILY.len()];
    Employee {
        number,
        given,
        family,
        email: format!("{given_ascii}.{family_ascii}@{DOMAIN}"),
        active: !number.is_multiple_of(20),
    }
}

/// Given names with their ASCII spelling for email addresses.
const GIVEN: [(&str, &str); 25] = [
    ("Ada", "ada"),
    ("Bjørn", "bjorn"),
    ("Chloé", "chloe"),
    ("Dmitri", "dmitri"),
    ("Elif", "elif"),
    ("Fatima", "fatima"),
    ("Grace", "grace"),
    ("Hiroshi", "hiroshi"),
    ("İpek", "ipek"),
    ("Jürgen", "juergen"),
    ("Kim", "kim"),
    ("Łukasz", "lukasz"),
    ("Mary-Jane", "mary-jane"),
    ("Nguyễn", "nguyen"),
    ("Oluwaseun", "oluwaseun"),
    ("Priya", "priya"),
    ("Quentin", "quentin"),
    ("Rosa", "rosa"),
    ("Siobhán", "siobhan"),
    ("太郎", "taro"),
    ("Uma", "uma"),
    ("Владимир", "vladimir"),
    ("Wei", "wei"),
    ("محمد", "mohammed"),
    ("Zoë", "zoe"),
];

/// Family names with their ASCII spelling for email addresses.
const FAMILY: [(&str, &str); 24] = [
    ("Lee", "lee"),
    ("O'Brien", "obrien"),
    ("Müller", "mueller"),
    ("García Márquez", "garcia"),
    ("Smith", "smith"),
    ("山田", "yamada"),
    ("van der Berg", "vanderberg"),
    ("Øster", "oster"),
    ("Nowak", "nowak"),
    ("Иванов", "ivanov"),
    ("Kowalski", "kowalski"),
    ("Patel", "patel"),
    ("Rossi", "rossi"),
    ("Silva", "silva"),
    ("Yılmaz", "yilmaz"),
    ("Dupont", "dupont"),
    ("Okafor", "okafor"),
    ("Svensson", "svensson"),
    ("Horvát", "horvat"),
    ("Hopper", "hopper"),
    ("Lovelace", "lovelace"),
    ("Ó Súilleabháin", "osuilleabhain"),
    ("De la Cruz", "delacruz"),
    ("김", "kim"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_people_share_an_email_or_an_id() {
        let people = people();
        assert_eq!(people.iter().map(|person| &person.email).collect::<HashSet<_>>().len(), PEOPLE);
        assert_eq!(people.iter().map(|person| person.id("U0")).collect::<HashSet<_>>().len(), PEOPLE);
        assert!(people.iter().all(|person| person.email.is_ascii()));
    }
}
