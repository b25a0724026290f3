//! The desk in figures: how long the server takes for each page over many mails and reports, and what readers cost the gate
//!
//! `./x bench desk [MILLIONS [REPORTS]]` generates so many million mails (10 unless told) of the last 30 days and reports (100,000), starts
//! the program as its user does, and opens every page with its default window. Then MTAs show mails to the gate as fast as it takes
//! them, in turns with and without 50 readers, each of whom has *Today* open, live, and opens another page every 20 seconds.
//! `SEKISHO_DESK_BENCH` names the folder, so that a second run measures only.

#![allow(clippy::print_stdout, reason = "figures are what it prints")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use sekisho_core::event::Event;
use sekisho_core::zone::Zone;
use sekisho_lake::{Kind, Lake, Settings};
use sekisho_ledger::{
    Channel, Conclusion, Digest, Envelope, FirstJob, Id, Intake, Ledger, Mark, NewReport, ProvenBy, ReportKind,
    ReportState,
};
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Delivery, Mta};

#[path = "../../lake/benches/generated/mails.rs"]
mod mails;

use mails::{DAY, Sorted};

/// Over how many days the mails are spread.
const DAYS: i64 = 30;
/// How often each page is opened again and again.
const ROUNDS: usize = 30;
/// How often each page is opened when no answer of before stands any more, and how long that takes at most.
const AFRESH: (usize, Duration) = (5, Duration::from_secs(61));
/// How many readers there are.
const READERS: usize = 50;
/// How often each of them opens a page.
const READS_EACH: Duration = Duration::from_secs(20);
/// How often readers look whether the turn is over: looking costs the gate, too.
const LOOK: Duration = Duration::from_millis(500);
/// How often the desk tells those who have *Today* open: they come in over so long.
const BEAT: Duration = Duration::from_secs(5);
/// How long mails flow in one turn, and how many turns there are of each kind.
const TURN: (Duration, usize) = (Duration::from_secs(10), 5);
/// How many conversations the MTAs have.
const CONVERSATIONS: usize = 8;
/// The queue of the jobs of made-up reports: nobody works on it.
const QUEUE: &str = "bench";

fn main() {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse::<u64>().ok());
    let (millions, reports) = (numbers.next().unwrap_or(10), numbers.next().unwrap_or(100_000));
    let scratch = tempfile::TempDir::new().expect("a folder");
    let kept = std::env::var_os("SEKISHO_DESK_BENCH").map(PathBuf::from);
    let root = kept.unwrap_or_else(|| scratch.path().to_owned());
    let data = root.join("data");
    if !data.exists() {
        fill_lake(&data.join("lake"), millions * 1_000_000);
        fill_ledger(&data, reports);
    }
    let dns = DnsServer::start(Zone::default());
    let house = House::start(&root, dns.address());
    let cookie = house.join(&house.link, "aoi");
    println!(
        "{millions} million mails of {DAYS} days, {reports} reports; ms at the server: each page {} times afresh, and {ROUNDS} times at once\n",
        AFRESH.0
    );
    let pages = house.pages(&cookie);
    let mut afresh = vec![Vec::new(); pages.len()];
    for _ in 0..AFRESH.0 {
        std::thread::sleep(AFRESH.1);
        for (times, (_, path)) in afresh.iter_mut().zip(&pages) {
            times.push(house.open(&cookie, path).0);
        }
    }
    println!("| page | afresh p50 | afresh most | p50 | p99 | octets |\n|---|---:|---:|---:|---:|---:|");
    for (mut times, (name, path)) in afresh.into_iter().zip(&pages) {
        times.sort_unstable();
        measure(&house, &cookie, (name, path), &times);
    }
    // Each of them is somebody else: an account that asks much waits behind those that ask little.
    let cookies: Vec<String> = (0..READERS).map(|number| house.invite(&root, &format!("reader{number}"))).collect();
    readers(&house, &cookies);
}

