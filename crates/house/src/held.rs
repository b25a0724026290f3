//! `sekisho held`: the mails in Postfix's hold queue, why they are there, and letting them go
//!
//! A mail is released with `postsuper -H`, which moves it to the deferred queue as it is, and then `postqueue -i` has it
//! delivered at once. So it is not judged a second time, keeps what was annotated, and cannot come into the hold queue
//! again. (`postsuper -r` would hand it to cleanup once more, with its content checks and the milters for local mail.)

mod header;

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;
use sekisho_core::visible::Visible;
use serde::Deserialize;
use serde_json::{Value, json};

use self::header::{About, about};
use crate::cli::{HeldArguments, HeldCommand};
use crate::config::Config;
use crate::fault::Fault;
use crate::postfix::{self, Postfix};
use crate::speech::Talk;
use crate::terminal::{Paint, Tone};
use crate::{Exit, Streams};

/// The shortest and the longest queue id. `ALL`, which means every mail to `postsuper`, is shorter.
const ID_LENGTHS: std::ops::RangeInclusive<usize> = 6..=32;
/// How many ids are handed to one call of a command.
const AT_ONCE: usize = 200;

/// A mail of the queue, as `postqueue -j` tells it.
#[derive(Debug, Deserialize)]
struct Queued {
    /// The queue it is in.
    queue_name: String,
    /// Its name there.
    queue_id: String,
    /// When it came, in seconds since 1970.
    arrival_time: i64,
    /// How many octets it has.
    message_size: u64,
    /// The return path.
    sender: String,
    /// Who it is for.
    recipients: Vec<Recipient>,
}

/// Somebody a mail is for.
#[derive(Debug, Deserialize)]
struct Recipient {}

/// A mail in the hold queue.
struct Held {
    /// What Postfix tells.
    queued: Queued,
    /// What its header tells; nothing where it cannot be read.
    about: Option<About>,
}

impl HeldArguments {
    /// Lists the mails that are held, or releases some.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        if let HeldCommand::Release { ids } = &self.what {
            refuse_nonsense(ids)?;
        }
        let directory = self.postfix.as_deref().unwrap_or(Path::new(postfix::USUAL));
        let postfix = Postfix::at(directory).map_err(|why| Postfix::none_at(directory).because(why))?;
        let said = match &self.what {
            HeldCommand::List => {
                let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
                let name = config.gate.authserv_id.as_deref();
                let held = queue(&postfix)?.into_iter();
                let held: Vec<Held> =
                    held.map(|queued| Held { about: read_header(&postfix, &queued.queue_id, name), queued }).collect();
                let now = Timestamp::now().as_second();
                let paint = Paint { on: streams.setting.stdout_colour };
                if self.json { list_json(&held) } else { list_text(&held, now, talk, paint) }
            }
            HeldCommand::Release { ids } => {
                release(&postfix, ids)?;
                match self.json {
                    true => format!("{}\n", json!({ "released": ids })),
                    false => {
                        ids.iter().map(|id| talk.say("held-released", &[("id", id.clone().into())]) + "\n").collect()
                    }
                }
            }
        };
        streams.stdout.write_all(said.as_bytes())?;
        streams.stdout.flush()?;
        Ok(Exit::Clean)
    }
}

/// Refuses what is no queue id, before any command is called.
fn refuse_nonsense(ids: &[String]) -> Result<(), Fault> {
    let is_id = |id: &&String| ID_LENGTHS.contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_alphanumeric());
    match ids.iter().find(|id| !is_id(id)) {
        None => Ok(()),
        Some(id) => Err(Fault::new("fault-queue-id", [("value", id.clone().into())])),
    }
}

/// Lists the mails in the hold queue, the oldest first.
fn queue(postfix: &Postfix) -> Result<Vec<Queued>, Fault> {
    let said = postfix.call("postqueue", &["-j"])?;
    let mut held = Vec::new();
    for line in said.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
        // Addresses come as the sender wrote them: what is not UTF-8 in one must not hide all the others.
        let queued: Queued = serde_json::from_str(&String::from_utf8_lossy(line)).map_err(|why| {
            Fault::new("fault-postfix-command", [("command", "postqueue".into())])
                .because(Fault::quote(why.to_string()))
        })?;
        if queued.queue_name == "hold" {
            held.push(queued);
        }
    }
    held.sort_by(|one, other| (one.arrival_time, &one.queue_id).cmp(&(other.arrival_time, &other.queue_id)));
    Ok(held)
}

