//! Gzip, zip and base64 around a document, told by their octets: names, extensions and content types lie
//!
//! [`unpack`] hands out each document as a stream and keeps no more than a window of it. Everything that unpacks draws on
//! one budget, so that neither a bomb nor many small ones in each other get far.

mod base64;
mod budget;
mod gzip;
mod sniff;
mod zip;

use std::io::{BufRead, BufReader, Cursor, Read};

use sekisho_core::visible::Visible;

pub(crate) use self::budget::reason;
use self::budget::{Budget, Drawn, Metered};
use self::gzip::Members;
use self::sniff::{Kind, sniff};
use crate::unreadable::{Fault, Unreadable};

/// How many octets are looked at to tell what something is.
const PEEK: u64 = 512;
/// How large an archive may be that lies in another one and must be kept to be opened.
const KEPT: u64 = 8 * 1024 * 1024;

/// How much may come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many octets, all documents and layers together.
    pub octets: u64,
    /// How many times the size of what came in, and at any moment of what was unpacked so far.
    pub ratio: u64,
    /// How many octets may always come out, whatever the ratio.
    pub floor: u64,
    /// How many entries an archive may have.
    pub entries: usize,
    /// How many archives may lie in each other.
    pub layers: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { octets: 25_000_000, ratio: 100, floor: 1_000_000, entries: 16, layers: 4 }
    }
}

/// What a document seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// It begins like XML.
    Xml,
    /// It begins like JSON.
    Json,
    /// It begins like neither.
    Other,
}

/// A document that was found.
pub struct Document<'d> {
    /// What the archive calls it, made harmless: for people only, never a path.
    pub name: Option<String>,
    /// What it seems to be.
    pub content: Content,
    /// Its octets. An error of theirs may be an [`Unreadable`] that says why.
    pub octets: &'d mut dyn BufRead,
}

/// Opens whatever is around documents and hands them out one after the other.
///
/// What was handed out before an error may be kept: the error is about what came behind it or stands in the stream itself.
pub fn unpack(bytes: &[u8], limits: &Limits, take: &mut dyn FnMut(Document<'_>)) -> Result<(), Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::new(Fault::Empty, "there is not one octet"));
    }
    let budget = Budget::new(bytes.len() as u64, limits);
    Opening { limits, budget: &budget, take }.open(bytes, None, 0)
}

/// An archive being opened, and those in it.
struct Opening<'o> {
    /// What may come out.
    limits: &'o Limits,
    /// How much of it came out.
    budget: &'o Budget,
    /// Who wants the documents.
    take: &'o mut dyn FnMut(Document<'_>),
}

impl Opening<'_> {
    /// Opens what is at hand as a whole.
    fn open(&mut self, bytes: &[u8], name: Option<String>, layer: usize) -> Result<(), Unreadable> {
        match sniff(bytes) {
            Kind::Document(content) => {
                (self.take)(Document { name, content, octets: &mut &*bytes });
                Ok(())
            }
            Kind::Gzip => {
                let packed = Drawn::new(bytes, self.budget);
                self.open_stream(&mut Members::new(packed), name, self.deeper(layer)?)
            }
            Kind::Base64 => {
                let layer = self.deeper(layer)?;
                let decoded = base64::decode(bytes)?;
                self.budget.spend(decoded.len() as u64)?;
                self.open(&decoded, name, layer)
            }
            Kind::Zip => {
                let layer = self.deeper(layer)?;
                for entry in zip::entries(bytes, self.limits)? {
                    let name = Some(Visible(entry.name).to_string());
                    self.open_stream(&mut entry.open(self.budget), name, layer)?;
                }
                Ok(())
            }
        }
    }

    /// Opens what comes out of an archive.
    fn open_stream(&mut self, octets: &mut dyn Read, name: Option<String>, layer: usize) -> Result<(), Unreadable> {
        let mut octets = BufReader::with_capacity(32 * 1024, Metered::new(octets, self.budget));
        let mut start = Vec::new();
        // Where the stream breaks here, it breaks for the reader too, who can say more about it.
        let broken = (&mut octets).take(PEEK).read_to_end(&mut start).err();
        let kind = sniff(&start);
        if let Some(error) = broken
            && start.is_empty()
        {
            return Err(reason(&error));
        }
        let mut octets = Cursor::new(start).chain(octets);
        match kind {
            Kind::Document(content) => (self.take)(Document { name, content, octets: &mut octets }),
            Kind::Gzip => {
                let layer = self.deeper(layer)?;
                let mut inner: Box<dyn BufRead + '_> = Box::new(octets);
                self.open_stream(&mut Members::new(&mut *inner), name, layer)?;
            }
            Kind::Zip | Kind::Base64 => {
                let mut kept = Vec::new();
                octets.take(KEPT + 1).read_to_end(&mut kept).map_err(|error| reason(&error))?;
                if kept.len() as u64 > KEPT {
                    return Err(Unreadable::new(
                        Fault::Size,
                        format!("an archive in another one has more than {KEPT} octets"),
                    ));
                }
                self.open(&kept, name, layer)?;
            }
        }
        self.budget.check()
    }

    /// Counts a layer.
    fn deeper(&self, layer: usize) -> Result<usize, Unreadable> {
        if layer >= self.limits.layers {
            let layers = self.limits.layers;
            return Err(Unreadable::new(Fault::Layers, format!("more than {layers} archives lie in each other")));
        }
        Ok(layer + 1)
    }
}
