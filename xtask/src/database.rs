//! The D1 database of a region, through wrangler: the real one, or that of a local stack.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::market::store::{CACHE, Store};
use crate::process;
use crate::region::Region;
use crate::tools::Node;

/// A row by column name.
pub type Row = Map<String, Value>;

/// The database that a command reads.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// Read the real D1 database of the region --env
    #[arg(long, requires = "env", conflicts_with = "state")]
    pub remote: bool,
    /// Read D1 of a local stack: the folder that `cargo xtask dev --state DIR` was given
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The region [default with --state: the one where `dev` keeps all regions]
    #[arg(long, value_name = "REGION")]
    pub env: Option<Region>,
}

impl DatabaseArgs {
    /// Returns the region of `--env`, or that of local stacks.
    ///
    /// # Errors
    /// An unreadable `wrangler.toml`.
    pub fn region(&self) -> Result<Region> {
        self.env.clone().map_or_else(Region::local, Ok)
    }

    /// Opens the database; `None` if neither `--remote` nor `--state` is given.
    ///
    /// # Errors
    /// A missing tool, or a state folder without stores.
    pub fn open(&self) -> Result<Option<Database>> {
        let region = self.region()?;
        match &self.state {
            Some(state) => Database::local(Node::ensure()?, region, state).map(Some),
            None if self.remote => Ok(Some(Database::remote(Node::ensure()?, region))),
            None => Ok(None),
        }
    }
}

/// A database.
#[derive(Debug)]
pub struct Database {
    node: Node,
    region: Region,
    /// The folder of `wrangler dev --persist-to`; `None` for the real database.
    local: Option<PathBuf>,
}

impl Database {
    fn remote(node: Node, region: Region) -> Self {
        Self { node, region, local: None }
    }

    fn local(node: Node, region: Region, state: &Path) -> Result<Self> {
        let stores = std::path::absolute(state)?.join(region.as_str()).join("stores");
        if !stores.is_dir() {
            bail!(
                "there are no stores of {region} in {}: name the folder that \
                 `cargo xtask dev --state DIR` was given",
                state.display()
            );
        }
        Ok(Self { node, region, local: Some(stores) })
    }

    /// Runs statements in one call of wrangler; returns the rows of each.
    ///
    /// # Errors
    /// A failure of wrangler or of the database.
    pub fn query(&self, statements: &[String]) -> Result<Vec<Vec<Row>>> {
        let mut command = self.node.wrangler(&[])?;
        command.args(["d1", "execute", "DB", "--json", "--yes", "--env", self.region.as_str()]);
        command.args(["--command", &statements.join(";\n")]);
        match &self.local {
            Some(folder) => command.arg("--local").arg("--persist-to").arg(folder),
            None => command.arg("--remote"),
        };
        let output = process::run_for_output("wrangler", &mut command)
            .map_err(|error| self.explain(error))?;
        let results = parse_results(&output)?;
        let (expected, found) = (statements.len(), results.len());
        if found != expected {
            bail!("wrangler printed {found} results for {expected} statements");
        }
        Ok(results)
    }

    /// Reads a key of the region's KV namespace `CACHE`; nothing where it does not exist.
    ///
    /// # Errors
    /// A failure of wrangler.
    pub fn read_cache(&self, key: &str) -> Result<Option<String>> {
        let (node, region) = (self.node.clone(), &self.region);
        let store = match &self.local {
            Some(folder) => Store::local(node, region, folder.clone(), CACHE),
            None => Store::remote(node, region, CACHE),
        };
        Ok(store.get(&[key.to_owned()])?.remove(key))
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let (text, region) = (error.to_string(), &self.region);
        if self.local.is_none() && text.contains("CLOUDFLARE_API_TOKEN") {
            return anyhow::anyhow!(
                "not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN to a token that may read \
                 D1, or run `npx wrangler login`"
            );
        }
        if text.contains("no such table") {
            return error.context(format!(
                "the database of {region} lacks a table: apply the migrations (`npx wrangler d1 \
                 migrations apply DB --env {region}`)"
            ));
        }
        error.context(format!("the database of {region} cannot be read"))
    }
}

/// Parses wrangler's output, `[{"results": [{…}], "success": true}]`, perhaps after lines of its
/// own.
fn parse_results(output: &str) -> Result<Vec<Vec<Row>>> {
    let start = output.find("[\n").or_else(|| output.find("[{"));
    let json = start.and_then(|start| output.get(start..));
    let printed = || format!("wrangler printed: {output}");
    let list: Vec<Value> =
        serde_json::from_str(json.with_context(printed)?.trim()).with_context(printed)?;
    let rows = |result: &Value| -> Vec<Row> {
        let rows = result.get("results").and_then(Value::as_array).into_iter().flatten();
        rows.filter_map(Value::as_object).cloned().collect()
    };
    Ok(list.iter().map(rows).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_rows_of_each_statement() -> Result<()> {
        let output = "Some line\n[\n  {\"results\": [{\"a\": 1}], \"success\": true},\n  \
                      {\"results\": [], \"success\": true}\n]\n";
        let found = parse_results(output)?;
        assert_eq!(found.len(), 2);
        assert_eq!(found.first().and_then(|rows| rows.first()?.get("a")?.as_i64()), Some(1));
        assert!(parse_results("nothing").is_err());
        Ok(())
    }
}
