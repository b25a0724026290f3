//! One reply, written: a code, an enhanced status code (RFC 2034), a text

use super::command::BadCommand;

/// The longest text that is written; a line has 512 octets at most (RFC 5321 §4.5.3.1.5).
const TEXT_MAX: usize = 450;

/// What the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    /// The code.
    pub(super) code: u16,
    /// The enhanced status code; none where RFC 2034 §4 has none.
    status: &'static str,
    /// What people read.
    text: &'a str,
}

impl<'a> Reply<'a> {
    /// 521: the end, since this is no SMTP.
    pub(super) const FOREIGN: Reply<'static> = Reply::new(521, "5.5.2", "this is an SMTP server");
    /// 521: the end, since a line did not end with CR LF.
    pub(super) const BARE_IN_COMMAND: Reply<'static> =
        Reply::new(521, "5.5.2", "lines end with CR LF, not with one of them alone");
    /// 554: the content has what would end a line for others.
    pub(super) const BARE_IN_CONTENT: Reply<'static> =
        Reply::new(554, "5.6.0", "the message has CR or LF alone, which some servers take for the end of a line");
    /// 500: a line is longer than any command.
    pub(super) const TOO_LONG: Reply<'static> = Reply::new(500, "5.5.2", "the line is too long");
    /// 552: the mail is larger than what is taken.
    pub(super) const TOO_LARGE: Reply<'static> =
        Reply::new(552, "5.3.4", "the message is larger than this server takes");
    /// 503: no hello was said.
    pub(super) const NO_HELLO: Reply<'static> = Reply::new(503, "5.5.1", "say EHLO first");
    /// 503: LMTP begins with LHLO.
    pub(super) const NO_LHLO: Reply<'static> = Reply::new(503, "5.5.1", "say LHLO first");
    /// 503: no mail was begun.
    pub(super) const NO_MAIL: Reply<'static> = Reply::new(503, "5.5.1", "say MAIL first");
    /// 503: nobody is to receive it.
    pub(super) const NO_RCPT: Reply<'static> = Reply::new(503, "5.5.1", "say RCPT first");
    /// 554: nobody of those named receives it.
    pub(super) const NO_RECIPIENT: Reply<'static> = Reply::new(554, "5.5.1", "no recipient was accepted");
    /// 503: a mail was begun.
    pub(super) const IN_MAIL: Reply<'static> = Reply::new(503, "5.5.1", "a mail is under way: end it, or say RSET");
    /// 503: chunks of content were sent (RFC 3030 §2).
    pub(super) const IN_CHUNKS: Reply<'static> =
        Reply::new(503, "5.5.1", "the content comes by BDAT: end it, or say RSET");
    /// 502: this server has no TLS.
    pub(super) const NO_TLS: Reply<'static> = Reply::new(502, "5.5.1", "there is no TLS here");
    /// 503: there is TLS already.
    pub(super) const IN_TLS: Reply<'static> = Reply::new(503, "5.5.1", "this is TLS already");
    /// 530: no mail without TLS (RFC 3207 §4).
    pub(super) const NEEDS_TLS: Reply<'static> = Reply::new(530, "5.7.0", "say STARTTLS first");
    /// 554: octets came behind STARTTLS that would have been taken as if they had come in TLS.
    pub(super) const INJECTED: Reply<'static> = Reply::new(554, "5.5.1", "nothing may follow STARTTLS before TLS does");
    /// 220: TLS may begin.
    pub(super) const BEGIN_TLS: Reply<'static> = Reply::new(220, "2.0.0", "begin TLS");
    /// 550: a peer that is not trusted said who others are.
    pub(super) const NOT_TRUSTED: Reply<'static> = Reply::new(550, "5.7.0", "this client may not speak for others");
    /// 501: attributes that are none.
    pub(super) const BAD_ATTRIBUTE: Reply<'static> =
        Reply::new(501, "5.5.4", "an attribute is not known or has a value that is none");
    /// 452: there are enough recipients (RFC 5321 §4.5.3.1.10).
    pub(super) const TOO_MANY_RECIPIENTS: Reply<'static> =
        Reply::new(452, "4.5.3", "too many recipients: send the mail again for the others");
    /// 550: a sender that needs SMTPUTF8 without saying so (RFC 6531 §3.5).
    pub(super) const SENDER_NEEDS_UTF8: Reply<'static> =
        Reply::new(550, "5.6.7", "an address beyond ASCII needs SMTPUTF8");
    /// 553: the same of a recipient.
    pub(super) const RECIPIENT_NEEDS_UTF8: Reply<'static> =
        Reply::new(553, "5.6.7", "an address beyond ASCII needs SMTPUTF8");
    /// 421: the end, since nothing comes of this.
    pub(super) const TOO_MANY_ERRORS: Reply<'static> =
        Reply::new(421, "4.7.0", "too many commands that lead to nothing");
    /// 421: the end, so that others have their turn.
    pub(super) const TOO_MANY_MAILS: Reply<'static> = Reply::new(421, "4.7.0", "enough for one connection: come again");
    /// 451: somebody should have decided and did not.
    pub(super) const UNDECIDED: Reply<'static> = Reply::new(451, "4.3.0", "this could not be decided now");
    /// 250: the sender is noted.
    pub(super) const SENDER: Reply<'static> = Reply::new(250, "2.1.0", "sender ok");
    /// 250: the recipient is noted.
    pub(super) const RECIPIENT: Reply<'static> = Reply::new(250, "2.1.5", "recipient ok");
    /// 250: as you like.
    pub(super) const OK: Reply<'static> = Reply::new(250, "2.0.0", "ok");
    /// 252: neither yes nor no (RFC 5321 §3.5.3).
    pub(super) const MAYBE: Reply<'static> = Reply::new(252, "2.0.0", "send it, and see");
    /// 214: what there is to say.
    pub(super) const HELP: Reply<'static> = Reply::new(214, "2.0.0", "this server takes reports: RFC 5321 tells how");
    /// 221: farewell.
    pub(super) const BYE: Reply<'static> = Reply::new(221, "2.0.0", "bye");
    /// 354: the content may come.
    pub(super) const GO_ON: Reply<'static> = Reply::new(354, "", "end the message with a dot on a line of its own");

