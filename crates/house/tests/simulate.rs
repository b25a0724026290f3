//! `sekisho simulate`: what receivers told, judged again under a proposed record

use jiff::Timestamp;
use sekisho_core::event::{AggregateEvent, Event, MailEvent, SignatureEvent};
use sekisho_house::{Setting, Streams, run};
use sekisho_mail::dkim::signing_key::SigningKey;
use serde_json::Value;

use crate::command::Folder;
use crate::notebook::{NOTEBOOK, Notebook};

/// What the DNS says: a relaxed policy that asks for nothing, one network and an include in SPF, one key.
const ZONE: &str = r#"
_dmarc.example.org    TXT "v=DMARC1; p=none; rua=mailto:d@example.org"
example.org           TXT "v=spf1 ip4:192.0.2.0/24 include:_spf.google.com -all"
news.example.org      TXT "v=spf1 ip4:198.51.100.0/24 -all"
_spf.google.com       TXT "v=spf1 ip4:203.0.113.0/24 ~all"
7.113.0.203.in-addr.arpa  PTR mail-7.google.com
mail-7.google.com     A 203.0.113.7
8.113.0.203.in-addr.arpa  PTR mail-8.google.com
mail-8.google.com     A 203.0.113.8
"#;

/// A row of a report on example.org.
pub(crate) struct Row {
    /// The source.
    pub(crate) source: &'static str,
    /// The author domain.
    pub(crate) author: &'static str,
    /// The MAIL FROM domain, and what SPF came to.
    pub(crate) spf: (&'static str, &'static str),
    /// Valid signatures: domain and selector, which may be empty.
    pub(crate) signed: &'static [(&'static str, &'static str)],
    /// How many mails.
    pub(crate) mails: u64,
}

/// A house that took reports in.
pub(crate) struct House(pub(crate) Folder);

impl House {
    /// Builds one.
    pub(crate) fn of(rows: &[Row]) -> House {
        let folder = Folder::new();
        let key = SigningKey::from_seed(&[7; 32]).unwrap().record();
        folder.write("zone", format!("{ZONE}s1._domainkey.example.org TXT \"{key}\"\n"));
        let events: Vec<Event> = rows.iter().enumerate().map(|(at, row)| row.event(at)).collect();
        Notebook::keep(&folder.path("data"), &events);
        House(folder)
    }

    /// Simulates; returns the exit code, the data and the talk.
    fn call(&self, records: &[&str], further: &[&str]) -> (u8, String, String) {
        let records = records.iter().flat_map(|record| ["--record", record]);
        self.say(
            &["simulate", "example.org"].into_iter().chain(records).chain(further.iter().copied()).collect::<Vec<_>>(),
        )
    }

    /// Calls a command over the zone; returns the exit code, the data and the talk.
    pub(crate) fn say(&self, arguments: &[&str]) -> (u8, String, String) {
        let zone = self.0.path("zone").to_str().unwrap().to_owned();
        let arguments = ["sekisho"].iter().chain(arguments).copied().chain(["--zone", &zone, "--lang", "en"]);
        let data_places = vec![self.0.path("data")];
        let setting = Setting { open_lake: Some(NOTEBOOK), data_places, ..Setting::default() };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let streams = Streams { stdin: &mut std::io::empty(), stdout: &mut stdout, stderr: &mut stderr, setting };
        let exit = run(arguments, streams);
        let text = |octets| String::from_utf8(octets).unwrap();
        (exit, text(stdout), text(stderr))
    }

    /// Simulates; returns of each stream its source, what changes, the disposition after, and what to do.
    fn changes(&self, records: &[&str]) -> (u8, Vec<String>) {
        self.changes_with(records, &[])
    }

