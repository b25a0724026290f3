//! `sekisho report`: taken in once, read once, told by source; broken ones told with their reason

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use sekisho_core::event::Event;
use sekisho_core::zone::Zone;
use sekisho_house::{LakePlace, Setting, Streams, run};
use sekisho_ledger::Ledger;
use sekisho_testkit::dns::DnsServer;
use serde_json::Value;

use crate::command::Folder;
use crate::dmarc_worlds::signer;
use crate::hostile::{ParseName, signed_by};
use crate::notebook::{NOTEBOOK, Notebook};

/// Calls a command of a house with books in `data`, and returns its exit code, its data and its talk.
pub(crate) fn said(folder: &Folder, arguments: &[&str]) -> (u8, String, String) {
    let setting = Setting { open_lake: Some(NOTEBOOK), data_places: vec![folder.path("data")], ..Setting::default() };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let streams = Streams { stdin: &mut std::io::empty(), stdout: &mut stdout, stderr: &mut stderr, setting };
    let exit = run(["sekisho"].iter().chain(arguments), streams);
    let text = |octets| String::from_utf8(octets).unwrap();
    (exit, text(stdout), text(stderr))
}

/// The public samples, where they are at hand.
fn samples() -> Option<PathBuf> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let vectors = std::env::var_os("SEKISHO_VECTORS").map_or(usual, PathBuf::from);
    if !vectors.is_dir() {
        std::io::Write::write_all(&mut std::io::stderr(), b"NOT RUN: there are no public samples\n").unwrap();
        return None;
    }
    Some(vectors)
}

/// A report on example.org with two rows.
pub(crate) const REPORT: &str = r#"<?xml version="1.0"?><feedback><report_metadata><org_name>receiver.example</org_name>
<email>r@receiver.example</email><report_id>1</report_id><date_range><begin>1767225600</begin><end>1767311999</end>
</date_range></report_metadata><policy_published><domain>example.org</domain><p>none</p></policy_published>
<record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><disposition>none</disposition>
<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers>
<auth_results><dkim><domain>example.org</domain><result>pass</result></dkim></auth_results></record>
<record><row><source_ip>203.0.113.9</source_ip><count>2</count><policy_evaluated><disposition>none</disposition>
<dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.org</header_from></identifiers>
<auth_results><spf><domain>other.example</domain><result>pass</result></spf></auth_results></record></feedback>"#;

#[test]
fn a_report_is_taken_in_once_and_told_by_source() {
    let folder = Folder::new();
    folder.write("reports/a.xml", REPORT);
    // The same bytes under another name are the same report, and one more that says the same of itself is not counted.
    folder.write("reports/b.xml", REPORT);
    folder.write("reports/c.xml", REPORT.replace("<count>7", "<count>9999"));
    folder.write("reports/broken.xml", REPORT.replace("<?xml version=\"1.0\"?>", "<!DOCTYPE x [<!ENTITY a \"b\">]>"));
    // Nobody waits for what has no end, and what lies elsewhere was not asked for.
    assert!(Command::new("mkfifo").arg(folder.path("reports/pipe.xml")).status().unwrap().success());
    symlink("/dev/zero", folder.path("reports/zero.xml")).unwrap();
    let reports = folder.path("reports").to_str().unwrap().to_owned();
    let import = ["report", "import", &reports, "--dns", "127.0.0.1:9", "--json"];
    let (exit, told, talk) = said(&folder, &import);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((&told["taken"]["new"], &told["taken"]["known"]), (&3.into(), &1.into()), "{told}");
    let read = &told["read"];
    let counts = ["reports", "rows", "messages", "duplicates", "unreadable"].map(|word| read[word].as_u64().unwrap());
    assert_eq!((exit, counts), (1, [1, 2, 9, 1, 1]), "{told}");

    // Nobody vouches for a file: it is left out unless one asks for it.
    let show = ["report", "show", "example.org", "--days", "3660", "--no-names"];
    let (exit, told, _) = said(&folder, &show);
    assert_eq!((exit, told.lines().count()), (1, 1), "{told}");
    let (exit, told, _) = said(&folder, &[&show[..], &["--unproven", "--json"]].concat());
    assert_eq!(exit, 0);
    let sources: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = sources
        .iter()
        .map(|s| (s["source_ip"].as_str().unwrap(), s["messages"].as_u64().unwrap(), s["pass"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [("192.0.2.1", 7, 7), ("203.0.113.9", 2, 0)]);

    // A second time nothing is new; the list says what became of each.
    let (exit, told, _) = said(&folder, &import);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((exit, &told["taken"]["passed"], &told["taken"]["new"]), (0, &4.into(), &0.into()), "{told}");
    let rows = Notebook::read(&folder.path("data")).iter().filter(|event| matches!(event, Event::Aggregate(_))).count();
    assert_eq!(rows, 2);
    let (_, listed, _) = said(&folder, &["report", "list"]);
    assert!(listed.contains("doctype:") && listed.contains("duplicate") && listed.lines().count() == 4, "{listed}");
    let (_, listed, _) = said(&folder, &["report", "list", "--state", "unreadable", "--json"]);
    assert!(listed.lines().count() == 1 && listed.contains("\"state\":\"unreadable\""), "{listed}");
}

#[test]
fn many_files_are_taken_in_together_and_what_cannot_be_read_keeps_none_of_them_back() {
    let folder = Folder::new();
    let count = 150;
    for at in 0..count {
        folder.write(&format!("reports/{at:03}.xml"), REPORT.replace("<report_id>1", &format!("<report_id>{at}")));
    }
    fs::File::create(folder.path("reports/100-too-large.xml")).unwrap().set_len(40_000_001).unwrap();
    let twice = folder.path("reports/149.xml").to_str().unwrap().to_owned();
    let reports = folder.path("reports").to_str().unwrap().to_owned();
    let import = ["report", "import", &reports, &twice, "--dns", "127.0.0.1:9", "--json"];
    let taken = |(new, known, passed): (u64, u64, u64)| {
        let (exit, told, talk) = said(&folder, &import);
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
        assert!(exit == 1 && talk.contains("100-too-large.xml"), "{talk}");
        let counts = ["new", "known", "passed"].map(|word| told["taken"][word].as_u64().unwrap());
        assert_eq!(counts, [new, known, passed], "{told}");
    };
    taken((count, 1, 0));
    taken((0, 0, count + 1));
    let rows = Notebook::read(&folder.path("data")).iter().filter(|event| matches!(event, Event::Aggregate(_))).count();
    assert_eq!(rows as u64, 2 * count);
}

#[test]
fn what_an_import_that_was_broken_off_had_in_hand_is_waited_for_and_read() {
    let folder = Folder::new();
    let report = folder.write("report.xml", REPORT);
    let import = ["report", "import", &report, "--dns", "127.0.0.1:9", "--json"];
    // A daemon has the lake: the report is taken in, and somebody who is no more has its job.
    let lake = LakePlace::in_folder(&folder.path("data/lake"));
    let daemon = (NOTEBOOK.write)(&lake).unwrap();
    assert_eq!(said(&folder, &import).0, 0);
    drop(daemon);
    let address = format!("sqlite:{}", folder.path("data/ledger.sqlite").display());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let ledger = Ledger::open(&address, 0).await.unwrap();
        let now = Timestamp::now().as_microsecond();
        let leases = ledger.lease("read-report", "gone", 10, now, now + 2_500_000).await.unwrap();
        assert_eq!(leases.len(), 1);
        ledger.close().await;
    });
    let (exit, told, talk) = said(&folder, &import);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((exit, &told["taken"]["passed"], &told["read"]["reports"]), (0, &1.into(), &1.into()), "{told}{talk}");
    assert!(talk.contains("waiting for 1 that another process has in hand"), "{talk}");
}

