//! The sample day, made and looked at

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use sekisho_core::event::MailEvent;
use sekisho_core::search::{MailRow, MailSearch};
use sekisho_ledger::{OutgoingFilter, OutgoingState, Report, ReportFilter, ReportState};
use tempfile::TempDir;

use super::*;
use crate::config::StoreSection;
use crate::lake::LakeError;
use crate::lake::puddle::Puddle;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;
/// The lakes of these tests, by their folders.
static LAKES: LazyLock<Mutex<HashMap<PathBuf, Arc<Puddle>>>> = LazyLock::new(Mutex::default);
/// What opens them.
const OPEN: OpenLake = OpenLake { write: |place| Ok(open(place)?), read: open };

/// Opens a lake in memory.
fn open(place: &LakePlace) -> Result<Arc<dyn Lake>, LakeError> {
    Ok(puddle(&place.folder))
}

/// Returns the lake of a folder.
fn puddle(folder: &Path) -> Arc<Puddle> {
    let mut lakes = LAKES.lock().unwrap();
    let new = || Arc::new(Puddle { policy_domain: Some("shop.example"), ..Puddle::default() });
    Arc::clone(lakes.entry(folder.to_owned()).or_insert_with(new))
}

/// A data folder for a test, and its lake of the sample while it is made.
fn data() -> (TempDir, DataFolder, Arc<Puddle>) {
    let folder = tempfile::tempdir().unwrap();
    let section = StoreSection { folder: Some(folder.path().to_owned()), ..StoreSection::default() };
    let data = DataFolder::open(&section, &[]).unwrap().unwrap();
    let lake = puddle(&data.below(DRAFT).lake_place().folder);
    (folder, data, lake)
}

/// Waits for something.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// What is written into the log, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Log {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut line = String::new();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            line += &format!("{field}={value:?} ");
        });
        self.0.lock().unwrap().push(line);
    }
}

#[test]
fn what_is_made_up_is_not_in_the_log() {
    use tracing_subscriber::layer::SubscriberExt;

    let (log, (_folder, data, _)) = (Log::default(), data());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.clone()), || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Sample::make(&data, OPEN, Timestamp::now())).unwrap();
        info!("heard");
    });
    let lines: Vec<String> = std::mem::take(&mut log.0.lock().unwrap());
    let ours: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(ours, ["message=made the sample day ", "message=heard "]);
}

/// Returns the mails among Events.
fn mails(events: &[Event]) -> Vec<&MailEvent> {
    events.iter().filter_map(|event| if let Event::Mail(mail) = event { Some(&**mail) } else { None }).collect()
}

/// Returns the values that mails have of something.
fn values<'a>(mails: &[&'a MailEvent], of: impl Fn(&'a MailEvent) -> &'a str) -> BTreeSet<&'a str> {
    mails.iter().map(|mail| of(mail)).collect()
}

