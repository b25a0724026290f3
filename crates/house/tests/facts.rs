//! Keeping facts, judging by them again, and proposing other answers

use crate::command::{Folder, MAIL};

#[test]
fn kept_facts_give_the_same_json_to_the_octet_without_any_source() {
    let folder = Folder::new();
    let envelope = "--client-ip 192.0.2.1 --helo mail.example.org";
    let first = folder.call(&format!("check @mail.eml --zone @zone {envelope} --json --save-facts @facts"));
    assert_eq!(first.exit, 0, "{}", first.stderr);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let again = folder.call("check @mail.eml --facts @facts --json");
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(again.exit, 0);
    // The account too, the origin of the path included.
    let first = folder.call(&format!("check @mail.eml --zone @zone {envelope} --steps all"));
    let again = folder.call("check @mail.eml --facts @facts --steps all");
    assert_eq!(again.stdout, first.stdout);
}

#[test]
fn every_outcome_and_odd_octets_survive_being_kept() {
    let folder = Folder::new();
    let zone = r#"
example.org TXT "v=spf1 include:t.example.org include:%{l}.example.org exists:%{h}.example.org mx -all"
t.example.org TXT "v=spf1 a:gone.example.net mx:\001\255.example.net -all"
example.org MX 10 mx.example.org
mx.example.org AAAA 2001:db8::1
_dmarc.example.org TXT "v=DMARC1; " "p=quarantine"
"#;
    folder.write("odd", zone);
    let args = |rest: &[&str]| {
        let mail = folder.path("mail.eml").into_os_string();
        let odd = std::os::unix::ffi::OsStringExt::from_vec(b"\xff\xfe@example.org".to_vec());
        let mut args: Vec<std::ffi::OsString> = vec!["check".into(), mail, "--json".into()];
        args.extend(["--client-ip", "2001:db8::9", "--helo", "h", "--mail-from"].map(Into::into));
        args.push(odd);
        args.extend(rest.iter().map(Into::into));
        args
    };
    let (zone, facts) = (folder.path("odd"), folder.path("facts"));
    let (zone, facts) = (zone.to_str().unwrap(), facts.to_str().unwrap());
    let setting = sekisho_house::Setting::default;
    let first = folder.call_args(args(&["--zone", zone, "--save-facts", facts]), "", setting());
    let again = folder.call("check @mail.eml --facts @facts --json");
    assert_eq!(again.stdout, first.stdout, "{}{}", first.stderr, again.stderr);
    assert!(first.json()["facts"].as_array().unwrap().len() >= 4, "{}", first.stdout);
}

#[test]
fn the_deciding_policy_is_kept_with_the_facts() {
    let folder = Folder::new();
    folder.write("strict.toml", "[spf]\nvoid_lookups = 0\n");
    folder.write("void", "example.org TXT \"v=spf1 a:gone.example ip4:192.0.2.1 -all\"");
    let envelope = "--client-ip 192.0.2.1 --helo mail.example.org";
    let first = folder
        .call(&format!("check @mail.eml --zone @void {envelope} --config @strict.toml --json --save-facts @facts"));
    assert_eq!(first.json()["spf"]["result"], "permerror");
    assert_eq!(folder.call("check @mail.eml --facts @facts --json").stdout, first.stdout);
}

#[test]
fn many_mails_are_kept_line_by_line_and_found_by_their_octets() {
    let folder = Folder::new();
    let other = folder.write("other.eml", MAIL.replace("hello", "good day"));
    let first = folder.call(&format!("check @mail.eml {other} --zone @zone --json --save-facts @facts"));
    assert_eq!(std::fs::read_to_string(folder.path("facts")).unwrap().lines().count(), 2);
    let again = folder.call(&format!("check @mail.eml {other} --facts @facts --json"));
    assert_eq!(again.stdout, first.stdout);
    let stranger = folder.write("stranger.eml", MAIL.replace("hello", "hi"));
    let said = folder.call(&format!("check {stranger} --facts @facts"));
    assert_eq!((said.exit, said.stdout.as_str()), (2, ""));
    assert_eq!(said.stderr, "sekisho: DIR/stranger.eml: `DIR/facts` holds no facts of this mail\n");
}

#[test]
fn a_file_that_keeps_no_facts_is_named_with_its_line() {
    let folder = Folder::new();
    for (text, why) in [
        ("{}\n", "this is not a facts file of Sekisho; such a file is written by --save-facts"),
        ("{\"format\":\"sekisho-fa", "this line is not whole; the file may have been cut off"),
        (
            "{\"format\":\"sekisho-facts\",\"version\":7}\n",
            "it has the format version 7, and this program reads version 1",
        ),
        ("{\"format\":\"sekisho-facts\",\"version\":1}\n", "`facts` is missing or cannot be read"),
    ] {
        folder.write("facts", text);
        let said = folder.call("check @mail.eml --facts @facts");
        assert_eq!(said.stderr, format!("sekisho: DIR/facts:1: {why}\n"));
        assert_eq!(said.exit, 2);
    }
}

