//! Opening: forward or not at all; and the copy that a backup is

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use sekisho_ledger::{BackupError, Fault, Ledger, OpenError, Receipt};
use sqlx::{AnyConnection, Connection};

use crate::books::{Books, NOW, intake, on_both, runtime};

/// Returns a connection of ours beside the ledger's.
async fn connect(books: &Books) -> AnyConnection {
    sqlx::any::install_default_drivers();
    AnyConnection::connect(&books.url).await.unwrap()
}

#[test]
fn a_book_is_opened_by_several_at_once_and_again_later() {
    on_both(async |books| {
        let url = books.url.clone();
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Ledger::open(&url, NOW).await.map(|_| ()) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let (ledger, new) = (books.open().await, intake(b"kept"));
        ledger.receive(&new).await.unwrap();
        ledger.ping().await.unwrap();
        ledger.close().await;
        assert!(books.open().await.report(new.report.id).await.unwrap().is_some());
    });
}

#[test]
fn a_book_of_a_newer_program_is_refused_and_left_as_it_is() {
    on_both(async |books| {
        books.open().await.close().await;
        let mut connection = connect(books).await;
        let newer = "INSERT INTO migrations (version, name, sha256, done_at) VALUES (99, 'x', 'x', 0)";
        sqlx::raw_sql(newer).execute(&mut connection).await.unwrap();
        let refused = Ledger::open(&books.url, NOW).await;
        let Err(OpenError::Newer { version: 99, known }) = &refused else { panic!("{refused:?}") };
        assert_eq!(
            refused.as_ref().unwrap_err().to_string(),
            format!("the ledger was written by a newer Sekisho: it has migration 99, and this one knows {known}")
        );
        let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM migrations";
        let (rows,): (i64,) = sqlx::query_as(count).fetch_one(&mut connection).await.unwrap();
        assert_eq!(rows, known + 1);
        sqlx::raw_sql("DELETE FROM migrations WHERE version = 99").execute(&mut connection).await.unwrap();
        sqlx::raw_sql("UPDATE migrations SET sha256 = 'x'").execute(&mut connection).await.unwrap();
        let refused = Ledger::open(&books.url, NOW).await;
        assert!(matches!(refused, Err(OpenError::Altered { version: 1 })), "{refused:?}");
    });
}

#[test]
fn an_address_that_is_none_and_a_file_that_is_no_database_are_refused() {
    runtime().block_on(async {
        for url in ["", "mysql://a/b", "sqlite:", "sqlite::memory:"] {
            let refused = Ledger::open(url, NOW).await;
            assert!(matches!(refused, Err(OpenError::Address)), "{refused:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "not a database at all, but long enough to be looked at as one: ".repeat(100)).unwrap();
        let refused = Ledger::open(&format!("sqlite:{}", path.display()), NOW).await;
        assert!(matches!(refused, Err(OpenError::Ledger(Fault::Corrupt(_)))), "{refused:?}");
        let refused = Ledger::open("sqlite:/proc/none/ledger.db", NOW).await;
        assert!(matches!(refused, Err(OpenError::File { .. })), "{refused:?}");
        let start = Instant::now();
        let refused = Ledger::open("postgres://sekisho:secret@127.0.0.1:1/none", NOW).await;
        let Err(OpenError::Ledger(fault @ Fault::Unavailable(cause))) = &refused else { panic!("{refused:?}") };
        assert!(!format!("{fault} {cause} {refused:?}").contains("secret"));
        assert!(fault.is_passing() && start.elapsed().as_secs() < 60);
    });
}

#[test]
fn odd_characters_in_a_path_are_part_of_it() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep er/a?b#c%41 関.db");
        let ledger = Ledger::open(&format!("sqlite:{}", path.display()), NOW).await.unwrap();
        ledger.receive(&intake(b"x")).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    });
}

#[test]
fn a_backup_is_a_whole_book_while_others_write() {
    runtime().block_on(async {
        let books = Books::sqlite();
        let (ledger, folder) = (books.open().await, tempfile::tempdir().unwrap());
        let before: Vec<_> = (0..100_u8).map(|number| intake(&[number])).collect();
        ledger.receive_all(&before).await.unwrap();
        let writer = tokio::spawn({
            let ledger = ledger.clone();
            async move {
                for number in 0..100_u8 {
                    ledger.receive(&intake(&[number, 1])).await.unwrap();
                }
            }
        });
        let target = folder.path().join("copy.db");
        ledger.backup_to(&target).await.unwrap();
        writer.await.unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half written stays");
        assert!(matches!(ledger.backup_to(&target).await, Err(BackupError::Exists(_))));
        let nowhere = folder.path().join("none/copy.db");
        assert!(matches!(ledger.backup_to(&nowhere).await, Err(BackupError::File { .. })));

        let restored = Ledger::open(&format!("sqlite:{}", target.display()), NOW).await.unwrap();
        for new in &before {
            assert!(restored.report(new.report.id).await.unwrap().is_some());
        }
        assert_eq!(restored.receive(&before[0]).await.unwrap(), Receipt::Known(before[0].report.id));
    });
}

#[test]
fn postgresql_says_that_its_backup_is_another() {
    let Some(books) = Books::postgres() else { return };
    runtime().block_on(async {
        let refused = books.open().await.backup_to("/tmp/none.db".as_ref()).await;
        assert!(matches!(refused, Err(BackupError::Engine)), "{refused:?}");
    });
}
