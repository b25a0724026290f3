//! `sekisho config doctor` beside configurations of Postfix: a good one, and each fault alone
//!
//! What a Postfix is set to is read with its own `postconf`; none is started and nothing is written.

use std::fs::File;
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use sekisho_house::Setting;
use serde_json::{Value, json};

use crate::command::{Folder, Said};

/// A machine with a Postfix and two listeners that somebody listens at.
struct Machine {
    /// Its files.
    folder: Folder,
    /// Keeps the ports.
    _sockets: [TcpListener; 2],
    /// Where mails are judged, and where they are signed.
    ports: [u16; 2],
    /// `main.cf`.
    main: Vec<String>,
    /// `master.cf`.
    master: Vec<String>,
    /// Our configuration.
    ours: String,
}

impl Machine {
    /// Makes one where all is well.
    fn new() -> Machine {
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = [0, 1].map(|at| sockets[at].local_addr().unwrap().port());
        let lines = |text: String| text.lines().map(str::to_owned).collect();
        let [gate, sign] = ports;
        Machine {
            folder: Folder::new(),
            _sockets: sockets,
            ports,
            main: lines(format!(
                "compatibility_level = 3.6\n\
                 gate = inet:127.0.0.1:{gate}\n\
                 smtpd_milters = $gate\n\
                 non_smtpd_milters = inet:127.0.0.1:{sign}\n\
                 smtpd_forbid_bare_newline = normalize\n\
                 content_filter = smtp:[127.0.0.1]:10024"
            )),
            master: lines(format!(
                "smtp inet n - y - 1 postscreen\n\
                 smtpd pass - - y - - smtpd\n\
                 submission inet n - y - - smtpd\n  \
                   -o smtpd_milters=inet:127.0.0.1:{sign} -o milter_macro_daemon_name=ORIGINATING\n\
                 127.0.0.1:10025 inet n - n - - smtpd -o smtpd_milters=\n\
                 cleanup unix n - y - 0 cleanup"
            )),
            ours: format!(
                "[gate]\nlisten = [\"127.0.0.1:{gate}\"]\nmode = \"enforce\"\n[sign]\nlisten = [\"127.0.0.1:{sign}\"]\n"
            ),
        }
    }

    /// Adds a line to `main.cf`.
    fn main(mut self, line: &str) -> Machine {
        self.main.push(line.replace("GATE", &self.ports[0].to_string()).replace("SIGN", &self.ports[1].to_string()));
        self
    }

    /// Puts another text in the place of one in `master.cf`.
    fn master(mut self, from: &str, to: &str) -> Machine {
        let with =
            |text: &str| text.replace("GATE", &self.ports[0].to_string()).replace("SIGN", &self.ports[1].to_string());
        let (text, from) = (self.master.join("\n"), with(from));
        assert!(text.contains(&from), "{text}");
        self.master = vec![text.replace(&from, &with(to))];
        self
    }

    /// Adds lines to our configuration.
    fn ours(mut self, from: &str, to: &str) -> Machine {
        assert!(self.ours.contains(from));
        self.ours = self.ours.replace(from, to);
        self
    }

    /// Calls the doctor.
    fn call(&self, more: &str) -> Said {
        self.folder.write("sekisho.toml", &self.ours);
        let main = self.folder.write("postfix/main.cf", self.main.join("\n") + "\n");
        // Postfix waits two seconds before it reads a file that somebody may still be writing.
        let minute_ago = SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(main).unwrap().set_modified(minute_ago).unwrap();
        self.folder.write("postfix/master.cf", self.master.join("\n") + "\n");
        self.folder.call(&format!("config doctor --config @sekisho.toml --postfix @postfix {more}"))
    }

    /// Returns what the doctor finds, and checks that the exit code agrees with it.
    fn findings(&self) -> Vec<Value> {
        let said = self.call("--json");
        assert_eq!(said.stderr, "");
        let findings = said.json()["findings"].as_array().unwrap().clone();
        let is_clean = findings.iter().all(|finding| finding["severity"] == "note");
        assert_eq!(said.exit, u8::from(!is_clean), "{findings:?}");
        findings
    }

