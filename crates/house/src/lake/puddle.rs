//! A lake for tests, in memory

use std::io::Write;
use std::sync::Mutex;

use jiff::civil::Date;
use sekisho_core::event::{Event, FactEvent, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume, plain};
use sekisho_core::sums::{Failed, PolicyDomain, ReportRow, Reported};
use sekisho_core::written::Written;

use super::{Form, Keep, Lake, LakeError, LakeTable, LetGo};

/// A lake that remembers, and that fails as often as it is told to.
#[derive(Default)]
pub(crate) struct Puddle {
    /// What it keeps.
    pub(crate) kept: Mutex<Vec<Event>>,
    /// How often it still fails.
    pub(crate) fails: Mutex<u32>,
    /// How often it was told to settle, and to compact.
    pub(crate) tidied: Mutex<(u32, u32)>,
    /// What it was told to keep.
    pub(crate) retained: Mutex<Vec<Keep>>,
    /// What it was told to forget.
    pub(crate) forgotten: Mutex<Vec<(Vec<String>, u32)>>,
    /// The policy domain of its one mail a day, if it has one.
    pub(crate) policy_domain: Option<&'static str>,
}

impl Lake for Puddle {
    fn keep(&self, events: &Written) -> Result<(), LakeError> {
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(LakeError("no space".to_owned()));
        }
        self.kept.lock().unwrap().extend(events.events().map(|event| event.unwrap().unwrap()));
        Ok(())
    }

    fn settle(&self) -> Result<(), LakeError> {
        self.tidied.lock().unwrap().0 += 1;
        Ok(())
    }

    fn compact(&self) -> Result<(), LakeError> {
        self.tidied.lock().unwrap().1 += 1;
        Err(LakeError("a puddle has no files".to_owned()))
    }

    fn retain(&self, keep: Keep) -> Result<LetGo, LakeError> {
        self.retained.lock().unwrap().push(keep);
        Ok(LetGo::default())
    }

    fn forget(&self, domains: &[String], days: u32) -> Result<u64, LakeError> {
        self.forgotten.lock().unwrap().push((domains.to_vec(), days));
        Ok(0)
    }

    fn query(&self, _: &str, _: Form, _: &mut dyn Write) -> Result<u64, LakeError> {
        Err(LakeError("a puddle answers nothing".to_owned()))
    }

    fn tables(&self) -> Result<Vec<LakeTable>, LakeError> {
        Ok(Vec::new())
    }

    fn rows_of_report(&self, _: &str) -> Result<u64, LakeError> {
        Ok(0)
    }

    fn reported(&self, _: &str, _: Date, _: Date, _: bool) -> Result<Vec<Reported>, LakeError> {
        Ok(Vec::new())
    }

    fn reported_elsewhere(&self, _: &str, _: Date, _: Date, _: bool) -> Result<Vec<Reported>, LakeError> {
        Ok(Vec::new())
    }

    fn failures(&self, domain: &str, _: Date, _: Date, unproven: bool) -> Result<Vec<Failed>, LakeError> {
        Ok(plain::failures(&self.kept.lock().unwrap(), domain, (i64::MIN, i64::MAX), unproven))
    }

    fn failure(&self, report: &str) -> Result<Option<FailureEvent>, LakeError> {
        Ok(plain::failure(&self.kept.lock().unwrap(), report))
    }

    fn judged(&self, _: &str, _: Date, _: Date, _: bool) -> Result<Vec<Reported>, LakeError> {
        Ok(Vec::new())
    }

    fn policy_domains(&self, _: Date) -> Result<Vec<PolicyDomain>, LakeError> {
        let of = |domain: &str| PolicyDomain { policy_domain: domain.to_owned(), mails: 1 };
        Ok(self.policy_domain.map(of).into_iter().collect())
    }

    fn report_rows(&self, domain: &str, _: Date) -> Result<Vec<ReportRow>, LakeError> {
        let row = || ReportRow {
            source_ip: "192.0.2.1".to_owned(),
            disposition: "none".to_owned(),
            override_type: None,
            override_comment: None,
            dkim_aligned: false,
            spf_aligned: false,
            header_from: Some(domain.to_owned()),
            envelope_from: String::new(),
            envelope_to: None,
            spf_domain: None,
            spf_result: None,
            dkim: Vec::new(),
            mails: 1,
        };
        Ok(self.policy_domain.map(|_| row()).into_iter().collect())
    }

    fn mails(&self, search: &MailSearch) -> Result<Vec<MailRow>, LakeError> {
        Ok(plain::mails(&self.kept.lock().unwrap(), search))
    }

    fn volumes(
        &self,
        from_at: i64,
        until_at: i64,
        step: i64,
        within: Option<&[String]>,
    ) -> Result<Vec<Volume>, LakeError> {
        Ok(plain::volumes(&self.kept.lock().unwrap(), from_at, until_at, step, within))
    }

    fn mail(&self, id: &str, within: Option<&[String]>) -> Result<Option<MailEvent>, LakeError> {
        Ok(plain::mail(&self.kept.lock().unwrap(), id, within))
    }

    fn facts(&self, hashes: &[FactHash], _: Date, _: Date) -> Result<Vec<FactEvent>, LakeError> {
        Ok(plain::facts(&self.kept.lock().unwrap(), hashes))
    }

    fn author_domains(
        &self,
        from_at: i64,
        until_at: i64,
        domains: Option<&[String]>,
        within: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<AuthorDomain>, LakeError> {
        Ok(plain::author_domains(&self.kept.lock().unwrap(), from_at, until_at, domains, within, limit))
    }
}
