//! Why there is not exactly one author: every reason with its rule

use sekisho_core::step::Rule;

use crate::verdict::AuthorResult;

/// A reason why a mail has no author domain to judge by.
#[derive(Debug)]
pub struct Fault {
    /// What it makes of the author.
    pub result: AuthorResult,
    /// The stable phrase.
    pub reason: &'static str,
    /// The rule that speaks of it.
    pub rule: Rule,
}

/// Makes a fault; the table below reads better so.
const fn fault(result: AuthorResult, reason: &'static str, id: &'static str, section: &'static str) -> Fault {
    Fault { result, reason, rule: Rule { id, section } }
}

/// The header has more octets or fields than are read.
pub static TOO_LARGE: Fault =
    fault(AuthorResult::Unusable, "header too large", "author.header-too-large", "RFC 5321 §4.5.3.1");
/// The mail has no From field.
pub static NO_FROM: Fault = fault(AuthorResult::Missing, "no From field", "author.no-from", "RFC 5322 §3.6");
/// The From field names nobody.
pub static EMPTY_FROM: Fault = fault(AuthorResult::Missing, "empty From field", "author.empty-from", "RFC 5322 §3.6.2");
/// The mail has several From fields; a reader of mail may show any of them.
pub static SEVERAL_FIELDS: Fault =
    fault(AuthorResult::Multiple, "several From fields", "author.several-fields", "RFC 5322 §3.6");
/// The authors belong to several domains; the text is one of them.
pub static SEVERAL_DOMAINS: Fault =
    fault(AuthorResult::Multiple, "several author domains", "author.several-domains", "RFC 9989 §5.3.1");
/// Something that some readers of mail take for a From field is none.
pub static HIDDEN_FROM: Fault =
    fault(AuthorResult::Unusable, "hidden From field", "author.hidden-from", "RFC 5322 §2.2");
/// A field name reads as From once spaces and control characters are taken out.
pub static ODD_NAME: Fault = fault(AuthorResult::Unusable, "odd From field name", "author.odd-name", "RFC 5322 §2.2");
/// A line before From is no header field, so some readers of mail end the header there.
pub static NO_FIELD_BEFORE: Fault =
    fault(AuthorResult::Unusable, "a line that is no field before From", "author.no-field-before", "RFC 5322 §2.2");
/// A line behind From is no header field, so some readers of mail end the header there: what was signed is body to them.
pub static NO_FIELD: Fault =
    fault(AuthorResult::Unusable, "a line that is no field", "author.no-field", "RFC 5322 §2.2");
/// A field before From ends with a line of white space, where some readers of mail end the header.
pub static BLANK_BEFORE: Fault =
    fault(AuthorResult::Unusable, "a line of white space before From", "author.blank-before", "RFC 5322 §4.2");
/// A bare line break makes an empty line before From, where some readers of mail end the header.
pub static HIDDEN_END: Fault =
    fault(AuthorResult::Unusable, "bare line break that ends the header", "author.hidden-end", "RFC 5322 §2.2");
/// From holds a NUL, where some readers of mail stop.
pub static NUL: Fault = fault(AuthorResult::Unusable, "NUL in From", "author.nul", "RFC 5322 §4");
/// From holds a CR or an LF that is no line end.
pub static BARE_BREAK: Fault =
    fault(AuthorResult::Unusable, "bare line break in From", "author.bare-break", "RFC 5322 §2.3");
/// From holds a character beyond ASCII at which some programs begin a new line.
pub static HIDDEN_BREAK: Fault =
    fault(AuthorResult::Unusable, "hidden line break in From", "author.hidden-break", "RFC 5322 §2.2");
/// From is folded over a line of white space, where some readers of mail end the header.
pub static BLANK_LINE: Fault =
    fault(AuthorResult::Unusable, "blank line in From", "author.blank-line", "RFC 5322 §3.2.2");
/// From holds a control character.
pub static CONTROL: Fault =
    fault(AuthorResult::Unusable, "control character in From", "author.control", "RFC 5322 §4.1");
