//! Two isolates and more over one record: leases, generations, what is sealed, and a week without
//! origins.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::*;
use crate::cache::FacetStore;
use crate::ports::{Clock, Rows, Statement, StoreError, Timestamp};

pub(super) const ALL: [FacetName; 3] =
    [FacetName::Identity, FacetName::Equipment, FacetName::Recalls];

impl Case {
    /// The same region, another isolate.
    pub(super) fn isolate(&self) -> Self {
        let (world, database, market) =
            (Rc::clone(&self.world), Rc::clone(&self.database), Rc::clone(&self.market));
        Self { world, database, memory: FlowMemory::default(), market }
    }

    pub(super) fn visit(&self, tier: Tier) -> impl Future<Output = Flow> + use<> {
        let (ports, memory, request) =
            (self.world.ports(), self.memory.clone(), self.request_of(tier));
        async move { run_with(&ports, &memory, request).await }
    }

    pub(super) fn request_of(&self, tier: Tier) -> FlowRequest {
        FlowRequest {
            market: Rc::clone(&self.market),
            lookup: "car".into(),
            sealing: self.sealing(),
            purges: Rc::default(),
            facets: ALL.to_vec(),
            right: right(tier),
            keys: keys(),
            keeper_changed: |_, _, _, _| Vec::new(),
            started: self.world.ports().clock.now(),
            trace: OriginTrace {
                id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
                flags: "01",
                state: None,
            },
        }
    }

    pub(super) fn see(&self, tier: Tier) -> Flow {
        let flow = self.world.run(self.visit(tier));
        self.world.run_background();
        flow
    }

    pub(super) fn rows(&self, sql: &str) -> Vec<String> {
        let mut statement = self.database.prepare(sql).expect("SQL");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        rows.map(|row| row.expect("a text")).collect()
    }

    pub(super) fn change(&self, sql: &str) {
        self.database.execute_batch(sql).expect("SQL");
    }
}

pub(super) fn calm() -> Case {
    let (master, equipment, recalls) = good();
    Case::new(&master, &equipment, &recalls)
}

pub(super) fn all(states_of: &Flow, state: &str) -> bool {
    states(states_of).iter().all(|known| *known == state)
}

#[test]
fn ok_many_isolates_make_one_call_an_origin() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master.after(300), &equipment.after(200), &recalls.after(100));
    case.world.stores_take_ms.set(5);
    let isolates: Vec<Case> = (0..64).map(|_| case.isolate()).collect();
    let flows = case
        .world
        .run(futures::future::join_all(isolates.iter().map(|isolate| isolate.visit(Tier::Public))));
    case.world.run_background();
    assert_eq!(case.asked(), 3);
    assert!(flows.iter().all(|flow| flow.missing.is_empty() && flow.facets.len() == 3));
    let word = |flow: &Flow| flow.facets.values().map(|facet| facet.via).collect::<Vec<_>>();
    assert_eq!(flows.iter().filter(|flow| word(flow) == [Via::Fetched; 3]).count(), 1);
    assert_eq!(flows.iter().filter(|flow| word(flow) == [Via::Collapsed; 3]).count(), 63);
    assert_eq!(case.rows("SELECT origin FROM lease"), [""; 0], "leases end with what they brought");
}

#[test]
fn ok_what_is_late_elsewhere_is_pending_here() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment.after(1_500), &recalls);
    let other = case.isolate();
    let flows =
        case.world.run(futures::future::join(case.visit(Tier::Public), other.visit(Tier::Public)));
    for flow in [&flows.0, &flows.1] {
        assert!(matches!(
            flow.facets.get(&FacetName::Equipment).expect("asked for").state,
            State::Pending
        ));
    }
    case.world.run_background();
    assert_eq!(case.asked(), 3);
    assert!(all(&case.isolate().see(Tier::Public), "hit"));
}

#[test]
fn ok_a_failure_elsewhere_is_learned_before_the_deadline() {
    let (master, _, recalls) = good();
    let case =
        Case::new(&master, &ScriptedResponse::status(500, "text/plain", "").after(100), &recalls);
    let other = case.isolate();
    let (one, two) =
        case.world.run(futures::future::join(case.visit(Tier::Public), other.visit(Tier::Public)));
    for flow in [&one, &two] {
        assert!(matches!(
            flow.facets.get(&FacetName::Equipment).expect("asked for").state,
            State::Unavailable(_)
        ));
        assert!(flow.answered.0 < 1_795_161_600_000 + 500);
    }
    assert_eq!(case.asked(), 3);
}

