//! Sessions, and the waits of those who fail to begin one

use sekisho_ledger::{Digest, Id, Ledger, NewSession, Role, Secret, SessionState};

use crate::books::{NOW, SECOND, on_both};
use crate::people::settle;

/// Returns a session to begin, as of when the person was made.
fn session(of: &[u8], person: Id) -> NewSession {
    NewSession {
        token: Digest::of(of),
        person,
        person_changed_at: NOW,
        state: SessionState::Whole,
        csrf: Secret("csrf".to_owned()),
        made_at: NOW,
        expires_at: NOW + 10 * SECOND,
    }
}

/// Tells whether there is a session.
async fn lives(ledger: &Ledger, token: &[u8]) -> bool {
    ledger.session(&Digest::of(token), NOW + SECOND).await.unwrap().is_some()
}

#[test]
fn a_session_is_found_until_it_is_over_and_is_kept_by_being_used() {
    on_both(async |books| {
        let ledger = books.open().await;
        let person = settle(&ledger, "one").await;
        let token = Digest::of(b"a");
        assert!(ledger.begin_session(&session(b"a", person), None).await.unwrap());
        let (found, whose) = ledger.session(&token, NOW).await.unwrap().unwrap();
        assert_eq!((found.person, found.state, found.csrf.0.as_str()), (person, SessionState::Whole, "csrf"));
        assert_eq!((whose.id, whose.made_at, found.made_at, found.expires_at), (person, NOW, NOW, NOW + 10 * SECOND));
        assert!(ledger.session(&token, NOW + 10 * SECOND).await.unwrap().is_none());
        assert!(ledger.keep_session(&token, NOW + SECOND, NOW + 20 * SECOND).await.unwrap());
        assert!(ledger.session(&token, NOW + 10 * SECOND).await.unwrap().is_some());
        assert!(!ledger.keep_session(&token, NOW + 20 * SECOND, NOW + 90 * SECOND).await.unwrap(), "it is over");
        assert_eq!(ledger.sessions_of(person, NOW).await.unwrap().len(), 1);
        // The next one to begin sweeps it away.
        let next = NewSession { made_at: NOW + 20 * SECOND, expires_at: NOW + 30 * SECOND, ..session(b"b", person) };
        assert!(ledger.begin_session(&next, None).await.unwrap());
        assert!(!ledger.end_session(&token).await.unwrap());
        assert!(ledger.end_session(&next.token).await.unwrap());
        assert_eq!(ledger.sessions_of(person, NOW).await.unwrap(), []);
    });
}

#[test]
fn a_session_is_replaced_by_one_and_only_for_the_person_that_was_looked_at() {
    on_both(async |books| {
        let nodes = [books.open().await, books.open().await];
        let ledger = &nodes[0];
        let person = settle(ledger, "one").await;
        for round in 0..5_u8 {
            let half = NewSession { state: SessionState::Half, ..session(&[round], person) };
            assert!(ledger.begin_session(&half, None).await.unwrap());
            let tasks: Vec<_> = (0..6_u8)
                .map(|number| {
                    let ledger = nodes[usize::from(number % 2)].clone();
                    let whole = session(&[round, number], person);
                    tokio::spawn(
                        async move { ledger.begin_session(&whole, Some(&Digest::of(&[round]))).await.unwrap() },
                    )
                })
                .collect();
            let mut begun = 0;
            for task in tasks {
                begun += u32::from(task.await.unwrap());
            }
            assert_eq!(begun, 1);
            assert!(!lives(ledger, &[round]).await, "the half one is gone");
        }
        // The password was compared before it changed.
        ledger.set_password(person, "$new", NOW + 1).await.unwrap();
        assert!(!ledger.begin_session(&session(b"late", person), None).await.unwrap());
        let now = NewSession { person_changed_at: NOW + 1, ..session(b"now", person) };
        assert!(ledger.begin_session(&now, None).await.unwrap());
        ledger.lock_out(person, true, NOW + 2).await.unwrap();
        let out = NewSession { person_changed_at: NOW + 2, ..session(b"out", person) };
        assert!(!ledger.begin_session(&out, None).await.unwrap());
    });
}

