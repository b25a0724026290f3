//! The mails that are shown, and the zone that speaks for them: keys, senders and bodies of our own making

use std::fmt::Write;

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_mail::arc::Chain;
use sekisho_mail::arc::seal::Sealer;
use sekisho_mail::body::{BodyDigests, BodyHasher, BodyPlan};
use sekisho_mail::dkim::sign::Signer;
use sekisho_mail::dkim::signing_key::{NewKey, SigningKey};
use sekisho_mail::message::Message;

/// How many different mails a mix has.
const MAILS: usize = 60;
/// How many domains they come from.
const SENDERS: usize = 10;
/// How many hops seal a mail that was forwarded.
const HOPS: usize = 3;

/// A kind of mails.
pub(crate) struct Mix {
    /// What it is called.
    pub(crate) name: &'static str,
    /// How long its mails are, about.
    pub(crate) size: usize,
    /// Who signs them.
    pub(crate) signed: Signed,
    /// Whether their bodies are mostly white space.
    spaced: bool,
    /// How many times as many mails per CPU-second as the better peer are aimed at.
    pub(crate) target: f64,
}

/// Who signs the mails of a mix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    /// The author, with RSA-2048.
    Once,
    /// The author and the provider with RSA-2048, and the author with Ed25519.
    Thrice,
    /// Nobody.
    Not,
    /// The author, and three forwarders with ARC.
    Forwarded,
}

/// The mixes.
pub(crate) const MIXES: [Mix; 7] = [
    Mix { name: "5k", size: 5_000, signed: Signed::Once, spaced: false, target: 8.0 },
    Mix { name: "41k", size: 41_000, signed: Signed::Once, spaced: false, target: 8.0 },
    Mix { name: "1m", size: 1_000_000, signed: Signed::Once, spaced: false, target: 5.0 },
    Mix { name: "5k-three-signatures", size: 5_000, signed: Signed::Thrice, spaced: false, target: 8.0 },
    Mix { name: "5k-unsigned", size: 5_000, signed: Signed::Not, spaced: false, target: 8.0 },
    Mix { name: "5k-three-arc-hops", size: 5_000, signed: Signed::Forwarded, spaced: false, target: 8.0 },
    Mix { name: "41k-white-space", size: 41_000, signed: Signed::Once, spaced: true, target: 8.0 },
];

/// A mail, and how it comes.
pub(crate) struct Letter {
    /// The return path.
    pub(crate) mail_from: String,
    /// The mail.
    pub(crate) mail: Vec<u8>,
    /// What is true of it.
    pub(crate) truth: Truth,
}

/// What is true of a mail, since we made it so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truth {
    /// How many signatures are good.
    pub(crate) signatures: usize,
    /// How many are not.
    pub(crate) broken: usize,
    /// SPF, DMARC and ARC, in the words of Authentication-Results.
    pub(crate) spf: &'static str,
    /// DMARC.
    pub(crate) dmarc: &'static str,
    /// ARC.
    pub(crate) arc: &'static str,
}

/// The senders and their keys.
pub(crate) struct World {
    /// The author's RSA signer, the author's Ed25519 signer, the provider's signer, by sender.
    senders: Vec<[Signer; 3]>,
    /// Those who forward.
    sealers: Vec<Sealer>,
    /// What the DNS says.
    zone: Zone,
}

impl World {
    /// Makes the keys.
    pub(crate) fn new() -> World {
        let mut zone = Zone::parse(PROVIDER).expect("a zone");
        let provider = key(NewKey::Rsa2048).to_pem().expect("a key that we have");
        let senders = (0..SENDERS).map(|number| sender(number, &provider, &mut zone)).collect();
        let sealers = (0..HOPS).map(|hop| {
            let (domain, selector) = (name(&format!("hop{hop}.example.org")), name("arc"));
            let key = key(NewKey::Rsa2048);
            zone.parse_line(&format!("{selector}._domainkey.{domain} TXT {}", key.record())).expect("a record");
            Sealer::new(domain, selector, key)
        });
        let sealers = sealers.collect();
        World { senders, sealers, zone }
    }

