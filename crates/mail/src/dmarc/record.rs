//! record
/// Rec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {}