#[test]
fn ok_a_holder_that_died_loses_its_lease_by_expiry() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment.clone().after(2_000), &recalls);
    case.world.run(case.visit(Tier::Public));
    case.world.cancel_background();
    assert_eq!(case.rows("SELECT origin FROM lease"), ["equipment"]);
    case.answers(&master, &equipment, &recalls);
    assert_eq!(states(&case.isolate().see(Tier::Public)), ["hit", "pending", "hit"]);
    assert_eq!(case.asked(), 3, "nobody else asks while the lease stands");
    case.world.advance_s(4);
    assert_eq!(states(&case.isolate().see(Tier::Public)), ["hit", "fetched", "hit"]);
    assert_eq!(case.asked(), 4);
}

#[test]
fn ok_a_late_writer_with_an_old_generation_changes_nothing() {
    let case = calm();
    case.see(Tier::Public);
    let old = case.rows("SELECT public FROM stored_facet WHERE facet = 'equipment'");
    // Another isolate, whose lease was granted later, has been faster.
    case.change("UPDATE stored_facet SET generation = generation + 50000, public = '{\"item_count\":7}' WHERE facet = 'equipment'");
    let late = case.isolate();
    case.change("DELETE FROM lease");
    case.world.cache.borrow_mut().clear();
    let store =
        FacetStore::new(&case.world.ports(), &case.market, "car", &case.sealing(), &Rc::default());
    let flow = late.see(Tier::Public);
    assert_eq!(value(&flow, FacetName::Equipment), r#"{"item_count":7}"#);
    let stored = case.world.run(store.lookup(
        &ALL,
        &right(Tier::Public),
        None,
        |_, _| Some(Vec::new()),
        || shared_breaker::select_open(&case.market, flow.answered),
    ));
    let mut envelope = stored.found.get(&FacetName::Equipment).expect("stored").clone();
    envelope.generation -= 50_000;
    if let crate::cache::Stored::Present { public, .. } = &mut envelope.stored {
        *public = old[0].as_str().into();
    }
    case.world.run(store.record(&[(FacetName::Equipment, envelope)], &[], Vec::new()));
    assert_eq!(
        case.rows("SELECT public FROM stored_facet WHERE facet = 'equipment'"),
        [r#"{"item_count":7}"#]
    );
}

#[test]
fn ok_clocks_of_isolates_that_differ_do_no_harm() {
    // D1's clock grants and compares; an isolate's own clock only tells ages. One that is seconds
    // ahead or behind neither gets a second lease nor hides what is there.
    let (master, equipment, recalls) = good();
    let case = Case::new(&master.after(300), &equipment.after(300), &recalls.after(300));
    let skewed = |seconds: i64| {
        let isolate = case.isolate();
        let clock = Rc::new(Skewed { world: case.world.clock(), seconds });
        let ports = Ports { clock, ..case.world.ports() };
        let request = FlowRequest { started: ports.clock.now(), ..case.request_of(Tier::Public) };
        async move { run_with(&ports, &isolate.memory, request).await }
    };
    let flows = case.world.run(futures::future::join_all([-9, -4, 0, 4, 9].map(skewed)));
    case.world.run_background();
    assert_eq!(case.asked(), 3);
    assert!(flows.iter().all(|flow| flow.missing.is_empty() && flow.facets.len() == 3));
    let again = case.world.run(futures::future::join_all([-9, -4, 0, 4, 9].map(skewed)));
    assert!(again.iter().all(|flow| {
        flow.facets.values().all(|facet| matches!(facet.state, State::Present { .. }))
    }));
    assert_eq!(case.asked(), 3);
}

struct Skewed {
    world: Rc<dyn Clock>,
    seconds: i64,
}

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp(self.world.now().0 + self.seconds * 1000)
    }
}

