//! Which elements an aggregate report has, and in which others they stand

use super::same::same;

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
    #[inline]
    pub(super) fn child(self, name: &[u8]) -> Element {
        let named = self.children().iter().find(|(known, _)| same(known.as_bytes(), name));
        named.map_or(Element::Other, |(_, element)| *element)
    }

    /// Returns what stands in this one, the most frequent first; `identities` is of old drafts.
    fn children(self) -> &'static [(&'static str, Element)] {
        match self {
            Element::Document => &[("feedback", Element::Feedback)],
            Element::Feedback => &[
                ("record", Element::Record),
                ("version", Element::Value(Value::Version)),
                ("report_metadata", Element::Metadata),
                ("policy_published", Element::Policy),
            ],
            Element::Metadata => &[
                ("date_range", Element::DateRange),
                ("org_name", Element::Value(Value::OrgName)),
                ("email", Element::Value(Value::Email)),
                ("extra_contact_info", Element::Value(Value::ExtraContactInfo)),
                ("report_id", Element::Value(Value::ReportId)),
                ("error", Element::Value(Value::Error)),
                ("generator", Element::Value(Value::Generator)),
            ],
            Element::DateRange => &[("begin", Element::Value(Value::Begin)), ("end", Element::Value(Value::End))],
            Element::Policy => &[
                ("domain", Element::Value(Value::PolicyDomain)),
                ("adkim", Element::Value(Value::Adkim)),
                ("aspf", Element::Value(Value::Aspf)),
                ("p", Element::Value(Value::P)),
                ("sp", Element::Value(Value::Sp)),
                ("np", Element::Value(Value::Np)),
                ("pct", Element::Value(Value::Pct)),
                ("fo", Element::Value(Value::Fo)),
                ("testing", Element::Value(Value::Testing)),
                ("discovery_method", Element::Value(Value::DiscoveryMethod)),
            ],
            Element::Record => &[
                ("row", Element::Row),
                ("identifiers", Element::Identifiers),
                ("auth_results", Element::AuthResults),
                ("identities", Element::Identifiers),
            ],
            Element::Row => &[
                ("source_ip", Element::Value(Value::SourceIp)),
                ("count", Element::Value(Value::Count)),
                ("policy_evaluated", Element::Evaluated),
            ],
            Element::Evaluated => &[
                ("disposition", Element::Value(Value::Disposition)),
                ("dkim", Element::Value(Value::DkimEvaluated)),
                ("spf", Element::Value(Value::SpfEvaluated)),
                ("reason", Element::Reason),
            ],
            Element::Reason => {
                &[("type", Element::Value(Value::ReasonType)), ("comment", Element::Value(Value::ReasonComment))]
            }
            Element::Identifiers => &[
                ("header_from", Element::Value(Value::HeaderFrom)),
                ("envelope_from", Element::Value(Value::EnvelopeFrom)),
                ("envelope_to", Element::Value(Value::EnvelopeTo)),
            ],
            Element::AuthResults => &[("dkim", Element::Dkim), ("spf", Element::Spf)],
            Element::Dkim => &[
                ("domain", Element::Value(Value::DkimDomain)),
                ("result", Element::Value(Value::DkimOutcome)),
                ("selector", Element::Value(Value::DkimSelector)),
                ("human_result", Element::Value(Value::DkimHuman)),
            ],
            Element::Spf => &[
                ("domain", Element::Value(Value::SpfDomain)),
                ("result", Element::Value(Value::SpfOutcome)),
                ("scope", Element::Value(Value::SpfScope)),
                ("human_result", Element::Value(Value::SpfHuman)),
            ],
            Element::Value(_) | Element::Other => &[],
        }
    }
}
