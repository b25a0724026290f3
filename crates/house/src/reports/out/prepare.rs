//! What becomes of the mail of one policy domain on one day: a report and who gets it, or why there is none

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use jiff::civil::Date;
use sekisho_core::name::DomainName;
use sekisho_core::sums::{PolicyDomain, ReportRow};
use sekisho_ledger::Ledger;

use super::asked::{self, Recipient, Wanted};
use super::draft::{Draft, draft};
use super::hindrance::Hindrance;
use super::reporter::Reporter;
use super::{DAY, period};
use crate::lake::Lake;

/// The most reports of a day: a forger with a domain of many names shall not make us write to all of them.
const MOST_REPORTS: usize = 10_000;
/// Of how many author domains the mails may be that are only reports to us.
const FEW: usize = 3;
/// What the header of a mail and its text take beside the report, with the signatures.
const AROUND: u64 = 8 * 1024;

/// A report that could go out, and to whom.
pub(super) struct Prepared {
    /// The report.
    pub(super) draft: Draft,
    /// Whom the domain names; at least one of them can have it.
    pub(super) recipients: Vec<Recipient>,
}

/// Why nothing goes out: a reason for all of it, or one for each recipient.
#[derive(Debug)]
pub(super) struct Prevented {
    /// The first reason.
    pub(super) why: Hindrance,
    /// Whom the domain names, if it names anybody.
    pub(super) recipients: Vec<Recipient>,
}

impl From<Hindrance> for Prevented {
    fn from(why: Hindrance) -> Prevented {
        Prevented { why, recipients: Vec::new() }
    }
}

/// Who prepares reports.
pub(super) struct Preparation<'a> {
    /// The book: which mails were reports to us.
    pub(super) ledger: &'a Ledger,
    /// Where the rows are.
    pub(super) lake: &'a Arc<dyn Lake>,
    /// In whose name.
    pub(super) reporter: &'a Reporter,
}

/// Lists the policy domains of a day, those first that had most mails.
pub(super) async fn policy_domains(lake: &Arc<dyn Lake>, day: Date) -> anyhow::Result<Vec<PolicyDomain>> {
    let mut domains = aside(lake, move |lake| lake.policy_domains(day)).await?;
    domains.sort_by(|one, other| (other.mails, &one.policy_domain).cmp(&(one.mails, &other.policy_domain)));
    if domains.len() > MOST_REPORTS {
        tracing::warn!(day = %day, left_out = domains.len() - MOST_REPORTS, "too many domains for a day: those with least mail get no report");
        domains.truncate(MOST_REPORTS);
    }
    Ok(domains)
}

impl Preparation<'_> {
    /// Prepares the report about a domain and a day. An error is a fault of ours that may be gone later.
    pub(super) async fn prepare(&self, domain: &str, day: Date) -> anyhow::Result<Result<Prepared, Prevented>> {
        let name = DomainName::parse(domain).ok().filter(asked::is_usual);
        let Some(name) = name else { return Ok(Err(Hindrance::OddName.into())) };
        let (source, timeout) = self.reporter.source();
        let asked = match asked::ask(source, timeout, &name, Wanted::Aggregates, self.reporter.max_recipients).await {
            Ok(asked) => asked,
            Err(why) => return Ok(Err(why.into())),
        };
        let mut recipients = asked.recipients;
        if let Some(prevented) = prevented(&recipients) {
            return Ok(Err(prevented));
        }
        let rows = {
            let domain = domain.to_owned();
            aside(self.lake, move |lake| lake.report_rows(&domain, day)).await?
        };
        if self.are_only_reports(&rows, day).await? {
            return Ok(Err(Hindrance::OnlyReports.into()));
        }
        let Some(draft) = draft(&self.reporter.identity, &name, day, &asked.record, &rows)? else {
            return Ok(Err(Hindrance::NoMail.into()));
        };
        let size = mail_size(&draft.packed);
        recipients.iter_mut().for_each(|recipient| self.bound(recipient, size));
        match prevented(&recipients) {
            Some(prevented) => Ok(Err(prevented)),
            None => Ok(Ok(Prepared { draft, recipients })),
        }
    }

    /// Lets no mail go to who does not want one of this size.
    fn bound(&self, recipient: &mut Recipient, size: u64) {
        let most = recipient.limit.unwrap_or(u64::MAX).min(self.reporter.max_octets);
        if recipient.address.is_ok() && size > most {
            recipient.address = Err(Hindrance::TooLarge(size, most));
        }
    }

    /// Tells whether nothing but reports to us came from a domain: were they reported on, two houses would go on for ever.
    async fn are_only_reports(&self, rows: &[ReportRow], day: Date) -> anyhow::Result<bool> {
        let mut mails: BTreeMap<&str, u64> = BTreeMap::new();
        for row in rows {
            let Some(author) = &row.header_from else { return Ok(false) };
            *mails.entry(author).or_default() += row.mails;
        }
        if mails.len() > FEW {
            return Ok(false);
        }
        let (begin, _) = period(day);
        for (author, mails) in &mails {
            if self.ledger.mails_of_submitter(author, begin, begin + DAY).await? < *mails {
                return Ok(false);
            }
        }
        Ok(!mails.is_empty())
    }
}

/// Returns why nobody can have a report, where nobody can.
fn prevented(recipients: &[Recipient]) -> Option<Prevented> {
    if recipients.iter().any(|recipient| recipient.address.is_ok()) {
        return None;
    }
    let why = recipients.iter().find_map(|recipient| recipient.address.clone().err());
    Some(Prevented { why: why.unwrap_or(Hindrance::NobodyAsks), recipients: recipients.to_vec() })
}

/// Returns how large a mail with a report is at most: base64 in lines, and what stands around it.
fn mail_size(packed: &[u8]) -> u64 {
    let lines = u64::try_from(packed.len()).unwrap_or(u64::MAX).div_ceil(57);
    lines.saturating_mul(78).saturating_add(AROUND)
}

/// Asks the lake where nobody waits for it.
async fn aside<T: Send + 'static>(
    lake: &Arc<dyn Lake>,
    ask: impl FnOnce(&dyn Lake) -> Result<T, crate::lake::LakeError> + Send + 'static,
) -> anyhow::Result<T> {
    let lake = Arc::clone(lake);
    let asked = tokio::task::spawn_blocking(move || ask(&*lake)).await.context("asking the lake failed")?;
    asked.context("the lake")
}
