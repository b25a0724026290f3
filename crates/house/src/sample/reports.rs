//! The reports of the sample day: those of other receivers, taken in by the door that all reports take, and one of ours

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::Date;
use jiff::fmt::rfc2822;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use sekisho_core::name::DomainName;
use sekisho_ledger::{Channel, Envelope, Ledger, ReportKind, Vault};
use sekisho_report::dmarc::aggregate::letter::Letter;
use sekisho_report::dmarc::aggregate::write::gzip;
use sekisho_report::dmarc::failure::write::{Covering, Redaction, write};
use sekisho_report::dmarc::failure::{AuthFailure, Delivery, FailureReport, Original};
use sekisho_report::tls::{self, Failure, PolicyKind, PolicyResult, ResultType, TlsReport};

use super::day::Day;
use super::mails::{self, REPORTERS};
use crate::config::Config;
use crate::gate;
use crate::lake::Lake;
use crate::reports::import::intake;
use crate::reports::rehearsal::{self, Books, Colleague};
use crate::reports::{Examiner, Reporter, read_all};

/// A large house with private mailboxes.
const MAILBOX: Receiver = Receiver {
    colleague: Colleague { from: "dmarc-reports@mailbox.example", organization: "Mailbox" },
    domain: "mailbox.example",
    client: "198.51.100.130",
    signs: Some(REPORTERS[1]),
};
/// A mobile carrier.
const CARRIER: Receiver = Receiver {
    colleague: Colleague { from: "dmarc@carrier.example", organization: "Carrier" },
    domain: "carrier.example",
    client: "198.51.100.140",
    signs: Some(REPORTERS[2]),
};
/// A small house whose reports prove no sender.
const GARDEN: Receiver = Receiver {
    colleague: Colleague { from: "postmaster@garden.example", organization: "Garden" },
    domain: "garden.example",
    client: "203.0.113.250",
    signs: None,
};
/// Who reports about whom, having seen so many hundredths of the mails that we saw.
const REPORTS: [(Receiver, &str, u64); 7] = [
    (MAILBOX, "town.example", 240),
    (MAILBOX, "bank.example", 380),
    (MAILBOX, "shop.example", 310),
    (CARRIER, "town.example", 70),
    (CARRIER, "shop.example", 120),
    (CARRIER, "freemail.example", 90),
    (GARDEN, "bank.example", 5),
];

/// Somebody who gets mail, too.
#[derive(Clone, Copy, Debug)]
struct Receiver {
    /// In whose name the reports are.
    colleague: Colleague,
    /// Whose recipients.
    domain: &'static str,
    /// The host that hands the reports over.
    client: &'static str,
    /// Who signs them.
    signs: Option<(&'static str, &'static str)>,
}

/// Where reports of the sample are written and taken in.
pub(super) struct Office<'a> {
    /// How the house is configured.
    pub(super) config: &'a Config,
    /// Who judges reporters.
    pub(super) examiner: Examiner,
    /// The book.
    pub(super) ledger: &'a Ledger,
    /// Where the bytes are.
    pub(super) vault: &'a Vault,
    /// Where the rows go.
    pub(super) lake: &'a Arc<dyn Lake>,
    /// When it is.
    pub(super) now: Timestamp,
}

impl Office<'_> {
    /// Takes in what others report about the day before, and makes our own report.
    pub(super) async fn report(&self, day: &Day) -> anyhow::Result<()> {
        let yesterday = (self.now - 24.hours()).to_zoned(TimeZone::UTC).date();
        for (receiver, domain, share) in REPORTS {
            let rows = day.seen_of(domain, receiver.domain, share);
            let (source, domain) = (&self.examiner.source, DomainName::parse(domain)?);
            let mail = receiver.colleague.write(source, &domain, yesterday, &rows, self.now).await?;
            self.receive(&receiver, mail).await?;
        }
        self.receive(&MAILBOX, tls_mail(yesterday, self.now)?).await?;
        self.receive(&CARRIER, cut_off(self.now)?).await?;
        self.receive(&CARRIER, failure_mail(yesterday, self.now)?).await?;
        read_all(self.ledger, self.vault, self.lake, self.examiner.clone()).await?;
        self.send(yesterday).await
    }

    /// Takes a report in, as if it had come by SMTP.
    async fn receive(&self, from: &Receiver, mail: Vec<u8>) -> anyhow::Result<()> {
        let mail = match from.signs {
            Some(signer) => mails::signed(&mail, signer, self.now)?,
            None => mail,
        };
        let envelope = Envelope {
            client: from.client.to_owned(),
            helo: format!("mx.{}", from.domain),
            mail_from: Some(from.colleague.from.to_owned()),
            recipient: "dmarc@home.example".to_owned(),
            told_spf: None,
        };
        let size = u64::try_from(mail.len())?;
        let evidence = self.vault.put(mail).await?;
        let mut intake = intake(evidence, size, Channel::Smtp, ReportKind::Unknown, envelope, None)?;
        intake.report.received_at = self.now.as_microsecond();
        self.ledger.receive_all(&[intake]).await?;
        Ok(())
    }

    /// Makes our own report about the shop.
    async fn send(&self, day: Date) -> anyhow::Result<()> {
        let office = gate::Office::of([mails::signer(REPORTERS[0])?]);
        let reporter = Reporter::of(&self.config.reports, Arc::new(office), self.examiner.clone(), "mx.home.example");
        let books = Books { ledger: self.ledger, vault: self.vault, lake: self.lake };
        let (reporter, domain) = (reporter.context("the sample reports")?, DomainName::parse("shop.example")?);
        rehearsal::send(&books, reporter, &domain, day, self.now).await
    }
}

