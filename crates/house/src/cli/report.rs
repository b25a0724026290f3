//! The command line of reports: `sekisho report` and `sekisho simulate`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::{Date, date};
use sekisho_core::name::DomainName;
use sekisho_ledger::ReportState;

use super::number::whole;
use crate::config::OwnSource;
use crate::fault::Fault;
use crate::sign::read_name;

/// What `--help` shows below the options of `sekisho report`.
const REPORT_EXAMPLES: &str = "\
Examples:
  Take in every report of a folder, a Maildir or an mbox; done twice, nothing is counted twice:
    sekisho report import ~/Maildir reports.mbox old-reports/

  Take in what is new in a mailbox, which stays as it is:
    sekisho report import imaps://reports@mail.example.org/INBOX --password-file /etc/sekisho/mailbox

  Show who sends in the name of a domain:
    sekisho report show example.org

  Find what its SPF record misses, and the record to publish:
    sekisho report spf-omissions example.org --own 192.0.2.0/24 --own 'Amazon SES'

  Show which reports we would send about yesterday, and to whom:
    sekisho report out --dry-run

Exit status: 0 done, 1 something could not be read or sent, or nothing was found, 2 could not be done.";

/// The options of `sekisho report`.
#[derive(Clone, Debug, Args)]
#[command(after_help = REPORT_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct ReportArguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) what: ReportCommand,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Write JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be done with reports.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Take reports in: files, folders, mbox files, Maildir folders and IMAP mailboxes.
    Import {
        /// Where they are.
        #[arg(required = true, value_name = "PATH|imaps://USER@HOST/FOLDER")]
        paths: Vec<PathBuf>,

        /// Read the password of the mailboxes from here, and not from SEKISHO_IMAP_PASSWORD.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,

        /// Trust these authorities (PEM) where mailboxes are, and not those of the system.
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,

        /// Ask this server who sent them: ADDR:PORT, tls://ADDR[:PORT][#NAME] or https://HOST/PATH.
        #[arg(long, value_name = "SERVER")]
        dns: Option<String>,
    },
    /// List the reports that came, the newest first, and what became of them.
    List {
        /// Only those of this state: received, read, unreadable, ignored or duplicate.
        #[arg(long, value_name = "STATE", value_parser = parse_state)]
        state: Option<ReportState>,

        /// At most so many.
        #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = whole::<u16>(1, 10_000), allow_negative_numbers = true)]
        limit: u16,
    },
    /// Show who sends in the name of a domain, as receivers tell, and what passes.
    Show {
        /// The domain that publishes the policy.
        #[arg(value_name = "DOMAIN", value_parser = parse_domain)]
        domain: DomainName,

        /// So many days back from today.
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = whole::<u32>(1, 3_660), allow_negative_numbers = true)]
        days: u32,

        /// Count also what reports tell that nobody vouches for.
        #[arg(long)]
        unproven: bool,

        /// Ask nobody what the sources are called.
        #[arg(long, conflicts_with = "dns")]
        no_names: bool,

        /// Ask this server what they are called: ADDR:PORT, tls://ADDR[:PORT][#NAME] or https://HOST/PATH.
        #[arg(long, value_name = "SERVER")]
        dns: Option<String>,
    },
    /// Find own sources that the SPF record of a MAIL FROM domain misses, and the record that names them.
    SpfOmissions(OmissionsArguments),
    /// Send our own reports about a day, or show what would be sent, and to whom.
    Out(OutArguments),
}

/// The options of `sekisho report spf-omissions`.
#[derive(Clone, Debug, Args)]
pub(crate) struct OmissionsArguments {
    /// The domain in MAIL FROM.
    #[arg(value_name = "DOMAIN", value_parser = parse_domain)]
    pub(crate) domain: DomainName,

    /// A source that sends with the domain's will: an address, a network, a host, or a sender by its name; may be given several times.
    #[arg(long, value_name = "SOURCE", value_parser = OwnSource::read)]
    pub(crate) own: Vec<OwnSource>,

    /// So many days back from today.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = whole::<u32>(1, 3_660), allow_negative_numbers = true)]
    pub(crate) days: u32,

    /// Count also what reports tell that nobody vouches for.
    #[arg(long)]
    pub(crate) unproven: bool,

    /// Leave out what our own gate saw: only what receivers told counts.
    #[arg(long)]
    pub(crate) reports_only: bool,

