//! What a Postfix is set to: `main.cf`, `master.cf`, and what holds where neither says anything

use std::collections::{BTreeMap, BTreeSet};

/// What a Postfix is set to.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// Its version.
    pub(super) version: Option<Version>,
    /// What holds for every service that does not say otherwise.
    main: BTreeMap<String, String>,
    /// What `main.cf` itself says.
    written: BTreeSet<String>,
    /// Whether `main` has every parameter that this Postfix knows, its defaults among them.
    is_complete: bool,
    /// The services of `master.cf`.
    pub(super) services: Vec<Service>,
}

/// A version: of 3.7.11 the three numbers.
pub(super) type Version = (u32, u32, u32);

/// A line of `master.cf`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Its name: a port, an address with a port, or a socket.
    pub(super) name: String,
    /// `inet`, `unix`, `fifo` or `pass`.
    pub(super) kind: String,
    /// The program behind it.
    pub(super) program: String,
    /// What it says otherwise than `main.cf`.
    pub(super) options: BTreeMap<String, String>,
}

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Setting<'a> {
    /// The parameter.
    pub(super) name: &'static str,
    /// Its value, with everything that it refers to put in.
    pub(super) value: &'a str,
    /// Where it is set.
    pub(super) origin: Origin<'a>,
}

/// Where a parameter is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin<'a> {
    /// Nowhere: Postfix's own default.
    Default,
    /// In `main.cf`.
    Main,
    /// In `master.cf`, for this service.
    Service(&'a Service),
}

impl Settings {
    /// Reads what `postconf` says: all parameters, those that `main.cf` sets, the services and their options, each as it
    /// is printed by `postconf -x`, `-n`, `-M` and `-P -x`.
    pub(super) fn of_postconf(all: &str, written: &str, services: &str, options: &str) -> Settings {
        let main: BTreeMap<String, String> = all.lines().filter_map(parameter).collect();
        let written = written.lines().filter_map(parameter).map(|(name, _)| name).collect();
        let mut services: Vec<Service> = services.lines().filter_map(service).collect();
        for (path, value) in options.lines().filter_map(parameter) {
            let mut parts = path.rsplitn(3, '/');
            let (Some(name), Some(kind), Some(of)) = (parts.next(), parts.next(), parts.next()) else { continue };
            for service in services.iter_mut().filter(|service| service.name == of && service.kind == kind) {
                service.options.insert(name.to_owned(), value.clone());
            }
        }
        let version = main.get("mail_version").and_then(|version| read_version(version));
        Settings { version, main, written, is_complete: true, services }
    }

    /// Takes what the files say, where no `postconf` can be asked.
    pub(super) fn of_files(main: BTreeMap<String, String>, services: Vec<Service>) -> Settings {
        let written = main.keys().cloned().collect();
        Settings { version: None, main, written, is_complete: false, services }
    }

    /// Returns the value of a parameter for a service, or for all; nothing where this Postfix does not know it, or nobody
    /// could tell its default.
    pub(super) fn get<'a>(&'a self, service: Option<&'a Service>, name: &'static str) -> Option<Setting<'a>> {
        if let Some(service) = service
            && let Some(value) = service.options.get(name)
        {
            return Some(Setting { name, value, origin: Origin::Service(service) });
        }
        let origin = if self.written.contains(name) { Origin::Main } else { Origin::Default };
        let value = match self.main.get(name) {
            Some(value) => value,
            None if self.is_complete => return None,
            None => USUAL.iter().find(|(usual, _)| *usual == name).map(|(_, value)| *value)?,
        };
        Some(Setting { name, value, origin })
    }

    /// Returns the words of a parameter, in small letters.
    pub(super) fn words(&self, service: Option<&Service>, name: &'static str) -> Vec<String> {
        let value = self.get(service, name).map(|setting| setting.value).unwrap_or_default();
        let words = value.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        words.map(str::to_ascii_lowercase).collect()
    }

    /// Tells whether this Postfix knows a parameter; nothing where nobody can tell.
    pub(super) fn knows(&self, name: &str) -> Option<bool> {
        self.is_complete.then(|| self.main.contains_key(name))
    }
}

