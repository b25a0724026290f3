//! The codec: how a table of the lake travels with a question

use std::sync::Arc;

use ballista_core::serde::BallistaLogicalExtensionCodec;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result, TableReference};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use sekisho_lake::afar::SettledTable;

/// Ballista's codec, with the lake's tables as the only ones of their own kind. Formats of files are not taken: whoever
/// sends a plan that writes some is refused.
#[derive(Debug, Default)]
pub(crate) struct LakeCodec(BallistaLogicalExtensionCodec);

impl LogicalExtensionCodec for LakeCodec {
    fn try_decode(&self, octets: &[u8], inputs: &[LogicalPlan], context: &TaskContext) -> Result<Extension> {
        self.0.try_decode(octets, inputs, context)
    }

    fn try_encode(&self, node: &Extension, octets: &mut Vec<u8>) -> Result<()> {
        self.0.try_encode(node, octets)
    }

    fn try_decode_table_provider(
        &self,
        octets: &[u8],
        _: &TableReference,
        _: SchemaRef,
        _: &TaskContext,
    ) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(SettledTable::decoded(octets)?))
    }

    fn try_encode_table_provider(
        &self,
        name: &TableReference,
        table: Arc<dyn TableProvider>,
        octets: &mut Vec<u8>,
    ) -> Result<()> {
        let Some(table) = table.downcast_ref::<SettledTable>() else {
            return Err(DataFusionError::NotImplemented(format!("the table `{name}` is not known to the cluster")));
        };
        octets.extend(table.encoded()?);
        Ok(())
    }
}
