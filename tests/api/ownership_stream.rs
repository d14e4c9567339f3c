//! An owner's stream: the right is read again before each event, in the API and on the page.

use futures::StreamExt as _;
use serde_json::Value;

use crate::support::CAR;
use crate::support::members::Member;
use crate::support::ownership::Case;

/// The events of an owner's stream, name and data; `act` happens once the first piece is there.
fn events(case: &Case, member: &Member, target: &str, act: impl Fn()) -> Vec<(String, String)> {
    let headers = [("accept", "text/event-stream"), ("cookie", member.cookie.as_str())];
    case.app.world.run(async {
        let mut answer = case.app.answer(target, &headers).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mut stream = answer.events.take().expect("events").0;
        let mut pieces = vec![stream.next().await.expect("a piece")];
        act();
        while let Some(text) = stream.next().await {
            pieces.push(text);
        }
        let text = pieces.concat();
        let field = |event: &str, name: &str| {
            let line = event.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().to_owned()
        };
        let event = |event: &str| (field(event, "event: "), field(event, "data: "));
        text.split_terminator("\n\n").map(event).filter(|(name, _)| !name.is_empty()).collect()
    })
}

/// A holder whose registration is fetched again, slowly.
fn holder() -> (Case, Member) {
    let case = Case::new();
    case.hold(&case.member("ada"));
    case.app.world.advance_s(61);
    case.registry_ms.set(1_500);
    let ada = case.member("ada");
    (case, ada)
}

/// Ends the grant behind the stream's back.
fn end_grant(case: &Case) {
    let sql = "UPDATE ownership_grant SET ended_at_ms = 1, end_reason = 'revoked', mac = ''";
    assert_eq!(case.app.database.execute(sql, []), Ok(1));
}

fn targets(case: &Case) -> [String; 2] {
    let document = case.app.href(CAR);
    let page = document.replace("/api/v1", "");
    [document, format!("{page}?fragment=registration,recalls&lang=en")]
}

#[test]
fn ok_an_owner_is_sent_what_is_theirs() {
    for at in [0, 1] {
        let (case, ada) = holder();
        let events = events(&case, &ada, &targets(&case)[at], || {});
        let text = format!("{events:?}");
        assert!(text.contains("M-AD 1815"), "{text}");
        assert_eq!(events.last().map(|(name, _)| name.as_str()), Some("done"));
    }
}

#[test]
fn err_a_right_that_ends_ends_the_stream() {
    for at in [0, 1] {
        let (case, ada) = holder();
        let events = events(&case, &ada, &targets(&case)[at], || end_grant(&case));
        let (name, data) = events.last().expect("an event");
        let problem: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(
            (name.as_str(), &problem["type"]),
            ("problem", &"/problems/ownership-required".into())
        );
        assert_eq!(problem["links"]["ownership"], case.href());
        assert!(!format!("{events:?}").contains("M-AD 1815"));
    }
}

#[test]
fn err_a_right_that_ended_before_the_first_event() {
    let (case, ada) = holder();
    end_grant(&case);
    let events = events(&case, &ada, &targets(&case)[0], || {});
    assert!(!format!("{events:?}").contains("M-AD 1815"));
    assert_eq!(events.last().map(|(name, _)| name.as_str()), Some("done"), "a member's stream");
}
