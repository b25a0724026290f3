//! `sekisho report out`: from Events to a mail that passes DMARC and that others can read, once for each recipient

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use sekisho_core::event::{AggregateEvent, Event, MailEvent, SignatureEvent};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_house::{Setting, Streams, run};
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::postfix::Postfix;
use sekisho_testkit::sink::{Arrival, Sink};
use serde_json::Value;

use crate::command::Folder;
use crate::notebook::{NOTEBOOK, Notebook};
use crate::whole::Check;

/// The day that is reported on.
const DAY: &str = "2026-11-20";
/// How long a mail may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the domains publish whose mail came: one asks three addresses, of which two agree, and one asks nobody.
const ASKED: &str = r#"
_dmarc.sender.example TXT "v=DMARC1; p=reject; rua=mailto:rua@sender.example,mailto:c@collector.example,mailto:x@stranger.example"
sender.example._report._dmarc.collector.example TXT "v=DMARC1"
_dmarc.quiet.example TXT "v=DMARC1; p=none"
"#;
/// What our own house publishes beside its key.
pub(crate) const HOUSE: &str = "_dmarc.house.example TXT \"v=DMARC1; p=reject; adkim=s\"\n";

/// A house that has judged mail, with a key of its own.
pub(crate) struct House {
    /// Its files.
    pub(crate) folder: Folder,
    /// What the DNS says.
    pub(crate) dns: DnsServer,
    /// Its configuration.
    pub(crate) config: String,
}

impl House {
    /// Builds a house over the mails of a day. `published` is what the DNS says of it, beside its key where that is published.
    pub(crate) fn new(relay: Option<SocketAddr>, published: &str, has_key: bool, day: &str) -> House {
        let folder = Folder::new();
        let key = SigningKey::from_seed(&[9; 32]).unwrap();
        let path = folder.write("key.pem", key.to_pem().unwrap());
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let name = |text| DomainName::parse(text).unwrap();
        let record = key.dns_record(&name("s1"), &name("house.example"));
        let record = if has_key { record } else { String::new() };
        let zone = format!("{ASKED}{published}{record}\n");
        let dns = DnsServer::start(Zone::parse(&zone).unwrap());
        let relay = relay.map(|relay| format!("relay = \"{relay}\"\n")).unwrap_or_default();
        let config = format!(
            "[dns]\nupstreams = [\"{}\"]\n[store]\nfolder = {:?}\n\
             [reports]\n{relay}from = \"dmarc@house.example\"\norganization = \"House & Sons <1>\"\n\
             [[sign.keys]]\ndomain = \"house.example\"\nselector = \"s1\"\nkey = {path:?}\n",
            dns.address(),
            folder.path("data"),
        );
        let config = folder.write("sekisho.toml", config);
        Notebook::keep(&folder.path("data"), &mails(day));
        House { folder, dns, config }
    }

    /// Builds a house that is in order.
    pub(crate) fn in_order(relay: SocketAddr, day: &str) -> House {
        House::new(Some(relay), HOUSE, true, day)
    }

    /// Calls `sekisho report out` about the day; returns exit, data and talk.
    pub(crate) fn out(&self, further: &[&str]) -> (u8, String, String) {
        if further.contains(&"--list") {
            let arguments = ["report", "out", "--config", &self.config, "--lang", "en"];
            return self.call(&[&arguments, further].concat());
        }
        self.of_day(DAY, further)
    }

    /// Calls `sekisho report out` about any day.
    fn of_day(&self, day: &str, further: &[&str]) -> (u8, String, String) {
        let arguments = ["report", "out", "--config", &self.config, "--lang", "en", "--day", day];
        self.call(&[&arguments, further].concat())
    }

    /// Calls a command.
    fn call(&self, arguments: &[&str]) -> (u8, String, String) {
        let data_places = vec![self.folder.path("imported")];
        let setting = Setting { open_lake: Some(NOTEBOOK), data_places, ..Setting::default() };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let streams = Streams { stdin: &mut std::io::empty(), stdout: &mut stdout, stderr: &mut stderr, setting };
        let exit = run(["sekisho"].iter().chain(arguments), streams);
        let text = |octets| String::from_utf8(octets).unwrap();
        (exit, text(stdout), text(stderr))
    }

