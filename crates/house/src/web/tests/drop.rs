//! *Drop*: mails and reports that are dropped, the public samples of them, broken ones and hostile ones

use std::fs;
use std::path::{Path, PathBuf};

use axum::http::{Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sekisho_ledger::{ReportFilter, Role};
use sekisho_report::dmarc::aggregate::write::gzip;

use super::{Answer, House, now};
use crate::people::access::Scope;
use crate::people::session::Token;
use crate::reports::glance;

/// Somebody who drops things.
struct Analyst {
    /// The desk.
    house: House,
    /// Their session.
    token: Token,
    /// What their forms are proven with.
    proof: String,
}

impl Analyst {
    /// Opens a desk, and signs somebody in.
    async fn open() -> Analyst {
        let house = House::open().await;
        let person = house.person("analyst", Role::Analyst, &Scope::All).await;
        let (token, proof) = house.session(person).await;
        Analyst { house, token, proof }
    }

    /// Drops something as a file of that name, in a language.
    async fn drop_as(&self, name: &str, octets: &[u8], lang: &str) -> Answer {
        let file = format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream");
        self.send(&self.proof, &file, octets, lang).await
    }

    /// Drops something.
    async fn drop(&self, octets: &[u8]) -> Answer {
        self.drop_as("dropped", octets, "en").await
    }

    /// Sends the form.
    async fn send(&self, proof: &str, field: &str, octets: &[u8], lang: &str) -> Answer {
        self.send_all(&[("name=\"proof\"", proof.as_bytes()), (field, octets)], lang).await
    }

    /// Pastes a mail into the form, and fills in other fields.
    async fn paste(&self, mail: &str, fields: &[(&str, &str)], lang: &str) -> Answer {
        let fields: Vec<_> = [("proof", &*self.proof), ("mail", mail)].iter().chain(fields).copied().collect();
        let fields: Vec<_> = fields.iter().map(|(name, text)| (format!("name=\"{name}\""), text.as_bytes())).collect();
        self.send_all(&fields.iter().map(|(name, text)| (name.as_str(), *text)).collect::<Vec<_>>(), lang).await
    }

    /// Sends the form with some fields.
    async fn send_all(&self, fields: &[(&str, &[u8])], lang: &str) -> Answer {
        let part = |(field, octets): &(&str, &[u8])| {
            [format!("--edge\r\nContent-Disposition: form-data; {field}\r\n\r\n").as_bytes(), octets, b"\r\n"].concat()
        };
        let form: Vec<_> = fields.iter().map(part).chain([b"--edge--\r\n".to_vec()]).collect();
        let headers = [
            (header::CONTENT_TYPE.as_str(), "multipart/form-data; boundary=edge"),
            ("cookie", &*format!("sekisho-lang={lang}")),
        ];
        self.house.ask_with(&Method::POST, "/drop", Some(&self.token), form.concat().into(), &headers).await
    }
}

/// A report on example.org with two rows.
const REPORT: &str = "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>receiver.example</org_name>\
    <email>r@receiver.example</email><report_id>r-1</report_id><date_range><begin>1767225600</begin><end>1767311999</end>\
    </date_range></report_metadata><policy_published><domain>example.org</domain><p>quarantine</p></policy_published>\
    <record><row><source_ip>192.0.2.1</source_ip><count>7</count><policy_evaluated><disposition>none</disposition>\
    <dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>example.org</header_from>\
    </identifiers></record></feedback>";

/// Puts something into a mail.
fn mail(kind: &str, octets: &[u8]) -> String {
    format!(
        "From: reports@receiver.example\r\nSubject: Report Domain: example.org Submitter: receiver.example\r\n\
         MIME-Version: 1.0\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        STANDARD.encode(octets)
    )
}

/// Returns the files of the public samples of reports; nothing where they are not at hand.
fn samples() -> Vec<PathBuf> {
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let vectors = std::env::var_os("SEKISHO_VECTORS").map_or(usual, PathBuf::from);
    if !vectors.is_dir() {
        std::io::Write::write_all(&mut std::io::stderr(), b"NOT RUN: there are no public samples\n").unwrap();
        return Vec::new();
    }
    let folders = ["dmarc/aggregate", "dmarc/failure", "tlsrpt"].map(|folder| vectors.join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|end| end != "parsedmarc")).collect()
}

