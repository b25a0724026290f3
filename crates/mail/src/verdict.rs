//! What the judges conclude, in the result words of RFC 8601

use std::borrow::Cow;
use std::sync::Arc;

use sekisho_core::name::DomainName;
use sekisho_core::step::Step;

use crate::dmarc::record::Record as DmarcRecord;

/// Everything that one mail proved, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the policy in force would do.
    pub action: Action,
    /// Why, as stable words.
    pub grounds: Vec<Ground>,
    /// Who the author is.
    pub author: Author,
    /// SPF of the MAIL FROM identity; nothing where it was not asked.
    pub spf: Option<SpfVerdict>,
    /// SPF of the HELO identity; nothing where it was not asked.
    pub spf_helo: Option<SpfVerdict>,
    /// The signatures, in the order of the header.
    pub dkim: Vec<DkimVerdict>,
    /// The ARC chain.
    pub arc: ArcVerdict,
    /// DMARC.
    pub dmarc: DmarcVerdict,
    /// Why, step by step, check by check.
    pub steps: Vec<Step>,
}

/// Declares an enum whose values have one stable word each.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $value,)* }

        impl $name {
            /// Every value there is.
            pub const ALL: &[$name] = &[$($name::$value,)*];

            /// Returns the stable word.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$value => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words! {
    /// What is done with a mail.
    Action {
        /// It passes.
        Accept = "accept",
        /// It is delivered aside.
        Quarantine = "quarantine",
        /// It is refused for good.
        Reject = "reject",
        /// It is refused for now.
        Tempfail = "tempfail",
    }
}

words! {
    /// Why something other than the plain acceptance was decided, or was not.
    Ground {
        /// There is no usable From field.
        AuthorMissing = "author-missing",
        /// The From fields name several author domains.
        AuthorMultiple = "author-multiple",
        /// The From field cannot be read without doubt.
        AuthorUnusable = "author-unusable",
        /// DMARC fails, and the domain owner asks for quarantine or rejection.
        DmarcFail = "dmarc-fail",
        /// DMARC could not be judged for now, and the answer could matter.
        DmarcTemperror = "dmarc-temperror",
        /// DMARC fails, but a trusted sealer saw it pass.
        ArcOverride = "arc-override",
    }
}

words! {
    /// Whether there is exactly one author domain.
    AuthorResult {
        /// There is.
        Ok = "ok",
        /// There is no author at all.
        Missing = "missing",
        /// There are several From fields or several author domains.
        Multiple = "multiple",
        /// Readers could disagree on who the author is.
        Unusable = "unusable",
    }
}

/// Who the author is (RFC 5322 §3.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Whether there is exactly one author domain.
    pub result: AuthorResult,
    /// The author domain in A-labels, where the result is ok.
    pub domain: Option<DomainName>,
    /// Every author address that could be read.
    pub addresses: Vec<String>,
    /// Why the result is not ok, as a stable phrase.
    pub reason: Option<&'static str>,
    /// What is odd without being decisive, as stable words.
    pub flags: Vec<&'static str>,
}

words! {
    /// SPF's results (RFC 7208 §2.6).
    SpfResult {
        /// There is no record to judge by.
        None = "none",
        /// The record says nothing of this host.
        Neutral = "neutral",
        /// The host may use the name.
        Pass = "pass",
        /// The host may not use the name.
        Fail = "fail",
        /// The host probably may not use the name.
        Softfail = "softfail",
        /// The DNS failed for now.
        Temperror = "temperror",
        /// The record cannot be followed.
        Permerror = "permerror",
    }
}

words! {
    /// Which name SPF was asked about (RFC 7208 §2.3, §2.4).
    Identity {
        /// The domain of the MAIL FROM address, or of HELO where the path is null.
        MailFrom = "mailfrom",
        /// The domain of HELO.
        Helo = "helo",
    }
}

/// What SPF concluded about one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfVerdict {
    /// The result.
    pub result: SpfResult,
    /// Which identity was judged.
    pub identity: Identity,
    /// The domain as it was given, shown harmlessly; it may be no domain name at all.
    pub domain: String,
    /// The domain, where it is a name; DMARC aligns it.
    pub name: Option<DomainName>,
    /// The domain's own explanation of a fail, from `exp=`.
    pub explanation: Option<String>,
    /// How many of the ten terms with lookups were used.
    pub lookups: u32,
    /// How many of the two lookups without an answer were used.
    pub void_lookups: u32,
}

