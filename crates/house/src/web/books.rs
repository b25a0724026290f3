//! Which books a page shows: the house's own, or those of the sample day

use std::sync::{Arc, Mutex, PoisonError};

use sekisho_ask::Source;

use super::Desk;
use super::visitor::Visitor;
use crate::config::Config;
use crate::lake::Lake;
use crate::sample::Sample;
use crate::store::Archive;

/// The lake of the sample day, once it is open.
pub(super) type SampleBooks = Mutex<Option<Arc<dyn Lake>>>;

impl Desk {
    /// Tells whether there is a sample day.
    pub(super) fn has_sample(&self) -> bool {
        Sample::is_there(&self.folder)
    }

    /// Returns the Events that a visitor sees.
    pub(super) fn lake_of(&self, visitor: &Visitor) -> Arc<dyn Lake> {
        if !visitor.frame.is_sample {
            return Arc::clone(&self.lake);
        }
        let mut sample = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        // To write, though nobody does: whoever only reads puts aside in /tmp, which a confined daemon may not.
        Arc::clone(sample.get_or_insert_with(|| Sample::folder(&self.folder).lake(self.open)))
    }

    /// Returns the reports that a visitor sees.
    pub(super) fn archive_of(&self, visitor: &Visitor) -> Archive {
        if visitor.frame.is_sample { Archive::of(Sample::folder(&self.folder)) } else { self.archive.clone() }
    }

    /// Lets the lake of the sample day go.
    pub(super) fn forget_sample(&self) {
        self.sample.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Returns where answers come from for what a visitor asks.
    pub(super) fn source_of(&self, visitor: &Visitor) -> Source {
        if !visitor.frame.is_sample {
            return self.front.gate().source.clone();
        }
        Source::Zone(self.sample_zone.get_or_init(Sample::zone).clone())
    }

    /// Returns the configuration in force for what a visitor asks.
    pub(super) fn config_of(&self, visitor: &Visitor) -> Arc<Config> {
        if visitor.frame.is_sample { Arc::new(Sample::config()) } else { Arc::clone(&self.front.gate().config) }
    }
}
