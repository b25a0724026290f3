//! The hearing of one mail while it comes in: header first, body through the hashes, the DNS asked meanwhile

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use sekisho_ask::{Errand, Stuck};
use sekisho_core::facts::{Facts, Missing};
use sekisho_mail::body::{BodyDigests, BodyHasher};
use sekisho_mail::envelope::Envelope;
use sekisho_mail::header::Header;
use sekisho_mail::hearing::Hearing;
use sekisho_mail::verdict::Verdict;
use sekisho_wire::milter::{Address, Reply, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use tracing::warn;

use super::Gate;
use super::answer;
use super::conversation::{Broken, Conversation, Happening};
use super::line_ends::LineEnds;
use super::poison;
use crate::received;

/// How often the MTA is told that we are still at work.
const PROGRESS: Duration = Duration::from_secs(10);

/// What became of a mail.
enum Heard {
    /// It was judged, and waits for an answer.
    Verdict(Box<Judged>),
    /// Nobody judged it, for this reason, and it waits for an answer.
    Unjudged(Unjudged),
    /// The MTA did not want it judged any more.
    Over(Happening),
}

/// A mail that was judged.
pub(super) struct Judged {
    /// What it proves.
    pub(super) verdict: Verdict,
    /// How it came.
    pub(super) envelope: Envelope,
    /// What its body hashes to.
    pub(super) digests: BodyDigests,
    /// When it was judged.
    pub(super) now: Timestamp,
    /// Whether a CR or an LF stands alone somewhere.
    pub(super) has_stray_line_ends: bool,
    /// What the verdict rests on.
    pub(super) facts: Facts,
    /// How many octets the mail has.
    pub(super) octets: u64,
    /// How many questions were asked.
    pub(super) asked: usize,
    /// How long the answer took from the end of the mail on.
    pub(super) waited: Duration,
}

/// Why a mail was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unjudged {
    /// It was in work when a process died.
    Suspect,
    /// A judge failed, or never came to its end.
    Failed,
    /// Its header is larger than any that is kept.
    TooLarge,
}

impl Unjudged {
    /// Every reason.
    #[cfg(test)]
    pub(super) const ALL: [Unjudged; 3] = [Unjudged::Suspect, Unjudged::Failed, Unjudged::TooLarge];

    /// Returns the stable phrase for fields and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Unjudged::Suspect => "the filter died while it was in work",
            Unjudged::Failed => "the filter failed",
            Unjudged::TooLarge => "the header is too large",
        }
    }
}

/// Attends to the mail whose header has just come, to its answer; returns what is to be done with the conversation.
pub(super) async fn attend<S>(gate: &Gate, conversation: &mut Conversation<S>) -> Result<Happening, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (raw, is_cut) = conversation.session().take_header();
    let (now, mark) = (Timestamp::now(), poison::mark(&raw));
    let heard = if gate.in_work.is_suspect(&mark) {
        leave_unjudged(gate, conversation, Unjudged::Suspect, &raw).await?
    } else if is_cut {
        leave_unjudged(gate, conversation, Unjudged::TooLarge, &raw).await?
    } else {
        let since = u64::try_from(now.as_second()).unwrap_or(0);
        gate.in_work.watch(&mark, since, judge(gate, conversation, &raw, now)).await?
    };
    if let Happening::MessageEnded = heard {
        conversation.flush().await?;
        conversation.forget_mail();
        return Ok(Happening::Aborted);
    }
    gate.metrics.abandoned.inc();
    Ok(heard)
}

/// Hears a mail and answers, or follows it to where its MTA takes it back.
async fn judge<S>(
    gate: &Gate,
    conversation: &mut Conversation<S>,
    raw: &[u8],
    now: Timestamp,
) -> Result<Happening, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A judge that panics costs one mail its verdict, and nobody else anything.
    let heard = match AssertUnwindSafe(hear(gate, conversation, raw, now)).catch_unwind().await {
        Ok(heard) => heard?,
        Err(_) => Heard::Unjudged(Unjudged::Failed),
    };
    let judged = match heard {
        Heard::Verdict(judged) => judged,
        Heard::Unjudged(why) => return leave_unjudged(gate, conversation, why, raw).await,
        Heard::Over(over) => return Ok(over),
    };
    // The same holds for what is made of the verdict, a seal among it: nothing went out yet.
    let said = conversation.said();
    let answer = || catch_unwind(AssertUnwindSafe(|| answer::judged(gate, conversation, &judged, raw)));
    if gate.turns.work(raw.len(), answer).await.is_err() {
        conversation.take_back(said);
        gate.turns.work(raw.len(), || answer::unjudged(gate, conversation, Unjudged::Failed, raw)).await;
    }
    Ok(Happening::MessageEnded)
}

