//! Which elements an aggregate report has, and in which others they stand

/// An element, known by where it stands and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Around everything.
    Document,
    /// `feedback`.
    Feedback,
    /// `report_metadata`.
    Metadata,
    /// `date_range`.
    DateRange,
    /// `policy_published`.
    Policy,
    /// `record`.
    Record,
    /// `row`.
    Row,
    /// `policy_evaluated`.
    Evaluated,
    /// `reason`.
    Reason,
    /// `identifiers`.
    Identifiers,
    /// `auth_results`.
    AuthResults,
    /// `dkim` in there.
    Dkim,
    /// `spf` in there.
    Spf,
    /// One that holds a value.
    Value(Value),
    /// One that is passed over with all that is in it.
    Other,
}

/// An element that holds a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// `version`.
    Version,
    /// `org_name`.
    OrgName,
    /// `email`.
    Email,
    /// `extra_contact_info`.
    ExtraContactInfo,
    /// `report_id`.
    ReportId,
    /// `error`.
    Error,
    /// `generator`.
    Generator,
    /// `begin`.
    Begin,
    /// `end`.
    End,
    /// `domain` in `policy_published`.
    PolicyDomain,
    /// `adkim`.
    Adkim,
    /// `aspf`.
    Aspf,
    /// `p`.
    P,
    /// `sp`.
    Sp,
    /// `np`.
    Np,
    /// `pct`.
    Pct,
    /// `fo`.
    Fo,
    /// `testing`.
    Testing,
    /// `discovery_method`.
    DiscoveryMethod,
    /// `source_ip`.
    SourceIp,
    /// `count`.
    Count,
    /// `disposition`.
    Disposition,
    /// `dkim` in `policy_evaluated`.
    DkimEvaluated,
    /// `spf` in `policy_evaluated`.
    SpfEvaluated,
    /// `type` in `reason`.
    ReasonType,
    /// `comment` in `reason`.
    ReasonComment,
    /// `header_from`.
    HeaderFrom,
    /// `envelope_from`.
    EnvelopeFrom,
    /// `envelope_to`.
    EnvelopeTo,
    /// `domain` in `dkim`.
    DkimDomain,
    /// `selector` in `dkim`.
    DkimSelector,
    /// `result` in `dkim`.
    DkimOutcome,
    /// `human_result` in `dkim`.
    DkimHuman,
    /// `domain` in `spf`.
    SpfDomain,
    /// `scope` in `spf`.
    SpfScope,
    /// `result` in `spf`.
    SpfOutcome,
    /// `human_result` in `spf`.
    SpfHuman,
}

impl Element {
    /// Returns what an element of that name is in this one.
    pub(super) fn child(self, name: &[u8]) -> Element {
        let value = match self {
            Element::Document => return if name == b"feedback" { Element::Feedback } else { Element::Other },
            Element::Feedback => return in_feedback(name),
            Element::Record => return in_record(name),
            Element::Row => match name {
                b"source_ip" => Value::SourceIp,
                b"count" => Value::Count,
                b"policy_evaluated" => return Element::Evaluated,
                _ => return Element::Other,
            },
            Element::Evaluated => match name {
                b"disposition" => Value::Disposition,
                b"dkim" => Value::DkimEvaluated,
                b"spf" => Value::SpfEvaluated,
                b"reason" => return Element::Reason,
                _ => return Element::Other,
            },
            Element::Identifiers => match name {
                b"header_from" => Value::HeaderFrom,
                b"envelope_from" => Value::EnvelopeFrom,
                b"envelope_to" => Value::EnvelopeTo,
                _ => return Element::Other,
            },
            Element::AuthResults => match name {
                b"dkim" => return Element::Dkim,
                b"spf" => return Element::Spf,
                _ => return Element::Other,
            },
            Element::Metadata | Element::DateRange | Element::Policy => return in_head(self, name),
            Element::Reason | Element::Dkim | Element::Spf => return in_list(self, name),
            Element::Value(_) | Element::Other => return Element::Other,
        };
        Element::Value(value)
    }
}

/// Returns what stands in `feedback`.
fn in_feedback(name: &[u8]) -> Element {
    match name {
        b"record" => Element::Record,
        b"version" => Element::Value(Value::Version),
        b"report_metadata" => Element::Metadata,
        b"policy_published" => Element::Policy,
        _ => Element::Other,
    }
}

/// Returns what stands in `record`; `identities` is of old drafts.
fn in_record(name: &[u8]) -> Element {
    match name {
        b"row" => Element::Row,
        b"identifiers" | b"identities" => Element::Identifiers,
        b"auth_results" => Element::AuthResults,
        _ => Element::Other,
    }
}

/// Returns what stands in what is said once.
fn in_head(element: Element, name: &[u8]) -> Element {
    Element::Value(match (element, name) {
        (Element::Metadata, b"date_range") => return Element::DateRange,
        (Element::Metadata, b"org_name") => Value::OrgName,
        (Element::Metadata, b"email") => Value::Email,
        (Element::Metadata, b"extra_contact_info") => Value::ExtraContactInfo,
        (Element::Metadata, b"report_id") => Value::ReportId,
        (Element::Metadata, b"error") => Value::Error,
        (Element::Metadata, b"generator") => Value::Generator,
        (Element::DateRange, b"begin") => Value::Begin,
        (Element::DateRange, b"end") => Value::End,
        (Element::Policy, b"domain") => Value::PolicyDomain,
        (Element::Policy, b"adkim") => Value::Adkim,
        (Element::Policy, b"aspf") => Value::Aspf,
        (Element::Policy, b"p") => Value::P,
        (Element::Policy, b"sp") => Value::Sp,
        (Element::Policy, b"np") => Value::Np,
        (Element::Policy, b"pct") => Value::Pct,
        (Element::Policy, b"fo") => Value::Fo,
        (Element::Policy, b"testing") => Value::Testing,
        (Element::Policy, b"discovery_method") => Value::DiscoveryMethod,
        _ => return Element::Other,
    })
}

/// Returns what stands in what may be said several times.
fn in_list(element: Element, name: &[u8]) -> Element {
    Element::Value(match (element, name) {
        (Element::Dkim, b"domain") => Value::DkimDomain,
        (Element::Dkim, b"selector") => Value::DkimSelector,
        (Element::Dkim, b"result") => Value::DkimOutcome,
        (Element::Dkim, b"human_result") => Value::DkimHuman,
        (Element::Spf, b"domain") => Value::SpfDomain,
        (Element::Spf, b"scope") => Value::SpfScope,
        (Element::Spf, b"result") => Value::SpfOutcome,
        (Element::Spf, b"human_result") => Value::SpfHuman,
        (Element::Reason, b"type") => Value::ReasonType,
        (Element::Reason, b"comment") => Value::ReasonComment,
        _ => return Element::Other,
    })
}
