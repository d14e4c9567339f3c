//! The short way beside the long one: where it answers, both say the same.

use super::region::{ALL, calm};
use super::*;
use crate::cache::purge::Purges;

/// The short way by an isolate that remembers nothing; nothing where it does not lead to the end.
fn by_short(case: &Case) -> Option<Flow> {
    let isolate = case.isolate();
    match case.world.run(short(
        &case.world.ports(),
        &isolate.memory,
        &case.request_of(Tier::Public).ask(),
    )) {
        Way::Answered(flow) => Some(flow),
        Way::Entry(_) | Way::Long => None,
    }
}

/// The long way by such an isolate.
fn by_long(case: &Case) -> Flow {
    let (isolate, ports, request) =
        (case.isolate(), case.world.ports(), case.request_of(Tier::Public));
    case.world.run(async move {
        let mut running = Running::start(&ports, &isolate.memory, request, None).await;
        running.by_deadline().await;
        running.answer()
    })
}

#[test]
fn ok_what_it_answers_is_what_the_long_way_answers() {
    let (_, equipment, recalls) = good();
    let missing = ScriptedResponse::status(404, "application/json", "{}");
    for equipment in [&equipment, &missing] {
        let case = calm();
        case.answers(&good().0, equipment, &recalls);
        case.see(Tier::Public);
        let (mut answered, mut left) = (0, 0);
        for _ in 0..80 {
            case.world.advance_s(60);
            let one = by_short(&case);
            let other = by_long(&case);
            // What the long way would refresh is not refreshed here: time alone changes what is
            // stored.
            case.world.cancel_background();
            case.change("DELETE FROM lease");
            match one {
                Some(one) => {
                    assert!(one.is_short && !other.is_short);
                    let other = Flow { is_short: true, ..other };
                    assert_eq!(format!("{one:?}"), format!("{other:?}"));
                    answered += 1;
                }
                None => left += 1,
            }
        }
        assert!(answered >= 5 && left >= 20, "{answered} answered, {left} left to the long way");
    }
}

#[test]
fn ok_what_it_cannot_answer_goes_the_long_way() {
    let case = calm();
    assert!(by_short(&case).is_none(), "nothing is stored");
    case.see(Tier::Public);
    assert!(by_short(&case).is_some());
    let entry =
        case.world.cache.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).next();
    let (key, text) = entry.expect("an entry");
    let put = |text: String| drop(case.world.cache.borrow_mut().insert(key.clone(), text));
    let policy = |text: &str| text.split(' ').nth(4).expect("a policy").to_owned();
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
        assert!(by_short(&case).is_none(), "{damaged}");
    }
    put(text);
    assert!(by_short(&case).is_some());
    let rule = format!(r#"[{{"id":1,"generation":1,"expires_at_ms":{},"hard":0}}]"#, i64::MAX);
    let go = |request: FlowRequest| {
        let way =
            case.world.run(short(&case.world.ports(), &case.isolate().memory, &request.ask()));
        matches!(way, Way::Answered(_))
    };
    assert!(go(case.request_of(Tier::Public)));
    assert!(!go(case.request_of(Tier::Owner)));
    let purges = Rc::new(Purges::parse(&rule).expect("a list"));
    assert!(!go(FlowRequest { purges, ..case.request_of(Tier::Public) }));
    for facets in [ALL[..2].to_vec(), [ALL[0], ALL[1], ALL[1]].to_vec()] {
        assert!(!go(FlowRequest { facets, ..case.request_of(Tier::Public) }));
    }
}

#[test]
fn ok_what_was_read_is_remembered_for_seconds_and_what_landed_since_comes_first() {
    let case = calm();
    case.see(Tier::Public);
    let isolate = case.isolate();
    assert!(all_hits(&isolate.see(Tier::Public)));
    // Neither way reads again.
    case.world.stores_fail.set(Some(StoreError::Unavailable));
    assert!(all_hits(&isolate.see(Tier::Public)));
    let one = FlowRequest { facets: vec![FacetName::Identity], ..isolate.request_of(Tier::Public) };
    let ports = case.world.ports();
    assert!(
        all_hits(&case.world.run(run(&ports, &isolate.memory, one))),
        "the long way knows it too"
    );
    assert!(all_hits(&isolate.see(Tier::Public)), "and then the short one by it");
    case.world.advance_s(4);
    assert!(!all_hits(&isolate.see(Tier::Public)));
}

fn all_hits(flow: &Flow) -> bool {
    flow.facets.values().all(|result| result.via == Via::Hit)
}
