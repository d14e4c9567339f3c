//! Rules in D1, which has all of them, and the list of a market in KV, which has those that
//! isolates must know.

use super::{COLUMNS, Purge, Purges, Rule, Tag, key};
use crate::audit::{Action, IS_AUDITED};
use crate::market::{FacetName, Market, MarketCode, OriginName};
use crate::ports::db_clock::NOW_MS;
use crate::ports::{DbValue, Ports, Statement, StoreError};

/// Rules of a market at one time. Every request of the market looks through them.
pub const MAX_RULES: i64 = 200;
/// How long a rule for one car stays in the market's list: longer than KV shows the entry that it
/// removed, and than a writer that was at work at that time can be.
pub const YOUNG_MS: i64 = 300_000;
/// How long a rule for one car refuses late writers in D1. None lives longer than its origin's
/// timeout and half a minute.
const VEHICLE_RULE_MS: i64 = 86_400_000;
/// For the tenth by which lifetimes vary, and for clocks.
const SLACK_MS: i64 = 3_600_000;
/// How often the list is written until KV has what D1 has.
const MAX_WRITES: u32 = 6;
/// KV takes one write a second for a key.
const KV_PAUSE_MS: u32 = 1_100;
/// KV takes no shorter lifetime.
const MIN_TTL_S: i64 = 60;

/// Makes a row stale from now on, with the same end: what was its time to live comes on top of the
/// others.
pub(super) const AGED: &str = "stale_s = stale_s + ttl_s, error_s = error_s + ttl_s, ttl_s = 0";

/// What an operator wants purged. What is not named is every one.
#[derive(Debug, Clone)]
pub struct Wish<'a> {
    /// The market.
    pub market: &'a Market,
    /// How.
    pub purge: Purge,
    /// The keyed hash that stands for a car.
    pub vehicle: Option<&'a str>,
    /// The facet.
    pub facet: Option<FacetName>,
    /// The origin.
    pub origin: Option<&'a OriginName>,
    /// What the public part of a car's identity says.
    pub tag: Option<&'a Tag>,
}

/// The rule that was declared, and what it did at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The rule.
    pub rule: Rule,
    /// Rows of the one car that it removed or made stale.
    pub rows: usize,
}

impl Wish<'_> {
    /// Market, car, facet, origin and tag.
    fn scope(&self) -> Vec<DbValue> {
        let text =
            |text: Option<&str>| text.map_or(DbValue::Null, |text| DbValue::Text(text.to_owned()));
        vec![
            DbValue::Text(self.market.code.to_string()),
            text(self.vehicle),
            text(self.facet.map(FacetName::as_str)),
            text(self.origin.map(OriginName::as_str)),
            text(self.tag.map(Tag::as_str)),
            DbValue::Integer((self.purge == Purge::Hard).into()),
        ]
    }

    /// Milliseconds after which nothing can be left that the rule matches.
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

    /// The origin whose calls for the car are under way with what is purged.
    fn fed_by(&self) -> Option<&OriginName> {
        self.origin.or_else(|| {
            self.facet.and_then(|facet| self.market.facets.get(&facet)).map(|facet| &facet.origin)
        })
    }
}

/// What a rule makes needless: older ones of no wider scope and no harder kind. `?1` to `?5` are
/// the scope, `?6` whether it is hard.
fn is_covered(first: usize) -> String {
    let [market, vehicle, facet, origin, tag, hard] =
        [0, 1, 2, 3, 4, 5].map(|offset| first + offset);
    format!(
        "market = ?{market} AND vehicle IS ?{vehicle} AND (?{facet} IS NULL OR facet IS ?{facet}) \
         AND (?{origin} IS NULL OR origin IS ?{origin}) AND (?{tag} IS NULL OR tag IS ?{tag}) AND hard <= ?{hard}"
    )
}

/// How many rules the market would have beside this one: below [`MAX_RULES`] there is room for it.
pub fn room(wish: &Wish) -> Statement {
    Statement {
        sql: format!(
            "SELECT count(*) AS rules FROM purge WHERE market = ?1 AND vehicle IS NULL AND expires_at_ms > {NOW_MS} AND NOT ({})",
            is_covered(1)
        ),
        params: wish.scope(),
    }
}

/// The statements of a purge, for [`audit::act`](super::super::audit::act); [`declared`] reads
/// their results.
pub fn declare(wish: &Wish) -> Vec<Action> {
    // Strictly later than any before: the newest rule has the highest number.
    let insert = format!(
        "INSERT INTO purge (market, vehicle, facet, origin, tag, hard, generation, expires_at_ms) \
         SELECT ?2, ?3, ?4, ?5, ?6, ?7, g, g + ?8 FROM (SELECT max({NOW_MS}, \
           1 + coalesce((SELECT generation FROM purge ORDER BY id DESC LIMIT 1), 0)) AS g) \
         WHERE {IS_AUDITED} RETURNING {COLUMNS}"
    );
    let mut params = wish.scope();
    params.push(DbValue::Integer(wish.lifetime_ms()));
    let supersede = format!(
        "DELETE FROM purge WHERE {} AND generation < (SELECT generation FROM purge ORDER BY id DESC LIMIT 1) AND {IS_AUDITED}",
        is_covered(2)
    );
    let mut actions =
        vec![Action { sql: insert, params }, Action { sql: supersede, params: wish.scope() }];
    if let Some(vehicle) = wish.vehicle {
        actions.extend(act_on(wish, vehicle));
    }
    actions
}

