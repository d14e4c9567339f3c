//! Stored facets for benches/storage.mjs, which makes a database of them: the recorded responses
//! of the stand-ins (tests/fixtures/markets), projected as the Worker does it.
//!
//! The recordings hold no fact about a real car's keeper.

use std::path::PathBuf;

use anyhow::{Context, Result};
use kerbside::disclosure;
use kerbside::market::FacetName;
use kerbside::vehicle;
use serde_json::{Map, Value, json};

use crate::files;
use crate::market::MarketFiles;

/// Length of the nonce and the tag of AES-256-GCM.
const SEAL_BYTES: usize = 12 + 16;

/// Writes `{"market", "facet", "origin", "ttl_s", …, "public", "withheld", "sealed_chars"}` of
/// every recorded facet to a file.
///
/// # Errors
/// A malformed recording or market file.
pub fn write(name: &str) -> Result<PathBuf> {
    let mut samples = Vec::new();
    for compiled in MarketFiles::load(&[])?.compile_unchanged()? {
        let market = &compiled.market;
        let recording = files::root().join(format!("tests/fixtures/markets/{}.snap", market.code));
        let text = files::read_text(&recording)?;
        let json = text
            .splitn(3, "---\n")
            .nth(2)
            .with_context(|| format!("{} has no snapshot", files::shown(&recording)))?;
        let cars: Map<String, Value> =
            serde_json::from_str(json).with_context(|| files::shown(&recording))?;
        for (facet, whole) in cars.values().filter_map(Value::as_object).flatten() {
            // A word stands for a missing facet.
            let (Some(facet), true) = (FacetName::parse(facet), whole.is_object()) else {
                continue;
            };
            let Some(described) = market.facets.get(&facet) else { continue };
            let typed = vehicle::typed(facet, whole.clone())?;
            let public = disclosure::public(&typed, market);
            let sealed = (whole.to_string().len() + SEAL_BYTES).div_ceil(3) * 4;
            samples.push(json!({
                "market": market.code, "facet": facet, "origin": described.origin,
                "ttl_s": described.ttl_s, "stale_s": described.stale_s,
                "error_s": described.error_s, "public": public.value.to_string(),
                "withheld": public.withheld.join(","),
                "sealed_chars": if public.withheld.is_empty() { 0 } else { sealed },
            }));
        }
    }
    let file = files::target().join(format!("{name}-samples.json"));
    std::fs::write(&file, serde_json::to_string(&samples)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