    /// Returns what the DNS says.
    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Writes the mails of a mix: four of five are good, one of ten is changed on the way, one of ten is forged.
    pub(crate) fn letters(&self, mix: &Mix) -> Vec<Letter> {
        (0..MAILS).map(|at| self.letter(mix, at)).collect()
    }

    /// Writes one mail.
    fn letter(&self, mix: &Mix, at: usize) -> Letter {
        let (is_changed, is_forged) = (at % 10 == 3, at % 10 == 7);
        let sender = format!("sender{}.example.com", at % SENDERS);
        let raw = write(&sender, at, mix.size, mix.spaced);
        let signed = if is_forged { Signed::Not } else { mix.signed };
        let [rsa, ed25519, provider] = &self.senders[at % SENDERS];
        let signers: &[&Signer] = match signed {
            Signed::Not => &[],
            Signed::Once | Signed::Forwarded => &[rsa],
            Signed::Thrice => &[rsa, provider, ed25519],
        };
        let mut mail = sign(&raw, signers);
        if signed == Signed::Forwarded {
            mail = self.sealers.iter().fold(mail, |mail, sealer| self.seal(&mail, &sender, sealer));
        }
        if is_changed {
            // A letter in the last line: the whole body has to be hashed before anybody can tell.
            let last = mail.iter().rposition(u8::is_ascii_lowercase).expect("a body of words");
            mail[last] ^= 1;
        }
        let passes = !is_changed;
        let mail_from = match is_forged {
            true => "someone@elsewhere.example.net".to_owned(),
            false => format!("bounce-{at}@bounce.{sender}"),
        };
        let truth = Truth {
            signatures: if passes { signers.len() } else { 0 },
            broken: if passes { 0 } else { signers.len() },
            spf: "pass",
            dmarc: if is_forged { "fail" } else { "pass" },
            arc: match signed {
                Signed::Forwarded if passes => "pass",
                Signed::Forwarded => "fail",
                _ => "none",
            },
        };
        Letter { mail_from, mail, truth }
    }

    /// Forwards a mail: seals it, with the chain that is there already.
    fn seal(&self, mail: &[u8], author: &str, sealer: &Sealer) -> Vec<u8> {
        let message = Message::parse(mail);
        let header = message.header();
        let mut chain = Chain::find(&header);
        let mut plan = BodyPlan::new();
        sealer.plan(&mut plan);
        chain.plan(&mut plan);
        let digests = hashed(&message, &plan);
        let mut facts = Default::default();
        self.zone.satisfy(&mut facts, |facts| chain.proceed(facts, &header, moment()));
        chain.close(&digests);
        let status = chain.status().expect("a chain that was judged");
        let results = format!("mx.{}; dkim=pass header.d={author}; dmarc=pass header.from={author}", sealer.domain);
        let fields = sealer.seal(&header, &chain, status, results.as_bytes(), &digests, moment());
        [fields.expect("a mail that can be sealed").expect("a chain that goes on"), mail.to_vec()].concat()
    }
}

/// What is known of the provider that sends for all, and of somebody who forges. The client is 192.0.2.10.
const PROVIDER: &str = r#"
_spf.provider.example.org      TXT "v=spf1 include:_a.provider.example.org include:_b.provider.example.org ~all"
_a.provider.example.org        TXT "v=spf1 ip4:203.0.113.0/24 ip4:198.51.100.128/25 ip6:2001:db8:1::/48 ~all"
_b.provider.example.org        TXT "v=spf1 ip4:192.0.2.0/25 ip6:2001:db8:2::/48 ~all"
out.provider.example.org       TXT "v=spf1 a -all"
out.provider.example.org       A   192.0.2.10
elsewhere.example.net          TXT "v=spf1 ip4:192.0.2.10 -all"
"#;

