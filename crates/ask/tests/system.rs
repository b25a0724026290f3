//! The name servers that the system uses

use std::path::{Path, PathBuf};

use sekisho_ask::Upstream;

/// Writes a file and returns its path.
fn file(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn its_name_servers_are_read_and_nothing_else() {
    let path = file(
        "resolv.conf",
        "# by hand\nsearch example.org lan\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions edns0 trust-ad ndots:3\nsortlist x\n",
    );
    let servers: Vec<String> = Upstream::from_resolv_conf(&path).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["192.0.2.53:53", "[2001:db8::53]:53"]);
}

#[test]
fn a_file_without_them_says_so_and_what_to_do() {
    let missing = Upstream::from_resolv_conf(Path::new("/no/such/resolv.conf")).unwrap_err().to_string();
    assert!(missing.contains("there is no `/no/such/resolv.conf`") && missing.contains("--dns"), "{missing}");
    for content in ["", "search example.org\n", "nameserver not-an-address\n"] {
        let path = file("resolv-empty.conf", content);
        let empty = Upstream::from_resolv_conf(&path).unwrap_err().to_string();
        assert!(empty.contains("no `nameserver` line") && empty.contains("--dns"), "{empty}");
    }
}
