//! The data folder: where the house keeps what has to outlive it
//!
//! One folder, made at the first start, holds everything that is kept on this machine.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand;
use jiff::Timestamp;
use jiff::civil::Date;
use nix::sys::statvfs::statvfs;
use nix::unistd::{Gid, Uid, User, geteuid, setegid, seteuid};
use sekisho_core::event::{FactEvent, FactHash, FailureEvent, MailEvent};
use sekisho_core::search::{AuthorDomain, MailRow, MailSearch, Volume};
use sekisho_core::sums::{Failed, PolicyDomain, ReportRow, Reported};
use sekisho_core::written::Written;
use sekisho_ledger::vault::{S3, VaultError};
use sekisho_ledger::{Ledger, OpenError, Vault};
use tokio::sync::Mutex as AsyncMutex;
use tracing::warn;

use crate::config::{LedgerAddress, StoreSection};
use crate::fault::{Fault, shown};
use crate::lake::{self, Form, Keep, Lake, LakeError, LakePlace, LakeTable, LetGo, NotOpened, OpenLake};

/// How many octets a secret has.
const SECRET: usize = 32;
/// Where in it the lake is.
const LAKE: &str = "lake";

/// The data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    /// Where it is.
    path: PathBuf,
    /// The ledger that is not in it.
    ledger: Option<LedgerAddress>,
    /// The vault that is not in it.
    vault: Option<S3>,
    /// The files of the lake that are not in it.
    lake: Option<S3>,
}

impl DataFolder {
    /// Opens the configured folder, or else the first of the usual places that can be had; none of those may be there.
    pub(crate) fn open(section: &StoreSection, places: &[PathBuf]) -> Result<Option<DataFolder>, Fault> {
        if let Some(folder) = &section.folder {
            make(folder).map_err(|why| refused(folder, &why))?;
            return Ok(Some(DataFolder::at(folder, section)));
        }
        Ok(places.iter().find(|place| make(place).is_ok()).map(|place| DataFolder::at(place, section)))
    }

    /// Names a folder, and what of its books is kept elsewhere.
    fn at(path: &Path, section: &StoreSection) -> DataFolder {
        DataFolder {
            path: path.to_owned(),
            ledger: section.ledger.clone(),
            vault: section.vault_bucket(),
            lake: section.lake_bucket(),
        }
    }

    /// Finds the folder of a command: the configured one and no other, or else the first of the usual places that is there. Where
    /// root calls, the command becomes the user whose books they are: files of root would lock the daemon out.
    pub(crate) fn find(section: &StoreSection, places: &[PathBuf]) -> Result<DataFolder, Fault> {
        let named = section.folder.as_slice();
        let places = if named.is_empty() { places } else { named };
        let mut absent = places.first().map(|place| Fault::new("fault-no-data", [("path", shown(place))]));
        for place in places {
            match fs::read_dir(place) {
                Ok(_) => {
                    become_owner(place).map_err(|why| refused(place, &why))?;
                    return Ok(DataFolder::at(place, section));
                }
                Err(why) if why.kind() == io::ErrorKind::PermissionDenied => absent = Some(refused(place, &why)),
                Err(_) => {}
            }
        }
        Err(absent.unwrap_or_else(|| Fault::new("fault-no-data-folder", [])))
    }

