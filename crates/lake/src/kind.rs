//! Kinds of Events: a table, a folder, and the order of their rows

use sekisho_core::event::Event;

/// A kind of Event: one table, one folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Mails, as the gate judged them.
    Mail,
    /// What the DNS told.
    Fact,
    /// Rows of DMARC aggregate reports.
    Aggregate,
    /// Rows of TLS reports.
    Tls,
    /// Mails that failed, as failure reports tell.
    Failure,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Mail, Self::Fact, Self::Aggregate, Self::Tls, Self::Failure];

    /// Returns the kind of an Event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Mail(_) => Self::Mail,
            Event::Fact(_) => Self::Fact,
            Event::Aggregate(_) => Self::Aggregate,
            Event::Tls(_) => Self::Tls,
            Event::Failure(_) => Self::Failure,
        }
    }

    /// Returns the name of its table, its folder, and its Events in a segment.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Fact => "fact",
            Self::Aggregate => "aggregate",
            Self::Tls => "tls",
            Self::Failure => "failure",
        }
    }

    /// Returns the kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the columns that its files are sorted by: what people ask for first.
    pub(crate) fn order(self) -> &'static [&'static str] {
        match self {
            Self::Mail => &["author_domain", "at", "id"],
            Self::Fact => &["hash", "at"],
            Self::Aggregate | Self::Tls => &["policy_domain", "at", "report", "row"],
            Self::Failure => &["reported_domain", "at", "report", "row"],
        }
    }

    /// Returns the columns that name an Event: of two rows that agree in them, compacting keeps the first. Each
    /// stands in the order, and rows that agree in these but not in what comes before them are not one Event.
    pub(crate) fn key(self) -> &'static [&'static str] {
        match self {
            Self::Mail => &["id"],
            Self::Fact => &["hash"],
            Self::Aggregate | Self::Tls | Self::Failure => &["report", "row"],
        }
    }

    /// Returns the columns that people look one row up by, without knowing what the files are sorted by.
    pub(crate) fn looked_up(self) -> &'static [&'static str] {
        match self {
            Self::Mail => &["id", "queue_id"],
            Self::Fact => &["name"],
            Self::Aggregate | Self::Tls | Self::Failure => &["report"],
        }
    }

    /// Returns the columns whose values hardly ever repeat, so that a dictionary would only cost.
    pub(crate) fn unique(self) -> &'static [&'static str] {
        match self {
            Self::Mail => &["id", "queue_id", "waited"],
            Self::Fact => &["hash"],
            Self::Aggregate | Self::Tls | Self::Failure => &["row"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_in_the_lake_as_its_events_call_it() {
        let events = [
            Event::Mail(Box::default()),
            Event::Fact(Box::default()),
            Event::Aggregate(Box::default()),
            Event::Tls(Box::default()),
            Event::Failure(Box::default()),
        ];
        assert!(
            events
                .iter()
                .map(|event| (Kind::of(event), Kind::named(event.kind())))
                .all(|(of, named)| Some(of) == named)
        );
        assert_eq!(events.each_ref().map(Kind::of), Kind::ALL);
    }
}
