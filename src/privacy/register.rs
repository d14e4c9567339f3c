//! The register of stored data: one row for each D1 table and each family of KV keys, with its
//! class, owner, eraser, exporter and retention.
//!
//! Erasure, inspection and retention walk this register and have no lists of their own. A test
//! holds it against the tables of the migrations: a table without a row fails. Leaves to others:
//! the SQL that reads and writes rows (the owner).

pub use super::stored_data::{
    DataClass, Eraser, Exporter, KeyFamily, PersonEraser, PersonExporter, PersonRows, Retention,
    Table,
};
use crate::audit;
use crate::cache::{self, purge};
use crate::market::{FacetName, MarketCode};
use crate::ownership;
use crate::ports::db_clock::NOW_MS;

/// All tables, in the order in which retention visits them.
pub const TABLES: &[Table] = &[
    Table {
        name: "stored_facet",
        class: DataClass::Personal,
        owner: "cache",
        eraser: Eraser::Facets,
        exporter: Exporter::Rows {
            field: "record",
            columns: "facet, generation, stored_at_ms, policy, ttl_s, stale_s, error_s, took_ms, \
                source, withheld, coalesce(length(public), 0) AS public_bytes, key_id, \
                length(sealed) AS sealed_bytes, \
                CASE facet WHEN 'identity' THEN coalesce(public, '') END AS identity",
            condition: "market = ?2 AND vehicle = ?3",
        },
        // A minute more than the longest window: the clocks of isolates differ by seconds.
        retention: Retention::Expiry {
            key: "rowid",
            is_over: "expires_at_ms < {now} - 60000",
            oldest_first: Some("expires_at_ms"),
        },
        person: None,
    },
    Table {
        name: "facet",
        class: DataClass::Vehicle,
        owner: "cache",
        eraser: Eraser::Facets,
        exporter: Exporter::Nothing("the table of earlier Workers; nothing reads it"),
        retention: Retention::Kept("a contracting migration removes the whole table"),
        person: None,
    },
    Table {
        name: "lease",
        class: DataClass::Vehicle,
        owner: "cache",
        eraser: Eraser::Rows,
        exporter: Exporter::Rows {
            field: "leases",
            columns: "origin, generation, until_ms, error",
            condition: "market = ?2 AND vehicle = ?3",
        },
        // An hour for the followers that read the result of a call.
        retention: Retention::Expiry {
            key: "market, vehicle, origin",
            is_over: "max(until_ms, generation) < {now} - 3600000",
            oldest_first: None,
        },
        person: None,
    },
    Table {
        name: "purge",
        class: DataClass::Vehicle,
        owner: "cache",
        eraser: Eraser::Kept("a rule keeps late writers out after an erasure; it ends by itself"),
        exporter: Exporter::Rows {
            field: "purges",
            columns: purge::PurgeRule::COLUMNS,
            condition: "market = ?2 AND (vehicle IS NULL OR vehicle = ?3) \
                AND expires_at_ms > {now}",
        },
        retention: Retention::Expiry {
            key: "id",
            is_over: "expires_at_ms < {now} - 60000",
            oldest_first: None,
        },
        person: None,
    },
    Table {
        name: "usage",
        class: DataClass::Operational,
        owner: "usage",
        eraser: Eraser::Kept("counts of a market"),
        exporter: Exporter::Nothing("counts of a market"),
        // 400 days, so that a month can be compared with the same one of the year before.
        retention: Retention::Expiry {
            key: "hour_ms, market, facet, origin, state",
            is_over: "hour_ms < {now} - 34560000000",
            oldest_first: None,
        },
        person: None,
    },
    Table {
        name: "origin_call",
        class: DataClass::Operational,
        owner: "usage",
        eraser: Eraser::Kept("counts of a market"),
        exporter: Exporter::Nothing("counts of a market"),
        retention: Retention::Expiry {
            key: "hour_ms, market, origin, outcome, up_to_ms",
            is_over: "hour_ms < {now} - 34560000000",
            oldest_first: None,
        },
        person: None,
    },
    Table {
        name: "outbox",
        class: DataClass::Personal,
        owner: "outbox",
        eraser: Eraser::Rows,
        exporter: Exporter::Rows {
            field: "outbox",
            columns: "receiver, created_at_ms, next_attempt_at_ms, attempts, expires_at_ms, error, \
                length(payload) AS payload_bytes, key_id",
            condition: "market = ?2 AND vehicle = ?3",
        },
        // Delivery reports expired messages and deletes them; a day later retention does.
        retention: Retention::Expiry {
            key: "id",
            is_over: "expires_at_ms < {now} - 86400000",
            oldest_first: None,
        },
        person: Some(PersonRows {
            column: "subject",
            exporter: PersonExporter::Rows {
                field: "messages",
                columns: "receiver, market, created_at_ms, attempts, expires_at_ms",
            },
            eraser: PersonEraser::Rows,
        }),
    },
    Table {
        name: "session",
        class: DataClass::Personal,
        owner: "auth",
        eraser: Eraser::Kept("no car is in it"),
        exporter: Exporter::Nothing("no car is in it"),
        // A minute more than the end: the clocks of isolates differ by seconds.
        retention: Retention::Expiry {
            key: "id",
            is_over: "ends_at_ms < {now} - 60000",
            oldest_first: Some("ends_at_ms"),
        },
        person: Some(PersonRows {
            column: "person",
            exporter: PersonExporter::Rows {
                field: "sessions",
                columns: "market, issuer, client, signed_in_at_ms, issued_at_ms, created_at_ms, \
                    ends_at_ms, id, key_id, person, provider_session, sealed, mac",
            },
            eraser: PersonEraser::Rows,
        }),
    },
    Table {
        name: "session_tombstone",
        class: DataClass::Personal,
        owner: "auth",
        eraser: Eraser::Kept("no car is in it"),
        exporter: Exporter::Nothing("no car is in it"),
        retention: Retention::Expiry {
            key: "name",
            is_over: "expires_at_ms < {now} - 60000",
            oldest_first: Some("expires_at_ms"),
        },
        person: Some(PersonRows {
            column: "person",
            exporter: PersonExporter::Nothing("keyed hashes for ten minutes"),
            eraser: PersonEraser::Kept(
                "keyed hashes for ten minutes, which keep ended sessions from beginning",
            ),
        }),
    },
    Table {
        name: "ownership_claim",
        class: DataClass::Personal,
        owner: "ownership",
        eraser: Eraser::Rows,
        exporter: Exporter::Rows {
            field: "claims",
            columns: "method, state, created_at_ms, expires_at_ms, attempts, key_id",
            condition: "market = ?2 AND vehicle = ?3",
        },
        // 30 days, so that a claimant and a holder see what became of it.
        retention: Retention::Expiry {
            key: "id",
            is_over: "expires_at_ms < {now} - 2592000000",
            oldest_first: Some("expires_at_ms"),
        },
        person: Some(PersonRows {
            column: "person",
            exporter: PersonExporter::Rows {
                field: "claims",
                columns: "id, key_id, market, vehicle, person, pseudonym, method, created_at_ms, \
                    expires_at_ms, is_delivered, code, sealed, mac, state, attempts, attestation",
            },
            eraser: PersonEraser::Rows,
        }),
    },
    Table {
        name: "ownership_grant",
        class: DataClass::Personal,
        owner: "ownership",
        eraser: Eraser::Rows,
        exporter: Exporter::Rows {
            field: "grants",
            columns: "method, since, verified_at_ms, effective_from_ms, personal_from_ms, \
                ends_at_ms, ended_at_ms, end_reason, key_id",
            condition: "market = ?2 AND vehicle = ?3",
        },
        // 400 days after its end: the next holder's time does not begin before it.
        retention: Retention::Expiry {
            key: "id",
            is_over: "ended_at_ms < {now} - 34560000000",
            oldest_first: Some("ended_at_ms"),
        },
        person: Some(PersonRows {
            column: "person",
            exporter: PersonExporter::Rows {
                field: "grants",
                columns: "id, key_id, market, vehicle, person, pseudonym, method, since, keeper, \
                    verified_at_ms, effective_from_ms, personal_from_ms, ends_at_ms, objection, \
                    sealed, mac, ended_at_ms, end_reason, first_keeper",
            },
            eraser: PersonEraser::Blanked(
                ownership::ERASED_GRANT,
                "a car's end of a right and its keeper's hash, without the person",
            ),
        }),
    },
    Table {
        name: "ownership_count",
        class: DataClass::Operational,
        owner: "ownership",
        eraser: Eraser::Kept("keyed hashes that limit claims until their window ends"),
        exporter: Exporter::Nothing("keyed hashes that limit claims until their window ends"),
        retention: Retention::Expiry {
            key: "counter, item",
            is_over: "expires_at_ms < {now} - 60000",
            oldest_first: Some("expires_at_ms"),
        },
        person: None,
    },
    Table {
        name: "ownership_switch",
        class: DataClass::Operational,
        owner: "ownership",
        eraser: Eraser::Kept("methods that are switched off"),
        exporter: Exporter::Nothing("methods that are switched off"),
        retention: Retention::Kept("one row a method"),
        person: None,
    },
    Table {
        name: "vehicle",
        class: DataClass::Vehicle,
        owner: "usage",
        eraser: Eraser::VehicleOnly,
        exporter: Exporter::Nothing("public facts; an inspection shows no values"),
        // Cars without a view for 400 days, of which nothing is stored.
        retention: Retention::Walk {
            is_over: "last_seen_ms < {now} - 34560000000 AND NOT EXISTS (SELECT 1 \
                FROM stored_facet WHERE stored_facet.market = vehicle.market \
                AND stored_facet.vehicle = vehicle.vehicle)",
        },
        person: None,
    },
    Table {
        name: "breaker",
        class: DataClass::Operational,
        owner: "flow",
        eraser: Eraser::Kept("states of origins"),
        exporter: Exporter::Rows {
            field: "breakers",
            columns: "origin, open_until_ms",
            condition: "market = ?2 AND ?3 > '' AND open_until_ms > {now}",
        },
        retention: Retention::Kept("one row an origin, deleted when the origin works again"),
        person: None,
    },
    Table {
        name: "audit",
        class: DataClass::Personal,
        owner: "audit",
        eraser: Eraser::Kept("append-only: it holds keyed hashes, and the chain needs every entry"),
        exporter: Exporter::Nothing("GET /operator/v1/audit shows the whole chain"),
        retention: Retention::Kept("append-only: the chain needs every entry"),
        person: Some(PersonRows {
            column: "subject",
            exporter: PersonExporter::Nothing(
                "an entry names a person by a pseudonym of that act alone",
            ),
            eraser: PersonEraser::Kept(
                "append-only: an entry names a person by a pseudonym of that act alone",
            ),
        }),
    },
    Table {
        name: "audit_entry",
        class: DataClass::Personal,
        owner: "audit",
        eraser: Eraser::Kept("append-only for three years: it holds keyed hashes"),
        exporter: Exporter::Nothing("GET /operator/v1/audit shows every entry"),
        // The trigger's three years and a minute. Positions grow with time, so that the oldest
        // rows alone are looked at. An entry without a link stays.
        retention: Retention::Expiry {
            key: "position",
            is_over: "position < (SELECT min(position) + 500 FROM audit_entry) \
                AND position <= (SELECT max(position) FROM audit_link) \
                AND at_ms < {now} - 94694460000",
            oldest_first: Some("position"),
        },
        person: Some(PersonRows {
            column: "subject",
            exporter: PersonExporter::Acts {
                field: "acts",
                columns: "at_ms, market, action, actor_kind, actor_role, from_state, to_state, \
                    method",
            },
            eraser: PersonEraser::Kept(
                "append-only: without the salt, which is deleted, no entry can be tied to you",
            ),
        }),
    },
    Table {
        name: "audit_link",
        class: DataClass::Operational,
        owner: "audit",
        eraser: Eraser::Kept("digests: the chain needs every one"),
        exporter: Exporter::Nothing("digests"),
        retention: Retention::Kept("the chain needs every link"),
        person: None,
    },
    Table {
        name: "audit_head",
        class: DataClass::Operational,
        owner: "audit",
        eraser: Eraser::Kept("digests and signatures"),
        exporter: Exporter::Nothing("digests and signatures"),
        // The trigger's 400 days and a minute. Later heads cover what earlier ones did.
        retention: Retention::Expiry {
            key: "position",
            is_over: "position < (SELECT max(position) FROM audit_head) \
                AND position IN (SELECT position FROM audit_head ORDER BY position LIMIT 500) \
                AND at_ms < {now} - 34560060000",
            oldest_first: Some("position"),
        },
        person: None,
    },
    Table {
        name: "audit_salt",
        class: DataClass::Personal,
        owner: "audit",
        eraser: Eraser::Kept("no car is in it"),
        exporter: Exporter::Nothing("no car is in it"),
        // Entries that were written with it are deleted by then.
        retention: Retention::Expiry {
            key: "person",
            is_over: "used_at_ms < {now} - 94780800000",
            oldest_first: Some("used_at_ms"),
        },
        person: Some(PersonRows {
            column: "person",
            exporter: PersonExporter::Nothing("a random number, with which `acts` were found"),
            eraser: PersonEraser::Rows,
        }),
    },
    Table {
        name: "job",
        class: DataClass::Operational,
        owner: "jobs",
        eraser: Eraser::Kept("states of jobs"),
        exporter: Exporter::Nothing("states of jobs"),
        retention: Retention::Kept("one row a job"),
        person: None,
    },
];

