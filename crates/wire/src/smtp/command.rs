//! One command line, read (RFC 5321 §4.1)

use super::mailbox::Mailbox;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// HELO, EHLO, LHLO: the client's name.
    Hello(Hello, Box<str>),
    /// MAIL: who sends; nobody for `<>`.
    Mail(Option<Mailbox>, MailParameters),
    /// RCPT: who shall receive.
    Rcpt(Mailbox),
    /// DATA: the content follows, line by line.
    Data,
    /// BDAT: so many octets of the content follow, and whether they are the last ones.
    Bdat(u64, bool),
    /// RSET: forget the mail.
    Rset,
    /// NOOP: nothing.
    Noop,
    /// VRFY: is there such a mailbox?
    Vrfy,
    /// HELP: what is there to say?
    Help,
    /// QUIT: the conversation is over.
    Quit,
    /// STARTTLS: let us go on in TLS.
    StartTls,
    /// XFORWARD: attributes of the client that the next mail came from.
    XForward(Box<[u8]>),
    /// XCLIENT: attributes of the client that is to be taken for this one.
    XClient(Box<[u8]>),
}

/// With which word a client says hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hello {
    /// HELO: no extensions.
    Helo,
    /// EHLO: extensions are welcome.
    Ehlo,
    /// LHLO: the same in LMTP.
    Lhlo,
}

/// What MAIL says beside the sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// SIZE: how large the client says the mail is (RFC 1870).
    pub size: Option<u64>,
    /// BODY=8BITMIME: there are octets beyond ASCII (RFC 6152).
    pub is_8bit: bool,
    /// SMTPUTF8: there may be such in addresses and the header (RFC 6531).
    pub is_utf8: bool,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadCommand {
    /// No such command is known, or the line is no text.
    Unknown,
    /// The command is known and not for us.
    NotImplemented,
    /// The command is known, what stands behind it is not.
    Syntax,
    /// The sender of MAIL is no path.
    Sender,
    /// The recipient of RCPT is no path.
    Recipient,
    /// MAIL or RCPT has a parameter that is not offered.
    Parameter,
    /// It is not known how much content follows: there is no way to go on.
    Chunk,
    /// This is another protocol: there is no way to go on. A browser can be made to post to any port.
    Foreign,
}

impl Command {
    /// Reads a line, without its CR LF.
    pub fn read(line: &[u8]) -> Result<Command, BadCommand> {
        if line.first().is_some_and(|first| !first.is_ascii_alphabetic()) {
            return Err(BadCommand::Foreign);
        }
        // §4.1.1: white space at the end is borne.
        let end = line.iter().rposition(|octet| !matches!(octet, b' ' | b'\t')).map_or(0, |last| last + 1);
        let line = &line[..end];
        let verb_end = line.iter().position(|octet| !octet.is_ascii_alphabetic()).unwrap_or(line.len());
        let (verb, rest) = line.split_at(verb_end);
        if line.iter().any(|octet| octet.is_ascii_control() && *octet != b'\t')
            || !matches!(rest.first(), None | Some(b' ' | b'\t'))
        {
            return Err(BadCommand::Unknown);
        }
        let argument = rest.trim_ascii_start();
        let alone = |command| if argument.is_empty() { Ok(command) } else { Err(BadCommand::Syntax) };
        match &*verb.to_ascii_uppercase() {
            b"HELO" => hello(Hello::Helo, argument),
            b"EHLO" => hello(Hello::Ehlo, argument),
            b"LHLO" => hello(Hello::Lhlo, argument),
            b"MAIL" => mail(argument),
            b"RCPT" => rcpt(argument),
            b"DATA" => alone(Command::Data),
            b"BDAT" => bdat(argument).ok_or(BadCommand::Chunk),
            b"RSET" => alone(Command::Rset),
            b"NOOP" => Ok(Command::Noop),
            b"VRFY" if argument.is_empty() => Err(BadCommand::Syntax),
            b"VRFY" => Ok(Command::Vrfy),
            b"HELP" => Ok(Command::Help),
            b"QUIT" => alone(Command::Quit),
            b"STARTTLS" => alone(Command::StartTls),
            b"XFORWARD" => Ok(Command::XForward(argument.into())),
            b"XCLIENT" => Ok(Command::XClient(argument.into())),
            b"EXPN" | b"TURN" | b"ETRN" | b"ATRN" | b"AUTH" | b"SEND" | b"SOML" | b"SAML" | b"BURL" => {
                Err(BadCommand::NotImplemented)
            }
            b"GET" | b"POST" | b"PUT" | b"HEAD" | b"DELETE" | b"OPTIONS" | b"CONNECT" | b"PATCH" | b"TRACE" => {
                Err(BadCommand::Foreign)
            }
            _ => Err(BadCommand::Unknown),
        }
    }
}

