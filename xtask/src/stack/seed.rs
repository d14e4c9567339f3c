//! Migrations and markets into the local stores, by one script while everything else starts.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::state::State;
use crate::market::KvEntry;
use crate::process::{Running, tail};
use crate::tools::Node;

/// The script, applying migrations and then waiting for the markets.
#[derive(Debug)]
pub struct Seed {
    running: Running,
    log: PathBuf,
}

impl Seed {
    /// Starts it.
    ///
    /// # Errors
    /// Where Node cannot be started.
    pub fn start(node: &Node, environment: &str, state: &State) -> Result<Self> {
        let log = state.log("seed");
        let file = File::create(&log)?;
        let mut command = node.command()?;
        command.arg("xtask/js/seed.mjs").arg(environment).arg(state.stores());
        Node::quiet(&mut command);
        command
            .env("WRANGLER_REGISTRY_PATH", state.scratch())
            .env("WRANGLER_LOG_PATH", state.log("seed-wrangler"));
        command.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file);
        Ok(Self { running: Running::start("the migrations", &mut command)?, log })
    }

    /// Hands over the markets and waits until everything is stored.
    ///
    /// # Errors
    /// Where a migration or a write fails, with what the script said.
    pub fn finish(mut self, entries: &[KvEntry]) -> Result<()> {
        let json: Vec<_> = entries
            .iter()
            .map(|entry| serde_json::json!({ "key": entry.key, "value": entry.value }))
            .collect();
        let mut stdin = self.running.take_stdin().context("the script reads the markets")?;
        // Where the script has failed already, its log says why, and not the broken pipe.
        let _ = stdin.write_all(serde_json::to_string(&json)?.as_bytes());
        drop(stdin);
        if !self.running.wait()?.success() {
            bail!(
                "migrations and markets cannot be written to the local stores:\n{}",
                tail(&self.log, 20)
            );
        }
        Ok(())
    }
}
