//! How long a job that failed waits

use std::time::Duration;

/// Waits that double from one attempt to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// After the first attempt.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

impl Backoff {
    /// Returns how long to wait after so many attempts, in microseconds: between half of the time and all of it, as chance has it,
    /// so that what failed together does not come back together.
    pub fn wait(&self, attempts: u32, chance: u32) -> i64 {
        let doubled = self.first.checked_mul(1 << attempts.saturating_sub(1).min(30)).unwrap_or(self.most);
        let half = i64::try_from(doubled.min(self.most).as_micros() / 2).unwrap_or(i64::MAX / 4);
        let more = i128::from(half) * i128::from(chance) / i128::from(u32::MAX);
        half + i64::try_from(more).unwrap_or(half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_and_chance_takes_at_most_half() {
        let backoff = Backoff { first: Duration::from_secs(2), most: Duration::from_secs(60) };
        let waits = |chance| [1, 2, 3, 6, 7, 1000].map(|attempts| backoff.wait(attempts, chance) / 1_000_000);
        assert_eq!(waits(u32::MAX), [2, 4, 8, 60, 60, 60]);
        assert_eq!(waits(0), [1, 2, 4, 30, 30, 30]);
        assert_eq!(backoff.wait(0, 0), backoff.wait(1, 0));
        let endless = Backoff { first: Duration::MAX, most: Duration::MAX };
        assert!(endless.wait(40, u32::MAX) > 0);
    }
}
