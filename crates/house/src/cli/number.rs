//! Whole numbers on the command line, and what is said of one that is out of bounds

use crate::fault::Fault;

/// Returns a reader of whole numbers within bounds.
pub(super) fn whole<N: TryFrom<u64>>(
    low: u64,
    high: u64,
) -> impl Fn(&str) -> Result<N, Fault> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| (low..=high).contains(number));
        let number = number.and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| Fault::new("why-not-within", [("low", low.into()), ("high", high.into())]))
    }
}
