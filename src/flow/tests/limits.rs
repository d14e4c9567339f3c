//! Limits that hold calls back, and hedges that send a second one: one origin, equipment, under
//! each of them in turn.

use serde_json::json;

use super::*;
use crate::ports::{DbValue, OriginRequest, OriginResponse, Statement};

/// The market of the fixtures whose equipment is described with further keys.
fn case(keys: &str) -> Case {
    let (master, equipment, recalls) = good();
    let mut case = Case::new(&master, &equipment, &recalls);
    let marked = "url = \"https://equipment.example.com/cars/{vin}/equipment\"";
    let text = include_str!("../../../tests/fixtures/market.toml")
        .replace(marked, &format!("{marked}\n{keys}"));
    case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
    case
}

impl Case {
    /// Asks for the equipment of one of many cars; the state, and how many calls to its origin that
    /// made.
    fn equipment(&self, car: u32) -> (&'static str, usize) {
        let before = self.calls();
        let flow = self.world.run(self.request(car, &[FacetName::Equipment]));
        self.world.run_background();
        let states = states(&flow);
        (states[0], self.calls() - before)
    }

    fn calls(&self) -> usize {
        self.world.requests().iter().filter(|request| is_equipment(request)).count()
    }

    fn request(&self, car: u32, facets: &[FacetName]) -> impl Future<Output = Flow> + use<> {
        let ports = self.world.ports();
        let memory = self.memory.clone();
        let request = FlowRequest {
            market: Rc::clone(&self.market),
            lookup: format!("car {car}").into(),
            sealing: self.sealing(),
            purges: Rc::default(),
            facets: facets.to_vec(),
            right: right(Tier::Public),
            keys: keys(),
            keeper_changed: |_, _, _, _| Vec::new(),
            started: ports.clock.now(),
            trace: OriginTrace {
                id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
                flags: "01",
                state: None,
            },
        };
        let vin = format!("WP0ZZZ99ZTS{:06}", 390_000 + car);
        async move { resolve(&ports, &memory, request, || Vin::parse(&vin)).await.expect("a VIN") }
    }

    /// The equipment's answers, in order; the last one stays.
    fn script(&self, answers: Vec<ScriptedResponse>) {
        let (master, _, recalls) = good();
        let left = std::cell::RefCell::new(std::collections::VecDeque::from(answers));
        self.world.origins(move |request| {
            if !is_equipment(request) {
                return if request.url.contains("erp") { master.clone() } else { recalls.clone() };
            }
            let mut left = left.borrow_mut();
            if left.len() > 1 { left.pop_front().expect("an answer") } else { left[0].clone() }
        });
    }

    /// The database's statements that speak of breakers, shortened.
    fn told(&self) -> Vec<String> {
        let statements = self.world.statements();
        let told = statements.iter().filter(|statement| statement.sql.contains("breaker"));
        let told = told.filter(|statement| !statement.sql.starts_with("SELECT"));
        told.map(|statement| statement.sql.split(' ').next().unwrap_or_default().to_owned())
            .collect()
    }
}

fn is_equipment(request: &OriginRequest) -> bool {
    request.url.contains("equipment.example.com")
}

fn fine() -> ScriptedResponse {
    good().1
}

fn status(status: u16, retry_after: Option<&str>) -> ScriptedResponse {
    let response = OriginResponse {
        status,
        retry_after: retry_after.map(ToOwned::to_owned),
        ..OriginResponse::default()
    };
    ScriptedResponse { after_ms: 20, outcome: Ok(response) }
}

#[test]
fn ok_a_further_try_is_paid_for_by_five_calls() {
    let case = case("retries = 2");
    let mut answers = vec![status(503, None)];
    answers.extend(vec![fine(); 5]);
    answers.extend([status(502, None), fine(), status(504, None), fine()]);
    case.script(answers);
    assert_eq!(case.equipment(0), ("unavailable", 1), "there is no reserve");
    assert!((1..=5).all(|car| case.equipment(car) == ("fetched", 1)));
    assert_eq!(case.equipment(6), ("fetched", 2));
    assert_eq!(case.equipment(7), ("unavailable", 1), "the budget is spent");
}

#[test]
fn ok_what_is_no_fault_of_the_moment_is_not_tried_again() {
    let case = case("retries = 5");
    case.script(vec![fine()]);
    assert!((0..20).all(|car| case.equipment(car) == ("fetched", 1)));
    for (car, answer) in (20..).zip([
        status(500, None),
        status(403, None),
        ScriptedResponse::ok("application/json", "<"),
        fine().after(9_999),
    ]) {
        case.script(vec![answer, fine()]);
        let (state, calls) = case.equipment(car);
        assert!(
            (state == "unavailable" || state == "pending") && calls == 1,
            "{car}: {state} {calls}"
        );
    }
}

