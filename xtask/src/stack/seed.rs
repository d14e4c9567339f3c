//! Fills the local stores with migrations and markets, by one script while everything else starts.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::state::State;
use crate::market::KvEntry;
use crate::process::{Running, tail};
use crate::tools::Node;

/// The running script: it applies migrations, then waits for the markets.
#[derive(Debug)]
pub struct Seed {
    running: Running,
    log: PathBuf,
}

impl Seed {
    /// Starts the script.
    ///
    /// # Errors
    /// A failure to start Node.
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

    /// Passes the markets to the script and waits until everything is stored.
    ///
    /// # Errors
    /// A failed migration or write, with the end of the script's log.
    pub fn finish(mut self, entries: &[KvEntry]) -> Result<()> {
        let json: Vec<_> = entries
            .iter()
            .map(|entry| serde_json::json!({ "key": entry.key, "value": entry.value }))
            .collect();
        let mut stdin = self.running.take_stdin().context("the script has no standard input")?;
        // A failed script's log tells more than the broken pipe.
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
