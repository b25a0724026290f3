//! The DMARC policy record: what a domain owner publishes at `_dmarc.<domain>` (RFC 9989 §4.7, §4.8)

use std::sync::Arc;

use sekisho_core::facts::Outcome;

use crate::verdict::Disposition;

/// One policy record, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The text as published.
    pub text: Arc<[u8]>,
    /// `p`, where it is valid.
    pub p: Option<Disposition>,
    /// `sp`, for subdomains.
    pub sp: Option<Disposition>,
    /// `np`, for subdomains that do not exist.
    pub np: Option<Disposition>,
    /// Whether the record can be acted upon.
    pub standing: Standing,
    /// `psd`.
    pub psd: Psd,
    /// `t=y`: the policy is to be applied one level lower.
    pub testing: bool,
    /// `adkim`.
    pub adkim: Alignment,
    /// `aspf`.
    pub aspf: Alignment,
    /// `rua`: the reporting URIs that are syntactically valid.
    pub rua: Vec<String>,
    /// `ruf`: likewise.
    pub ruf: Vec<String>,
    /// `fo`.
    pub fo: FailureOptions,
}

/// Whether a record can be acted upon (§4.10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As it is written.
    AsWritten,
    /// As if it said `p=none`: a policy tag is missing or wrong, but somebody wants reports.
    AsNone(Fault),
    /// Not at all: a policy tag is missing or wrong, and nobody wants reports.
    Unusable(Fault),
}

/// Which policy tag is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `p` is missing or no policy.
    P,
    /// `sp` is no policy.
    Sp,
    /// `np` is no policy.
    Np,
}

impl Fault {
    /// Returns the tag's name.
    pub fn tag(self) -> &'static str {
        match self {
            Fault::P => "p",
            Fault::Sp => "sp",
            Fault::Np => "np",
        }
    }
}

/// Whether the record stands at a public suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Psd {
    /// `psd=y`: it does.
    Yes,
    /// `psd=n`: it does not, and its domain is an organizational domain.
    No,
    /// The walk has to tell.
    Unknown,
}

/// How close an identifier must be to the author domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alignment {
    /// The organizational domains are the same.
    Relaxed,
    /// The domains are the same.
    Strict,
}

/// `fo`: when failure reports are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureOptions {
    /// `0`: when every mechanism fails.
    pub all: bool,
    /// `1`: when any mechanism fails.
    pub any: bool,
    /// `d`: when a signature fails.
    pub dkim: bool,
    /// `s`: when SPF fails.
    pub spf: bool,
}

impl Record {
    /// Reads the text of one TXT record; nothing where it is no DMARC policy record.
    pub fn parse(text: &[u8]) -> Option<Record> {
        let mut tags = text.split(|&b| b == b';');
        // §4.7: `v` comes first, and its value matches precisely; otherwise the entire record is ignored.
        if !text.starts_with(b"v") || split_tag(tags.next()?) != Some((b"v", b"DMARC1")) {
            return None;
        }
        let mut record = Record::new(text);
        let mut fault = None;
        let mut seen: Vec<&[u8]> = Vec::with_capacity(8);
        // §4.7: unknown tags are ignored, and syntax errors discarded in favour of the defaults.
        for (name, value) in tags.filter_map(split_tag) {
            // RFC 6376 §3.2: a tag may occur once; we keep the first and drop the others as errors.
            if !seen.contains(&name) {
                seen.push(name);
                fault = record.take(name, value).or(fault);
            }
        }
        let fault = if record.p.is_none() { Some(Fault::P) } else { fault };
        record.standing = match fault {
            None => Standing::AsWritten,
            Some(fault) if record.rua.is_empty() => Standing::Unusable(fault),
            Some(fault) => Standing::AsNone(fault),
        };
        Some(record)
    }