/// Fills the lake with mails of the last days.
fn fill_lake(folder: &Path, mails: u64) {
    let lake = Lake::open(folder, Settings::default()).expect("opened").lake;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let each = mails / DAYS.unsigned_abs();
    for ago in 0..DAYS {
        let day = today.saturating_sub(ago.days());
        let shift = (day - DAY).get_days();
        let later = i64::from(shift) * 86_400_000_000;
        let moved = Sorted::new(ago.unsigned_abs() + 1, each).map(move |events| {
            events
                .into_iter()
                .map(|event| match event {
                    Event::Mail(mut mail) => {
                        mail.at += later;
                        Event::Mail(mail)
                    }
                    other => other,
                })
                .collect::<Vec<_>>()
        });
        runtime.block_on(lake.load(Kind::Mail, day, moved)).expect("written");
    }
}

/// Fills the ledger with reports that were read.
fn fill_ledger(data: &Path, reports: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let now = Timestamp::now().as_microsecond();
        let url = format!("sqlite:{}", data.join("ledger.sqlite").display());
        let ledger = Ledger::open(&url, now).await.expect("opened");
        let mut made = 0;
        while made < reports {
            let batch: Vec<Intake> = (made..(made + 500).min(reports)).map(|number| intake(number, now)).collect();
            made += batch.len() as u64;
            ledger.receive_all(&batch).await.expect("taken");
            conclude(&ledger, now).await;
        }
        ledger.close().await;
    });
}

/// Makes up a report of the last days.
fn intake(number: u64, now: i64) -> Intake {
    let at = now - i64::try_from(number * 25_000_000 % (86_400_000_000 * 30)).expect("within days");
    let mut random = [0; 10];
    random[..8].copy_from_slice(&number.to_be_bytes());
    let id = Id::new(at, random);
    let envelope = Envelope {
        client: "192.0.2.1".to_owned(),
        helo: "out.receiver.example".to_owned(),
        mail_from: Some("noreply@receiver.example".to_owned()),
        recipient: "dmarc-reports@here.example".to_owned(),
        told_spf: None,
    };
    Intake {
        report: NewReport {
            id,
            kind: ReportKind::DmarcAggregate,
            channel: Channel::Smtp,
            received_at: at,
            evidence: Digest::of(&number.to_be_bytes()),
            size: 4_000 + number % 9_000,
            envelope,
        },
        job: FirstJob { id: Id::new(at, random), queue: QUEUE.to_owned(), payload: String::new(), max_attempts: 3 },
        source: None,
    }
}

/// Says of the reports that have just come that they were read, and of one in fifty that it cannot be.
async fn conclude(ledger: &Ledger, now: i64) {
    let leases = ledger.lease(QUEUE, "bench", 500, now, now + 60_000_000).await.expect("leased");
    let conclusions: Vec<Conclusion<'_>> = leases
        .iter()
        .enumerate()
        .map(|(number, lease)| {
            let is_read = number % 50 != 0;
            let mark = Mark {
                state: if is_read { ReportState::Read } else { ReportState::Unreadable },
                reason: (!is_read).then(|| "xml".to_owned()),
                read_as: Some(ReportKind::DmarcAggregate),
                domain: Some(format!("d{:06}.example", number % 1_000)),
                submitter: Some(format!("r{}.example", number % 300)),
                proven_by: Some(ProvenBy::Dkim),
                at: now,
            };
            let report = lease.job.subject.parse().expect("a job names its report");
            Conclusion { lease, report, mark, counted: Vec::new(), jobs: Vec::new() }
        })
        .collect();
    ledger.conclude(&conclusions, now).await.expect("concluded");
}

/// A daemon on these books, ended with the value.
struct House {
    /// The process.
    child: Child,
    /// Where the desk is.
    desk: SocketAddr,
    /// Where MTAs connect.
    gate: SocketAddr,
    /// The link for the first account.
    link: String,
}

