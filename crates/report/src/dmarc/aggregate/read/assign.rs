//! Puts values where they belong

use std::net::IpAddr;

use super::super::element::{Element, Value};
use super::super::word::{Flag, Word};
use super::super::{DkimResult, Head, Limits, Override, Row, SpfResult};
use crate::domain;
use crate::moment::moment;
use crate::warning::{Mend, Warnings};

/// The largest count that one row may have: more mails than anybody gets from one host in a month.
const COUNT_MAX: u64 = 10_000_000_000;

/// What was read of a report.
pub(super) struct Content {
    /// What it says of itself.
    pub(super) head: Head,
    /// The row being read.
    pub(super) row: Row,
    /// Whether its `row` began.
    has_row: bool,
    /// Whether it has a count.
    has_count: bool,
    /// How many rows are complete.
    pub(super) rows: u64,
    /// How many mails they stand for.
    pub(super) messages: u64,
    /// What was mended.
    pub(super) warnings: Warnings,
    /// How long lists may be.
    list: usize,
    /// Results of earlier rows, whose room is used again.
    dkim: Vec<DkimResult>,
    /// The same of SPF.
    spf: Vec<SpfResult>,
    /// The same of reasons.
    reasons: Vec<Override>,
}

impl Content {
    /// Begins a report.
    pub(super) fn new(limits: &Limits) -> Content {
        Content {
            head: Head::default(),
            row: Row::default(),
            has_row: false,
            has_count: false,
            rows: 0,
            messages: 0,
            warnings: Warnings::default(),
            list: limits.list,
            dkim: Vec::new(),
            spf: Vec::new(),
            reasons: Vec::new(),
        }
    }

    /// Makes room for another row.
    pub(super) fn clear_row(&mut self) {
        let row = &mut self.row;
        self.dkim.append(&mut row.dkim_results);
        self.spf.append(&mut row.spf_results);
        self.reasons.append(&mut row.reasons);
        row.source_ip = None;
        (row.disposition, row.dkim, row.spf) = (None, None, None);
        for text in [&mut row.source_text, &mut row.header_from, &mut row.envelope_from, &mut row.envelope_to] {
            text.clear();
        }
        row.count = 1;
        (self.has_row, self.has_count) = (false, false);
    }

    /// Opens an element that holds others.
    pub(super) fn open(&mut self, element: Element) {
        match element {
            Element::Record => self.clear_row(),
            Element::Row if self.has_row => {
                let why = || "a record has more than one `row`; the last one counts".into();
                self.warnings.note(Mend::SecondRow, why);
            }
            Element::Row => self.has_row = true,
            Element::Dkim if self.has_room(self.row.dkim_results.len()) => {
                let mut result = self.dkim.pop().unwrap_or_default();
                result.result = None;
                [&mut result.domain, &mut result.selector, &mut result.human_result]
                    .into_iter()
                    .for_each(String::clear);
                self.row.dkim_results.push(result);
            }
            Element::Spf if self.has_room(self.row.spf_results.len()) => {
                let mut result = self.spf.pop().unwrap_or_default();
                result.result = None;
                [&mut result.domain, &mut result.scope, &mut result.human_result].into_iter().for_each(String::clear);
                self.row.spf_results.push(result);
            }
            Element::Reason if self.has_room(self.row.reasons.len()) => {
                let mut reason = self.reasons.pop().unwrap_or_default();
                reason.kind = None;
                reason.comment.clear();
                self.row.reasons.push(reason);
            }
            _ => {}
        }
    }

    /// Tells whether a list of that length may get longer.
    fn has_room(&mut self, length: usize) -> bool {
        if length >= self.list {
            let list = self.list;
            self.warnings
                .note(Mend::LongList, || format!("a list has more than {list} entries; the last ones are lost"));
        }
        length < self.list
    }

    /// Ends a row.
    pub(super) fn end_row(&mut self) {
        let Content { row, warnings, .. } = self;
        for (is_missing, mend, name) in [
            (row.source_ip.is_none() && row.source_text.is_empty(), Mend::Missing, "source_ip"),
            (!self.has_count, Mend::BadCount, "count"),
            (row.header_from.is_empty(), Mend::Missing, "header_from"),
        ] {
            if is_missing {
                warnings.note(mend, || format!("a row has no `{name}`"));
            }
        }
        self.rows += 1;
        self.messages = self.messages.saturating_add(row.count);
    }