/// From is no UTF-8, and in another character set it would read differently.
pub static UNDECLARED_CHARSET: Fault =
    fault(AuthorResult::Unusable, "undeclared character set in From", "author.undeclared-charset", "RFC 6532 §3.1");
/// A quoted string in From has no end.
pub static UNCLOSED_QUOTE: Fault =
    fault(AuthorResult::Unusable, "unclosed quote", "author.unclosed-quote", "RFC 5322 §3.2.4");
/// A comment in From has no end.
pub static UNCLOSED_COMMENT: Fault =
    fault(AuthorResult::Unusable, "unclosed comment", "author.unclosed-comment", "RFC 5322 §3.2.2");
/// An angle bracket in From has no end.
pub static UNCLOSED_ANGLE: Fault =
    fault(AuthorResult::Unusable, "unclosed angle bracket", "author.unclosed-angle", "RFC 5322 §3.4");
/// A square bracket in From has no end.
pub static UNCLOSED_LITERAL: Fault =
    fault(AuthorResult::Unusable, "unclosed domain literal", "author.unclosed-literal", "RFC 5322 §3.4.1");
/// Comments in From are nested deeper than readers of mail follow.
pub static DEEP_COMMENT: Fault =
    fault(AuthorResult::Unusable, "deeply nested comment", "author.deep-comment", "RFC 5322 §3.2.2");
/// From names a group and no author.
pub static GROUP: Fault = fault(AuthorResult::Unusable, "only a group", "author.group", "RFC 6854 §2");
/// From holds a group, which readers of mail show in different ways.
pub static GROUP_MEMBERS: Fault =
    fault(AuthorResult::Unusable, "group among the authors", "author.group-members", "RFC 6854 §2");
/// A part of From is no address.
pub static NO_ADDRESS: Fault = fault(AuthorResult::Unusable, "no address", "author.no-address", "RFC 5322 §3.4");
/// An address in From is empty.
pub static EMPTY_ADDRESS: Fault =
    fault(AuthorResult::Unusable, "empty address", "author.empty-address", "RFC 5322 §3.4");
/// An address in From has nothing before the at sign.
pub static EMPTY_LOCAL: Fault =
    fault(AuthorResult::Unusable, "empty local part", "author.empty-local", "RFC 5322 §3.4.1");
/// An address in From has nothing behind the at sign.
pub static EMPTY_DOMAIN: Fault =
    fault(AuthorResult::Unusable, "empty domain", "author.empty-domain", "RFC 5322 §3.4.1");
/// An address in From has two at signs.
pub static TWO_AT_SIGNS: Fault =
    fault(AuthorResult::Unusable, "two at signs", "author.two-at-signs", "RFC 5322 §3.4.1");
/// An address in From names a route, of which readers of mail show different parts.
pub static ROUTE: Fault = fault(AuthorResult::Unusable, "route address", "author.route", "RFC 5322 §4.4");
/// An address in From has a network address for a domain.
pub static DOMAIN_LITERAL: Fault =
    fault(AuthorResult::Unusable, "domain literal", "author.domain-literal", "RFC 5322 §3.4.1");
/// The domain of an address in From ends with a dot.
pub static TRAILING_DOT: Fault =
    fault(AuthorResult::Unusable, "trailing dot in the domain", "author.trailing-dot", "RFC 5322 §3.4.1");
/// The domain of an address in From can be no host's name.
pub static BAD_DOMAIN: Fault =
    fault(AuthorResult::Unusable, "domain that is no valid name", "author.bad-domain", "RFC 1035 §2.3.1");
/// The domain of an address in From is no valid internationalized name.
pub static BAD_IDN: Fault =
    fault(AuthorResult::Unusable, "invalid internationalized domain", "author.bad-idn", "RFC 5891 §4");
/// White space or a comment breaks a domain in From in two, and the first half is a name by itself.
pub static SPLIT_DOMAIN: Fault =
    fault(AuthorResult::Unusable, "domain broken by white space or a comment", "author.split-domain", "RFC 5322 §4.4");
