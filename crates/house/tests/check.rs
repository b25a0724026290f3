//! `sekisho check`: envelopes, exit codes, and what it says where it cannot judge

use sekisho_house::Setting;

use crate::command::{Folder, MAIL, ZONE};

#[test]
fn an_accepted_mail_ends_with_zero_and_the_contracts_fields_in_their_order() {
    let folder = Folder::new();
    let said = folder.call("check @mail.eml --zone @zone --client-ip 192.0.2.1 --helo mail.example.org --mail-from alice@example.org --at 2026-01-01T00:00:00Z --json");
    assert_eq!((said.exit, said.stderr.as_str()), (0, ""));
    let object = said.json();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&object), "input judged_at verdict grounds author spf spf_helo dkim arc dmarc steps facts");
    assert_eq!(keys(&object["input"]), "source sha256 client_ip helo mail_from");
    assert_eq!(keys(&object["author"]), "result domain addresses reason flags");
    assert_eq!(keys(&object["spf"]), "result identity domain explanation lookups void_lookups");
    assert_eq!(keys(&object["spf_helo"]), "result identity domain explanation lookups void_lookups");
    assert_eq!(keys(&object["arc"]), "result instances sealers overrides reason");
    assert_eq!(
        keys(&object["dmarc"]),
        "result domain organizational_domain policy_domain policy testing aligned disposition"
    );
    assert_eq!(keys(&object["steps"][0]), "check depth rule section result says");
    assert_eq!(keys(&object["facts"][0]), "type name outcome records ttl");
    assert_eq!(object["judged_at"], "2026-01-01T00:00:00Z");
    assert_eq!(object["input"]["sha256"], "35ad00a627dcb2c26713114a283a54f874425902a41f9501621ffdd9d158b7b9");
    assert_eq!(object["verdict"], "accept");
    assert_eq!(object["spf"]["result"], "pass");
    assert_eq!(object["dmarc"]["aligned"], serde_json::json!(["spf"]));
    assert_eq!(object["dkim"], serde_json::json!([]));
}

#[test]
fn a_mail_that_is_not_accepted_ends_with_one() {
    let folder = Folder::new();
    let mail = folder.write("forged.eml", MAIL.replace("alice@example.org>\r\nTo", "alice@reject.example>\r\nTo"));
    let said =
        folder.call(&format!("check {mail} --zone @zone --client-ip 203.0.113.1 --helo x.example --mail-from ''"));
    assert_eq!(said.exit, 1);
    assert!(said.stdout.starts_with("✗ quarantine DIR/forged.eml"), "{}", said.stdout);
}

#[test]
fn without_a_client_spf_is_null_and_the_account_says_why() {
    let folder = Folder::new();
    let object = folder.call("check @mail.eml --zone @zone --json").json();
    assert!(object["spf"].is_null() && object["spf_helo"].is_null());
    assert!(object["input"]["mail_from"].is_null());
    let said = folder.call("check @mail.eml --zone @zone");
    assert!(said.stdout.contains("--client-ip"), "{}", said.stdout);
}

#[test]
fn the_return_path_speaks_where_mail_from_is_not_given() {
    let folder = Folder::new();
    let said = folder.call("check @mail.eml --zone @zone --client-ip 192.0.2.1 --helo x.example");
    assert!(said.stdout.contains("MAIL FROM <alice@example.org> (Return-Path)"), "{}", said.stdout);
    let object =
        folder.call("check @mail.eml --zone @zone --client-ip 192.0.2.1 --mail-from '' --helo x.example --json").json();
    assert_eq!(object["input"]["mail_from"], "");
    let bare = folder.write("bare.eml", MAIL.split_once("\r\n").unwrap().1);
    let object = folder.call(&format!("check {bare} --zone @zone --client-ip 192.0.2.1 --json")).json();
    assert!(object["spf"].is_null(), "there is no path to judge");
}