    /// Lists what became of reports: state and reason by recipient.
    pub(crate) fn listed(&self) -> Vec<(String, String, String)> {
        let (exit, told, talk) = self.out(&["--list", "--json"]);
        assert_eq!(exit, 0, "{talk}");
        let told = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut told: Vec<_> = told
            .map(|row| {
                let to = if row["recipient"].is_null() { &row["domain"] } else { &row["recipient"] };
                (text(to), text(&row["state"]), text(&row["reason"]))
            })
            .collect();
        told.sort();
        told
    }
}

/// The mails of a day, as a gate that only monitors told of them.
fn mails(day: &str) -> Vec<Event> {
    let at = format!("{day}T12:00:00Z").parse::<Timestamp>().unwrap().as_microsecond();
    let mail = MailEvent {
        at,
        client_ip: Some("192.0.2.1".to_owned()),
        author_domain: Some("sender.example".to_owned()),
        mail_from_domain: "bounce.sender.example".to_owned(),
        recipient_domains: vec!["house.example".to_owned()],
        policy_domain: Some("sender.example".to_owned()),
        spf_domain: Some("bounce.sender.example".to_owned()),
        spf_result: Some("pass".to_owned()),
        spf_aligned: true,
        dmarc_result: "pass".to_owned(),
        decision: "pass".to_owned(),
        ..MailEvent::default()
    };
    let signature = SignatureEvent {
        result: "fail".to_owned(),
        domain: Some("sender.example".to_owned()),
        selector: Some("s<1>".to_owned()),
        algorithm: None,
        reason: Some("body-changed".to_owned()),
    };
    let forged = MailEvent {
        client_ip: Some("2001:db8::9".to_owned()),
        mail_from_domain: String::new(),
        spf_result: Some("softfail".to_owned()),
        spf_aligned: false,
        dkim: vec![signature],
        dmarc_result: "fail".to_owned(),
        override_type: Some("local_policy".to_owned()),
        override_comment: Some("monitoring only".to_owned()),
        ..mail.clone()
    };
    let quiet = MailEvent { policy_domain: Some("quiet.example".to_owned()), ..mail.clone() };
    let put_off = MailEvent { decision: "tempfail".to_owned(), ..mail.clone() };
    [mail.clone(), mail.clone(), mail, forged, quiet, put_off].map(|mail| Event::Mail(Box::new(mail))).into()
}

/// The schema, where it and the tool are at hand.
fn schema() -> Option<PathBuf> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let vectors = std::env::var_os("SEKISHO_VECTORS").map_or(usual, PathBuf::from);
    let schema = vectors.join("dmarc/dmarc-xml-0.2.xsd");
    if schema.exists() && Command::new("xmllint").arg("--version").output().is_ok() {
        return Some(schema);
    }
    std::io::Write::write_all(&mut std::io::stderr(), b"NOT RUN: the schema or xmllint is missing\n").unwrap();
    None
}

#[test]
fn a_dry_run_shows_each_report_whom_it_goes_to_and_why_another_is_not_sent() {
    let house = House::in_order("127.0.0.1:9".parse().unwrap(), DAY);
    let (exit, told, talk) = house.out(&["--dry-run"]);
    assert_eq!((exit, talk.as_str()), (1, ""), "a stranger does not agree");
    for needle in [
        "2026-11-20: 1 report would be sent, 1 would not\n",
        "they would pass DMARC: signed by house.example, aligned\n",
        "sender.example: 2 rows, 4 mails, 1 KB, house.example!sender.example!1795132800!1795219199!20261120",
        "    to rua@sender.example\n    to c@collector.example\n",
        "    not to mailto:x@stranger.example: does not agree: there is no record at sender.example._report._dmarc.stranger.example\n",
        "quiet.example: not sent: its record asks nobody for reports\n",
    ] {
        assert!(told.contains(needle), "{needle}: {told}");
    }
    let (exit, told, _) = house.out(&["--dry-run", "--domain", "quiet.example"]);
    assert_eq!((exit, told.lines().count()), (0, 3), "where nobody asks, nothing is amiss: {told}");
    let (_, told, _) = house.out(&["--dry-run", "--json", "--domain", "sender.example"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["sends"], &told["rows"], &told["messages"]), (&true.into(), &2.into(), &4.into()));
    assert_eq!(told["recipients"][2]["reason"], "no-consent");
    assert!(house.listed().is_empty(), "a dry run plans nothing");
}

