//! The lake, as the house knows it: where Events are kept, and asked about
//!
//! What it is made of is the program's choice (`crates/sekisho`): nothing here links a query engine.

pub(crate) mod command;
#[cfg(test)]
pub(crate) mod puddle;
mod upkeep;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use jiff::civil::Date;
use sekisho_core::event::{Event, FactEvent, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume};
use sekisho_core::sums::{Failed, PolicyDomain, ReportRow, Reported};
use sekisho_core::written::Written;
use sekisho_ledger::vault::S3;

pub(crate) use self::upkeep::Upkeep;
use crate::fault::Fault;

/// Where Events are kept and asked about. Whoever opened it to read cannot keep any.
pub trait Lake: Send + Sync {
    /// Keeps Events. When it returns they outlive the process, and a loss of power.
    ///
    /// # Errors
    ///
    /// Where none of them was kept, so that the same ones may be tried again.
    fn keep(&self, events: &Written) -> Result<(), LakeError>;

    /// The same for Events that are not written yet.
    ///
    /// # Errors
    ///
    /// Where none of them was kept.
    fn append(&self, events: &[Event]) -> Result<(), LakeError> {
        self.keep(&Written::of(events).map_err(|why| LakeError(why.to_string()))?)
    }

    /// Moves what is kept to where it is asked about well. Done twice, it does nothing.
    ///
    /// # Errors
    ///
    /// Where that could not be done; nothing is lost, and it may be tried again.
    fn settle(&self) -> Result<(), LakeError>;

    /// The same for the youngest, too, so that nothing waits any more: for a lake that nobody writes to afterwards.
    ///
    /// # Errors
    ///
    /// Where that could not be done; nothing is lost, and it may be tried again.
    fn settle_all(&self) -> Result<(), LakeError> {
        self.settle()
    }

    /// Makes few large files of many small ones.
    ///
    /// # Errors
    ///
    /// Where that could not be done; nothing is lost, and it may be tried again.
    fn compact(&self) -> Result<(), LakeError>;

    /// Lets go of days that are older than they are kept.
    ///
    /// # Errors
    ///
    /// Where that could not be done; it may be tried again.
    fn retain(&self, keep: Keep) -> Result<LetGo, LakeError>;

    /// Forgets the mails that some domains, or those below them, received more than so many days ago. Returns how many files were
    /// written again without them.
    ///
    /// # Errors
    ///
    /// Where that could not be done; it may be tried again.
    fn forget(&self, domains: &[String], days: u32) -> Result<u64, LakeError>;

    /// Answers a question in SQL, and writes the rows. Returns how many there are.
    ///
    /// # Errors
    ///
    /// Where the statement is wrong, does not only read, or needs too much; and where `out` fails.
    fn query(&self, sql: &str, form: Form, out: &mut dyn Write) -> Result<u64, LakeError>;

    /// Returns how many Events are kept of which questions do not know yet.
    ///
    /// # Errors
    ///
    /// Where they cannot be counted.
    fn unsettled(&self) -> Result<u64, LakeError> {
        Ok(0)
    }

    /// Lists the tables, and how much is in them.
    ///
    /// # Errors
    ///
    /// Where the files cannot be read.
    fn tables(&self) -> Result<Vec<LakeTable>, LakeError>;

    /// Returns how many rows of a report are kept, by our name for it.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn rows_of_report(&self, report: &str) -> Result<u64, LakeError>;

    /// Returns what receivers told about a policy domain in some days; with `unproven`, also what nobody vouches for.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn reported(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Reported>, LakeError>;

    /// Returns the same of a MAIL FROM domain in reports about domains that it is not at or below.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn reported_elsewhere(
        &self,
        domain: &str,
        first: Date,
        last: Date,
        unproven: bool,
    ) -> Result<Vec<Reported>, LakeError>;

    /// Returns the mails that failed in some days in the name of a domain or one below it, as failure reports tell; with
    /// `unproven`, also what nobody vouches for.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn failures(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Failed>, LakeError>;

    /// Returns what a failure report tells, by our name for it.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn failure(&self, report: &str) -> Result<Option<FailureEvent>, LakeError>;

    /// Returns what our own gate saw in some days of a domain and those below it, as author; with `or_mail_from`, as MAIL FROM, too.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn judged(&self, domain: &str, first: Date, last: Date, or_mail_from: bool) -> Result<Vec<Reported>, LakeError>;

    /// Returns the policy domains whose mail was judged on a day.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn policy_domains(&self, day: Date) -> Result<Vec<PolicyDomain>, LakeError>;

    /// Returns the rows of our aggregate report on a policy domain and a day, those with most mails first: at most
    /// [`MOST_ROWS`], and one more where there are more.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn report_rows(&self, domain: &str, day: Date) -> Result<Vec<ReportRow>, LakeError>;

    /// Returns the mails that are looked for, newest first.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn mails(&self, search: &MailSearch) -> Result<Vec<MailRow>, LakeError>;

    /// Returns how many mails had each result in each span of `step` microseconds, the earliest first; with `within`, only mails
    /// of which every recipient domain is one of these or below.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked, or the spans are too many.
    fn volumes(
        &self,
        from_at: i64,
        until_at: i64,
        step: i64,
        within: Option<&[String]>,
    ) -> Result<Vec<Volume>, LakeError>;

    /// Returns a mail by its verdict's id; with `within`, only where every recipient domain is one of these or below.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn mail(&self, id: &str, within: Option<&[String]>) -> Result<Option<MailEvent>, LakeError>;

    /// Returns facts by their names, as mails of these days rest on them; what is not there is left out.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn facts(&self, hashes: &[FactHash], first: Date, last: Date) -> Result<Vec<FactEvent>, LakeError>;

    /// Returns who sends, by author domain, the busiest first; with `domains`, only these and what is below them; with `within`, only
    /// mails of which every recipient domain is one of these or below.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be asked.
    fn author_domains(
        &self,
        from_at: i64,
        until_at: i64,
        domains: Option<&[String]>,
        within: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<AuthorDomain>, LakeError>;
}

