//! The command line of jobs: `sekisho jobs`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sekisho_ledger::{Id, JobState};

use crate::fault::Fault;

/// What `--help` shows below the options of `sekisho jobs`.
const JOBS_EXAMPLES: &str = "\
Examples:
  What waits, and what was given up:
    sekisho jobs list

  The receiver of a webhook is there again:
    sekisho jobs retry --dead --queue webhook

Exit status: 0 done and clean, 1 a job that was given up is listed, 2 could not be done.";

/// The options of `sekisho jobs`.
#[derive(Clone, Debug, Args)]
#[command(after_help = JOBS_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct JobsArguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) what: JobsCommand,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Write JSON, one object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be done about jobs.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List the jobs that are not done: first those that were given up, with the reason.
    List {
        /// Only those of this state: waiting, leased, done or dead.
        #[arg(long, value_name = "STATE", value_parser = parse_state)]
        state: Option<JobState>,

        /// Only those of this queue, as the list shows it.
        #[arg(long, value_name = "QUEUE")]
        queue: Option<String>,
    },
    /// Let jobs that were given up be tried again, as often as at first.
    Retry {
        /// Their ids, as the list shows them.
        #[arg(value_name = "ID", value_parser = parse_id, required_unless_present = "dead", conflicts_with = "dead")]
        ids: Vec<Id>,

        /// All that were given up.
        #[arg(long)]
        dead: bool,

        /// Only those of this queue.
        #[arg(long, value_name = "QUEUE", requires = "dead")]
        queue: Option<String>,
    },
}

/// Reads a state.
fn parse_state(text: &str) -> Result<JobState, Fault> {
    text.parse().map_err(|_| Fault::new("why-not-job-state", []))
}

/// Reads the id of a job.
fn parse_id(text: &str) -> Result<Id, Fault> {
    text.parse().map_err(|_| Fault::new("why-not-job", []))
}
