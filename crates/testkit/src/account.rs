//! The machine's accounts

use std::fs;

/// Returns the number of a user or group in a file such as `/etc/passwd`.
pub(crate) fn number(file: &str, name: &str) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    let mut fields = text.lines().map(|line| line.split(':')).find(|fields| fields.clone().next() == Some(name))?;
    fields.nth(2)?.parse().ok()
}
