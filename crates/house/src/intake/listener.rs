//! Connections: taken, bounded, heard, and ended in order

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_wire::smtp::Farewell;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::Intake;
use super::conversation::converse;
use crate::gate::Room;

/// How long we wait before we take connections again, where that failed.
const PAUSE: Duration = Duration::from_millis(200);
/// How long mails under way may take, when we have to stop.
const LAST_WORDS: Duration = Duration::from_secs(25);

/// Takes connections until `shutdown`. Conversations between two mails end then, mails under way may end, and what does not
/// in time is cut off: its sender heard no `250` and comes again.
pub(crate) async fn listen(listener: TcpListener, house: Arc<Intake>, shutdown: CancellationToken) {
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
            Ok((stream, peer)) => take(stream, peer, &house, &mut conversations, &shutdown),
            // It went away before we looked.
            Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(why) => {
                house.metrics.accept_failures.inc();
                warn!(error = %why, "cannot take a connection by SMTP; trying again");
                house.roll.make_room();
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    let finished = timeout(LAST_WORDS, async {
        while let Some(ended) = conversations.join_next().await {
            house.note_end(&ended);
        }
    })
    .await;
    if finished.is_err() {
        warn!(sessions = conversations.len(), "cut off conversations by SMTP that did not end in time");
    }
}

/// Lets a connection in, where there is room for it, and follows it.
fn take(
    stream: TcpStream,
    peer: SocketAddr,
    house: &Arc<Intake>,
    conversations: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) {
    let rules = house.rules();
    let room = Room { total: rules.section.max_sessions, client: rules.section.max_sessions_per_client };
    let guest = match house.roll.admit(peer.ip().to_canonical(), room) {
        Ok(guest) => guest,
        Err(full) => {
            house.metrics.intake.sessions_refused.count(full.as_str());
            if house.roll.may_complain() {
                warn!(client.ip = %peer.ip(), limit = full.as_str(), "refused a connection by SMTP beyond the limit");
            }
            let mut farewell = Vec::new();
            Farewell::Busy.write(&mut farewell);
            // A new connection has room for a line; where it has none nothing is lost.
            let _ = stream.try_write(&farewell);
            return;
        }
    };
    if let Err(why) = stream.set_nodelay(true) {
        warn!(client.ip = %peer.ip(), error = %why, "cannot send without delay");
    }
    let (house, shutdown) = (Arc::clone(house), shutdown.clone());
    conversations.spawn(async move {
        let _present = Present::new(&house);
        let ended = tokio::select! {
            ended = converse(stream, peer.ip().to_canonical(), &house, &rules, guest.seat(), &shutdown) => ended,
            () = guest.leave() => {
                house.metrics.intake.sessions_displaced.inc();
                debug!(client.ip = %peer.ip(), "ended a conversation by SMTP to make room");
                Ok(())
            }
        };
        if let Err(why) = ended {
            house.metrics.intake.session_failures.count(why.kind());
            debug!(client.ip = %peer.ip(), error = %why, "ended a conversation by SMTP");
        }
    });
}

/// A conversation, counted for as long as it lasts, however it ends.
struct Present<'a>(&'a Intake);

impl Present<'_> {
    /// Counts it.
    fn new(house: &Intake) -> Present<'_> {
        house.metrics.intake.sessions_begun.inc();
        house.metrics.intake.sessions.inc();
        Present(house)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.metrics.intake.sessions.dec();
    }
}

impl Intake {
    /// Notes a conversation that ended in a fault of ours: its connection is closed, and its mail was not acknowledged.
    fn note_end(&self, ended: &Result<(), JoinError>) {
        if ended.as_ref().is_err_and(JoinError::is_panic) {
            self.metrics.intake.session_failures.count("panic");
            error!("a conversation by SMTP panicked, and was ended");
        }
    }
}
