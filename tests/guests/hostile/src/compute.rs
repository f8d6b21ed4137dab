//! Attacks on the host's time and memory.

use std::{hint::black_box, thread, time::Duration};

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
