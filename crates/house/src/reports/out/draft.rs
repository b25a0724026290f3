//! A report, made of the rows of a day and the record that is in force

use std::net::IpAddr;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::civil::Date;
use sekisho_core::event::SignatureEvent;
use sekisho_core::name::DomainName;
use sekisho_core::sums::ReportRow;
use sekisho_mail::dmarc::record::{self, Record, Standing};
use sekisho_mail::verdict;
use sekisho_report::dmarc::aggregate::write::{Unwritable, Writer, file_name, gzip, subject};
use sekisho_report::dmarc::aggregate::{
    Alignment, AuthResult, Discovery, Disposition, DkimResult, Evaluated, Head, Override, OverrideKind, Policy, Row,
    SpfResult,
};

use super::reporter::Identity;
use super::{day_number, period};
use crate::lake::MOST_ROWS;

/// The most signatures of a row (RFC 9990, DKIM signatures in aggregate reports).
const MOST_SIGNATURES: usize = 100;

/// A report that was made.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The document.
    pub(super) xml: String,
    /// The same, packed.
    pub(super) packed: Vec<u8>,
    /// Its names.
    pub(super) names: Names,
    /// How many rows.
    pub(super) rows: u64,
    /// How many mails they stand for.
    pub(super) messages: u64,
}

/// What a report is called; always the same for the same day and domain, so that who gets it twice sees that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// Its Report-ID.
    pub(super) report_id: String,
    /// The Subject of its mails.
    pub(super) subject: String,
    /// The name of its file.
    pub(super) file_name: String,
}

impl Names {
    /// Names the report about a domain and a day.
    pub(super) fn of(identity: &Identity, domain: &DomainName, day: Date) -> Result<Names, Unwritable> {
        let report_id = report_id(&identity.domain, domain, day);
        let head = head(identity, domain, day, &report_id);
        let file_name = file_name(&identity.domain.to_string(), &head, &report_id)?;
        Ok(Names { subject: subject(&head, &identity.domain.to_string()), file_name, report_id })
    }
}

/// Returns a name that no other report has. It is made of letters and digits, so that Report-ID and file can be the same.
fn report_id(reporter: &DomainName, domain: &DomainName, day: Date) -> String {
    let hash = digest(&SHA256, format!("{reporter} {domain} {day}").as_bytes());
    let hash: String = hash.as_ref().iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    format!("{}{hash}", day.strftime("%Y%m%d"))
}

/// Makes a report. Nothing where no row can be told.
pub(super) fn draft(
    identity: &Identity,
    domain: &DomainName,
    day: Date,
    record: &Record,
    rows: &[ReportRow],
) -> Result<Option<Draft>, Unwritable> {
    let names = Names::of(identity, domain, day)?;
    let mut head = head(identity, domain, day, &names.report_id);
    head.policy = policy(domain, record);
    head.errors = errors(record, rows.len() > MOST_ROWS);
    let mut writer = Writer::new(&head)?;
    let (mut count, mut messages) = (0, 0_u64);
    for row in rows.iter().take(MOST_ROWS).filter_map(|told| row(told, domain, record)) {
        writer.row(&row)?;
        (count, messages) = (count + 1, messages.saturating_add(row.count));
    }
    if writer.is_empty() {
        return Ok(None);
    }
    let xml = writer.finish()?;
    Ok(Some(Draft { packed: gzip(xml.as_bytes()), xml, names, rows: count, messages }))
}

/// Says who reports, and about which day.
fn head(identity: &Identity, domain: &DomainName, day: Date, report_id: &str) -> Head {
    let (begin, end) = period(day);
    debug_assert!(day_number(day) >= 0, "no mail was judged before 1970");
    Head {
        org_name: identity.organization.clone(),
        email: identity.contact.to_string(),
        report_id: report_id.to_owned(),
        begin: Some(begin),
        end: Some(end),
        generator: concat!("Sekisho ", env!("CARGO_PKG_VERSION")).to_owned(),
        policy: Policy { domain: domain.to_string(), ..Policy::default() },
        ..Head::default()
    }
}

/// Says what is amiss with the record, or with the report.
fn errors(record: &Record, is_cut: bool) -> Vec<String> {
    let tag = match record.standing {
        Standing::AsWritten => None,
        Standing::AsNone(fault) | Standing::Unusable(fault) => {
            Some(format!("the tag `{}` of the policy record is missing or wrong: read as p=none", fault.tag()))
        }
    };
    let cut = is_cut.then(|| format!("only the {MOST_ROWS} rows with most mails are told"));
    tag.into_iter().chain(cut).collect()
}

