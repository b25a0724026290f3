//! What the header of a held mail tells: the author, the subject, and what our field says of it

use sekisho_mail::authentication_results::{AuthenticationResults, NAME};
use sekisho_mail::header::Header;

/// What a header tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    /// The From field.
    pub(super) author: Option<Vec<u8>>,
    /// The Subject field.
    pub(super) subject: Option<Vec<u8>>,
    /// What our Authentication-Results field says of DMARC.
    pub(super) why: Option<Vec<u8>>,
}

/// Reads a header as `postcat` prints it, its lines ended by LF. `authserv_id` is our name; without it the topmost
/// Authentication-Results field counts, where ours stands.
pub(super) fn about(printed: &[u8], authserv_id: Option<&str>) -> About {
    let mut raw = Vec::with_capacity(printed.len() + 64);
    for line in printed.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
        raw.extend_from_slice(line);
        raw.extend_from_slice(b"\r\n");
    }
    let header = Header::parse(&raw);
    let value = |name| header.first(name).map(|field| unfolded(field.value()));
    let results = header.fields().iter().filter(|field| field.reads_as(NAME));
    let results = results.filter_map(|field| AuthenticationResults::parse(field.value()).ok());
    let ours = results
        .into_iter()
        .find(|results| authserv_id.is_none_or(|name| results.authserv_id.eq_ignore_ascii_case(name)));
    let dmarc = ours.and_then(|ours| ours.results.into_iter().find(|result| result.method == "dmarc"));
    let why = dmarc.map(|dmarc| {
        let mut why = format!("dmarc={}", dmarc.result);
        for property in &dmarc.properties {
            why.push_str(&format!(" {}.{}={}", property.kind, property.name, property.value));
        }
        if let Some(reason) = &dmarc.reason {
            why.push_str(&format!(" ({reason})"));
        }
        why.into_bytes()
    });
    About { author: value("From"), subject: value("Subject"), why }
}

/// Returns a value in one line.
fn unfolded(value: &[u8]) -> Vec<u8> {
    value.trim_ascii().iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_in_our_name_tells_why() {
        let printed = b"Authentication-Results: other.example; dmarc=pass header.from=x.example\n\
            Authentication-Results: MX.example;\n dmarc=fail header.from=a.example\n policy.dmarc=reject\n\
            From: a\n <a@a.example>\nSubject: \xe2\x80\xae\x1b[2J\n\n";
        let found = about(printed, Some("mx.example"));
        assert_eq!(found.why.as_deref(), Some(&b"dmarc=fail header.from=a.example policy.dmarc=reject"[..]));
        assert_eq!(found.author.as_deref(), Some(&b"a <a@a.example>"[..]));
        assert_eq!(about(printed, None).why.as_deref(), Some(&b"dmarc=pass header.from=x.example"[..]));
        assert_eq!(about(printed, Some("third.example")).why, None);
        assert_eq!(about(b"", None), About::default());
    }
}