    /// The same, where the operator has confirmed sources as its own.
    fn changes_with(&self, records: &[&str], own: &[&str]) -> (u8, Vec<String>) {
        let sources = own.iter().map(|source| format!("{source:?}")).collect::<Vec<_>>().join(", ");
        self.0.write("own.toml", format!("[[names.own]]\ndomain = \"example.org\"\nsources = [{sources}]\n"));
        let config = self.0.path("own.toml").to_str().unwrap().to_owned();
        let further: &[&str] = if own.is_empty() { &[] } else { &["--config", &config] };
        let (exit, told, talk) = self.call(records, &[&["--json"], further].concat());
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
        let streams = told["streams"].as_array().unwrap().iter().map(|stream| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let (advice, doubts) = (&stream["advice"], &stream["doubts"]);
            let what = ["text", "name", "domain"].iter().find_map(|word| match *word {
                "text" => advice["record"]["text"].as_str(),
                word => advice[word].as_str(),
            });
            let doubts = doubts.as_array().unwrap().iter().map(text).collect::<String>();
            let change = [&stream["source_ip"], &stream["change"], &stream["after"]["disposition"], &advice["do"]];
            let told = format!("{} {}{doubts}", change.map(text).join(" "), what.unwrap_or("-"));
            told.trim_end_matches(" - -").to_owned()
        });
        let mut streams: Vec<String> = streams.collect();
        streams.sort();
        (exit, streams)
    }
}

#[test]
fn mails_of_our_own_gate_count_beside_reports_and_what_we_told_ourselves_does_not_count_twice() {
    let row = |source, mails| Row { source, author: "example.org", spf: ("example.org", "pass"), signed: &[], mails };
    let house = House::of(&[row("192.0.2.1", 7)]);
    let mail = |id: &str, client: &str, decision: &str| {
        Event::Mail(Box::new(MailEvent {
            at: Timestamp::now().as_microsecond(),
            id: id.to_owned(),
            client_ip: Some(client.to_owned()),
            author_domain: Some("example.org".to_owned()),
            mail_from_domain: "example.org".to_owned(),
            spf_domain: Some("example.org".to_owned()),
            spf_result: Some("pass".to_owned()),
            spf_aligned: true,
            dmarc_result: "pass".to_owned(),
            decision: decision.to_owned(),
            ..MailEvent::default()
        }))
    };
    let Event::Aggregate(told) = row("203.0.113.7", 2).event(9) else { panic!("a row") };
    let ours = Event::Aggregate(Box::new(AggregateEvent { submitter: Some("House.Example".to_owned()), ..*told }));
    let seen = [mail("1", "203.0.113.7", "pass"), mail("2", "203.0.113.7", "pass"), mail("3", "192.0.2.9", "tempfail")];
    Notebook::keep(&house.0.path("data"), &seen);
    Notebook::keep(&house.0.path("data"), &[ours]);
    house.0.write("sekisho.toml", "[reports]\nfrom = \"dmarc@house.example\"\n");
    let config = house.0.path("sekisho.toml").to_str().unwrap().to_owned();
    let record = ["v=spf1 ip4:192.0.2.0/24 -all", "v=DMARC1; p=reject"];
    let told = |further: &[&str]| {
        let (exit, told, talk) = house.call(&record, &[&["--json", "--config", &config], further].concat());
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{talk}"));
        (
            exit,
            told["gate_messages"].clone(),
            told["sums"]["breaks"]["messages"].clone(),
            told["sums"]["same"]["messages"].clone(),
        )
    };
    assert_eq!(told(&[]), (1, 2.into(), 2.into(), 7.into()));
    assert_eq!(told(&["--reports-only"]), (1, 0.into(), 2.into(), 7.into()), "then our own report counts");
    let (_, said, _) = house.call(&record, &["--config", &config]);
    assert!(said.contains("2 of the mails are from our own gate; the others are from reports."), "{said}");
}

