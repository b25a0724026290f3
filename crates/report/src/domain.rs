//! Domains as reports name them: in lower case, as A-labels and without the last dot, so that one domain is not two

use sekisho_core::name::DomainName;

/// Sets a domain, in the room that there is already.
#[inline]
pub(crate) fn set(place: &mut String, text: &str) {
    place.clear();
    place.push_str(text.strip_suffix('.').unwrap_or(text));
    place.make_ascii_lowercase();
    if !place.is_ascii()
        && let Ok(name) = DomainName::parse_unicode(place.as_str())
    {
        *place = name.to_string();
    }
}

/// Returns a domain.
pub(crate) fn read(text: &str) -> String {
    let mut domain = String::new();
    set(&mut domain, text);
    domain
}

/// Returns the domain of an address, with or without angle brackets around it; nothing where there is none.
pub(crate) fn of_address(address: &str) -> Option<String> {
    let bare = address.trim().trim_start_matches('<').trim_end_matches('>');
    let (_, domain) = bare.rsplit_once('@')?;
    name(domain.trim())
}

/// Returns a domain, where a text is one that hosts have: letters, digits, hyphens and underscores. Whatever else stands there may
/// be anything, and is nobody's name.
pub(crate) fn name(text: &str) -> Option<String> {
    let domain = read(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    Some(domain).filter(|domain| domain.len() <= 253 && domain.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_domain_is_not_two() {
        for text in ["Example.ORG", "example.org.", "example.org"] {
            assert_eq!(read(text), "example.org");
        }
        assert_eq!(read("\u{95a2}\u{6240}.example"), "xn--8ous75i.example");
    }

    #[test]
    fn the_domain_of_an_address_stands_behind_its_last_at_sign() {
        for address in ["<a@Example.org>", "a@example.org", " <\"a@b\"@example.org.> "] {
            assert_eq!(of_address(address).as_deref(), Some("example.org"), "{address}");
        }
        for none in [
            "<>",
            "",
            "postmaster",
            "a@",
            "<a@>",
            "a@=cmd.example",
            "a@b..example",
            "a@<b>.example",
            "a@b.example\u{1b}",
        ] {
            assert_eq!(of_address(none), None, "{none}");
        }
    }
}
