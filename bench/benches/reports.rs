//! How many rows of DMARC aggregate reports are read in a second of CPU, beside parsedmarc, and in how much memory.
//!
//! `./x bench reports [REPORTS [PEER]]`: generated reports, 200,000 with ten rows each where nothing is said, each packed with
//! gzip as senders do, and all in one file, one behind the other. The peer reads the first 1,000 of them only, since it would
//! take hours for all; its rate does not depend on how many there are. Both are measured in CPU time of their own process, and
//! in turns: a fifth of ours and the peer's thousand, five times, since a machine that others share is now quicker and now
//! slower. Then ours are read once more, each from a file of its own: what the kernel takes for opening 200,000 files is told
//! apart, which beside the peer's milliseconds a report is nothing. At the end stands what hostile files cost (ATTACKS
//! #14, #15): each is refused.
#![expect(clippy::print_stdout, reason = "a benchmark tells what it found")]

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use sekisho_report::dmarc::aggregate::write::gzip;
use sekisho_report::dmarc::aggregate::{self, Limits};
use sekisho_report::unpack::{self, unpack};

/// More octets than any generated report has.
const LARGEST: usize = 1 << 20;
/// How many rows a report has on average.
const ROWS: usize = 10;
/// The name of the file with all of them.
const PACK: &str = "all";
/// How often both have their turn.
const TURNS: usize = 5;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let (reports, peer) = (numbers.next().unwrap_or(200_000), numbers.next().unwrap_or(1000));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("reports-{reports}"));
    let octets = generate(&folder, reports);
    println!(
        "{reports} reports, {:.1} MB of XML in {:.1} MB of gzip",
        octets.xml as f64 / 1e6,
        octets.packed as f64 / 1e6
    );
    fs::write("/proc/self/clear_refs", "5").expect("the peak of memory can be reset");
    let (mut all, mut ratios) = (Cost::default(), Vec::new());
    let mut pack = BufReader::new(File::open(folder.join(PACK)).expect("it was written"));
    for turn in 0..TURNS {
        let count = reports * (turn + 1) / TURNS - reports * turn / TURNS;
        let ours = ours(count, |buffer| next_of(&mut pack, buffer));
        println!("{:<12}{ours}", "sekisho");
        all.add(&ours);
        let Some(theirs) = theirs(&folder, peer.min(reports)) else {
            println!("parsedmarc   NOT RUN: `./x bench reports` installs it");
            continue;
        };
        println!("{:<12}{theirs}   (the first {} reports)", "parsedmarc", peer.min(reports));
        ratios.push(ours.rate() / theirs.rate());
    }
    println!("{:<12}{all}   {:.0} MB/s of XML", "sekisho, all", octets.xml as f64 / 1e6 / all.seconds);
    ratios.sort_by(f64::total_cmp);
    if let [least, .., most] = *ratios.as_slice() {
        println!("{:<12}{:.0} × in the middle turn, {least:.0} to {most:.0}", "ratio", ratios[ratios.len() / 2]);
    }
    let mut numbers = 0..reports;
    let apart = ours(reports, |buffer| read_into(buffer, &path(&folder, numbers.next().expect("there are as many"))));
    println!("{:<12}{apart}   (each from a file of its own)", "sekisho");
    attack("1 MB of gzip, 1 GB of XML", &bomb(b"x"));
    attack("1 MB of gzip, 1 GB of tags", &bomb(b"<a></a>\n"));
    attack("50,000 members of gzip", &gzip(b" ").repeat(50_000));
    attack("a million attributes", format!("<feedback{}>", " a='b'".repeat(1_000_000)).as_bytes());
    attack("100,000 elements deep", "<feedback>".repeat(100_000).as_bytes());
}

/// Reads a hostile file and tells what it cost.
fn attack(name: &str, file: &[u8]) {
    fs::write("/proc/self/clear_refs", "5").expect("the peak of memory can be reset");
    let (before, start) = (peak_megabytes(), cpu_seconds());
    let mut read = None;
    let end = unpack(file, &unpack::Limits::default(), &mut |document| {
        read = Some(aggregate::read(document.octets, &Limits::default(), |_, _| {}));
    });
    let reason = match (end, read) {
        (_, Some(Err(reason))) | (Err(reason), _) => reason,
        _ => panic!("{name} is not refused"),
    };
    let (seconds, memory) = (cpu_seconds() - start, peak_megabytes() - before);
    println!("{name:<30}{:>8.1} ms CPU{memory:>8.1} MB more: {}", seconds * 1e3, reason.fault);
}

