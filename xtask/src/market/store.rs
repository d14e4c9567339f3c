//! The KV namespace of the markets, by wrangler: the real one, or a local folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::publication::Entry;
use crate::files::TemporaryFolder;
use crate::process;
use crate::tools::Node;

/// What wrangler reads in one call.
const KEYS_A_CALL: usize = 100;

/// Where markets are published.
#[derive(Debug)]
pub struct Store {
    node: Node,
    region: String,
    local: Option<PathBuf>,
}

impl Store {
    /// The real one of a region.
    pub fn remote(node: Node, region: &str) -> Self {
        Self { node, region: region.to_owned(), local: None }
    }

    /// The one in a folder.
    pub fn local(node: Node, region: &str, folder: PathBuf) -> Self {
        Self { node, region: region.to_owned(), local: Some(folder) }
    }

    /// The values of those keys that there are.
    ///
    /// # Errors
    /// What wrangler says.
    pub fn get(&self, keys: &[String]) -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for keys in keys.chunks(KEYS_A_CALL) {
            let answer = self.bulk("get", &serde_json::to_string(keys)?, &[])?;
            found.extend(parse(&answer)?);
        }
        Ok(found)
    }

    /// Writes all of these.
    ///
    /// # Errors
    /// What wrangler says.
    pub fn put(&self, entries: &[Entry]) -> Result<()> {
        let json: Vec<_> = entries
            .iter()
            .map(|entry| serde_json::json!({ "key": entry.key, "value": entry.value }))
            .collect();
        self.bulk("put", &serde_json::to_string(&json)?, &[]).map(drop)
    }

    /// Deletes all of these.
    ///
    /// # Errors
    /// What wrangler says.
    pub fn delete(&self, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        self.bulk("delete", &serde_json::to_string(keys)?, &["--force"]).map(drop)
    }

    fn bulk(&self, action: &str, json: &str, options: &[&str]) -> Result<String> {
        let folder = TemporaryFolder::make(&std::env::temp_dir(), "kerbside-market")?;
        let file = folder.path().join("entries.json");
        std::fs::write(&file, json)?;
        let mut command = self.node.wrangler(&[])?;
        command.args(["kv", "bulk", action]).arg(&file).args(options);
        command.args(["--binding", "MARKETS", "--env", &self.region]);
        self.place(&mut command);
        process::read("wrangler", &mut command).map_err(|error| self.explain(error))
    }

    fn place(&self, command: &mut Command) {
        match &self.local {
            Some(folder) => command.args(["--local", "--persist-to"]).arg(folder),
            None => command.arg("--remote"),
        };
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if self.local.is_none() && error.to_string().contains("CLOUDFLARE_API_TOKEN") {
            return anyhow::anyhow!(
                "not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN to a token that may write KV, or run `npx wrangler login`"
            );
        }
        error.context(format!("the markets of {} cannot be reached", self.region))
    }
}

/// wrangler's answer: `{"key": {"value": "…" | null}}`, perhaps after lines of its own.
fn parse(answer: &str) -> Result<BTreeMap<String, String>> {
    let Some(start) = answer.find('{') else { bail!("wrangler answered: {answer}") };
    let values: serde_json::Value = serde_json::from_str(answer.get(start..).unwrap_or_default())
        .with_context(|| format!("wrangler answered: {answer}"))?;
    let entries = values.as_object().into_iter().flatten();
    Ok(entries
        .filter_map(|(key, value)| Some((key.clone(), value.get("value")?.as_str()?.to_owned())))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_found_and_missing_keys() -> Result<()> {
        let found = parse("Some line\n{\"a\": {\"value\": \"[]\"}, \"b\": {\"value\": null}}\n")?;
        assert_eq!(found, [("a".to_owned(), "[]".to_owned())].into());
        assert!(parse("nothing").is_err());
        Ok(())
    }
}
