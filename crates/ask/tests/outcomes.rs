//! Each outcome is told apart, as the zone itself tells it

use sekisho_ask::Source;
use sekisho_core::facts::{Kind, Outcome};
use sekisho_testkit::dns::DnsServer;

use crate::{never, question, resolver, zone};

/// A zone with every kind of record and failure.
const ZONE: &str = r#"
example.org              TXT    "v=spf1 mx -all"
example.org              TXT    "two" " strings"
example.org              MX     10 mail.example.org
example.org              MX     0 .
mail.example.org         A      192.0.2.1
mail.example.org         A      192.0.2.2
mail.example.org         AAAA   2001:db8::1
1.2.0.192.in-addr.arpa   PTR    mail.example.org
www.example.org          CNAME  example.org
gone.example.org         CNAME  nowhere.example.org
deep.between.example.org TXT    "below a name without records"
broken.example.org       *      !servfail
refused.example.org      *      !refused
cut.example.org          *      !truncated
"#;

#[tokio::test]
async fn whatever_is_asked_the_server_and_the_zone_say_the_same() {
    let zone = zone(ZONE);
    let server = DnsServer::start(zone.clone());
    let resolver = resolver(&server);
    let names = [
        "example.org",
        "mail.example.org",
        "1.2.0.192.in-addr.arpa",
        "www.example.org",
        "gone.example.org",
        "between.example.org",
        "org",
        "nowhere.example.org",
        "broken.example.org",
        "refused.example.org",
        "cut.example.org",
    ];
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        for kind in Kind::ALL {
            let question = question(kind, name);
            let answer = resolver.answer(&question).await;
            assert_eq!(answer.outcome, zone.answer(&question).outcome, "{question}");
            seen.insert(answer.outcome.word());
        }
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["answer", "nodata", "nxdomain", "refused", "servfail", "truncated"]
    );
}

#[tokio::test]
async fn a_source_is_a_zone_too() {
    let source = Source::Zone(zone(ZONE));
    let answer = source.answer(&question(Kind::Txt, "cut.example.org"), never()).await;
    assert_eq!(answer.outcome, Outcome::Truncated);
}
