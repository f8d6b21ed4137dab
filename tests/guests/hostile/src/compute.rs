//! Attacks on the host's time and memory.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    bindings::{
        jackfield::provider::{
            log::{Level, log},
            types::Report,
        },
        wasi::clocks::monotonic_clock::subscribe_duration,
    },
    number,
};

pub(crate) fn spin() -> Vec<Report> {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

pub(crate) fn spin_bulk() -> Vec<Report> {
    let mut block = vec![0_u8; 32 << 20];
    let half = block.len() / 2;
    let mut byte = 0_u8;
    loop {
        byte = byte.wrapping_add(1);
        block.fill(byte);
        block.copy_within(..half, half);
        black_box(&mut block);
    }
}

pub(crate) fn hold_memory(wait: impl FnOnce() -> String) -> Vec<Report> {
    let block = black_box(vec![1_u8; 16 << 20]);
    let outcome = wait();
    vec![crate::text("outcome", &outcome), number("held_bytes", black_box(&block).len())]
}

pub(crate) fn sleep() -> Vec<Report> {
    thread::sleep(Duration::from_hours(1));
    vec![crate::text("slept", "an hour")]
}

pub(crate) fn grow_memory() -> Vec<Report> {
    let mut pages = 0;
    while grow(16).is_some() {
        pages += 16;
    }
    vec![number("mebibytes", pages / 16)]
}

/// The different times that a clock showed.
#[derive(Default)]
struct Steps {
    last: Option<Duration>,
    count: usize,
    smallest: Option<Duration>,
    went_back: bool,
}

impl Steps {
    fn add(&mut self, now: Duration) {
        if let Some(step) = self.last.and_then(|last| now.checked_sub(last)).filter(|step| !step.is_zero()) {
            self.count += 1;
            self.smallest = Some(self.smallest.map_or(step, |smallest| smallest.min(step)));
        }
        self.went_back |= self.last.is_some_and(|last| now < last);
        self.last = Some(now);
    }
}

pub(crate) fn read_clocks(milliseconds: usize) -> Vec<Report> {
    let started = Instant::now();
    let (mut monotonic, mut wall) = (Steps::default(), Steps::default());
    while monotonic.last.is_none_or(|last| last < Duration::from_millis(milliseconds as u64)) {
        monotonic.add(started.elapsed());
        wall.add(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    }
    let mut timers = Steps::default();
    for _ in 0..10 {
        // A timer of a millisecond would be a finer clock.
        thread::sleep(Duration::from_millis(1));
        timers.add(started.elapsed());
    }
    let microseconds = |steps: &Steps| steps.smallest.map_or(0, |smallest| smallest.as_micros() as usize);
    vec![
        number("monotonic_steps", monotonic.count),
        number("monotonic_smallest_us", microseconds(&monotonic)),
        number("wall_steps", wall.count),
        number("wall_smallest_us", microseconds(&wall)),
        number("timer_steps", timers.count),
        number("timer_smallest_us", microseconds(&timers)),
        number("went_back", usize::from(monotonic.went_back || wall.went_back || timers.went_back)),
    ]
}

pub(crate) fn recursion() -> Vec<Report> {
    #[expect(unconditional_recursion, reason = "the attack")]
    fn deeper(depth: usize) -> usize {
        let block = black_box([depth; 16]);
        deeper(depth + 1) + block[depth % 16]
    }
    vec![number("depth", black_box(deeper(0)))]
}

pub(crate) fn handles(count: usize) -> Vec<Report> {
    // Exceeding the limit of the handle table traps, so a report means that it was not reached. Each handle uses two
    // entries of the table.
    let handles: Vec<_> = (0..count).map(|_| subscribe_duration(u64::MAX)).collect();
    vec![number("handles", handles.len())]
}

pub(crate) fn flood_log(lines: usize) -> Vec<Report> {
    let line =
        format!("flood\nERROR forged=true\r\n\x1b[31mred\x1b[0m\u{202e}right to left\u{2028}{}", "x".repeat(2_000));
    for _ in 0..lines {
        log(Level::Error, &line);
    }
    vec![number("lines", lines)]
}

/// Grows memory by pages of 64 KiB and returns the address of the first one.
pub(crate) fn grow(pages: usize) -> Option<usize> {
    #[cfg(target_arch = "wasm32")]
    {
        let before = core::arch::wasm32::memory_grow::<0>(pages);
        (before != usize::MAX).then_some(before * (64 << 10))
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let _ = pages;
        None
    }
}
