//! Regions: the environments of `wrangler.toml`, which is their only list.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::files;

/// A region that `wrangler.toml` configures: `eu`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// Lists all regions, by name.
    ///
    /// # Errors
    /// An unreadable `wrangler.toml`, or one without environments.
    pub fn all() -> Result<Vec<Self>> {
        let text = files::read_text(&files::root().join("wrangler.toml"))?;
        parse_regions(&text).context("wrangler.toml")
    }

    /// Returns the region under whose name local stacks keep the stores of all regions.
    ///
    /// # Errors
    /// As [`Region::all`].
    pub fn local() -> Result<Self> {
        Self::all()?.into_iter().next().context("wrangler.toml has no environment")
    }

    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Parses the value of `--env`.
impl FromStr for Region {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = Self::all()?;
        match all.iter().find(|region| region.0 == text) {
            Some(region) => Ok(region.clone()),
            None => bail!("there is no environment \"{text}\"; there are {}", join(&all)),
        }
    }
}

/// Joins region names for a message: `eu and us`.
fn join(regions: &[Region]) -> String {
    regions.iter().map(Region::as_str).collect::<Vec<_>>().join(" and ")
}

fn parse_regions(text: &str) -> Result<Vec<Region>> {
    let config: toml::Table = text.parse()?;
    let environments = config.get("env").and_then(toml::Value::as_table);
    let environments = environments.context("there is no [env.<region>]")?;
    Ok(environments.keys().cloned().map(Region).collect())
}

/// Returns the addresses of the regions that an environment of wrangler.toml names: the JSON object
/// `REGION_HOSTS`; `None` if it has none.
pub fn hosts(text: &str, environment: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    let config: toml::Table = text.parse().ok()?;
    let hosts = config.get("env")?.get(environment)?.get("vars")?.get("REGION_HOSTS")?;
    serde_json::from_str(hosts.as_str()?).ok()
}

/// Returns the address of a region's deployment, from wrangler.toml.
///
/// # Errors
/// An unreadable file, or one without this address.
pub fn host(region: &str) -> Result<String> {
    let text = files::read_text(&files::root().join("wrangler.toml"))?;
    let hosts = hosts(&text, region);
    let host = hosts.as_ref().and_then(|hosts| hosts.get(region)?.as_str());
    let host = host.with_context(|| {
        format!("wrangler.toml has no address of {region} in REGION_HOSTS; give --host URL")
    })?;
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_hosts_of_the_environment() -> Result<()> {
        let text = "[env.eu.vars]\nREGION_HOSTS = '{\"us\":\"https://us.example.com\"}'\n";
        let hosts = hosts(text, "eu").context("a JSON object")?;
        assert_eq!(hosts.get("us").and_then(|host| host.as_str()), Some("https://us.example.com"));
        assert!(super::hosts(text, "us").is_none());
        assert!(host("eu")?.starts_with("https://") && host("apac").is_err());
        Ok(())
    }

    #[test]
    fn ok_environments_are_regions() -> Result<()> {
        let regions = parse_regions("[env.us]\n[env.eu.vars]\nREGIONS = \"eu\"\n")?;
        assert_eq!(join(&regions), "eu and us");
        assert_eq!(Region::local()?.as_str(), "eu");
        Ok(())
    }

    #[test]
    fn err_unknown_region() {
        let error = "apac".parse::<Region>().expect_err("unknown").to_string();
        assert_eq!(error, "there is no environment \"apac\"; there are eu and us");
        assert!(parse_regions("").is_err());
    }
}
