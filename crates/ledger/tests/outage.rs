//! A database that is away: an error that says so, and work again by itself once it is back

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sekisho_ledger::{Fault, Ledger, Receipt};
use sekisho_testkit::postgres::Postgres;
use sqlx::{AnyConnection, Connection};

use crate::books::{Books, NOW, intake, runtime};

#[test]
fn while_postgresql_is_away_the_ledger_is_not_available_and_afterwards_it_is() {
    let Some(postgres) = Postgres::start() else { return };
    runtime().block_on(async {
        let ledger = Ledger::open(&postgres.database("books"), NOW).await.unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..4).map(|number| tokio::spawn(send(ledger.clone(), number, over.clone()))).collect();
        let mut slowest = Duration::ZERO;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            postgres.halt();
            let refused = ledger.ping().await;
            assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
            postgres.resume();
            let start = Instant::now();
            while ledger.ping().await.is_err() {
                assert!(start.elapsed() < Duration::from_secs(30), "it does not come back");
            }
            slowest = slowest.max(start.elapsed());
        }
        over.store(true, Ordering::Relaxed);
        let (mut acknowledged, mut refused) = (Vec::new(), 0);
        for sender in senders {
            let (ids, faults) = sender.await.unwrap();
            acknowledged.extend(ids);
            refused += faults;
        }
        assert!(refused > 0 && acknowledged.len() > 12, "{refused} refused, {} taken", acknowledged.len());
        for id in &acknowledged {
            assert!(ledger.report(*id).await.unwrap().is_some());
        }
        let jobs: u64 = ledger.job_counts().await.unwrap().iter().map(|count| count.jobs).sum();
        assert_eq!(jobs, acknowledged.len() as u64, "each is there once, also where a commit's answer was lost");
        // Five seconds is the bound on a machine with nothing else to do.
        assert!(slowest < Duration::from_secs(20), "{slowest:?}");
    });
}

/// Sends reports, each until it is acknowledged, as MTAs do; returns their ids, and how often one was refused.
async fn send(ledger: Ledger, number: usize, over: Arc<AtomicBool>) -> (Vec<sekisho_ledger::Id>, usize) {
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    while !over.load(Ordering::Relaxed) {
        let bytes = format!("sender {number}, report {}", acknowledged.len());
        loop {
            // Another try is another submission, with other ids.
            let new = intake(bytes.as_bytes());
            match ledger.receive(&new).await {
                Ok(receipt) => {
                    acknowledged.push(receipt.id(new.report.id));
                    break;
                }
                Err(Fault::Unavailable(_)) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    (acknowledged, refused)
}

#[test]
fn a_postgresql_that_says_nothing_is_not_available_either() {
    let Some(postgres) = Postgres::start() else { return };
    runtime().block_on(async {
        let ledger = Ledger::open(&postgres.database("books"), NOW).await.unwrap();
        ledger.receive(&intake(b"before")).await.unwrap();
        postgres.freeze();
        let refused = ledger.receive(&intake(b"meanwhile")).await;
        assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
        postgres.thaw();
        assert_eq!(ledger.receive(&intake(b"after")).await.unwrap(), Receipt::New);
    });
}

#[test]
fn a_sqlite_that_somebody_locked_is_not_available_until_it_is_unlocked() {
    runtime().block_on(async {
        let books = Books::sqlite();
        let ledger = books.open().await;
        let mut other = AnyConnection::connect(&books.url).await.unwrap();
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
        let refused = ledger.receive(&intake(b"x")).await;
        assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
        // Who reads is not disturbed.
        assert_eq!(ledger.report(crate::books::id()).await.unwrap(), None);
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
        assert_eq!(ledger.receive(&intake(b"x")).await.unwrap(), Receipt::New);
    });
}

#[test]
fn an_operation_that_is_given_up_halfway_leaves_nothing() {
    crate::books::on_both(async |books| {
        let ledger = books.open().await;
        for step in 0..60_u64 {
            let new = intake(&step.to_be_bytes());
            let given = Duration::from_micros(step * 50);
            let taken = tokio::time::timeout(given, ledger.receive(&new)).await.is_ok();
            // Whether it was committed or not: a second try ends it, and there is one job.
            let receipt = ledger.receive(&new).await.unwrap();
            assert!(!taken || receipt == Receipt::Known(new.report.id));
            let jobs: u64 = ledger.job_counts().await.unwrap().iter().map(|count| count.jobs).sum();
            assert_eq!(jobs, step + 1);
        }
    });
}
