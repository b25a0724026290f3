//! Aggregate reports: the public samples by their values, and what is mended.

use std::net::IpAddr;

use sekisho_report::dmarc::aggregate::{
    self, Alignment, AuthResult, Discovery, Disposition, Evaluated, Limits, OverrideKind, Report, Row,
};
use sekisho_report::unreadable::{Fault, Unreadable};
use sekisho_report::warning::Mend;

use crate::suite;

/// Reads a text as it is.
pub(crate) fn read(text: impl AsRef<[u8]>) -> Result<(Report, Vec<Row>), Unreadable> {
    let mut rows = Vec::new();
    let report = aggregate::read(text.as_ref(), &Limits::default(), |_, row| rows.push(row.clone()))?;
    Ok((report, rows))
}

/// Returns a report with one thing put in the place of another.
pub(crate) fn altered(what: &str, with: &str) -> String {
    let altered = PLAIN.replacen(what, with, 1);
    assert_ne!(altered, PLAIN, "`{what}` stands in the report");
    altered
}

/// A report that nothing has to be mended in.
pub(crate) const PLAIN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<feedback>
  <report_metadata>
    <org_name>Receiver</org_name>
    <email>dmarc@receiver.example</email>
    <report_id>r1</report_id>
    <date_range><begin>1700000000</begin><end>1700086399</end></date_range>
  </report_metadata>
  <policy_published><domain>example.com</domain><p>reject</p></policy_published>
  <record>
    <row>
      <source_ip>192.0.2.1</source_ip>
      <count>7</count>
      <policy_evaluated><disposition>reject</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated>
    </row>
    <identifiers><header_from>example.com</header_from></identifiers>
    <auth_results>
      <dkim><domain>other.example</domain><selector>s1</selector><result>pass</result></dkim>
      <spf><domain>example.com</domain><result>softfail</result></spf>
    </auth_results>
  </record>
</feedback>
";

/// Returns an address.
fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

#[test]
fn a_plain_report_needs_no_mending() {
    let (report, rows) = read(PLAIN).unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!((report.rows, report.messages), (1, 7));
    assert_eq!(rows[0].dkim_results[0].selector, "s1");
    assert_eq!(rows[0].spf_results[0].result, Some(AuthResult::Softfail));
}

#[test]
fn the_sample_of_rfc_9990_is_read() {
    let Some(file) = suite::sample("dmarc/aggregate/rfc9990-sample.xml") else { return };
    let (report, rows) = suite::read(&file).unwrap();
    let head = &report.head;
    assert_eq!(head.namespace, aggregate::NAMESPACE);
    assert_eq!((head.version.as_str(), head.org_name.as_str()), ("1.0", "Sample Reporter"));
    assert_eq!(head.email, "report_sender@example-reporter.com");
    assert_eq!(head.report_id, "3v98abbp8ya9n3va8yr8oa3ya");
    assert_eq!((head.begin, head.end), (Some(302_832_000_000_000), Some(302_918_399_000_000)));
    assert_eq!(head.generator, "Example DMARC Aggregate Reporter v1.2");
    let policy = &head.policy;
    assert_eq!(
        (policy.p, policy.sp, policy.np),
        (Some(Disposition::Quarantine), Some(Disposition::None), Some(Disposition::None))
    );
    assert_eq!((policy.testing, policy.discovery_method), (Some(false), Some(Discovery::Treewalk)));
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row.source_ip, row.count), (ip("192.0.2.123"), 123));
    assert_eq!(
        (row.disposition, row.dkim, row.spf),
        (Some(Disposition::Pass), Some(Evaluated::Pass), Some(Evaluated::Fail))
    );
    assert_eq!((row.envelope_from.as_str(), row.header_from.as_str()), ("example.com", "example.com"));
    assert_eq!(row.dkim_results[0].selector, "abc123");
    assert_eq!(
        (row.dkim_results[0].result, row.spf_results[0].result),
        (Some(AuthResult::Pass), Some(AuthResult::Fail))
    );
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

