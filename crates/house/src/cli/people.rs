//! The command line of people: `sekisho people`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sekisho_ledger::Role;

use crate::fault::Fault;

/// What `--help` shows below the options of `sekisho people`.
const PEOPLE_EXAMPLES: &str = "\
Examples:
  Invite a customer who sees what concerns one domain:
    sekisho people invite --role viewer --domain example.org

  Somebody lost the password or the telephone:
    sekisho people reset hana

Exit status: 0 done, 2 could not be done.";

/// The options of `sekisho people`.
#[derive(Clone, Debug, Args)]
#[command(after_help = PEOPLE_EXAMPLES, arg_required_else_help = true)]
pub(crate) struct PeopleArguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) what: PeopleCommand,

    /// Read this configuration instead of ./sekisho.toml or /etc/sekisho/sekisho.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,

    /// Write JSON, one object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What can be done about people.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// List who may come in at the desk, and as what.
    List,
    /// Print a link by which somebody makes an account of their own; it works once, for three days.
    Invite {
        /// What they may do: viewer, analyst or admin.
        #[arg(long, value_name = "ROLE", value_parser = parse_role)]
        role: Role,

        /// What they may see: this domain and what is below it; may be given several times. Without it, everything.
        #[arg(long = "domain", value_name = "DOMAIN")]
        domains: Vec<String>,

        /// Where the desk is reached [default: `oidc.desk`, else the first address of `http.listen`].
        #[arg(long, value_name = "URL", value_parser = parse_desk)]
        desk: Option<String>,
    },
    /// Print a link by which somebody sets a new password; their second factor is taken away with it.
    Reset {
        /// The name they sign in by.
        #[arg(value_name = "LOGIN")]
        login: String,

        /// Where the desk is reached [default: `oidc.desk`, else the first address of `http.listen`].
        #[arg(long, value_name = "URL", value_parser = parse_desk)]
        desk: Option<String>,
    },
    /// Lock somebody out: their sessions end, and their tokens do not work.
    Disable {
        /// The name they sign in by.
        #[arg(value_name = "LOGIN")]
        login: String,
    },
    /// Let somebody in again who was locked out.
    Enable {
        /// The name they sign in by.
        #[arg(value_name = "LOGIN")]
        login: String,
    },
}

/// Reads a role.
fn parse_role(text: &str) -> Result<Role, Fault> {
    text.parse().map_err(|_| Fault::new("why-not-role", []))
}

/// Reads the address of a desk, without the slash at its end.
fn parse_desk(text: &str) -> Result<String, Fault> {
    let host = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let is_sound = |host: &&str| !host.is_empty() && host.bytes().all(|octet| octet.is_ascii_graphic());
    match host.filter(is_sound) {
        Some(host) if !host.contains(['?', '#', '@']) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(Fault::new("why-not-desk", [])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_is_an_address_of_the_web() {
        assert_eq!(parse_desk("https://desk.example/").unwrap(), "https://desk.example");
        assert_eq!(parse_desk("http://[::1]:8080/sekisho").unwrap(), "http://[::1]:8080/sekisho");
        for bad in
            ["", "desk.example", "ftp://a", "https://", "https://a b", "https://a/?x=", "https://a@b", "https://関"]
        {
            assert!(parse_desk(bad).is_err(), "{bad}");
        }
    }
}
