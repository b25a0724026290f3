//! Sessions: the same functions for whoever asks, plans and computes

use std::collections::HashMap;
use std::sync::Arc;

use ballista_core::extension::{SessionConfigExt, SessionStateExt};
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::default_session_builder;
use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SessionState;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use sekisho_lake::Kind;
use sekisho_lake::afar::{LakeAlone, SettledTable};
use sekisho_lake::functions;

use crate::codec::LakeCodec;

/// Into how many parts a stage is cut at most: as many tasks of it can be done at once.
const PARTS: usize = 16;

/// Returns the session of whoever asks the scheduler at `scheduler` about these tables.
pub(crate) fn asking(scheduler: &str, tables: Vec<(Kind, SettledTable)>) -> Result<SessionContext> {
    let config = SessionConfig::new_with_ballista()
        .with_target_partitions(PARTS)
        .with_default_catalog_and_schema("sekisho", "lake")
        .with_information_schema(true)
        .set_bool("datafusion.execution.parquet.pushdown_filters", true)
        .set_bool("datafusion.execution.parquet.reorder_filters", true)
        .with_ballista_logical_extension_codec(Arc::new(LakeCodec::default()));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(
            RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(LakeAlone::nothing())).build_arc()?,
        )
        .with_default_features()
        .with_table_functions(HashMap::new())
        .build();
    // Ballista puts all functions of the engine back: ours come last.
    let context = SessionContext::new_with_state(state.upgrade_for_ballista(scheduler.to_owned())?);
    functions::set(&context);
    for (kind, table) in tables {
        context.register_table(kind.name(), Arc::new(table))?;
    }
    Ok(context)
}

/// Returns the state in which a scheduler plans: it reads no file.
pub(crate) fn planning(config: SessionConfig) -> Result<SessionState> {
    let nothing = RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(LakeAlone::nothing())).build_arc()?;
    let state = SessionStateBuilder::new_from_existing(default_session_builder(config)?)
        .with_runtime_env(nothing)
        .with_table_functions(HashMap::new())
        .build();
    let context = SessionContext::new_with_state(state);
    functions::set(&context);
    Ok(context.state())
}

/// Returns the functions that an executor knows.
pub(crate) fn computing() -> Result<BallistaFunctionRegistry> {
    Ok(BallistaFunctionRegistry::from(&planning(SessionConfig::new_with_ballista())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_know_the_same_functions() {
        let state = planning(SessionConfig::new_with_ballista()).expect("a state");
        let asking = asking("http://127.0.0.1:9", Vec::new()).expect("a session").state();
        let computing = computing().expect("functions");
        let names = |functions: &HashMap<String, _>| {
            let mut names: Vec<String> = functions.keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(names(state.scalar_functions()), names(asking.scalar_functions()));
        assert_eq!(names(state.scalar_functions()), names(&computing.scalar_functions));
        for ours in functions::all() {
            assert!(computing.scalar_functions.contains_key(ours.name()), "{}", ours.name());
        }
        for unbounded in ["repeat", "lpad", "generate_series", "range"] {
            assert!(!computing.scalar_functions.contains_key(unbounded), "{unbounded}");
        }
    }
}
