//! Domains: in whose name mail is sent, by whom, and what of it is aligned

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use jiff::Timestamp;
use sekisho_core::finding::Finding;
use sekisho_core::search::AuthorDomain;
use sekisho_core::speech::Lang;
use sekisho_core::visible::Visible;
use sekisho_mail::spf::outline::Standing;
use sekisho_watch::audit::Audit;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::asked::{Asked, Field, Kind, bad, domain};
use super::caller::Caller;
use super::problem::{Answer, NOT_YOURS, Problem, no_answer};
use super::shape::{Domains, Refusals};
use super::told::{self, told};
use crate::names::Named;
use crate::people::access::Need;
use crate::reports::failed::FailedSource;
use crate::reports::show::Source;
use crate::simulate::forecast::Over;
use crate::speech::Talk;
use crate::web::Desk;
use crate::web::domain::published::audited;
use crate::web::domain::{DOMAINS, Day, Known, SOURCES, days, reporters};

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;
/// The most days that are looked at.
pub(super) const MOST_DAYS: u32 = 90;
/// How many days of all domains are looked at where nobody says.
const FEW_DAYS: u32 = 1;
/// How many days of one domain are looked at where nobody says.
pub(super) const USUAL_DAYS: u32 = 30;

/// What may be asked of the list.
const OF_ALL: &[Field] = &[Field::new("days", Kind::Number(1, MOST_DAYS, FEW_DAYS), "Of how many days, up to now.")];
/// What may be asked of a domain.
const OF_ONE: &[Field] =
    &[Field::new("days", Kind::Number(1, MOST_DAYS, USUAL_DAYS), "Of how many days, up to today.")];

/// The parameters of the list, for the document.
pub(super) struct OfAll;
/// The parameters of a domain, for the document.
pub(super) struct OfOne;

impl utoipa::IntoParams for OfAll {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        OF_ALL.iter().map(Field::parameter).collect()
    }
}

impl utoipa::IntoParams for OfOne {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        OF_ONE.iter().map(Field::parameter).collect()
    }
}

/// Author domains.
#[derive(Serialize, ToSchema)]
pub(super) struct DomainsTold {
    /// Of how many days.
    days: u32,
    /// The domains, the busiest first, at most 200.
    domains: Vec<AuthorDomainTold>,
}

/// An author domain.
#[derive(Serialize, ToSchema)]
pub(super) struct AuthorDomainTold {
    /// The domain.
    domain: String,
    /// How many mails the gate saw in its name.
    messages: u64,
    /// How many of them pass DMARC.
    dmarc_pass: u64,
    /// How many fail it.
    dmarc_fail: u64,
    /// From how many addresses they came.
    client_ips: u64,
    /// The policy that applied to the last of them; null where there was none.
    #[schema(required = true)]
    policy: Option<String>,
    /// When the last of them was judged.
    #[schema(format = DateTime)]
    last_at: String,
}

/// Lists the author domains of the last days, the busiest first, as the page *Domains* does.
#[utoipa::path(get, path = "/api/v1/domains", operation_id = "domains", tag = "domains", params(OfAll),
    responses((status = 200, description = "The domains.", body = DomainsTold), Refusals))]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let days = Asked::read(query.as_deref(), OF_ALL)?.number("days").unwrap_or(FEW_DAYS);
    let until_at = Timestamp::now().as_microsecond();
    let from_at = until_at - i64::from(days) * DAY;
    let within = caller.viewer.scope.names();
    let asked = desk.ask(Arc::clone(&desk.lake), move |lake| {
        lake.author_domains(from_at, until_at, within.as_deref(), None, DOMAINS)
    });
    let domains = asked.await.map_err(|why| no_answer(&why))?;
    Ok(told(&DomainsTold { days, domains: domains.into_iter().map(AuthorDomainTold::from).collect() }))
}

impl From<AuthorDomain> for AuthorDomainTold {
    fn from(domain: AuthorDomain) -> AuthorDomainTold {
        let AuthorDomain { domain, mails, pass, fail, clients, policy, last_at } = domain;
        AuthorDomainTold {
            domain,
            messages: mails,
            dmarc_pass: pass,
            dmarc_fail: fail,
            client_ips: clients,
            policy,
            last_at: told::moment(last_at),
        }
    }
}