#[test]
fn ok_origins_down_for_a_week_and_back() {
    let week = 7 * 24 * 3600;
    let text = include_str!("../../../tests/fixtures/market.toml")
        .replace("error_s = 86400", "error_s = 1209600");
    let mut case = calm();
    case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
    let windows =
        |facet: &FacetName| case.market.facets.get(facet).map_or(0, |facet| facet.error_s);
    let kept: Vec<FacetName> =
        ALL.into_iter().filter(|facet| i64::from(windows(facet)) > week).collect();
    assert!(!kept.is_empty(), "the fixture has a window of more than a week");
    case.see(Tier::Public);
    let down = ScriptedResponse::failure(OriginHttpError::Connection);
    case.answers(&down, &down, &down);
    for _hour in 0..7 * 24 {
        case.world.advance_s(3600);
        let flow = case.isolate().see(Tier::Public);
        for facet in &kept {
            let state = &flow.facets.get(facet).expect("asked for").state;
            let State::Present { stored, .. } = state else {
                panic!("{facet} is {state:?} within its error window")
            };
            let age = flow.answered.since_ms(Timestamp(1_795_161_600_000)) / 1000;
            assert!((stored.age_s - age).abs() <= 1 && stored.source.len() > 1);
        }
    }
    let stale = case.isolate().see(Tier::Public);
    assert!(
        kept.iter()
            .all(|facet| stale.facets.get(facet).is_some_and(|result| result.via == Via::Stale))
    );
    let (master, equipment, recalls) = good();
    case.answers(&master, &equipment, &recalls);
    case.world.advance_s(120); // Breakers of the region close.
    case.isolate().see(Tier::Public);
    let fresh = case.isolate().see(Tier::Public);
    assert!(all(&fresh, "hit"), "{:?}", states(&fresh));
    assert!(
        fresh.facets.values().all(
            |result| matches!(&result.state, State::Present { stored, .. } if stored.ttl_s > 0)
        )
    );
}

