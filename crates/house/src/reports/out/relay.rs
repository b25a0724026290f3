//! The way out: one mail, handed to the relay by SMTP
//!
//! A relay that offers notices (RFC 3461) is told how to write them: only where the mail fails, with its header alone, and under
//! the name of its envelope, by which the notice is known when it comes back.

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailParameter, RcptParameter};
use tokio::time::timeout;

use crate::config::{RelayTls, SmtpRelay};

/// How long the relay may take to answer once.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long all of it may take: less than a job is leased for.
const WHOLE: Duration = Duration::from_secs(240);

/// The relay, and how we speak to it.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    /// Where it is.
    pub(super) relay: SmtpRelay,
    /// With TLS or without.
    pub(super) tls: RelayTls,
    /// What we call ourselves.
    pub(super) host: String,
}

/// A mail on its way out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parcel<'p> {
    /// Where it comes back to.
    pub(super) from: &'p Address,
    /// Where it goes.
    pub(super) to: &'p Address,
    /// Its Message-ID without brackets, which names the envelope, too.
    pub(super) name: &'p str,
    /// The mail.
    pub(super) mail: &'p [u8],
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may be taken later.
    Later(String),
    /// It is never taken: its recipient or the mail itself is refused.
    Never(String),
}

impl Outlet {
    /// Hands a mail over. When it returns, the relay answers for it.
    pub(super) async fn send(&self, parcel: &Parcel<'_>) -> Result<(), Refusal> {
        let sent = timeout(WHOLE, self.converse(parcel)).await;
        sent.unwrap_or_else(|_| Err(Refusal::Later(format!("the relay {} is too slow", self.relay))))
    }

    /// Converses with the relay.
    async fn converse(&self, parcel: &Parcel<'_>) -> Result<(), Refusal> {
        let away = |why: Error| self.later("does not talk to us", &why);
        let mut relay = self.connect().await.map_err(away)?;
        let notices = self.offers_notices(&mut relay).await.map_err(away)?.then(|| Notices::about(parcel));
        let Notices { mail, rcpt } = notices.unwrap_or_default();
        // A relay that takes nothing from us will do so for the next mail, too: somebody has to look at its configuration.
        let mailed = relay.command(Mail::new(Some(parcel.from.clone()), mail)).await;
        let said = match mailed {
            Err(why) => Err(self.later("takes no mail from us", &why)),
            Ok(_) => self.hand_over(&mut relay, Rcpt::new(parcel.to.clone(), rcpt), parcel.mail).await,
        };
        relay.abort().await;
        said
    }

    /// Names the recipient and hands the mail over.
    async fn hand_over(&self, relay: &mut AsyncSmtpConnection, rcpt: Rcpt, mail: &[u8]) -> Result<(), Refusal> {
        let refused = |why: Error| match why.is_permanent() {
            true => Refusal::Never(format!("the relay {} refuses it: {why}", self.relay)),
            false => self.later("does not take it now", &why),
        };
        relay.command(rcpt).await.map_err(refused)?;
        relay.command(Data).await.map_err(refused)?;
        // The last line end is a part of the dot.
        relay.message(mail.strip_suffix(b"\r\n").unwrap_or(mail)).await.map_err(refused)?;
        Ok(())
    }

    /// Returns what we call ourselves.
    fn hello(&self) -> ClientId {
        ClientId::Domain(self.host.clone())
    }

    /// Tells whether the relay offers notices. The library keeps no list of what was offered: it is asked once more, which says
    /// the same and begins anew (RFC 5321 §4.1.4).
    async fn offers_notices(&self, relay: &mut AsyncSmtpConnection) -> Result<bool, Error> {
        let offered = relay.command(Ehlo::new(self.hello())).await?;
        Ok(offered.message().any(|line| line.trim().eq_ignore_ascii_case("DSN")))
    }

    /// Connects, and secures the connection where that is asked for.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let hello = self.hello();
        let server = (self.relay.host.as_str(), self.relay.port);
        let mut relay = AsyncSmtpConnection::connect_tokio1(server, Some(PATIENCE), &hello, None, None).await?;
        if self.tls == RelayTls::StartTls {
            // Where the server does not offer it this fails, and nothing goes out in clear text.
            relay.starttls(TlsParameters::new_rustls(self.relay.host.clone())?, &hello).await?;
        }
        Ok(relay)
    }

    /// Says that it may work later.
    fn later(&self, what: &str, why: &Error) -> Refusal {
        Refusal::Later(format!("the relay {} {what}: {why}", self.relay))
    }
}

/// How the relay is to write notices (RFC 3461 §4).
#[derive(Default)]
struct Notices {
    /// With `MAIL`.
    mail: Vec<MailParameter>,
    /// With `RCPT`.
    rcpt: Vec<RcptParameter>,
}

impl Notices {
    /// Asks for a notice where a mail fails: its header, and the name of its envelope.
    fn about(parcel: &Parcel<'_>) -> Notices {
        let mail = |keyword: &str, value: &str| MailParameter::Other {
            keyword: keyword.to_owned(),
            value: Some(value.to_owned()),
        };
        let rcpt = RcptParameter::Other { keyword: "NOTIFY".to_owned(), value: Some("FAILURE".to_owned()) };
        // §4.4: a longer name is none.
        let name = Some(parcel.name).filter(|name| name.len() <= 100).map(|name| mail("ENVID", name));
        Notices { mail: [mail("RET", "HDRS")].into_iter().chain(name).collect(), rcpt: vec![rcpt] }
    }
}
