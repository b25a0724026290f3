//! The mail in the MTA's queue: what Postfix makes of it before the filter sees it, and what the filter's word changes

use super::Delivery;
use super::packet::string;

/// A mail in the queue.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    /// The MTA's own field, which the filter does not see.
    received: Field,
    /// Fields that the filter put above it.
    above: Vec<Field>,
    /// The others.
    pub(super) fields: Vec<Field>,
    /// The body, its lines ended by CRLF.
    pub(super) body: Vec<u8>,
}

/// A header field.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Its name.
    pub(super) name: Vec<u8>,
    /// What stands behind the colon, folds as LF.
    pub(super) value: Vec<u8>,
}

impl Mail {
    /// Reads a mail and does to it what Postfix does: some fields are dropped, values are cut at NUL, a bare CR becomes a
    /// space in the header and in the body, and white space before the colon goes.
    pub(super) fn read(delivery: &Delivery<'_>) -> Mail {
        let address = delivery.client_ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
        let value = format!(
            " from {} ({} [{address}])\n\tby mx.example.net (Postfix) with ESMTP id {}\n\tfor <{}>; \
             Thu, 1 Jan 2026 00:00:00 +0000 (UTC)",
            delivery.helo,
            delivery.client_host,
            delivery.queue_id,
            delivery.recipients.first().unwrap_or(&""),
        );
        let received = Field { name: b"Received".to_vec(), value: value.into_bytes() };
        let lines = unix_lines(delivery.mail);
        let mut mail = Mail { received, above: Vec::new(), fields: Vec::new(), body: Vec::new() };
        let mut rest = lines.as_slice();
        while !rest.is_empty() {
            let end = rest.iter().position(|&octet| octet == b'\n').unwrap_or(rest.len());
            let (line, behind) = rest.split_at(end);
            let behind = behind.get(1..).unwrap_or_default();
            match (line.first(), line.iter().position(|&octet| octet == b':')) {
                (None, _) => {
                    rest = behind;
                    break;
                }
                (Some(b' ' | b'\t'), _) if !mail.fields.is_empty() => {
                    let last = mail.fields.last_mut();
                    last.into_iter().for_each(|field| field.value.extend([b"\n", line].concat()));
                }
                (_, Some(colon)) => {
                    let (name, value) = line.split_at(colon);
                    let value = value.get(1..).unwrap_or_default().to_vec();
                    mail.fields.push(Field { name: name.trim_ascii_end().to_vec(), value });
                }
                // The first line that is no field begins the body.
                (Some(_), None) => break,
            }
            rest = behind;
        }
        mail.fields.retain(|field| !is_dropped(&field.name));
        for field in &mut mail.fields {
            field.value.truncate(string(&field.value).0.len());
        }
        mail.body = with_crlf(rest);
        mail
    }

    /// Does what one packet of the filter says; nothing where it makes no sense.
    pub(super) fn change(&mut self, letter: u8, data: &[u8], keeps_space: bool) -> Option<()> {
        let (index, data) = match (letter, data.split_first_chunk()) {
            (b'h', _) => (0, data),
            (_, Some((index, rest))) => (usize::try_from(u32::from_be_bytes(*index)).ok()?, rest),
            (_, None) => return None,
        };
        let (name, rest) = string(data);
        let (value, behind) = string(rest);
        if name.is_empty() || !behind.is_empty() || data.last() != Some(&0) {
            return None;
        }
        let is_deletion = value.is_empty();
        let value = if keeps_space { value.to_vec() } else { [b" ", value].concat() };
        let field = Field { name: name.to_vec(), value };
        match letter {
            b'h' => self.fields.push(field),
            b'i' if index <= 1 => self.above.insert(0, field),
            b'i' => {
                let own = self.above.len() + 1;
                match index.checked_sub(1 + own) {
                    Some(at) => self.fields.insert(at.min(self.fields.len()), field),
                    None => self.above.insert((index - 1).min(self.above.len()), field),
                }
            }
            _ => {
                let mut places =
                    self.fields.iter().enumerate().filter(|(_, known)| known.name.eq_ignore_ascii_case(name));
                let at = places.nth(index.checked_sub(1)?).map(|(at, _)| at);
                match at {
                    Some(at) if is_deletion => drop(self.fields.remove(at)),
                    Some(at) => *self.fields.get_mut(at)? = field,
                    None if is_deletion => {}
                    None => self.fields.push(field),
                }
            }
        }
        Some(())
    }

    /// Writes the mail as it would be delivered.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.body.len() + 4096);
        for field in self.above.iter().chain([&self.received]).chain(&self.fields) {
            octets.extend_from_slice(&field.name);
            octets.push(b':');
            octets.extend(with_crlf(&field.value));
            octets.extend_from_slice(b"\r\n");
        }
        octets.extend_from_slice(b"\r\n");
        octets.extend_from_slice(&self.body);
        octets
    }
}

/// Tells whether Postfix drops a field before the filter sees it (`message_drop_headers`).
fn is_dropped(name: &[u8]) -> bool {
    let dropped: [&[u8]; 4] = [b"bcc", b"content-length", b"resent-bcc", b"return-path"];
    dropped.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Ends lines with LF alone; any other CR becomes a space (`cleanup_replace_stray_cr_lf`).
fn unix_lines(mail: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(mail.len());
    let mut octets = mail.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' if octets.peek() == Some(&b'\n') => {}
            b'\r' => lines.push(b' '),
            octet => lines.push(octet),
        }
    }
    lines
}

/// Ends lines with CRLF.
fn with_crlf(lines: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(lines.len() + lines.len() / 32);
    for &octet in lines {
        if octet == b'\n' {
            octets.push(b'\r');
        }
        octets.push(octet);
    }
    octets
}
