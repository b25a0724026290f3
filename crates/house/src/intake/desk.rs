//! The desk where complete mails are handed in, and the clerk who notes them
//!
//! Evidence first: each conversation puts its own mail into the vault. Then the clerk notes whatever waits in one transaction, so
//! that many mails wait for the disk once. What is answered here with a receipt outlives the process and a loss of power.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sekisho_ledger::{Channel, Envelope, Fault, Intake as Deposit, Ledger, Receipt, ReportKind};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::reports::import::intake as deposit;
use crate::store::Archive;

/// How many mails may wait for the clerk.
const WAITING: usize = 1024;
/// How many of them are noted in one transaction.
const AT_A_TIME: usize = 128;

/// Where mails are handed in.
pub(super) struct Desk {
    /// Where they go.
    archive: Archive,
    /// To the clerk.
    to_clerk: mpsc::Sender<Slip>,
    /// Whether the last mail could not be kept: a log tells of it once.
    is_closed: Arc<AtomicBool>,
}

/// What the clerk is handed: what is to be noted of one mail, and who waits for it.
struct Slip {
    /// One row for each kind of recipient.
    deposits: Vec<Deposit>,
    /// Where the answer goes.
    answer: oneshot::Sender<Result<Vec<Receipt>, NotNow>>,
}

/// Who notes what was handed in.
pub(crate) struct Clerk {
    /// Where it is noted.
    archive: Archive,
    /// From the desk.
    from_desk: mpsc::Receiver<Slip>,
}

/// What became of a mail that was kept: one report for each kind of recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Its kind.
    pub(super) kind: ReportKind,
    /// The name of the report.
    pub(super) id: String,
    /// Whether it is new.
    pub(super) fate: Fate,
}

/// What became of a report that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was noted.
    New,
    /// It had been noted before.
    Known,
    /// It could not be kept, and its sender was told to try again.
    Later,
}

impl Fate {
    /// Every fate.
    pub(crate) const ALL: [Fate; 3] = [Fate::New, Fate::Known, Fate::Later];

    /// Returns the stable word for logs and counters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Fate::New => "new",
            Fate::Known => "known",
            Fate::Later => "later",
        }
    }
}

/// Why a mail cannot be kept now.
#[derive(Clone, Debug)]
pub(super) struct NotNow(String);

impl NotNow {
    /// Says what failed, with its causes.
    fn of(why: &dyn std::error::Error) -> NotNow {
        let causes = std::iter::successors(why.source(), |why| why.source());
        NotNow(causes.fold(why.to_string(), |said, cause| format!("{said}: {cause}")))
    }
}

impl Desk {
    /// Opens a desk before an archive, and names its clerk.
    pub(super) fn new(archive: Archive) -> (Desk, Clerk) {
        let (to_clerk, from_desk) = mpsc::channel(WAITING);
        let clerk = Clerk { archive: archive.clone(), from_desk };
        (Desk { archive, to_clerk, is_closed: Arc::default() }, clerk)
    }

    /// Returns how many octets the disk of the data folder has room for; nothing where it does not say.
    pub(super) async fn room(&self) -> Option<u64> {
        let folder = self.archive.folder().clone();
        // A disk that is far away may keep us waiting.
        tokio::task::spawn_blocking(move || folder.room()).await.ok().flatten()
    }

    /// Keeps a mail: one report for each kind of recipient, and for whom it came. When this returns it is durable.
    pub(super) async fn take(
        &self,
        mail: Vec<u8>,
        channel: Channel,
        envelopes: Vec<(ReportKind, Envelope)>,
    ) -> Result<Vec<Kept>, NotNow> {
        let taken = self.try_take(mail, channel, envelopes).await;
        match &taken {
            Err(NotNow(why)) if !self.is_closed.swap(true, Ordering::Relaxed) => {
                warn!(error = %why, "reports cannot be kept now; their senders are told to try again");
            }
            Ok(_) if self.is_closed.swap(false, Ordering::Relaxed) => info!("reports are kept again"),
            _ => {}
        }
        taken
    }

    /// Keeps a mail.
    async fn try_take(
        &self,
        mail: Vec<u8>,
        channel: Channel,
        envelopes: Vec<(ReportKind, Envelope)>,
    ) -> Result<Vec<Kept>, NotNow> {
        let size = mail.len() as u64;
        let vault = self.archive.vault().await.map_err(|why| NotNow::of(&why))?;
        let evidence = vault.put(mail).await.map_err(|why| NotNow::of(&why))?;
        let deposits: std::io::Result<Vec<Deposit>> = envelopes
            .into_iter()
            .map(|(kind, envelope)| deposit(evidence, size, channel, kind, envelope, None))
            .collect();
        let deposits = deposits.map_err(|why| NotNow::of(&why))?;
        let reports: Vec<_> = deposits.iter().map(|deposit| (deposit.report.kind, deposit.report.id)).collect();
        let (answer, answered) = oneshot::channel();
        let gone = |_| NotNow("the clerk is gone".to_owned());
        self.to_clerk.send(Slip { deposits, answer }).await.map_err(|_| gone(()))?;
        let receipts = answered.await.map_err(|_| gone(()))??;
        let kept = |((kind, id), receipt): ((ReportKind, sekisho_ledger::Id), Receipt)| {
            let fate = if matches!(receipt, Receipt::Known(_)) { Fate::Known } else { Fate::New };
            Kept { kind, id: receipt.id(id).to_string(), fate }
        };
        Ok(reports.into_iter().zip(receipts).map(kept).collect())
    }
}

impl Clerk {
    /// Notes what is handed in, until it is time to stop; by then all conversations are over.
    pub(crate) async fn work(mut self, shutdown: CancellationToken) {
        let mut slips = Vec::with_capacity(AT_A_TIME);
        loop {
            let count = tokio::select! {
                () = shutdown.cancelled() => break,
                count = self.from_desk.recv_many(&mut slips, AT_A_TIME) => count,
            };
            if count == 0 {
                break;
            }
            self.note(&mut slips).await;
        }
        self.archive.close().await;
    }

    /// Notes some mails, all of them at once.
    async fn note(&self, slips: &mut Vec<Slip>) {
        let ledger = match self.archive.ledger().await {
            Ok(ledger) => ledger,
            Err(why) => return answer_all(slips, &NotNow::of(&why)),
        };
        let deposits: Vec<Deposit> = slips.iter().flat_map(|slip| slip.deposits.iter().cloned()).collect();
        match ledger.receive_all(&deposits).await {
            Ok(receipts) => {
                let mut receipts = receipts.into_iter();
                for slip in slips.drain(..) {
                    let mine = receipts.by_ref().take(slip.deposits.len()).collect();
                    // Who went away meanwhile comes again, and hears that it is known.
                    let _ = slip.answer.send(Ok(mine));
                }
            }
            // One of them may be to blame for all: each is tried by itself.
            Err(why) if !why.is_passing() && slips.len() > 1 => note_each(&ledger, slips).await,
            Err(why) => answer_all(slips, &NotNow::of(&why)),
        }
    }
}

/// Notes some mails, one after the other.
async fn note_each(ledger: &Ledger, slips: &mut Vec<Slip>) {
    for slip in slips.drain(..) {
        let noted: Result<_, Fault> = ledger.receive_all(&slip.deposits).await;
        let _ = slip.answer.send(noted.map_err(|why| NotNow::of(&why)));
    }
}

/// Tells everybody the same.
fn answer_all(slips: &mut Vec<Slip>, why: &NotNow) {
    for slip in slips.drain(..) {
        let _ = slip.answer.send(Err(why.clone()));
    }
}
