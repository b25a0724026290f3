//! The documents say what the program does: every stable word, field, option and rule, and the sample as it is printed

use std::collections::BTreeSet;
use std::path::Path;

use sekisho_house::Setting;
use sekisho_mail::verdict::{
    Action, ArcResult, AuthorResult, Disposition, DkimResult, DmarcResult, Ground, Mechanism, SpfResult,
};
use serde_json::Value;

use crate::command::Folder;

/// Reads a file of the project.
fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

/// The code of a source file, without its tests.
fn code(path: &str) -> String {
    read(path).split("#[cfg(test)]\nmod tests").next().unwrap().to_owned()
}

/// The string literals of some code; nothing in it escapes a quote.
fn literals(code: &str) -> Vec<&str> {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect()
}

/// The words that stand before the rule ids of one prefix in a table of faults or flags.
fn words_before<'a>(code: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let all = literals(code);
    all.windows(2).filter(|pair| pair[1].starts_with(prefix)).map(|pair| pair[0]).filter(|w| *w != "author.").collect()
}

/// Fails where one of the words is not in docs/check.md as `word`.
fn assert_told<'a>(what: &str, least: usize, words: impl IntoIterator<Item = &'a str>) {
    let page = read("docs/check.md");
    let words: BTreeSet<&str> = words.into_iter().collect();
    assert!(words.len() >= least, "only {} {what} were found in the code: {words:?}", words.len());
    let missing: Vec<&&str> = words.iter().filter(|word| !page.contains(&format!("`{word}`"))).collect();
    assert!(missing.is_empty(), "docs/check.md lacks {what}: {missing:?}");
}

#[test]
fn every_stable_word_is_told() {
    let words = words_before;
    assert_told("author reasons", 40, words(&code("crates/mail/src/author/fault.rs"), "author."));
    let flags = code("crates/mail/src/author/flag.rs");
    assert_told("author flags", 20, words(&flags, "author.").into_iter().filter(|word| !word.contains(' ')));
    assert_told(
        "flags of double fields",
        13,
        literals(&flags).into_iter().filter(|word| word.starts_with("duplicate-")),
    );
    assert_told("DKIM reasons", 30, words(&code("crates/mail/src/dkim/fault.rs"), "dkim."));
    assert_told("grounds", 6, Ground::ALL.iter().map(|word| word.as_str()));
}

#[test]
fn every_arc_reason_is_told() {
    let (chain, sets) = (code("crates/mail/src/arc.rs"), code("crates/mail/src/arc/set.rs"));
    // A reason is said as `Some("…")` by the judge of the chain, and as the last argument of `fault` by its reader.
    let judged = chain.split("Some(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let read = sets.split("fault(").skip(1).filter_map(|rest| rest.split_once(", \"")?.1.split('"').next());
    assert_told("ARC reasons", 12, judged.chain(read));
}

#[test]
fn every_result_is_told() {
    let words = [
        Action::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>(),
        AuthorResult::ALL.iter().map(|word| word.as_str()).collect(),
        SpfResult::ALL.iter().map(|word| word.as_str()).collect(),
        DkimResult::ALL.iter().map(|word| word.as_str()).collect(),
        ArcResult::ALL.iter().map(|word| word.as_str()).collect(),
        DmarcResult::ALL.iter().map(|word| word.as_str()).collect(),
        Disposition::ALL.iter().map(|word| word.as_str()).collect(),
        Mechanism::ALL.iter().map(|word| word.as_str()).collect(),
    ];
    assert_told("results", 18, words.into_iter().flatten());
}

#[test]
fn the_rules_are_those_of_the_code() {
    let page = read("docs/check.md");
    let (_, table) = page.split_once("\n## Rules\n").unwrap();
    let told: BTreeSet<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let lines: Vec<String> =
        sekisho_mail::speech::rules().map(|rule| format!("| `{}` | {} |", rule.id, rule.section)).collect();
    assert_eq!(told, lines.iter().map(String::as_str).collect());
}

#[test]
fn every_option_is_told() {
    let help = Folder::new().call("check --help").stdout;
    let options = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2 && *word != "--help");
    let options: BTreeSet<&str> =
        options.map(|word| word.trim_end_matches(|c: char| !c.is_ascii_lowercase())).collect();
    let page = read("docs/check.md");
    let is_told = |option: &&&str| {
        page.lines().any(|line| {
            line.strip_prefix("| `")
                .and_then(|line| line.strip_prefix(**option))
                .is_some_and(|rest| rest.starts_with([' ', '`']))
        })
    };
    let missing: Vec<&&str> = options.iter().filter(|option| !is_told(option)).collect();
    assert!(options.len() >= 15 && missing.is_empty(), "docs/check.md lacks {missing:?}");
}

/// Gathers the names of all fields with the dots and brackets of docs/check.md.
fn fields(value: &Value, place: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                fields(value, &place, all);
            }
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            values.iter().for_each(|value| fields(value, &format!("{place}[]"), all));
        }
        _ => {
            all.insert(place.to_owned());
        }
    }
}

#[test]
fn every_field_is_told() {
    let folder = Folder::new();
    folder.write("mail.eml", read("examples/forged.eml"));
    folder.write("zone", read("examples/zone"));
    let command = "check @mail.eml --zone @zone --trust-received 1 --save-facts @facts";
    let what_if = "--what-if TXT~_dmarc.yamabiko-bank.example=v=DMARC1;~p=none";
    let object = folder.call(&format!("{command} --json {what_if}")).json();
    let mut all = BTreeSet::new();
    fields(&object, "", &mut all);
    // Below `what_if` stands what stands above it, but for what was replaced and what changes.
    all.retain(|place| !place.starts_with("what_if.") || place.starts_with("what_if.changes"));
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(folder.path("facts")).unwrap()).unwrap();
    fields(&kept, "", &mut all);
    // Both identities of SPF have the same fields.
    let all = all.into_iter().map(|place| place.replace("spf_helo.", "spf.")).collect::<BTreeSet<_>>();
    assert_told("fields", 50, all.iter().map(String::as_str));
}

