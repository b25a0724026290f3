//! People, invitations, tokens, and what is written down of them

use sekisho_ledger::{
    Accepted, Added, AuditEntry, AuditFilter, Digest, Id, InvitationKind, Ledger, NewInvitation, NewPerson, NewToken,
    Role, Secret, Subject,
};

use crate::books::{NOW, SECOND, id, on_both};

/// Returns somebody with a password.
pub(crate) fn somebody(login: &str) -> NewPerson {
    NewPerson {
        id: id(),
        login: login.to_owned(),
        name: format!("{login} の関"),
        password: Some("$argon2id$hash".to_owned()),
        language: "ja".to_owned(),
        subject: None,
        made_at: NOW,
    }
}

/// Adds somebody, and returns their id.
pub(crate) async fn settle(ledger: &Ledger, login: &str) -> Id {
    let new = somebody(login);
    assert_eq!(ledger.add_person(&new, Role::Analyst, "[\"a.example\"]").await.unwrap(), Added::New);
    new.id
}

/// Returns a link of some kind.
fn link(of: &[u8], kind: InvitationKind, person: Option<Id>) -> NewInvitation {
    NewInvitation {
        link: Digest::of(of),
        kind,
        person,
        role: Role::Admin,
        scope: String::new(),
        made_at: NOW,
        expires_at: NOW + 10 * SECOND,
    }
}

#[test]
fn a_login_and_a_subject_are_one_persons() {
    on_both(async |books| {
        let ledger = books.open().await;
        let subject =
            |subject: &str| Some(Subject { issuer: "https://id.test".to_owned(), subject: subject.to_owned() });
        let one = NewPerson { subject: subject("1"), password: None, ..somebody("hana\0") };
        assert_eq!(ledger.add_person(&one, Role::Viewer, "").await.unwrap(), Added::New);
        for taken in [somebody("hana\0"), NewPerson { subject: subject("1"), ..somebody("other") }] {
            assert_eq!(ledger.add_person(&taken, Role::Admin, "").await.unwrap(), Added::Taken);
        }
        let long = "x".repeat(5_000);
        let other = NewPerson { subject: subject(&format!("{long}2")), ..somebody("jiro") };
        assert_eq!(ledger.add_person(&other, Role::Viewer, "").await.unwrap(), Added::New);

        let found = ledger.person_by_login("hana\0").await.unwrap().unwrap();
        assert_eq!((found.id, found.role, found.is_vouched_for), (one.id, Role::Viewer, true));
        assert_eq!((found.login.as_str(), found.password.clone(), found.disabled_at), ("hana\u{2400}", None, None));
        assert_eq!(ledger.person(one.id).await.unwrap(), Some(found.clone()));
        assert_eq!(ledger.person_by_subject("https://id.test", "1").await.unwrap(), Some(found));
        // What is long is told apart to its last octet, and the parts do not run into each other.
        assert_eq!(ledger.person_by_subject("https://id.test", &format!("{long}3")).await.unwrap(), None);
        assert_eq!(ledger.person_by_subject("https://id.tes", "t1").await.unwrap(), None);
        assert_eq!(ledger.person_by_login("HANA").await.unwrap(), None);

        let page = ledger.people(None, 1).await.unwrap();
        let rest = ledger.people(page.next, 5).await.unwrap();
        let listed: Vec<_> = page.rows.iter().chain(&rest.rows).map(|person| person.id).collect();
        assert_eq!((listed, rest.next), (vec![other.id, one.id], None));
    });
}

