//! The scanner beside `quick-xml`, and at the edges of its window.

use std::io::{self, Read};

use proptest::prelude::*;
use quick_xml::events::Event;

use super::*;

/// Octets that come so many at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(self.1);
        self.0.read(&mut into[..count])
    }
}

/// Writes tokens so that two readers can be compared: neighbouring texts are one, and comments are nothing.
#[derive(Debug, Default, PartialEq)]
struct Told(Vec<(char, Vec<u8>)>);

impl Told {
    /// Adds a token.
    fn add(&mut self, kind: char, octets: impl AsRef<[u8]>) {
        let octets = octets.as_ref();
        match self.0.last_mut() {
            Some((last, text)) if *last == kind && kind == 't' => text.extend_from_slice(octets),
            _ if kind == 't' && octets.is_empty() => {}
            _ => self.0.push((kind, octets.to_vec())),
        }
    }
}

/// Returns what the scanner says.
fn ours(input: impl Read) -> Told {
    let mut scanner = Scanner::new(input);
    let mut told = Told::default();
    loop {
        match scanner.next().unwrap() {
            Token::Start { name, attributes, is_empty } => {
                told.add(if is_empty { 'e' } else { 's' }, [name, attributes].concat());
            }
            Token::End(name) => told.add('/', name),
            Token::Text(text) => told.add('t', text),
            Token::Literal(text) => told.add('c', text),
            Token::Instruction(text) => told.add('?', text),
            Token::Doctype => told.add('!', b""),
            Token::Over => return told,
        }
    }
}

/// Returns what `quick-xml` says.
fn theirs(text: &str) -> Told {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut told = Told::default();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => told.add('s', AsRef::<str>::as_ref(&tag)),
            Event::Empty(tag) => told.add('e', AsRef::<str>::as_ref(&tag)),
            Event::End(tag) => told.add('/', AsRef::<str>::as_ref(&tag.name())),
            Event::Text(text) => told.add('t', AsRef::<str>::as_ref(&text)),
            Event::GeneralRef(entity) => told.add('t', ["&", entity.as_ref(), ";"].concat()),
            Event::CData(text) => told.add('c', AsRef::<str>::as_ref(&text)),
            Event::Decl(inside) => told.add('?', AsRef::<str>::as_ref(&inside)),
            Event::PI(inside) => told.add('?', AsRef::<str>::as_ref(&inside)),
            Event::Comment(_) => {}
            Event::DocType(_) => told.add('!', b""),
            Event::Eof => return told,
        }
    }
}

/// Any elements, well-formed, with all that stands between them.
fn elements() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[ \\na-zé日\\]\\-?!/\"'=]{0,12}",
        Just("&amp;&#65;".to_owned()),
        Just("<!-- a > b - <c> -->".to_owned()),
        Just("<![CDATA[a ]] > <b> &]]>".to_owned()),
        Just("<?go on > here ?>".to_owned()),
        Just("<a b='>' c=\"'/>\" />".to_owned()),
        Just("<é/>".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        ("[a-z][a-z:_]{0,8}", "( [a-z]{1,3}=\"[^\"<&]{0,5}\")?", proptest::collection::vec(inner, 0..6))
            .prop_map(|(name, attributes, inside)| format!("<{name}{attributes}>{}</{name} >", inside.concat()))
    })
}

proptest! {
    #[test]
    fn tokens_are_those_of_quick_xml(text in elements(), piece in 1_usize..40) {
        let text = format!("<?xml version='1.0'?>\n<r>{text}</r>");
        let told = ours(Pieces(text.as_bytes(), piece));
        prop_assert_eq!(told, theirs(&text));
    }
}

#[test]
fn tokens_are_whole_wherever_the_window_ends() {
    for before in (WINDOW_FIRST - 30..WINDOW_FIRST + 2).chain(WINDOW - 30..WINDOW + 2) {
        let text = format!("<r>{}<abc d='e'>f</abc><!-- g --><![CDATA[h]]></r>", "x".repeat(before));
        assert_eq!(ours(text.as_bytes()), theirs(&text), "{before}");
    }
}

#[test]
fn places_are_counted_through_all_windows() {
    let text = "<r>\n".repeat(40_000) + "< ";
    let mut scanner = Scanner::new(text.as_bytes());
    let refused = std::iter::repeat_with(|| scanner.next().map(|_| ()).err()).find_map(|end| end).unwrap();
    assert_eq!(refused.place, Some(Place { line: 40_001, octet: 160_000 }));
}
