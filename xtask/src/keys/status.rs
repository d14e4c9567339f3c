//! Which sealing keys a portal holds, and what lies under each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::operator::Portal;
use crate::table::table;

/// Keys and rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Status {
    held: Vec<u8>,
    /// The number that writes.
    pub newest: u8,
    /// Rows by key and market; no key where all of a row is public.
    rows: BTreeMap<(Option<u8>, String), u64>,
}

impl Status {
    /// Goes through the whole record, chunk by chunk.
    ///
    /// # Errors
    /// What the portal refuses.
    pub fn of(portal: &Portal) -> Result<Self> {
        let mut status = Self::default();
        let mut path = "keys".to_owned();
        loop {
            let page = portal.get(&path)?;
            status.add(&page).context("the portal's answer is not of this release's shape")?;
            match page.get("next").and_then(Value::as_str) {
                Some(next) => path = format!("keys?after={next}"),
                None => return Ok(status),
            }
        }
    }

    fn add(&mut self, page: &Value) -> Option<()> {
        let id = |value: &Value| u8::try_from(value.as_u64()?).ok();
        self.held = page.get("held")?.as_array()?.iter().filter_map(id).collect();
        self.newest = id(page.get("newest")?)?;
        for row in page.get("rows")?.as_array()? {
            let key =
                row.get("key_id").filter(|key| !key.is_null()).map(|key| id(key).unwrap_or(0));
            *self.rows.entry((key, row.get("market")?.as_str()?.to_owned())).or_default() +=
                row.get("rows")?.as_u64()?;
        }
        Some(())
    }

    /// Rows under other keys than the newest, that a rotation would change.
    pub fn older(&self) -> u64 {
        self.under(|key| key != self.newest && self.held.contains(&key))
    }

    fn under(&self, counts: impl Fn(u8) -> bool) -> u64 {
        self.rows
            .iter()
            .filter(|((key, _), _)| key.is_some_and(&counts))
            .map(|(_, rows)| rows)
            .sum()
    }

    /// For people.
    pub fn report(&self) -> String {
        let mut lines: Vec<Vec<String>> = Vec::new();
        for ((key, market), rows) in &self.rows {
            let (key, held) = match key {
                None => ("-".to_owned(), "all public"),
                Some(key) if *key == self.newest => (key.to_string(), "writes"),
                Some(key) if self.held.contains(key) => (key.to_string(), "reads"),
                Some(key) => (key.to_string(), "IS NOT HELD"),
            };
            lines.push(vec![key, held.to_owned(), market.clone(), rows.to_string()]);
        }
        let mut text = table(&["key", "", "market", "rows"], &lines);
        let held: Vec<String> = self.held.iter().map(u8::to_string).collect();
        let _ = writeln!(text, "held: {}; {} writes", held.join(", "), self.newest);
        let lost = self.under(|key| !self.held.contains(&key));
        if lost > 0 {
            let _ = writeln!(
                text,
                "{lost} rows lie under keys that are not held: set those again, or the origins are asked anew"
            );
        }
        let unused: Vec<String> = self
            .held
            .iter()
            .filter(|held| **held != self.newest && self.under(|key| key == **held) == 0)
            .map(|number| format!("SEALING_KEY_{number}"))
            .collect();
        if !unused.is_empty() {
            let unused = unused.join(", ");
            let _ = writeln!(
                text,
                "nothing lies under {unused}: remove it with `wrangler secret delete` once this says so again after ten minutes, when \
                 no isolate of an older version writes any more (what D1 Time Travel keeps needs it to be read)"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ok_pages_are_added_up_and_what_may_go_is_said() {
        let mut status = Status::default();
        let page = |rows: Value| json!({"held": [1, 2, 3], "newest": 3, "rows": rows});
        status
            .add(&page(json!([{"market": "de", "key_id": 2, "rows": 5}, {"market": "de", "key_id": null, "rows": 1}])));
        status.add(&page(json!([{"market": "de", "key_id": 2, "rows": 2}, {"market": "us", "key_id": 9, "rows": 4}])));
        assert_eq!((status.older(), status.newest), (7, 3));
        let report = status.report();
        for said in [
            "2    reads        de      7",
            "4 rows lie under keys that are not held",
            "nothing lies under SEALING_KEY_1:",
        ] {
            assert!(report.contains(said), "{report}");
        }
    }
}
