//! One MTA with many sessions: shows the same mails to each peer, and takes the time

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sekisho_testkit::milter::{Delivery, Mta, Prepared, Seen};

use crate::mails::Letter;

/// The mails, made ready for a chain of filters: what the first one inserts is seen by the second.
pub(crate) struct Course {
    /// Where the filters listen.
    filters: Vec<SocketAddr>,
    /// For each mail what each of the filters is shown.
    mails: Vec<Vec<Prepared>>,
    /// For each mail what became of it.
    pub(crate) seen: Vec<Seen>,
}

/// What was measured.
pub(crate) struct Measured {
    /// How many mails were answered.
    pub(crate) mails: usize,
    /// How long that took.
    pub(crate) wall: Duration,
    /// How long each answer took, from the first octet of the mail on; sorted.
    pub(crate) answers: Vec<Duration>,
}

impl Course {
    /// Shows each mail once, and keeps what has to be shown.
    pub(crate) fn prepare(filters: &[SocketAddr], letters: &[Letter]) -> io::Result<Course> {
        let mut mtas: Vec<Mta> = filters.iter().map(|filter| Mta::new(*filter)).collect();
        let mut course = Course { filters: filters.to_vec(), mails: Vec::new(), seen: Vec::new() };
        for (at, letter) in letters.iter().enumerate() {
            let (queue_id, mut mail, mut shown, mut last) =
                (format!("4XyZ{at:05X}"), letter.mail.clone(), Vec::new(), None);
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
                let seen = prepared.apply(&mta.show(&prepared)?)?;
                mail.clone_from(&seen.mail);
                shown.push(prepared);
                last = Some(seen);
            }
            course.mails.push(shown);
            course.seen.extend(last);
        }
        Ok(course)
    }

    /// Shows the mails again and again in so many sessions, for so long.
    pub(crate) fn run(&self, sessions: usize, limit: Duration) -> io::Result<Measured> {
        let next = AtomicUsize::new(0);
        let begun = Instant::now();
        let mut answers = thread::scope(|scope| {
            let threads: Vec<_> = (0..sessions).map(|_| scope.spawn(|| self.session(&next, begun, limit))).collect();
            let mut answers = Vec::new();
            for thread in threads {
                answers.extend(thread.join().expect("a session that does not panic")?);
            }
            Ok::<_, io::Error>(answers)
        })?;
        let wall = begun.elapsed();
        answers.sort_unstable();
        Ok(Measured { mails: answers.len(), wall, answers })
    }

    /// Shows mails in one session.
    fn session(&self, next: &AtomicUsize, begun: Instant, limit: Duration) -> io::Result<Vec<Duration>> {
        let mut mtas: Vec<Mta> = self.filters.iter().map(|filter| Mta::new(*filter)).collect();
        let mut answers = Vec::new();
        while begun.elapsed() < limit {
            let mail = &self.mails[next.fetch_add(1, Ordering::Relaxed) % self.mails.len()];
            let shown = Instant::now();
            for (mta, prepared) in mtas.iter_mut().zip(mail) {
                mta.show(prepared)?;
            }
            answers.push(shown.elapsed());
        }
        Ok(answers)
    }
}

impl Measured {
    /// Returns the time that so many of a hundred answers took at most.
    pub(crate) fn percentile(&self, of_hundred: usize) -> Duration {
        let at = (self.answers.len() * of_hundred / 100).min(self.answers.len().saturating_sub(1));
        self.answers.get(at).copied().unwrap_or_default()
    }
}
