//! The known name that was probably meant

/// Returns the known name that is nearest to a written one, where it is near enough to be meant.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written: String = written.chars().take(64).collect::<String>().to_lowercase();
    let near = written.chars().count().div_ceil(3).max(2);
    known
        .iter()
        .map(|name| (distance(&written, name), *name))
        .filter(|(far, _)| *far <= near)
        .min()
        .map(|(_, name)| name)
}

/// Counts the letters to insert, delete, replace or swap with their neighbour to make one text of the other.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (row[j] + 1).min(rows[i][j + 1] + 1).min(rows[i][j] + usize::from(a != b));
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_strangers_are_not() {
        let known = ["timeout_seconds", "upstreams", "ca_file"];
        assert_eq!(nearest("upstream", &known), Some("upstreams"));
        assert_eq!(nearest("timeuot_seconds", &known), Some("timeout_seconds"));
        assert_eq!(nearest("CA-file", &known), Some("ca_file"));
        assert_eq!(nearest("listen", &known), None);
    }

    #[test]
    fn distances_count_letters() {
        for (left, right, far) in [("", "abc", 3), ("abc", "abc", 0), ("dsn", "dns", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(left, right), far);
        }
    }
}
