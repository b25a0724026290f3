//! The fields that tell others what was found, and the forged ones that are taken away (RFC 8601 §5)

use std::collections::HashMap;

use sekisho_mail::authentication_results::{AuthenticationResults, MethodResult, NAME, forged};
use sekisho_mail::header::{Field, Header};
use sekisho_wire::milter::{Protocol, Reply, Terms};

use super::hearing::Judged;

/// Where our own fields go: before all others, the MTA's own trace field among them (RFC 8601 §5).
const TOP: u32 = 0;

/// The field that tells a filter behind us to put a mail aside.
pub(super) const QUARANTINE: &str = "X-Sekisho-Quarantine";
/// The field that names the verdict's id.
pub(super) const VERDICT_ID: &str = "X-Sekisho";

/// The most fields that are taken out of one mail. An MTA looks through the header for each of them (Postfix needs half a
/// minute for 19,000), and no honest mail has ten.
pub(crate) const DELETIONS: usize = 1000;

/// A deletion: the name of a field, and its place among the fields of that name, from 1.
pub(super) type Deletion = (Vec<u8>, u32);

/// More fields would have to go than an MTA can be asked to take away: an attack on the MTA, whatever else the mail is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Swamped {
    /// How many.
    pub(super) fields: usize,
}

/// Returns which fields speak in our name and have to go, from the last to the first: whoever deletes from the front
/// shifts the places of the others (CVE-2022-48521). `kept` are the names of earlier filters of ours, whose fields stay.
pub(super) fn forgeries(header: &Header<'_>, authserv_id: &str, kept: &[String]) -> Result<Vec<Deletion>, Swamped> {
    let fields = header.fields();
    let mut places = forged(header, authserv_id);
    places.retain(|at| !fields.get(*at).is_some_and(|field| is_kept(field, kept)));
    places.extend((0..fields.len()).filter(|at| fields[*at].reads_as(QUARANTINE) || fields[*at].reads_as(VERDICT_ID)));
    places.sort_unstable();
    places.dedup();
    deletions(fields, &places)
}

/// Tells whether a field plainly speaks in one of these names.
fn is_kept(field: &Field<'_>, kept: &[String]) -> bool {
    !kept.is_empty()
        && AuthenticationResults::parse(field.value())
            .is_ok_and(|read| kept.iter().any(|name| name.eq_ignore_ascii_case(&read.authserv_id)))
}

/// Returns every field of our kind, whoever it speaks for, from the last to the first: of a mail that is not to be parsed
/// nobody can tell who is trusted.
pub(super) fn all_results(header: &Header<'_>) -> Result<Vec<Deletion>, Swamped> {
    let is_ours = |field: &Field<'_>| [NAME, QUARANTINE, VERDICT_ID].iter().any(|name| field.reads_as(name));
    let places = header.fields().iter().enumerate().filter(|(_, field)| is_ours(field));
    deletions(header.fields(), &places.map(|(at, _)| at).collect::<Vec<_>>())
}

/// Returns the deletions of the fields at these places, the last one first.
fn deletions(fields: &[Field<'_>], places: &[usize]) -> Result<Vec<Deletion>, Swamped> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    if places.len() > DELETIONS {
        return Err(Swamped { fields: places.len() });
    }
    let numbers = numbers(fields);
    let deletion = |at: &usize| Some((fields.get(*at)?.name().to_vec(), *numbers.get(*at)?));
    Ok(places.iter().rev().filter_map(deletion).collect())
}

/// Counts each field among those of its name, from 1, in one pass: a header may have thousands of one name.
fn numbers(fields: &[Field<'_>]) -> Vec<u32> {
    let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
    let number = |field: &Field<'_>| {
        let seen = seen.entry(field.name().to_ascii_lowercase()).or_default();
        *seen += 1;
        *seen
    };
    fields.iter().map(number).collect()
}