    /// Returns a folder below it that has all of its books to itself.
    pub(crate) fn below(&self, name: &str) -> DataFolder {
        DataFolder { path: self.path.join(name), ledger: None, vault: None, lake: None }
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks whether the buckets are there, and says in the log which is not: what waits for one of them fails later, and elsewhere.
    pub(crate) async fn look_at_buckets(self) {
        for (option, bucket) in [("store.vault", &self.vault), ("store.lake", &self.lake)] {
            let Some(bucket) = bucket else { continue };
            if let Err(why) = bucket.look().await {
                let why = format!("{:#}", anyhow::Error::from(why));
                warn!(
                    options = option, bucket = bucket.bucket, error = %why,
                    "a bucket cannot be used now; its keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the machine's role"
                );
            }
        }
    }

    /// Returns how many octets its disk has room for; nothing where the disk does not say.
    pub(crate) fn room(&self) -> Option<u64> {
        let disk = statvfs(&self.path).ok()?;
        Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
    }

    /// Returns the secret of this house, which is made at the first start.
    pub(crate) fn secret(&self) -> Result<Arc<[u8]>, Fault> {
        let path = self.path.join("secret");
        let read = || match read_secret(&path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => write_secret(&path).and_then(|()| read_secret(&path)),
            read => read,
        };
        read().map_err(|why| refused(&path, &why))
    }

    /// Returns where the lake in it is.
    pub(crate) fn lake_place(&self) -> LakePlace {
        LakePlace { folder: self.path.join(LAKE), bucket: self.lake.clone() }
    }

    /// Returns where the lake is whose files a command reads, and nothing else of this node: a bucket needs no folder here.
    pub(crate) fn find_files(section: &StoreSection, places: &[PathBuf]) -> Result<LakePlace, Fault> {
        let bucket = |absent| match section.lake_bucket() {
            Some(bucket) => Ok(LakePlace { folder: PathBuf::new(), bucket: Some(bucket) }),
            None => Err(absent),
        };
        DataFolder::find(section, places).map(|folder| folder.lake_place()).or_else(bucket)
    }

    /// Opens the lake in it to read; before anything is kept there is none.
    pub(crate) fn lake_to_read(&self, open: OpenLake) -> Result<Arc<dyn Lake>, Fault> {
        let place = self.lake_place();
        // What others put into a bucket can be asked about by whoever has nothing of their own.
        if place.bucket.is_none() && !place.folder.is_dir() {
            return Err(Fault::new("fault-no-data", [("path", shown(&self.path))]));
        }
        (open.read)(&place).map_err(|why| lake::fault(&why))
    }

    /// Opens the lake in it to write to it; fails where another process does.
    pub(crate) fn lake_to_write(&self, open: OpenLake) -> Result<Arc<dyn Lake>, NotOpened> {
        (open.write)(&self.lake_place())
    }

    /// Opens the ledger in it, or the one that is shared.
    pub(crate) async fn ledger(&self) -> Result<Ledger, OpenError> {
        let now = Timestamp::now().as_microsecond();
        match &self.ledger {
            Some(address) => Ledger::open(address.secret(), now).await,
            None => Ledger::open(&format!("sqlite:{}", self.path.join("ledger.sqlite").display()), now).await,
        }
    }

    /// Opens the vault in it, or the one that is shared.
    pub(crate) async fn vault(&self) -> Result<Vault, VaultError> {
        match &self.vault {
            Some(bucket) => Vault::on_s3(bucket),
            None => Vault::in_folder(&self.path.join("vault")).await,
        }
    }

    /// Returns the lake in it, which is opened when it is first needed, and again after a failure.
    pub(crate) fn lake(&self, open: OpenLake) -> Arc<dyn Lake> {
        Arc::new(Patient { place: self.lake_place(), open, lake: Mutex::default() })
    }
}

/// What is kept of reports: the ledger and the vault. Each is opened when it is first needed, and again where that failed, so that
/// a daemon starts without them. Clones share what is open.
#[derive(Clone, Debug)]
pub(crate) struct Archive {
    /// Where they are.
    folder: DataFolder,
    /// The ledger, once it is open.
    ledger: Arc<AsyncMutex<Option<Ledger>>>,
    /// The vault, once it is open.
    vault: Arc<AsyncMutex<Option<Vault>>>,
}

impl Archive {
    /// Names the archive of a folder; nothing is opened yet.
    pub(crate) fn of(folder: DataFolder) -> Archive {
        Archive { folder, ledger: Arc::default(), vault: Arc::default() }
    }

    /// Returns where it is.
    pub(crate) fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Returns the ledger.
    pub(crate) async fn ledger(&self) -> Result<Ledger, OpenError> {
        let mut ledger = self.ledger.lock().await;
        match &*ledger {
            Some(ledger) => Ok(ledger.clone()),
            None => Ok(ledger.insert(self.folder.ledger().await?).clone()),
        }
    }

