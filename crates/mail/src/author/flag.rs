//! What is odd about a header without being decisive: every flag with its rule

use sekisho_core::step::Rule;

/// Something odd that does not decide who the author is.
#[derive(Debug)]
pub struct Flag {
    /// The stable word.
    pub word: &'static str,
    /// The rule that speaks of it.
    pub rule: Rule,
}

/// Makes a flag; the table below reads better so.
const fn flag(word: &'static str, id: &'static str, section: &'static str) -> Flag {
    Flag { word, rule: Rule { id, section } }
}

/// From names several authors of one domain.
pub static SEVERAL_AUTHORS: Flag = flag("several-authors", "author.several-authors", "RFC 5322 §3.6.2");
/// From names several authors, but no Sender field says who sent the mail.
pub static SENDER_MISSING: Flag = flag("sender-missing", "author.sender-missing", "RFC 5322 §3.6.2");
/// The author domain has no dot.
pub static SINGLE_LABEL_DOMAIN: Flag = flag("single-label-domain", "author.single-label", "RFC 9989 §5.3.1");
/// White space stands between a field's name and its colon, as only old mail has it.
pub static SPACE_BEFORE_COLON: Flag = flag("space-before-colon", "author.space-before-colon", "RFC 5322 §4.5");
/// From has a comma too many.
pub static EMPTY_ELEMENT: Flag = flag("empty-element", "author.empty-element", "RFC 5322 §4.4");
/// An address in From has white space or a comment inside.
pub static OBSOLETE_ADDRESS: Flag = flag("obsolete-address", "author.obsolete-address", "RFC 5322 §4.4");
/// The dots of a local part in From stand where the grammar has none.
pub static LOCAL_DOTS: Flag = flag("local-part-dots", "author.local-part-dots", "RFC 5322 §3.4.1");
/// The display name is an address without quotes, of the same domain.
pub static UNQUOTED_NAME: Flag = flag("unquoted-display-name", "author.unquoted-name", "RFC 5322 §3.4");
/// The display name holds an address of another domain.
pub static NAME_ADDRESS: Flag = flag("address-in-display-name", "author.name-address", "RFC 5322 §3.4");
/// A comment in From holds something like an address.
pub static COMMENT_ADDRESS: Flag = flag("address-in-comment", "author.comment-address", "RFC 5322 §3.2.2");
/// A word mixes scripts that do not belong together.
pub static MIXED_SCRIPTS: Flag = flag("mixed-scripts", "author.mixed-scripts", "UTS 39 §5.2");
/// A label of the author domain looks like ASCII text.
pub static CONFUSABLE_DOMAIN: Flag = flag("confusable-domain", "author.confusable-domain", "UTS 39 §4");
/// The display name turns the direction of its text.
pub static BIDI_CONTROLS: Flag = flag("bidi-controls", "author.bidi-controls", "UAX 9 §2");
/// The display name holds invisible characters.
pub static INVISIBLE: Flag = flag("invisible-characters", "author.invisible", "UTS 39 §3.1");
/// A field is folded over a line of white space, as only old mail is.
pub static BLANK_FOLDED_LINE: Flag = flag("blank-folded-line", "author.blank-folded-line", "RFC 5322 §4.2");
/// A field ends with a line of white space, as only old mail has it.
pub static BLANK_LAST_LINE: Flag = flag("blank-last-line", "author.blank-last-line", "RFC 5322 §4.2");
/// A line of the header has no colon.
pub static COLONLESS_LINE: Flag = flag("colonless-line", "author.colonless-line", "RFC 5322 §2.2");
/// A field name holds characters that no name has.
pub static ODD_FIELD_NAME: Flag = flag("odd-field-name", "author.odd-field-name", "RFC 5322 §2.2");
/// The header holds a NUL.
pub static NUL_IN_HEADER: Flag = flag("nul-in-header", "author.nul-in-header", "RFC 5322 §4");
/// The header holds a CR without an LF.
pub static BARE_CR: Flag = flag("bare-cr-in-header", "author.bare-cr", "RFC 5322 §2.3");
/// The header holds an LF without a CR.
pub static BARE_LF: Flag = flag("bare-lf-in-header", "author.bare-lf", "RFC 5322 §2.3");
/// A CR or an LF alone stands before text, which is a new line to some readers of mail.
pub static LINE_BEHIND_BREAK: Flag = flag("line-behind-bare-break", "author.line-behind-break", "RFC 5322 §2.3");
/// A character that some programs take for a line break stands before what looks like a field.
pub static HIDDEN_LINE_BREAK: Flag = flag("hidden-line-break", "author.hidden-line-break", "RFC 5322 §2.2");
/// The header holds octets beyond ASCII that are no UTF-8.
pub static NOT_UTF8: Flag = flag("not-utf8", "author.not-utf8", "RFC 6532 §3.1");
/// A line of the header has more than 998 octets.
pub static LONG_LINE: Flag = flag("long-line", "author.long-line", "RFC 5322 §2.1.1");
/// The mail has no Date field.
pub static NO_DATE: Flag = flag("no-date", "author.no-date", "RFC 5322 §3.6");