#[test]
fn facts_are_kept_in_a_new_file_or_not_at_all() {
    let folder = Folder::new();
    folder.write("precious", "precious");
    for (name, english, japanese) in [
        (
            "precious",
            "it exists already, and facts that were kept are never overwritten; name a new file",
            "すでに存在し、保存した記録は上書きしない: 新しいファイル名を指定",
        ),
        ("nowhere/x", "its folder does not exist; make it first", "保存先のフォルダーがない: 先に作成が必要"),
    ] {
        let said = folder.call(&format!("check @mail.eml --zone @zone --save-facts @{name}"));
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""));
        assert_eq!(said.stderr, format!("sekisho: cannot write `DIR/{name}`: {english}\n"));
        let said = folder.call(&format!("check @mail.eml --zone @zone --save-facts @{name} --lang ja"));
        assert_eq!(said.stderr, format!("sekisho: `DIR/{name}` に書き込めない: {japanese}\n"));
    }
    assert_eq!(std::fs::read_to_string(folder.path("precious")).unwrap(), "precious");
    let said = folder.call("check @gone --zone @zone --save-facts @empty");
    assert!(said.exit == 2 && !folder.path("empty").exists(), "what was never kept blocks no second try");
}

#[test]
fn a_file_of_another_kind_is_no_facts_file() {
    let folder = Folder::new();
    folder.write("program", b"\x7fELF\x02\x01\x01\0\0\n\xff");
    for file in ["program", "mail.eml"] {
        let said = folder.call(&format!("check @mail.eml --facts @{file}"));
        let why = "this is not a facts file of Sekisho; such a file is written by --save-facts";
        assert_eq!((said.exit, said.stdout.as_str()), (2, ""));
        assert_eq!(said.stderr, format!("sekisho: cannot use `DIR/{file}` for --facts: {why}\n"));
    }
}

#[test]
fn a_proposal_for_a_name_with_a_space_is_refused() {
    let folder = Folder::new();
    for (lang, why) in [
        (
            "en",
            "the what-if `TXT a b=c` cannot be read: `a b` is no name, since names have no spaces; write `TYPE NAME=DATA`",
        ),
        ("ja", "仮定 `TXT a b=c` を解釈できない: `a b` は空白を含み、名前ではない。書式は `型 名前=データ`"),
    ] {
        let said = folder.call(&format!("check @mail.eml --zone @zone --what-if TXT~a~b=c --lang {lang}"));
        assert_eq!((said.exit, said.stdout.as_str(), said.stderr.lines().count()), (2, "", 1));
        assert!(said.stderr.starts_with(&format!("sekisho: {why}")), "{}", said.stderr);
    }
}

#[test]
fn a_proposed_answer_is_judged_beside_the_real_one() {
    let folder = Folder::new();
    let envelope = "--client-ip 203.0.113.1 --helo x.example";
    let command =
        format!("check @mail.eml --zone @zone {envelope} --what-if TXT~_dmarc.example.org=v=DMARC1;~p=reject");
    let said = folder.call(&format!("{command} --json"));
    let object = said.json();
    assert_eq!(said.exit, 0, "the exit is that of the real answers");
    assert_eq!(
        (object["verdict"].as_str(), object["what_if"]["verdict"].as_str()),
        (Some("accept"), Some("quarantine"))
    );
    let changes = object["what_if"]["changes"].as_array().unwrap();
    let change = |check: &str, field: &str| {
        let found = changes.iter().find(|change| change["check"] == check && change["field"] == field).unwrap();
        (found["before"].as_str().unwrap().to_owned(), found["after"].as_str().unwrap().to_owned())
    };
    assert_eq!(change("dmarc", "policy"), ("none".to_owned(), "reject".to_owned()));
    assert_eq!(change("verdict", "verdict"), ("accept".to_owned(), "quarantine".to_owned()));
    assert_eq!(object["what_if"]["spf"], object["spf"]);
    let keys: Vec<_> = object["what_if"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.join(" "), "replaced verdict grounds author spf spf_helo dkim arc dmarc steps facts changes");
    // Kept and judged again, both hearings are the same.
    let first = folder.call(&format!("{command} --json --at 2026-01-01T00:00:00Z --save-facts @facts"));
    let again =
        folder.call("check @mail.eml --facts @facts --json --what-if TXT~_dmarc.example.org=v=DMARC1;~p=reject");
    assert_eq!(again.stdout, first.stdout);
}

#[test]
fn a_proposal_that_nobody_asks_for_is_said_to_be_of_no_use() {
    let folder = Folder::new();
    let said = folder.call("check @mail.eml --zone @zone --what-if TXT~nowhere.example=x");
    assert!(said.stdout.contains("nothing would change"), "{}", said.stdout);
    assert_eq!(
        said.stderr,
        "sekisho: DIR/mail.eml: no judge asked `TXT nowhere.example`, so --what-if changes nothing there\n"
    );
}
