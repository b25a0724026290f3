//! Reports: once, with their job, or not at all

use sekisho_ledger::{Conclusion, Fault, JobFilter, Mark, NewJob, ProvenBy, Receipt, ReportKind, ReportState};

use crate::books::{NOW, SECOND, conclude, id, intake, job, on_both};

#[test]
fn a_report_and_its_first_job_are_there_together() {
    on_both(async |books| {
        let (ledger, new) = (books.open().await, intake(b"report"));
        assert_eq!(ledger.receive(&new).await.unwrap(), Receipt::New);
        let report = ledger.report(new.report.id).await.unwrap().unwrap();
        assert_eq!((report.state, report.evidence, report.size), (ReportState::Received, new.report.evidence, 6));
        assert_eq!((report.envelope, report.submitter), (new.report.envelope.clone(), None));
        let jobs = ledger.lease("read", "w", 10, NOW, NOW + SECOND).await.unwrap();
        assert_eq!(jobs.len(), 1);
        assert_eq!((jobs[0].job.id, &jobs[0].job.subject), (new.job.id, &new.report.id.to_string()));
        assert_eq!(ledger.report(id()).await.unwrap(), None);
    });
}

#[test]
fn a_report_whose_job_cannot_be_written_is_not_there_either() {
    on_both(async |books| {
        let (ledger, first, mut second) = (books.open().await, intake(b"1"), intake(b"2"));
        ledger.receive(&first).await.unwrap();
        second.job.id = first.job.id;
        let refused = ledger.receive(&second).await;
        assert!(matches!(refused, Err(Fault::Conflict(_))), "{refused:?}");
        assert_eq!(ledger.report(second.report.id).await.unwrap(), None);
        // The connection that failed is in nobody's way.
        second.job.id = id();
        assert_eq!(ledger.receive(&second).await.unwrap(), Receipt::New);
        // Nor is one report of many written where another cannot be.
        let (third, mut fourth) = (intake(b"3"), intake(b"4"));
        fourth.report.id = first.report.id;
        assert!(matches!(ledger.receive_all(&[third.clone(), fourth]).await, Err(Fault::Conflict(_))));
        assert_eq!(ledger.report(third.report.id).await.unwrap(), None);
    });
}

#[test]
fn the_same_bytes_delivered_again_are_one_row_and_one_job() {
    on_both(async |books| {
        let (ledger, first, again) = (books.open().await, intake(b"same"), intake(b"same"));
        assert_eq!(ledger.receive(&first).await.unwrap(), Receipt::New);
        let receipt = ledger.receive(&again).await.unwrap();
        assert_eq!(receipt, Receipt::Known(first.report.id));
        assert_eq!(receipt.id(again.report.id), first.report.id);
        assert_eq!(ledger.report(again.report.id).await.unwrap(), None);
        assert_eq!(ledger.jobs(&JobFilter::default(), None, 10).await.unwrap().rows.len(), 1);
        // For another kind of recipient they are another report.
        let mut other = intake(b"same");
        other.report.kind = ReportKind::Abuse;
        assert_eq!(ledger.receive(&other).await.unwrap(), Receipt::New);
        let batch = [intake(b"same"), intake(b"more"), intake(b"more")];
        let expected = [Receipt::Known(first.report.id), Receipt::New, Receipt::Known(batch[1].report.id)];
        assert_eq!(ledger.receive_all(&batch).await.unwrap(), expected);
    });
}

#[test]
fn of_many_deliveries_at_once_one_is_new() {
    on_both(async |books| {
        let nodes = [books.open().await, books.open().await];
        for round in 0..10 {
            let bytes = format!("round {round}");
            let tasks: Vec<_> = (0..8)
                .map(|number| {
                    let (ledger, new) = (nodes[number % 2].clone(), intake(bytes.as_bytes()));
                    tokio::spawn(async move { (new.report.id, ledger.receive(&new).await.unwrap()) })
                })
                .collect();
            let (mut new, mut ids) = (0, Vec::new());
            for task in tasks {
                let (id, receipt) = task.await.unwrap();
                new += usize::from(receipt == Receipt::New);
                ids.push(receipt.id(id));
            }
            ids.dedup();
            assert_eq!((new, ids.len()), (1, 1));
        }
        assert_eq!(nodes[0].jobs(&JobFilter::default(), None, 100).await.unwrap().rows.len(), 10);
    });
}

