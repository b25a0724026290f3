//! Words that stand in columns for the variants of an enum

use std::fmt;

/// A word that is none of those that may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWord {
    /// What is being named.
    pub what: &'static str,
    /// What was said.
    pub said: String,
}

impl fmt::Display for BadWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} `{}`", self.what, self.said)
    }
}

impl std::error::Error for BadWord {}

/// Makes an enum whose variants are words: in columns, in JSON, on the command line.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $what:literal { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// Returns its word.
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::BadWord;

            fn from_str(said: &str) -> Result<$name, $crate::words::BadWord> {
                let found = $name::ALL.iter().find(|one| one.word() == said);
                found.copied().ok_or_else(|| $crate::words::BadWord { what: $what, said: said.to_owned() })
            }
        }
    };
}
pub(crate) use words;
