//! Gzip, member after member (RFC 1952 §2.2)

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use crate::unreadable::{Fault, Unreadable};

/// How many members a file may have: each one costs the start of a decoder, and honest files have one.
const MEMBERS: usize = 100;

/// Unpacks all members of a gzip file; what is none behind them is left.
pub(super) struct Members<R> {
    /// The member being unpacked; nothing behind the last one.
    member: Option<GzDecoder<R>>,
    /// How many were begun.
    count: usize,
}

impl<R: BufRead> Members<R> {
    /// Begins with the first one.
    pub(super) fn new(octets: R) -> Members<R> {
        Members { member: Some(GzDecoder::new(octets)), count: 1 }
    }

    /// Begins the next member, if there is one.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(mut octets) = self.member.take().map(GzDecoder::into_inner) else { return Ok(false) };
        if octets.fill_buf()?.first() != Some(&0x1f) {
            return Ok(false);
        }
        if self.count >= MEMBERS {
            let reason = Unreadable::new(Fault::Entries, format!("a gzip file has more than {MEMBERS} members"));
            return Err(io::Error::other(reason));
        }
        self.member = Some(GzDecoder::new(octets));
        self.count += 1;
        Ok(true)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let count = member.read(into)?;
            if count > 0 {
                return Ok(count);
            }
            self.advance()?;
        }
        Ok(0)
    }
}
