//! A signing field while it is written: tags in a row, folded where a line is full (RFC 5322 §2.1.1)
//!
//! DKIM and ARC write theirs with it. What is signed is the field with nothing behind `b=`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::body::Canonicalization;
use crate::dkim::canonical::HeaderInput;
use crate::dkim::sign::SignError;
use crate::dkim::signing_key::SigningKey;
use crate::header::Field;

/// The most columns of a line.
const COLUMNS: usize = 78;

/// A field that is not signed yet.
#[derive(Debug)]
pub(crate) struct FieldWriter {
    /// What is written so far.
    text: Vec<u8>,
    /// How many columns the last line has.
    column: usize,
    /// Whether a tag was written.
    has_tags: bool,
    /// Where the signature goes, where that is not the end.
    signature_at: Option<usize>,
}

impl FieldWriter {
    /// Begins a field.
    pub(crate) fn new(name: &str) -> FieldWriter {
        let text = format!("{name}:").into_bytes();
        FieldWriter { column: text.len(), text, has_tags: false, signature_at: None }
    }

    /// Writes a tag whose value is not folded.
    pub(crate) fn tag(&mut self, name: &str, value: &str) {
        self.begin(name, name.len() + 1 + value.len());
        self.put(value.as_bytes());
    }

    /// Writes a tag with octets in base64 that is not folded.
    pub(crate) fn base64(&mut self, name: &str, octets: &[u8]) {
        self.tag(name, &STANDARD.encode(octets));
    }

    /// Writes a list with colons that is folded behind a colon where a line is full.
    pub(crate) fn list(&mut self, name: &str, items: &[&str]) {
        for (at, item) in items.iter().enumerate() {
            if at == 0 {
                self.begin(name, name.len() + 1 + item.len());
            } else {
                self.put(b":");
                if self.column + item.len() + 1 > COLUMNS {
                    self.fold();
                }
            }
            self.put(item.to_ascii_lowercase().as_bytes());
        }
    }

    /// Writes `b=` here and not at the end; its value follows once it is known, on a line of its own without folds.
    /// ARC wants it so: a seal covers the message signature with its white space, and the public suite's has none.
    pub(crate) fn signature(&mut self) {
        self.begin("b", COLUMNS);
        self.signature_at = Some(self.text.len());
        // The value ends with a full line, so the next tag begins a new one.
        self.column = COLUMNS;
    }

    /// Signs what `input` holds and this field, and returns the whole field with its last CRLF.
    pub(crate) fn seal(
        mut self,
        key: &SigningKey,
        how: Canonicalization,
        input: &mut HeaderInput,
    ) -> Result<Vec<u8>, SignError> {
        let folds = self.signature_at.is_none();
        let signature_at = self.signature_at.unwrap_or_else(|| {
            self.put(b";");
            self.fold();
            self.put(b"b=");
            self.text.len()
        });
        input.push_without(how, &Field::new(&self.text), 0..0);
        let signature = STANDARD.encode(key.sign(&input.sha256())?);
        let end = self.text.split_off(signature_at);
        let mut rest = signature.as_bytes();
        while !rest.is_empty() {
            if folds && self.column >= COLUMNS {
                self.fold();
            }
            let columns = if folds { COLUMNS - self.column } else { rest.len() };
            let (line, after) = rest.split_at(rest.len().min(columns));
            self.put(line);
            rest = after;
        }
        self.put(&end);
        self.text.extend_from_slice(b"\r\n");
        Ok(self.text)
    }

    /// Ends the tag before, and begins one of so many columns, on a new line where this one is full.
    fn begin(&mut self, name: &str, columns: usize) {
        if self.has_tags {
            self.put(b";");
        }
        self.has_tags = true;
        // One column for the space before, one for the `;` or `:` behind.
        if self.column + columns + 2 > COLUMNS {
            self.fold();
        } else {
            self.put(b" ");
        }
        self.put(name.as_bytes());
        self.put(b"=");
    }

    /// Begins a new line.
    fn fold(&mut self) {
        self.text.extend_from_slice(b"\r\n ");
        self.column = 1;
    }

    /// Writes octets.
    fn put(&mut self, octets: &[u8]) {
        self.text.extend_from_slice(octets);
        self.column += octets.len();
    }
}
