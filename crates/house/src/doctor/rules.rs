//! What has to hold between our configuration and a Postfix for mails to be judged, signed, and neither lost nor judged twice

use std::net::SocketAddr;

use super::milters::Milter;
use super::settings::{Origin, Service, Setting, Settings, seconds};
use super::{Finding, Place, Severity, option};
use crate::config::{Config, Mode};

/// The least seconds that Postfix should wait for a connection or for an answer before the end of a mail.
const PATIENCE_MIN: u64 = 5;
/// The seconds after which we tell Postfix that we are still at work; it then waits anew.
const PROGRESS: u64 = 10;
/// The version of the protocol that shows mails as they are.
const PROTOCOL: u32 = 6;
/// The oldest version that we speak.
const PROTOCOL_MIN: u32 = 2;

/// A port, or a socket behind postscreen, where mail comes in by SMTP.
pub(super) struct Door<'a> {
    /// Its line in `master.cf`.
    pub(super) service: &'a Service,
    /// What it is for.
    role: Role,
    /// The milters that it names.
    milters: Vec<Milter>,
}

/// What a door is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Mail from the world.
    World,
    /// Mail from our own users.
    Users,
    /// Mail that comes back from a content filter.
    Filter,
}

/// Examines what our own configuration says.
pub(super) fn own(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.gate.listen.is_empty() {
        findings.push(Finding::new(Severity::Note, "gate-nowhere", []));
    }
    for listener in config.gate.listen.iter().chain(&config.sign.listen).filter(|address| !address.ip().is_loopback()) {
        let line = format!("listen = [\"127.0.0.1:{}\"]", listener.port());
        let address = listener.to_string().into();
        let finding = Finding::new(Severity::Warning, "listener-open", [("address", address)]);
        findings.push(finding.write(Place::Ours, line));
    }
    if config.gate.conduct.mode == Mode::Monitor && !config.gate.listen.is_empty() {
        findings.push(Finding::new(Severity::Note, "gate-monitor", []));
    }
    findings
}

/// Examines a Postfix; `listens` tells whether somebody listens at an address.
pub(super) fn postfix(config: &Config, settings: &Settings, listens: &dyn Fn(SocketAddr) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let doors = doors(settings);
    for door in &doors {
        findings.extend(shown_to_whom(config, settings, door));
        if door.milters.iter().any(|milter| is_ours(config, milter)) {
            findings.extend(terms(config, settings, door));
        }
    }
    if !doors.iter().any(|door| door.role == Role::World) {
        findings.push(Finding::new(Severity::Note, "no-door", []));
    }
    findings.extend(local(config, settings));
    findings.extend(silent(config, settings, &doors, listens));
    findings.extend(sizes(config, settings));
    findings
}

/// Lists the doors.
pub(super) fn doors<'a>(settings: &'a Settings) -> Vec<Door<'a>> {
    let is_door = |service: &&Service| service.program == "smtpd" && matches!(&*service.kind, "inet" | "pass");
    let services: Vec<&Service> = settings.services.iter().filter(is_door).collect();
    let value =
        |service: &'a Service, name| settings.get(Some(service), name).map(|setting| setting.value).unwrap_or_default();
    let has_filter = services.iter().any(|service| {
        ["content_filter", "smtpd_proxy_filter"].into_iter().any(|name| !value(service, name).is_empty())
    });
    let door = |service: &'a Service| {
        let is_users = ["submission", "submissions", "smtps", "587", "465"].contains(&port(&service.name))
            || value(service, "milter_macro_daemon_name").eq_ignore_ascii_case("ORIGINATING");
        let role = match () {
            () if is_users => Role::Users,
            () if has_filter && is_on_loopback(&service.name) => Role::Filter,
            () => Role::World,
        };
        let is_off = settings.words(Some(service), "receive_override_options").iter().any(|word| word == "no_milters");
        let milters = if is_off { Vec::new() } else { Milter::list(value(service, "smtpd_milters")) };
        Door { service, role, milters }
    };
    services.into_iter().map(door).collect()
}

/// Returns the port of a service's name.
fn port(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, port)| port)
}

