//! Why a report could not be read now

use std::error::Error;
use std::fmt;

use sekisho_ledger::Fault;
use sekisho_ledger::vault::GetError;

use crate::lake::LakeError;

/// Why a job could not be done now.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The book.
    Ledger(Fault),
    /// The bytes.
    Vault(GetError),
    /// The lake.
    Lake(LakeError),
    /// The DNS.
    Dns,
    /// A fault of ours.
    Ours(String),
}

impl Trouble {
    /// Tells whether what the job needs is away: the job is not to blame, and no other fares better now.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Trouble::Ledger(fault) => fault.is_passing(),
            Trouble::Vault(why) => matches!(why, GetError::Unavailable(_)),
            Trouble::Lake(_) => true,
            Trouble::Dns | Trouble::Ours(_) => false,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Ledger(why) => write!(f, "{why}"),
            Trouble::Vault(why) => write!(f, "the vault: {why}"),
            Trouble::Lake(why) => write!(f, "the lake: {why}"),
            Trouble::Dns => f.write_str("the DNS does not say who sent it"),
            Trouble::Ours(why) => f.write_str(why),
        }
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Trouble::Ledger(why) => why.source(),
            Trouble::Vault(why) => why.source(),
            Trouble::Lake(_) | Trouble::Dns | Trouble::Ours(_) => None,
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Ledger(fault)
    }
}

impl From<LakeError> for Trouble {
    fn from(error: LakeError) -> Trouble {
        Trouble::Lake(error)
    }
}