/// The defaults that every Postfix since 2.6 has, for one whose `postconf` cannot be asked.
const USUAL: &[(&str, &str)] = &[
    ("content_filter", ""),
    ("header_size_limit", "102400"),
    ("internal_mail_filter_classes", ""),
    ("message_size_limit", "10240000"),
    ("milter_command_timeout", "30s"),
    ("milter_connect_macros", "j {daemon_name} {daemon_addr} v _"),
    ("milter_connect_timeout", "30s"),
    ("milter_content_timeout", "300s"),
    ("milter_data_macros", "i"),
    ("milter_default_action", "tempfail"),
    ("milter_end_of_data_macros", "i"),
    ("milter_mail_macros", "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}"),
    ("milter_protocol", "6"),
    ("non_smtpd_milters", ""),
    ("receive_override_options", ""),
    ("smtpd_data_restrictions", ""),
    ("smtpd_discard_ehlo_keywords", ""),
    ("smtpd_milter_maps", ""),
    ("smtpd_milters", ""),
];

/// Reads a line such as `name = value`.
fn parameter(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// Reads the first eight words of a line of `master.cf`; its options are told apart.
fn service(line: &str) -> Option<Service> {
    let words: Vec<&str> = line.split_whitespace().take(8).collect();
    let [name, kind, _, _, _, _, _, program] = words[..] else { return None };
    Some(Service { name: name.into(), kind: kind.into(), program: program.into(), options: BTreeMap::new() })
}

/// Reads the numbers of a version such as `3.7.11` or `3.11-20260101`.
fn read_version(text: &str) -> Option<Version> {
    let mut numbers = text.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next().flatten().unwrap_or(0)))
}

/// Reads a time such as `300s`, `5m` or `1h`, into seconds; a bare number is seconds too.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text.get(..digits)?.parse().ok()?;
    let unit = match text.get(digits..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_speaks_before_main_and_main_before_the_default() {
        let settings = Settings::of_postconf(
            "mail_version = 3.7.11\nsmtpd_milters = inet:a:1\nmilter_protocol = 6\n",
            "smtpd_milters = inet:a:1\n",
            "smtp       inet  n       -       y       -       -       smtpd\n\
             127.0.0.1:10025 inet n - n - - smtpd -o smtpd_milters=\n",
            "127.0.0.1:10025/inet/smtpd_milters =\n",
        );
        assert_eq!(settings.version, Some((3, 7, 11)));
        let value = |service: usize, name| settings.get(Some(&settings.services[service]), name).unwrap();
        assert_eq!((value(0, "smtpd_milters").value, value(0, "smtpd_milters").origin), ("inet:a:1", Origin::Main));
        assert_eq!(value(1, "smtpd_milters").value, "");
        assert!(matches!(value(1, "smtpd_milters").origin, Origin::Service(_)));
        assert_eq!(value(0, "milter_protocol").origin, Origin::Default);
        assert_eq!(settings.knows("smtpd_forbid_bare_newline"), Some(false));
    }

    #[test]
    fn times_are_read_as_postfix_does() {
        assert_eq!(
            ["30s", "5m", "2h", "7", "1w"].map(seconds),
            [Some(30), Some(300), Some(7200), Some(7), Some(604_800)]
        );
        assert_eq!(["", "s", "1y", "99999999999999999999d"].map(seconds), [None; 4]);
    }

    #[test]
    fn versions_of_releases_and_of_snapshots_are_read() {
        assert_eq!(read_version("3.11-20260101"), Some((3, 11, 20_260_101)));
        assert_eq!(read_version("3.9"), Some((3, 9, 0)));
        assert_eq!(read_version("new"), None);
    }
}