#[test]
fn a_day_that_is_not_over_is_not_told() {
    let house = House::in_order("127.0.0.1:9".parse().unwrap(), DAY);
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    for (day, further) in
        [(today, &[][..]), (today.tomorrow().unwrap(), &[]), (today.tomorrow().unwrap(), &["--dry-run"])]
    {
        let day = day.to_string();
        let (exit, told, talk) = house.of_day(&day, further);
        assert!(exit == 2 && told.is_empty() && talk.contains("is not over yet"), "{day}: {told}{talk}");
    }
    assert!(house.listed().is_empty());
    let (exit, _, talk) = house.of_day(&today.to_string(), &["--dry-run"]);
    assert_eq!((exit, talk.as_str()), (0, ""), "of today one may see what there is so far");
}

#[test]
fn what_is_written_from_events_is_valid_against_the_schema() {
    let house = House::in_order("127.0.0.1:9".parse().unwrap(), DAY);
    let folder = house.folder.path("reports").to_str().unwrap().to_owned();
    let (_, xml, talk) = house.out(&["--dry-run", "--xml", "--folder", &folder]);
    assert!(xml.starts_with("<?xml") && xml.contains("<org_name>House &amp; Sons &lt;1&gt;</org_name>"), "{xml}{talk}");
    assert!(xml.contains("<type>local_policy</type>") && xml.contains("<disposition>none</disposition>"), "{xml}");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files.len(), 1);
    let Some(schema) = schema() else { return };
    let file = house.folder.write("report.xml", &xml);
    let judged =
        Command::new("xmllint").args(["--nonet", "--noout", "--schema"]).arg(schema).arg(file).output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
}

