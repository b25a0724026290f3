//! Jobs: one worker at a time, and none forgotten

use std::collections::BTreeMap;

use sekisho_ledger::{Enqueued, Failed, JobCount, JobFilter, JobState, Lane, LeaseError};

use crate::books::{NOW, SECOND, id, job, on_both};

/// When a lease of now runs out.
const UNTIL: i64 = NOW + 10 * SECOND;

#[test]
fn a_job_of_a_key_is_enqueued_once() {
    on_both(async |books| {
        let ledger = books.open().await;
        let mut first = job("a");
        first.once = Some("k".repeat(5000));
        assert_eq!(ledger.enqueue(&first).await.unwrap(), Enqueued::New);
        let mut second = job("b");
        second.once = first.once.clone();
        assert_eq!(ledger.enqueue(&second).await.unwrap(), Enqueued::Known(first.id));
        // The key is the queue's own, and stays when the job is done.
        second.queue = "other".to_owned();
        assert_eq!(ledger.enqueue(&second).await.unwrap(), Enqueued::New);
        let lease = ledger.lease("work", "w", 1, NOW, UNTIL).await.unwrap().remove(0);
        ledger.finish(&lease, NOW).await.unwrap();
        let mut third = job("c");
        third.once = first.once.clone();
        assert_eq!(ledger.enqueue(&third).await.unwrap(), Enqueued::Known(first.id));
        assert_eq!(ledger.forget_done(NOW).await.unwrap(), 0);
        assert_eq!(ledger.forget_done(NOW + 1).await.unwrap(), 1);
        assert_eq!(ledger.enqueue(&third).await.unwrap(), Enqueued::New);
    });
}

#[test]
fn jobs_are_leased_when_they_are_due_and_the_longest_waiting_first() {
    on_both(async |books| {
        let ledger = books.open().await;
        for (subject, due) in [("late", 2), ("early", 1), ("future", 5)] {
            let mut job = job(subject);
            job.due = NOW + due * SECOND;
            ledger.enqueue(&job).await.unwrap();
        }
        assert!(ledger.lease("work", "w", 9, NOW, UNTIL).await.unwrap().is_empty());
        assert!(ledger.lease("nothing", "w", 9, UNTIL, UNTIL).await.unwrap().is_empty());
        assert!(ledger.lease("work", "w", 0, UNTIL, UNTIL).await.unwrap().is_empty());
        let first = ledger.lease("work", "w", 1, NOW + 3 * SECOND, UNTIL).await.unwrap();
        let rest = ledger.lease("work", "w", 9, NOW + 3 * SECOND, UNTIL).await.unwrap();
        assert_eq!((first.len(), &*first[0].job.subject), (1, "early"));
        assert_eq!((rest.len(), &*rest[0].job.subject), (1, "late"));
        let job = &first[0].job;
        assert_eq!((job.state, job.attempts, job.worker.as_deref()), (JobState::Leased, 1, Some("w")));
    });
}

#[test]
fn claimants_that_race_never_get_the_same_job() {
    on_both(async |books| {
        let nodes = [books.open().await, books.open().await];
        const JOBS: usize = 200;
        for number in 0..JOBS {
            nodes[0].enqueue(&job(&number.to_string())).await.unwrap();
        }
        let claimants: Vec<_> = (0..4)
            .map(|number: usize| {
                let ledger = nodes[number % 2].clone();
                tokio::spawn(async move {
                    let (worker, mut subjects) = (format!("w{number}"), Vec::new());
                    loop {
                        let leases = ledger.lease("work", &worker, 3, NOW, UNTIL).await.unwrap();
                        if leases.is_empty() {
                            return subjects;
                        }
                        for lease in leases {
                            ledger.finish(&lease, NOW).await.unwrap();
                            subjects.push(lease.job.subject.clone());
                        }
                    }
                })
            })
            .collect();
        let mut times = BTreeMap::new();
        for claimant in claimants {
            for subject in claimant.await.unwrap() {
                *times.entry(subject).or_insert(0) += 1;
            }
        }
        assert_eq!((times.len(), times.values().max()), (JOBS, Some(&1)));
        let counts = nodes[1].job_counts().await.unwrap();
        let done = JobCount { queue: "work".to_owned(), state: JobState::Done, jobs: JOBS as u64, oldest: NOW };
        assert_eq!(counts, [done]);
        nodes[0].enqueue(&job("one more")).await.unwrap();
        let waiting = JobCount { queue: "work".to_owned(), state: JobState::Waiting, jobs: 1, oldest: NOW };
        assert_eq!(nodes[1].unfinished_job_counts().await.unwrap(), [waiting]);
    });
}

