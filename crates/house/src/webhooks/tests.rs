//! Calls of webhooks, over books in a folder, before a receiver that behaves as a test says

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::stream;
use sekisho_ask::Source;
use sekisho_core::zone::Zone;
use sekisho_ledger::{Job, JobFilter, JobState, Ledger};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::announcer::ATTEMPTS;
use super::courier::{Courier, addresses};
use super::delivery::{BACKOFF, Delivery};
use super::{Announcer, News, RESULTS, Topic, tellable};
use crate::config::{Config, TlsFiles, config_for_testing};
use crate::metrics::Metrics;

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// The octets of the secret.
const SECRET: &[u8] = b"a secret of four and twenty octets";

thread_local! {
    /// Now, in the test of this thread: each test has a reactor on its own thread.
    static NOW: AtomicI64 = const { AtomicI64::new(1_790_000_000_000_000) };
}

/// Returns the time of this test.
fn now() -> i64 {
    NOW.with(|now| now.load(Ordering::Relaxed))
}

/// Lets time pass.
fn pass(microseconds: i64) {
    NOW.with(|now| now.fetch_add(microseconds, Ordering::Relaxed));
}

/// How a receiver behaves.
#[derive(Clone, Copy)]
enum Manner {
    /// It takes what it hears.
    Takes,
    /// It fails.
    Fails,
    /// It says that nobody is there any more.
    Gone,
    /// It leads elsewhere.
    Redirects,
    /// It never answers.
    Stalls,
    /// It takes it, and never comes to an end with saying so.
    Endless,
}

/// What a receiver heard.
#[derive(Clone)]
struct Heard {
    /// The id.
    id: String,
    /// The time, in seconds.
    time: i64,
    /// What was sent.
    body: String,
    /// Whether the signature is right, by the words of Standard Webhooks.
    is_signed: bool,
}

/// Somebody who is told.
struct Receiver {
    /// Where.
    address: SocketAddr,
    /// What they heard.
    seen: Arc<Seen>,
    /// Ends with the test.
    task: JoinHandle<()>,
}

/// What a receiver knows.
struct Seen {
    /// How it behaves; the last one for ever.
    manners: Mutex<Vec<Manner>>,
    /// What it heard.
    heard: Mutex<Vec<Heard>>,
    /// How often somebody came to where it leads.
    led_away: AtomicUsize,
    /// How many octets were taken of its endless answer.
    given: AtomicUsize,
}

impl Receiver {
    /// Opens one.
    async fn open(manners: &[Manner]) -> Receiver {
        let (listener, manners) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), manners.iter().rev().copied());
        let (manners, heard) = (Mutex::new(manners.collect()), Mutex::default());
        let seen = Arc::new(Seen { manners, heard, led_away: AtomicUsize::new(0), given: AtomicUsize::new(0) });
        let elsewhere = any(async |State(seen): State<Arc<Seen>>| {
            seen.led_away.fetch_add(1, Ordering::Relaxed);
        });
        let router = Router::new().route("/in", any(hear)).route("/elsewhere", elsewhere).with_state(Arc::clone(&seen));
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { address, seen, task }
    }

    /// Writes the table of the configuration that names it.
    fn table(&self, folder: &Path) -> String {
        table(&format!("http://{}/in", self.address), folder)
    }

    /// Returns what it heard.
    fn heard(&self) -> Vec<Heard> {
        self.seen.heard.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Hears a call.
async fn hear(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: String) -> Response {
    let field = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, time) = (field("webhook-id"), field("webhook-timestamp"));
    let tag = BASE64_STANDARD.decode(field("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signed = [id.as_bytes(), time.as_bytes(), body.as_bytes()].join(&b'.');
    let is_signed = hmac::verify(&key, &signed, &tag).is_ok() && field("content-type") == "application/json";
    seen.heard.lock().unwrap().push(Heard { id, time: time.parse().unwrap(), body, is_signed });
    let manner = {
        let mut manners = seen.manners.lock().unwrap();
        if manners.len() > 1 { manners.pop().unwrap() } else { manners[0] }
    };
    match manner {
        Manner::Takes => StatusCode::NO_CONTENT.into_response(),
        Manner::Fails => (StatusCode::SERVICE_UNAVAILABLE, "not now").into_response(),
        Manner::Gone => StatusCode::GONE.into_response(),
        Manner::Redirects => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response(),
        Manner::Stalls => std::future::pending().await,
        Manner::Endless => Body::from_stream(stream::repeat_with(move || {
            seen.given.fetch_add(16_384, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 16_384]))
        }))
        .into_response(),
    }
}

