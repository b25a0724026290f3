//! Reports by LMTP: an MTA of ours hears of each recipient what became of its mail

use sekisho_ledger::{Channel, ReportKind};
use sekisho_testkit::postfix::Postfix;
use sekisho_testkit::smtp::{Client, Letter, SmtpClient, deliver};

use super::through::{SOON, wait_until_read};
use super::{Office, name, report};
use crate::command::ZONE;

#[test]
fn each_recipient_is_answered_by_itself() {
    let office = Office::open("lmtp = [\"127.0.0.1:0\"]\nmax_message_megabytes = 1", ZONE);
    let mut client = SmtpClient::connect(office.served.lmtp()).unwrap();
    assert!(client.greeting().text().contains(" LMTP"), "{}", client.greeting());
    assert_eq!(client.say("EHLO mx.test").unwrap().code, 503, "RFC 2033 \u{a7}4.1");
    let hello = client.say("LHLO mx.test").unwrap();
    assert!(hello.code == 250 && !hello.text().contains("STARTTLS"), "{hello}");
    let begin = |client: &mut SmtpClient| {
        assert_eq!(client.say("MAIL FROM:<reports@receiver.example>").unwrap().code, 250);
        for (recipient, code) in [("dmarc@example.org", 250), ("alice@example.org", 550), ("tlsrpt@example.org", 250)] {
            assert_eq!(client.say(&format!("RCPT TO:<{recipient}>")).unwrap().code, code, "{recipient}");
        }
    };
    begin(&mut client);
    let first = client.data(&report(1).mail).unwrap();
    let second = client.hear().unwrap();
    assert_eq!(([first.code, second.code], name(&first.text())), ([250, 250], name(&second.text())));
    let kinds: Vec<_> = office.reports().iter().map(|report| (report.kind, report.channel)).collect();
    assert_eq!(kinds.len(), 2);
    for kind in [ReportKind::DmarcAggregate, ReportKind::Tls] {
        assert!(kinds.contains(&(kind, Channel::Lmtp)), "{kinds:?}");
    }
    // The limits are those of SMTP.
    begin(&mut client);
    let refused = client.data(&b"x\r\n".repeat(400_000)).unwrap();
    assert_eq!([refused.code, client.hear().unwrap().code], [552, 552]);
    assert_eq!(client.say("RSET").unwrap().code, 250, "there is no third answer");
    // The other door is still one for SMTP.
    assert_eq!(office.connect().say("LHLO mx.test").unwrap().code / 100, 5);
}

#[test]
fn postfix_delivers_by_lmtp_and_hears_which_recipient_is_none() {
    let office = Office::open("lmtp = [\"127.0.0.1:0\"]\nrelays = [\"127.0.0.1\"]", ZONE);
    let transport = format!("lmtp:[127.0.0.1]:{}", office.served.lmtp().port());
    let setup = Postfix::before(office.served.intake()).main("relayhost", "").main("default_transport", &transport);
    let postfix = setup.main("lmtp_send_xforward_command", "yes").start();
    let client = || Client::at("192.0.2.25".parse().unwrap());
    for (number, recipient) in ["dmarc@receiver.test", "alice@receiver.test"].into_iter().enumerate() {
        let letter = Letter::new("reports@receiver.example", recipient, report(number).mail);
        let letter = Letter { to: vec![recipient.to_owned(), "tlsrpt@receiver.test".to_owned()], ..letter };
        assert_eq!(deliver(postfix.inbound(), &letter.by(client(), "mx.receiver.example")).unwrap().code, 250);
    }
    assert!(postfix.wait_for_empty_queue(SOON), "{}\n{}", postfix.log(), office.served.log());
    wait_until_read(&office, 3);
    let reports = office.reports();
    let recipients = |kind| reports.iter().filter(move |report| report.kind == kind).count();
    assert_eq!((recipients(ReportKind::DmarcAggregate), recipients(ReportKind::Tls)), (1, 2), "{reports:?}");
    assert!(reports.iter().all(|report| report.channel == Channel::Lmtp && report.envelope.client == "192.0.2.25"));
    let log = postfix.log();
    assert!(log.contains("to=<alice@receiver.test>") && log.contains("status=bounced"), "{log}");
    assert_eq!(log.matches("status=sent").count(), 3, "{log}");
}