/// Writes a mail with a TLS report about the town (RFC 8460 §5.3).
fn tls_mail(day: Date, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let report = tls_report(day)?;
    let (from, domain) = (MAILBOX.colleague.from, MAILBOX.domain);
    let date = rfc2822::to_string(&now.to_zoned(TimeZone::UTC))?;
    let (subject, file) = (tls::subject(&report, domain), tls::file_name(&report, domain, "1"));
    let packed = STANDARD.encode(gzip(tls::write(&report).as_bytes()));
    let lines: Vec<&str> = packed.as_bytes().chunks(76).filter_map(|line| str::from_utf8(line).ok()).collect();
    let packed = lines.join("\r\n");
    Ok(format!(
        "From: {from}\r\nTo: tls@town.example\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: <tls-{day}@{domain}>\r\n\
         TLS-Report-Domain: town.example\r\nTLS-Report-Submitter: {domain}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"of-the-sample\"\r\n\r\n\
         --of-the-sample\r\nContent-Type: text/plain\r\n\r\nThis is a TLS report.\r\n\
         --of-the-sample\r\nContent-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{file}\"\r\n\r\n{packed}\r\n--of-the-sample--\r\n"
    )
    .into_bytes())
}

/// Returns what a sender saw of the town's TLS.
fn tls_report(day: Date) -> anyhow::Result<TlsReport> {
    let begin = day.to_zoned(TimeZone::UTC)?.timestamp();
    let failure = Failure {
        result: ResultType::CertificateExpired,
        sending_mta_ip: MAILBOX.client.parse::<IpAddr>().ok(),
        receiving_mx_hostname: "mx.home.example".to_owned(),
        receiving_ip: "192.0.2.2".parse::<IpAddr>().ok(),
        sessions: 14,
        ..Failure::default()
    };
    let policy = PolicyResult {
        kind: PolicyKind::Sts,
        strings: ["version: STSv1", "mode: testing", "mx: mx.home.example", "max_age: 86400"].map(str::to_owned).into(),
        domain: "town.example".to_owned(),
        mx_hosts: vec!["mx.home.example".to_owned()],
        successful: 1_126,
        failed: 14,
        failures: vec![failure],
    };
    Ok(TlsReport {
        organization_name: MAILBOX.colleague.organization.to_owned(),
        begin: Some(begin.as_microsecond()),
        end: Some((begin + 24.hours() - 1.second()).as_microsecond()),
        contact_info: "tls@mailbox.example".to_owned(),
        report_id: format!("{day}T00:00:00Z_town.example"),
        policies: vec![policy],
        ..TlsReport::default()
    })
}

/// Writes a mail that tells of one in the bank's name which failed (RFC 9991).
fn failure_mail(day: Date, now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let arrived = day.at(13, 42, 7, 0).to_zoned(TimeZone::UTC)?;
    let header = format!(
        "Date: {}\r\nFrom: \"Bank\" <service@bank.example>\r\nSubject: Your account is locked\r\nMessage-ID: <0042@203.0.113.88>\r\n",
        rfc2822::to_string(&arrived)?
    );
    let report = FailureReport {
        auth_failure: vec![AuthFailure::Dmarc],
        identity_alignment: vec!["none".to_owned()],
        delivery_result: Some(Delivery::Reject),
        authentication_results: vec![
            "mx.carrier.example; spf=fail smtp.mailfrom=bank.example; dmarc=fail header.from=bank.example".to_owned(),
        ],
        original_mail_from: "<service@bank.example>".to_owned(),
        original_rcpt_to: vec!["<customer@carrier.example>".to_owned()],
        arrival_date: Some(arrived.timestamp().as_microsecond()),
        source_ip: "203.0.113.88".parse().ok(),
        reported_domain: vec!["bank.example".to_owned()],
        reporting_mta: "dns; mx.carrier.example".to_owned(),
        original: Some(Original { is_whole: false, octets: header.into_bytes() }),
        ..FailureReport::default()
    };
    let (date, message_id) =
        (rfc2822::to_string(&now.to_zoned(TimeZone::UTC))?, format!("failure-{day}@carrier.example"));
    let (from, to) = (CARRIER.colleague.from, "ruf@bank.example");
    let covering = Covering { from, to, date: &date, message_id: &message_id, boundary: "of-the-sample" };
    // People of the sample are nobody: a word stands for each of them.
    Ok(write(&report, &covering, &Redaction { keyed_hash: &|_| b"nobody".to_vec() }).into_bytes())
}

/// Writes a mail with a report that nobody can read: it ends in the middle.
fn cut_off(now: Timestamp) -> anyhow::Result<Vec<u8>> {
    let packed = gzip(b"<?xml version=\"1.0\"?>\n<feedback>\n  <report_metadata>\n    <org_name>Carrier</org_na");
    let letter = Letter {
        from: CARRIER.colleague.from,
        to: "reports@bank.example",
        subject: "Report Domain: bank.example Submitter: carrier.example Report-ID: <cut>",
        date: now,
        message_id: "cut@carrier.example",
        text: "This is a DMARC aggregate report.\n",
        file_name: "carrier.example!bank.example!1!2.xml.gz",
        packed: &packed,
    };
    Ok(letter.write()?)
}