    /// Checks that the doctor finds this one thing alone.
    fn finds(&self, severity: &str, rule: &str, place: &Value, change: &Value) {
        let findings = self.findings();
        assert_eq!(findings.len(), 1, "{rule}: {findings:#?}");
        let found = &findings[0];
        assert_eq!((&found["severity"], &found["rule"]), (&json!(severity), &json!(rule)), "{found:#}");
        assert_eq!((&found["set_in"], &found["change"]), (place, change), "{found:#}");
        assert_ne!(found["says"], json!(format!("doctor-{rule}")));
    }
}

/// `main.cf`.
fn main_cf() -> Value {
    json!({ "file": "main.cf", "service": null })
}

/// A service of `master.cf`.
fn master_cf(service: &str) -> Value {
    json!({ "file": "master.cf", "service": service })
}

#[test]
fn a_good_postfix_has_nothing_to_change() {
    let machine = Machine::new();
    assert_eq!(machine.findings(), [] as [Value; 0]);
    assert_eq!(machine.call("--lang en").stdout, "0 errors, 0 warnings, 0 notes\n");
    assert_eq!(machine.call("--lang ja").stdout, "エラー 0 件、警告 0 件、参考 0 件\n");
    let version = &machine.call("--json").json()["postfix"]["version"];
    assert!(version.as_str().unwrap().starts_with("3."), "{version}");
}

#[test]
fn smuggling_is_an_error_wherever_it_is_possible() {
    let line = json!("smtpd_forbid_bare_newline = normalize");
    let rule = "bare-newline";
    let mut machine = Machine::new();
    machine.main.retain(|line| !line.starts_with("smtpd_forbid_bare_newline"));
    // Debian 12's default; a newer Postfix has another one.
    if machine.call("--json").json()["postfix"]["version"].as_str().unwrap().starts_with("3.7.") {
        machine.finds("error", rule, &Value::Null, &line);
    }
    Machine::new().main("smtpd_forbid_bare_newline = no").finds("error", rule, &main_cf(), &line);
    let at_port = Machine::new()
        .master("10025 inet n - n - - smtpd", "10025 inet n - n - - smtpd -o smtpd_forbid_bare_newline=no");
    let change = json!("-o smtpd_forbid_bare_newline=normalize");
    let at = master_cf("127.0.0.1:10025/inet");
    at_port.finds("error", rule, &at, &change);
}

#[test]
fn doors_that_are_shown_to_nobody_or_to_the_wrong_one_are_named() {
    let gate = |machine: &Machine| json!(format!("smtpd_milters = inet:127.0.0.1:{}", machine.ports[0]));
    let machine = Machine::new().main("smtpd_milters =");
    machine.finds("error", "door-unjudged", &main_cf(), &gate(&machine));
    let machine = Machine::new().master("smtpd pass - - y - - smtpd", "smtpd pass - - y - - smtpd -o smtpd_milters=");
    let change = json!(format!("-o smtpd_milters=inet:127.0.0.1:{}", machine.ports[0]));
    machine.finds("error", "door-unjudged", &master_cf("smtpd/pass"), &change);
    // Milters of others stay as they are, with all that is said of them.
    let machine = Machine::new().main("smtpd_milters = { unix:/other, default_action = accept }");
    let change =
        format!("smtpd_milters = inet:127.0.0.1:{}, {{ unix:/other, default_action = accept }}", machine.ports[0]);
    machine.finds("error", "door-unjudged", &main_cf(), &json!(change));
    let machine = Machine::new().main("smtpd_milters = $gate, inet:127.0.0.1:SIGN");
    machine.finds("error", "door-signs", &main_cf(), &gate(&machine));
    let machine = Machine::new().master(
        "smtpd pass - - y - - smtpd",
        "smtpd pass - - y - - smtpd -o receive_override_options=no_milters,no_header_body_checks",
    );
    machine.finds(
        "error",
        "door-no-milters",
        &master_cf("smtpd/pass"),
        &json!("-o receive_override_options=no_header_body_checks"),
    );
    Machine::new().main("smtpd_milter_maps = cidr:/nowhere").finds("note", "milter-maps", &main_cf(), &Value::Null);
}