#[test]
fn a_report_in_gzip_is_read() {
    let Some(file) = suite::sample("dmarc/aggregate/fastmail.com!example.com!1516060800!1516147199!102675056.xml.gz")
    else {
        return;
    };
    let (report, rows) = suite::read(&file).unwrap();
    assert_eq!((report.head.org_name.as_str(), report.head.report_id.as_str()), ("FastMail Pty Ltd", "102675056"));
    assert_eq!((report.head.policy.domain.as_str(), report.head.policy.pct), ("indemed.com", Some(100)));
    assert_eq!(report.head.policy.fo, "0");
    let row = &rows[0];
    assert_eq!((row.source_ip, row.count, row.envelope_to.as_str()), (ip("104.195.80.20"), 1, "fastmail.fm"));
    assert_eq!((row.spf_results[0].scope.as_str(), row.spf_results[0].result), ("mfrom", Some(AuthResult::Softfail)));
    assert!(row.dkim_results.is_empty());
}

#[test]
fn a_report_in_zip_is_read() {
    let path = "dmarc/aggregate/estadocuenta1.infonacot.gob.mx!example.com!1536853302!1536939702!2940.xml.zip";
    let Some(file) = suite::sample(path) else { return };
    let (report, rows) = suite::read(&file).unwrap();
    assert_eq!((report.head.org_name.as_str(), report.head.report_id.as_str()), ("XYZ Corporation", "2940"));
    assert_eq!((report.head.policy.p, report.head.policy.sp), (Some(Disposition::None), None));
    assert_eq!(rows[0].source_ip, ip("148.243.137.254"));
    assert!(rows[0].dkim_results.is_empty() && rows[0].spf_results.is_empty());
}

#[test]
fn reports_of_old_drafts_and_without_a_name_are_read() {
    let Some(file) = suite::sample("dmarc/aggregate/old_draft_from_wiki.xml") else { return };
    let (report, rows) = suite::read(&file).unwrap();
    assert_eq!(report.head.report_id, "9391651994964116463");
    assert_eq!(report.head.extra_contact_info, "http://acme.com/dmarc/support");
    assert_eq!(
        (report.head.policy.adkim, report.head.policy.aspf),
        (Some(Alignment::Relaxed), Some(Alignment::Relaxed))
    );
    assert_eq!((rows[0].count, rows[0].spf), (2, Some(Evaluated::Pass)));
    assert_eq!(
        (rows[0].dkim_results[0].result, rows[0].dkim_results[0].selector.as_str()),
        (Some(AuthResult::Fail), "")
    );

    let file = suite::sample("dmarc/aggregate/!example.com!1538204542!1538463818.xml").unwrap();
    let (report, rows) = suite::read(&file).unwrap();
    assert_eq!(report.warnings.get(Mend::Missing).unwrap().detail, "the report has no `org_name`");
    assert_eq!((report.head.report_id.as_str(), rows[0].source_ip), ("example.com:1538463741", ip("12.20.127.122")));
    assert_eq!(rows[0].spf_results[0].result, Some(AuthResult::None));

    let file = suite::sample("dmarc/aggregate/veeam.com!example.com!1530133200!1530219600.xml").unwrap();
    let (report, rows) = suite::read(&file).unwrap();
    assert_eq!(
        (report.head.begin, report.head.email.as_str()),
        (Some(1_530_133_200_000_000), "noreply.it.dmarc@veeam.com")
    );
    assert_eq!(rows[0].source_ip, ip("199.230.200.36"));
}

#[test]
fn what_is_not_well_formed_is_refused_with_its_place() {
    let Some(file) = suite::sample("dmarc/aggregate/invalid_xml.xml") else { return };
    let refused = suite::read(&file).unwrap_err();
    assert_eq!(refused.fault, Fault::IllFormed);
    assert_eq!(refused.place.unwrap().line, 5);
    assert!(
        refused.to_string().ends_with("`</email>` stands where `<bad-xml@bad-xml.net>` has to be ended"),
        "{refused}"
    );
}