#[test]
fn an_account_is_linked_with_one_subject_that_is_nobody_elses() {
    on_both(async |books| {
        let ledger = books.open().await;
        let subject = |subject: &str| Subject { issuer: "https://id.test".to_owned(), subject: subject.to_owned() };
        let (one, other) = (settle(&ledger, "hana").await, settle(&ledger, "jiro").await);
        assert!(ledger.link_person(one, &subject("1"), NOW + 1).await.unwrap());
        assert!(ledger.link_person(one, &subject("1"), NOW + 2).await.unwrap(), "it is hers already");
        assert!(!ledger.link_person(other, &subject("1"), NOW + 3).await.unwrap());
        assert!(!ledger.link_person(id(), &subject("2"), NOW + 3).await.unwrap(), "nobody");
        let found = ledger.person_by_subject("https://id.test", "1").await.unwrap().unwrap();
        assert_eq!((found.id, found.is_vouched_for, found.changed_at), (one, true, NOW + 2));
        assert!(ledger.link_person(one, &subject("3"), NOW + 4).await.unwrap());
        assert!(ledger.link_person(other, &subject("1"), NOW + 5).await.unwrap(), "it is free again");
        assert!(
            ledger.unlink_person(one, NOW + 6).await.unwrap() && !ledger.unlink_person(id(), NOW + 6).await.unwrap()
        );
        assert_eq!(ledger.person_by_subject("https://id.test", "3").await.unwrap(), None);
        // Whoever has no password would have no way in.
        let third = NewPerson { subject: Some(subject("4")), password: None, ..somebody("saburo") };
        assert_eq!(ledger.add_person(&third, Role::Viewer, "").await.unwrap(), Added::New);
        assert!(!ledger.unlink_person(third.id, NOW + 7).await.unwrap());
    });
}

#[test]
fn what_is_changed_is_changed_and_for_nobody_else() {
    on_both(async |books| {
        let ledger = books.open().await;
        let (one, other) = (settle(&ledger, "one").await, settle(&ledger, "other").await);
        let before = ledger.person(other).await.unwrap();
        assert!(ledger.rename_person(one, "新しい名前", "en", NOW + 1).await.unwrap());
        assert!(ledger.appoint(one, Role::Admin, "", NOW + 2).await.unwrap());
        assert!(ledger.set_password(one, "$new", NOW + 3).await.unwrap());
        assert!(ledger.set_totp(one, Some("secret"), 7, NOW + 4).await.unwrap());
        let person = ledger.person(one).await.unwrap().unwrap();
        assert_eq!((person.name.as_str(), person.language.as_str(), person.role), ("新しい名前", "en", Role::Admin));
        assert_eq!(
            (person.password.clone(), person.totp.clone()),
            (Some(Secret("$new".into())), Some(Secret("secret".into())))
        );
        assert_eq!((person.scope.as_str(), person.changed_at), ("", NOW + 4));
        assert!(!format!("{person:?}").contains("secret"), "no log shows it");

        assert!(!ledger.rehash(one, &Secret("$old".to_owned()), "$stolen").await.unwrap());
        assert!(ledger.rehash(one, &Secret("$new".to_owned()), "$stronger").await.unwrap());
        assert!(ledger.lock_out(one, true, NOW + 5).await.unwrap());
        assert!(!ledger.lock_out(one, true, NOW + 6).await.unwrap());
        let person = ledger.person(one).await.unwrap().unwrap();
        assert_eq!((person.password, person.disabled_at), (Some(Secret("$stronger".to_owned())), Some(NOW + 5)));
        assert!(ledger.lock_out(one, false, NOW + 7).await.unwrap());
        assert_eq!(ledger.person(one).await.unwrap().unwrap().disabled_at, None);

        assert_eq!(ledger.person(other).await.unwrap(), before);
        assert!(!ledger.set_password(id(), "$x", NOW).await.unwrap());
        assert!(!ledger.appoint(id(), Role::Admin, "", NOW).await.unwrap());
    });
}

#[test]
fn a_code_of_the_second_factor_is_used_once() {
    on_both(async |books| {
        let ledger = books.open().await;
        let person = settle(&ledger, "one").await;
        assert!(!ledger.use_totp(person, 100).await.unwrap(), "there is none yet");
        ledger.set_totp(person, Some("secret"), 99, NOW).await.unwrap();
        let nodes = [books.open().await, books.open().await];
        let tasks: Vec<_> = (0..8)
            .map(|number: usize| {
                let ledger = nodes[number % 2].clone();
                tokio::spawn(async move { ledger.use_totp(person, 100).await.unwrap() })
            })
            .collect();
        let mut used = 0;
        for task in tasks {
            used += u32::from(task.await.unwrap());
        }
        assert_eq!(used, 1);
        assert!(!ledger.use_totp(person, 99).await.unwrap());
        assert!(ledger.use_totp(person, 101).await.unwrap());
    });
}

