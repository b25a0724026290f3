//! Connections of those who bring reports: let in, and followed to their end

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_wire::smtp::{Farewell, Protocol};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Intake;
use super::conversation::converse;
use crate::door::{self, Host, Roll, Room};
use crate::metrics::{Metrics, Words};

/// How long mails under way may take, when we have to stop.
const LAST_WORDS: Duration = Duration::from_secs(25);

/// Takes connections until `shutdown`, as [`door::keep`] does it.
pub(crate) async fn listen(listener: TcpListener, house: Arc<Intake>, speech: Protocol, shutdown: CancellationToken) {
    door::keep(listener, Listener { house, speech }, shutdown).await;
}

/// One listener of the intake.
struct Listener {
    /// What all of them share.
    house: Arc<Intake>,
    /// What is spoken here.
    speech: Protocol,
}

impl Host for Listener {
    fn by(&self) -> &'static str {
        match self.speech {
            Protocol::Smtp => " by SMTP",
            Protocol::Lmtp => " by LMTP",
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr, conversations: &mut JoinSet<()>, shutdown: &CancellationToken) {
        let (house, speech) = (Arc::clone(&self.house), self.speech);
        let rules = house.rules();
        let room = Room { total: rules.section.max_sessions, client: rules.section.max_sessions_per_client };
        let guest = match house.roll.admit(peer.ip().to_canonical(), room) {
            Ok(guest) => guest,
            Err(full) => {
                house.metrics.intake.sessions_refused.count(full.as_str());
                if house.roll.may_complain() {
                    warn!(client.ip = %peer.ip(), limit = full.as_str(), "refused a connection{} beyond the limit", self.by());
                }
                let mut farewell = Vec::new();
                Farewell::Busy.write(&mut farewell);
                // A new connection has room for a line; where it has none nothing is lost.
                let _ = stream.try_write(&farewell);
                return;
            }
        };
        let (shutdown, by) = (shutdown.clone(), self.by());
        conversations.spawn(async move {
            let _present = Present::new(&house);
            let ended = tokio::select! {
                ended = converse(stream, peer.ip().to_canonical(), &house, (&rules, speech), guest.seat(), &shutdown) => ended,
                () = guest.leave() => {
                    house.metrics.intake.sessions_displaced.inc();
                    debug!(client.ip = %peer.ip(), "ended a conversation{by} to make room");
                    Ok(())
                }
            };
            if let Err(why) = ended {
                house.metrics.intake.session_failures.count(why.kind());
                debug!(client.ip = %peer.ip(), error = %why, "ended a conversation{by}");
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
        &self.house.metrics.intake.session_failures
    }

    fn patience(&self) -> Duration {
        LAST_WORDS
    }
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
