//! Which jobs of a queue a worker takes

/// The jobs of a queue, or those of them that were begun so often. What is tried again and again stands in a lane of its own, so that
/// it holds up nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane<'q> {
    /// The queue.
    pub(super) queue: &'q str,
    /// How often its jobs were begun at least.
    pub(super) least: u32,
    /// How often at most.
    pub(super) most: u32,
}

impl<'q> Lane<'q> {
    /// Returns the jobs of a queue that were never begun, or only handed back.
    pub const fn fresh(queue: &'q str) -> Lane<'q> {
        Lane { queue, least: 0, most: 0 }
    }

    /// Returns the jobs of a queue that were begun before.
    pub const fn tried(queue: &'q str) -> Lane<'q> {
        Lane { queue, least: 1, most: u32::MAX }
    }
}

impl<'q> From<&'q str> for Lane<'q> {
    fn from(queue: &'q str) -> Lane<'q> {
        Lane { queue, least: 0, most: u32::MAX }
    }
}

impl<'q> From<&'q String> for Lane<'q> {
    fn from(queue: &'q String) -> Lane<'q> {
        queue.as_str().into()
    }
}