/// All families of KV keys. Those of `MARKETS` that no car is in are written by `cargo xtask
/// market` and described in docs/STORAGE.md.
pub const KEY_FAMILIES: &[KeyFamily] = &[
    KeyFamily {
        prefix: "car:",
        class: DataClass::Vehicle,
        owner: "cache",
        vehicle_key: Some(|market, vehicle| vec![cache::entry_key(market, vehicle)]),
        retention: "KV's expiry, the end of the longest window of its facets",
    },
    KeyFamily {
        prefix: "facet:",
        class: DataClass::Vehicle,
        owner: "cache",
        vehicle_key: Some(|market, vehicle| {
            let key = |facet: &FacetName| format!("facet:{market}:{vehicle}:{facet}");
            FacetName::ALL.iter().map(key).collect()
        }),
        retention: "KV's expiry; earlier Workers wrote it",
    },
    KeyFamily {
        prefix: audit::HEAD_KEY,
        class: DataClass::Operational,
        owner: "audit",
        vehicle_key: None,
        retention: "KV's expiry, three years after the last act",
    },
    KeyFamily {
        prefix: "purges:",
        class: DataClass::Vehicle,
        owner: "cache",
        vehicle_key: None,
        retention: "KV's expiry, the end of the last rule; rules for one car leave it after 5 min",
    },
];

