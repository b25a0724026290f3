//! The executor: does tasks, and keeps what it computed until it was fetched
//!
//! It asks the scheduler for work. It reads the files of the lake and nothing else, and writes below its own folder, which
//! goes with it. Others fetch from it what it computed: it listens for them.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::RuntimeProducer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::utils::create_grpc_server;
use ballista_executor::ArrowFlightServerProvider;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use sekisho_lake::Settings;
use sekisho_lake::afar::LakeAlone;
use tokio::net::TcpStream;
use tonic::transport::server::TcpIncoming;

use crate::process::{ClusterError, runtime, told_to_stop};
use crate::session;

/// How long tasks may take to end when the process is told to stop. Others do them again.
const GRACE: Duration = Duration::from_secs(10);
/// How long until the scheduler is looked for again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often is looked whether something computed is forgotten, in seconds.
const TIDY: u64 = 600;
/// How long something computed may be forgotten, in seconds.
const FORGOTTEN: u64 = 6 * 3_600;

/// How an executor runs.
#[derive(Clone, Debug)]
pub struct Executor {
    /// Where others fetch what it computed.
    pub listen: SocketAddr,
    /// The host of the scheduler.
    pub scheduler_host: String,
    /// Its port.
    pub scheduler_port: u16,
    /// The files of the lake.
    pub lake: LakeAlone,
    /// The folder in which it makes its own, for what it computes; otherwise the system's for temporary files.
    pub work: Option<PathBuf>,
    /// How many tasks it does at once.
    pub slots: usize,
}

/// Runs an executor until the process is told to stop; says where it listens.
pub fn execute(executor: &Executor, listening: &mut dyn FnMut(SocketAddr)) -> Result<(), ClusterError> {
    let listener = TcpListener::bind(executor.listen).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    });
    let (address, listener) = listener.map_err(|why| ClusterError::Listen(executor.listen, why))?;
    let place = executor.work.clone().unwrap_or_else(std::env::temp_dir);
    let work = tempfile::Builder::new().prefix("sekisho-executor-").tempdir_in(&place);
    let work = work.map_err(|why| ClusterError::Work(place, why))?;
    let config = Arc::new(config(executor, address, listener, work.path())?);
    listening(address);
    let runtime = runtime()?;
    let ended = runtime.block_on(work_for(executor, config));
    runtime.shutdown_background();
    ended
}

/// Works until the process is told to stop, and a little longer where tasks are under way.
async fn work_for(executor: &Executor, config: Arc<ExecutorProcessConfig>) -> Result<(), ClusterError> {
    tokio::select! {
        () = reach(&executor.scheduler_host, executor.scheduler_port) => {}
        stop = told_to_stop() => return stop.map_err(ClusterError::Runtime),
    }
    let late = async {
        told_to_stop().await?;
        tokio::time::sleep(GRACE).await;
        Ok(())
    };
    tokio::select! {
        ended = start_executor_process(config) => Ok(ended?),
        late = late => late.map_err(ClusterError::Runtime),
    }
}

/// Waits until the scheduler can be reached.
async fn reach(host: &str, port: u16) {
    let mut told = false;
    while let Err(why) = TcpStream::connect((host, port)).await {
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(scheduler.host = host, scheduler.port = port, "the scheduler cannot be reached yet: {why}");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns what Ballista wants to know.
fn config(
    executor: &Executor,
    address: SocketAddr,
    listener: TcpListener,
    work: &Path,
) -> Result<ExecutorProcessConfig, ClusterError> {
    let settings = Settings::default();
    let memory = settings.memory.saturating_mul(executor.slots);
    Ok(ExecutorProcessConfig {
        bind_host: written(address.ip()),
        // Whoever listens everywhere is known by the address that the scheduler sees.
        external_host: Some(address.ip()).filter(|ip| !ip.is_unspecified()).map(written),
        port: address.port(),
        // Nobody tells us of work: we ask for it.
        grpc_port: 0,
        scheduler_host: executor.scheduler_host.clone(),
        scheduler_port: executor.scheduler_port,
        vcores: executor.slots,
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(work.to_string_lossy().into_owned()),
        job_data_ttl_seconds: FORGOTTEN,
        job_data_clean_up_interval_seconds: TIDY,
        memory_pool_size: Some(u64::try_from(memory).unwrap_or(u64::MAX)),
        override_function_registry: Some(Arc::new(session::computing()?)),
        override_runtime_producer: Some(reading(&executor.lake, work, settings.spill)),
        override_arrow_flight_service: Some(handing_out(listener)),
        ..ExecutorProcessConfig::default()
    })
}

/// Returns an address as it stands before a port.
fn written(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Returns what makes the surroundings of a task: the lake to read, and a folder for what does not fit into memory.
fn reading(lake: &LakeAlone, work: &Path, spill: u64) -> RuntimeProducer {
    let stores = Arc::new(lake.clone());
    let work = work.to_owned();
    Arc::new(move |_| {
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![work.clone()]))
            .with_max_temp_directory_size(spill);
        let stores = Arc::clone(&stores);
        RuntimeEnvBuilder::new().with_object_store_registry(stores).with_disk_manager_builder(disk).build_arc()
    })
}

/// Returns what hands out what was computed, on a socket that is bound already.
fn handing_out(listener: TcpListener) -> Arc<ArrowFlightServerProvider> {
    let listener = Mutex::new(Some(listener));
    Arc::new(move |work, _, mut stop, config| {
        let listener = listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        tokio::spawn(async move {
            let listener = listener.ok_or_else(|| BallistaError::General("the socket is taken".into()))?;
            let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?).with_nodelay(Some(true));
            let service = FlightServiceServer::new(BallistaFlightService::new(work));
            let server = create_grpc_server(&config).add_service(service);
            Ok(server.serve_with_incoming_shutdown(incoming, stop.recv()).await?)
        })
    })
}
