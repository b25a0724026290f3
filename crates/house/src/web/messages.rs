//! *Messages*: mails by any field, result and time, the newest first

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use sekisho_core::name::DomainName;
use sekisho_core::search::MailSearch;

use super::Desk;
use super::answers::Question;
use super::asked::{Asked, Faults};
use super::frame::{Frame, Shown};
use super::seen::Seen;
use super::shown;
use super::visitor::Visitor;

/// How many mails a page has.
const PAGE: u32 = 50;
/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

/// What is looked for, as the form says it; what is empty does not matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The first moment: a day, or a day and a time, in UTC.
    from: String,
    /// The last moment.
    until: String,
    /// The verdict's id.
    id: String,
    /// The MTA's name for the mail.
    queue: String,
    /// The author domain.
    author: String,
    /// The MAIL FROM domain.
    sender: String,
    /// A recipient domain.
    recipient: String,
    /// Who signed.
    signer: String,
    /// An address or a network.
    client: String,
    /// A part of what the client called itself.
    helo: String,
    /// Results.
    spf: String,
    /// Of a signature.
    dkim: String,
    /// Of the chain.
    arc: String,
    /// Of DMARC.
    dmarc: String,
    /// What the recommended policy would do.
    verdict: String,
    /// What the house did.
    decision: String,
    /// Where the last page ended: moment and id.
    after: String,
}

/// *Messages*.
#[derive(Template)]
#[template(path = "messages.html")]
struct MessagesPage<'a> {
    /// What is around it.
    frame: &'a Frame,
    /// What is looked for.
    wanted: &'a Wanted,
    /// What of it cannot be read.
    faults: &'a Faults,
    /// From when to when; nothing where no search was made.
    span: Option<String>,
    /// The mails.
    rows: Vec<Seen>,
    /// Where the next page is.
    next: Option<String>,
    /// The same in the last week, and in the last month.
    wider: Vec<(String, String)>,
    /// The choices of the form.
    choices: Vec<Choice<'a>>,
}

/// A field of the form with a few values.
struct Choice<'a> {
    /// Its name.
    name: &'static str,
    /// What it is called.
    label: String,
    /// What was chosen.
    chosen: &'a str,
    /// What may be chosen.
    values: &'static [&'static str],
}

impl Choice<'_> {
    /// Tells whether something was chosen that is no choice: it stays in the form, where its fault is said.
    fn is_odd(&self) -> bool {
        !self.chosen.is_empty() && !self.values.contains(&self.chosen)
    }
}

/// The results of checks (RFC 8601).
pub(crate) const SPF: &[&str] = &["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"];
/// Those of signatures.
pub(crate) const DKIM: &[&str] = &["pass", "fail", "policy", "none", "temperror", "permerror"];
/// Those of chains.
pub(crate) const ARC: &[&str] = &["pass", "fail", "none"];
/// Those of DMARC.
pub(crate) const DMARC: &[&str] = &["pass", "fail", "none", "temperror", "permerror"];
/// What the recommended policy does.
pub(crate) const VERDICT: &[&str] = &["accept", "quarantine", "reject", "tempfail"];
/// What the house does.
pub(crate) const DECISION: &[&str] = &["pass", "quarantine-header", "quarantine-hold", "tempfail", "refuse"];

/// What may be asked of the page: the fields that are a choice, and the others.
const CHOICES: [(&str, &[&str]); 6] =
    [("dmarc", DMARC), ("spf", SPF), ("dkim", DKIM), ("arc", ARC), ("verdict", VERDICT), ("decision", DECISION)];
/// The others.
const FIELDS: [&str; 11] =
    ["from", "until", "after", "id", "queue", "author", "sender", "recipient", "signer", "client", "helo"];

/// Shows them.
pub(super) async fn show(State(desk): State<Arc<Desk>>, mut visitor: Visitor) -> Shown {
    let known: Vec<&str> = CHOICES.iter().map(|(name, _)| *name).chain(FIELDS).collect();
    let mut asked = visitor.asked(&known);
    let (frame, wanted) = (&visitor.frame, Wanted::asked(&mut asked));
    let faults = &asked.faults;
    // Something else than was asked for is not looked for; what the search refuses is among the faults.
    let search = wanted.search(Timestamp::now().as_microsecond()).ok().filter(|_| faults.are_none());
    let Some(search) = search else {
        let (rows, choices) = (Vec::new(), wanted.choices(frame));
        let page =
            MessagesPage { frame, wanted: &wanted, faults, span: None, rows, next: None, wider: Vec::new(), choices };
        return Ok(frame.show_as(faults.status(), &page));
    };
    let asked = MailSearch { within: visitor.within(), ..search };
    let question =
        Question { room: "messages", asked: wanted.query(&[("after", &wanted.after)]), within: visitor.within() };
    // The span is that of the answer, which may be of a moment ago.
    let found = desk.ask_lately(question, desk.lake_of(&visitor), move |lake| Ok((lake.mails(&asked)?, asked)));
    let found = found.await.map_err(|why| frame.no_answer(&why))?;
    let (found, search) = &*found;
    let (found, is_more) = (&found[..found.len().min(PAGE as usize)], found.len() > PAGE as usize);
    let next =
        found.last().filter(|_| is_more).map(|last| wanted.query(&[("after", &format!("{}.{}", last.at, last.id))]));
    let span = Some(shown::span(search.from_at, search.until_at));
    let choices = wanted.choices(frame);
    let (rows, wider) = (found.iter().map(Seen::from).collect(), wanted.wider(frame, search));
    Ok(frame.show(&MessagesPage { frame, wanted: &wanted, faults, span, rows, next, wider, choices }))
}

