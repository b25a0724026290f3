//! Reports of ours: each planned once, and what became of it

use sekisho_ledger::{
    Digest, JobFilter, Ledger, NewJob, NewOutgoing, OutgoingFilter, OutgoingKind, OutgoingMark, OutgoingState, Planned,
};

use crate::books::{NOW, SECOND, id, job, on_both};

/// Returns a report of ours for a domain.
fn outgoing(domain: &str) -> NewOutgoing {
    NewOutgoing {
        id: id(),
        domain: domain.to_owned(),
        day: 20_000,
        kind: OutgoingKind::DmarcAggregate,
        destination: "mailto:rua@example.org".to_owned(),
        part: String::new(),
        planned_at: NOW,
    }
}

#[test]
fn of_several_nodes_one_plans_a_report_and_its_job() {
    on_both(async |books| {
        let nodes = [books.open().await, books.open().await];
        for round in 0..10 {
            let domain = format!("{round}.example.org");
            let tasks: Vec<_> = (0..8)
                .map(|number: usize| {
                    let (ledger, new) = (nodes[number % 2].clone(), outgoing(&domain));
                    tokio::spawn(async move { (new.id, ledger.plan(&new, &job("send")).await.unwrap()) })
                })
                .collect();
            let (mut winners, mut named) = (Vec::new(), Vec::new());
            for task in tasks {
                match task.await.unwrap() {
                    (id, Planned::New) => winners.push(id),
                    (_, Planned::Known(id)) => named.push(id),
                }
            }
            assert_eq!(winners.len(), 1);
            assert!(named.iter().all(|id| *id == winners[0]));
        }
        assert_eq!(nodes[0].jobs(&JobFilter::default(), None, 100).await.unwrap().rows.len(), 10);
    });
}

#[test]
fn day_kind_and_destination_tell_reports_apart() {
    on_both(async |books| {
        let ledger = books.open().await;
        let one = || outgoing("example.org");
        for new in [
            one(),
            NewOutgoing { day: 20_001, ..one() },
            NewOutgoing { kind: OutgoingKind::Tls, ..one() },
            NewOutgoing { destination: "mailto:other@example.org".to_owned(), ..one() },
            NewOutgoing { part: "1".to_owned(), ..one() },
            NewOutgoing { part: "2".to_owned(), ..one() },
        ] {
            assert_eq!(ledger.plan(&new, &job("send")).await.unwrap(), Planned::New, "{new:?}");
        }
        assert!(matches!(ledger.plan(&one(), &job("send")).await.unwrap(), Planned::Known(_)));
    });
}

#[test]
fn attempts_bounces_and_reasons_are_noted() {
    on_both(async |books| {
        let (ledger, new) = (books.open().await, outgoing("example.org"));
        ledger.plan(&new, &job("send")).await.unwrap();
        let mark = |state, reason: &str, attempted| OutgoingMark {
            state,
            reason: Some(reason.to_owned()),
            evidence: None,
            message_id: None,
            attempted,
            at: NOW + SECOND,
            jobs: Vec::new(),
        };
        assert!(ledger.mark_outgoing(new.id, &mark(OutgoingState::Planned, "451 later", true)).await.unwrap());
        let sent = OutgoingMark {
            evidence: Some(Digest::of(b"mail")),
            message_id: Some("<1@house.test>".to_owned()),
            ..mark(OutgoingState::Sent, "250 taken", true)
        };
        assert!(ledger.mark_outgoing(new.id, &sent).await.unwrap());
        let found = ledger.outgoing_by_message_id("<1@house.test>").await.unwrap().unwrap();
        assert_eq!((found.id, found.state, found.attempts), (new.id, OutgoingState::Sent, 2));
        assert!(ledger.mark_outgoing(new.id, &mark(OutgoingState::Bounced, "no such user", false)).await.unwrap());
        let row = ledger.outgoing(new.id).await.unwrap().unwrap();
        assert_eq!((row.state, row.attempts, row.evidence), (OutgoingState::Bounced, 2, Some(Digest::of(b"mail"))));
        assert_eq!((row.reason.as_deref(), row.message_id.as_deref()), (Some("no such user"), Some("<1@house.test>")));
        // What came back stays so, whatever is said of it later.
        assert!(!ledger.mark_outgoing(new.id, &sent).await.unwrap());
        assert!(!ledger.mark_outgoing(new.id, &mark(OutgoingState::Bounced, "another notice", false)).await.unwrap());
        assert_eq!(ledger.outgoing(new.id).await.unwrap().unwrap(), row);
        assert!(!ledger.mark_outgoing(id(), &sent).await.unwrap());
        assert_eq!(ledger.outgoing(id()).await.unwrap(), None);
        assert_eq!(ledger.outgoing_by_message_id("<2@house.test>").await.unwrap(), None);
    });
}

