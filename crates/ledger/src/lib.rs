//! The ledger, the relational book of Sekisho, and the vault, where Evidence lies.
//!
//! - [`Ledger`]: reports, jobs, what was sent, what was imported, who may come in. SQLite where nothing is configured, PostgreSQL where several
//!   nodes share it; one text of SQL serves both.
//! - [`Vault`]: Evidence by its SHA-256, compressed, in a folder or on S3.
//!
//! At intake the order is: [`Vault::put`], then [`Ledger::receive`], then `250`. Both are durable when they return, and both
//! may be done again: done twice they leave one result.
//!
//! Every time is in microseconds since 1970, and is an argument; so is every random number. What can go wrong is told apart by
//! what the caller may do about it: see [`Fault`].

mod aggregate;
mod backup;
mod column;
mod digest;
mod engine;
mod fault;
mod id;
mod job;
mod ledger;
mod migration;
mod outgoing;
mod page;
mod people;
mod report;
mod source;
mod turn;
pub mod vault;
mod words;

pub use aggregate::{AggregateKey, AggregateRead, Claim, Counted};
pub use backup::BackupError;
pub use digest::{BadDigest, Digest};
pub use engine::Engine;
pub use fault::{Cause, Fault};
pub use id::{BadId, Id};
pub use job::{Backoff, Enqueued, Failed, Job, JobCount, JobFilter, JobState, Lane, Lease, LeaseError, NewJob};
pub use ledger::{Ledger, OpenError};
pub use outgoing::{NewOutgoing, Outgoing, OutgoingFilter, OutgoingKind, OutgoingMark, OutgoingState, Planned};
pub use page::{Cursor, Page};
pub use people::audit::{AuditEntry, AuditFilter};
pub use people::invitation::{Accepted, Invitation, InvitationKind, NewInvitation};
pub use people::session::{NewSession, Session, SessionState};
pub use people::token::{ApiToken, NewToken};
pub use people::{Added, NewPerson, Person, Role, Secret, Subject};
pub use report::{
    Channel, Conclusion, Envelope, FirstJob, Intake, Mark, NewReport, ProvenBy, Receipt, Report, ReportFilter,
    ReportKind, ReportState,
};
pub use source::Source;
pub use vault::Vault;
pub use words::BadWord;