impl Wanted {
    /// Reads what is asked of the page, and notes what of it cannot be read.
    fn asked(asked: &mut Asked) -> Wanted {
        let (from, until, after) = (asked.text("from"), asked.text("until"), asked.text("after"));
        let wanted = Wanted { from, until, after, ..Wanted::read(|name| asked.text(name)) };
        for (name, words) in CHOICES {
            asked.word(name, words);
        }
        for name in ["author", "sender", "recipient", "signer"] {
            asked.domain(name);
        }
        let value = |text: &String| [("value", text.clone().into())];
        for (name, text, is_last) in [("from", &wanted.from, false), ("until", &wanted.until, true)] {
            if !text.is_empty() && moment(text, is_last).is_none() {
                asked.wrong(name, "desk-wrong-moment", &value(text));
            }
        }
        if let (Some(from), Some(until)) = (moment(&wanted.from, false), moment(&wanted.until, true))
            && from >= until
        {
            asked.wrong("until", "desk-wrong-order", &[]);
        }
        if !wanted.client.is_empty() && !is_network(&wanted.client) {
            asked.wrong("client", "desk-wrong-network", &value(&wanted.client));
        }
        if !wanted.after.is_empty() && cursor(&wanted.after).is_none() {
            asked.wrong("after", "desk-wrong-place", &value(&wanted.after));
        }
        wanted
    }

    /// Returns what the lake is asked: the last day, unless something else is said. Refuses with the name of a field.
    fn search(&self, now: i64) -> Result<MailSearch, &'static str> {
        let said = |text: &str, is_last, field| match text.trim() {
            "" => Ok(None),
            text => moment(text, is_last).map(Some).ok_or(field),
        };
        let span = span(said(&self.from, false, "from")?, said(&self.until, true, "until")?, now);
        let after = if self.after.is_empty() { None } else { Some(cursor(&self.after).ok_or("after")?) };
        Ok(MailSearch { after, limit: PAGE + 1, ..self.narrow(span)? })
    }

    /// Reads the fields from whatever says them, by their names; what is empty does not matter.
    pub(crate) fn read(mut said: impl FnMut(&'static str) -> String) -> Wanted {
        Wanted {
            from: String::new(),
            until: String::new(),
            id: said("id"),
            queue: said("queue"),
            author: said("author"),
            sender: said("sender"),
            recipient: said("recipient"),
            signer: said("signer"),
            client: said("client"),
            helo: said("helo"),
            spf: said("spf"),
            dkim: said("dkim"),
            arc: said("arc"),
            dmarc: said("dmarc"),
            verdict: said("verdict"),
            decision: said("decision"),
            after: String::new(),
        }
    }

    /// Returns a search in a span of time, as narrow as the fields say. Refuses with the name of a field.
    pub(crate) fn narrow(&self, (from_at, until_at): (i64, i64)) -> Result<MailSearch, &'static str> {
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let read = |text: String| DomainName::parse_unicode(&text).map_or(text, |name| name.to_string());
        let domain = |text: &String| some(text).map(read);
        let client = some(&self.client);
        if client.as_ref().is_some_and(|client| !is_network(client)) {
            return Err("client");
        }
        Ok(MailSearch {
            from_at,
            until_at,
            id: some(&self.id),
            queue_id: some(&self.queue),
            author_domain: domain(&self.author),
            mail_from_domain: domain(&self.sender),
            recipient_domain: domain(&self.recipient),
            signer: domain(&self.signer),
            client,
            helo: some(&self.helo),
            spf: some(&self.spf),
            dkim: some(&self.dkim),
            arc: some(&self.arc),
            dmarc: some(&self.dmarc),
            verdict: some(&self.verdict),
            decision: some(&self.decision),
            ..MailSearch::default()
        })
    }

    /// Returns the path of this search with some fields changed.
    fn query(&self, changed: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("/messages?"), "/messages?".len());
        let mut query_for = |name: &str, value: &str| {
            let value = changed.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| value);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        };
        for (name, value) in self.fields() {
            query_for(name, value);
        }
        query_for("after", "");
        query.finish()
    }

    /// Lists the fields but for the cursor, which belongs to one page.
    fn fields(&self) -> [(&'static str, &str); 16] {
        [
            ("from", &self.from),
            ("until", &self.until),
            ("id", &self.id),
            ("queue", &self.queue),
            ("author", &self.author),
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("signer", &self.signer),
            ("client", &self.client),
            ("helo", &self.helo),
            ("spf", &self.spf),
            ("dkim", &self.dkim),
            ("arc", &self.arc),
            ("dmarc", &self.dmarc),
            ("verdict", &self.verdict),
            ("decision", &self.decision),
        ]
    }

    /// Tells whether anything beside the time is looked for.
    fn is_narrow(&self) -> bool {
        self.fields().iter().skip(2).any(|(_, value)| !value.is_empty())
    }

    /// Returns the same search over more time, with what each is called.
    fn wider(&self, frame: &Frame, search: &MailSearch) -> Vec<(String, String)> {
        let spans = [("desk-last-week", 7), ("desk-last-month", 31)];
        let path = |days: i64| self.query(&[("from", &shown::moment(search.until_at - days * DAY).text)]);
        let have = search.until_at - search.from_at;
        spans.iter().filter(|(_, days)| days * DAY > have).map(|(name, days)| (frame.say(name), path(*days))).collect()
    }

    /// Returns the fields with a few values.
    fn choices(&self, frame: &Frame) -> Vec<Choice<'_>> {
        let chosen = [&self.dmarc, &self.spf, &self.dkim, &self.arc, &self.verdict, &self.decision];
        let label =
            |name| frame.say(&if name == "decision" { "desk-decision".into() } else { format!("label-{name}") });
        let choice = |((name, values), chosen)| Choice { name, label: label(name), chosen, values };
        CHOICES.into_iter().zip(chosen.map(String::as_str)).map(choice).collect()
    }
}

