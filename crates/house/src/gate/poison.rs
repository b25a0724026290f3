//! The poison guard: which mails were in work when the process died
//!
//! A mail that kills the filter comes again, since the MTA tells its sender to try later, and would kill it again. So the
//! hash of its header stands in a file of fixed size whenever anything of it is worked on, and is crossed out while the
//! mail only waits, for the DNS or for its MTA: whoever waits kills nobody. What is noted at the next start is suspect, and
//! is not judged, with a field that says so.
//!
//! The notes are written with one call each and never synced: they have to outlive the process, not the machine. (A memory
//! map would save the two calls, a microsecond a mail, and cost the first `unsafe` of this house.)

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, fchown};
use std::path::Path;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use nix::unistd::{Gid, Uid};

/// The name of the file in the runtime folder.
const NAME: &str = "in-work";
/// What a file of ours begins with; another version of the layout would say another number.
const MAGIC: &[u8; SLOT] = b"sekisho: mails in work, version 1\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// How long a slot is: what it holds, since when in seconds, and the hash.
const SLOT: usize = 48;
/// How many mails can be noted, suspects among them.
const SLOTS: u32 = 4096;
/// How many of them may be suspects; the newest stay.
const SUSPECTS: usize = 1024;
/// How long a suspect is remembered, in seconds: as long as senders usually try (RFC 5321 §4.5.4.1).
const REMEMBERED: u64 = 5 * 24 * 3600;

/// The hash of a mail's header, by which it is known again.
pub(crate) type Mark = [u8; 32];

/// Returns the mark of a header.
pub(super) fn mark(header: &[u8]) -> Mark {
    let mut mark = Mark::default();
    mark.copy_from_slice(digest(&SHA256, header).as_ref());
    mark
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Nothing.
    Nothing = 0,
    /// A mail that is in work.
    Work = 1,
    /// A mail that was in work when a process died.
    Suspect = 2,
}

/// The mails in work, and the suspects.
#[derive(Debug)]
pub(crate) struct InWork {
    /// The file; none where there is no runtime folder, and nothing outlives the process.
    file: Option<File>,
    /// The marks of suspects.
    suspects: HashSet<Mark>,
    /// The slots that hold nothing.
    free: Mutex<Vec<u32>>,
}

impl InWork {
    /// Guards nothing, for want of a folder.
    pub(crate) fn without_folder() -> InWork {
        InWork { file: None, suspects: HashSet::new(), free: Mutex::default() }
    }

    /// Opens the file in the runtime folder, or makes it; `now` is in seconds since 1970. Another process that holds it
    /// is an error: two would cross out each other's notes.
    pub(crate) fn open(folder: &Path, now: u64) -> io::Result<InWork> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(folder.join(NAME))?;
        file.try_lock().map_err(io::Error::from)?;
        let slots = usize::try_from(SLOTS).unwrap_or(0);
        let mut octets = vec![0; SLOT * (slots + 1)];
        let length = read_from_start(&file, &mut octets)?;
        if length > 0 && octets.get(..SLOT) != Some(MAGIC) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is not ours"));
        }
        octets[..SLOT].copy_from_slice(MAGIC);
        let mut found: Vec<(u64, Mark)> =
            octets.chunks_exact(SLOT).skip(1).filter_map(|slot| left_over(slot, now)).collect();
        found.sort_unstable_by_key(|(since, mark)| (std::cmp::Reverse(*since), *mark));
        let mut suspects = HashSet::new();
        found.retain(|(_, mark)| suspects.len() < SUSPECTS && suspects.insert(*mark));
        octets[SLOT..].fill(0);
        for ((since, mark), slot) in found.iter().zip(octets.chunks_exact_mut(SLOT).skip(1)) {
            slot.copy_from_slice(&written(Holds::Suspect, *since, mark));
        }
        file.write_all_at(&octets, 0)?;
        let first_free = u32::try_from(found.len()).unwrap_or(SLOTS);
        Ok(InWork { file: Some(file), suspects, free: Mutex::new((first_free..SLOTS).rev().collect()) })
    }

    /// Gives the file to the user that we become, so that it can be opened again without root.
    pub(crate) fn give_to(&self, user: Uid, group: Gid) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        fchown(file, Some(user.as_raw()), Some(group.as_raw()))
    }

    /// Returns how many suspects there are.
    pub(crate) fn suspects(&self) -> usize {
        self.suspects.len()
    }

    /// Tells whether a mail was in work when a process died.
    pub(super) fn is_suspect(&self, mark: &Mark) -> bool {
        self.suspects.contains(mark)
    }

    /// Works on a mail, which is noted whenever that takes time, and not while it waits. Where there is no room or the file
    /// fails, the mail goes on unguarded.
    pub(super) async fn watch<F: Future>(&self, mark: &Mark, now: u64, work: F) -> F::Output {
        let mut note = self.note(mark, now);
        let mut work = pin!(work);
        poll_fn(|context| {
            note.write();
            let polled = work.as_mut().poll(context);
            note.cross_out();
            polled
        })
        .await
    }

    /// Takes a slot for a mail, and writes nothing yet.
    fn note(&self, mark: &Mark, now: u64) -> Note<'_> {
        let slot = self.file.as_ref().and_then(|_| self.free().pop());
        Note { of: self, slot, written: written(Holds::Work, now, mark), is_written: false, stands: false }
    }

    /// Leaves what a process leaves that dies at work on a mail with this header.
    #[cfg(test)]
    pub(super) fn die_at(&self, header: &[u8]) {
        let mut note = self.note(&mark(header), 0);
        note.write();
        std::mem::forget(note);
    }

    /// Returns the free slots; a task that panicked meanwhile has left them whole.
    fn free(&self) -> MutexGuard<'_, Vec<u32>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The note that a mail is in work.
