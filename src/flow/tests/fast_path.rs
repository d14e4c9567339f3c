//! The fast path beside the slow path: both give the same result.

use super::region::{ALL, calm};
use super::*;
use crate::cache::purge::PurgeRules;

/// The fast path's result in an isolate with an empty memory; `None` unless it is a hit.
fn by_fast_path(case: &Case) -> Option<Flow> {
    let isolate = case.isolate();
    match case.world.run(super::super::fast_path::lookup(
        &case.world.ports(),
        &isolate.memory,
        &case.request_of(Tier::Public),
    )) {
        CacheLookup::Hit(flow) => Some(flow),
        CacheLookup::Partial(_) | CacheLookup::Miss => None,
    }
}

/// The slow path's result in such an isolate.
fn by_slow_path(case: &Case) -> Flow {
    let (isolate, ports, request) =
        (case.isolate(), case.world.ports(), case.request_of(Tier::Public));
    let vin = Vin::parse(VIN).expect("valid");
    case.world.run(async move {
        let mut running = RunningFlow::start(&ports, &isolate.memory, request, vin, None).await;
        running.wait_for_deadline().await;
        running.result()
    })
}

#[test]
fn ok_fast_and_slow_path_give_the_same_result() {
    let (_, equipment, recalls) = good();
    let missing = ScriptedResponse::status(404, "application/json", "{}");
    for equipment in [&equipment, &missing] {
        let case = calm();
        case.answers(&good().0, equipment, &recalls);
        case.see(Tier::Public);
        let (mut answered, mut left) = (0, 0);
        for _ in 0..80 {
            case.world.advance_s(60);
            let one = by_fast_path(&case);
            let other = by_slow_path(&case);
            // Refreshes of the slow path are cancelled here: only time changes the stored
            // facets.
            case.world.cancel_background();
            case.change("DELETE FROM lease");
            match one {
                Some(one) => {
                    assert!(one.is_fast_path && !other.is_fast_path);
                    let other = Flow { is_fast_path: true, ..other };
                    assert_eq!(format!("{one:?}"), format!("{other:?}"));
                    answered += 1;
                }
                None => left += 1,
            }
        }
        assert!(answered >= 5 && left >= 20, "{answered} answered, {left} left to the slow path");
    }
}

#[test]
fn ok_a_partial_entry_takes_the_slow_path() {
    let case = calm();
    assert!(by_fast_path(&case).is_none(), "nothing is stored");
    case.see(Tier::Public);
    assert!(by_fast_path(&case).is_some());
    let entry =
        case.world.cache.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).next();
    let (key, text) = entry.expect("an entry");
    let put = |text: String| drop(case.world.cache.borrow_mut().insert(key.clone(), text));
    let policy = |text: &str| text.split(' ').nth(6).expect("a policy").to_owned();
    for damaged in [
        String::new(),
        text.replace("kerbside-car", "other"),
        text.replace(&format!(" {} ", policy(&text)), " 1 "),
        text.lines().take(3).collect::<Vec<_>>().join("\n"),
        text.get(..text.len() - 1).expect("longer").to_owned(),
        // One facet three times.
        [0, 1, 2, 1, 2, 1, 2].map(|line| text.lines().nth(line).expect("a line")).join("\n"),
    ] {
        put(damaged.clone());
        assert!(by_fast_path(&case).is_none(), "{damaged}");
    }
    put(text);
    assert!(by_fast_path(&case).is_some());
    let rule = format!(r#"[{{"id":1,"generation":1,"expires_at_ms":{},"hard":0}}]"#, i64::MAX);
    let go = |request: FlowRequest| {
        let way = case.world.run(super::super::fast_path::lookup(
            &case.world.ports(),
            &case.isolate().memory,
            &request,
        ));
        matches!(way, CacheLookup::Hit(_))
    };
    assert!(go(case.request_of(Tier::Public)));
    assert!(!go(case.request_of(Tier::Owner)));
    let purges =
        Rc::new(PurgeRules::parse(&rule, crate::ports::Timestamp(i64::MAX)).expect("a list"));
    assert!(!go(FlowRequest { purges, ..case.request_of(Tier::Public) }));
    for facets in [ALL[..2].to_vec(), [ALL[0], ALL[1], ALL[1]].to_vec()] {
        assert!(!go(FlowRequest { facets, ..case.request_of(Tier::Public) }));
    }
}

#[test]
fn ok_a_read_entry_is_remembered_for_seconds_and_completed_fetches_take_precedence() {
    let case = calm();
    case.see(Tier::Public);
    let isolate = case.isolate();
    assert!(all_hits(&isolate.see(Tier::Public)));
    // Neither path reads again.
    case.world.stores_fail.set(Some(StoreError::Unavailable));
    assert!(all_hits(&isolate.see(Tier::Public)));
    let one = FlowRequest { facets: vec![FacetName::Identity], ..isolate.request_of(Tier::Public) };
    let ports = case.world.ports();
    assert!(
        all_hits(&case.world.run(run_with(&ports, &isolate.memory, one))),
        "the slow path knows it too"
    );
    assert!(all_hits(&isolate.see(Tier::Public)), "and then the fast path by it");
    case.world.advance_s(4);
    assert!(!all_hits(&isolate.see(Tier::Public)));
}

fn all_hits(flow: &Flow) -> bool {
    flow.facets.values().all(|result| result.via == Via::Hit)
}
