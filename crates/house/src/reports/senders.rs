//! `sekisho report show`: who sends in the name of a domain, and who sent what failed

use sekisho_core::name::DomainName;

use super::failed::{self, FailedSource};
use super::show::{self, Source};
use super::told::Told;
use crate::Streams;
use crate::names::Namer;
use crate::speech::Talk;
use crate::terminal::Paint;

/// Who sends in the name of a domain, and who sent what failed, as failure reports tell.
pub(super) struct Senders {
    /// Who sends.
    sources: Vec<Source>,
    /// Who sent what failed.
    failed: Vec<FailedSource>,
}

impl Senders {
    /// Adds up what receivers told.
    pub(super) fn of(told: &Told) -> Senders {
        Senders { sources: show::sources(&told.rows), failed: failed::sources(&told.failed) }
    }

    /// Tells whether there is nobody.
    pub(super) fn are_none(&self) -> bool {
        self.sources.is_empty() && self.failed.is_empty()
    }

    /// Finds out what they are called.
    pub(super) async fn name(&mut self, namer: &Namer) -> anyhow::Result<()> {
        let clues: Vec<_> =
            self.sources.iter().map(Source::clue).chain(self.failed.iter().map(FailedSource::clue)).collect();
        let named = namer.name(&clues).await?;
        drop(clues);
        let places = self.sources.iter_mut().map(|source| &mut source.named);
        places.chain(self.failed.iter_mut().map(|source| &mut source.named)).zip(named).for_each(|(place, named)| {
            *place = named;
        });
        Ok(())
    }

    /// Returns an object a source, also of those of which failure reports alone tell.
    fn json(&self) -> String {
        let failed_of = |address: &str| self.failed.iter().find(|failed| failed.address == address);
        let is_new = |failed: &&FailedSource| !self.sources.iter().any(|source| source.address == failed.address);
        let told = self.sources.iter().map(|source| show::json(source, failed_of(&source.address)));
        let others = self.failed.iter().filter(is_new);
        let others = others.map(|failed| show::json(&Source::unseen(&failed.address, &failed.named), Some(failed)));
        told.chain(others).map(|line| line + "\n").collect()
    }

    /// Shows them.
    pub(super) fn show(
        &self,
        domain: &DomainName,
        told: &Told,
        json: bool,
        talk: &Talk,
        streams: &mut Streams<'_>,
    ) -> anyhow::Result<()> {
        let said = if json { self.json() } else { self.account(domain, told, talk, streams.setting.stdout_colour) };
        streams.stdout.write_all(said.as_bytes())?;
        streams.stdout.flush()?;
        Ok(())
    }

    /// Tells people.
    fn account(&self, domain: &DomainName, told: &Told, talk: &Talk, on: bool) -> String {
        let failed = failed::account(&self.failed, talk, Paint { on });
        if self.sources.is_empty() && !failed.is_empty() {
            return failed.trim_start().to_owned();
        }
        let told_by = show::told_by(&told.rows, talk);
        show::account(&domain.to_string(), told.days, &self.sources, talk, Paint { on }) + &told_by + &failed
    }
}
