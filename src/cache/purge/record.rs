//! Rules in the stores: D1 has all of them, and KV has a list for each market with those that
//! isolates must know.

use super::rule::{MAKE_STALE, MAX_READ, PurgeKind, PurgeRule, PurgeRules, rules_key};
use super::tag::Tag;
use crate::audit::{Action, IS_AUDITED};
use crate::market::{FacetName, Market, MarketCode, OriginName};
use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, RowError, Rows, Statement, StoreError, read_column};

/// Live rules of a market at most. Every request of the market goes through them.
pub const MAX_RULES: i64 = 200;
/// Milliseconds that a rule for one car stays in the market's list: longer than KV shows the entry
/// that it removed, and longer than a write in progress at that time can take.
pub const YOUNG_MS: i64 = 300_000;
/// Milliseconds that a rule for one car refuses late writers in D1. No writer lives longer than its
/// origin's timeout and half a minute.
const VEHICLE_RULE_MS: i64 = 86_400_000;
/// Milliseconds added to a rule's lifetime, for clocks that differ.
const SLACK_MS: i64 = 3_600_000;
/// Writes of a list at most until KV has the rules of D1.
const MAX_WRITES: u32 = 6;
/// Milliseconds between two writes of a key: KV takes one a second.
const KV_PAUSE_MS: u32 = 1_100;
/// The shortest lifetime that KV takes, seconds.
const MIN_TTL_S: i64 = 60;

/// A purge that an operator requests. A scope that is not named matches every value.
#[derive(Debug, Clone)]
pub struct PurgeRequest<'a> {
    /// The market.
    pub market: &'a Market,
    /// The kind.
    pub kind: PurgeKind,
    /// The keyed hash that stands for a car.
    pub vehicle: Option<&'a str>,
    /// The facet.
    pub facet: Option<FacetName>,
    /// The origin.
    pub origin: Option<&'a OriginName>,
    /// A value of the public part of a car's identity.
    pub tag: Option<&'a Tag>,
}

/// A declared rule and its immediate effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredPurge {
    /// The rule.
    pub rule: PurgeRule,
    /// Rows of its one car that were removed or made stale.
    pub rows: usize,
}

impl PurgeRequest<'_> {
    /// The parameters market, car, facet, origin, tag and whether it is hard.
    fn scope(&self) -> Vec<DbValue> {
        vec![
            (&self.market.code).into(),
            self.vehicle.into(),
            self.facet.into(),
            self.origin.into(),
            self.tag.map(Tag::as_str).into(),
            (self.kind == PurgeKind::Hard).into(),
        ]
    }

    /// Milliseconds after which no stored facet can match the rule.
    fn lifetime_ms(&self) -> i64 {
        if self.vehicle.is_some() {
            return VEHICLE_RULE_MS;
        }
        let named = self
            .market
            .facets
            .iter()
            .filter(|(name, _)| self.facet.is_none_or(|facet| facet == **name));
        let window = |ttl_s: u32, longer_s: u32| {
            (i64::from(ttl_s) + i64::from(ttl_s / 10) + i64::from(longer_s)) * 1_000
        };
        let windows = named.map(|(_, facet)| {
            window(facet.ttl_s, facet.stale_s.max(facet.error_s)).max(window(facet.absent_s, 0))
        });
        windows.max().unwrap_or(0) + SLACK_MS
    }

    /// The origin whose calls in flight bring the purged facets; nothing: every origin.
    fn feeding_origin(&self) -> Option<&OriginName> {
        self.origin.or_else(|| {
            self.facet.and_then(|facet| self.market.facets.get(&facet)).map(|facet| &facet.origin)
        })
    }
}