#[tokio::test]
async fn every_public_sample_that_is_dropped_is_told_or_says_why_not() {
    /// What each says that tells it from others; a stable word where it cannot be read.
    const SAID: [(&str, &[&str]); 12] = [
        ("!example.com!1538204542!1538463818.xml", &["example.com"]),
        ("estadocuenta1", &["estadocuenta1.infonacot.gob.mx"]),
        ("fastmail.com", &["FastMail Pty Ltd"]),
        ("invalid_xml.xml", &["<code>ill-formed</code>"]),
        ("old_draft", &["acme.com"]),
        ("rfc9990-sample", &["Sample Reporter"]),
        ("twilight.eml", &["1627703331531660819", "google.com"]),
        ("veeam.com", &["199.230.200.36"]),
        ("dmarc_ruf_report_linkedin", &["Auth-Failure"]),
        ("exim_plain_text", &["node01.mailgate.example.net"]),
        ("google.com_smtp", &["Google Inc."]),
        ("rfc8460.json", &["company-x.example", "certificate-expired"]),
    ];
    let (analyst, samples) = (Analyst::open().await, samples());
    for file in &samples {
        let name = file.file_name().unwrap().to_str().unwrap();
        let (_, said) = SAID.iter().find(|(start, _)| name.starts_with(start)).unwrap_or_else(|| panic!("{name}"));
        for (lang, word) in [("en", "Drop"), ("ja", "判定してみる")] {
            // Its name says nothing that counts.
            let answer = analyst.drop_as("mail.txt", &fs::read(file).unwrap(), lang).await;
            assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.page);
            assert!(answer.page.contains("role=\"status\"") && answer.page.contains(word), "{name}: {}", answer.page);
            for said in *said {
                assert!(answer.page.contains(said), "{name}: {said}: {}", answer.page);
            }
        }
    }
    assert!(samples.is_empty() || samples.len() == SAID.len());
}