    /// Returns a record with every default (§4.7).
    fn new(text: &[u8]) -> Record {
        Record {
            text: text.into(),
            p: None,
            sp: None,
            np: None,
            standing: Standing::AsWritten,
            psd: Psd::Unknown,
            testing: false,
            adkim: Alignment::Relaxed,
            aspf: Alignment::Relaxed,
            rua: Vec::new(),
            ruf: Vec::new(),
            fo: FailureOptions { all: true, any: false, dkim: false, spf: false },
        }
    }

    /// Takes one tag over; returns the fault where a policy tag is no policy.
    fn take(&mut self, name: &[u8], value: &[u8]) -> Option<Fault> {
        let is = |word: &str| value.eq_ignore_ascii_case(word.as_bytes());
        match name {
            b"p" => self.p = parse_policy(value),
            b"sp" => {
                self.sp = parse_policy(value);
                return self.sp.is_none().then_some(Fault::Sp);
            }
            b"np" => {
                self.np = parse_policy(value);
                return self.np.is_none().then_some(Fault::Np);
            }
            b"psd" if is("y") => self.psd = Psd::Yes,
            b"psd" if is("n") => self.psd = Psd::No,
            b"t" => self.testing = is("y"),
            b"adkim" if is("s") => self.adkim = Alignment::Strict,
            b"aspf" if is("s") => self.aspf = Alignment::Strict,
            b"rua" => self.rua = parse_uris(value),
            b"ruf" => self.ruf = parse_uris(value),
            b"fo" => self.fo = parse_failure_options(value).unwrap_or(self.fo),
            _ => {}
        }
        None
    }

    /// Returns the URIs of `rua` with the most octets that a report for each may have: RFC 7489 §6.2 let that follow a `!`.
    pub fn rua_with_limits(&self) -> Vec<(String, Option<u64>)> {
        let tags = self.text.split(|&b| b == b';').filter_map(split_tag);
        let rua = tags.into_iter().find(|(name, _)| *name == b"rua").map(|(_, value)| value).unwrap_or_default();
        let uris = rua.split(|&b| b == b',').map(<[u8]>::trim_ascii);
        uris.filter_map(|uri| Some((parse_uri(uri)?, uri.split(|&b| b == b'!').nth(1).and_then(parse_limit)))).collect()
    }

    /// Returns the policy for the domain at which the record stands.
    pub fn own_policy(&self) -> (&'static str, Disposition) {
        match (self.standing, self.p) {
            (Standing::AsWritten, Some(p)) => ("p", p),
            _ => ("p", Disposition::None),
        }
    }

    /// Returns the policy for a subdomain, with the tag that says so (§4.10.1).
    pub fn subdomain_policy(&self, exists: bool) -> (&'static str, Disposition) {
        if self.standing != Standing::AsWritten {
            return ("p", Disposition::None);
        }
        match (self.np, self.sp) {
            (Some(np), _) if !exists => ("np", np),
            (_, Some(sp)) => ("sp", sp),
            _ => self.own_policy(),
        }
    }

    /// Returns what a policy of this record asks for, after `t=y` has lowered it by one level (§4.7, `t`).
    pub fn lowered(&self, policy: Disposition) -> Disposition {
        match policy {
            policy if !self.testing => policy,
            Disposition::Reject => Disposition::Quarantine,
            _ => Disposition::None,
        }
    }
}

/// What was found at one name.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// Exactly one policy record.
    One(Arc<Record>),
    /// Several, which are all discarded (§4.10, step 2).
    Several(usize),
    /// None.
    Absent,
    /// The DNS failed for now.
    Unavailable,
}

impl Found {
    /// Reads an answer; for [`sekisho_core::facts::Answer::parsed`].
    pub(crate) fn read(outcome: &Outcome) -> Found {
        if outcome.is_transient() {
            return Found::Unavailable;
        }
        let mut records = outcome
            .records()
            .iter()
            .filter_map(sekisho_core::facts::Record::text)
            .filter_map(|text| Record::parse(&text));
        match (records.next(), records.count()) {
            (None, _) => Found::Absent,
            (Some(record), 0) => Found::One(Arc::new(record)),
            (Some(_), more) => Found::Several(more + 1),
        }
    }
}

