//! The command line: every option in one plain sentence

mod jobs;
mod number;
mod people;
mod report;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use sekisho_core::speech::Lang;

use self::number::whole;
use crate::cluster::HostPort;
use crate::fault::Fault;
use crate::received::Hop;
use crate::refusal;
pub(crate) use jobs::{JobsArguments, JobsCommand};
pub(crate) use people::{PeopleArguments, PeopleCommand};
pub(crate) use report::{OmissionsArguments, OutArguments, ReportArguments, ReportCommand, SimulateArguments};

/// What `--help` shows below the options of `sekisho`.
const EXAMPLES: &str = "\
Examples:
  sekisho check mail.eml --client-ip 192.0.2.1 --helo mx.example.org --mail-from a@example.org
  sekisho check mail.eml --trust-received mx.example.net --lang ja
  sekisho check ~/Maildir --json
  sekisho serve
  sekisho config show

Exit status: 0 done and clean, 1 done and something found, 2 could not be done.";

/// What `--help` shows below the options of `sekisho check`.
const CHECK_EXAMPLES: &str = "\
Examples:
  Judge a mail as the server that took it would have:
    sekisho check mail.eml --client-ip 192.0.2.1 --helo mx.example.org --mail-from a@example.org

  Take client and greeting from the Received field that our own server wrote:
    sekisho check mail.eml --trust-received mx.example.net

  Ask what would happen if the domain asked for rejection:
    sekisho check mail.eml --what-if 'TXT _dmarc.example.org=v=DMARC1; p=reject'

  Keep what the DNS said, and judge the same mail by it next year, offline:
    sekisho check mail.eml --save-facts mail.facts
    sekisho check mail.eml --facts mail.facts

Exit status: 0 all mails are accepted, 1 one was judged and is not, 2 one could not be judged.";

/// The checkpoint for messaging: verifies mail and says why.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, after_help = EXAMPLES, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Speak Japanese or English; otherwise the locale says.
    #[arg(long, value_name = "ja|en", value_parser = parse_lang, global = true)]
    pub(crate) lang: Option<Lang>,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge mails: SPF, DKIM, ARC and DMARC, and say why.
    Check(CheckArguments),
    /// Be a part of a cluster that answers questions to the lake, where this program was built with one.
    Cluster(ClusterArguments),
    /// Check the configuration, show what is in force, or examine it together with that of Postfix.
    Config(ConfigArguments),
    /// The mails in Postfix's hold queue: list them, or let some go.
    Held(HeldArguments),
    /// What waits to be done, and what was given up: list it, or let it be tried again.
    Jobs(JobsArguments),
    /// Ask what was kept, in SQL: verdicts, facts, rows of reports.
    Lake(LakeArguments),
    /// Those who may come in at the desk: list them, invite, reset, lock out.
    People(PeopleArguments),
    /// Reports that others send us: take them in, list them, show what they tell. And those that we send.
    Report(ReportArguments),
    /// Serve: judge every mail that an MTA shows by the milter protocol.
    Serve(ServeArguments),
    /// Sign a mail with DKIM, or make a new key for it.
    Sign(SignArguments),
    /// Judge what receivers told again, as if other records were published: what would fail, and what saves it.
    Simulate(SimulateArguments),
}

