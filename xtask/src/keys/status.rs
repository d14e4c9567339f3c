//! The sealing keys that a portal holds, and the number of rows under each.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::operator::Portal;
use crate::table;

/// The sealing keys of a portal and the rows under each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyStatus {
    held: Vec<u8>,
    /// The number of the key that new rows are sealed under.
    pub newest: u8,
    /// Rows by key and market; without a key, all of a row is public.
    rows: BTreeMap<(Option<u8>, String), u64>,
}

impl KeyStatus {
    /// Counts all rows, chunk by chunk.
    ///
    /// # Errors
    /// Refusals of the portal.
    pub fn load(portal: &Portal) -> Result<Self> {
        let mut status = Self::default();
        let mut path = "keys".to_owned();
        loop {
            let page = portal.get(&path)?;
            status.add(&page).context("the portal's response is not of this release's shape")?;
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
            let key = match row.get("key_id")? {
                Value::Null => None,
                key => Some(id(key)?),
            };
            *self.rows.entry((key, row.get("market")?.as_str()?.to_owned())).or_default() +=
                row.get("rows")?.as_u64()?;
        }
        Some(())
    }

    /// Counts the rows that a rotation would change: those under held keys other than the newest.
    pub fn rows_under_older_keys(&self) -> u64 {
        self.count_rows(|key| key != self.newest && self.held.contains(&key))
    }

    fn count_rows(&self, counts: impl Fn(u8) -> bool) -> u64 {
        self.rows
            .iter()
            .filter(|((key, _), _)| key.is_some_and(&counts))
            .map(|(_, rows)| rows)
            .sum()
    }

    /// Renders the keys as a table, with what to do about missing and unused ones.
    pub fn render(&self) -> String {
        let rows = self.rows.iter().map(|((key, market), rows)| {
            let (key, purpose) = self.format_key(*key);
            vec![key, purpose.to_owned(), market.clone(), rows.to_string()]
        });
        let table = table::render(&["key", "", "market", "rows"], rows);
        let held: Vec<String> = self.held.iter().map(u8::to_string).collect();
        let held = format!("held: {}; {} writes\n", held.join(", "), self.newest);
        [table, held, self.render_missing(), self.render_unused()].concat()
    }

    fn render_missing(&self) -> String {
        match self.count_rows(|key| !self.held.contains(&key)) {
            0 => String::new(),
            rows => format!(
                "{rows} rows lie under keys that are not held: set those again, or the origins are \
                 asked anew\n"
            ),
        }
    }

    fn format_key(&self, key: Option<u8>) -> (String, &'static str) {
        match key {
            None => ("-".to_owned(), "all public"),
            Some(key) if key == self.newest => (key.to_string(), "writes"),
            Some(key) if self.held.contains(&key) => (key.to_string(), "reads"),
            Some(key) => (key.to_string(), "IS NOT HELD"),
        }
    }

    fn render_unused(&self) -> String {
        let is_unused =
            |held: &u8| *held != self.newest && self.count_rows(|key| key == *held) == 0;
        let unused: Vec<String> = self
            .held
            .iter()
            .filter(|held| is_unused(held))
            .map(|number| format!("SEALING_KEY_{number}"))
            .collect();
        if unused.is_empty() {
            return String::new();
        }
        format!(
            "nothing lies under {}: remove it with `wrangler secret delete` once this says so \
             again after ten minutes, when no isolate of an older version writes any more (what \
             D1 Time Travel keeps needs it to be read)\n",
            unused.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ok_pages_are_added_up_and_what_may_go_is_said() {
        let mut status = KeyStatus::default();
        let page = |rows: Value| json!({"held": [1, 2, 3], "newest": 3, "rows": rows});
        for rows in [
            json!([
                {"market": "de", "key_id": 2, "rows": 5},
                {"market": "de", "key_id": null, "rows": 1},
            ]),
            json!([
                {"market": "de", "key_id": 2, "rows": 2},
                {"market": "us", "key_id": 9, "rows": 4},
            ]),
        ] {
            status.add(&page(rows)).expect("a page");
        }
        assert_eq!((status.rows_under_older_keys(), status.newest), (7, 3));
        let report = status.render();
        for said in [
            "2    reads        de      7",
            "4 rows lie under keys that are not held",
            "nothing lies under SEALING_KEY_1:",
        ] {
            assert!(report.contains(said), "{report}");
        }
    }
}