#[test]
fn prefixes_are_those_of_the_root() {
    let prefixed =
        PLAIN.replace("</", "</ns0:").replace('<', "<ns0:").replace("<ns0:/ns0:", "</ns0:").replace("<ns0:?", "<?");
    let prefixed =
        prefixed.replacen("<ns0:feedback>", "<ns0:feedback xmlns:ns0=\"urn:ietf:params:xml:ns:dmarc-2.0\">", 1);
    let (report, rows) = read(&prefixed).unwrap();
    assert_eq!((report.head.namespace.as_str(), rows), (aggregate::NAMESPACE, read(PLAIN).unwrap().1));
}

#[test]
fn extensions_are_passed_over() {
    for extension in [
        "<x:row xmlns:x='urn:x'><source_ip>192.0.2.9</source_ip></x:row>",
        "<row xmlns='urn:x'><source_ip>192.0.2.9</source_ip></row>",
        "<extension><row><source_ip>192.0.2.9</source_ip></row></extension>",
    ] {
        let (report, rows) = read(altered("<auth_results>", &format!("{extension}<auth_results>"))).unwrap();
        assert_eq!(rows, read(PLAIN).unwrap().1, "{extension}");
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    }
    let (report, _) = read(altered("<count>", "<colour>red</colour><count>")).unwrap();
    assert_eq!(report.warnings.get(Mend::UnknownElement).unwrap().detail, "reports have no `colour` there");
    assert_eq!(report.warnings.get(Mend::UnknownElement).unwrap().line, 13);
}

#[test]
fn words_are_mended_or_kept_as_unknown() {
    for (what, with, mend, disposition) in [
        ("<disposition>reject", "<disposition>Reject", Mend::UpperCase, Disposition::Reject),
        ("<disposition>reject", "<disposition> \n reject ", Mend::NoRows, Disposition::Reject),
        ("<disposition>reject", "<disposition>sent to Mars", Mend::UnknownWord, Disposition::Unknown),
    ] {
        let (report, rows) = read(altered(what, with)).unwrap();
        assert_eq!(rows[0].disposition, Some(disposition));
        assert_eq!(report.warnings.get(mend).is_some(), mend != Mend::NoRows, "{with}: {:?}", report.warnings);
    }
    let (report, rows) = read(altered("<result>softfail", "<result>HardFail")).unwrap();
    assert_eq!(rows[0].spf_results[0].result, Some(AuthResult::Fail));
    assert!(report.warnings.get(Mend::OldWord).is_some());
    let reason = "<reason><type>forwarded</type><comment>a &amp; b</comment></reason></policy_evaluated>";
    let (_, rows) = read(altered("</policy_evaluated>", reason)).unwrap();
    assert_eq!(
        (rows[0].reasons[0].kind, rows[0].reasons[0].comment.as_str()),
        (Some(OverrideKind::Forwarded), "a & b")
    );
}

#[test]
fn counts_and_dates_that_cannot_be_are_mended() {
    for (text, count, is_mended) in [
        ("0", 0, false),
        ("7.0", 7, false),
        ("-5", 1, true),
        ("many", 1, true),
        ("", 1, true),
        ("12,345", 12_345, true),
        ("1,2345", 1, true),
        ("99999999999999999999999999", 10_000_000_000, true),
        ("18446744073709551615", 10_000_000_000, true),
    ] {
        let (report, rows) = read(altered("<count>7", &format!("<count>{text}"))).unwrap();
        assert_eq!((rows[0].count, report.warnings.get(Mend::BadCount).is_some()), (count, is_mended), "{text}");
        assert_eq!(report.messages, count);
    }
    for (text, begin, mend) in [
        ("1700086400", 1_700_086_399_000_000, Some(Mend::SwappedDates)),
        ("1700000000000", 1_700_000_000_000_000, Some(Mend::BadDate)),
        ("1700000000.5", 1_700_000_000_000_000, None),
        ("1.7000000E+09", 1_700_000_000_000_000, Some(Mend::BadDate)),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000, Some(Mend::BadDate)),
        ("2023-11-14 22:13:20", 1_700_000_000_000_000, Some(Mend::BadDate)),
    ] {
        let (report, _) = read(altered("<begin>1700000000", &format!("<begin>{text}"))).unwrap();
        assert_eq!(report.head.begin, Some(begin), "{text}");
        assert_eq!(mend.is_none(), report.warnings.is_empty(), "{text}: {:?}", report.warnings);
        assert!(mend.is_none_or(|mend| report.warnings.get(mend).is_some()), "{text}");
    }
    let (report, _) = read(altered("<begin>1700000000", "<begin>yesterday")).unwrap();
    assert_eq!(report.head.begin, None);
}

