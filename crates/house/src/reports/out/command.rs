//! `sekisho report out`: what would be sent, what was sent, and sending

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use lettre::Address;
use sekisho_core::visible::Visible;
use sekisho_ledger::{Ledger, Outgoing, OutgoingFilter, OutgoingState};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::super::reader::now;
use super::super::submitter::Examiner;
use super::asked::Recipient;
use super::hindrance::{self, Hindrance};
use super::jobs::{Sender, Tally};
use super::prepare::{Preparation, Prepared, Prevented, policy_domains};
use super::reporter::{Proven, Reporter};
use super::{day_number, day_of};
use crate::cli::OutArguments;
use crate::config::{Config, ReportsSection};
use crate::fault::Fault;
use crate::gate::Office;
use crate::lake::Lake;
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::terminal::{Paint, Tone};
use crate::webhooks::Announcer;
use crate::{Exit, Streams, serve};

impl OutArguments {
    /// Shows, lists or sends.
    pub(in crate::reports) fn run(
        &self,
        config: &Config,
        runtime: &Runtime,
        json: bool,
        talk: &Talk,
        streams: &mut Streams<'_>,
    ) -> anyhow::Result<Exit> {
        let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
        if self.list {
            return runtime.block_on(self.list(&folder, json, talk, streams));
        }
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        // Its report would say the whole day, and there is only one.
        if self.day() > today || self.day() == today && !self.dry_run {
            return Err(Fault::new("fault-out-day", [("day", self.day().to_string().into())]).into());
        }
        if self.dry_run && config.reports.from.is_none() {
            streams.tell(&format!("sekisho: {}", talk.word("note-out-from")));
        }
        let open = streams.setting.open_lake.ok_or_else(|| Fault::new("fault-no-lake", []))?;
        let lake = folder.lake_to_read(open)?;
        let reporter = {
            // A resolver binds itself to the reactor that it is made in.
            let _inside = runtime.enter();
            self.reporter(config)?
        };
        let announcer = Announcer::of(&config.webhooks);
        let books = Books { folder, lake, reporter, announcer };
        let exit = runtime.block_on(async {
            if self.dry_run {
                self.show(&books, json, talk, streams).await
            } else {
                self.send(&books, json, talk, streams).await
            }
        })?;
        streams.stdout.flush()?;
        Ok(exit)
    }

