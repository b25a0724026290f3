//! Lists: page by page, each row once

use sekisho_ledger::{Cursor, Mark, ReportFilter, ReportKind, ReportState};

use crate::books::{NOW, SECOND, conclude, intake, on_both};

#[test]
fn pages_show_each_report_once_the_newest_first_even_at_equal_times() {
    on_both(async |books| {
        let ledger = books.open().await;
        let intakes: Vec<_> = (0..25)
            .map(|number| {
                let mut new = intake(format!("report {number}").as_bytes());
                new.report.received_at = NOW + i64::from(number) / 10 * SECOND;
                new
            })
            .collect();
        ledger.receive_all(&intakes).await.unwrap();
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = ledger.reports(&ReportFilter::default(), after, 10).await.unwrap();
            seen.extend(page.rows.iter().map(|report| (report.received_at, report.id)));
            pages += 1;
            // A cursor goes through an address and comes back.
            after = page.next.map(|cursor| cursor.to_string().parse::<Cursor>().unwrap());
            if after.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), pages), (25, 3));
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    });
}

#[test]
fn filters_let_through_what_they_say() {
    on_both(async |books| {
        let ledger = books.open().await;
        let mut intakes: Vec<_> = (0..4_u8).map(|number| intake(&[number])).collect();
        intakes[1].report.kind = ReportKind::Tls;
        intakes[3].report.received_at = NOW + SECOND;
        ledger.receive_all(&intakes).await.unwrap();
        let mark = Mark {
            state: ReportState::Read,
            reason: None,
            read_as: Some(ReportKind::Fbl),
            domain: Some("example.org".to_owned()),
            submitter: None,
            proven_by: None,
            at: NOW,
        };
        let leases = ledger.lease("read", "w", 10, NOW, NOW + SECOND).await.unwrap();
        let id = intakes[2].report.id;
        let lease = leases.iter().find(|lease| lease.job.subject == id.to_string()).unwrap();
        assert!(conclude(&ledger, lease, id, &mark, &[]).await);
        let all = ReportFilter::default();
        for (filter, expected) in [
            (all.clone(), &[0, 1, 2, 3][..]),
            (ReportFilter { state: Some(ReportState::Read), ..all.clone() }, &[2]),
            (ReportFilter { state: Some(ReportState::Received), ..all.clone() }, &[0, 1, 3]),
            (ReportFilter { kind: Some(ReportKind::Tls), ..all.clone() }, &[1]),
            (ReportFilter { kind: Some(ReportKind::Fbl), ..all.clone() }, &[2]),
            (ReportFilter { kind: Some(ReportKind::DmarcAggregate), ..all.clone() }, &[0, 3]),
            (ReportFilter { domain: Some("example.org".to_owned()), ..all.clone() }, &[2]),
            (ReportFilter { domain: Some("%".to_owned()), ..all.clone() }, &[]),
            (ReportFilter { from: Some(NOW + 1), ..all.clone() }, &[3]),
            (ReportFilter { before: Some(NOW + SECOND), ..all.clone() }, &[0, 1, 2]),
            (ReportFilter { kind: Some(ReportKind::Tls), before: Some(NOW), ..all.clone() }, &[]),
        ] {
            let mut found: Vec<_> = ledger.reports(&filter, None, 10).await.unwrap().rows;
            found.sort_by_key(|report| report.id);
            let ids: Vec<_> = found.iter().map(|report| report.id).collect();
            let expected: Vec<_> = expected.iter().map(|number| intakes[*number].report.id).collect();
            assert_eq!(ids, expected, "{filter:?}");
        }
    });
}
