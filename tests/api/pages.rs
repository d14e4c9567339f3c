//! The handlers of pages.

use crate::support::{CAR, EQUIPMENT, MASTER, RECALLS, TestApp, UNKNOWN_CAR, header};
use kerbside::http::Response;
use kerbside::ports::OriginHttpError;
use kerbside::ports::fake;

fn post(app: &TestApp, target: &str, form: &str) -> Response {
    app.send(
        "POST",
        target,
        &[("content-type", "application/x-www-form-urlencoded")],
        form.as_bytes(),
    )
}

#[test]
fn ok_from_home_to_the_car_without_script() {
    let app = TestApp::new();
    let home = app.send("GET", "/", &[("accept-language", "de")], b"");
    assert!(
        home.body.contains("lang=\"de\"") && home.body.contains("href=\"/de/\""),
        "{}",
        home.body
    );
    assert!(
        home.body.contains("https://us.example.com/us/"),
        "the other region's market is linked"
    );
    let form = app.get("/de/");
    assert!(form.body.contains("name=\"vin\""));
    let sent = post(&app, "/de/", &format!("vin={CAR}&lang=en"));
    assert_eq!(sent.status, 303);
    let location = header(&sent, "location");
    assert!(
        location.starts_with("/de/vehicles/")
            && location.ends_with("?lang=en")
            && !location.contains(CAR)
    );
    let page = app.get(location);
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("Porsche 911 Carrera") && page.body.contains("1996"),
        "{}",
        page.body
    );
}

#[test]
fn err_a_wrong_vin_is_the_form_again() {
    let app = TestApp::new();
    for vin in
        ["", "I", "%3Cscript%3Ealert(1)%3C/script%3E", "W%D0%A00ZZZ99ZTS390000", &"A".repeat(9000)]
    {
        let answer = post(&app, "/de/", &format!("vin={vin}"));
        assert_eq!(answer.status, 422, "{vin}");
        assert!(
            answer.body.contains("aria-invalid=\"true\"") && !answer.body.contains("<script>alert"),
            "{vin}"
        );
        assert_eq!(header(&answer, "cache-control"), "no-store");
    }
    assert_eq!(post(&app, "/de/", &"a".repeat(20_000)).status, 413);
    assert_eq!(
        app.send("POST", "/de/", &[("content-type", "application/json")], b"{}").status,
        415
    );
}

#[test]
fn ok_one_facet_alone_for_the_script() {
    let app = TestApp::new();
    let page = app.href(CAR).replace("/api/v1", "");
    let answer = app.get(&format!("{page}?fragment=recalls&lang=de"));
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains("id=\"recalls\"") && !answer.body.contains("<html"),
        "{}",
        answer.body
    );
    assert_eq!(app.get(&format!("{page}?fragment=%3Cscript%3E")).status, 404);
}

#[test]
fn ok_a_page_whose_required_system_is_slow_comes_at_the_deadline_and_fills_itself() {
    let app = TestApp::new();
    app.answers(
        fake::ScriptedResponse::ok("text/xml", MASTER).after(1500),
        fake::ScriptedResponse::ok("application/json", EQUIPMENT),
        fake::ScriptedResponse::status(500, "text/plain", ""),
    );
    let car = app.href(CAR).replace("/api/v1", "");
    let page = app.get(&format!("{car}?lang=en"));
    assert_eq!((page.status, header(&page, "retry-after")), (200, "2"));
    assert_eq!(header(&page, "cache-control"), "private, no-store");
    for text in [
        "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>",
        "has not answered yet. This page fills itself",
        "id=\"identity\" aria-labelledby=\"identity-title\" data-state=\"pending\"",
        "The source reported an error of its own.",
    ] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let fragment = app.get(&format!("{car}?fragment=identity&lang=en"));
    assert!(fragment.status == 200 && fragment.body.contains("data-title=\""), "{}", fragment.body);
    let page = app.get(&format!("{car}?lang=en"));
    assert!(!page.body.contains("http-equiv"), "{}", page.body);
    assert!(page.body.contains("Not every system has answered"), "{}", page.body);
}

#[test]
fn err_problems_are_pages_for_people_and_documents_for_programs() {
    let app = TestApp::new();
    app.answers(
        fake::ScriptedResponse::failure(OriginHttpError::Connection),
        fake::ScriptedResponse::ok("application/json", EQUIPMENT),
        fake::ScriptedResponse::ok("application/json", RECALLS),
    );
    let car = app.href(CAR).replace("/api/v1", "");
    for (target, status) in [
        (car.as_str(), 502),
        ("/xx/", 404),
        ("/us/", 421),
        ("/nothing/here", 404),
        ("/problems/unknown", 404),
        ("/%3Cscript%3Ealert(1)%3C/script%3E", 404),
    ] {
        let answer = app.get(target);
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8", "{target}");
        assert!(
            answer.body.contains(header(&answer, "x-request-id"))
                && !answer.body.contains("alert(1)"),
            "{target}"
        );
        let json = app.send("GET", target, &[("accept", "application/problem+json")], b"");
        assert_eq!(header(&json, "content-type"), "application/problem+json", "{target}");
    }
    app.origins(MASTER, EQUIPMENT, RECALLS);
    assert_eq!(app.get(&app.href(UNKNOWN_CAR).replace("/api/v1", "")).status, 404);
}

