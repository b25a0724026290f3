//! `sekisho lake`: questions to what was kept, in SQL

use std::io::Write;

use serde_json::json;

use super::{Form, Lake, LakeError};
use crate::cli::{LakeArguments, LakeCommand};
use crate::config::Config;
use crate::fault::Fault;
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::terminal::Harmless;
use crate::{Exit, Streams};

impl LakeArguments {
    /// Asks, lists or tidies.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
        let open = streams.setting.open_lake.ok_or_else(|| Fault::new("fault-no-lake", []))?;
        let said = |why: LakeError| super::fault(&why);
        match &self.what {
            LakeCommand::Query { sql, csv } => {
                let form = match (self.json, csv) {
                    (true, _) => Form::Json,
                    (_, true) => Form::Csv,
                    _ => Form::Table,
                };
                let lake = folder.lake_to_read(open)?;
                let mut out = Harmless::new(&mut *streams.stdout, streams.setting.width.is_some());
                lake.query(sql, form, &mut out).map_err(said)?;
            }
            LakeCommand::Tables => {
                let lake = folder.lake_to_read(open)?;
                self.list(&*lake, talk, &mut streams.stdout).map_err(|why| match why.downcast() {
                    Ok(why) => said(why).into(),
                    Err(why) => why,
                })?;
            }
            LakeCommand::Compact => {
                let lake = folder.lake(open);
                lake.settle().and_then(|()| lake.compact()).map_err(said)?;
            }
        }
        streams.stdout.flush()?;
        Ok(Exit::Clean)
    }

    /// Lists the tables.
    fn list(&self, lake: &dyn Lake, talk: &Talk, out: &mut dyn Write) -> anyhow::Result<()> {
        let tables = lake.tables()?;
        if self.json {
            for table in tables {
                let super::LakeTable { name, days, files, rows, octets } = table;
                writeln!(
                    out,
                    "{}",
                    json!({ "table": name, "days": days, "files": files, "rows": rows, "octets": octets })
                )?;
            }
            return Ok(());
        }
        writeln!(out, "{}", talk.word("lake-tables"))?;
        for table in tables {
            let megabytes = table.octets as f64 / 1e6;
            writeln!(out, "{:<12}{:>8}{:>8}{:>14}{megabytes:>12.1}", table.name, table.days, table.files, table.rows)?;
        }
        Ok(())
    }
}
