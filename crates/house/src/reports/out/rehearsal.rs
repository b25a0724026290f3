//! Reports of the sample day: one of ours that nobody gets, and those that others send about the same mails

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use jiff::civil::Date;
use lettre::Address;
use sekisho_ask::Source;
use sekisho_core::name::DomainName;
use sekisho_core::sums::ReportRow;
use sekisho_ledger::{Ledger, Vault};
use sekisho_report::dmarc::aggregate::letter::Letter;

use super::asked::{self, Wanted};
use super::draft::draft;
use super::jobs::Sender;
use super::reporter::{Identity, Reporter};
use crate::config::ReportsSection;
use crate::lake::Lake;
use crate::webhooks::Announcer;

/// The most recipients of a report.
const RECIPIENTS: usize = 10;

/// The books of a sample.
pub(crate) struct Books<'a> {
    /// The book.
    pub(crate) ledger: &'a Ledger,
    /// Where reports and mails are kept.
    pub(crate) vault: &'a Vault,
    /// Where the rows are.
    pub(crate) lake: &'a Arc<dyn Lake>,
}

/// Makes our report about a domain and a day, and the mails with it. Nobody gets them, though the books say so.
pub(crate) async fn send(
    books: &Books<'_>,
    reporter: Reporter,
    domain: &DomainName,
    day: Date,
    now: Timestamp,
) -> anyhow::Result<()> {
    let at = now.as_microsecond();
    let sender = Sender {
        ledger: books.ledger.clone(),
        vault: books.vault.clone(),
        lake: Arc::clone(books.lake),
        reporter,
        worker: "sample".to_owned(),
        metrics: None,
        announcer: Announcer::default(),
        clock: Arc::new(move || at),
    };
    sender.plan(day, Some(domain)).await?;
    sender.rehearse().await
}

/// Somebody else who reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colleague {
    /// The author of the mails.
    pub(crate) from: &'static str,
    /// Who that is.
    pub(crate) organization: &'static str,
}

impl Colleague {
    /// Writes the mail with this colleague's report about a domain and a day; it is not signed yet.
    pub(crate) async fn write(
        &self,
        source: &Source,
        domain: &DomainName,
        day: Date,
        rows: &[ReportRow],
        now: Timestamp,
    ) -> anyhow::Result<Vec<u8>> {
        let from: Address = self.from.parse().context("who reports has an address")?;
        let organization = Some(self.organization.to_owned());
        let section = ReportsSection { from: Some(from), organization, ..ReportsSection::default() };
        let identity = Identity::of(&section).context("who reports has a name")?;
        let asked = asked::ask(source, Duration::from_secs(5), domain, Wanted::Aggregates, RECIPIENTS).await;
        let asked = asked.map_err(|why| anyhow!("{}", why.fault()))?;
        let to = asked.recipients.iter().find_map(|recipient| recipient.address.as_ref().ok());
        let to = to.context("nobody wants the report")?;
        let draft = draft(&identity, domain, day, &asked.record, rows)?.context("there is nothing to report")?;
        let letter = Letter {
            from: self.from,
            to: to.as_ref(),
            subject: &draft.names.subject,
            date: now,
            message_id: &format!("{}@{}", draft.names.report_id, identity.domain),
            text: "This is a DMARC aggregate report.\n",
            file_name: &draft.names.file_name,
            packed: &draft.packed,
        };
        Ok(letter.write()?)
    }
}