    /// Returns who reports. To show what would be sent, a house that is not set up yet borrows the name of its host.
    fn reporter(&self, config: &Config) -> anyhow::Result<Reporter> {
        let host = serve::host();
        let mut section = config.reports.clone();
        if section.from.is_none() && self.dry_run {
            let borrowed: Option<Address> = format!("dmarc-reports@{host}").parse().ok();
            section = ReportsSection { from: borrowed, ..section };
        }
        if section.relay.is_none() && !self.dry_run {
            return Err(Fault::new("fault-out-unset", []).into());
        }
        let mut faults = Vec::new();
        let office = Office::open(config).unwrap_or_else(|found| {
            faults = found;
            Arc::default()
        });
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault.into());
        }
        let source = serve::source(self.dns.as_deref(), config)?;
        let examiner = Examiner { source, policy: Arc::new(config.policy()), timeout: config.dns.timeout };
        let reporter = Reporter::of(&section, office, examiner, &host);
        Ok(reporter.ok_or_else(|| Fault::new("fault-out-unset", []))?)
    }

    /// Returns the day that is meant.
    fn day(&self) -> Date {
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        self.day.unwrap_or_else(|| today.saturating_sub(1.day()))
    }

    /// Sends the reports of the day.
    async fn send(&self, books: &Books, json: bool, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let reporter = books.reporter.clone();
        reporter.prove(Timestamp::now()).await?;
        let (ledger, vault) = (books.folder.ledger().await?, books.folder.vault().await?);
        let worker = format!("report-out-{}-{}", std::process::id(), now());
        let lake = Arc::clone(&books.lake);
        let (announcer, clock) = (books.announcer.clone(), Arc::new(now));
        let sender = Sender { ledger, vault, lake, reporter, worker, metrics: None, announcer, clock };
        sender.plan(self.day(), self.domain.as_ref()).await?;
        let mut tally = Tally::default();
        while sender.work(&mut tally).await? {}
        sender.ledger.close().await;
        let Tally { sent, skipped, failed, later } = tally;
        if json {
            let told = json!({ "sent": sent, "skipped": skipped, "failed": failed, "later": later });
            writeln!(streams.stdout, "{told}")?;
        } else {
            writeln!(streams.stdout, "{}", talk.say("out-sent", &[("sent", sent.into())]))?;
            let beside = [("out-skipped", skipped), ("out-failed", failed), ("out-later", later)];
            for (message, number) in beside.into_iter().filter(|(_, number)| *number > 0) {
                writeln!(streams.stdout, "{}", talk.say(message, &[("number", number.into())]))?;
            }
        }
        Ok(if failed + later == 0 { Exit::Clean } else { Exit::Found })
    }

    /// Shows what would be sent.
    async fn show(&self, books: &Books, json: bool, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let Books { folder, lake, reporter, .. } = books;
        let (day, ledger) = (self.day(), folder.ledger().await?);
        let proven = reporter.prove(Timestamp::now()).await;
        let all = self.prepare(&ledger, lake, reporter, day).await?;
        ledger.close().await;
        for prepared in all.iter().filter_map(|shown| shown.report.as_ref().ok()) {
            self.write(prepared, streams.stdout)?;
        }
        if json {
            for shown in &all {
                writeln!(streams.stdout, "{}", shown.json(day))?;
            }
            if let Err(fault) = &proven {
                streams.talk_of_fault(&fault.say(talk));
            }
        } else if !self.xml {
            let paint = Paint { on: streams.setting.stdout_colour };
            let account = account(day, &all, reporter, &proven, talk, paint);
            streams.stdout.write_all(account.as_bytes())?;
        }
        let is_odd = proven.is_err() || all.iter().any(Shown::is_odd);
        Ok(if is_odd { Exit::Found } else { Exit::Clean })
    }

    /// Prepares the reports of a day.
    async fn prepare(
        &self,
        ledger: &Ledger,
        lake: &Arc<dyn Lake>,
        reporter: &Reporter,
        day: Date,
    ) -> anyhow::Result<Vec<Shown>> {
        let only = self.domain.as_ref().map(ToString::to_string);
        let preparation = Preparation { ledger, lake, reporter };
        let mut all = Vec::new();
        for domain in policy_domains(lake, day).await.map_err(|why| books_fault(&why))? {
            if only.as_ref().is_none_or(|only| *only == domain.policy_domain) {
                let report = preparation.prepare(&domain.policy_domain, day).await.map_err(|why| books_fault(&why))?;
                all.push(Shown { domain: domain.policy_domain, report });
            }
        }
        Ok(all)
    }

    /// Writes a report to where it is wanted.
    fn write(&self, prepared: &Prepared, stdout: &mut dyn Write) -> anyhow::Result<()> {
        if self.xml {
            stdout.write_all(prepared.draft.xml.as_bytes())?;
        }
        if let Some(folder) = &self.folder {
            write_file(folder, &prepared.draft.names.file_name, &prepared.draft.packed)?;
        }
        Ok(())
    }

    /// Lists what became of our reports.
    async fn list(
        &self,
        folder: &DataFolder,
        json: bool,
        talk: &Talk,
        streams: &mut Streams<'_>,
    ) -> anyhow::Result<Exit> {
        let ledger = folder.ledger().await?;
        let filter = OutgoingFilter {
            domain: self.domain.as_ref().map(ToString::to_string),
            day: self.day.map(day_number),
            ..OutgoingFilter::default()
        };
        let page = ledger.outgoings(&filter, None, self.limit).await?;
        ledger.close().await;
        let paint = Paint { on: streams.setting.stdout_colour };
        for row in &page.rows {
            let line = if json { listed_json(row) } else { listed(row, talk, paint) };
            writeln!(streams.stdout, "{line}")?;
        }
        streams.stdout.flush()?;
        Ok(Exit::Clean)
    }
}

/// What is needed to make reports.
struct Books {
    /// Where the books are.
    folder: DataFolder,
    /// Where the rows are.
    lake: Arc<dyn Lake>,
    /// In whose name.
    reporter: Reporter,
    /// Who is told.
    announcer: Announcer,
}

/// What would become of a domain's report.
struct Shown {
    /// The policy domain.
    domain: String,
    /// The report, or why there is none.
    report: Result<Prepared, Prevented>,
}

impl Shown {
    /// Returns whom the domain names.
    fn recipients(&self) -> &[Recipient] {
        match &self.report {
            Ok(prepared) => &prepared.recipients,
            Err(prevented) => &prevented.recipients,
        }
    }

    /// Tells whether somebody does not get what they ask for.
    fn is_odd(&self) -> bool {
        self.report.as_ref().is_err_and(|prevented| prevented.why.is_odd())
            || self.recipients().iter().any(|recipient| recipient.address.is_err())
    }

    /// Writes it as an object.
    fn json(&self, day: Date) -> Value {
        let recipients = self.recipients().iter().map(|recipient| {
            let (address, why) = (recipient.address.as_ref().ok(), recipient.address.as_ref().err());
            json!({
                "uri": recipient.uri,
                "address": address.map(ToString::to_string),
                "reason": why.map(Hindrance::word),
                "detail": why.map(|why| why.fault().to_string()),
            })
        });
        let recipients: Vec<Value> = recipients.collect();
        match &self.report {
            Ok(Prepared { draft, .. }) => json!({
                "domain": self.domain, "day": day.to_string(), "sends": true, "report_id": draft.names.report_id,
                "file": draft.names.file_name, "rows": draft.rows, "messages": draft.messages,
                "size": draft.packed.len(), "recipients": recipients,
            }),
            Err(Prevented { why, .. }) => json!({
                "domain": self.domain, "day": day.to_string(), "sends": false, "reason": why.word(),
                "detail": why.fault().to_string(), "recipients": recipients,
            }),
        }
    }

