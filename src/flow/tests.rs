//! Flows over scripted origins and a clock that jumps.

mod limits;

use base64::Engine as _;

use super::*;
use crate::cache::SealingRing;
use crate::market::{FacetName, Tier, compile};
use crate::origin::ErrorToken;
use crate::ownership::fake::right;
use crate::ports::fake::{ScriptedResponse, World};
use crate::ports::sqlite;
use crate::ports::{OriginHttpError, StoreError};
use crate::vehicle::KeyRing;

const MASTER: &str = "<e:Envelope xmlns:e='x'><e:Body><GetVehicleResponse><Vehicle><Brand>Porsche</Brand><Model>911</Model>\
    <ModelYear>1996</ModelYear></Vehicle></GetVehicleResponse></e:Body></e:Envelope>";
const UNKNOWN: &str = "<e:Envelope xmlns:e='x'><e:Body><e:Fault><faultcode>NotFound</faultcode></e:Fault></e:Body></e:Envelope>";

const VIN: &str = "WP0ZZZ99ZTS390000";

/// Runs a flow for a vehicle whose id opens.
async fn run_with(ports: &Ports, memory: &FlowMemory, request: FlowRequest) -> Flow {
    let flow = resolve(ports, memory, request, || Vin::parse(VIN)).await;
    flow.expect("a VIN")
}

/// The keys of vehicle ids and keepers.
fn keys() -> Rc<KeyRing> {
    let key = |length| base64::engine::general_purpose::STANDARD.encode(vec![7; length]);
    Rc::new(KeyRing::parse(&format!("1:{}", key(64)), &key(32)).expect("keys"))
}

struct Case {
    world: Rc<World>,
    database: Rc<rusqlite::Connection>,
    memory: FlowMemory,
    market: Rc<Market>,
}

impl Case {
    /// A world where each origin answers as said.
    fn new(
        master: &ScriptedResponse,
        equipment: &ScriptedResponse,
        recalls: &ScriptedResponse,
    ) -> Self {
        let text = include_str!("../../tests/fixtures/market.toml");
        let world = World::new();
        for name in ["DE_MASTER_TOKEN", "DE_EQUIPMENT_BASIC"] {
            world.secrets.borrow_mut().insert(name.into(), "user:pass".into());
        }
        let key = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        world.secrets.borrow_mut().insert("SEALING_KEY_1".into(), key);
        let database = sqlite::install(&world);
        let case = Self {
            world,
            database,
            memory: FlowMemory::default(),
            market: Rc::new(compile("market.toml", text).expect("valid").market),
        };
        case.answers(master, equipment, recalls);
        case
    }

    fn answers(
        &self,
        master: &ScriptedResponse,
        equipment: &ScriptedResponse,
        recalls: &ScriptedResponse,
    ) {
        let (master, equipment, recalls) = (master.clone(), equipment.clone(), recalls.clone());
        self.world.origins(move |request| {
            let of = |host: &str| request.url.starts_with(&format!("https://{host}."));
            if of("erp") {
                master.clone()
            } else if of("equipment") {
                equipment.clone()
            } else {
                recalls.clone()
            }
        });
    }

    /// The same, but the equipment is asked for by model.
    fn where_equipment_needs_the_model(mut self) -> Self {
        let text = include_str!("../../tests/fixtures/market.toml")
            .replace("cars/{vin}/equipment", "cars/{identity.model}")
            .replace("each = \"/items\"", "each = \"/items\"\nneeds = [\"identity.model\"]");
        self.market = Rc::new(compile("market.toml", &text).expect("valid").market);
        self
    }