/// The options of `sekisho serve`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServeArguments {
    /// Ask this server: ADDR:PORT, tls://ADDR[:PORT][#NAME] or https://HOST/PATH.
    #[arg(long, value_name = "SERVER")]
    pub(crate) dns: Option<String>,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The options of `sekisho check`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArguments {
    /// Mail files, mbox files or Maildir folders; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// The address of the client that handed the mail over; without it SPF is not asked.
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address, help_heading = "Envelope")]
    pub(crate) client_ip: Option<IpAddr>,

    /// The name that the client gave in HELO or EHLO.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, help_heading = "Envelope")]
    pub(crate) helo: Option<OsString>,

    /// The address in MAIL FROM; '' is the null path, and without it the Return-Path is read.
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true, value_parser = OsStringValueParser::new().try_map(parse_path), help_heading = "Envelope")]
    pub(crate) mail_from: Option<OsString>,

    /// Take client and greeting from the N-th Received field from the top, or from the first one written by HOST.
    #[arg(long, value_name = "N|HOST", conflicts_with = "client_ip", value_parser = Hop::from_str, allow_negative_numbers = true, help_heading = "Envelope")]
    pub(crate) trust_received: Option<Hop>,

    /// Ask this server: ADDR:PORT, tls://ADDR[:PORT][#NAME] or https://HOST/PATH.
    #[arg(long, value_name = "SERVER", conflicts_with = "zone", help_heading = "Answers")]
    pub(crate) dns: Option<String>,

    /// Take all answers from a zone in a text file, offline.
    #[arg(long, value_name = "FILE", help_heading = "Answers")]
    pub(crate) zone: Option<PathBuf>,

    /// Judge again by the answers that --save-facts kept, offline.
    #[arg(long, value_name = "FILE", help_heading = "Answers")]
    pub(crate) facts: Option<PathBuf>,

    /// Keep the envelope, the answers and the policy of each verdict in a file.
    #[arg(long, value_name = "FILE", conflicts_with = "facts", help_heading = "Answers")]
    pub(crate) save_facts: Option<PathBuf>,

    /// Judge a second time with this answer replaced, and show what changes; may be given several times.
    #[arg(long, value_name = "TYPE NAME=DATA", help_heading = "Answers")]
    pub(crate) what_if: Vec<String>,

    /// Wait this many seconds for the answers to one mail [default: 20].
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, allow_negative_numbers = true, help_heading = "Answers")]
    pub(crate) timeout: Option<Duration>,

    /// Judge as of this time, such as 2026-05-01T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Answers")]
    pub(crate) at: Option<Timestamp>,

    /// Whose steps are shown; JSON has all of them unless none are wanted.
    #[arg(long, value_enum, default_value_t, value_name = "WHICH", help_heading = "Account")]
    pub(crate) steps: StepsShown,

    /// Write JSON, one object a line for many mails.
    #[arg(long, help_heading = "Account")]
    pub(crate) json: bool,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Whose steps an account shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StepsShown {
    /// No steps at all.
    None,
    /// What decided the checks that did not pass.
    #[default]
    Failed,
    /// Every step of every check.
    All,
}

/// The options of `sekisho config`.
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct ConfigArguments {
    /// What to do with the configuration.
    #[command(subcommand)]
    pub(crate) what: ConfigCommand,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Write JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be done with the configuration.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read the configuration and name every fault with its line.
    Check,
    /// Show what is in force, and where each value comes from.
    Show,
    /// Examine the configuration together with that of Postfix, and say what to change; nothing is written.
    Doctor {
        /// The folder with the main.cf of the Postfix [default: /etc/postfix, where there is one].
        #[arg(long, value_name = "DIR")]
        postfix: Option<PathBuf>,
    },
}