    /// Ends the report.
    pub(super) fn end(&mut self) {
        let Content { head, warnings, .. } = self;
        for (is_missing, mend, name) in [
            (head.policy.domain.is_empty(), Mend::NoDomain, "policy_published/domain"),
            (head.report_id.is_empty(), Mend::Missing, "report_id"),
            (head.org_name.is_empty(), Mend::Missing, "org_name"),
            (head.begin.is_none() || head.end.is_none(), Mend::BadDate, "date_range"),
        ] {
            if is_missing {
                warnings.note(mend, || format!("the report has no `{name}`"));
            }
        }
        if let (Some(begin), Some(end)) = (head.begin, head.end)
            && end < begin
        {
            (head.begin, head.end) = (Some(end), Some(begin));
            warnings.note(Mend::SwappedDates, || "the period ends before it begins".into());
        }
        if self.rows == 0 {
            warnings.note(Mend::NoRows, || "the report has no row".into());
        }
    }

    /// Puts a value where it belongs.
    #[inline]
    pub(super) fn assign(&mut self, value: Value, text: &str) {
        let Content { row, warnings, .. } = self;
        match value {
            Value::SourceIp => match text.parse::<IpAddr>().ok().or_else(|| literal(text)) {
                Some(address) => row.source_ip = Some(address.to_canonical()),
                None => {
                    set(&mut row.source_text, text);
                    warnings.note(Mend::BadAddress, || format!("`{}` is no address", text.escape_debug()));
                }
            },
            Value::Count => {
                row.count = count(text, warnings);
                self.has_count = true;
            }
            Value::Disposition => row.disposition = word(text, "disposition", warnings),
            Value::DkimEvaluated => row.dkim = word(text, "dkim", warnings),
            Value::SpfEvaluated => row.spf = word(text, "spf", warnings),
            Value::HeaderFrom => domain::set(&mut row.header_from, text),
            Value::EnvelopeFrom => domain::set(&mut row.envelope_from, text),
            Value::EnvelopeTo => domain::set(&mut row.envelope_to, text),
            Value::ReasonType | Value::ReasonComment => {
                if let Some(reason) = row.reasons.last_mut() {
                    match value {
                        Value::ReasonType => reason.kind = word(text, "type", warnings),
                        _ => set(&mut reason.comment, text),
                    }
                }
            }
            Value::DkimDomain | Value::DkimSelector | Value::DkimOutcome | Value::DkimHuman => {
                if let Some(result) = row.dkim_results.last_mut() {
                    match value {
                        Value::DkimDomain => domain::set(&mut result.domain, text),
                        Value::DkimSelector => set(&mut result.selector, text),
                        Value::DkimOutcome => result.result = word(text, "result", warnings),
                        _ => set(&mut result.human_result, text),
                    }
                }
            }
            Value::SpfDomain | Value::SpfScope | Value::SpfOutcome | Value::SpfHuman => {
                if let Some(result) = row.spf_results.last_mut() {
                    match value {
                        Value::SpfDomain => domain::set(&mut result.domain, text),
                        Value::SpfScope => set(&mut result.scope, text),
                        Value::SpfOutcome => result.result = word(text, "result", warnings),
                        _ => set(&mut result.human_result, text),
                    }
                }
            }
            _ => self.assign_head(value, text),
        }
    }

    /// Puts a value of the head where it belongs.
    fn assign_head(&mut self, value: Value, text: &str) {
        let list = self.list;
        let Content { head, warnings, .. } = self;
        let policy = &mut head.policy;
        match value {
            Value::Version => set(&mut head.version, text),
            Value::OrgName => set(&mut head.org_name, text),
            Value::Email => set(&mut head.email, text),
            Value::ExtraContactInfo => set(&mut head.extra_contact_info, text),
            Value::ReportId => set(&mut head.report_id, text),
            Value::Error if head.errors.len() < list => head.errors.push(text.to_owned()),
            Value::Error => warnings.note(Mend::LongList, || format!("there are more than {list} errors")),
            Value::Generator => set(&mut head.generator, text),
            Value::Begin => head.begin = date(text, warnings),
            Value::End => head.end = date(text, warnings),
            Value::PolicyDomain => domain::set(&mut policy.domain, text),
            Value::Adkim => policy.adkim = word(text, "adkim", warnings),
            Value::Aspf => policy.aspf = word(text, "aspf", warnings),
            Value::P => policy.p = word(text, "p", warnings),
            Value::Sp => policy.sp = word(text, "sp", warnings),
            Value::Np => policy.np = word(text, "np", warnings),
            Value::Pct => policy.pct = percentage(text, warnings),
            Value::Fo => set(&mut policy.fo, text),
            Value::Testing => {
                policy.testing = word(text, "testing", warnings)
                    .and_then(|flag| [(Flag::Yes, true), (Flag::No, false)].into_iter().find(|pair| pair.0 == flag))
                    .map(|(_, is)| is);
            }
            Value::DiscoveryMethod => policy.discovery_method = word(text, "discovery_method", warnings),
            _ => {}
        }
    }
}