/// Reads what the header of a held mail tells; only root may, so for others the list is shorter.
fn read_header(postfix: &Postfix, id: &str, authserv_id: Option<&str>) -> Option<About> {
    refuse_nonsense(&[id.to_owned()]).ok()?;
    let header = postfix.call("postcat", &["-hq", id]).ok()?;
    Some(about(&header, authserv_id))
}

/// Releases mails: all that are named, or none where one of them is not held.
fn release(postfix: &Postfix, ids: &[String]) -> Result<(), Fault> {
    let held = queue(postfix)?;
    if let Some(id) = ids.iter().find(|id| held.iter().all(|held| held.queue_id != **id)) {
        return Err(Fault::new("fault-not-held", [("value", id.clone().into())]));
    }
    for some in ids.chunks(AT_ONCE) {
        let arguments: Vec<&str> = some.iter().flat_map(|id| ["-H", id.as_str()]).collect();
        postfix.call("postsuper", &arguments)?;
    }
    // Without this they would wait for the next round of the queue, which is in order too.
    for id in ids {
        let _ = postfix.call("postqueue", &["-i", id]);
    }
    Ok(())
}

/// Writes the list for a person.
fn list_text(held: &[Held], now: i64, talk: &Talk, paint: Paint) -> String {
    let mut text = String::new();
    for Held { queued, about } in held {
        let shown = |text: &str| Visible(text.as_bytes()).to_string();
        let id = paint.tone(Tone::Strong, &shown(&queued.queue_id));
        let facts = talk.say(
            "held-facts",
            &[
                ("age", age(now.saturating_sub(queued.arrival_time), talk).into()),
                ("size", queued.message_size.to_string().into()),
                ("recipients", (queued.recipients.len() as u64).into()),
            ],
        );
        let _ = writeln!(text, "{id}  {facts}");
        let _ = writeln!(text, "  MAIL FROM <{}>", shown(path(&queued.sender)));
        let Some(about) = about else {
            let _ = writeln!(text, "  {}", talk.word("held-unread"));
            continue;
        };
        for (name, value) in [("From", &about.author), ("Subject", &about.subject)] {
            if let Some(value) = value {
                let _ = writeln!(text, "  {name}: {}", Visible(value));
            }
        }
        let why = about.why.as_deref().map_or_else(|| talk.word("held-no-reason"), |why| Visible(why).to_string());
        let _ = writeln!(text, "  {why}");
    }
    let _ = writeln!(text, "{}", talk.say("held-summary", &[("count", (held.len() as u64).into())]));
    text
}

/// Writes the list for a program: one object a mail.
fn list_json(held: &[Held]) -> String {
    let text = |value: &Option<Vec<u8>>| value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned());
    let mut lines = String::new();
    for Held { queued, about } in held {
        let arrived = Timestamp::from_second(queued.arrival_time).map_or(Value::Null, |time| time.to_string().into());
        let line = json!({
            "id": queued.queue_id,
            "arrived_at": arrived,
            "size": queued.message_size,
            "mail_from": path(&queued.sender),
            "recipients": queued.recipients.len(),
            "from": about.as_ref().and_then(|about| text(&about.author)),
            "subject": about.as_ref().and_then(|about| text(&about.subject)),
            "why": about.as_ref().and_then(|about| text(&about.why)),
        });
        let _ = writeln!(lines, "{line}");
    }
    lines
}

/// Returns the return path; Postfix calls the null path by the name of its daemon.
fn path(sender: &str) -> &str {
    if sender == "MAILER-DAEMON" { "" } else { sender }
}

/// Writes how long something has lasted.
fn age(seconds: i64, talk: &Talk) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let (message, count) = match seconds {
        0..60 => ("held-seconds", seconds),
        60..3600 => ("held-minutes", seconds / 60),
        3600..86_400 => ("held-hours", seconds / 3600),
        _ => ("held-days", seconds / 86_400),
    };
    talk.say(message, &[("count", count.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_queue_id_is_refused() {
        let is_refused = |id: &str| refuse_nonsense(&[id.to_owned()]).is_err();
        for nonsense in ["", "ALL", "all", "-H", "-h ALL", "../../etc", "4XyZ12;id", "4XyZ12\n", "ABC DEF", "$(id)xx"] {
            assert!(is_refused(nonsense), "{nonsense:?}");
        }
        assert!(is_refused(&"A".repeat(33)));
        for id in ["0C3F4A2B1D", "4XyZ12abcz1k", "ABCDEF"] {
            assert!(!is_refused(id), "{id}");
        }
    }
}
