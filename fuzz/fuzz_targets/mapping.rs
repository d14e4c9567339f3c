//! Any JSON text as an origin's answer, through a market whose mappings use every key: a facet that
//! satisfies its type, nothing, or a type mismatch that names place and kind. The first byte chooses
//! the facet.
#![no_main]

use kerbside::disclosure::plaintext;
use kerbside::market::FacetName;
use kerbside::origin::{Mapped, map_facet, parse_json};
use kerbside::vehicle::{Vin, typed};
use kerbside_fuzz::{MAPPING, chosen};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let facets: Vec<FacetName> = MAPPING.facets.keys().copied().collect();
    let facet = *chosen(&facets, input.0);
    let Ok(tree) = parse_json(input.1) else { return };
    let vin = Vin::parse("WP0ZZZ99ZTS390000").expect("valid");
    match map_facet(&MAPPING, facet, &tree, &vin) {
        Ok(Mapped::Present(value, _)) => {
            // As it goes into the cache and comes out of it.
            let whole = plaintext(&value);
            let read = serde_json::from_slice(whole.as_bytes()).expect("JSON");
            let again = typed(facet, read).expect("what was of the type stays so");
            assert_eq!(plaintext(&again).as_bytes(), whole.as_bytes());
        }
        Ok(Mapped::Absent) => {}
        Err(error) => assert!(!error.cause.is_empty()),
    }
});