#[test]
fn the_samples_of_the_readmes_are_what_is_printed() {
    let folder = Folder::new();
    for (page, lang) in [("README.md", "en"), ("README.md", "ja"), ("README.ja.md", "ja")] {
        folder.write("examples/forged.eml", read("examples/forged.eml"));
        folder.write("zone", read("examples/zone"));
        let command = format!("check @examples/forged.eml --zone @zone --trust-received 1 --lang {lang}");
        let said = folder.call_with(&command, "", Setting::default()).stdout.replace("DIR/", "");
        let text = read(page);
        let sample = text.split("```").skip(1).step_by(2).find(|fenced| {
            fenced.contains(match lang {
                "ja" => "差出人",
                _ => "Author ",
            })
        });
        let sample = sample.unwrap().trim_start_matches("text").trim();
        // The path was longer when this was printed, so that the first line may part elsewhere.
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        let (headline, rest) = sample.split_once('\n').unwrap();
        assert!(
            squeezed(&said).starts_with(&squeezed(headline)),
            "{page} begins\n{headline}\nbut this is printed:\n{said}"
        );
        // A sample may leave out lines, which it shows by `…`.
        for part in rest.split("\n…\n") {
            assert!(said.contains(part), "{page} shows\n{part}\nbut this is printed:\n{said}");
        }
        assert!(sample.lines().count() > 5);
    }
}

/// Runs the lines of a block as a shell would: `sekisho …` and `cat …`, with `> FILE` behind; returns what stays unsaved.
fn run_block(folder: &Folder, block: &str) -> String {
    let mut said = String::new();
    for line in block.lines() {
        if line == "kumo=$(mktemp -d)" {
            folder.write("kumo/here", "");
            continue;
        }
        let line = &line.replace("$kumo/", "kumo/");
        let (line, file) = line.split_once(" > ").map_or((line.as_str(), None), |(line, file)| (line, Some(file)));
        let words: Vec<&str> = line.split(' ').collect();
        let output = match words.as_slice() {
            ["cat", files @ ..] => {
                files.iter().map(|file| std::fs::read_to_string(folder.path(file)).unwrap()).collect::<String>()
            }
            ["sekisho", rest @ ..] => {
                let is_file = |word: &str| folder.path(word).is_file() || word.ends_with(".pem");
                let words = rest.iter().map(|word| if is_file(word) { format!("@{word}") } else { (*word).to_owned() });
                let said = folder.call(&words.collect::<Vec<_>>().join(" "));
                assert_eq!(said.exit, 0, "{line}: {}", said.stderr);
                said.stdout
            }
            _ => panic!("the test does not know how to run {line}"),
        };
        match file {
            Some(file) => drop(folder.write(file, output)),
            None => said += &output,
        }
    }
    said.replace("DIR/", "")
}

#[test]
fn the_readmes_way_to_sign_works_as_printed() {
    for page in ["README.md", "README.ja.md"] {
        let folder = Folder::new();
        folder.write("examples/good.eml", read("examples/good.eml"));
        folder.write("examples/zone", read("examples/zone"));
        let text = read(page);
        let blocks: Vec<&str> = text.split("```").skip(1).step_by(2).collect();
        let at = blocks.iter().position(|block| block.contains("sign --new-key")).unwrap();
        let said = run_block(&folder, blocks[at].trim());
        let sample = blocks[at + 1].trim_start_matches("text").trim();
        assert!(sample.lines().count() >= 5);
        let mut rest = said.as_str();
        for part in sample.split("\n…\n") {
            let (_, behind) = rest.split_once(part).unwrap_or_else(|| panic!("{page} shows\n{part}\nbut:\n{said}"));
            rest = behind;
        }
    }
}

/// Returns the arguments of each line that is logged in some code, without the text in them.
fn logged(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    for level in ["info!(", "warn!(", "error!(", "debug!("] {
        for rest in code.split(level).skip(1) {
            let (mut depth, mut is_text, mut is_escaped, mut bare) = (1, false, false, String::new());
            for c in rest.chars() {
                match c {
                    _ if is_escaped => is_escaped = false,
                    '\\' if is_text => is_escaped = true,
                    '"' => is_text = !is_text,
                    _ if is_text => {}
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
                if !is_text {
                    bare.push(c);
                }
            }
            all.push(bare);
        }
    }
    all
}

/// Lists the source files below a folder, without those that are tests alone.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "rs")
            && entry.file_name().is_some_and(|it| it != "tests.rs")
        {
            let text = std::fs::read_to_string(&entry).unwrap();
            found.push(text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
        }
    }
}

#[test]
fn the_fields_of_the_log_are_those_of_the_code() {
    let is_name = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b"._".contains(&b));
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let lines: Vec<String> = all.iter().flat_map(|code| logged(code)).collect();
    let written: BTreeSet<&str> = lines
        .iter()
        .flat_map(|line| line.split(','))
        .filter_map(|part| part.split_once(" = ").map(|(name, _)| name.trim()).filter(is_name))
        .collect();
    let page = read("docs/operations.md");
    let (_, table) = page.split_once("\n## Logs\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let told: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(written.len() > 40, "{written:?}");
    assert_eq!(told, written);
}