    /// Returns the vault.
    pub(crate) async fn vault(&self) -> Result<Vault, VaultError> {
        let mut vault = self.vault.lock().await;
        match &*vault {
            Some(vault) => Ok(vault.clone()),
            None => Ok(vault.insert(self.folder.vault().await?).clone()),
        }
    }

    /// Closes the connections to the ledger, after what is under way has ended; whoever asks again opens it again.
    pub(crate) async fn close(&self) {
        if let Some(ledger) = self.ledger.lock().await.take() {
            ledger.close().await;
        }
    }
}

/// Makes a folder for a user that root will become, where it is not there yet. One that is there stays whose it is.
pub(crate) fn make_for(folder: &Path, user: Uid, group: Gid) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    chown(folder, Some(user.as_raw()), Some(group.as_raw()))
}

/// Becomes, where we are root, the user whose folder it is, for all that follows.
fn become_owner(folder: &Path) -> io::Result<()> {
    let about = fs::metadata(folder)?;
    if !geteuid().is_root() || about.uid() == 0 {
        return Ok(());
    }
    setegid(Gid::from_raw(about.gid()))?;
    Ok(seteuid(Uid::from_raw(about.uid()))?)
}

/// Makes a folder, for us alone, and tells whether it can be written to. Of one that is there root becomes the owner first.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    become_owner(folder)?;
    let probe = folder.join(".probe");
    File::create(&probe)?;
    fs::remove_file(probe)
}

/// Says that something of the books cannot be had, and by whom: it is often root's, and we are somebody else by now.
fn refused(path: &Path, why: &io::Error) -> Fault {
    let ourselves = geteuid();
    let user = User::from_uid(ourselves).ok().flatten().map_or_else(|| ourselves.to_string(), |user| user.name);
    Fault::new("fault-data-folder", [("path", shown(path)), ("user", user.into())]).because(Fault::system(why))
}