/// Writes the table of a webhook, and its secret.
fn table(url: &str, folder: &Path) -> String {
    let secret = folder.join("secret");
    fs::write(&secret, format!("whsec_{}\n", BASE64_STANDARD.encode(SECRET))).unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    format!("[[webhooks]]\nurl = \"{url}\"\nsecret_file = {secret:?}\nprivate = true\n")
}

/// A house that tells others.
struct House {
    /// Its folder.
    _folder: TempDir,
    /// Its configuration.
    config: Config,
    /// Who calls.
    delivery: Delivery,
    /// What is counted.
    metrics: Metrics,
}

impl House {
    /// Makes one that calls all of these.
    async fn calling(receivers: &[&Receiver]) -> House {
        House::with(|folder| receivers.iter().map(|receiver| receiver.table(folder)).collect(), "").await
    }

    /// Makes one of a configuration and a zone.
    async fn with(config: impl FnOnce(&Path) -> String, zone: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let config = config_for_testing(&config(folder.path()));
        let database = format!("sqlite:{}", folder.path().join("ledger.sqlite").display());
        let (metrics, ledger) = (Metrics::new(), Ledger::open(&database, now()).await.unwrap());
        let courier = Arc::new(config.courier(&Source::Zone(Zone::parse(zone).unwrap())).unwrap());
        let (worker, counts, stop) = ("test".to_owned(), metrics.webhooks.clone(), CancellationToken::new());
        let delivery = Delivery { ledger, courier, worker, counts, clock: now, stop };
        House { _folder: folder, config, delivery, metrics }
    }

    /// Lets something happen.
    async fn happen(&self, topic: Topic, number: u32) {
        let once = Some(number.to_string());
        let news = News { topic, at: now(), data: json!({ "rows": number }), once };
        for job in Announcer::of(&self.config.webhooks).jobs(&news) {
            self.delivery.ledger.enqueue(&job).await.unwrap();
        }
    }

    /// Does what is due.
    async fn work(&self) {
        while self.delivery.work().await.unwrap() {}
    }

    /// Returns the jobs, the oldest first.
    async fn jobs(&self) -> Vec<Job> {
        let mut jobs = self.delivery.ledger.jobs(&JobFilter::default(), None, 100).await.unwrap().rows;
        jobs.sort_by_key(|job| (job.made_at, job.id));
        jobs
    }

    /// Returns what was counted: delivered, later, failed.
    fn counts(&self) -> [u64; 3] {
        RESULTS.map(|result| self.metrics.webhooks.get(result))
    }
}

#[tokio::test]
async fn what_happened_is_told_once_and_signed() {
    let receiver = Receiver::open(&[Manner::Takes]).await;
    let house = House::calling(&[&receiver]).await;
    house.happen(Topic::ReportRead, 7).await;
    house.happen(Topic::ReportRead, 7).await;
    house.work().await;
    let [heard] = &receiver.heard()[..] else { panic!("{}", receiver.heard().len()) };
    assert!(heard.is_signed && heard.id == format!("msg_{}", house.jobs().await[0].id));
    assert_eq!(heard.time, now() / 1_000_000);
    let said: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(said, json!({ "type": "report.read", "timestamp": "2026-09-21T14:13:20Z", "data": { "rows": 7 } }));
    assert_eq!(house.counts(), [1, 0, 0]);
    assert_eq!(house.jobs().await[0].state, JobState::Done);
}

#[tokio::test]
async fn who_fails_twice_hears_the_same_again_under_the_same_id_at_another_time() {
    let receiver = Receiver::open(&[Manner::Fails, Manner::Fails, Manner::Takes]).await;
    let house = House::calling(&[&receiver]).await;
    house.happen(Topic::PersonChanged, 1).await;
    house.work().await;
    house.work().await;
    assert_eq!((receiver.heard().len(), house.jobs().await[0].state), (1, JobState::Waiting), "not before its time");
    assert!(house.jobs().await[0].last_error.as_deref().is_some_and(|why| why.ends_with("answers 503")));
    for _ in 0..3 {
        pass(60_000_000);
        house.work().await;
    }
    let heard = receiver.heard();
    let of = |part: fn(&Heard) -> String| heard.iter().map(part).collect::<BTreeSet<_>>().len();
    assert_eq!((heard.len(), of(|one| one.id.clone()), of(|one| one.body.clone())), (3, 1, 1));
    assert_eq!(of(|one| one.time.to_string()), 3);
    assert!(heard.iter().all(|one| one.is_signed));
    assert_eq!(house.counts(), [1, 2, 0]);
}

