//! `sekisho jobs`: what waits to be done, and another try for what was given up; also beside a running daemon

use jiff::Timestamp;
use sekisho_core::step::Value as Said;
use sekisho_core::visible::Visible;
use sekisho_ledger::{Id, Job, JobFilter, JobState, Ledger};
use serde_json::{Value, json};

use crate::cli::{JobsArguments, JobsCommand};
use crate::config::Config;
use crate::fault::Fault;
use crate::speech::Talk;
use crate::store::{Archive, DataFolder};
use crate::terminal::{Paint, Tone};
use crate::{Exit, Streams};

/// How many jobs are fetched at a time.
const PAGE: u16 = 500;
/// What is listed where nobody says what: all that is not done, and first what somebody has to look at.
const OPEN: [JobState; 3] = [JobState::Dead, JobState::Leased, JobState::Waiting];

impl JobsArguments {
    /// Lists jobs, or lets some be tried again.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let archive = Archive::of(DataFolder::find(&config.store, &streams.setting.data_places)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let paint = Paint { on: streams.setting.stdout_colour };
        let acted = runtime.block_on(async {
            let acted = match archive.ledger().await {
                Ok(ledger) => self.act(&ledger, talk, paint).await,
                Err(why) => Err(why.into()),
            };
            archive.close().await;
            acted
        });
        let (said, exit) = acted?;
        streams.stdout.write_all(said.as_bytes())?;
        streams.stdout.flush()?;
        Ok(exit)
    }

    /// Does what is wanted, and returns what is to be said of it.
    async fn act(&self, ledger: &Ledger, talk: &Talk, paint: Paint) -> anyhow::Result<(String, Exit)> {
        match &self.what {
            JobsCommand::List { state, queue } => {
                let jobs =
                    find(ledger, state.as_ref().map_or(&OPEN[..], std::slice::from_ref), queue.as_deref()).await?;
                let exit = match jobs.iter().any(|job| job.state == JobState::Dead) {
                    true => Exit::Found,
                    false => Exit::Clean,
                };
                Ok((self.list(&jobs, talk, paint), exit))
            }
            JobsCommand::Retry { ids, dead: _, queue } => {
                let ids = match ids.is_empty() {
                    true => find(ledger, &[JobState::Dead], queue.as_deref()).await?.iter().map(|job| job.id).collect(),
                    false => ids.clone(),
                };
                Ok((self.retry(ledger, &ids, talk).await?, Exit::Clean))
            }
        }
    }

    /// Writes jobs, one a line.
    fn list(&self, jobs: &[Job], talk: &Talk, paint: Paint) -> String {
        if jobs.is_empty() && !self.json {
            return match &self.what {
                JobsCommand::List { queue: Some(queue), .. } => talk.say("jobs-none-in-queue", &in_queue(queue)) + "\n",
                _ => talk.word("jobs-none") + "\n",
            };
        }
        let line = |job| if self.json { listed_json(job).to_string() } else { listed(job, talk, paint) };
        jobs.iter().map(|job| line(job) + "\n").collect()
    }

    /// Lets jobs be tried again; refuses where one of those that were named is not given up, before anything is done.
    async fn retry(&self, ledger: &Ledger, ids: &[Id], talk: &Talk) -> anyhow::Result<String> {
        for id in ids {
            if ledger.job(*id).await?.is_none_or(|job| job.state != JobState::Dead) {
                return Err(Fault::new("fault-job-not-dead", [("id", id.to_string().into())]).into());
            }
        }
        let mut revived = Vec::with_capacity(ids.len());
        for id in ids {
            // Somebody else may have done it meanwhile: that is as good.
            if ledger.revive(*id, Timestamp::now().as_microsecond()).await? {
                revived.push(id.to_string());
            }
        }
        if self.json {
            return Ok(format!("{}\n", json!({ "retried": revived })));
        }
        if let (true, JobsCommand::Retry { queue: Some(queue), .. }) = (ids.is_empty(), &self.what) {
            return Ok(talk.say("jobs-queue-none", &in_queue(queue)) + "\n");
        }
        Ok(talk.say("jobs-retried", &[("count", revived.len().into())]) + "\n")
    }
}

/// Names a queue in what is said.
fn in_queue(queue: &str) -> [(&'static str, Said); 1] {
    [("queue", Visible(queue.as_bytes()).to_string().into())]
}

/// Returns the jobs of some states, one state after the other, each with those first that changed last.
async fn find(ledger: &Ledger, states: &[JobState], queue: Option<&str>) -> anyhow::Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for state in states {
        let filter = JobFilter { state: Some(*state), queue: queue.map(str::to_owned) };
        let mut after = None;
        loop {
            let page = ledger.jobs(&filter, after, PAGE).await?;
            jobs.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(jobs)
}

/// Writes one job for people: what it is on the first line, why it failed last on a second one.
fn listed(job: &Job, talk: &Talk, paint: Paint) -> String {
    let shown = |text: &str| Visible(text.as_bytes()).to_string();
    let state = match job.state {
        JobState::Waiting => talk.word("job-waiting"),
        JobState::Leased => talk.word("job-leased"),
        JobState::Done => talk.word("job-done"),
        JobState::Dead => talk.word("job-dead"),
        other => other.word().to_owned(),
    };
    let (count, most) = (u64::from(job.attempts), u64::from(job.max_attempts));
    let tries = talk.say("jobs-tries", &[("count", count.into()), ("most", most.into())]);
    let state = if job.state == JobState::Dead { paint.bad(&state) } else { state };
    let id = paint.tone(Tone::Strong, &job.id.to_string());
    let mut line = format!("{id}  {}  {state}  {tries}  {}", shown(&job.queue), moment(job.changed_at));
    if !job.subject.is_empty() {
        line += &format!("  {}", shown(&job.subject));
    }
    if let Some(why) = &job.last_error {
        line += &format!("\n  {}", shown(why));
    }
    line
}

/// Writes one job for programs.
fn listed_json(job: &Job) -> Value {
    json!({
        "id": job.id.to_string(),
        "queue": job.queue,
        "subject": job.subject,
        "state": job.state.word(),
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "free_at": job.free_at.map(moment),
        "made_at": moment(job.made_at),
        "changed_at": moment(job.changed_at),
        "last_error": job.last_error,
    })
}

/// Writes a time in microseconds since 1970.
fn moment(at: i64) -> String {
    Timestamp::from_microsecond(at).map_or_else(|_| at.to_string(), |time| time.to_string())
}