#[test]
fn ok_members_see_what_is_sealed_without_asking_again() {
    let case = calm();
    case.see(Tier::Public);
    let member = case.isolate().see(Tier::Member);
    assert_eq!(
        value(&member, FacetName::Equipment),
        r#"{"item_count":1,"items":[{"name":"ABS"}]}"#
    );
    assert!(all(&member, "hit"));
    let public = case.isolate().see(Tier::Public);
    assert_eq!(value(&public, FacetName::Equipment), r#"{"item_count":1}"#);
    assert_eq!(case.asked(), 3);
    let stores =
        sqlite::everything(&case.database).join(" ") + &format!("{:?}", case.world.cache.borrow());
    assert!(!stores.contains("ABS\"") && !stores.contains("R1\""), "{stores}");
}

#[test]
fn err_what_does_not_open_is_fetched_again() {
    for damage in [
        "UPDATE stored_facet SET key_id = 9 WHERE facet = 'equipment'",
        "UPDATE stored_facet SET sealed = (SELECT sealed FROM stored_facet WHERE facet = 'recalls') WHERE facet = 'equipment'",
        "UPDATE stored_facet SET sealed = 'x' WHERE facet = 'equipment'",
    ] {
        let case = calm();
        case.see(Tier::Public);
        case.change(damage);
        assert!(all(&case.isolate().see(Tier::Public), "hit"), "the public part needs no key");
        let member = case.isolate().see(Tier::Member);
        assert_eq!(
            value(&member, FacetName::Equipment),
            r#"{"item_count":1,"items":[{"name":"ABS"}]}"#,
            "{damage}"
        );
        assert_eq!(case.asked(), 4);
        let events = case.world.events.borrow();
        assert!(
            events.iter().any(|event| event.message.starts_with("a sealed facet cannot be opened"))
        );
        drop(events);
        case.isolate().see(Tier::Member);
        assert_eq!(case.asked(), 4, "it is sealed anew");
    }
}

#[test]
fn ok_what_kv_lost_is_put_back_from_the_record() {
    let case = calm();
    case.see(Tier::Public);
    case.world.cache.borrow_mut().clear();
    case.world.advance_s(61);
    assert!(all(&case.isolate().see(Tier::Public), "hit"));
    assert_eq!(sqlite::facets_in_kv(&case.world), ["equipment", "identity", "recalls"]);
    assert_eq!(case.asked(), 3);
    let before = case.world.statements().len();
    assert!(all(&case.isolate().see(Tier::Public), "hit"));
    assert_eq!(case.world.statements().len(), before, "no statement where KV has all");
}

#[test]
fn ok_one_refreshes_what_all_are_served_stale() {
    let case = calm();
    case.see(Tier::Public);
    case.world.advance_s(700); // Recalls are fresh for 600 s.
    let isolates: Vec<Case> = (0..20).map(|_| case.isolate()).collect();
    case.world.stores_take_ms.set(5);
    let flows = case
        .world
        .run(futures::future::join_all(isolates.iter().map(|isolate| isolate.visit(Tier::Public))));
    case.world.run_background();
    assert!(flows.iter().all(|flow| states(flow) == ["hit", "hit", "stale"]));
    assert_eq!(case.asked(), 4);
    assert!(all(&case.isolate().see(Tier::Public), "hit"));
}

#[test]
fn ok_without_the_record_answers_and_the_cache_go_on() {
    let case = calm();
    case.world.use_database(|_| Err(StoreError::Unavailable));
    assert!(all(&case.see(Tier::Public), "fetched"));
    assert!(all(&case.isolate().see(Tier::Public), "hit"));
    assert_eq!(case.asked(), 3);
}

#[test]
fn ok_a_record_that_grants_nothing_and_has_nothing_holds_up_nobody() {
    let case = calm();
    case.world.use_database(|statements| Ok(statements.iter().map(|_| Vec::new()).collect()));
    let started = case.world.ports().clock.now();
    let flow = case.see(Tier::Public);
    assert!(all(&flow, "fetched") && flow.answered.since_ms(started) < 100, "{:?}", states(&flow));
}

#[test]
fn ok_a_record_that_hangs_costs_half_a_second_once() {
    struct Hangs;
    impl crate::ports::Db for Hangs {
        fn batch(
            &self,
            _: Vec<Statement>,
        ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
            std::future::pending().boxed_local()
        }
    }
    let case = calm();
    let visit = |car: &str| {
        let ports = Ports { db: Rc::new(Hangs), ..case.world.ports() };
        let request = FlowRequest { lookup: car.into(), ..case.request_of(Tier::Public) };
        let memory = case.memory.clone();
        case.world.run(async move { (ports.clock.now(), run_with(&ports, &memory, request).await) })
    };
    for (car, most_ms) in [("one", 600), ("two", 100)] {
        let (started, flow) = visit(car);
        assert!(
            all(&flow, "fetched") && flow.answered.since_ms(started) < most_ms,
            "{:?}",
            states(&flow)
        );
    }
}

#[test]
fn ok_hot_facets_are_refreshed_before_they_end() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment, &recalls.after(800));
    case.see(Tier::Public);
    let lifetime =
        case.rows("SELECT CAST(ttl_s AS TEXT) FROM stored_facet WHERE facet = 'recalls'");
    let ttl_s: i64 = lifetime[0].parse().expect("seconds");
    case.world.advance_s(ttl_s - 60);
    assert!((0..50).all(|_| all(&case.isolate().see(Tier::Public), "hit")));
    assert_eq!(case.asked(), 3, "a minute before its end nothing is due");
    case.world.advance_s(59);
    let seen: Vec<Flow> = (0..50).map(|_| case.isolate().see(Tier::Public)).collect();
    assert!(seen.iter().all(|flow| all(flow, "hit")), "nobody is served stale");
    assert_eq!(case.asked(), 4, "one of many has refreshed it");
}

#[test]
fn ok_long_facets_are_stored_in_parts_and_too_long_ones_not_at_all() {
    let items = |count: usize| {
        let name = "x".repeat(1_000);
        let list: Vec<String> = (0..count).map(|_| format!(r#"{{"name": "{name}"}}"#)).collect();
        ScriptedResponse::ok("application/json", &format!(r#"{{"items": [{}]}}"#, list.join(",")))
    };
    let text = include_str!("../../../tests/fixtures/market.toml")
        .replace("timeout_ms", "max_bytes = 8000000\ntimeout_ms");
    for (count, stored) in [(1_350, true), (1_500, false)] {
        let (master, _, recalls) = good();
        let mut case = Case::new(&master, &items(count), &recalls);
        case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
        assert!(all(&case.see(Tier::Public), "fetched"));
        let rows = case.rows("SELECT facet FROM stored_facet ORDER BY facet");
        assert_eq!(rows.contains(&"equipment".to_owned()), stored, "{rows:?}");
        assert!(rows.len() >= 2);
        let longest =
            case.world.statements().into_iter().flat_map(|s| s.params).map(|param| match param {
                crate::ports::DbValue::Text(text) => text.len(),
                _ => 0,
            });
        assert!(longest.max() < Some(2_000_000));
    }
}
