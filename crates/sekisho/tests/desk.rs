//! The web desk in a real browser: the ways that people take through it, with scripts and without, and on a phone in Japanese
//!
//! Each page is drawn into `target/screens/`, to be looked at.

mod browser;
mod hostile;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use self::browser::{Browser, Setup};

/// The password of the first account.
const PASSWORD: &str = "a quiet checkpoint";

/// A daemon with a desk, ended with the test.
struct House {
    /// The process.
    child: Child,
    /// Where the desk is.
    desk: String,
    /// The link for the first account.
    link: String,
    /// Where MTAs connect.
    gate: SocketAddr,
    /// Its books.
    folder: tempfile::TempDir,
}

impl House {
    /// Opens a house in which nobody has been yet.
    fn open() -> House {
        House::open_with(None)
    }

    /// Opens one that asks a name server; without one nobody answers.
    fn open_with(dns: Option<SocketAddr>) -> House {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("run")).unwrap();
        let dns = dns.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9)));
        let config = format!(
            "[gate]\nlisten = [\"127.0.0.1:0\"]\n[intake]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = [\"127.0.0.1:0\"]\n\
             [dns]\nupstreams = [\"{dns}\"]\ntimeout_seconds = 1\n"
        );
        fs::write(folder.path().join("daemon.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["serve", "--config", "daemon.toml"]).current_dir(folder.path()).env("LC_ALL", "C");
        command.env("HOME", folder.path()).env("STATE_DIRECTORY", folder.path().join("data"));
        command.env("RUNTIME_DIRECTORY", folder.path().join("run"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, told) = mpsc::channel();
        // The rest is read, so that it never waits for us.
        std::thread::spawn(move || said.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        let (mut desk, mut link, mut gate) = (None, None, None);
        while desk.is_none() || link.is_none() || gate.is_none() {
            let line = told.recv_timeout(Duration::from_secs(60)).expect("the daemon says where it is");
            let address = line.split_whitespace().find(|word| word.contains("/join/"));
            link = link.or_else(|| address.map(|address| address.rsplit_once("/join/").unwrap().1.to_owned()));
            if line.contains("(milter)") {
                gate = line.split_whitespace().find_map(|word| word.parse().ok());
            }
            if line.contains("HTTP") {
                desk = line
                    .split_whitespace()
                    .find(|word| word.starts_with("127.0.0.1:"))
                    .map(|place| format!("http://{place}"));
            }
        }
        House { child, desk: desk.unwrap(), link: link.unwrap(), gate: gate.unwrap(), folder }
    }

    /// Returns the address of a page.
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.desk)
    }

    /// Calls the program on its books, and returns what it prints.
    fn call(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(arguments).current_dir(self.folder.path()).env("LC_ALL", "C").env("HOME", self.folder.path());
        let said = command.env("STATE_DIRECTORY", self.folder.path().join("data")).output().unwrap();
        assert_ne!(said.status.code(), Some(2), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// Lets the first admin in.
    fn join(&self, browser: &Browser) {
        browser.open(&self.at(&format!("/join/{}", self.link)));
        browser.fill("#login", "aoi");
        browser.fill("#password", PASSWORD);
        browser.click("main button.first");
        browser.await_page("a[href='/start'][aria-current]");
    }

    /// Lets them in again, in another browser.
    fn sign_in(&self, browser: &Browser, back: &str) {
        browser.open(&self.at(back));
        browser.fill("#login", "aoi");
        browser.fill("#password", PASSWORD);
        browser.click("main button.first");
        browser.await_page(".self");
        browser.await_page("form[action='/sign-out']");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps a drawing for the README, where somebody asked for that (`./x pictures`): as wide as it is shown there, and not longer.
fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("SEKISHO_PICTURES") {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        browser.draw_window(&folder.join(format!("{name}.png")));
    }
}

/// Returns where a drawing goes.
fn screen(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screens").join(format!("{name}.png"))
}

/// Looks at the page that is open: nothing was refused to it, nothing complained, nothing came from elsewhere.
fn is_calm(browser: &Browser, house: &House) {
    let said = browser.console();
    // What the server refuses on purpose is said by the browser, too.
    let said: Vec<_> = said.iter().filter(|line| !line.contains("the server responded with a status of 4")).collect();
    assert!(said.is_empty(), "{}: {said:#?}", browser.place());
    let away: Vec<_> = browser.asked_for().into_iter().filter(|url| !url.starts_with(&house.desk)).collect();
    assert!(away.is_empty(), "{}: {away:#?}", browser.place());
}

/// What finds faults that shut people out: axe-core, as `./x` installed it.
const AXE: &str = "../../target/tools/axe/node_modules/axe-core/axe.min.js";

/// Looks whether everybody can use the page that is open: contrast, names of fields, headings, landmarks (WCAG AA).
fn is_open_to_all(browser: &Browser) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(AXE);
    let axe = fs::read_to_string(&place).unwrap_or_else(|why| {
        panic!(
            "axe-core is not at {}: {why}. Run: npm install --prefix target/tools/axe axe-core (`./x test` does)",
            place.display()
        )
    });
    let found = browser.run(&format!(
        "{axe}; return axe.run(document, {{ resultTypes: ['violations'] }}).then(found => found.violations
            .filter(fault => ['serious', 'critical'].includes(fault.impact))
            .map(fault => fault.id + ': ' + fault.nodes.map(node => node.html.slice(0, 200) + ' ' + node.failureSummary).join(' | ')))"
    ));
    assert_eq!(found, serde_json::json!([]), "{}", browser.place());
}

/// Opens a page, draws it and looks at it.
fn visit(browser: &Browser, house: &House, path: &str, name: &str) {
    browser.open(&house.at(path));
    browser.draw(&screen(name));
    is_open_to_all(browser);
    is_calm(browser, house);
}

#[test]
fn an_operator_finds_a_failing_mail_and_why_and_sees_what_a_stricter_policy_breaks() {
    let house = House::open();
    let browser = Browser::start(Setup::default());
    // Whoever comes without an account is led to the door, and the door says where the key is.
    visit(&browser, &house, "/", "sign-in");
    assert!(browser.place().contains("/sign-in?back=%2F"), "{}", browser.place());
    assert!(browser.text("main").contains("sekisho people invite"));
    browser.open(&house.at(&format!("/join/{}", house.link)));
    browser.draw(&screen("join"));
    house.join(&browser);
    assert_eq!(browser.text("h1"), "Connections");
    browser.draw(&screen("start"));
    is_calm(&browser, &house);
    assert!(browser.text("main").contains("smtpd_milters = inet:127.0.0.1:"));
    // The link worked once.
    let other = Browser::start(Setup::default());
    other.open(&house.at(&format!("/join/{}", house.link)));
    assert_eq!(other.text("h1"), "This link does not work");
    drop(other);
    visit(&browser, &house, "/", "today-empty");
    // The sample day.
    browser.open(&house.at("/start"));
    browser.click("form[action='/sample'] button");
    browser.await_page("a[href='/'][aria-current]");
    assert_eq!(browser.text("h1"), "Today");
    assert!(browser.text(".note").contains("Sample day."));
    for (path, name) in [
        ("/", "today"),
        ("/messages", "messages"),
        ("/domains", "domains"),
        ("/reports", "reports"),
        ("/reports?side=out", "reports-out"),
        ("/simulator", "simulator-empty"),
        ("/drop", "drop-empty"),
        ("/settings", "settings"),
        ("/health", "health"),
        ("/account", "account"),
        ("/people", "people"),
        ("/audit", "audit"),
    ] {
        visit(&browser, &house, path, name);
        if name == "today" {
            picture(&browser, name);
        }
    }
    // A failing mail, and why.
    browser.open(&house.at("/messages?dmarc=fail"));
    browser.click("table.rows tbody tr:first-child a");
    browser.await_page("#what-if");
    browser.draw(&screen("message"));
    picture(&browser, "message");
    is_open_to_all(&browser);
    is_calm(&browser, &house);
    assert!(browser.count(".steps li.fail") > 0, "the failing place is lit");
    let message = browser.place();
    // The domain of a mail that fails, and what p=reject would break there.
    browser.open(&house.at("/domains"));
    let first = browser.attribute("table.rows tbody tr:first-child a", "href").unwrap();
    visit(&browser, &house, &first, "domain");
    picture(&browser, "domain");
    visit(&browser, &house, &format!("{}/omissions", first.split('?').next().unwrap()), "omissions");
    browser.open(&house.at(&first));
    browser.click("main a.button.first");
    browser.await_page("a[href='/simulator'][aria-current]");
    browser.draw(&screen("simulator"));
    picture(&browser, "simulator");
    is_open_to_all(&browser);
    is_calm(&browser, &house);
    assert!(browser.text("main").contains("DMARC"), "{}", browser.text("main"));
    // The same at night, on a phone, in Japanese.
    let phone = Browser::start(Setup { lang: "ja", size: (390, 844), scripts: true, dark: true });
    house.sign_in(&phone, "/");
    // The language of the account goes before the browser's, and what is chosen here before both.
    assert_eq!(phone.text("h1"), "Today");
    phone.click("footer select#lang option[value=ja]");
    phone.click("footer button");
    phone.await_page("html[lang=ja] a[href='/'][aria-current]");
    assert_eq!(phone.text("h1"), "今日");
    phone.open(&house.at("/start"));
    phone.click("form[action='/sample/enter'] button");
    phone.await_page("a[href='/'][aria-current]");
    for (path, name) in [
        ("/", "today"),
        ("/messages", "messages"),
        (message.strip_prefix(&house.desk).unwrap(), "message"),
        ("/domains", "domains"),
        (&first, "domain"),
        ("/reports", "reports"),
        ("/drop", "drop"),
        ("/start", "start"),
        ("/settings", "settings"),
        ("/health", "health"),
        ("/account", "account"),
        ("/people", "people"),
        ("/audit", "audit"),
    ] {
        visit(&phone, &house, path, &format!("phone-ja-{name}"));
        let (page, window) = (phone.run("return document.documentElement.scrollWidth"), phone.run("return innerWidth"));
        assert!(page.as_u64() <= window.as_u64(), "{path}: {page} is wider than {window}");
    }
}

/// The keys, as WebDriver writes them.
const TAB: &str = "\u{e004}";
/// The same.
const ENTER: &str = "\u{e007}";

/// Goes on with Tab until the reader is where they want to be; whoever is somewhere sees where that is.
fn tab_to(browser: &Browser, wanted: &str) {
    for _ in 0..100 {
        if browser.here(wanted) == true {
            return;
        }
        browser.press(TAB);
        let seen = browser.here("getComputedStyle(here).outlineStyle !== 'none' || here === document.body");
        assert_eq!(seen, true, "{}", browser.here("here.outerHTML"));
    }
    panic!("no way leads there: {wanted}");
}

#[test]
fn everything_can_be_reached_with_the_keyboard_alone() {
    let house = House::open();
    let browser = Browser::start(Setup::default());
    // The door: the first stop skips the bar, and the form is sent with Enter.
    browser.open(&house.at(&format!("/join/{}", house.link)));
    browser.press(TAB);
    assert_eq!(browser.here("here.getAttribute('href')"), "#main");
    browser.press(ENTER);
    tab_to(&browser, "here.id === 'login'");
    browser.press("aoi");
    tab_to(&browser, "here.id === 'password'");
    browser.press(PASSWORD);
    browser.press(ENTER);
    browser.await_page("a[href='/start'][aria-current]");
    tab_to(&browser, "here.form?.getAttribute('action') === '/sample'");
    browser.press(ENTER);
    browser.await_page("a[href='/'][aria-current]");
    // A list: "/" leads to the search, "j" to a row, Enter into it.
    browser.open(&house.at("/messages?dmarc=fail"));
    browser.press("/");
    assert_eq!(browser.here("here.tagName"), "INPUT");
    browser.run("document.activeElement.blur()");
    browser.press("j");
    browser.press("j");
    browser.press("k");
    let link = browser.here("here.getAttribute('href')");
    assert_eq!(browser.attribute("table.rows tbody tr:first-child a", "href").as_deref(), link.as_str());
    browser.press(ENTER);
    browser.await_page("#what-if");
    is_calm(&browser, &house);
    // On paper only what is said stands, dark on light.
    browser.print_media();
    assert_eq!(browser.run("return getComputedStyle(document.querySelector('.bar nav')).display"), "none");
    assert_eq!(browser.run("return getComputedStyle(document.documentElement).backgroundColor"), "rgb(255, 255, 255)");
    browser.draw(&screen("message-on-paper"));
}

/// A mail that nobody signed, whose subject and sender would like to be more than text.
const MAIL: &str =
    "From: \"<img src=x onerror=alert(1)>\" <a@sender.example>\r\nSubject: <script>alert(1)</script>\r\n\r\nHello.\r\n";

#[test]
fn everything_can_be_done_without_scripts() {
    let house = House::open();
    let browser = Browser::start(Setup { scripts: false, ..Setup::default() });
    house.join(&browser);
    assert_eq!(browser.text("h1"), "Connections");
    browser.click("form[action='/sample'] button");
    browser.await_page("a[href='/'][aria-current]");
    browser.open(&house.at("/messages?dmarc=fail"));
    browser.click("table.rows tbody tr:first-child a");
    assert!(!browser.text(".steps li.fail").is_empty());
    browser.fill("#what_if", "TXT _dmarc.nowhere.example=v=DMARC1; p=none");
    browser.click("#what-if button");
    assert_eq!(browser.text("#what-if .note strong"), "Nothing changes.");
    browser.click("form[action='/sample/leave'] button");
    browser.await_page("a[href='/start'][aria-current]");
    // A mail of one's own.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.eml");
    fs::write(&file, MAIL).unwrap();
    browser.open(&house.at("/drop"));
    browser.choose("#file", &file);
    browser.fill("#client", "192.0.2.1");
    browser.click("main form button.first");
    assert!(browser.text("section[role=status]").contains("sender.example"), "{}", browser.text("main"));
    browser.draw(&screen("drop"));
    is_calm(&browser, &house);
    // Another look, another language, and out.
    browser.click("footer select#lang option[value=ja]");
    browser.click("footer button");
    browser.await_page("html[lang=ja]");
    browser.click(".self button");
    browser.await_page("form[action='/sign-in']");
    assert!(browser.place().ends_with("/sign-in"), "{}", browser.place());
    browser.open(&house.at("/messages"));
    assert!(browser.place().contains("/sign-in?back=%2Fmessages"), "{}", browser.place());
}