/// A domain.
#[derive(Serialize, ToSchema)]
pub(super) struct DomainTold {
    /// The domain.
    domain: String,
    /// The first day that was looked at, in UTC.
    #[schema(format = Date)]
    first: String,
    /// The last one.
    #[schema(format = Date)]
    last: String,
    /// What is aligned of the mails of all sources.
    sums: Aligned,
    /// How many of the mails this house saw itself.
    gate_messages: u64,
    /// Who told of the others.
    reporters: Vec<String>,
    /// The days, the earliest first, also those without mails.
    by_day: Vec<DayTold>,
    /// Who sends, the busiest first; a viewer is told 100 of them.
    sources: Vec<SourceTold>,
    /// How many sources there are.
    sources_total: usize,
    /// Who sent mails that failed, as failure reports tell of single mails; not added to the sums. A viewer is told 100 of them.
    failures: Vec<FailedTold>,
    /// How many such sources there are.
    failures_total: usize,
    /// What the domain publishes now; null where the DNS cannot be asked.
    #[schema(required = true)]
    published: Option<Published>,
}

/// What a domain publishes.
#[derive(Serialize, ToSchema)]
struct Published {
    /// The SPF record; null where there is none, or none that can be followed.
    #[schema(required = true)]
    spf: Option<String>,
    /// How many lookups it costs with all that it includes (RFC 7208 §4.6.4).
    spf_lookups: usize,
    /// How many of them find nothing.
    spf_void_lookups: usize,
    /// How many IPv4 addresses it lets pass.
    spf_ipv4_addresses: u64,
    /// The DMARC policy that applies to the domain; null where there is none.
    #[schema(required = true)]
    dmarc: Option<String>,
    /// The domain at which that policy stands.
    #[schema(required = true)]
    dmarc_domain: Option<String>,
    /// What is wrong with them, the worst first.
    findings: Vec<FindingTold>,
}

/// Something that was found.
#[derive(Serialize, ToSchema)]
struct FindingTold {
    /// How bad it is: `fault`, `warning` or `note`.
    severity: &'static str,
    /// The stable id of the rule.
    rule: &'static str,
    /// Where that is written.
    section: &'static str,
    /// Whom it is about.
    subject: String,
    /// What it is.
    says: String,
    /// What to do about it.
    advice: String,
}

impl Published {
    /// Tells what was found, in sentences of a language.
    fn of(audit: &Audit, talk: &Talk) -> Published {
        let text = |text: &[u8]| Visible(text).to_string();
        let (at, record) = audit.dmarc.as_ref().map(|(at, record)| (at.to_string(), text(&record.text))).unzip();
        let finding = |finding: &Finding| FindingTold {
            severity: finding.severity.as_str(),
            rule: finding.rule.id,
            section: finding.rule.section,
            subject: finding.subject.to_string(),
            says: talk.finding(finding),
            advice: talk.advice(finding),
        };
        Published {
            spf: match &audit.spf.standing {
                Standing::Single(record) => Some(text(record)),
                _ => None,
            },
            spf_lookups: audit.sums.lookups,
            spf_void_lookups: audit.sums.voids,
            spf_ipv4_addresses: audit.sums.ipv4,
            dmarc: record,
            dmarc_domain: at,
            findings: audit.findings.iter().map(finding).collect(),
        }
    }
}

/// How many mails are aligned.
#[derive(Default, Serialize, ToSchema)]
struct Aligned {
    /// All mails.
    messages: u64,
    /// Those in which SPF or a signature passes and is aligned.
    aligned: u64,
    /// Those in which SPF does.
    spf_aligned: u64,
    /// Those in which a signature does.
    dkim_aligned: u64,
}

/// A day.
#[derive(Serialize, ToSchema)]
struct DayTold {
    /// The day, in UTC.
    #[schema(format = Date)]
    day: String,
    /// How many mails are aligned.
    aligned: u64,
    /// How many are not.
    unaligned: u64,
}

/// Who sends.
#[derive(Serialize, ToSchema)]
struct SourceTold {
    /// The address.
    source_ip: String,
    /// What it is called: a sender, a host, an AS; null where nobody knows.
    #[schema(required = true)]
    name: Option<String>,
    /// Its country; null where nobody knows.
    #[schema(required = true)]
    country: Option<String>,
    /// All mails.
    messages: u64,
    /// Those in which SPF or a signature passes and is aligned.
    aligned: u64,
    /// Those in which SPF does.
    spf_aligned: u64,
    /// Those in which a signature does.
    dkim_aligned: u64,
    /// The domains that sign, and the MAIL FROM domains.
    domains: Vec<String>,
}