/// Replaces `{now}` by D1's clock.
pub fn with_clock(sql: &str) -> String {
    sql.replace("{now}", NOW_MS)
}

/// All keys under which a car's values can lie in KV.
pub fn vehicle_keys(market: &MarketCode, vehicle: &str) -> Vec<String> {
    let keys = KEY_FAMILIES.iter().filter_map(|family| family.vehicle_key);
    keys.flat_map(|key| key(market, vehicle)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ports::fake::World;
    use crate::ports::sqlite;

    fn query(connection: &rusqlite::Connection, sql: &str) -> BTreeSet<String> {
        let mut statement = connection.prepare(sql).expect("SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("text")).collect()
    }

    #[test]
    fn ok_the_register_declares_exactly_the_tables_of_the_migrations() {
        let database = sqlite::install(&World::new());
        let tables = query(&database, "SELECT name FROM sqlite_schema WHERE type = 'table'");
        let declared: BTreeSet<String> = TABLES.iter().map(|table| table.name.to_owned()).collect();
        assert_eq!(declared, tables);
        assert_eq!(declared.len(), TABLES.len(), "each once");
    }

    #[test]
    fn ok_every_table_with_a_car_or_a_person_has_an_eraser() {
        let database = sqlite::install(&World::new());
        for table in TABLES {
            let sql = format!("SELECT name FROM pragma_table_info('{}')", table.name);
            let columns = query(&database, &sql);
            let person = ["person", "subject"].into_iter().find(|column| columns.contains(*column));
            let is_about_a_car = columns.contains("vehicle");
            let is_about_anybody = is_about_a_car || person.is_some();
            assert_eq!(is_about_anybody, table.class > DataClass::Operational, "{}", table.name);
            assert_eq!(table.person.map(|rows| rows.column), person, "{}", table.name);
            assert!(person.is_none() || table.class == DataClass::Personal, "{}", table.name);
            let is_keyed = ["market", "vehicle"].iter().all(|column| columns.contains(*column));
            assert!(is_keyed || !table.is_erasable(), "{}", table.name);
            let has_facet = columns.contains("facet");
            assert!(has_facet || table.eraser != Eraser::Facets, "{}", table.name);
        }
    }

    #[test]
    fn ok_the_operators_contract_names_every_erased_store_and_exported_table() {
        let text = include_str!("../../docs/operator.openapi.json");
        let contract: serde_json::Value = serde_json::from_str(text).expect("JSON");
        let schema = |pointer: &str| {
            let pointer = format!("/components/schemas/{pointer}");
            contract.pointer(&pointer).unwrap_or_else(|| panic!("{pointer} is missing")).clone()
        };
        let erased = schema(
            "Erased/properties/proof/properties/markets/items/properties/stores/items/properties\
             /store/enum",
        );
        let tables = TABLES.iter().filter(|table| table.is_erasable()).map(|table| table.name);
        assert_eq!(erased, tables.chain(["kv"]).collect::<serde_json::Value>());
        let inspected = schema("Inspection/properties");
        for table in TABLES {
            if let Exporter::Rows { field, .. } = table.exporter {
                assert!(inspected.get(field).is_some(), "{}: {field}", table.name);
            }
        }
    }

    #[test]
    fn ok_each_key_of_a_car_belongs_to_a_family() {
        let market = MarketCode::new("de").expect("a code");
        for key in vehicle_keys(&market, "car").into_iter().chain([purge::rules_key(&market)]) {
            let families = KEY_FAMILIES.iter().filter(|family| key.starts_with(family.prefix));
            assert_eq!(families.count(), 1, "{key}");
        }
    }
}
