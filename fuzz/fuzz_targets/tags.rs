//! Any octets as a list of tags: what is read stands where it says, and is read again when written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho_mail::tags::{TagList, split_colons, trim_fws};

fuzz_target!(|data: &[u8]| {
    for part in split_colons(data) {
        assert_eq!(trim_fws(part), part);
    }
    let Ok(list) = TagList::parse(data) else { return };
    let mut written = Vec::new();
    let mut end = 0;
    for tag in list.iter() {
        assert!(tag.span.start > end && tag.span.end <= data.len(), "{tag:?}");
        end = tag.span.end;
        assert_eq!(trim_fws(&data[tag.span.clone()]), tag.value);
        let name = str::from_utf8(tag.name).expect("names are ASCII");
        assert_eq!(list.get(name), Some(tag.value), "a name is there once");
        written.extend_from_slice(&[tag.name, b"=", tag.value, b"; "].concat());
    }
    let again = TagList::parse(&written).expect("what was read can be read");
    let pairs = |list: &TagList<'_>| list.iter().map(|tag| (tag.name.to_vec(), tag.value.to_vec())).collect::<Vec<_>>();
    assert_eq!(pairs(&again), pairs(&list));
});