#[test]
fn a_copy_that_proves_nothing_does_not_displace_the_real_one() {
    on_both(async |books| {
        let (ledger, copy) = (books.open().await, intake(b"same"));
        ledger.receive(&copy).await.unwrap();
        let by = |client: &str| {
            let mut new = intake(b"same");
            new.report.envelope.client = client.to_owned();
            new.report.envelope.mail_from = Some("r@reporter.test".to_owned());
            new
        };
        // Whether the copy was read or not: what comes by another way is a report of its own, and once by that way.
        let real = by("192.0.2.2");
        assert_eq!(ledger.receive(&real).await.unwrap(), Receipt::New);
        assert_eq!(ledger.receive(&by("192.0.2.2")).await.unwrap(), Receipt::Known(real.report.id));
        let leases = ledger.lease("read", "w", 10, NOW, NOW + SECOND).await.unwrap();
        assert_eq!(leases.len(), 2);
        let report = ledger.report(real.report.id).await.unwrap().unwrap();
        assert_eq!((report.state, &*report.envelope.client), (ReportState::Received, "192.0.2.2"));
        // A way that can prove nothing is none: a file, a post, another kind of report.
        assert_eq!(ledger.receive(&intake(b"same")).await.unwrap(), Receipt::Known(copy.report.id));
        let mut posted = by("192.0.2.3");
        posted.report.envelope.mail_from = None;
        assert_eq!(ledger.receive(&posted).await.unwrap(), Receipt::Known(copy.report.id));
        let both = |kind: ReportKind| {
            ["192.0.2.4", "192.0.2.5"].map(|client| {
                let mut new = by(client);
                new.report.kind = kind;
                new
            })
        };
        let [failure, other] = both(ReportKind::DmarcFailure);
        assert_eq!(ledger.receive(&failure).await.unwrap(), Receipt::New);
        assert_eq!(ledger.receive(&other).await.unwrap(), Receipt::New);
        let [complaint, same] = both(ReportKind::Abuse);
        assert_eq!(ledger.receive(&complaint).await.unwrap(), Receipt::New);
        assert_eq!(ledger.receive(&same).await.unwrap(), Receipt::Known(complaint.report.id));

        // Once one of them is proven, no other changes anything.
        let lease = leases.iter().find(|lease| lease.job.subject == real.report.id.to_string()).unwrap();
        let mark = Mark {
            state: ReportState::Read,
            reason: None,
            read_as: None,
            domain: None,
            submitter: Some("reporter.test".to_owned()),
            proven_by: None,
            at: NOW + 1,
        };
        assert!(conclude(&ledger, lease, real.report.id, &mark, &[]).await);
        assert_eq!(ledger.receive(&by("192.0.2.6")).await.unwrap(), Receipt::Known(real.report.id));
        let report = ledger.report(real.report.id).await.unwrap().unwrap();
        assert_eq!(report.submitter.as_deref(), Some("reporter.test"));
    });
}

#[test]
fn what_became_of_a_report_is_noted() {
    on_both(async |books| {
        let (ledger, mut new) = (books.open().await, intake(b"report"));
        new.report.envelope.told_spf = Some("reporter.test".to_owned());
        ledger.receive(&new).await.unwrap();
        let lease = ledger.lease("read", "w", 1, NOW, NOW + SECOND).await.unwrap().remove(0);
        let mark = Mark {
            state: ReportState::Unreadable,
            reason: Some("a DOCTYPE".to_owned()),
            read_as: Some(ReportKind::Tls),
            domain: Some("example.org".to_owned()),
            submitter: Some("reporter.test".to_owned()),
            proven_by: Some(ProvenBy::AuthenticationResults),
            at: NOW + 1,
        };
        assert!(conclude(&ledger, &lease, new.report.id, &mark, &[]).await);
        let report = ledger.report(new.report.id).await.unwrap().unwrap();
        assert_eq!((report.state, report.reason.as_deref()), (ReportState::Unreadable, Some("a DOCTYPE")));
        assert_eq!((report.kind, report.read_as), (ReportKind::DmarcAggregate, Some(ReportKind::Tls)));
        assert_eq!((report.domain.as_deref(), report.marked_at), (Some("example.org"), NOW + 1));
        assert_eq!(report.envelope.told_spf, report.submitter);
        assert_eq!(report.proven_by, Some(ProvenBy::AuthenticationResults));
    });
}

#[test]
fn hostile_text_is_kept_as_far_as_it_goes() {
    on_both(async |books| {
        let (ledger, mut new) = (books.open().await, intake(b"report"));
        new.report.envelope.helo = "a\0b'; DROP TABLE reports; --".to_owned();
        new.report.envelope.mail_from = Some("\u{202e}関".repeat(100_000));
        new.report.envelope.recipient = "$1 ? :x @y".to_owned();
        new.job.payload = "\0".repeat(10);
        new.report.size = u64::MAX;
        ledger.receive(&new).await.unwrap();
        let report = ledger.report(new.report.id).await.unwrap().unwrap();
        assert_eq!(report.envelope.helo, "a\u{2400}b'; DROP TABLE reports; --");
        assert_eq!(report.envelope.recipient, "$1 ? :x @y");
        assert!(report.envelope.mail_from.unwrap().len() <= 1003);
        assert_eq!(report.size, i64::MAX as u64);
    });
}

#[test]
fn what_follows_a_conclusion_is_enqueued_with_it_and_not_where_the_lease_was_lost() {
    on_both(async |books| {
        let (nodes, new) = ([books.open().await, books.open().await], intake(b"told"));
        nodes[0].receive(&new).await.unwrap();
        let lost = nodes[0].lease("read", "slow", 1, NOW, NOW + SECOND).await.unwrap().remove(0);
        let held = nodes[1].lease("read", "quick", 1, NOW + SECOND, NOW + 9 * SECOND).await.unwrap().remove(0);
        let mark = Mark {
            state: ReportState::Read,
            reason: None,
            read_as: None,
            domain: None,
            submitter: None,
            proven_by: None,
            at: NOW + 1,
        };
        let conclusion = |lease, subject| Conclusion {
            lease,
            report: new.report.id,
            mark: mark.clone(),
            counted: Vec::new(),
            jobs: vec![NewJob { queue: "tell".to_owned(), ..job(subject) }],
        };
        let (slow, quick) = ([conclusion(&lost, "slow")], [conclusion(&held, "quick")]);
        let both = tokio::join!(nodes[0].conclude(&slow, NOW + 2), nodes[1].conclude(&quick, NOW + 2));
        assert_eq!((both.0.unwrap(), both.1.unwrap()), (vec![false], vec![true]));
        assert_eq!(nodes[1].conclude(&quick, NOW + 3).await.unwrap(), [false], "said again it is lost, too");
        let told = nodes[0].lease("tell", "w", 9, NOW, NOW + SECOND).await.unwrap();
        assert_eq!(told.iter().map(|lease| &*lease.job.subject).collect::<Vec<_>>(), ["quick"]);
    });
}
