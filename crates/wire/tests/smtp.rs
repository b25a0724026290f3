//! Whole conversations, from files: what a client says, what it gets back, and what the server's owner is told.
//!
//! Each is held several times, its octets cut in other places; it must be the same conversation.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use sekisho_wire::smtp::{
    BareLineEnds, Decision, Event, Farewell, Limits, Mailbox, Outcome, Peer, Protocol, Session, Terms, Tls, Trust,
};

#[test]
fn commands_follow_the_order_of_rfc_5321() {
    hold_all(include_str!("smtp/order.talk"));
}

#[test]
fn extensions_do_as_their_rfcs_say() {
    hold_all(include_str!("smtp/extensions.talk"));
}

#[test]
fn tls_forgets_everything() {
    hold_all(include_str!("smtp/tls.talk"));
}

#[test]
fn patience_ends() {
    hold_all(include_str!("smtp/limits.talk"));
}

#[test]
fn stray_line_ends_are_refused_or_told() {
    hold_all(include_str!("smtp/line_ends.talk"));
}

/// Every way to write an end that is none, before and behind text or at once.
#[test]
fn no_second_mail_can_be_smuggled() {
    let ends = ["\n", "\r", "\r\n", "\r\r\n", "\n\r", "\r\n\0", "\0\r\n"];
    let mut held = 0;
    for (before, behind, text) in
        ends.iter().flat_map(|before| ends.iter().flat_map(move |behind| ["", "x"].map(|text| (before, behind, text))))
    {
        // This is the end, and the only one.
        if before.ends_with("\r\n") && behind.starts_with("\r\n") {
            continue;
        }
        let fake = format!("{text}{before}.{behind}");
        let smuggled = "MAIL FROM:<ceo@d>\r\nRCPT TO:<c@d>\r\nDATA\r\nsmuggled\r\n";
        let octets = format!("HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n{fake}{smuggled}.\r\nNOOP\r\n");
        for line_ends in [BareLineEnds::Refuse, BareLineEnds::Keep] {
            let terms = Terms { bare_line_ends: line_ends, ..Terms::new("mx.example") };
            for piece in [1, 2, 3, 1000] {
                let transcript = Talk::new(&terms, Trust::default()).hold(octets.as_bytes(), &[piece]);
                assert_eq!(transcript.matches("\n! begun").count(), 1, "{}", fake.escape_debug());
                assert!(!transcript.contains("ceo@d for"), "{}", fake.escape_debug());
                // NUL is content like any other; stray line ends are refused, or kept in the one mail.
                let is_bare = fake.replace("\r\n", "").contains(['\r', '\n']);
                let refused = "! aborted\n< 554 5.6.0";
                assert_eq!(transcript.contains(refused), is_bare && line_ends == BareLineEnds::Refuse, "{transcript}");
                assert_eq!(transcript.contains("! mail from a@b"), !transcript.contains(refused), "{transcript}");
                assert!(transcript.ends_with("< 250 2.0.0 ok\n"), "{transcript}");
                held += 1;
            }
        }
    }
    assert_eq!(held, (49 - 6) * 2 * 2 * 4);
}