impl Row {
    /// Makes an Event of it; the receiver found aligned what is at or below the author's organization.
    fn event(&self, at: usize) -> Event {
        let is_ours = |domain: &str| domain == "example.org" || domain.ends_with(".example.org");
        let signature = |(domain, selector): &(&str, &str)| SignatureEvent {
            result: "pass".to_owned(),
            domain: Some((*domain).to_owned()),
            selector: Some((*selector).to_owned()).filter(|selector| !selector.is_empty()),
            ..SignatureEvent::default()
        };
        Event::Aggregate(Box::new(AggregateEvent {
            at: Timestamp::now().as_microsecond(),
            report: format!("r{at}"),
            submitter: Some("receiver.example".to_owned()),
            policy_domain: "example.org".to_owned(),
            source_ip: self.source.to_owned(),
            count: self.mails,
            header_from: self.author.to_owned(),
            spf_domain: Some(self.spf.0.to_owned()).filter(|domain| !domain.is_empty()),
            spf_result: Some(self.spf.1.to_owned()).filter(|result| !result.is_empty()),
            spf_aligned: is_ours(self.spf.0) && self.spf.1 == "pass",
            dkim: self.signed.iter().map(signature).collect(),
            dkim_aligned: self.signed.iter().any(|(domain, _)| is_ours(domain)),
            ..AggregateEvent::default()
        }))
    }
}

/// Our own host, whose mails pass by SPF alone.
pub(crate) const OWN: Row =
    Row { source: "192.0.2.1", author: "example.org", spf: ("example.org", "pass"), signed: &[], mails: 60 };
/// A sender whose mails pass by a bounce domain below ours.
const NEWS: Row =
    Row { source: "198.51.100.1", author: "example.org", spf: ("news.example.org", "pass"), signed: &[], mails: 30 };
/// A sender that nobody aligned.
const SHOP: Row = Row {
    source: "198.51.100.9",
    author: "example.org",
    spf: ("shop.example", "pass"),
    signed: &[("shop.example", "x")],
    mails: 9,
};
/// Google, by SPF's include.
pub(crate) const GOOGLE: Row =
    Row { source: "203.0.113.7", author: "example.org", spf: ("example.org", "pass"), signed: &[], mails: 50 };

#[test]
fn strict_alignment_breaks_what_is_aligned_by_the_organization_and_one_tag_saves_it() {
    let house = House::of(&[OWN, NEWS]);
    let strict = "v=DMARC1; p=none; aspf=s";
    let (exit, changes) = house.changes(&[strict]);
    assert_eq!(changes, ["192.0.2.1 same none", "198.51.100.1 breaks none relax v=DMARC1; p=none; aspf=r"]);
    assert_eq!(exit, 1);
    let (exit, changes) = house.changes(&["v=DMARC1; p=reject"]);
    assert_eq!((exit, changes), (0, vec!["192.0.2.1 same none".to_owned(), "198.51.100.1 same none".to_owned()]));
    // Whoever signs for the domain itself is aligned however strict it is.
    let signed = Row { signed: &[("example.org", "s1")], ..NEWS };
    assert_eq!(House::of(&[signed]).changes(&["v=DMARC1; p=reject; aspf=s; adkim=s"]).0, 0);
}