/// Reads the name of a client. It is only told, never believed, and §4.1.4 wants no client refused for a name that is
/// none: one word of visible characters is enough.
fn hello(hello: Hello, name: &[u8]) -> Result<Command, BadCommand> {
    let name = str::from_utf8(name).map_err(|_| BadCommand::Syntax)?;
    let is_word =
        !name.is_empty() && name.len() <= 255 && !name.contains(|char: char| char.is_control() || char.is_whitespace());
    if is_word { Ok(Command::Hello(hello, name.into())) } else { Err(BadCommand::Syntax) }
}

/// Reads sender and parameters of MAIL.
fn mail(argument: &[u8]) -> Result<Command, BadCommand> {
    let (path, parameters) = path_after(b"FROM:", argument, BadCommand::Sender)?;
    let sender = match path {
        b"" => None,
        path => Some(Mailbox::read(path).ok_or(BadCommand::Sender)?),
    };
    Ok(Command::Mail(sender, mail_parameters(parameters)?))
}

/// Reads the recipient of RCPT, which has no parameters here.
fn rcpt(argument: &[u8]) -> Result<Command, BadCommand> {
    let (path, parameters) = path_after(b"TO:", argument, BadCommand::Recipient)?;
    let recipient = Mailbox::read_forward(path).ok_or(BadCommand::Recipient)?;
    match parameters_of(parameters).next() {
        None => Ok(Command::Rcpt(recipient)),
        Some((keyword, value)) if is_parameter(keyword, value) => Err(BadCommand::Parameter),
        Some(_) => Err(BadCommand::Syntax),
    }
}

/// Returns what stands in the brackets behind a keyword, and what stands behind them; `broken` where the brackets are none.
/// A space before them, which §3.3 calls a common error, is borne.
fn path_after<'a>(keyword: &[u8], argument: &'a [u8], broken: BadCommand) -> Result<(&'a [u8], &'a [u8]), BadCommand> {
    let (begin, rest) = argument.split_at_checked(keyword.len()).ok_or(BadCommand::Syntax)?;
    if !begin.eq_ignore_ascii_case(keyword) {
        return Err(BadCommand::Syntax);
    }
    let rest = rest.trim_ascii_start().strip_prefix(b"<").ok_or(broken)?;
    let end = closing_bracket(rest).ok_or(broken)?;
    let (path, behind) = (&rest[..end], &rest[end + 1..]);
    let is_apart = matches!(behind.first(), None | Some(b' '));
    if is_apart { Ok((path, behind)) } else { Err(broken) }
}

/// Finds the bracket that closes a path, not one in quotes.
fn closing_bracket(path: &[u8]) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    path.iter().position(|octet| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match octet {
            b'\\' if is_quoted && !was_escaped => is_escaped = true,
            b'"' if !was_escaped => is_quoted = !is_quoted,
            b'>' => return !is_quoted,
            _ => {}
        }
        false
    })
}