/// Returns the path of the list of all mails in a span of time of whole seconds; more fields may follow.
pub(super) fn listed((from_at, until_at): (i64, i64)) -> String {
    let mut path = form_urlencoded::Serializer::for_suffix(String::from("/messages?"), "/messages?".len());
    let fields = [("from", from_at), ("until", until_at)];
    path.extend_pairs(fields.map(|(name, at)| (name, shown::moment(at).text))).finish()
}

/// Returns the span of time that is looked at: a day unless its first moment is said, up to now unless the last one is.
pub(crate) fn span(from: Option<i64>, until: Option<i64>, now: i64) -> (i64, i64) {
    let until_at = until.unwrap_or(now.saturating_add(1));
    (from.unwrap_or(until_at.saturating_sub(DAY)), until_at)
}

/// Tells whether a text is an address or a network.
fn is_network(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok()
}

/// Reads a moment in UTC: a day, or a day and a time. A last day is there whole.
fn moment(text: &str, is_last: bool) -> Option<i64> {
    let text = text.trim().trim_end_matches('Z').replace(' ', "T");
    let at = match text.parse::<Date>() {
        Ok(day) if !text.contains('T') => {
            if is_last { day.tomorrow().ok()? } else { day }.to_datetime(jiff::civil::Time::midnight())
        }
        _ => text.parse::<DateTime>().ok()?,
    };
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

/// Reads where the last page ended.
fn cursor(text: &str) -> Option<(i64, String)> {
    let (at, id) = text.split_once('.')?;
    Some((at.parse().ok()?, id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_read_and_a_last_day_is_there_whole() {
        assert_eq!(moment("1970-01-02", false), Some(DAY));
        assert_eq!(moment("1970-01-02", true), Some(2 * DAY));
        assert_eq!(moment("1970-01-02 00:00:01", false), Some(DAY + 1_000_000));
        assert_eq!(moment("1970-01-01T00:01", true), Some(60_000_000));
        assert_eq!((moment("yesterday", false), moment("1970-13-01", true)), (None, None));
    }

    #[test]
    fn the_last_day_is_looked_at_unless_something_else_is_said() {
        let search = Wanted { author: " Shop.EXAMPLE. ".into(), ..Wanted::default() }.search(DAY * 9).unwrap();
        assert_eq!((search.from_at, search.until_at), (DAY * 8 + 1, DAY * 9 + 1));
        assert_eq!((search.author_domain.as_deref(), search.spf), (Some("shop.example"), None));
        let wrong = |wanted: Wanted| wanted.search(0).unwrap_err();
        assert_eq!(wrong(Wanted { from: "x".into(), ..Wanted::default() }), "from");
        assert_eq!(wrong(Wanted { client: "192.0.2".into(), ..Wanted::default() }), "client");
        assert_eq!(wrong(Wanted { after: "x".into(), ..Wanted::default() }), "after");
    }

    #[test]
    fn a_search_is_an_address_that_can_be_shared() {
        let wanted = Wanted { author: "a&b=c".into(), dmarc: "fail".into(), after: "1.x".into(), ..Wanted::default() };
        assert_eq!(wanted.query(&[]), "/messages?author=a%26b%3Dc&dmarc=fail");
        assert_eq!(wanted.query(&[("after", "7.id")]), "/messages?author=a%26b%3Dc&dmarc=fail&after=7.id");
    }
}
