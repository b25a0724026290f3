//! Calls a command and catches what it says

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sekisho_house::{Setting, Streams, run};
use serde_json::Value;
use tempfile::TempDir;

/// A zone in which `example.org` sends from 192.0.2.0/24, and `reject.example` asks for rejection.
pub(crate) const ZONE: &str = r#"
example.org          TXT  "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc.example.org   TXT  "v=DMARC1; p=none"
reject.example       TXT  "v=spf1 include:_spf.reject.example -all"
_spf.reject.example  TXT  "v=spf1 ip4:198.51.100.0/24 ~all"
_dmarc.reject.example TXT "v=DMARC1; p=reject"
slow.example         *    !timeout
_dmarc.slow.example  *    !timeout
"#;

/// A mail of `example.org`, with the line of a server of ours on top.
pub(crate) const MAIL: &str = "Return-Path: <alice@example.org>\r
Received: from mail.example.org (mail.example.org [192.0.2.1])\r
\tby mx.example.net (Postfix) with ESMTP id 1; Thu, 1 Jan 2026 00:00:00 +0000\r
From: Alice <alice@example.org>\r
To: bob@example.net\r
Subject: greetings\r
Date: Thu, 1 Jan 2026 00:00:00 +0000\r
\r
hello\r
";

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code.
    pub(crate) exit: u8,
    /// Its data.
    pub(crate) stdout: String,
    /// Its talk.
    pub(crate) stderr: String,
}

impl Said {
    /// Reads the data as one JSON object.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "one object a line: {}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A folder of one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Makes a folder with [`ZONE`] as `zone` and [`MAIL`] as `mail.eml`.
    pub(crate) fn new() -> Folder {
        let folder = Folder(TempDir::new().unwrap());
        folder.write("zone", ZONE);
        folder.write("mail.eml", MAIL);
        folder
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Returns a path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Calls a command; `@name` in it is a file of the folder.
    pub(crate) fn call(&self, command: &str) -> Said {
        self.call_with(command, "", Setting::default())
    }

    /// Calls a command with something on its standard input, in a setting.
    pub(crate) fn call_with(&self, command: &str, stdin: impl AsRef<[u8]>, setting: Setting) -> Said {
        let words = command.split(' ').filter(|word| !word.is_empty());
        let args: Vec<OsString> = words
            .map(|word| match word.strip_prefix('@') {
                Some(name) => self.path(name).into_os_string(),
                None => word.replace("''", "").replace('~', " ").into(),
            })
            .collect();
        self.call_args(args, stdin, setting)
    }

    /// Calls a command given as single arguments.
    pub(crate) fn call_args(&self, args: Vec<OsString>, stdin: impl AsRef<[u8]>, setting: Setting) -> Said {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let args: Vec<OsString> = std::iter::once("sekisho".into()).chain(args).collect();
        let mut stdin = stdin.as_ref();
        let exit = run(args, Streams { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr, setting });
        let hide = |text: Vec<u8>| String::from_utf8(text).unwrap().replace(self.0.path().to_str().unwrap(), "DIR");
        Said { exit, stdout: hide(stdout), stderr: hide(stderr) }
    }
}

/// Compares a text with a file under `tests/snapshots`; `SEKISHO_SNAPSHOTS=write` writes it anew.
pub(crate) fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("SEKISHO_SNAPSHOTS").is_some_and(|what| what == "write") {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} differs; expected:\n{expected}\nfound:\n{text}");
}