/// Reads the parameters of MAIL, each of them once.
fn mail_parameters(parameters: &[u8]) -> Result<MailParameters, BadCommand> {
    let (mut known, mut has_body) = (MailParameters::default(), false);
    for (keyword, value) in parameters_of(parameters) {
        if !is_parameter(keyword, value) {
            return Err(BadCommand::Syntax);
        }
        let is_repeated = match (&*keyword.to_ascii_uppercase(), value) {
            (b"SIZE", Some(value)) => known.size.replace(number(value).ok_or(BadCommand::Syntax)?).is_some(),
            (b"BODY", Some(value)) => {
                known.is_8bit = value.eq_ignore_ascii_case(b"8BITMIME");
                if !known.is_8bit && !value.eq_ignore_ascii_case(b"7BIT") {
                    return Err(BadCommand::Parameter);
                }
                std::mem::replace(&mut has_body, true)
            }
            (b"SMTPUTF8", None) => std::mem::replace(&mut known.is_utf8, true),
            (b"SIZE" | b"BODY" | b"SMTPUTF8", _) => return Err(BadCommand::Syntax),
            _ => return Err(BadCommand::Parameter),
        };
        if is_repeated {
            return Err(BadCommand::Syntax);
        }
    }
    Ok(known)
}

/// Cuts parameters: keywords, and values behind an equals sign.
fn parameters_of(parameters: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    parameters.split(|&octet| octet == b' ').filter(|parameter| !parameter.is_empty()).map(|parameter| {
        match memchr::memchr(b'=', parameter) {
            Some(equals) => (&parameter[..equals], Some(&parameter[equals + 1..])),
            None => (parameter, None),
        }
    })
}

/// Tells whether this has the form of a parameter (§4.1.2, `esmtp-param`).
fn is_parameter(keyword: &[u8], value: Option<&[u8]>) -> bool {
    keyword.first().is_some_and(u8::is_ascii_alphanumeric)
        && keyword.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
        && value.is_none_or(|value| {
            !value.is_empty() && value.iter().all(|octet| matches!(octet, b'!'..=b'<' | b'>'..=b'~'))
        })
}

/// Reads length and end of a chunk (RFC 3030 §2).
fn bdat(argument: &[u8]) -> Option<Command> {
    let end = argument.iter().position(|octet| *octet == b' ').unwrap_or(argument.len());
    let (length, last) = argument.split_at(end);
    let last = last.trim_ascii_start();
    let is_last = last.eq_ignore_ascii_case(b"LAST");
    (is_last || last.is_empty()).then_some(Command::Bdat(number(length)?, is_last))
}

