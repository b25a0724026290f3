//! `main.cf` and `master.cf` read by ourselves, where no `postconf` is installed
//!
//! Enough of the format (postconf(5), master(5)) to find what concerns us: logical lines, options, references to other
//! parameters. Lookups, conditions and defaults of rare parameters are left to `postconf`.

use std::collections::BTreeMap;

use super::settings::{Service, Settings};

/// How deep parameters may refer to one another.
const DEPTH_MAX: usize = 8;
/// The most octets of one value, references put in: they may double at every depth.
const VALUE_MAX: usize = 64 * 1024;

/// Reads both files.
pub(super) fn read(main: &str, master: &str) -> Settings {
    let mut raw = BTreeMap::new();
    for line in logical_lines(main) {
        if let Some((name, value)) = line.split_once('=') {
            raw.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    let whole = raw.iter().map(|(name, value)| (name.clone(), expand(value, &raw, DEPTH_MAX))).collect();
    let services = logical_lines(master).iter().filter_map(|line| service(line, &raw)).collect();
    Settings::of_files(whole, services)
}

/// Joins the lines that begin with white space to those before them; comments and empty lines part nothing.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines
}

/// Reads a service with its options.
fn service(line: &str, main: &BTreeMap<String, String>) -> Option<Service> {
    let words = words(line);
    let mut words = words.iter().map(String::as_str);
    let (name, kind) = (words.next()?, words.next()?);
    let program = words.by_ref().nth(5)?;
    let mut service = Service { name: name.into(), kind: kind.into(), program: program.into(), ..Service::default() };
    while let Some(word) = words.next() {
        let option = match word.strip_prefix("-o") {
            Some("") => words.next(),
            attached => attached,
        };
        if let Some((name, value)) = option.and_then(|option| option.split_once('=')) {
            service.options.insert(name.trim().to_owned(), expand(value.trim(), main, DEPTH_MAX));
        }
    }
    Some(service)
}

/// Parts a line at white space; what stands in braces is one word.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut depth) = (Vec::new(), String::new(), 0_usize);
    for character in line.chars() {
        match character {
            '{' if depth == 0 && word.is_empty() => depth = 1,
            '{' if depth > 0 => {
                depth += 1;
                word.push(character);
            }
            '}' if depth == 1 => depth = 0,
            '}' if depth > 1 => {
                depth -= 1;
                word.push(character);
            }
            c if c.is_whitespace() && depth == 0 => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(character),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Puts in what `$name`, `${name}` and `$(name)` refer to; what is not known stays as it is.
fn expand(value: &str, main: &BTreeMap<String, String>, depth: usize) -> String {
    let mut whole = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        let (before, reference) = rest.split_at(at);
        whole.push_str(before);
        let body = reference.get(1..).unwrap_or_default();
        let (name, length) = match body.as_bytes().first() {
            Some(b'{') => body.find('}').map_or(("", 0), |end| (body.get(1..end).unwrap_or_default(), end + 1)),
            Some(b'(') => body.find(')').map_or(("", 0), |end| (body.get(1..end).unwrap_or_default(), end + 1)),
            _ => {
                let end = body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(body.len());
                (body.get(..end).unwrap_or_default(), end)
            }
        };
        match main.get(name) {
            Some(value) if depth > 0 && whole.len() < VALUE_MAX => whole.push_str(&expand(value, main, depth - 1)),
            _ => whole.push_str(reference.get(..=length).unwrap_or(reference)),
        }
        rest = body.get(length..).unwrap_or_default();
    }
    whole.push_str(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_as_postfix_does() {
        let settings = read(
            "# comment\nours = inet:127.0.0.1:8891\nsmtpd_milters = ${ours},\n# in between\n\tunix:/x\nloop = $loop$loop\nodd = $unknown$ $(ours)\n",
            "smtp inet n - y - - smtpd\n  -o smtpd_milters=$ours\n# comment\nsubmission inet n - y - - smtpd -o{ a = b }\n  -o { smtpd_milters = inet:a:1, { inet:b:2, default_action = accept } }\n",
        );
        let value = |service: Option<usize>, name| {
            settings.get(service.map(|at| &settings.services[at]), name).map(|setting| setting.value.to_owned())
        };
        assert_eq!(value(None, "smtpd_milters").unwrap(), "inet:127.0.0.1:8891, unix:/x");
        assert_eq!(value(None, "odd").unwrap(), "$unknown$ inet:127.0.0.1:8891");
        assert!(value(None, "loop").unwrap().len() <= 2 * VALUE_MAX);
        assert_eq!(value(Some(0), "smtpd_milters").unwrap(), "inet:127.0.0.1:8891");
        assert_eq!(value(Some(1), "smtpd_milters").unwrap(), "inet:a:1, { inet:b:2, default_action = accept }");
        assert_eq!(value(None, "milter_protocol").unwrap(), "6");
        assert_eq!(settings.knows("milter_protocol"), None);
    }
}
