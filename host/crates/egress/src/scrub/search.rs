//! Searches bytes for several needles at once, with work that does not depend on how much of a needle a text contains.
//!
//! A component can have any text searched and can observe how long that takes. A search that skips, or that compares
//! byte by byte, takes longer on texts that resemble a needle, and so reveals it piece by piece. This search hashes the
//! window at every position with a random key and looks the hash up once. Only a window that equals the whole anchor of
//! a needle, which is its last 16 bytes, causes more work. See `docs/decisions/0014-nothing-to-learn.md`.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use zeroize::Zeroizing;

/// Length of the anchor of a needle that has at least as many bytes. Two words of a processor, so that one
/// multiplication hashes them.
const LONG_ANCHOR: usize = 16;
/// Length of the anchor of a needle that is shorter than [`LONG_ANCHOR`]. Accepted secrets have at least 8 characters.
const MEDIUM_ANCHOR: usize = 8;
/// Length of the anchor of a needle that is shorter than [`MEDIUM_ANCHOR`], such as a short token that a provider
/// issued.
const SHORT_ANCHOR: usize = 4;
/// Number of keys that are tried before the table is doubled. With the sizes below, one in a dozen keys separates all
/// anchors.
const KEYS_PER_SIZE: usize = 64;
/// Minimum number of slots of a table.
const MIN_SLOTS: usize = 64;

/// What a search did. It depends on the text and on the lengths of the needles, unless the text contains a whole anchor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SearchWork {
    /// Texts that were searched: the source, and its unescaped copies.
    pub(crate) texts: usize,
    /// Windows that were hashed and looked up.
    pub(crate) positions: usize,
    /// Windows that were compared with a needle, because their hash is that of an anchor.
    pub(crate) comparisons: usize,
}

/// The needles and their tables.
pub(super) struct Search {
    long: AnchorTable<LONG_ANCHOR>,
    medium: AnchorTable<MEDIUM_ANCHOR>,
    short: AnchorTable<SHORT_ANCHOR>,
    longest: usize,
}

/// The needles with anchors of one length.
struct AnchorTable<const N: usize> {
    key: Key,
    /// For each slot the hash of the anchor in it, or a hash that belongs to another slot.
    hashes: Box<[u64]>,
    /// The needles by slot. Sorted.
    needles: Vec<(usize, Zeroizing<Vec<u8>>)>,
}

/// The random key of a table. It differs for every set of secrets, so that nobody can choose texts that collide.
#[derive(Clone, Copy)]
struct Key(u64, u64);

impl Search {
    /// Builds the tables, or returns nothing if there are no needles.
    pub(super) fn new(needles: BTreeSet<Vec<u8>>) -> Option<Self> {
        let longest = needles.iter().map(Vec::len).max()?;
        let [mut long, mut medium, mut short] = [const { Vec::new() }; 3];
        for needle in needles.into_iter().map(Zeroizing::new) {
            match needle.len() {
                LONG_ANCHOR.. => long.push(needle),
                MEDIUM_ANCHOR.. => medium.push(needle),
                SHORT_ANCHOR.. => short.push(needle),
                _ => {}
            }
        }
        let (long, medium, short) = (AnchorTable::new(long), AnchorTable::new(medium), AnchorTable::new(short));
        Some(Self { long, medium, short, longest })
    }

    /// Returns the length of the longest needle.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Finds every needle in these parts of a text, even one that starts inside another.
    ///
    /// The ranges are neither sorted nor merged.
    pub(super) fn find_all(&self, text: &[u8], parts: &[Range<usize>], work: &mut SearchWork) -> Vec<Range<usize>> {
        work.texts += 1;
        let mut found = Vec::new();
        for part in parts {
            let Some(text) = text.get(part.clone()) else { continue };
            let first = found.len();
            self.long.find_all(text, work, &mut found);
            self.medium.find_all(text, work, &mut found);
            self.short.find_all(text, work, &mut found);
            for range in found.iter_mut().skip(first) {
                *range = range.start + part.start..range.end + part.start;
            }
        }
        found
    }
}