/// Returns gzip that a gigabyte comes out of: the same text again and again in a report.
fn bomb(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(b"<feedback>").expect("writing to a vector does not fail");
    let piece = text.repeat((1 << 20) / text.len());
    (0..1024).for_each(|_| packer.write_all(&piece).expect("writing to a vector does not fail"));
    packer.finish().expect("writing to a vector does not fail")
}

/// What a reader took.
#[derive(Default)]
struct Cost {
    /// How many rows it read.
    rows: u64,
    /// How many seconds of CPU.
    seconds: f64,
    /// How much memory at its peak, in MB.
    memory: f64,
}

impl Cost {
    /// Adds what it took for more.
    fn add(&mut self, more: &Cost) {
        self.rows += more.rows;
        self.seconds += more.seconds;
        self.memory = self.memory.max(more.memory);
    }

    /// Returns the rows in a second of CPU.
    fn rate(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cost { rows, seconds, memory } = self;
        write!(f, "{rows:>9} rows{seconds:>9.2} s CPU{:>12.0} rows/s{memory:>8.1} MB at the peak", self.rate())
    }
}

/// Reads so many reports, each of which `next` puts into a buffer.
fn ours(reports: usize, mut next: impl FnMut(&mut [u8]) -> usize) -> Cost {
    let start = cpu_seconds();
    let (mut rows, mut messages, mut buffer) = (0, 0_u64, vec![0; LARGEST]);
    for _ in 0..reports {
        let length = next(&mut buffer);
        unpack(&buffer[..length], &unpack::Limits::default(), &mut |document| {
            let report = aggregate::read(document.octets, &Limits::default(), |_, row| messages += row.count);
            let report = report.expect("generated reports are sound");
            assert!(report.warnings.is_empty(), "{:?}", report.warnings);
            rows += report.rows;
        })
        .expect("generated files are sound");
    }
    assert!(messages > rows);
    Cost { rows, seconds: cpu_seconds() - start, memory: peak_megabytes() }
}

/// Reads a file at once, and asks the kernel nothing else about it.
fn read_into(buffer: &mut [u8], path: &Path) -> usize {
    let length = File::open(path).and_then(|mut file| file.read(buffer)).expect("the file was written");
    assert!(length < buffer.len(), "a generated report is smaller");
    length
}

/// Reads the next report of the file with all of them: its length in four octets, then its own.
fn next_of(pack: &mut BufReader<File>, buffer: &mut [u8]) -> usize {
    let mut length = [0; 4];
    pack.read_exact(&mut length).expect("there are as many");
    let length = usize::try_from(u32::from_be_bytes(length)).expect("it is small");
    pack.read_exact(&mut buffer[..length]).expect("it is whole");
    length
}

/// Lets the peer read the first reports.
fn theirs(folder: &Path, reports: usize) -> Option<Cost> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../target/peers/parsedmarc/bin/python");
    let said = Command::new(python)
        .arg(root.join("peers/parsedmarc_rows.py"))
        .arg(folder.join(PACK))
        .arg(reports.to_string())
        .output()
        .ok()?;
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).expect("numbers are ASCII");
    let numbers: Vec<f64> =
        said.split_whitespace().map(|number| number.parse().expect("the peer prints numbers")).collect();
    let &[rows, seconds, memory] = numbers.as_slice() else { panic!("the peer printed {said}") };
    Some(Cost { rows: format!("{rows:.0}").parse().expect("it is whole"), seconds, memory })
}

/// How large the generated reports are.
struct Octets {
    /// As XML.
    xml: u64,
    /// In gzip.
    packed: u64,
}

