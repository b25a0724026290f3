//! `[lake]`: how long Events are kept

use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::number;
use crate::lake::Keep;

/// The options.
pub(super) const OPTIONS: &[&str] = &["mail_days", "fact_days", "aggregate_days", "tls_days", "failure_days"];

/// The most days: a hundred years.
const MOST: u64 = 36_525;

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawLake {
    /// A number of days.
    mail_days: Option<Spanned<i64>>,
    /// A number of days.
    fact_days: Option<Spanned<i64>>,
    /// A number of days.
    aggregate_days: Option<Spanned<i64>>,
    /// A number of days.
    tls_days: Option<Spanned<i64>>,
    /// A number of days.
    failure_days: Option<Spanned<i64>>,
}

impl Keep {
    /// Checks what was written.
    pub(super) fn check(raw: RawLake, faults: &mut Faults) -> Keep {
        let default = Keep::default();
        let mut days = |written, name, default| {
            let days = number(written, name, 0..=MOST, faults);
            days.and_then(|days| days.try_into().ok()).unwrap_or(default)
        };
        Keep {
            mail: days(raw.mail_days, "lake.mail_days", default.mail),
            fact: days(raw.fact_days, "lake.fact_days", default.fact),
            aggregate: days(raw.aggregate_days, "lake.aggregate_days", default.aggregate),
            tls: days(raw.tls_days, "lake.tls_days", default.tls),
            failure: days(raw.failure_days, "lake.failure_days", default.failure),
        }
    }
}