/// Who sent mails that failed, as failure reports tell (RFC 9991).
#[derive(Serialize, ToSchema)]
struct FailedTold {
    /// The address; empty where the reports do not tell it.
    source_ip: String,
    /// What it is called; null where nobody knows.
    #[schema(required = true)]
    name: Option<String>,
    /// How many mails.
    messages: u64,
    /// What failed: `dmarc`, `spf`, `signature`, `bodyhash`, `revoked`, `adsp`, `unknown`.
    auth_failure: Vec<String>,
    /// What became of them: `delivered`, `spam`, `policy`, `reject`, `other`, `unknown`.
    delivery_result: Vec<String>,
    /// The domains of the signatures that failed, and the MAIL FROM domains.
    domains: Vec<String>,
    /// Who told it.
    reporters: Vec<String>,
    /// When the last one arrived.
    #[schema(format = DateTime)]
    last_at: String,
}

/// Tells who sends in the name of a domain, as the page *Domain* does: what receivers told, and what this house saw.
#[utoipa::path(get, path = "/api/v1/domains/{domain}", operation_id = "domain", tag = "domains", params(Domains, OfOne),
    responses((status = 200, description = "The domain.", body = DomainTold), Refusals))]
pub(super) async fn tell(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let days = Asked::read(query.as_deref(), OF_ONE)?.number("days").unwrap_or(USUAL_DAYS);
    let domain = domain(&name).ok_or_else(|| bad("domain"))?;
    if !caller.viewer.scope.covers(&domain) {
        return Err(Problem::new(NOT_YOURS, []));
    }
    let over = over(&desk);
    let (source, policy) = (over.source.clone(), over.config.policy());
    let subject = domain.clone();
    let (known, audit) = tokio::join!(desk.known_over(over, domain, days), audited(&source, &subject, &policy));
    let known = known.map_err(|why| no_answer(&why))?;
    let published = audit.map(|audit| Published::of(&audit, &caller.talk));
    let most = if caller.viewer.may(Need::Export) { usize::MAX } else { SOURCES };
    Ok(told(&DomainTold::of(&known, published, most)))
}

/// Returns the books of the house, and what answers for them.
pub(super) fn over(desk: &Desk) -> Over {
    let gate = desk.front.gate();
    Over { lake: Arc::clone(&desk.lake), source: gate.source.clone(), config: Arc::clone(&gate.config) }
}

impl DomainTold {
    /// Tells what is known of a domain, with so many sources at most.
    fn of(known: &Known, published: Option<Published>, most: usize) -> DomainTold {
        let Known { domain, told, sources, failed } = known;
        let day = |Day { day, pass, fail }: Day| DayTold { day: day.to_string(), aligned: pass, unaligned: fail };
        DomainTold {
            domain: domain.to_string(),
            first: told.days.0.to_string(),
            last: told.days.1.to_string(),
            sums: sources.iter().fold(Aligned::default(), |sums, (source, _)| sums.and(source)),
            gate_messages: told.seen,
            reporters: reporters(&told.rows),
            by_day: days(told).into_iter().map(day).collect(),
            sources: sources.iter().take(most).map(SourceTold::of).collect(),
            sources_total: sources.len(),
            failures: failed.iter().take(most).map(FailedTold::of).collect(),
            failures_total: failed.len(),
            published,
        }
    }
}

impl Aligned {
    /// Adds a source.
    fn and(self, source: &Source) -> Aligned {
        Aligned {
            messages: self.messages.saturating_add(source.mails),
            aligned: self.aligned.saturating_add(source.pass),
            spf_aligned: self.spf_aligned.saturating_add(source.spf),
            dkim_aligned: self.dkim_aligned.saturating_add(source.dkim),
        }
    }
}

impl FailedTold {
    /// Tells a source of what failed.
    fn of(source: &FailedSource) -> FailedTold {
        let list = |texts: &BTreeSet<String>| texts.iter().cloned().collect();
        FailedTold {
            source_ip: source.address.clone(),
            name: source.named.label(Lang::En),
            messages: source.mails,
            auth_failure: list(&source.auth_failure),
            delivery_result: list(&source.delivery_result),
            domains: list(&source.domains),
            reporters: list(&source.reporters),
            last_at: told::moment(source.last_at),
        }
    }
}

impl SourceTold {
    /// Tells a source.
    fn of((source, named): &(Source, Named)) -> SourceTold {
        SourceTold {
            source_ip: source.address.clone(),
            name: named.label(Lang::En),
            country: named.country.as_ref().map(ToString::to_string),
            messages: source.mails,
            aligned: source.pass,
            spf_aligned: source.spf,
            dkim_aligned: source.dkim,
            domains: source.domains.iter().cloned().collect(),
        }
    }
}
