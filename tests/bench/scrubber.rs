//! The search for secrets in a response: its speed, and whether its time shows what is in a secret.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use jackfield_egress::Scrubber;

use crate::{
    report::{Report, Target},
    samples::Samples,
};

/// A token in the format of Slack's, and a key.
const SECRETS: [&str; 2] =
    ["xoxb-17653123456-17653123457-Zq9AbCdEfGhIjKlMnOpQrStU", "0f8fad5bd9cb469fa16570867728950e51c3f10e5d8a4b7c"];

/// The length of a page of 200 users of Slack.
const PAGE: usize = 144 * 1024;

/// The size of the largest response.
const LARGEST: usize = 16 * 1024 * 1024;

/// How often each piece is searched.
const ROUNDS: usize = 40;

/// Pieces that are in neither secret, in no encoding.
const OTHER_PIECES: [&[u8]; 4] = [b"~~|", b"}{~", b"|`{", b"^}~"];

/// Measures pages, and then the largest responses of repeated pieces of a secret.
pub(crate) fn all(report: &mut Report) {
    let plain = "{\"id\":\"U0123\",\"name\":\"Ada Lovelace\",\"deleted\":false,\n  \"n\": 12},";
    let escaped = "{\"id\":\"U0123\",\"u\":\"https:\\/\\/a.slack.com\\/x%20y=ab\",\"n\":\"Ad\\u00e9 &amp; L\"},";
    let scrubber = Scrubber::new(SECRETS);
    let page = time_search(&scrubber, &repeat(plain.as_bytes(), PAGE));
    report.time("scrub_page_us", page.median(), page.p99(), Target::AtMost(500.0));
    report.number("scrub_mb_per_s", PAGE as f64 / page.median(), Target::None);
    let page = time_search(&scrubber, &repeat(escaped.as_bytes(), PAGE));
    report.time("scrub_page_full_of_escapes_us", page.median(), page.p99(), Target::AtMost(1_000.0));
    let build = (0..200).map(|_| time(|| Scrubber::new(black_box(SECRETS)).scrub_text("text".to_owned())));
    let build: Samples = build.map(|time| time.as_secs_f64() * 1e6).collect();
    report.time("scrub_build_us", build.median(), build.p99(), Target::AtMost(100.0));
    pieces(&scrubber, report);
}

/// Compares the times for pieces of a secret with the times for other pieces.
///
/// All pieces are searched in turn, in another order each time, so that changes of the machine's speed affect all of
/// them. The noise is the difference that the same comparison finds between two halves of the other pieces.
fn pieces(scrubber: &Scrubber, report: &mut Report) {
    let of_secret: Vec<&[u8]> = SECRETS.iter().flat_map(|secret| secret.as_bytes().windows(3)).step_by(8).collect();
    let texts: Vec<String> =
        of_secret.iter().copied().chain(OTHER_PIECES).map(|piece| repeat(piece, LARGEST)).collect();
    let mut times: Vec<Samples> = vec![Samples::default(); texts.len()];
    for round in 0..ROUNDS {
        for turn in 0..texts.len() {
            let index = (turn * 7 + round * 5) % texts.len();
            let text = texts[index].clone();
            times[index].add(time(|| scrubber.scrub_text(text)));
        }
    }
    let (known, others) = times.split_at(of_secret.len());
    let medians = |samples: &[Samples]| -> Vec<f64> { samples.iter().map(Samples::median).collect() };
    let (known, others) = (medians(known), medians(others));
    let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
    let percent = |time: f64| (time / mean(&others) - 1.0) * 100.0;
    let slowest = known.iter().copied().fold(0.0, f64::max);
    let (first, second) = others.split_at(others.len() / 2);
    let noise = (mean(first) - mean(second)).abs() / mean(&others) * 100.0;
    report.number("scrub_16_mib_ms", mean(&others) / 1e3, Target::None);
    report.number("scrub_pieces_difference_percent", percent(mean(&known)), Target::AtMost(2.0));
    report.number("scrub_slowest_piece_percent", percent(slowest), Target::None);
    report.number("scrub_pieces_noise_percent", noise, Target::None);
    report.note(format!(
        "scrub_pieces: {} pieces of three characters of a secret against {} others, in 16 MiB of each, {ROUNDS} times \
         in turn.",
        of_secret.len(),
        OTHER_PIECES.len(),
    ));
}

fn repeat(piece: &[u8], length: usize) -> String {
    let bytes: Vec<u8> = piece.iter().copied().cycle().take(length).collect();
    String::from_utf8(bytes).expect("the pieces are ASCII")
}

fn time_search(scrubber: &Scrubber, page: &str) -> Samples {
    let times = (0..400).map(|_| {
        let text = page.to_owned();
        time(|| scrubber.scrub_text(text))
    });
    times.map(|time| time.as_secs_f64() * 1e6).collect()
}

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let started = Instant::now();
    black_box(work());
    started.elapsed()
}
