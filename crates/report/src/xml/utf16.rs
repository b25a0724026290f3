//! XML in UTF-16, made UTF-8 on its way

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_16BE, UTF_16LE};

/// How many octets are decoded together.
const PIECE: usize = 8 * 1024;

/// Reads UTF-16 as UTF-8.
pub(super) struct Utf16<R> {
    /// Where octets come from.
    input: R,
    /// What decodes them, and what they are.
    decoder: Decoder,
    /// Octets that were not decoded yet.
    raw: Vec<u8>,
    /// What was decoded and not handed on yet.
    text: Vec<u8>,
    /// How much of it was handed on.
    at: usize,
    /// Whether no more octets come.
    is_over: bool,
}

impl<R: Read> Utf16<R> {
    /// Tells which UTF-16 a document is that begins like this, if it is one.
    pub(super) fn is(first: &[u8]) -> Option<&'static Encoding> {
        match first {
            [0xff, 0xfe, ..] | [b'<', 0, _, 0] => Some(UTF_16LE),
            [0xfe, 0xff, ..] | [0, b'<', 0, _] => Some(UTF_16BE),
            _ => None,
        }
    }

    /// Begins a document.
    pub(super) fn new(encoding: &'static Encoding, input: R) -> Utf16<R> {
        let decoder = encoding.new_decoder_with_bom_removal();
        Utf16 { input, decoder, raw: Vec::new(), text: Vec::new(), at: 0, is_over: false }
    }

    /// Decodes the next piece.
    fn decode(&mut self) -> io::Result<()> {
        let had = self.raw.len();
        self.raw.resize(PIECE, 0);
        let count = self.input.read(&mut self.raw[had..])?;
        self.raw.truncate(had + count);
        self.is_over = count == 0;
        self.text.resize(PIECE * 3 + 16, 0);
        let (_, read, written, _) = self.decoder.decode_to_utf8(&self.raw, &mut self.text, self.is_over);
        self.raw.drain(..read);
        self.text.truncate(written);
        self.at = 0;
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.is_over {
            self.decode()?;
        }
        let count = into.len().min(self.text.len() - self.at);
        into[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
