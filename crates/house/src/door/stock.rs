//! What all conversations keep in memory together, and the bound on it
//!
//! One mail is bounded by itself, and a thousand of the largest would still be too many. What every conversation needs is
//! never refused; what goes beyond that comes out of one stock, and where nothing is left the conversation that wants more
//! ends: its MTA puts the mail off, and everybody else's mails go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What every conversation may keep: a header of usual size, and octets of a body on their way through the hashes.
const USUAL: usize = 256 << 10;
/// What all of them may keep beyond that: some fifty of the largest headers at a time.
const STOCK: usize = 96 << 20;

/// How much is taken out of the stock.
#[derive(Debug, Default)]
pub(crate) struct Stock(AtomicUsize);

/// What one conversation takes out of it; it is given back when dropped.
#[derive(Debug)]
pub(crate) struct Portion {
    /// The stock.
    stock: Arc<Stock>,
    /// How much is taken.
    octets: usize,
}

impl Portion {
    /// Makes an empty portion.
    pub(crate) fn of(stock: &Arc<Stock>) -> Portion {
        Portion { stock: Arc::clone(stock), octets: 0 }
    }

    /// Says how many octets the conversation keeps; tells whether it may. Where it may not, it has to end.
    #[must_use]
    pub(crate) fn hold(&mut self, octets: usize) -> bool {
        let wanted = octets.saturating_sub(USUAL);
        if wanted <= self.octets {
            self.stock.0.fetch_sub(self.octets - wanted, Ordering::Relaxed);
            self.octets = wanted;
            return true;
        }
        let more = wanted - self.octets;
        let taken = self.stock.0.fetch_add(more, Ordering::Relaxed);
        self.octets = wanted;
        taken.saturating_add(more) <= STOCK
    }
}

impl Drop for Portion {
    fn drop(&mut self) {
        self.stock.0.fetch_sub(self.octets, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_is_never_refused_and_the_rest_comes_out_of_one_stock() {
        let stock = Arc::default();
        let mut portions: Vec<Portion> = (0..100).map(|_| Portion::of(&stock)).collect();
        let large = USUAL + (2 << 20);
        let held = portions.iter_mut().filter_map(|portion| portion.hold(large).then_some(())).count();
        assert_eq!(held, 48);
        // Who was refused ends, and who keeps little goes on.
        portions.truncate(48);
        let mut modest = Portion::of(&stock);
        assert!(modest.hold(USUAL) && !modest.hold(USUAL + 1));
        drop(modest);
        // What is given back can be had again.
        assert!(portions[0].hold(0));
        let mut next = Portion::of(&stock);
        assert!(next.hold(large) && next.hold(large));
        drop((portions, next));
        assert_eq!(stock.0.load(Ordering::Relaxed), 0);
    }
}