#[test]
fn what_changes_a_persons_rights_ends_their_sessions_and_no_others() {
    on_both(async |books| {
        let ledger = books.open().await;
        let (one, other) = (settle(&ledger, "one").await, settle(&ledger, "other").await);
        assert!(ledger.begin_session(&session(b"other", other), None).await.unwrap());
        for change in 0..4 {
            let changed_at = ledger.person(one).await.unwrap().unwrap().changed_at;
            let begin = NewSession { person_changed_at: changed_at, ..session(b"one", one) };
            assert!(ledger.begin_session(&begin, None).await.unwrap());
            assert!(lives(&ledger, b"one").await);
            match change {
                0 => assert!(ledger.appoint(one, Role::Viewer, "", NOW + 1).await.unwrap()),
                1 => assert!(ledger.set_password(one, "$new", NOW + 2).await.unwrap()),
                2 => ledger.end_sessions(one).await.unwrap(),
                _ => assert!(ledger.lock_out(one, true, NOW + 3).await.unwrap()),
            }
            assert!(!lives(&ledger, b"one").await && lives(&ledger, b"other").await, "{change}");
        }
        // Let in again, nobody is signed in by what they had.
        ledger.lock_out(one, false, NOW + 4).await.unwrap();
        assert!(!lives(&ledger, b"one").await);
    });
}

#[test]
fn of_a_hundred_who_try_at_once_five_are_heard() {
    on_both(async |books| {
        let nodes = [books.open().await, books.open().await];
        let (login, network) = (Digest::of(b"login"), Digest::of(b"network"));
        let tasks: Vec<_> = (0..100)
            .map(|number: usize| {
                let ledger = nodes[number % 2].clone();
                let who = if number.is_multiple_of(3) { [network, login] } else { [login, network] };
                tokio::spawn(async move { ledger.begin_attempt(&who, NOW).await.unwrap() })
            })
            .collect();
        let (mut heard, mut waits) = (0, 0);
        for task in tasks {
            match task.await.unwrap() {
                None => heard += 1,
                Some(until) => {
                    assert_eq!(until, NOW + 15 * SECOND);
                    waits += 1;
                }
            }
        }
        assert_eq!((heard, waits), (5, 95));
    });
}

#[test]
fn login_and_network_are_counted_apart_and_a_right_password_excuses_itself_alone() {
    on_both(async |books| {
        let ledger = books.open().await;
        let [login, own, network] = [b"login", b"owner", b"netwk"].map(|of| Digest::of(of));
        // Four tries for a neighbour's login, each followed by signing in with one's own.
        for number in 0..4 {
            let now = NOW + number * SECOND;
            assert_eq!(ledger.begin_attempt(&[login, network], now).await.unwrap(), None);
            assert_eq!(ledger.begin_attempt(&[own, network], now).await.unwrap(), None);
            ledger.excuse_attempt(&[own], &[network]).await.unwrap();
        }
        let now = NOW + 5 * SECOND;
        assert_eq!(ledger.begin_attempt(&[login, network], now).await.unwrap(), None);
        assert_eq!(ledger.begin_attempt(&[own, network], now).await.unwrap(), Some(now + 15 * SECOND), "the network");
        let elsewhere = Digest::of(b"elsewhere");
        assert_eq!(ledger.begin_attempt(&[login, elsewhere], now).await.unwrap(), Some(now + 15 * SECOND), "the login");
        assert_eq!(ledger.begin_attempt(&[own, elsewhere], now).await.unwrap(), None);
        // A refused attempt counts for nothing: the wait is over when it was said to be.
        assert_eq!(ledger.begin_attempt(&[login, network], now + 15 * SECOND).await.unwrap(), None);
        assert_eq!(ledger.begin_attempt(&[login], now + 16 * SECOND).await.unwrap(), Some(now + 45 * SECOND));
        ledger.excuse_attempt(&[login], &[]).await.unwrap();
        assert_eq!(ledger.begin_attempt(&[login], now + 16 * SECOND).await.unwrap(), None);
    });
}
