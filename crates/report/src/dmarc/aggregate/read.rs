//! Reads an aggregate report, row by row

mod assign;
mod nest;

use std::io::{self, Read};

use self::assign::Content;
use self::nest::Nest;
use super::element::{Element, Value};
use super::text::Text;
use super::{Head, Limits, Row};
use crate::unreadable::{Fault, Unreadable};
use crate::warning::{Mend, Warnings};
use crate::xml::{Scanner, Token};

/// Reads a whole report and hands out its rows; the head is as far as it was said before the row.
///
/// What was handed out counts only if the end is `Ok`: a report that turns out to be broken is not one.
pub fn read<R: Read>(input: R, limits: &Limits, mut take: impl FnMut(&Head, &Row)) -> Result<Report, Unreadable> {
    let mut reader = Reader::new(input, limits);
    while reader.advance()? {
        take(reader.head(), reader.row());
    }
    Ok(reader.finish())
}

/// What is known of a report when it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What it says of itself.
    pub head: Head,
    /// How many rows it has.
    pub rows: u64,
    /// How many mails they stand for.
    pub messages: u64,
    /// What was mended.
    pub warnings: Warnings,
}

/// Reads a report. Room for a window of it and one row is all that it needs.
pub struct Reader<R> {
    /// Cuts it into tokens.
    scanner: Scanner<R>,
    /// What the tokens mean.
    meaning: Meaning,
}

impl<R: Read> Reader<R> {
    /// Begins a report.
    pub fn new(input: R, limits: &Limits) -> Reader<R> {
        Reader { scanner: Scanner::new(input), meaning: Meaning::new(limits) }
    }

    /// Reads the next row; tells whether there is one.
    pub fn advance(&mut self) -> Result<bool, Unreadable> {
        let Reader { scanner, meaning } = self;
        meaning.content.clear_row();
        while meaning.stage != Stage::Ended {
            let token = scanner.next();
            let token = match token {
                Ok(token) => token,
                Err(error) => return meaning.break_off(error).map(|()| false),
            };
            let taken = meaning.take(token);
            meaning.content.warnings.place(|| scanner.place().line);
            match taken {
                Ok(Taken::More) => {}
                Ok(Taken::Row) => return Ok(true),
                Ok(Taken::Over) => {
                    meaning.end(scanner.broken()).map_err(|error| error.at(scanner.place()))?;
                    meaning.content.warnings.place(|| scanner.place().line);
                }
                Err(error) => return Err(error.at(scanner.place())),
            }
        }
        Ok(false)
    }

    /// Returns the row that was read last.
    pub fn row(&self) -> &Row {
        &self.meaning.content.row
    }

    /// Returns what was said of the report so far; all of it where it stands in front, as it should.
    pub fn head(&self) -> &Head {
        &self.meaning.content.head
    }

    /// Ends the reading; what was not read does not count.
    pub fn finish(self) -> Report {
        let Content { head, warnings, rows, messages, .. } = self.meaning.content;
        Report { head, rows, messages, warnings }
    }
}

/// Where in the document the reading is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before the root element.
    Before,
    /// In it.
    Inside,
    /// Behind it.
    Behind,
    /// There is nothing more to read.
    Ended,
}

/// What became of a token.
enum Taken {
    /// It was no end of anything.
    More,
    /// It ended a row.
    Row,
    /// It ended the document.
    Over,
}

/// What tokens mean.
struct Meaning {
    /// The elements that are open.
    nest: Nest,
    /// The value that is being read.
    value: Option<Value>,
    /// Its text.
    text: Text,
    /// What was read.
    content: Content,
    /// Where in the document this is.
    stage: Stage,
}

impl Meaning {
    /// Begins a report.
    fn new(limits: &Limits) -> Meaning {
        Meaning {
            nest: Nest::new(limits),
            value: None,
            text: Text::new(limits.value),
            content: Content::new(limits),
            stage: Stage::Before,
        }
    }

    /// Takes a token.
    #[inline]
    fn take(&mut self, token: Token<'_>) -> Result<Taken, Unreadable> {
        match token {
            Token::Text(text) if self.value.is_some() => self.text.push(text),
            Token::Text(_) if self.stage == Stage::Inside => {}
            Token::Text(text) => return self.take_stray(text),
            Token::Start { name, attributes, is_empty } => {
                if self.stage == Stage::Behind {
                    return Ok(self.start_behind(name));
                }
                self.start(name, attributes)?;
                if is_empty {
                    return self.end_element();
                }
            }
            Token::End(name) => {
                if self.stage == Stage::Behind {
                    return Ok(self.stray_behind());
                }
                self.nest.check_end(name)?;
                return self.end_element();
            }
            Token::Literal(text) if self.value.is_some() => self.text.push_literal(text),
            Token::Literal(_) => {}
            Token::Instruction(inside) => self.declare(inside),
            Token::Doctype => {
                return Err(Unreadable::new(
                    Fault::Doctype,
                    "the document declares a document type, which no report needs",
                ));
            }
            Token::Over => return Ok(Taken::Over),
        }
        Ok(Taken::More)
    }