/// Follows a mail that nobody judges to its end, and answers.
async fn leave_unjudged<S>(
    gate: &Gate,
    conversation: &mut Conversation<S>,
    why: Unjudged,
    raw: &[u8],
) -> Result<Happening, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let happening = conversation.ignore_body().await?;
    if happening == Happening::MessageEnded {
        gate.turns.work(raw.len(), || answer::unjudged(gate, conversation, why, raw)).await;
    }
    Ok(happening)
}

/// Hears a mail from its header on.
async fn hear<S>(gate: &Gate, conversation: &mut Conversation<S>, raw: &[u8], now: Timestamp) -> Result<Heard, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    #[cfg(test)]
    assert!(!raw.starts_with(b"X-Fail:"), "a test wants to see a judge fail");
    #[cfg(test)]
    if raw.starts_with(b"X-Hang:") {
        // A test wants to see a judge that never comes to its end.
        std::thread::sleep(Duration::from_secs(3600));
    }
    let (mut facts, mut errand) = (Facts::default(), Errand::new(gate.timeout, Errand::QUESTIONS));
    let open = || {
        let header = Header::parse(raw);
        let envelope = envelope(gate, conversation.session(), &header);
        let mut hearing = Hearing::open(envelope.clone(), gate.policy.clone());
        // What has to be hashed of the body is known once the header was read, whatever is missing then.
        let _ = hearing.proceed(&facts, &header, now);
        (header, envelope, hearing)
    };
    let (header, envelope, mut hearing) = gate.turns.work(raw.len(), open).await;
    let mut plan = hearing.body_plan();
    if let Some(seal) = gate.office.seal_on_arrival() {
        seal.plan(&mut plan);
    }
    conversation.hear_body(BodyHasher::new(&plan));

    let mut answered = None;
    let (happening, ended) = {
        let proceed = |facts: &Facts| hearing.proceed(facts, &header, now);
        let asking = satisfy(gate, raw.len(), &mut facts, &mut errand, proceed);
        tokio::pin!(asking);
        let happening = loop {
            tokio::select! {
                biased;
                happening = conversation.next() => break happening?,
                answer = &mut asking, if answered.is_none() => answered = Some(answer),
            }
        };
        let ended = Instant::now();
        conversation.seat().set_ours(happening == Happening::MessageEnded);
        if happening == Happening::MessageEnded && answered.is_none() {
            answered = Some(patiently(conversation, asking).await?);
        }
        (happening, ended)
    };
    if happening != Happening::MessageEnded {
        return Ok(Heard::Over(happening));
    }
    let digests = conversation.take_hasher().map(BodyHasher::finish).unwrap_or_default();
    hearing.close(&digests);
    let verdict = match answered {
        Some(Ok(())) => {
            let conclude = |facts: &Facts| hearing.verdict(facts, &header, now);
            let asking = satisfy(gate, raw.len(), &mut facts, &mut errand, conclude);
            tokio::pin!(asking);
            patiently(conversation, asking).await?.ok()
        }
        _ => None,
    };
    let Some(verdict) = verdict else { return Ok(Heard::Unjudged(Unjudged::Failed)) };
    let mut header_ends = LineEnds::default();
    header_ends.update(raw);
    let has_stray_line_ends = header_ends.has_stray() || conversation.line_ends().has_stray();
    let (asked, waited) = (errand.asked(), ended.elapsed());
    let octets = conversation.body_octets().saturating_add(raw.len() as u64);
    let judged = Judged { verdict, envelope, digests, now, has_stray_line_ends, facts, octets, asked, waited };
    Ok(Heard::Verdict(Box::new(judged)))
}

/// Calls a judge until nothing is missing, in its turn where the header has so many octets that this takes long.
async fn satisfy<T>(
    gate: &Gate,
    octets: usize,
    facts: &mut Facts,
    errand: &mut Errand,
    mut judge: impl FnMut(&Facts) -> Result<T, Missing>,
) -> Result<T, Stuck> {
    loop {
        match gate.turns.work(octets, || judge(facts)).await {
            Ok(found) => return Ok(found),
            Err(Missing(missing)) => gate.source.fetch(facts, errand, missing).await?,
        }
    }
}