/// Sets a text, in the room that it has already.
#[inline]
fn set(place: &mut String, text: &str) {
    place.clear();
    place.push_str(text);
}

/// Reads an address as SMTP writes it: `[192.0.2.1]`, `[IPv6:2001:db8::1]`, also without the brackets.
fn literal(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let is_six = bare.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("ipv6:"));
    bare.get(if is_six { 5.. } else { 0.. })?.parse().ok()
}

/// Reads a word; nothing where there is none.
#[inline]
fn word<W: Word>(text: &str, name: &str, warnings: &mut Warnings) -> Option<W> {
    if text.is_empty() {
        return None;
    }
    let (meaning, mend) = W::read(text);
    if let Some(mend) = mend {
        warnings.note(mend, || format!("`{name}` is `{}`", text.escape_debug()));
    }
    Some(meaning)
}

/// Reads a count: one at least where it is none, since a row stands for a mail.
#[inline]
fn count(text: &str, warnings: &mut Warnings) -> u64 {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    match digits.parse::<u64>() {
        Ok(count) if count <= COUNT_MAX => count,
        // What is too large even for that is written in digits alone, too.
        Err(_) if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            warnings.note(Mend::BadCount, || format!("`{}` is no count", text.escape_debug()));
            grouped(digits).unwrap_or(1)
        }
        Ok(_) | Err(_) => {
            warnings.note(Mend::BadCount, || format!("no count is as large as `{text}`"));
            COUNT_MAX
        }
    }
}

/// Reads a count whose digits somebody grouped: `12,345`.
fn grouped(text: &str) -> Option<u64> {
    let mut groups = text.split(',');
    let first = groups.next().filter(|first| (1..=3).contains(&first.len()))?;
    let rest: Vec<&str> = groups.collect();
    let is_number = |group: &str| group.bytes().all(|digit| digit.is_ascii_digit());
    let is_grouped =
        !rest.is_empty() && is_number(first) && rest.iter().all(|group| group.len() == 3 && is_number(group));
    let read = if is_grouped { (first.to_owned() + &rest.concat()).parse::<u64>().ok() } else { None };
    read.map(|count| count.min(COUNT_MAX))
}

/// Reads a date in seconds; milliseconds and microseconds show themselves by their size. Some write a date as people do.
fn date(text: &str, warnings: &mut Warnings) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_decimal = fraction.bytes().all(|digit| digit.is_ascii_digit());
    let number = if is_decimal { whole.parse::<i64>().ok() } else { None };
    let (micros, is_usual) = match number {
        Some(seconds @ 0..=9_999_999_999) => (Some(seconds * 1_000_000), true),
        Some(millis @ 100_000_000_000..=9_999_999_999_999) => (Some(millis * 1000), false),
        Some(micros @ 100_000_000_000_000..=9_999_999_999_999_999) => (Some(micros), false),
        Some(_) => (None, false),
        None => (moment(text).map(jiff::Timestamp::as_microsecond), false),
    };
    if !is_usual {
        warnings.note(Mend::BadDate, || format!("`{}` is no date in seconds since 1970", text.escape_debug()));
    }
    micros
}

/// Reads a percentage.
fn percentage(text: &str, warnings: &mut Warnings) -> Option<u8> {
    let read = text.trim_end_matches('%').parse::<u8>().ok().filter(|percent| *percent <= 100);
    if read.is_none() && !text.is_empty() {
        warnings.note(Mend::BadNumber, || format!("`{}` is no percentage", text.escape_debug()));
    }
    read
}
