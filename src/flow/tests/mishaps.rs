//! Regressions: each test failed before its fix.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::region::calm;
use super::*;
use crate::ports::{Rows, Statement, StoreError};

fn later(
    case: &Case,
    ms: u32,
    facets: &[FacetName],
    tier: Tier,
) -> impl Future<Output = Flow> + use<> {
    let (ports, memory, request) = (case.world.ports(), case.memory.clone(), case.request_of(tier));
    let facets = facets.to_vec();
    async move {
        ports.timer.sleep(ms).await;
        let request = FlowRequest { facets, started: ports.clock.now(), ..request };
        run_with(&ports, &memory, request).await
    }
}

#[test]
fn ok_who_follows_is_not_served_what_others_read_from_the_stores() {
    let case = calm();
    case.see(Tier::Public);
    case.world.advance_s(100_000);
    let (master, equipment, recalls) = good();
    case.answers(&master, &equipment, &recalls.after(500));
    let one = later(&case, 0, &[FacetName::Recalls], Tier::Public);
    let two = later(&case, 50, &[FacetName::Recalls], Tier::Public);
    let three = later(&case, 100, &[FacetName::Recalls, FacetName::Equipment], Tier::Public);
    let (_, b, _) = case.world.run(futures::future::join3(one, two, three));
    let State::Present { stored, .. } = &b.facets.get(&FacetName::Recalls).expect("x").state else {
        panic!("not there")
    };
    assert!(stored.age_s < 10, "served {} s old", stored.age_s);
}

#[test]
fn ok_a_member_who_follows_gets_all_of_it() {
    let case = calm();
    case.see(Tier::Public);
    case.world.advance_s(80_000);
    let (master, equipment, recalls) = good();
    case.answers(&master, &equipment, &recalls.after(500));
    let one = later(&case, 0, &[FacetName::Recalls], Tier::Public);
    let two = later(&case, 50, &[FacetName::Recalls], Tier::Member);
    let three = later(&case, 100, &[FacetName::Recalls, FacetName::Equipment], Tier::Public);
    let (_, b, _) = case.world.run(futures::future::join3(one, two, three));
    assert!(value(&b, FacetName::Recalls).contains("items"), "{}", value(&b, FacetName::Recalls));
}

#[test]
fn ok_one_bad_facet_of_an_answer_costs_itself_alone() {
    let (master, _, recalls) = good();
    let answer = ScriptedResponse::ok(
        "application/json",
        r#"{"items": [{"name": "ABS"}], "w": [{"kind": ["x"]}]}"#,
    )
    .after(300);
    let mut case = Case::new(&master, &answer, &recalls);
    let text = include_str!("../../../tests/fixtures/market.toml").to_owned()
        + "\n[facets.warranty]\norigin = \"equipment\"\neach = \"/w\"\n[facets.warranty.map]\nkind = { at = \"/kind\", codes = { F = \"factory\" } }\n";
    case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
    let isolates: Vec<Case> = (0..8).map(|_| case.isolate()).collect();
    let flows = case
        .world
        .run(futures::future::join_all(isolates.iter().map(|isolate| isolate.visit(Tier::Public))));
    case.world.run_background();
    assert!(
        flows.iter().all(|flow| matches!(states(flow)[1], "fetched" | "stale" | "hit")),
        "what came is shown"
    );
    assert_eq!(case.asked(), 3);
}

#[test]
fn ok_what_was_fetched_without_a_lease_does_not_outlive_a_purge() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master.after(500), &equipment, &recalls);
    let now = case.world.ports().clock.now();
    case.memory.set_database_failed(now);
    let database = Rc::clone(&case.database);
    let ports = case.world.ports();
    let at = now.0 + 100;
    let purge = async move {
        ports.timer.sleep(100).await;
        database.execute_batch(&format!("INSERT INTO purge (market, vehicle, hard, generation, expires_at_ms) VALUES ('de', 'car', 1, {at}, {})", at + 86_400_000)).expect("sql");
    };
    case.world.run(futures::future::join(case.visit(Tier::Public), purge));
    case.world.run_background();
    assert_eq!(case.rows("SELECT facet FROM stored_facet WHERE facet = 'identity'"), [""; 0]);
}

struct SlowDb {
    inner: Rc<dyn crate::ports::Db>,
    timer: Rc<dyn crate::ports::Timer>,
    ms: u32,
}
impl crate::ports::Db for SlowDb {
    fn batch(&self, s: Vec<Statement>) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
        let done = self.inner.batch(s);
        let sleep = self.timer.sleep(self.ms);
        async move {
            let r = done.await;
            sleep.await;
            r
        }
        .boxed_local()
    }
}

