//! The program `sekisho`: hands the process's arguments and streams to the house

#[cfg(feature = "cluster")]
mod cluster;
mod lake;

use std::io;
use std::process::ExitCode;

use sekisho_house::{Setting, Streams, run};

/// The allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What makes a cluster.
#[cfg(feature = "cluster")]
const CLUSTER: Option<sekisho_house::Cluster> = Some(cluster::CLUSTER);
/// This program was built without a cluster.
#[cfg(not(feature = "cluster"))]
const CLUSTER: Option<sekisho_house::Cluster> = None;

/// Runs the command that the arguments name.
fn main() -> ExitCode {
    let streams = Streams {
        stdin: &mut io::stdin().lock(),
        stdout: &mut io::stdout().lock(),
        // Not locked: progress bars draw on stderr from their own thread.
        stderr: &mut io::stderr(),
        setting: Setting { open_lake: Some(lake::LAKE), cluster: CLUSTER, ..Setting::of_process() },
    };
    ExitCode::from(run(std::env::args_os(), streams))
}
