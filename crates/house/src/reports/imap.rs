//! `sekisho report import imaps://…`: reports out of a mailbox on a server, each once, and the mailbox stays as it is
//!
//! The folder is opened for reading only, and nothing in it is marked or moved. Which mails it had is noted by UIDVALIDITY and UID, each
//! behind its Evidence and its row, so that an import that was broken off goes on where it was, and a later one takes what is
//! new. A connection that breaks is made again; a mail that breaks it twice is passed over, and told of.
//!
//! Nobody is believed about sizes: a [`fence`] stands around what the server says, and every answer has its time.

mod fence;
mod place;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_imap::error::Error;
use async_imap::imap_proto::{AttributeValue, Response, Status};
use async_imap::{Client, Session};
use sekisho_ledger::{Channel, Source};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use self::fence::Fence;
pub(crate) use self::place::Place;
use super::import::{Importer, LARGEST};
use super::opening::is_ordinary;
use crate::fault::{Fault, shown};

/// How many octets a server may say in answer to a small command.
const SMALL_TALK: u64 = 256 * 1024;
/// How many octets its list of mails may have: a million of them.
const LIST_OCTETS: u64 = 64 * 1024 * 1024;
/// The most mails of a folder.
const MAILS: usize = 1_000_000;
/// How many mails are looked up at a time.
const AT_A_TIME: usize = 500;
/// How often in a row an attempt may come to nothing.
const TRIES: u32 = 3;
/// How many mails may be passed over before the whole is given up.
const SKIPPED: usize = 16;
/// How much of a server's words is repeated.
const QUOTED: usize = 200;
/// The variable with the password, where no file has it.
const PASSWORD: &str = "SEKISHO_IMAP_PASSWORD";

/// How one logs in to a mailbox, and how long one waits for it.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The password.
    password: String,
    /// What begins TLS.
    connector: TlsConnector,
    /// How long a server may take.
    patience: Patience,
}

/// How long a server may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// To answer something small.
    small: Duration,
    /// To list its mails.
    list: Duration,
    /// How many octets of a mail must come in a second, beside that.
    octets_a_second: u64,
    /// How long one waits before a connection is made again.
    again: Duration,
}

/// A stream to a server.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Duplex for S {}

/// A stream to a server, in bounds.
type Line = Fence<Box<dyn Duplex>>;

/// Why a visit of a mailbox ended early.
enum Stop {
    /// Our books.
    Ours(anyhow::Error),
    /// The server, or the way to it.
    Theirs(Trouble),
}

/// What is wrong with a server, or the way to it.
#[derive(Debug)]
enum Trouble {
    /// The connection, or what came by it.
    Broken(String),
    /// It did not answer in time.
    Silent,
    /// It refused.
    Refused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Broken(why) => write!(f, "the connection broke: {why}"),
            Trouble::Silent => f.write_str("the server did not answer in time"),
            Trouble::Refused(why) => write!(f, "the server refused: {why}"),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(why: io::Error) -> Trouble {
        Trouble::Broken(cut(&why.to_string()))
    }
}

impl From<Error> for Trouble {
    fn from(why: Error) -> Trouble {
        match why {
            // The library wraps the server's own words.
            Error::No(said) | Error::Bad(said) => {
                let own = said.split_once("Some(\"").and_then(|(_, own)| own.rsplit_once("\")"));
                Trouble::Refused(cut(own.map_or(&said, |(own, _)| own)))
            }
            other => Trouble::Broken(cut(&other.to_string())),
        }
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Stop {
        Stop::Theirs(trouble)
    }
}

/// How far an import of a mailbox came, over all its connections.
#[derive(Default)]
struct Progress {
    /// How many mails were done.
    done: u64,
    /// The mail that is being fetched.
    fetching: Option<u32>,
    /// The mail with which the connection broke last.
    blamed: Option<u32>,
    /// Mails that are passed over.
    skipped: BTreeSet<u32>,
}

impl Entry {
    /// Makes ready what it takes: the password from a file or the environment, authorities from a file or the system.
    pub(crate) fn new(password_file: Option<&Path>, ca_file: Option<&Path>) -> Result<Entry, Fault> {
        let password = match password_file {
            Some(path) => std::fs::read_to_string(path).map_err(|why| Fault::io("fault-read", path, &why))?,
            None => std::env::var(PASSWORD).map_err(|_| Fault::new("fault-imap-password", []))?,
        };
        let patience = Patience {
            small: Duration::from_secs(60),
            list: Duration::from_secs(300),
            octets_a_second: 32 * 1024,
            again: Duration::from_secs(1),
        };
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        Ok(Entry { password, connector: connector(ca_file)?, patience })
    }