impl House {
    /// Starts it, and waits until it listens.
    fn start(root: &Path, dns: SocketAddr) -> House {
        let run = root.join("run");
        std::fs::create_dir_all(&run).expect("a folder");
        let config = format!(
            "[gate]\nlisten = [\"127.0.0.1:0\"]\n[intake]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = [\"127.0.0.1:0\"]\n\
             [dns]\nupstreams = [\"{dns}\"]\n[log]\nlevel = \"warn\"\n"
        );
        std::fs::write(root.join("daemon.toml"), config).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["serve", "--config", "daemon.toml"]).current_dir(root).env("LC_ALL", "C").env("HOME", root);
        command.env("STATE_DIRECTORY", root.join("data")).env("RUNTIME_DIRECTORY", run);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut said = BufReader::new(child.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let (mut desk, mut gate, mut link) = (None, None, None);
        while desk.is_none() || gate.is_none() || link.is_none() {
            let line = said.next().expect("the daemon says where it is");
            let address = line.split_whitespace().find_map(|word| word.parse().ok());
            if line.contains("(milter)") {
                gate = address;
            } else if line.contains("(HTTP)") {
                desk = address;
            }
            link = link.or_else(|| line.split_once("/join/").map(|(_, link)| link.trim().to_owned()));
        }
        // The rest is read, so that it never waits for us.
        std::thread::spawn(move || said.for_each(drop));
        House { child, desk: desk.expect("said"), gate: gate.expect("said"), link: link.expect("said") }
    }

    /// Lets somebody in as a viewer, and returns the cookie of their session.
    fn invite(&self, root: &Path, login: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["people", "invite", "--role", "viewer", "--config", "daemon.toml", "--json"]).current_dir(root);
        let said = command.env("STATE_DIRECTORY", root.join("data")).output().expect("the program runs");
        let said = String::from_utf8(said.stdout).expect("text");
        let link = said.rsplit_once("/join/").and_then(|(_, link)| link.split('"').next());
        self.join(link.unwrap_or_else(|| panic!("no link: {said}")), login)
    }

    /// Makes an account, and returns the cookie of its session.
    fn join(&self, link: &str, login: &str) -> String {
        let form = format!("login={login}&password=a+quiet+checkpoint&name=");
        let request = format!(
            "POST /join/{} HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
            link,
            self.desk,
            form.len()
        );
        let (_, answer) = self.ask(&request);
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: sekisho-session="));
        let value = cookie.unwrap_or_else(|| panic!("{answer:.400}")).split(';').next().unwrap_or_default();
        format!("sekisho-session={value}")
    }

    /// Asks, and returns how long the answer took and what it is.
    fn ask(&self, request: &str) -> (Duration, String) {
        let mut line = TcpStream::connect(self.desk).expect("the desk listens");
        let begun = Instant::now();
        line.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).expect("answered");
        (begun.elapsed(), String::from_utf8_lossy(&answer).into_owned())
    }

    /// Opens a page.
    fn open(&self, cookie: &str, path: &str) -> (Duration, String) {
        let (took, answer) = self.ask(&get(self.desk, cookie, path));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer:.200}");
        (took, answer)
    }

    /// Names every page, with the address of one of its kind.
    fn pages(&self, cookie: &str) -> Vec<(String, String)> {
        let (_, messages) = self.open(cookie, "/messages");
        let (_, reports) = self.open(cookie, "/reports");
        let first = |page: &str, start: &str| {
            let at = page.find(&format!("href=\"{start}")).unwrap_or_else(|| panic!("no {start}")) + 6;
            page[at..].split('"').next().unwrap_or_default().to_owned()
        };
        let (message, report) = (first(&messages, "/messages/"), first(&reports, "/reports/"));
        let simulator = "/simulator?domain=d000010.example&records=v%3DDMARC1%3B%20p%3Dreject";
        let pages = [
            ("Today", "/"),
            ("Messages", "/messages"),
            ("Messages, those that fail", "/messages?dmarc=fail"),
            ("a message", &message),
            ("Domains", "/domains"),
            ("a domain (busy)", "/domains/d000000.example"),
            ("a domain (usual)", "/domains/d001000.example"),
            ("whom SPF misses", "/domains/d001000.example/omissions"),
            ("Simulator (usual domain)", simulator),
            ("Reports", "/reports"),
            ("Reports, unreadable", "/reports?state=unreadable"),
            ("a report", &report),
            ("Settings", "/settings"),
            ("Health", "/health"),
            ("People", "/people"),
            ("Audit", "/audit"),
            ("API: messages", "/api/v1/messages"),
            ("API: domains", "/api/v1/domains"),
            ("API: reports", "/api/v1/reports"),
        ];
        pages.map(|(name, path)| (name.to_owned(), path.to_owned())).into()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a request for a page.
fn get(desk: SocketAddr, cookie: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {desk}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n")
}

/// Opens a page again and again, and prints how long that took, and how long it took afresh.
fn measure(house: &House, cookie: &str, (name, path): (&str, &str), afresh: &[Duration]) {
    let mut times: Vec<(Duration, usize)> = (0..ROUNDS)
        .map(|_| {
            let (took, answer) = house.open(cookie, path);
            (took, answer.len())
        })
        .collect();
    let octets = times[0].1;
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let at = |part: usize| millis(times[(times.len() - 1) * part / 100].0);
    let (half, most) = (millis(afresh[afresh.len() / 2]), millis(afresh[afresh.len() - 1]));
    println!("| {name} | {half:.0} | {most:.0} | {:.0} | {:.0} | {octets} |", at(50), at(99));
}

/// Measures what readers cost the gate.
fn readers(house: &House, cookies: &[String]) {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..TURN.1 {
        alone.push(mails_a_second(house));
        let done = AtomicBool::new(false);
        let rate = std::thread::scope(|scope| {
            for (number, cookie) in cookies.iter().enumerate() {
                let done = &done;
                scope.spawn(move || live(house, cookie, number, done));
                scope.spawn(move || read(house, cookie, number, done));
            }
            // Until all have come in.
            std::thread::sleep(BEAT + Duration::from_secs(1));
            let rate = mails_a_second(house);
            done.store(true, Ordering::Relaxed);
            rate
        });
        beside.push(rate);
    }
    let mut ratios: Vec<f64> = alone.iter().zip(&beside).map(|(alone, beside)| beside / alone).collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "\n{READERS} readers, a page every {} s each: mails/s alone {alone:.0?}, beside them {beside:.0?}",
        READS_EACH.as_secs()
    );
    println!(
        "beside : alone, median {:.3} ({:.3} to {:.3})",
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1]
    );
}