#[test]
fn of_several_who_come_with_one_link_one_gets_in() {
    on_both(async |books| {
        let nodes = [books.open().await, books.open().await];
        for round in 0..10_u8 {
            nodes[0].invite(&link(&[round], InvitationKind::Invite, None)).await.unwrap();
            let tasks: Vec<_> = (0..8)
                .map(|number: usize| {
                    let ledger = nodes[number % 2].clone();
                    let person = somebody(&format!("{round}-{number}"));
                    tokio::spawn(async move { (ledger.accept(&Digest::of(&[round]), &person).await.unwrap(), person) })
                })
                .collect();
            let mut winners = Vec::new();
            for task in tasks {
                match task.await.unwrap() {
                    (Accepted::Done, person) => winners.push(person),
                    (refused, _) => assert_eq!(refused, Accepted::Refused),
                }
            }
            assert_eq!(winners.len(), 1);
            let person = nodes[1].person(winners[0].id).await.unwrap().unwrap();
            assert_eq!((person.role, person.login), (Role::Admin, winners[0].login.clone()));
        }
        assert_eq!(nodes[0].people(None, 100).await.unwrap().rows.len(), 10, "the others left nothing behind");
    });
}

#[test]
fn a_link_whose_login_is_taken_still_works_and_one_that_is_over_does_not() {
    on_both(async |books| {
        let ledger = books.open().await;
        settle(&ledger, "taken").await;
        ledger.invite(&link(b"a", InvitationKind::Invite, None)).await.unwrap();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        assert_eq!(ledger.accept(&a, &somebody("taken")).await.unwrap(), Accepted::Taken);
        let waiting = ledger.invitation(&a, NOW).await.unwrap().unwrap();
        assert_eq!((waiting.kind, waiting.role), (InvitationKind::Invite, Role::Admin));
        let late = NewPerson { made_at: NOW + 10 * SECOND, ..somebody("late") };
        assert_eq!(ledger.accept(&a, &late).await.unwrap(), Accepted::Refused);
        assert_eq!(ledger.invitation(&a, NOW + 10 * SECOND).await.unwrap(), None);
        assert_eq!(ledger.accept(&b, &somebody("nobody")).await.unwrap(), Accepted::Refused);
        assert_eq!(ledger.accept(&a, &somebody("free")).await.unwrap(), Accepted::Done);
        assert_eq!(ledger.accept(&a, &somebody("again")).await.unwrap(), Accepted::Refused);
        assert_eq!(ledger.invitation(&a, NOW).await.unwrap(), None);
    });
}

#[test]
fn with_the_first_account_no_other_first_account_can_be_made() {
    on_both(async |books| {
        let ledger = books.open().await;
        for number in 0..3_u8 {
            ledger.invite(&link(&[number], InvitationKind::First, None)).await.unwrap();
        }
        // Each new link of this kind stands for the one before.
        for (number, works) in [(0, false), (1, false), (2, true)] {
            assert_eq!(ledger.invitation(&Digest::of(&[number]), NOW).await.unwrap().is_some(), works);
        }
        ledger.invite(&link(b"invite", InvitationKind::Invite, None)).await.unwrap();
        assert_eq!(ledger.accept(&Digest::of(b"invite"), &somebody("a")).await.unwrap(), Accepted::Done);
        assert_eq!(ledger.accept(&Digest::of(&[2]), &somebody("b")).await.unwrap(), Accepted::Refused);
    });
}

#[test]
fn a_lost_password_is_set_anew_once_and_the_second_factor_goes_with_it() {
    on_both(async |books| {
        let ledger = books.open().await;
        let (one, other) = (settle(&ledger, "one").await, settle(&ledger, "other").await);
        for person in [one, other] {
            ledger.set_totp(person, Some("secret"), 1, NOW).await.unwrap();
        }
        for (text, person) in [(b"0", one), (b"1", one), (b"2", other)] {
            ledger.invite(&link(text, InvitationKind::Reset, Some(person))).await.unwrap();
        }
        // A link for one person stands for that person's earlier one, and for nobody else's.
        for (text, whose) in [(b"0", None), (b"1", Some(one)), (b"1", None), (b"3", None)] {
            assert_eq!(ledger.accept_reset(&Digest::of(text), "$new", NOW + 1).await.unwrap(), whose);
        }
        let person = ledger.person(one).await.unwrap().unwrap();
        assert_eq!((person.password, person.totp), (Some(Secret("$new".to_owned())), None));
        // What it says is used up for is what it is used up for.
        assert_eq!(ledger.accept(&Digest::of(b"2"), &somebody("new")).await.unwrap(), Accepted::Refused);
        ledger.invite(&link(b"invite", InvitationKind::Invite, None)).await.unwrap();
        assert_eq!(ledger.accept_reset(&Digest::of(b"invite"), "$new", NOW).await.unwrap(), None);
        assert_eq!(ledger.accept_reset(&Digest::of(b"2"), "$new", NOW).await.unwrap(), Some(other));
        assert_eq!(ledger.accept(&Digest::of(b"invite"), &somebody("new")).await.unwrap(), Accepted::Done);
    });
}