/// Reads a number of up to twenty digits; one beyond `u64` is just very large (RFC 1870 §5, RFC 3030 §2).
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = (1..=20).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        digits.iter().fold(0u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mail(line: &str) -> Result<(Option<String>, MailParameters), BadCommand> {
        match Command::read(line.as_bytes())? {
            Command::Mail(sender, parameters) => Ok((sender.map(|sender| sender.to_string()), parameters)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn senders_come_with_parameters() {
        let plain = MailParameters::default();
        assert_eq!(mail("MAIL FROM:<>"), Ok((None, plain)));
        assert_eq!(mail("mail from: <a@b>  "), Ok((Some("a@b".into()), plain)));
        assert_eq!(mail("MAIL FROM:<\"a> b\"@c>"), Ok((Some("\"a> b\"@c".into()), plain)));
        assert_eq!(mail("MAIL FROM:<\"a\\\">\"@c>"), Ok((Some("\"a\\\">\"@c".into()), plain)));
        let all = MailParameters { size: Some(12), is_8bit: true, is_utf8: true };
        assert_eq!(mail("MAIL FROM:<a@b> size=12 BODY=8bitmime SMTPUTF8"), Ok((Some("a@b".into()), all)));
        let large = MailParameters { size: Some(u64::MAX), ..plain };
        assert_eq!(mail("MAIL FROM:<> BODY=7BIT SIZE=99999999999999999999"), Ok((None, large)));
    }

    #[test]
    fn what_is_no_sender_is_told_apart() {
        use BadCommand::{Parameter, Sender, Syntax};
        for (line, why) in [
            ("MAIL", Syntax),
            ("MAIL <a@b>", Syntax),
            ("MAIL FROM <a@b>", Syntax),
            ("MAIL FROM:", Sender),
            ("MAIL FROM:a@b", Sender),
            ("MAIL FROM:<a@b", Sender),
            ("MAIL FROM:<a@b>x", Sender),
            ("MAIL FROM:<\"a@b>", Sender),
            ("MAIL FROM:<postmaster>", Sender),
            ("MAIL FROM:< a@b>", Sender),
            ("MAIL FROM:<a@b> SIZE", Syntax),
            ("MAIL FROM:<a@b> SIZE=", Syntax),
            ("MAIL FROM:<a@b> SIZE=x", Syntax),
            ("MAIL FROM:<a@b> SIZE=1 SIZE=1", Syntax),
            ("MAIL FROM:<a@b> SIZE=123456789012345678901", Syntax),
            ("MAIL FROM:<a@b> BODY=7BIT BODY=7BIT", Syntax),
            ("MAIL FROM:<a@b> SMTPUTF8=1", Syntax),
            ("MAIL FROM:<a@b> =", Syntax),
            ("MAIL FROM:<a@b> X=\u{e9}", Syntax),
            ("MAIL FROM:<a@b> BODY=BINARYMIME", Parameter),
            ("MAIL FROM:<a@b> AUTH=<>", Parameter),
            ("MAIL FROM:<a@b> RET=HDRS", Parameter),
        ] {
            assert_eq!(mail(line), Err(why), "{line}");
        }
    }

    #[test]
    fn words_are_read_in_any_case_and_with_space_at_the_end() {
        for (line, command) in [
            (&b"data"[..], Ok(Command::Data)),
            (b"DATA \t", Ok(Command::Data)),
            (b"DATA x", Err(BadCommand::Syntax)),
            (b"EHLO [192.0.2.1]", Ok(Command::Hello(Hello::Ehlo, "[192.0.2.1]".into()))),
            (b"HELO under_score", Ok(Command::Hello(Hello::Helo, "under_score".into()))),
            (b"HELO", Err(BadCommand::Syntax)),
            (b"HELO a b", Err(BadCommand::Syntax)),
            (b"NOOP whatever", Ok(Command::Noop)),
            (b"NOOP\0", Err(BadCommand::Unknown)),
            (b"NOOP a\x1bb", Err(BadCommand::Unknown)),
            (b"NOOP\r", Err(BadCommand::Unknown)),
            (b"NOOP\n", Err(BadCommand::Unknown)),
            (b"VRFY", Err(BadCommand::Syntax)),
            (b"VRFY me", Ok(Command::Vrfy)),
            (b"EXPN list", Err(BadCommand::NotImplemented)),
            (b"RCPT TO:<Postmaster>", Ok(Command::Rcpt(Mailbox::read_forward(b"Postmaster").unwrap()))),
            (b"RCPT TO:<>", Err(BadCommand::Recipient)),
            (b"RCPT TO:<a@b> NOTIFY=NEVER", Err(BadCommand::Parameter)),
            (b"RCPT TO:<a@b> =", Err(BadCommand::Syntax)),
            (b"BDAT 10", Ok(Command::Bdat(10, false))),
            (b"bdat 0 last", Ok(Command::Bdat(0, true))),
            (b"BDAT 99999999999999999999", Ok(Command::Bdat(u64::MAX, false))),
            (b"BDAT", Err(BadCommand::Chunk)),
            (b"BDAT -1", Err(BadCommand::Chunk)),
            (b"BDAT 1 LOST", Err(BadCommand::Chunk)),
            (b"", Err(BadCommand::Unknown)),
            (b"EHLO: x", Err(BadCommand::Unknown)),
            (b"XYZZY", Err(BadCommand::Unknown)),
            (b"GET / HTTP/1.1", Err(BadCommand::Foreign)),
            (b"\x16\x03\x01", Err(BadCommand::Foreign)),
            (b" DATA", Err(BadCommand::Foreign)),
        ] {
            assert_eq!(Command::read(line), command, "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(
            verb in proptest::sample::select(&["MAIL FROM:<", "RCPT TO:<", "BDAT ", "EHLO ", ""][..]),
            rest in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let _ = Command::read(&[verb.as_bytes(), &rest].concat());
        }
    }
}