    /// Takes text between elements: white space, or what does not belong there.
    fn take_stray(&mut self, text: &[u8]) -> Result<Taken, Unreadable> {
        let is_blank = text.iter().all(u8::is_ascii_whitespace);
        match self.stage {
            Stage::Before if !is_blank => {
                let start = text.get(..24).unwrap_or(text);
                Err(Unreadable::new(
                    Fault::NotAReport,
                    format!("the document begins with `{}`, not with an element", start.escape_ascii()),
                ))
            }
            Stage::Behind if !is_blank => Ok(self.stray_behind()),
            Stage::Before | Stage::Inside | Stage::Behind | Stage::Ended => Ok(Taken::More),
        }
    }

    /// Notes an element behind the root element, and ends there: files of reports get joined.
    fn start_behind(&mut self, name: &[u8]) -> Taken {
        if !name.ends_with(b"feedback") {
            return self.stray_behind();
        }
        let why = || "another report stands behind this one, and is not read: keep them in files of their own".into();
        self.content.warnings.note(Mend::SecondReport, why);
        Taken::Over
    }

    /// Notes what stands behind the root element, and ends there.
    fn stray_behind(&mut self) -> Taken {
        self.content.warnings.note(Mend::Trailing, || "something stands behind the root element".into());
        Taken::Over
    }

    /// Opens an element.
    fn start(&mut self, name: &[u8], attributes: &[u8]) -> Result<(), Unreadable> {
        let parent = self.nest.innermost();
        let element = self.nest.open(name, attributes)?;
        match element {
            Element::Feedback => {
                self.stage = Stage::Inside;
                self.content.head.namespace = self.nest.namespace().to_owned();
            }
            Element::Value(value) => {
                self.value = Some(value);
                self.text.begin();
            }
            Element::Other if parent == Element::Document => {
                let root = name.escape_ascii();
                return Err(Unreadable::new(
                    Fault::NotAReport,
                    format!("the root element is `{root}`, not `feedback`"),
                ));
            }
            Element::Other => self.pass_over(parent, name, attributes),
            _ => self.content.open(element),
        }
        Ok(())
    }

    /// Notes an element that is passed over, unless it stands where extensions do or is called like one.
    fn pass_over(&mut self, parent: Element, name: &[u8], attributes: &[u8]) {
        let has_namespace = name.contains(&b':') || attributes.windows(5).any(|window| window == b"xmlns");
        let is_extension = has_namespace || parent == Element::Other || name == b"extension";
        if !is_extension {
            self.content
                .warnings
                .note(Mend::UnknownElement, || format!("reports have no `{}` there", name.escape_ascii()));
        }
    }

    /// Closes the innermost element.
    #[inline]
    fn end_element(&mut self) -> Result<Taken, Unreadable> {
        let (element, is_last) = self.nest.close();
        if is_last {
            self.stage = Stage::Behind;
        }
        match element {
            Element::Value(value) => {
                self.value = None;
                let text = self.text.end(&mut self.content.warnings);
                self.content.assign(value, &text);
            }
            Element::Record => {
                self.content.end_row();
                return Ok(Taken::Row);
            }
            _ => {}
        }
        Ok(Taken::More)
    }

    /// Reads which encoding the XML declaration names.
    fn declare(&mut self, inside: &[u8]) {
        let Some(declaration) = inside.strip_prefix(b"xml") else { return };
        let label = nest::attributes(declaration).find(|(name, _)| *name == b"encoding").map(|(_, value)| value);
        if let (Some(label), Stage::Before) = (label, self.stage) {
            self.text.declare(label, &mut self.content.warnings);
        }
    }

    /// Ends the document where no more octets come.
    fn end(&mut self, broken: Option<&io::Error>) -> Result<(), Unreadable> {
        if let Some(error) = broken
            && error.kind() != io::ErrorKind::UnexpectedEof
        {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Unreadable>());
            return Err(inner.cloned().unwrap_or_else(|| Unreadable::new(Fault::Corrupt, error.to_string())));
        }
        match self.stage {
            Stage::Before => return Err(Unreadable::new(Fault::Empty, "the document has no element")),
            // Rows that are lost would be missing from the sums, and this report in the way of itself when it comes again, whole.
            Stage::Inside => {
                let why = "the document ends before its root element does";
                let rows = self.content.rows;
                return Err(Unreadable::new(Fault::Truncated, format!("{why}; {rows} of its rows are complete")));
            }
            Stage::Behind if broken.is_some() => {
                let why = || "the document is whole, but what it was packed in is cut off".into();
                self.content.warnings.note(Mend::Truncated, why);
            }
            Stage::Behind | Stage::Ended => {}
        }
        self.stage = Stage::Ended;
        self.content.end();
        Ok(())
    }

    /// Ends where what comes can be no token: behind the root element that spoils nothing.
    fn break_off(&mut self, error: Unreadable) -> Result<(), Unreadable> {
        if self.stage != Stage::Behind {
            return Err(error);
        }
        self.stray_behind();
        self.content.warnings.place(|| error.place.map_or(0, |place| place.line));
        self.stage = Stage::Ended;
        self.content.end();
        Ok(())
    }
}
