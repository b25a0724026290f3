//! What the MTA says, as packets

use std::net::IpAddr;

use super::mail::Mail;
use super::{CHUNK, Delivery};

/// The filter wants white space at the beginning of header values.
const LEADING_SPACE: u32 = 0x10_0000;
/// The bit of each command that says that it is not answered (`SMFIP_NR_*`), and the one that says that it is not shown.
const BITS: [(u8, u32, u32); 9] = [
    (b'C', 0x1000, 0x01),
    (b'H', 0x2000, 0x02),
    (b'M', 0x4000, 0x04),
    (b'R', 0x8000, 0x08),
    (b'T', 0x1_0000, 0x200),
    (b'L', 0x80, 0x20),
    (b'N', 0x4_0000, 0x40),
    (b'B', 0x8_0000, 0x10),
    (b'E', 0, 0),
];

/// The packets of one mail.
pub(super) struct Packets {
    /// The packets, one behind the other.
    pub(super) octets: Vec<u8>,
    /// Behind which octets an answer is awaited, that to the end of the mail aside.
    pub(super) answered: Vec<usize>,
    /// Where the body begins.
    pub(super) body: usize,
    /// Where the end of the mail is said, behind the body.
    pub(super) end: usize,
    /// Whether values carry their leading white space, in both directions.
    pub(super) keeps_space: bool,
    /// What was agreed on for the steps.
    protocol: u32,
}

impl Packets {
    /// Writes the packets of a mail.
    pub(super) fn of(delivery: &Delivery<'_>, mail: &Mail, protocol: u32) -> Packets {
        let keeps_space = protocol & LEADING_SPACE != 0;
        let mut packets = Packets { octets: Vec::new(), answered: Vec::new(), body: 0, end: 0, keeps_space, protocol };
        let login = delivery.login.map(|login| [["{auth_type}", "PLAIN"], ["{auth_authen}", login]]);
        let sender = [["{mail_addr}", delivery.mail_from], ["{mail_mailer}", "smtp"]];
        let macros = login.into_iter().flatten().chain(sender);
        // Whatever was before is forgotten: Postfix says so after each greeting and after each mail.
        frame(&mut packets.octets, &[b"A"]);
        packets.push(b'M', macros, &path(delivery.mail_from));
        let queue_id = ["i", delivery.queue_id];
        for (number, recipient) in delivery.recipients.iter().enumerate() {
            // The queue has no name before the first recipient was taken.
            let macros = [["{rcpt_addr}", recipient]].into_iter().chain((number > 0).then_some(queue_id));
            packets.push(b'R', macros, &path(recipient));
        }
        packets.push(b'T', [queue_id], b"");
        for field in &mail.fields {
            let value = if keeps_space { &field.value } else { field.value.strip_prefix(b" ").unwrap_or(&field.value) };
            packets.push(b'L', [queue_id], &[&*field.name, b"\0", value, b"\0"].concat());
        }
        packets.push(b'N', [queue_id], b"");
        packets.body = packets.octets.len();
        for piece in mail.body.chunks(CHUNK) {
            packets.push(b'B', [queue_id], piece);
        }
        packets.end = packets.octets.len();
        packets.push(b'E', [queue_id], b"");
        packets
    }

    /// Adds a command with the macros before it.
    fn push<'m>(&mut self, command: u8, macros: impl IntoIterator<Item = [&'m str; 2]>, data: &[u8]) {
        let Some((_, unanswered, hidden)) = BITS.iter().find(|(letter, ..)| *letter == command) else { return };
        if self.protocol & hidden != 0 {
            return;
        }
        frame(&mut self.octets, &[b"D", &[command], &told(macros)]);
        frame(&mut self.octets, &[&[command], data]);
        if command != b'E' && self.protocol & unanswered == 0 {
            self.answered.push(self.octets.len());
        }
    }
}

/// Writes what the MTA says of a client; what the filter does not want to be shown is left out.
pub(super) fn client(delivery: &Delivery<'_>, protocol: u32) -> Vec<u8> {
    let mut octets = Vec::new();
    let address = match delivery.client_ip {
        None => b"U".to_vec(),
        Some(ip) => {
            let family: &[u8] = if matches!(ip, IpAddr::V4(_)) { b"4" } else { b"6" };
            [family, &[0x9c, 0x40], ip.to_string().as_bytes(), b"\0"].concat()
        }
    };
    let macros = [["j", "mx.example.net"], ["{daemon_name}", "mx.example.net"], ["v", "Postfix 3.7.11"]];
    if is_shown(b'C', protocol) {
        frame(&mut octets, &[b"D", b"C", &told(macros)]);
        frame(&mut octets, &[b"C", delivery.client_host.as_bytes(), b"\0", &address]);
    }
    if is_shown(b'H', protocol) {
        frame(&mut octets, &[b"D", b"H"]);
        frame(&mut octets, &[b"H", delivery.helo.as_bytes(), b"\0"]);
    }
    octets
}

/// Returns how many answers are due to what is said of a client.
pub(super) fn answered_of_client(protocol: u32) -> usize {
    BITS.iter().take(2).filter(|(_, unanswered, hidden)| protocol & (unanswered | hidden) == 0).count()
}

/// Tells whether the filter wants to be shown a command.
fn is_shown(command: u8, protocol: u32) -> bool {
    BITS.iter().any(|(letter, _, hidden)| *letter == command && protocol & hidden == 0)
}

/// Returns packets with their lengths.
pub(super) fn framed(packets: &[&[u8]]) -> Vec<u8> {
    let mut octets = Vec::new();
    packets.iter().for_each(|packet| frame(&mut octets, &[packet]));
    octets
}

/// Cuts a string that NUL ends off some data.
pub(super) fn string(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|&octet| octet == 0).unwrap_or(data.len());
    let (string, rest) = data.split_at(end);
    (string, rest.get(1..).unwrap_or_default())
}

/// Adds a packet.
fn frame(octets: &mut Vec<u8>, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    octets.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    parts.iter().for_each(|part| octets.extend_from_slice(part));
}

/// Writes macros.
fn told<'m>(macros: impl IntoIterator<Item = [&'m str; 2]>) -> Vec<u8> {
    macros.into_iter().flatten().flat_map(|text| text.bytes().chain([0])).collect()
}

/// Writes a path.
fn path(address: &str) -> Vec<u8> {
    format!("<{address}>\0").into_bytes()
}
