//! An index from texts to positions that takes 16 bytes per text: it stores hashes, and not the texts. Pure.

use std::hash::{BuildHasher, RandomState};

/// The positions of many texts.
///
/// Two texts can have the same hash, so the caller compares the texts as well.
#[derive(Debug, Default)]
pub(super) struct HashIndex {
    /// Has a random key in each process, so that nobody can choose texts that collide.
    hasher: RandomState,
    entries: Vec<(u64, u32)>,
}

impl HashIndex {
    /// Adds a text. It is found after [`build`](Self::build).
    pub(super) fn add(&mut self, text: &str, position: u32) {
        self.entries.push((self.hasher.hash_one(text), position));
    }

    /// Sorts the index, once all texts are added.
    pub(super) fn build(&mut self) {
        self.entries.sort_unstable();
        self.entries.shrink_to_fit();
    }

    /// Lists the positions that a text may have, in ascending order.
    pub(super) fn positions(&self, text: &str) -> impl Iterator<Item = u32> {
        let hash = self.hasher.hash_one(text);
        let start = self.entries.partition_point(|(other, _)| *other < hash);
        let from_start = self.entries.get(start..).unwrap_or_default();
        from_start.iter().take_while(move |(other, _)| *other == hash).map(|(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::HashIndex;

    #[test]
    fn every_position_of_a_text_is_found() {
        let mut index = HashIndex::default();
        for position in 0..1_000 {
            index.add(&(position % 300).to_string(), position);
        }
        index.build();
        assert_eq!(index.positions("7").collect::<Vec<_>>(), [7, 307, 607, 907]);
        assert_eq!(index.positions("299").collect::<Vec<_>>(), [299, 599, 899]);
        assert_eq!(index.positions("300").count(), 0);
        assert_eq!(HashIndex::default().positions("7").count(), 0);
    }
}