    /// Returns a reply.
    pub(super) const fn new(code: u16, status: &'static str, text: &'a str) -> Reply<'a> {
        Reply { code, status, text }
    }

    /// Returns the answer to a line that is no command.
    pub(super) fn to_bad(why: BadCommand) -> Reply<'static> {
        match why {
            BadCommand::Unknown => Reply::new(500, "5.5.2", "no such command is known"),
            BadCommand::NotImplemented => Reply::new(502, "5.5.1", "the command is not implemented"),
            BadCommand::Syntax => Reply::new(501, "5.5.4", "the command has an argument that is none"),
            BadCommand::Sender => Reply::new(501, "5.1.7", "this is no sender: write <local-part@domain> or <>"),
            BadCommand::Recipient => Reply::new(501, "5.1.3", "this is no recipient: write <local-part@domain>"),
            BadCommand::Parameter => Reply::new(555, "5.5.4", "a parameter is not offered here"),
            BadCommand::Chunk => Reply::new(521, "5.5.4", "nobody knows how many octets follow"),
            BadCommand::Foreign => Reply::FOREIGN,
        }
    }

    /// Appends the reply. What would end its line early, or is no ASCII, is left out of the text.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.code.to_string().as_bytes());
        if !self.status.is_empty() {
            out.push(b' ');
            out.extend_from_slice(self.status.as_bytes());
        }
        out.push(b' ');
        out.extend(self.text.bytes().filter(|octet| matches!(octet, b' '..=b'~')).take(TEXT_MAX));
        out.extend_from_slice(b"\r\n");
    }

    /// Appends a reply of several lines, without enhanced status codes.
    pub(super) fn write_lines<'b>(code: u16, lines: impl IntoIterator<Item = &'b str>, out: &mut Vec<u8>) {
        let mut lines = lines.into_iter().peekable();
        while let Some(line) = lines.next() {
            let sign = if lines.peek().is_some() { '-' } else { ' ' };
            out.extend_from_slice(format!("{code}{sign}{line}\r\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_end_a_line_before_its_time() {
        let mut out = Vec::new();
        Reply::new(451, "4.3.0", "a\r\n250 b\0\u{e9}").write(&mut out);
        assert_eq!(out, b"451 4.3.0 a250 b\r\n");
        out.clear();
        Reply::new(451, "4.3.0", &"x".repeat(9000)).write(&mut out);
        assert!(out.len() <= 512);
    }

    #[test]
    fn all_lines_but_the_last_have_a_hyphen() {
        let mut out = Vec::new();
        Reply::write_lines(250, ["host", "SIZE 1", "PIPELINING"], &mut out);
        assert_eq!(out, b"250-host\r\n250-SIZE 1\r\n250 PIPELINING\r\n");
    }
}