/// Tells whether known readers of mail see another header than we do, whoever signed it. Two things make them so:
///
/// - an obsolete fold: Ruby's `mail` ends the header at a line of white space that ends a field. To it what follows is
///   body, signed as header or not. (A line of white space with a continuation behind it ends the header for none that we
///   know, JavaMail only where it is told so.)
/// - a CR or an LF alone before text: to Python's `email` and others that text is a new field, or, where it is none, the
///   first line of the body. Such a mail never was legal.
pub(crate) fn header_is_in_doubt(flags: &[&str]) -> bool {
    flags.contains(&BLANK_LAST_LINE.word) || flags.contains(&LINE_BEHIND_BREAK.word)
}

/// The rule of fields that come twice.
pub(crate) static DUPLICATE: Rule = Rule { id: "author.duplicate-field", section: "RFC 5322 §3.6" };

/// The fields that a mail may have once (RFC 5322 §3.6, RFC 2045 §3), and the flag for a second one.
pub(crate) static SINGLE: [(&str, &str); 13] = [
    ("Date", "duplicate-date"),
    ("Sender", "duplicate-sender"),
    ("Reply-To", "duplicate-reply-to"),
    ("To", "duplicate-to"),
    ("Cc", "duplicate-cc"),
    ("Bcc", "duplicate-bcc"),
    ("Message-ID", "duplicate-message-id"),
    ("In-Reply-To", "duplicate-in-reply-to"),
    ("References", "duplicate-references"),
    ("Subject", "duplicate-subject"),
    ("MIME-Version", "duplicate-mime-version"),
    ("Content-Type", "duplicate-content-type"),
    ("Content-Transfer-Encoding", "duplicate-content-transfer-encoding"),
];

/// The rules of all flags.
pub(crate) const RULES: &[&Rule] = &[
    &DUPLICATE,
    &SEVERAL_AUTHORS.rule,
    &SENDER_MISSING.rule,
    &SINGLE_LABEL_DOMAIN.rule,
    &SPACE_BEFORE_COLON.rule,
    &EMPTY_ELEMENT.rule,
    &OBSOLETE_ADDRESS.rule,
    &LOCAL_DOTS.rule,
    &UNQUOTED_NAME.rule,
    &NAME_ADDRESS.rule,
    &COMMENT_ADDRESS.rule,
    &MIXED_SCRIPTS.rule,
    &CONFUSABLE_DOMAIN.rule,
    &BIDI_CONTROLS.rule,
    &INVISIBLE.rule,
    &BLANK_FOLDED_LINE.rule,
    &BLANK_LAST_LINE.rule,
    &COLONLESS_LINE.rule,
    &ODD_FIELD_NAME.rule,
    &NUL_IN_HEADER.rule,
    &BARE_CR.rule,
    &BARE_LF.rule,
    &LINE_BEHIND_BREAK.rule,
    &HIDDEN_LINE_BREAK.rule,
    &NOT_UTF8.rule,
    &LONG_LINE.rule,
    &NO_DATE.rule,
];
