//! The D1 database of a region, by wrangler: the real one, or that of a local stack.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use crate::process;
use crate::tools::Node;

/// A row by column name.
pub type Row = Map<String, Value>;

/// A database.
#[derive(Debug)]
pub struct Database {
    node: Node,
    region: String,
    /// What `wrangler dev --persist-to` was given; nothing: the real one.
    local: Option<PathBuf>,
}

impl Database {
    /// The real one of a region.
    pub fn remote(node: Node, region: &str) -> Self {
        Self { node, region: region.to_owned(), local: None }
    }

    /// The one in the folder that `cargo xtask dev --state` was given.
    ///
    /// # Errors
    /// Where no stack has kept anything there.
    pub fn of_state(node: Node, region: &str, state: &Path) -> Result<Self> {
        let stores = std::path::absolute(state)?.join(region).join("stores");
        if !stores.is_dir() {
            bail!(
                "there are no stores of {region} in {}: name the folder that `cargo xtask dev --state DIR` was given",
                state.display()
            );
        }
        Ok(Self { node, region: region.to_owned(), local: Some(stores) })
    }

    /// The rows of each of these statements, in one call of wrangler.
    ///
    /// # Errors
    /// What wrangler or the database says.
    pub fn query(&self, statements: &[String]) -> Result<Vec<Vec<Row>>> {
        let mut command = self.node.wrangler(&[])?;
        command.args(["d1", "execute", "DB", "--json", "--yes", "--env", &self.region]);
        command.args(["--command", &statements.join(";\n")]);
        match &self.local {
            Some(folder) => command.arg("--local").arg("--persist-to").arg(folder),
            None => command.arg("--remote"),
        };
        let answer =
            process::read("wrangler", &mut command).map_err(|error| self.explain(error))?;
        let results = parse(&answer)?;
        if results.len() != statements.len() {
            bail!("wrangler answered {} results to {} statements", results.len(), statements.len());
        }
        Ok(results)
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let text = error.to_string();
        if self.local.is_none() && text.contains("CLOUDFLARE_API_TOKEN") {
            return anyhow::anyhow!(
                "not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN to a token that may read D1, or run `npx wrangler login`"
            );
        }
        if text.contains("no such table") {
            return error.context(format!(
                "the database of {} lacks a table: apply the migrations (`npx wrangler d1 migrations apply DB --env {}`)",
                self.region, self.region
            ));
        }
        error.context(format!("the database of {} cannot be read", self.region))
    }
}

/// wrangler's answer: `[{"results": [{…}], "success": true}]`, perhaps after lines of its own.
fn parse(answer: &str) -> Result<Vec<Vec<Row>>> {
    let start = answer
        .find("[\n")
        .or_else(|| answer.find("[{"))
        .with_context(|| format!("wrangler answered: {answer}"))?;
    let list: Vec<Value> = serde_json::from_str(answer.get(start..).unwrap_or_default().trim())
        .with_context(|| format!("wrangler answered: {answer}"))?;
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
        let answer = "Some line\n[\n  {\"results\": [{\"a\": 1}], \"success\": true},\n  {\"results\": [], \"success\": true}\n]\n";
        let found = parse(answer)?;
        assert_eq!(found.len(), 2);
        assert_eq!(found.first().and_then(|rows| rows.first()?.get("a")?.as_i64()), Some(1));
        assert!(parse("nothing").is_err());
        Ok(())
    }
}
