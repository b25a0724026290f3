//! Any octets, and any structured content, as Authentication-Results: what is written is read back, and is found as ours.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use sekisho_mail::authentication_results::{AuthenticationResults, MethodResult, Property, Word, forged};
use sekisho_mail::header::Header;

/// Either kind of input.
#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// What others wrote.
    Octets(&'a [u8]),
    /// What we would write.
    Field {
        /// Who speaks.
        id: &'a str,
        /// The version of the format.
        version: Option<u32>,
        /// The results.
        results: Vec<Content<'a>>,
    },
}

/// The content of one result.
#[derive(Arbitrary, Debug)]
struct Content<'a> {
    /// Method and result word.
    words: [&'a str; 2],
    /// The version of the method.
    version: Option<u32>,
    /// Comment and reason.
    remarks: [Option<&'a str>; 2],
    /// Type, name and value of each property.
    properties: Vec<[&'a str; 3]>,
}

fuzz_target!(|data: &[u8]| {
    // Text seeds stay readable: what begins like a field is one, everything else is taken apart.
    let input = match data.strip_prefix(b"AR:") {
        Some(octets) => Input::Octets(octets),
        None => match Input::arbitrary_take_rest(arbitrary::Unstructured::new(data)) {
            Ok(input) => input,
            Err(_) => return,
        },
    };
    match input {
        Input::Octets(octets) => {
            let field = [b"Authentication-Results:", octets, b"\r\n"].concat();
            let _ = forged(&Header::parse(octets), "mx.example.org");
            let _ = forged(&Header::parse(&field), "mx.example.org");
            if let Ok(read) = AuthenticationResults::parse(octets) {
                write(&read);
            }
        }
        Input::Field { id, version, results } => {
            let results = results.into_iter().map(result).collect();
            write(&AuthenticationResults { authserv_id: id.to_owned(), version, results });
        }
    }
});

/// Makes one result.
fn result(content: Content<'_>) -> MethodResult {
    let Content { words: [method, result], version, remarks: [comment, reason], properties } = content;
    let property = |[kind, name, value]: [&str; 3]| Property {
        kind: kind.to_owned().into(),
        name: name.to_owned().into(),
        value: value.to_owned(),
    };
    MethodResult {
        version,
        comment: comment.map(str::to_owned),
        reason: reason.map(str::to_owned),
        properties: properties.into_iter().map(property).collect(),
        method: method.to_owned().into(),
        result: result.to_owned().into(),
    }
}

/// Writes a field: it is one field of plain ASCII, it is read back, and written again it is the same.
fn write(content: &AuthenticationResults) {
    let field = content.to_field();
    assert!(field.bytes().all(|b| b == b'\t' || b == b'\r' || b == b'\n' || (b' '..=b'~').contains(&b)), "{field:?}");
    let raw = format!("{field}\r\n");
    let header = Header::parse(raw.as_bytes());
    assert_eq!(header.fields().len(), 1, "{field:?}");
    let value = header.fields()[0].value();
    assert!(!field.split('\n').any(|line| line.trim_ascii().is_empty()), "an empty line in {field:?}");
    // Words of the format keep only what the format has; one that is nothing then makes no field at all.
    let Ok(read) = AuthenticationResults::parse(value) else {
        assert!(has_an_empty_word(content), "not read back: {field:?}");
        return;
    };
    assert_eq!(read.results.len(), content.results.len(), "{field:?}");
    let again = AuthenticationResults { results: read.results.iter().map(uncommented).collect(), ..read.clone() };
    let written = again.to_field();
    let read_again = AuthenticationResults::parse(value_of(&written));
    assert_eq!(read_again.as_ref(), Ok(&read), "{field:?} became {written:?}");
    assert_eq!(read_again.map(|read| read.to_field()), Ok(written));
    // Whatever host it is that speaks, the field is found as its own.
    let is_plain = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if read.authserv_id.split('.').all(is_plain) {
        assert_eq!(forged(&header, &read.authserv_id), [0], "{field:?} is not found");
    }
}

/// Tells whether some word is none once everything is left out that the format does not have.
fn has_an_empty_word(content: &AuthenticationResults) -> bool {
    let is_empty = |word: &Word| !word.bytes().any(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    content.results.iter().any(|result| {
        let properties = result.properties.iter().flat_map(|property| [&property.kind, &property.name]);
        [&result.method, &result.result].into_iter().chain(properties).any(is_empty)
    })
}

/// Returns a result without its comment, which is never read back.
fn uncommented(result: &MethodResult) -> MethodResult {
    MethodResult { comment: None, ..result.clone() }
}

/// Returns what follows the colon.
fn value_of(field: &str) -> &[u8] {
    field.split_once(':').map_or(&[], |(_, value)| value.as_bytes())
}
