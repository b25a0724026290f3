//! Who is here: the conversations that are under way, and which one goes where there are too many
//!
//! An idle conversation costs little, and an MTA keeps many. Beyond the limit the one that has been still for longest makes
//! room, so that whoever holds connections open keeps nobody else out. A mail that is being heard is not disturbed, unless
//! its MTA has been still for a long time in the middle of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::stock::Stock;

/// How long an MTA may be still in the middle of a mail before its conversation, too, may make room.
const STUCK: Duration = Duration::from_secs(30);

/// How often the log tells that somebody was refused; the counters tell of each.
const COMPLAINTS: Duration = Duration::from_secs(1);

/// The conversations that are under way.
#[derive(Debug, Default)]
pub(crate) struct Roll(Mutex<Seats>);

/// Who sits where.
#[derive(Debug, Default)]
struct Seats {
    /// When the log last told that somebody was refused.
    complained: Option<Instant>,
    /// The number of the next one.
    next: u64,
    /// The conversations by number.
    taken: HashMap<u64, Arc<Seat>>,
    /// How many each client has.
    clients: HashMap<IpAddr, usize>,
    /// What they keep in memory.
    stock: Arc<Stock>,
}

/// How many conversations there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// In all.
    pub(crate) total: usize,
    /// From one address.
    pub(crate) client: usize,
}

/// One conversation's place.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Who connected.
    client: IpAddr,
    /// When it began.
    began: Instant,
    /// How many milliseconds after that the MTA said something whole.
    last: AtomicU64,
    /// Whether a mail is being heard.
    is_hearing: AtomicBool,
    /// Whether the MTA waits for us.
    is_ours: AtomicBool,
    /// Tells the conversation that it has to make room.
    leave: CancellationToken,
    /// What all of them keep in memory.
    stock: Arc<Stock>,
}

/// A conversation that was let in; its place is free when it is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The roll that it stands on.
    roll: Arc<Roll>,
    /// Its number there.
    number: u64,
    /// Its place.
    seat: Arc<Seat>,
}

/// Which limit kept a conversation out: nobody there could make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// That of all.
    Total,
    /// That of one client.
    Client,
}

impl Full {
    /// Every limit.
    pub(crate) const ALL: [Full; 2] = [Full::Total, Full::Client];

    /// Returns the stable word for logs and counters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Full::Total => "total",
            Full::Client => "client",
        }
    }
}

impl Roll {
    /// Lets a conversation in. Beyond a limit another one makes room: of the same client, or of all.
    pub(crate) fn admit(self: &Arc<Roll>, client: IpAddr, room: Room) -> Result<Guest, Full> {
        let mut seats = self.seats();
        let of_client = seats.clients.get(&client).copied().unwrap_or_default();
        let displaced = if of_client >= room.client {
            Some(seats.stillest(|seat| seat.client == client).ok_or(Full::Client)?)
        } else if seats.taken.len() >= room.total {
            Some(seats.stillest(|_| true).ok_or(Full::Total)?)
        } else {
            None
        };
        displaced.into_iter().for_each(|number| seats.displace(number));
        let number = seats.next;
        seats.next += 1;
        let seat = Arc::new(Seat::new(client, Arc::clone(&seats.stock)));
        seats.taken.insert(number, Arc::clone(&seat));
        *seats.clients.entry(client).or_default() += 1;
        drop(seats);
        Ok(Guest { roll: Arc::clone(self), number, seat })
    }

    /// Lets the stillest conversation make room, where there is one; the system has nothing left for another.
    pub(crate) fn make_room(&self) {
        let mut seats = self.seats();
        if let Some(number) = seats.stillest(|_| true) {
            seats.displace(number);
        }
    }

    /// Tells whether it is time to tell the log that somebody was refused: a flood shall not fill a disk.
    pub(crate) fn may_complain(&self) -> bool {
        let mut seats = self.seats();
        let may = seats.complained.is_none_or(|last| last.elapsed() >= COMPLAINTS);
        if may {
            seats.complained = Some(Instant::now());
        }
        may
    }

    /// Locks the roll; whoever panicked while it was locked left it whole.
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    /// Finds who has been still for longest among those who may make room: first those who hear no mail.
    fn stillest(&self, may: impl Fn(&Seat) -> bool) -> Option<u64> {
        let able = self.taken.iter().filter(|(_, seat)| may(seat) && seat.may_leave());
        able.max_by_key(|(_, seat)| (!seat.is_hearing(), seat.still())).map(|(number, _)| *number)
    }

    /// Takes a place away, and tells its conversation.
    fn displace(&mut self, number: u64) {
        if let Some(seat) = self.remove(number) {
            seat.leave.cancel();
        }
    }