/// The condition of rules that a new one replaces: older ones of no wider scope and no harder kind.
/// `first` is the parameter of the market; the scope follows.
fn is_covered(first: usize) -> String {
    let [market, vehicle, facet, origin, tag, hard] =
        [0, 1, 2, 3, 4, 5].map(|offset| first + offset);
    format!(
        "market = ?{market} AND vehicle IS ?{vehicle} AND (?{facet} IS NULL OR facet IS ?{facet}) \
         AND (?{origin} IS NULL OR origin IS ?{origin}) AND (?{tag} IS NULL OR tag IS ?{tag}) \
         AND hard <= ?{hard}"
    )
}

/// Counts the rules that the market would have beside a requested one, as `rules`: below
/// [`MAX_RULES`] there is room for it.
pub fn count_rules(request: &PurgeRequest) -> Statement {
    let sql = format!(
        "SELECT count(*) AS rules FROM purge WHERE market = ?1 AND vehicle IS NULL \
         AND expires_at_ms > {NOW_MS} AND NOT ({})",
        is_covered(1)
    );
    Statement::new("purge.count", sql, request.scope())
}

/// Reads the results of [`count_rules`].
///
/// # Errors
/// [`StoreError::Rejected`] where the count does not read; an event names the column.
pub fn read_rule_count(ports: &Ports, results: &[Rows]) -> Result<i64, StoreError> {
    let row = results.first().and_then(|rows| rows.first()).ok_or(StoreError::Rejected)?;
    read_column(row, "rules").map_err(|error| rejected(ports, error))
}

/// The statements of a purge, for [`audit::act`](crate::audit::act);
/// [`DeclaredPurge::from_results`] reads their results.
pub fn declare(request: &PurgeRequest) -> Vec<Action> {
    // Strictly later than any before: the newest rule has the highest number.
    let insert = format!(
        "INSERT INTO purge (market, vehicle, facet, origin, tag, hard, generation, expires_at_ms) \
         SELECT ?2, ?3, ?4, ?5, ?6, ?7, g, g + ?8 FROM (SELECT max({NOW_MS}, 1 + coalesce( \
           (SELECT generation FROM purge ORDER BY id DESC LIMIT 1), 0)) AS g) \
         WHERE {IS_AUDITED} RETURNING {}",
        PurgeRule::COLUMNS
    );
    let mut params = request.scope();
    params.push(request.lifetime_ms().into());
    let supersede = format!(
        "DELETE FROM purge WHERE {} AND {IS_AUDITED} \
         AND generation < (SELECT generation FROM purge ORDER BY id DESC LIMIT 1)",
        is_covered(2)
    );
    let mut actions = vec![
        Action::new("purge.declare", insert, params),
        Action::new("purge.supersede", supersede, request.scope()),
    ];
    if let Some(vehicle) = request.vehicle {
        actions.push(purge_rows(request));
        if request.kind == PurgeKind::Hard {
            actions.push(end_leases(request, vehicle));
        }
    }
    actions
}

/// Applies a rule for one car to its rows.
fn purge_rows(request: &PurgeRequest) -> Action {
    let (name, change) = match request.kind {
        PurgeKind::Hard => ("stored_facet.purge", "DELETE FROM stored_facet".to_owned()),
        // A late writer must not undo it: the rows are of the rule's generation from now on.
        PurgeKind::Soft => (
            "stored_facet.make_stale",
            format!(
                "UPDATE stored_facet SET {MAKE_STALE}, generation = max(generation, \
                 (SELECT generation FROM purge ORDER BY id DESC LIMIT 1))"
            ),
        ),
    };
    let sql = format!(
        "{change} WHERE market = ?2 AND vehicle = ?3 AND (?4 IS NULL OR facet = ?4) \
         AND (?5 IS NULL OR source = ?5) AND {IS_AUDITED} RETURNING facet"
    );
    Action::new(name, sql, request.scope().into_iter().take(4).collect())
}

/// Ends the leases of calls in flight, whose facets the rule refuses: the next request asks anew
/// instead of waiting for them.
fn end_leases(request: &PurgeRequest, vehicle: &str) -> Action {
    let sql = format!(
        "DELETE FROM lease WHERE market = ?2 AND vehicle = ?3 AND (?4 IS NULL OR origin = ?4) \
         AND {IS_AUDITED}"
    );
    let origin = request.feeding_origin();
    let params = vec![(&request.market.code).into(), vehicle.into(), origin.into()];
    Action::new("lease.purge", sql, params)
}

