//! The hearing of one mail while it comes in: header first, body through the hashes, the DNS asked meanwhile

use std::time::Duration;

use jiff::Timestamp;
use sekisho_ask::Errand;
use sekisho_core::facts::Facts;
use sekisho_mail::body::BodyHasher;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::header::Header;
use sekisho_mail::hearing::Hearing;
use sekisho_mail::verdict::Verdict;
use sekisho_wire::milter::{Address, Reply, Session};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Gate;
use super::conversation::{Broken, Conversation, Happening};
use super::line_ends::LineEnds;
use super::poison;

/// How often the MTA is told that we are still at work.
const PROGRESS: Duration = Duration::from_secs(10);

/// What became of a mail.
pub(super) enum Heard {
    /// It was judged, and waits for an answer.
    Verdict(Box<Judged>),
    /// It was in work when a process died, so nobody judges it again; this is its header.
    Suspect(Vec<u8>),
    /// The MTA did not want it judged any more.
    Over(Happening),
}

/// A mail that was judged.
pub(super) struct Judged {
    /// What it proves.
    pub(super) verdict: Verdict,
    /// How it came.
    pub(super) envelope: Envelope,
    /// Its header, as it was on the wire.
    pub(super) header: Vec<u8>,
    /// Whether there was more of the header than is kept.
    pub(super) is_cut: bool,
    /// Whether a judge never came to its end, by our fault.
    pub(super) is_broken_off: bool,
    /// Whether a CR or an LF stands alone somewhere.
    pub(super) has_stray_line_ends: bool,
    /// How many questions were asked.
    pub(super) asked: usize,
    /// How long the answer took from the end of the mail on.
    pub(super) waited: Duration,
}

/// Hears the mail whose header has just come.
pub(super) async fn hear<S>(gate: &Gate, conversation: &mut Conversation<S>) -> Result<Heard, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let now = Timestamp::now();
    let envelope = envelope(conversation.session());
    let (raw, is_cut) = conversation.session().take_header();
    let mark = poison::mark(&raw);
    if gate.in_work.is_suspect(&mark) {
        return Ok(match conversation.next().await? {
            Happening::MessageEnded => Heard::Suspect(raw),
            over => Heard::Over(over),
        });
    }
    let _note = gate.in_work.note(&mark, u64::try_from(now.as_second()).unwrap_or(0));
    let whole = Header::parse(&raw);
    let header = if is_cut { whole.cut_short() } else { whole };
    let mut hearing = Hearing::open(envelope.clone(), gate.policy.clone());
    let (mut facts, mut errand) = (Facts::default(), Errand::new(gate.timeout, Errand::QUESTIONS));
    // What has to be hashed of the body is known once the header was read, whatever is missing then.
    let _ = hearing.proceed(&facts, &header, now);
    conversation.hear_body(BodyHasher::new(&hearing.body_plan()));

    let mut answered = None;
    let (happening, ended) = {
        let asking = gate.source.satisfy(&mut facts, &mut errand, |facts| hearing.proceed(facts, &header, now));
        tokio::pin!(asking);
        let happening = loop {
            tokio::select! {
                biased;
                happening = conversation.next() => break happening?,
                answer = &mut asking, if answered.is_none() => answered = Some(answer),
            }
        };
        let ended = Instant::now();
        if happening == Happening::MessageEnded && answered.is_none() {
            answered = Some(patiently(conversation, asking).await?);
        }
        (happening, ended)
    };
    if happening != Happening::MessageEnded {
        return Ok(Heard::Over(happening));
    }
    if let Some(hasher) = conversation.take_hasher() {
        hearing.close(&hasher.finish());
    }
    let verdict = match answered {
        Some(Ok(())) => {
            let asking = gate.source.satisfy(&mut facts, &mut errand, |facts| hearing.verdict(facts, &header, now));
            tokio::pin!(asking);
            patiently(conversation, asking).await?.ok()
        }
        _ => None,
    };
    let is_broken_off = verdict.is_none();
    let verdict = verdict.unwrap_or_else(|| hearing.break_off(&facts, &header, now));
    drop(header);
    let mut header_ends = LineEnds::default();
    header_ends.update(&raw);
    let has_stray_line_ends = header_ends.has_stray() || conversation.line_ends().has_stray();
    let (asked, waited) = (errand.asked(), ended.elapsed());
    let header = raw;
    let judged = Judged { verdict, envelope, header, is_cut, is_broken_off, has_stray_line_ends, asked, waited };
    Ok(Heard::Verdict(Box::new(judged)))
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

/// Returns how the mail came, as the judges want to know it.
fn envelope(session: &Session) -> Envelope {
    let envelope = session.envelope();
    let client_ip = envelope.client.as_ref().and_then(|client| match client.address {
        Address::Ip(ip) => Some(ip),
        Address::Local | Address::Unknown => None,
    });
    Envelope { client_ip, helo: envelope.helo.clone(), mail_from: Some(envelope.mail_from.clone()) }
}
