//! `sekisho config`: faults with their lines, and what is in force

use sekisho_house::Setting;

use crate::command::{Folder, assert_snapshot};

#[test]
fn every_fault_is_named_with_its_line_and_the_nearest_name() {
    let folder = Folder::new();
    folder.write("bad.toml", "[dns]\ntimout_seconds = 5\n\n[chekc]\n");
    let said = folder.call("config check --config @bad.toml");
    assert_eq!((said.exit, said.stdout.as_str()), (1, ""));
    assert_eq!(
        said.stderr,
        "sekisho: DIR/bad.toml:2: no option is called `dns.timout_seconds`; did you mean `timeout_seconds`?\n\
         sekisho: DIR/bad.toml:4: no section is called `chekc`; did you mean `check`?\n"
    );
    folder.write("values.toml", "[dns]\ntimeout_seconds = 0\nupstreams = [\"192.0.2.53\", \"nowhere\"]\n\n[check]\nlang = \"de\"\nmax_signatures = -1\n[arc]\ntrusted_sealers = [\n  \"a..b\",\n]\n");
    let said = folder.call("config check --config @values.toml --lang ja");
    assert_eq!(
        said.stderr,
        "sekisho: DIR/values.toml:2: `dns.timeout_seconds` は 1 から 600 まで: 0 は範囲外\n\
         sekisho: DIR/values.toml:3: `nowhere` は DNS サーバーの指定ではない: アドレスがない\n\
         sekisho: DIR/values.toml:6: `de` という言語はない: `ja` か `en` を指定\n\
         sekisho: DIR/values.toml:7: `check.max_signatures` は 1 から 100 まで: -1 は範囲外\n\
         sekisho: DIR/values.toml:10: `a..b` はドメイン名ではない: 点が連続しているか、点で始まっている\n"
    );
}

#[test]
fn what_is_unknown_hides_no_other_fault_and_what_others_say_stands_in_a_sentence_of_ours() {
    let folder = Folder::new();
    folder.write("both.toml", "[dns]\ntimeout_seconds = 0\ntimout = 5\n[check]\nlang = \"de\"\n[chekc]\n");
    let said = folder.call("config check --config @both.toml").stderr;
    let lines: Vec<&str> = said.lines().filter_map(|line| line.split(':').nth(2)).collect();
    assert_eq!(lines, ["2", "3", "5", "6"], "{said}");
    folder.write("syntax.toml", "[dns]\ntimeout_seconds =\n");
    let said = folder.call("config check --config @syntax.toml --lang ja").stderr;
    assert!(said.starts_with("sekisho: DIR/syntax.toml:2: ここから TOML として読めない: 行を直すか"), "{said}");
    folder.write("type.toml", "[dns]\ntimeout_seconds = \"5\"\n");
    let said = folder.call("config check --config @type.toml --lang ja").stderr;
    assert!(said.starts_with("sekisho: DIR/type.toml:2: 値の種類が違う: "), "{said}");
}

#[test]
fn a_folder_that_another_daemon_holds_is_said_to_be_held() {
    let folder = Folder::new();
    let held = std::fs::File::create(folder.path("in-work")).unwrap();
    held.lock().unwrap();
    let run = folder.path("");
    folder.write(
        "x.toml",
        format!("[gate]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = []\n[serve]\nruntime_folder = {run:?}\n"),
    );
    let said = folder.call("serve --config @x.toml --dns 127.0.0.1:9 --lang ja");
    let expected = "sekisho: DIR/ に処理中メールの記録を置けない: 別のプロセスが使用中（おそらく別の `sekisho serve`）: 先にそれを止める\n";
    assert_eq!((said.exit, said.stderr.as_str()), (2, expected));
}