    /// Ask this server: ADDR:PORT, tls://ADDR[:PORT][#NAME] or https://HOST/PATH.
    #[arg(long, value_name = "SERVER", conflicts_with = "zone")]
    pub(crate) dns: Option<String>,

    /// Take all answers from a zone in a text file, offline.
    #[arg(long, value_name = "FILE")]
    pub(crate) zone: Option<PathBuf>,
}

/// What `--help` shows below the options of `sekisho simulate`.
const SIMULATE_EXAMPLES: &str = "\
Examples:
  What would happen if the domain asked for rejection:
    sekisho simulate example.org --record 'v=DMARC1; p=reject'

  And if a sender went out of SPF, and a key out of the DNS:
    sekisho simulate example.org --record 'v=spf1 mx -all' --record 's1._domainkey.example.org TXT !nxdomain'

Exit status: 0 nothing would be worse off, 1 something would, or that cannot be told, 2 could not be done.";

/// The options of `sekisho simulate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SIMULATE_EXAMPLES)]
pub(crate) struct SimulateArguments {
    /// The domain that receivers told of, and our own gate.
    #[arg(value_name = "DOMAIN", value_parser = parse_domain)]
    pub(crate) domain: DomainName,

    /// A proposed record: its text alone (v=DMARC1, v=spf1), or `NAME TYPE DATA`; may be given several times.
    #[arg(long, value_name = "RECORD", required = true)]
    pub(crate) record: Vec<String>,

    /// So many days back from today.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = whole::<u32>(1, 3_660), allow_negative_numbers = true)]
    pub(crate) days: u32,

    /// Count also what reports tell that nobody vouches for.
    #[arg(long)]
    pub(crate) unproven: bool,

    /// Leave out what our own gate saw: only what receivers told counts.
    #[arg(long)]
    pub(crate) reports_only: bool,

    /// Ask nobody what the sources are called.
    #[arg(long)]
    pub(crate) no_names: bool,

    /// Ask this server for all other records: ADDR:PORT, tls://ADDR[:PORT][#NAME] or https://HOST/PATH.
    #[arg(long, value_name = "SERVER", conflicts_with = "zone")]
    pub(crate) dns: Option<String>,

    /// Take all other records from a zone in a text file, offline.
    #[arg(long, value_name = "FILE")]
    pub(crate) zone: Option<PathBuf>,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Write JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The options of `sekisho report out`.
#[derive(Clone, Debug, Args)]
pub(crate) struct OutArguments {
    /// Send nothing: show each report that would be sent, to whom, and why another one would not.
    #[arg(long, conflicts_with = "list")]
    pub(crate) dry_run: bool,

    /// List the reports of ours, the newest first, and what became of them.
    #[arg(long)]
    pub(crate) list: bool,

    /// The day to report on, in UTC [default: yesterday].
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    pub(crate) day: Option<Date>,

    /// Only the report on this policy domain.
    #[arg(long, value_name = "DOMAIN", value_parser = parse_domain)]
    pub(crate) domain: Option<DomainName>,

    /// Show the reports themselves.
    #[arg(long, requires = "dry_run", conflicts_with = "json")]
    pub(crate) xml: bool,

    /// Write the reports into this folder, each as the file that would be attached.
    #[arg(long, value_name = "DIR", requires = "dry_run")]
    pub(crate) folder: Option<PathBuf>,

    /// List at most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 50, requires = "list", value_parser = whole::<u16>(1, 10_000), allow_negative_numbers = true)]
    pub(crate) limit: u16,

    /// Ask this server: ADDR:PORT, tls://ADDR[:PORT][#NAME] or https://HOST/PATH.
    #[arg(long, value_name = "SERVER")]
    pub(crate) dns: Option<String>,
}

/// Reads a day.
fn parse_day(text: &str) -> Result<Date, Fault> {
    let day = text.parse().ok().filter(|day| *day >= date(1970, 1, 1));
    day.ok_or_else(|| Fault::new("why-not-day", []))
}

/// Reads the state of a report.
fn parse_state(text: &str) -> Result<ReportState, Fault> {
    text.parse().map_err(|_| Fault::new("why-not-state", []))
}

/// Reads a domain name, also one in its own script.
fn parse_domain(text: &str) -> Result<DomainName, Fault> {
    read_name("why-not-domain", text).map_err(|_| Fault::new("why-not-domain", []))
}
