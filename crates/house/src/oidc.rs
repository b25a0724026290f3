//! OpenID Connect: a provider of identities vouches for somebody (Core 1.0, by the authorization code with PKCE)
//!
//! A [`Journey`] leads a browser to the provider and back, and is sealed so that no other browser comes back in its place. The
//! [`Provider`] is asked what the code is worth that came back: an ID token, whose signature is looked at by [`keys`], and what it
//! says by [`claims`]. What is left are the [`Vouched`]; who that is here, and what they may, is for `people` to say.

mod claims;
mod journey;
mod keys;
mod provider;

use std::fmt;

pub(crate) use self::claims::Vouched;
pub(crate) use self::journey::{Journey, LASTS, Travelled, Wish};
pub(crate) use self::provider::{BACK, Provider, Returned};

/// Why nobody is vouched for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// The provider does not answer, or not as it should: everybody may try again later.
    Provider(String),
    /// What came back proves nothing.
    Refused(&'static str),
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unproven::Provider(why) => f.write_str(why),
            Unproven::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Unproven {}
