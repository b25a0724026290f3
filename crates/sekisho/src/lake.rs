//! The lake of this program: Parquet files in a folder or a bucket, asked with DataFusion

use std::io::Write;
use std::sync::Arc;

use futures_util::StreamExt;
use jiff::Timestamp;
use jiff::civil::Date;
use sekisho_core::event::{FactEvent, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume};
use sekisho_core::sums::{Failed, PolicyDomain, ReportRow, Reported};
use sekisho_core::written::Written;
use sekisho_house::{Form, Keep, LakeError, LakePlace, LakeTable, LetGo, NotOpened, OpenLake, Way, give_way};
use sekisho_lake::questions::Days;
use sekisho_lake::{Kind, Lake, OpenError, Place, Retention, Rows, Settings, print};
use tokio::runtime::{Builder, Runtime};

/// What opens it.
pub(crate) const LAKE: OpenLake = OpenLake { write: open_to_write, read: open_to_read };

/// The lake, and the threads on which it is asked: never those of the listeners.
pub(crate) struct Embedded {
    /// The lake.
    pub(crate) lake: Lake,
    /// Where its work is waited for; there until the end.
    runtime: Option<Runtime>,
}

impl Embedded {
    /// Waits for work of the lake.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it goes only when the lake does").block_on(work)
    }
}

impl Drop for Embedded {
    /// Lets the threads go without waiting: whoever has the lake last may be on a thread that must not wait.
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// Opens the lake to write to it, and says what a crash or the disk had done to it.
fn open_to_write(place: &LakePlace) -> Result<Arc<dyn sekisho_house::Lake>, NotOpened> {
    let opened = Lake::open(&place.folder, settings(place)?).map_err(|why| match why {
        OpenError::Taken(_) => NotOpened::Taken(told(&why)),
        _ => NotOpened::Failed(told(&why)),
    })?;
    for damage in opened.damages {
        let (path, at, octets) = (damage.path.display(), damage.at, damage.octets);
        if damage.torn {
            tracing::info!(segment = %path, at, octets, "cut off what a crash had left unfinished; nothing of it was acknowledged");
        } else {
            tracing::error!(segment = %path, at, octets, "the disk changed a segment: Events are lost; it is put aside");
        }
    }
    Ok(Arc::new(embedded(opened.lake)?))
}

/// Returns how a lake is kept here: who asks gives way to the mails.
fn settings(place: &LakePlace) -> Result<Settings, LakeError> {
    let files = match &place.bucket {
        Some(bucket) => Place::Store(bucket.store().map_err(|why| told(&why))?),
        None => Place::Folder,
    };
    Ok(Settings { place: files, on_thread_start: || give_way(Way::Questions), ..Settings::default() })
}

/// Opens the lake to read in it, perhaps beside the daemon.
fn open_to_read(place: &LakePlace) -> Result<Arc<dyn sekisho_house::Lake>, LakeError> {
    Ok(Arc::new(to_read(place)?))
}

/// Opens the lake to read in it.
pub(crate) fn to_read(place: &LakePlace) -> Result<Embedded, LakeError> {
    embedded(Lake::open_to_read(&place.folder, settings(place)?).map_err(|why| told(&why))?)
}

/// Gives a lake the threads on which it is asked.
fn embedded(lake: Lake) -> Result<Embedded, LakeError> {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).thread_name("lake").enable_all().build();
    Ok(Embedded { lake, runtime: Some(runtime.map_err(|why| told(&why))?) })
}

/// Says what went wrong, with all its causes.
pub(crate) fn told(error: &dyn std::error::Error) -> LakeError {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        let why_said = why.to_string();
        let why_said = why_said.trim_end();
        if !said.contains(why_said) {
            said = format!("{said}: {why_said}");
        }
        cause = why.source();
    }
    LakeError(said)
}

/// Writes the rows of an answer as they come, and returns how many there are.
pub(crate) async fn write_rows(mut rows: Rows, form: Form, out: &mut dyn Write) -> Result<u64, LakeError> {
    let (columns, mut kept, mut count) = (rows.schema(), Vec::new(), 0);
    if form == Form::Csv {
        print::csv_head(&columns, out).map_err(|why| told(&why))?;
    }
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|why| told(&why))?;
        count += batch.num_rows() as u64;
        match form {
            Form::Json => print::json(&batch, out),
            Form::Csv => print::csv(&batch, out),
            Form::Table => {
                kept.push(batch);
                Ok(())
            }
        }
        .map_err(|why| told(&why))?;
    }
    if form == Form::Table {
        print::table(&columns, &kept, out).map_err(|why| told(&why))?;
    }
    Ok(count)
}

impl sekisho_house::Lake for Embedded {
    fn keep(&self, events: &Written) -> Result<(), LakeError> {
        self.lake.keep(events).map_err(|why| told(&why))
    }

    fn settle(&self) -> Result<(), LakeError> {
        self.wait(self.lake.settle()).map(drop).map_err(|why| told(&why))
    }

