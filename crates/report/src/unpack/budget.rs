//! How much may still come out of an archive and all that is in it

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};

use super::Limits;
use crate::unreadable::{Fault, Unreadable};

/// The octets that may still come out.
pub(super) struct Budget {
    /// How many came out.
    spent: Cell<u64>,
    /// How many may.
    most: u64,
    /// What to say when there are more.
    excess: Unreadable,
    /// How many of them came out of streams.
    unpacked: Cell<u64>,
    /// How many packed octets were used up for these.
    drawn: Cell<u64>,
    /// How many times as many may have come out at any moment, so that a bomb is known by its first megabyte.
    ratio: u64,
    /// How many may come out whatever the ratio.
    floor: u64,
    /// Why a stream broke, other than by its end.
    broken: RefCell<Option<Unreadable>>,
}

impl Budget {
    /// Grants what limits allow for an input of that size.
    pub(super) fn new(input: u64, limits: &Limits) -> Budget {
        let by_ratio = input.saturating_mul(limits.ratio).max(limits.floor);
        let excess = if by_ratio < limits.octets {
            Unreadable::new(Fault::Ratio, format!("{input} octets unpack to more than {} times as many", limits.ratio))
        } else {
            Unreadable::new(Fault::Size, format!("{input} octets unpack to more than {}", limits.octets))
        };
        Budget {
            spent: Cell::new(0),
            most: by_ratio.min(limits.octets),
            excess,
            unpacked: Cell::new(0),
            drawn: Cell::new(0),
            ratio: limits.ratio,
            floor: limits.floor,
            broken: RefCell::new(None),
        }
    }

    /// Takes note of octets that came out.
    pub(super) fn spend(&self, octets: u64) -> Result<(), Unreadable> {
        self.spent.set(self.spent.get().saturating_add(octets));
        self.check()
    }

    /// Takes note of octets that came out of a stream, for those that were drawn.
    fn unpack(&self, octets: u64) -> Result<(), Unreadable> {
        self.spend(octets)?;
        self.unpacked.update(|unpacked| unpacked.saturating_add(octets));
        let (drawn, ratio) = (self.drawn.get(), self.ratio);
        if self.unpacked.get() <= drawn.saturating_mul(ratio).max(self.floor) {
            return Ok(());
        }
        let reason = Unreadable::new(
            Fault::Ratio,
            format!("the first {drawn} octets unpack to more than {ratio} times as many"),
        );
        Err(self.broken.borrow_mut().get_or_insert(reason).clone())
    }

    /// Fails if more came out than may, or if a stream broke.
    pub(super) fn check(&self) -> Result<(), Unreadable> {
        if self.spent.get() > self.most {
            return Err(self.excess.clone());
        }
        self.broken.borrow().clone().map_or(Ok(()), Err)
    }

    /// Keeps why a stream broke. One that ends too early is its reader's to judge: what is complete may do.
    fn note(&self, error: &io::Error) {
        if error.kind() != io::ErrorKind::UnexpectedEof && error.kind() != io::ErrorKind::Interrupted {
            self.broken.borrow_mut().get_or_insert_with(|| reason(error));
        }
    }
}

/// A stream whose octets are counted.
pub(super) struct Metered<'b, R> {
    /// Where they come from.
    octets: R,
    /// What they draw on.
    budget: &'b Budget,
}

impl<'b, R> Metered<'b, R> {
    /// Counts the octets of a stream.
    pub(super) fn new(octets: R, budget: &'b Budget) -> Metered<'b, R> {
        Metered { octets, budget }
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.octets.read(into).inspect_err(|error| self.budget.note(error))?;
        self.budget.unpack(count as u64).map_err(io::Error::other)?;
        Ok(count)
    }
}

/// Packed octets, counted as they are used up. Those of an archive in another one count again: `most` bounds them all.
pub(super) struct Drawn<'b> {
    /// What is left of them.
    octets: &'b [u8],
    /// What counts them.
    budget: &'b Budget,
}

impl<'b> Drawn<'b> {
    /// Begins at their first one.
    pub(super) fn new(octets: &'b [u8], budget: &'b Budget) -> Drawn<'b> {
        Drawn { octets, budget }
    }
}

impl Read for Drawn<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.octets.read(into)?;
        self.budget.drawn.update(|drawn| drawn.saturating_add(count as u64));
        Ok(count)
    }
}

impl BufRead for Drawn<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.octets)
    }

    fn consume(&mut self, count: usize) {
        self.octets.consume(count);
        self.budget.drawn.update(|drawn| drawn.saturating_add(count as u64));
    }
}

/// Returns the reason that an error carries, or says that the stream is damaged.
pub(crate) fn reason(error: &io::Error) -> Unreadable {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Unreadable>());
    inner.cloned().unwrap_or_else(|| match error.kind() {
        io::ErrorKind::UnexpectedEof => Unreadable::new(Fault::Truncated, "what is packed ends too early"),
        _ => Unreadable::new(Fault::Corrupt, format!("what is packed is damaged: {error}")),
    })
}