    /// Frees a place.
    fn remove(&mut self, number: u64) -> Option<Arc<Seat>> {
        let seat = self.taken.remove(&number)?;
        if let Some(count) = self.clients.get_mut(&seat.client) {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&seat.client);
            }
        }
        Some(seat)
    }
}

impl Seat {
    /// Makes a place for somebody who has just come.
    fn new(client: IpAddr, stock: Arc<Stock>) -> Seat {
        Seat {
            client,
            began: Instant::now(),
            last: AtomicU64::new(0),
            is_hearing: AtomicBool::new(false),
            is_ours: AtomicBool::new(false),
            leave: CancellationToken::new(),
            stock,
        }
    }

    /// Returns what all conversations keep in memory.
    pub(crate) fn stock(&self) -> &Arc<Stock> {
        &self.stock
    }

    /// Notes that the MTA said something whole.
    pub(crate) fn beat(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    /// Notes whether a mail is being heard.
    pub(crate) fn set_hearing(&self, is_hearing: bool) {
        self.is_hearing.store(is_hearing, Ordering::Relaxed);
    }

    /// Notes whether the MTA waits for us.
    pub(crate) fn set_ours(&self, is_ours: bool) {
        self.is_ours.store(is_ours, Ordering::Relaxed);
        self.beat();
    }

    /// Tells whether a mail is being heard.
    fn is_hearing(&self) -> bool {
        self.is_hearing.load(Ordering::Relaxed)
    }

    /// Returns for how long the MTA has said nothing whole.
    fn still(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }

    /// Tells whether the conversation may be ended to make room.
    fn may_leave(&self) -> bool {
        !self.is_hearing() || !self.is_ours.load(Ordering::Relaxed) && self.still() >= STUCK
    }
}

impl Guest {
    /// Returns the place.
    pub(crate) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Waits until the conversation has to make room.
    pub(crate) async fn leave(&self) {
        self.seat.leave.cancelled().await;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.roll.seats().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { total: 3, client: 2 };

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Notes when a guest was heard last, counted back from now: as if it had come an hour ago.
    fn still_for(mut guest: Guest, seconds: u64) -> Guest {
        let began = Instant::now().checked_sub(Duration::from_secs(3600)).unwrap();
        let seat = Seat {
            began,
            last: AtomicU64::new((3600 - seconds) * 1000),
            ..Seat::new(guest.seat.client, Arc::default())
        };
        guest.seat = Arc::new(seat);
        guest.roll.seats().taken.insert(guest.number, Arc::clone(&guest.seat));
        guest
    }

    fn has_to_leave(guest: &Guest) -> bool {
        guest.seat.leave.is_cancelled()
    }

    #[test]
    fn the_stillest_conversation_makes_room() {
        let roll = Arc::new(Roll::default());
        let [young, old, other] =
            [(1, 5), (2, 50), (3, 20)].map(|(from, still)| still_for(roll.admit(client(from), ROOM).unwrap(), still));
        let newcomer = roll.admit(client(4), ROOM).unwrap();
        assert_eq!([&young, &old, &other, &newcomer].map(has_to_leave), [false, true, false, false]);
        drop((young, old, other));
        assert_eq!(roll.seats().taken.len(), 1);
        drop(newcomer);
        assert!(roll.seats().clients.is_empty());
    }

    #[test]
    fn beyond_its_own_limit_a_client_displaces_only_itself() {
        let roll = Arc::new(Roll::default());
        let old = still_for(roll.admit(client(1), ROOM).unwrap(), 900);
        let mine = [3, 7].map(|still| still_for(roll.admit(client(2), ROOM).unwrap(), still));
        let _newcomer = roll.admit(client(2), ROOM).unwrap();
        assert_eq!((has_to_leave(&old), has_to_leave(&mine[0]), has_to_leave(&mine[1])), (false, false, true));
    }

    #[test]
    fn a_mail_is_not_disturbed_unless_its_mta_is_stuck() {
        let roll = Arc::new(Roll::default());
        let guests = [(1, 20), (2, 25), (3, 100)].map(|(from, still)| {
            let guest = still_for(roll.admit(client(from), ROOM).unwrap(), still);
            guest.seat.set_hearing(true);
            guest
        });
        // The third one's MTA waits for our verdict.
        guests[2].seat.is_ours.store(true, Ordering::Relaxed);
        assert_eq!(roll.admit(client(4), ROOM).unwrap_err(), Full::Total);
        assert_eq!([roll.may_complain(), roll.may_complain()], [true, false]);
        assert_eq!(
            roll.admit(client(1), Room { total: 3, client: 1 }).unwrap_err(),
            Full::Client,
            "its own mail is under way"
        );
        guests[2].seat.is_ours.store(false, Ordering::Relaxed);
        let _newcomer = roll.admit(client(4), ROOM).unwrap();
        assert!(has_to_leave(&guests[2]));
    }
}
