//! Connections: taken, bounded, heard, and ended in order

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_wire::milter::{Actions, Limits, Reply, Session, Wishes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::conversation::{Broken, Conversation, Happening};
use super::hearing::attend;
use super::roll::{Room, Seat};
use super::{Front, Gate, Role, sign};
use crate::metrics::Metrics;

/// What we have to be able to do with a mail.
const WISHES: Wishes = Wishes { needed: Actions::ADD_HEADERS | Actions::CHANGE_HEADERS, welcome: Actions::QUARANTINE };
/// The most octets of recipients that are kept of one mail.
const RECIPIENT_OCTETS: usize = 64 * 1024;
/// How long we wait before we take connections again, where that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes connections until `shutdown`. Conversations between two mails end then, mails under way are finished, and what is
/// not finished after the gate's patience is cut off: its MTA hears no answer and puts the mail off.
pub(crate) async fn listen(listener: TcpListener, role: Role, house: Arc<Front>, shutdown: CancellationToken) {
    let mut conversations = JoinSet::new();
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = conversations.join_next() => {
                house.note_end(&ended);
                continue;
            }
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, peer)) => take(stream, (role, peer), &house, &mut conversations, &shutdown),
            // It went away before we looked.
            Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(why) => {
                house.metrics.accept_failures.inc();
                warn!(error = %why, "cannot take a connection; trying again");
                house.roll.make_room();
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    let finished = timeout(house.gate().patience(), async {
        while let Some(ended) = conversations.join_next().await {
            house.note_end(&ended);
        }
    })
    .await;
    if finished.is_err() {
        warn!(sessions = conversations.len(), "cut off conversations that did not end in time");
    }
}

/// Lets a connection in, where there is room for it, and follows it.
fn take(
    stream: TcpStream,
    (role, peer): (Role, SocketAddr),
    house: &Arc<Front>,
    conversations: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) {
    let gate = house.gate();
    let room = Room { total: gate.section.max_sessions, client: gate.section.max_sessions_per_client };
    let guest = match house.roll.admit(peer.ip(), room) {
        Ok(guest) => guest,
        Err(full) => {
            house.metrics.sessions_refused.count(full.as_str());
            if house.roll.may_complain() {
                warn!(mta = %peer, limit = full.as_str(), "refused a connection beyond the limit");
            }
            return;
        }
    };
    if let Err(why) = stream.set_nodelay(true) {
        warn!(mta = %peer, error = %why, "cannot send without delay");
    }
    house.metrics.sessions_begun.inc();
    let (house, shutdown) = (Arc::clone(house), shutdown.clone());
    conversations.spawn(async move {
        let _present = Present::new(&house.metrics);
        let ended = tokio::select! {
            ended = converse(&gate, role, stream, Arc::clone(guest.seat()), &shutdown) => ended,
            () = guest.leave() => {
                house.metrics.sessions_displaced.inc();
                debug!(mta = %peer, "ended an idle conversation to make room");
                Ok(())
            }
        };
        if let Err(why) = ended {
            house.metrics.session_failures.count(why.kind());
            warn!(mta = %peer, error = %why, "ended a conversation");
        }
    });
}

/// A conversation, counted for as long as it lasts, however it ends.
struct Present<'a>(&'a Metrics);

impl Present<'_> {
    /// Counts it.
    fn new(metrics: &Metrics) -> Present<'_> {
        metrics.sessions.inc();
        Present(metrics)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.sessions.dec();
    }
}

impl Front {
    /// Notes a conversation that ended in a fault of ours: its connection is closed, and its MTA puts the mail off.
    fn note_end(&self, ended: &Result<(), JoinError>) {
        if ended.as_ref().is_err_and(JoinError::is_panic) {
            self.metrics.session_failures.count("panic");
            error!("a conversation panicked, and was ended");
        }
    }
}

/// Follows one conversation to its end.
async fn converse<S>(
    gate: &Gate,
    role: Role,
    stream: S,
    seat: Arc<Seat>,
    shutdown: &CancellationToken,
) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = Limits { header_octets: gate.policy.max_header_bytes, recipient_octets: RECIPIENT_OCTETS };
    let mut conversation = Conversation::new(stream, Session::new(WISHES, limits), seat);
    loop {
        let happening = tokio::select! {
            biased;
            happening = conversation.next() => Some(happening?),
            () = shutdown.cancelled() => None,
        };
        let happening = match happening {
            Some(happening) => happening,
            None if conversation.is_in_mail() => conversation.next().await?,
            // Between two mails nobody waits for us.
            None => return Ok(()),
        };
        let over = match happening {
            Happening::HeaderEnded => {
                conversation.seat().set_hearing(true);
                // A hearing is large, and most conversations are idle most of the time.
                let over = match role {
                    Role::Verify => Box::pin(attend(gate, &mut conversation)).await?,
                    Role::Sign => Box::pin(sign::attend(gate, &mut conversation)).await?,
                };
                conversation.rest();
                conversation.seat().set_hearing(false);
                conversation.seat().set_ours(false);
                over
            }
            other => other,
        };
        match over {
            Happening::Closed => return Ok(()),
            Happening::Aborted => {}
            // The session lets no mail end before its header did.
            Happening::HeaderEnded | Happening::MessageEnded => conversation.say(&Reply::Tempfail),
        }
    }
}