/// Says what the record publishes.
fn policy(domain: &DomainName, record: &Record) -> Policy {
    let alignment = |mode| match mode {
        record::Alignment::Relaxed => Alignment::Relaxed,
        record::Alignment::Strict => Alignment::Strict,
    };
    Policy {
        domain: domain.to_string(),
        adkim: Some(alignment(record.adkim)),
        aspf: Some(alignment(record.aspf)),
        p: Some(disposition(record.own_policy().1)),
        sp: record.sp.map(disposition),
        np: record.np.map(disposition),
        pct: None,
        fo: record.fo.to_string(),
        testing: Some(record.testing),
        discovery_method: Some(Discovery::Treewalk),
    }
}

/// Returns the format's word for a policy.
fn disposition(policy: verdict::Disposition) -> Disposition {
    match policy {
        verdict::Disposition::None => Disposition::None,
        verdict::Disposition::Quarantine => Disposition::Quarantine,
        verdict::Disposition::Reject => Disposition::Reject,
    }
}

/// Makes a row of the report; nothing where an address or the author is missing, which no report can tell.
fn row(told: &ReportRow, domain: &DomainName, record: &Record) -> Option<Row> {
    let header_from = told.header_from.clone().filter(|name| !name.is_empty())?;
    let is_own = header_from == domain.to_string();
    let asked = disposition(if is_own { record.own_policy().1 } else { record.subdomain_policy(true).1 });
    let has_passed = told.dkim_aligned || told.spf_aligned;
    let done = match told.disposition.as_str() {
        "reject" => Disposition::Reject,
        "quarantine" => Disposition::Quarantine,
        // RFC 9990: `pass` is said under a policy that asks for something.
        "pass" if asked != Disposition::None => Disposition::Pass,
        _ => Disposition::None,
    };
    let evaluated = |is_aligned| Some(if is_aligned { Evaluated::Pass } else { Evaluated::Fail });
    let mut reasons: Vec<Override> = told.override_type.iter().map(|word| reason(word, told)).collect();
    if reasons.is_empty() && record.testing && !has_passed && done < asked {
        reasons.push(Override { kind: Some(OverrideKind::PolicyTestMode), comment: String::new() });
    }
    let spf = told.spf_domain.clone().zip(told.spf_result.as_deref().and_then(outcome));
    Some(Row {
        source_ip: Some(told.source_ip.parse::<IpAddr>().ok()?),
        source_text: String::new(),
        count: told.mails,
        disposition: Some(done),
        dkim: evaluated(told.dkim_aligned),
        spf: evaluated(told.spf_aligned),
        reasons,
        dkim_results: signatures(&told.dkim, &header_from),
        spf_results: spf.into_iter().map(|(domain, result)| spf_result(domain, result)).collect(),
        envelope_from: told.envelope_from.clone(),
        envelope_to: told.envelope_to.clone().unwrap_or_default(),
        header_from,
    })
}

/// Says why less was done than asked.
fn reason(word: &str, told: &ReportRow) -> Override {
    let kinds = [OverrideKind::LocalPolicy, OverrideKind::MailingList, OverrideKind::TrustedForwarder];
    let kind = kinds.into_iter().find(|kind| kind.word() == word).unwrap_or(OverrideKind::Other);
    Override { kind: Some(kind), comment: told.override_comment.clone().unwrap_or_default() }
}

/// Tells of SPF.
fn spf_result(domain: String, result: AuthResult) -> SpfResult {
    SpfResult { domain, scope: "mfrom".to_owned(), result: Some(result), human_result: String::new() }
}

/// Tells of signatures, those first that say most (RFC 9990, DKIM signatures in aggregate reports): by the author's domain, then others that pass.
fn signatures(all: &[SignatureEvent], author: &str) -> Vec<DkimResult> {
    let known = all.iter().filter_map(|signature| {
        let result = outcome(&signature.result).filter(|result| *result != AuthResult::Softfail)?;
        let (domain, selector) = (signature.domain.clone()?, signature.selector.clone()?);
        let human_result = signature.reason.clone().unwrap_or_default();
        Some(DkimResult { domain, selector, result: Some(result), human_result })
    });
    let mut known: Vec<DkimResult> = known.collect();
    let is_below = |name: &str, above: &str| name.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'));
    let is_near = |name: &str| is_below(name, author) || is_below(author, name);
    known.sort_by_key(|one| (one.result != Some(AuthResult::Pass), one.domain != author, !is_near(&one.domain)));
    known.truncate(MOST_SIGNATURES);
    known
}