    fn settle_all(&self) -> Result<(), LakeError> {
        self.wait(self.lake.settle_all()).map(drop).map_err(|why| told(&why))
    }

    fn compact(&self) -> Result<(), LakeError> {
        self.wait(self.lake.compact()).map(drop).map_err(|why| told(&why))
    }

    fn retain(&self, keep: Keep) -> Result<LetGo, LakeError> {
        let days = [
            (Kind::Mail, keep.mail),
            (Kind::Fact, keep.fact),
            (Kind::Aggregate, keep.aggregate),
            (Kind::Tls, keep.tls),
            (Kind::Failure, keep.failure),
        ];
        let retention: Retention = days.into_iter().filter(|(_, days)| *days > 0).collect();
        let gone =
            self.wait(self.lake.retain(retention, Timestamp::now().as_microsecond())).map_err(|why| told(&why))?;
        Ok(LetGo { files: u64::try_from(gone.files).unwrap_or(u64::MAX), octets: gone.octets })
    }

    fn forget(&self, domains: &[String], days: u32) -> Result<u64, LakeError> {
        let forgotten = self.lake.forget(domains.to_vec(), days, Timestamp::now().as_microsecond());
        let files = self.wait(forgotten).map_err(|why| told(&why))?;
        Ok(u64::try_from(files).unwrap_or(u64::MAX))
    }

    fn query(&self, sql: &str, form: Form, out: &mut dyn Write) -> Result<u64, LakeError> {
        self.wait(async { write_rows(self.lake.ask(sql).await.map_err(|why| told(&why))?, form, out).await })
    }

    fn tables(&self) -> Result<Vec<LakeTable>, LakeError> {
        let tables = self.wait(self.lake.tables()).map_err(|why| told(&why))?;
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let told = tables.into_iter().map(|table| LakeTable {
            name: table.kind.name().to_owned(),
            days: count(table.days),
            files: count(table.files),
            rows: table.rows.saturating_add(table.unsettled),
            octets: table.octets,
        });
        Ok(told.collect())
    }

    fn rows_of_report(&self, report: &str) -> Result<u64, LakeError> {
        self.wait(self.lake.rows_of_report(report)).map_err(|why| told(&why))
    }

    fn reported(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Reported>, LakeError> {
        let asked = self.lake.reported(domain, Days { first, last }, unproven);
        self.wait(asked).map_err(|why| told(&why))
    }

    fn reported_elsewhere(
        &self,
        domain: &str,
        first: Date,
        last: Date,
        unproven: bool,
    ) -> Result<Vec<Reported>, LakeError> {
        let asked = self.lake.reported_elsewhere(domain, Days { first, last }, unproven);
        self.wait(asked).map_err(|why| told(&why))
    }

    fn failures(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Failed>, LakeError> {
        self.wait(self.lake.failures(domain, Days { first, last }, unproven)).map_err(|why| told(&why))
    }

    fn failure(&self, report: &str) -> Result<Option<FailureEvent>, LakeError> {
        self.wait(self.lake.failure(report)).map_err(|why| told(&why))
    }

    fn judged(&self, domain: &str, first: Date, last: Date, or_mail_from: bool) -> Result<Vec<Reported>, LakeError> {
        self.wait(self.lake.judged(domain, Days { first, last }, or_mail_from)).map_err(|why| told(&why))
    }

    fn policy_domains(&self, day: Date) -> Result<Vec<PolicyDomain>, LakeError> {
        self.wait(self.lake.policy_domains(day)).map_err(|why| told(&why))
    }

    fn report_rows(&self, domain: &str, day: Date) -> Result<Vec<ReportRow>, LakeError> {
        self.wait(self.lake.report_rows(domain, day)).map_err(|why| told(&why))
    }

    fn mails(&self, search: &MailSearch) -> Result<Vec<MailRow>, LakeError> {
        self.wait(self.lake.mails(search)).map_err(|why| told(&why))
    }

    fn volumes(
        &self,
        from_at: i64,
        until_at: i64,
        step: i64,
        within: Option<&[String]>,
    ) -> Result<Vec<Volume>, LakeError> {
        self.wait(self.lake.volumes(from_at, until_at, step, within)).map_err(|why| told(&why))
    }

    fn mail(&self, id: &str, within: Option<&[String]>) -> Result<Option<MailEvent>, LakeError> {
        let now = Timestamp::now().as_microsecond();
        self.wait(self.lake.mail(id, within, now)).map_err(|why| told(&why))
    }

    fn facts(&self, hashes: &[FactHash], first: Date, last: Date) -> Result<Vec<FactEvent>, LakeError> {
        self.wait(self.lake.facts(hashes, Days { first, last })).map_err(|why| told(&why))
    }

    fn author_domains(
        &self,
        from_at: i64,
        until_at: i64,
        domains: Option<&[String]>,
        within: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<AuthorDomain>, LakeError> {
        self.wait(self.lake.author_domains(from_at, until_at, domains, within, limit)).map_err(|why| told(&why))
    }
}
