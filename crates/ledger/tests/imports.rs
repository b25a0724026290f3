//! Imports go on where they were broken off

use std::collections::BTreeSet;

use sekisho_ledger::{Digest, Receipt, Source};

use crate::books::{NOW, intake, on_both};

#[test]
fn an_import_knows_what_it_has_behind_it() {
    on_both(async |books| {
        let ledger = books.open().await;
        let source = Source { path: "/mail/box\0関.mbox".to_owned(), size: 10, modified_at: NOW };
        let mut first = intake(b"first");
        first.source = Some(source.clone());
        assert_eq!(ledger.receive(&first).await.unwrap(), Receipt::New);
        assert!(!ledger.is_imported(&source).await.unwrap());
        // A mail that is known already belongs to the source all the same.
        let mut again = intake(b"second");
        ledger.receive(&again).await.unwrap();
        again.source = Some(source.clone());
        ledger.receive_all(&[first.clone(), again]).await.unwrap();
        let expected = BTreeSet::from([Digest::of(b"first"), Digest::of(b"second")]);
        assert_eq!(ledger.imported_of(&source).await.unwrap(), expected);

        for _ in 0..2 {
            ledger.note_imported(&source, NOW).await.unwrap();
        }
        assert!(ledger.is_imported(&source).await.unwrap());
        assert_eq!(ledger.imported_of(&source).await.unwrap(), expected);
        for other in [
            Source { path: "/mail/box".to_owned(), ..source.clone() },
            Source { size: 11, ..source.clone() },
            Source { modified_at: NOW + 1, ..source.clone() },
        ] {
            assert!(!ledger.is_imported(&other).await.unwrap(), "{other:?}");
        }
    });
}