/// Tells whether a service is bound to loopback alone.
fn is_on_loopback(name: &str) -> bool {
    let host = name.rsplit_once(':').map(|(host, _)| host).unwrap_or_default();
    host == "localhost" || host.starts_with("127.") || host == "[::1]"
}

/// Tells whether a milter is one of our listeners.
fn is_ours(config: &Config, milter: &Milter) -> bool {
    milter.is_one_of(&config.gate.listen) || milter.is_one_of(&config.sign.listen)
}

/// Says whether the mails of a door are shown to the right listener of ours.
fn shown_to_whom(config: &Config, settings: &Settings, door: &Door<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(setting) = settings.get(Some(door.service), "smtpd_milters") else { return findings };
    let is_judged = door.milters.iter().any(|milter| milter.is_one_of(&config.gate.listen));
    let is_signed = door.milters.iter().any(|milter| milter.is_one_of(&config.sign.listen));
    let named =
        |severity, rule| Finding::new(severity, rule, [("door", door.service.name.clone().into())]).about(setting);
    let at_door = |listen: &[SocketAddr]| {
        let others: Vec<String> =
            door.milters.iter().filter(|m| !is_ours(config, m)).map(|m| m.entry.clone()).collect();
        let all: Vec<String> =
            listen.first().map(|address| format!("inet:{address}")).into_iter().chain(others).collect();
        all.join(", ")
    };
    let correct = |finding: Finding, value: &str| match door.role {
        Role::World => finding.better(setting, value),
        Role::Users | Role::Filter => finding.write(Place::of(door.service), option("smtpd_milters", value)),
    };
    let is_off = settings.get(Some(door.service), "receive_override_options").filter(|options| {
        options.value.contains("no_milters") && Milter::list(setting.value).iter().any(|milter| is_ours(config, milter))
    });
    if let Some(options) = is_off {
        let kept: Vec<String> = settings.words(Some(door.service), "receive_override_options");
        let kept: Vec<String> = kept.into_iter().filter(|word| word != "no_milters").collect();
        if door.role == Role::World {
            let finding =
                Finding::new(Severity::Error, "door-no-milters", [("door", door.service.name.clone().into())]);
            findings.push(finding.about(options).better(options, &kept.join(", ")));
        }
        return findings;
    }
    match door.role {
        Role::World => {
            if !is_judged && !config.gate.listen.is_empty() {
                // What only this machine can reach may be meant for a filter that nobody told us of.
                let is_near = is_on_loopback(&door.service.name);
                let severity = if is_near { Severity::Warning } else { Severity::Error };
                findings.push(correct(named(severity, "door-unjudged"), &at_door(&config.gate.listen)));
            }
            if is_signed {
                findings.push(correct(named(Severity::Error, "door-signs"), &at_door(&config.gate.listen)));
            }
            findings.extend(by_client(settings, door));
        }
        Role::Users => {
            if is_judged {
                let is_harmful = config.gate.conduct.mode == Mode::Enforce;
                let severity = if is_harmful { Severity::Error } else { Severity::Warning };
                findings.push(correct(named(severity, "users-judged"), &at_door(&config.sign.listen)));
            }
            if !is_signed && !config.sign.listen.is_empty() {
                findings.push(correct(named(Severity::Warning, "users-unsigned"), &at_door(&config.sign.listen)));
            }
            let name = settings.get(Some(door.service), "milter_macro_daemon_name");
            if let Some(name) = name.filter(|name| is_signed && !name.value.eq_ignore_ascii_case("ORIGINATING")) {
                let finding = Finding::new(Severity::Note, "daemon-name", [("door", door.service.name.clone().into())]);
                let line = option("milter_macro_daemon_name", "ORIGINATING");
                findings.push(finding.about(name).write(Place::of(door.service), line));
            }
        }
        Role::Filter if is_judged => findings.push(correct(named(Severity::Warning, "filter-judged"), "")),
        Role::Filter => {}
    }
    findings
}

/// Says where a table chooses the milters by client.
fn by_client(settings: &Settings, door: &Door<'_>) -> Option<Finding> {
    let maps = settings.get(Some(door.service), "smtpd_milter_maps").filter(|maps| !maps.value.is_empty())?;
    Some(Finding::new(Severity::Note, "milter-maps", [("door", door.service.name.clone().into())]).about(maps))
}