/// CVE-2011-0411: commands put behind STARTTLS by somebody on the way must not be taken as said in TLS.
#[test]
fn nothing_comes_into_tls_from_before_it() {
    let terms = Terms { tls: Tls::Offered, ..Terms::new("mx.example") };
    let mut talk = Talk::new(&terms, Trust::default());
    let transcript = talk.hold(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil@b>\r\n", &[1000]);
    assert!(transcript.ends_with("554 5.5.1 nothing may follow STARTTLS before TLS does\n! close\n"), "{transcript}");
    assert!(!talk.session.is_tls());
    // A piece of a command is enough.
    let transcript = Talk::new(&terms, Trust::default()).hold(b"EHLO x\r\nSTARTTLS\r\nR", &[1000]);
    assert!(transcript.ends_with("! close\n") && !transcript.contains("starttls"), "{transcript}");
    // What comes when TLS was agreed on, and has not begun, is no TLS.
    let mut talk = Talk { begins_tls: false, ..Talk::new(&terms, Trust::default()) };
    let transcript = talk.hold(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<evil@b>\r\n", &[1]);
    assert!(transcript.ends_with("220 2.0.0 begin TLS\n! starttls\n! close\n"), "{transcript}");
    // Where the owner had filled it in and then began TLS all the same, it is gone.
    let mut talk = Talk { begins_tls: false, ..Talk::new(&terms, Trust::default()) };
    talk.hold(b"EHLO x\r\nSTARTTLS\r\n", &[1000]);
    talk.fill(b"MAIL FROM:<evil@b>\r\n");
    talk.session.tls_begun();
    assert!(talk.session.is_tls() && talk.session.hello().is_none());
    assert_eq!(talk.hold(b"NOOP\r\n", &[1000]), "< 250 2.0.0 ok\n");
}

#[test]
fn a_conversation_can_be_ended_from_here() {
    for (why, line) in [
        (Farewell::Silence, "421 4.4.2 nothing came for too long\r\n"),
        (Farewell::Shutdown, "421 4.3.2 the server is stopping: come again\r\n"),
        (Farewell::Busy, "421 4.3.2 too many connections: come again\r\n"),
    ] {
        let mut talk = Talk::new(&Terms::new("mx.example"), Trust::default());
        talk.hold(b"HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhalf", &[1000]);
        talk.session.close(why, &mut talk.out);
        assert_eq!(talk.out, line.as_bytes());
        talk.session.close(why, &mut talk.out);
        assert_eq!(talk.out, line.as_bytes());
        talk.out.clear();
        assert_eq!(talk.hold(b"\r\n.\r\nQUIT\r\n", &[1000]), "");
    }
}

#[test]
fn an_answer_to_nothing_changes_nothing() {
    let mut talk = Talk::new(&Terms::new("mx.example"), Trust::default());
    talk.out.clear();
    talk.session.answer_mail(Outcome::Stored("1"), &mut talk.out);
    talk.session.answer_recipient(Decision::Wanted("x".to_owned()), &mut talk.out);
    assert_eq!((talk.out.len(), talk.session.mails()), (0, 0));
}

#[test]
fn a_line_without_an_end_ends_the_conversation() {
    let octets = vec![b'x'; 100_000];
    for pieces in [&[1][..], &[1000, 77], &[100_000]] {
        let mut talk = Talk::new(&Terms::new("mx.example"), Trust::default());
        assert_eq!(
            talk.hold(&octets, pieces),
            "< 220 mx.example ESMTP\n< 421 4.7.0 too many commands that lead to nothing\n! close\n"
        );
    }
}

#[test]
fn content_that_never_ends_ends_the_conversation() {
    let limits = Limits { message_octets: 1000, ..Limits::default() };
    let terms = Terms { limits, ..Terms::new("mx.example") };
    let octets =
        [&b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n"[..], &b"0123456789\r\n".repeat(200_000)].concat();
    for pieces in [&[4096][..], &[3_000_000]] {
        let transcript = Talk::new(&terms, Trust::default()).hold(&octets, pieces);
        assert!(transcript.ends_with("! aborted\n< 552 5.3.4 the message is larger than this server takes\n! close\n"));
    }
}

/// One conversation of a file.
struct Script<'a> {
    name: &'a str,
    terms: Terms,
    trust: Trust,
    /// What the client says in one breath, and what that leads to.
    turns: Vec<(Vec<u8>, String)>,
}

/// Holds all conversations of a file, in pieces of several lengths.
fn hold_all(file: &str) {
    let mut count = 0;
    for script in file.split("\n= ").skip(1).map(read_script) {
        for pieces in [&[1][..], &[2], &[3], &[7, 1], &[100_000]] {
            let mut talk = Talk::new(&script.terms, script.trust);
            for (octets, expected) in &script.turns {
                let transcript = talk.hold(octets, pieces);
                assert_eq!(&transcript, expected, "{} by {pieces:?}", script.name);
            }
        }
        count += 1;
    }
    assert_eq!(count, file.lines().filter(|line| line.starts_with("= ")).count());
    assert!(count > 0);
}

/// Reads one conversation.
fn read_script(text: &str) -> Script<'_> {
    let (name, text) = text.split_once('\n').unwrap();
    let (mut terms, mut trust) = (Terms::new("mx.example"), Trust::default());
    terms.limits.message_octets = 1000;
    let mut turns = vec![(Vec::new(), String::new())];
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (sign, rest) = line.split_once(' ').unwrap();
        if sign.starts_with('>') && !turns.last().unwrap().1.is_empty() {
            turns.push((Vec::new(), String::new()));
        }
        let (said, led_to) = turns.last_mut().unwrap();
        match sign {
            "with" => rest.split(' ').for_each(|term| set(term, &mut terms, &mut trust)),
            ">" => said.extend_from_slice(format!("{rest}\r\n").as_bytes()),
            ">>" => said.extend_from_slice(&unescape(rest)),
            "<" | "!" => writeln!(led_to, "{line}").unwrap(),
            other => panic!("{name}: {other}"),
        }
    }
    Script { name, terms, trust, turns }
}

