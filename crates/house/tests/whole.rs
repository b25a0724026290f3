//! `sekisho check`, whole but for the process: arguments as octets in, exit and JSON out

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Mutex;

use sekisho_core::facts::{Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_house::{Setting, Streams, run};
use sekisho_testkit::dns::DnsServer;
use serde_json::Value;

/// One call of the command.
pub(crate) struct Check {
    /// The command line.
    pub(crate) arguments: Vec<OsString>,
    /// What stdin holds.
    pub(crate) stdin: Vec<u8>,
}

/// What a call told.
pub(crate) struct Told {
    /// The exit code.
    pub(crate) exit: u8,
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
}

impl Check {
    /// Prepares to judge a mail from stdin.
    pub(crate) fn mail(mail: impl Into<Vec<u8>>) -> Check {
        let arguments = ["sekisho", "check", "-", "--json", "--lang", "en"].map(OsString::from).into();
        Check { arguments, stdin: mail.into() }
    }

    /// Asks a loopback server.
    pub(crate) fn dns(self, server: &DnsServer) -> Check {
        self.and("--dns", server.address().to_string())
    }

    /// Adds an option with its value, whatever octets that has.
    pub(crate) fn and(mut self, option: &str, value: impl Into<Vec<u8>>) -> Check {
        // One argument, so that a value may begin with a hyphen.
        let argument = [format!("{option}=").into_bytes(), value.into()].concat();
        self.arguments.push(OsString::from_vec(argument));
        self
    }

    /// Names a client, its greeting and its MAIL FROM.
    pub(crate) fn envelope(self, client: &str, helo: impl Into<Vec<u8>>, mail_from: impl Into<Vec<u8>>) -> Check {
        self.and("--client-ip", client).and("--helo", helo).and("--mail-from", mail_from)
    }

    /// Calls the command.
    pub(crate) fn run(&self) -> Told {
        let (mut stdin, mut stdout, mut stderr) = (&*self.stdin, Vec::new(), Vec::new());
        let streams =
            Streams { stdin: &mut stdin, stdout: &mut stdout, stderr: &mut stderr, setting: Setting::default() };
        let exit = run(&self.arguments, streams);
        let text = |octets| String::from_utf8(octets).expect("what is told is UTF-8");
        Told { exit, stdout: text(stdout), stderr: text(stderr) }
    }

    /// Calls the command, which must judge.
    pub(crate) fn judge(&self) -> Value {
        self.run().judged()
    }
}

impl Told {
    /// Returns the JSON of a mail that was judged; the exit must fit its verdict.
    pub(crate) fn judged(&self) -> Value {
        let json: Value =
            serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {:?} {}", self.stdout, self.stderr));
        assert_eq!(self.exit, u8::from(json["verdict"] != "accept"), "{}", self.stderr);
        assert_eq!(self.stderr, "");
        json
    }
}

/// Names every fact of a verdict that is not what the zone says: nothing may be lost or mended on the way.
pub(crate) fn wrong_facts(json: &Value, zone: &Zone) -> Vec<String> {
    let mut wrong = Vec::new();
    for fact in json["facts"].as_array().expect("facts are listed") {
        let text = |field: &str| fact[field].as_str().expect("a fact's field is text");
        let kind = Kind::parse(text("type")).expect("a known type");
        let name = DomainName::from_presentation(text("name")).expect("a name in presentation format");
        let outcome = zone.answer(&Question::new(kind, name)).outcome;
        let told = fact["records"].as_array().expect("records are listed").iter();
        let told = told.map(|record| Record::from_presentation(kind, record.as_str().unwrap()).unwrap());
        let told = match text("outcome") {
            "answer" => format!("{:?}", sorted(&Outcome::Records(told.collect()))),
            word => word.to_owned(),
        };
        let said = match &outcome {
            Outcome::Records(_) => format!("{:?}", sorted(&outcome)),
            other => other.word().to_owned(),
        };
        if told != said {
            wrong.push(format!("{} {}: {told}, but the zone says {said}", text("type"), text("name")));
        }
    }
    wrong
}

/// Returns the records of an outcome in one order: the DNS has none.
fn sorted(outcome: &Outcome) -> Vec<String> {
    let mut records: Vec<String> = outcome.records().iter().map(ToString::to_string).collect();
    records.sort();
    records
}

/// Does something with each item, many at a time: most of the time goes by waiting.
pub(crate) fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some((at, item)) = { next.lock().unwrap().next() } {
                    let result = work(item);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
