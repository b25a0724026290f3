//! Content that would like to be more than text, in every field that reaches a page or an export: nothing runs, nothing is fetched
//!
//! Each line of `vectors/hostile/markup.txt` comes as a mail, as a DMARC report, as a TLS report, as a report that cannot be read, and in the
//! DNS; then every page and export that shows them is opened in a real browser. Runs once with scripts allowed: what the page's own policy
//! would stop counts as a failure, too, since it should never have been markup.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sekisho_core::zone::Zone;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::milter::{Delivery, Mta};

use super::browser::{Browser, Setup};
use super::{House, is_calm, screen};

/// The payloads.
const MARKUP: &str = include_str!("../../../../vectors/hostile/markup.txt");
/// What must not be in a page: whatever runs, fetches or leads away, but our own script, styles, icon and forms.
const ALIEN: &str = "script:not([nonce]), style:not([nonce]), iframe, frame, object, embed, applet, base, portal, math, template, \
    link:not([nonce]):not([rel=icon]), meta[http-equiv], img:not([src^='/assets/']), video, audio, source, track, marquee, dialog, \
    form[action^='//'], form[action^='http'], [formaction], [ping], [background], a[href^='javascript' i], a[href^='data' i], \
    a[href^='vbscript' i], a[href^='//'], a[href^='http']";
/// Counts elements that have an attribute which would run something.
const HANDLERS: &str = "return [...document.querySelectorAll('*')].filter(one => \
    [...one.attributes].some(of => of.name.startsWith('on') || (of.name === 'style'))).length";

/// Returns the payloads as octets.
fn payloads() -> Vec<Vec<u8>> {
    let lines = MARKUP.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| unescaped(line.as_bytes())).collect()
}

/// Reads `\xHH` and `\\`.
fn unescaped(line: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = line;
    while let [first, more @ ..] = rest {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match (first, more) {
            (b'\\', [b'x', a, b, after @ ..]) if hex(&[*a, *b]).is_some() => {
                octets.extend(hex(&[*a, *b]));
                rest = after;
            }
            (b'\\', [b'\\', after @ ..]) => {
                octets.push(b'\\');
                rest = after;
            }
            _ => {
                octets.push(*first);
                rest = more;
            }
        }
    }
    octets
}

/// Returns a payload as text for a place that only takes text of one line.
fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).replace(['\r', '\n', '\0'], " ")
}

/// Returns a text as it stands in XML.
fn xml(text: &str) -> String {
    let mut written = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '<' => written.push_str("&lt;"),
            '&' => written.push_str("&amp;"),
            '"' => written.push_str("&quot;"),
            c => written.push(c),
        }
    }
    written
}

/// The DNS of the test: the victim's records hold payloads.
fn zone(payloads: &[Vec<u8>]) -> Zone {
    let mut zone = String::new();
    // One TXT record of SPF that is broken by a payload, and one policy with a payload in a tag.
    let quoted = |payload: &[u8]| {
        let escape = |octet: &u8| match octet {
            b'"' | b'\\' => format!("\\{}", char::from(*octet)),
            octet if octet.is_ascii_graphic() || *octet == b' ' => char::from(*octet).to_string(),
            octet => format!("\\{octet:03}"),
        };
        payload.iter().take(120).map(escape).collect::<String>()
    };
    for (number, payload) in payloads.iter().enumerate() {
        let _ = writeln!(zone, "v{number}.victim.example TXT \"v=spf1 include:{} -all\"", quoted(payload));
        let _ = writeln!(zone, "_dmarc.v{number}.victim.example TXT \"v=DMARC1; p=none; x={}\"", quoted(payload));
    }
    Zone::parse(&zone).expect("the zone is one")
}

/// Returns an aggregate report whose every field has the payload.
fn aggregate(number: usize, payload: &str, now: u64) -> String {
    let (hostile, begin) = (xml(payload), now - 90_000);
    format!(
        "<?xml version=\"1.0\"?><feedback><report_metadata><org_name>{hostile}</org_name><email>{hostile}</email>\
         <extra_contact_info>{hostile}</extra_contact_info><report_id>{number} {hostile}</report_id>\
         <date_range><begin>{begin}</begin><end>{}</end></date_range><error>{hostile}</error></report_metadata>\
         <policy_published><domain>v{number}.victim.example</domain><p>none</p><adkim>{hostile}</adkim></policy_published>\
         <record><row><source_ip>192.0.2.{}</source_ip><count>7</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim>\
         <spf>fail</spf><reason><type>other</type><comment>{hostile}</comment></reason></policy_evaluated></row>\
         <identifiers><header_from>v{number}.victim.example</header_from><envelope_from>{hostile}</envelope_from></identifiers>\
         <auth_results><dkim><domain>{hostile}</domain><selector>{hostile}</selector><result>fail</result><human_result>{hostile}</human_result></dkim>\
         <spf><domain>{hostile}</domain><result>fail</result></spf></auth_results></record></feedback>",
        begin + 3_600,
        number % 250
    )
}

