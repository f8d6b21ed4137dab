//! Searches bytes for several needles at once (Wu and Manber, 1994).
//!
//! An automaton would read every byte and take long to build for each call. This search skips almost as many bytes as
//! the shortest needle has, builds its tables in microseconds, and wipes the needles when it is dropped.

use std::{collections::BTreeSet, ops::Range};

use zeroize::Zeroizing;

/// Number of bytes at the end of a window that decide how far to skip. Any two bytes occur too often; four would not
/// skip further.
const BLOCK: usize = 3;
/// Minimum length of a needle, because a shorter one matches everywhere. Accepted secrets are at least twice as long.
const MIN_NEEDLE: usize = 4;
/// Maximum length of a window. A longer one saves almost nothing, and a skip has to fit into a byte.
const MAX_WINDOW: usize = 128;
/// Number of hashes of a block. The table of skips then fits into the first-level cache.
const HASHES: usize = 1 << 15;

/// The needles and their tables.
pub(super) struct Search {
    needles: Vec<Zeroizing<Vec<u8>>>,
    window: usize,
    /// How far the window can move if its last block has this hash; 0 if a needle may start at the window.
    skips: Box<[u8; HASHES]>,
    /// For each needle the hash of its window's last block, and the needle's index. Sorted.
    last_blocks: Vec<(usize, usize)>,
    /// One bit for each pair of bytes that a needle starts with.
    first_pairs: Box<[u64; 1024]>,
}

impl Search {
    /// Builds the tables, or returns nothing if there are no needles.
    pub(super) fn new(needles: BTreeSet<Vec<u8>>) -> Option<Self> {
        let needles: Vec<Zeroizing<Vec<u8>>> =
            needles.into_iter().filter(|needle| needle.len() >= MIN_NEEDLE).map(Zeroizing::new).collect();
        let window = needles.iter().map(|needle| needle.len()).min()?.min(MAX_WINDOW);
        let max_skip = u8::try_from(window - BLOCK + 1).ok()?;
        let mut skips = Box::new([max_skip; HASHES]);
        let mut first_pairs = Box::new([0; 1024]);
        let mut last_blocks = Vec::new();
        for (index, needle) in needles.iter().enumerate() {
            for (skip, block) in (0..max_skip).rev().zip(needle.windows(BLOCK)) {
                let hash = hash(block);
                skips[hash] = skips[hash].min(skip);
                if skip == 0 {
                    last_blocks.push((hash, index));
                }
            }
            let (word, bit) = first_pair_bit(needle);
            first_pairs[word] |= bit;
        }
        last_blocks.sort_unstable();
        Some(Self { needles, window, skips, last_blocks, first_pairs })
    }

    /// Finds every needle, even one that starts inside another. Ranges that touch are merged.
    pub(super) fn find_all(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut end = self.window;
        while let Some(block) = text.get(end - BLOCK..end) {
            let hash = hash(block);
            let skip = self.skips[hash];
            if skip > 0 {
                end += usize::from(skip);
                continue;
            }
            let start = end - self.window;
            if let Some(length) = text.get(start..).and_then(|text| self.longest_match(text, hash)) {
                match found.last_mut() {
                    Some(last) if start <= last.end => last.end = last.end.max(start + length),
                    _ => found.push(start..start + length),
                }
            }
            end += 1;
        }
        found
    }

    /// Returns whether a needle may start here, even if its second byte is escaped.
    pub(super) fn may_start(&self, text: &[u8]) -> bool {
        match text {
            [first, b'%' | b'\\' | b'&', ..] => self.needles.iter().any(|needle| needle.first() == Some(first)),
            [_, _, ..] => {
                let (word, bit) = first_pair_bit(text);
                self.first_pairs[word] & bit != 0
            }
            _ => false,
        }
    }

    /// Returns the length of the longest needle that the text starts with.
    fn longest_match(&self, text: &[u8], hash: usize) -> Option<usize> {
        let first = self.last_blocks.partition_point(|(block, _)| *block < hash);
        self.last_blocks
            .iter()
            .skip(first)
            .take_while(|(block, _)| *block == hash)
            .filter_map(|(_, index)| self.needles.get(*index))
            .filter(|needle| text.starts_with(needle))
            .map(|needle| needle.len())
            .max()
    }
}

fn hash(block: &[u8]) -> usize {
    block.iter().fold(0, |hash, byte| (hash << 5) ^ usize::from(*byte)) % HASHES
}

/// Returns the index and the bit of the first two bytes in `first_pairs`.
fn first_pair_bit(text: &[u8]) -> (usize, u64) {
    let pair = text.iter().take(2).fold(0, |pair, byte| pair << 8 | usize::from(*byte));
    (pair / 64 % 1024, 1 << (pair % 64))
}
