//! A lake for tests: what was kept at once is one line of JSON in a file, and failures at will

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use sekisho_core::event::{AggregateEvent, Event, FactEvent, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume, plain};
use sekisho_core::sums::{Failed, PolicyDomain, ReportRow, Reported};
use sekisho_core::written::Written;
use sekisho_house::{Form, Keep, Lake, LakeError, LakePlace, LakeTable, LetGo, NotOpened, OpenLake};

/// What opens it, as the house opens a lake.
pub(crate) const NOTEBOOK: OpenLake = OpenLake { write: Notebook::write, read: Notebook::read_only };

/// The lines of a folder.
pub(crate) struct Notebook(PathBuf, Option<File>);

/// Makes the row of one mail, as the lake's own question does.
fn row(mail: MailEvent) -> ReportRow {
    let disposition = match (&*mail.decision, &*mail.dmarc_result) {
        ("refuse", _) => "reject",
        ("quarantine-header" | "quarantine-hold", _) => "quarantine",
        (_, "pass") => "pass",
        _ => "none",
    };
    ReportRow {
        source_ip: mail.client_ip.unwrap_or_default(),
        disposition: disposition.to_owned(),
        override_type: mail.override_type,
        override_comment: mail.override_comment,
        dkim_aligned: mail.dkim_aligned,
        spf_aligned: mail.spf_aligned,
        header_from: mail.author_domain,
        envelope_from: mail.mail_from_domain,
        envelope_to: <[String; 1]>::try_from(mail.recipient_domains).ok().map(|[domain]| domain),
        spf_domain: mail.spf_domain,
        spf_result: mail.spf_result,
        dkim: mail.dkim,
        mails: 1,
    }
}

impl Notebook {
    /// Returns the mails of a day that somebody judged.
    fn mails(&self, day: Date) -> Vec<MailEvent> {
        let of_day = |at: i64| Timestamp::from_microsecond(at).unwrap().to_zoned(TimeZone::UTC).date() == day;
        let mails = self.events().into_iter().filter_map(|event| match event {
            Event::Mail(mail) if of_day(mail.at) && mail.unjudged.is_none() => Some(*mail),
            _ => None,
        });
        mails.collect()
    }

    /// Keeps Events in a data folder, as a daemon would have done.
    pub(crate) fn keep(data: &Path, events: &[Event]) {
        Notebook::write(&LakePlace::in_folder(&data.join("lake"))).unwrap().append(events).unwrap();
    }

    /// Opens the lines of a lake's folder, for one process alone to write to.
    fn write(place: &LakePlace) -> Result<Arc<dyn Lake>, NotOpened> {
        let folder = &place.folder;
        let opened = fs::create_dir_all(folder).and_then(|()| File::create(folder.join("lock")));
        let lock = opened.map_err(|why| LakeError(why.to_string()))?;
        lock.try_lock().map_err(|why| NotOpened::Taken(LakeError(why.to_string())))?;
        drop_torn_line(&folder.join("events.jsonl")).map_err(|why| LakeError(why.to_string()))?;
        Ok(Arc::new(Notebook(folder.to_owned(), Some(lock))))
    }

    /// Opens the lines of a lake's folder to read them.
    fn read_only(place: &LakePlace) -> Result<Arc<dyn Lake>, LakeError> {
        Ok(Arc::new(Notebook(place.folder.clone(), None)))
    }

    /// Reads what was kept in a data folder.
    pub(crate) fn read(data: &Path) -> Vec<Event> {
        Notebook(data.join("lake"), None).events()
    }

    /// Reads what was kept: a line without its end is still being written, or its writer was killed.
    fn events(&self) -> Vec<Event> {
        let text = fs::read(self.0.join("events.jsonl")).unwrap_or_default();
        let whole = text.split_inclusive(|octet| *octet == b'\n').filter(|line| line.ends_with(b"\n"));
        whole.flat_map(|line| serde_json::from_slice::<Vec<Event>>(line).unwrap()).collect()
    }

    /// Says whether the lake of a data folder fails.
    pub(crate) fn set_failing(data: &Path, fails: bool) {
        let mark = data.join("lake/fails");
        fs::create_dir_all(data.join("lake")).unwrap();
        if fails { fs::write(mark, b"").unwrap() } else { fs::remove_file(mark).unwrap() }
    }
}

/// Cuts off what a killed writer left of its last line, so that all of what was kept at once is there, or nothing.
fn drop_torn_line(lines: &Path) -> std::io::Result<()> {
    let kept = match fs::read(lines) {
        Ok(text) => text.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
    };
    OpenOptions::new().write(true).open(lines)?.set_len(kept as u64)
}