/// Examines how Postfix speaks with us at a door: the protocol, its patience, what it tells, and what it does when we fail.
fn terms(config: &Config, settings: &Settings, door: &Door<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let get = |name| settings.get(Some(door.service), name);
    if let Some(protocol) = get("milter_protocol") {
        let version = protocol.value.split([' ', ',']).next().and_then(|word| word.parse::<u32>().ok());
        let severity = match version {
            Some(version) if version >= PROTOCOL => None,
            Some(version) if version >= PROTOCOL_MIN => Some(Severity::Warning),
            _ => Some(Severity::Error),
        };
        findings.extend(severity.map(|severity| {
            Finding::new(severity, "milter-protocol", []).about(protocol).better(protocol, &PROTOCOL.to_string())
        }));
    }
    for milter in door.milters.iter().filter(|milter| is_ours(config, milter)) {
        let action = get("milter_default_action");
        let word = milter.default_action.as_deref().or(action.map(|action| action.value)).unwrap_or_default();
        findings.extend(on_failure(word, milter, action, get("smtpd_milters")));
    }
    findings.extend(patience(config, &get));
    findings.extend(macros(config, &get));
    findings
}

/// Says what becomes of mails while we cannot be asked.
fn on_failure(word: &str, milter: &Milter, action: Option<Setting<'_>>, list: Option<Setting<'_>>) -> Option<Finding> {
    let rule = match word.to_ascii_lowercase().as_str() {
        "accept" => "default-accept",
        "reject" => "default-reject",
        "quarantine" => "default-quarantine",
        _ => return None,
    };
    let finding = Finding::new(Severity::Warning, rule, []);
    if milter.default_action.is_some() {
        // It stands in the list, which has to be written anew as a whole: only the part that is wrong is named.
        let list = list?;
        let place = match list.origin {
            Origin::Service(service) => Place::of(service),
            Origin::Default | Origin::Main => Place::Main,
        };
        return Some(finding.about(list).write(place, "default_action = tempfail"));
    }
    let action = action?;
    Some(finding.about(action).better(action, "tempfail"))
}

/// Compares Postfix's patience with the time that we may need.
fn patience<'a>(config: &Config, get: &dyn Fn(&'static str) -> Option<Setting<'a>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let deadline = config.dns.timeout.as_secs();
    let needed = deadline.min(PROGRESS) + PATIENCE_MIN;
    let short = |name, least: u64| get(name).filter(|limit| seconds(limit.value).is_some_and(|limit| limit < least));
    if let Some(limit) = short("milter_content_timeout", needed) {
        let named = [("needed", needed.into()), ("deadline", deadline.into())];
        findings.push(Finding::new(Severity::Error, "content-timeout", named).about(limit).better(limit, "300s"));
    }
    for name in ["milter_connect_timeout", "milter_command_timeout"] {
        if let Some(limit) = short(name, PATIENCE_MIN) {
            let named = [("needed", PATIENCE_MIN.into())];
            findings.push(Finding::new(Severity::Warning, "short-timeout", named).about(limit).better(limit, "30s"));
        }
    }
    findings
}

/// Looks for what we have to be told about a mail and are not.
fn macros<'a>(config: &Config, get: &dyn Fn(&'static str) -> Option<Setting<'a>>) -> Vec<Finding> {
    let tells = |names: &[&'static str], what: &str| {
        let bare = |word: &str| word.trim_matches(['{', '}']) == what;
        names.iter().any(|name| get(name).is_none_or(|list| list.value.split([' ', ',', '\t']).any(bare)))
    };
    let needs_login = config.gate.rules.iter().any(|rule| !rule.users.is_empty())
        || config.sign.senders.iter().any(|sender| !sender.users.is_empty());
    let is_named = config.gate.authserv_id.is_some();
    let wanted: [(bool, &str, &'static [&'static str], &'static str); 3] = [
        (needs_login, "auth_authen", &["milter_mail_macros"], "macro-login"),
        (!is_named, "j", &["milter_connect_macros"], "macro-name"),
        (true, "i", &["milter_data_macros", "milter_end_of_header_macros", "milter_end_of_data_macros"], "macro-queue"),
    ];
    let missing = wanted.into_iter().filter(|(is_needed, what, names, _)| *is_needed && !tells(names, what));
    let finding = |(_, what, names, rule): (bool, &str, &[&'static str], &'static str)| {
        let list = get(names.first()?)?;
        let severity = if rule == "macro-queue" { Severity::Note } else { Severity::Warning };
        let more = if what.len() > 1 { format!("{} {{{what}}}", list.value) } else { format!("{what} {}", list.value) };
        Some(Finding::new(severity, rule, []).about(list).better(list, more.trim()))
    };
    missing.filter_map(finding).collect()
}