    /// Adds it to an account.
    fn account(&self, said: &mut Vec<String>, talk: &Talk, paint: Paint) {
        let domain = Visible(self.domain.as_bytes()).to_string();
        match &self.report {
            Ok(Prepared { draft, .. }) => {
                let size = draft.packed.len().div_ceil(1024);
                let named = [
                    ("domain", domain.into()),
                    ("rows", draft.rows.into()),
                    ("messages", draft.messages.into()),
                    ("size", size.into()),
                    ("file", draft.names.file_name.clone().into()),
                ];
                said.push(paint.tone(Tone::Strong, &talk.say("out-report", &named)));
            }
            Err(Prevented { why, .. }) => {
                let named = [("domain", domain.into()), ("why", why.fault().say(talk).into())];
                let tone = if why.is_odd() { Tone::Odd } else { Tone::Dim };
                said.push(paint.tone(tone, &talk.say("out-not", &named)));
            }
        }
        for recipient in self.recipients() {
            let line = match &recipient.address {
                Ok(address) => talk.say("out-to", &[("to", address.to_string().into())]),
                Err(why) => {
                    let to = Visible(recipient.uri.as_bytes()).to_string();
                    let named = [("to", to.into()), ("why", why.fault().say(talk).into())];
                    paint.tone(Tone::Odd, &talk.say("out-not-to", &named))
                }
            };
            said.push(format!("    {line}"));
        }
    }
}

/// Says what would be sent: first whether it would pass, then each report, those without any asking last.
fn account(
    day: Date,
    all: &[Shown],
    reporter: &Reporter,
    proven: &Result<Proven, Fault>,
    talk: &Talk,
    paint: Paint,
) -> String {
    let reports = all.iter().filter(|shown| shown.report.is_ok()).count();
    let named =
        [("day", day.to_string().into()), ("reports", reports.into()), ("others", (all.len() - reports).into())];
    let mut said = vec![talk.say("out-head", &named)];
    if reporter.outlet.is_none() {
        said.push(paint.tone(Tone::Odd, &talk.word("out-unset")));
    }
    let domain = reporter.identity.author.to_string();
    said.push(match proven {
        Err(fault) => paint.bad(&fault.say(talk)),
        Ok(Proven { spf: None }) => talk.say("out-passes", &[("domain", domain.into())]),
        Ok(Proven { spf: Some(spf) }) => {
            talk.say("out-passes-spf", &[("domain", domain.into()), ("spf", spf.as_str().into())])
        }
    });
    let (sent, others): (Vec<&Shown>, Vec<&Shown>) = all.iter().partition(|shown| shown.report.is_ok());
    sent.iter().chain(&others).for_each(|shown| shown.account(&mut said, talk, paint));
    said.join("\n") + "\n"
}

/// Writes a file into a folder.
fn write_file(folder: &Path, name: &str, octets: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name);
    let refused = |why: std::io::Error| Fault::io("fault-write", &path, &why);
    fs::create_dir_all(folder).map_err(refused)?;
    Ok(fs::write(&path, octets).map_err(refused)?)
}

/// Says why reports could not be prepared.
fn books_fault(why: &anyhow::Error) -> Fault {
    Fault::new("fault-out-books", []).because(Fault::quote(format!("{why:#}")))
}

/// Writes a report of the list as a line: the day, what it is, about whom, what became of it, to whom, why.
fn listed(row: &Outgoing, talk: &Talk, paint: Paint) -> String {
    let tone = match row.state {
        OutgoingState::Sent | OutgoingState::Made => Tone::Good,
        OutgoingState::Failed | OutgoingState::Bounced => Tone::Bad,
        _ => Tone::Odd,
    };
    let day = day_of(row.day).map(|day| day.to_string()).unwrap_or_default();
    let to = if row.destination.is_empty() { "-" } else { &row.destination };
    let reason = row.reason.as_deref().map(|why| hindrance::say(why, talk)).unwrap_or_default();
    format!(
        "{day}  {:<15} {:<28} {} {:<2} {:<32} {}",
        row.kind.word(),
        Visible(row.domain.as_bytes()).to_string(),
        paint.tone(tone, &format!("{:<8}", row.state.word())),
        row.attempts,
        Visible(to.as_bytes()).to_string(),
        Visible(reason.as_bytes())
    )
    .trim_end()
    .to_owned()
}

/// Writes a report of the list as an object.
fn listed_json(row: &Outgoing) -> String {
    let at = |micros| Timestamp::from_microsecond(micros).unwrap_or_default().to_string();
    json!({
        "id": row.id.to_string(),
        "day": day_of(row.day).map(|day| day.to_string()),
        "kind": row.kind.word(),
        "domain": row.domain,
        "recipient": Some(&row.destination).filter(|to| !to.is_empty()),
        "state": row.state.word(),
        "attempts": row.attempts,
        "reason": row.reason,
        "message_id": row.message_id,
        "evidence": row.evidence.map(|evidence| evidence.to_string()),
        "planned_at": at(row.planned_at),
        "changed_at": at(row.changed_at),
    })
    .to_string()
}