/// Waits for something, and tells the MTA now and then that we are still at work.
async fn patiently<S, T>(
    conversation: &mut Conversation<S>,
    awaited: impl Future<Output = T> + Unpin,
) -> Result<T, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut awaited = awaited;
    let mut progress = interval_at(Instant::now() + PROGRESS, PROGRESS);
    progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            done = &mut awaited => return Ok(done),
            _ = progress.tick() => {
                conversation.say(&Reply::Progress);
                conversation.flush().await?;
            }
        }
    }
}

/// Returns how the mail came, as the judges want to know it: behind a relay of ours, from the client that the relay names.
fn envelope(gate: &Gate, session: &Session, header: &Header<'_>) -> Envelope {
    let envelope = session.envelope();
    let client_ip = client_ip(session);
    let mail_from = Some(envelope.mail_from.clone());
    let Some(relay) = gate.relay(client_ip) else {
        return Envelope { client_ip, helo: envelope.helo.clone(), mail_from };
    };
    match received::client(header, &relay.hop) {
        Ok(client) => Envelope { client_ip: Some(client.address), helo: client.helo, mail_from },
        Err(why) => {
            warn!(relay = client_ip.map(tracing::field::display), error = %why, "cannot tell whom a relay had a mail from");
            Envelope { client_ip: None, helo: None, mail_from }
        }
    }
}

