//! SMTP smuggling: does this Postfix take a lone LF for the end of a line, and so a second mail out of the first one?
//!
//! CVE-2023-51764. A mail that was smuggled comes from a client that the victim's SPF record names, so no check of ours can
//! tell it from an honest one: it has to be stopped where SMTP is spoken.

use super::rules::{Door, doors};
use super::settings::{Setting, Settings, Version};
use super::{Finding, Place, Severity};

/// The parameter that stops it.
const PARAMETER: &str = "smtpd_forbid_bare_newline";
/// The releases of each branch that first knew `normalize`, and those that first had the parameter with `yes` alone.
const NORMALIZE: [Version; 5] = [(3, 5, 24), (3, 6, 14), (3, 7, 10), (3, 8, 5), (3, 9, 0)];

/// Looks at every port where mail from the world comes in.
pub(super) fn find(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for door in doors(settings) {
        match settings.get(Some(door.service), PARAMETER) {
            Some(setting) => findings.extend(set(settings, &door, setting)),
            None => findings.push(unknown(settings, &door)),
        }
    }
    if let Some(setting) = settings.get(None, "cleanup_replace_stray_cr_lf")
        && setting.value == "no"
    {
        findings.push(Finding::new(Severity::Warning, "stray-cr", []).about(setting).better(setting, "yes"));
    }
    findings
}

/// Judges what the parameter says at a door.
fn set(settings: &Settings, door: &Door<'_>, setting: Setting<'_>) -> Option<Finding> {
    let best = if settings.version.is_none_or(knows_normalize) { "normalize" } else { "yes" };
    if !["normalize", "yes", "reject"].contains(&setting.value.to_ascii_lowercase().as_str()) {
        // `no`, and `note`, which only logs.
        return Some(Finding::new(Severity::Error, "bare-newline", []).about(setting).better(setting, best));
    }
    let exclusions = settings.get(Some(door.service), "smtpd_forbid_bare_newline_exclusions")?;
    let excludes_all = exclusions.value.split([' ', '\t', ',']).any(|word| {
        let word = word.to_ascii_lowercase();
        word.ends_with("/0") || word.starts_with("static:")
    });
    excludes_all.then(|| {
        let finding = Finding::new(Severity::Error, "bare-newline-exclusions", []);
        finding.about(exclusions).better(exclusions, "$mynetworks")
    })
}

/// Judges a door of a Postfix that does not know the parameter, or of which nobody can tell.
fn unknown(settings: &Settings, door: &Door<'_>) -> Finding {
    if settings.knows(PARAMETER).is_none() {
        let finding = Finding::new(Severity::Warning, "bare-newline-unknown", []);
        return finding.write(Place::Main, format!("{PARAMETER} = normalize"));
    }
    let words = |name| settings.words(Some(door.service), name);
    let stops_pipelining = words("smtpd_forbid_unauth_pipelining") == ["yes"]
        || words("smtpd_data_restrictions").iter().any(|word| word == "reject_unauth_pipelining");
    let hides_chunking = words("smtpd_discard_ehlo_keywords").iter().any(|word| word == "chunking");
    let missing = match (stops_pipelining, hides_chunking, settings.knows("smtpd_forbid_unauth_pipelining")) {
        (true, true, _) => return Finding::new(Severity::Warning, "bare-newline-workaround", []),
        (false, _, Some(true)) => "smtpd_forbid_unauth_pipelining = yes",
        (false, _, _) => "smtpd_data_restrictions = reject_unauth_pipelining",
        (true, false, _) => "smtpd_discard_ehlo_keywords = chunking, silent-discard",
    };
    Finding::new(Severity::Error, "bare-newline-old", []).write(Place::Main, missing)
}

/// Tells whether a release knows `normalize`.
fn knows_normalize(version: Version) -> bool {
    let (major, minor, _) = version;
    match NORMALIZE.iter().find(|first| (first.0, first.1) == (major, minor)) {
        Some(first) => version >= *first,
        None => version > (3, 9, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found at the one port of a Postfix with these parameters: the rule, and the line to write.
    fn found(parameters: &str) -> Vec<(&'static str, String)> {
        let settings = Settings::of_postconf(parameters, "", "smtp inet n - y - - smtpd", "");
        let told = find(&settings).into_iter();
        told.map(|finding| (finding.rule, finding.change.map(|(_, line)| line).unwrap_or_default())).collect()
    }

    #[test]
    fn a_lone_lf_is_an_error_unless_it_is_mended_or_refused() {
        let line = |value: &str| ("bare-newline", format!("smtpd_forbid_bare_newline = {value}"));
        let with = |version: &str, value: &str| found(&format!("mail_version = {version}\n{PARAMETER} = {value}"));
        assert_eq!(with("3.7.11", "no"), [line("normalize")]);
        assert_eq!(with("3.7.9", "no"), [line("yes")]);
        assert_eq!(with("3.9.1", "note"), [line("normalize")]);
        assert_eq!(with("3.8.4", "no"), [line("yes")]);
        assert_eq!(with("4.0.0", "no"), [line("normalize")]);
        for value in ["normalize", "yes", "reject"] {
            assert_eq!(with("3.9.1", value), []);
        }
    }

    #[test]
    fn an_old_postfix_needs_both_halves_of_the_workaround() {
        let old = "mail_version = 3.5.6\n";
        let (one, two) =
            ("smtpd_data_restrictions = reject_unauth_pipelining", "smtpd_discard_ehlo_keywords = chunking");
        assert_eq!(found(old), [("bare-newline-old", one.to_owned())]);
        assert_eq!(found(&format!("{old}{one}")), [("bare-newline-old", format!("{two}, silent-discard"))]);
        assert_eq!(found(&format!("{old}{two}")), [("bare-newline-old", one.to_owned())]);
        assert_eq!(found(&format!("{old}{one}\n{two}")), [("bare-newline-workaround", String::new())]);
        let newer = found("smtpd_forbid_unauth_pipelining = no");
        assert_eq!(newer, [("bare-newline-old", "smtpd_forbid_unauth_pipelining = yes".to_owned())]);
    }

    #[test]
    fn exclusions_for_everybody_and_stray_line_ends_are_seen() {
        let good = "mail_version = 3.9.1\nsmtpd_forbid_bare_newline = normalize\n";
        assert_eq!(found(&format!("{good}smtpd_forbid_bare_newline_exclusions = 127.0.0.0/8 10.0.0.0/8")), []);
        for all in ["0.0.0.0/0", "[::]/0", "127.0.0.1, static:all"] {
            let rules: Vec<_> = found(&format!("{good}smtpd_forbid_bare_newline_exclusions = {all}"));
            assert_eq!(rules.first().unwrap().0, "bare-newline-exclusions");
        }
        assert_eq!(found(&format!("{good}cleanup_replace_stray_cr_lf = no"))[0].0, "stray-cr");
    }
}
