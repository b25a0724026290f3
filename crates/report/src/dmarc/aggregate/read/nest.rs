//! The elements that are open, bounded in depth, names and attributes

use super::super::Limits;
use super::super::element::Element;
use super::super::same::same;
use crate::unreadable::{Fault, Unreadable};

/// How many octets a name may have.
const NAME: usize = 256;

/// The open elements.
pub(super) struct Nest {
    /// What may be.
    depth: usize,
    /// How many attributes an element may have.
    attributes: usize,
    /// What they are, and where their names begin in [`Nest::names`].
    open: Vec<(Element, usize)>,
    /// Their names with their prefixes, one behind the other.
    names: Vec<u8>,
    /// The prefix of the root element, with its colon.
    prefix: Vec<u8>,
    /// The namespace of the root element.
    namespace: String,
}

impl Nest {
    /// Begins a document.
    pub(super) fn new(limits: &Limits) -> Nest {
        Nest {
            depth: limits.depth,
            attributes: limits.attributes,
            open: Vec::with_capacity(limits.depth),
            names: Vec::with_capacity(256),
            prefix: Vec::new(),
            namespace: String::new(),
        }
    }

    /// Returns the innermost open element.
    #[inline]
    pub(super) fn innermost(&self) -> Element {
        self.open.last().map_or(Element::Document, |(element, _)| *element)
    }

    /// Returns the namespace of the root element.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Opens an element.
    #[inline]
    pub(super) fn open(&mut self, name: &[u8], written: &[u8]) -> Result<Element, Unreadable> {
        if self.open.len() >= self.depth {
            return Err(Unreadable::new(Fault::Depth, format!("more than {} elements lie in each other", self.depth)));
        }
        if name.len() > NAME {
            return Err(Unreadable::new(Fault::Long, format!("the name of an element has more than {NAME} octets")));
        }
        let mut is_ours = true;
        if !written.is_empty() {
            is_ours = self.look_at_attributes(name, written)?;
        }
        let (parent, local) = (self.innermost(), self.local(name));
        let element = if is_ours { parent.child(local) } else { Element::Other };
        self.open.push((element, self.names.len()));
        self.names.extend_from_slice(name);
        Ok(element)
    }

    /// Compares the name of an end tag with that of the innermost element.
    #[inline]
    pub(super) fn check_end(&self, name: &[u8]) -> Result<(), Unreadable> {
        let wanted = self.open.last().and_then(|(_, at)| self.names.get(*at..));
        if wanted.is_some_and(|wanted| same(wanted, name)) {
            return Ok(());
        }
        let name = name.get(..NAME).unwrap_or(name).escape_ascii();
        Err(Unreadable::new(
            Fault::IllFormed,
            match wanted {
                Some(wanted) => format!("`</{name}>` stands where `<{}>` has to be ended", wanted.escape_ascii()),
                None => format!("`</{name}>` ends nothing"),
            },
        ))
    }

    /// Closes the innermost element; tells also whether it was the root.
    #[inline]
    pub(super) fn close(&mut self) -> (Element, bool) {
        let Some((element, at)) = self.open.pop() else { return (Element::Other, false) };
        self.names.truncate(at);
        (element, self.open.is_empty())
    }

    /// Returns a name without the prefix that the root element has; with another one it is no name of ours.
    #[inline]
    fn local<'n>(&mut self, name: &'n [u8]) -> &'n [u8] {
        if self.open.is_empty() {
            let colon = name.iter().position(|&b| b == b':').map_or(0, |colon| colon + 1);
            self.prefix = name[..colon].to_vec();
        }
        if self.prefix.is_empty() {
            return name;
        }
        // A prefix that only the root has is common enough.
        name.strip_prefix(self.prefix.as_slice()).unwrap_or(name)
    }

    /// Counts attributes; tells whether the element is in the namespace of the root, whose own is noted.
    fn look_at_attributes(&mut self, name: &[u8], written: &[u8]) -> Result<bool, Unreadable> {
        let is_root = self.open.is_empty();
        let prefix = name.iter().position(|&b| b == b':').and_then(|colon| name.get(..colon)).unwrap_or_default();
        let mut is_ours = true;
        for (count, (name, value)) in attributes(written).enumerate() {
            if count >= self.attributes {
                return Err(Unreadable::new(
                    Fault::Attributes,
                    format!("an element has more than {} attributes", self.attributes),
                ));
            }
            let declared = name.strip_prefix(b"xmlns").map(|rest| rest.strip_prefix(b":").unwrap_or(rest));
            if declared == Some(prefix) && (!prefix.is_empty() || name == b"xmlns") {
                let namespace = String::from_utf8_lossy(value.get(..NAME).unwrap_or(value));
                if is_root {
                    self.namespace = namespace.into_owned();
                } else {
                    is_ours = namespace == self.namespace;
                }
            }
        }
        Ok(is_ours)
    }
}

/// Returns the attributes of a tag; what is none ends them.
pub(super) fn attributes(written: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = written;
    std::iter::from_fn(move || {
        let equals = memchr::memchr(b'=', rest)?;
        let name = rest[..equals].trim_ascii();
        let behind = rest[equals + 1..].trim_ascii_start();
        let (&quote, inside) = behind.split_first()?;
        let (value, behind) = match quote {
            b'"' | b'\'' => inside.split_at(memchr::memchr(quote, inside)?),
            _ => behind.split_at(behind.iter().position(u8::is_ascii_whitespace).unwrap_or(behind.len())),
        };
        rest = behind.get(1..).unwrap_or_default();
        Some((name, value))
    })
}
