//! `sekisho lake`: questions to what was kept, in SQL

use std::io::{self, Write};
use std::sync::Arc;

use serde_json::json;

use super::{Forget, Form, Lake, LakeError, LetGo, OpenLake};
use crate::cli::{LakeArguments, LakeCommand};
use crate::config::Config;
use crate::fault::Fault;
use crate::speech::Talk;
use crate::store::DataFolder;
use crate::terminal::Harmless;
use crate::{Exit, Streams, cluster};

impl LakeArguments {
    /// Asks, lists or tidies.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), &streams.setting.config_places)?;
        let folder = DataFolder::find(&config.store, &streams.setting.data_places)?;
        let lake = |cluster: &Option<String>| self.lake(cluster.as_deref(), &folder, streams);
        let said = |why: LakeError| super::fault(&why);
        match &self.what {
            LakeCommand::Query { sql, csv, cluster } => {
                let form = match (self.json, csv) {
                    (true, _) => Form::Json,
                    (_, true) => Form::Csv,
                    _ => Form::Table,
                };
                let lake = lake(cluster)?;
                let is_terminal = streams.setting.width.is_some();
                lake.query(sql, form, &mut Harmless::new(&mut *streams.stdout, is_terminal)).map_err(said)?;
                tell_of_unsettled(&*lake, talk, streams).map_err(said)?;
            }
            LakeCommand::Tables { cluster } => {
                let lake = lake(cluster)?;
                self.list(&*lake, talk, &mut streams.stdout).map_err(|why| match why.downcast() {
                    Ok(why) => said(why).into(),
                    Err(why) => why,
                })?;
                tell_of_unsettled(&*lake, talk, streams).map_err(said)?;
            }
            LakeCommand::Compact => {
                let lake = folder.lake(opener(streams)?);
                let tables = lake.settle().and_then(|()| lake.compact()).and_then(|()| lake.tables()).map_err(said)?;
                let files = tables.iter().map(|table| table.files).fold(0, u64::saturating_add);
                match self.json {
                    true => writeln!(streams.stdout, "{}", json!({ "files": files }))?,
                    false => writeln!(streams.stdout, "{}", talk.say("lake-compacted", &[("files", files.into())]))?,
                }
            }
            LakeCommand::Retain => {
                let lake = folder.lake(opener(streams)?);
                let gone = lake.settle().and_then(|()| lake.retain(config.lake)).map_err(said)?;
                for Forget { domains, days } in config.store.forgetting() {
                    lake.forget(&domains, days).map_err(said)?;
                }
                self.tell_gone(gone, talk, &mut streams.stdout)?;
            }
        }
        streams.stdout.flush()?;
        Ok(Exit::Clean)
    }

    /// Tells what was let go.
    fn tell_gone(&self, LetGo { files, octets }: LetGo, talk: &Talk, out: &mut dyn Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", json!({ "files": files, "octets": octets }));
        }
        let megabytes = format!("{:.1}", octets as f64 / 1e6);
        writeln!(out, "{}", talk.say("lake-let-go", &[("files", files.into()), ("megabytes", megabytes.into())]))
    }

    /// Opens the lake to read, so that this process answers, or a cluster.
    fn lake(&self, cluster: Option<&str>, folder: &DataFolder, streams: &Streams<'_>) -> Result<Arc<dyn Lake>, Fault> {
        match cluster {
            Some(address) => {
                (cluster::built_in(streams)?.read)(address, &folder.lake_place()).map_err(|why| super::fault(&why))
            }
            None => folder.lake_to_read(opener(streams)?),
        }
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

/// Returns what opens the lake.
fn opener(streams: &Streams<'_>) -> Result<OpenLake, Fault> {
    streams.setting.open_lake.ok_or_else(|| Fault::new("fault-no-lake", []))
}

/// Says how many Events the answer leaves out, where it does.
fn tell_of_unsettled(lake: &dyn Lake, talk: &Talk, streams: &mut Streams<'_>) -> Result<(), LakeError> {
    let count = lake.unsettled()?;
    if count > 0 {
        streams.tell(&talk.say("lake-unsettled", &[("count", count.into())]));
    }
    Ok(())
}