/// The most rows of a report of ours: who forges mail from many addresses shall not make us write without end.
pub const MOST_ROWS: usize = 25_000;

/// What is forgotten earlier than the rest of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// The domains whose mails are meant, each with what is below it.
    pub domains: Vec<String>,
    /// After how many days.
    pub days: u32,
}

/// How many days of each table are kept; none is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Of mails.
    pub mail: u32,
    /// Of what the DNS told: so long a verdict can be judged again.
    pub fact: u32,
    /// Of rows of DMARC aggregate reports.
    pub aggregate: u32,
    /// Of rows of TLS reports.
    pub tls: u32,
    /// Of mails that failed, as failure reports tell.
    pub failure: u32,
}

impl Default for Keep {
    /// Returns what suits most houses: a year of single mails and a month more, two months of facts, three years of sums.
    fn default() -> Keep {
        Keep { mail: 400, fact: 60, aggregate: 1100, tls: 1100, failure: 400 }
    }
}

/// What was let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetGo {
    /// How many files.
    pub files: u64,
    /// How many octets.
    pub octets: u64,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As a table, for people.
    #[default]
    Table,
    /// As one JSON object a line.
    Json,
    /// As CSV in which nothing is a formula.
    Csv,
}

/// A table of the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeTable {
    /// What it is called.
    pub name: String,
    /// How many days it has.
    pub days: u64,
    /// How many files.
    pub files: u64,
    /// How many rows.
    pub rows: u64,
    /// How many octets.
    pub octets: u64,
}

/// Where a lake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakePlace {
    /// The folder of this node's part, and of all where there is no bucket.
    pub folder: PathBuf,
    /// The bucket of the files, which several nodes may share.
    pub bucket: Option<S3>,
}

impl LakePlace {
    /// Names a lake that is in a folder altogether.
    #[must_use]
    pub fn in_folder(folder: &Path) -> LakePlace {
        LakePlace { folder: folder.to_owned(), bucket: None }
    }
}

/// What opens a lake: to write to it, and to read in it beside whoever writes.
#[derive(Clone, Copy, Debug)]
pub struct OpenLake {
    /// To write, which one process at a time may in a folder.
    pub write: fn(&LakePlace) -> Result<Arc<dyn Lake>, NotOpened>,
    /// To read.
    pub read: fn(&LakePlace) -> Result<Arc<dyn Lake>, LakeError>,
}

/// Why a lake was not opened to write to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// Another process writes to it.
    Taken(LakeError),
    /// It failed.
    Failed(LakeError),
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (NotOpened::Taken(why) | NotOpened::Failed(why)) = self;
        why.fmt(f)
    }
}

impl std::error::Error for NotOpened {}

impl From<NotOpened> for LakeError {
    fn from(why: NotOpened) -> LakeError {
        let (NotOpened::Taken(why) | NotOpened::Failed(why)) = why;
        why
    }
}

impl From<LakeError> for NotOpened {
    fn from(why: LakeError) -> NotOpened {
        NotOpened::Failed(why)
    }
}

/// What a lake could not do, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeError(pub String);

impl fmt::Display for LakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LakeError {}

/// Asks a lake two things side by side: each waits for the disk by itself.
pub(crate) fn side_by_side<A: Send, B>(
    one: impl FnOnce() -> Result<A, LakeError> + Send,
    other: impl FnOnce() -> Result<B, LakeError>,
) -> Result<(A, B), LakeError> {
    thread::scope(|scope| {
        let one = thread::Builder::new().name("ask".to_owned()).spawn_scoped(scope, one);
        let one = one.map_err(|why| LakeError(format!("there is no thread to ask on: {why}")))?;
        let other = other();
        let one = one.join().map_err(|_| LakeError("a question failed".to_owned()))?;
        Ok((one?, other?))
    })
}

/// Says what a lake could not do, in one line: query engines explain themselves in several.
pub(crate) fn fault(why: &LakeError) -> Fault {
    let lines: Vec<&str> = why.0.split_whitespace().collect();
    Fault::new("fault-lake", []).because(Fault::quote(lines.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_explains_in_lines_is_one_line() {
        let said = fault(&LakeError("no field named x.\n  Valid fields are:\n\ta, b".to_owned())).to_string();
        assert!(said.ends_with(": no field named x. Valid fields are: a, b"), "{said}");
    }

    #[test]
    fn two_questions_are_answered_each_or_the_first_failure_is_told() {
        let answer = |number: u8| move || Ok::<u8, LakeError>(number);
        let refuse = |why: &'static str| move || Err::<u8, LakeError>(LakeError(why.to_owned()));
        assert_eq!(side_by_side(answer(1), answer(2)), Ok((1, 2)));
        assert_eq!(side_by_side(refuse("a"), answer(2)).unwrap_err().0, "a");
        assert_eq!(side_by_side(answer(1), refuse("b")).unwrap_err().0, "b");
        assert_eq!(
            side_by_side(|| -> Result<u8, LakeError> { panic!("a fault") }, answer(2)).unwrap_err().0,
            "a question failed"
        );
    }

    #[test]
    fn the_question_for_rows_asks_for_one_more_than_a_report_has() {
        let question = include_str!("../../lake/src/questions/report_rows.sql");
        assert!(question.trim_end().ends_with(&format!("LIMIT {}", MOST_ROWS + 1)), "{question}");
    }
}
