//! A real browser on loopback: Debian's Chromium without a window, driven by its own driver
//!
//! It keeps everything in a folder of its own, and ends with the value or with the test's process. `chromium` and `chromium-driver` must be
//! installed (`./x test` sees to it).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Map, Value, json};
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::{By, Capabilities, RequestData, SessionId, WebDriver, WebElement};
use tokio::runtime::Runtime;

use sekisho_testkit::leash::Leash;

/// Where Debian has the driver.
const DRIVER: &str = "/usr/bin/chromedriver";
/// Where it has the browser.
const BROWSER: &str = "/usr/bin/chromium";
/// How long something that shall appear is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the driver: `$1` is the program, `$2` a folder, which goes when all has ended. The browser is in the driver's process group.
const SCRIPT: &str = r#"
trap '' INT HUP TERM
read -r _ || exit 0
HOME="$2" setsid "$1" --port=0 >"$2/driver.out" 2>&1 &
driver=$!
for _ in $(seq 600); do
  port=$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' "$2/driver.out")
  [ -n "$port" ] && break
  sleep 0.1
done
echo "$port"
read -r _
kill -s TERM -- "-$driver" 2>/dev/null
for _ in $(seq 50); do kill -0 -- "-$driver" 2>/dev/null || break; sleep 0.1; done
kill -s KILL -- "-$driver" 2>/dev/null
rm -rf -- "$2"
"#;

/// How a browser is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup<'a> {
    /// The language that it asks for.
    pub(super) lang: &'a str,
    /// How wide and high its page is, in pixels of CSS.
    pub(super) size: (u32, u32),
    /// Whether scripts run.
    pub(super) scripts: bool,
    /// Whether its owner likes it dark.
    pub(super) dark: bool,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Setup { lang: "en", size: (1280, 900), scripts: true, dark: false }
    }
}

/// A running browser.
pub(super) struct Browser {
    /// The connection to the driver; there until the end.
    client: Option<WebDriver>,
    /// Where its answers are waited for.
    runtime: Runtime,
    /// What holds driver and browser.
    _leash: Leash,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// Where Chromium or its driver is not installed, or does not start.
    pub(super) fn start(setup: Setup<'_>) -> Browser {
        assert!(
            Path::new(DRIVER).is_file() && Path::new(BROWSER).is_file(),
            "Chromium is not installed. Run: sudo apt-get install chromium chromium-driver fonts-noto-cjk (`./x test` does)"
        );
        Browser::try_start(setup).unwrap_or_else(|why| panic!("the browser did not start: {why}"))
    }

    /// Starts one.
    fn try_start(setup: Setup<'_>) -> io::Result<Browser> {
        let folder = folder()?;
        let mut leash = Leash::start(SCRIPT, &[DRIVER, &folder.to_string_lossy()], None)?;
        let port = leash.ask("start")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let Setup { lang, size: (width, height), scripts, dark } = setup;
        let profile = folder.join("profile");
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--lang={lang}"),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.display()),
        ];
        if dark {
            arguments.push("--force-dark-mode".to_owned());
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let javascript = if scripts { 1 } else { 2 };
        let options = json!({
            "binary": BROWSER,
            "args": arguments,
            "prefs": { "intl.accept_languages": lang, "profile.managed_default_content_settings.javascript": javascript },
        });
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let wanted: Map<String, Value> = wanted.as_object().cloned().unwrap_or_default();
        let connected = runtime.block_on(async {
            let client = WebDriver::new(format!("http://127.0.0.1:{port}"), Capabilities::from(wanted)).await?;
            // A window is never as narrow as a phone: the page is.
            let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
            client.handle().cmd(Own::devtools("Emulation.setDeviceMetricsOverride", &metrics)).await?;
            Ok::<_, thirtyfour::error::WebDriverError>(client)
        });
        let connected = connected.map_err(|why| io::Error::other(why.to_string()));
        let browser = Browser { client: Some(connected?), runtime, _leash: leash };
        // What the browser itself did before it was asked to do anything is nobody's page.
        browser.console();
        browser.asked_for();
        Ok(browser)
    }

    /// Returns the connection.
    fn client(&self) -> &WebDriver {
        self.client.as_ref().expect("it goes only when the browser does")
    }

    /// Opens a page, and waits until it is there.
    pub(super) fn open(&self, url: &str) {
        self.runtime.block_on(self.client().goto(url)).unwrap_or_else(|why| panic!("{url}: {why}"));
    }

    /// Returns where the browser is.
    pub(super) fn place(&self) -> String {
        self.runtime.block_on(self.client().current_url()).expect("the browser knows where it is").to_string()
    }

    /// Waits until a page is there that has what a CSS selector finds: the one before may still be shown after a click.
    pub(super) fn await_page(&self, css: &str) {
        self.find(css);
    }

    /// Returns the text that a reader sees of the first element that a CSS selector finds, once it is there.
    pub(super) fn text(&self, css: &str) -> String {
        let found = self.find(css);
        self.runtime.block_on(found.text()).unwrap_or_else(|why| panic!("{css}: {why}"))
    }

    /// Returns an attribute of the first element that a CSS selector finds.
    pub(super) fn attribute(&self, css: &str, name: &str) -> Option<String> {
        let found = self.find(css);
        self.runtime.block_on(found.attr(name)).unwrap_or_else(|why| panic!("{css}: {why}"))
    }

    /// Returns how many elements a CSS selector finds now.
    pub(super) fn count(&self, css: &str) -> usize {
        self.runtime.block_on(self.client().find_all(By::Css(css))).unwrap_or_else(|why| panic!("{css}: {why}")).len()
    }

