//! Every facet of every market from what the stand-ins really answer: the requests that the market files make, the recorded bytes,
//! the facets that they become.
//!
//! `node tests/fixtures/markets/record.mjs` records the answers anew, from the stand-ins of `legacy/`, by [`record`].

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "markets/exchange.rs"]
mod exchange;
#[path = "markets/record.rs"]
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kerbside::market::{self, FacetName, Market, OriginName};
use kerbside::origin::{self, Answer, Mapped, Question, Tokens};
use kerbside::ports::fake::World;
use kerbside::vehicle::Vin;
use serde_json::{Map, Value, json};

/// The cars that are asked for in each market. The last one's systems state next to nothing.
const CARS: &[(&str, &[&str])] = &[
    // An air-cooled one with a long history; names with umlauts, quotes and markup.
    ("de", &["WP0ZZZ99ZTS842360", "KBSZZZ10ZFK000001", "KBSZZZ11ZFK000002"]),
    // Running warranties, an electric one.
    ("us", &["1HGFC2F68LG111188", "5YJ3A1EA3PA522745", "KBS000117FK000002"]),
    // Electric; an odometer that runs backwards, in kilometres; one in miles.
    ("gb", &["WB5ZZZF0ZPW514759", "WDBZZZ0GZWA127885", "WP0ZZZA8ZFL938994", "KBSZZZ11ZFK000002"]),
    // Damaged; reported as undamaged, with a value of too few comparables; a diesel.
    ("fr", &["XP7ZZZEDZPA963890", "YV4ZZZPBZP2561078", "WVWZZZ1JZ6D760625", "KBSZZZ11ZFK000002"]),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/markets")
}

fn read_market(code: &str) -> Market {
    let name = format!("markets/{code}.toml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&name)).expect("a market file");
    let errors =
        |errors: Vec<market::MarketError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let compiled = market::compile(&name, &text).map_err(errors).expect("a market without errors");
    // As the Worker reads it.
    let (market, _) = market::published::read(&compiled.json).expect("readable");
    assert_eq!(market, compiled.market, "{code} is published as it is");
    market
}

/// Asks all origins of a market for a car.
fn answers<'m>(world: &Rc<World>, market: &'m Market, vin: &Vin) -> BTreeMap<&'m OriginName, Answer> {
    let question = Question { vin: vin.clone(), market: market.code.clone(), fields: market::Map::new() };
    let (ports, tokens) = (world.ports(), Tokens::default());
    let ask = |name| {
        let ask = origin::ask(&ports, &tokens, market, name, &question, &[], 30_000);
        (name, world.run(ask).unwrap_or_else(|failure| panic!("{} {name}: {failure:?}", market.code)))
    };
    market.origins.keys().map(ask).collect()
}

/// Maps every facet of a market: a facet's value, or the word for what it is else.
fn facets(world: &Rc<World>, market: &Market, vin: &str) -> Map<String, Value> {
    let vin = Vin::parse(vin).expect("a VIN");
    let answers = answers(world, market, &vin);
    let mapped = FacetName::ALL.iter().filter_map(|facet| {
        let tree = answers.get(&market.facets.get(facet)?.origin)?;
        let value = match tree {
            Answer::NotFound => json!("not found"),
            Answer::Tree(tree) => match origin::map(market, *facet, tree, &vin) {
                Ok(Mapped::Present(value)) => value,
                Ok(Mapped::Absent) => json!("absent"),
                Err(error) => panic!("{} {error}", market.code),
            },
        };
        Some((facet.as_str().to_owned(), value))
    });
    mapped.collect()
}

#[test]
fn ok_every_facet_of_every_market_is_mapped_from_recorded_answers() {
    let mut seen = BTreeSet::new();
    for (code, cars) in CARS {
        let market = read_market(code);
        let world = exchange::replay(code, &market);
        let mut documents = Map::new();
        for vin in *cars {
            let facets = facets(&world, &market, vin);
            seen.extend(facets.iter().filter(|(_, value)| value.is_object()).map(|(name, _)| format!("{code} {name}")));
            documents.insert((*vin).to_owned(), Value::Object(facets));
        }
        for facet in market.facets.keys() {
            assert!(seen.contains(&format!("{code} {facet}")), "no car of {code} shows {facet}");
        }
        let path = folder();
        insta::with_settings!({snapshot_path => path, prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_json_snapshot!(*code, Value::Object(documents));
        });
    }
    for facet in FacetName::ALL {
        assert!(seen.iter().any(|one| one.ends_with(&format!(" {facet}"))), "no market shows {facet}");
    }
}

#[test]
fn ok_market_files_keep_to_their_own_hosts_and_secrets() {
    for (code, _) in CARS {
        let market = read_market(code);
        let hosts = market.origins.values().map(|origin| origin.url.as_str());
        for url in hosts {
            assert!(url.contains(&format!(".{code}.example.com/")), "{url}");
        }
        let prefix = format!("{}_", code.to_ascii_uppercase());
        for name in market.secret_names() {
            assert!(name.starts_with(&prefix), "{name} of {code}");
        }
    }
}
