//! Asking: SQL to rows, within bounds
//!
//! Only statements that read. Queries share one memory pool, put aside on the disk what does not fit, and end at a time
//! limit or when nobody wants the rows any longer. They run on the lake's own threads.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, ParamValues, ScalarValue};
use datafusion::error::Result;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::bridge::Bridge;
use crate::settings::Settings;
use crate::table::{self, EventTable};
use crate::{Kind, functions};

/// The longest text of a query.
const LONGEST_SQL: usize = 64 << 10;
/// How many words and signs a query has at most: planning a long chain of terms takes the square of its length.
const MOST_TOKENS: usize = 4_000;
/// What queries share.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Memory, disk and stores.
    runtime: Arc<RuntimeEnv>,
    /// How queries are planned.
    config: SessionConfig,
    /// How long a query may take.
    time_limit: Duration,
    /// The threads.
    threads: Handle,
}

impl Engine {
    /// Returns an engine that puts aside into `spill` what does not fit into the memory.
    pub(crate) fn new(settings: &Settings, spill: &Path, files: Arc<dyn ObjectStore>, threads: Handle) -> Result<Self> {
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![spill.to_owned()]))
            .with_max_temp_directory_size(settings.spill);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(settings.memory)))
            .with_disk_manager_builder(disk)
            .build_arc()?;
        runtime.register_object_store(table::url()?.as_ref(), Arc::new(Bridge(files)));
        let mut config = SessionConfig::new()
            .with_target_partitions(settings.threads.max(1))
            .with_default_catalog_and_schema("sekisho", "lake")
            .with_information_schema(true);
        // What a sort keeps back to merge what it had put aside: of a small pool, not all.
        let back = &mut config.options_mut().execution.sort_spill_reservation_bytes;
        *back = (*back).min(settings.memory / settings.threads.max(1) / 4);
        let parquet = &mut config.options_mut().execution.parquet;
        parquet.pushdown_filters = true;
        parquet.reorder_filters = true;
        Ok(Self { runtime, config, time_limit: settings.time_limit, threads })
    }

    /// Returns a context in which these tables can be asked about.
    pub(crate) fn context(&self, tables: Vec<(Kind, EventTable)>) -> Result<SessionContext> {
        let state = SessionStateBuilder::new()
            .with_config(self.config.clone())
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_default_features()
            .with_table_functions(std::collections::HashMap::new())
            .build();
        let context = SessionContext::new_with_state(state);
        functions::set(&context);
        for (kind, table) in tables {
            context.register_table(kind.name(), Arc::new(table))?;
        }
        Ok(context)
    }

    /// Runs a query, and returns its rows as they come.
    pub(crate) async fn ask(
        &self,
        context: SessionContext,
        sql: String,
        values: Vec<ScalarValue>,
    ) -> Result<Rows, AskError> {
        bounded(&sql)?;
        let (tell_schema, schema) = oneshot::channel();
        let (send, rows) = mpsc::channel(2);
        let limit = self.time_limit;
        let task = self.threads.spawn(async move {
            let failed = send.clone();
            let run = async {
                match begin(&context, &sql, values).await {
                    Ok(stream) => {
                        // Whoever asked may be gone: then nobody takes the rows either.
                        drop(tell_schema.send(Ok(stream.schema())));
                        pump(stream, send).await;
                    }
                    Err(error) => drop(tell_schema.send(Err(error))),
                }
            };
            if tokio::time::timeout(limit, run).await.is_err() {
                drop(failed.send(Err(AskError::TimeLimit(limit))).await);
            }
        });
        let task = EndWith(task);
        // The engine may be busy planning, and not come to look at the clock.
        let told = tokio::time::timeout(limit, schema).await;
        let schema = told.map_err(|_| AskError::TimeLimit(limit))?.map_err(|_| AskError::TimeLimit(limit))??;
        Ok(Rows { schema, rows, _task: task })
    }
}

/// Refuses a query that would take long to be understood.
fn bounded(sql: &str) -> Result<(), AskError> {
    if sql.len() > LONGEST_SQL {
        return Err(AskError::Refused(format!("a query has at most {LONGEST_SQL} octets")));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|error| DataFusionError::SQL(Box::new(error.into()), None))?;
    if tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).count() > MOST_TOKENS {
        return Err(AskError::Refused(format!("a query has at most {MOST_TOKENS} words and signs")));
    }
    Ok(())
}

/// Plans a query and begins to run it.
async fn begin(
    context: &SessionContext,
    sql: &str,
    values: Vec<ScalarValue>,
) -> Result<SendableRecordBatchStream, AskError> {
    let plan = context.state().create_logical_plan(sql).await?;
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(&plan).map_err(|error| AskError::Refused(error.strip_backtrace()))?;
    let mut frame = context.execute_logical_plan(plan).await?;
    if !values.is_empty() {
        frame = frame.with_param_values(ParamValues::from(values))?;
    }
    Ok(frame.execute_stream().await?)
}

/// Hands rows on until there are no more, or nobody wants them.
async fn pump(mut stream: SendableRecordBatchStream, send: mpsc::Sender<Result<RecordBatch, AskError>>) {
    while let Some(batch) = stream.next().await {
        let last = batch.is_err();
        if send.send(batch.map_err(AskError::from)).await.is_err() || last {
            return;
        }
    }
}

/// Ends a task when nobody wants its rows any longer.
#[derive(Debug)]
struct EndWith(JoinHandle<()>);

impl Drop for EndWith {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The rows of an answer, batch by batch. Whoever drops them ends the query.
#[derive(Debug)]
pub struct Rows {
    /// Their columns.
    schema: SchemaRef,
    /// The batches on their way.
    rows: mpsc::Receiver<Result<RecordBatch, AskError>>,
    /// The query.
    _task: EndWith,
}

impl Rows {
    /// Returns the columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Returns all that come.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, AskError> {
        self.try_collect().await
    }
}

impl Stream for Rows {
    type Item = Result<RecordBatch, AskError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.rows.poll_recv(cx)
    }
}

/// Why a question has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum AskError {
    /// The statement is not one that reads.
    Refused(String),
    /// The statement is wrong: no such column, no SQL.
    Wrong(DataFusionError),
    /// It needs more memory, or more disk, than queries have.
    TooLarge(DataFusionError),
    /// It took too long.
    TimeLimit(Duration),
    /// The lake failed.
    Failed(DataFusionError),
    /// The rows are not what the question's function expects.
    Rows(serde_arrow::Error),
}

impl From<DataFusionError> for AskError {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_)
            | DataFusionError::Diagnostic(..) => Self::Wrong(error),
            DataFusionError::ResourcesExhausted(_) => Self::TooLarge(error),
            _ => Self::Failed(error),
        }
    }
}

impl std::fmt::Display for AskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) => write!(f, "only statements that read are answered: {why}"),
            Self::Wrong(_) => f.write_str("the question cannot be understood"),
            Self::TooLarge(_) => f.write_str("the question needs more memory than queries have"),
            Self::TimeLimit(limit) => write!(f, "the question took longer than {} s", limit.as_secs()),
            Self::Failed(_) => f.write_str("the lake could not answer"),
            Self::Rows(_) => f.write_str("the answer has other columns than expected"),
        }
    }
}

impl std::error::Error for AskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Wrong(error) | Self::TooLarge(error) | Self::Failed(error) => Some(error),
            Self::Rows(error) => Some(error),
            Self::Refused(_) | Self::TimeLimit(_) => None,
        }
    }
}
