//! Pages to test with and to look at: every page in every state, and a writer of them all.
//!
//! `KERBSIDE_PREVIEW=target/pages-preview cargo test pages::samples` writes the pages there as files.

use serde_json::{Value, json};

use super::*;

/// The path that sample vehicles have.
pub const PATH: &str = "/de/vehicles/AZJ3bm9wZXE";

/// A complete public document.
pub fn complete() -> Value {
    json!({
        "id": "AZJ3bm9wZXE", "market": "de", "tier": "public",
        "facets": {
            "identity": {
                "make": "Porsche", "model": "911 Carrera", "trim": "Targa 4S", "model_year": 1996, "fuel": "petrol", "body": "coupe",
                "power": {"value": 210, "unit": "kW"}, "displacement": {"value": 3600, "unit": "cm3"}, "cylinders": 6,
                "transmission": "manual", "drive": "rear", "doors": 2
            },
            "equipment": {"item_count": 42},
            "recalls": {"open": true}
        },
        "meta": {"complete": true, "facets": {
            "identity": {"state": "fresh", "source": "master", "as_of": "2026-11-20T08:00:00Z", "age_s": 12, "ttl_s": 86388, "withheld": ["vin"]},
            "equipment": {"state": "stale", "source": "equipment", "as_of": "2026-11-02T17:45:10Z", "withheld": ["items"]},
            "recalls": {"state": "fresh", "source": "recalls", "as_of": "2026-11-20T08:00:00Z", "withheld": ["items"]}
        }},
        "links": {"self": PATH}
    })
}

/// A document in which every state occurs, with facets this version does not know.
pub fn states() -> Value {
    let mut document = complete();
    let facets = json!({
        "identity": {"state": "fresh", "source": "master", "as_of": "2026-11-20T08:00:00Z", "withheld": ["vin"]},
        "equipment": {"state": "pending", "retry_after_s": 2},
        "recalls": {"state": "stale", "source": "recalls", "as_of": "2026-10-01T06:00:00Z", "error": "http_response_timeout"},
        "warranty": {"state": "unavailable", "error": "connection_refused"},
        "service_history": {"state": "withheld", "needs": "owner"},
        "valuation": {"state": "withheld", "needs": "member"},
        "damage": {"state": "absent", "source": "claims_2", "as_of": "2026-11-20T08:00:00Z"},
        "tyre_pressure": {"state": "fresh", "source": "workshop", "as_of": "2026-11-20T08:00:00Z"}
    });
    if let Some(meta) = document.pointer_mut("/meta/facets") {
        *meta = facets;
    }
    if let Some(values) = document.pointer_mut("/facets").and_then(Value::as_object_mut) {
        values.insert("recalls".into(), json!({"open": false}));
        values.insert("tyre_pressure".into(), json!({
            "front": {"value": 2.5, "unit": "bar"}, "checked_on": "2026-03-01", "spare_wheel": false, "set": ["summer", "winter"],
            "price": {"amount_minor": 129_900, "currency": "EUR"}, "note": null
        }));
    }
    document
}

/// What a signed-in member sees.
pub fn member() -> Value {
    let mut document = complete();
    if let Some(values) = document.pointer_mut("/facets").and_then(Value::as_object_mut) {
        values.insert(
            "equipment".into(),
            json!({"item_count": 2, "items": [
                {"code": "249", "name": "Tiptronic S", "category": "Transmission"},
                {"code": "650", "name": "Sliding roof", "category": "Body"}
            ]}),
        );
        values.insert("recalls".into(), json!({"open": true, "items": [
            {"reference": "19V123000", "title": "Fuel pump may leak", "announced_on": "2019-03-01", "status": "open",
             "description": "A seal in the fuel pump may harden with age and let fuel escape near the exhaust. Remedy: the workshop replaces the seal, which takes about two hours."},
            {"reference": "15V045000", "title": "Seat belt anchor", "announced_on": "2015-02-11", "status": "completed"}
        ]}));
    }
    document
}

