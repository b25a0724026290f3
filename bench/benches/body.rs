//! What canonicalizing a body costs beside one bare SHA-256 of the same octets, as ratios.
//!
//! `cargo bench -p sekisho-bench --bench body [FILTER]`: both are timed in turns, again and again, so that other work on the machine
//! hits both; a ratio is that of the times which a tenth of the samples keep, so it holds on a busy machine too. The column
//! `no-op` is the bare hash beside itself: how far from 1 it is tells what the other columns are worth.
#![expect(clippy::print_stdout, reason = "a benchmark tells what it found")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use sekisho_mail::body::{BodyHasher, BodyPlan, BodyWant, Canonicalization};

/// How many pairs are timed.
const PAIRS: usize = 401;
/// How long a sample lasts, if one hash takes no longer: short enough to often have a core for itself.
const SAMPLE: Duration = Duration::from_micros(200);

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
            let noise = compare(&body, bare);
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
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let text: String = (0..1500).map(|_| random.words(72) + "\r\n").collect();
    let base64: String = (0..1500).map(|_| (0..76).map(|_| random.letter()).collect::<String>() + "\r\n").collect();
    let html: String = (0..700)
        .map(|at| {
            let (indent, cell) = (" ".repeat(2 * (at % 13)), random.words(8 + at % 40));
            format!("{indent}<tr>\r\n{indent}  <td class=\"cell\">{cell}</td>\r\n{indent}</tr>\r\n")
        })
        .collect();
    let noise: Vec<u8> = (0..200_000).map(|_| b" \t\ra  \r\n"[random.below(8)]).collect();
    let sparse: Vec<u8> = (0..200_000).map(|_| b" abcdefg"[random.below(8)]).collect();
    vec![
        ("text, 72 columns", 1.2, text.into_bytes()),
        ("base64, 76 columns", 1.2, base64.into_bytes()),
        ("indented HTML", 2.1, html.into_bytes()),
        ("runs: a b  c", 3.5, (" a b  c".repeat(10) + "\r\n").into_bytes()),
        ("lines of spaces", 3.5, (" ".repeat(70) + "\r\n").into_bytes()),
        ("alternating tabs", 3.5, ("a\tb \tc\t\td\t e\t".repeat(6) + "\r\n").into_bytes()),
        ("tab, letter", 3.5, ("\ta".repeat(36) + "\r\n").into_bytes()),
        ("letter, two spaces", 3.5, ("a  ".repeat(24) + "\r\n").into_bytes()),
        ("space before each CRLF", 3.5, b" x \r\n".to_vec()),
        ("empty lines", 3.5, b"\r\n".to_vec()),
        ("spaces and bare CR", 3.5, b" \r  \r".to_vec()),
        ("random white space", 3.5, noise),
        ("random spaces", 3.5, sparse),
    ]
}

/// Numbers that look random and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    /// Returns a number below another.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }

    /// Returns a letter.
    fn letter(&mut self) -> char {
        char::from(b"abcdefghijklmnopqrstuvwxyz"[self.below(26)])
    }

    /// Returns a line of words, as long as that at most.
    fn words(&mut self, end: usize) -> String {
        let mut line = String::new();
        while line.len() < end {
            line.extend((0..=1 + self.below(8)).map(|_| self.letter()));
            line.push(' ');
        }
        line.truncate(end);
        line.truncate(line.trim_end().len());
        line
    }
}

/// Returns what our hashing costs, in hashes of the same octets.
fn ratio(body: &[u8], canonicalizations: &[Canonicalization]) -> f64 {
    let mut plan = BodyPlan::new();
    for &canonicalization in canonicalizations {
        plan.want(BodyWant { canonicalization, length: None });
    }
    compare(body, |body| {
        let mut hasher = BodyHasher::new(&plan);
        hasher.update(body);
        black_box(hasher.finish());
    })
}

/// Hashes as they are.
fn bare(body: &[u8]) {
    black_box(digest(&SHA256, body));
}

/// Times work and bare hash in turns; returns the ratio of their undisturbed times.
fn compare(body: &[u8], work: impl Fn(&[u8])) -> f64 {
    let rounds = (SAMPLE.as_nanos() / bare_time(body).as_nanos()).max(1);
    let sample = |work: &dyn Fn(&[u8])| {
        let start = Instant::now();
        (0..rounds).for_each(|_| work(black_box(body)));
        start.elapsed().as_secs_f64()
    };
    let (ours, theirs) = (0..PAIRS).map(|_| (sample(&work), sample(&bare))).unzip();
    undisturbed(ours) / undisturbed(theirs)
}

/// Returns the time that one of ten samples keeps: the others may have shared their core.
fn undisturbed(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 10).copied().unwrap_or_default()
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