/// Shows mails to the gate for a turn, as fast as it takes them.
fn mails_a_second(house: &House) -> f64 {
    let (count, begun) = (AtomicU64::new(0), Instant::now());
    let body: String = "The same line, again and again, as people write.\r\n".repeat(90);
    let mail = format!("From: a@example.org\r\nSubject: hello\r\n\r\n{body}");
    std::thread::scope(|scope| {
        for _ in 0..CONVERSATIONS {
            scope.spawn(|| {
                let mut mta = Mta::new(house.gate);
                let prepared = mta.prepare(&Delivery::of(mail.as_bytes())).expect("prepared");
                while begun.elapsed() < TURN.0 {
                    mta.show(&prepared).expect("judged");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// Has *Today* open, live, until the turn is over: as its script does, it asks for the page again when it is told that there is news.
fn live(house: &House, cookie: &str, number: usize, done: &AtomicBool) {
    std::thread::sleep(BEAT.mul_f64(number as f64 / READERS as f64));
    let mut line = TcpStream::connect(house.desk).expect("the desk listens");
    line.write_all(get(house.desk, cookie, "/live").as_bytes()).expect("sent");
    line.set_read_timeout(Some(LOOK)).expect("it can be set");
    let (mut octets, mut told, mut seen) = ([0; 4096], String::new(), None);
    while !done.load(Ordering::Relaxed) {
        match line.read(&mut octets) {
            Ok(0) => panic!("the live line ended"),
            Ok(count) => told.push_str(&String::from_utf8_lossy(&octets[..count])),
            Err(_) => continue,
        }
        while let Some((one, rest)) = told.split_once('\n') {
            let mails = one.trim().strip_prefix("data: ").map(str::to_owned);
            told = rest.to_owned();
            let is_news = mails.is_some() && seen.is_some() && mails != seen;
            seen = mails.or(seen);
            if is_news {
                house.open(cookie, "/");
            }
        }
    }
}

/// Opens a page now and then until the turn is over.
fn read(house: &House, cookie: &str, number: usize, done: &AtomicBool) {
    let pages = ["/", "/messages", "/domains", "/domains/d001000.example", "/reports", "/messages?dmarc=fail"];
    let mut next = Instant::now() + READS_EACH.mul_f64(number as f64 / READERS as f64);
    let mut page = number;
    while !done.load(Ordering::Relaxed) {
        let early = next.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            std::thread::sleep(early.min(LOOK));
            continue;
        }
        house.open(cookie, pages[page % pages.len()]);
        (page, next) = (page + 1, next + READS_EACH);
    }
}
