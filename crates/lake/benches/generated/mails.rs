//! Mails of one day, made from a number: the same in every run

use jiff::civil::{Date, date};
use sekisho_core::event::{Event, FactHash, MailEvent, SignatureEvent};

/// The day of the mails.
pub(crate) const DAY: Date = date(2026, 11, 22);
/// When it begins.
const MIDNIGHT: i64 = 1_795_305_600_000_000;
/// How many author domains there are.
const DOMAINS: u64 = 100_000;

/// Mails in the order of a file, by ten thousands.
pub(crate) struct Sorted {
    /// The mails that are still to come.
    left: u64,
    /// The domain whose mails come now.
    domain: u64,
    /// How many of its mails are still to come.
    of_domain: u64,
    /// How many mails there are altogether.
    all: u64,
    /// When the last one was.
    at: i64,
    /// Where chance comes from.
    numbers: Numbers,
}

impl Sorted {
    /// Returns so many mails.
    pub(crate) fn new(seed: u64, all: u64) -> Self {
        Self { left: all, domain: 0, of_domain: share(0, all), all, at: MIDNIGHT, numbers: Numbers(seed) }
    }
}

impl Iterator for Sorted {
    type Item = Vec<Event>;

    fn next(&mut self) -> Option<Vec<Event>> {
        let mut events = Vec::new();
        while self.left > 0 && events.len() < 10_000 {
            if self.of_domain == 0 && self.domain + 1 < DOMAINS {
                self.domain += 1;
                self.of_domain = share(self.domain, self.all);
                self.at = MIDNIGHT;
                continue;
            }
            self.of_domain = self.of_domain.saturating_sub(1);
            self.left -= 1;
            let step = 86_400_000_000 / share(self.domain, self.all).max(1) * 2;
            self.at += i64::try_from(self.numbers.below(step.max(1))).expect("within a day");
            self.at = self.at.min(MIDNIGHT + 86_399_999_999);
            events.push(self.numbers.mail(Some((self.domain, self.at))));
        }
        (!events.is_empty()).then_some(events)
    }
}

/// Returns how many of all mails a domain has: a few have most, as it is.
fn share(domain: u64, all: u64) -> u64 {
    all / 13 / (domain + 2) + 1
}

/// Numbers by chance, the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// Returns the next one.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns one below a limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Returns a mail, of a domain and a moment if told.
    pub(crate) fn mail(&mut self, of: Option<(u64, i64)>) -> Event {
        let (domain, at) = of.unwrap_or_else(|| {
            let at = MIDNIGHT + i64::try_from(self.below(86_400_000_000)).expect("within a day");
            (self.below(1_000) * self.below(100) % DOMAINS, at)
        });
        let name = format!("d{domain:06}.example");
        let sender = if self.below(50) == 0 { self.below(1 << 32) } else { domain * 16 + self.below(domain % 16 + 1) };
        let passes = self.below(20) > 0;
        let result = if passes { "pass" } else { "fail" };
        let fact = |of: u64, at: u64| {
            FactHash(
                (u128::from(of) << 64 | u128::from(at))
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                    .to_be_bytes(),
            )
        };
        Event::Mail(Box::new(MailEvent {
            at,
            id: format!("{:012x}{:016x}", at / 1_000, self.next()),
            node: "gate-1".into(),
            queue_id: format!("4{:010X}", self.below(1 << 40)),
            client_ip: Some(
                std::net::Ipv4Addr::from_bits(u32::try_from(sender & 0xffff_ffff).expect("32 bits")).to_string(),
            ),
            helo: format!("mx{}.{name}", sender % 4),
            mail_from_domain: if self.below(10) == 0 { format!("bounce.{name}") } else { name.clone() },
            mail_from_local: format!("{:016x}", self.below(1 << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            recipient_domains: vec![format!("here{}.example", self.below(20))],
            recipients: 1,
            size: 2_000 + self.below(100_000),
            author_result: "ok".into(),
            author_domain: Some(name.clone()),
            spf_result: Some(result.into()),
            spf_domain: Some(name.clone()),
            spf_helo_result: Some("none".into()),
            dkim: vec![SignatureEvent {
                result: result.into(),
                domain: Some(name.clone()),
                selector: Some(format!("s{}", domain % 3)),
                algorithm: Some("rsa-sha256".into()),
                reason: None,
            }],
            arc_result: "none".into(),
            dmarc_result: result.into(),
            policy_domain: Some(name),
            policy: Some("quarantine".into()),
            spf_aligned: passes,
            dkim_aligned: passes,
            disposition: if passes { "none" } else { "quarantine" }.into(),
            verdict: if passes { "accept" } else { "quarantine" }.into(),
            decision: if passes { "pass" } else { "quarantine-header" }.into(),
            waited: 200 + self.below(3_000),
            facts: (0..8).map(|at| fact(domain, at)).chain([fact(sender, 99)]).collect(),
            ..MailEvent::default()
        }))
    }
}
