//! The mails of the sample day: written, signed, and changed on their way as real ones are

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use jiff::fmt::rfc2822;
use jiff::{Timestamp, tz::TimeZone};
use sekisho_core::name::DomainName;
use sekisho_mail::arc::Chain;
use sekisho_mail::arc::seal::Sealer;
use sekisho_mail::body::{BodyDigests, BodyHasher, BodyPlan};
use sekisho_mail::dkim::sign::Signer;
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::message::Message;
use sekisho_mail::verdict::ArcResult;

use super::streams::{STREAMS, Stream, Way};
use crate::gate::Rehearsal;

/// The list: its domain and its selector.
const LIST: (&str, &str) = ("lists.example", "l1");
/// The one signer whose key is revoked.
const REVOKED: (&str, &str) = ("parts.example", "old");
/// Who signs reports.
pub(super) const REPORTERS: [(&str, &str); 3] =
    [("home.example", "h1"), ("mailbox.example", "r1"), ("carrier.example", "r1")];
/// What every mail says.
const BODY: &str = "Good day,\r\n\r\nthis mail was written for the sample day of Sekisho.\r\n\r\nKind regards\r\n";

/// Returns the signers whose keys the DNS has.
pub(super) fn published() -> Vec<(&'static str, &'static str)> {
    let signers = STREAMS.iter().flat_map(|stream| stream.signers.iter().copied());
    let mut all: Vec<_> = signers.chain([LIST]).chain(REPORTERS).filter(|signer| *signer != REVOKED).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Returns a signer's key: always the same, so that the DNS of the sample needs no file. It protects nothing.
pub(super) fn key(domain: &str, selector: &str) -> SigningKey {
    let seed = digest(&SHA256, format!("the sample day: {selector} of {domain}").as_bytes());
    let seed = <[u8; 32]>::try_from(seed.as_ref()).expect("SHA-256 has 32 octets");
    SigningKey::from_seed(&seed).expect("every seed makes a key")
}

/// Returns who signs with it.
pub(super) fn signer((domain, selector): (&str, &str)) -> anyhow::Result<Signer> {
    Ok(Signer::new(DomainName::parse(domain)?, DomainName::parse(selector)?, key(domain, selector)))
}

/// Signs a mail.
pub(super) fn signed(mail: &[u8], by: (&str, &str), now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let signer = signer(by)?;
    let mut plan = BodyPlan::new();
    signer.plan(&mut plan);
    let (message, digests) = hashed(mail, &plan);
    Ok([signer.sign(&message.header(), &digests, now)?, mail.to_vec()].concat())
}

/// Reads a mail, and hashes its body.
fn hashed<'a>(mail: &'a [u8], plan: &BodyPlan) -> (Message<'a>, BodyDigests) {
    let (message, mut hasher) = (Message::parse(mail), BodyHasher::new(plan));
    message.body().for_each(|piece| hasher.update(&piece));
    (message, hasher.finish())
}

/// Writes a mail of a stream as it reaches us.
pub(super) async fn written(
    stream: &Stream,
    to: &[&str],
    rehearsal: &Rehearsal,
    now: Timestamp,
) -> anyhow::Result<Vec<u8>> {
    let mut mail = plain(stream, to, now)?;
    for signer in stream.signers {
        mail = signed(&mail, *signer, now)?;
    }
    match stream.way {
        Way::Straight => Ok(mail),
        Way::Gateway => Ok(written_into(&mail)),
        Way::List(client, mail_from) => listed(&mail, envelope(client, "mail", mail_from)?, rehearsal, now).await,
        Way::ListThenGateway(client, mail_from) => {
            let listed = listed(&mail, envelope(client, "mail", mail_from)?, rehearsal, now).await?;
            Ok(written_into(&listed))
        }
    }
}

/// Returns how a mail comes.
pub(super) fn envelope(client: &str, helo: &str, mail_from: &str) -> anyhow::Result<Envelope> {
    let client_ip = Some(client.parse().with_context(|| format!("`{client}` is no address"))?);
    Ok(Envelope { client_ip, helo: Some(helo.as_bytes().into()), mail_from: Some(mail_from.as_bytes().into()) })
}

/// Writes a mail as its author does.
fn plain(stream: &Stream, to: &[&str], now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let date = rfc2822::to_string(&now.to_zoned(TimeZone::UTC))?;
    let (from, to, subject) = (stream.from, to.join(", "), stream.subject);
    let host = from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
    let id = now.as_second();
    Ok(format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: <{id}@{host}>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{BODY}"
    )
    .into_bytes())
}

/// Lets the list have a mail: it says what it found, changes subject and body, signs, and seals.
async fn listed(mail: &[u8], arrival: Envelope, rehearsal: &Rehearsal, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let results = rehearsal.results(LIST.0, mail, arrival, now).await.context("the list did not judge")?;
    let text = String::from_utf8(mail.to_vec())?.replacen("\r\nSubject: ", "\r\nSubject: [council] ", 1);
    let footer = "-- \r\nThe council's mailing list\r\n";
    let changed =
        format!("List-Id: <council.lists.example>\r\nList-Post: <mailto:council@lists.example>\r\n{text}{footer}");
    let mail = signed(changed.as_bytes(), LIST, now)?;
    let sealer = Sealer::new(DomainName::parse(LIST.0)?, DomainName::parse(LIST.1)?, key(LIST.0, LIST.1));
    let mut plan = BodyPlan::new();
    sealer.plan(&mut plan);
    let (message, digests) = hashed(&mail, &plan);
    let (header, results) = (message.header(), results.trim_start().as_bytes());
    let set = sealer.seal(&header, &Chain::find(&header), ArcResult::None, results, &digests, now)?;
    Ok([set.context("the list did not seal")?, mail].concat())
}

/// Lets a gateway write into the body of a mail.
fn written_into(mail: &[u8]) -> Vec<u8> {
    [mail, b"\r\nScanned. No virus was found.\r\n"].concat()
}
