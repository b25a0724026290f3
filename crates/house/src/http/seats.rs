//! Who is here by HTTP, and which connection makes room where there are too many
//!
//! A neighbourhood has a share of the seats, so that nobody takes all of them. Where there is none left a connection makes room on which
//! nothing is asked, or that only watches (the live page comes again by itself), first one of whoever has the most; then one whose client
//! has kept us waiting for long, by saying what it wants or by taking what it asked for. A request that we are at work on is never disturbed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use crate::door::Full;
use crate::neighbourhood::neighbourhood;

/// The most connections at a time.
pub(super) const CONNECTIONS: usize = 512;
/// The most of one neighbourhood: an office behind one address has many people, each with a live page and some more connections.
pub(super) const SHARE: usize = 128;
/// How long a client may take over what it asks for or is answered, before its connection may make room.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The connections.
#[derive(Debug, Default)]
pub(super) struct Seats(Mutex<Taken>);

/// Who sits where.
#[derive(Debug, Default)]
struct Taken {
    /// The number of the next one.
    next: u64,
    /// The connections by number.
    seats: HashMap<u64, Arc<Seat>>,
    /// How many each neighbourhood has.
    clients: HashMap<IpAddr, usize>,
}

/// What happens on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is asked, or somebody only watches.
    Idle,
    /// The client says what it wants.
    Hearing,
    /// We are at work on it.
    Working,
    /// The client takes the answer.
    Telling,
}

/// The place of one connection.
#[derive(Debug)]
pub(super) struct Seat {
    /// Whose it is.
    client: IpAddr,
    /// What happens, and since when.
    phase: Mutex<(Phase, Instant)>,
    /// Tells the connection that it has to make room.
    leave: CancellationToken,
}

/// A connection that was let in; its place is free when it is dropped.
#[derive(Debug)]
pub(super) struct Guest {
    /// Where it sits.
    seats: Arc<Seats>,
    /// Its number there.
    number: u64,
    /// Its place.
    seat: Arc<Seat>,
}

impl Seats {
    /// Lets a connection in, of a client that may have so many. Beyond a limit another one makes room: of the same client, or of all.
    pub(super) fn admit(self: &Arc<Seats>, client: IpAddr, share: usize, now: Instant) -> Result<(Guest, bool), Full> {
        let (client, mut taken) = (neighbourhood(client), self.lock());
        let displaced = if taken.of(client) >= share {
            Some(taken.least_missed(now, |seat| seat.client == client).ok_or(Full::Client)?)
        } else if taken.seats.len() >= CONNECTIONS {
            Some(taken.least_missed(now, |_| true).ok_or(Full::Total)?)
        } else {
            None
        };
        let left = displaced.and_then(|number| taken.remove(number));
        left.iter().for_each(|seat| seat.leave.cancel());
        let (number, seat) = taken.seat(client, now);
        drop(taken);
        Ok((Guest { seats: Arc::clone(self), number, seat }, left.is_some()))
    }

    /// Locks the seats; whoever panicked while they were locked left them whole.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Returns how many a neighbourhood has.
    fn of(&self, client: IpAddr) -> usize {
        self.clients.get(&client).copied().unwrap_or_default()
    }

    /// Takes a place.
    fn seat(&mut self, client: IpAddr, now: Instant) -> (u64, Arc<Seat>) {
        let number = self.next;
        self.next += 1;
        let seat = Arc::new(Seat { client, phase: Mutex::new((Phase::Idle, now)), leave: CancellationToken::new() });
        self.seats.insert(number, Arc::clone(&seat));
        *self.clients.entry(client).or_default() += 1;
        (number, seat)
    }

    /// Finds whom one would miss least among those who may make room.
    fn least_missed(&self, now: Instant, may: impl Fn(&Seat) -> bool) -> Option<u64> {
        let able = self.seats.iter().filter(|(_, seat)| may(seat)).filter_map(|(number, seat)| {
            let (is_idle, still) = seat.spare(now)?;
            Some(((is_idle, self.of(seat.client), still), *number))
        });
        able.max().map(|(_, number)| number)
    }

