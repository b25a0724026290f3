//! `--dns`: answers come from a server, over UDP and TCP, TLS and HTTPS

use sekisho_core::zone::Zone;
use sekisho_testkit::dns::{DnsServer, Manners};

use crate::command::{Folder, ZONE};

/// The zone of all tests here.
fn zone() -> Zone {
    Zone::parse(ZONE).unwrap()
}

#[test]
fn a_server_and_the_zone_it_serves_give_the_same_verdict() {
    let folder = Folder::new();
    let server = DnsServer::start(zone());
    let envelope = "--trust-received 1 --at 2026-01-01T00:00:00Z --json";
    let mut asked = folder.call(&format!("check @mail.eml --dns {} {envelope}", server.address())).json();
    let mut read = folder.call(&format!("check @mail.eml --zone @zone {envelope}")).json();
    // How long an answer may be kept is the server's own choice.
    for object in [&mut asked, &mut read] {
        object["facts"].as_array_mut().unwrap().iter_mut().for_each(|fact| fact["ttl"] = 0.into());
    }
    assert_eq!(asked, read);
    assert!(server.count() >= 3);
}

#[test]
fn a_private_authority_vouches_for_servers_over_tls_and_https() {
    let folder = Folder::new();
    let servers = [
        ("tls", DnsServer::start_tls(zone(), Manners::default())),
        ("https", DnsServer::start_https(zone(), Manners::default())),
    ];
    for (scheme, server) in servers {
        let authority = folder.write("ca.pem", server.certificate());
        folder.write("ca.toml", format!("[dns]\nca_file = \"{authority}\"\n"));
        let dns = format!("{scheme}://{}", server.address());
        let command = format!("check @mail.eml --dns {dns} --trust-received 1 --json");
        let object = folder.call(&format!("{command} --config @ca.toml")).json();
        assert_eq!((object["spf"]["result"].as_str(), server.count() > 0), (Some("pass"), true), "{scheme}");
        let object = folder.call(&format!("{command} --timeout 5")).json();
        assert_eq!(object["spf"]["result"], "temperror", "{scheme}: nobody vouches for the server");
    }
}

#[test]
fn many_mails_of_one_domain_ask_once() {
    let folder = Folder::new();
    let server = DnsServer::start(zone());
    let mail = crate::command::MAIL.replace('\r', "");
    folder.write("box", format!("From x 10:00\n{mail}\n").repeat(50));
    let said = folder.call(&format!("check @box --dns {} --trust-received 1 --json", server.address()));
    assert_eq!((said.exit, said.stdout.lines().count()), (0, 50), "{}", said.stderr);
    assert!(server.count() <= 4, "{} questions", server.count());
}