#[test]
fn a_trusted_hop_names_client_and_greeting() {
    let folder = Folder::new();
    for hop in ["1", "mx.example.net"] {
        let object = folder.call(&format!("check @mail.eml --zone @zone --trust-received {hop} --json")).json();
        assert_eq!(object["input"]["client_ip"], "192.0.2.1");
        assert_eq!(object["input"]["helo"], "mail.example.org");
        assert_eq!(object["spf"]["result"], "pass");
    }
    for (hop, why) in [
        ("2", "there is no Received field number 2: the mail has only one"),
        ("mx.other.example", "no Received field was written by `mx.other.example`"),
    ] {
        let said = folder.call(&format!("check @mail.eml --zone @zone --trust-received {hop}"));
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""));
        assert_eq!(said.stderr, format!("sekisho: DIR/mail.eml: {why}\n"));
    }
}

#[test]
fn a_hop_that_a_greeting_could_have_written_is_refused() {
    let folder = Folder::new();
    folder.write("odd.eml", MAIL.replace("(mail.example.org [192.0.2.1])", "(a [192.0.2.1]) (b [192.0.2.2])"));
    for (lang, why) in [
        ("en", "Received field number 1 does not name the client in a way that only a server could have written"),
        ("ja", "1 番目の Received フィールドの接続元は、サーバーの書式に一致せず"),
    ] {
        let said = folder.call(&format!("check @odd.eml --zone @zone --trust-received 1 --lang {lang}"));
        assert_eq!((said.exit, said.stdout.as_str(), said.stderr.lines().count()), (2, "", 1));
        assert!(said.stderr.starts_with(&format!("sekisho: DIR/odd.eml: {why}")), "{}", said.stderr);
        assert!(said.stderr.contains("--client-ip"), "{}", said.stderr);
    }
}