#[test]
fn users_filters_and_local_programs_are_told_from_the_world() {
    let sign = |machine: &Machine| json!(format!("-o smtpd_milters=inet:127.0.0.1:{}", machine.ports[1]));
    let submission = master_cf("submission/inet");
    let (alone, both) = ("-o smtpd_milters=inet:127.0.0.1:SIGN", "-o { smtpd_milters = $gate, inet:127.0.0.1:SIGN }");
    let machine = Machine::new().master(alone, both);
    machine.finds("error", "users-judged", &submission, &sign(&machine));
    let machine = Machine::new().master(alone, both).ours("\"enforce\"", "\"monitor\"");
    let severities = machine.findings().into_iter().map(|found| (found["rule"].clone(), found["severity"].clone()));
    let expected = [("users-judged", "warning"), ("gate-monitor", "note")];
    assert_eq!(severities.collect::<Vec<_>>(), expected.map(|(rule, severity)| (json!(rule), json!(severity))));
    let machine = Machine::new().master(alone, "-o smtpd_milters=");
    machine.finds("warning", "users-unsigned", &submission, &sign(&machine));
    let machine = Machine::new().master(" -o milter_macro_daemon_name=ORIGINATING", "");
    machine.finds("note", "daemon-name", &Value::Null, &json!("-o milter_macro_daemon_name=ORIGINATING"));

    let alone = "10025 inet n - n - - smtpd";
    let machine = Machine::new().master(&format!("{alone} -o smtpd_milters="), alone);
    machine.finds("warning", "filter-judged", &main_cf(), &json!("-o smtpd_milters="));
    // Without a content filter, that port is one of which nobody can tell what it is for.
    let machine = Machine::new().main("content_filter =");
    let change = json!(format!("-o smtpd_milters=inet:127.0.0.1:{}", machine.ports[0]));
    machine.finds("warning", "door-unjudged", &master_cf("127.0.0.1:10025/inet"), &change);

    let machine = Machine::new().main("non_smtpd_milters = $gate");
    let change = json!(format!("non_smtpd_milters = inet:127.0.0.1:{}", machine.ports[1]));
    machine.finds("warning", "local-judged", &main_cf(), &change);
    let machine = Machine::new().main("non_smtpd_milters =");
    machine.finds("note", "local-unsigned", &main_cf(), &change_of(&machine));
    let machine = Machine::new().main("non_smtpd_milters = $gate").main("internal_mail_filter_classes = bounce");
    let rules: Vec<Value> = machine.findings().into_iter().map(|found| found["rule"].clone()).collect();
    assert_eq!(rules, ["local-judged", "internal-judged"]);
}

/// The line that shows mail of local programs to the listener that signs.
fn change_of(machine: &Machine) -> Value {
    json!(format!("non_smtpd_milters = inet:127.0.0.1:{}", machine.ports[1]))
}

#[test]
fn what_postfix_does_without_us_and_how_it_speaks_with_us_is_judged() {
    for (line, severity, rule, change) in [
        ("milter_protocol = 5", "warning", "milter-protocol", "milter_protocol = 6"),
        ("milter_protocol = 1", "error", "milter-protocol", "milter_protocol = 6"),
        ("milter_default_action = accept", "warning", "default-accept", "milter_default_action = tempfail"),
        ("milter_default_action = reject", "warning", "default-reject", "milter_default_action = tempfail"),
        ("milter_default_action = quarantine", "warning", "default-quarantine", "milter_default_action = tempfail"),
        (
            "smtpd_milters = { $gate, default_action = accept }",
            "warning",
            "default-accept",
            "default_action = tempfail",
        ),
        ("milter_content_timeout = 14s", "error", "content-timeout", "milter_content_timeout = 300s"),
        ("milter_connect_timeout = 2s", "warning", "short-timeout", "milter_connect_timeout = 30s"),
        ("milter_command_timeout = 4", "warning", "short-timeout", "milter_command_timeout = 30s"),
        ("milter_connect_macros = v", "warning", "macro-name", "milter_connect_macros = j v"),
        ("header_size_limit = 3000000", "warning", "header-size", "header_size_limit = 102400"),
        ("message_size_limit = 0", "warning", "message-size", "message_size_limit = 52428800"),
        ("cleanup_replace_stray_cr_lf = no", "warning", "stray-cr", "cleanup_replace_stray_cr_lf = yes"),
        (
            "smtpd_forbid_bare_newline_exclusions = 0.0.0.0/0",
            "error",
            "bare-newline-exclusions",
            "smtpd_forbid_bare_newline_exclusions = $mynetworks",
        ),
    ] {
        Machine::new().main(line).finds(severity, rule, &main_cf(), &json!(change));
    }
    let none = "milter_data_macros =\nmilter_end_of_header_macros =\nmilter_end_of_data_macros =";
    Machine::new().main(none).finds("note", "macro-queue", &main_cf(), &json!("milter_data_macros = i"));
    let logins = "\"enforce\"\n[[gate.rules]]\nusers = [\"*\"]\nmode = \"monitor\"";
    let machine = Machine::new().ours("\"enforce\"", logins).main("milter_mail_macros = i");
    machine.finds("warning", "macro-login", &main_cf(), &json!("milter_mail_macros = i {auth_authen}"));
    let machine =
        Machine::new().ours("[gate]\n", "[gate]\nauthserv_id = \"mx.example\"\n").main("milter_connect_macros = v");
    assert_eq!(machine.findings(), [] as [Value; 0]);
}

