//! DNS messages octet by octet, as the loopback server reads and writes them (RFC 1035 §4)
//!
//! Written for itself and not with the library that `ask` uses, so that one cannot hide the faults of the other.

use sekisho_core::facts::{Kind, Record};
use sekisho_core::name::DomainName;

/// The class IN.
const IN: u16 = 1;
/// The type of an alias.
const CNAME: u16 = 5;
/// The type of a zone's first record.
const SOA: u16 = 6;
/// The pseudo type of EDNS (RFC 6891).
const OPT: u16 = 41;
/// Where the question's name stands in every message.
const QUESTION_AT: u16 = 12;

/// A question as it came.
pub(super) struct Query {
    /// Repeated in the answer.
    pub id: u16,
    /// Whether the asker wants recursion; repeated in the answer.
    pub recursion_desired: bool,
    /// The question section, as it came.
    pub section: Vec<u8>,
    /// The name asked for, in the case it came in.
    pub raw_name: Box<[u8]>,
    /// The name asked for.
    pub name: DomainName,
    /// The type asked for.
    pub kind: u16,
    /// The class asked for.
    pub class: u16,
    /// How many octets the asker takes over UDP; `None` where it does not use EDNS.
    pub payload: Option<u16>,
}

impl Query {
    /// Reads a message with one question and, perhaps, EDNS.
    pub(super) fn read(message: &[u8]) -> Option<Query> {
        let mut reader = Reader { rest: message };
        let id = reader.u16()?;
        let flags = reader.u16()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        if flags & 0xf800 != 0 || counts[..3] != [1, 0, 0] || counts[3] > 1 {
            return None;
        }
        let before = reader.rest;
        let raw_name = reader.name()?;
        let name = DomainName::from_labels(labels(&raw_name)).ok()?;
        let (kind, class) = (reader.u16()?, reader.u16()?);
        let section = before[..before.len() - reader.rest.len()].to_vec();
        let payload = if counts[3] == 1 { Some(reader.opt()?) } else { None };
        let recursion_desired = flags & 0x0100 != 0;
        Some(Query { id, recursion_desired, section, raw_name, name, kind, class, payload })
    }

    /// Returns the kind asked for, where it is one that judges ask for.
    pub(super) fn known_kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|&kind| self.class == IN && number(kind) == self.kind)
    }
}

/// What is answered.
#[derive(Clone, Default)]
pub(super) struct Reply {
    /// The response code.
    pub code: u8,
    /// Whether the answer is cut.
    pub truncated: bool,
    /// The names the question's name leads to, one by one.
    pub aliases: Vec<DomainName>,
    /// The records at the last of them.
    pub records: Vec<Record>,
    /// Whether a SOA record says how long absence may be believed.
    pub soa: bool,
    /// The time to live of all of it.
    pub ttl: u32,
}

impl Reply {
    /// Returns a reply that says only a code.
    pub(super) fn code(code: u8) -> Reply {
        Reply { code, ..Reply::default() }
    }

    /// Writes the reply to `query`.
    pub(super) fn write(&self, query: &Query) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        let flags = 0x8080
            | (u16::from(query.recursion_desired) << 8)
            | (u16::from(self.truncated) << 9)
            | u16::from(self.code & 0xf);
        let answers = self.aliases.len() + self.records.len();
        let counts = [1, answers, usize::from(self.soa), usize::from(query.payload.is_some())];
        push_u16(&mut out, query.id);
        push_u16(&mut out, flags);
        for count in counts {
            push_u16(&mut out, u16::try_from(count).expect("tests have fewer records"));
        }
        out.extend_from_slice(&query.section);
        let mut owner = Owner::Pointer(QUESTION_AT);
        for alias in &self.aliases {
            let data_at = owner.push(&mut out, CNAME, self.ttl);
            push_name(&mut out, alias);
            close(&mut out, data_at);
            owner = match u16::try_from(data_at) {
                Ok(at) if at < 0x4000 => Owner::Pointer(at),
                _ => Owner::Name(alias.clone()),
            };
        }
        for record in &self.records {
            let data_at = owner.push(&mut out, number(record.kind()), self.ttl);
            push_data(&mut out, record);
            close(&mut out, data_at);
        }
        if self.soa {
            push_soa(&mut out, self.ttl);
        }
        if query.payload.is_some() {
            out.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
        }
        out
    }
}

