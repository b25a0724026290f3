//! A fence around what a server says: short lines, literals of a bounded size, and no more in all than was allowed
//!
//! The library beneath keeps room for whatever size a server announces, up to 512 MB, and reads a line again from its beginning each time
//! that a piece of it comes. So the size is looked at here, before the library sees it. A literal is let through only where we ask for
//! one: at the end of a line that tells of a mail, and is without quotes that could hide another.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest line.
const LONGEST: usize = 64 * 1024;

/// A stream in bounds.
#[derive(Debug)]
pub(super) struct Fence<S> {
    /// The stream.
    inner: S,
    /// The largest literal.
    largest: u64,
    /// How many more octets may come.
    allowed: u64,
    /// The line under way.
    line: Vec<u8>,
    /// How many octets of a literal are to come.
    literal: u64,
}

impl<S> Fence<S> {
    /// Puts a fence around a stream; nothing may come yet.
    pub(super) fn around(inner: S, largest: u64) -> Fence<S> {
        Fence { inner, largest, allowed: 0, line: Vec::new(), literal: 0 }
    }

    /// Says how many octets may come from now on.
    pub(super) fn allow(&mut self, octets: u64) {
        self.allowed = octets;
    }

    /// Returns the stream.
    pub(super) fn into_inner(self) -> S {
        self.inner
    }

    /// Looks at what came.
    fn pass(&mut self, mut octets: &[u8]) -> io::Result<()> {
        let count = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        self.allowed =
            self.allowed.checked_sub(count).ok_or_else(|| beyond("the server says more than was asked for"))?;
        while !octets.is_empty() {
            if self.literal > 0 {
                let skipped = usize::try_from(self.literal).unwrap_or(usize::MAX).min(octets.len());
                self.literal -= u64::try_from(skipped).unwrap_or(self.literal);
                octets = octets.get(skipped..).unwrap_or_default();
                continue;
            }
            let end = memchr::memchr(b'\n', octets).map(|at| at + 1);
            let (piece, rest) = octets.split_at(end.unwrap_or(octets.len()));
            octets = rest;
            self.line.extend_from_slice(piece);
            if self.line.len() > LONGEST {
                return Err(beyond("the server says a line that does not end"));
            }
            if end.is_some() {
                self.literal = self.announced()?;
                self.line.clear();
            }
        }
        Ok(())
    }

    /// Returns the size of the literal that a line announces at its end; 0 where it announces none.
    fn announced(&self) -> io::Result<u64> {
        let line = self.line.trim_ascii_end();
        let size =
            line.strip_suffix(b"}").and_then(|line| line.get(line.iter().rposition(|octet| *octet == b'{')? + 1..));
        let Some(size) = size.filter(|size| !size.is_empty() && size.iter().all(u8::is_ascii_digit)) else {
            return Ok(0);
        };
        let tells_of_mail =
            line.starts_with(b"* ") && line.windows(7).any(|word| word.eq_ignore_ascii_case(b" FETCH "));
        if !tells_of_mail || line.contains(&b'"') {
            return Err(beyond("the server announces octets that nobody asked for"));
        }
        // What is too large to be read as a number is too large.
        let size = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok()).unwrap_or(u64::MAX);
        if size > self.largest { Err(beyond("the server announces a mail larger than 40 MB")) } else { Ok(size) }
    }
}

/// Says which bound was broken.
fn beyond(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl<S: AsyncRead + Unpin> AsyncRead for Fence<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let came = buf.filled().get(before..).unwrap_or_default();
        Poll::Ready(self.pass(came))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Fence<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets octets pass in pieces of a size, and returns what was said against them.
    fn passed(octets: &[u8], size: usize) -> Result<(), String> {
        let mut fence = Fence::around((), 1000);
        fence.allow(1 << 20);
        octets.chunks(size).try_for_each(|piece| fence.pass(piece)).map_err(|why| why.to_string())
    }

    #[test]
    fn what_a_server_may_say_passes_and_what_is_too_much_does_not() {
        let honest =
            b"* OK hello {x}\r\n* 1 FETCH (UID 5 BODY[] {12}\r\n{5000}\r\n\"ab\")\r\nA1 OK done\r\n".as_slice();
        let long = vec![b'x'; LONGEST + 1];
        for size in [1, 7, 4096, usize::MAX] {
            assert_eq!(passed(honest, size), Ok(()));
            for (octets, why) in [
                (b"* 1 FETCH (UID 5 BODY[] {1001}\r\n".as_slice(), "larger"),
                (b"* 1 FETCH (UID 5 BODY[] {2147483648}\r\n", "larger"),
                (b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n", "larger"),
                (b"* 1 FETCH (BODY[] {5}\r\nabcde {1001}\r\n", "nobody"),
                (b"* OK {5}\r\n", "nobody"),
                (b"* 1 FETCH (BODY[] \"{5}\r\n", "nobody"),
                (&long, "end"),
            ] {
                let said = passed(octets, size).unwrap_err();
                assert!(said.contains(why), "{}: {said}", octets.escape_ascii());
            }
        }
        assert!(passed(&b"* 1 EXISTS\r\n".repeat(100_000), 4096).unwrap_err().contains("more than"));
    }
}