    /// Opens a folder for reading; returns its UIDVALIDITY and how many mails it has, too.
    async fn open(&self, place: &Place) -> Result<(Session<Line>, u32, u32), Trouble> {
        let mut client = self.connect(place).await?;
        client.get_mut().allow(SMALL_TALK);
        let logged_in = self.wait(client.login(&place.user, &self.password)).await?;
        let mut session = logged_in.map_err(|(why, _)| why)?;
        session.get_mut().allow(SMALL_TALK);
        let folder = self.wait(session.examine(place.folder_on_the_wire())).await??;
        let no_validity = || Trouble::Refused("the folder has no UIDVALIDITY".to_owned());
        Ok((session, folder.uid_validity.ok_or_else(no_validity)?, folder.exists))
    }

    /// Connects, and lets TLS begin. Only on this very host it may be done without.
    async fn connect(&self, place: &Place) -> Result<Client<Line>, Trouble> {
        let stream = self.wait(TcpStream::connect((place.host.as_str(), place.port))).await??;
        let is_loopback = stream.peer_addr()?.ip().to_canonical().is_loopback();
        if place.is_implicit {
            return self.greeted(self.secured(place, Box::new(stream)).await?).await;
        }
        let mut client = self.greeted(Box::new(stream)).await?;
        client.get_mut().allow(SMALL_TALK);
        match self.wait(client.run_command_and_check_ok("STARTTLS", None)).await? {
            Ok(()) => {}
            Err(Error::No(_) | Error::Bad(_)) if is_loopback => return Ok(client),
            Err(why) => return Err(why.into()),
        }
        // What came behind the answer was not said in TLS, and is dropped with the client's buffer.
        let secured = self.secured(place, client.into_inner().into_inner()).await?;
        let mut fence = Fence::around(secured, LARGEST);
        fence.allow(SMALL_TALK);
        Ok(Client::new(fence))
    }

    /// Hears the greeting.
    async fn greeted(&self, stream: Box<dyn Duplex>) -> Result<Client<Line>, Trouble> {
        let mut fence = Fence::around(stream, LARGEST);
        fence.allow(SMALL_TALK);
        let mut client = Client::new(fence);
        let greeting = self.wait(client.read_response()).await??;
        greeting.map(|_| client).ok_or_else(|| Trouble::Broken("the server said nothing".to_owned()))
    }

    /// Begins TLS.
    async fn secured(&self, place: &Place, stream: Box<dyn Duplex>) -> Result<Box<dyn Duplex>, Trouble> {
        let name = ServerName::try_from(place.host.clone()).map_err(|why| Trouble::Broken(why.to_string()))?;
        let begun = self.wait(self.connector.connect(name, stream)).await?;
        Ok(Box::new(begun.map_err(|why| Trouble::Broken(format!("TLS did not begin: {}", cut(&why.to_string()))))?))
    }

    /// Waits for the answer to something small.
    async fn wait<T>(&self, answer: impl Future<Output = T>) -> Result<T, Trouble> {
        timeout(self.patience.small, answer).await.map_err(|_| Trouble::Silent)
    }

