//! What the MTA in front found counts where nothing else is known, and only what that one wrote

use sekisho_ledger::{ProvenBy, Report};
use sekisho_testkit::postfix::{Door, Postfix};
use sekisho_testkit::smtp::{Letter, deliver};
use serde_json::Value;

use super::through::{SOON, said, wait_until_read};
use super::{Office, report};

/// A zone in which only the domain's policy is published: SPF cannot be judged without the client.
const ZONE: &str = "_dmarc.receiver.example TXT \"v=DMARC1; p=reject\"\nreceiver.example TXT \"v=spf1 -all\"\n";
/// What a sender forges.
const FORGED: &str = "Authentication-Results: mx.test; spf=pass smtp.mailfrom=receiver.example\r\n";

/// Lets a real Postfix hand on a report, and returns what was noted of it. `written` is what Postfix writes on top.
fn relayed(intake: &str, written: Option<&str>) -> (Office, Report) {
    let office = Office::open(intake, ZONE);
    let mut setup = Postfix::before(office.served.intake());
    if let Some(written) = written {
        let restriction = format!("check_client_access static:{{PREPEND Authentication-Results: {written}}}");
        setup = setup.option(Door::Inbound, "smtpd_recipient_restrictions", &restriction);
    }
    let postfix = setup.start();
    let letter = report(1);
    let mail = [FORGED.as_bytes(), &letter.mail].concat();
    let letter = Letter::new("reports@receiver.example", "dmarc-reports@receiver.test", mail);
    assert_eq!(deliver(postfix.inbound(), &letter).unwrap().code, 250);
    assert!(postfix.wait_for_empty_queue(SOON), "{}\n{}", postfix.log(), office.served.log());
    wait_until_read(&office, 1);
    let report = office.reports().remove(0);
    assert_eq!(report.envelope.client, "", "Postfix did not say where it came from");
    (office, report)
}

#[test]
fn spf_as_postfix_found_it_proves_a_report_where_postfix_does_not_say_the_client() {
    let trusting = "relays = [\"127.0.0.1\"]\ntrusted_authserv_ids = [\"mx.test\"]";
    let pass = "mx.test; spf=pass smtp.mailfrom=reports@receiver.example";
    let (office, report) = relayed(trusting, Some(pass));
    assert_eq!(report.proven_by, Some(ProvenBy::AuthenticationResults), "{report:?}");
    let (_, listed) = said(&office, &["report", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&listed["submitter"], &listed["proven_by"]),
        (&"receiver.example".into(), &"authentication-results".into())
    );

    // What the sender wrote is further down; Postfix did not say, or said otherwise, or is not believed.
    let fail = "mx.test; spf=fail smtp.mailfrom=reports@receiver.example";
    for (intake, written) in [
        (trusting, None),
        (trusting, Some(fail)),
        (trusting, Some("mx.test; dkim=none")),
        ("relays = [\"127.0.0.1\"]", Some(pass)),
        ("trusted_authserv_ids = [\"mx.test\"]", Some(pass)),
    ] {
        let (_, report) = relayed(intake, written);
        let proven = (report.submitter, report.proven_by, report.envelope.told_spf);
        assert_eq!(proven, (None, None, None), "{intake} {written:?}");
    }
}
