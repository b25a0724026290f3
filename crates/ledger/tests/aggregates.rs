//! Reports that count: one for each key

use sekisho_ledger::{AggregateKey, Channel, Claim, Counted, JobState, Mark, ReportKind, ReportState};

use crate::books::{NOW, SECOND, claim, conclude, id, intake, on_both};

/// Returns a key; who sends it is authenticated.
fn key() -> AggregateKey {
    AggregateKey {
        kind: ReportKind::DmarcAggregate,
        submitter: Some("reporter.test".to_owned()),
        org: "Reporter".to_owned(),
        report_id: "1".to_owned(),
        domain: "example.org".to_owned(),
        begin: 0,
        end: 86_400_000_000,
    }
}

#[test]
fn a_key_belongs_to_the_first_report_and_stays_with_it() {
    on_both(async |books| {
        let (ledger, first, second) = (books.open().await, id(), id());
        assert_eq!(claim(&ledger, &key(), first, 0).await, Claim::Ours);
        assert_eq!(claim(&ledger, &key(), second, 0).await, Claim::Duplicate(first));
        // Its job was broken off and does all again: it is no duplicate of itself. The same within one mail is.
        assert_eq!(claim(&ledger, &key(), first, 0).await, Claim::Ours);
        assert_eq!(claim(&ledger, &key(), first, 1).await, Claim::Duplicate(first));
        let read = ledger.aggregates_of(first).await.unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!((&read[0].key, read[0].rows, read[0].messages), (&key(), 0, 0));
        assert_eq!(ledger.aggregates_of(second).await.unwrap(), []);
    });
}

#[test]
fn what_was_counted_is_noted_with_the_end_of_its_job_or_not_at_all() {
    on_both(async |books| {
        let (ledger, new) = (books.open().await, intake(b"one"));
        let report = new.report.id;
        ledger.receive(&new).await.unwrap();
        let lost = ledger.lease("read", "slow", 1, NOW, NOW + 1).await.unwrap().remove(0);
        let held = ledger.lease("read", "quick", 1, NOW + 1, NOW + SECOND).await.unwrap().remove(0);
        assert_eq!(claim(&ledger, &key(), report, 0).await, Claim::Ours);
        let (submitter, proven_by) = (None, None);
        let mark =
            Mark { state: ReportState::Read, reason: None, read_as: None, domain: None, submitter, proven_by, at: NOW };
        let counted = |rows| [Counted { part: 0, rows, messages: 1000 }];
        assert!(!conclude(&ledger, &lost, report, &mark, &counted(7)).await);
        assert_eq!(ledger.report(report).await.unwrap().unwrap().state, ReportState::Received);
        assert_eq!(ledger.aggregates_of(report).await.unwrap()[0].rows, 0);
        assert!(conclude(&ledger, &held, report, &mark, &counted(10)).await);
        let read = ledger.aggregates_of(report).await.unwrap();
        assert_eq!((read[0].rows, read[0].messages), (10, 1000));
        assert_eq!(ledger.report(report).await.unwrap().unwrap().state, ReportState::Read);
        assert_eq!(ledger.job(held.job.id).await.unwrap().unwrap().state, JobState::Done);
        assert!(!conclude(&ledger, &held, report, &mark, &counted(11)).await);
        assert_eq!(ledger.aggregates_of(report).await.unwrap()[0].rows, 10);
    });
}

#[test]
fn mails_with_reports_are_counted_by_who_sent_them_to_our_intake() {
    on_both(async |books| {
        let ledger = books.open().await;
        let (by_smtp, mut by_file) = (intake(b"one"), intake(b"two"));
        by_file.report.channel = Channel::File;
        let (smtp, file) = (by_smtp.report.id, by_file.report.id);
        ledger.receive_all(&[by_smtp, by_file]).await.unwrap();
        for (report, part, report_id) in [(smtp, 0, "1"), (smtp, 1, "2"), (file, 0, "3")] {
            let key = AggregateKey { report_id: report_id.to_owned(), ..key() };
            assert_eq!(claim(&ledger, &key, report, part).await, Claim::Ours);
        }
        let mails =
            async |submitter: &str, from, before| ledger.mails_of_submitter(submitter, from, before).await.unwrap();
        assert_eq!(mails("reporter.test", NOW, NOW + 1).await, 1);
        assert_eq!(mails("reporter.test", NOW + 1, NOW + 2).await, 0);
        assert_eq!(mails("other.test", NOW, NOW + 1).await, 0);
    });
}

#[test]
fn every_part_of_the_key_tells_reports_apart() {
    on_both(async |books| {
        let ledger = books.open().await;
        let other = "other".to_owned();
        let keys = [
            key(),
            AggregateKey { kind: ReportKind::Tls, ..key() },
            AggregateKey { submitter: Some(other.clone()), ..key() },
            AggregateKey { submitter: Some(String::new()), ..key() },
            AggregateKey { submitter: None, ..key() },
            AggregateKey { org: other.clone(), ..key() },
            AggregateKey { report_id: other.clone(), ..key() },
            AggregateKey { domain: other.clone(), ..key() },
            AggregateKey { begin: 1, ..key() },
            AggregateKey { end: 1, ..key() },
            // Parts do not run into each other, and what is cut in its column is whole in the key.
            AggregateKey { org: "Reporter1".to_owned(), report_id: String::new(), ..key() },
            AggregateKey { report_id: "x".repeat(100_000), ..key() },
            AggregateKey { report_id: format!("{}y", "x".repeat(99_999)), ..key() },
            AggregateKey { report_id: "a\0b".to_owned(), ..key() },
        ];
        for key in &keys {
            assert_eq!(claim(&ledger, key, id(), 0).await, Claim::Ours, "{key:?}");
        }
        for key in &keys {
            let again = claim(&ledger, key, id(), 0).await;
            assert!(matches!(again, Claim::Duplicate(_)));
        }
    });
}

#[test]
fn an_unauthenticated_report_never_has_the_key_of_an_authenticated_one() {
    on_both(async |books| {
        let (ledger, forged, real) = (books.open().await, id(), id());
        let forgery = AggregateKey { submitter: None, ..key() };
        assert_eq!(claim(&ledger, &forgery, forged, 0).await, Claim::Ours);
        assert_eq!(claim(&ledger, &key(), real, 0).await, Claim::Ours);
        assert_eq!(ledger.aggregates_of(forged).await.unwrap()[0].key.submitter, None);
    });
}

#[test]
fn of_many_that_claim_at_once_one_counts() {
    on_both(async |books| {
        let nodes = [books.open().await, books.open().await];
        for round in 0..10 {
            let key = AggregateKey { report_id: round.to_string(), ..key() };
            let tasks: Vec<_> = (0..8)
                .map(|number: usize| {
                    let (ledger, key) = (nodes[number % 2].clone(), key.clone());
                    tokio::spawn(async move { claim(&ledger, &key, id(), 0).await })
                })
                .collect();
            let mut ours = 0;
            for task in tasks {
                ours += usize::from(task.await.unwrap() == Claim::Ours);
            }
            assert_eq!(ours, 1);
        }
    });
}