struct Note<'a> {
    /// Where it stands.
    of: &'a InWork,
    /// In which slot; none where there was no room.
    slot: Option<u32>,
    /// What the slot holds while the mail is worked on.
    written: [u8; SLOT],
    /// Whether all of that was written once.
    is_written: bool,
    /// Whether the note stands.
    stands: bool,
}

impl Note<'_> {
    /// Writes the note: whole at first, then as the one octet that says that the mail is in work again.
    fn write(&mut self) {
        let length = if self.is_written { 1 } else { SLOT };
        self.stands = self.put(self.written.get(..length).unwrap_or(&self.written));
        self.is_written |= self.stands;
    }

    /// Crosses the note out. One that stays costs a mail its verdict after a crash, no more.
    fn cross_out(&mut self) {
        if self.stands {
            self.stands = !self.put(&[Holds::Nothing as u8]);
        }
    }

    /// Writes octets at the beginning of the slot, where there is one; tells whether they stand there.
    fn put(&self, octets: &[u8]) -> bool {
        let (Some(file), Some(slot)) = (&self.of.file, self.slot) else { return false };
        file.write_all_at(octets, offset(slot)).is_ok()
    }
}

impl Drop for Note<'_> {
    /// Crosses the note out also where a judge panicked, which kills one mail's task and not the process.
    fn drop(&mut self) {
        self.cross_out();
        self.of.free().extend(self.slot);
    }
}

/// Reads as much as there is, from the start.
fn read_from_start(file: &File, octets: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    loop {
        match file.read_at(&mut octets[length..], length as u64)? {
            0 => return Ok(length),
            count => length += count,
        }
    }
}

/// Returns the mark of a slot that an earlier process left, and since when it is suspect.
fn left_over(slot: &[u8], now: u64) -> Option<(u64, Mark)> {
    let (state, since, mark) = (slot.first()?, slot.get(8..16)?.try_into().ok()?, slot.get(16..48)?.try_into().ok()?);
    match *state {
        state if state == Holds::Work as u8 => Some((now, mark)),
        state if state == Holds::Suspect as u8 => {
            Some((u64::from_le_bytes(since), mark)).filter(|(since, _)| now.saturating_sub(*since) < REMEMBERED)
        }
        _ => None,
    }
}

/// Returns the octets of a slot.
fn written(holds: Holds, since: u64, mark: &Mark) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[0] = holds as u8;
    slot[8..16].copy_from_slice(&since.to_le_bytes());
    slot[16..].copy_from_slice(mark);
    slot
}