#[test]
fn ok_a_record_slower_than_the_deadline_stops_no_call() {
    let mut case = calm();
    let text = include_str!("../../../tests/fixtures/market.toml")
        .replace("deadline_ms = 900", "deadline_ms = 300");
    case.market = Rc::new(compile("market.toml", &text).expect("valid").market);
    let mut asked = Vec::new();
    for _ in 0..20 {
        let base = case.world.ports();
        let ports = Ports {
            db: Rc::new(SlowDb { inner: base.db.clone(), timer: base.timer.clone(), ms: 400 }),
            ..base
        };
        let memory = case.memory.clone();
        let request = case.request_of(Tier::Public);
        let flow = case.world.run(async move { run_with(&ports, &memory, request).await });
        case.world.run_background();
        asked.push((states(&flow), case.asked()));
        case.world.advance_s(5);
    }
    assert!(case.asked() > 0, "no origin was ever asked");
}

#[test]
fn ok_without_the_record_kv_keeps_what_it_has() {
    let case = calm();
    case.see(Tier::Public);
    case.world.advance_s(700);
    case.world.use_database(|_| Err(StoreError::Unavailable));
    let other = case.isolate();
    case.world.run(later(&other, 0, &[FacetName::Recalls], Tier::Public));
    case.world.run_background();
    let mut kept = sqlite::facets_in_kv(&case.world);
    kept.sort();
    assert_eq!(kept, ["equipment", "identity", "recalls"]);
}

#[test]
fn ok_a_record_that_hangs_does_not_keep_kv_empty() {
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
    let ports = Ports { db: Rc::new(Hangs), ..case.world.ports() };
    let (memory, request) = (case.memory.clone(), case.request_of(Tier::Public));
    case.world.run(async move { run_with(&ports, &memory, request).await });
    case.world.run_background_for(30_000);
    assert_eq!(sqlite::facets_in_kv(&case.world).len(), 3);
}

#[test]
fn ok_an_old_failure_is_not_believed() {
    let case = calm();
    case.see(Tier::Public);
    // A refresh failed 30 minutes ago; the origin works again. The row does not open.
    case.change("INSERT INTO lease VALUES ('de', 'car', 'equipment', 1795161600500, 0, 'connection_refused')");
    case.change("UPDATE stored_facet SET key_id = 9 WHERE facet = 'equipment'");
    case.world.advance_s(1800);
    let member = case.isolate().see(Tier::Member);
    assert_eq!(states(&member)[1], "fetched");
}

#[test]
fn ok_kv_that_is_behind_catches_up() {
    let case = calm();
    case.see(Tier::Public);
    let kv = case.world.cache.borrow().clone();
    case.world.advance_s(700);
    case.see(Tier::Public);
    assert_eq!(case.asked(), 4);
    // The isolate was killed between D1 and KV.
    *case.world.cache.borrow_mut() = kv;
    case.world.advance_s(61);
    let mut seen = Vec::new();
    for _ in 0..10 {
        seen.push(states(&case.isolate().see(Tier::Public))[2]);
        case.world.advance_s(60);
    }
    assert_eq!(seen[9], "hit");
}

#[test]
fn ok_who_lands_after_another_one_has_stored_changes_nothing() {
    let (master, _, recalls) = good();
    let items = |count: usize| {
        ScriptedResponse::ok(
            "application/json",
            &format!(r#"{{"items": [{}]}}"#, vec![r#"{"name":"x"}"#; count].join(",")),
        )
    };
    let case = Case::new(&master, &items(1).after(2_000), &recalls);
    let other = case.isolate();
    let (database, ports) = (Rc::clone(&case.database), case.world.ports());
    let quicker = items(2);
    let (world, master, recalls) = (Rc::clone(&case.world), master.clone(), recalls.clone());
    let later = async {
        ports.timer.sleep(500).await;
        // As after its expiry; the one that holds it is still waiting for its answer.
        database.execute_batch("UPDATE lease SET until_ms = 0").expect("SQL");
        world.origins(move |request| match request.url.as_str() {
            url if url.contains("erp") => master.clone(),
            url if url.contains("equipment") => quicker.clone(),
            _ => recalls.clone(),
        });
        let request = FlowRequest { started: ports.clock.now(), ..other.request_of(Tier::Public) };
        run_with(&ports, &other.memory, request).await
    };
    let (late, quick) = case.world.run(futures::future::join(case.visit(Tier::Public), later));
    assert_eq!((states(&late)[1], states(&quick)[1]), ("pending", "fetched"));
    case.world.run_background();
    assert_eq!(
        case.rows("SELECT public FROM stored_facet WHERE facet = 'equipment'"),
        [r#"{"item_count":2}"#]
    );
    assert_eq!(
        value(&case.isolate().see(Tier::Public), FacetName::Equipment),
        r#"{"item_count":2}"#
    );
}
