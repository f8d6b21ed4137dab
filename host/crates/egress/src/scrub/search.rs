//! Searches bytes for several needles at once, with work that does not depend on how much of a needle a text contains.
//!
//! A component can have any text searched and can observe how long that takes. A search that skips, or that compares
//! byte by byte, takes longer on texts that resemble a needle, and so reveals it piece by piece. This search hashes
//! windows at fixed positions with a random key and looks each hash up once. Only a window that equals the whole anchor of
//! a needle, which is 16 bytes at its end, causes more work. See `docs/decisions/0014-nothing-to-learn.md`.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher, RandomState},
    ops::Range,
};

use zeroize::Zeroizing;

/// Length of the anchor of a needle that has at least as many bytes. Two words of a processor, so that one
/// multiplication hashes them.
const LONG_ANCHOR: usize = 16;
/// Only every second window is searched for the anchors of a needle that is longer than [`LONG_ANCHOR`]. Such a needle
/// has two anchors, its last 16 bytes and the 16 bytes before its last one, so that one of them is at such a window.
const LONG_STRIDE: usize = 2;
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
    longer: AnchorTable<LONG_ANCHOR, LONG_STRIDE>,
    long: AnchorTable<LONG_ANCHOR, 1>,
    medium: AnchorTable<MEDIUM_ANCHOR, 1>,
    short: AnchorTable<SHORT_ANCHOR, 1>,
    longest: usize,
}

/// The needles with anchors of `N` bytes. Every window whose position is a multiple of `STRIDE` is looked up.
struct AnchorTable<const N: usize, const STRIDE: usize> {
    key: Key,
    /// For each slot the hash of the anchor in it, or a hash that belongs to another slot.
    hashes: Box<[u64]>,
    needles: Vec<Zeroizing<Vec<u8>>>,
    /// The anchors, sorted by slot. Each needle has `STRIDE` of them.
    anchors: Vec<Anchor>,
}

/// An anchor of a needle.
struct Anchor {
    slot: usize,
    /// The index of the needle.
    needle: usize,
    /// The number of bytes of the needle after the anchor.
    after: usize,
}

/// The random key of a table. It differs for every set of secrets, so that nobody can choose texts that collide.
#[derive(Clone, Copy)]
struct Key(u64, u64);

impl Search {
    /// Builds the tables, or returns nothing if there are no needles.
    pub(super) fn new(needles: BTreeSet<Vec<u8>>) -> Option<Self> {
        let longest = needles.iter().map(Vec::len).max()?;
        let [mut longer, mut long, mut medium, mut short] = [const { Vec::new() }; 4];
        for needle in needles.into_iter().map(Zeroizing::new) {
            match needle.len() {
                ..SHORT_ANCHOR => {}
                SHORT_ANCHOR..MEDIUM_ANCHOR => short.push(needle),
                MEDIUM_ANCHOR..LONG_ANCHOR => medium.push(needle),
                LONG_ANCHOR => long.push(needle),
                _ => longer.push(needle),
            }
        }
        Some(Self {
            longer: AnchorTable::new(longer),
            long: AnchorTable::new(long),
            medium: AnchorTable::new(medium),
            short: AnchorTable::new(short),
            longest,
        })
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
            self.longer.find_all(text, work, &mut found);
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

impl<const N: usize, const STRIDE: usize> AnchorTable<N, STRIDE> {
    /// Builds the table of needles that have at least `N + STRIDE - 1` bytes.
    fn new(needles: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let windows: Vec<(usize, usize, [u8; N])> = needles
            .iter()
            .enumerate()
            .flat_map(|(index, needle)| {
                let before = move |after: usize| needle.get(..needle.len().checked_sub(after)?)?.last_chunk::<N>();
                (0..STRIDE).filter_map(move |after| Some((index, after, *before(after)?)))
            })
            .collect();
        let mut distinct: Vec<[u8; N]> = windows.iter().map(|(_, _, window)| *window).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let (key, slots) = separate(&distinct);
        let used = if distinct.is_empty() { 0 } else { slots };
        let mut hashes: Box<[u64]> = (0..used as u64).map(|slot| slot ^ 1).collect();
        for hash in distinct.iter().map(|anchor| key.hash(anchor)) {
            if let Some(slot) = hashes.get_mut(to_slot(hash, slots)) {
                *slot = hash;
            }
        }
        let to_anchor = |(needle, after, window): (usize, usize, [u8; N])| Anchor {
            slot: to_slot(key.hash(&window), slots),
            needle,
            after,
        };
        let mut anchors: Vec<Anchor> = windows.into_iter().map(to_anchor).collect();
        anchors.sort_unstable_by_key(|anchor| anchor.slot);
        Self { key, hashes, needles, anchors }
    }

    fn find_all(&self, text: &[u8], work: &mut SearchWork, found: &mut Vec<Range<usize>>) {
        let hashes = &*self.hashes;
        if hashes.is_empty() {
            return;
        }
        let first = found.len();
        work.positions += (text.len() + 1).saturating_sub(N).div_ceil(STRIDE);
        for (index, window) in text.array_windows::<N>().step_by(STRIDE).enumerate() {
            let hash = self.key.hash(window);
            let slot = to_slot(hash, hashes.len());
            if hashes[slot] == hash {
                work.comparisons += 1;
                for range in self.matches(text, index * STRIDE + N, slot) {
                    match found.get_mut(first..).and_then(<[_]>::last_mut) {
                        Some(last) if (last.start..=last.end).contains(&range.start) => {
                            last.end = last.end.max(range.end);
                        }
                        _ => found.push(range),
                    }
                }
            }
        }
    }

    /// Returns where needles are whose anchor in this slot ends at this position of the text.
    fn matches(&self, text: &[u8], anchor_end: usize, slot: usize) -> impl Iterator<Item = Range<usize>> {
        let first = self.anchors.partition_point(|anchor| anchor.slot < slot);
        let of_slot = self.anchors.iter().skip(first).take_while(move |anchor| anchor.slot == slot);
        of_slot.filter_map(move |anchor| {
            let needle = self.needles.get(anchor.needle)?;
            let end = anchor_end + anchor.after;
            text.get(..end)?.ends_with(needle).then(|| end - needle.len()..end)
        })
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