impl DeclaredPurge {
    /// Reads the results of [`declare`].
    ///
    /// # Errors
    /// [`StoreError::Rejected`] where the rule does not read; an event names the column.
    pub fn from_results(ports: &Ports, results: &[Rows]) -> Result<Self, StoreError> {
        let row = results.first().and_then(|rows| rows.first()).ok_or(StoreError::Rejected)?;
        let rule = PurgeRule::from_row(row).map_err(|error| rejected(ports, error))?;
        Ok(Self { rule, rows: results.get(2).map_or(0, Vec::len) })
    }
}

/// Selects the rules that isolates must know, the newest first: all that name no car, and the young
/// ones that do.
pub fn live_rules(market: &MarketCode) -> Statement {
    let columns = PurgeRule::COLUMNS;
    let sql = format!(
        "SELECT {columns} FROM purge \
         WHERE market = ?1 AND vehicle IS NULL AND expires_at_ms > {NOW_MS} \
         UNION ALL SELECT {columns} FROM (SELECT * FROM purge ORDER BY id DESC LIMIT ?2) \
         WHERE market = ?1 AND vehicle IS NOT NULL AND generation > {NOW_MS} - ?3 \
         ORDER BY generation DESC"
    );
    Statement::new("purge.live", sql, vec![market.into(), MAX_RULES.into(), YOUNG_MS.into()])
}

/// Reads the rows of [`live_rules`]. Where there are more than fit, rules for single cars stay out:
/// D1 applies them by itself.
///
/// # Errors
/// [`RowError`] for a rule that does not read.
///
/// A rule of a newer release, for a facet unknown here, is reported and left out: the others count.
pub fn read_live_rules(ports: &Ports, rows: &Rows) -> Vec<PurgeRule> {
    let read = |row| PurgeRule::from_row(row).map_err(|error| ports.report_row("purge", error));
    let mut rules: Vec<PurgeRule> = rows.iter().filter_map(|row| read(row).ok()).collect();
    rules.sort_by_key(|rule| rule.vehicle.is_some());
    rules.truncate(MAX_READ);
    rules
}

/// Writes the rules of D1 to KV, also where another purge does so at the same time: after the last
/// write D1 still had the same rules.
///
/// # Errors
/// [`StoreError`] where D1 or KV fails; D1 has the rules all the same, and the next purge brings
/// them to KV.
pub async fn publish(ports: &Ports, market: &MarketCode) -> Result<PurgeRules, StoreError> {
    let (mut written, mut failure) = (None, StoreError::Unavailable);
    for _ in 0..MAX_WRITES {
        let results = ports.db.batch(vec![live_rules(market)]).await?;
        let rows = results.first().ok_or(StoreError::Rejected)?;
        let rules = read_live_rules(ports, rows);
        let text = PurgeRules::encode(&rules);
        if written.as_ref() == Some(&text) {
            return Ok(PurgeRules::new(rules));
        }
        let ends =
            rules.iter().map(|rule| rule.expires_at.since_ms(ports.clock.now()) / 1_000).max();
        let ttl_s = ends.unwrap_or(0).max(MIN_TTL_S).unsigned_abs();
        match ports.markets.put(rules_key(market), text.clone(), ttl_s).await {
            Ok(()) => written = Some(text),
            Err(error) => {
                failure = error;
                ports.timer.sleep(KV_PAUSE_MS).await;
            }
        }
    }
    // Others change the rules all the time, and each of them writes the present ones.
    written.and_then(|text| PurgeRules::parse(&text, ports.clock.now())).ok_or(failure)
}

fn rejected(ports: &Ports, error: RowError) -> StoreError {
    ports.report_row("purge", error);
    StoreError::Rejected
}
