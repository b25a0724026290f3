//! `sekisho sign`: signs a mail with DKIM, or makes a new key for it
use crate::cli::SignArguments;
use crate::speech::Talk;
use crate::{Exit, Streams};

impl SignArguments {
    /// Signs, or makes a key.
    pub(crate) fn run(self, _talk: &Talk, _streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        Ok(Exit::NotDone)
    }
}
