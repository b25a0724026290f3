//! The scheduler: cuts questions into stages, and gives their tasks to executors
//!
//! It holds no data: it sees plans, and which executor has computed what. Nothing outlives it; whoever waits for an answer
//! of a scheduler that went away asks again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use crate::codec::LakeCodec;
use crate::process::{ClusterError, runtime, told_to_stop};
use crate::session;

/// How a scheduler runs.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How long an executor may be silent until its tasks are given to others. One that is busy speaks every five seconds:
    /// below ten it would be given up while it works.
    pub executor_timeout: Duration,
}

/// Runs a scheduler until the process is told to stop; says where it listens.
pub fn schedule(scheduler: &Scheduler, listening: &mut dyn FnMut(SocketAddr)) -> Result<(), ClusterError> {
    let runtime = runtime()?;
    let ended = runtime.block_on(serve(scheduler, listening));
    // Whoever still waits for an answer is not waited for.
    runtime.shutdown_background();
    ended
}

/// Serves until the process is told to stop.
async fn serve(scheduler: &Scheduler, listening: &mut dyn FnMut(SocketAddr)) -> Result<(), ClusterError> {
    let refused = |why| ClusterError::Listen(scheduler.listen, why);
    let listener = TcpListener::bind(scheduler.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let config = Arc::new(config(address, scheduler.executor_timeout));
    let cluster = BallistaCluster::new_from_config(&config).await?;
    let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config).await?;
    listening(address);
    tokio::select! {
        ended = start_grpc_service_with_listener(listener, server) => Ok(ended?),
        stop = told_to_stop() => stop.map_err(ClusterError::Runtime),
    }
}

/// Returns what Ballista wants to know.
fn config(address: SocketAddr, executor_timeout: Duration) -> SchedulerConfig {
    let seconds = executor_timeout.as_secs().max(1);
    SchedulerConfig {
        bind_host: address.ip().to_string(),
        external_host: address.ip().to_string(),
        bind_port: address.port(),
        // Executors ask for work, twenty times a second, so that they need no port for being told.
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: seconds,
        expire_dead_executor_interval_seconds: (seconds / 5).max(1),
        // A question whose last executor went away waits so long for another one.
        no_executors_grace_period_seconds: seconds.saturating_mul(2),
        override_session_builder: Some(Arc::new(session::planning)),
        override_logical_codec: Some(Arc::new(LakeCodec::default())),
        ..SchedulerConfig::default()
    }
}