    /// Lists the mails of a folder: their UIDs, and how large they are said to be.
    async fn list(&self, session: &mut Session<Line>) -> Result<Vec<(u32, u64)>, Trouble> {
        session.get_mut().allow(LIST_OCTETS);
        let mut mails = Vec::new();
        let listed = tell_each(session, "UID FETCH 1:* (UID RFC822.SIZE)".to_owned(), |said| {
            if mails.len() >= MAILS {
                return Err(Trouble::Broken(format!("the folder has more than {MAILS} mails")));
            }
            mails.extend(uid(said).map(|uid| (uid, size(said))));
            Ok(())
        });
        timeout(self.patience.list, listed).await.map_err(|_| Trouble::Silent)??;
        mails.sort_unstable();
        mails.dedup_by_key(|(uid, _)| *uid);
        Ok(mails)
    }

    /// Fetches a mail; nothing where it is gone.
    async fn fetch(&self, session: &mut Session<Line>, number: u32, size: u64) -> Result<Option<Vec<u8>>, Trouble> {
        session.get_mut().allow(LARGEST + SMALL_TALK);
        let mut mail = None;
        let fetched = tell_each(session, format!("UID FETCH {number} (UID BODY.PEEK[])"), |said| {
            if uid(said) == Some(number) && mail.is_none() {
                mail = body(said).map(<[u8]>::to_vec);
            }
            Ok(())
        });
        let time = self.patience.small + Duration::from_secs(size / self.patience.octets_a_second.max(1));
        timeout(time, fetched).await.map_err(|_| Trouble::Silent)??;
        Ok(mail)
    }
}

/// Gives a command, and tells what is said of each mail until the command is done. The library's own way to fetch takes a refusal, or
/// a connection that ends, for the end of the mails.
async fn tell_each(
    session: &mut Session<Line>,
    command: String,
    mut tell: impl FnMut(&[AttributeValue<'_>]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let given = session.run_command(command).await?;
    loop {
        let said = session.read_response().await?.ok_or(Error::ConnectionLost)?;
        match said.parsed() {
            Response::Fetch(_, attributes) => tell(attributes)?,
            Response::Done { tag, status: Status::Ok, .. } if *tag == given => return Ok(()),
            Response::Done { outcome, .. } => {
                return Err(Trouble::Refused(cut(outcome.information.as_deref().unwrap_or_default())));
            }
            _ => {}
        }
    }
}

/// Returns the UID among what is said of a mail.
fn uid(said: &[AttributeValue<'_>]) -> Option<u32> {
    said.iter().find_map(|one| if let AttributeValue::Uid(uid) = one { Some(*uid) } else { None })
}

/// Returns the size among what is said of a mail; 0 where it is not said.
fn size(said: &[AttributeValue<'_>]) -> u64 {
    let sizes =
        said.iter().filter_map(|one| if let AttributeValue::Rfc822Size(size) = one { Some(*size) } else { None });
    sizes.map(u64::from).next().unwrap_or(0)
}

/// Returns the mail among what is said of it.
fn body<'s>(said: &'s [AttributeValue<'_>]) -> Option<&'s [u8]> {
    said.iter().find_map(|one| match one {
        AttributeValue::BodySection { section: None, data, .. } => data.as_deref(),
        _ => None,
    })
}

impl Importer<'_> {
    /// Takes in every report of a mailbox that was not taken in. `tell` hears of each mail before it is fetched.
    pub(crate) async fn import_mailbox(
        &mut self,
        place: &Place,
        entry: &Entry,
        mut tell: impl FnMut(&Path),
    ) -> anyhow::Result<()> {
        let (mut progress, mut tries) = (Progress::default(), 0);
        loop {
            let before = progress.done;
            let visited = self.visit(place, entry, &mut progress, &mut tell).await;
            self.put_down().await?;
            let trouble = match visited {
                Ok(()) => return Ok(()),
                Err(Stop::Ours(why)) => return Err(why),
                Err(Stop::Theirs(trouble)) => trouble,
            };
            let has_skipped = self.blame(place, &mut progress, &trouble);
            tries = if progress.done > before || has_skipped { 0 } else { tries + 1 };
            let is_final = matches!(trouble, Trouble::Refused(_)) && !has_skipped;
            if is_final || tries >= TRIES || progress.skipped.len() > SKIPPED {
                self.taken.faults.push(format!("{place}: {trouble}"));
                return Ok(());
            }
            tokio::time::sleep(entry.patience.again).await;
        }
    }

    /// Notes with which mail the connection broke; one that does so twice is passed over. Tells whether one is.
    fn blame(&mut self, place: &Place, progress: &mut Progress, trouble: &Trouble) -> bool {
        let Some(uid) = progress.fetching.take() else { return false };
        if progress.blamed.replace(uid) != Some(uid) && !matches!(trouble, Trouble::Refused(_)) {
            return false;
        }
        self.taken.faults.push(format!("{place}: mail {uid} cannot be fetched: {trouble}"));
        progress.skipped.insert(uid)
    }

    /// Goes through a mailbox with one connection.
    async fn visit(
        &mut self,
        place: &Place,
        entry: &Entry,
        progress: &mut Progress,
        tell: &mut impl FnMut(&Path),
    ) -> Result<(), Stop> {
        let (mut session, validity, count) = entry.open(place).await?;
        let mails = if count == 0 { Vec::new() } else { entry.list(&mut session).await? };
        let (mut passed, before) = (0, progress.done);
        for some in mails.chunks(AT_A_TIME) {
            let sources: Vec<Source> = some.iter().map(|(uid, size)| source(place, validity, *uid, *size)).collect();
            let known = self.ledger.are_imported(&sources).await.map_err(|why| Stop::Ours(why.into()))?;
            passed += known.iter().filter(|known| **known).count() as u64;
            let open = some.iter().zip(sources).zip(known).filter(|(_, is_known)| !is_known).map(|(open, _)| open);
            for ((uid, size), source) in open {
                if progress.skipped.contains(uid) {
                    continue;
                }
                if *size > LARGEST {
                    progress.skipped.insert(*uid);
                    self.taken.faults.push(format!("{place}: mail {uid} is larger than 40 MB"));
                    continue;
                }
                tell(&PathBuf::from(&source.path));
                progress.fetching = Some(*uid);
                let mail = entry.fetch(&mut session, *uid, *size).await?;
                progress.fetching = None;
                if let Some(mail) = mail {
                    self.take_mail(mail, source).await.map_err(Stop::Ours)?;
                }
                progress.done += 1;
            }
        }
        // What an earlier connection of this import did is none that an earlier import has behind it.
        self.taken.passed += u64::saturating_sub(passed, before);
        session.get_mut().allow(SMALL_TALK);
        // All is done: a goodbye that goes wrong takes nothing back.
        let _ = entry.wait(session.logout()).await;
        Ok(())
    }

    /// Takes in a mail, and notes that it was.
    async fn take_mail(&mut self, mail: Vec<u8>, source: Source) -> anyhow::Result<()> {
        if is_ordinary(&mail) {
            self.taken.ordinary += 1;
        } else {
            self.hold(mail, Channel::Imap, None).await?;
        }
        self.pass(source).await
    }
}

/// Returns how a mail is known again: as long as UIDVALIDITY is the same, a UID means the same mail (RFC 3501 §2.3.1.1).
fn source(place: &Place, validity: u32, uid: u32, size: u64) -> Source {
    Source { path: format!("{place};UIDVALIDITY={validity}/;UID={uid}"), size, modified_at: 0 }
}

/// Makes ready to begin TLS: with the authorities of a file, or those of the system.
fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, Fault> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unusable =
                |why: String| Fault::new("fault-certificate", [("path", shown(path))]).because(Fault::quote(why));
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            for certificate in read.map_err(|why| unusable(why.to_string()))? {
                roots.add(certificate).map_err(|why| unusable(why.to_string()))?;
            }
        }
        // What the system has and cannot be read is missing when it is needed, and then TLS does not begin.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|why| Fault::quote(why.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into())
}

/// Returns the beginning of somebody else's words.
fn cut(said: &str) -> String {
    said.chars().take(QUOTED).collect()
}

#[cfg(test)]
mod tests;
