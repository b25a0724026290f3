//! Connections of MTAs: let in, and followed to their end

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_wire::milter::{Actions, Limits, Reply, Session, Wishes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::conversation::{Broken, Conversation, Happening};
use super::hearing::attend;
use super::{Front, Gate, Role, sign};
use crate::door::{self, Host, Roll, Room, Seat};
use crate::metrics::{Metrics, Words};

/// What we have to be able to do with a mail.
const WISHES: Wishes = Wishes { needed: Actions::ADD_HEADERS | Actions::CHANGE_HEADERS, welcome: Actions::QUARANTINE };
/// The most octets of recipients that are kept of one mail.
const RECIPIENT_OCTETS: usize = 64 * 1024;

/// Takes connections until `shutdown`, as [`door::keep`] does it.
pub(crate) async fn listen(listener: TcpListener, role: Role, house: Arc<Front>, shutdown: CancellationToken) {
    door::keep(listener, Listener { role, house }, shutdown).await;
}

/// One listener of the gate.
struct Listener {
    /// What it does with mails.
    role: Role,
    /// What all listeners share.
    house: Arc<Front>,
}

impl Host for Listener {
    fn by(&self) -> &'static str {
        ""
    }

    fn take(&self, stream: TcpStream, mta: SocketAddr, conversations: &mut JoinSet<()>, shutdown: &CancellationToken) {
        let (role, house) = (self.role, Arc::clone(&self.house));
        let gate = house.gate();
        let room = Room { total: gate.section.max_sessions, client: gate.section.max_sessions_per_client };
        let guest = match house.roll.admit(mta.ip(), room) {
            Ok(guest) => guest,
            Err(full) => {
                house.metrics.sessions_refused.count(full.as_str());
                if house.roll.may_complain() {
                    warn!(mta = %mta, limit = full.as_str(), "refused a connection beyond the limit");
                }
                return;
            }
        };
        house.metrics.sessions_begun.inc();
        let shutdown = shutdown.clone();
        conversations.spawn(async move {
            let _present = Present::new(&house.metrics);
            let ended = tokio::select! {
                ended = converse(&gate, role, stream, Arc::clone(guest.seat()), &shutdown) => ended,
                () = guest.leave() => {
                    house.metrics.sessions_displaced.inc();
                    debug!(mta = %mta, "ended an idle conversation to make room");
                    Ok(())
                }
            };
            if let Err(why) = ended {
                house.metrics.session_failures.count(why.kind());
                // One line tells of many: a monitor that only knocks would else fill the log.
                if house.roll.may_complain() {
                    warn!(mta = %mta, error = %why, "ended a conversation");
                } else {
                    debug!(mta = %mta, error = %why, "ended a conversation");
                }
            }
        });
    }

    fn roll(&self) -> &Roll {
        &self.house.roll
    }

    fn metrics(&self) -> &Metrics {
        &self.house.metrics
    }

    fn failures(&self) -> &Words {
        &self.house.metrics.session_failures
    }

    fn patience(&self) -> Duration {
        self.house.gate().patience()
    }
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
    let mut is_counted = false;
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
        if !is_counted && conversation.is_agreed() {
            is_counted = true;
            gate.metrics.sessions_agreed.inc();
        }
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
