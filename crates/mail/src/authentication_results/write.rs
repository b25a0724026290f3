//! Authentication-Results, written: folded, quoted where it must be, never a hostile octet (RFC 8601 §2.2)

use std::borrow::Cow;
use std::fmt::Write;

use super::{AuthenticationResults, MethodResult, NAME, Property};

/// Where lines are folded (RFC 5322 §2.1.1).
const COLUMNS: usize = 78;
/// What a folded line begins with.
const INDENT: &str = "\r\n\t";

impl AuthenticationResults {
    /// Returns the whole field with its name, folded, without the last CRLF.
    pub fn to_field(&self) -> String {
        self.to_field_named(NAME, "")
    }

    /// Returns the whole field under another name and behind a prefix such as `i=1; `, as ARC wants it (RFC 8617 §4.1.1).
    pub fn to_field_named(&self, name: &str, prefix: &str) -> String {
        /// What most such fields take.
        const USUAL: usize = 1024;
        let mut folded = Folded { text: String::with_capacity(USUAL), column: name.len() + 2 + prefix.len() };
        [name, ": ", prefix].iter().for_each(|piece| folded.text.push_str(piece));
        let mut first = value(&self.authserv_id).into_owned();
        if let Some(version) = self.version {
            let _ = write!(first, " {version}");
        }
        folded.word(&(first + ";"), false);
        if self.results.is_empty() {
            folded.word("none", false);
        }
        for (at, result) in self.results.iter().enumerate() {
            let last = at + 1 == self.results.len();
            write_result(&mut folded, result, if last { "" } else { ";" });
        }
        folded.text
    }
}

/// Writes one result on a line of its own, and what ends it.
fn write_result(folded: &mut Folded, result: &MethodResult, end: &str) {
    let mut words = Words { folded, word: String::with_capacity(COLUMNS), is_first: true };
    words.push(&keyword(&result.method));
    if let Some(version) = result.version {
        let _ = write!(words.word, "/{version}");
    }
    words.push("=");
    words.push(&keyword(&result.result));
    if let Some(comment) = &result.comment {
        words.end();
        words.push("(");
        words.push(&visible(comment).replace(['(', ')', '\\'], "?"));
        words.push(")");
    }
    if let Some(reason) = &result.reason {
        words.end();
        words.push("reason=");
        words.push(&value(reason));
    }
    for property in &result.properties {
        words.end();
        write_property(&mut words, property);
    }
    words.push(end);
    words.end();
}

/// Writes one property; an address stands as it is where it needs no quotes (§2.2, `pvalue`).
fn write_property(words: &mut Words<'_>, property: &Property) {
    let Property { kind, name, value: text } = property;
    words.push(&keyword(kind));
    words.push(".");
    words.push(&keyword(name));
    words.push("=");
    let bare = text.rsplit_once('@').is_some_and(|(local, domain)| {
        (local.is_empty() || is_dot_atom(local)) && !domain.is_empty() && is_dot_atom(domain) && is_token(domain)
    });
    words.push(&if bare { text.into() } else { value(text) });
}

/// Writes a token, or a quoted string where it is none.
fn value(text: &str) -> Cow<'_, str> {
    let text = visible(text);
    if is_token(&text) {
        return text;
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted.into()
}

/// Returns the text with `?` for what a header should not have: controls, and everything beyond ASCII.
fn visible(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return text.into();
    }
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// Returns a word of the format with `?` left out: letters, digits and hyphens are all it has.
fn keyword(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return word.into();
    }
    word.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}

/// Tells whether a text can stand without quotes (RFC 2045 §5.1).
pub(super) fn is_token(text: &str) -> bool {
    let is_special = |b| {
        matches!(
            b,
            b'(' | b')' | b'<' | b'>' | b'@' | b',' | b';' | b':' | b'\\' | b'"' | b'/' | b'[' | b']' | b'?' | b'='
        )
    };
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !is_special(b))
}

/// Tells whether a text is words joined by dots (RFC 5322 §3.2.3).
fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii() && crate::address::is_atom(b)))
}

/// The words of one result, of which the first begins a line.
struct Words<'f> {
    /// Where they go.
    folded: &'f mut Folded,
    /// The word that is being written.
    word: String,
    /// Whether it is the first.
    is_first: bool,
}

impl Words<'_> {
    /// Adds to the word.
    fn push(&mut self, piece: &str) {
        self.word.push_str(piece);
    }

    /// Ends the word.
    fn end(&mut self) {
        self.folded.word(&self.word, self.is_first);
        self.word.clear();
        self.is_first = false;
    }
}

/// Text that is folded between words.
struct Folded {
    /// What was written.
    text: String,
    /// How long the last line is.
    column: usize,
}

impl Folded {
    /// Writes a word, on a new line where it is wanted or does not fit.
    fn word(&mut self, word: &str, new_line: bool) {
        let space = usize::from(!self.text.ends_with(' '));
        if new_line || self.column + space + word.len() > COLUMNS {
            self.text.truncate(self.text.trim_end_matches(' ').len());
            self.text.push_str(INDENT);
            self.column = 1;
        } else if space == 1 {
            self.text.push(' ');
            self.column += 1;
        }
        self.text.push_str(word);
        self.column += word.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_folded_and_quoted() {
        let mut spf = MethodResult::new("spf", "pass").with("smtp", "mailfrom", Some("a@example.org"));
        spf.reason = Some("all \"well\"\r\n\u{202e}".to_owned());
        let arc = MethodResult::new("arc", "none").with("smtp", "remote-ip", Some("2001:db8::1"));
        let field = AuthenticationResults {
            authserv_id: "mx.example.net".to_owned(),
            version: Some(1),
            results: vec![spf.with("policy", "x", Some("b(c)@d")), arc],
        };
        assert_eq!(
            field.to_field(),
            "Authentication-Results: mx.example.net 1;\r\n\
             \tspf=pass reason=\"all \\\"well\\\"???\" smtp.mailfrom=a@example.org\r\n\
             \tpolicy.x=\"b(c)@d\";\r\n\
             \tarc=none smtp.remote-ip=\"2001:db8::1\""
        );
        let none = AuthenticationResults { authserv_id: "a b".to_owned(), ..AuthenticationResults::default() };
        assert_eq!(
            none.to_field_named("ARC-Authentication-Results", "i=1; "),
            "ARC-Authentication-Results: i=1; \"a b\"; none"
        );
    }
}