#[test]
fn a_lease_that_ran_out_is_taken_over_and_the_first_worker_hears_of_it() {
    on_both(async |books| {
        let ledger = books.open().await;
        ledger.enqueue(&job("a")).await.unwrap();
        let lost = ledger.lease("work", "w1", 1, NOW, UNTIL).await.unwrap().remove(0);
        ledger.heartbeat(&lost, NOW, UNTIL + SECOND).await.unwrap();
        assert!(ledger.lease("work", "w2", 1, UNTIL, UNTIL).await.unwrap().is_empty(), "it was kept longer");
        let taken = ledger.lease("work", "w2", 1, UNTIL + SECOND, UNTIL + 9 * SECOND).await.unwrap().remove(0);
        assert_eq!((taken.job.subject.as_str(), taken.job.attempts), ("a", 2));
        assert!(matches!(ledger.heartbeat(&lost, UNTIL, UNTIL).await, Err(LeaseError::Lost)));
        assert!(matches!(ledger.finish(&lost, UNTIL).await, Err(LeaseError::Lost)));
        assert!(matches!(ledger.fail(&lost, "x", UNTIL, UNTIL).await, Err(LeaseError::Lost)));
        assert!(matches!(ledger.give_up(&lost, "x", UNTIL).await, Err(LeaseError::Lost)));
        assert!(matches!(ledger.postpone(&lost, "x", UNTIL, UNTIL).await, Err(LeaseError::Lost)));
        ledger.finish(&taken, UNTIL).await.unwrap();
        assert!(matches!(ledger.finish(&taken, UNTIL).await, Err(LeaseError::Lost)));
    });
}

#[test]
fn a_worker_that_takes_its_own_job_over_again_cannot_end_the_first_lease() {
    on_both(async |books| {
        let ledger = books.open().await;
        ledger.enqueue(&job("a")).await.unwrap();
        let first = ledger.lease("work", "w", 1, NOW, UNTIL).await.unwrap().remove(0);
        let second = ledger.lease("work", "w", 1, UNTIL, UNTIL + SECOND).await.unwrap().remove(0);
        assert!(matches!(ledger.finish(&first, UNTIL).await, Err(LeaseError::Lost)));
        ledger.finish(&second, UNTIL).await.unwrap();
    });
}

#[test]
fn a_job_that_fails_too_often_is_dead_and_visible_until_it_is_revived() {
    on_both(async |books| {
        let (ledger, new) = (books.open().await, job("a"));
        ledger.enqueue(&new).await.unwrap();
        for attempt in 1..=3 {
            let now = NOW + attempt * SECOND;
            let lease = ledger.lease("work", "w", 1, now, now + SECOND).await.unwrap().remove(0);
            assert_eq!(i64::from(lease.job.attempts), attempt);
            let failed = ledger.fail(&lease, &format!("error {attempt}\0"), now, now + SECOND).await.unwrap();
            assert_eq!(failed, if attempt < 3 { Failed::Again(now + SECOND) } else { Failed::Dead });
            let leased_early = ledger.lease("work", "w", 1, now, now + SECOND).await.unwrap();
            assert!(leased_early.is_empty(), "it waits");
        }
        let late = NOW + 1000 * SECOND;
        assert!(ledger.lease("work", "w", 1, late, late).await.unwrap().is_empty());
        let filter = JobFilter { state: Some(JobState::Dead), queue: Some("work".to_owned()) };
        let dead = ledger.jobs(&filter, None, 10).await.unwrap().rows;
        assert_eq!((dead.len(), dead[0].id, dead[0].attempts), (1, new.id, 3));
        assert_eq!((dead[0].last_error.as_deref(), dead[0].free_at), (Some("error 3\u{2400}"), None));
        assert_eq!(ledger.forget_done(i64::MAX).await.unwrap(), 0, "the dead are not forgotten");

        assert!(ledger.revive(new.id, late).await.unwrap());
        assert!(!ledger.revive(new.id, late).await.unwrap());
        assert!(!ledger.revive(id(), late).await.unwrap());
        let lease = ledger.lease("work", "w", 1, late, late + SECOND).await.unwrap().remove(0);
        assert_eq!((lease.job.attempts, lease.job.last_error.as_deref()), (1, Some("error 3\u{2400}")));
    });
}