impl<const N: usize> AnchorTable<N> {
    fn new(needles: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let mut anchors: Vec<[u8; N]> = needles.iter().filter_map(|needle| needle.last_chunk().copied()).collect();
        anchors.sort_unstable();
        anchors.dedup();
        let (key, slots) = separate(&anchors);
        let used = if anchors.is_empty() { 0 } else { slots };
        let mut hashes: Box<[u64]> = (0..used as u64).map(|slot| slot ^ 1).collect();
        for hash in anchors.iter().map(|anchor| key.hash(anchor)) {
            if let Some(slot) = hashes.get_mut(to_slot(hash, slots)) {
                *slot = hash;
            }
        }
        let slot_of = |needle: &[u8]| needle.last_chunk::<N>().map(|anchor| to_slot(key.hash(anchor), slots));
        let mut needles: Vec<_> = needles.into_iter().filter_map(|needle| Some((slot_of(&needle)?, needle))).collect();
        needles.sort_unstable_by_key(|(slot, _)| *slot);
        Self { key, hashes, needles }
    }

    fn find_all(&self, text: &[u8], work: &mut SearchWork, found: &mut Vec<Range<usize>>) {
        let hashes = &*self.hashes;
        if hashes.is_empty() {
            return;
        }
        let first = found.len();
        work.positions += (text.len() + 1).saturating_sub(N);
        for (start, window) in text.array_windows::<N>().enumerate() {
            let hash = self.key.hash(window);
            let slot = to_slot(hash, hashes.len());
            if hashes[slot] == hash {
                work.comparisons += 1;
                let end = start + N;
                if let Some(length) = text.get(..end).and_then(|text| self.longest_match(text, slot)) {
                    match found.get_mut(first..).and_then(<[_]>::last_mut) {
                        Some(last) if (last.start..=last.end).contains(&(end - length)) => last.end = end,
                        _ => found.push(end - length..end),
                    }
                }
            }
        }
    }

    /// Returns the length of the longest needle that the text ends with.
    fn longest_match(&self, text: &[u8], slot: usize) -> Option<usize> {
        let first = self.needles.partition_point(|(other, _)| *other < slot);
        self.needles
            .iter()
            .skip(first)
            .take_while(|(other, _)| *other == slot)
            .filter(|(_, needle)| text.ends_with(needle))
            .map(|(_, needle)| needle.len())
            .max()
    }
}

impl Key {
    fn random() -> Self {
        // The hasher of the standard library has a random key, and its hashes of two numbers are two more.
        let random = RandomState::new();
        Self(random.hash_one(0_u8), random.hash_one(1_u8))
    }

    /// Hashes a window of at most 16 bytes: both halves are masked with the key and multiplied.
    #[inline]
    fn hash<const N: usize>(self, window: &[u8; N]) -> u64 {
        let low = read_word(window);
        let high = if N == LONG_ANCHOR { window.last_chunk().map_or(0, |half| u64::from_le_bytes(*half)) } else { 0 };
        let product = u128::from(low ^ self.0) * u128::from(high ^ self.1);
        let [low, high] = [product, product >> 64].map(|half| half as u64);
        low ^ high
    }
}

/// Reads the first 8 or 4 bytes as a number.
#[inline]
fn read_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<8>(), bytes.first_chunk::<4>()) {
        (Some(bytes), _) => u64::from_le_bytes(*bytes),
        (None, Some(bytes)) => u32::from_le_bytes(*bytes).into(),
        (None, None) => 0,
    }
}

/// Finds a key and a number of slots with which each anchor has its own slot.
fn separate<const N: usize>(anchors: &[[u8; N]]) -> (Key, usize) {
    let mut slots = (anchors.len() * anchors.len() / 4).next_power_of_two().max(MIN_SLOTS);
    loop {
        for _ in 0..KEYS_PER_SIZE {
            let key = Key::random();
            let mut used: Vec<usize> = anchors.iter().map(|anchor| to_slot(key.hash(anchor), slots)).collect();
            used.sort_unstable();
            if used.is_sorted_by(|one, next| one < next) {
                return (key, slots);
            }
        }
        slots *= 2;
    }
}

/// Returns the slot of a hash. `slots` is a power of two.
#[inline]
fn to_slot(hash: u64, slots: usize) -> usize {
    hash as usize & (slots - 1)
}
