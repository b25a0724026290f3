//! The mails in `examples/`: each shows what its README says, by the zone beside it

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sekisho_house::Setting;
use serde_json::{Value, json};

use crate::command::{Folder, Said};

/// What one of the mails shows.
struct Example {
    /// Its file.
    name: &'static str,
    /// The verdict and its ground.
    verdict: (&'static str, Option<&'static str>),
    /// Author, SPF, ARC and DMARC.
    results: [&'static str; 4],
    /// The signatures, each with its reason.
    dkim: &'static [(&'static str, Option<&'static str>)],
}

/// Makes an example; the table below reads better so.
const fn example(
    name: &'static str,
    verdict: (&'static str, Option<&'static str>),
    results: [&'static str; 4],
    dkim: &'static [(&'static str, Option<&'static str>)],
) -> Example {
    Example { name, verdict, results, dkim }
}

/// A signature that passes.
const PASS: (&str, Option<&str>) = ("pass", None);
/// A signature that a mailing list broke.
const BODY: (&str, Option<&str>) = ("fail", Some("body hash differs"));
/// A signature over another From field.
const HEADER: (&str, Option<&str>) = ("fail", Some("header differs"));

/// Every mail.
const EXAMPLES: [Example; 8] = [
    example("good.eml", ("accept", None), ["ok", "pass", "none", "pass"], &[PASS, PASS]),
    example("forged.eml", ("quarantine", Some("dmarc-fail")), ["ok", "pass", "none", "fail"], &[PASS]),
    example("list.eml", ("quarantine", Some("dmarc-fail")), ["ok", "pass", "none", "fail"], &[BODY]),
    example("list-sealed.eml", ("accept", Some("arc-override")), ["ok", "pass", "pass", "fail"], &[BODY]),
    example("two-from.eml", ("reject", Some("author-multiple")), ["multiple", "pass", "none", "permerror"], &[HEADER]),
    example("display-name.eml", ("accept", None), ["ok", "pass", "none", "pass"], &[PASS]),
    example("japanese.eml", ("accept", None), ["ok", "pass", "none", "pass"], &[PASS]),
    example("dns-down.eml", ("tempfail", Some("dmarc-temperror")), ["ok", "temperror", "none", "temperror"], &[]),
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
    for Example { name, verdict, results, dkim } in EXAMPLES {
        let object = judge(name);
        let grounds: Vec<&str> = verdict.1.into_iter().collect();
        assert_eq!((&object["verdict"], &object["grounds"]), (&json!(verdict.0), &json!(grounds)), "{name}");
        let found = ["author", "spf", "arc", "dmarc"].map(|check| object[check]["result"].clone());
        assert_eq!(found, results.map(Value::from), "{name}");
        let told = |one: &Value| (one["result"].clone(), one["reason"].clone());
        let found: Vec<(Value, Value)> = object["dkim"].as_array().unwrap().iter().map(told).collect();
        let signatures: Vec<_> = dkim.iter().map(|(result, reason)| (json!(result), json!(reason))).collect();
        assert_eq!(found, signatures, "{name}");
        let is_plainly_accepted = verdict == ("accept", None);
        assert_eq!(check(name, &[]).exit, u8::from(!is_plainly_accepted), "{name} without the trusted sealer");
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
fn a_trusted_sealer_vouches_for_no_field_that_it_did_not_seal() {
    let folder = Folder::new();
    let mail = std::fs::read_to_string(examples().join("list-sealed.eml")).unwrap();
    for added in ["Subject: Pay at once", "NOTICE : Pay at once", "X: a\rSubject: Pay at once"] {
        folder.write("added.eml", format!("{}\r\n{}", added, mail.replace('\r', "").replace('\n', "\r\n")));
        let json = judge(folder.path("added.eml").to_str().unwrap());
        assert_eq!((&json["verdict"], &json["arc"]["result"]), (&json!("quarantine"), &json!("pass")), "{added}");
        assert_eq!(json["arc"]["overrides"], false, "{added}");
        let mut steps = json["steps"].as_array().unwrap().iter();
        assert!(steps.any(|step| step["rule"] == "verdict.arc-uncounted"), "{added}");
    }
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
    let told: BTreeSet<String> =
        EXAMPLES.iter().map(|one| one.name.to_owned()).chain(["inbox.mbox".to_owned()]).collect();
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