#[test]
fn a_milter_where_nobody_listens_is_found_and_a_listener_for_all_the_world_too() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let machine = Machine::new().main(&format!("smtpd_milters = $gate, inet:127.0.0.1:{free}"));
    machine.finds("error", "milter-unknown", &main_cf(), &Value::Null);
    let mut machine = Machine::new().main(&format!("gate = inet:127.0.0.1:{free}"));
    machine.ours = machine.ours.replace(
        &format!("listen = [\"127.0.0.1:{}\"]", machine.ports[0]),
        &format!("listen = [\"127.0.0.1:{free}\"]"),
    );
    machine.finds("error", "milter-silent", &main_cf(), &Value::Null);
    let mut machine = Machine::new();
    machine.ours =
        machine.ours.replace(&format!("127.0.0.1:{}", machine.ports[0]), &format!("0.0.0.0:{}", machine.ports[0]));
    let change = json!(format!("listen = [\"127.0.0.1:{}\"]", machine.ports[0]));
    machine.finds("warning", "listener-open", &Value::Null, &change);
}

#[test]
fn what_cannot_be_examined_is_told_from_what_is_wrong() {
    let folder = Folder::new();
    let said = folder.call("config doctor --postfix @nowhere --lang en");
    assert_eq!((said.exit, said.stdout.as_str()), (2, ""));
    assert!(
        said.stderr.starts_with("sekisho: there is no Postfix configuration in `DIR/nowhere`: "),
        "{}",
        said.stderr
    );
    folder.write("bad.toml", "[gate]\nmode = \"maybe\"\n");
    let said = folder.call("config doctor --config @bad.toml --lang en");
    assert_eq!(said.exit, 1);
    assert!(said.stderr.contains("DIR/bad.toml:2: "), "{}", said.stderr);
}

#[test]
fn the_report_for_a_person_names_place_reason_and_line() {
    let machine = Machine::new().main("smtpd_forbid_bare_newline = no\nmilter_default_action = accept");
    let plain = |said: Said| said.stdout.replace(machine.folder.path("").to_str().unwrap(), "DIR/");
    let text = plain(machine.call("--lang en"));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "error: bare-newline");
    assert!(
        lines[1].starts_with("  smtpd_forbid_bare_newline = no (") && lines[1].ends_with("postfix/main.cf)"),
        "{text}"
    );
    assert!(text.contains("      smtpd_forbid_bare_newline = normalize\n"), "{text}");
    assert!(text.ends_with("\n1 error, 1 warning, 0 notes\n"), "{text}");
    let hostile = Machine::new().main("smtpd_milters = $gate, inet:\u{1b}[2J:1");
    assert!(!hostile.call("--lang en").stdout.contains('\u{1b}'));
    let setting = Setting { width: Some(60), ..Setting::default() };
    let said =
        machine.folder.call_with("config doctor --config @sekisho.toml --postfix @postfix --lang ja", "", setting);
    assert!(plain(said).contains("エラー: bare-newline\n"));
}
