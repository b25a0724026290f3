//! Connections: taken, bounded, heard, and ended in order

use std::sync::Arc;
use std::time::Duration;

use sekisho_wire::milter::{Actions, Limits, Reply, Session, Wishes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::conversation::{Broken, Conversation, Happening};
use super::hearing::attend;
use super::{Gate, Role, sign};

/// What we have to be able to do with a mail.
const WISHES: Wishes = Wishes { needed: Actions::ADD_HEADERS | Actions::CHANGE_HEADERS, welcome: Actions::QUARANTINE };
/// The most octets of recipients that are kept of one mail.
const RECIPIENT_OCTETS: usize = 64 * 1024;
/// How long we wait before we take connections again, where that failed.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes connections until `shutdown`; the conversations that are under way then are finished.
pub(crate) async fn listen(listener: TcpListener, role: Role, gate: Arc<Gate>, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(gate.section.max_sessions));
    let mut conversations = JoinSet::new();
    loop {
        let taken = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = conversations.join_next() => continue,
            taken = listener.accept() => taken,
        };
        let (stream, peer) = match taken {
            Ok(taken) => taken,
            Err(why) => {
                warn!(error = %why, "cannot take a connection; trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            warn!(%peer, limit = gate.section.max_sessions, "refused a connection beyond the limit");
            continue;
        };
        if let Err(why) = stream.set_nodelay(true) {
            warn!(%peer, error = %why, "cannot send without delay");
        }
        let gate = Arc::clone(&gate);
        let shutdown = shutdown.clone();
        conversations.spawn(async move {
            if let Err(why) = converse(&gate, role, stream, &shutdown).await {
                warn!(%peer, error = %why, "ended a conversation");
            }
            drop(permit);
        });
    }
    drop(listener);
    while conversations.join_next().await.is_some() {}
}

/// Follows one conversation to its end.
async fn converse<S>(gate: &Gate, role: Role, stream: S, shutdown: &CancellationToken) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = Limits { header_octets: gate.policy.max_header_bytes, recipient_octets: RECIPIENT_OCTETS };
    let mut conversation = Conversation::new(stream, Session::new(WISHES, limits));
    loop {
        let happening = tokio::select! {
            biased;
            happening = conversation.next() => happening?,
            // Between two mails nobody waits for us.
            () = shutdown.cancelled() => return Ok(()),
        };
        let over = match happening {
            Happening::HeaderEnded if role == Role::Sign => sign::attend(gate, &mut conversation).await?,
            Happening::HeaderEnded => attend(gate, &mut conversation).await?,
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
