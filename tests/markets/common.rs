//! The cars and requests that the recording of the markets' answers shares with the test that
//! replays them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kerbside::market::{self, Market, OriginName};
use kerbside::origin::{self, ParsedResponse, TemplateValues, TokenCache};
use kerbside::ports::fake::World;
use kerbside::vehicle::Vin;

/// The cars that are asked for in each market. The last one's systems state next to nothing.
pub const CARS: &[(&str, &[&str])] = &[
    // An air-cooled one with a long history; names with umlauts, quotes and markup.
    ("de", &["WP0ZZZ99ZTS842360", "KBSZZZ10ZFK000001", "KBSZZZ11ZFK000002"]),
    // Running warranties, an electric one.
    ("us", &["1HGFC2F68LG111188", "5YJ3A1EA3PA522745", "KBS000117FK000002"]),
    // Electric; an odometer that runs backwards, in kilometres; one in miles.
    ("gb", &["WB5ZZZF0ZPW514759", "WDBZZZ0GZWA127885", "WP0ZZZA8ZFL938994", "KBSZZZ11ZFK000002"]),
    // Damaged; reported as undamaged, with a value of too few comparables; a diesel.
    ("fr", &["XP7ZZZEDZPA963890", "YV4ZZZPBZP2561078", "WVWZZZ1JZ6D760625", "KBSZZZ11ZFK000002"]),
];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/markets")
}

pub fn read_market(code: &str) -> Market {
    let name = format!("markets/{code}.toml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&name))
        .expect("a market file");
    let errors = |errors: Vec<market::MarketError>| {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let compiled = market::compile(&name, &text).map_err(errors).expect("a market without errors");
    // As the Worker reads it.
    let (market, _) = market::published::parse_market(&compiled.json).expect("readable");
    assert_eq!(market, compiled.market, "{code} is published as it is");
    market
}

/// Asks all origins of a market's facets for a car.
pub fn answers<'m>(
    world: &Rc<World>,
    market: &'m Market,
    vin: &Vin,
) -> BTreeMap<&'m OriginName, ParsedResponse> {
    let values =
        TemplateValues { vin: vin.clone(), market: market.code.clone(), fields: BTreeMap::new() };
    let (ports, tokens) = (world.ports(), TokenCache::default());
    let ask = |name| {
        let ask = origin::fetch(&ports, &tokens, market, name, &values, &[], 30_000);
        (
            name,
            world.run(ask).unwrap_or_else(|failure| panic!("{} {name}: {failure:?}", market.code)),
        )
    };
    let names: BTreeSet<&OriginName> = market.facets.values().map(|facet| &facet.origin).collect();
    names.into_iter().map(ask).collect()
}