/// Returns the address that connected to the MTA.
pub(super) fn client_ip(session: &Session) -> Option<IpAddr> {
    match session.envelope().client.as_ref()?.address {
        Address::Ip(ip) => Some(ip),
        Address::Local | Address::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sekisho_ask::Source;
    use sekisho_core::zone::Zone;
    use sekisho_wire::milter::{Actions, Limits, Wishes};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::config::config_for_testing;
    use crate::door::{Roll, Room};
    use crate::gate::{InWork, Lasting};

    /// Lets a gate attend to a mail, and returns the replies behind the agreement.
    fn attended(config: &str, header: &[&[u8]], folder: &std::path::Path) -> String {
        ended_by(b"E", config, header, folder).0
    }

    /// The same, where the MTA ends the mail by that command; returns also how many mails were abandoned.
    fn ended_by(end: &[u8], config: &str, header: &[&[u8]], folder: &std::path::Path) -> (String, u64) {
        let source = Source::Zone(Zone::parse("").unwrap());
        let in_work = Arc::new(InWork::open(folder, 0).unwrap());
        let lasting = Lasting { in_work, host: "mx.example.net".to_owned(), ..Lasting::for_testing() };
        let gate = Gate::new(&config_for_testing(config), source, Arc::default(), lasting);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut mta, ours) = duplex(1 << 16);
            let fields: Vec<Vec<u8>> = header.iter().map(|field| [b"L", *field, b"\0"].concat()).collect();
            let first: [&[u8]; 4] =
                [b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", b"Cx\x004\x12\x34192.0.2.1\0", b"M<a@b>\0", b"R<c@d>\0"];
            let last: [&[u8]; 4] = [b"N", b"Bx\r\n", end, b"Q"];
            for packet in first.into_iter().chain(fields.iter().map(Vec::as_slice)).chain(last) {
                mta.write_all(&u32::try_from(packet.len()).unwrap().to_be_bytes()).await.unwrap();
                mta.write_all(packet).await.unwrap();
            }
            let wishes = Wishes { needed: Actions::ADD_HEADERS, welcome: 0 };
            let roll: Arc<Roll> = Arc::default();
            let guest = roll.admit([192, 0, 2, 1].into(), Room { total: 1, client: 1 }).unwrap();
            let limits = Limits { header_octets: 1000, recipient_octets: 1000 };
            let mut conversation = Conversation::new(ours, Session::new(wishes, limits), Arc::clone(guest.seat()));
            while let Happening::HeaderEnded | Happening::Aborted = conversation.next().await.unwrap() {
                if attend(&gate, &mut conversation).await.unwrap() == Happening::Closed {
                    break;
                }
            }
            drop(conversation);
            let mut said = Vec::new();
            mta.read_to_end(&mut said).await.unwrap();
            (
                String::from_utf8_lossy(&said.split_off(17.min(said.len()))).replace('\0', "."),
                gate.metrics.abandoned.get(),
            )
        })
    }

    #[test]
    fn a_mail_that_its_mta_takes_back_is_abandoned_judged_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let long = [&b"X\0"[..], &[b'x'; 900]].concat();
        let mails: [&[&[u8]]; 3] = [&[b"From\0 a@b.example"], &[b"X-Fail\0 x"], &[&long, &long]];
        for mail in mails {
            assert_eq!(ended_by(b"A", "", mail, folder.path()).1, 1);
            assert_eq!(ended_by(b"E", "", mail, folder.path()).1, 0);
        }
    }

    #[test]
    fn a_mail_that_a_process_died_at_is_not_judged_and_where_verdicts_decide_it_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second, third] = [(); 3].map(|()| [&b"From\0 a@b.example"[..], b"X\0 1"]);
        InWork::open(folder.path(), 0).unwrap().die_at(b"From: a@b.example\r\nX: 1\r\n");
        let said = attended("", &first, folder.path());
        assert!(said.contains("dmarc=temperror reason=\"the filter died while it was in work\""), "{said}");
        assert!(!said.contains("X-Sekisho-Quarantine") && said.ends_with("c"), "{said}");
        let said = attended("[gate]\nmode = 'enforce'", &second, folder.path());
        assert!(said.contains("X-Sekisho-Quarantine") && said.ends_with("c"), "{said}");
        let said = attended("[gate]\nmode = 'enforce'\nquarantine = 'hold'", &third, folder.path());
        assert!(said.contains("qSekisho: nobody could judge this mail") && said.ends_with("c"), "{said}");
        // Another mail is judged as ever.
        let said = attended("", &[b"From\0 a@b.example", b"X\0 2"], folder.path());
        assert!(said.contains("dmarc=none"), "{said}");
    }

    #[test]
    fn a_judge_that_fails_costs_one_mail_its_verdict_and_is_never_a_pass() {
        let folder = tempfile::tempdir().unwrap();
        let forged = b"Authentication-Results\0 mx.example.net; dmarc=pass";
        let said = attended("", &[b"X-Fail\0 x", forged, b"From\0 a@b.example"], folder.path());
        assert!(said.contains("m...\x01Authentication-Results"), "{said}");
        assert!(said.contains("dmarc=temperror reason=\"the filter failed\""), "{said}");
        assert!(said.ends_with("...\x01c") && !said.contains("pass"), "{said}");
        // What failed without killing the process is no suspect.
        assert_eq!(InWork::open(folder.path(), 0).unwrap().suspects(), 0);
        let said = attended("[gate]\nfailure = 'tempfail'", &[b"X-Fail\0 x"], folder.path());
        assert_eq!(said, "...\x01t");
    }

    #[test]
    fn a_header_beyond_all_bounds_is_not_judged_by_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let long = [&b"X\0"[..], &[b'x'; 900]].concat();
        let said = attended("", &[b"From\0 a@b.example", &long, &long], folder.path());
        assert!(said.contains("dmarc=temperror reason=\"the header is too large\""), "{said}");
        // Whoever makes a header too large does not get past what decides: nobody can tell the author.
        let said = attended("[gate]\nmode = 'enforce'", &[b"From\0 a@b.example", &long, &long], folder.path());
        assert!(said.ends_with("y550 5.7.1 Refused: the header of this mail is too large."), "{said}");
        let said = attended(
            "[gate]\nmode = 'enforce'\nauthor = 'quarantine'",
            &[b"From\0 a@b.example", &long, &long],
            folder.path(),
        );
        assert!(said.contains("X-Sekisho-Quarantine") && said.ends_with("c"), "{said}");
    }

    #[test]
    fn behind_a_relay_of_ours_the_client_is_the_one_that_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let relays = "[[gate.relays]]\nnetworks = ['192.0.2.0/24']\nkeep_results = ['mx.example.net']";
        let received = b"Received\0 from out.example (out.example [198.51.100.7])\n\tby mx2.example.net (Postfix) with ESMTP id 1\n\tfor <c@d>; Sun, 22 Nov 2026 02:42:46 +0000 (UTC)";
        let results = b"Authentication-Results\0 mx.example.net; spf=pass";
        let said = attended(relays, &[received, results, b"From\0 a@b.example"], folder.path());
        assert!(said.contains("smtp.remote-ip=198.51.100.7") && said.contains("smtp.helo=out.example"), "{said}");
        assert!(!said.contains("m...\x01Authentication-Results"), "{said}");
        // Where the relay names nobody, nobody is asked about, rather than the relay itself.
        let said = attended(relays, &[results, b"From\0 a@b.example"], folder.path());
        assert!(!said.contains("spf=") && !said.contains("remote-ip"), "{said}");
    }
}