    /// Frees a place.
    fn remove(&mut self, number: u64) -> Option<Arc<Seat>> {
        let seat = self.seats.remove(&number)?;
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
    /// Notes that a request comes; what is returned ends with its body.
    pub(super) fn hear(self: &Arc<Seat>) -> Step {
        self.enter(Phase::Hearing);
        Step { seat: Arc::clone(self), from: Phase::Hearing, to: Phase::Working }
    }

    /// Notes that an answer goes; what is returned ends with its body.
    pub(super) fn tell(self: &Arc<Seat>) -> Step {
        self.enter(Phase::Telling);
        Step { seat: Arc::clone(self), from: Phase::Telling, to: Phase::Idle }
    }

    /// Notes that an answer goes that has no end: whoever watches comes again, and makes room like one who asks nothing.
    pub(super) fn watch(self: &Arc<Seat>) -> Step {
        self.enter(Phase::Idle);
        Step { seat: Arc::clone(self), from: Phase::Idle, to: Phase::Idle }
    }

    /// Notes what happens.
    fn enter(&self, phase: Phase) {
        *self.phase() = (phase, Instant::now());
    }

    /// Returns what happens.
    fn phase(&self) -> MutexGuard<'_, (Phase, Instant)> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells, of a connection that may make room, whether nothing is asked on it, and for how long it has been still.
    fn spare(&self, now: Instant) -> Option<(bool, Duration)> {
        let (phase, since) = *self.phase();
        let still = now.saturating_duration_since(since);
        match phase {
            Phase::Idle => Some((true, still)),
            Phase::Working => None,
            Phase::Hearing | Phase::Telling => (still >= PATIENCE).then_some((false, still)),
        }
    }
}

impl Guest {
    /// Returns the place.
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Waits until the connection has to make room.
    pub(super) async fn leave(&self) {
        self.seat.leave.cancelled().await;
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.seats.lock().remove(self.number);
    }
}

/// A step of a request, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Step {
    /// Where it is taken.
    seat: Arc<Seat>,
    /// What happens.
    from: Phase,
    /// What happens afterwards.
    to: Phase,
}

impl Drop for Step {
    fn drop(&mut self) {
        // Whoever is answered before all was heard is past this.
        if self.seat.phase().0 == self.from {
            self.seat.enter(self.to);
        }
    }
}

/// A body, and the step of a request that lasts as long.
pub(super) struct Stepped<B> {
    /// The body.
    body: B,
    /// The step.
    _step: Step,
}

impl<B> Stepped<B> {
    /// Ends a step with a body.
    pub(super) fn new(body: B, step: Step) -> Stepped<B> {
        Stepped { body, _step: step }
    }
}