/// Examines the mails that do not come by SMTP: those of local programs, and Postfix's own.
fn local(config: &Config, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(setting) = settings.get(None, "non_smtpd_milters") else { return findings };
    let milters = Milter::list(setting.value);
    let is_judged = milters.iter().any(|milter| milter.is_one_of(&config.gate.listen));
    let is_signed = milters.iter().any(|milter| milter.is_one_of(&config.sign.listen));
    let signer = config.sign.listen.first().map(|address| format!("inet:{address}"));
    if is_judged {
        let others = milters.iter().filter(|milter| !milter.is_one_of(&config.gate.listen));
        let mut kept: Vec<String> = others.map(|milter| milter.entry.clone()).collect();
        kept.extend(signer.clone().filter(|signer| !kept.contains(signer)));
        findings
            .push(Finding::new(Severity::Warning, "local-judged", []).about(setting).better(setting, &kept.join(", ")));
    }
    if let Some(signer) = signer.filter(|_| !is_signed && !is_judged) {
        let all: Vec<String> = milters.into_iter().map(|milter| milter.entry).chain([signer]).collect();
        findings
            .push(Finding::new(Severity::Note, "local-unsigned", []).about(setting).better(setting, &all.join(", ")));
    }
    let classes = settings.get(None, "internal_mail_filter_classes").filter(|classes| !classes.value.is_empty());
    if let Some(classes) = classes.filter(|_| is_judged) {
        findings.push(Finding::new(Severity::Warning, "internal-judged", []).about(classes).better(classes, ""));
    }
    findings
}

/// Knocks at the milters that should listen on this machine.
fn silent(
    config: &Config,
    settings: &Settings,
    doors: &[Door<'_>],
    listens: &dyn Fn(SocketAddr) -> bool,
) -> Vec<Finding> {
    let local = settings.get(None, "non_smtpd_milters");
    let of_doors = doors.iter().filter_map(|door| settings.get(Some(door.service), "smtpd_milters"));
    let mut findings: Vec<Finding> = Vec::new();
    let mut known: Vec<(String, bool)> = Vec::new();
    for setting in of_doors.chain(local) {
        for milter in Milter::list(setting.value) {
            let is_here = is_ours(config, &milter) || milter.addresses.iter().any(|address| address.ip().is_loopback());
            if !is_here {
                continue;
            }
            let is_heard = match known.iter().find(|(written, _)| *written == milter.written) {
                Some((_, is_heard)) => *is_heard,
                None => {
                    let is_heard = milter.addresses.iter().any(|address| listens(*address));
                    known.push((milter.written.clone(), is_heard));
                    is_heard
                }
            };
            if !is_heard {
                let rule = if is_ours(config, &milter) { "milter-silent" } else { "milter-unknown" };
                let named = [("milter", milter.written.clone().into())];
                findings.push(Finding::new(Severity::Error, rule, named).about(setting));
            }
        }
    }
    findings
}

/// Compares Postfix's limits with ours.
fn sizes(config: &Config, settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let number = |setting: &Setting<'_>| setting.value.parse::<u64>().ok();
    let most = u64::try_from(config.check.max_header_bytes).unwrap_or(u64::MAX);
    if let Some(limit) = settings.get(None, "header_size_limit").filter(|limit| number(limit).is_some_and(|n| n > most))
    {
        let named = [("most", most.into())];
        findings.push(Finding::new(Severity::Warning, "header-size", named).about(limit).better(limit, "102400"));
    }
    if let Some(limit) = settings.get(None, "message_size_limit").filter(|limit| number(limit) == Some(0)) {
        findings.push(Finding::new(Severity::Warning, "message-size", []).about(limit).better(limit, "52428800"));
    }
    findings
}