/// Returns the values that rows have of something, each once.
fn values_of(rows: &[MailRow], of: impl Fn(&MailRow) -> &str) -> Vec<&str> {
    rows.iter().map(of).collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn the_day_has_every_result_and_every_decision() {
    let (_root, data, lake) = data();
    let now = Timestamp::now();
    wait(Sample::make(&data, OPEN, now)).unwrap();
    let events = lake.kept.lock().unwrap().clone();
    let all = mails(&events);
    assert!((3_000..=6_000).contains(&all.len()), "{}", all.len());
    let is_of_the_day = |mail: &&MailEvent| (now.as_microsecond() - DAY..now.as_microsecond()).contains(&mail.at);
    assert!(all.iter().all(is_of_the_day) && all.iter().all(|mail| mail.node == "sample"));
    assert_eq!(all.iter().map(|mail| &mail.id).collect::<BTreeSet<_>>().len(), all.len());
    let set = |words: &[&'static str]| words.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(values(&all, |mail| &mail.dmarc_result), set(&["pass", "fail", "none", "temperror", "permerror"]));
    assert_eq!(
        values(&all, |mail| &mail.decision),
        set(&["pass", "quarantine-header", "quarantine-hold", "tempfail", "refuse"])
    );
    assert_eq!(values(&all, |mail| &mail.verdict), set(&["accept", "quarantine", "reject", "tempfail"]));
    assert_eq!(values(&all, |mail| &mail.arc_result), set(&["none", "pass", "fail"]));
    let spf = values(&all, |mail| mail.spf_result.as_deref().unwrap_or_default());
    assert_eq!(spf, set(&["pass", "fail", "softfail", "permerror", "temperror", "none"]));
    let dkim: BTreeSet<&str> = all.iter().flat_map(|mail| &mail.dkim).map(|dkim| &*dkim.result).collect();
    assert_eq!(dkim, set(&["pass", "fail", "permerror"]));
    let grounds: BTreeSet<&str> = all.iter().flat_map(|mail| &mail.grounds).map(|ground| &**ground).collect();
    assert!(grounds.contains("arc-override") && grounds.contains("dmarc-fail"), "{grounds:?}");
}

#[test]
fn each_mail_has_the_facts_that_it_rests_on_told_on_its_day() {
    let (_root, data, lake) = data();
    wait(Sample::make(&data, OPEN, Timestamp::now())).unwrap();
    let events = lake.kept.lock().unwrap().clone();
    let mut told: BTreeMap<_, i64> = BTreeMap::new();
    for event in &events {
        let Event::Fact(fact) = event else { continue };
        assert_eq!(told.insert((fact.at.div_euclid(DAY), fact.hash), fact.at), None, "a fact is told once a day");
    }
    for mail in mails(&events) {
        assert!(!mail.facts.is_empty());
        for hash in &mail.facts {
            assert!(told.get(&(mail.at.div_euclid(DAY), *hash)).is_some_and(|at| *at <= mail.at), "{}", mail.id);
        }
    }
}

#[test]
fn the_port_answers_about_it() {
    let (_root, data, lake) = data();
    let now = Timestamp::now();
    wait(Sample::make(&data, OPEN, now)).unwrap();
    let (until_at, from_at) = (now.as_microsecond(), now.as_microsecond() - DAY);
    let search = |author: &str, dmarc: &str| {
        let (author_domain, dmarc) = (Some(author.to_owned()), Some(dmarc.to_owned()));
        lake.mails(&MailSearch { from_at, until_at, author_domain, dmarc, limit: 10_000, ..MailSearch::default() })
    };
    // What a stricter policy of the town would break: its newsletter, its help desk, its scanner, and what the list changed.
    let broken: BTreeSet<String> =
        search("town.example", "fail").unwrap().into_iter().map(|mail| mail.mail_from_domain).collect();
    assert_eq!(
        broken.iter().collect::<Vec<_>>(),
        ["lists.example", "mailer.example", "tickets.example", "town.example"]
    );
    let forged = search("bank.example", "fail").unwrap();
    assert!(forged.iter().all(|mail| mail.client_ip.as_deref().is_some_and(|ip| ip.starts_with("203.0.113."))));
    let volumes = lake.volumes(from_at, until_at, DAY / 24, None).unwrap();
    let counted: u64 = volumes.iter().map(|volume| volume.mails).sum();
    assert_eq!(counted, mails(&lake.kept.lock().unwrap()).len() as u64);
    let domains = lake.author_domains(from_at, until_at, None, None, 100).unwrap();
    assert!(domains.iter().any(|domain| domain.domain == "club.example" && domain.policy.is_none()), "{domains:?}");
    // Too many lookups are a permerror for every host; a signature saves what has one.
    let saved = MailSearch {
        spf: Some("permerror".to_owned()),
        dkim: Some("pass".to_owned()),
        limit: 10_000,
        from_at,
        until_at,
        ..MailSearch::default()
    };
    assert_eq!(values_of(&lake.mails(&saved).unwrap(), |mail| &mail.dmarc_result), ["pass"]);
    let lost = MailSearch { dkim: Some("none".to_owned()), ..saved };
    assert_eq!(values_of(&lake.mails(&lost).unwrap(), |mail| &mail.dmarc_result), ["fail"]);
}

#[test]
fn the_same_streams_judged_again_give_the_same() {
    let config = Sample::config();
    let now = Timestamp::now();
    let day = || {
        let rehearsal = Rehearsal::new(&config, Sample::examiner(&config), NODE, Arc::new([7; 32]));
        wait(Day::judge(&rehearsal, now)).unwrap().events(now)
    };
    assert_eq!(day(), day());
}

#[test]
fn reports_come_in_by_the_usual_door() {
    let (_root, data, lake) = data();
    wait(Sample::make(&data, OPEN, Timestamp::now())).unwrap();
    let (reports, sent) = wait(async {
        let ledger = Sample::folder(&data).ledger().await.unwrap();
        let reports = ledger.reports(&ReportFilter::default(), None, 100).await.unwrap().rows;
        let sent = ledger.outgoings(&OutgoingFilter::default(), None, 100).await.unwrap().rows;
        ledger.close().await;
        (reports, sent)
    });
    let of = |state| reports.iter().filter(|report| report.state == state).collect::<Vec<&Report>>();
    assert_eq!(
        (of(ReportState::Read).len(), of(ReportState::Unreadable).len(), reports.len()),
        (9, 1, 10),
        "{reports:?}"
    );
    let submitters: BTreeSet<_> = of(ReportState::Read).iter().map(|report| report.submitter.as_deref()).collect();
    assert_eq!(submitters, [None, Some("carrier.example"), Some("mailbox.example")].into());
    assert!(sent.iter().any(|out| out.state == OutgoingState::Sent && out.evidence.is_some()), "{sent:?}");
    let rows = lake.kept.lock().unwrap();
    let aggregates: u64 = rows.iter().map(|event| if let Event::Aggregate(row) = event { row.count } else { 0 }).sum();
    assert!(aggregates > 10_000, "{aggregates}");
    assert!(rows.iter().any(|event| matches!(event, Event::Tls(row) if row.failed == 14)));
    let is_failure = |event: &Event| matches!(event, Event::Failure(row) if row.reported_domain == "bank.example");
    assert!(rows.iter().any(is_failure));
}

#[test]
fn it_is_made_once_and_removed_once() {
    let (root, data, lake) = data();
    assert!(!Sample::is_there(&data));
    Sample::remove(&data).unwrap();
    let now = Timestamp::now();
    wait(Sample::make(&data, OPEN, now)).unwrap();
    let kept = lake.kept.lock().unwrap().len();
    wait(Sample::make(&data, OPEN, now)).unwrap();
    assert!(Sample::is_there(&data) && lake.kept.lock().unwrap().len() == kept);
    Sample::remove(&data).unwrap();
    Sample::remove(&data).unwrap();
    assert!(!Sample::is_there(&data));
    let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [LOCK]);
}

#[test]
fn what_breaks_off_half_way_leaves_nothing_and_is_no_hindrance() {
    let (_root, data, lake) = data();
    // What a crash left.
    fs::create_dir_all(data.below(DRAFT).path().join("vault")).unwrap();
    *lake.fails.lock().unwrap() = 1;
    let why = wait(Sample::make(&data, OPEN, Timestamp::now())).unwrap_err().to_string();
    assert!(why.contains("the sample day cannot be made") && why.ends_with("no space"), "{why}");
    assert!(!Sample::is_there(&data) && !data.below(DRAFT).path().exists());
    wait(Sample::make(&data, OPEN, Timestamp::now())).unwrap();
    assert!(Sample::is_there(&data) && !data.below(DRAFT).path().exists());
}

#[test]
fn two_do_not_make_it_at_once() {
    let (_root, data, _lake) = data();
    let held = lock(data.path()).unwrap();
    assert!(wait(Sample::make(&data, OPEN, Timestamp::now())).is_err() && Sample::remove(&data).is_err());
    drop(held);
    assert!(!Sample::is_there(&data));
}