/// Reads a secret.
fn read_secret(path: &Path) -> io::Result<Arc<[u8]>> {
    let mut secret = Vec::new();
    File::open(path)?.take(SECRET as u64 + 1).read_to_end(&mut secret)?;
    if secret.len() == SECRET { Ok(secret.into()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Makes a secret. It is there whole or not at all, and the first one stays.
fn write_secret(path: &Path) -> io::Result<()> {
    let mut secret = [0; SECRET];
    rand::fill(&mut secret).map_err(|_| io::Error::other("no randomness"))?;
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    match fs::hard_link(&draft, path) {
        Err(why) if why.kind() != io::ErrorKind::AlreadyExists => Err(why),
        _ => fs::remove_file(draft),
    }
}

/// A lake that is opened when it is needed: mail goes before books, so the gate never waits for them to open.
struct Patient {
    /// Where it is.
    place: LakePlace,
    /// What opens it.
    open: OpenLake,
    /// The lake, once it is open.
    lake: Mutex<Option<Arc<dyn Lake>>>,
}

impl Patient {
    /// Returns the lake.
    fn lake(&self) -> Result<Arc<dyn Lake>, LakeError> {
        let mut lake = self.lake.lock().unwrap_or_else(PoisonError::into_inner);
        match &*lake {
            Some(lake) => Ok(Arc::clone(lake)),
            None => Ok(Arc::clone(lake.insert((self.open.write)(&self.place)?))),
        }
    }
}

impl Lake for Patient {
    fn keep(&self, events: &Written) -> Result<(), LakeError> {
        self.lake()?.keep(events)
    }

    fn settle(&self) -> Result<(), LakeError> {
        self.lake()?.settle()
    }

    fn settle_all(&self) -> Result<(), LakeError> {
        self.lake()?.settle_all()
    }

    fn compact(&self) -> Result<(), LakeError> {
        self.lake()?.compact()
    }

    fn retain(&self, keep: Keep) -> Result<LetGo, LakeError> {
        self.lake()?.retain(keep)
    }

    fn forget(&self, domains: &[String], days: u32) -> Result<u64, LakeError> {
        self.lake()?.forget(domains, days)
    }

    fn query(&self, sql: &str, form: Form, out: &mut dyn Write) -> Result<u64, LakeError> {
        self.lake()?.query(sql, form, out)
    }

    fn tables(&self) -> Result<Vec<LakeTable>, LakeError> {
        self.lake()?.tables()
    }

    fn rows_of_report(&self, report: &str) -> Result<u64, LakeError> {
        self.lake()?.rows_of_report(report)
    }

    fn reported(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Reported>, LakeError> {
        self.lake()?.reported(domain, first, last, unproven)
    }

    fn reported_elsewhere(
        &self,
        domain: &str,
        first: Date,
        last: Date,
        unproven: bool,
    ) -> Result<Vec<Reported>, LakeError> {
        self.lake()?.reported_elsewhere(domain, first, last, unproven)
    }

    fn failures(&self, domain: &str, first: Date, last: Date, unproven: bool) -> Result<Vec<Failed>, LakeError> {
        self.lake()?.failures(domain, first, last, unproven)
    }

    fn failure(&self, report: &str) -> Result<Option<FailureEvent>, LakeError> {
        self.lake()?.failure(report)
    }

    fn judged(&self, domain: &str, first: Date, last: Date, or_mail_from: bool) -> Result<Vec<Reported>, LakeError> {
        self.lake()?.judged(domain, first, last, or_mail_from)
    }

    fn policy_domains(&self, day: Date) -> Result<Vec<PolicyDomain>, LakeError> {
        self.lake()?.policy_domains(day)
    }

    fn report_rows(&self, domain: &str, day: Date) -> Result<Vec<ReportRow>, LakeError> {
        self.lake()?.report_rows(domain, day)
    }

    fn mails(&self, search: &MailSearch) -> Result<Vec<MailRow>, LakeError> {
        self.lake()?.mails(search)
    }

    fn volumes(
        &self,
        from_at: i64,
        until_at: i64,
        step: i64,
        within: Option<&[String]>,
    ) -> Result<Vec<Volume>, LakeError> {
        self.lake()?.volumes(from_at, until_at, step, within)
    }

    fn mail(&self, id: &str, within: Option<&[String]>) -> Result<Option<MailEvent>, LakeError> {
        self.lake()?.mail(id, within)
    }

    fn facts(&self, hashes: &[FactHash], first: Date, last: Date) -> Result<Vec<FactEvent>, LakeError> {
        self.lake()?.facts(hashes, first, last)
    }

    fn author_domains(
        &self,
        from_at: i64,
        until_at: i64,
        domains: Option<&[String]>,
        within: Option<&[String]>,
        limit: u32,
    ) -> Result<Vec<AuthorDomain>, LakeError> {
        self.lake()?.author_domains(from_at, until_at, domains, within, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let section = StoreSection { folder: Some(folder.path().join("a/b")), ..StoreSection::default() };
        let data = DataFolder::open(&section, &[]).unwrap().unwrap();
        let secret = data.secret().unwrap();
        assert_eq!(secret, data.secret().unwrap());
        assert!(secret.iter().any(|octet| *octet != 0));
        let mode = fs::metadata(data.path().join("secret")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
        fs::write(data.path().join("secret"), b"short").unwrap();
        assert!(data.secret().is_err());
    }

    #[test]
    fn the_first_place_that_can_be_had_is_taken_and_the_configured_one_must_be() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let places = [file.join("no"), folder.path().join("yes")];
        let found = DataFolder::open(&StoreSection::default(), &places).unwrap().unwrap();
        assert_eq!(found.path(), folder.path().join("yes"));
        assert!(DataFolder::open(&StoreSection::default(), &places[..1]).unwrap().is_none());
        let section = StoreSection { folder: Some(file), ..StoreSection::default() };
        assert!(DataFolder::open(&section, &places).is_err());
    }
}