impl<B: Body + Unpin> Body for Stepped<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets somebody of a network in at a time.
    fn admit(seats: &Arc<Seats>, network: u8, now: Instant) -> Result<Guest, Full> {
        seats.admit([192, 0, 2, network].into(), SHARE, now).map(|(guest, _)| guest)
    }

    /// Tells whether somebody has to leave.
    fn has_to_leave(guest: &Guest) -> bool {
        guest.seat.leave.is_cancelled()
    }

    #[test]
    fn beyond_its_share_a_client_displaces_only_itself() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
        let other = admit(&seats, 2, now - PATIENCE).unwrap();
        let mine: Vec<Guest> = (0..SHARE).map(|_| admit(&seats, 1, now).unwrap()).collect();
        let busy: Vec<Step> = mine[1..].iter().map(|guest| guest.seat().hear()).collect();
        let newest = admit(&seats, 1, now).unwrap();
        assert!(has_to_leave(&mine[0]) && !mine[1..].iter().any(has_to_leave) && !has_to_leave(&other));
        // Now something is asked on each of them.
        let last = newest.seat().hear();
        assert_eq!(admit(&seats, 1, now).unwrap_err(), Full::Client);
        assert!(admit(&seats, 3, now).is_ok(), "others are not concerned");
        // What was asked is answered, and whoever was served longest ago makes room.
        drop((busy, last));
        newest.seat().tell();
        assert!(admit(&seats, 1, now).is_ok() && has_to_leave(&newest));
    }

    #[test]
    fn whoever_only_watches_makes_room_at_once() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
        let watching: Vec<Guest> = (0..SHARE).map(|_| admit(&seats, 1, now).unwrap()).collect();
        let steps: Vec<Step> = watching.iter().map(|guest| guest.seat().watch()).collect();
        assert!(admit(&seats, 1, now).is_ok());
        assert_eq!(watching.iter().filter(|guest| has_to_leave(guest)).count(), 1);
        drop(steps);
    }

    #[test]
    fn whoever_has_the_most_makes_room_first_and_nobody_who_is_served() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
        // Three networks have their share, and many have one each: the oldest of all is one of these.
        let old = admit(&seats, 200, now - PATIENCE).unwrap();
        let many: Vec<Guest> =
            (0..3 * SHARE).map(|at| admit(&seats, u8::try_from(at % 3).unwrap(), now).unwrap()).collect();
        let rest = u8::try_from(CONNECTIONS - 3 * SHARE - 1).unwrap();
        let few: Vec<Guest> = (3..3 + rest).map(|network| admit(&seats, network, now).unwrap()).collect();
        let newest = admit(&seats, 201, now).unwrap();
        assert_eq!(many.iter().filter(|guest| has_to_leave(guest)).count(), 1);
        assert!(!has_to_leave(&old) && !few.iter().any(has_to_leave) && !has_to_leave(&newest));
        // All of them are at work: nobody makes room.
        let all = || many.iter().chain(&few).chain([&old, &newest]).filter(|guest| !has_to_leave(guest));
        let heard: Vec<Step> = all().map(|guest| guest.seat().hear()).collect();
        drop(heard);
        assert_eq!(admit(&seats, 202, now + PATIENCE * 100).unwrap_err(), Full::Total);
        // Answers under way are left in peace for a while, and then one of them makes room.
        let _told: Vec<Step> = all().map(|guest| guest.seat().tell()).collect();
        assert_eq!(admit(&seats, 202, now).unwrap_err(), Full::Total);
        assert!(admit(&seats, 202, Instant::now() + PATIENCE).is_ok());
    }

    #[test]
    fn a_place_is_free_when_its_connection_ends_however_it_ends() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
        let guests: Vec<Guest> = (0..SHARE + 3).map(|_| admit(&seats, 1, now).unwrap()).collect();
        assert_eq!(seats.lock().of([192, 0, 2, 1].into()), SHARE);
        drop(guests);
        let taken = seats.lock();
        assert!(taken.seats.is_empty() && taken.clients.is_empty());
    }

    #[test]
    fn a_proxy_of_ours_has_no_share_and_a_network_of_ipv6_has_one() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
        let proxied: Vec<_> =
            (0..2 * SHARE).map(|_| seats.admit([127, 0, 0, 1].into(), usize::MAX, now).unwrap()).collect();
        assert!(proxied.iter().all(|(guest, displaces)| !*displaces && !has_to_leave(guest)));
        let one = |host: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host]);
        let many: Vec<_> = (0..200).map(|host| seats.admit(one(host), SHARE, now).unwrap()).collect();
        assert_eq!(many.iter().filter(|(guest, _)| !has_to_leave(guest)).count(), SHARE);
    }

    #[test]
    fn a_request_passes_through_its_steps() {
        let (seats, now) = (Arc::new(Seats::default()), Instant::now());
        let guest = admit(&seats, 1, now).unwrap();
        let phase = || guest.seat().phase().0;
        let heard = guest.seat().hear();
        assert_eq!(phase(), Phase::Hearing);
        drop(heard);
        assert_eq!(phase(), Phase::Working);
        let told = guest.seat().tell();
        drop(told);
        assert_eq!(phase(), Phase::Idle);
        // An answer before the end of the request.
        let heard = guest.seat().hear();
        let told = guest.seat().tell();
        drop(heard);
        assert_eq!(phase(), Phase::Telling);
        drop(told);
        assert_eq!(phase(), Phase::Idle);
    }
}
