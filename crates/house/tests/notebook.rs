//! A lake for tests: one JSON object a line in a file, and failures at will

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use sekisho_core::event::Event;
use sekisho_core::sums::Reported;
use sekisho_house::{Form, Lake, LakeError, LakeTable, OpenLake};

/// What opens it, as the house opens a lake.
pub(crate) const NOTEBOOK: OpenLake = OpenLake { write: Notebook::write, read: Notebook::read_only };

/// The lines of a folder.
pub(crate) struct Notebook(PathBuf, Option<File>);

impl Notebook {
    /// Opens the lines of a lake's folder, for one process alone to write to.
    fn write(folder: &Path) -> Result<Arc<dyn Lake>, LakeError> {
        let opened = fs::create_dir_all(folder).and_then(|()| File::create(folder.join("lock")));
        let lock = opened.map_err(|why| LakeError(why.to_string()))?;
        lock.try_lock().map_err(|why| LakeError(why.to_string()))?;
        Ok(Arc::new(Notebook(folder.to_owned(), Some(lock))))
    }

    /// Opens the lines of a lake's folder to read them.
    fn read_only(folder: &Path) -> Result<Arc<dyn Lake>, LakeError> {
        Ok(Arc::new(Notebook(folder.to_owned(), None)))
    }

    /// Reads what was kept in a data folder.
    pub(crate) fn read(data: &Path) -> Vec<Event> {
        Notebook(data.join("lake"), None).events()
    }

    /// Reads what was kept.
    fn events(&self) -> Vec<Event> {
        let text = fs::read_to_string(self.0.join("events.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Says whether the lake of a data folder fails.
    pub(crate) fn set_failing(data: &Path, fails: bool) {
        let mark = data.join("lake/fails");
        fs::create_dir_all(data.join("lake")).unwrap();
        if fails { fs::write(mark, b"").unwrap() } else { fs::remove_file(mark).unwrap() }
    }
}

impl Lake for Notebook {
    fn append(&self, events: &[Event]) -> Result<(), LakeError> {
        assert!(self.1.is_some(), "who only reads keeps nothing");
        if self.0.join("fails").exists() {
            return Err(LakeError("a test wants to see a lake fail".to_owned()));
        }
        let lines: String = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        let file = OpenOptions::new().create(true).append(true).open(self.0.join("events.jsonl"));
        file.and_then(|mut file| file.write_all(lines.as_bytes())).map_err(|why| LakeError(why.to_string()))
    }

    fn settle(&self) -> Result<(), LakeError> {
        Ok(())
    }

    fn compact(&self) -> Result<(), LakeError> {
        Ok(())
    }

    fn query(&self, sql: &str, _: Form, _: &mut dyn Write) -> Result<u64, LakeError> {
        Err(LakeError(format!("a notebook does not know what `{sql}` means")))
    }

    fn tables(&self) -> Result<Vec<LakeTable>, LakeError> {
        Ok(Vec::new())
    }

    fn rows_of_report(&self, report: &str) -> Result<u64, LakeError> {
        let is_row = |event: &&Event| match event {
            Event::Aggregate(row) => row.report == report,
            Event::Tls(row) => row.report == report,
            _ => false,
        };
        Ok(self.events().iter().filter(is_row).count() as u64)
    }

    fn reported(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Reported>, LakeError> {
        let day = |at: i64| Timestamp::from_microsecond(at).unwrap().to_zoned(TimeZone::UTC).date();
        let reported = |event: &Event| match event {
            Event::Aggregate(row)
                if row.policy_domain == domain
                    && (first..=last).contains(&day(row.at))
                    && (unproven || row.submitter.is_some()) =>
            {
                Some(Reported {
                    day: day(row.at).to_string(),
                    source_ip: row.source_ip.clone(),
                    header_from: row.header_from.clone(),
                    envelope_from: row.envelope_from.clone(),
                    spf_domain: row.spf_domain.clone(),
                    spf_result: row.spf_result.clone(),
                    spf_aligned: row.spf_aligned,
                    dkim: row.dkim.clone(),
                    dkim_aligned: row.dkim_aligned,
                    disposition: row.disposition.clone(),
                    mails: row.count,
                })
            }
            _ => None,
        };
        Ok(self.events().iter().filter_map(reported).collect())
    }
}