    fn run_for(&self, facets: &[FacetName]) -> Flow {
        let ports = self.world.ports();
        let request = FlowRequest {
            market: Rc::clone(&self.market),
            lookup: "car".into(),
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
        self.world.run(run_with(&ports, &self.memory, request))
    }

    fn sealing(&self) -> Rc<SealingRing> {
        Rc::new(SealingRing::parse(self.world.ports().secrets.as_ref()).expect("a key"))
    }

    fn run(&self) -> Flow {
        self.run_for(&[FacetName::Identity, FacetName::Equipment, FacetName::Recalls])
    }

    fn asked(&self) -> usize {
        self.world.requests().len()
    }
}

fn good() -> (ScriptedResponse, ScriptedResponse, ScriptedResponse) {
    let json = "application/json";
    (
        ScriptedResponse::ok("text/xml", MASTER),
        ScriptedResponse::ok(json, r#"{"items": [{"name": "ABS"}]}"#),
        ScriptedResponse::ok(json, r#"{"d": {"results": [{"Campaign": "R1", "Status": "O"}]}}"#),
    )
}

/// State words in the order of the facets.
fn states(flow: &Flow) -> Vec<&'static str> {
    let word = |result: &FacetResult| match (&result.state, result.via) {
        (State::Present { .. }, Via::Fetched) => "fetched",
        (State::Present { .. }, Via::Hit) => "hit",
        (State::Present { .. }, _) => "stale",
        (State::Absent(_), _) => "absent",
        (State::Pending, _) => "pending",
        (State::Unavailable(_), _) => "unavailable",
        (State::Withheld { .. }, _) => "withheld",
    };
    flow.facets.values().map(word).collect()
}

fn value(flow: &Flow, facet: FacetName) -> &str {
    match flow.facets.get(&facet).map(|result| &result.state) {
        Some(State::Present { value, .. }) => value,
        _ => "",
    }
}

#[test]
fn ok_fetched_once_then_served_without_asking() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment, &recalls);
    let first = case.run();
    assert_eq!(states(&first), ["fetched", "fetched", "fetched"]);
    assert_eq!(
        value(&first, FacetName::Identity),
        r#"{"make":"Porsche","model":"911","model_year":1996}"#
    );
    assert_eq!(value(&first, FacetName::Equipment), r#"{"item_count":1}"#);
    assert_eq!(value(&first, FacetName::Recalls), r#"{"open":true}"#);
    case.world.run_background();
    let second = case.run();
    assert_eq!(states(&second), ["hit", "hit", "hit"]);
    assert_eq!(value(&second, FacetName::Identity), value(&first, FacetName::Identity));
    assert_eq!(case.asked(), 3);
}

#[test]
fn ok_the_document_comes_at_the_deadline_and_late_answers_are_kept() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment.after(2000), &recalls);
    let started = case.world.ports().clock.now();
    let first = case.run();
    assert_eq!(states(&first), ["fetched", "pending", "fetched"]);
    assert_eq!(first.answered.since_ms(started), 875, "25 ms are left to send it");
    case.world.run_background();
    assert_eq!(states(&case.run()), ["hit", "hit", "hit"]);
    assert_eq!(case.asked(), 3);
}

#[test]
fn ok_optional_origins_down_cost_their_own_facets() {
    let (master, ..) = good();
    let down = ScriptedResponse::failure(OriginHttpError::Connection);
    let case =
        Case::new(&master, &down, &ScriptedResponse::status(500, "text/html", "<h1>oops</h1>"));
    let flow = case.run();
    assert_eq!(states(&flow), ["fetched", "unavailable", "unavailable"]);
    let error = |facet| flow.facets.get(&facet).and_then(|result| result.state.error());
    assert_eq!(error(FacetName::Equipment), Some(ErrorToken::ConnectionRefused));
    assert_eq!(error(FacetName::Recalls), Some(ErrorToken::HttpProtocolError));
    assert!(flow.missing.is_empty());
    case.world.run_background();
    case.run();
    assert_eq!(case.asked(), 5, "failures are never stored as facts");
}

#[test]
fn err_required_origin_down_answers_at_once() {
    let (_, equipment, recalls) = good();
    let case = Case::new(
        &ScriptedResponse::failure(OriginHttpError::Connection),
        &equipment.after(800),
        &recalls.after(800),
    );
    let started = case.world.ports().clock.now();
    let flow = case.run();
    assert_eq!(flow.answered.since_ms(started), 20, "there is nothing to wait for");
    assert!(matches!(flow.missing.as_slice(), [(FacetName::Identity, Missing::Failed(_))]));
    case.world.run_background();
    assert_eq!(
        sqlite::facets_in_kv(&case.world),
        ["equipment", "recalls"],
        "what the others answer is kept"
    );
}

#[test]
fn err_required_origin_slow_is_pending() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master.after(2000), &equipment, &recalls);
    assert_eq!(case.run().missing, [(FacetName::Identity, Missing::Pending)]);
    case.world.run_background();
    assert!(case.run().missing.is_empty());
}

#[test]
fn ok_unknown_car_is_remembered_and_nothing_else_about_it() {
    let (_, equipment, recalls) = good();
    let case = Case::new(
        &ScriptedResponse::status(500, "text/xml", UNKNOWN),
        &equipment.after(300),
        &recalls.after(300),
    );
    assert!(case.run().unknown_vehicle);
    case.world.run_background();
    assert_eq!(sqlite::facets_in_kv(&case.world), ["identity"]);
    assert!(case.run_for(&[FacetName::Recalls]).unknown_vehicle);
    assert_eq!(case.asked(), 3, "a car that is known not to exist costs no call");
}

#[test]
fn ok_stale_is_served_at_once_and_refreshed_after() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment, &recalls);
    case.run();
    case.world.run_background();
    case.world.advance_s(700); // Recalls are fresh for 600 s.
    let started = case.world.ports().clock.now();
    let flow = case.run();
    assert_eq!((states(&flow), flow.answered.since_ms(started)), (vec!["hit", "hit", "stale"], 0));
    case.world.run_background();
    assert_eq!(states(&case.run()), ["hit", "hit", "hit"]);
    assert_eq!(case.asked(), 4);
}