/// Returns a TLS report whose every field has the payload.
fn tls(number: usize, payload: &str) -> String {
    let hostile = serde_json::Value::from(payload).to_string();
    format!(
        "{{\"organization-name\":{hostile},\"date-range\":{{\"start-datetime\":\"2026-11-20T00:00:00Z\",\"end-datetime\":\"2026-11-20T23:59:59Z\"}},\
         \"contact-info\":{hostile},\"report-id\":\"t{number}\",\"policies\":[{{\"policy\":{{\"policy-type\":\"sts\",\"policy-string\":[{hostile}],\
         \"policy-domain\":\"v{number}.victim.example\",\"mx-host\":[{hostile}]}},\"summary\":{{\"total-successful-session-count\":1,\
         \"total-failure-session-count\":1}},\"failure-details\":[{{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\",\
         \"receiving-mx-hostname\":{hostile},\"failed-session-count\":1,\"additional-information\":{hostile},\"failure-reason-code\":{hostile}}}]}}]}}"
    )
}

/// Shows every payload to the gate, in every field of a mail that reaches the books.
fn send_mails(house: &House, payloads: &[Vec<u8>]) {
    let mut mta = Mta::new(house.gate);
    for (number, payload) in payloads.iter().enumerate() {
        let text = text(payload);
        let helo: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mail = format!(
            "From: \"{text}\" <a@v{number}.victim.example>\r\nSubject: {text}\r\nTo: {text} <b@here.example>\r\n\
             DKIM-Signature: v=1; a=rsa-sha256; d={helo}; s={helo}; h=from; bh=AAAA; b=AAAA\r\nMessage-ID: <{text}>\r\n\
             X-{number}: {text}\r\nContent-Type: text/html; name=\"{text}\"\r\n\r\n{text}\r\n"
        );
        let mail_from = format!("{helo}@v{number}.victim.example");
        let delivery = Delivery {
            helo: &helo,
            mail_from: &mail_from,
            queue_id: &helo,
            recipients: &["b@here.example"],
            ..Delivery::of(mail.as_bytes())
        };
        // A mail that the gate will not hear is one whose content reaches no page.
        if mta.deliver(&delivery).is_err() {
            mta = Mta::new(house.gate);
        }
    }
}

/// Imports every payload as reports of all kinds, some of which cannot be read, in files that are named by them.
fn import_reports(house: &House, payloads: &[Vec<u8>]) -> usize {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let folder = house.folder.path().join("reports");
    fs::create_dir(&folder).expect("a folder");
    let mut written = 0;
    for (number, payload) in payloads.iter().enumerate() {
        let text = text(payload);
        let named: String = text.chars().filter(|c| *c != '/').take(40).collect();
        let broken = format!(
            "From: {text} <r@receiver.example>\r\nSubject: {text}\r\nContent-Type: application/xml; name=\"{text}\"\r\n\r\n<feedback>{text}"
        );
        for (kind, content) in
            [("a.xml", aggregate(number, &text, now)), ("t.json", tls(number, &text)), ("b.eml", broken)]
        {
            let file = folder.join(format!("{number}-{named}-{kind}"));
            fs::write(&file, content).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
            written += 1;
        }
    }
    house.call(&["report", "import", "reports", "--dns", "127.0.0.1:9"]);
    written
}

