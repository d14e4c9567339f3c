//! The deployment's variables: `[env.<region>.vars]` of `wrangler.toml`.

use std::collections::BTreeMap;

use crate::market::RegionCode;

/// The deployment's part of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The regions that it serves; more than one in local development.
    pub regions: Vec<RegionCode>,
    /// The origin of each region's deployment, without a slash at the end.
    pub hosts: BTreeMap<RegionCode, String>,
}

/// The variable that could not be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// `REGIONS`.
    #[error("REGIONS must be a comma list of region codes, like \"eu\"")]
    Regions,
    /// `REGION_HOSTS`.
    #[error("REGION_HOSTS must be JSON like {{\"eu\": \"https://eu.example.com\"}}")]
    Hosts,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// [`ConfigError`] for the variable that does not read.
    pub fn parse(regions: &str, hosts: &str) -> Result<Self, ConfigError> {
        let codes =
            regions.split(',').map(str::trim).filter(|code| !code.is_empty()).map(RegionCode::new);
        let regions: Vec<RegionCode> =
            codes.collect::<Result<_, _>>().map_err(|_| ConfigError::Regions)?;
        if regions.is_empty() {
            return Err(ConfigError::Regions);
        }
        let mut hosts: BTreeMap<RegionCode, String> =
            serde_json::from_str(hosts).map_err(|_| ConfigError::Hosts)?;
        for host in hosts.values_mut() {
            host.truncate(host.trim_end_matches('/').len());
        }
        Ok(Self { regions, hosts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err() {
        let config =
            Config::parse("eu, us", r#"{"eu": "https://eu.example.com/"}"#).expect("valid");
        assert_eq!(config.regions.len(), 2);
        assert_eq!(config.hosts.values().collect::<Vec<_>>(), ["https://eu.example.com"]);
        assert_eq!(Config::parse("", "{}"), Err(ConfigError::Regions));
        assert_eq!(Config::parse("EU", "{}"), Err(ConfigError::Regions));
        assert_eq!(Config::parse("eu", ""), Err(ConfigError::Hosts));
    }
}