/// Writes the reports, where they were not written before.
fn generate(folder: &Path, reports: usize) -> Octets {
    let told = folder.join("octets of all");
    if let Ok(text) = fs::read_to_string(&told) {
        let mut numbers = text.split_whitespace().filter_map(|number| number.parse().ok());
        if let (Some(xml), Some(packed)) = (numbers.next(), numbers.next()) {
            return Octets { xml, packed };
        }
    }
    fs::create_dir_all(folder).expect("the build's folder can be written");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut octets = Octets { xml: 0, packed: 0 };
    let mut pack = BufWriter::new(File::create(folder.join(PACK)).expect("the build's folder can be written"));
    for number in 0..reports {
        let xml = report(number, &mut random);
        let packed = gzip(xml.as_bytes());
        (octets.xml, octets.packed) = (octets.xml + xml.len() as u64, octets.packed + packed.len() as u64);
        fs::write(path(folder, number), &packed).expect("the build's folder can be written");
        let length = u32::try_from(packed.len()).expect("it is small").to_be_bytes();
        pack.write_all(&length).and_then(|()| pack.write_all(&packed)).expect("the build's folder can be written");
    }
    pack.flush().expect("the build's folder can be written");
    fs::write(told, format!("{} {}\n", octets.xml, octets.packed)).expect("the build's folder can be written");
    octets
}

/// Returns where a report is.
fn path(folder: &Path, number: usize) -> std::path::PathBuf {
    folder.join(format!("{number}.xml.gz"))
}

/// Makes a report as large receivers write it.
fn report(number: usize, random: &mut Random) -> String {
    let domain = format!("customer{}.example", number % 5000);
    let begin = 1_700_000_000 + 86_400 * (number / 5000);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<feedback>\n  <version>1.0</version>\n  <report_metadata>\n    \
         <org_name>receiver{}.example</org_name>\n    <email>noreply-dmarc@receiver.example</email>\n    \
         <extra_contact_info>https://receiver.example/dmarc</extra_contact_info>\n    <report_id>{}</report_id>\n    \
         <date_range>\n      <begin>{begin}</begin>\n      <end>{}</end>\n    </date_range>\n  </report_metadata>\n  \
         <policy_published>\n    <domain>{domain}</domain>\n    <adkim>r</adkim>\n    <aspf>r</aspf>\n    <p>reject</p>\n    \
         <sp>reject</sp>\n    <pct>100</pct>\n  </policy_published>\n",
        number % 40,
        random.next(),
        begin + 86_399,
    );
    for _ in 0..1 + random.below(2 * ROWS - 1) {
        record(&mut xml, &domain, random);
    }
    xml.push_str("</feedback>\n");
    xml
}

/// Adds a row.
fn record(xml: &mut String, domain: &str, random: &mut Random) {
    let word = |random: &mut Random| ["pass", "fail"][random.below(2)];
    let (dkim, spf) = (word(random), word(random));
    let disposition = ["none", "quarantine", "reject"][random.below(3)];
    let octets: [usize; 4] = std::array::from_fn(|_| 1 + random.below(250));
    let [a, b, c, d] = octets;
    xml.push_str(&format!(
        "  <record>\n    <row>\n      <source_ip>{a}.{b}.{c}.{d}</source_ip>\n      <count>{}</count>\n      \
         <policy_evaluated>\n        <disposition>{disposition}</disposition>\n        <dkim>{dkim}</dkim>\n        \
         <spf>{spf}</spf>\n      </policy_evaluated>\n    </row>\n    <identifiers>\n      <header_from>{domain}</header_from>\n    \
         </identifiers>\n    <auth_results>\n      <dkim>\n        <domain>{domain}</domain>\n        <result>{dkim}</result>\n        \
         <selector>s{}</selector>\n      </dkim>\n      <spf>\n        <domain>bounce.{domain}</domain>\n        \
         <result>{spf}</result>\n      </spf>\n    </auth_results>\n  </record>\n",
        1 + random.below(500),
        random.below(20),
    ));
}

/// Returns how long this process had a CPU.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/schedstat").expect("Linux tells it");
    let nanos: f64 = text.split_whitespace().next().and_then(|number| number.parse().ok()).expect("it is a number");
    nanos / 1e9
}

/// Returns the most memory that this process had since the peak was reset.
fn peak_megabytes() -> f64 {
    let text = fs::read_to_string("/proc/self/status").expect("Linux tells it");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).expect("it is a number") / 1e3
}

/// Numbers that look random and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    /// Returns the next number.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number below another.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % end
    }
}