/// The options of `sekisho held`.
#[derive(Clone, Debug, Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct HeldArguments {
    /// What to do with the mails that are held.
    #[command(subcommand)]
    pub(crate) what: HeldCommand,

    /// The folder with the main.cf of the Postfix [default: /etc/postfix].
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) postfix: Option<PathBuf>,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Write JSON, one object a mail.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be done with mails that are held.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum HeldCommand {
    /// Show who they are from, how old they are, and why they are held.
    List,
    /// Let mails go: they are delivered as they are, and not judged again.
    Release {
        /// Their queue ids, as `sekisho held list` shows them.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// What `--help` shows below the options of `sekisho lake`.
const LAKE_EXAMPLES: &str = "\
Examples:
  Who sent most in the name of a domain on a day:
    sekisho lake query \"SELECT client_ip, count(*) AS mails FROM mail
      WHERE day = '2026-11-22' AND author_domain = 'example.org' GROUP BY client_ip ORDER BY mails DESC LIMIT 20\"

Exit status: 0 done, 2 could not be done.";

/// The options of `sekisho lake`.
#[derive(Clone, Debug, Args)]
#[command(after_help = LAKE_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct LakeArguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) what: LakeCommand,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Write JSON, one object a row.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be done with the lake.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum LakeCommand {
    /// Answer a question. Only statements that read are answered.
    Query {
        /// The question, as SELECT says it.
        #[arg(value_name = "SQL")]
        sql: String,

        /// Write CSV in which nothing is a formula.
        #[arg(long, conflicts_with = "json")]
        csv: bool,

        /// Let the cluster at df://HOST:PORT answer; it sees what is settled.
        #[arg(long, value_name = "ADDRESS")]
        cluster: Option<String>,
    },
    /// List the tables, and how much is in them.
    Tables {
        /// Let the cluster at df://HOST:PORT count the rows; it sees what is settled.
        #[arg(long, value_name = "ADDRESS")]
        cluster: Option<String>,
    },
    /// Make few large files of many small ones; the daemon does so by itself.
    Compact,
    /// Let go of days that are older than `[lake]` keeps them; the daemon does so by itself.
    Retain,
}

/// What `--help` shows below the options of `sekisho cluster`.
const CLUSTER_EXAMPLES: &str = "\
Examples:
  A cluster on this machine, each part in a terminal of its own:
    sekisho cluster scheduler
    sekisho cluster executor --scheduler 127.0.0.1:50050

  Ask it:
    sekisho lake query 'SELECT count(*) FROM mail' --cluster df://127.0.0.1:50050

Nobody is asked for a password, and nothing is encrypted: listen on loopback or in a network of its own.

Exit status: 0 stopped in order, 2 could not be done.";

/// The options of `sekisho cluster`.
#[derive(Clone, Debug, Args)]
#[command(after_help = CLUSTER_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct ClusterArguments {
    /// Which part to be.
    #[command(subcommand)]
    pub(crate) what: ClusterCommand,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// The parts of a cluster.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Take questions, cut them into tasks, and give these to executors. One for a cluster.
    Scheduler {
        /// Listen on this address.
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:50050", value_parser = parse_listen)]
        listen: SocketAddr,

        /// Give an executor's tasks to others when it was silent for so many seconds. One that is busy speaks every five.
        #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = whole::<u16>(10, 3_600), allow_negative_numbers = true)]
        executor_timeout: u16,
    },
    /// Do tasks. As many for a cluster as there are machines.
    Executor {
        /// Ask this scheduler for tasks.
        #[arg(long, value_name = "HOST:PORT", value_parser = parse_host_port)]
        scheduler: HostPort,

        /// Listen on this address for those who fetch what was computed.
        #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:50051", value_parser = parse_listen)]
        listen: SocketAddr,

        /// Read the lake in this folder instead of the one in the data folder; all see the same files.
        #[arg(long, value_name = "FOLDER")]
        lake: Option<PathBuf>,

        /// Keep what is computed in this folder until it was fetched, instead of the one for temporary files.
        #[arg(long, value_name = "FOLDER")]
        work: Option<PathBuf>,

        /// Do so many tasks at once [default: one for each processor].
        #[arg(long, value_name = "NUMBER", value_parser = whole::<u16>(1, 1_024), allow_negative_numbers = true)]
        slots: Option<u16>,
    },
}

/// Reads an address to listen on.
fn parse_listen(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| Fault::new("fault-listen", [("value", text.to_owned().into())]))
}

/// Reads a host and a port.
fn parse_host_port(text: &str) -> Result<HostPort, Fault> {
    text.parse().map_err(|_| Fault::new("why-not-host-port", []))
}

/// What `--help` shows below the options of `sekisho sign`.
const SIGN_EXAMPLES: &str = "\
Examples:
  Make a key and publish the record that is printed:
    sekisho sign --new-key ed25519 --domain example.org --selector s1 --out s1.pem

  Sign a mail with it:
    sekisho sign mail.eml --domain example.org --selector s1 --key s1.pem > signed.eml";

/// How `sekisho sign` is used: the two things that it does want different options.
const SIGN_USAGE: &str = "\
sekisho sign FILE --domain DOMAIN --selector NAME --key KEY.pem [OPTIONS]
       sekisho sign --new-key KIND --domain DOMAIN --selector NAME --out KEY.pem";

/// The options of `sekisho sign`.
#[derive(Clone, Debug, Args)]
#[command(after_help = SIGN_EXAMPLES, override_usage = SIGN_USAGE)]
pub(crate) struct SignArguments {
    /// The mail to sign; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "new_key")]
    pub(crate) file: Option<PathBuf>,