/// Splits `name = value`, without the white space around either; nothing where there is no `=`.
fn split_tag(tag: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = tag.iter().position(|&b| b == b'=')?;
    let (name, value) = (tag[..equals].trim_ascii(), tag[equals + 1..].trim_ascii());
    (!name.is_empty() && name.iter().all(u8::is_ascii_alphabetic)).then_some((name, value))
}

/// Reads `none`, `quarantine` or `reject` in whatever case (§4.8: ABNF strings do not care).
fn parse_policy(value: &[u8]) -> Option<Disposition> {
    Disposition::ALL.iter().copied().find(|policy| value.eq_ignore_ascii_case(policy.as_str().as_bytes()))
}

/// Reads `0:1:d:s`; a list with anything else in it is a syntax error.
fn parse_failure_options(value: &[u8]) -> Option<FailureOptions> {
    let mut options = FailureOptions { all: false, any: false, dkim: false, spf: false };
    for option in value.split(|&b| b == b':') {
        match option.trim_ascii() {
            b"0" => options.all = true,
            b"1" => options.any = true,
            b"d" | b"D" => options.dkim = true,
            b"s" | b"S" => options.spf = true,
            _ => return None,
        }
    }
    Some(options)
}

/// Reads a comma-separated list of reporting URIs and keeps those that are valid (§4.6).
fn parse_uris(value: &[u8]) -> Vec<String> {
    value.split(|&b| b == b',').filter_map(|uri| parse_uri(uri.trim_ascii())).collect()
}

/// Reads one URI. RFC 7489 let a size follow a `!`; §4.8 wants `!` encoded, so whatever follows one is dropped.
fn parse_uri(uri: &[u8]) -> Option<String> {
    let uri = uri.split(|&b| b == b'!').next()?;
    let uri = std::str::from_utf8(uri).ok()?;
    let (scheme, rest) = uri.split_once(':')?;
    let scheme_is_valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let rest_is_valid = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    if !scheme_is_valid || !rest_is_valid {
        return None;
    }
    if scheme.eq_ignore_ascii_case("mailto") {
        let address = rest.split('?').next()?;
        let (local, domain) = address.rsplit_once('@')?;
        if local.is_empty() || sekisho_core::name::DomainName::parse(domain).is_err() {
            return None;
        }
    }
    Some(uri.to_owned())
}

/// Reads how large a report may be: a number, and maybe `k`, `m`, `g` or `t` for powers of 1024 (RFC 7489 §6.2).
fn parse_limit(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let power = match text.get(digits.len()..)?.to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u64>().ok())??.checked_mul(1024_u64.pow(power))
}