#[test]
fn ok_an_origin_that_says_when_is_not_asked_before() {
    for retry_after in ["2", "Fri, 20 Nov 2026 08:00:02 GMT"] {
        let case = case("retries = 2");
        case.script(vec![status(429, Some(retry_after)), fine()]);
        assert_eq!(case.equipment(0), ("unavailable", 1));
        assert_eq!(case.equipment(1), ("unavailable", 0), "{retry_after}");
        case.world.advance_s(2);
        assert_eq!(case.equipment(2), ("fetched", 1), "{retry_after}");
    }
}

#[test]
fn ok_failures_in_a_row_open_the_breaker_one_probe_closes_it_and_others_are_told() {
    let case = case("breaker = { failures = 3, open_s = 30 }");
    case.script(vec![status(500, None)]);
    assert!((0..3).all(|car| case.equipment(car) == ("unavailable", 1)));
    assert_eq!(case.equipment(3), ("unavailable", 0));
    assert_eq!(case.told(), ["INSERT"]);
    case.world.advance_s(30);
    assert_eq!(case.equipment(4), ("unavailable", 1), "the probe");
    assert_eq!(case.equipment(5), ("unavailable", 0), "it failed");
    case.world.advance_s(31);
    case.script(vec![fine()]);
    assert_eq!(case.equipment(6), ("fetched", 1));
    assert_eq!(case.equipment(7), ("fetched", 1));
    assert_eq!(case.told(), ["INSERT", "UPDATE", "INSERT", "UPDATE", "DELETE"]);
    let opened = case
        .world
        .events
        .borrow()
        .iter()
        .filter(|event| event.message.contains("breaker opened"))
        .count();
    assert_eq!(opened, 2);
}

#[test]
fn ok_one_of_many_probes() {
    let case = case("breaker = { failures = 1, open_s = 1 }\nconcurrency = 6");
    case.script(vec![status(500, None)]);
    case.equipment(0);
    case.world.advance_s(2);
    case.script(vec![fine()]);
    let before = case.calls();
    let flows = case.world.run(futures::future::join_all(
        (1..=20).map(|car| case.request(car, &[FacetName::Equipment])),
    ));
    let fetched = flows.iter().filter(|flow| states(flow) == ["fetched"]).count();
    assert_eq!((case.calls() - before, fetched), (1, 1), "the others come too early");
}

#[test]
fn ok_who_loses_the_lease_does_not_probe() {
    let case = case("breaker = { failures = 1, open_s = 1 }");
    case.script(vec![status(500, None), fine()]);
    case.equipment(0);
    case.world.advance_s(2);
    let until = case.world.ports().clock.now().0 + 5_000;
    case.world.database(move |statement| match statement.sql.split(' ').next() {
        Some("UPDATE") => Some(Vec::new()),
        Some("SELECT") if statement.sql.contains("probe_until_ms FROM") => {
            let row = json!({"open_until_ms": 0, "probe_until_ms": until});
            Some(vec![row.as_object().expect("an object").clone()])
        }
        _ => None,
    });
    assert_eq!(case.equipment(1), ("unavailable", 0));
    case.world.advance_s(4);
    assert_eq!(case.equipment(2), ("unavailable", 0));
    case.world.database(|_| None);
    case.world.advance_s(2);
    assert_eq!(case.equipment(3), ("fetched", 1), "the other one's time is over");
}

#[test]
fn ok_what_another_isolate_found_out_rides_along() {
    let case = case("");
    let until = case.world.ports().clock.now().0 + 10_000;
    case.world.database(move |statement| {
        let row = json!({"origin": "equipment", "open_until_ms": until});
        statement
            .sql
            .contains("FROM breaker")
            .then(|| vec![row.as_object().expect("an object").clone()])
    });
    assert_eq!(case.equipment(0), ("unavailable", 0));
    let reads = |statements: &[Statement]| {
        statements.iter().filter(|s| s.sql.starts_with("SELECT")).count()
    };
    assert_eq!(
        reads(&case.world.statements()),
        3,
        "with the record of facets; the third is of what was recorded"
    );
    let market = DbValue::Text("de".into());
    assert!(
        case.world.statements().iter().all(|statement| statement.params.first() == Some(&market))
    );
}

#[test]
fn ok_slow_answers_open_the_breaker_and_are_used() {
    let case = case("breaker = { failures = 2, open_s = 30, slow_ms = 300 }");
    case.script(vec![fine().after(299), fine().after(300), fine().after(400)]);
    assert!((0..3).all(|car| case.equipment(car) == ("fetched", 1)));
    assert_eq!(case.equipment(3), ("unavailable", 0));
}