/// Returns the value of our field for a mail that was judged, with what is odd about it.
pub(super) fn results(judged: &Judged, header: &Header<'_>, authserv_id: &str, is_replay: bool) -> String {
    let mut all = AuthenticationResults::of(&judged.verdict, header, judged.envelope.client_ip, authserv_id);
    if is_replay {
        let passed = all.results.iter_mut().filter(|result| result.method == "dkim" && result.result == "pass");
        passed.for_each(|result| add_reason(result, "replay suspected"));
    }
    if judged.has_stray_line_ends {
        let dmarc = all.results.iter_mut().filter(|result| result.method == "dmarc");
        dmarc.for_each(|result| add_reason(result, "bare CR or LF in the mail"));
    }
    value(&all)
}

/// Adds a reason to a result that may have one.
fn add_reason(result: &mut MethodResult, reason: &str) {
    result.reason = Some(match result.reason.take() {
        Some(first) => format!("{first}; {reason}"),
        None => reason.to_owned(),
    });
}

/// Returns the value of our field for a mail that nobody judged, and why not.
pub(super) fn nobody_judged(authserv_id: &str, why: &str) -> String {
    let mut result = MethodResult::new("dmarc", "temperror");
    result.reason = Some(why.to_owned());
    value(&AuthenticationResults { authserv_id: authserv_id.to_owned(), version: None, results: vec![result] })
}

/// Returns what stands behind the colon.
fn value(results: &AuthenticationResults) -> String {
    let field = results.to_field();
    field.get(NAME.len() + 1..).unwrap_or_default().trim_end().to_owned()
}

/// Returns the reply that inserts a field at the top.
pub(super) fn insert<'a>(terms: Option<Terms>, name: &'a str, value: &'a str) -> Reply<'a> {
    // Where leading white space was not agreed on, the MTA writes one space of its own.
    let keeps_space = terms.is_some_and(|terms| terms.protocol.has(Protocol::LEADING_SPACE));
    let value = if keeps_space { value } else { value.strip_prefix(' ').unwrap_or(value) };
    Reply::InsertHeader { index: TOP, name, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgery_behind_a_bare_break_in_the_field_of_another_is_one() {
        for hidden in [&b"\r"[..], b"\n"] {
            let claim = &b"Authentication-Results: mx.example; dmarc=pass\r\n"[..];
            let raw = [b"Authentication-Results: other.example; none", hidden, claim].concat();
            let found = forgeries(&Header::parse(&raw), "mx.example", &[]).unwrap();
            assert_eq!(found, [(b"Authentication-Results".to_vec(), 1)]);
        }
    }

    #[test]
    fn forgeries_are_counted_among_the_fields_of_their_name_and_named_from_the_last() {
        let raw = b"Authentication-Results: other.example; none\r\nSubject: x\r\nauthentication-results: mx.example; spf=pass\r\n\
                    AUTHENTICATION-RESULTS: mx.example 1; dkim=pass\r\n";
        let found = forgeries(&Header::parse(raw), "mx.example", &[]).unwrap();
        assert_eq!(found, [(b"AUTHENTICATION-RESULTS".to_vec(), 3), (b"authentication-results".to_vec(), 2)]);
    }

    #[test]
    fn no_mta_is_asked_to_take_away_more_than_it_can() {
        let raw = |count: usize| b"Authentication-Results: mx.example; spf=pass\r\n".repeat(count);
        let (most, more) = (raw(DELETIONS), raw(DELETIONS + 1));
        let found = forgeries(&Header::parse(&most), "mx.example", &[]).unwrap();
        assert_eq!((found.len(), found[0].1, found[DELETIONS - 1].1), (DELETIONS, 1000, 1));
        let swamped = Err(Swamped { fields: DELETIONS + 1 });
        assert_eq!(forgeries(&Header::parse(&more), "mx.example", &[]), swamped);
        assert_eq!(all_results(&Header::parse(&more)), swamped);
        // Those of others stay, however many there are.
        assert_eq!(forgeries(&Header::parse(&more), "mx2.example", &[]), Ok(Vec::new()));
        assert_eq!(forgeries(&Header::parse(&more), "mx.example", &["mx.example".to_owned()]), Ok(Vec::new()));
    }
}
