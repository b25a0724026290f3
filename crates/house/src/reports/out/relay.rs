//! The way out: one mail, handed to the relay by SMTP

use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
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
    pub(super) async fn send(&self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Refusal> {
        let sent = timeout(WHOLE, self.converse(from, to, mail)).await;
        sent.unwrap_or_else(|_| Err(Refusal::Later(format!("the relay {} is too slow", self.relay))))
    }

    /// Converses with the relay.
    async fn converse(&self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Refusal> {
        let mut relay = self.connect().await.map_err(|why| self.later("does not talk to us", &why))?;
        // A relay that takes nothing from us will do so for the next mail, too: somebody has to look at its configuration.
        let mailed = relay.command(Mail::new(Some(from.clone()), Vec::new())).await;
        let said = match mailed {
            Err(why) => Err(self.later("takes no mail from us", &why)),
            Ok(_) => self.hand_over(&mut relay, to, mail).await,
        };
        relay.abort().await;
        said
    }

    /// Names the recipient and hands the mail over.
    async fn hand_over(&self, relay: &mut AsyncSmtpConnection, to: &Address, mail: &[u8]) -> Result<(), Refusal> {
        let refused = |why: Error| match why.is_permanent() {
            true => Refusal::Never(format!("the relay {} refuses it: {why}", self.relay)),
            false => self.later("does not take it now", &why),
        };
        relay.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(refused)?;
        relay.command(Data).await.map_err(refused)?;
        // The last line end is a part of the dot.
        relay.message(mail.strip_suffix(b"\r\n").unwrap_or(mail)).await.map_err(refused)?;
        Ok(())
    }

    /// Connects, and secures the connection where that is asked for.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let hello = ClientId::Domain(self.host.clone());
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