#[test]
fn rejection_hits_what_fails_already_and_a_signature_saves_it() {
    let house = House::of(&[OWN, SHOP]);
    // Nothing proves that it is no forger: what lets it pass is proposed once somebody says that it is ours.
    let (exit, changes) = house.changes(&["v=DMARC1; p=reject"]);
    assert_eq!((exit, &*changes[1]), (1, "198.51.100.9 harsher reject"));
    let (_, told, _) = house.call(&["v=DMARC1; p=reject"], &[]);
    assert!(told.contains("nothing proves that this source is yours"), "{told}");
    let (_, changes) = house.changes_with(&["v=DMARC1; p=reject"], &["192.0.2.0/24"]);
    assert_eq!(&*changes[1], "198.51.100.9 harsher reject");
    let own = ["198.51.100.0/28"];
    let (exit, changes) = house.changes_with(&["v=DMARC1; p=reject"], &own);
    assert_eq!((exit, &*changes[1]), (1, "198.51.100.9 harsher reject sign example.org"));
    // In test mode one level less is done (RFC 9989 §4.7, `t`), and none of none.
    let (_, changes) = house.changes_with(&["v=DMARC1; p=reject; t=y"], &own);
    assert_eq!(changes[1], "198.51.100.9 harsher quarantine sign example.org");
    let (exit, changes) = house.changes(&["v=DMARC1; p=quarantine; t=y"]);
    assert_eq!((exit, &*changes[1]), (0, "198.51.100.9 same none"));
    let (_, told, talk) = house.call(&["v=DMARC1; p=rejekt"], &[]);
    assert!(talk.contains("tag `p`") && told.contains("Nothing would change"), "{told}{talk}");
}