#[test]
fn a_report_goes_by_postfix_passes_dmarc_aligned_and_is_read_with_the_same_rows() {
    let sink = Sink::start();
    let postfix = Postfix::before(sink.address()).start();
    let house = House::in_order(postfix.inbound(), DAY);
    let (exit, told, talk) = house.out(&["--json"]);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((exit, &told["sent"], &told["failed"], &told["later"]), (0, &2.into(), &0.into(), &0.into()), "{talk}");
    assert!(sink.wait_for(2, PATIENCE), "{}", postfix.log());
    let arrivals = sink.arrivals();
    let mut recipients: Vec<_> = arrivals.iter().flat_map(|arrival| arrival.recipients.clone()).collect();
    recipients.sort();
    assert!(recipients[0].contains("c@collector.example") && recipients[1].contains("rua@sender.example"));
    for arrival in &arrivals {
        assert_passes(&house, arrival);
    }
    // Somebody else reads it: the same rows, and who sent it is proven.
    let mail = house.folder.write("mail.eml", &arrivals[0].mail);
    let server = house.dns.address().to_string();
    let (exit, told, talk) = house.call(&["report", "import", &mail, "--dns", &server, "--json"]);
    assert_eq!(exit, 0, "{told}{talk}");
    let rows: Vec<_> = Notebook::read(&house.folder.path("imported")).into_iter().filter_map(aggregate).collect();
    let told: Vec<_> = rows.iter().map(|row| (row.source_ip.as_str(), row.count, row.disposition.as_str())).collect();
    assert_eq!(told, [("192.0.2.1", 3, "pass"), ("2001:db8::9", 1, "none")]);
    assert!(rows.iter().all(|row| row.submitter.as_deref() == Some("house.example") && row.policy == "reject"));
    assert_eq!((rows[0].spf_aligned, rows[1].spf_aligned), (true, false));
    assert_eq!(rows[1].reasons, ["local_policy: monitoring only"]);
    assert_eq!(rows[1].dkim[0].result, "fail");
    assert_eq!(rows[0].envelope_to.as_deref(), Some("house.example"));
    // And what became of it stands in the book; done again, nothing is sent twice.
    let consent = "no-consent: does not agree: there is no record at sender.example._report._dmarc.stranger.example";
    let expected = [
        ("c@collector.example", "sent", ""),
        ("mailto:x@stranger.example", "skipped", consent),
        ("quiet.example", "skipped", "nobody-asks: its record asks nobody for reports"),
        ("rua@sender.example", "sent", ""),
        ("sender.example", "made", ""),
    ];
    assert_eq!(house.listed(), expected.map(|(to, state, why)| (to.to_owned(), state.to_owned(), why.to_owned())));
    let (exit, told, _) = house.out(&["--json"]);
    assert_eq!((exit, told.trim()), (0, r#"{"sent":0,"skipped":0,"failed":0,"later":0}"#));
    assert_eq!(sink.count(), 2);
}

/// Asserts that a mail that arrived passes DMARC, aligned, by what our own judges say.
fn assert_passes(house: &House, arrival: &Arrival) {
    let check = Check::mail(arrival.mail.clone()).dns(&house.dns);
    let verdict = check.envelope("198.51.100.7", "mx.house.example", "dmarc@house.example").judge();
    assert_eq!(
        (&verdict["dmarc"]["result"], &verdict["dmarc"]["aligned"]),
        (&"pass".into(), &serde_json::json!(["dkim"]))
    );
    assert_eq!(arrival.fields("Auto-Submitted"), ["auto-generated"]);
    let subject = &arrival.fields("Subject")[0];
    assert!(
        subject.starts_with("Report Domain: sender.example Submitter: house.example Report-ID: <20261120"),
        "{subject}"
    );
    assert!(arrival.sender.contains("<dmarc@house.example>"), "{}", arrival.sender);
}

/// Returns the row of a report.
fn aggregate(event: Event) -> Option<AggregateEvent> {
    if let Event::Aggregate(row) = event { Some(*row) } else { None }
}

#[test]
fn of_two_nodes_that_send_at_the_same_time_each_recipient_gets_one_report() {
    let sink = Sink::start();
    let house = House::in_order(sink.address(), DAY);
    let sent: u64 = thread::scope(|scope| {
        let node = || {
            let (_, told, talk) = house.out(&["--json"]);
            let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
            assert_eq!((&told["failed"], &told["later"]), (&0.into(), &0.into()));
            told["sent"].as_u64().unwrap()
        };
        let nodes: Vec<_> = (0..4).map(|_| scope.spawn(node)).collect();
        nodes.into_iter().map(|node| node.join().unwrap()).sum()
    });
    assert_eq!((sent, sink.count()), (2, 2));
    assert!(sink.counts_by("Message-ID").values().all(|count| *count == 1));
}

#[test]
fn a_relay_that_is_away_is_tried_again_later_and_nothing_is_lost() {
    let sink = Sink::start();
    sink.refuse(true);
    let house = House::in_order(sink.address(), DAY);
    let (exit, told, _) = house.out(&["--json"]);
    assert_eq!((exit, told.trim()), (1, r#"{"sent":0,"skipped":2,"failed":0,"later":2}"#));
    let waiting: Vec<_> = house.listed().into_iter().filter(|(_, state, _)| state == "planned").collect();
    assert!(waiting.len() == 2 && waiting.iter().all(|(_, _, why)| why.contains("451")), "{waiting:?}");
    assert_eq!(sink.count(), 0);
}

#[test]
fn nothing_is_sent_that_would_not_pass_dmarc_itself_and_the_record_to_publish_is_named() {
    let sink = Sink::start();
    for (published, has_key, needle) in [
        (HOUSE, false, "there is no key record: publish: s1._domainkey.house.example. IN TXT"),
        ("", true, "house.example has no DMARC record: publish: _dmarc.house.example TXT \"v=DMARC1; p=reject\""),
        ("_dmarc.house.example TXT !servfail\n", true, "would fail DMARC: dkim=pass, dmarc=temperror"),
    ] {
        let house = House::new(Some(sink.address()), published, has_key, DAY);
        let (exit, told, talk) = house.out(&[]);
        assert!(exit == 2 && told.is_empty() && talk.contains(needle), "{needle}: {talk}");
        let (exit, told, _) = house.out(&["--dry-run"]);
        assert!(exit == 1 && told.contains(needle), "{told}");
    }
    assert_eq!(sink.count(), 0);
}

#[test]
fn without_configuration_nothing_is_sent_and_a_dry_run_says_so() {
    let house = House::new(None, HOUSE, true, DAY);
    let (exit, told, talk) = house.out(&[]);
    assert!(exit == 2 && told.is_empty() && talk.contains("`reports.relay`"), "{talk}");
    let (_, told, _) = house.out(&["--dry-run"]);
    assert!(told.contains("nothing is sent: `reports.relay` is not set"), "{told}");
}
