//! The keys that a portal holds, the number of rows under each, and the operators' tokens.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use jiff::civil::Date;
use serde_json::Value;

use crate::operator::Portal;
use crate::table;

/// Days before the last day of a token at which it is called out.
const NOTICE_DAYS: i32 = 30;

/// Rows by the number of their key.
type Counts = BTreeMap<u8, u64>;

/// The keys of a portal and the rows under each, and the tokens of its operators.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyStatus {
    held: Vec<u8>,
    /// The number of the key that new rows are sealed under.
    pub newest: u8,
    /// Facets by key and market; without a key, all of a row is public.
    rows: BTreeMap<(Option<u8>, String), u64>,
    /// Sealed messages, which a rotation leaves alone: they are sent, or dropped after three days.
    outbox: Counts,
    /// `None`: the portal's session keys do not read.
    sessions: Option<RingStatus>,
    /// `None`: the portal's rights keys do not read.
    rights: Option<RingStatus>,
    operators: Vec<Operator>,
}

/// The keys of a ring whose rows no rotation changes, and the rows under each.
#[derive(Debug, PartialEq, Eq)]
struct RingStatus {
    held: Vec<u8>,
    newest: u8,
    rows: Counts,
}

/// An operator's token.
#[derive(Debug, PartialEq, Eq)]
struct Operator {
    name: String,
    roles: String,
    last_day: Date,
}

impl KeyStatus {
    /// Counts all rows, chunk by chunk.
    ///
    /// # Errors
    /// Refusals of the portal.
    pub fn load(portal: &Portal) -> Result<Self> {
        let shape = "the portal's response is not of this release's shape";
        let mut page = portal.get("keys")?;
        let mut status = Self::default();
        status.add_once(&page).context(shape)?;
        loop {
            status.add(&page).context(shape)?;
            match page.get("next").and_then(Value::as_str) {
                Some(next) => page = portal.get(&format!("keys?after={next}"))?,
                None => return Ok(status),
            }
        }
    }

    /// Reads what the first page alone has.
    fn add_once(&mut self, page: &Value) -> Option<()> {
        self.outbox = read_counts(page.get("outbox")?)?;
        let ring = |name| match page.get(name)? {
            Value::Null => Some(None),
            part => Some(Some(RingStatus::read(part)?)),
        };
        self.sessions = ring("sessions")?;
        self.rights = ring("rights")?;
        let operators = page.get("operators")?.as_array()?.iter().map(Operator::read);
        self.operators = operators.collect::<Option<_>>()?;
        Some(())
    }