#[test]
fn policies_for_subdomains_hit_subdomains_alone_and_np_those_that_do_not_exist() {
    let below = |source, author| Row { source, author, ..SHOP };
    let house = House::of(&[
        below("198.51.100.1", "example.org"),
        below("198.51.100.2", "news.example.org"),
        below("198.51.100.3", "nowhere.example.org"),
    ]);
    let after = |record: &str| -> Vec<String> {
        let (_, changes) = house.changes(&[record]);
        changes.iter().map(|change| change.split(' ').skip(1).take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(after("v=DMARC1; p=none; sp=reject"), ["same none", "harsher reject", "harsher reject"]);
    assert_eq!(after("v=DMARC1; p=none; np=reject"), ["same none", "same none", "harsher reject"]);
    assert_eq!(
        after("v=DMARC1; p=reject; sp=none; np=quarantine"),
        ["harsher reject", "same none", "harsher quarantine"]
    );
    // A record of the subdomain's own.
    assert_eq!(after("_dmarc.news.example.org TXT \"v=DMARC1; p=quarantine\"")[1], "harsher quarantine");
}

#[test]
fn spf_without_an_include_breaks_what_came_by_it_and_the_include_saves_it() {
    let house = House::of(&[OWN, GOOGLE, NEWS]);
    let (exit, changes) = house.changes(&["v=spf1 ip4:192.0.2.0/24 -all"]);
    let include = "v=spf1 ip4:192.0.2.0/24 include:_spf.google.com -all";
    assert_eq!(changes[2], format!("203.0.113.7 breaks none spf {include}"));
    assert_eq!((exit, &*changes[0], &*changes[1]), (1, "192.0.2.1 same none", "198.51.100.1 same none"));
    assert_eq!(house.changes(&[include]).0, 0);
    let (_, told, _) = house.call(&["v=spf1 ip4:192.0.2.0/24 -all"], &[]);
    assert!(told.contains("Google Workspace (203.0.113.7): 50 mails on 1 day"), "{told}");
    assert!(told.contains("(1 of 10 lookups)") && told.contains("DMARC pass → fail"), "{told}");
    // Without a name the address is proposed.
    let (_, told, _) = house.call(&["v=spf1 ip4:192.0.2.0/24 -all"], &["--no-names"]);
    assert!(told.contains("v=spf1 ip4:192.0.2.0/24 ip4:203.0.113.7 -all"), "{told}");
}

#[test]
fn a_proposed_spf_that_comes_to_a_permerror_is_told_even_where_signatures_carry_the_mails() {
    let house = House::of(&[OWN, NEWS]);
    for broken in ["v=spf1 ip4:192.0.2.300 -all", "v=spf1 include:nope.example -all", "v=spf1 include:example.org -all"]
    {
        let (exit, _, talk) = house.call(&[broken], &[]);
        assert!(exit == 1 && talk.contains("SPF of `example.org` would come to a permerror"), "{broken}: {talk}");
    }
    let (_, _, talk) = house.call(&["v=spf1 ip4:192.0.2.0/24 -all"], &[]);
    assert!(!talk.contains("permerror"), "{talk}");
}

#[test]
fn an_include_that_is_added_mends_what_failed() {
    let failing = Row { spf: ("news.example.org", "fail"), source: "203.0.113.7", ..NEWS };
    let house = House::of(&[failing]);
    let record = "news.example.org TXT \"v=spf1 ip4:198.51.100.0/24 include:_spf.google.com -all\"";
    assert_eq!(house.changes(&[record]), (0, vec!["203.0.113.7 mended none".to_owned()]));
    // What SPF is not asked about stays as receivers told it, whatever the DNS says by now.
    assert_eq!(
        house.changes_with(&["v=DMARC1; p=reject"], &["Google Workspace"]),
        (1, vec!["203.0.113.7 harsher reject spf v=spf1 ip4:198.51.100.0/24 include:_spf.google.com -all".to_owned()])
    );
}

#[test]
fn a_key_that_goes_breaks_what_it_signed_and_nothing_else() {
    let signed = |source, signed| Row { source, signed, spf: ("shop.example", "pass"), ..SHOP };
    let house = House::of(&[
        signed("198.51.100.1", &[("example.org", "s1")]),
        signed("198.51.100.2", &[("example.org", "s2")]),
        signed("198.51.100.3", &[("example.org", "")]),
        signed("198.51.100.4", &[("example.org", "s1"), ("example.org", "s2")]),
    ]);
    let keep = "keep-key s1._domainkey.example.org";
    let told = |record: &str| house.changes(&[record]).1;
    let lost = [
        format!("198.51.100.1 breaks none {keep}"),
        "198.51.100.2 same none".to_owned(),
        // Which key it was is not in the report, so it is not guessed.
        "198.51.100.3 unknown none - -selector".to_owned(),
        "198.51.100.4 same none".to_owned(),
    ];
    assert_eq!(told("s1._domainkey.example.org TXT !nxdomain"), lost);
    assert_eq!(told("s1._domainkey.example.org TXT \"v=DKIM1; p=\""), lost);
    let other = SigningKey::from_seed(&[8; 32]).unwrap().record();
    assert_eq!(told(&format!("s1._domainkey.example.org TXT \"{other}\"")), lost);
    let same = SigningKey::from_seed(&[7; 32]).unwrap().record();
    let same =
        |flag: &str| format!("s1._domainkey.example.org TXT \"{}\"", same.replace("; p=", &format!("{flag}; p=")));
    assert_eq!(told(&same(""))[0], "198.51.100.1 same none");
    assert_eq!(told(&same("; t=s"))[0], "198.51.100.1 unknown none - -signed-for");
}

#[test]
fn what_a_report_leaves_out_is_said_and_never_guessed() {
    // SPF passed, or a signature, and was aligned; nobody says for which domain.
    let house = House::of(&[]);
    let silent = [(true, false), (false, true)].map(|(spf, dkim)| {
        let Event::Aggregate(mut row) = OWN.event(usize::from(dkim)) else { panic!("a row") };
        (row.spf_domain, row.spf_result, row.spf_aligned, row.dkim_aligned) = (None, None, spf, dkim);
        row.source_ip = if spf { "192.0.2.1" } else { "192.0.2.2" }.to_owned();
        Event::Aggregate(row)
    });
    Notebook::keep(&house.0.path("data"), &silent);
    let same = ["192.0.2.1 same none", "192.0.2.2 same none"];
    let (exit, changes) = house.changes(&["v=DMARC1; p=reject"]);
    assert_eq!((exit, changes), (0, same.map(str::to_owned).to_vec()));
    assert_eq!(house.changes(&["v=DMARC1; p=none; aspf=s"]).1, ["192.0.2.1 unknown none - -spf-domain", same[1]]);
    assert_eq!(house.changes(&["v=DMARC1; p=none; adkim=s"]).1, [same[0], "192.0.2.2 unknown none - -signer"]);
    assert_eq!(
        house.changes(&["s1._domainkey.example.org TXT !nxdomain"]).1,
        [same[0], "192.0.2.2 unknown none - -signer"]
    );
    // What SPF decides by the local part is not decided here.
    let macros = "example.org TXT \"v=spf1 exists:%{l}._spf.example.org -all\"";
    let (exit, changes) = House::of(&[OWN]).changes(&[macros]);
    assert_eq!((exit, changes), (1, vec!["192.0.2.1 unknown none - -spf-macros".to_owned()]));
    let (exit, changes) = House::of(&[OWN]).changes(&["example.org TXT !servfail"]);
    assert_eq!((exit, changes), (1, vec!["192.0.2.1 unknown none - -dns".to_owned()]));
}

#[test]
fn who_hands_mails_on_is_not_proposed_for_spf() {
    let forwarder =
        Row { source: "203.0.113.8", spf: ("example.org", "fail"), signed: &[("example.org", "s1")], mails: 1, ..OWN };
    let house = House::of(&[OWN, GOOGLE, forwarder]);
    let (_, told, _) = house.call(&["s1._domainkey.example.org TXT !nxdomain"], &["--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let stream =
        told["streams"].as_array().unwrap().iter().find(|stream| stream["source_ip"] == "203.0.113.8").unwrap();
    assert_eq!((&stream["change"], &stream["advice"]["do"]), (&"breaks".into(), &"keep-key".into()));
    assert!(stream["forwarder"].as_array().unwrap().contains(&"mailbox-provider".into()), "{stream}");
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    let house = House::of(&[OWN]);
    for (records, needle) in [
        (&["v=DKIM1; p="][..], "SELECTOR._domainkey"),
        (&["example.org CNAME a.example"], "type must be"),
        (&["hello"], "the record `hello`"),
    ] {
        let (exit, told, talk) = house.call(records, &[]);
        assert!(exit == 2 && told.is_empty() && talk.contains(needle), "{records:?}: {talk}");
    }
    let (exit, _, talk) = House::of(&[]).call(&["v=DMARC1; p=none"], &[]);
    assert!(exit == 2 && talk.contains("neither reports about example.org"), "{talk}");
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    struct Closed;
    impl std::io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let house = House::of(&[OWN]);
    for command in [&["report", "show", "example.org", "--no-names"][..], &["report", "list"], &["config", "show"]] {
        let setting =
            Setting { open_lake: Some(NOTEBOOK), data_places: vec![house.0.path("data")], ..Setting::default() };
        let mut stderr = Vec::new();
        let streams = Streams { stdin: &mut std::io::empty(), stdout: &mut Closed, stderr: &mut stderr, setting };
        let exit = run(["sekisho"].iter().chain(command).copied(), streams);
        assert_eq!((exit, stderr.len()), (0, 0), "{command:?}");
    }
}

#[test]
fn no_other_folder_takes_the_place_of_the_configured_one() {
    let house = House::of(&[OWN]);
    let elsewhere = house.0.path("elsewhere");
    house.0.write("typo.toml", format!("[store]\nfolder = {:?}\n", elsewhere.display().to_string()));
    let config = house.0.path("typo.toml").to_str().unwrap().to_owned();
    for command in [&["lake", "retain"][..], &["report", "list"], &["report", "show", "example.org"]] {
        let setting =
            Setting { open_lake: Some(NOTEBOOK), data_places: vec![house.0.path("data")], ..Setting::default() };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let streams = Streams { stdin: &mut std::io::empty(), stdout: &mut stdout, stderr: &mut stderr, setting };
        let exit = run(["sekisho"].iter().chain(command).copied().chain(["--config", &config]), streams);
        let talk = String::from_utf8(stderr).unwrap();
        assert!(exit == 2 && talk.contains("elsewhere yet"), "{command:?}: {talk}");
    }
}
