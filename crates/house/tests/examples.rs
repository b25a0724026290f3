//! The mails in `examples/`: each shows what its README says, by the zone beside it

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sekisho_house::Setting;
use serde_json::{Value, json};

use crate::command::{Folder, Said};

/// Every mail: verdict, grounds, author, SPF, DKIM (results and reasons), ARC, DMARC.
const EXPECTED: [(&str, &str, &str, &str, &str, &[(&str, &str)], &str, &str); 8] = [
    ("good.eml", "accept", "", "ok", "pass", &[("pass", ""), ("pass", "")], "none", "pass"),
    ("forged.eml", "quarantine", "dmarc-fail", "ok", "pass", &[("pass", "")], "none", "fail"),
    ("list.eml", "quarantine", "dmarc-fail", "ok", "pass", &[("fail", "body hash differs")], "none", "fail"),
    ("list-sealed.eml", "accept", "arc-override", "ok", "pass", &[("fail", "body hash differs")], "pass", "fail"),
    (
        "two-from.eml",
        "reject",
        "author-multiple",
        "multiple",
        "pass",
        &[("fail", "header differs")],
        "none",
        "permerror",
    ),
    ("display-name.eml", "accept", "", "ok", "pass", &[("pass", "")], "none", "pass"),
    ("japanese.eml", "accept", "", "ok", "pass", &[("pass", "")], "none", "pass"),
    ("dns-down.eml", "tempfail", "dmarc-temperror", "ok", "temperror", &[], "none", "temperror"),
];

/// The folder with the mails.
fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Checks one of the files as `./x examples` does.
fn check(name: &str, options: &[&str]) -> Said {
    let place = |name: &str| examples().join(name).into_os_string();
    let mut args = vec!["check".into(), place(name), "--zone".into(), place("zone")];
    args.extend(["--trust-received", "1"].iter().chain(options).map(Into::into));
    Folder::new().call_args(args, "", Setting::default())
}

/// Checks one mail with the trusted sealer in force.
fn judge(name: &str) -> Value {
    let config = examples().join("sekisho.toml");
    check(name, &["--json", "--config", config.to_str().unwrap()]).json()
}

#[test]
fn every_mail_shows_what_it_is_there_for() {
    for (name, verdict, ground, author, spf, dkim, arc, dmarc) in EXPECTED {
        let object = judge(name);
        let grounds: Vec<&str> = ground.split_whitespace().collect();
        let signatures: Vec<(&str, &str)> = object["dkim"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["result"].as_str().unwrap(), one["reason"].as_str().unwrap_or_default()))
            .collect();
        assert_eq!((&object["verdict"], &object["grounds"]), (&json!(verdict), &json!(grounds)), "{name}");
        assert_eq!(object["author"]["result"], author, "{name}");
        assert_eq!(object["spf"]["result"], spf, "{name}");
        assert_eq!(signatures, dkim, "{name}");
        assert_eq!(object["arc"]["result"], arc, "{name}");
        assert_eq!(object["dmarc"]["result"], dmarc, "{name}");
        let is_accepted = verdict == "accept" && ground.is_empty();
        assert_eq!(check(name, &[]).exit, u8::from(!is_accepted), "{name}: only the sealed mail needs its sealer");
    }
}

#[test]
fn the_details_that_the_readme_names_are_there() {
    let good = judge("good.eml");
    let algorithms: Vec<&Value> = good["dkim"].as_array().unwrap().iter().map(|one| &one["algorithm"]).collect();
    assert_eq!(algorithms, ["rsa-sha256", "ed25519-sha256"]);
    assert_eq!((&good["dmarc"]["policy"], &good["dmarc"]["aligned"]), (&json!("reject"), &json!(["spf", "dkim"])));
    assert_eq!(judge("display-name.eml")["author"]["flags"], json!(["address-in-display-name"]));
    let sealed = judge("list-sealed.eml");
    assert_eq!((&sealed["arc"]["sealers"], &sealed["arc"]["overrides"]), (&json!(["lists.example"]), &json!(true)));
    let untrusted = check("list-sealed.eml", &["--json"]).json();
    assert_eq!((&untrusted["verdict"], &untrusted["arc"]["overrides"]), (&json!("quarantine"), &json!(false)));
}

#[test]
fn the_mbox_holds_five_mails_and_is_summed_up() {
    let said = check("inbox.mbox", &["--json"]);
    let verdicts: Vec<Value> =
        said.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["verdict"].clone()).collect();
    assert_eq!((said.exit, said.stderr.as_str()), (1, ""));
    assert_eq!(verdicts, ["accept", "quarantine", "quarantine", "accept", "reject"]);
    assert!(check("inbox.mbox", &["--lang", "en"]).stdout.contains("5 mails judged"));
}

#[test]
fn no_mail_is_left_untold() {
    let told: BTreeSet<String> = EXPECTED.iter().map(|one| one.0.to_owned()).chain(["inbox.mbox".to_owned()]).collect();
    let is_mail = |name: &String| name.ends_with(".eml") || name.ends_with(".mbox");
    let files = std::fs::read_dir(examples()).unwrap();
    let there: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).filter(is_mail).collect();
    assert_eq!(there, told);
    let readme = std::fs::read_to_string(examples().join("README.md")).unwrap();
    for name in told {
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in examples/README.md");
    }
}
