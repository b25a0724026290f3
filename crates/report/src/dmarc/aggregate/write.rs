//! Writes aggregate reports as RFC 9990 has them, and names them

use std::fmt;
use std::io::Write as _;

use flate2::{Compression, GzBuilder};

use super::{
    Alignment, AuthResult, Discovery, Disposition, DkimResult, Evaluated, Head, NAMESPACE, Override, OverrideKind, Row,
    SpfResult,
};

/// Writes a report, row by row.
#[derive(Debug)]
pub struct Writer {
    /// What was written.
    xml: String,
    /// How many rows.
    rows: u64,
}

impl Writer {
    /// Begins a report. The percentage of RFC 7489 has no place in it any more.
    pub fn new(head: &Head) -> Result<Writer, Unwritable> {
        let mut writer = Writer { xml: String::with_capacity(4096), rows: 0 };
        writer.xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback xmlns=\"");
        writer.xml.push_str(NAMESPACE);
        writer.xml.push_str("\">\n");
        writer.value(1, "version", if head.version.is_empty() { "1.0" } else { &head.version });
        writer.metadata(head)?;
        writer.policy(head)?;
        Ok(writer)
    }

    /// Writes a row.
    pub fn row(&mut self, row: &Row) -> Result<(), Unwritable> {
        let start = self.xml.len();
        self.try_row(row).inspect_err(|_| self.xml.truncate(start))?;
        self.rows += 1;
        Ok(())
    }

    /// Returns how many octets were written so far.
    pub fn len(&self) -> usize {
        self.xml.len()
    }

    /// Tells whether no row was written so far.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Ends the report.
    pub fn finish(mut self) -> Result<String, Unwritable> {
        if self.rows == 0 {
            return Err(Unwritable { element: "record", why: "a report needs one at least" });
        }
        self.xml.push_str("</feedback>\n");
        Ok(self.xml)
    }

    /// Writes what the report says of itself.
    fn metadata(&mut self, head: &Head) -> Result<(), Unwritable> {
        self.open(1, "report_metadata");
        self.value(2, "org_name", &head.org_name);
        self.value(2, "email", &head.email);
        self.value_if_any(2, "extra_contact_info", &head.extra_contact_info);
        self.value(2, "report_id", &head.report_id);
        self.open(2, "date_range");
        self.value(3, "begin", &seconds(head.begin, "begin")?.to_string());
        self.value(3, "end", &seconds(head.end, "end")?.to_string());
        self.close(2, "date_range");
        self.value_if_any(2, "error", &head.errors.join("; "));
        self.value_if_any(2, "generator", &head.generator);
        self.close(1, "report_metadata");
        Ok(())
    }

    /// Writes the policy.
    fn policy(&mut self, head: &Head) -> Result<(), Unwritable> {
        let policy = &head.policy;
        if policy.domain.is_empty() {
            return Err(Unwritable { element: "domain", why: "a policy is that of a domain" });
        }
        self.open(1, "policy_published");
        self.value(2, "domain", &policy.domain);
        self.value(2, "p", asked(policy.p, "p")?.ok_or(Unwritable { element: "p", why: "it has to be said" })?);
        for (name, disposition) in [("sp", policy.sp), ("np", policy.np)] {
            self.value_if_any(2, name, asked(disposition, name)?.unwrap_or_default());
        }
        for (name, alignment) in [("adkim", policy.adkim), ("aspf", policy.aspf)] {
            let word = alignment.map(|alignment| known(alignment, Alignment::Unknown, name)).transpose()?;
            self.value_if_any(2, name, word.map_or("", Alignment::word));
        }
        let method =
            policy.discovery_method.map(|method| known(method, Discovery::Unknown, "discovery_method")).transpose()?;
        self.value_if_any(2, "discovery_method", method.map_or("", Discovery::word));
        self.value_if_any(2, "fo", &policy.fo);
        self.value_if_any(2, "testing", policy.testing.map_or("", |is| if is { "y" } else { "n" }));
        self.close(1, "policy_published");
        Ok(())
    }

    /// Writes a row, or a part of it before it fails.
    fn try_row(&mut self, row: &Row) -> Result<(), Unwritable> {
        let source = row.source_ip.ok_or(Unwritable { element: "source_ip", why: "it is no address" })?;
        if row.header_from.is_empty() {
            return Err(Unwritable { element: "header_from", why: "it has to be said" });
        }
        self.open(1, "record");
        self.open(2, "row");
        self.value(3, "source_ip", &source.to_canonical().to_string());
        self.value(3, "count", &row.count.to_string());
        self.evaluated(row)?;
        self.close(2, "row");
        self.open(2, "identifiers");
        self.value(3, "header_from", &row.header_from);
        self.value_if_any(3, "envelope_from", &row.envelope_from);
        self.value_if_any(3, "envelope_to", &row.envelope_to);
        self.close(2, "identifiers");
        self.open(2, "auth_results");
        row.dkim_results.iter().try_for_each(|result| self.dkim(result))?;
        match row.spf_results.as_slice() {
            [] => {}
            [result] => self.spf(result)?,
            _ => return Err(Unwritable { element: "spf", why: "there may be one result only" }),
        }
        self.close(2, "auth_results");
        self.close(1, "record");
        Ok(())
    }

    /// Writes how the mails were judged.
    fn evaluated(&mut self, row: &Row) -> Result<(), Unwritable> {
        let missing = |element| Unwritable { element, why: "it has to be said" };
        self.open(3, "policy_evaluated");
        let disposition = known(row.disposition.ok_or(missing("disposition"))?, Disposition::Unknown, "disposition")?;
        self.value(4, "disposition", disposition.word());
        for (name, evaluated) in [("dkim", row.dkim), ("spf", row.spf)] {
            self.value(4, name, known(evaluated.ok_or(missing(name))?, Evaluated::Unknown, name)?.word());
        }
        row.reasons.iter().try_for_each(|reason| self.reason(reason))?;
        self.close(3, "policy_evaluated");
        Ok(())
    }

    /// Writes why something else was done than the policy asks for.
    fn reason(&mut self, reason: &Override) -> Result<(), Unwritable> {
        let kind = match reason.kind {
            None | Some(OverrideKind::Unknown | OverrideKind::Forwarded | OverrideKind::SampledOut) => {
                return Err(Unwritable { element: "type", why: "it is none of RFC 9990" });
            }
            Some(kind) => kind,
        };
        self.open(4, "reason");
        self.value(5, "type", kind.word());
        self.value_if_any(5, "comment", &reason.comment);
        self.close(4, "reason");
        Ok(())
    }

    /// Writes what DKIM said.
    fn dkim(&mut self, result: &DkimResult) -> Result<(), Unwritable> {
        let outcome = outcome(result.result)?;
        if outcome == AuthResult::Softfail {
            return Err(Unwritable { element: "result", why: "DKIM has no softfail" });
        }
        self.open(3, "dkim");
        self.value(4, "domain", &result.domain);
        self.value(4, "selector", &result.selector);
        self.value(4, "result", outcome.word());
        self.value_if_any(4, "human_result", &result.human_result);
        self.close(3, "dkim");
        Ok(())
    }

    /// Writes what SPF said.
    fn spf(&mut self, result: &SpfResult) -> Result<(), Unwritable> {
        if !matches!(result.scope.as_str(), "" | "mfrom") {
            return Err(Unwritable { element: "scope", why: "only the MAIL FROM identity is reported" });
        }
        self.open(3, "spf");
        self.value(4, "domain", &result.domain);
        self.value_if_any(4, "scope", &result.scope);
        self.value(4, "result", outcome(result.result)?.word());
        self.value_if_any(4, "human_result", &result.human_result);
        self.close(3, "spf");
        Ok(())
    }

    /// Writes a start tag on a line of its own.
    fn open(&mut self, depth: usize, name: &str) {
        self.indent(depth);
        self.xml.extend(["<", name, ">\n"]);
    }

    /// Writes an end tag on a line of its own.
    fn close(&mut self, depth: usize, name: &str) {
        self.indent(depth);
        self.xml.extend(["</", name, ">\n"]);
    }

    /// Writes a value, if there is any.
    fn value_if_any(&mut self, depth: usize, name: &str, value: &str) {
        if !value.is_empty() {
            self.value(depth, name, value);
        }
    }

    /// Writes a value on a line of its own.
    fn value(&mut self, depth: usize, name: &str, value: &str) {
        self.indent(depth);
        self.xml.extend(["<", name, ">"]);
        for character in value.chars() {
            match character {
                '&' => self.xml.push_str("&amp;"),
                '<' => self.xml.push_str("&lt;"),
                '>' => self.xml.push_str("&gt;"),
                '\r' => self.xml.push_str("&#13;"),
                // XML 1.0 §2.2 has no place for these, not even escaped.
                '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                    self.xml.push(char::REPLACEMENT_CHARACTER);
                }
                _ => self.xml.push(character),
            }
        }
        self.xml.extend(["</", name, ">\n"]);
    }

    /// Indents a line.
    fn indent(&mut self, depth: usize) {
        self.xml.extend(std::iter::repeat_n("  ", depth));
    }
}