/// An address in From is written as an encoded word, which is not allowed.
pub static ENCODED_ADDRESS: Fault =
    fault(AuthorResult::Unusable, "encoded-word in an address", "author.encoded-address", "RFC 2047 §5");
/// A quoted string or a comment begins in what some readers of mail take for an encoded word, and ends elsewhere.
pub static CROSSED_WORD: Fault =
    fault(AuthorResult::Unusable, "quote or comment across an encoded-word", "author.crossed-word", "RFC 2047 §5");
/// A comment in From looks like a part of the address.
pub static COMMENT_IN_ADDRESS: Fault = fault(
    AuthorResult::Unusable,
    "comment that looks like a part of the address",
    "author.comment-in-address",
    "RFC 5322 §3.2.2",
);
/// A quoted local part in From looks like an address itself.
pub static QUOTED_AT: Fault =
    fault(AuthorResult::Unusable, "address inside a quoted local part", "author.quoted-at", "RFC 5322 §3.4.1");
/// Words stand before an address that has no angle brackets.
pub static TEXT_BEFORE: Fault = fault(
    AuthorResult::Unusable,
    "text before an address without angle brackets",
    "author.text-before",
    "RFC 5322 §3.4",
);
/// Something follows an address in From without a comma.
pub static TEXT_AFTER: Fault =
    fault(AuthorResult::Unusable, "text after an address", "author.text-after", "RFC 5322 §3.4");
/// Two addresses in From have no comma between them.
pub static SECOND_ANGLE: Fault =
    fault(AuthorResult::Unusable, "two addresses without a comma", "author.second-angle", "RFC 5322 §3.4");
/// An address of another domain stands unquoted where the display name should be.
pub static ADDRESS_BEFORE: Fault = fault(
    AuthorResult::Unusable,
    "address of another domain before the address",
    "author.address-before",
    "RFC 5322 §3.4",
);
/// From holds a semicolon that some readers of mail take for a comma.
pub static SEMICOLON: Fault =
    fault(AuthorResult::Unusable, "semicolon outside a group", "author.semicolon", "RFC 5322 §3.4");
/// From cannot be read.
pub static UNPARSEABLE: Fault =
    fault(AuthorResult::Unusable, "unparseable From", "author.unparseable", "RFC 5322 §3.4");

/// Every fault there is.
pub(crate) const FAULTS: &[&Fault] = &[
    &TOO_LARGE,
    &NO_FROM,
    &EMPTY_FROM,
    &SEVERAL_FIELDS,
    &SEVERAL_DOMAINS,
    &HIDDEN_FROM,
    &ODD_NAME,
    &NO_FIELD_BEFORE,
    &NO_FIELD,
    &BLANK_BEFORE,
    &HIDDEN_END,
    &NUL,
    &BARE_BREAK,
    &HIDDEN_BREAK,
    &BLANK_LINE,
    &CONTROL,
    &UNDECLARED_CHARSET,
    &UNCLOSED_QUOTE,
    &UNCLOSED_COMMENT,
    &UNCLOSED_ANGLE,
    &UNCLOSED_LITERAL,
    &DEEP_COMMENT,
    &GROUP,
    &GROUP_MEMBERS,
    &NO_ADDRESS,
    &EMPTY_ADDRESS,
    &EMPTY_LOCAL,
    &EMPTY_DOMAIN,
    &TWO_AT_SIGNS,
    &ROUTE,
    &DOMAIN_LITERAL,
    &TRAILING_DOT,
    &BAD_DOMAIN,
    &BAD_IDN,
    &SPLIT_DOMAIN,
    &ENCODED_ADDRESS,
    &CROSSED_WORD,
    &COMMENT_IN_ADDRESS,
    &QUOTED_AT,
    &TEXT_BEFORE,
    &TEXT_AFTER,
    &SECOND_ANGLE,
    &ADDRESS_BEFORE,
    &SEMICOLON,
    &UNPARSEABLE,
];