impl std::fmt::Display for FailureOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let options = [(self.all, "0"), (self.any, "1"), (self.dkim, "d"), (self.spf, "s")];
        let wanted = options.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, option)| option);
        f.write_str(&wanted.collect::<Vec<_>>().join(":"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Record {
        Record::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_version_comes_first_and_is_exact() {
        assert!(Record::parse(b"v=DMARC1; p=none").is_some());
        assert!(Record::parse(b"v = DMARC1 ;p=none").is_some());
        assert!(Record::parse(b"v=DMARC1").is_some());
        for text in [
            "v=dmarc1; p=none",
            "v=DMARC1x; p=none",
            "v=DMARC1 p=none",
            "p=none; v=DMARC1",
            " v=DMARC1",
            "V=DMARC1",
            "",
        ] {
            assert!(Record::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn known_tags_are_read_and_unknown_or_removed_ones_ignored() {
        let record = parse(
            "v=DMARC1; p=Reject; sp=quarantine; np=none; adkim=s; aspf=S; t=y; psd=n; pct=20; rf=afrf; ri=1; x=y; \
             fo=1:d; rua=mailto:a@example.org!10m,https://example.org/r; ruf=mailto:f@example.org;",
        );
        assert_eq!((record.p, record.sp), (Some(Disposition::Reject), Some(Disposition::Quarantine)));
        assert_eq!((record.np, record.testing, record.psd), (Some(Disposition::None), true, Psd::No));
        assert_eq!((record.adkim, record.aspf), (Alignment::Strict, Alignment::Strict));
        assert_eq!(record.rua, ["mailto:a@example.org", "https://example.org/r"]);
        assert_eq!(record.fo, FailureOptions { all: false, any: true, dkim: true, spf: false });
        assert_eq!(record.standing, Standing::AsWritten);
    }

    #[test]
    fn limits_of_old_records_are_told_beside_their_uris() {
        let record = parse(
            "v=DMARC1; p=none; fo=d:1; rua=mailto:a@b.example!10m , mailto:bad@, https://x.example/!3,mailto:c@d.example!1x",
        );
        let told = record.rua_with_limits();
        let told: Vec<_> = told.iter().map(|(uri, limit)| (uri.as_str(), *limit)).collect();
        let expected =
            [("mailto:a@b.example", Some(10 << 20)), ("https://x.example/", Some(3)), ("mailto:c@d.example", None)];
        assert_eq!(told, expected);
        assert_eq!(record.fo.to_string(), "1:d");
        assert_eq!(parse_limit(b"99999999999999999999g"), None);
        assert_eq!(parse_limit(b"18014398509481985k"), None);
    }

    #[test]
    fn a_bad_policy_tag_means_none_with_a_valid_rua_and_nothing_without() {
        let rua = "rua=mailto:a@example.org";
        assert_eq!(parse(&format!("v=DMARC1; {rua}")).standing, Standing::AsNone(Fault::P));
        assert_eq!(parse(&format!("v=DMARC1; p=all; {rua}")).standing, Standing::AsNone(Fault::P));
        assert_eq!(parse(&format!("v=DMARC1; p=reject; sp=all; {rua}")).standing, Standing::AsNone(Fault::Sp));
        assert_eq!(parse(&format!("v=DMARC1; p=reject; np=; {rua}")).standing, Standing::AsNone(Fault::Np));
        assert_eq!(parse("v=DMARC1").standing, Standing::Unusable(Fault::P));
        assert_eq!(parse("v=DMARC1; p=reject; sp=all").standing, Standing::Unusable(Fault::Sp));
        for bad in ["mailto:", "mailto:a", "a@example.org", "mailto:a@", "mailto:a@b..c", "1:x", ":x", "mailto:@b"] {
            let record = parse(&format!("v=DMARC1; rua={bad}"));
            assert_eq!(record.standing, Standing::Unusable(Fault::P), "{bad}");
        }
        let record = parse(&format!("v=DMARC1; p=reject; sp=all; {rua}"));
        assert_eq!((record.own_policy().1, record.subdomain_policy(true).1), (Disposition::None, Disposition::None));
    }

    #[test]
    fn subdomains_fall_back_from_np_to_sp_to_p() {
        let record = parse("v=DMARC1; p=reject; sp=quarantine; np=none");
        assert_eq!(record.subdomain_policy(true), ("sp", Disposition::Quarantine));
        assert_eq!(record.subdomain_policy(false), ("np", Disposition::None));
        assert_eq!(parse("v=DMARC1; p=reject; np=none").subdomain_policy(true), ("p", Disposition::Reject));
        assert_eq!(parse("v=DMARC1; p=reject; sp=none").subdomain_policy(false), ("sp", Disposition::None));
    }

    #[test]
    fn testing_lowers_by_one_level() {
        let record = parse("v=DMARC1; p=reject; t=y");
        assert_eq!(record.lowered(Disposition::Reject), Disposition::Quarantine);
        assert_eq!(record.lowered(Disposition::Quarantine), Disposition::None);
        assert_eq!(record.lowered(Disposition::None), Disposition::None);
        assert_eq!(parse("v=DMARC1; p=reject; t=n").lowered(Disposition::Reject), Disposition::Reject);
    }

    #[test]
    fn the_first_of_a_repeated_tag_counts() {
        assert_eq!(parse("v=DMARC1; p=reject; p=none").p, Some(Disposition::Reject));
        assert_eq!(parse("v=DMARC1; p=bad; p=reject").p, None);
    }
}
