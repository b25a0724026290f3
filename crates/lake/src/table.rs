//! Tables: a kind of Event as DataFusion sees it, files and segments together
//!
//! The snapshot is taken when the table is first scanned, and stays the same for the whole query. Days are cut out before a
//! file is opened; within a file the sort order, the statistics of pages and the Bloom filters leave little to read.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{Array, BooleanArray, Date32Array, RecordBatch};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::union::UnionExec;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

use crate::bridge;
use crate::columns::{self, DAY};
use crate::kind::Kind;
use crate::shelf::{Shelf, Shelved};
use crate::snapshot::{Opened, Snapshot};

/// A kind of Event as a table.
#[derive(Debug)]
pub(crate) struct EventTable {
    /// The kind.
    kind: Kind,
    /// Its columns in a file, as they are read.
    columns: SchemaRef,
    /// The same, and the day.
    schema: SchemaRef,
    /// Where the segments lie.
    segments: PathBuf,
    /// Where the files lie.
    shelf: Arc<Shelf>,
    /// What is read.
    snapshot: OnceCell<Arc<Snapshot>>,
    /// Whether the rows of each file are asked for in its order, one file a partition.
    ordered: bool,
}

impl EventTable {
    /// Returns the table of a kind, as it is when it is first scanned.
    pub(crate) fn new(kind: Kind, segments: PathBuf, shelf: Arc<Shelf>) -> Self {
        let columns = columns::read(kind);
        let schema = columns::and_day(&columns);
        Self { kind, columns, schema, segments, shelf, snapshot: OnceCell::new(), ordered: false }
    }

    /// Returns a table of these files only, each in its order and with the columns of a file: what is read becomes one.
    pub(crate) fn of_files(kind: Kind, files: Vec<Shelved>, shelf: Arc<Shelf>) -> Self {
        let snapshot = OnceCell::new_with(Some(Arc::new(Snapshot { segments: Vec::new(), files })));
        let columns = columns::of(kind);
        let schema = columns::and_day(&columns);
        Self { kind, columns, schema, segments: PathBuf::new(), shelf, snapshot, ordered: true }
    }

    /// Returns what is read.
    async fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let take = || async { Snapshot::take(self.kind, &self.segments, &self.shelf).await.map(Arc::new) };
        let snapshot = self.snapshot.get_or_try_init(take).await;
        snapshot.cloned().map_err(|error| DataFusionError::External(Box::new(error)))
    }

    /// Returns the plan that reads the files.
    fn read_files(
        &self,
        state: &dyn Session,
        wanted: &Wanted<'_>,
        files: &[Shelved],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let count = if self.ordered { files.len() } else { state.config().target_partitions() };
        let order = self.ordered.then(|| self.ordering()).transpose()?;
        let files = files.iter().map(partition).collect::<Result<_>>()?;
        let store = state.runtime_env().object_store(url()?)?;
        let cache = state.runtime_env().cache_manager.get_file_metadata_cache();
        let source = source(&self.columns, state, wanted)?
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(store, cache)));
        scan_of(source, wanted, groups(files, count), order)
    }

    /// Returns the order of the rows in a file.
    fn ordering(&self) -> Result<LexOrdering> {
        let mut order = Vec::new();
        for name in self.kind.order() {
            let column = Column::new_with_schema(name, &self.schema)?;
            order.push(PhysicalSortExpr::new(Arc::new(column), SortOptions { descending: false, nulls_first: true }));
        }
        LexOrdering::new(order).ok_or_else(|| DataFusionError::Internal("a kind without an order".into()))
    }

    /// Returns the plan that reads the segments.
    fn read_segments(
        &self,
        wanted: &Wanted<'_>,
        segments: &[Arc<Opened>],
        at_once: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let count = at_once.clamp(1, segments.len());
        let mut partitions: Vec<Vec<Arc<Opened>>> = vec![Vec::new(); count];
        for (at, segment) in segments.iter().enumerate() {
            partitions[at % count].push(Arc::clone(segment));
        }
        let partitions = partitions
            .into_iter()
            .map(|segments| {
                let part = Unsettled { kind: self.kind, schema: Arc::clone(&self.schema), segments };
                Arc::new(part) as Arc<dyn PartitionStream>
            })
            .collect();
        let schema = Arc::clone(&self.schema);
        Ok(Arc::new(StreamingTableExec::try_new(schema, partitions, wanted.projection, [], false, wanted.limit)?))
    }
}

/// What a query wants of a table.
pub(crate) struct Wanted<'a> {
    /// Which columns.
    pub(crate) projection: Option<&'a Vec<usize>>,
    /// Which rows at most.
    pub(crate) filters: &'a [Expr],
    /// How many rows are enough.
    pub(crate) limit: Option<usize>,
}

