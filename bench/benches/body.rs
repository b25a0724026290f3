//! What canonicalizing a body costs beside one bare SHA-256 of the same octets, as ratios.
//!
//! `cargo bench -p sekisho-bench --bench body [FILTER]`: both are timed in turns, again and again, so that other work on the machine
//! hits both; each ratio is the median of the ratios of neighbours, which single disturbances cannot move.
#![expect(clippy::print_stdout, reason = "a benchmark tells what it found")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use sekisho_mail::body::{BodyHasher, BodyPlan, BodyWant, Canonicalization};

/// How many pairs are timed.
const PAIRS: usize = 301;
/// How long one sample lasts at least.
const SAMPLE: Duration = Duration::from_micros(800);

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!(
        "{:<24}{:>9}{:>13}{:>9}{:>9}{:>9}{:>9}",
        "body", "octets", "sha256 MB/s", "relaxed", "simple", "both", "no-op"
    );
    for (name, target, sample) in samples() {
        for size in [5_000, 41_000, 1_000_000].into_iter().filter(|_| name.contains(&filter)) {
            let body: Vec<u8> = sample.iter().copied().cycle().take(size).collect();
            let both = ratio(&body, &[Canonicalization::Simple, Canonicalization::Relaxed]);
            let [relaxed, simple] =
                [Canonicalization::Relaxed, Canonicalization::Simple].map(|one| ratio(&body, &[one]));
            let noise = median(pairs(&body, bare));
            let speed = size as f64 / bare_time(&body).as_secs_f64() / 1e6;
            let verdict = if relaxed.max(simple) <= target { "" } else { "  above its target" };
            println!(
                "{name:<24}{size:>9}{speed:>13.0}{relaxed:>9.3}{simple:>9.3}{both:>9.3}{noise:>9.3}{verdict} (≤ {target})"
            );
        }
    }
}

/// Returns the kinds of bodies: name, the ratio aimed at, octets to be repeated.
fn samples() -> Vec<(&'static str, f64, Vec<u8>)> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 33).unwrap_or_default() % below
    };
    let mut words = |end: usize| {
        let mut line = String::new();
        while line.len() < end {
            (0..=1 + next(8)).for_each(|_| line.push(char::from(b'a' + u8::try_from(next(26)).unwrap_or_default())));
            line.push(' ');
        }
        line.truncate(end);
        line.trim_end().to_owned()
    };
    let text: String = (0..1500).map(|_| words(72) + "\r\n").collect();
    let base64: String =
        (0..1500).map(|_| words(200).replace(' ', "").get(..76).unwrap_or_default().to_owned() + "\r\n").collect();
    let html: String = (0..700)
        .map(|at| {
            let indent = " ".repeat(2 * (at % 13));
            format!("{indent}<tr>\r\n{indent}  <td class=\"cell\">{}</td>\r\n{indent}</tr>\r\n", words(8 + at % 40))
        })
        .collect();
    let tabs = "a\tb \tc\t\td\t e\t".repeat(6) + "\r\n";
    vec![
        ("text, 72 columns", 1.2, text.into_bytes()),
        ("base64, 76 columns", 1.2, base64.into_bytes()),
        ("indented HTML", 2.1, html.into_bytes()),
        ("runs: a b  c", 3.5, (" a b  c".repeat(10) + "\r\n").into_bytes()),
        ("lines of spaces", 3.5, (" ".repeat(70) + "\r\n").into_bytes()),
        ("alternating tabs", 3.5, tabs.into_bytes()),
        ("tab, letter", 3.5, ("\ta".repeat(36) + "\r\n").into_bytes()),
        ("space before each CRLF", 3.5, b" x \r\n".to_vec()),
        ("empty lines", 3.5, b"\r\n".to_vec()),
        ("bare CR after spaces", 3.5, b" \r  \r".to_vec()),
    ]
}

/// Returns what our hashing costs, in hashes of the same octets.
fn ratio(body: &[u8], canonicalizations: &[Canonicalization]) -> f64 {
    let mut plan = BodyPlan::new();
    for &canonicalization in canonicalizations {
        plan.want(BodyWant { canonicalization, length: None });
    }
    median(pairs(body, |body| {
        let mut hasher = BodyHasher::new(&plan);
        hasher.update(body);
        black_box(hasher.finish());
    }))
}

/// Hashes as they are.
fn bare(body: &[u8]) {
    black_box(digest(&SHA256, body));
}

/// Times work and bare hash in turns; returns the ratio of each pair.
fn pairs(body: &[u8], work: impl Fn(&[u8])) -> Vec<f64> {
    let once = bare_time(body).as_secs_f64();
    let rounds = (SAMPLE.as_secs_f64() / once).ceil().clamp(1.0, 1e6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped above")]
    let rounds = rounds as usize;
    let sample = |work: &dyn Fn(&[u8])| {
        let start = Instant::now();
        (0..rounds).for_each(|_| work(black_box(body)));
        start.elapsed().as_secs_f64()
    };
    (0..PAIRS)
        .map(|pair| {
            // The order changes from pair to pair: being second is sometimes an advantage.
            if pair % 2 == 0 {
                let ours = sample(&work);
                ours / sample(&bare)
            } else {
                let theirs = sample(&bare);
                sample(&work) / theirs
            }
        })
        .collect()
}

/// Returns the shortest of many bare hashes.
fn bare_time(body: &[u8]) -> Duration {
    let time = |_| {
        let start = Instant::now();
        bare(black_box(body));
        start.elapsed()
    };
    (0..200).map(time).min().unwrap_or_default().max(Duration::from_nanos(1))
}

/// Returns the middle one.
fn median(mut ratios: Vec<f64>) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}
