//! An index from texts to places, of 16 bytes for each text: hashes and places, sorted, and no text. Pure.

use std::hash::{BuildHasher, RandomState};

/// Where each of many texts stands. Two texts may share a hash, so whoever asks compares the texts as well.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// Keyed anew in each process, so that nobody can choose texts that meet.
    hasher: RandomState,
    entries: Vec<(u64, u32)>,
}

impl Lookup {
    /// Adds a text; it is found after [`close`](Self::close).
    pub(super) fn add(&mut self, text: &str, place: u32) {
        self.entries.push((self.hasher.hash_one(text), place));
    }

    /// Ends the adding.
    pub(super) fn close(&mut self) {
        self.entries.sort_unstable();
        self.entries.shrink_to_fit();
    }

    /// The places at which a text may stand, the lowest first.
    pub(super) fn places(&self, text: &str) -> impl Iterator<Item = u32> {
        let hash = self.hasher.hash_one(text);
        let start = self.entries.partition_point(|(other, _)| *other < hash);
        let rest = self.entries.get(start..).unwrap_or_default();
        rest.iter().take_while(move |(other, _)| *other == hash).map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::Lookup;

    #[test]
    fn every_place_of_a_text_is_found() {
        let mut lookup = Lookup::default();
        for place in 0..1_000 {
            lookup.add(&(place % 300).to_string(), place);
        }
        lookup.close();
        assert_eq!(lookup.places("7").collect::<Vec<_>>(), [7, 307, 607, 907]);
        assert_eq!(lookup.places("299").collect::<Vec<_>>(), [299, 599, 899]);
        assert_eq!(lookup.places("300").count(), 0);
        assert_eq!(Lookup::default().places("7").count(), 0);
    }
}