#[test]
fn what_cannot_be_judged_gets_one_clear_line_in_both_languages() {
    let folder = Folder::new();
    folder.write("empty", "");
    folder.write("binary", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    folder.write("words", "just some words\nwithout any field\n");
    folder.write("folder/x", "");
    folder.write("maildir/cur/.hidden", "");
    folder.write("box", "From a@b Thu Jan  1 00:00:00 1970\n");
    for (command, english, japanese) in [
        ("check @gone", "cannot read `DIR/gone`: there is no such file", "`DIR/gone` を読み込めない: ファイルがない"),
        ("check @empty", "`DIR/empty` is empty, so there is no mail in it", "`DIR/empty` は空で、メールがない"),
        (
            "check @binary",
            "`DIR/binary` is a binary file, not a mail",
            "`DIR/binary` はバイナリファイルで、メールではない",
        ),
        (
            "check @words",
            "`DIR/words` is not a mail: it has no header field",
            "`DIR/words` はメールではない: ヘッダーフィールドが一つもない",
        ),
        (
            "check @box",
            "the mbox `DIR/box` has a postmark line, but no mail behind it",
            "mbox `DIR/box` は区切りの行だけで、メールがない",
        ),
        (
            "check @folder",
            "`DIR/folder` is a folder but not a Maildir: it has neither `cur` nor `new`",
            "`DIR/folder` は Maildir ではないフォルダー: `cur` も `new` もない",
        ),
        ("check @maildir", "the Maildir `DIR/maildir` holds no mail", "Maildir `DIR/maildir` にメールがない"),
        (
            "check @mail.eml --dns nowhere",
            "`nowhere` does not name a DNS server: there is no address",
            "`nowhere` は DNS サーバーの指定ではない: アドレスがない",
        ),
        (
            "check @mail.eml --what-if TXT~example.org",
            "the what-if `TXT example.org` cannot be read: write `TYPE NAME=DATA`, such as `TXT _dmarc.example.org=v=DMARC1; p=reject`",
            "仮定 `TXT example.org` を解釈できない: 書式は `型 名前=データ`。例: `TXT _dmarc.example.org=v=DMARC1; p=reject`",
        ),
    ] {
        let zone = if command.contains("--dns") { "" } else { " --zone @zone" };
        for (lang, expected) in [("en", english), ("ja", japanese)] {
            let said = folder.call(&format!("{command}{zone} --lang {lang}"));
            assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{command}");
            assert_eq!(said.stderr, format!("sekisho: {expected}\n"));
        }
    }
}

#[test]
fn a_broken_zone_is_named_with_its_line() {
    let folder = Folder::new();
    folder.write("broken", format!("{ZONE}example.org SRV x\n"));
    for (lang, why) in [
        (
            "en",
            "the type must be one of A, AAAA, MX, TXT, PTR and CNAME, or `*` for all types before a failure such as \
             `!timeout`; a TTL and `IN` may stand before it",
        ),
        (
            "ja",
            "型は A, AAAA, MX, TXT, PTR, CNAME のいずれか、または `!timeout` などの失敗の前に置いて全型を表す `*`\
             （型の前に TTL と `IN` を書いてもよい）",
        ),
    ] {
        let said = folder.call(&format!("check @mail.eml --zone @broken --lang {lang}"));
        assert_eq!((said.exit, said.stderr), (2, format!("sekisho: DIR/broken:9: {why}\n")));
    }
    folder.write("open", "example.org TXT ( \"x\"");
    let said = folder.call("check @mail.eml --zone @open");
    let why = "a parenthesis is not closed, or something other than a comment follows where it is";
    assert_eq!((said.exit, said.stderr), (2, format!("sekisho: DIR/open:1: {why}\n")));
}

#[test]
fn the_command_line_is_refused_in_the_readers_language() {
    let folder = Folder::new();
    let time = (
        "write a time as RFC 3339 has it, such as 2026-05-01T12:00:00Z",
        "RFC 3339 の時刻を指定（例: 2026-05-01T12:00:00Z）",
    );
    let seconds = ("write a number of seconds from 0.001 to 600", "0.001 から 600 までの秒数を指定");
    let of = |value: &str, argument: &str, why: (&str, &str)| {
        (
            format!("`{value}` cannot be used for `{argument}`: {}", why.0),
            format!("`{value}` は `{argument}` の値として使えない: {}", why.1),
        )
    };
    let both = |english: &str, japanese: &str| (english.to_owned(), japanese.to_owned());
    for (command, (english, japanese)) in [
        ("check", both("this is missing: <FILE>...", "必要な引数がない: <FILE>...")),
        (
            "check @mail.eml --client-ip 192.0.2.1 --trust-received 1",
            both(
                "`--client-ip <ADDRESS>` cannot be combined with `--trust-received <N|HOST>`",
                "`--client-ip <ADDRESS>` と `--trust-received <N|HOST>` は同時に指定できない",
            ),
        ),
        ("check @mail.eml --json --json", both("`--json` can be given only once", "`--json` は一度しか指定できない")),
        (
            "check @mail.eml --clientip 192.0.2.1",
            both(
                "the argument `--clientip` is not known here; did you mean `--client-ip`?",
                "引数 `--clientip` はここでは使えない: `--client-ip` の誤りか",
            ),
        ),
        ("check @mail.eml --zone", both("`--zone <FILE>` needs a value", "`--zone <FILE>` には値が必要")),
        (
            "check @mail.eml --steps al",
            both(
                "`al` is no choice for `--steps <WHICH>`; did you mean `all`? The choices are none, failed, all",
                "`al` は `--steps <WHICH>` の選択肢にない: `all` の誤りか（選択肢は none, failed, all）",
            ),
        ),
        (
            "chek @mail.eml",
            both("there is no command `chek`; did you mean `check`?", "`chek` というコマンドはない: `check` の誤りか"),
        ),
        (
            "check @mail.eml --client-ip nowhere",
            of(
                "nowhere",
                "--client-ip <ADDRESS>",
                (
                    "write an IP address, such as 192.0.2.1 or 2001:db8::1",
                    "IP アドレスを指定（例: 192.0.2.1、2001:db8::1）",
                ),
            ),
        ),
        (
            "check @mail.eml --trust-received 0",
            of(
                "0",
                "--trust-received <N|HOST>",
                (
                    "write the number of a Received field, counted from 1 at the top, or the name of the host that wrote it",
                    "先頭を 1 とする Received フィールドの番号か、書いたホストの名前を指定",
                ),
            ),
        ),
        ("check @mail.eml --at yesterday", of("yesterday", "--at <TIME>", time)),
        ("check @mail.eml --timeout -1", of("-1", "--timeout <SECONDS>", seconds)),
        ("check @mail.eml --timeout NaN", of("NaN", "--timeout <SECONDS>", seconds)),
    ] {
        let setting = Setting { locale: Some("ja_JP.UTF-8".to_owned()), ..Setting::default() };
        for (said, expected, usage) in [
            (folder.call(command), &english, "Usage: sekisho"),
            (folder.call_with(command, "", setting), &japanese, "使い方: sekisho"),
            (folder.call(&format!("{command} --lang=ja")), &japanese, "使い方: sekisho"),
        ] {
            let mut lines = said.stderr.lines();
            assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{command}");
            assert_eq!(lines.next().unwrap(), format!("sekisho: {expected}"), "{command}");
            assert!(lines.next().is_none_or(|line| line.starts_with(usage)), "{}", said.stderr);
            assert_eq!(lines.next(), None);
        }
    }
}

#[test]
fn the_json_has_all_steps_or_on_request_an_empty_list() {
    let folder = Folder::new();
    let what_if = "--what-if TXT~_dmarc.example.org=v=DMARC1;~p=reject";
    let command = format!("check @mail.eml --zone @zone --trust-received 1 {what_if} --json");
    let all = folder.call(&command).json();
    assert!(all["steps"].as_array().unwrap().len() > 5);
    for (steps, is_there) in [("all", true), ("failed", true), ("none", false)] {
        let mut object = folder.call(&format!("{command} --steps {steps} --at 2026-01-01T00:00:00Z")).json();
        for place in ["/steps", "/what_if/steps"] {
            let found = object.pointer_mut(place).unwrap();
            let expected = if is_there { all.pointer(place).unwrap().clone() } else { serde_json::json!([]) };
            assert_eq!(*found, expected, "{steps} {place}");
        }
    }
}

#[test]
fn the_facts_are_in_the_documented_order() {
    let folder = Folder::new();
    let mut zone = "example.org TXT \"v=spf1 a:bb.example a:a.example a:c.bb.example mx:z.example -all\"\n".to_owned();
    for record in ["bb.example A", "a.example A", "c.bb.example A", "www.z.example A"] {
        zone += &format!("{record} 203.0.113.1\n");
    }
    folder.write("zone", zone + "z.example MX 1 www.z.example\n");
    let object = folder.call("check @mail.eml --zone @zone --trust-received 1 --json").json();
    let facts: Vec<_> = object["facts"].as_array().unwrap().iter().collect();
    let told: Vec<String> =
        facts.iter().map(|fact| format!("{} {}", fact["type"], fact["name"]).replace('"', "")).collect();
    let mut expected = told.clone();
    let wire = |name: &str| -> Vec<u8> {
        name.split('.').flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect()
    };
    expected.sort_by_key(|told| {
        let (kind, name) = told.split_once(' ').unwrap();
        (["A", "AAAA", "MX", "TXT", "PTR"].iter().position(|known| *known == kind), wire(name))
    });
    assert_eq!(told, expected);
    let addresses: Vec<&str> = told.iter().filter_map(|told| told.strip_prefix("A ")).collect();
    assert_eq!(addresses, ["a.example", "c.bb.example", "bb.example", "www.z.example"]);
}

#[test]
fn help_and_version_are_data() {
    let folder = Folder::new();
    let said = folder.call("--version");
    assert_eq!((said.exit, said.stdout.as_str()), (0, concat!("sekisho ", env!("CARGO_PKG_VERSION"), "\n")));
    for command in ["--help", "check --help", "config --help", "sign --help"] {
        let said = folder.call(command);
        assert_eq!((said.exit, said.stderr.as_str()), (0, ""));
        assert!(said.stdout.contains("Usage: sekisho"), "{}", said.stdout);
    }
}

#[test]
fn standard_input_is_a_file_too() {
    let folder = Folder::new();
    let said = folder.call_with("check - --zone @zone --json", MAIL, Setting::default());
    assert_eq!((said.exit, said.json()["input"]["source"].as_str()), (0, Some("-")));
    let said = folder.call_with("check - - --zone @zone --json", MAIL, Setting::default());
    assert_eq!(said.exit, 2);
    assert_eq!(said.stderr, "sekisho: standard input can be read only once\n");
}

#[test]
fn the_worst_of_many_mails_decides_the_exit() {
    let folder = Folder::new();
    let forged = folder.write("forged.eml", MAIL.replace("alice@example.org>\r\nTo", "alice@reject.example>\r\nTo"));
    let said = folder.call(&format!("check @mail.eml {forged} --zone @zone --json"));
    assert_eq!((said.exit, said.stdout.lines().count()), (1, 2));
    let said = folder.call(&format!("check @mail.eml {forged} @gone --zone @zone --json"));
    assert_eq!((said.exit, said.stdout.lines().count()), (2, 2));
    assert_eq!(said.stderr.lines().count(), 1);
}

#[test]
fn dns_that_does_not_answer_is_a_tempfail() {
    let folder = Folder::new();
    let mail = folder.write("slow.eml", MAIL.replace("alice@example.org>\r\nTo", "alice@slow.example>\r\nTo"));
    let said = folder.call(&format!("check {mail} --zone @zone --json"));
    assert_eq!(said.exit, 1);
    assert_eq!(said.json()["verdict"], "tempfail");
}

#[test]
fn the_locale_chooses_the_language_and_the_option_beats_it() {
    let folder = Folder::new();
    let setting = || Setting { locale: Some("ja_JP.UTF-8".to_owned()), ..Setting::default() };
    let said = folder.call_with("check @gone --zone @zone", "", setting());
    assert!(said.stderr.contains("ファイルがない"));
    let said = folder.call_with("check @gone --zone @zone --lang en", "", setting());
    assert!(said.stderr.contains("no such file"));
}

#[test]
fn hostile_octets_reach_no_terminal() {
    let folder = Folder::new();
    let mail = MAIL.replace("From: Alice", "From: \x1b[2J\u{202e}Alice");
    let mail = folder.write("hostile.eml", mail.replace("greetings", "\x07"));
    for command in ["--steps all", "--steps all --json"] {
        let said =
            folder.call(&format!("check {mail} --zone @zone --client-ip 192.0.2.1 --helo a\x1b]0;x\x07b {command}"));
        let odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!said.stdout.contains(odd), "{:?}", said.stdout);
    }
}

