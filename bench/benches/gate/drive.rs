//! One MTA with many sessions: shows the same mails to each peer, and takes the time

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sekisho_testkit::milter::{Delivery, Mta, Prepared, Replies};

use crate::mails::Letter;

/// How long the mails are shown.
const LIMIT: Duration = Duration::from_millis(2500);
/// How many mails are shown at least, two rounds, unless that takes too long.
const LEAST: usize = 120;
/// How long that may be.
const LONGEST: Duration = Duration::from_secs(15);

/// The mails, made ready for a chain of filters: what the first one inserts is seen by the second.
pub(crate) struct Course {
    /// Where the filters listen.
    filters: Vec<SocketAddr>,
    /// For each mail what each of the filters is shown.
    mails: Vec<Vec<Prepared>>,
}

/// What was measured.
pub(crate) struct Measured {
    /// How many mails were answered.
    pub(crate) mails: usize,
    /// How long that took.
    pub(crate) wall: Duration,
    /// How long each answer took, from the first octet of the mail on; sorted.
    pub(crate) answers: Vec<Duration>,
    /// What was said of each mail.
    pub(crate) said: Sayings,
}

/// For each mail the different things that a chain of filters said of it, and how often.
pub(crate) struct Sayings(pub(crate) Vec<Vec<(Vec<Replies>, usize)>>);

impl Course {
    /// Shows each mail once, and keeps what has to be shown.
    pub(crate) fn prepare(filters: &[SocketAddr], letters: &[Letter]) -> io::Result<Course> {
        let mut mtas: Vec<Mta> = filters.iter().map(|filter| Mta::new(*filter)).collect();
        let mut course = Course { filters: filters.to_vec(), mails: Vec::new() };
        for (at, letter) in letters.iter().enumerate() {
            let (queue_id, mut mail, mut shown) = (format!("4XyZ{at:05X}"), letter.mail.clone(), Vec::new());
            for mta in &mut mtas {
                let delivery = Delivery {
                    client_host: "out.provider.example.org",
                    client_ip: Some([192, 0, 2, 10].into()),
                    helo: "out.provider.example.org",
                    mail_from: &letter.mail_from,
                    queue_id: &queue_id,
                    ..Delivery::of(&mail)
                };
                let prepared = mta.prepare(&delivery)?;
                mail = prepared.apply(&mta.show(&prepared)?)?.mail;
                shown.push(prepared);
            }
            course.mails.push(shown);
        }
        Ok(course)
    }

    /// Shows the mails again and again in so many sessions.
    pub(crate) fn run(&self, sessions: usize) -> io::Result<Measured> {
        let next = AtomicUsize::new(0);
        let begun = Instant::now();
        let (mut answers, said) = thread::scope(|scope| {
            let threads: Vec<_> = (0..sessions).map(|_| scope.spawn(|| self.session(&next, begun))).collect();
            let (mut answers, mut said) = (Vec::new(), Sayings::of(self.mails.len()));
            for thread in threads {
                let (took, heard) = thread.join().expect("a session that does not panic")?;
                answers.extend(took);
                said.extend(heard);
            }
            Ok::<_, io::Error>((answers, said))
        })?;
        let wall = begun.elapsed();
        answers.sort_unstable();
        Ok(Measured { mails: answers.len(), wall, answers, said })
    }

    /// Shows mails in one session.
    fn session(&self, next: &AtomicUsize, begun: Instant) -> io::Result<(Vec<Duration>, Sayings)> {
        let mut mtas: Vec<Mta> = self.filters.iter().map(|filter| Mta::new(*filter)).collect();
        let (mut answers, mut said) = (Vec::new(), Sayings::of(self.mails.len()));
        loop {
            let (number, elapsed) = (next.fetch_add(1, Ordering::Relaxed), begun.elapsed());
            if elapsed >= LONGEST || elapsed >= LIMIT && number >= LEAST {
                return Ok((answers, said));
            }
            let at = number % self.mails.len();
            let shown = Instant::now();
            let replies: io::Result<Vec<Replies>> =
                mtas.iter_mut().zip(&self.mails[at]).map(|(mta, prepared)| mta.show(prepared)).collect();
            let replies = replies?;
            answers.push(shown.elapsed());
            said.add(at, replies, 1);
        }
    }
}

impl Sayings {
    /// Makes room for what is said of so many mails.
    fn of(mails: usize) -> Sayings {
        Sayings(vec![Vec::new(); mails])
    }

    /// Counts what was said of a mail so often.
    fn add(&mut self, mail: usize, replies: Vec<Replies>, often: usize) {
        match self.0[mail].iter_mut().find(|(known, _)| *known == replies) {
            Some((_, count)) => *count += often,
            None => self.0[mail].push((replies, often)),
        }
    }

    /// Counts what another session heard.
    fn extend(&mut self, other: Sayings) {
        for (mail, sayings) in other.0.into_iter().enumerate() {
            sayings.into_iter().for_each(|(replies, often)| self.add(mail, replies, often));
        }
    }

    /// Returns which share of the octets that were ready for them the filters did not want to be shown.
    pub(crate) fn spared(&self) -> f64 {
        let (mut spared, mut all) = (0, 0);
        for (replies, often) in self.0.iter().flatten() {
            spared += often * replies.iter().map(|one| one.spared).sum::<usize>();
            all += often * replies.iter().map(|one| one.spared + one.shown).sum::<usize>();
        }
        crate::count(spared) / crate::count(all.max(1))
    }
}

impl Measured {
    /// Returns the time that so many of a hundred answers took at most.
    pub(crate) fn percentile(&self, of_hundred: usize) -> Duration {
        let at = (self.answers.len() * of_hundred / 100).min(self.answers.len().saturating_sub(1));
        self.answers.get(at).copied().unwrap_or_default()
    }
}
