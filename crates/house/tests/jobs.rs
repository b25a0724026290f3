//! `sekisho jobs`: what was given up is seen, and tried again where somebody says so

use sekisho_house::Setting;
use sekisho_ledger::{Id, JobState, Ledger, NewJob};
use serde_json::Value;

use crate::command::{Folder, Said};

/// A moment in 2026, in microseconds since 1970.
const NOW: i64 = 1_795_000_000_000_000;

/// Books with jobs: one that waits, one that is done, and two that were given up, of which the second one's reason is hostile.
struct Books {
    /// Their folder.
    folder: Folder,
    /// The jobs, in that order.
    ids: [Id; 4],
}

impl Books {
    /// Fills them.
    fn new() -> Books {
        let folder = Folder::new();
        std::fs::create_dir(folder.path("data")).unwrap();
        folder.write("sekisho.toml", format!("store.folder = {:?}\n", folder.path("data")));
        let queues = ["read-report", "read-report", "webhook", "send-report"];
        let ids = std::array::from_fn(|at| Id::new(NOW, [u8::try_from(at).unwrap(); 10]));
        let books = Books { folder, ids };
        books.with_ledger(async |ledger| {
            for (id, queue) in ids.into_iter().zip(queues) {
                let (queue, subject) = (queue.to_owned(), format!("about-{queue}"));
                let (payload, once) = (String::new(), None);
                let (due, made_at, max_attempts) = (NOW, NOW, 9);
                ledger
                    .enqueue(&NewJob { id, queue, subject, payload, once, due, made_at, max_attempts })
                    .await
                    .unwrap();
            }
            let lease = async |queue: &str| ledger.lease(queue, "test", 9, NOW + 1, NOW + 2).await.unwrap();
            let reading = lease("read-report").await;
            ledger.postpone(&reading[0], "the database is away", NOW + 2, NOW + 3).await.unwrap();
            ledger.finish(&reading[1], NOW + 2).await.unwrap();
            ledger.give_up(&lease("webhook").await[0], "answers 410", NOW + 3).await.unwrap();
            ledger.give_up(&lease("send-report").await[0], "\u{1b}[2J\u{202e}no", NOW + 4).await.unwrap();
        });
        books
    }

    /// Does something with the ledger.
    fn with_ledger<T>(&self, act: impl AsyncFnOnce(&Ledger) -> T) -> T {
        let path = format!("sqlite:{}", self.folder.path("data/ledger.sqlite").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let ledger = Ledger::open(&path, NOW).await.unwrap();
            let done = act(&ledger).await;
            ledger.close().await;
            done
        })
    }

    /// Returns where each job stands.
    fn states(&self) -> [JobState; 4] {
        self.with_ledger(async |ledger| {
            let mut states = [JobState::Done; 4];
            for (state, id) in states.iter_mut().zip(self.ids) {
                *state = ledger.job(id).await.unwrap().unwrap().state;
            }
            states
        })
    }

    /// Calls `sekisho jobs`.
    fn call(&self, words: &str) -> Said {
        self.folder.call_with(&format!("jobs {words} --config @sekisho.toml"), "", Setting::default())
    }
}

#[test]
fn what_was_given_up_is_listed_first_with_its_reason_and_what_is_done_is_not() {
    let books = Books::new();
    let listed = books.call("list");
    let [waiting, done, hook, sending] = books.ids.map(|id| id.to_string());
    assert_eq!((listed.exit, listed.stderr.as_str()), (1, ""));
    let lines: Vec<&str> = listed.stdout.lines().collect();
    assert!(lines[0].starts_with(&sending) && lines[0].contains("send-report  given up  1 of 9 tries"), "{}", lines[0]);
    assert!(!listed.stdout.contains(['\u{1b}', '\u{202e}']), "{:?}", listed.stdout);
    assert!(lines[2].starts_with(&hook) && lines[3] == "  answers 410", "{lines:?}");
    assert!(lines[4].starts_with(&waiting) && lines[4].ends_with("about-read-report"), "{}", lines[4]);
    assert!(lines.len() == 6 && !listed.stdout.contains(&done), "{lines:?}");

    let json = books.call("list --state done --json");
    assert_eq!((json.exit, json.json()["id"].as_str(), json.json()["free_at"].clone()), (0, Some(&*done), Value::Null));
    let japanese = books.call("list --queue webhook --lang ja");
    assert!(
        japanese.stdout.contains("あきらめた") && japanese.stdout.contains("9 回中 1 回試行"),
        "{}",
        japanese.stdout
    );
    assert_eq!(books.call("list --queue nobody").stdout, "nothing in queue `nobody` waits or was given up\n");
}

#[test]
fn a_job_that_was_given_up_is_tried_again_and_no_other() {
    let books = Books::new();
    let [waiting, _, hook, _] = books.ids;
    let before = books.states();
    // One that was not given up keeps all others as they are.
    let refused = books.call(&format!("retry {hook} {waiting}"));
    assert_eq!((refused.exit, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains(&format!("no job `{waiting}` was given up")), "{}", refused.stderr);
    assert_eq!(books.states(), before);
    for nonsense in ["retry", "retry x", "retry --queue webhook", &format!("retry {hook} --dead"), "list --state well"]
    {
        assert_eq!(books.call(nonsense).exit, 2, "{nonsense}");
    }
    assert_eq!(books.states(), before);

    let retried = books.call("retry --dead --queue webhook");
    assert_eq!((retried.exit, retried.stdout.as_str()), (0, "1 job is tried again\n"));
    let [_, done, given_up] = [JobState::Waiting, JobState::Done, JobState::Dead];
    assert_eq!(books.states(), [JobState::Waiting, done, JobState::Waiting, given_up]);
    let rest = books.call("retry --dead --json");
    assert_eq!(rest.json()["retried"], serde_json::json!([books.ids[3].to_string()]));
    assert_eq!(books.call("retry --dead").stdout, "0 jobs are tried again\n");
    let nobodys = books.call("retry --dead --queue nobody").stdout;
    assert_eq!(nobodys, "nothing was given up in queue `nobody`, so nothing was changed\n");
    assert_eq!(books.call("list").exit, 0);
}
