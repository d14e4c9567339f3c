//! Inspection of a car: the rows and entries that the stores hold, with their source, age and
//! sealing key, never with their values.
//!
//! The tables, columns and conditions are those of the register.

use serde_json::Value;

use super::register::{self, Exporter, TABLES, Table};
use crate::audit::{Action, IS_AUDITED};
use crate::cache::purge::{KnownIdentity, PurgeRule, PurgeRules};
use crate::cache::{describe_entry, entry_key, policy};
use crate::market::{FacetName, Market};
use crate::ports::{FromRow, Ports, Row, RowError, Rows, StoreError, read_column, row_type};

/// The rows and entries of a car.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// The field of the response and the rows of each table in the register, by column name.
    pub tables: Vec<(&'static str, Rows)>,
    /// The facets of the KV entry; nothing where there is none.
    pub cache: Option<Rows>,
}

row_type! {
    /// The columns of a facet, in D1 and in KV, that decide whether it is served.
    struct FacetFacts { facet: FacetName, source: String, generation: i64, policy: u32 }
}

/// The exported tables: the register's row, the field of the response, and the SQL.
fn exported() -> impl Iterator<Item = (&'static Table, &'static str, String)> {
    TABLES.iter().filter_map(|table| match table.exporter {
        Exporter::Rows { field, columns, condition } => {
            let sql = format!(
                "SELECT {columns} FROM {} WHERE {} AND {IS_AUDITED}",
                table.name,
                register::with_clock(condition)
            );
            Some((table, field, sql))
        }
        Exporter::Nothing(_) => None,
    })
}

/// The statements of an inspection, for [`audit::act`](crate::audit::act); [`describe`] reads their
/// results.
pub fn select(market: &Market, vehicle: &str) -> Vec<Action> {
    let params = || vec![(&market.code).into(), vehicle.into()];
    exported().map(|(_, _, sql)| Action::new("register.inspect", sql, params())).collect()
}

/// Reads the results of [`select`] and the car's KV entry. Each facet says which purge rule applies
/// to it and whether it is of the present policy.
///
/// # Errors
/// [`StoreError`] where KV fails.
pub async fn describe(
    ports: &Ports,
    market: &Market,
    vehicle: &str,
    results: Vec<Rows>,
) -> Result<Inspection, StoreError> {
    let fields = exported().map(|(table, field, _)| (table.name, field));
    let mut tables: Vec<_> =
        fields.zip(results).map(|((table, field), rows)| (table, field, rows)).collect();
    // A row of a newer release is reported, and shown without a judgement.
    let report = |table: &'static str| move |error: RowError| ports.report_row(table, error);
    let rules = tables.iter().filter(|(table, ..)| *table == "purge");
    let rules = rules.flat_map(|(.., rows)| rows).map(PurgeRule::from_row);
    let rules = rules.filter_map(|rule| rule.map_err(report("purge")).ok()).collect();
    let judge = Judge { purges: PurgeRules::new(rules), market, vehicle };
    for (table, _, rows) in &mut tables {
        if *table == "stored_facet" {
            let identity = take_identity(rows).unwrap_or_else(|error| {
                report(table)(error);
                None
            });
            for row in rows {
                let _ = judge.describe(row, identity.as_deref()).map_err(report(table));
            }
        }
    }
    let text = ports.cache.get(entry_key(&market.code, vehicle)).await?;
    let cache = text.map(|text| {
        let (mut rows, identity) = describe_entry(&text);
        // Damaged lines are shown as they are.
        for row in &mut rows {
            let _ = judge.describe(row, identity.as_deref());
        }
        rows
    });
    let tables = tables.into_iter().map(|(_, field, rows)| (field, rows)).collect();
    Ok(Inspection { tables, cache })
}

/// Takes the helper column `identity` out of the rows; nothing where no identity is stored.
fn take_identity(rows: &mut Rows) -> Result<Option<String>, RowError> {
    let mut identity = None;
    for row in rows {
        identity = identity.or(read_column::<Option<String>>(row, "identity")?);
        row.remove("identity");
    }
    Ok(identity)
}

struct Judge<'a> {
    purges: PurgeRules,
    market: &'a Market,
    vehicle: &'a str,
}

impl Judge<'_> {
    /// Adds the purge rule that applies to a facet, and whether its policy is the present one.
    fn describe(&self, row: &mut Row, identity: Option<&str>) -> Result<(), RowError> {
        let identity = match identity {
            Some("") => KnownIdentity::Absent,
            Some(public) => KnownIdentity::Public(public),
            None => KnownIdentity::Unknown,
        };
        let FacetFacts { facet, source, generation, policy: stored } = FacetFacts::from_row(row)?;
        let rule = self.purges.verdict(self.vehicle, facet, &source, generation, identity);
        let (id, kind) = (rule.map(|rule| rule.id), rule.map(|rule| rule.kind.as_str()));
        row.insert("purge_id".to_owned(), Value::from(id));
        row.insert("purge".to_owned(), Value::from(kind));
        let is_current = stored == policy(facet, self.market);
        row.insert("policy_is_current".to_owned(), Value::Bool(is_current));
        Ok(())
    }
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<crate::ports::Statement> {
    let text = include_str!("../../tests/fixtures/market.toml");
    let market = crate::market::compile("market.toml", text).expect("valid").market;
    select(&market, "car").iter().map(|action| action.to_statement("")).collect()
}