/// Returns where a slot begins.
fn offset(slot: u32) -> u64 {
    (u64::from(slot) + 1) * SLOT as u64
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    const A: Mark = [1; 32];
    const B: Mark = [2; 32];

    /// Notes that a mail is being worked on.
    fn noted<'a>(table: &'a InWork, mark: &Mark) -> Note<'a> {
        let mut note = table.note(mark, 100);
        note.write();
        note
    }

    /// Returns what a process finds that starts while another one is at work.
    fn suspects_now(folder: &Path) -> usize {
        let octets = std::fs::read(folder.join(NAME)).unwrap();
        octets.chunks_exact(SLOT).skip(1).filter(|slot| left_over(slot, 100).is_some()).count()
    }

    #[test]
    fn the_file_is_given_to_the_user_that_we_become() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let in_work = InWork::open(folder.path(), 0).unwrap();
        // Only root can give to somebody else; 65534 is nobody.
        let user = if nix::unistd::geteuid().is_root() { Uid::from_raw(65534) } else { nix::unistd::geteuid() };
        in_work.give_to(user, nix::unistd::getegid()).unwrap();
        assert_eq!(std::fs::metadata(folder.path().join(NAME)).unwrap().uid(), user.as_raw());
        assert!(InWork::without_folder().give_to(user, nix::unistd::getegid()).is_ok());
    }

    #[test]
    fn a_mail_is_noted_while_it_is_worked_on_and_not_while_it_waits() {
        let folder = tempfile::tempdir().unwrap();
        let table = InWork::open(folder.path(), 100).unwrap();
        let (answer, awaited) = tokio::sync::oneshot::channel::<()>();
        let mut work = Box::pin(table.watch(&A, 100, async {
            assert_eq!(suspects_now(folder.path()), 1, "it is parsed");
            awaited.await.unwrap();
            assert_eq!(suspects_now(folder.path()), 1, "it is parsed on");
        }));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(suspects_now(folder.path()), 0, "nobody has begun");
        assert!(work.as_mut().poll(&mut context).is_pending());
        assert_eq!(suspects_now(folder.path()), 0, "it waits");
        answer.send(()).unwrap();
        assert!(work.as_mut().poll(&mut context).is_ready());
        assert_eq!(suspects_now(folder.path()), 0, "it is done");
        drop(work);
        assert_eq!(table.free().len(), usize::try_from(SLOTS).unwrap());
    }

    #[test]
    fn what_was_in_work_when_the_process_died_is_suspect_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let first = InWork::open(folder.path(), 100).unwrap();
        drop(noted(&first, &A));
        std::mem::forget(noted(&first, &B));
        drop(first);
        let second = InWork::open(folder.path(), 200).unwrap();
        assert_eq!((second.suspects(), second.is_suspect(&A), second.is_suspect(&B)), (1, false, true));
        drop(noted(&second, &A));
        drop(second);
        // It stays so over restarts, for five days.
        assert!(InWork::open(folder.path(), 200 + REMEMBERED - 1).unwrap().is_suspect(&B));
        assert_eq!(InWork::open(folder.path(), 200 + REMEMBERED).unwrap().suspects(), 0);
    }

    #[test]
    fn a_full_table_lets_mails_go_on_and_never_grows() {
        let folder = tempfile::tempdir().unwrap();
        let table = InWork::open(folder.path(), 100).unwrap();
        let notes: Vec<Note<'_>> = (0..SLOTS).map(|at| noted(&table, &mark(&at.to_le_bytes()))).collect();
        assert!(notes.iter().all(|note| note.stands));
        assert!(!noted(&table, &A).stands);
        notes.into_iter().for_each(std::mem::forget);
        drop(table);
        let size = folder.path().join(NAME).metadata().unwrap().len();
        let again = InWork::open(folder.path(), 100).unwrap();
        assert_eq!((again.suspects(), again.free().len()), (SUSPECTS, 4096 - SUSPECTS));
        assert_eq!(folder.path().join(NAME).metadata().unwrap().len(), size);
        assert_eq!(size, 4097 * 48);
    }

    #[test]
    fn a_file_that_is_held_or_not_ours_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let held = InWork::open(folder.path(), 100).unwrap();
        assert_eq!(InWork::open(folder.path(), 100).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        std::fs::write(folder.path().join(NAME), "something else altogether").unwrap();
        assert_eq!(InWork::open(folder.path(), 100).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
