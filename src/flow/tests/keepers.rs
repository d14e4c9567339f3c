//! The keeper of a registration from its origin into the record, and personal values on their way.

use super::*;
use crate::disclosure::{KeeperHash, Right, fake};
use crate::market::MarketCode;
use crate::ports::{Statement, Timestamp};

const MARKET: &str = include_str!("../../../tests/fixtures/every-field.toml");
const ANSWER: &str = r#"{
    "identity": {"make": "Porsche"},
    "registration": {"plate": "MARK-PLATE", "keeper_name": "MARK-KEEPER", "country": "D"}
}"#;

/// A world of that market.
fn world(market: &str) -> Case {
    let ok = ScriptedResponse::ok("application/json", ANSWER);
    let mut case = Case::new(&ok, &ok, &ok);
    case.market = Rc::new(compile("market.toml", market).expect("valid").market);
    case
}

/// Notes what is recorded when the consequences run.
fn note(_: &MarketCode, vehicle: &str, keeper: &KeeperHash, now: Timestamp) -> Vec<Statement> {
    let sql = "INSERT INTO job (name, ran_at_ms, state) SELECT ?1 || ' ' || ?2, ?3, keeper \
               FROM stored_facet WHERE facet = 'registration'";
    let params = vec![vehicle.into(), keeper.0.as_str().into(), now.into()];
    vec![Statement::new("job.note", sql.to_owned(), params)]
}

fn visit(case: &Case, right: Right) -> Flow {
    let request = FlowRequest {
        facets: case.market.facets.keys().copied().collect(),
        right,
        keeper_changed: note,
        ..case.request_of(Tier::Public)
    };
    let flow = case.world.run(run_with(&case.world.ports(), &case.memory, request));
    case.world.run_background();
    flow
}

#[test]
fn ok_a_registration_is_recorded_with_its_keeper_and_its_consequences() {
    let case = world(MARKET);
    // Whoever's request brings it: a member sees nothing of the registration.
    assert_eq!(visit(&case, right(Tier::Member)).keeper, None);
    let stored = case.rows("SELECT keeper FROM stored_facet WHERE facet = 'registration'");
    assert_eq!(stored.iter().map(String::len).collect::<Vec<_>>(), [64]);
    let noted = case.rows("SELECT name || ' ' || state FROM job");
    assert_eq!(noted, [format!("car {0} {0}", stored[0])], "after the row, with its keeper");
    let other = "SELECT facet FROM stored_facet WHERE keeper IS NOT NULL";
    assert_eq!(case.rows(other), ["registration"]);
    // An owner who proves it now learns the keeper, from memory and from the record.
    for case in [&case, &case.isolate()] {
        let prospective = fake::owner(Some(jiff::civil::date(2020, 1, 1)), None);
        let flow = visit(case, prospective);
        assert_eq!(flow.keeper.as_ref().map(|keeper| &keeper.0), stored.first());
        assert!(!value_text(&flow).contains("MARK-"), "the keeper is not theirs yet");
    }
    let asked = case.asked();
    let keeper = stored.first().map(|hash| KeeperHash(hash.clone()));
    let owner = fake::owner(Some(jiff::civil::date(2020, 1, 1)), keeper);
    let seen = value_text(&visit(&case.isolate(), owner));
    assert!(seen.contains("MARK-PLATE") && seen.contains("MARK-KEEPER"), "{seen}");
    assert_eq!(case.asked(), asked, "from the record");
}

/// All values of a flow.
fn value_text(flow: &Flow) -> String {
    let values = flow.facets.values().filter_map(|facet| match &facet.state {
        State::Present { value, .. } => Some(value.to_string()),
        _ => None,
    });
    values.collect()
}

#[test]
fn err_a_personal_value_is_no_part_of_a_request() {
    // `cargo xtask market check` refuses this market; the Worker does not rely on it.
    let market = MARKET
        .replace(
            "[facets.identity]",
            "[origins.other]\nprotocol = \"rest\"\nurl = \"https://other.example.com/{registration.plate}\"\n\n[facets.identity]",
        )
        .replace(
            "[facets.equipment]\norigin = \"register\"",
            "[facets.equipment]\norigin = \"other\"\nneeds = [\"registration.plate\"]",
        );
    let case = world(&market);
    let owner = || fake::owner(Some(jiff::civil::date(2020, 1, 1)), None);
    for case in [&case, &case.isolate()] {
        let flow = visit(case, owner());
        let equipment = flow.facets.get(&FacetName::Equipment).expect("asked for");
        assert!(matches!(equipment.state, State::Unavailable(_)), "{:?}", equipment.state);
    }
    let asked = case.world.requests();
    assert!(!asked.is_empty() && asked.iter().all(|request| !request.url.contains("MARK")));
}
