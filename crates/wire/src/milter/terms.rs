//! What MTA and filter agree on: version, what the filter may change, which steps are shown and which are answered

/// The newest version that is spoken, and the oldest.
const VERSION: u32 = 6;
/// The oldest version that is spoken.
const VERSION_MIN: u32 = 2;

/// What a filter may do to a mail (`SMFIF_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions(pub u32);

impl Actions {
    /// Add and insert header fields.
    pub const ADD_HEADERS: u32 = 0x01;
    /// Change and delete header fields.
    pub const CHANGE_HEADERS: u32 = 0x10;
    /// Put a mail into quarantine.
    pub const QUARANTINE: u32 = 0x20;

    /// Tells whether all of these may be done.
    pub fn has(self, all: u32) -> bool {
        self.0 & all == all
    }
}

/// Which steps are left out or not answered (`SMFIP_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocol(pub u32);

impl Protocol {
    /// The MTA does not show unknown commands.
    pub const NO_UNKNOWN: u32 = 0x100;
    /// The MTA does not show DATA.
    pub const NO_DATA: u32 = 0x200;
    /// Header fields are not answered.
    pub const NO_REPLY_HEADER: u32 = 0x80;
    /// The connection is not answered.
    pub const NO_REPLY_CONNECT: u32 = 0x1000;
    /// HELO is not answered.
    pub const NO_REPLY_HELO: u32 = 0x2000;
    /// MAIL is not answered.
    pub const NO_REPLY_MAIL: u32 = 0x4000;
    /// RCPT is not answered.
    pub const NO_REPLY_RCPT: u32 = 0x8000;
    /// DATA is not answered.
    pub const NO_REPLY_DATA: u32 = 0x1_0000;
    /// Unknown commands are not answered.
    pub const NO_REPLY_UNKNOWN: u32 = 0x2_0000;
    /// The end of the header is not answered.
    pub const NO_REPLY_END_OF_HEADER: u32 = 0x4_0000;
    /// Pieces of the body are not answered.
    pub const NO_REPLY_BODY: u32 = 0x8_0000;
    /// White space at the beginning of header values is shown.
    pub const LEADING_SPACE: u32 = 0x10_0000;

    /// All replies that nobody needs.
    const NO_REPLIES: u32 = Protocol::NO_REPLY_HEADER
        | Protocol::NO_REPLY_CONNECT
        | Protocol::NO_REPLY_HELO
        | Protocol::NO_REPLY_MAIL
        | Protocol::NO_REPLY_RCPT
        | Protocol::NO_REPLY_DATA
        | Protocol::NO_REPLY_UNKNOWN
        | Protocol::NO_REPLY_END_OF_HEADER
        | Protocol::NO_REPLY_BODY;

    /// Tells whether all of these hold.
    pub fn has(self, all: u32) -> bool {
        self.0 & all == all
    }
}

/// What an MTA offers at the beginning (`SMFIC_OPTNEG`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The version of the protocol.
    pub version: u32,
    /// What the filter may do.
    pub actions: Actions,
    /// What the filter may wish.
    pub protocol: Protocol,
}

/// What a filter wants to be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// The actions it cannot do without.
    pub needed: u32,
    /// The actions it uses where it may.
    pub welcome: u32,
}

/// What both agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The version of the protocol.
    pub version: u32,
    /// What the filter may do.
    pub actions: Actions,
    /// What holds for the steps.
    pub protocol: Protocol,
}

impl Terms {
    /// Agrees with an offer: the replies that nobody needs are left out, and header values are wanted as they came.
    /// Nothing where the MTA is too old, or does not let the filter do what it needs.
    pub fn agree(offer: Offer, wishes: Wishes) -> Option<Terms> {
        if offer.version < VERSION_MIN || !offer.actions.has(wishes.needed) {
            return None;
        }
        let wanted = Protocol::NO_REPLIES | Protocol::NO_UNKNOWN | Protocol::NO_DATA | Protocol::LEADING_SPACE;
        Some(Terms {
            version: offer.version.min(VERSION),
            actions: Actions(offer.actions.0 & (wishes.needed | wishes.welcome)),
            protocol: Protocol(offer.protocol.0 & wanted),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISHES: Wishes = Wishes { needed: Actions::ADD_HEADERS, welcome: Actions::QUARANTINE };

    #[test]
    fn only_what_is_offered_is_agreed_on() {
        let offer = Offer { version: 6, actions: Actions(0x1ff), protocol: Protocol(0x1f_ffff) };
        let terms = Terms::agree(offer, WISHES).unwrap();
        assert_eq!(terms.actions, Actions(0x21));
        assert!(terms.protocol.has(Protocol::NO_REPLIES | Protocol::LEADING_SPACE));
        assert!(!terms.protocol.has(0x10), "the body is wanted");
        let old = Offer { version: 2, actions: Actions(0x1), protocol: Protocol(0x7f) };
        assert_eq!(Terms::agree(old, WISHES), Some(Terms { version: 2, actions: Actions(1), protocol: Protocol(0) }));
    }

    #[test]
    fn there_is_no_agreement_where_the_needed_is_not_allowed() {
        let offer = Offer { version: 6, actions: Actions(0x20), protocol: Protocol(0) };
        assert_eq!(Terms::agree(offer, WISHES), None);
        assert_eq!(Terms::agree(Offer { version: 1, actions: Actions(0x1ff), ..offer }, WISHES), None);
    }
}