/// Waits until the daemon has read all of it.
fn await_reports(house: &House, written: usize) {
    let begun = Instant::now();
    loop {
        let listed = house.call(&["report", "list", "--json", "--limit", "1000"]);
        let is_settled = |line: &&str| {
            let told: serde_json::Value = serde_json::from_str(line).expect("a line is an object");
            told["state"] != "received"
        };
        let settled = listed.lines().filter(is_settled).count();
        if settled >= written {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{settled} of {written} reports are read");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Opens a page, and finds nothing alive in it.
fn is_inert(browser: &Browser, house: &House, path: &str) {
    browser.open(&house.at(path));
    let what = browser
        .run(&format!("return [...document.querySelectorAll(\"{ALIEN}\")].map(one => one.outerHTML.slice(0, 200))"));
    assert_eq!(what, serde_json::json!([]), "{path}");
    assert_eq!(browser.run(HANDLERS), 0, "{path}");
    assert_eq!(browser.run("return typeof window.ran"), "undefined", "{path}");
    is_calm(browser, house);
}

/// Follows the list of a page to its end, and returns the addresses that it leads to.
fn follow(browser: &Browser, house: &House, first: &str, link: &str) -> Vec<String> {
    let (mut next, mut found) = (Some(first.to_owned()), Vec::new());
    while let Some(path) = next.take() {
        is_inert(browser, house, &path);
        let links = browser
            .run(&format!("return [...document.querySelectorAll(\"{link}\")].map(one => one.getAttribute('href'))"));
        found.extend(links.as_array().into_iter().flatten().filter_map(|link| link.as_str().map(str::to_owned)));
        let older = browser.run("return document.querySelector(\"a[href*='after=']\")?.getAttribute('href')");
        next = older.as_str().map(str::to_owned);
        assert!(found.len() < 5_000, "{first} has no end");
    }
    found
}

#[test]
fn nothing_hostile_lives_on_any_page_or_in_any_export() {
    let payloads = payloads();
    assert!(payloads.len() >= 200, "{}", payloads.len());
    let dns = DnsServer::start(zone(&payloads));
    let house = House::open_with(Some(dns.address()));
    send_mails(&house, &payloads);
    let written = import_reports(&house, &payloads);
    await_reports(&house, written);
    let browser = Browser::start(Setup::default());
    house.join(&browser);
    is_inert(&browser, &house, "/");
    let messages = follow(&browser, &house, "/messages", "table.rows td a[href^='/messages/']");
    assert!(messages.len() >= payloads.len() * 9 / 10, "{} of {} mails", messages.len(), payloads.len());
    let reports = follow(&browser, &house, "/reports", "table.rows td a[href^='/reports/']");
    assert!(reports.len() >= written * 9 / 10, "{} of {written} reports", reports.len());
    // One message, report and domain of each payload; of the reports each kind in turn.
    messages.iter().step_by(3).for_each(|path| is_inert(&browser, &house, path));
    for path in reports.iter().step_by(5) {
        is_inert(&browser, &house, path);
        is_inert(&browser, &house, &format!("{path}/evidence"));
    }
    for number in (0..payloads.len()).step_by(3) {
        is_inert(&browser, &house, &format!("/domains/v{number}.victim.example?days=7"));
    }
    exports_hold_no_formula(&browser, &house, payloads.len());
    searches_and_forms_say_what_they_were_given(&browser, &house, &payloads);
    for path in
        ["/audit", "/health", "/settings", "/people", "/account", "/start", "/domains?days=7", "/reports?side=out"]
    {
        is_inert(&browser, &house, path);
    }
    browser.open(&house.at("/domains/v3.victim.example?days=7"));
    browser.draw(&screen("hostile-domain"));
    browser.open(&house.at("/reports"));
    browser.draw(&screen("hostile-reports"));
}

/// Reads the exports as a spreadsheet and a program would.
fn exports_hold_no_formula(browser: &Browser, house: &House, count: usize) {
    let (mut looked, mut filled) = (0, 0);
    for number in (0..count).step_by(3) {
        let script = format!(
            "const [csv, json] = await Promise.all(['csv', 'json'].map(kind => fetch('/domains/v{number}.victim.example/sources.' + kind + '?days=7')));
             return [csv.headers.get('content-disposition'), csv.headers.get('x-content-type-options'), await csv.text(), JSON.parse(await json.text()).length]"
        );
        let said = browser.run(&format!("return (async () => {{ {script} }})()"));
        let csv = said[2].as_str().expect("the export is text");
        assert!(
            said[0].as_str().is_some_and(|named| named.starts_with("attachment")) && said[1] == "nosniff",
            "{said}"
        );
        for cell in csv.lines().flat_map(|line| line.split("\",\"")) {
            let cell = cell.trim_start_matches('"');
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '＝']), "{cell}");
        }
        (looked, filled) = (looked + 1, filled + usize::from(said[3].as_u64() > Some(0)));
    }
    assert!(filled * 10 >= looked * 8, "{filled} of {looked} exports say something");
    is_calm(browser, house);
}

/// Puts payloads into every field that a page gives back.
fn searches_and_forms_say_what_they_were_given(browser: &Browser, house: &House, payloads: &[Vec<u8>]) {
    for payload in payloads.iter().step_by(4) {
        let encoded: String = payload.iter().map(|octet| format!("%{octet:02X}")).collect();
        for path in [
            format!("/messages?author={encoded}&helo={encoded}&sender={encoded}"),
            format!("/simulator?domain={encoded}&records={encoded}"),
            format!("/domains/{encoded}"),
            format!("/reports/{encoded}"),
            format!("/messages/{encoded}"),
            format!("/audit?login={encoded}&what={encoded}"),
            format!("/sign-in?back={encoded}"),
            format!("/{encoded}"),
        ] {
            is_inert(browser, house, &path);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (number, payload) in payloads.iter().enumerate().step_by(10) {
        let text = text(payload);
        let file = folder.path().join(format!("{number}.eml"));
        fs::write(&file, format!("From: \"{text}\" <a@{text}>\r\nSubject: {text}\r\n\r\n{text}\r\n")).expect("a file");
        drop_one(browser, house, &file);
    }
}

/// Drops a file onto the desk.
fn drop_one(browser: &Browser, house: &House, file: &Path) {
    browser.open(&house.at("/drop"));
    browser.choose("#file", file);
    browser.click("main form button.first");
    browser.await_page("section[role=status], [role=alert]");
    assert_eq!(browser.run(HANDLERS), 0, "{}", file.display());
    is_calm(browser, house);
}
