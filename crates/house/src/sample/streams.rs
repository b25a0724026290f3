//! The streams of the sample day: who sends, from where, signed by whom, to whom, and how much

/// Mails of one kind.
#[derive(Debug)]
pub(super) struct Stream {
    /// The From field.
    pub(super) from: &'static str,
    /// The Subject.
    pub(super) subject: &'static str,
    /// The hosts that hand it over: address and HELO.
    pub(super) clients: &'static [(&'static str, &'static str)],
    /// MAIL FROM; empty for the null path.
    pub(super) mail_from: &'static str,
    /// Who signs, the first one first: domain and selector.
    pub(super) signers: &'static [(&'static str, &'static str)],
    /// What happens on its way.
    pub(super) way: Way,
    /// The recipients of one mail or another.
    pub(super) to: &'static [&'static [&'static str]],
    /// How many in a day.
    pub(super) mails: u32,
    /// When.
    pub(super) curve: Curve,
}

/// What happens to a mail before it reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing, or it is handed on as it is.
    Straight,
    /// The list changes it, signs and seals it; it had it from this host with this MAIL FROM.
    List(&'static str, &'static str),
    /// The same, and then a gateway writes into it.
    ListThenGateway(&'static str, &'static str),
    /// A gateway writes into it.
    Gateway,
}

/// When mails of a stream come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// While people are at work.
    Office,
    /// When people are at home.
    Evening,
    /// At night.
    Night,
    /// Always, a little more by day.
    Steady,
    /// All at once, in the hour that begins then (UTC).
    Burst(u8),
}

impl Curve {
    /// Returns how much of the day falls into an hour.
    pub(super) fn weight(self, hour: u8) -> u32 {
        match (self, hour) {
            (Self::Office, 8..=11 | 13..=16) => 20,
            (Self::Office, 7 | 12 | 17) => 9,
            (Self::Office, 6 | 18..=20) => 3,
            (Self::Office | Self::Evening, 0..=5) => 1,
            (Self::Evening, 17..=22) => 18,
            (Self::Evening, 6..=16) | (Self::Office, _) => 4,
            (Self::Evening, _) => 6,
            (Self::Night, 0..=5 | 22..=23) => 16,
            (Self::Night, _) => 3,
            (Self::Steady, 7..=19) => 6,
            (Self::Steady, _) => 4,
            (Self::Burst(at), hour) if at == hour => 60,
            (Self::Burst(at), hour) if (at + 1) % 24 == hour => 20,
            (Self::Burst(_), _) => 0,
        }
    }
}

/// The hosts of the newsletter service.
const MAILER: &[(&str, &str)] = &[("198.51.100.10", "out10.mailer.example"), ("198.51.100.11", "out11.mailer.example")];
/// The host of the help desk service.
const TICKETS: &[(&str, &str)] = &[("198.51.100.40", "app.tickets.example")];
/// The host of the forwarder.
const ALUMNI: &[(&str, &str)] = &[("198.51.100.60", "fwd.alumni.example")];
/// The host of the list.
const LISTS: &[(&str, &str)] = &[("198.51.100.50", "lists.example")];
/// The gateway that writes into what it hands on.
const GATEWAY: &[(&str, &str)] = &[("198.51.100.70", "gw.scanner.example")];
/// The hosts of private mailboxes.
const FREEMAIL: &[(&str, &str)] = &[
    ("198.51.100.97", "mx.freemail.example"),
    ("198.51.100.98", "mx.freemail.example"),
    ("2001:db8:96::25", "mx.freemail.example"),
];
/// The hosts of those who pretend.
const FORGERS: &[(&str, &str)] = &[
    ("203.0.113.7", "mx.invoice-check.example"),
    ("203.0.113.19", "localhost"),
    ("203.0.113.44", "[203.0.113.44]"),
    ("203.0.113.61", "mail.bank.example"),
    ("203.0.113.88", "ylmf-pc"),
    ("203.0.113.102", "mx.invoice-check.example"),
    ("203.0.113.140", "win-7f3k2"),
    ("203.0.113.201", "out1.bank.example"),
];
/// Customers of the house.
const EVERYBODY: &[&[&str]] = &[
    &["resident@home.example"],
    &["kato@home.example", "mori@home.example"],
    &["office@school.example"],
    &["desk@bank.example"],
    &["reception@clinic.example"],
    &["info@town.example"],
    &["office@school.example", "resident@home.example"],
];
/// Those at home.
const RESIDENTS: &[&[&str]] = &[&["resident@home.example"], &["kato@home.example"], &["office@school.example"]];

