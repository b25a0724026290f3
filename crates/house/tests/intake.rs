//! Reports by SMTP: kept before they are acknowledged, whatever happens meanwhile

mod away;
mod border;
mod bounds;
mod full;
mod killed;
mod lmtp;
mod returned;
mod secret;
mod through;
mod told;

use std::path::{Path, PathBuf};

use sekisho_core::zone::Zone;
use sekisho_ledger::{Digest, Ledger, Report, ReportFilter, Vault};
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::smtp::{Letter, SmtpClient};
use tempfile::TempDir;

use crate::gate::served::Served;

/// A daemon that takes reports, and its books.
struct Office {
    /// The daemon.
    served: Served,
    /// Its data folder.
    data: PathBuf,
    /// What holds the data folder, where the test did not bring one.
    _folder: Option<TempDir>,
    /// The DNS.
    _dns: DnsServer,
}

impl Office {
    /// Opens it, with more in `[intake]`, before a zone.
    fn open(intake: &str, zone: &str) -> Office {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Office { _folder: Some(folder), ..Office::open_in(&data, intake, zone) }
    }

    /// Opens it with a data folder.
    fn open_in(data: &Path, intake: &str, zone: &str) -> Office {
        Office::open_sharing(data, intake, "", zone)
    }

    /// Opens it with a data folder, and with more in `[store]`.
    fn open_sharing(data: &Path, intake: &str, store: &str, zone: &str) -> Office {
        Office::open_with(data, (intake, "", store), zone)
    }

    /// Opens it behind a proxy of ours, with more in `[intake]`.
    fn open_behind(proxy: &str, intake: &str) -> Office {
        let folder = tempfile::tempdir().unwrap();
        let (data, http) = (folder.path().join("data"), format!("trusted_proxies = [{proxy:?}]\n"));
        Office { _folder: Some(folder), ..Office::open_with(&data, (intake, &http, ""), "") }
    }

    /// Opens it with a data folder, and with more in `[intake]`, `[http]` and `[store]`.
    fn open_with(data: &Path, (intake, http, store): (&str, &str, &str), zone: &str) -> Office {
        let dns = DnsServer::start(Zone::parse(zone).unwrap());
        let config = format!(
            "[intake]\nlisten = [\"127.0.0.1:0\"]\n{intake}\n[gate]\nlisten = []\n\
             [http]\nlisten = [\"127.0.0.1:0\"]\n{http}[store]\nfolder = {data:?}\n{store}"
        );
        Office { served: Served::start(&config, &dns), data: data.to_owned(), _folder: None, _dns: dns }
    }

    /// Connects to it.
    fn connect(&self) -> SmtpClient {
        SmtpClient::connect(self.served.intake()).unwrap()
    }

    /// Lists every report that is noted.
    fn reports(&self) -> Vec<Report> {
        noted(&self.data)
    }
}

/// Lists every report that is noted in a data folder.
fn noted(data: &Path) -> Vec<Report> {
    noted_at(&format!("sqlite:{}", data.join("ledger.sqlite").display()))
}

/// Lists every report that is noted in a ledger.
fn noted_at(url: &str) -> Vec<Report> {
    runtime().block_on(async {
        let ledger = Ledger::open(url, 0).await.unwrap();
        let (mut reports, mut cursor) = (Vec::new(), None);
        loop {
            let page = ledger.reports(&ReportFilter::default(), cursor, 1000).await.unwrap();
            reports.extend(page.rows);
            cursor = page.next;
            if cursor.is_none() {
                ledger.close().await;
                return reports;
            }
        }
    })
}

/// Tells whether these bytes are kept in a data folder as they are.
fn is_kept(data: &Path, bytes: &[u8]) -> bool {
    runtime().block_on(async {
        let vault = Vault::in_folder(&data.join("vault")).await.unwrap();
        vault.get(&Digest::of(bytes)).await.is_ok_and(|kept| kept == bytes)
    })
}

/// Returns something to run a future on.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Returns a mail with an aggregate report that has a number of its own.
fn report(number: usize) -> Letter {
    let document = crate::reports::REPORT.replace("<report_id>1<", &format!("<report_id>{number}<"));
    let mail = format!(
        "From: reports@receiver.example\r\nTo: dmarc-reports@example.org\r\nMessage-ID: <{number}@receiver.example>\r\n\
         Subject: Report Domain: example.org Submitter: receiver.example Report-ID: {number}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/xml; name=\"receiver.example!example.org!1767225600!1767311999!{number}.xml\"\r\n\
         Content-Disposition: attachment\r\n\r\n{}\r\n",
        document.replace('\n', "\r\n")
    );
    Letter::new("reports@receiver.example", "dmarc-reports@example.org", mail)
}

/// Returns the name of the report that a reply tells of.
fn name(reply: &str) -> &str {
    reply.strip_prefix("2.0.0 stored as ").unwrap_or_else(|| panic!("{reply}"))
}
