//! Every facet of every market from what the stand-ins really answer: the requests that the market
//! files make, the recorded bytes, the facets that they become.
//!
//! `node tests/fixtures/markets/record.mjs` records the answers anew, from the stand-ins of
//! `legacy/`, by the example `record-markets`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "markets/common.rs"]
mod common;
#[path = "markets/exchange.rs"]
mod exchange;
#[path = "markets/proofs.rs"]
mod proofs;

use std::collections::BTreeSet;
use std::rc::Rc;

use common::{CARS, answers, folder, read_market};
use kerbside::disclosure;
use kerbside::market::{FacetName, Market};
use kerbside::origin::{self, Mapped, ParsedResponse};
use kerbside::ports::fake::World;
use kerbside::vehicle::Vin;
use serde_json::{Map, Value, json};

/// Maps every facet of a market: a facet's value, or the word for what it is else.
fn facets(world: &Rc<World>, market: &Market, vin: &str) -> Map<String, Value> {
    let vin = Vin::parse(vin).expect("a VIN");
    let answers = answers(world, market, &vin);
    let mapped = FacetName::ALL.iter().filter_map(|facet| {
        let tree = answers.get(&market.facets.get(facet)?.origin)?;
        let value = match tree {
            ParsedResponse::NotFound => json!("not found"),
            ParsedResponse::Tree(tree) => match origin::map_facet(market, *facet, tree, &vin) {
                Ok(Mapped::Present(value, _)) => {
                    serde_json::from_slice(disclosure::plaintext(&value).as_bytes()).expect("JSON")
                }
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
            seen.extend(
                facets
                    .iter()
                    .filter(|(_, value)| value.is_object())
                    .map(|(name, _)| format!("{code} {name}")),
            );
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
        assert!(
            seen.iter().any(|one| one.ends_with(&format!(" {facet}"))),
            "no market shows {facet}"
        );
    }
}

#[test]
fn ok_every_proof_of_every_market_reads_recorded_answers() {
    for proofs in proofs::PROOFS {
        let market = read_market(proofs.code);
        let world = exchange::replay(proofs.code, &market);
        let outcomes = proofs::outcomes(&world, &market, &proofs);
        let name = format!("{}-proofs", proofs.code);
        insta::with_settings!({snapshot_path => folder(), prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_json_snapshot!(name, outcomes);
        });
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