/// Returns the result of a word.
fn outcome(word: &str) -> Option<AuthResult> {
    const ALL: [AuthResult; 8] = [
        AuthResult::None,
        AuthResult::Pass,
        AuthResult::Fail,
        AuthResult::Softfail,
        AuthResult::Policy,
        AuthResult::Neutral,
        AuthResult::Temperror,
        AuthResult::Permerror,
    ];
    ALL.into_iter().find(|result| result.word() == word)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use sekisho_report::dmarc::aggregate;
    use sekisho_report::unpack;

    use super::*;

    /// A row of mails that failed, and passed since nothing is enforced.
    fn failing() -> ReportRow {
        ReportRow {
            source_ip: "2001:db8::1".to_owned(),
            disposition: "none".to_owned(),
            override_type: Some("local_policy".to_owned()),
            override_comment: Some("monitoring only".to_owned()),
            dkim_aligned: false,
            spf_aligned: false,
            header_from: Some("example.org".to_owned()),
            envelope_from: String::new(),
            envelope_to: None,
            spf_domain: Some("mx.<odd>&.example".to_owned()),
            spf_result: Some("softfail".to_owned()),
            dkim: Vec::new(),
            mails: 3,
        }
    }

    /// Makes a report, and reads it as others would.
    fn read_back(record: &str, rows: &[ReportRow]) -> (Draft, Head, Vec<Row>) {
        let domain = DomainName::parse("example.org").unwrap();
        let record = Record::parse(record.as_bytes()).unwrap();
        let made = draft(&Identity::for_testing(), &domain, date(2026, 11, 21), &record, rows).unwrap().unwrap();
        let mut found = None;
        unpack::unpack(&made.packed, &unpack::Limits::default(), &mut |document| {
            let mut rows = Vec::new();
            let read =
                aggregate::read(document.octets, &aggregate::Limits::default(), |_, row: &Row| rows.push(row.clone()));
            found = Some((read.unwrap().head, rows));
        })
        .unwrap();
        let (head, rows) = found.unwrap();
        (made, head, rows)
    }

    #[test]
    fn in_monitor_only_mode_nothing_was_done_and_the_reason_says_why() {
        let (made, head, rows) = read_back("v=DMARC1; p=reject; sp=none; fo=1; adkim=s", &[failing()]);
        assert_eq!((made.rows, made.messages), (1, 3));
        assert_eq!(head.policy.p, Some(Disposition::Reject));
        assert_eq!((head.policy.fo.as_str(), head.policy.adkim), ("1", Some(Alignment::Strict)));
        assert_eq!(rows[0].disposition, Some(Disposition::None));
        let reason = Override { kind: Some(OverrideKind::LocalPolicy), comment: "monitoring only".to_owned() };
        assert_eq!(rows[0].reasons, [reason]);
        assert_eq!((rows[0].spf_results[0].domain.as_str(), rows[0].count), ("mx.<odd>&.example", 3));
        assert_eq!(
            made.names.file_name,
            format!("mx.example!example.org!1795219200!1795305599!{}.xml.gz", head.report_id)
        );
        assert!(made.names.report_id.bytes().all(|b| b.is_ascii_alphanumeric()), "{}", made.names.report_id);
    }

    #[test]
    fn pass_is_said_under_a_policy_that_asks_for_something() {
        let passing = ReportRow {
            disposition: "pass".to_owned(),
            spf_aligned: true,
            override_type: None,
            override_comment: None,
            ..failing()
        };
        let below = ReportRow { header_from: Some("a.example.org".to_owned()), ..passing.clone() };
        let (_, _, rows) = read_back("v=DMARC1; p=reject; sp=none", &[passing.clone(), below]);
        let done: Vec<_> = rows.iter().map(|row| row.disposition.unwrap()).collect();
        assert_eq!(done, [Disposition::Pass, Disposition::None]);
        let (_, _, rows) = read_back("v=DMARC1; p=none", &[passing]);
        assert_eq!(rows[0].disposition, Some(Disposition::None));
    }

    #[test]
    fn test_mode_is_a_reason() {
        let row = ReportRow { override_type: None, override_comment: None, ..failing() };
        let (_, head, rows) = read_back("v=DMARC1; p=quarantine; t=y", &[row]);
        assert_eq!(head.policy.testing, Some(true));
        assert_eq!(rows[0].reasons[0].kind, Some(OverrideKind::PolicyTestMode));
    }

    #[test]
    fn signatures_that_say_most_come_first_and_what_cannot_be_told_is_left_out() {
        let signature = |domain: &str, result: &str| SignatureEvent {
            result: result.to_owned(),
            domain: Some(domain.to_owned()),
            selector: Some("s".to_owned()),
            algorithm: None,
            reason: None,
        };
        let nameless = SignatureEvent { selector: None, ..signature("example.org", "pass") };
        let dkim = vec![
            signature("other.example", "fail"),
            signature("other.example", "pass"),
            nameless,
            signature("mail.example.org", "pass"),
            signature("example.org", "pass"),
        ];
        let unknown = ReportRow { source_ip: "unknown".to_owned(), ..failing() };
        let (made, _, rows) = read_back("v=DMARC1; p=none", &[ReportRow { dkim, ..failing() }, unknown]);
        let names: Vec<_> = rows[0].dkim_results.iter().map(|one| one.domain.as_str()).collect();
        assert_eq!(names, ["example.org", "mail.example.org", "other.example", "other.example"]);
        assert_eq!((made.rows, rows.len()), (1, 1));
    }
}
