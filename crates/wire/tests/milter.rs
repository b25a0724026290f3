//! Whole conversations: what an MTA sends, octet by octet, and what it gets back.

use proptest::prelude::*;
use sekisho_wire::milter::{Actions, Address, Command, Event, Inbox, Limits, Session, Wishes};

/// What a filter that inserts fields wishes.
const WISHES: Wishes = Wishes { needed: Actions::ADD_HEADERS | Actions::CHANGE_HEADERS, welcome: Actions::QUARANTINE };
/// What Postfix 3.7 offers: every action, every step and omission of version 6.
const POSTFIX: &[u8] = b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
/// What an MTA of the last century offers.
const OLD: &[u8] = b"O\0\0\0\x02\0\0\0\x3f\0\0\0\x7f";

/// One conversation as a test writes it: packets in, what happened and what was replied out.
struct Talk {
    inbox: Inbox,
    session: Session,
    out: Vec<u8>,
}

impl Talk {
    fn new() -> Talk {
        let limits = Limits { header_octets: 1000, recipient_octets: 100 };
        Talk { inbox: Inbox::default(), session: Session::new(WISHES, limits), out: Vec::new() }
    }

    /// Says one packet; returns what it led to, in words.
    fn say(&mut self, packet: &[u8]) -> Result<String, String> {
        let framed = [&u32::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat();
        let mut rest = framed.as_slice();
        while !rest.is_empty() {
            let room = self.inbox.room();
            let (piece, behind) = rest.split_at(rest.len().min(room.len()));
            room[..piece.len()].copy_from_slice(piece);
            self.inbox.filled(piece.len());
            rest = behind;
        }
        let packet = self.inbox.packet().map_err(|why| why.to_string())?.unwrap();
        let command = Command::read(packet).map_err(|why| why.to_string())?;
        let event = self.session.take(&command, &mut self.out).map_err(|why| why.to_string())?;
        Ok(match event {
            Event::None => String::new(),
            Event::Body(piece) => format!("body {}", piece.escape_ascii()),
            Event::MessageEnded(piece) => format!("end {}", piece.escape_ascii()),
            other => format!("{other:?}"),
        })
    }

    /// Says packets that lead to nothing.
    fn go(&mut self, packets: &[&[u8]]) {
        for packet in packets {
            assert_eq!(self.say(packet).as_deref(), Ok(""), "{}", packet.escape_ascii());
        }
    }

    /// Returns the letters of the replies so far.
    fn replies(&mut self) -> String {
        let (mut letters, mut rest) = (String::new(), self.out.as_slice());
        while let Some((length, data)) = rest.split_first_chunk() {
            let (packet, behind) = data.split_at(u32::from_be_bytes(*length) as usize);
            letters.push(char::from(packet[0]));
            rest = behind;
        }
        self.out.clear();
        letters
    }
}

const CONNECT: &[u8] = b"Cclient.example\x004\x12\x34192.0.2.1\0";

#[test]
fn postfix_gets_one_reply_for_the_terms_and_none_until_the_end() {
    let mut talk = Talk::new();
    talk.go(&[POSTFIX, b"DCj\0mx.example.net\0{daemon_name}\0smtpd\0", CONNECT, b"Hhelo.example\0"]);
    talk.go(&[b"DMi\x00ABC\0", b"M<a@b.example>\0SIZE=10\0", b"R<c@d.example>\0", b"R<e@d.example>\0"]);
    talk.go(&[b"LFrom\0 a@b.example\0", b"LSubject\0\tone\n two\n\tthree\0"]);
    assert_eq!(talk.say(b"N").as_deref(), Ok("HeaderEnded"));
    assert_eq!(talk.replies(), "O");
    let envelope = talk.session.envelope();
    let client = envelope.client.as_ref().unwrap();
    assert_eq!((&*client.host, client.address), (&b"client.example"[..], Address::Ip([192, 0, 2, 1].into())));
    assert_eq!(envelope.helo.as_deref(), Some(&b"helo.example"[..]));
    assert_eq!(&*envelope.mail_from, b"a@b.example");
    assert_eq!(envelope.recipients, [Box::from(&b"c@d.example"[..]), Box::from(&b"e@d.example"[..])]);
    assert_eq!(talk.session.macros().get("j"), Some(&b"mx.example.net"[..]));
    assert_eq!(talk.session.macros().get("i"), Some(&b"ABC"[..]));
    let (header, is_cut) = talk.session.take_header();
    assert_eq!(header.as_slice(), b"From: a@b.example\r\nSubject:\tone\r\n two\r\n\tthree\r\n");
    assert!(!is_cut);
    assert_eq!(talk.say(b"Bone\r\n").as_deref(), Ok("body one\\r\\n"));
    assert_eq!(talk.say(b"Etwo").as_deref(), Ok("end two"));
    assert_eq!(talk.replies(), "");
    // The next mail of the same client knows nothing of this one.
    talk.session.forget_mail();
    talk.go(&[b"M<>\0", b"R<c@d.example>\0"]);
    assert_eq!((&*talk.session.envelope().mail_from, talk.session.envelope().recipient_count), (&b""[..], 1));
    assert_eq!((talk.session.macros().get("i"), talk.session.macros().get("j").is_some()), (None, true));
}

#[test]
fn an_old_mta_is_answered_at_every_step() {
    let mut talk = Talk::new();
    talk.go(&[OLD, CONNECT, b"Hx\0", b"M<a@b>\0", b"R<c@d>\0", b"LFrom\0a@b\0"]);
    assert_eq!(talk.say(b"N").as_deref(), Ok("HeaderEnded"));
    // Without the agreement on leading white space, the usual one space was taken off.
    assert_eq!(talk.session.take_header().0, b"From: a@b\r\n");
    assert_eq!(talk.say(b"Bx").as_deref(), Ok("body x"));
    assert_eq!(talk.replies(), "Occccccc");
}

#[test]
fn a_client_may_reset_and_begin_anew_whenever_it_likes() {
    let mut talk = Talk::new();
    talk.go(&[POSTFIX, CONNECT]);
    assert_eq!(talk.say(b"A").as_deref(), Ok("Aborted"));
    talk.go(&[b"Hx\0", b"M<a@b>\0", b"LFrom\0 a\0"]);
    assert_eq!(talk.say(b"A").as_deref(), Ok("Aborted"));
    talk.go(&[b"M<c@d>\0", b"LTo\0 b\0"]);
    assert_eq!(talk.say(b"N").as_deref(), Ok("HeaderEnded"));
    assert_eq!(talk.session.take_header().0, b"To: b\r\n");
    assert_eq!(talk.say(b"A").as_deref(), Ok("Aborted"));
    assert_eq!(talk.say(b"K").as_deref(), Ok("Aborted"));
    assert_eq!(talk.session.envelope().client, None);
    talk.go(&[CONNECT]);
    assert_eq!(talk.say(b"Q").as_deref(), Ok("Closed"));
}

#[test]
fn what_cannot_follow_is_refused_and_named() {
    for (packets, why) in [
        (&[CONNECT][..], "`CONNECT` before any agreement"),
        (&[POSTFIX, POSTFIX], "`OPTNEG` before CONNECT"),
        (&[POSTFIX, b"M<a@b>\0"], "`MAIL` before CONNECT"),
        (&[POSTFIX, CONNECT, b"Bx"], "`BODY` before MAIL"),
        (&[POSTFIX, CONNECT, b"E"], "`BODYEOB` before MAIL"),
        (&[POSTFIX, CONNECT, b"M<a@b>\0", b"Bx"], "`BODY` in the envelope"),
        (&[POSTFIX, CONNECT, b"M<a@b>\0", b"LA\0 b\0", b"M<a@b>\0"], "`MAIL` in the header"),
        (&[POSTFIX, CONNECT, b"M<a@b>\0", b"N", b"LA\0 b\0"], "`HEADER` in the body"),
        (&[b"O\0\0\0\x06\0\0\0\x01\0\0\0\0"], "`OPTNEG` before any agreement"),
        (&[b"O\0\0"], "the command `O` has data that is none"),
        (&[b"z"], "no command has the letter `z`"),
    ] {
        let mut talk = Talk::new();
        let (last, first) = packets.split_last().unwrap();
        first.iter().for_each(|packet| drop(talk.say(packet).unwrap()));
        assert_eq!(talk.say(last), Err(why.to_owned()));
    }
}

#[test]
fn what_is_kept_of_a_mail_is_bounded() {
    let mut talk = Talk::new();
    talk.go(&[POSTFIX, CONNECT, b"M<a@b>\0"]);
    for _ in 0..1000 {
        talk.go(&[b"R<0123456789@example.org>\0"]);
    }
    assert_eq!((talk.session.envelope().recipients.len(), talk.session.envelope().recipient_count), (4, 1000));
    for _ in 0..1000 {
        talk.go(&[b"LX\0 0123456789\0"]);
    }
    let (header, is_cut) = talk.session.take_header();
    assert!(is_cut && header.len() <= 1000 && header.ends_with(b"\r\n"));
    // Macros as well.
    let many: Vec<u8> = (0..1000).flat_map(|at| format!("m{at}\0x\0").into_bytes()).collect();
    talk.go(&[&[&b"DM"[..], &many].concat()]);
    assert_eq!((talk.session.macros().get("m0").is_some(), talk.session.macros().get("m999")), (true, None));
}

#[test]
fn a_line_feed_in_a_value_makes_no_new_field() {
    let mut talk = Talk::new();
    talk.go(&[POSTFIX, CONNECT, b"M<a@b>\0", b"LSubject\0 a\nFrom: x@y\0", b"LX\0 a\r\n b\0"]);
    assert_eq!(talk.session.take_header().0, b"Subject: a\nFrom: x@y\r\nX: a\r\n b\r\n");
}

proptest! {
    #[test]
    fn no_conversation_makes_it_panic(
        packets in proptest::collection::vec((0usize..16, proptest::collection::vec(any::<u8>(), 0..40)), 0..30),
    ) {
        let mut talk = Talk::new();
        for (letter, data) in packets {
            let packet = match letter {
                0 => POSTFIX.to_vec(),
                1 => CONNECT.to_vec(),
                2 => b"M<a@b>\0".to_vec(),
                3 => b"N".to_vec(),
                _ => [&b"OCMNDHRTLBEAUQKz"[letter..=letter], &data].concat(),
            };
            let _ = talk.say(&packet);
            prop_assert!(talk.session.take_header().0.len() <= 1000);
        }
    }
}
