//! Imports go on where they were broken off

use std::collections::BTreeSet;
use std::slice;

use sekisho_ledger::{Digest, Intake, Ledger, Receipt, ReportFilter, ReportState, Source};

use crate::books::{NOW, intake, on_both};

/// Tells whether all of a source was imported.
async fn is_imported(ledger: &Ledger, source: &Source) -> bool {
    ledger.are_imported(slice::from_ref(source)).await.unwrap() == [true]
}

#[test]
fn an_import_knows_what_it_has_behind_it() {
    on_both(async |books| {
        let ledger = books.open().await;
        let source = Source { path: "/mail/box\0関.mbox".to_owned(), size: 10, modified_at: NOW };
        let mut first = intake(b"first");
        first.source = Some(source.clone());
        assert_eq!(ledger.receive(&first).await.unwrap(), Receipt::New);
        assert!(!is_imported(&ledger, &source).await);
        // A mail that is known already belongs to the source all the same.
        let mut again = intake(b"second");
        ledger.receive(&again).await.unwrap();
        again.source = Some(source.clone());
        ledger.receive_all(&[first.clone(), again]).await.unwrap();
        let expected = BTreeSet::from([Digest::of(b"first"), Digest::of(b"second")]);
        assert_eq!(ledger.imported_of(&source).await.unwrap(), expected);

        for _ in 0..2 {
            ledger.note_imported(slice::from_ref(&source), NOW).await.unwrap();
        }
        assert!(is_imported(&ledger, &source).await);
        assert_eq!(ledger.imported_of(&source).await.unwrap(), expected);
        for other in [
            Source { path: "/mail/box".to_owned(), ..source.clone() },
            Source { size: 11, ..source.clone() },
            Source { modified_at: NOW + 1, ..source.clone() },
        ] {
            assert!(!is_imported(&ledger, &other).await, "{other:?}");
        }
    });
}

#[test]
fn a_report_knows_every_file_that_it_was_found_in_and_others_know_none() {
    on_both(async |books| {
        let ledger = books.open().await;
        let source = |path: &str| Some(Source { path: path.to_owned(), size: 1, modified_at: NOW });
        let (mut first, posted) = (intake(b"first"), intake(b"posted"));
        first.source = source("/mail/a");
        let again = Intake { source: source("/mail/b"), ..intake(b"first") };
        ledger.receive_all(&[first.clone(), again, posted.clone()]).await.unwrap();
        ledger.note_imported(first.source.as_slice(), NOW).await.unwrap();
        let found = ledger.sources_of_reports(&ReportFilter::default()).await.unwrap();
        let mut paths = found[&first.report.id].clone();
        paths.sort();
        assert_eq!((paths, found.len()), (vec!["/mail/a".to_owned(), "/mail/b".to_owned()], 1));
        let none = ReportFilter { state: Some(ReportState::Read), ..ReportFilter::default() };
        assert!(ledger.sources_of_reports(&none).await.unwrap().is_empty());
        let before = ReportFilter { before: Some(first.report.received_at), ..ReportFilter::default() };
        assert!(ledger.sources_of_reports(&before).await.unwrap().is_empty());
    });
}
