//! The house without its lake: what judges and signs mails needs no query engine, and is built in minutes (`./x check`)

use std::io;
use std::process::ExitCode;

use sekisho_house::{Setting, Streams, run};

/// Runs the command that the arguments name.
fn main() -> ExitCode {
    let streams = Streams {
        stdin: &mut io::stdin().lock(),
        stdout: &mut io::stdout().lock(),
        // Not locked: progress bars draw on stderr from their own thread.
        stderr: &mut io::stderr(),
        setting: Setting::of_process(),
    };
    ExitCode::from(run(std::env::args_os(), streams))
}
