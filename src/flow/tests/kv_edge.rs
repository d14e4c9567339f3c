//! Flows over a KV like the deployed one: it remembers misses and old values for a minute, and
//! takes one write per second and key.

use std::cell::{Cell, RefCell};

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::region::{ALL, all};
use super::*;
use crate::ports::{Clock, Kv, StoreError, Timestamp};

/// KV as it is: what was read, or found missing, is remembered for a minute; a key takes one write
/// a second.
struct Edge {
    store: Rc<dyn Kv>,
    clock: Rc<dyn Clock>,
    seen: RefCell<Vec<(String, Option<String>, Timestamp)>>,
    written: RefCell<Vec<(String, Timestamp)>>,
    refused: Cell<u32>,
}

impl Kv for Rc<Edge> {
    fn get_many(
        &self,
        keys: Vec<String>,
    ) -> LocalBoxFuture<'static, Result<Vec<Option<String>>, StoreError>> {
        let edge = Rc::clone(self);
        async move {
            let now = edge.clock.now();
            edge.seen.borrow_mut().retain(|(_, _, at)| now.since_ms(*at) < 60_000);
            for key in &keys {
                if edge.seen.borrow().iter().any(|(known, ..)| known == key) {
                    continue;
                }
                let found = edge.store.get_many(vec![key.clone()]).await?.pop().flatten();
                edge.seen.borrow_mut().push((key.clone(), found, now));
            }
            let seen = edge.seen.borrow();
            let of = |key| {
                seen.iter().find(|(known, ..)| known == key).and_then(|(_, found, _)| found.clone())
            };
            Ok(keys.iter().map(of).collect())
        }
        .boxed_local()
    }

    fn put(
        &self,
        key: String,
        value: String,
        ttl_s: u64,
    ) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let now = self.clock.now();
        let mut written = self.written.borrow_mut();
        written.retain(|(_, at)| now.since_ms(*at) < 1_000);
        if written.iter().any(|(known, _)| *known == key) {
            self.refused.set(self.refused.get() + 1);
            return std::future::ready(Err(StoreError::Unavailable)).boxed_local();
        }
        written.push((key.clone(), now));
        self.store.put(key, value, ttl_s)
    }

    fn delete(&self, key: String) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        self.store.delete(key)
    }
}

#[test]
fn ok_what_kv_forgets_refuses_and_shows_late_does_no_harm() {
    let (master, equipment, recalls) = good();
    let case = Case::new(&master, &equipment.after(300), &recalls.after(700));
    let edge = Rc::new(Edge {
        store: case.world.ports().cache,
        clock: case.world.clock(),
        seen: RefCell::default(),
        written: RefCell::default(),
        refused: Cell::new(0),
    });
    let visit = |isolate: &Case, facets: &[FacetName]| {
        let ports = Ports { cache: Rc::new(Rc::clone(&edge)), ..case.world.ports() };
        let request = FlowRequest { facets: facets.to_vec(), ..case.request_of(Tier::Public) };
        let memory = isolate.memory.clone();
        async move { run_with(&ports, &memory, request).await }
    };
    // Three isolates want one facet each, so that all of them write the car's entry within one
    // second.
    let isolates: Vec<Case> = (0..3).map(|_| case.isolate()).collect();
    let visits = isolates
        .iter()
        .zip(&ALL)
        .map(|(isolate, facet)| visit(isolate, std::slice::from_ref(facet)));
    let flows = case.world.run(futures::future::join_all(visits));
    assert!(flows.iter().all(|flow| flow.missing.is_empty()));
    // The edge remembers that there was nothing; the record has it, or has it a moment later.
    let again = case.world.run(visit(&case.isolate(), &ALL));
    assert!(
        again.facets.values().all(|facet| matches!(facet.via, Via::Hit | Via::Collapsed)),
        "{:?}",
        states(&again)
    );
    case.world.run_background();
    assert!(edge.refused.get() > 0, "the test wants a refusal");
    assert_eq!(
        sqlite::facets_in_kv(&case.world),
        ["equipment", "identity", "recalls"],
        "in the end KV has all"
    );
    case.world.advance_s(61);
    let before = case.world.statements().len();
    assert!(all(&case.world.run(visit(&case.isolate(), &ALL)), "hit"));
    assert_eq!(case.world.statements().len(), before);
    assert_eq!(case.asked(), 3);
}
