//! The contents of `wrangler.toml`, region by region: no logs of the runtime's own, no traces, the
//! same bindings everywhere.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use toml::{Table, Value};

/// Settings that environments inherit unless they have their own (wrangler's documentation).
const OBSERVABILITY: &str = "observability";

fn configuration() -> Table {
    include_str!("../wrangler.toml").parse().expect("TOML")
}

fn regions(configuration: &Table) -> Vec<(&String, &Table)> {
    let regions = configuration.get("env").and_then(Value::as_table).expect("[env]");
    let tables = regions.iter().map(|(name, region)| (name, region.as_table().expect("a table")));
    tables.collect()
}

fn find<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { find(value.as_table()?, rest) }
}

/// The names that a list of bindings has under `key`.
fn names<'a>(region: &'a Table, list: &str, key: &str) -> BTreeSet<&'a str> {
    let entries = region.get(list).and_then(Value::as_array).into_iter().flatten();
    entries.map(|entry| entry.get(key).and_then(Value::as_str).expect(key)).collect()
}

/// A setting of a region: its own, or the one that it inherits.
fn setting<'a>(configuration: &'a Table, region: &'a Table, path: &[&str]) -> Option<&'a Value> {
    // Wrangler inherits the whole table, not its single keys.
    let source = if region.contains_key(OBSERVABILITY) { region } else { configuration };
    find(source, path)
}

#[test]
fn ok_the_runtime_logs_no_addresses_in_any_region() {
    let configuration = configuration();
    for (name, region) in regions(&configuration) {
        for (path, expected) in [
            (["observability", "logs", "enabled"], true),
            (["observability", "logs", "invocation_logs"], false),
            (["observability", "traces", "enabled"], false),
        ] {
            let found = setting(&configuration, region, &path);
            assert_eq!(found, Some(&Value::Boolean(expected)), "{name}: {}", path.join("."));
        }
        // The short form would turn on what the long one turns off.
        assert_eq!(setting(&configuration, region, &["observability", "enabled"]), None, "{name}");
    }
}

#[test]
fn ok_regions_have_the_same_bindings_and_limits_of_their_own() {
    let configuration = configuration();
    let regions = regions(&configuration);
    let mut namespaces = BTreeSet::new();
    for (name, region) in &regions {
        let kv = names(region, "kv_namespaces", "binding");
        assert_eq!(kv, BTreeSet::from(["CACHE", "MARKETS"]), "{name}");
        assert_eq!(names(region, "d1_databases", "binding"), BTreeSet::from(["DB"]), "{name}");
        assert!(!names(region, "d1_databases", "jurisdiction").is_empty(), "{name}");
        let limits = region.get("ratelimits").and_then(Value::as_array).expect("ratelimits");
        for limit in limits {
            let id = limit.get("namespace_id").and_then(Value::as_str).expect("namespace_id");
            assert!(namespaces.insert(id), "{name}: {id} counts for two limits");
        }
        let simple = |limits: &[Value]| -> BTreeSet<String> {
            let text = |limit: &Value| format!("{:?} {:?}", limit.get("name"), limit.get("simple"));
            limits.iter().map(text).collect()
        };
        let (_, first) = regions.first().expect("a region");
        let of_first = first.get("ratelimits").and_then(Value::as_array).expect("ratelimits");
        assert_eq!(simple(limits), simple(of_first), "{name}");
    }
    assert!(regions.len() >= 2);
}
