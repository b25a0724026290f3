//! Comparing short names and words: a report has forty comparisons a row, and each would be a call

/// How many octets two overlapping pieces of eight cover.
const SHORT: usize = 16;

/// Tells whether two texts are the same.
#[inline]
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        8..=SHORT => same_ends::<8>(one, other),
        4..8 => same_ends::<4>(one, other),
        2..4 => same_ends::<2>(one, other),
        _ => one == other,
    }
}

/// Compares the first octets and the last ones, which overlap or meet.
#[inline]
fn same_ends<const LENGTH: usize>(one: &[u8], other: &[u8]) -> bool {
    one.first_chunk::<LENGTH>() == other.first_chunk::<LENGTH>()
        && one.last_chunk::<LENGTH>() == other.last_chunk::<LENGTH>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_where_every_octet_is() {
        for length in 0..40 {
            let one = vec![b'a'; length];
            assert!(same(&one, &one.clone()), "{length}");
            assert!(!same(&one, &vec![b'a'; length + 1]), "{length}");
            for at in 0..length {
                let mut other = one.clone();
                other[at] = b'b';
                assert!(!same(&one, &other) && !same(&other, &one), "{length} {at}");
            }
        }
    }
}