/// A stdout whose reader is gone.
struct Gone;

impl std::io::Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = Folder::new();
    let mut stderr = Vec::new();
    let args = ["sekisho".into(), "check".into(), folder.path("mail.eml"), "--zone".into(), folder.path("zone")];
    let streams = sekisho_house::Streams {
        stdin: &mut std::io::empty(),
        stdout: &mut Gone,
        stderr: &mut stderr,
        setting: Setting::default(),
    };
    assert_eq!(sekisho_house::run(args, streams), 0);
    assert_eq!(stderr, b"");
}

#[test]
fn a_value_that_cannot_be_is_refused_in_the_readers_language() {
    let folder = Folder::new();
    for command in [
        "report show example.org --days -1",
        "report show example.org --days=0",
        "report spf-omissions example.org --days many",
        "report show exa~mple",
        "simulate . --record v=DMARC1",
        "simulate example.org --record v=DMARC1 --days 1.5",
        "report list --limit -1",
        "report list --limit 99999999999999999999999",
        "report out --list --limit 0",
        "report out --day yesterday",
        "cluster executor --scheduler a.example:1 --slots -3",
        "cluster scheduler --executor-timeout 1",
        "sign @mail.eml --domain example.org --selector s --key k --expire -1",
        "check @mail.eml --timeout -1",
        "report list --json=yes",
    ] {
        let said = folder.call(&format!("{command} --lang ja"));
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""), "{command}: {}", said.stderr);
        let first = said.stderr.lines().next().unwrap();
        assert!(["指定", "値を取らない"].iter().any(|word| first.contains(word)), "{command}: {first}");
        assert!(!first.contains(" is ") && !first.contains(" not "), "{command}: {first}");
    }
    let said = folder.call("report show example.org --days -1").stderr;
    let expected = "sekisho: `-1` cannot be used for `--days <DAYS>`: write a whole number from 1 to 3660\n";
    assert!(said.starts_with(expected), "{said}");
}