    fn add(&mut self, page: &Value) -> Option<()> {
        self.held = read_numbers(page.get("held")?)?;
        self.newest = read_number(page.get("newest")?)?;
        for row in page.get("rows")?.as_array()? {
            let key = match row.get("key_id")? {
                Value::Null => None,
                key => Some(read_number(key)?),
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

    /// Renders keys and operators as tables, with what to do about missing and unused ones.
    pub fn render(&self, today: Date) -> String {
        let facets = self.rows.iter().map(|((key, market), rows)| {
            let (key, purpose) = self.format_key(*key);
            vec![key, purpose.to_owned(), market.clone(), rows.to_string()]
        });
        let messages = self.outbox.iter().map(|(key, rows)| {
            let (key, purpose) = self.format_key(Some(*key));
            vec![key, purpose.to_owned(), "(outbox)".to_owned(), rows.to_string()]
        });
        let table = table::render(&["key", "", "market", "rows"], facets.chain(messages));
        let held = format!("held: {}; {} writes\n", list(&self.held), self.newest);
        let sessions = match &self.sessions {
            Some(sessions) => sessions.render(&SESSIONS),
            None => "the session keys do not read: set SESSION_KEY_1; nobody can sign in\n".into(),
        };
        let rights = match &self.rights {
            Some(rights) => rights.render(&RIGHTS),
            None => "the rights keys do not read: set RIGHTS_KEY_1; nobody holds a car\n".into(),
        };
        let operators = self.render_operators(today);
        [table, held, self.render_missing(), self.render_unused(), sessions, rights, operators]
            .concat()
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
        let is_unused = |held: &u8| {
            let is_used = self.outbox.contains_key(held);
            *held != self.newest && !is_used && self.count_rows(|key| key == *held) == 0
        };
        let unused: Vec<u8> = self.held.iter().copied().filter(is_unused).collect();
        if unused.is_empty() {
            return String::new();
        }
        format!(
            "nothing lies under {}: remove it with `wrangler secret delete` once this says so \
             again after ten minutes, when no isolate of an older version writes any more (what \
             D1 Time Travel keeps needs it to be read)\n",
            secrets("SEALING_KEY_", &unused)
        )
    }

    fn render_operators(&self, today: Date) -> String {
        let rows = self.operators.iter().map(|operator| {
            let Operator { name, roles, last_day } = operator;
            vec![name.clone(), roles.clone(), last_day.to_string(), operator.notice(today)]
        });
        table::render(&["operator", "roles", "last day", ""], rows)
    }
}

/// The words about a ring.
struct RingWords {
    key: &'static str,
    rows: &'static str,
    writes: &'static str,
    lost: &'static str,
    unused: &'static str,
    secret: &'static str,
}

const SESSIONS: RingWords = RingWords {
    key: "session key",
    rows: "sessions",
    writes: "signs in",
    lost: "IS NOT HELD: they have ended",
    unused: "no session lies",
    secret: "SESSION_KEY_",
};
const RIGHTS: RingWords = RingWords {
    key: "rights key",
    rows: "claims and grants",
    writes: "writes",
    lost: "IS NOT HELD: they are no rights",
    unused: "no claim or grant lies",
    secret: "RIGHTS_KEY_",
};

impl RingStatus {
    /// Reads the part of a page.
    fn read(part: &Value) -> Option<Self> {
        Some(Self {
            held: read_numbers(part.get("held")?)?,
            newest: read_number(part.get("newest")?)?,
            rows: read_counts(part.get("rows")?)?,
        })
    }

    fn render(&self, words: &RingWords) -> String {
        let rows = self.rows.iter().map(|(key, rows)| {
            let purpose = match key {
                key if *key == self.newest => words.writes,
                key if self.held.contains(key) => "reads",
                _ => words.lost,
            };
            vec![key.to_string(), purpose.to_owned(), rows.to_string()]
        });
        let table = table::render(&[words.key, "", words.rows], rows);
        let is_unused = |held: &u8| *held != self.newest && !self.rows.contains_key(held);
        let unused: Vec<u8> = self.held.iter().copied().filter(is_unused).collect();
        let held = format!("held: {}; {} {}\n", list(&self.held), self.newest, words.writes);
        if unused.is_empty() {
            return table + &held;
        }
        format!(
            "{table}{held}{} under {}: remove it with `wrangler secret delete` once \
             this says so again after ten minutes\n",
            words.unused,
            secrets(words.secret, &unused)
        )
    }
}

impl Operator {
    fn read(value: &Value) -> Option<Self> {
        let roles = value.get("roles")?.as_array()?.iter().map(Value::as_str);
        Some(Self {
            name: value.get("name")?.as_str()?.to_owned(),
            roles: roles.collect::<Option<Vec<_>>>()?.join(","),
            last_day: value.get("last_day")?.as_str()?.parse().ok()?,
        })
    }

    /// Says that a token has ended or ends soon.
    fn notice(&self, today: Date) -> String {
        match today.until(self.last_day).map(|span| span.get_days()) {
            Ok(days) if days < 0 => "HAS ENDED: remove its entry".to_owned(),
            Ok(days) if days <= NOTICE_DAYS => format!("ends in {days} days"),
            _ => String::new(),
        }
    }
}

fn read_number(value: &Value) -> Option<u8> {
    u8::try_from(value.as_u64()?).ok()
}

fn read_numbers(value: &Value) -> Option<Vec<u8>> {
    value.as_array()?.iter().map(read_number).collect()
}

fn read_counts(value: &Value) -> Option<Counts> {
    let count = |row: &Value| Some((read_number(row.get("key_id")?)?, row.get("rows")?.as_u64()?));
    value.as_array()?.iter().map(count).collect()
}

fn list(numbers: &[u8]) -> String {
    numbers.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}

fn secrets(prefix: &str, numbers: &[u8]) -> String {
    numbers.iter().map(|number| format!("{prefix}{number}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TODAY: Date = Date::constant(2026, 11, 27);

    fn status(outbox: &Value, sessions: &Value) -> KeyStatus {
        let mut status = KeyStatus::default();
        let operators = json!([
            {"name": "ada", "roles": ["cache", "privacy"], "last_day": "2026-12-04"},
            {"name": "eve", "roles": ["cache"], "last_day": "2026-11-26"},
            {"name": "joe", "roles": ["metrics"], "last_day": "2027-11-26"},
        ]);
        let rights = json!({"held": [1, 2, 3], "newest": 3, "rows": [
            {"key_id": 2, "rows": 6}, {"key_id": 7, "rows": 5},
        ]});
        let first = json!({
            "outbox": outbox, "sessions": sessions, "rights": rights, "operators": operators,
        });
        status.add_once(&first).expect("a first page");
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
        status
    }

    #[test]
    fn ok_pages_are_added_up_and_what_may_go_is_said() {
        let sessions = json!({"held": [1, 2], "newest": 2, "rows": [{"key_id": 2, "rows": 8}]});
        let status = status(&json!([]), &sessions);
        assert_eq!((status.rows_under_older_keys(), status.newest), (7, 3));
        let report = status.render(TODAY);
        for said in [
            "2    reads        de      7",
            "4 rows lie under keys that are not held",
            "nothing lies under SEALING_KEY_1:",
            "no session lies under SESSION_KEY_1:",
            "2            signs in  8",
            "no claim or grant lies under RIGHTS_KEY_1:",
            "7           IS NOT HELD: they are no rights  5",
            "ada       cache,privacy  2026-12-04  ends in 7 days",
            "eve       cache          2026-11-26  HAS ENDED",
        ] {
            assert!(report.contains(said), "{said}:\n{report}");
        }
        assert!(!report.lines().any(|line| line.starts_with("joe") && line.contains("end")));
    }

    #[test]
    fn ok_a_key_of_messages_or_sessions_stays() {
        let sessions = json!({"held": [1, 2], "newest": 2, "rows": [{"key_id": 1, "rows": 8}]});
        let found = status(&json!([{"key_id": 1, "rows": 3}]), &sessions);
        assert_eq!(found.rows_under_older_keys(), 7, "a rotation leaves messages alone");
        let report = found.render(TODAY);
        assert!(report.contains("1    reads        (outbox)  3"), "{report}");
        assert!(
            !report.contains("nothing lies") && !report.contains("no session lies"),
            "{report}"
        );
        let without = status(&json!([]), &Value::Null);
        assert!(without.render(TODAY).contains("session keys do not read"));
    }
}