#[test]
fn reports_of_ours_are_listed_page_by_page() {
    on_both(async |books| {
        let ledger = books.open().await;
        let all: Vec<_> = (0..5).map(|number| outgoing(&format!("{number}.example.org"))).collect();
        for new in &all {
            ledger.plan(new, &job("send")).await.unwrap();
        }
        let skipped = OutgoingMark {
            state: OutgoingState::Skipped,
            reason: Some("destination not verified".to_owned()),
            evidence: None,
            message_id: None,
            attempted: false,
            at: NOW,
            jobs: Vec::new(),
        };
        ledger.mark_outgoing(all[2].id, &skipped).await.unwrap();
        let any = OutgoingFilter::default();
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = ledger.outgoings(&any, after, 2).await.unwrap();
            seen.extend(page.rows.iter().map(|row| row.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut expected: Vec<_> = all.iter().map(|new| new.id).collect();
        expected.reverse();
        assert_eq!(seen, expected);
        for (filter, count) in [
            (OutgoingFilter { state: Some(OutgoingState::Skipped), ..any.clone() }, 1),
            (OutgoingFilter { kind: Some(OutgoingKind::Tls), ..any.clone() }, 0),
            (OutgoingFilter { domain: Some("1.example.org".to_owned()), ..any.clone() }, 1),
            (OutgoingFilter { day: Some(20_000), ..any.clone() }, 5),
            (OutgoingFilter { day: Some(20_001), ..any.clone() }, 0),
        ] {
            assert_eq!(ledger.outgoings(&filter, None, 10).await.unwrap().rows.len(), count, "{filter:?}");
        }
    });
}

#[test]
fn what_follows_a_mark_is_enqueued_with_it_and_not_where_it_does_not_count() {
    on_both(async |books| {
        let (nodes, new) = ([books.open().await, books.open().await], outgoing("example.org"));
        nodes[0].plan(&new, &job("send")).await.unwrap();
        let told = |once: &str| OutgoingMark {
            state: OutgoingState::Sent,
            reason: None,
            evidence: None,
            message_id: None,
            attempted: true,
            at: NOW,
            jobs: vec![NewJob { queue: "tell".to_owned(), once: Some(once.to_owned()), ..job("news") }],
        };
        // Two nodes say the same: one of them because its lease was lost.
        let (here, there) = (told("sent"), told("sent"));
        let both = tokio::join!(nodes[0].mark_outgoing(new.id, &here), nodes[1].mark_outgoing(new.id, &there));
        assert!(both.0.unwrap() && both.1.unwrap());
        let bounced = OutgoingMark { state: OutgoingState::Bounced, jobs: Vec::new(), ..told("") };
        assert!(nodes[0].mark_outgoing(new.id, &bounced).await.unwrap());
        assert!(!nodes[0].mark_outgoing(new.id, &told("too late")).await.unwrap());
        let lease = async |ledger: &Ledger| ledger.lease("tell", "w", 9, NOW, NOW + SECOND).await.unwrap();
        assert_eq!(lease(&nodes[0]).await.len() + lease(&nodes[1]).await.len(), 1);
    });
}