#[test]
fn what_the_sums_need_and_is_missing_is_told_as_that() {
    for (what, mend) in [
        ("<count>7</count>", Mend::BadCount),
        ("<begin>1700000000</begin>", Mend::BadDate),
        ("<domain>example.com</domain>", Mend::NoDomain),
    ] {
        let (report, _) = read(altered(what, "")).unwrap();
        assert!(report.warnings.get(mend).is_some() && mend.changes_sums(), "{what}: {:?}", report.warnings);
    }
}

#[test]
fn domains_in_letters_of_their_own_are_the_same_as_a_labels() {
    let (report, rows) = read(PLAIN.replace("example.com", "B\u{fc}cher.example.")).unwrap();
    let (row, name) = (&rows[0], "xn--bcher-kva.example");
    assert_eq!([&report.head.policy.domain, &row.header_from, &row.spf_results[0].domain], [name; 3]);
}

#[test]
fn addresses_that_are_none_are_kept_as_text() {
    let (report, rows) = read(altered("192.0.2.1", "unknown [host]")).unwrap();
    assert_eq!((rows[0].source_ip, rows[0].source_text.as_str()), (None, "unknown [host]"));
    assert!(report.warnings.get(Mend::BadAddress).is_some());
    for text in ["::ffff:192.0.2.9", "[192.0.2.9]"] {
        let (report, rows) = read(altered("192.0.2.1", text)).unwrap();
        assert_eq!((rows[0].source_ip, report.warnings.is_empty()), (ip("192.0.2.9"), true), "{text}");
    }
    for text in ["IPv6:2001:DB8::1", "[ipv6:2001:db8::1]"] {
        assert_eq!(read(altered("192.0.2.1", text)).unwrap().1[0].source_ip, ip("2001:db8::1"), "{text}");
    }
}

#[test]
fn text_in_any_encoding_is_read_and_broken_text_is_marked() {
    let (report, _) = read(PLAIN.replace("Receiver", "R\u{e9}cepteur").as_bytes()).unwrap();
    assert_eq!(report.head.org_name, "R\u{e9}cepteur");

    let latin = |label: &str| {
        let mut text = PLAIN.replacen("UTF-8", label, 1).into_bytes();
        let at = text.windows(8).position(|window| window == b"Receiver").unwrap();
        text[at] = 0xe9;
        read(text).unwrap().0
    };
    assert_eq!(latin("ISO-8859-1").head.org_name, "\u{e9}eceiver");
    let broken = latin("UTF-8");
    assert_eq!(broken.head.org_name, "\u{fffd}eceiver");
    assert_eq!(broken.warnings.get(Mend::InvalidText).unwrap().detail, "`\\xe9eceiver` is no UTF-8");

    let lying = PLAIN.replacen("UTF-8", "UTF-16", 1);
    let (report, rows) = read(format!("\u{feff}{lying}")).unwrap();
    assert_eq!(rows.len(), 1);
    assert!(report.warnings.get(Mend::OtherEncoding).is_some());

    for swap in [false, true] {
        let units = "\u{feff}".encode_utf16().chain(PLAIN.encode_utf16());
        let wide: Vec<u8> = units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
        assert_eq!(read(wide).unwrap().1, read(PLAIN).unwrap().1);
    }
}

#[test]
fn entities_are_resolved_once_and_literal_text_is_literal() {
    let name = |text: &str| read(altered("Receiver", text)).unwrap().0.head.org_name;
    assert_eq!(name("&lt;a&gt; &#x41;&#66; &quot;&apos;"), "<a> AB \"'");
    assert_eq!(name("&amp;lt;"), "&lt;");
    assert_eq!(name("<![CDATA[a & b <c> &amp;]]>"), "a & b <c> &amp;");
    assert_eq!(name("&nbsp;x & y"), "&nbsp;x & y");
    assert_eq!(name("a&#0;b&#x110000;"), "a\u{fffd}b&#x110000;");
}