impl Notebook {
    /// Returns what receivers told in some rows.
    fn reported_where(
        &self,
        (first, last): (Date, Date),
        unproven: bool,
        is_meant: impl Fn(&AggregateEvent) -> bool,
    ) -> Result<Vec<Reported>, LakeError> {
        let day = |at: i64| Timestamp::from_microsecond(at).unwrap().to_zoned(TimeZone::UTC).date();
        let reported = |event: &Event| match event {
            Event::Aggregate(row)
                if is_meant(row) && (first..=last).contains(&day(row.at)) && (unproven || row.submitter.is_some()) =>
            {
                Some(Reported {
                    submitter: row.submitter.clone(),
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

impl Lake for Notebook {
    fn keep(&self, events: &Written) -> Result<(), LakeError> {
        assert!(self.1.is_some(), "who only reads keeps nothing");
        if self.0.join("fails").exists() {
            return Err(LakeError("a test wants to see a lake fail".to_owned()));
        }
        let events: Vec<Event> = events.events().map(|event| event.unwrap().unwrap()).collect();
        let line = serde_json::to_string(&events).unwrap() + "\n";
        let file = OpenOptions::new().create(true).append(true).open(self.0.join("events.jsonl"));
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|why| LakeError(why.to_string()))
    }

    fn settle(&self) -> Result<(), LakeError> {
        Ok(())
    }

    fn compact(&self) -> Result<(), LakeError> {
        Ok(())
    }

    fn retain(&self, _: Keep) -> Result<LetGo, LakeError> {
        Ok(LetGo::default())
    }

    fn forget(&self, _: &[String], _: u32) -> Result<u64, LakeError> {
        Ok(0)
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
            Event::Failure(row) => row.report == report,
            _ => false,
        };
        Ok(self.events().iter().filter(is_row).count() as u64)
    }

    fn reported(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Reported>, LakeError> {
        self.reported_where((first, last), unproven, |row| row.policy_domain == domain)
    }

    fn reported_elsewhere(
        &self,
        domain: &str,
        first: Date,
        last: Date,
        unproven: bool,
    ) -> Result<Vec<Reported>, LakeError> {
        self.reported_where((first, last), unproven, |row| {
            let is_under = domain == row.policy_domain || domain.ends_with(&format!(".{}", row.policy_domain));
            !is_under && row.spf_domain.as_deref().or(row.envelope_from.as_deref()) == Some(domain)
        })
    }

    fn failures(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Failed>, LakeError> {
        let begins = |day: Date| day.to_zoned(TimeZone::UTC).unwrap().timestamp().as_microsecond();
        let days = (begins(first), begins(last.tomorrow().unwrap()));
        Ok(plain::failures(&self.events(), domain, days, unproven))
    }

    fn failure(&self, report: &str) -> Result<Option<FailureEvent>, LakeError> {
        Ok(plain::failure(&self.events(), report))
    }

    fn judged(&self, domain: &str, first: Date, last: Date, or_mail_from: bool) -> Result<Vec<Reported>, LakeError> {
        let day = |at: i64| Timestamp::from_microsecond(at).unwrap().to_zoned(TimeZone::UTC).date();
        let is_below = |name: &str| name == domain || name.ends_with(&format!(".{domain}"));
        let seen = |event: &Event| match event {
            Event::Mail(mail)
                if (first..=last).contains(&day(mail.at))
                    && mail.unjudged.is_none()
                    && mail.decision != "tempfail"
                    && (mail.author_domain.as_deref().is_some_and(is_below)
                        || or_mail_from && mail.spf_domain.as_deref().is_some_and(is_below)) =>
            {
                Some(Reported {
                    submitter: None,
                    day: day(mail.at).to_string(),
                    source_ip: mail.client_ip.clone()?,
                    header_from: mail.author_domain.clone()?,
                    envelope_from: Some(mail.mail_from_domain.clone()),
                    spf_domain: mail.spf_domain.clone(),
                    spf_result: mail.spf_result.clone(),
                    spf_aligned: mail.spf_aligned,
                    dkim: mail.dkim.clone(),
                    dkim_aligned: mail.dkim_aligned,
                    disposition: if mail.decision == "refuse" { "reject" } else { "none" }.to_owned(),
                    mails: 1,
                })
            }
            _ => None,
        };
        Ok(self.events().iter().filter_map(seen).collect())
    }

    fn policy_domains(&self, day: Date) -> Result<Vec<PolicyDomain>, LakeError> {
        let mut domains = BTreeMap::new();
        for mail in self.mails(day) {
            mail.policy_domain.into_iter().for_each(|domain| *domains.entry(domain).or_default() += 1);
        }
        Ok(domains.into_iter().map(|(policy_domain, mails)| PolicyDomain { policy_domain, mails }).collect())
    }

    fn report_rows(&self, domain: &str, day: Date) -> Result<Vec<ReportRow>, LakeError> {
        let mut rows: Vec<ReportRow> = Vec::new();
        for mail in self.mails(day) {
            if mail.policy_domain.as_deref() != Some(domain) || mail.decision == "tempfail" {
                continue;
            }
            let row = row(mail);
            match rows.iter_mut().find(|known| ReportRow { mails: 1, ..(**known).clone() } == row) {
                Some(known) => known.mails += 1,
                None => rows.push(row),
            }
        }
        Ok(rows)
    }

    fn mails(&self, search: &MailSearch) -> Result<Vec<MailRow>, LakeError> {
        Ok(plain::mails(&self.events(), search))
    }

    fn volumes(
        &self,
        from_at: i64,
        until_at: i64,
        step: i64,
        within: Option<&[String]>,
    ) -> Result<Vec<Volume>, LakeError> {
        Ok(plain::volumes(&self.events(), from_at, until_at, step, within))
    }

    fn mail(&self, id: &str, within: Option<&[String]>) -> Result<Option<MailEvent>, LakeError> {
        Ok(plain::mail(&self.events(), id, within))
    }

    fn facts(&self, hashes: &[FactHash], first: Date, last: Date) -> Result<Vec<FactEvent>, LakeError> {
        let day = |at: i64| Timestamp::from_microsecond(at).unwrap().to_zoned(TimeZone::UTC).date();
        let mut events = self.events();
        events.retain(|event| (first..=last).contains(&day(event.at())));
        Ok(plain::facts(&events, hashes))
    }

    fn author_domains(
        &self,
        from_at: i64,
        until_at: i64,
        domains: Option<&[String]>,
        within: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<AuthorDomain>, LakeError> {
        Ok(plain::author_domains(&self.events(), from_at, until_at, domains, within, limit))
    }
}