#[test]
fn ok_stale_stands_in_while_the_origin_fails_or_hangs() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment, &recalls);
    case.run();
    case.world.run_background();
    case.world.advance_s(80_000); // Recalls may be served stale for 3600 s, and for 86400 s while their origin fails.
    case.answers(&master, &equipment, &ScriptedResponse::failure(OriginHttpError::Connection));
    let flow = case.run();
    assert_eq!(states(&flow), ["hit", "stale", "stale"]);
    let error = |facet| flow.facets.get(&facet).and_then(|result| result.state.error());
    assert_eq!(
        (error(FacetName::Equipment), error(FacetName::Recalls)),
        (None, Some(ErrorToken::ConnectionRefused))
    );
    case.answers(&master, &equipment, &recalls.clone().after(5000));
    assert_eq!(states(&case.run()), ["hit", "stale", "stale"], "the deadline passes");
    case.world.advance_s(10_000);
    case.answers(&master, &equipment, &ScriptedResponse::failure(OriginHttpError::Connection));
    assert_eq!(states(&case.run()).last(), Some(&"unavailable"), "past the error window");
}

#[test]
fn ok_a_raised_field_is_not_met_in_the_cache() {
    let (master, equipment, recalls) = good();
    let mut case = Case::new(&master, &equipment, &recalls);
    case.run();
    case.world.run_background();
    let raised = "\n[disclosure]\n\"identity.model_year\" = \"member\"\n";
    let text = format!("{}{raised}", include_str!("../../tests/fixtures/market.toml"));
    case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
    let flow = case.run();
    assert_eq!(states(&flow), ["fetched", "hit", "hit"]);
    assert_eq!(value(&flow, FacetName::Identity), r#"{"make":"Porsche","model":"911"}"#);
}

#[test]
fn ok_a_facet_that_needs_another_waits_for_it() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment, &recalls).where_equipment_needs_the_model();
    assert_eq!(states(&case.run_for(&[FacetName::Equipment])), ["fetched"]);
    let urls: Vec<String> = case.world.requests().into_iter().map(|request| request.url).collect();
    assert_eq!(
        urls,
        ["https://erp.example.com/VehicleMaster", "https://equipment.example.com/cars/911"]
    );
}

#[test]
fn ok_an_old_value_serves_what_needs_it_while_its_origin_fails() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment, &recalls).where_equipment_needs_the_model();
    case.run();
    case.world.run_background();
    case.world.advance_s(1_000_000); // Identity is in its error window, all else is gone.
    case.answers(&ScriptedResponse::failure(OriginHttpError::Connection), &equipment, &recalls);
    assert_eq!(states(&case.run()), ["stale", "fetched", "fetched"]);
}

#[test]
fn ok_a_facet_above_the_callers_tier_is_withheld_even_where_it_is_required() {
    let (master, equipment, recalls) = good();
    let mut case = Case::new(&master, &equipment, &recalls);
    let public =
        crate::vehicle::fields(FacetName::Identity).iter().filter(|field| field.is_public());
    let raised =
        public.map(|field| format!("\"identity.{}\" = \"owner\"", field.path)).collect::<Vec<_>>();
    let raised = raised.join("\n");
    let market = include_str!("../../tests/fixtures/market.toml");
    let text = format!("{market}\n[disclosure]\n{raised}");
    case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
    let flow = case.run();
    assert_eq!(states(&flow), ["withheld", "fetched", "fetched"]);
    assert!(flow.missing.is_empty());
}

#[test]
fn ok_a_mapping_that_was_corrected_is_not_met_in_the_cache() {
    let (master, equipment, recalls) = good();
    let mut case = Case::new(&master, &equipment, &recalls);
    case.run();
    case.world.run_background();
    let text = include_str!("../../tests/fixtures/market.toml")
        .replace("name = \"/name\"", "name = \"/title\"");
    case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
    assert_eq!(states(&case.run()), ["hit", "unavailable", "hit"]);
}

#[test]
fn ok_stores_that_fail_cost_speed_only() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment, &recalls);
    case.world.stores_fail.set(Some(StoreError::Unavailable));
    assert_eq!(states(&case.run()), ["fetched", "fetched", "fetched"]);
    case.world.run_background();
    assert_eq!(states(&case.run()), ["hit", "hit", "hit"], "the isolate remembers for seconds");
    case.world.advance_s(5);
    assert_eq!(states(&case.run()), ["fetched", "fetched", "fetched"]);
}

#[test]
fn ok_no_event_holds_the_vin() {
    let (master, ..) = good();
    let bad =
        ScriptedResponse::ok("application/json", r#"{"items": [{"name": ["WP0ZZZ99ZTS390000"]}]}"#);
    let case =
        Case::new(&master, &bad, &ScriptedResponse::status(500, "text/plain", "WP0ZZZ99ZTS390000"));
    case.run();
    let lines: Vec<String> =
        case.world.events.borrow().iter().map(crate::telemetry::Event::to_json).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("WP0ZZZ99ZTS390000")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("\"pointer\":\"/items/0/name\"")), "{lines:?}");
}

mod fast_path;
mod keepers;
mod kv_edge;
mod mishaps;
mod region;
