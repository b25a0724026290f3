//! A sender of mails: in one session each, and again where the server asked for it or went away

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Client, Reply, SmtpClient};

/// A mail and its envelope.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Who brings it; the loopback host where nobody is named.
    pub client: Option<Client>,
    /// The name it says for itself.
    pub helo: String,
    /// The return path, without brackets; empty for the null path.
    pub from: String,
    /// Whom it is for, without brackets.
    pub to: Vec<String>,
    /// The mail.
    pub mail: Vec<u8>,
}

/// What became of a letter.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The last answer; `None` where the connection was always lost before one.
    pub reply: Option<Reply>,
    /// How often it was tried.
    pub attempts: usize,
    /// How many of them ended in a 4xx answer.
    pub put_off: usize,
    /// How many of them ended without an answer.
    pub lost: usize,
}

impl Letter {
    /// Returns a letter from a host without a name of note.
    pub fn new(from: &str, to: &str, mail: impl AsRef<[u8]>) -> Letter {
        let (helo, mail) = ("client.test".to_owned(), mail.as_ref().to_vec());
        Letter { client: None, helo, from: from.to_owned(), to: vec![to.to_owned()], mail }
    }

    /// Says who brings it.
    pub fn by(self, client: Client, helo: &str) -> Letter {
        Letter { client: Some(client), helo: helo.to_owned(), ..self }
    }
}

/// Brings a letter, in a session of its own, and returns the answer that decided: the first refusal, or that to the mail.
pub fn deliver(server: SocketAddr, letter: &Letter) -> io::Result<Reply> {
    let mut session = SmtpClient::connect(server)?;
    if session.greeting().code != 220 {
        return Ok(session.greeting().clone());
    }
    let mut commands = vec![format!("EHLO {}", letter.helo)];
    if let Some(client) = &letter.client {
        commands.push(format!("XCLIENT {client}"));
        commands.push(format!("EHLO {}", letter.helo));
    }
    commands.push(format!("MAIL FROM:<{}>", letter.from));
    commands.extend(letter.to.iter().map(|to| format!("RCPT TO:<{to}>")));
    for command in commands {
        let reply = session.say(&command)?;
        if reply.code >= 400 {
            return Ok(reply);
        }
    }
    let reply = session.data(&letter.mail)?;
    // What was accepted was accepted, even if the parting is not heard.
    let _ = session.say("QUIT");
    Ok(reply)
}

/// Brings all letters over `sessions` connections at a time, and each again after `pause` as long as the answer is 4xx or
/// none, until it is accepted, refused or `limit` is over. What was answered 250 is never sent again.
pub fn deliver_all(
    server: SocketAddr,
    letters: &[Letter],
    sessions: usize,
    pause: Duration,
    limit: Duration,
) -> Vec<Outcome> {
    let start = Instant::now();
    let queue = Mutex::new((0..letters.len()).collect::<VecDeque<_>>());
    // A function, so that the lock is let go before the letter is brought.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let blank = Outcome { reply: None, attempts: 0, put_off: 0, lost: 0 };
    let outcomes: Vec<_> = letters.iter().map(|_| Mutex::new(blank.clone())).collect();
    thread::scope(|scope| {
        for _ in 0..sessions {
            scope.spawn(|| {
                while let Some(turn) = next() {
                    let mut outcome = outcomes[turn].lock().unwrap_or_else(PoisonError::into_inner);
                    if outcome.attempt(server, &letters[turn]) && start.elapsed() < limit {
                        drop(outcome);
                        queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(turn);
                        thread::sleep(pause);
                    }
                }
            });
        }
    });
    outcomes.into_iter().map(|outcome| outcome.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

impl Outcome {
    /// Tells whether the letter was accepted.
    pub fn accepted(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| reply.code == 250)
    }

    /// Tries once; tells whether it should be tried again.
    fn attempt(&mut self, server: SocketAddr, letter: &Letter) -> bool {
        self.attempts += 1;
        match deliver(server, letter) {
            Ok(reply) => {
                let again = reply.is_temporary();
                self.put_off += usize::from(again);
                self.reply = Some(reply);
                again
            }
            Err(_) => {
                self.lost += 1;
                true
            }
        }
    }
}