/// Returns how files are read of which these columns are wanted, without a store.
pub(crate) fn source(columns: &SchemaRef, state: &dyn Session, wanted: &Wanted<'_>) -> Result<ParquetSource> {
    let table = TableSchema::builder(Arc::clone(columns)).with_table_partition_cols(vec![columns::day_field()]).build();
    let mut options = TableParquetOptions::default();
    options.global = state.config().options().execution.parquet.clone();
    let source = ParquetSource::new(table).with_table_parquet_options(options);
    let Some(filter) = conjunction(wanted.filters.iter().cloned()) else { return Ok(source) };
    let schema = DFSchema::try_from(columns::and_day(columns))?;
    Ok(source.with_predicate(state.create_physical_expr(filter, &schema)?))
}

/// Returns the plan that reads groups of files.
pub(crate) fn scan_of(
    source: ParquetSource,
    wanted: &Wanted<'_>,
    groups: Vec<FileGroup>,
    order: Option<LexOrdering>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut config = FileScanConfigBuilder::new(url()?, Arc::new(source))
        .with_file_groups(groups)
        .with_projection_indices(wanted.projection.cloned())?
        .with_limit(wanted.limit);
    if let Some(order) = order {
        config = config.with_output_ordering(vec![order]);
    }
    Ok(DataSourceExec::from_data_source(config.build()))
}

/// Returns files in as many groups as are read at once.
pub(crate) fn groups(files: Vec<PartitionedFile>, at_once: usize) -> Vec<FileGroup> {
    let count = at_once.clamp(1, files.len().max(1));
    let mut groups = vec![FileGroup::new(Vec::new()); count];
    for (at, file) in files.into_iter().enumerate() {
        groups[at % count].push(file);
    }
    groups
}

#[async_trait::async_trait]
impl TableProvider for EventTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = self.snapshot().await?;
        let wanted = Wanted { projection, filters, limit };
        let files = of_the_days(state, filters, snapshot.files.clone(), |file| file.day)?;
        let mut plans = Vec::new();
        if !files.is_empty() {
            plans.push(self.read_files(state, &wanted, &files)?);
        }
        if !snapshot.segments.is_empty() {
            plans.push(self.read_segments(&wanted, &snapshot.segments, state.config().target_partitions())?);
        }
        match plans.len() {
            0 => Ok(Arc::new(EmptyExec::new(projected(&self.schema, projection)?))),
            1 => Ok(plans.swap_remove(0)),
            _ => UnionExec::try_new(plans),
        }
    }
}

/// Returns the columns that are asked for.
pub(crate) fn projected(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<SchemaRef> {
    match projection {
        Some(indices) => Ok(Arc::new(schema.project(indices)?)),
        None => Ok(Arc::clone(schema)),
    }
}

/// Returns the files whose day the filters allow.
pub(crate) fn of_the_days<F>(
    state: &dyn Session,
    filters: &[Expr],
    mut files: Vec<F>,
    day: impl Fn(&F) -> i32,
) -> Result<Vec<F>> {
    let only_day =
        |filter: &&Expr| filter.column_refs().iter().all(|column| column.name == DAY) && !filter.is_volatile();
    let Some(filter) = conjunction(filters.iter().filter(only_day).cloned()) else { return Ok(files) };
    let schema = Arc::new(Schema::new(vec![columns::day_field()]));
    let days = Date32Array::from_iter_values(files.iter().map(day));
    let count = days.len();
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(days)])?;
    let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
    let allowed = filter.evaluate(&batch)?.into_array(count)?;
    let allowed = allowed.as_any().downcast_ref::<BooleanArray>();
    if let Some(allowed) = allowed {
        let mut at = 0..;
        files.retain(|_| at.next().is_none_or(|at| allowed.is_valid(at) && allowed.value(at)));
    }
    Ok(files)
}

/// Returns the name under which the engine knows the store of the files.
pub(crate) fn url() -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse("lake://events")
}

/// Returns a file as the engine knows it.
fn partition(file: &Shelved) -> Result<PartitionedFile> {
    let meta = bridge::old_meta(file.meta.clone())?;
    Ok(PartitionedFile::new_from_meta(meta).with_partition_values(vec![ScalarValue::Date32(Some(file.day))]))
}

/// Some segments of a snapshot, read one after the other.
#[derive(Debug)]
struct Unsettled {
    /// The kind that is asked about.
    kind: Kind,
    /// Its columns.
    schema: SchemaRef,
    /// The segments.
    segments: Vec<Arc<Opened>>,
}

impl PartitionStream for Unsettled {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let kind = self.kind;
        let batches = stream::iter(self.segments.clone())
            .then(move |segment| async move {
                let rows = tokio::task::spawn_blocking(move || segment.rows(kind)).await;
                let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)))?;
                Ok::<_, DataFusionError>(stream::iter(rows.map_err(DataFusionError::IoError)?.into_iter().map(Ok)))
            })
            .try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}