/// The streams.
pub(super) const STREAMS: &[Stream] = &[
    // The town.
    Stream {
        from: "Town of Example <office@town.example>",
        subject: "Your question to the town office",
        clients: &[("192.0.2.10", "mail.town.example"), ("2001:db8:10::25", "mail.town.example")],
        mail_from: "office@town.example",
        signers: &[("town.example", "s1")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 620,
        curve: Curve::Office,
    },
    Stream {
        from: "Town of Example <news@town.example>",
        subject: "What happens in town this week",
        clients: MAILER,
        mail_from: "bounce@mailer.example",
        signers: &[("mailer.example", "m1")],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 430,
        curve: Curve::Burst(9),
    },
    Stream {
        from: "Town library <notices@bib.town.example>",
        subject: "A book that you lent is due",
        clients: &[("192.0.2.12", "bib.town.example")],
        mail_from: "bounce@bib.town.example",
        signers: &[],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 180,
        curve: Curve::Steady,
    },
    Stream {
        from: "Citizens' help desk <help@town.example>",
        subject: "[#4711] We received your request",
        clients: TICKETS,
        mail_from: "town@tickets.example",
        signers: &[("tickets.example", "t1")],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 120,
        curve: Curve::Office,
    },
    Stream {
        from: "Scanner 2nd floor <scanner@town.example>",
        subject: "Scan from the second floor",
        clients: &[("192.0.2.14", "scanner2f")],
        mail_from: "scanner@town.example",
        signers: &[],
        way: Way::Straight,
        to: &[&["office@town.example"], &["tax@town.example"]],
        mails: 45,
        curve: Curve::Office,
    },
    Stream {
        from: "Sato <sato@town.example>",
        subject: "Minutes of the working group",
        clients: LISTS,
        mail_from: "council-bounces@lists.example",
        signers: &[("town.example", "s1")],
        way: Way::List("192.0.2.10", "sato@town.example"),
        to: RESIDENTS,
        mails: 60,
        curve: Curve::Evening,
    },
    Stream {
        from: "Town of Example <office@town.example>",
        subject: "Reunion of the class of 1996",
        clients: ALUMNI,
        mail_from: "office@town.example",
        signers: &[("town.example", "s1")],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 85,
        curve: Curve::Evening,
    },
    // The bank, and those who pretend to be it.
    Stream {
        from: "Example Bank <service@bank.example>",
        subject: "Your statement is ready",
        clients: &[("192.0.2.20", "out1.bank.example"), ("192.0.2.21", "out2.bank.example")],
        mail_from: "bounce@bank.example",
        signers: &[("bank.example", "b1")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 520,
        curve: Curve::Burst(6),
    },
    Stream {
        from: "Example Bank <alert@alert.bank.example>",
        subject: "You signed in",
        clients: &[("192.0.2.22", "alert.bank.example")],
        mail_from: "bounce@alert.bank.example",
        signers: &[("alert.bank.example", "b1")],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 380,
        curve: Curve::Steady,
    },
    Stream {
        from: "Example Bank <service@bank.example>",
        subject: "Your account will be closed",
        clients: FORGERS,
        mail_from: "service@invoice-check.example",
        signers: &[],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 340,
        curve: Curve::Night,
    },
    Stream {
        from: "Example Bank <security@bank.example>",
        subject: "Confirm your card",
        clients: FORGERS,
        mail_from: "security@bank.example",
        signers: &[],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 130,
        curve: Curve::Steady,
    },
    Stream {
        from: "Example Bank <service@bank.example>, <pay@invoice-check.example>",
        subject: "Payment is due",
        clients: &[("203.0.113.7", "mx.invoice-check.example"), ("203.0.113.102", "mx.invoice-check.example")],
        mail_from: "pay@invoice-check.example",
        signers: &[],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 36,
        curve: Curve::Night,
    },
    Stream {
        from: "Example Bank <service@bank.example>",
        subject: "Your statement is ready",
        clients: ALUMNI,
        mail_from: "bounce@bank.example",
        signers: &[("bank.example", "b1")],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 40,
        curve: Curve::Burst(6),
    },
    // The shop.
    Stream {
        from: "Example Shop <orders@shop.example>",
        subject: "Your order is on its way",
        clients: &[("192.0.2.30", "mail.shop.example")],
        mail_from: "orders@shop.example",
        signers: &[("shop.example", "k1")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 440,
        curve: Curve::Evening,
    },
    Stream {
        from: "Example Shop <news@shop.example>",
        subject: "Three days only",
        clients: MAILER,
        mail_from: "bounce@mailer.example",
        signers: &[("shop.example", "mailer"), ("mailer.example", "m1")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 600,
        curve: Curve::Burst(18),
    },
    Stream {
        from: "Example Shop <support@shop.example>",
        subject: "[#902] About your return",
        clients: TICKETS,
        mail_from: "shop@tickets.example",
        signers: &[("tickets.example", "t1")],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 75,
        curve: Curve::Office,
    },
    Stream {
        from: "Example Shop <gift@shop.example>",
        subject: "You have won",
        clients: FORGERS,
        mail_from: "gift@invoice-check.example",
        signers: &[],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 64,
        curve: Curve::Night,
    },
    // A club without DMARC, and who uses its name.
    Stream {
        from: "Rowing club <board@club.example>",
        subject: "Training on Sunday",
        clients: &[("192.0.2.40", "mail.club.example")],
        mail_from: "board@club.example",
        signers: &[],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 150,
        curve: Curve::Evening,
    },
    Stream {
        from: "Rowing club <board@club.example>",
        subject: "Help me, I lost my phone",
        clients: &[("203.0.113.19", "localhost")],
        mail_from: "board@club.example",
        signers: &[],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 24,
        curve: Curve::Night,
    },
    // The clinic: its SPF is a permerror, its signature saves it, where there is one.
    Stream {
        from: "Clinic <reception@clinic.example>",
        subject: "Your appointment",
        clients: &[("192.0.2.50", "mail.clinic.example")],
        mail_from: "reception@clinic.example",
        signers: &[("clinic.example", "c1")],
        way: Way::Straight,
        to: RESIDENTS,
        mails: 90,
        curve: Curve::Office,
    },
    Stream {
        from: "Clinic laboratory <lab@clinic.example>",
        subject: "Results are ready",
        clients: &[("192.0.2.51", "two.clinic.example")],
        mail_from: "lab@clinic.example",
        signers: &[],
        way: Way::Straight,
        to: &[&["reception@clinic.example"], &["resident@home.example"]],
        mails: 55,
        curve: Curve::Office,
    },
    // The maker of parts: the key of its signatures is revoked.
    Stream {
        from: "Parts <sales@parts.example>",
        subject: "Offer 2218",
        clients: &[("192.0.2.60", "mail.parts.example")],
        mail_from: "sales@parts.example",
        signers: &[("parts.example", "old")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 80,
        curve: Curve::Office,
    },
    Stream {
        from: "Parts <sales@parts.example>",
        subject: "Offer 2219",
        clients: ALUMNI,
        mail_from: "sales@parts.example",
        signers: &[("parts.example", "old")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 40,
        curve: Curve::Office,
    },
    // Name servers that do not answer.
    Stream {
        from: "Slow <info@slow.example>",
        subject: "Are you there?",
        clients: &[("203.0.113.240", "mail.slow.example")],
        mail_from: "info@slow.example",
        signers: &[],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 42,
        curve: Curve::Steady,
    },
    // Private mailboxes.
    Stream {
        from: "Tanaka <tanaka@freemail.example>",
        subject: "Dinner on Friday?",
        clients: FREEMAIL,
        mail_from: "tanaka@freemail.example",
        signers: &[("freemail.example", "f1")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 880,
        curve: Curve::Evening,
    },
    Stream {
        from: "Mail Delivery System <mailer-daemon@freemail.example>",
        subject: "Undelivered mail",
        clients: FREEMAIL,
        mail_from: "",
        signers: &[("freemail.example", "f1")],
        way: Way::Straight,
        to: EVERYBODY,
        mails: 60,
        curve: Curve::Steady,
    },
    Stream {
        from: "Suzuki <suzuki@freemail.example>",
        subject: "Re: the festival",
        clients: LISTS,
        mail_from: "council-bounces@lists.example",
        signers: &[("freemail.example", "f1")],
        way: Way::List("198.51.100.97", "suzuki@freemail.example"),
        to: RESIDENTS,
        mails: 70,
        curve: Curve::Evening,
    },
    Stream {
        from: "Suzuki <suzuki@freemail.example>",
        subject: "Re: the festival",
        clients: GATEWAY,
        mail_from: "council-bounces@lists.example",
        signers: &[("freemail.example", "f1")],
        way: Way::ListThenGateway("198.51.100.97", "suzuki@freemail.example"),
        to: &[&["office@school.example"]],
        mails: 22,
        curve: Curve::Evening,
    },
    Stream {
        from: "Yamada <yamada@freemail.example>",
        subject: "The contract",
        clients: GATEWAY,
        mail_from: "yamada@freemail.example",
        signers: &[("freemail.example", "f1")],
        way: Way::Gateway,
        to: &[&["reception@clinic.example"], &["office@school.example"], &["desk@bank.example"]],
        mails: 48,
        curve: Curve::Office,
    },
];
