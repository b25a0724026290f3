//! Any octets as a client of an SMTP server: the same conversation however they are cut, and no mail in it that another
//! server would read as two.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use sekisho_wire::smtp::{
    BareLineEnds, Decision, Event, Limits, Mailbox, Outcome, Peer, Protocol, Session, Terms, Tls, Trust,
};

fuzz_target!(|data: &[u8]| {
    // The first two octets say which terms hold, and how the rest is cut.
    let Some((&[flags, cut], octets)) = data.split_first_chunk::<2>() else { return };
    let flag = |bit: u8| flags & 1 << bit != 0;
    let limits =
        Limits { command_octets: 80, message_octets: 200, recipients: 3, errors: 5, idle_commands: 9, mails: 3 };
    let terms = Terms {
        protocol: if flag(0) { Protocol::Lmtp } else { Protocol::Smtp },
        tls: if flag(1) { Tls::Offered } else { Tls::None },
        bare_line_ends: if flag(2) { BareLineEnds::Keep } else { BareLineEnds::Refuse },
        limits: if flag(3) { limits } else { Limits::default() },
        ..Terms::new("mx.example")
    };
    let trust = Trust { xforward: flag(4), xclient: flag(5) };
    let whole = hold(&terms, trust, [octets]);
    let pieces = hold(&terms, trust, octets.chunks(usize::from(cut) + 1));
    let (left, right) = octets.split_at(usize::from(cut).min(octets.len()));
    let halves = hold(&terms, trust, [left, right]);
    // Whether something stands behind STARTTLS in the same breath does make a difference.
    if terms.tls == Tls::None {
        assert_eq!(pieces, whole);
        assert_eq!(halves, whole);
    }
});

/// What a conversation led to.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    /// What was replied.
    replies: Vec<u8>,
    /// The mails that were complete.
    mails: Vec<Vec<u8>>,
    /// How many were broken off.
    aborted: usize,
    /// Whether it was ended by the server.
    is_closed: bool,
}

/// Holds a conversation with octets that come in these pieces.
fn hold<'a>(terms: &Terms, trust: Trust, pieces: impl IntoIterator<Item = &'a [u8]>) -> Transcript {
    let mut transcript = Transcript::default();
    let mut session = Session::new(Arc::new(terms.clone()), Peer::default(), trust, &mut transcript.replies);
    let mut content = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            let room = session.room();
            let count = room.len().min(piece.len());
            assert!(count > 0 && room.len() <= 64 * 1024);
            room[..count].copy_from_slice(&piece[..count]);
            session.filled(count);
            piece = &piece[count..];
            follow(&mut session, terms, &mut content, &mut transcript);
        }
    }
    assert_sound(&transcript, terms);
    transcript
}

/// Follows a conversation as far as it goes.
fn follow(session: &mut Session<u8>, terms: &Terms, content: &mut Vec<u8>, transcript: &mut Transcript) {
    while let Some(event) = session.next(&mut transcript.replies) {
        match event {
            Event::Recipient(mailbox) => {
                assert_eq!(Mailbox::read_forward(mailbox.as_str().as_bytes()).as_ref(), Some(mailbox));
                let decision = match mailbox.as_str().as_bytes()[0] {
                    b'u' => Decision::Unknown,
                    b't' => Decision::TryLater("later"),
                    kind => Decision::Wanted(kind),
                };
                session.answer_recipient(decision, &mut transcript.replies);
            }
            Event::MailBegun => content.clear(),
            Event::Content(piece) => content.extend_from_slice(piece),
            Event::MailEnded => {
                let envelope = session.envelope().expect("a mail has an envelope");
                assert!(!envelope.recipients.is_empty() && envelope.recipients.len() <= terms.limits.recipients);
                assert_eq!(session.content_octets(), content.len() as u64);
                assert_eq!(session.has_bare_line_ends(), has_bare(content));
                transcript.mails.push(std::mem::take(content));
                session.answer_mail(Outcome::Stored("x"), &mut transcript.replies);
            }
            Event::Aborted => transcript.aborted += 1,
            Event::StartTls => session.tls_begun(),
            Event::Close => {
                assert!(!transcript.is_closed);
                transcript.is_closed = true;
            }
        }
    }
}

/// Replies are whole lines; mails are within the limits, and their lines end as they should.
fn assert_sound(transcript: &Transcript, terms: &Terms) {
    let replies = str::from_utf8(&transcript.replies).expect("replies are ASCII");
    for line in replies.split_inclusive("\r\n") {
        let line = line.strip_suffix("\r\n").expect("lines end with CR LF");
        assert!(line.len() <= 510 && line.is_ascii() && !line.contains(|char: char| char.is_control()), "{line:?}");
        assert!(line.as_bytes()[..3].iter().all(u8::is_ascii_digit), "{line:?}");
    }
    for mail in &transcript.mails {
        assert!(mail.len() as u64 <= terms.limits.message_octets);
        assert!(terms.bare_line_ends == BareLineEnds::Keep || !has_bare(mail));
    }
    assert!(transcript.mails.len() as u64 <= u64::from(terms.limits.mails));
}

/// Tells whether CR or LF stands alone anywhere.
fn has_bare(octets: &[u8]) -> bool {
    (0..octets.len()).any(|at| match octets[at] {
        b'\r' => octets.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || octets[at - 1] != b'\r',
        _ => false,
    })
}