/// Changes one of the terms.
fn set(term: &str, terms: &mut Terms, trust: &mut Trust) {
    let (name, number) = term.split_once('=').unwrap_or((term, "0"));
    let number: u32 = number.parse().unwrap();
    match name {
        "lmtp" => terms.protocol = Protocol::Lmtp,
        "tls" => terms.tls = Tls::Offered,
        "required" => terms.tls = Tls::Required,
        "keep" => terms.bare_line_ends = BareLineEnds::Keep,
        "xforward" => trust.xforward = true,
        "xclient" => trust.xclient = true,
        "line" => terms.limits.command_octets = number as usize,
        "size" => terms.limits.message_octets = number.into(),
        "recipients" => terms.limits.recipients = number as usize,
        "errors" => terms.limits.errors = number,
        "idle" => terms.limits.idle_commands = number,
        "mails" => terms.limits.mails = number,
        other => panic!("{other}"),
    }
}

/// Reads escapes: `\r`, `\n`, `\0`, `\xff`.
fn unescape(text: &str) -> Vec<u8> {
    let (mut octets, mut rest) = (Vec::new(), text.bytes());
    while let Some(octet) = rest.next() {
        octets.push(match (octet, if octet == b'\\' { rest.next() } else { None }) {
            (_, Some(b'r')) => b'\r',
            (_, Some(b'n')) => b'\n',
            (_, Some(b'0')) => 0,
            (_, Some(b'x')) => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            (_, Some(other)) => panic!("{other}"),
            (octet, None) => octet,
        });
    }
    octets
}

/// A server with an owner who decides by what addresses are called.
struct Talk {
    session: Session<String>,
    out: Vec<u8>,
    content: Vec<u8>,
    stored: u32,
    begins_tls: bool,
}

impl Talk {
    fn new(terms: &Terms, trust: Trust) -> Talk {
        let mut out = Vec::new();
        let session = Session::new(Arc::new(terms.clone()), Peer::default(), trust, &mut out);
        Talk { session, out, content: Vec::new(), stored: 0, begins_tls: true }
    }

    /// Says octets, in pieces of these lengths over and over again; returns what that led to.
    fn hold(&mut self, octets: &[u8], pieces: &[usize]) -> String {
        let mut transcript = String::new();
        self.follow(&mut transcript);
        let mut rest = octets;
        for piece in pieces.iter().cycle() {
            let (mut now, behind) = rest.split_at(rest.len().min(*piece));
            rest = behind;
            while !now.is_empty() {
                now = self.fill(now);
                self.follow(&mut transcript);
            }
            if rest.is_empty() {
                break;
            }
        }
        transcript
    }

