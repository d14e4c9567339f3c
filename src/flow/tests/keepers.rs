//! The keeper of a registration from its origin into the record, and personal values on their way.

use jiff::civil::date;
use serde_json::json;

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
    world_with(market, ANSWER)
}

fn world_with(market: &str, answer: &str) -> Case {
    let ok = ScriptedResponse::ok("application/json", answer);
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
        let prospective = fake::owner(Some(date(2020, 1, 1)), None);
        let flow = visit(case, prospective);
        assert_eq!(flow.keeper.as_ref().map(|keeper| &keeper.0), stored.first());
        assert!(!value_text(&flow).contains("MARK-"), "the keeper is not theirs yet");
    }
    let asked = case.asked();
    let keeper = stored.first().map(|hash| KeeperHash(hash.clone()));
    let owner = fake::owner(Some(date(2020, 1, 1)), keeper);
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
    let owner = || fake::owner(Some(date(2020, 1, 1)), None);
    for case in [&case, &case.isolate()] {
        let flow = visit(case, owner());
        let equipment = flow.facets.get(&FacetName::Equipment).expect("asked for");
        assert!(matches!(equipment.state, State::Unavailable(_)), "{:?}", equipment.state);
    }
    let asked = case.world.requests();
    assert!(!asked.is_empty() && asked.iter().all(|request| !request.url.contains("MARK")));
}

/// Two holders, one after the other: neither sees what is the other's, dated or not.
#[test]
fn err_successive_holders_do_not_see_each_others_values() {
    let answer = |keeper: &str| {
        let entry = |day: &str, mark: &str| {
            json!({"performed_on": day, "workshop": format!("{mark}-WORKSHOP"),
                "description": format!("{mark}-WORK"), "invoice_number": format!("{mark}-INVOICE")})
        };
        let damage = |day: &str, mark: &str| json!({"occurred_on": day, "area": "rear", "description": format!("{mark}-DAMAGE")});
        let answer = json!({
            "identity": {"make": "Porsche"},
            "registration": {"plate": format!("{keeper}-PLATE"), "country": "D",
                "keeper_name": format!("{keeper}-NAME"), "keeper_address": format!("{keeper}-HOME")},
            "service_history": [entry("2018-05-01", "FORMER"), entry("2023-05-01", "NEW")],
            "damage": [damage("2018-06-01", "FORMER"), damage("2023-06-01", "NEW"),
                {"area": "left", "description": "UNDATED-DAMAGE"}],
        });
        answer.to_string()
    };
    let keeper_of = |case: &Case| visit(case, fake::owner(Some(date(2015, 1, 1)), None)).keeper;
    let before = world_with(MARKET, &answer("FORMER"));
    let former = fake::owner(Some(date(2015, 1, 1)), keeper_of(&before));
    let after = world_with(MARKET, &answer("NEW"));
    let new = fake::owner(Some(date(2022, 1, 1)), keeper_of(&after));
    let marks = |text: &str, whose: &str| text.matches(whose).count();
    let seen = value_text(&visit(&before, former.clone()));
    assert_eq!((marks(&seen, "FORMER-"), marks(&seen, "UNDATED-")), (7, 0), "{seen}");
    let seen = value_text(&visit(&after, new.clone()));
    assert_eq!(marks(&seen, "NEW-"), 7, "{seen}");
    assert_eq!((marks(&seen, "FORMER-"), marks(&seen, "UNDATED-")), (0, 0), "{seen}");
    assert_eq!(seen.matches("\"area\"").count(), 3, "facts are the owner's, whoever held the car");
    // The record of a keeper opens to the right of that keeper alone.
    for (case, right) in [(&before, new), (&after, former)] {
        let seen = value_text(&visit(case, right));
        for leaf in ["-PLATE", "-NAME", "-HOME"] {
            assert!(!seen.contains(leaf), "{leaf}: {seen}");
        }
    }
}
