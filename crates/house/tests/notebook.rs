//! A lake for tests: one JSON object a line in a file, and failures at will

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sekisho_core::event::Event;
use sekisho_house::{Lake, LakeError};

/// The lines of a folder.
pub(crate) struct Notebook(PathBuf);

impl Notebook {
    /// Opens the lines of a lake's folder, as the house opens a lake.
    pub(crate) fn open(folder: &Path) -> Result<Arc<dyn Lake>, LakeError> {
        fs::create_dir_all(folder).map_err(|why| LakeError(why.to_string()))?;
        Ok(Arc::new(Notebook(folder.to_owned())))
    }

    /// Reads what was kept in a data folder.
    pub(crate) fn read(data: &Path) -> Vec<Event> {
        let text = fs::read_to_string(data.join("lake/events.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Says whether the lake of a data folder fails.
    pub(crate) fn set_failing(data: &Path, fails: bool) {
        let mark = data.join("lake/fails");
        fs::create_dir_all(data.join("lake")).unwrap();
        if fails { fs::write(mark, b"").unwrap() } else { fs::remove_file(mark).unwrap() }
    }
}

impl Lake for Notebook {
    fn append(&self, events: &[Event]) -> Result<(), LakeError> {
        if self.0.join("fails").exists() {
            return Err(LakeError("a test wants to see a lake fail".to_owned()));
        }
        let lines: String = events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
        let file = OpenOptions::new().create(true).append(true).open(self.0.join("events.jsonl"));
        file.and_then(|mut file| file.write_all(lines.as_bytes())).map_err(|why| LakeError(why.to_string()))
    }

    fn settle(&self) -> Result<(), LakeError> {
        Ok(())
    }
}
