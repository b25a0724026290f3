//! *Health*: what it says of the gate, and of what was given up

use sekisho_ledger::{JobFilter, JobState, NewJob};

use super::*;
use crate::reports::QUEUE;

#[tokio::test]
async fn health_calls_the_gate_unused_until_an_mta_talked_to_it() {
    let house = House::open().await;
    let token = admin(&house).await;
    let metrics = &house.desk.front.metrics;
    metrics.sessions_begun.inc();
    house.desk.front.set_ready(true);
    let gate = async || house.ask(&Method::GET, "/health", Some(&token), "").await.page;
    assert!(gate().await.contains("no MTA has come yet"), "{}", gate().await);
    metrics.sessions_agreed.inc();
    assert!(!gate().await.contains("no MTA has come yet"));
}

#[tokio::test]
async fn health_lists_what_was_given_up_and_lets_it_be_tried_again() {
    let house = House::open().await;
    let (token, ledger) = (admin(&house).await, house.desk.people.ledger().await.unwrap());
    let now = Timestamp::now().as_microsecond();
    let report = house.report(OURS).await.to_string();
    for (number, queue) in [(1, QUEUE), (2, "send-<b>report</b>"), (3, "webhook")] {
        let job = NewJob {
            id: Id::new(now, [number; 10]),
            queue: queue.to_owned(),
            subject: report.clone(),
            payload: String::new(),
            once: None,
            due: now,
            made_at: now,
            max_attempts: 1,
        };
        ledger.enqueue(&job).await.unwrap();
        let lease = ledger.lease(queue, "test", 1, now, now + 1).await.unwrap().remove(0);
        ledger.give_up(&lease, "550 no <script>", now).await.unwrap();
    }
    let page = house.ask(&Method::GET, "/health", Some(&token), "").await;
    assert_eq!(page.page.matches(&format!("href=\"/reports/{report}\"")).count(), 1, "of the reader's alone");
    assert_eq!(page.page.matches("550 no &#60;script&#62;").count(), 3);
    assert!(page.page.contains("Try these 3 again") && page.page.contains("send-&#60;b&#62;report"));
    let dead = async || {
        let filter = JobFilter { state: Some(JobState::Dead), queue: None };
        ledger.jobs(&filter, None, 9).await.unwrap().rows.len()
    };
    let one = Id::new(now, [2; 10]);
    let proof = format!("proof={}", page.proof());
    for (path, left) in [
        ("/health/jobs/0000000000000000000000000000a001/retry".to_owned(), 3),
        ("/health/jobs/nonsense/retry".to_owned(), 3),
        (format!("/health/jobs/{one}/retry"), 2),
        (format!("/health/jobs/{one}/retry"), 2),
        ("/health/jobs/retry".to_owned(), 0),
    ] {
        let answer = house.ask(&Method::POST, &path, Some(&token), &proof).await;
        assert_eq!((answer.leads_to(), dead().await), ("/health", left), "{path}");
    }
    let audit = house.ask(&Method::GET, "/audit?what=job.retry", Some(&token), "").await.page;
    assert_eq!(audit.matches("<code>job.retry</code>").count(), 3, "each once");
    assert!(!house.ask(&Method::GET, "/health", Some(&token), "").await.page.contains("Given up"));
}