#[test]
fn ok_every_answer_is_hardened() {
    let app = TestApp::new();
    for target in ["/", "/de/", "/api/v1/markets", "/nothing", "/api/nothing", "/healthz"] {
        let answer = app.get(target);
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{target}");
        assert!(
            !header(&answer, "cache-control").is_empty()
                && !header(&answer, "traceparent").is_empty(),
            "{target}"
        );
        let is_page = header(&answer, "content-type").starts_with("text/html");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{target}");
        assert_eq!(policy.contains("script-src 'self'"), is_page, "{target}");
    }
}

#[test]
fn ok_the_callers_trace_goes_on_to_origins() {
    let app = TestApp::new();
    let href = app.href(CAR);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let answer = app.send("GET", &href, &[("traceparent", &parent), ("tracestate", "a=1")], b"");
    assert!(header(&answer, "traceparent").contains(trace));
    for request in app.world.requests() {
        let header = |name: &str| {
            request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
        };
        assert!(
            header("traceparent").is_some_and(|value| value.contains(trace) && value != parent)
        );
        assert_eq!(header("tracestate").as_deref(), Some("a=1"));
    }
}

#[test]
fn err_a_form_of_another_site_is_refused() {
    let app = TestApp::new();
    let send = |headers: &[(&str, &str)]| {
        let form = ("content-type", "application/x-www-form-urlencoded");
        let headers = [&[form, ("host", "eu.example.com")], headers].concat();
        app.send("POST", "/de/", &headers, format!("vin={CAR}").as_bytes())
    };
    for other in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site"), ("origin", "https://eu.example.com")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let answer = send(other);
        assert_eq!((answer.status, answer.problem), (400, Some("invalid-request")), "{other:?}");
    }
    for own in [
        &[("sec-fetch-site", "same-origin"), ("origin", "https://eu.example.com")][..],
        &[("origin", "https://eu.example.com")],
        &[],
    ] {
        assert_eq!(send(own).status, 303, "{own:?}");
    }
}

#[test]
fn err_a_page_that_cannot_be_made_is_a_500_with_its_cause_and_never_empty() {
    let app = TestApp::new();
    let found = app.href(CAR);
    let page = found.replace("/api/v1", "");
    assert_eq!(app.get(&page).status, 200);
    app.world.cache.borrow_mut().clear();
    let damage = r#"UPDATE stored_facet SET public = replace(public, '"Porsche"', ' Porsche ')"#;
    app.database.execute(damage, []).expect("damaged");
    let isolate = app.another_isolate();
    let answer = isolate.get(&page);
    assert_eq!((answer.status, answer.problem), (500, Some("internal")), "{}", answer.body);
    assert!(answer.body.starts_with("<!doctype html>"), "{}", answer.body);
    let message = "a page could not be rendered";
    assert!(app.world.events.borrow().iter().any(|event| event.message == message));
}

#[test]
fn ok_pages_show_what_acts_unseen_as_the_replacement_character() {
    let app = TestApp::new();
    app.world.origins(|request| {
        let is_master = request.url.starts_with("https://erp.");
        let (kind, answer) =
            if is_master { ("text/xml", MASTER) } else { ("application/json", r#"{"items": []}"#) };
        let mut response = fake::ScriptedResponse::ok(kind, answer);
        if let Ok(response) = &mut response.outcome {
            let text = String::from_utf8_lossy(&response.body).replace("911", "9\u{202e}11");
            response.body = text.into_bytes();
        }
        response
    });
    let page = app.get(&app.href(CAR).replace("/api/v1", ""));
    assert_eq!(page.status, 200);
    assert!(page.body.contains("9\u{fffd}11") && !page.body.contains('\u{202e}'), "{}", page.body);
}

#[test]
fn ok_weights_decide_between_page_document_and_stream() {
    let app = TestApp::new();
    let api = app.href(CAR);
    let page = api.replace("/api/v1", "");
    let kind = |target: &str, accept: &str| {
        let answer = app.send("GET", target, &[("accept", accept)], &[]);
        header(&answer, "content-type").split(';').next().unwrap_or_default().to_owned()
    };
    for (accept, of_api, of_page) in [
        ("*/*", "application/json", "text/html"),
        ("text/event-stream", "text/event-stream", "text/event-stream"),
        ("text/event-stream;q=0", "application/json", "text/html"),
        ("text/event-stream;q=0.5, application/json, text/html", "application/json", "text/html"),
        (
            "text/event-stream, application/json;q=0.9, text/html;q=0.9",
            "text/event-stream",
            "text/event-stream",
        ),
        (
            "text/event-stream;q=0.4, text/html;q=0.3, */*;q=0.9",
            "application/json",
            "text/event-stream",
        ),
    ] {
        assert_eq!(
            (kind(&api, accept), kind(&page, accept)),
            (of_api.into(), of_page.into()),
            "{accept}"
        );
    }
    for (accept, expect) in [
        ("text/html, application/json;q=0.9", "text/html"),
        ("text/html;q=0.8, application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("*/*", "text/html"),
    ] {
        assert_eq!(kind("/de/nowhere", accept), expect, "{accept}");
    }
}