/// Markup in every place where a document can hold text.
pub fn hostile() -> Value {
    let markup = "<script>alert(1)</script>\"'&{{ x }}<img src=x onerror=alert(1)>";
    json!({
        "facets": {
            "identity": {"make": markup, "model": markup, "trim": markup, "fuel": markup, "power": {"value": 1, "unit": markup}, "unknown<i>": markup},
            "recalls": {"open": markup, "items": [{"title": markup, "status": markup, "announced_on": markup, markup: markup}]}
        },
        "meta": {"facets": {
            "identity": {"state": "fresh", "source": markup, "as_of": markup, "withheld": [markup]},
            "recalls": {"state": "stale", "source": markup, "as_of": markup, "error": markup},
            "warranty": {"state": markup, "error": markup},
            markup: {"state": "pending", "retry_after_s": 1_000_000}
        }}
    })
}

/// The floor of the tests: the VIN is the owner's, lists are the members'.
pub fn floor(_facet: &str, field: &str) -> Tier {
    if field == "vin" { Tier::Owner } else { Tier::Member }
}

/// The vehicle page of `document`.
pub fn vehicle(language: Language, document: &Value) -> VehicleView {
    let frame = Frame::new(language, PATH).with_chosen_language(true).with_market("de", "Deutschland");
    let locale = if language == Language::De { "de-DE" } else { "en-GB" };
    let context = Context { frame: &frame, locale, format: &PlainFormat, floor: &floor, sign_in: None };
    vehicle_view(&context, document)
}

/// The look-up page.
pub fn market(language: Language) -> MarketView {
    MarketView::new(Frame::new(language, "/de/").with_chosen_language(true).with_market("de", "Deutschland"))
}

/// The start page.
pub fn home(language: Language) -> HomeView {
    let mut view = HomeView::new(Frame::new(language, "/").with_chosen_language(true));
    view.add_market("de", "Deutschland");
    view.add_market_elsewhere("us", "United States", "https://us.kerbside.example");
    view
}

/// Every page in `language`, with the name it has as a file.
pub fn every_page(language: Language) -> Vec<(String, String)> {
    let frame = |path: &str| Frame::new(language, path);
    let problem =
        ProblemView::new(frame("/de/vehicles/x").with_market("de", "Deutschland"), "unknown-vehicle", 404, "8f2c1a90");
    let elsewhere =
        ProblemView::new(frame("/us/"), "misdirected", 421, "8f2c1a90").with_home("https://us.kerbside.example/us/");
    let mut pages = vec![
        ("home", render_home(&home(language))),
        ("market", render_market(&market(language))),
        (
            "market-wrong",
            render_market(&market(language).with_fault("WPOZZZ99ZTS39212", &VinFault::Letters("O".into()))),
        ),
        ("market-short", render_market(&market(language).with_fault("WP0ZZZ", &VinFault::Length(6)))),
        ("vehicle", render_vehicle(&vehicle(language, &complete()))),
        ("vehicle-states", render_vehicle(&vehicle(language, &states()))),
        ("vehicle-member", render_vehicle(&vehicle(language, &member()))),
        ("vehicle-hostile", render_vehicle(&vehicle(language, &hostile()))),
        ("problem", render_problem(&problem)),
        ("problem-misdirected", render_problem(&elsewhere)),
        ("problems", render_problem_index(&frame("/problems/"))),
    ];
    for (slug, _) in SLUGS {
        pages.push((slug, render_problem_type(&frame(&format!("/problems/{slug}")), slug).unwrap_or_default()));
    }
    pages.into_iter().map(|(name, html)| (format!("{name}.{}.html", language.code()), html)).collect()
}

#[test]
fn ok_every_page_renders_whole() {
    let folder = std::env::var_os("KERBSIDE_PREVIEW").map(std::path::PathBuf::from);
    for (name, html) in Language::ALL.into_iter().flat_map(every_page) {
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{name}: {html}");
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        for inline in ["style=", "<style", "onclick", "javascript:"] {
            assert!(!html.contains(inline), "{name} holds {inline}");
        }
        if let Some(folder) = &folder {
            let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(folder.join(&name), &html));
            assert!(written.is_ok(), "{}: {written:?}", folder.display());
        }
    }
}