/// Something that a report cannot say: our own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unwritable {
    /// The element that cannot be written.
    pub element: &'static str,
    /// Why not.
    pub why: &'static str,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be written: {}", self.element, self.why)
    }
}

impl std::error::Error for Unwritable {}

/// Returns a word that is one.
fn known<W: Copy + PartialEq>(word: W, unknown: W, element: &'static str) -> Result<W, Unwritable> {
    if word == unknown { Err(Unwritable { element, why: "it is no word that is known" }) } else { Ok(word) }
}

/// Returns the word for what a policy asks for: `pass` is nothing to ask for.
fn asked(disposition: Option<Disposition>, element: &'static str) -> Result<Option<&'static str>, Unwritable> {
    match disposition {
        Some(Disposition::Unknown | Disposition::Pass) => Err(Unwritable { element, why: "it is no policy" }),
        disposition => Ok(disposition.map(Disposition::word)),
    }
}

/// Returns a result that is one.
fn outcome(result: Option<AuthResult>) -> Result<AuthResult, Unwritable> {
    known(result.unwrap_or(AuthResult::Unknown), AuthResult::Unknown, "result")
}

/// Returns a moment in seconds.
fn seconds(micros: Option<i64>, element: &'static str) -> Result<i64, Unwritable> {
    micros.map(|micros| micros.div_euclid(1_000_000)).ok_or(Unwritable { element, why: "it has to be said" })
}

/// Packs a report for the mail: the same octets each time, no name and no time in them.
pub fn gzip(report: &[u8]) -> Vec<u8> {
    let mut packed = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::new(6));
    packed.write_all(report).expect("writing to a vector does not fail");
    packed.finish().expect("writing to a vector does not fail")
}

/// Returns the name of the file (RFC 9990): `receiver!domain!begin!end!unique.xml.gz`. Characters that its grammar does not
/// have are left out of `unique`, and all of it where nothing is left.
pub fn file_name(receiver: &str, head: &Head, unique: &str) -> Result<String, Unwritable> {
    let (begin, end) = (seconds(head.begin, "begin")?, seconds(head.end, "end")?);
    let unique: String = unique.chars().filter(char::is_ascii_alphanumeric).collect();
    let mark = if unique.is_empty() { "" } else { "!" };
    Ok(format!("{receiver}!{}!{begin}!{end}{mark}{unique}.xml.gz", head.policy.domain))
}

/// Returns the Subject of the mail (RFC 9990).
pub fn subject(head: &Head, submitter: &str) -> String {
    format!("Report Domain: {} Submitter: {submitter} Report-ID: <{}>", head.policy.domain, head.report_id)
}
