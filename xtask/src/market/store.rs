//! A KV namespace, that of the markets or of the cache, through wrangler: the real one, or a local
//! folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::publication::KvEntry;
use crate::files::TemporaryFolder;
use crate::process;
use crate::region::Region;
use crate::tools::Node;

/// Number of keys that wrangler reads in one call.
const MAX_KEYS_PER_CALL: usize = 100;

/// The binding of the published markets.
pub const MARKETS: &str = "MARKETS";
/// The binding of the cars near the reader, which the Worker writes.
pub const CACHE: &str = "CACHE";

/// A KV namespace of a region.
#[derive(Debug)]
pub struct Store {
    node: Node,
    region: Region,
    local: Option<PathBuf>,
    binding: &'static str,
}

impl Store {
    /// Opens the real one of a region.
    pub fn remote(node: Node, region: &Region, binding: &'static str) -> Self {
        Self { node, region: region.clone(), local: None, binding }
    }

    /// Opens the one in a folder.
    pub fn local(node: Node, region: &Region, folder: PathBuf, binding: &'static str) -> Self {
        Self { node, region: region.clone(), local: Some(folder), binding }
    }

    /// Reads the values of keys; the result lacks keys that do not exist.
    ///
    /// # Errors
    /// A failure of wrangler.
    pub fn get(&self, keys: &[String]) -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for keys in keys.chunks(MAX_KEYS_PER_CALL) {
            let output = self.bulk("get", &serde_json::to_string(keys)?, &[])?;
            found.extend(parse_values(&output)?);
        }
        Ok(found)
    }

    /// Writes entries.
    ///
    /// # Errors
    /// A failure of wrangler.
    pub fn put(&self, entries: &[KvEntry]) -> Result<()> {
        let json: Vec<_> = entries
            .iter()
            .map(|entry| serde_json::json!({ "key": entry.key, "value": entry.value }))
            .collect();
        self.bulk("put", &serde_json::to_string(&json)?, &[]).map(drop)
    }

    /// Deletes keys.
    ///
    /// # Errors
    /// A failure of wrangler.
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
        command.args(["--binding", self.binding, "--env", self.region.as_str()]);
        self.select(&mut command);
        process::run_for_output("wrangler", &mut command).map_err(|error| self.explain(error))
    }

    fn select(&self, command: &mut Command) {
        match &self.local {
            Some(folder) => command.args(["--local", "--persist-to"]).arg(folder),
            None => command.arg("--remote"),
        };
    }

    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if self.local.is_none() && error.to_string().contains("CLOUDFLARE_API_TOKEN") {
            return anyhow::anyhow!(
                "not signed in to Cloudflare: set CLOUDFLARE_API_TOKEN to a token that may write \
                 KV, or run `npx wrangler login`"
            );
        }
        error.context(format!("{} of {} cannot be reached", self.binding, self.region))
    }
}

/// Parses wrangler's output, `{"key": {"value": "…" | null}}`, perhaps after lines of its own.
fn parse_values(output: &str) -> Result<BTreeMap<String, String>> {
    let Some((_, json)) = output.split_once('{') else { bail!("wrangler printed: {output}") };
    let values: serde_json::Value = serde_json::from_str(&format!("{{{json}"))
        .with_context(|| format!("wrangler printed: {output}"))?;
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
        let found =
            parse_values("Some line\n{\"a\": {\"value\": \"[]\"}, \"b\": {\"value\": null}}\n")?;
        assert_eq!(found, [("a".to_owned(), "[]".to_owned())].into());
        assert!(parse_values("nothing").is_err());
        Ok(())
    }
}