#[test]
fn a_check_with_a_broken_configuration_is_not_done() {
    let folder = Folder::new();
    folder.write("bad.toml", "[dns]\ntimeout_seconds = \"5\"\n");
    let said = folder.call("check @mail.eml --zone @zone --config @bad.toml");
    assert_eq!((said.exit, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.starts_with("sekisho: DIR/bad.toml:2: "), "{}", said.stderr);
    let said = folder.call("config check --config @gone.toml");
    assert_eq!((said.exit, said.stderr.as_str()), (2, "sekisho: cannot read `DIR/gone.toml`: there is no such file\n"));
}

#[test]
fn what_is_in_force_is_shown_with_its_origin_and_can_be_read_again() {
    let folder = Folder::new();
    folder.write(
        "x.toml",
        "[dns]\nupstreams = [\"tls://192.0.2.53#dns.example\"]\n[check]\nlang = \"ja\"\nmax_signatures = 3\n",
    );
    let said = folder.call("config show --config @x.toml");
    assert_eq!((said.exit, said.stderr.as_str()), (0, ""));
    assert_snapshot("config.en.txt", &said.stdout);
    folder.write("again.toml", &said.stdout);
    let values =
        |said: String| said.lines().map(|line| line.split("  #").next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(values(folder.call("config show --config @again.toml").stdout), values(said.stdout));
    let object = folder.call("config show --config @x.toml --json").json();
    assert_eq!(object["config"]["check"]["max_signatures"], serde_json::json!({ "value": 3, "line": 5 }));
}

#[test]
fn what_is_kept_of_some_mail_is_said_and_refused_where_nobody_agreed() {
    let folder = Folder::new();
    let rule = "[[store.privacy]]\nrecipients = [\"city.example.jp\"]\nomit = [\"facts\", \"client_ip\"]\nlocal_parts = \"keep\"\ndays = 30\n";
    folder.write("x.toml", format!("{rule}consent = \"contract of 2026-04-01\"\n"));
    let shown = folder.call("config show --config @x.toml --json").json()["config"]["store"]["privacy"][0].take();
    let values = ["omit", "local_parts", "days", "events"].map(|option| shown[option]["value"].clone());
    assert_eq!(serde_json::json!(values), serde_json::json!([["client_ip", "facts"], "keep", 30, true]));
    folder.write("unasked.toml", rule);
    let said = folder.call("config check --config @unasked.toml");
    assert_eq!(said.exit, 1);
    assert!(
        said.stderr.contains("unasked.toml:1: ") && said.stderr.contains("store.privacy.consent"),
        "{}",
        said.stderr
    );
    folder.write(
        "odd.toml",
        "[[store.privacy]]\nrecipients = [\"a.example\"]\nomit = [\"subject\"]\n\n[[store.privacy]]\nevents = false\n",
    );
    let said = folder.call("config check --config @odd.toml");
    assert!(
        said.stderr.contains("odd.toml:3: `subject` is nothing") && said.stderr.contains("odd.toml:5: "),
        "{}",
        said.stderr
    );
}

#[test]
fn days_that_nobody_can_keep_to_are_warned_of() {
    let folder = Folder::new();
    let rule = "[[store.privacy]]\nrecipients = [\"a.example\"]\nomit = [\"recipients\"]\n";
    folder.write("plain.toml", rule);
    folder.write("vain.toml", format!("{rule}days = 30\n"));
    for (lang, says) in [("en", "cannot be found again"), ("ja", "後から探せない")] {
        let said = folder.call(&format!("config check --config @vain.toml --lang {lang}"));
        assert!(said.exit == 0 && said.stderr.contains(says), "{lang}: {} {}", said.exit, said.stderr);
        let said = folder.call(&format!("config check --config @plain.toml --lang {lang}"));
        assert!(said.exit == 0 && !said.stderr.contains(says), "{lang}: {}", said.stderr);
    }
}

#[test]
fn what_turns_or_hides_text_is_shown_and_means_the_same_when_it_is_read_again() {
    let folder = Folder::new();
    let odd = "evil\u{202e}txt \u{200b}\u{7f}\u{e0041}関所 \\\" end";
    let written = r#"consent = "evil\u202etxt \u200b\u007f\U000e0041関所 \\\" end""#;
    folder.write("x.toml", format!("[[store.privacy]]\nrecipients = [\"a.example\"]\n{written}\n"));
    let said = folder.call("config show --config @x.toml");
    assert_eq!(said.exit, 0, "{}", said.stderr);
    assert!(said.stdout.contains(written), "{}", said.stdout);
    folder.write("again.toml", &said.stdout);
    for file in ["x.toml", "again.toml"] {
        let said = folder.call(&format!("config show --config @{file} --json"));
        assert!(!said.stdout.contains(['\u{202e}', '\u{200b}', '\u{7f}', '\u{e0041}']), "{}", said.stdout);
        assert!(said.stdout.contains(r"\udb40\udc41"), "{}", said.stdout);
        assert_eq!(said.json()["config"]["store"]["privacy"][0]["consent"]["value"], serde_json::json!(odd));
    }
}

#[test]
fn lists_of_tables_are_shown_so_that_they_can_be_read_again() {
    let folder = Folder::new();
    folder.write(
        "x.toml",
        "[[sign.keys]]\ndomain = \"example.org\"\nselector = \"a\"\nkey = \"/a b/\\\"c.pem\"\n\n\
         [[sign.keys]]\ndomain = \"日本.example\"\nselector = \"b\"\nkey = \"b\"\nsubdomains = true\n\n\
         [[sign.senders]]\nusers = [\"alice\", \"@example.org\"]\nnetworks = [\"192.0.2.1\", \"2001:db8::/32\"]\n\
         domains = [\"*.example.org\", \"*\"]\n",
    );
    let said = folder.call("config show --config @x.toml");
    assert_eq!((said.exit, said.stderr.as_str()), (0, ""));
    assert_snapshot("config-lists.en.txt", said.stdout.split_once("[sign]").unwrap().1);
    folder.write("again.toml", &said.stdout);
    let config = |file: &str| {
        let mut config = folder.call(&format!("config show --config @{file} --json")).json()["config"].take();
        for list in ["keys", "senders"] {
            for table in config["sign"][list].as_array_mut().unwrap() {
                table.as_object_mut().unwrap().values_mut().for_each(|option| option["line"] = 0.into());
            }
        }
        config["sign"].take()
    };
    assert_eq!(config("again.toml")["keys"], config("x.toml")["keys"]);
    assert_eq!(config("again.toml")["senders"], config("x.toml")["senders"]);
    assert_eq!(config("x.toml")["keys"][1]["domain"]["value"], "xn--wgv71a.example");
    let object = folder.call("config show --config @x.toml --json").json();
    let second = &object["config"]["sign"]["keys"][1];
    assert_eq!(second["subdomains"], serde_json::json!({ "value": true, "line": 10 }));
    let none = folder.call("config show --json").json();
    assert_eq!(none["config"]["sign"]["keys"], serde_json::json!([]));
}

#[test]
fn faults_in_lists_of_tables_are_named_with_their_lines() {
    let folder = Folder::new();
    folder.write(
        "x.toml",
        "[sign]\nunsigned = \"drop\"\noversigned = [\"From\", \"a b\"]\n[[sign.keys]]\ndomain = \"a..b\"\nselector = \"s\"\n\n\
         [[sign.senders]]\ndomains = [\"x\",\n \"*.a;b\"]\n[[sign.senders]]\nnetworks = [\"192.0.2.1/24\"]\nusers = [\"@\"]\n",
    );
    let said = folder.call("config check --config @x.toml");
    assert_eq!(
        said.stderr.replace("sekisho: DIR/x.toml:", ""),
        "2: `drop` is not known here; write `pass` or `refuse`\n\
         3: `a b` is not the name of a header field\n\
         4: `sign.keys.key` is missing here\n\
         5: `a..b` is not a domain name: two dots meet, or the name begins with one\n\
         8: a sender needs `networks` or `users`, or both; where both are given, both must fit\n\
         10: `a;b` is not a domain name: only letters, digits, hyphens, underscores and dots may stand in it\n\
         11: `sign.senders.domains` is missing here\n\
         11: a sender needs `networks` or `users`, or both; where both are given, both must fit\n\
         12: `192.0.2.1/24` is not a network; write `192.0.2.0/24`, `2001:db8::/32` or one address, without bits behind the prefix\n\
         13: `@` is not a login; write a login, `@example.org` for all logins of a domain, or `*` for all\n"
    );
}

#[test]
fn a_check_reads_the_keys_and_says_where_nothing_would_be_signed() {
    let folder = Folder::new();
    folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem");
    let key = format!("[[sign.keys]]\ndomain = \"example.org\"\nselector = \"s\"\nkey = {:?}\n", folder.path("s.pem"));
    folder.write("x.toml", format!("[sign]\nlisten = [\"127.0.0.1:0\"]\n{key}"));
    let said = folder.call("config check --config @x.toml");
    assert_eq!((said.exit, said.stdout.as_str()), (0, "DIR/x.toml is in order\n"));
    assert!(
        said.stderr.starts_with("sekisho: [sign] has no [[sign.senders]], so nothing is signed"),
        "{}",
        said.stderr
    );
    assert_eq!(said.stderr.lines().count(), 1);
    folder.write("gone.toml", key.replace("s.pem", "gone.pem"));
    let said = folder.call("config check --config @gone.toml");
    let expected = "sekisho: DIR/gone.toml:4: cannot read `DIR/gone.pem`: there is no such file\n";
    assert_eq!((said.exit, said.stderr.as_str()), (1, expected));
}

#[test]
fn a_check_says_where_the_user_of_the_daemon_is_unknown() {
    let folder = Folder::new();
    for (user, notes) in [("nobody", 0), ("sekisho-without-an-account", 1)] {
        folder.write("x.toml", format!("[serve]\nuser = \"{user}\"\n"));
        let said = folder.call("config check --config @x.toml");
        assert_eq!(
            (said.exit, said.stderr.matches("`serve.user` names nobody").count()),
            (0, notes),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn a_key_without_its_record_ends_the_start() {
    let folder = Folder::new();
    folder.call("sign --new-key ed25519 --domain example.org --selector s --out @s.pem");
    let key = format!("domain = \"example.org\"\nselector = \"s\"\nkey = {:?}\n", folder.path("s.pem"));
    folder.write("x.toml", format!("[gate]\nlisten = []\n[sign]\nlisten = [\"127.0.0.1:0\"]\n[[sign.keys]]\n{key}"));
    let server = sekisho_testkit::dns::DnsServer::start(sekisho_core::zone::Zone::parse("").unwrap());
    let said = folder.call(&format!("serve --config @x.toml --dns {} --lang ja", server.address()));
    assert_eq!(said.exit, 2);
    let expected = "sekisho: DIR/x.toml:8: `s._domainkey.example.org` がこの鍵での署名を許していない: 鍵のレコードがない: 公開するレコード: s._domainkey.example.org. IN TXT \"v=DKIM1; k=ed25519; p=";
    assert!(said.stderr.starts_with(expected), "{}", said.stderr);
}

#[test]
fn a_long_record_is_there_whole_since_it_has_to_be_copied() {
    let folder = Folder::new();
    let record = folder.call("sign --new-key rsa2048 --domain example.org --selector s --out @rsa.pem").stdout;
    let key = format!("domain = \"example.org\"\nselector = \"s\"\nkey = {:?}\n", folder.path("rsa.pem"));
    folder.write("x.toml", format!("[gate]\nlisten = []\n[sign]\nlisten = [\"127.0.0.1:0\"]\n[[sign.keys]]\n{key}"));
    let server = sekisho_testkit::dns::DnsServer::start(sekisho_core::zone::Zone::parse("").unwrap());
    let said = folder.call(&format!("serve --config @x.toml --dns {}", server.address())).stderr;
    assert!(record.len() > 400 && said.ends_with(&format!("publish: {}\n", record.trim_end())), "{said}\n{record}");
}

#[test]
fn the_first_of_the_usual_places_counts_and_none_is_no_fault() {
    let folder = Folder::new();
    let said = folder.call("config check");
    assert_eq!((said.exit, said.stdout.as_str()), (0, "there is no configuration file, so the defaults hold\n"));
    folder.write("second.toml", "[check]\nlang = \"ja\"\n");
    let config_places = ["first.toml", "second.toml"].map(|name| folder.path(name)).into();
    let setting = Setting { config_places, ..Setting::default() };
    let said = folder.call_with("config check", "", setting.clone());
    assert_eq!(said.stdout, "DIR/second.toml is in order\n");
    let said = folder.call_with("check @gone --zone @zone", "", setting);
    assert!(said.stderr.contains("ファイルがない"), "the configuration names the language: {}", said.stderr);
}

/// Writes a certificate that is good for some years, and its key.
fn certificate(folder: &Folder, years: std::ops::Range<i32>) {
    let mut parameters = rcgen::CertificateParams::new(["desk.example".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    folder.write("cert.pem", parameters.self_signed(&key).unwrap().pem());
    folder.write("key.pem", key.serialize_pem());
    allow(folder, 0o640);
}

/// Lets the key be read by whom a mode says.
fn allow(folder: &Folder, mode: u32) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(folder.path("key.pem"), mode).unwrap();
}

#[test]
fn a_certificate_of_the_desk_is_looked_at_before_a_browser_does() {
    let folder = Folder::new();
    let files = format!("certificate = {:?}\nkey = {:?}\n", folder.path("cert.pem"), folder.path("key.pem"));
    folder.write("x.toml", format!("[http]\n{files}"));
    let check = || folder.call("config check --config @x.toml");
    certificate(&folder, 2020..2200);
    assert_eq!((check().exit, check().stderr.as_str()), (0, ""));
    for (years, said) in [(2020..2021, "has expired: browsers refuse it"), (2190..2200, "is not good yet")] {
        certificate(&folder, years);
        assert!(check().exit == 0 && check().stderr.contains(said), "{:?}", check());
    }
    allow(&folder, 0o644);
    let said = check();
    assert_eq!(said.exit, 1);
    assert!(
        said.stderr.starts_with("sekisho: DIR/x.toml:2: the key in `DIR/key.pem` cannot be used: others can"),
        "{said:?}"
    );
    folder.write("key.pem", rcgen::KeyPair::generate().unwrap().serialize_pem());
    allow(&folder, 0o600);
    assert!(check().stderr.contains("it was made for another key than that in `DIR/key.pem`"), "{:?}", check());
    folder.write("cert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert!(check().exit == 1 && check().stderr.contains("the certificate `DIR/cert.pem` cannot be used"));
    std::fs::remove_file(folder.path("cert.pem")).unwrap();
    assert!(check().stderr.contains("cert.pem"), "{:?}", check());
    folder.write("x.toml", "[http]\nkey = \"key.pem\"\n");
    assert!(check().stderr.contains("x.toml:2: ") && check().stderr.contains("`http.certificate`"), "{:?}", check());
}

#[test]
fn a_provider_of_identities_is_whole_and_its_secret_nobody_elses() {
    let folder = Folder::new();
    let check = |text: &str| {
        folder.write("x.toml", text);
        folder.call("config check --config @x.toml").stderr
    };
    let said = check("[oidc]\n\nissuer = \"https://id.example.org\"\n");
    assert_eq!(
        said,
        "sekisho: DIR/x.toml:3: `oidc.client_id` is missing here\nsekisho: DIR/x.toml:3: `oidc.desk` is missing here\n"
    );
    let said = check(
        "[oidc]\nissuer = \"http://id.example.org\"\ndesk = \"https://desk.example.org/sub\"\nscopes = [\"a b\"]\n",
    );
    let lines: Vec<&str> = said.lines().filter_map(|line| line.split(':').nth(2)).collect();
    assert_eq!(lines, ["2", "3", "4"], "{said}");
    let said = check(
        "[[oidc.people]]\nrole = \"viewer\"\n[[oidc.people]]\nclaim = \"groups\"\nrole = \"viewer\"\n\
         [[oidc.people]]\nclaim = \"groups\"\nvalue = \"x\"\n[[oidc.people]]\nclaim = \"groups\"\nvalue = \"x\"\nrole = \"root\"\n",
    );
    for (line, name) in
        [(1, "`oidc.people.claim`"), (4, "`oidc.people.value`"), (6, "`oidc.people.role`"), (12, "`root`")]
    {
        let told = said.lines().find(|told| told.contains(&format!("x.toml:{line}: ")));
        assert!(told.is_some_and(|told| told.contains(name)), "{line}: {said}");
    }
    let whole = format!(
        "[oidc]\nissuer = \"https://id.example.org\"\nclient_id = \"desk\"\ndesk = \"https://desk.example.org\"\nclient_secret_file = {:?}\n",
        folder.path("key.pem")
    );
    folder.write("key.pem", "s3cret\n");
    allow(&folder, 0o600);
    assert_eq!(check(&whole), "");
    allow(&folder, 0o604);
    assert!(
        check(&whole).contains("x.toml:5: the key in `DIR/key.pem` cannot be used: others can"),
        "{}",
        check(&whole)
    );
    folder.write("key.pem", " \n");
    allow(&folder, 0o600);
    assert!(check(&whole).contains("x.toml:5: there is no secret in `DIR/key.pem`"), "{}", check(&whole));
}

#[test]
fn webhooks_are_shown_so_that_they_can_be_read_again_and_their_faults_have_lines() {
    let folder = Folder::new();
    let table = "[[webhooks]]\nurl = \"https://hooks.example.org/x\"\nsecret_file = \"/nowhere/secret\"\n";
    let other = table.replace("/x", "/y");
    folder.write("x.toml", format!("{table}events = [\"report.*\"]\n\n{other}private = true\n"));
    let said = folder.call("config show --config @x.toml");
    assert_eq!((said.exit, said.stdout.matches("[[webhooks]]").count()), (0, 2), "{}{}", said.stdout, said.stderr);
    folder.write("again.toml", &said.stdout);
    let shown = |file: &str| {
        let all = folder.call(&format!("config show --config @{file} --json")).json()["config"]["webhooks"].take();
        ["url", "secret_file", "events", "private"].map(|name| [0, 1].map(|number| all[number][name]["value"].clone()))
    };
    assert_eq!(shown("x.toml"), shown("again.toml"));
    assert_eq!(serde_json::json!(shown("x.toml")[2..]), serde_json::json!([[["report.*"], []], [false, true]]));
    assert_eq!(folder.call("config show --json").json()["config"]["webhooks"], serde_json::json!([]));
    let said = folder.call("config check --config @x.toml");
    assert!(said.exit == 1 && said.stderr.contains("x.toml:3: "), "{}", said.stderr);

    let inside = table.replace("hooks.example.org", "0x7f.1");
    folder.write("bad.toml", format!("{inside}evens = []\n\n{other}events = [\"report\"]\n\n{other}\n[[webhooks]]\n"));
    let said = folder.call("config check --config @bad.toml").stderr;
    let lines: Vec<&str> = said.lines().filter_map(|line| line.split(':').nth(2)).collect();
    assert_eq!(lines, ["2", "4", "9", "11", "15", "15"], "{said}");
    assert!(said.contains("did you mean `events`?") && said.contains("`private = true`"), "{said}");
    folder.write("flat.toml", "[webhooks]\nurl = \"https://hooks.example.org/\"\n");
    let said = folder.call("config check --config @flat.toml").stderr;
    assert!(said.contains("a list in square brackets is expected"), "{said}");
}