words! {
    /// DKIM's results (RFC 8601 §2.7.1).
    DkimResult {
        /// The signature is valid.
        Pass = "pass",
        /// The hash or the signature differs.
        Fail = "fail",
        /// The signature is of a kind that is not accepted here.
        Policy = "policy",
        /// The key was not to be had for now.
        Temperror = "temperror",
        /// The signature can never be valid.
        Permerror = "permerror",
    }
}

/// What was concluded about one DKIM signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimVerdict {
    /// The result.
    pub result: DkimResult,
    /// `d=`, where it could be read.
    pub domain: Option<DomainName>,
    /// `s=`, where it could be read.
    pub selector: Option<DomainName>,
    /// `a=` as written, shown harmlessly, where it could be read.
    pub algorithm: Option<Cow<'static, str>>,
    /// Whether the key says `t=y`: the domain is only testing.
    pub testing: bool,
    /// Whether `l=` says how much of the body it covers.
    pub has_length: bool,
    /// Why it did not pass, as a stable phrase.
    pub reason: Option<&'static str>,
    /// The index of its field in the header.
    pub field: usize,
    /// What it leaves open, so that it does not count for DMARC although it passes.
    pub gap: Option<Gap>,
}

/// A field that mail programs may show and a signature does not cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The name of the field.
    pub field: Box<[u8]>,
    /// How many fields of that name are there.
    pub there: usize,
    /// How many of them the signature covers.
    pub signed: usize,
    /// Whether white space stands before its colon; otherwise a mail may have only one.
    pub spaced: bool,
}

words! {
    /// The state of an ARC chain (RFC 8617 §4.4).
    ArcResult {
        /// There is none.
        None = "none",
        /// It is whole.
        Pass = "pass",
        /// It is broken.
        Fail = "fail",
    }
}

/// What was concluded about the ARC chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArcVerdict {
    /// The state of the chain.
    pub result: ArcResult,
    /// How many sets it has.
    pub instances: u32,
    /// The sealers' domains, instance 1 first.
    pub sealers: Vec<DomainName>,
    /// Whether it overrides the DMARC failure of this mail.
    pub overrides: bool,
    /// Why it failed, as a stable phrase.
    pub reason: Option<&'static str>,
}

words! {
    /// DMARC's results (RFC 8601 §2.7.4 as updated by RFC 9989).
    DmarcResult {
        /// An authenticated identifier is aligned with the author domain.
        Pass = "pass",
        /// None is.
        Fail = "fail",
        /// There is no policy record.
        None = "none",
        /// The DNS failed for now.
        Temperror = "temperror",
        /// There is no author domain to judge.
        Permerror = "permerror",
    }
}

words! {
    /// What a domain owner asks for (RFC 9989 §4.7, `p`).
    Disposition {
        /// Nothing.
        None = "none",
        /// Delivery aside.
        Quarantine = "quarantine",
        /// Refusal.
        Reject = "reject",
    }
}

words! {
    /// The mechanisms that DMARC rests on.
    Mechanism {
        /// SPF, by the MAIL FROM identity.
        Spf = "spf",
        /// DKIM.
        Dkim = "dkim",
    }
}

/// What DMARC concluded.
#[derive(Clone, Debug, PartialEq)]
pub struct DmarcVerdict {
    /// The result.
    pub result: DmarcResult,
    /// The author domain.
    pub domain: Option<DomainName>,
    /// Its organizational domain, where a walk was needed to know it.
    pub organizational_domain: Option<DomainName>,
    /// Where the policy was found.
    pub policy_domain: Option<DomainName>,
    /// The published policy that applies, after `sp` and `np`.
    pub policy: Option<Disposition>,
    /// Whether the record says `t=y`.
    pub testing: bool,
    /// The mechanisms that are aligned and pass.
    pub aligned: Vec<Mechanism>,
    /// What the record asks for this mail, after `t=`.
    pub disposition: Disposition,
    /// The record itself, for those who send reports.
    pub record: Option<Arc<DmarcRecord>>,
}
