//! What can go wrong with the book, told apart by what the caller may do about it

use std::error::Error;
use std::fmt;

/// Why the ledger could not do what it was asked; nothing of the operation was kept, unless [`Fault::Unavailable`] says so.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The database cannot be reached, is stopping, starting, locked or slow: try again later. Whether a commit that was under
    /// way arrived is unknown; every operation may be repeated.
    Unavailable(Cause),
    /// The database has no space left: try again when there is some.
    Full(Cause),
    /// Something with this name exists already, and is another thing: the caller chose an id twice.
    Conflict(Cause),
    /// What the database holds is damaged, or was not written by us: restore a backup.
    Corrupt(Cause),
    /// The database refuses the statement: a fault of ours, or of the rights that its user has.
    Refused(Cause),
}

impl Fault {
    /// Tells whether the same operation may succeed later without anybody's help but time's.
    pub fn is_passing(&self) -> bool {
        matches!(self, Fault::Unavailable(_) | Fault::Full(_))
    }

    /// Returns the fault of an operation that took longer than it may.
    pub(crate) fn late() -> Fault {
        Fault::Unavailable(Cause(Kind::Late))
    }

    /// Returns the fault of a row that does not say what it must.
    pub(crate) fn nonsense(column: &'static str, said: impl Into<String>) -> Fault {
        Fault::Corrupt(Cause(Kind::Nonsense { column, said: said.into() }))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Unavailable(_) => "the ledger is not available",
            Fault::Full(_) => "the ledger has no space left",
            Fault::Conflict(_) => "the ledger has another thing of this name",
            Fault::Corrupt(_) => "the ledger is damaged",
            Fault::Refused(_) => "the ledger refuses the statement",
        })
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Fault::Unavailable(cause)
            | Fault::Full(cause)
            | Fault::Conflict(cause)
            | Fault::Corrupt(cause)
            | Fault::Refused(cause) => Some(cause),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Fault {
        let make = match &error {
            sqlx::Error::Database(said) => by_code(said.code().as_deref().unwrap_or_default()),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) => {
                Fault::Corrupt
            }
            sqlx::Error::Configuration(_) | sqlx::Error::Encode(_) => Fault::Refused,
            // Sockets, TLS, time-outs of the pool, broken packets, a worker that is gone: a new connection may do better.
            _ => Fault::Unavailable,
        };
        make(Cause(Kind::Sql(error)))
    }
}

/// Returns what a code means: five characters are PostgreSQL's SQLSTATE, a number is SQLite's extended result code.
fn by_code(code: &str) -> fn(Cause) -> Fault {
    match code.get(..2) {
        // SQLite's codes end below 10,000.
        Some(class) if code.len() == 5 => by_sqlstate(code, class),
        _ => by_sqlite_code(code.parse().unwrap_or_default()),
    }
}

/// Returns what a SQLSTATE means; its first two characters are its class.
fn by_sqlstate(code: &str, class: &str) -> fn(Cause) -> Fault {
    match code {
        "53100" => Fault::Full,
        "23505" => Fault::Conflict,
        // A standby that was promoted elsewhere answers like this until the address moves.
        "25006" => Fault::Unavailable,
        // Deadlocks and serialization failures, resources, cancelled and shut down, time-outs, the system's own errors.
        _ if ["08", "40", "53", "55", "57", "58"].contains(&class) => Fault::Unavailable,
        _ if class == "XX" => Fault::Corrupt,
        // A password that changed or a database that is not there yet: the operator is at it.
        _ if class == "28" || code == "3D000" => Fault::Unavailable,
        _ => Fault::Refused,
    }
}

/// Returns what SQLite's result code means.
fn by_sqlite_code(code: u32) -> fn(Cause) -> Fault {
    /// The shared memory beside the database could not be made larger, which only a full disk prevents.
    const IOERR_SHMSIZE: u32 = 10 | 19 << 8;
    /// A primary key, and a unique index.
    const CONSTRAINTS: [u32; 2] = [19 | 6 << 8, 19 | 8 << 8];
    match code {
        IOERR_SHMSIZE => Fault::Full,
        code if CONSTRAINTS.contains(&code) => Fault::Conflict,
        code => match code & 0xff {
            // Busy, locked, no memory, read-only, interrupted, I/O, cannot open, protocol.
            5 | 6 | 7 | 8 | 9 | 10 | 14 | 15 => Fault::Unavailable,
            13 => Fault::Full,
            // Damaged, and not a database.
            11 | 26 => Fault::Corrupt,
            _ => Fault::Refused,
        },
    }
}

/// What the database said.
#[derive(Debug)]
pub struct Cause(Kind);

/// Where a fault came from.
#[derive(Debug)]
enum Kind {
    /// From the driver.
    Sql(sqlx::Error),
    /// From the clock.
    Late,
    /// From a row.
    Nonsense {
        /// The column.
        column: &'static str,
        /// What stands in it.
        said: String,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sql(error) => error.fmt(f),
            Kind::Late => f.write_str("no answer in time"),
            Kind::Nonsense { column, said } => write!(f, "the column `{column}` holds `{said}`"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Sql(error) => error.source(),
            Kind::Late | Kind::Nonsense { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the name of the variant that a code leads to.
    fn variant(code: &str) -> String {
        format!("{:?}", by_code(code)(Cause(Kind::Late))).split('(').next().unwrap().to_owned()
    }

    #[test]
    fn codes_say_what_the_caller_may_do() {
        for (code, expected) in [
            ("5", "Unavailable"),
            ("261", "Unavailable"),
            ("10", "Unavailable"),
            ("13", "Full"),
            ("4874", "Full"),
            ("11", "Corrupt"),
            ("26", "Corrupt"),
            ("1555", "Conflict"),
            ("2067", "Conflict"),
            ("1", "Refused"),
            ("57P01", "Unavailable"),
            ("57P03", "Unavailable"),
            ("08006", "Unavailable"),
            ("40P01", "Unavailable"),
            ("40001", "Unavailable"),
            ("53300", "Unavailable"),
            ("53100", "Full"),
            ("23505", "Conflict"),
            ("XX001", "Corrupt"),
            ("42P01", "Refused"),
            ("", "Refused"),
        ] {
            assert_eq!(variant(code), expected, "{code}");
        }
    }
}
