//! Cars with and without what a tier does not see: their responses are the same, byte for byte.

use kerbside::market::FacetName;
use kerbside::ports::fake::ScriptedResponse;
use serde_json::{Value, json};

use crate::support::marks::EVERY_FIELD;
use crate::support::members::{Member, SIGN_IN};
use crate::support::{CAR, TestApp};

/// Two answers of a system: little is stated, and much, but nothing that anybody sees differs.
fn for_everybody() -> [Value; 2] {
    let entry =
        |day: &str| json!({"performed_on": day, "workshop": "Musterstadt", "kind": "repair"});
    let recall = |number: u32| json!({"reference": format!("R{number}"), "title": "Airbag", "status": "completed"});
    let little = json!({
        "identity": {"make": "Porsche"}, "equipment": [{"name": "ABS"}], "energy": {"label": "F"},
        "recalls": [], "warranty": [], "service_history": [], "mileage": [], "damage": [],
        "registration": {"country": "D"}, "valuation": {"basis": "retail"}
    });
    let much = json!({
        "identity": {"make": "Porsche", "first_registered": "1996-03-15"},
        "equipment": [{"name": "Another one", "code": "249"}], "energy": {"label": "F"},
        "recalls": [recall(1), recall(2), recall(3)],
        "warranty": [{"kind": "factory", "starts_on": "2020-01-01", "ends_on": "2022-01-01"}],
        "service_history": [entry("2019-01-01"), entry("2024-01-01")],
        "mileage": [{"read_on": "2024-01-01", "distance": 7}],
        "damage": [{"area": "rear", "description": "Hail", "repair_cost": "100.00"}],
        "registration": {"plate": "M-US 1234", "keeper_name": "Erika Mustermann"},
        "valuation": {"low": "1.00", "high": "2.00", "comparable_count": 40}
    });
    [little, much]
}

/// The same for members, who learn that there is damage, and how many entries of which last day.
fn for_members() -> [Value; 2] {
    let little = json!({
        "identity": {"make": "Porsche"},
        "service_history": [{"performed_on": "2024-01-01"}, {"performed_on": "2019-01-01"}],
        "mileage": [], "damage": [{"area": "left"}], "registration": {"country": "D"}
    });
    let much = json!({
        "identity": {"make": "Porsche", "first_registered": "1996-03-15"},
        "service_history": [
            {"performed_on": "2024-01-01", "workshop": "Musterstadt", "invoice_total": "7.00"},
            {"performed_on": "2018-01-01", "description": "Oil", "invoice_number": "4711"}
        ],
        "mileage": [{"read_on": "2024-01-01", "distance": 7}],
        "damage": [{"area": "rear", "description": "Hail"}, {"severity": "major"}],
        "registration": {"plate": "M-US 1234", "registered_on": "2018-07-01"}
    });
    [little, much]
}

/// Status, headers and body of each response about the car, first and from the cache.
fn responses(answer: &Value, is_member: bool) -> Vec<String> {
    let app = TestApp::new();
    app.publish(&format!("{EVERY_FIELD}{SIGN_IN}"));
    let answer = answer.to_string();
    app.world.origins(move |_| ScriptedResponse::ok("application/json", &answer));
    let href = app.href(CAR);
    let page = href.replace("/api/v1", "");
    let cookie = if is_member { Member::sign_in(&app).cookie } else { "theme=dark".to_owned() };
    let mut targets = vec![href.clone(), page.clone(), href.clone()];
    targets.extend(["de", "en", "fr"].map(|language| format!("{page}?lang={language}")));
    targets.extend(FacetName::ALL.iter().map(|name| format!("{href}/facets/{name}")));
    targets.extend(FacetName::ALL.iter().map(|name| format!("{page}?fragment={name}")));
    let send = |target: &String| {
        let response = app.send("GET", target, &[("cookie", &cookie)], &[]);
        format!("{target} {} {:?}\n{}", response.status, response.headers, response.body)
    };
    targets.iter().map(send).collect()
}

fn check(answers: [Value; 2], is_member: bool) {
    let [little, much] = answers.map(|answer| responses(&answer, is_member));
    assert!(little.iter().any(|text| text.contains("Porsche")));
    for (one, other) in little.iter().zip(&much) {
        assert_eq!(one, other);
    }
}

#[test]
fn ok_everybody_sees_the_same_of_cars_with_and_without() {
    check(for_everybody(), false);
}

#[test]
fn ok_members_see_the_same_of_cars_with_and_without() {
    check(for_members(), true);
}

/// The comparison notices a difference of one word.
#[test]
fn err_a_fact_that_everybody_sees_makes_a_difference() {
    let [little, _] = for_everybody();
    let mut other = little.clone();
    other["energy"]["label"] = json!("G");
    assert_ne!(responses(&little, false), responses(&other, false));
}