    /// The domain that signs.
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: String,

    /// The selector of the key; repeat it with --key to sign with several keys.
    #[arg(long, value_name = "NAME", required = true)]
    pub(crate) selector: Vec<String>,

    /// The private key in PEM, one for each selector, in their order.
    #[arg(long, value_name = "KEY.pem", required_unless_present = "new_key", conflicts_with = "new_key")]
    pub(crate) key: Vec<PathBuf>,

    /// The fields to sign, separated by colons; one that is listed more often than it is there, or is not there at all, is
    /// guarded against being added. Otherwise those that a reader sees, each guarded against a second one.
    #[arg(long, value_name = "NAME:NAME…", conflicts_with = "new_key")]
    pub(crate) headers: Option<String>,

    /// Let the signature expire after this many days.
    #[arg(long, value_name = "DAYS", value_parser = parse_days, allow_negative_numbers = true, conflicts_with = "new_key")]
    pub(crate) expire: Option<u32>,

    /// How header and body are canonicalized, each relaxed or simple [default: relaxed/relaxed].
    #[arg(long, value_name = "HEADER/BODY", conflicts_with = "new_key")]
    pub(crate) canonicalization: Option<String>,

    /// Make a new key instead of signing, and print the DNS record to publish.
    #[arg(long, value_name = "KIND", value_enum, conflicts_with = "file", requires = "out")]
    pub(crate) new_key: Option<KeyKind>,

    /// Where the new key is written; a file that exists is never overwritten.
    #[arg(long, value_name = "KEY.pem", requires = "new_key")]
    pub(crate) out: Option<PathBuf>,

    /// Write what is printed of a new key as JSON.
    #[arg(long, requires = "new_key")]
    pub(crate) json: bool,

    /// Sign as of this time, such as 2026-05-01T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "new_key")]
    pub(crate) at: Option<Timestamp>,
}

/// The kinds of key that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// RSA of 2048 bits: every verifier knows it.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// Ed25519: short, and not yet known to every verifier.
    Ed25519,
}

/// Reads an address.
fn parse_address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| Fault::new("why-not-address", []))
}

/// Reads a path of SMTP. Whatever a client may say is judged; several words without an at sign are a slip of the pen.
fn parse_path(path: OsString) -> Result<OsString, Fault> {
    let octets = path.as_encoded_bytes();
    let is_slip = octets.iter().any(u8::is_ascii_whitespace) && !octets.contains(&b'@');
    if is_slip { Err(Fault::new("why-not-path", [])) } else { Ok(path) }
}

/// Reads a number of seconds, fractions allowed.
fn parse_seconds(text: &str) -> Result<Duration, Fault> {
    let seconds = text.parse().ok().filter(|seconds| (0.001..=600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| Fault::new("why-not-seconds", []))
}

/// Reads a moment.
fn parse_time(text: &str) -> Result<Timestamp, Fault> {
    text.parse().map_err(|_| Fault::new("why-not-time", []))
}

/// Reads a number of days: a signature that lives for none is void, and one for a century has a slip of the pen in it.
fn parse_days(text: &str) -> Result<u32, Fault> {
    let days = text.parse().ok().filter(|days| (1..=36_500).contains(days));
    days.ok_or_else(|| Fault::new("why-not-days", []))
}

/// Reads a language.
fn parse_lang(text: &str) -> Result<Lang, Fault> {
    refusal::named(text).ok_or_else(|| Fault::new("why-not-lang", []))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_client_is_named_only_once() {
        let refusal =
            Cli::try_parse_from(["sekisho", "check", "x", "--client-ip", "192.0.2.1", "--trust-received", "1"]);
        assert!(refusal.is_err());
    }

    #[test]
    fn words_are_no_path() {
        let is_taken =
            |path: &str| Cli::try_parse_from(["sekisho", "check", "x", &format!("--mail-from={path}")]).is_ok();
        assert!(
            ["", "<>", "a@b.example", "<a@b.example>", "\"a b\"@c.example", "a b@c.example"].into_iter().all(is_taken)
        );
        assert!(!["a b c", " ", "<a b>"].into_iter().any(is_taken));
    }
}