#[test]
fn what_cannot_be_read_for_now_is_kept_and_told_again_until_it_is_read() {
    let folder = Folder::new();
    let report = folder.write("report.xml", REPORT);
    // No process has the lake: it cannot be opened.
    let lake = folder.write("data/lake", "no folder");
    for _ in 0..2 {
        let import = ["report", "import", &report, "--dns", "127.0.0.1:9"];
        let (exit, told, talk) = said(&folder, &import);
        assert!(exit == 1 && talk.contains("the lake") && !told.contains("daemon"), "{told}{talk}");
        assert!(told.contains("1 could not be read now; it is tried again"), "{told}");
        let (_, told, _) = said(&folder, &[&import[..], &["--json"]].concat());
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!((&told["taken"]["passed"], &told["read"]["later"]), (&1.into(), &1.into()), "{told}");
    }
    fs::remove_file(lake).unwrap();
    let (exit, told, _) = said(&folder, &["report", "import", &report, "--dns", "127.0.0.1:9", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((exit, &told["read"]["reports"], &told["read"]["later"]), (0, &1.into(), &0.into()), "{told}");
}

#[test]
fn a_report_that_was_cut_off_is_not_in_the_way_of_the_whole_one_and_what_was_mended_is_told() {
    let folder = Folder::new();
    let cut = REPORT.rfind("<record>").unwrap() + 20;
    let cut = folder.write("cut.xml", &REPORT[..cut]);
    let whole = folder.write("whole.xml", REPORT.replace("<count>2", "<count>-2").replace("203.0.113.9", "somewhere"));
    let import = |path: &str| said(&folder, &["report", "import", path, "--dns", "127.0.0.1:9", "--json"]);
    assert_eq!(import(&cut).0, 1);
    let (exit, told, _) = import(&whole);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((exit, &told["read"]["messages"], &told["read"]["duplicates"]), (0, &8.into(), &0.into()), "{told}");
    let (_, listed, _) = said(&folder, &["report", "list"]);
    assert!(listed.contains("truncated: ") && listed.contains("1 of its rows are complete"), "{listed}");
    assert!(listed.contains("mended: bad-address: line 7: `somewhere` is no address; bad-count: line 7:"), "{listed}");
    let (_, listed, _) = said(&folder, &["report", "list", "--lang", "ja"]);
    assert!(!listed.contains("bad-count") && !listed.contains("mended"), "{listed}");
}

#[test]
fn ordinary_mails_of_a_maildir_are_left_alone_and_broken_reports_are_not() {
    let folder = Folder::new();
    let mail = |subject: &str, body: &str| format!("From: a@b.example\r\nSubject: {subject}\r\n{body}");
    let attached = |kind: &str, name: &str, content: &str| {
        format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x\r\n\
             Content-Type: {kind}\r\nContent-Disposition: attachment; filename={name}\r\n\r\n{content}\r\n--x--\r\n"
        )
    };
    folder.write("Maildir/cur/hello", mail("hello", "\r\nsee you\r\n"));
    folder.write("Maildir/cur/minutes", mail("minutes", &attached("application/pdf", "minutes.pdf", "%PDF-1.4")));
    folder.write("Maildir/cur/report", mail("report", &attached("text/xml", "r.xml", REPORT)));
    folder.write("Maildir/new/broken", mail("broken", &attached("application/gzip", "r.xml.gz", "no gzip")));
    folder
        .write("Maildir/new/lost", mail("Report Domain: example.org Submitter: r.example Report-ID: <1>", "\r\n\r\n"));
    let maildir = folder.path("Maildir").to_str().unwrap().to_owned();
    let import = ["report", "import", &maildir, "--dns", "127.0.0.1:9"];
    let (_, told, talk) = said(&folder, &[&import[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((&told["taken"]["ordinary"], &told["taken"]["new"]), (&2.into(), &3.into()), "{told}");
    assert_eq!(&told["read"]["unreadable"], &2, "{told}");
    // The one whose sender nobody can prove while the DNS is away waits, and every later import says so.
    assert_eq!(&told["read"]["later"], &1, "{told}");
    let (exit, told, _) = said(&folder, &import);
    assert!(exit == 1 && told.contains("1 could not be read now; it is tried again"), "{told}");
    // An mbox of nothing else is clean, and says so.
    let folder = Folder::new();
    let mbox = folder
        .write("mbox", mail("From a@b.example", "\r\nx\r\n").replacen("From: ", "From a@b.example x\r\nFrom: ", 1));
    let (exit, told, _) = said(&folder, &["report", "import", &mbox, "--dns", "127.0.0.1:9"]);
    assert!(exit == 0 && told.contains("1 mail is no report, and was left alone"), "{told}");
}

#[test]
fn mailboxes_are_read_as_they_lie_about_and_each_report_counts_once() {
    let folder = Folder::new();
    let mail = |report: &str, logo: &str| {
        format!(
            "From: a@b.example\r\nSubject: report\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
             {logo}--x\r\nContent-Type: text/xml\r\n\r\n{report}\r\n--x--\r\n"
        )
    };
    let numbered = |count: u32| REPORT.replace("<count>7", &format!("<count>{count}"));
    let of = |id: &str, count: u32| numbered(count).replace("<report_id>1<", &format!("<report_id>{id}<"));
    let pack = |path: &str| {
        assert!(Command::new("gzip").args(["-n", &folder.path(path).to_string_lossy()]).status().unwrap().success());
    };
    fs::create_dir_all(folder.path("Maildir/new")).unwrap();
    // As Dovecot compresses it, and in a folder below the mailbox.
    folder.write("Maildir/cur/1", mail(&of("gz", 10), ""));
    pack("Maildir/cur/1");
    fs::create_dir_all(folder.path("Maildir/.Sub/new")).unwrap();
    folder.write("Maildir/.Sub/cur/2", mail(&of("sub", 20), ""));
    fs::create_dir_all(folder.path("Maildir/tmp")).unwrap();
    folder.write("Maildir/tmp/never", mail(&of("tmp", 40), ""));
    // Two reports of a day without a name, and one of them again.
    folder.write("a.xml", of("", 100));
    folder.write("b.xml", of("", 200));
    folder.write("c.xml", of("", 200) + "\n");
    // Rows in front of what the report says of itself, and a logo beside one.
    let (head, rows) = REPORT.split_once("<record>").unwrap();
    let (rows, end) = rows.rsplit_once("</record>").unwrap();
    let (start, head) = head.split_once("<report_metadata>").unwrap();
    let turned =
        format!("{start}<record>{rows}</record><report_metadata>{head}{end}").replace("<report_id>1<", "<report_id>t<");
    let logo =
        "--x\r\nContent-Type: image/png; name=logo.png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n";
    folder.write("d.eml", mail(&turned.replace("<count>7", "<count>400"), logo));
    let mut mbox = format!("From a@b.example x\r\n{}", mail(&of("mbox", 1000), ""));
    mbox += &format!("\r\nFrom a@b.example x\r\n{}", mail(&of("mbox 2", 2000), ""));
    folder.write("mbox", mbox);
    pack("mbox");
    let paths = ["Maildir", "a.xml", "b.xml", "c.xml", "d.eml", "mbox.gz"].map(|path| folder.path(path));
    let dns = DnsServer::start(Zone::parse("").unwrap());
    let dns = dns.address().to_string();
    let mut import = vec!["report", "import", "--dns", &dns, "--json"];
    import.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let (exit, told, talk) = said(&folder, &import);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    let read = &told["read"];
    let counts = ["reports", "messages", "duplicates", "unreadable"].map(|word| read[word].as_u64().unwrap());
    // Seven count, with two mails each beside those that are numbered.
    assert_eq!((exit, counts), (0, [7, 3730 + 14, 1, 0]), "{told}");
    let (_, told, _) =
        said(&folder, &["report", "show", "example.org", "--days", "3660", "--no-names", "--unproven", "--json"]);
    let all: u64 =
        told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["messages"].as_u64().unwrap()).sum();
    assert_eq!(all, 3744, "{told}");
    let (_, told, _) = said(&folder, &["report", "list", "--json"]);
    let reasons: Vec<Value> =
        told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["reason"].clone()).collect();
    assert_eq!(reasons.iter().filter(|reason| !reason.is_null()).count(), 1, "a logo is nothing to tell of: {told}");
}

#[test]
fn an_imported_mail_is_its_senders_where_the_border_says_that_spf_passes() {
    let folder = Folder::new();
    let zone = Zone::parse("_dmarc.receiver.example TXT \"v=DMARC1; p=none\"\n").unwrap();
    let dns = DnsServer::start(zone);
    let mail = |top: &str| {
        format!(
            "{top}Received: from x (x [192.0.2.1]) by mx.example.org with ESMTP; date\r\n\
             Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=receiver.example\r\n\
             From: r@receiver.example\r\nSubject: report\r\nContent-Type: text/xml\r\n\r\n{REPORT}"
        )
    };
    let border = "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=r@receiver.example\r\n";
    folder.write("Maildir/new/1", mail("X: the sender wrote the other field\r\n"));
    folder.write("Maildir/cur/2", mail(border).replace("<report_id>1<", "<report_id>2<"));
    let config = folder.write("sekisho.toml", "[intake]\ntrusted_authserv_ids = [\"MX.example.org\"]\n");
    let maildir = folder.path("Maildir").to_str().unwrap().to_owned();
    let server = dns.address().to_string();
    let command = ["report", "import", &maildir, "--config", &config, "--dns", &server, "--json"];
    let (exit, told, talk) = said(&folder, &command);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((exit, &told["read"]["reports"], &told["read"]["unproven"]), (0, &2.into(), &1.into()), "{told}");
    let (_, listed, _) = said(&folder, &["report", "list", "--json"]);
    let proofs: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let proven: Vec<_> = proofs.iter().filter(|row| row["proven_by"] == "authentication-results").collect();
    assert_eq!((proofs.len(), proven.len()), (2, 1), "{listed}");
    assert_eq!(proven[0]["submitter"], "receiver.example");
}

/// What an MTA of ours writes above a mail of the receiver, whose SPF passes.
const BORDER: &str = "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=r@receiver.example\r\n\
    Received: from x (x [192.0.2.1]) by mx.example.org with ESMTP; date\r\n";

/// Starts the DNS of the receiver, who publishes a policy.
fn receivers_dns() -> DnsServer {
    DnsServer::start(Zone::parse("_dmarc.receiver.example TXT \"v=DMARC1; p=none\"\n").unwrap())
}

/// Writes the mail of a failure report about example.org, to somebody, with more fields of feedback.
fn failure_mail(to: &str, more: &str) -> String {
    format!(
        "From: ruf@receiver.example\r\nTo: {to}\r\nSubject: FW: a mail\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nA mail failed.\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nVersion: 1\r\n{more}\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: \"Secret\" <secret@news.example.org>\r\n\
         Subject: the secret plan\r\n--b--\r\n"
    )
}

#[test]
fn mails_that_failed_are_told_beside_the_sums_and_without_the_people_in_them() {
    let folder = Folder::new();
    let dns = receivers_dns();
    let fields = "Auth-Failure: dmarc\r\nAuth-Failure: signature\r\nSource-IP: 192.0.2.7\r\nReported-Domain: Example.ORG.\r\n\
        Original-Mail-From: <secret@bounce.example.org>\r\nOriginal-Rcpt-To: <secret@receiver.example>\r\n\
        DKIM-Domain: example.org\r\nDelivery-Result: reject\r\nIdentity-Alignment: dkim\r\n\
        Arrival-Date: Thu, 1 Jan 2026 12:00:00 +0000\r\n";
    let of_nobody =
        fields.replace("Reported-Domain: Example.ORG.\r\n", "Incidents: 3\r\n").replace("192.0.2.7", "192.0.2.8");
    folder.write("Maildir/new/1", BORDER.to_owned() + &failure_mail("ruf@example.org", fields));
    // The same told to another mailbox counts once.
    folder.write("Maildir/new/2", BORDER.to_owned() + &failure_mail("second@example.org", fields));
    // Without a domain of its own it is about the author's; beyond 32 bits there are no incidents.
    folder.write("Maildir/new/3", BORDER.to_owned() + &failure_mail("ruf@example.org", &of_nobody));
    let absurd = fields.to_owned() + "Incidents: 99999999999\r\n";
    folder.write("Maildir/new/4", failure_mail("ruf@example.org", &absurd));
    folder.write(
        "Maildir/new/5",
        BORDER.to_owned() + &failure_mail("ruf@example.org", "").replace("auth-failure", "abuse"),
    );
    let config = folder.write("sekisho.toml", "[intake]\ntrusted_authserv_ids = [\"mx.example.org\"]\n");
    let maildir = folder.path("Maildir").to_str().unwrap().to_owned();
    let server = dns.address().to_string();
    let (exit, told, talk) =
        said(&folder, &["report", "import", &maildir, "--config", &config, "--dns", &server, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    let counts = ["reports", "rows", "messages", "duplicates", "unproven", "ignored"]
        .map(|word| told["read"][word].as_u64().unwrap());
    assert_eq!((exit, counts), (0, [3, 3, 5, 1, 1, 1]), "{told}");
    let (_, listed, _) = said(&folder, &["report", "list", "--json"]);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |state: &str| listed.iter().filter(|row| row["state"] == state).collect::<Vec<_>>();
    assert!(of("read").iter().all(|row| row["kind"] == "dmarc-failure"), "{listed:?}");
    let mut domains: Vec<_> = of("read").iter().map(|row| row["domain"].as_str().unwrap()).collect();
    domains.sort_unstable();
    assert_eq!(domains, ["example.org", "example.org", "news.example.org"]);
    assert!(of("ignored")[0]["kind"] == "abuse" && of("duplicate").len() == 1, "{listed:?}");

    // Nothing of people is in the lake.
    let events = Notebook::read(&folder.path("data"));
    let rows: Vec<_> =
        events.iter().filter_map(|event| if let Event::Failure(row) = event { Some(row) } else { None }).collect();
    assert!(rows.len() == 3 && !format!("{rows:?}").to_lowercase().contains("secret"), "{rows:?}");
    assert_eq!(
        (rows[0].envelope_from.as_deref(), &rows[0].envelope_to[..]),
        (Some("bounce.example.org"), &["receiver.example".to_owned()][..])
    );
    assert_eq!((rows[0].at, rows[0].header_from.as_deref()), (1_767_268_800_000_000, Some("news.example.org")));

    let show = ["report", "show", "example.org", "--days", "3660", "--no-names"];
    let (exit, told, _) = said(&folder, &show);
    assert!(exit == 0 && told.starts_with("Failure reports of 1 reporter tell of 4 mails that failed"), "{told}");
    assert!(told.contains("\n192.0.2.8 ") && told.contains("dmarc signature") && told.contains("2026-01-01"), "{told}");
    let (_, told, _) = said(&folder, &[&show[..], &["--json"]].concat());
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = told
        .iter()
        .map(|s| (s["source_ip"].as_str().unwrap(), &s["messages"], &s["failure_reports"]["messages"]))
        .collect();
    assert_eq!(told, [("192.0.2.8", &0.into(), &3.into()), ("192.0.2.7", &0.into(), &1.into())]);
    let (_, told, _) = said(&folder, &[&show[..], &["--unproven", "--lang", "ja"]].concat());
    assert!(told.starts_with("失敗レポートが伝える不合格のメール: 5 通"), "{told}");
    let (exit, _, talk) = said(&folder, &["report", "show", "org", "--no-names", "--days", "1"]);
    assert!(exit == 1 && talk.is_empty(), "{talk}");
}

#[test]
fn who_sent_a_mail_vouches_for_no_report_in_a_mail_within_it() {
    let folder = Folder::new();
    let dns = receivers_dns();
    // A bounce has what anybody wrote to somebody who was not there.
    let bounce = |inner: &str| {
        format!(
            "{BORDER}From: mailer-daemon@receiver.example\r\nSubject: undelivered\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n\r\nNobody is there.\r\n\
             --outer\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--outer--\r\n"
        )
    };
    let fields = "Auth-Failure: dmarc\r\nSource-IP: 192.0.2.7\r\nReported-Domain: example.org\r\n";
    folder.write("Maildir/new/1", bounce(&failure_mail("ruf@example.org", fields)));
    let aggregate = format!("From: a@attack.example\r\nSubject: x\r\nContent-Type: text/xml\r\n\r\n{REPORT}");
    folder.write("Maildir/new/2", bounce(&aggregate));
    let config = folder.write("sekisho.toml", "[intake]\ntrusted_authserv_ids = [\"mx.example.org\"]\n");
    let maildir = folder.path("Maildir").to_str().unwrap().to_owned();
    let server = dns.address().to_string();
    let (_, told, talk) =
        said(&folder, &["report", "import", &maildir, "--config", &config, "--dns", &server, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((&told["read"]["reports"], &told["read"]["unproven"]), (&2.into(), &2.into()), "{told}");
    let (_, listed, _) = said(&folder, &["report", "list", "--json"]);
    assert!(!listed.contains("\"submitter\":\""), "{listed}");
    let (exit, _, talk) = said(&folder, &["report", "show", "example.org", "--no-names", "--days", "3660"]);
    assert!(exit == 1 && talk.contains("--unproven"), "{talk}");
}

#[test]
fn whom_nobody_believes_counts_in_no_sum() {
    let folder = Folder::new();
    let key = |domain: &str| format!("s._domainkey.{domain} TXT {}\n", signer(&"x".parse_name(), "s").key.record());
    let zone = Zone::parse(&["receiver.example", "r.liar.example"].map(key).concat()).unwrap();
    let dns = DnsServer::start(zone);
    let server = dns.address().to_string();
    for (reporter, count) in [("receiver.example", "7"), ("r.liar.example", "99999")] {
        let report = REPORT.replace("<count>7", &format!("<count>{count}")).replace('\n', "\r\n");
        let mail = format!("From: r@{reporter}\r\nSubject: x\r\nContent-Type: text/xml\r\n\r\n{report}\r\n");
        folder.write(&format!("new/{reporter}"), signed_by(reporter, mail.as_bytes()));
        let fields = "Auth-Failure: dmarc\r\nSource-IP: 192.0.2.77\r\nReported-Domain: example.org\r\n";
        let failure = failure_mail("ruf@example.org", fields).replace("ruf@receiver.example", &format!("r@{reporter}"));
        folder.write(&format!("new/{reporter}-failure"), signed_by(reporter, failure.as_bytes()));
    }
    let path = folder.path("new").to_str().unwrap().to_owned();
    let (_, told, _) = said(&folder, &["report", "import", &path, "--dns", &server, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["read"]["reports"], &told["read"]["unproven"]), (&4.into(), &0.into()), "{told}");
    let show = ["report", "show", "example.org", "--days", "3660", "--no-names"];
    let (_, all, _) = said(&folder, &show);
    assert!(all.contains("by reporter: r.liar.example 100001, receiver.example 9\n"), "{all}");
    assert!(all.contains("Failure reports of 2 reporters tell of 2 mails"), "{all}");
    let config = folder.write("sekisho.toml", "[intake]\ndistrusted_reporters = [\"Liar.example\"]\n");
    let (exit, told, talk) = said(&folder, &[&show[..], &["--config", &config]].concat());
    assert!(exit == 0 && told.contains("by reporter: receiver.example 9\n") && !told.contains("liar"), "{told}");
    let left_out = "100002 mails are told of by reporters that `intake.distrusted_reporters` names, and left out";
    assert!(talk.contains(left_out), "{talk}");
    assert!(told.contains("Failure reports of 1 reporter tell of 1 mail that"), "{told}");
    let (_, told, _) = said(&folder, &[&show[..], &["--config", &config, "--json"]].concat());
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mails: u64 = told.iter().filter_map(|source| source["messages"].as_u64()).sum();
    assert_eq!((mails, &told[0]["reporters"][0]), (9, &"receiver.example".into()), "{told:?}");
}

#[test]
fn a_report_that_somebody_forwards_is_its_signers_and_nobody_elses() {
    let folder = Folder::new();
    let key = |domain: &str| format!("s._domainkey.{domain} TXT {}\n", signer(&"x".parse_name(), "s").key.record());
    let zone = ["receiver.example", "attack.example", "colleague.example"].map(key).concat();
    let dns = DnsServer::start(Zone::parse(&zone).unwrap());
    let mail = |id: &str| {
        let report = REPORT.replace("<report_id>1", &format!("<report_id>{id}")).replace('\n', "\r\n");
        format!("From: r@receiver.example\r\nSubject: x\r\nContent-Type: text/xml\r\n\r\n{report}\r\n")
    };
    let forwarded = |inner: &[u8]| {
        let head = "From: me@colleague.example\r\nSubject: Fwd: x\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n\r\nPlease have a look.\r\n\
            --outer\r\nContent-Type: message/rfc822\r\n\r\n";
        signed_by("colleague.example", &[head.as_bytes(), inner, b"\r\n--outer--\r\n"].concat())
    };
    let honest = signed_by("receiver.example", mail("honest").as_bytes());
    let changed = String::from_utf8(signed_by("receiver.example", mail("changed").as_bytes())).unwrap();
    folder.write("new/honest", forwarded(&honest));
    folder.write("new/twice", forwarded(&forwarded(&signed_by("receiver.example", mail("twice").as_bytes()))));
    folder.write("new/changed", forwarded(changed.replace("<count>7", "<count>8").as_bytes()));
    folder.write("new/others", forwarded(&signed_by("attack.example", mail("others").as_bytes())));
    folder.write("new/nobodys", forwarded(mail("nobodys").as_bytes()));
    let (path, server) = (folder.path("new").to_str().unwrap().to_owned(), dns.address().to_string());
    let (_, told, talk) = said(&folder, &["report", "import", &path, "--dns", &server, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((&told["read"]["reports"], &told["read"]["unproven"]), (&5.into(), &3.into()), "{told}");
    let (_, listed, _) = said(&folder, &["report", "list", "--json"]);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut proven: Vec<_> = listed
        .iter()
        .filter(|report| !report["submitter"].is_null())
        .map(|report| {
            let source = report["sources"][0].as_str().unwrap().rsplit('/').next().unwrap();
            (source, report["submitter"].as_str().unwrap(), report["proven_by"].as_str().unwrap())
        })
        .collect();
    proven.sort_unstable();
    assert_eq!(proven, [("honest", "receiver.example", "dkim"), ("twice", "receiver.example", "dkim")]);
    // The same report comes once more from its reporter: it is counted already.
    folder.write("again", &honest);
    let (_, told, _) =
        said(&folder, &["report", "import", &folder.path("again").display().to_string(), "--dns", &server, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["read"]["reports"], &told["read"]["duplicates"]), (&0.into(), &1.into()), "{told}");
}

#[test]
fn what_stands_in_the_place_of_names_goes_nowhere_and_reports_as_people_write_them_are_read() {
    let folder = Folder::new();
    let dns = receivers_dns();
    let server = dns.address().to_string();
    let hostile = "Auth-Failure:\r\n\tdkim (by (us))\r\nSource-IP: secret@example.org\r\nIncidents: secret@example.org\r\n\
        Arrival-Date: secret@example.org\r\nReporting-MTA: x; secret@example.org\r\nDKIM-Domain: secret@example.org\r\n\
        DKIM-Selector: secret@example.org\r\nReported-Domain: secret@example.org\r\nReported-Domain: =cmd.example.org\r\n\
        Identity-Alignment: secret@example.org, dkim\r\nOriginal-Mail-From: <secret@<b>.example.org>\r\n";
    folder.write("new/1", failure_mail("ruf@example.org", hostile));
    let plain = "Auth-Failure: spf\r\nSource-IP: 192.0.2.9:2525\r\nArrival-Date: Fri, 1 Jan 2500 00:00:00 +0000\r\n\
        Reported-Domain: example.org\r\n";
    folder.write("new/2", failure_mail("ruf@example.org", plain).replace("Feedback-Type: auth-failure\r\n", "\r\n"));
    folder
        .write("new/3", failure_mail("ruf@example.org", plain).replace("Type: auth-failure", "Type: Auth-Failure (x)"));
    let second = "--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\n\r\n--b--\r\n";
    folder.write("new/4", failure_mail("ruf@example.org", "Auth-Failure: spf\r\n").replace("--b--\r\n", second));
    let path = folder.path("new").to_str().unwrap().to_owned();
    let (exit, told, talk) = said(&folder, &["report", "import", &path, "--dns", &server, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    assert_eq!((exit, &told["read"]["reports"]), (0, &4.into()), "{told}");
    let (_, listed, _) = said(&folder, &["report", "list"]);
    assert!(!listed.contains("secret") && listed.contains("bad-address"), "{listed}");
    assert!(listed.contains("entries: more than one failure report"), "{listed}");
    let events = Notebook::read(&folder.path("data"));
    let rows: Vec<_> =
        events.iter().filter_map(|e| if let Event::Failure(row) = e { Some(row) } else { None }).collect();
    assert!(!format!("{rows:?}").contains("secret") && !format!("{rows:?}").contains("cmd"), "{rows:?}");
    let of = |failure: &str| rows.iter().filter(|row| row.auth_failure == [failure]).collect::<Vec<_>>();
    assert_eq!((of("signature").len(), of("spf").len()), (1, 3), "{rows:?}");
    assert_eq!(of("signature")[0].reported_domain, "news.example.org", "the author's");
    assert!(of("spf").iter().filter(|row| row.source_ip.as_deref() == Some("192.0.2.9")).count() == 2, "{rows:?}");
    assert!(rows.iter().all(|row| row.at < Timestamp::now().as_microsecond()), "nothing arrived in the year 2500");
}

#[test]
fn before_anything_is_kept_each_command_says_what_to_do() {
    let folder = Folder::new();
    fs::create_dir(folder.path("data")).unwrap();
    for arguments in [
        &["lake", "query", "SELECT 1"][..],
        &["lake", "tables"],
        &["report", "show", "example.org"],
        &["report", "out", "--dry-run"],
        &["report", "spf-omissions", "example.org", "--dns", "127.0.0.1:9"],
        &["simulate", "example.org", "--record", "v=DMARC1; p=none"],
    ] {
        let (exit, told, talk) = said(&folder, arguments);
        let is_told = talk.contains("no books in") && talk.contains("sekisho report import");
        assert!(exit == 2 && told.is_empty() && is_told, "{arguments:?}: {talk}");
    }
    let (exit, told, _) = said(&folder, &["report", "list"]);
    assert!(exit == 0 && told.contains("sekisho report import"), "{told}");
}

#[test]
fn a_person_reads_names_and_not_addresses() {
    let folder = Folder::new();
    folder.write("reports/a.xml", REPORT);
    let dns = DnsServer::start(
        Zone::parse(
            "1.2.0.192.in-addr.arpa PTR mail-sor-f41.google.com\nmail-sor-f41.google.com A 192.0.2.1\n\
             9.113.0.203.in-addr.arpa PTR liar.google.com\nliar.google.com A !timeout\n",
        )
        .unwrap(),
    );
    let (dns, reports) = (dns.address().to_string(), folder.path("reports").to_str().unwrap().to_owned());
    said(&folder, &["report", "import", &reports, "--dns", "127.0.0.1:9"]);
    let show = ["report", "show", "example.org", "--days", "3660", "--unproven", "--dns", &dns];
    let (exit, told, talk) = said(&folder, &show);
    assert!(exit == 0 && told.contains("\nGoogle Workspace  192.0.2.1 "), "{told}{talk}");
    assert!(told.contains("\n203.0.113.9 ") && !told.contains("liar"), "{told}");
    let (_, told, _) = said(&folder, &[&show[..], &["--json"]].concat());
    let sources: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&sources[0]["name"], &sources[0]["named_by"], &sources[0]["host"]),
        (&"Google Workspace".into(), &"host".into(), &"mail-sor-f41.google.com".into())
    );
    assert_eq!((&sources[1]["name"], &sources[1]["host"]), (&Value::Null, &Value::Null));

    // Files that are none are named, and nothing is shown as if it were all.
    let database = folder.write("as.mmdb", "no database");
    let config = folder.write("sekisho.toml", format!("[names]\nas_database = {database:?}\n"));
    let (exit, told, talk) = said(&folder, &[&show[..], &["--config", &config]].concat());
    assert!(exit == 2 && told.is_empty() && talk.contains("as.mmdb"), "{told}{talk}");
}

#[test]
fn the_public_samples_are_read_or_refused_with_a_reason() {
    let Some(vectors) = samples() else { return };
    let folder = Folder::new();
    let [dmarc, tls] = ["dmarc", "tlsrpt"].map(|name| vectors.join(name).to_str().unwrap().to_owned());
    let zone = folder.path("zone").to_str().unwrap().to_owned();
    assert!(fs::exists(&zone).unwrap());
    let (_, told, talk) = said(&folder, &["report", "import", &dmarc, &tls, "--dns", "127.0.0.1:9", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
    let (_, listed, _) = said(&folder, &["report", "list", "--json"]);
    for line in listed.lines() {
        let report: Value = serde_json::from_str(line).unwrap();
        let is_told = matches!(report["state"].as_str().unwrap(), "read" | "duplicate" | "received")
            || report["reason"].is_string();
        assert!(is_told, "{report}");
    }
    assert!(told["read"]["reports"].as_u64().unwrap() >= 6, "{told}\n{listed}");
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    let folder = Folder::new();
    for (arguments, needle) in [
        (&["report", "show", "ex..ample"][..], "domain name"),
        (&["report", "list", "--state", "odd"], "unreadable"),
        (&["report", "show", "example.org"], "no books"),
        (&["report", "import", "/nowhere/at/all"], "no such file"),
    ] {
        let (exit, told, talk) = said(&folder, arguments);
        assert!(
            exit == 2 && told.is_empty() && talk.contains(needle) && talk.lines().count() <= 3,
            "{arguments:?}: {talk}"
        );
    }
}

#[test]
fn the_list_says_in_which_file_a_report_was_found_and_why_it_does_not_count() {
    let folder = Folder::new();
    let broken = REPORT.replace("<?xml version=\"1.0\"?>", "<!DOCTYPE x>");
    let first = folder.write("reports/a.xml", REPORT);
    let again = folder.write("reports/b.xml", REPORT);
    let other = folder.write("reports/copy.xml", REPORT.replace("<count>7", "<count>8"));
    let odd = folder.write("reports/\u{1b}[2J.xml", &broken);
    let mail = |id: &str| format!("From a@b.example x\nFrom: a@b.example\nSubject: {id}\nContent-Type: text/xml\n\n");
    let mbox = folder.write("mbox", mail("1") + &REPORT.replace("<report_id>1<", "<report_id>2<") + "\n");
    let reports = folder.path("reports").to_str().unwrap().to_owned();
    said(&folder, &["report", "import", &reports, &mbox, "--dns", "127.0.0.1:9"]);
    let (_, listed, _) = said(&folder, &["report", "list", "--json"]);
    let rows: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |path: &str| rows.iter().find(|row| row["sources"][0] == path).unwrap_or_else(|| panic!("{path} {listed}"));
    assert_eq!((of(&first)["state"].as_str(), &of(&first)["sources"][1]), (Some("read"), &again.clone().into()));
    assert_eq!((of(&other)["state"].as_str(), of(&mbox)["channel"].as_str()), (Some("duplicate"), Some("mbox")));
    assert!(of(&odd.replace('\u{1b}', "\\x1b"))["reason"].as_str().unwrap().starts_with("doctype: line 1"), "{listed}");
    let (_, listed, _) = said(&folder, &["report", "list"]);
    assert!(
        listed.contains(&format!("[{first}]")) && !listed.contains(&again) && !listed.contains('\u{1b}'),
        "{listed}"
    );
    assert!(listed.contains("doctype: line 1") && listed.contains("it was counted with"), "{listed}");
    let (_, listed, _) = said(&folder, &["report", "list", "--lang", "ja"]);
    assert!(
        listed.contains("文書型宣言がある") && listed.contains("1 行目") && listed.contains("で集計済み"),
        "{listed}"
    );
    assert!(!listed.contains("declares") && !listed.contains("counted"), "{listed}");
}

#[test]
fn an_import_of_what_is_not_there_makes_no_books() {
    let folder = Folder::new();
    let there = folder.write("a.xml", REPORT);
    let missing = folder.path("nowhere").to_str().unwrap().to_owned();
    for paths in [vec![&missing], vec![&there, &missing]] {
        let import: Vec<&str> = ["report", "import"].into_iter().chain(paths.into_iter().map(String::as_str)).collect();
        let (exit, told, talk) = said(&folder, &import);
        assert_eq!((exit, told.as_str(), talk.lines().count()), (2, "", 1), "{talk}");
        assert!(talk.contains("nowhere"), "{talk}");
        assert!(!folder.path("data").exists());
    }
}