#[test]
fn ok_a_second_call_goes_out_beside_one_that_takes_unusually_long() {
    for (keys, expect) in [("hedge = true", ("fetched", 2)), ("", ("pending", 1))] {
        let case = case(keys);
        case.script(vec![fine()]);
        assert!((0..20).all(|car| case.equipment(car) == ("fetched", 1)));
        case.script(vec![fine().after(2_000), fine()]);
        let started = case.world.ports().clock.now();
        let flow = case.world.run(case.request(20, &[FacetName::Equipment]));
        assert_eq!(
            (states(&flow)[0], if expect.1 == 2 { 40 } else { 875 }),
            (expect.0, flow.answered.since_ms(started))
        );
        case.world.run_background();
        assert_eq!(case.calls(), 20 + expect.1);
        let statements = case.world.statements();
        let has_equipment = |rows: &DbValue| matches!(rows, DbValue::Text(rows) if rows.contains(r#"["equipment","#));
        let written = |s: &&Statement| {
            s.sql.starts_with("INSERT INTO stored_facet") && has_equipment(&s.params[2])
        };
        let writes = statements.iter().filter(written).count();
        assert_eq!(writes, 21, "of two answers one is kept");
    }
}

#[test]
fn ok_an_origin_that_mostly_fails_is_asked_less() {
    let case = case("breaker = { failures = 5, open_s = 30 }");
    let (master, equipment, _) = good();
    // Four fail, one does not: the breaker stays closed.
    let calls = std::cell::Cell::new(0);
    case.world.origins(move |request| {
        if !is_equipment(request) {
            return master.clone();
        }
        calls.set(calls.get() + 1);
        if calls.get() % 5 == 0 { equipment.clone() } else { status(500, None) }
    });
    let sent: usize = (0..300).map(|car| case.equipment(car).1).sum();
    assert!((60..220).contains(&sent), "{sent} of 300 calls");
}

#[test]
fn ok_many_who_ask_for_one_car_make_one_read_and_one_call_an_origin() {
    let case = case("");
    case.world.stores_take_ms.set(3);
    let all = [FacetName::Identity, FacetName::Equipment, FacetName::Recalls];
    let flows = case.world.run(futures::future::join_all((0..500).map(|_| case.request(0, &all))));
    assert!(flows.iter().all(|flow| flow.missing.is_empty() && flow.facets.len() == 3));
    assert_eq!(case.world.requests().len(), 3);
    let selects =
        case.world.statements().iter().filter(|s| s.sql.starts_with("SELECT facet")).count();
    assert_eq!(selects, 2, "one read, and one of what was recorded");
    let collapsed = flows
        .iter()
        .filter(|flow| flow.facets.values().all(|facet| facet.via == Via::Collapsed))
        .count();
    assert_eq!(collapsed, 499);
}

#[test]
fn ok_a_failure_is_shared_by_those_who_waited() {
    let case = case("");
    case.script(vec![status(500, None)]);
    let flows = case
        .world
        .run(futures::future::join_all((0..50).map(|_| case.request(0, &[FacetName::Equipment]))));
    assert_eq!(flows.iter().map(|flow| states(flow)[0]).collect::<Vec<_>>(), ["unavailable"; 50]);
    assert_eq!(case.calls(), 1);
}

#[test]
fn ok_a_leader_that_was_cancelled_is_replaced() {
    let case = case("");
    case.script(vec![fine().after(60_000), fine()]);
    case.world.run(case.request(0, &[FacetName::Equipment]));
    case.world.cancel_background();
    assert_eq!(case.equipment(0), ("pending", 0), "its mark still stands");
    case.world.advance_s(6);
    assert_eq!(case.equipment(0), ("fetched", 1));
}

#[test]
fn ok_an_origin_has_as_many_calls_as_it_may_and_the_others_wait() {
    let case = case("concurrency = 2");
    case.script(vec![fine().after(100)]);
    let started = case.world.ports().clock.now();
    let flows = case.world.run(futures::future::join_all(
        (0..10).map(|car| case.request(car, &[FacetName::Equipment])),
    ));
    assert!(flows.iter().all(|flow| states(flow) == ["fetched"]));
    let last = flows.iter().map(|flow| flow.answered.since_ms(started)).max();
    assert!(
        last.is_some_and(|last| (500..700).contains(&last)),
        "five pairs one after the other: {last:?}"
    );
}

#[test]
fn err_too_many_wait_for_an_origin() {
    let case = case("concurrency = 1");
    case.script(vec![fine().after(100)]);
    let flows = case.world.run(futures::future::join_all(
        (0..300).map(|car| case.request(car, &[FacetName::Equipment])),
    ));
    let error = |flow: &Flow| flow.facets.values().find_map(|facet| facet.state.error());
    let refused =
        flows.iter().filter(|flow| error(flow) == Some(ErrorToken::ConnectionLimitReached)).count();
    assert!((160..=175).contains(&refused), "{refused}");
}