#[tokio::test]
async fn a_report_is_told_however_it_is_wrapped_and_nothing_of_it_is_kept() {
    let analyst = Analyst::open().await;
    let packed = gzip(REPORT.as_bytes());
    let wrapped = [
        REPORT.as_bytes().to_vec(),
        packed.clone(),
        gzip(&packed),
        STANDARD.encode(&packed).into_bytes(),
        mail("application/gzip; name=a.xml.gz", &packed).into_bytes(),
    ];
    for octets in &wrapped {
        let page = analyst.drop(octets).await.page;
        for said in ["receiver.example", "r-1", "2026-01-01", "p=quarantine", "192.0.2.1", ">7<", "100.0 %"] {
            assert!(page.contains(said), "{said}: {page}");
        }
        let is_mail = octets.starts_with(b"From:");
        assert_eq!(page.contains("The mail that brought it"), is_mail, "a mail is judged, too: {page}");
    }
    let pasted = analyst.send(&analyst.proof, "name=\"mail\"", REPORT.as_bytes(), "en").await;
    assert!(pasted.page.contains("192.0.2.1"), "{}", pasted.page);
    let ledger = analyst.house.desk.archive.ledger().await.unwrap();
    assert_eq!(ledger.reports(&ReportFilter::default(), None, 10).await.unwrap().rows, []);
    assert!(ledger.lease(crate::reports::QUEUE, "test", 1, now(), now() + 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_hostile_in_a_report_ends_in_a_page_that_says_why() {
    let analyst = Analyst::open().await;
    let bomb = gzip(&vec![b' '; 30_000_000]);
    let doctype = REPORT.replace("?><feedback>", "?><!DOCTYPE x [<!ENTITY a \"b\">]><feedback>");
    let deep = "<feedback>".to_owned() + &"<a>".repeat(1_000);
    for (octets, word) in [
        (bomb.clone(), "ratio"),
        (gzip(&bomb), "ratio"),
        (mail("application/gzip", &bomb).into_bytes(), "ratio"),
        (gzip(b" ").repeat(1_000), "entries"),
        (gzip(&gzip(&gzip(&gzip(&gzip(REPORT.as_bytes()))))), "layers"),
        (doctype.into_bytes(), "doctype"),
        (deep.into_bytes(), "depth"),
        (REPORT.as_bytes()[..REPORT.len() / 3].to_vec(), "truncated"),
        (b"{\"policies\": [".to_vec(), "truncated"),
        (gzip(REPORT.as_bytes())[..40].to_vec(), "truncated"),
    ] {
        for lang in ["en", "ja"] {
            let answer = analyst.drop_as("x", &octets, lang).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert!(answer.page.contains(&format!("<code>{word}</code>")), "{word}: {}", answer.page);
        }
    }
    let odd = REPORT.replace("receiver.example<", "&lt;script&gt;alert(1)&lt;/script&gt;\u{202e}<");
    let page = analyst.drop(odd.as_bytes()).await.page;
    assert!(!page.contains("<script>") && page.contains("&#60;script&#62;") && page.contains("\\u{202e}"), "{page}");
    let row = REPORT.split_once("<record>").unwrap().1.split_once("</feedback>").unwrap().0;
    let rows: String =
        (0..glance::SOURCES + 3).map(|at| format!("<record>{row}").replace("0.2.1<", &format!("1.{at}.9<"))).collect();
    let many = REPORT.replace("</feedback>", &format!("{rows}</feedback>"));
    let page = analyst.drop(many.as_bytes()).await.page;
    assert!(page.contains("… and 4 more") && page.matches("<td data-of=\"Source\">").count() == glance::SOURCES);
}

#[tokio::test]
async fn what_is_neither_a_mail_nor_a_report_is_refused_and_so_is_a_form_of_somebody_else() {
    let analyst = Analyst::open().await;
    for neither in [&b"hello"[..], b"<html></html>", b"\x7fELF\x02", b"[]"] {
        let answer = analyst.drop(neither).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.page);
        assert!(answer.page.contains("nor a report"), "{}", answer.page);
    }
    assert_eq!(analyst.drop(b"").await.status, StatusCode::BAD_REQUEST);
    let forged = analyst.send("another", "name=\"file\"", REPORT.as_bytes(), "en").await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert!(!forged.page.contains("192.0.2.1"));
    let ordinary = analyst.drop(b"From: a@sender.example\r\nSubject: hello\r\n\r\nhi\r\n").await;
    assert!(ordinary.page.contains("sender.example") && !ordinary.page.contains("What cannot be read"));
}

#[tokio::test]
async fn what_was_pasted_and_filled_in_stays_in_the_form_and_what_is_wrong_stands_beside_its_field() {
    let analyst = Analyst::open().await;
    let mail = "\r\nFrom: \"</textarea><script>\" <a@sender.example>\r\nSubject: hello\r\n\r\nhi\r\n";
    let escaped = "From: &#34;&#60;/textarea&#62;&#60;script&#62;&#34; &#60;a@sender.example&#62;";
    let (client, what_if) = ("192.0.2.1", "TXT _dmarc.sender.example=v=DMARC1; p=reject");
    for (mail, client, what_if, field, says) in [
        (mail.trim_start(), "192.0.2", what_if, "client", "`192.0.2`"),
        (mail.trim_start(), client, "TXT", "what_if", "TXT"),
        ("no mail at all </textarea><script>", client, what_if, "mail", ""),
        ("", client, what_if, "mail", ""),
    ] {
        for lang in ["en", "ja"] {
            let fields = [("client", client), ("helo", "mx\"x"), ("sender", "<a@b.example>"), ("what_if", what_if)];
            let Answer { status, page, .. } = analyst.paste(mail, &fields, lang).await;
            assert!(status.is_client_error(), "{field}: {status}");
            let [_, said] = page.split(&format!("id=\"{field}-fault\" role=\"alert\">")).collect::<Vec<_>>()[..] else {
                panic!("{page}")
            };
            assert!(said.split("</p>").next().unwrap().contains(says), "{field}: {page}");
            for kept in [client, what_if, "value=\"mx&#34;x\"", "value=\"&#60;a@b.example&#62;\""] {
                assert!(page.contains(kept), "{field} {kept}: {page}");
            }
            assert_eq!(page.contains(escaped), mail.starts_with("From"), "{field}: {page}");
            assert!(!page.contains("</textarea><script>"), "{field}: {page}");
        }
    }
    // A browser takes the first line end behind the tag away: it is not one of the text.
    let page = analyst.paste(mail, &[("client", "x")], "en").await.page;
    assert!(page.contains(&format!(">\n\r\n{escaped}")), "{page}");
}

#[tokio::test]
async fn a_text_that_is_too_long_for_a_page_is_judged_and_not_repeated() {
    let analyst = Analyst::open().await;
    let mail = format!("From: a@sender.example\r\nSubject: long\r\n\r\n{}\r\n", "<&>\"'".repeat(250_000));
    for client in ["192.0.2.1", "banana"] {
        let page = analyst.paste(&mail, &[("client", client)], "en").await.page;
        assert!(page.len() < 100_000 && page.contains("Longer than 1.0 MB"), "{}", page.len());
        assert_eq!(page.contains("id=\"client-fault\""), client == "banana");
        assert_eq!(page.contains("class=\"state"), client != "banana", "it is judged");
    }
    let large = vec![b'x'; (26 << 20) + 1];
    for (lang, said) in [("en", "up to 25 MB"), ("ja", "25 MB まで")] {
        let answer = analyst.drop_as("x", &large, lang).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.page.contains(said), "{}", answer.page);
    }
}
