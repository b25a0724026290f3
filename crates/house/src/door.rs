//! The door that the milter and the SMTP intake share: connections are taken, followed, and ended in order
//!
//! A connection that cannot be taken ends nothing: it is told of, waited out, and tried again. Who is here stands in the [`roll`];
//! what all conversations of a door keep in memory together is bounded by their [`stock`].

mod roll;
mod stock;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::metrics::{Metrics, Words};
pub(crate) use roll::{Full, Roll, Room, Seat};
pub(crate) use stock::Portion;

/// How long we wait before we take connections again, where that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Who is behind a door.
pub(crate) trait Host {
    /// Returns how its conversations are called in the log, behind the word: nothing, or ` by SMTP`.
    fn by(&self) -> &'static str;

    /// Lets a connection in, where there is room for it, and follows it.
    fn take(&self, stream: TcpStream, peer: SocketAddr, conversations: &mut JoinSet<()>, shutdown: &CancellationToken);

    /// Returns who is here.
    fn roll(&self) -> &Roll;

    /// Returns what is counted.
    fn metrics(&self) -> &Metrics;

    /// Returns where conversations are counted that could not go on.
    fn failures(&self) -> &Words;

    /// Returns how long conversations may last that are under way when we have to stop.
    fn patience(&self) -> Duration;
}

/// Takes connections until `shutdown`. Conversations between two mails end then, mails under way may end, and what does not in
/// the host's patience is cut off: its client heard no answer and comes again.
pub(crate) async fn keep<H: Host>(listener: TcpListener, host: H, shutdown: CancellationToken) {
    let (by, mut conversations) = (host.by(), JoinSet::new());
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = conversations.join_next() => {
                note_end(&host, &ended);
                continue;
            }
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, peer)) => {
                if let Err(why) = stream.set_nodelay(true) {
                    warn!(client.ip = %peer.ip(), error = %why, "cannot send without delay");
                }
                host.take(stream, peer, &mut conversations, &shutdown);
            }
            // It went away before we looked.
            Err(why) if why.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(why) => {
                host.metrics().accept_failures.inc();
                warn!(error = %why, "cannot take a connection{by}; trying again");
                host.roll().make_room();
                tokio::select! {
                    () = shutdown.cancelled() => break,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
    drop(listener);
    let finished = timeout(host.patience(), async {
        while let Some(ended) = conversations.join_next().await {
            note_end(&host, &ended);
        }
    })
    .await;
    if finished.is_err() {
        warn!(sessions = conversations.len(), "cut off conversations{by} that did not end in time");
    }
}

/// Notes a conversation that ended in a fault of ours: its connection is closed, and nothing of it was acknowledged.
fn note_end<H: Host>(host: &H, ended: &Result<(), JoinError>) {
    if ended.as_ref().is_err_and(JoinError::is_panic) {
        host.failures().count("panic");
        error!("a conversation{} panicked, and was ended", host.by());
    }
}