#[test]
fn a_report_that_is_cut_off_is_refused_however_many_rows_are_complete() {
    let record = &PLAIN[PLAIN.find("  <record>").unwrap()..PLAIN.find("</feedback>").unwrap()];
    let two = PLAIN.replacen(record, &record.repeat(2), 1);
    let whole = two.trim_end().len();
    assert_eq!(read(&two[..whole]).unwrap().1.len(), 2);
    for end in 1..whole {
        let refused = read(&two[..end]).unwrap_err();
        assert!(matches!(refused.fault, Fault::Truncated | Fault::Empty), "{}: {refused}", &two[..end]);
    }
}

#[test]
fn a_second_row_in_a_record_is_told_since_only_one_counts() {
    let row = &PLAIN[PLAIN.find("    <row>").unwrap()..PLAIN.find("    <identifiers>").unwrap()];
    let (report, rows) = read(altered(row, &(row.to_owned() + &row.replace('7', "5")))).unwrap();
    assert_eq!((rows.len(), rows[0].count, report.messages), (1, 5, 5));
    let warning = report.warnings.get(Mend::SecondRow).unwrap();
    assert!(warning.mend.changes_sums() && (warning.times, warning.line) == (1, 16), "{warning:?}");
    let records = &PLAIN[PLAIN.find("  <record>").unwrap()..PLAIN.find("</feedback>").unwrap()];
    assert!(read(altered(records, &records.repeat(2))).unwrap().0.warnings.is_empty());
}

#[test]
fn what_is_no_report_is_refused() {
    for (text, fault) in [
        ("", Fault::Empty),
        ("  \n ", Fault::Empty),
        ("hello", Fault::NotAReport),
        ("<html><body>Sorry</body></html>", Fault::NotAReport),
        ("<feedback></feedback2>", Fault::IllFormed),
        ("<feedback><a b='</feedback>", Fault::Truncated),
        ("<feedback>< a></feedback>", Fault::IllFormed),
        ("<!DOCTYPE feedback><feedback/>", Fault::Doctype),
        ("<?xml version='1.0'?><!doctype x [<!ENTITY a 'b'>]><feedback/>", Fault::Doctype),
    ] {
        assert_eq!(read(text).map(|(report, _)| report).unwrap_err().fault, fault, "{text}");
    }
    let (report, _) = read("<feedback/>").unwrap();
    assert!(report.warnings.get(Mend::NoRows).is_some());
}

#[test]
fn what_stands_behind_the_end_spoils_nothing() {
    for behind in ["<feedback/>", "</feedback>", "trailing", "< <", "<!-- fine? no"] {
        let (report, rows) = read(format!("{PLAIN}{behind}")).unwrap();
        assert_eq!(rows.len(), 1, "{behind}");
        let mend = if behind == "<feedback/>" { Mend::SecondReport } else { Mend::Trailing };
        assert!(behind == "<!-- fine? no" || report.warnings.get(mend).is_some(), "{behind}");
    }
    // Joined files are two reports, of which one is read: that must not look as if all were well.
    let (report, _) = read(format!("{PLAIN}{PLAIN}")).unwrap();
    assert!(report.warnings.get(Mend::SecondReport).is_some_and(|warning| warning.mend.changes_sums()));
    assert!(read(format!("{PLAIN}<!-- made by us -->\n")).unwrap().0.warnings.is_empty());
}

#[test]
fn values_and_lists_that_are_too_long_are_cut() {
    let (report, _) = read(altered("Receiver", &"x".repeat(200_000))).unwrap();
    assert_eq!(report.head.org_name.len(), Limits::default().value);
    assert!(report.warnings.get(Mend::LongValue).is_some());
    let many = "<dkim><domain>d.example</domain><result>pass</result></dkim>".repeat(5000);
    let (report, rows) = read(altered("<dkim><domain>other", &format!("{many}<dkim><domain>other"))).unwrap();
    assert_eq!(rows[0].dkim_results.len(), Limits::default().list);
    assert!(report.warnings.get(Mend::LongList).is_some());
}
