//! A mailing list between author and receiver: it breaks the author's signature, and its seal tells what it saw

use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::sink::Arrival;

use super::outbound::Keys;
use super::through::{MONITOR, Road};
use crate::hostile::{VICTIM, claim, signed_by, zone_with};

/// Where the list software runs.
const LIST: &str = "203.0.113.25";

/// What one of our own fields says.
fn told(arrival: &Arrival, authserv_id: &str) -> String {
    let all = arrival.fields("Authentication-Results");
    let ours: Vec<&String> = all.iter().filter(|value| value.starts_with(authserv_id)).collect();
    assert_eq!(ours.len(), 1, "{all:?}");
    ours[0].clone()
}

/// Lets a mail arrive at a list whose host seals, be changed by the software, and go out again; returns it.
fn through_a_list(keys: &Keys, records: &str, author: &[u8]) -> Vec<u8> {
    let key = keys.folder.path().join("rsa.pem");
    let config = format!(
        "{MONITOR}[sign]\nlisten = [\"127.0.0.1:0\"]\n[seal]\ndomain = \"list.example\"\nselector = \"rsa\"\n\
         key = {key:?}\nwhen = \"departure\"\nlists = [\"{LIST}\"]\n"
    );
    let mut road = Road::new(&config, zone_with(records));
    let arrived = road.pass(VICTIM, "chief@victim.example", author);
    assert!(told(&arrived, "mx.example.net").contains("dmarc=pass"));
    assert!(arrived.fields("ARC-Seal").is_empty(), "it is sealed at its departure");
    let text = String::from_utf8(arrived.mail).unwrap();
    assert!(text.contains("Subject: Pay at once\r\n"), "{text}");
    let changed =
        text.replace("Subject: Pay at once\r\n", "Subject: [list] Pay at once\r\nList-Id: <l.list.example>\r\n");
    let changed = format!("{changed}-- \r\nthe list\r\n");
    let reply = road.submit(LIST, "", "l-bounces@list.example", changed);
    let departed = road.arrived(&reply);
    assert_eq!(departed.fields("ARC-Seal").len(), 1, "{}", departed.mail.escape_ascii());
    assert!(departed.fields("Authentication-Results").is_empty(), "our own word stays in the house");
    let seen = departed.fields("ARC-Authentication-Results");
    assert!(seen[0].contains("dmarc=pass") && seen[0].contains("dkim=pass"), "{seen:?}");
    assert!(road.gate.stop(), "{}", road.gate.log());
    departed.mail
}

#[test]
fn a_mail_that_a_list_changed_is_believed_where_its_sealer_is_and_nowhere_else() {
    let keys = Keys::of("list.example");
    let records = format!("list.example TXT \"v=spf1 ip4:{LIST} -all\"\n{}", keys.records);
    let author = signed_by("victim.example", &claim("", "", "Hello.\r\n"));
    let mail = through_a_list(&keys, &records, &author);
    let receiver = |sealers: &str| {
        let config = format!(
            "[gate]\nlisten = [\"127.0.0.1:0\"]\nauthserv_id = \"mx.receiver.test\"\nmode = \"enforce\"\n\
             [arc]\ntrusted_sealers = [{sealers}]\n"
        );
        Road::with(&config, DnsServer::start(zone_with(&records)), |setup| setup)
    };
    let bounce = "l-bounces@list.example";
    let mut trusting = receiver("\"list.example\"");
    let arrival = trusting.pass(LIST, bounce, &mail);
    let said = told(&arrival, "mx.receiver.test");
    for part in ["spf=pass", "dkim=fail", "arc=pass", "dmarc=fail", "header.from=victim.example"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(arrival.fields("X-Sekisho-Quarantine").is_empty());
    let log = trusting.gate.log();
    let line = log.lines().find(|line| line.contains("judged a mail")).unwrap();
    for part in ["decision=pass", "override.type=trusted_forwarder", "arc=pass", "arc-override"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // What somebody changes behind the seal is not what the list saw.
    let forged = String::from_utf8(mail.clone()).unwrap().replace("Hello.", "Pay to another account.");
    let arrival = trusting.pass(LIST, bounce, forged);
    let said = told(&arrival, "mx.receiver.test");
    assert!(said.contains("arc=fail") && said.contains("dmarc=fail"), "{said}");
    assert_eq!(arrival.fields("X-Sekisho-Quarantine"), ["yes"]);

    // Whom nobody named is not believed, whatever the seal proves.
    for sealers in ["", "\"example\", \"l.list.example\", \"victim.example\""] {
        let mut wary = receiver(sealers);
        let arrival = wary.pass(LIST, bounce, &mail);
        let said = told(&arrival, "mx.receiver.test");
        assert!(said.contains("arc=pass") && said.contains("dmarc=fail"), "{said}");
        assert_eq!(arrival.fields("X-Sekisho-Quarantine"), ["yes"]);
        assert!(!wary.gate.log().contains("trusted_forwarder"), "{}", wary.gate.log());
    }
}