#[test]
fn what_was_tried_before_stands_in_a_lane_of_its_own() {
    on_both(async |books| {
        let ledger = books.open().await;
        let (fresh, tried) = (Lane::fresh("work"), Lane::tried("work"));
        for subject in ["tried", "handed back"] {
            ledger.enqueue(&job(subject)).await.unwrap();
            let lease = ledger.lease(fresh, "w", 1, NOW, UNTIL).await.unwrap().remove(0);
            match subject {
                "tried" => drop(ledger.fail(&lease, "no answer", NOW, NOW).await.unwrap()),
                _ => ledger.postpone(&lease, "the lake is away", NOW, NOW).await.unwrap(),
            }
        }
        ledger.enqueue(&job("new")).await.unwrap();
        let taken = async |lane: Lane<'_>, now| {
            let leases = ledger.lease(lane, "w", 9, now, now + SECOND).await.unwrap();
            leases.into_iter().map(|lease| lease.job.subject).collect::<Vec<_>>()
        };
        assert_eq!(taken(fresh, NOW).await, ["handed back", "new"]);
        assert_eq!((taken(fresh, NOW).await.len(), taken(tried, NOW).await), (0, vec!["tried".to_owned()]));
        // Whose worker was lost was begun; and who wants all takes all.
        assert_eq!((taken(fresh, UNTIL).await.len(), taken("work".into(), UNTIL).await.len()), (0, 3));
    });
}

#[test]
fn a_job_that_kills_its_workers_is_dead_after_its_attempts() {
    on_both(async |books| {
        let (ledger, new) = (books.open().await, job("poison"));
        ledger.enqueue(&new).await.unwrap();
        for attempt in 0..3 {
            let now = NOW + attempt * SECOND;
            assert_eq!(ledger.lease("work", "w", 1, now, now + SECOND).await.unwrap().len(), 1);
        }
        assert!(ledger.lease("work", "w", 1, NOW + 3 * SECOND, UNTIL).await.unwrap().is_empty());
        let dead = ledger.job(new.id).await.unwrap().unwrap();
        assert_eq!((dead.state, dead.attempts), (JobState::Dead, 3));
        assert!(dead.last_error.unwrap().contains("the worker was lost"));
    });
}

#[test]
fn what_is_not_the_jobs_fault_costs_it_no_attempt_and_what_is_hopeless_costs_all() {
    on_both(async |books| {
        let (ledger, new) = (books.open().await, job("a"));
        ledger.enqueue(&new).await.unwrap();
        for round in 0..10 {
            let now = NOW + round * SECOND;
            let lease = ledger.lease("work", "w", 1, now, now + SECOND).await.unwrap().remove(0);
            assert_eq!(lease.job.attempts, 1);
            ledger.postpone(&lease, "the lake is not there", now, now + SECOND).await.unwrap();
        }
        let lease = ledger.lease("work", "w", 1, UNTIL, UNTIL + SECOND).await.unwrap().remove(0);
        ledger.give_up(&lease, "no such report", UNTIL).await.unwrap();
        let dead = ledger.job(new.id).await.unwrap().unwrap();
        assert_eq!((dead.state, dead.last_error.as_deref()), (JobState::Dead, Some("no such report")));
    });
}
