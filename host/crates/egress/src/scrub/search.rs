//! Searches bytes for any of some dozen needles by leaping over what can be none of them (Wu and Manber, 1994).
//!
//! An automaton reads every byte and is slow to build for each call; here a leap is nearly as long as the shortest
//! needle, the tables are filled in microseconds, and the needles are wiped when they are dropped.

use std::{collections::BTreeSet, ops::Range};

use zeroize::Zeroizing;

/// The letters at a window's end that say how far to leap. Two are too common, four leap no farther.
const BLOCK: usize = 3;
/// A needle below this would be found everywhere; no connection takes a secret below twice as much.
const SHORTEST: usize = 4;
/// Beyond this a longer window saves next to nothing; a leap fits into a byte.
const LONGEST_WINDOW: usize = 128;
/// How many hashes of a block there are: the table of leaps stays in the processor's first cache.
const HASHES: usize = 1 << 15;

/// The needles and how to leap.
pub(super) struct Search {
    needles: Vec<Zeroizing<Vec<u8>>>,
    window: usize,
    /// How far the window may move when its last block has this hash; 0 when a needle may be in it.
    leaps: Box<[u8; HASHES]>,
    /// The last block's hash of each needle's window, in order, and which needle it is.
    ends: Vec<(usize, usize)>,
    /// One bit for each pair of letters with which a needle begins.
    starts: Box<[u64; 1024]>,
}

impl Search {
    /// Makes the tables; nothing when there is no needle.
    pub(super) fn new(needles: BTreeSet<Vec<u8>>) -> Option<Self> {
        let needles: Vec<Zeroizing<Vec<u8>>> =
            needles.into_iter().filter(|needle| needle.len() >= SHORTEST).map(Zeroizing::new).collect();
        let window = needles.iter().map(|needle| needle.len()).min()?.min(LONGEST_WINDOW);
        let farthest = u8::try_from(window - BLOCK + 1).ok()?;
        let mut leaps = Box::new([farthest; HASHES]);
        let mut starts = Box::new([0; 1024]);
        let mut ends = Vec::new();
        for (number, needle) in needles.iter().enumerate() {
            for (left, block) in (0..farthest).rev().zip(needle.windows(BLOCK)) {
                let hash = hash(block);
                leaps[hash] = leaps[hash].min(left);
                if left == 0 {
                    ends.push((hash, number));
                }
            }
            let (word, bit) = pair(needle);
            starts[word] |= bit;
        }
        ends.sort_unstable();
        Some(Self { needles, window, leaps, ends, starts })
    }

    /// Finds every needle, also one that begins within another; places that touch are one.
    pub(super) fn places(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut end = self.window;
        while let Some(block) = text.get(end - BLOCK..end) {
            let hash = hash(block);
            let leap = self.leaps[hash];
            if leap > 0 {
                end += usize::from(leap);
                continue;
            }
            let start = end - self.window;
            if let Some(length) = text.get(start..).and_then(|text| self.longest_at(text, hash)) {
                match found.last_mut() {
                    Some(last) if start <= last.end => last.end = last.end.max(start + length),
                    _ => found.push(start..start + length),
                }
            }
            end += 1;
        }
        found
    }

    /// Tells whether a needle may begin here, be its second letter escaped or not.
    pub(super) fn may_begin(&self, text: &[u8]) -> bool {
        match text {
            [first, b'%' | b'\\' | b'&', ..] => self.needles.iter().any(|needle| needle.first() == Some(first)),
            [_, _, ..] => {
                let (word, bit) = pair(text);
                self.starts[word] & bit != 0
            }
            _ => false,
        }
    }

    fn longest_at(&self, text: &[u8], hash: usize) -> Option<usize> {
        let first = self.ends.partition_point(|(end, _)| *end < hash);
        self.ends
            .iter()
            .skip(first)
            .take_while(|(end, _)| *end == hash)
            .filter_map(|(_, number)| self.needles.get(*number))
            .filter(|needle| text.starts_with(needle))
            .map(|needle| needle.len())
            .max()
    }
}

fn hash(block: &[u8]) -> usize {
    block.iter().fold(0, |hash, letter| (hash << 5) ^ usize::from(*letter)) % HASHES
}

/// Where the first two letters have their bit.
fn pair(text: &[u8]) -> (usize, u64) {
    let letters = text.iter().take(2).fold(0, |pair, letter| pair << 8 | usize::from(*letter));
    (letters / 64 % 1024, 1 << (letters % 64))
}