    /// Clicks on the first element that a CSS selector finds, once it is there.
    pub(super) fn click(&self, css: &str) {
        let found = self.find(css);
        self.runtime.block_on(found.click()).unwrap_or_else(|why| panic!("{css}: {why}"));
    }

    /// Types into the first element that a CSS selector finds, in place of what was there.
    pub(super) fn fill(&self, css: &str, text: &str) {
        let found = self.find(css);
        self.runtime
            .block_on(async {
                found.clear().await?;
                found.send_keys(text).await
            })
            .unwrap_or_else(|why| panic!("{css}: {why}"));
    }

    /// Presses a key where the reader is.
    pub(super) fn press(&self, key: &str) {
        self.runtime
            .block_on(async { self.client().active_element().await?.send_keys(key).await })
            .unwrap_or_else(|why| panic!("{key:?}: {why}"));
    }

    /// Returns what the element where the reader is answers to a short script, in which it is called `here`.
    pub(super) fn here(&self, script: &str) -> Value {
        self.run(&format!("const here = document.activeElement; return {script}"))
    }

    /// Chooses a file in a form's field.
    pub(super) fn choose(&self, css: &str, file: &Path) {
        let found = self.find(css);
        self.runtime
            .block_on(found.send_keys(file.to_string_lossy().into_owned()))
            .unwrap_or_else(|why| panic!("{css}: {why}"));
    }

    /// Runs a script in the page as a developer would, whatever the page allows, and returns what it gives.
    pub(super) fn run(&self, script: &str) -> Value {
        let given = self.runtime.block_on(self.client().execute(script, Vec::new()));
        given.unwrap_or_else(|why| panic!("{script:.80}: {why}")).json().clone()
    }

    /// Draws the whole page into a file, whatever the window shows of it.
    pub(super) fn draw(&self, file: &Path) {
        self.capture(file, true);
    }

    /// Draws what the window shows.
    pub(super) fn draw_window(&self, file: &Path) {
        self.capture(file, false);
    }

    /// Draws into a file, also what lies beyond the window where that is wanted.
    fn capture(&self, file: &Path, beyond: bool) {
        let command =
            Own::devtools("Page.captureScreenshot", &json!({ "captureBeyondViewport": beyond, "format": "png" }));
        let drawn = self.own(command);
        let data = drawn.get("data").and_then(Value::as_str).expect("a drawing has data");
        let png = base64(data).expect("the driver writes base64");
        fs::create_dir_all(file.parent().expect("a file lies in a folder")).expect("the folder can be made");
        fs::write(file, png).expect("the drawing can be kept");
    }

    /// Shows pages as they are printed.
    pub(super) fn print_media(&self) {
        self.own(Own::devtools("Emulation.setEmulatedMedia", &json!({ "media": "print" })));
    }

    /// Returns what the console said since it was last asked: refusals of the page's own policy are among it.
    pub(super) fn console(&self) -> Vec<String> {
        let said = self.log("browser");
        said.iter().filter_map(|line| line.get("message").and_then(Value::as_str)).map(str::to_owned).collect()
    }

    /// Returns the addresses that were asked for since this was last asked, but those that lead nowhere (`data:`, `about:`).
    pub(super) fn asked_for(&self) -> Vec<String> {
        let events = self.log("performance");
        let asked = events.iter().filter_map(|event| {
            let message: Value = serde_json::from_str(event.get("message")?.as_str()?).ok()?;
            let message = message.get("message")?;
            let is_request = message.get("method")?.as_str()? == "Network.requestWillBeSent";
            is_request.then(|| Some(message.get("params")?.get("request")?.get("url")?.as_str()?.to_owned()))?
        });
        asked.filter(|url| !url.starts_with("data:") && !url.starts_with("about:")).collect()
    }

    /// Gives a command of Chromium's own, and returns what it answers.
    fn own(&self, command: Own) -> Value {
        let answer = self.runtime.block_on(self.client().handle().cmd(command)).expect("the driver answers");
        answer.value_json().expect("it answers in JSON")
    }

    /// Reads a log of the browser's.
    fn log(&self, kind: &str) -> Vec<Value> {
        let lines = self.own(Own { path: "se/log", body: json!({ "type": kind }) });
        lines.as_array().cloned().unwrap_or_default()
    }

    /// Finds an element, once it is there.
    fn find(&self, css: &str) -> WebElement {
        let begun = Instant::now();
        self.runtime.block_on(async {
            loop {
                match self.client().find(By::Css(css)).await {
                    Ok(found) => return found,
                    Err(why) if begun.elapsed() > PATIENCE => {
                        let page = self.client().source().await.unwrap_or_default();
                        panic!("{css} is not there: {why}\n{page:.4000}")
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            // Whatever the driver says, the leash ends it.
            let _ = self.runtime.block_on(client.quit());
        }
    }
}

/// A command of Chromium's own.
#[derive(Debug)]
struct Own {
    /// Where it is given, below the session.
    path: &'static str,
    /// What it says.
    body: Value,
}

impl Own {
    /// Names a command of its developer tools.
    fn devtools(name: &str, parameters: &Value) -> Own {
        let parameters = json!({ "cmd": name, "params": parameters });
        Own { path: "goog/cdp/execute", body: parameters }
    }
}

impl FormatRequestData for Own {
    fn format_request(&self, session: &SessionId) -> RequestData {
        RequestData::new(Method::POST, format!("/session/{session}/{}", self.path)).add_body(self.body.clone())
    }
}

/// Makes a private folder.
fn folder() -> io::Result<PathBuf> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    /// How many were made.
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let name = format!("sekisho-browser-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Reads base64.
fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.decode(text).ok()
}
