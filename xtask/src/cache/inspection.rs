//! Text form of an inspection: the stored facets, leases, breakers and purges of a car.

use kerbside::ports::Timestamp;
use serde_json::Value;

use crate::table;

/// Headings of [`format_purge`].
pub const PURGE_COLUMNS: [&str; 5] = ["id", "kind", "what", "declared", "ends"];

const FACET_COLUMNS: [&str; 11] = [
    "facet",
    "is",
    "age",
    "source",
    "ttl/stale/error",
    "took",
    "public",
    "sealed",
    "generation",
    "purge",
    "withheld",
];

/// Renders the response of an inspection as tables.
pub fn render_inspection(found: &Value) -> String {
    let now_ms = number(found, "now_ms");
    let (vehicle, market) = (format_field(found, "vehicle"), format_field(found, "market"));
    let mut sections = vec![format!("car {vehicle} in {market}\n")];
    for (name, title) in [("record", "D1"), ("cache", "KV")] {
        let rows = list_of(found, name);
        let rows = rows.iter().map(|row| format_facet(row, found, now_ms));
        let facets = table::render(&FACET_COLUMNS, rows);
        let empty = if facets.is_empty() { ": nothing" } else { "" };
        sections.push(format!("\n{title}{empty}\n{facets}"));
    }
    let leases = list_of(found, "leases").iter().map(|row| format_lease(row, now_ms));
    let leases = table::render(&["origin", "until", "granted", "error"], leases);
    let breakers = list_of(found, "breakers").iter();
    let breakers =
        breakers.map(|row| vec![format_field(row, "origin"), format_time(row, "open_until_ms")]);
    let breakers = table::render(&["origin", "until"], breakers);
    let purges = table::render(&PURGE_COLUMNS, list_of(found, "purges").iter().map(format_purge));
    for (title, part) in [("leases", leases), ("open breakers", breakers), ("purges", purges)] {
        if !part.is_empty() {
            sections.push(format!("\n{title}\n{part}"));
        }
    }
    sections.concat()
}

fn format_lease(row: &Value, now_ms: i64) -> Vec<String> {
    let is_over = number(row, "until_ms") <= now_ms;
    let until = if is_over { "over".to_owned() } else { format_time(row, "until_ms") };
    let granted = format_time(row, "generation");
    vec![format_field(row, "origin"), until, granted, format_field(row, "error")]
}

/// Returns a row of a table of purges.
pub fn format_purge(rule: &Value) -> Vec<String> {
    vec![
        format_field(rule, "id"),
        format_kind(rule).to_owned(),
        format_scope(rule),
        format_time(rule, "generation"),
        format_time(rule, "expires_at_ms"),
    ]
}

fn format_facet(row: &Value, found: &Value, now_ms: i64) -> Vec<String> {
    let age_s = (now_ms - number(row, "stored_at_ms")).max(0) / 1_000;
    let purge = match row.get("purge_id").and_then(Value::as_i64) {
        Some(id) => format!("{} {id}", format_field(row, "purge")),
        None => "-".to_owned(),
    };
    let public = match number(row, "public_bytes") {
        0 => "absent".to_owned(),
        bytes => format!("{bytes} B"),
    };
    let [ttl_s, stale_s, error_s] = ["ttl_s", "stale_s", "error_s"].map(|name| number(row, name));
    vec![
        format_field(row, "facet"),
        format_freshness(row, age_s).to_owned(),
        format!("{age_s} s"),
        format_field(row, "source"),
        format!("{ttl_s}/{stale_s}/{error_s}"),
        format!("{} ms", number(row, "took_ms")),
        public,
        format_sealed(row, list_of(found, "keys")),
        number(row, "generation").to_string(),
        purge,
        format_field(row, "withheld"),
    ]
}

/// Formats the size of a sealed value and its key, which may not be held any more.
fn format_sealed(row: &Value, held: &[Value]) -> String {
    let Some(key) = row.get("key_id").filter(|key| !key.is_null()) else { return "-".to_owned() };
    let missing = if held.contains(key) { "" } else { " IS NOT HELD" };
    format!("{} B, key {key}{missing}", number(row, "sealed_bytes"))
}

/// Formats the freshness of a row by its age; the purge that applies to it stands beside.
fn format_freshness(row: &Value, age_s: i64) -> &'static str {
    if row.get("policy_is_current").and_then(Value::as_bool) != Some(true) {
        return "of another description";
    }
    match age_s - number(row, "ttl_s") {
        ..0 => "fresh",
        past if past < number(row, "stale_s") => "stale",
        past if past < number(row, "error_s") => "for failures",
        _ => "expired",
    }
}

/// Formats the kind of a purge.
pub fn format_kind(rule: &Value) -> &'static str {
    if rule.get("hard").and_then(Value::as_i64) == Some(0) { "soft" } else { "hard" }
}

/// Formats milliseconds since 1970 as RFC 3339.
pub fn format_time(row: &Value, name: &str) -> String {
    row.get(name).and_then(Value::as_i64).map_or("-".to_owned(), |ms| Timestamp(ms).to_string())
}

/// Formats the scope of a purge: `facet recalls, origin master`.
pub fn format_scope(rule: &Value) -> String {
    let limits: Vec<String> = ["vehicle", "facet", "origin", "tag"]
        .iter()
        .filter(|name| rule.get(**name).is_some_and(|value| !value.is_null()))
        .map(|name| format!("{name} {}", format_field(rule, name)))
        .collect();
    if limits.is_empty() { "everything".to_owned() } else { limits.join(", ") }
}

/// Formats a member of a response; `-` if it is missing or null.
pub fn format_field(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Returns a list of a response; empty if it is null: a store that was not asked.
pub fn list_of<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns a number of a response; 0 if it is null: nothing is stored.
fn number(value: &Value, name: &str) -> i64 {
    value.get(name).and_then(Value::as_i64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_an_inspection_as_people_read_it() {
        let now = 1_795_161_600_000_i64;
        let row = |facet: &str, more: Value| {
            let mut row = serde_json::json!({
                "facet": facet, "generation": now - 9_000, "stored_at_ms": now - 7_000,
                "ttl_s": 5, "stale_s": 10, "error_s": 20, "took_ms": 35, "source": "master",
                "withheld": "vin", "public_bytes": 70, "policy_is_current": true,
                "purge": null, "purge_id": null,
            });
            if let (Value::Object(row), Value::Object(more)) = (&mut row, more) {
                row.extend(more);
            }
            row
        };
        let found = serde_json::json!({
            "market": "de", "vehicle": "car", "now_ms": now, "keys": [1],
            "record": [
                row("identity", serde_json::json!({"key_id": 1, "sealed_bytes": 900})),
                row("recalls", serde_json::json!({
                    "key_id": 2, "sealed_bytes": 9, "purge": "soft", "purge_id": 7,
                })),
            ],
            "cache": null, "breakers": [],
            "leases": [{"origin": "master", "until_ms": 0, "generation": now, "error": null}],
            "purges": [{
                "id": 7, "hard": 0, "facet": "recalls", "generation": now, "expires_at_ms": now,
            }],
            "audit": {"id": 3, "hash": "ab"},
        });
        let text = render_inspection(&found);
        for said in [
            "identity  stale  7 s  master  5/10/20          35 ms  70 B    900 B, key 1",
            "9 B, key 2 IS NOT HELD",
            "soft 7",
            "\nKV: nothing\n",
            "master  over",
            "7   soft  facet recalls  2026-11-20T08:00:00Z",
        ] {
            assert!(text.contains(said), "{said}:\n{text}");
        }
    }
}