    /// Fills in as much as there is room for; returns what is left.
    fn fill<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let room = self.session.room();
        assert!(!room.is_empty() && room.len() <= 80_000);
        let (now, behind) = octets.split_at(octets.len().min(room.len()));
        room[..now.len()].copy_from_slice(now);
        self.session.filled(now.len());
        behind
    }

    /// Follows the conversation as far as it goes.
    fn follow(&mut self, transcript: &mut String) {
        while let Some(event) = self.session.next(&mut self.out) {
            drain(&mut self.out, transcript);
            match event {
                Event::Recipient(mailbox) => {
                    writeln!(transcript, "! recipient {mailbox}").unwrap();
                    if mailbox.local_part() != "silent" {
                        let decision = decide(mailbox);
                        self.session.answer_recipient(decision, &mut self.out);
                    }
                }
                Event::MailBegun => {
                    self.content.clear();
                    transcript.push_str("! begun\n");
                }
                Event::Content(piece) => {
                    assert!(!piece.is_empty());
                    self.content.extend_from_slice(piece);
                }
                Event::MailEnded => self.store(transcript),
                Event::Aborted => transcript.push_str("! aborted\n"),
                Event::StartTls => {
                    transcript.push_str("! starttls\n");
                    if self.begins_tls {
                        self.session.tls_begun();
                    }
                }
                Event::Close => transcript.push_str("! close\n"),
            }
        }
        drain(&mut self.out, transcript);
    }

    /// Tells the mail, and answers it.
    fn store(&mut self, transcript: &mut String) {
        let envelope = self.session.envelope().unwrap();
        let sender = envelope.mail_from.as_ref().map_or("nobody", Mailbox::as_str);
        let kinds: Vec<&str> = envelope.recipients.iter().map(|recipient| &*recipient.kind).collect();
        write!(transcript, "! mail from {sender} for {}", kinds.join(", ")).unwrap();
        if let Some(peer) = self.session.forwarded() {
            let (name, helo) = (peer.name.as_deref().unwrap(), peer.helo.as_deref().unwrap());
            write!(transcript, " by {name} {} {helo}", peer.address.unwrap()).unwrap();
        }
        if self.session.is_tls() {
            transcript.push_str(" in TLS");
        }
        if self.session.has_bare_line_ends() {
            transcript.push_str(" with stray line ends");
        }
        assert_eq!(self.session.content_octets(), self.content.len() as u64);
        writeln!(transcript, ": {}", self.content.escape_ascii()).unwrap();
        let name = (self.stored + 1).to_string();
        let outcome = match sender.split('@').next() {
            Some("silent") => return,
            Some("later") => Outcome::TryLater("the disk is full"),
            Some("full") => Outcome::Full("there is no room"),
            Some("spam") => Outcome::Refused("no thanks"),
            _ => {
                self.stored += 1;
                Outcome::Stored(&name)
            }
        };
        self.session.answer_mail(outcome, &mut self.out);
    }
}

/// Decides whether a recipient is wanted.
fn decide(mailbox: &Mailbox) -> Decision<'static, String> {
    match (&*mailbox.local_part(), mailbox.domain()) {
        (_, "elsewhere.example") => Decision::NotHere,
        ("unknown", _) => Decision::Unknown,
        ("later", _) => Decision::TryLater("the ledger is away"),
        ("spam", _) => Decision::Refused("not you"),
        (local, _) => Decision::Wanted(local.to_owned()),
    }
}

/// Moves replies into the transcript; each must be a whole line with a code, and not too long.
fn drain(out: &mut Vec<u8>, transcript: &mut String) {
    let text = str::from_utf8(out).unwrap();
    for line in text.split_inclusive("\r\n") {
        let line = line.strip_suffix("\r\n").unwrap();
        assert!(line.len() <= 510 && line.is_ascii() && !line.contains(|char: char| char.is_control()));
        assert!(matches!(line.as_bytes(), [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..]));
        writeln!(transcript, "< {line}").unwrap();
    }
    out.clear();
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_conversation(
        words in proptest::collection::vec(proptest::sample::select(&[
            "EHLO x\r\n", "HELO y\r\n", "MAIL FROM:<a@b>\r\n", "MAIL FROM:<> SIZE=9\r\n", "RCPT TO:<c@d>\r\n", "RCPT TO:<unknown@d>\r\n",
            "DATA\r\n", ".\r\n", "\r\n", "..\r\n", "\r", "\n", ".", "text\r\n", "RSET\r\n", "NOOP\r\n", "BDAT 3\r\n", "BDAT 7 LAST\r\n",
            "BDAT 0 LAST\r\n", "BDAT x\r\n", "abc", "\0", "QUIT\r\n", "XFORWARD NAME=z\r\n", "0123456789012345678901234567890123456789\r\n",
        ][..]), 0..40),
        pieces in proptest::collection::vec(1usize..30, 1..10),
        keeps in any::<bool>(),
    ) {
        let limits = Limits { command_octets: 36, message_octets: 30, recipients: 3, ..Limits::default() };
        let bare_line_ends = if keeps { BareLineEnds::Keep } else { BareLineEnds::Refuse };
        let terms = Terms { limits, bare_line_ends, ..Terms::new("mx.example") };
        // Most conversations should come to something.
        let octets = ["HELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", &words.concat()].concat();
        let whole = Talk::new(&terms, Trust::default()).hold(octets.as_bytes(), &[octets.len()]);
        prop_assert_eq!(Talk::new(&terms, Trust::default()).hold(octets.as_bytes(), &pieces), whole);
    }

    #[test]
    fn no_octets_make_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..400), pieces in proptest::collection::vec(1usize..50, 1..5)) {
        let terms = Terms { tls: Tls::Offered, ..Terms::new("mx.example") };
        Talk::new(&terms, Trust { xforward: true, xclient: true }).hold(&octets, &pieces);
    }
}