/// Makes the keys of one sender, and publishes them.
fn sender(number: usize, provider: &str, zone: &mut Zone) -> [Signer; 3] {
    let domain = name(&format!("sender{number}.example.com"));
    for line in [
        format!("{domain} TXT \"v=spf1 include:_spf.provider.example.org ip4:198.51.100.0/24 -all\""),
        format!("{domain} TXT \"some-verification={number:032x}\""),
        format!("{domain} MX 10 mx.{domain}"),
        format!("bounce.{domain} TXT \"v=spf1 include:_spf.provider.example.org -all\""),
        format!("_dmarc.{domain} TXT \"v=DMARC1; p=reject; rua=mailto:dmarc@{domain}\""),
    ] {
        zone.parse_line(&line).expect("a record");
    }
    let provider = SigningKey::from_pem(provider).expect("the key that was written");
    let mut signer = |domain: &DomainName, selector: &str, key: SigningKey| {
        let selector = name(selector);
        zone.parse_line(&format!("{selector}._domainkey.{domain} TXT {}", key.record())).expect("a record");
        Signer::new(domain.clone(), selector, key)
    };
    [
        signer(&domain, "rsa", key(NewKey::Rsa2048)),
        signer(&domain, "ed25519", key(NewKey::Ed25519)),
        signer(&name("provider.example.org"), &format!("s{number}"), provider),
    ]
}

/// Writes a mail of about `size` octets.
fn write(sender: &str, at: usize, size: usize, spaced: bool) -> Vec<u8> {
    let mut mail = String::with_capacity(size + 200);
    for hop in 0..4 {
        let _ = write!(
            mail,
            "Received: from host{hop}.provider.example.org (host{hop}.provider.example.org [198.51.100.{hop}])\r\n\
             \tby mx{hop}.provider.example.org (Postfix) with ESMTPS id {at:08X}{hop}\r\n\
             \tfor <reader{at}@example.net>; Sun, 22 Nov 2026 02:4{hop}:46 +0000 (UTC)\r\n"
        );
    }
    let _ = write!(
        mail,
        "Date: Sun, 22 Nov 2026 02:41:46 +0000\r\nFrom: The Clerk <clerk{at}@{sender}>\r\nReply-To: desk@{sender}\r\n\
         To: Reader {at} <reader{at}@example.net>\r\nSubject: Notice {at} about the road and its papers\r\n\
         Message-ID: <{at:016x}.notice@{sender}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\nList-Unsubscribe: <https://{sender}/u/{at:016x}>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Mailer: a mailer of some kind 1.{at}\r\n\r\n"
    );
    let word = |at: usize| ["gate", "paper", "officer", "road", "traveller", "clerk"][at * 7 % 6];
    for line in at.. {
        if mail.len() + 900 >= size {
            break;
        }
        let _ = match spaced {
            true => write!(mail, "{} a\tb  c{}\r\n", " ".repeat(line % 40), " \t ".repeat(line % 12)),
            false => {
                let words: Vec<&str> = (0..11).map(|more| word(line + more * more)).collect();
                write!(mail, "{}\r\n", words.join(" "))
            }
        };
    }
    mail.into_bytes()
}

/// Signs a mail.
fn sign(raw: &[u8], signers: &[&Signer]) -> Vec<u8> {
    let message = Message::parse(raw);
    let mut plan = BodyPlan::new();
    signers.iter().for_each(|signer| signer.plan(&mut plan));
    let digests = hashed(&message, &plan);
    let fields = signers.iter().map(|signer| signer.sign(&message.header(), &digests, moment()));
    let mut mail: Vec<u8> = fields.flat_map(|field| field.expect("a mail that can be signed")).collect();
    mail.extend_from_slice(raw);
    mail
}

/// Hashes a body.
fn hashed(message: &Message<'_>, plan: &BodyPlan) -> BodyDigests {
    let mut hasher = BodyHasher::new(plan);
    message.body().for_each(|piece| hasher.update(&piece));
    hasher.finish()
}

/// Returns when the mails were signed: an hour ago, so that no clock of a peer finds them in the future.
fn moment() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock that is set");
    Timestamp::from_second(i64::try_from(now.as_secs()).expect("a clock of this age") - 3600).expect("a moment")
}

/// Makes a key.
fn key(kind: NewKey) -> SigningKey {
    SigningKey::generate(kind, &SystemRandom::new()).expect("a key can be made")
}

/// Reads a name.
fn name(text: &str) -> DomainName {
    DomainName::parse(text).expect("a name")
}