#[test]
fn a_token_works_until_it_is_revoked_or_over_or_its_person_is_locked_out() {
    on_both(async |books| {
        let ledger = books.open().await;
        let (one, other) = (settle(&ledger, "one").await, settle(&ledger, "other").await);
        let new = |of: &[u8], expires_at| NewToken {
            id: id(),
            token: Digest::of(of),
            person: one,
            label: "監視\0".to_owned(),
            role: Role::Viewer,
            scope: "[]".to_owned(),
            made_at: NOW,
            expires_at,
        };
        let (forever, short) = (new(b"a", None), new(b"b", Some(NOW + 5)));
        assert!(ledger.add_token(&forever, 2).await.unwrap() && ledger.add_token(&short, 2).await.unwrap());
        assert!(!ledger.add_token(&new(b"c", None), 2).await.unwrap());
        assert!(ledger.token(&short.token, NOW + 4).await.unwrap().is_some());
        assert!(ledger.token(&short.token, NOW + 5).await.unwrap().is_none());
        ledger.note_token(forever.id, NOW + 6).await.unwrap();
        let (token, person) = ledger.token(&forever.token, NOW + 7).await.unwrap().unwrap();
        assert_eq!((token.id, token.role, token.label.as_str()), (forever.id, Role::Viewer, "監視\u{2400}"));
        assert_eq!((token.last_used_at, person.id, person.role), (Some(NOW + 6), one, Role::Analyst));
        assert_eq!(ledger.tokens_of(one).await.unwrap().len(), 2);
        assert_eq!(ledger.tokens_of(other).await.unwrap(), []);

        ledger.lock_out(one, true, NOW + 8).await.unwrap();
        assert!(ledger.token(&forever.token, NOW + 9).await.unwrap().is_none());
        ledger.lock_out(one, false, NOW + 8).await.unwrap();
        assert!(!ledger.revoke_token(other, forever.id, NOW).await.unwrap(), "nobody revokes a neighbour's");
        assert!(ledger.revoke_token(one, forever.id, NOW).await.unwrap());
        assert!(ledger.token(&forever.token, NOW + 9).await.unwrap().is_none());
        assert_eq!(ledger.tokens_of(one).await.unwrap().len(), 1);
    });
}

#[test]
fn what_was_done_is_listed_page_by_page_for_a_person_or_a_word() {
    on_both(async |books| {
        let (ledger, person) = (books.open().await, id());
        for number in 0..6 {
            let entry = AuditEntry {
                id: id(),
                at: NOW + number / 2,
                person: (number % 2 == 0).then_some(person),
                what: if number < 2 { "evidence.look" } else { "person.role" }.to_owned(),
                subject: format!("{number}\0"),
                detail: "{}".to_owned(),
                client: Some("192.0.2.1".to_owned()),
            };
            ledger.note_audit(&entry).await.unwrap();
        }
        for (filter, expected) in [
            (AuditFilter::default(), &[5, 4, 3, 2, 1, 0][..]),
            (AuditFilter { person: Some(person), what: None }, &[4, 2, 0]),
            (AuditFilter { person: None, what: Some("evidence.look".to_owned()) }, &[1, 0]),
            (AuditFilter { person: Some(id()), what: None }, &[]),
        ] {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = ledger.audit(&filter, after, 2).await.unwrap();
                seen.extend(page.rows.into_iter().map(|entry| entry.subject));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let expected: Vec<_> = expected.iter().map(|number| format!("{number}\u{2400}")).collect();
            assert_eq!(seen, expected, "{filter:?}");
        }
    });
}