/// Whose record is written.
enum Owner {
    /// The name that stands at this place of the message.
    Pointer(u16),
    /// A name to be written.
    Name(DomainName),
}

impl Owner {
    /// Writes a record up to its length, which is still zero, and returns where its data begins.
    fn push(&self, out: &mut Vec<u8>, kind: u16, ttl: u32) -> usize {
        match self {
            Owner::Pointer(at) => push_u16(out, 0xc000 | at),
            Owner::Name(name) => push_name(out, name),
        }
        push_u16(out, kind);
        push_u16(out, IN);
        out.extend_from_slice(&ttl.to_be_bytes());
        push_u16(out, 0);
        out.len()
    }
}

/// Writes the length of the data that begins at `data_at` and ends here.
fn close(out: &mut [u8], data_at: usize) {
    let length = u16::try_from(out.len() - data_at).expect("a record's data has at most 65535 octets");
    out[data_at - 2..data_at].copy_from_slice(&length.to_be_bytes());
}

/// Writes a record's data.
fn push_data(out: &mut Vec<u8>, record: &Record) {
    match record {
        Record::A(address) => out.extend_from_slice(&address.octets()),
        Record::Aaaa(address) => out.extend_from_slice(&address.octets()),
        Record::Mx { preference, exchange } => {
            push_u16(out, *preference);
            push_name(out, exchange);
        }
        Record::Ptr(name) => push_name(out, name),
        Record::Txt(strings) => {
            for string in strings {
                out.push(u8::try_from(string.len()).expect("a string has at most 255 octets"));
                out.extend_from_slice(string);
            }
        }
    }
}

/// Writes the root's SOA record.
fn push_soa(out: &mut Vec<u8>, ttl: u32) {
    let data_at = Owner::Name(DomainName::root()).push(out, SOA, ttl);
    push_name(out, &DomainName::root());
    push_name(out, &DomainName::root());
    for number in [1, 3600, 600, 86400, ttl] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    close(out, data_at);
}

/// Writes a name without pointers.
fn push_name(out: &mut Vec<u8>, name: &DomainName) {
    out.extend_from_slice(name.as_wire());
    out.push(0);
}

/// Writes a number.
fn push_u16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Returns a kind's number.
fn number(kind: Kind) -> u16 {
    match kind {
        Kind::A => 1,
        Kind::Ptr => 12,
        Kind::Mx => 15,
        Kind::Txt => 16,
        Kind::Aaaa => 28,
    }
}

/// Returns the labels of a name in wire form.
fn labels(mut wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, rest) = wire.split_first()?;
        let (label, rest) = rest.split_at_checked(usize::from(length))?;
        wire = rest;
        Some(label)
    })
}

/// Reads a message from its front.
struct Reader<'a> {
    /// What has not been read.
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Takes some octets.
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Takes a number.
    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|two| u16::from_be_bytes([two[0], two[1]]))
    }

    /// Takes a name without pointers, and returns it without the root's zero octet.
    fn name(&mut self) -> Option<Box<[u8]>> {
        let mut name = Vec::new();
        loop {
            match self.take(1)?[0] {
                0 => return Some(name.into_boxed_slice()),
                length @ 1..=63 => {
                    name.push(length);
                    name.extend_from_slice(self.take(usize::from(length))?);
                }
                _ => return None,
            }
        }
    }

    /// Takes an EDNS record and returns how much the asker takes over UDP.
    fn opt(&mut self) -> Option<u16> {
        let root = self.take(1)?[0];
        let (kind, payload) = (self.u16()?, self.u16()?);
        (root == 0 && kind == OPT).then_some(payload)
    }
}
