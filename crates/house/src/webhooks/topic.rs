//! What can be told of, in words that never change

/// What something is about that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A report was read.
    ReportRead,
    /// A report cannot be read.
    ReportUnreadable,
    /// A server took a report of ours.
    ReportSent,
    /// No server took it, or it came back.
    ReportFailed,
    /// Somebody came, was appointed, locked out or let in again.
    PersonChanged,
}

impl Topic {
    /// All of them.
    pub(crate) const ALL: [Topic; 5] =
        [Topic::ReportRead, Topic::ReportUnreadable, Topic::ReportSent, Topic::ReportFailed, Topic::PersonChanged];

    /// Returns its word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Topic::ReportRead => "report.read",
            Topic::ReportUnreadable => "report.unreadable",
            Topic::ReportSent => "report.sent",
            Topic::ReportFailed => "report.failed",
            Topic::PersonChanged => "person.changed",
        }
    }

    /// Tells whether a pattern means it: its word, the beginning of it up to a dot and `*`, or `*` alone.
    pub(crate) fn is_meant_by(self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(begin) if begin.is_empty() || begin.ends_with('.') => self.word().starts_with(begin),
            _ => self.word() == pattern,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_a_word_or_all_behind_a_dot() {
        let meant = |pattern| Topic::ALL.into_iter().filter(|topic| topic.is_meant_by(pattern)).count();
        assert_eq!(["*", "report.*", "person.*", "report.read"].map(meant), [5, 4, 1, 1]);
        assert_eq!(["", "report", "rep*", "report.r*", "report.**", "*.read", "Report.read"].map(meant), [0; 7]);
    }
}
