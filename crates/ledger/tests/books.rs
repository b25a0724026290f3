//! The books that a contract is held on

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use sekisho_ledger::{
    AggregateKey, Channel, Claim, Conclusion, Counted, Digest, Envelope, FirstJob, Id, Intake, Lease, Ledger, Mark,
    NewJob, NewReport, ReportKind,
};
use sekisho_testkit::postgres::Postgres;
use tempfile::TempDir;

/// Now, in these tests.
pub(crate) const NOW: i64 = 1_790_000_000_000_000;

/// A second.
pub(crate) const SECOND: i64 = 1_000_000;

/// An empty book, on one of the engines.
pub(crate) struct Books {
    /// Its address.
    pub(crate) url: String,
    /// The folder of SQLite.
    _folder: Option<TempDir>,
}

impl Books {
    /// Makes an empty SQLite.
    pub(crate) fn sqlite() -> Books {
        let folder = tempfile::tempdir().unwrap();
        Books { url: format!("sqlite:{}", folder.path().join("ledger.db").display()), _folder: Some(folder) }
    }

    /// Makes an empty database in a PostgreSQL that all tests share; none where there is none, and then it said so.
    pub(crate) fn postgres() -> Option<Books> {
        /// The server. A static is never dropped; the shell that holds it ends it with this process.
        static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
        /// How many databases there are.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let server = SERVER.get_or_init(Postgres::start).as_ref()?;
        let name = format!("books{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Some(Books { url: server.database(&name), _folder: None })
    }

    /// Opens it. Each call is another node, with connections of its own.
    pub(crate) async fn open(&self) -> Ledger {
        Ledger::open(&self.url, NOW).await.unwrap()
    }
}

/// Holds a contract on SQLite, then on PostgreSQL.
#[allow(clippy::needless_pass_by_value, reason = "a contract stands where it is held")]
pub(crate) fn on_both(contract: impl AsyncFn(&Books)) {
    for books in [Some(Books::sqlite()), Books::postgres()].into_iter().flatten() {
        runtime().block_on(contract(&books));
    }
}

impl Drop for Books {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::io::stderr().write_all(format!("it was broken on {}\n", self.url).as_bytes()).ok();
        }
    }
}

/// Returns a runtime with several threads, as the daemon has.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Returns an id that no other is equal to.
pub(crate) fn id() -> Id {
    /// How many there are.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (count, process) = (COUNT.fetch_add(1, Ordering::Relaxed), std::process::id());
    let mut random = [0; 10];
    random[..4].copy_from_slice(&count.to_be_bytes());
    random[4..8].copy_from_slice(&process.to_be_bytes());
    Id::new(NOW, random)
}

/// Returns a report that arrives with these bytes, by SMTP, from somebody unknown.
pub(crate) fn intake(bytes: &[u8]) -> Intake {
    let envelope = Envelope {
        client: "192.0.2.1".to_owned(),
        helo: "mx.reporter.test".to_owned(),
        mail_from: Some("dmarc@reporter.test".to_owned()),
        recipient: "rua@house.test".to_owned(),
        told_spf: None,
    };
    let report = NewReport {
        id: id(),
        kind: ReportKind::DmarcAggregate,
        channel: Channel::Smtp,
        received_at: NOW,
        evidence: Digest::of(bytes),
        size: bytes.len() as u64,
        envelope,
    };
    let job = FirstJob { id: id(), queue: "read".to_owned(), payload: "{}".to_owned(), max_attempts: 3 };
    Intake { report, job, source: None }
}

/// Returns a job of the queue `work`.
pub(crate) fn job(subject: &str) -> NewJob {
    NewJob {
        id: id(),
        queue: "work".to_owned(),
        subject: subject.to_owned(),
        payload: String::new(),
        once: None,
        due: NOW,
        made_at: NOW,
        max_attempts: 3,
    }
}

/// Says what became of one report, of which nothing was counted; tells whether the job was still ours.
pub(crate) async fn conclude(ledger: &Ledger, lease: &Lease, report: Id, mark: &Mark, counted: &[Counted]) -> bool {
    let conclusion = Conclusion { lease, report, mark: mark.clone(), counted: counted.to_vec(), jobs: Vec::new() };
    ledger.conclude(&[conclusion], NOW + 2).await.unwrap() == [true]
}

/// Claims one report.
pub(crate) async fn claim(ledger: &Ledger, key: &AggregateKey, report: Id, part: u32) -> Claim {
    ledger.claim_aggregates(&[(key.clone(), report, part)], NOW).await.unwrap().remove(0)
}