#[tokio::test]
async fn who_says_that_nobody_is_there_is_not_called_again_and_somebody_can_see_it() {
    let receiver = Receiver::open(&[Manner::Gone]).await;
    let house = House::calling(&[&receiver]).await;
    house.happen(Topic::ReportFailed, 1).await;
    house.work().await;
    pass(2 * DAY);
    house.work().await;
    assert_eq!((receiver.heard().len(), house.counts()), (1, [0, 0, 1]));
    let job = &house.jobs().await[0];
    assert!(job.state == JobState::Dead && job.last_error.as_deref().is_some_and(|why| why.contains("410")));
}

#[tokio::test]
async fn who_never_takes_it_is_called_for_about_a_day() {
    let (receiver, begun) = (Receiver::open(&[Manner::Fails]).await, now());
    let house = House::calling(&[&receiver]).await;
    house.happen(Topic::ReportSent, 1).await;
    let mut attempts = 0;
    while let Some(due) = house.jobs().await[0].free_at {
        pass(due - now());
        house.work().await;
        attempts += 1;
    }
    assert_eq!((attempts, receiver.heard().len(), house.counts()), (ATTEMPTS, 25, [0, 24, 1]));
    assert!((DAY / 2..DAY * 3 / 2).contains(&(now() - begun)), "{} s", (now() - begun) / 1_000_000);
    let most: i64 = (1..ATTEMPTS).map(|attempt| BACKOFF.wait(attempt, u32::MAX / 2)).sum();
    assert!((DAY * 9 / 10..DAY * 11 / 10).contains(&most), "{} s", most / 1_000_000);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_nobody_goes_there() {
    let receiver = Receiver::open(&[Manner::Redirects]).await;
    let house = House::calling(&[&receiver]).await;
    house.happen(Topic::ReportRead, 1).await;
    house.work().await;
    assert_eq!((receiver.heard().len(), receiver.seen.led_away.load(Ordering::Relaxed)), (1, 0));
    assert!(house.jobs().await[0].last_error.as_deref().is_some_and(|why| why.ends_with("answers 307")));
}

#[tokio::test]
async fn who_never_answers_is_waited_for_ten_seconds_and_keeps_nobody_else() {
    let (slow, quick) = (Receiver::open(&[Manner::Stalls]).await, Receiver::open(&[Manner::Takes]).await);
    let (house, begun) = (House::calling(&[&slow, &quick]).await, Instant::now());
    for number in 0..8 {
        house.happen(Topic::ReportRead, number).await;
    }
    house.work().await;
    let took = begun.elapsed();
    assert_eq!((slow.heard().len(), quick.heard().len(), house.counts()), (8, 8, [8, 8, 0]));
    assert!((9..20).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_waited_for() {
    let receiver = Receiver::open(&[Manner::Endless]).await;
    let (house, begun) = (House::calling(&[&receiver]).await, Instant::now());
    house.happen(Topic::ReportRead, 1).await;
    house.work().await;
    assert_eq!(house.counts(), [1, 0, 0]);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    let given = receiver.seen.given.load(Ordering::Relaxed);
    assert!(given < 32 << 20, "the socket's buffers take some, and not {given} octets");
}

#[tokio::test]
async fn who_shows_a_certificate_of_nobody_hears_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let acceptor = crate::tls::acceptor(&TlsFiles { certificate, key }, &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let house = House::with(|folder| table(&format!("https://{address}/in"), folder), "").await;
    house.happen(Topic::ReportRead, 1).await;
    let shaking = tokio::spawn(async move { acceptor.accept(listener.accept().await.unwrap().0).await.is_ok() });
    house.work().await;
    assert!(!shaking.await.unwrap(), "nobody speaks to it");
    let why = house.jobs().await[0].last_error.clone().unwrap();
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_connected_to_only_where_that_is_meant() {
    let inside = [
        ("a", "A 127.0.0.1"),
        ("b", "A 169.254.169.254"),
        ("c", "A 100.64.0.1"),
        ("d", "AAAA ::1"),
        ("e", "AAAA ::ffff:127.0.0.1"),
        ("f", "AAAA fc00::1"),
    ];
    let mut zone: String = inside.iter().map(|(name, record)| format!("{name}.example {record}\n")).collect();
    zone += "mixed.example A 10.0.0.1\nmixed.example A 1.1.1.1\nmixed.example AAAA ::1\n";
    let source = Source::Zone(Zone::parse(&zone).unwrap());
    let found = async |name: &str, is_private| addresses(&source, name, is_private).await.map(Iterator::count).ok();
    for (name, _) in inside {
        let name = format!("{name}.example");
        assert_eq!((found(&name, false).await, found(&name, true).await), (None, Some(1)), "{name}");
    }
    assert_eq!((found("mixed.example", false).await, found("mixed.example", true).await), (Some(1), Some(3)));
    assert_eq!((found("localhost", false).await, found("localhost", true).await), (None, Some(2)));
    assert_eq!(found("nobody.example", true).await, None);

    // The whole way: nobody comes to the listener.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://a.example:{}/in", listener.local_addr().unwrap().port());
    let config = |folder: &Path| table(&url, folder).replace("private = true", "private = false");
    let house = House::with(config, &zone).await;
    house.happen(Topic::ReportRead, 1).await;
    house.work().await;
    let why = house.jobs().await[0].last_error.clone().unwrap();
    assert!(why.ends_with("its name leads to no public address, and `private` is false"), "{why}");
    assert!(futures_util::future::FutureExt::now_or_never(listener.accept()).is_none());
}

#[tokio::test]
async fn of_two_workers_one_calls() {
    let receiver = Receiver::open(&[Manner::Takes]).await;
    let house = House::calling(&[&receiver]).await;
    for number in 0..40 {
        house.happen(Topic::ReportRead, number).await;
    }
    let Delivery { ledger, courier, counts, stop, .. } = &house.delivery;
    let other = Delivery {
        ledger: ledger.clone(),
        courier: Arc::clone(courier),
        worker: "another".to_owned(),
        counts: counts.clone(),
        clock: now,
        stop: stop.clone(),
    };
    tokio::join!(house.work(), async { while other.work().await.unwrap() {} });
    let ids: BTreeSet<String> = receiver.heard().into_iter().map(|heard| heard.id).collect();
    assert_eq!((receiver.heard().len(), ids.len(), house.counts()), (40, 40, [40, 0, 0]));
}

#[tokio::test]
async fn a_house_that_closes_hands_the_call_back() {
    let receiver = Receiver::open(&[Manner::Stalls]).await;
    let house = House::calling(&[&receiver]).await;
    house.happen(Topic::ReportRead, 1).await;
    let closing = async {
        while receiver.heard().is_empty() {
            tokio::task::yield_now().await;
        }
        house.delivery.stop.cancel();
    };
    let (worked, ()) = tokio::join!(house.delivery.work(), closing);
    assert!(worked.unwrap());
    let job = &house.jobs().await[0];
    assert_eq!((job.state, job.attempts, house.counts()), (JobState::Waiting, 0, [0, 0, 0]));
}

#[tokio::test]
async fn what_nobody_here_knows_waits_for_somebody_who_does() {
    let receiver = Receiver::open(&[Manner::Takes]).await;
    let mut house = House::calling(&[&receiver]).await;
    house.happen(Topic::ReportRead, 1).await;
    let known = std::mem::replace(&mut house.delivery.courier, Arc::new(Courier::default()));
    house.work().await;
    assert_eq!((house.jobs().await[0].state, house.counts()), (JobState::Waiting, [0, 1, 0]));
    house.delivery.courier = known;
    pass(60_000_000);
    house.work().await;
    assert_eq!((receiver.heard().len(), house.counts()), (1, [1, 1, 0]));
}

#[test]
fn what_is_no_domain_is_not_told() {
    assert_eq!(["a.example", "_dmarc.a-b.example"].map(|name| tellable(name).is_some()), [true, true]);
    for odd in ["", "somebody@a.example", "a b", "a\n", "名前.example", &"a".repeat(254)] {
        assert_eq!(tellable(odd), None, "{odd}");
    }
}

#[test]
fn a_secret_that_others_can_read_or_that_is_none_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_for_testing(&table("https://hooks.example/", folder.path()));
    let (secret, source) = (folder.path().join("secret"), Source::Zone(Zone::parse("").unwrap()));
    assert!(config.courier(&source).is_ok());
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).unwrap();
    assert!(config.courier(&source).err().unwrap().to_string().contains("0644"));
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    fs::write(&secret, "hunter2").unwrap();
    let said = config.courier(&source).err().unwrap().to_string();
    assert!(said.contains("whsec_") && !said.contains("hunter2"), "{said}");
}