/// What a rule for one car does to its rows at once, and to the calls that are under way.
fn act_on(wish: &Wish, vehicle: &str) -> Vec<Action> {
    let change = match wish.purge {
        Purge::Hard => "DELETE FROM stored_facet".to_owned(),
        // A late writer must not undo it: the rows are of the rule's generation from now on.
        Purge::Soft => format!(
            "UPDATE stored_facet SET {AGED}, \
             generation = max(generation, (SELECT generation FROM purge ORDER BY id DESC LIMIT 1))"
        ),
    };
    let scope = wish.scope().into_iter().take(4).collect();
    let rows = Action {
        sql: format!(
            "{change} WHERE market = ?2 AND vehicle = ?3 AND (?4 IS NULL OR facet = ?4) AND (?5 IS NULL OR source = ?5) \
             AND {IS_AUDITED} RETURNING facet"
        ),
        params: scope,
    };
    if wish.purge == Purge::Soft {
        return vec![rows];
    }
    // What such a call brings is refused: the next request asks anew instead of waiting for it.
    let leases = Action {
        sql: format!(
            "DELETE FROM lease WHERE market = ?2 AND vehicle = ?3 AND (?4 IS NULL OR origin = ?4) AND {IS_AUDITED}"
        ),
        params: vec![
            DbValue::Text(wish.market.code.to_string()),
            DbValue::Text(vehicle.to_owned()),
            wish.fed_by().map_or(DbValue::Null, |origin| DbValue::Text(origin.to_string())),
        ],
    };
    vec![rows, leases]
}

impl Declared {
    /// The results of [`declare`].
    pub fn read(results: &[crate::ports::Rows]) -> Option<Self> {
        let rule = Rule::read(results.first()?.first()?)?;
        Some(Self { rule, rows: results.get(2).map_or(0, Vec::len) })
    }
}

/// The rules that isolates must know, the newest first: all that name no car, and the young ones
/// that do.
pub fn live(market: &MarketCode) -> Statement {
    Statement {
        sql: format!(
            "SELECT {COLUMNS} FROM purge WHERE market = ?1 AND vehicle IS NULL AND expires_at_ms > {NOW_MS} \
             UNION ALL SELECT {COLUMNS} FROM (SELECT * FROM purge ORDER BY id DESC LIMIT ?2) \
             WHERE market = ?1 AND vehicle IS NOT NULL AND generation > {NOW_MS} - ?3 ORDER BY generation DESC"
        ),
        params: vec![
            DbValue::Text(market.to_string()),
            DbValue::Integer(MAX_RULES),
            DbValue::Integer(YOUNG_MS),
        ],
    }
}

/// Reads the rows of [`live`]. Where there are more than fit, those of single cars stay out: they
/// act by themselves.
pub fn read_live(rows: &crate::ports::Rows) -> Vec<Rule> {
    let mut rules = Vec::new();
    for of_cars in [false, true] {
        rules.extend(
            rows.iter().filter_map(Rule::read).filter(|rule| rule.vehicle.is_some() == of_cars),
        );
    }
    rules.truncate(super::MAX_READ);
    rules
}

/// Makes KV say what D1 says, also where somebody else does so at the same time: after the last
/// write D1 still said what was written.
///
/// # Errors
/// Where D1 or KV fails; D1 has the rules all the same, and the next purge brings them to KV.
pub async fn publish(ports: &Ports, market: &MarketCode) -> Result<Purges, StoreError> {
    let mut written = None;
    for _ in 0..MAX_WRITES {
        let results = ports.db.batch(vec![live(market)]).await?;
        let rules = results.first().map(read_live).unwrap_or_default();
        let text = Purges::encode(&rules);
        if written.as_ref() == Some(&text) {
            return Ok(Purges { rules });
        }
        let ends =
            rules.iter().map(|rule| rule.expires_at.since_ms(ports.clock.now()) / 1_000).max();
        let ttl_s = ends.unwrap_or(0).max(MIN_TTL_S).unsigned_abs();
        if ports.markets.put(key(market), text.clone(), ttl_s).await.is_ok() {
            written = Some(text);
        } else {
            ports.timer.sleep(KV_PAUSE_MS).await;
        }
    }
    // Others change the rules all the time, and each of them writes what there is.
    written.and_then(|text| Purges::parse(&text)).ok_or(StoreError::Unavailable)
}
