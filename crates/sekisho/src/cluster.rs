//! The cluster of this program: the lake's questions on Ballista, behind the port of the house

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::civil::Date;
use sekisho_core::event::{FactEvent, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume};
use sekisho_core::sums::{Failed, PolicyDomain, ReportRow, Reported};
use sekisho_core::written::Written;
use sekisho_house::{Executing, Form, Keep, LakeError, LakePlace, LakeTable, LetGo, Scheduling};
use sekisho_lake::Kind;
use sekisho_lake::afar::LakeAlone;
use sekisho_lake_cluster::{Cluster, Executor, Scheduler, execute, schedule};

use crate::lake::{Embedded, to_read, told, write_rows};

/// What makes it.
pub(crate) const CLUSTER: sekisho_house::Cluster =
    sekisho_house::Cluster { read, schedule: run_scheduler, execute: run_executor };

/// Opens the lake to read, so that a cluster answers.
fn read(address: &str, place: &LakePlace) -> Result<Arc<dyn sekisho_house::Lake>, LakeError> {
    let cluster = Cluster::parse(address).map_err(|why| told(&why))?;
    Ok(Arc::new(Clustered { here: to_read(place)?, cluster }))
}

/// Runs a scheduler.
fn run_scheduler(how: &Scheduling, listening: &mut dyn FnMut(SocketAddr)) -> Result<(), LakeError> {
    let scheduler = Scheduler { listen: how.listen, executor_timeout: how.executor_timeout };
    schedule(&scheduler, listening).map_err(|why| told(&why))
}

/// Runs an executor.
fn run_executor(how: &Executing, listening: &mut dyn FnMut(SocketAddr)) -> Result<(), LakeError> {
    let lake = match &how.lake.bucket {
        Some(bucket) => LakeAlone::in_store(bucket.store().map_err(|why| told(&why))?),
        None => LakeAlone::in_folder(&how.lake.folder).map_err(|why| told(&why))?,
    };
    let executor = Executor {
        listen: how.listen,
        scheduler_host: how.scheduler.host.clone(),
        scheduler_port: how.scheduler.port,
        lake,
        work: how.work.clone(),
        slots: how.slots,
    };
    execute(&executor, listening).map_err(|why| told(&why))
}

/// A lake whose questions in SQL a cluster answers. Whatever else there is to do is done here.
struct Clustered {
    /// The lake, to read.
    here: Embedded,
    /// Who answers.
    cluster: Cluster,
}

impl sekisho_house::Lake for Clustered {
    fn keep(&self, events: &Written) -> Result<(), LakeError> {
        self.here.keep(events)
    }

    fn settle(&self) -> Result<(), LakeError> {
        self.here.settle()
    }

    fn settle_all(&self) -> Result<(), LakeError> {
        self.here.settle_all()
    }

    fn compact(&self) -> Result<(), LakeError> {
        self.here.compact()
    }

    fn retain(&self, keep: Keep) -> Result<LetGo, LakeError> {
        self.here.retain(keep)
    }

    fn forget(&self, domains: &[String], days: u32) -> Result<u64, LakeError> {
        self.here.forget(domains, days)
    }

    fn query(&self, sql: &str, form: Form, out: &mut dyn Write) -> Result<u64, LakeError> {
        self.here.wait(async {
            let rows = self.cluster.ask(&self.here.lake, sql).await.map_err(|why| told(&why))?;
            write_rows(rows, form, out).await
        })
    }

    fn unsettled(&self) -> Result<u64, LakeError> {
        self.here.wait(self.here.lake.unsettled()).map_err(|why| told(&why))
    }

    /// Lists the tables; the cluster has counted their rows, so that all executors were seen to read the files.
    fn tables(&self) -> Result<Vec<LakeTable>, LakeError> {
        let mut tables = self.here.tables()?;
        for table in &mut tables {
            let kind =
                Kind::named(&table.name).ok_or_else(|| LakeError(format!("no kind is called `{}`", table.name)))?;
            let counted = self.here.wait(self.cluster.count(&self.here.lake, kind));
            table.rows = counted.map_err(|why| told(&why))?;
        }
        Ok(tables)
    }

    fn rows_of_report(&self, report: &str) -> Result<u64, LakeError> {
        self.here.rows_of_report(report)
    }

    fn reported(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Reported>, LakeError> {
        self.here.reported(domain, first, last, unproven)
    }

    fn reported_elsewhere(
        &self,
        domain: &str,
        first: Date,
        last: Date,
        unproven: bool,
    ) -> Result<Vec<Reported>, LakeError> {
        self.here.reported_elsewhere(domain, first, last, unproven)
    }

    fn failures(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Failed>, LakeError> {
        self.here.failures(domain, first, last, unproven)
    }

    fn failure(&self, report: &str) -> Result<Option<FailureEvent>, LakeError> {
        self.here.failure(report)
    }

    fn judged(&self, domain: &str, first: Date, last: Date, or_mail_from: bool) -> Result<Vec<Reported>, LakeError> {
        self.here.judged(domain, first, last, or_mail_from)
    }

    fn policy_domains(&self, day: Date) -> Result<Vec<PolicyDomain>, LakeError> {
        self.here.policy_domains(day)
    }

    fn report_rows(&self, domain: &str, day: Date) -> Result<Vec<ReportRow>, LakeError> {
        self.here.report_rows(domain, day)
    }

    fn mails(&self, search: &MailSearch) -> Result<Vec<MailRow>, LakeError> {
        self.here.mails(search)
    }

    fn volumes(
        &self,
        from_at: i64,
        until_at: i64,
        step: i64,
        within: Option<&[String]>,
    ) -> Result<Vec<Volume>, LakeError> {
        self.here.volumes(from_at, until_at, step, within)
    }

    fn mail(&self, id: &str, within: Option<&[String]>) -> Result<Option<MailEvent>, LakeError> {
        self.here.mail(id, within)
    }

    fn facts(&self, hashes: &[FactHash], first: Date, last: Date) -> Result<Vec<FactEvent>, LakeError> {
        self.here.facts(hashes, first, last)
    }

    fn author_domains(
        &self,
        from_at: i64,
        until_at: i64,
        domains: Option<&[String]>,
        within: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<AuthorDomain>, LakeError> {
        self.here.author_domains(from_at, until_at, domains, within, limit)
    }
}
