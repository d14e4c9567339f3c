//! Pages to test with and to look at: every page in every state, and a writer of them all.
//!
//! `KERBSIDE_PREVIEW=target/pages-preview cargo test pages::samples` writes the pages there as
//! files.

use serde_json::{Value, json};

use super::*;
use crate::disclosure;
use crate::market::{FacetName, Market, Tier};
use crate::ownership;
use crate::vehicle::typed;

/// The path that sample vehicles have.
pub const PATH: &str = "/de/vehicles/AZJ3bm9wZXE";

/// The records of one car: all ten facets, as mappings would fill them.
fn holdings(facet: FacetName) -> Value {
    match facet {
        FacetName::Identity => json!({
            "make": "Porsche", "model": "911 Carrera", "trim": "Targa 4S", "model_year": 1996, "fuel": "petrol", "body": "coupe",
            "power": {"value": 210, "unit": "kW"}, "displacement": {"value": 3600, "unit": "cm3"}, "cylinders": 6,
            "transmission": "manual", "drive": "rear", "doors": 2, "first_registered": "1996-03-15", "vin": VIN
        }),
        FacetName::Equipment => json!({"items": [
            {"code": "249", "name": "Tiptronic S", "category": "Transmission"},
            {"code": "650", "name": "Sliding roof", "category": "Body"}
        ]}),
        FacetName::Energy => json!({
            "label": "F", "cycle": "nedc", "consumption": {"value": 11.4, "unit": "l/100km"}, "co2": {"value": 274, "unit": "g/km"}
        }),
        FacetName::Recalls => json!({"items": [
            {"reference": "19V123000", "title": "Fuel pump may leak", "announced_on": "2019-03-01", "status": "open",
             "description": "A seal in the fuel pump may harden with age and let fuel escape near the exhaust. Remedy: the workshop replaces the seal, which takes about two hours."},
            {"reference": "15V045000", "title": "Seat belt anchor", "announced_on": "2015-02-11", "status": "completed"}
        ]}),
        FacetName::Warranty => json!({"items": [
            {"kind": "factory", "starts_on": "1996-03-15", "duration": {"value": 24, "unit": "month"}, "provider": "Porsche AG"},
            {"kind": "corrosion", "starts_on": "1996-03-15", "ends_on": "2006-03-15", "status": "expired"},
            {"kind": "extended", "starts_on": "2020-05-01", "ends_on": "2022-04-30", "mileage_limit": {"value": 200_000, "unit": "km"}, "status": "void"}
        ]}),
        FacetName::ServiceHistory => json!({"items": [
            {"performed_on": "2019-06-03", "kind": "inspection", "result": "passed_with_defects", "mileage": {"value": 141_200, "unit": "km"}},
            {"performed_on": "2024-04-22", "kind": "service", "mileage": {"value": 163_540, "unit": "km"}, "workshop": "Porsche Zentrum Musterstadt",
             "invoice_number": "2024-0815", "invoice_total": {"amount_minor": 128_450, "currency": "EUR"},
             "description": "Oil and filters, spark plugs, brake fluid. Front discs at the limit of wear."}
        ]}),
        FacetName::Mileage => json!({"items": [
            {"read_on": "1999-03-02", "distance": {"value": 61_250, "unit": "km"}, "source": "inspection"},
            {"read_on": "2008-05-11", "distance": {"value": 118_000, "unit": "km"}, "source": "service"},
            {"read_on": "2013-09-01", "distance": {"value": 98_700, "unit": "km"}, "source": "owner"},
            {"read_on": "2019-06-03", "distance": {"value": 141_200, "unit": "km"}, "source": "inspection"},
            {"read_on": "2024-04-22", "distance": {"value": 163_540, "unit": "km"}}
        ]}),
        FacetName::Registration => json!({
            "plate": "M-US 1234", "first_registered_on": "1996-03-15", "registered_on": "2018-07-01", "country": "D", "status": "registered",
            "usage": "private", "keeper_count": 3, "inspection_due_on": "2027-06-01", "keeper_name": "Erika Mustermann",
            "keeper_address": "Beispielweg 1, 12345 Musterstadt"
        }),
        FacetName::Damage => json!({"items": [
            {"occurred_on": "2011-01-09", "area": "rear", "severity": "minor", "repaired": true, "repair_cost": {"amount_minor": 184_000, "currency": "EUR"}},
            {"area": "left", "severity": "cosmetic", "repaired": false, "description": "Scratch along both doors"}
        ]}),
        FacetName::Valuation => json!({
            "range": {"low": {"amount_minor": 6_450_000, "currency": "EUR"}, "high": {"amount_minor": 8_100_000, "currency": "EUR"}},
            "valued_at": "2026-11-19T09:30:00Z", "basis": "retail", "comparable_count": 2
        }),
    }
}

/// The VIN of the samples: of nobody's car.
pub const VIN: &str = "WP0ZZZ99ZTS390000";

/// A market that maps every field of every facet, and whose disclosure raises nothing.
fn fixture() -> Market {
    let text = include_str!("../../tests/fixtures/every-field.toml");
    crate::market::compile("every-field.toml", text).expect("the fixture is valid").market
}

/// The document of the sample car as a tier sees it: through types and disclosure, like one of the
/// Worker.
pub fn seen_by(tier: Tier) -> Value {
    let market = fixture();
    let (mut facets, mut metas) = (serde_json::Map::new(), serde_json::Map::new());
    for facet in FacetName::ALL {
        let needs = disclosure::least_tier(*facet, &market);
        if needs > tier {
            metas.insert(facet.to_string(), json!({"state": "withheld", "needs": needs.as_str()}));
            continue;
        }
        let value = typed(*facet, holdings(*facet)).expect("of the type");
        let right = ownership::fake::right(tier);
        let seen = disclosure::project(&value, right.keeper(), &right, &market);
        let source = if *facet == FacetName::Identity { "master" } else { facet.as_str() };
        metas.insert(
            facet.to_string(),
            json!({"state": "fresh", "source": source, "as_of": "2026-11-20T08:00:00Z", "age_s": 12, "ttl_s": 86388, "withheld": seen.withheld}),
        );
        facets.insert(facet.to_string(), seen.value);
    }
    json!({
        "id": "AZJ3bm9wZXE", "market": "de", "tier": tier.as_str(), "facets": facets,
        "meta": {"complete": true, "facets": metas}, "links": {"self": PATH}
    })
}

/// The public document, with one facet that is being refreshed.
pub fn complete() -> Value {
    let mut document = seen_by(Tier::Public);
    if let Some(meta) = document.pointer_mut("/meta/facets/equipment") {
        *meta = json!({"state": "stale", "source": "equipment", "as_of": "2026-11-02T17:45:10Z", "withheld": ["items"]});
    }
    document
}

/// A document in which every state occurs.
pub fn states() -> Value {
    let mut document = complete();
    let facets = json!({
        "identity": {"state": "fresh", "source": "master", "as_of": "2026-11-20T08:00:00Z", "withheld": ["vin"]},
        "equipment": {"state": "pending", "retry_after_s": 2},
        "energy": {"state": "absent", "source": "claims_2", "as_of": "2026-11-20T08:00:00Z"},
        "recalls": {"state": "stale", "source": "recalls", "as_of": "2026-10-01T06:00:00Z", "error": "http_response_timeout"},
        "warranty": {"state": "unavailable", "error": "connection_refused"},
        "service_history": {"state": "withheld", "needs": "owner"},
        "valuation": {"state": "withheld", "needs": "member"}
    });
    if let Some(meta) = document.pointer_mut("/meta/facets") {
        *meta = facets;
    }
    if let Some(values) = document.pointer_mut("/facets").and_then(Value::as_object_mut) {
        values.insert("recalls".into(), json!({"open": false}));
    }
    document
}

/// A plug-in hybrid of a signed-in member: the label of two states of charge, and little else on
/// record.
pub fn plug_in() -> Value {
    let mut document = seen_by(Tier::Member);
    if let Some(values) = document.pointer_mut("/facets").and_then(Value::as_object_mut) {
        values.insert("energy".into(), json!({
            "label": "B", "label_discharged": "G", "cycle": "wltp", "consumption": {"value": 1.4, "unit": "l/100km"},
            "consumption_discharged": {"value": 7.9, "unit": "l/100km"}, "electric_consumption": {"value": 24.3, "unit": "kWh/100km"},
            "co2": {"value": 32, "unit": "g/km"}, "electric_range": {"value": 82, "unit": "km"},
            "battery_capacity": {"value": 25.9, "unit": "kWh"}, "emission_standard": "Euro 6d"
        }));
        values.insert("warranty".into(), json!({"valid_until": "2031-05-31", "items": []}));
        values.insert("mileage".into(), json!({"verdict": "consistent"}));
        values.insert("damage".into(), json!({}));
    }
    document
}

/// Markup in every place where a document can hold text.
pub fn hostile() -> Value {
    let markup = "<script>alert(1)</script>\"'&{{ x }}<img src=x onerror=alert(1)>";
    json!({
        "facets": {
            "identity": {"make": markup, "model": markup, "trim": markup, "fuel": markup, "power": {"value": 1, "unit": markup}, "unknown<i>": markup},
            "energy": {"label": markup, "co2": {"value": markup, "unit": markup}},
            "warranty": {"valid_until": markup, "items": [{"kind": markup, "status": markup, "provider": markup}, markup]},
            "mileage": {"verdict": markup, "items": [{"read_on": markup, "distance": {"value": 1, "unit": markup}, "source": markup}, 7]},
            "valuation": {"range": markup, "rating": markup},
            "recalls": {"open": markup, "items": [{"title": markup, "status": markup, "announced_on": markup, markup: markup}]}
        },
        "meta": {"facets": {
            "identity": {"state": "fresh", "source": markup, "as_of": markup, "withheld": [markup]},
            "recalls": {"state": "stale", "source": markup, "as_of": markup, "error": markup},
            "energy": {"state": "fresh"},
            "warranty": {"state": "fresh", "withheld": markup},
            "mileage": {"state": "fresh"},
            "damage": {"state": markup, "error": markup},
            "valuation": {"state": "fresh", "withheld": [7, markup]},
            markup: {"state": "pending", "retry_after_s": 1_000_000}
        }}
    })
}

/// The floor of the tests: the table's.
pub fn floor(facet: FacetName, field: &str) -> Tier {
    disclosure::field_tier(facet, field, &fixture())
}

/// Calls `use_it` with the tests' context: German kilometres, 20 November 2026.
pub fn with_context<R>(language: Language, use_it: impl FnOnce(&ViewContext<'_>) -> R) -> R {
    let frame = framed(language, PATH, AccountPart::SignedOut);
    let locale = match language {
        Language::De => "de-DE",
        Language::En => "en-GB",
        Language::Fr => "fr-FR",
    };
    let format = &PlainFormat;
    let owner = &OwnerPart::Prove(sign_in_address("de", "/de/vehicles/AZJ3bm9wZXE/ownership"));
    let (distance, now) =
        (if language == Language::En { "mi" } else { "km" }, "2026-11-20T09:30:00Z");
    let (frame, floor, time_zone) = (&frame, &floor, "UTC");
    let origin = &|_| Some("master".to_owned());
    use_it(&ViewContext { frame, locale, distance, now, time_zone, format, floor, origin, owner })
}

/// The vehicle page of `document`.
pub fn vehicle(language: Language, document: &Value) -> VehicleView {
    with_context(language, |context| vehicle_view(context, document))
}

/// The look-up page.
pub fn market(language: Language) -> MarketView {
    MarketView::new(
        Frame::new(language, "/de/").with_chosen_language(true).with_market("de", "Deutschland"),
    )
}

/// The start page.
pub fn home(language: Language) -> HomeView {
    let mut view = HomeView::new(Frame::new(language, "/").with_chosen_language(true));
    view.add_market("de", "Deutschland");
    view.add_market_elsewhere("us", "United States", "https://us.kerbside.example");
    view
}

/// A frame of the market's page at `path`, for a visitor who is signed in or not.
pub fn framed(language: Language, path: &str, account: AccountPart) -> Frame {
    let frame = Frame::new(language, path).with_market("de", "Deutschland");
    frame.with_chosen_language(true).with_garage(true).with_account(Some(account))
}

/// A person with a name that is long, and hostile.
pub fn signed_in() -> AccountPart {
    let name = Some("Maximiliane <b>Mustermann</b>-Beispiel \u{202e}von und zu".to_owned());
    AccountPart::SignedIn { name, csrf: "csrf-token".to_owned() }
}

/// The account page of a person who has signed in a moment ago.
pub fn account(language: Language) -> AccountView {
    let frame = framed(language, "/de/account", signed_in());
    let iso = "2026-11-20T12:30:00.000Z".to_owned();
    let text = with_context(language, |context| context.instant(&iso));
    let download = Export::Download("/api/v1/de/me/export".to_owned());
    AccountView::new(frame, Some(AsOf { iso, text }), download)
}

/// The pages of an account.
fn account_pages(language: Language) -> Vec<(&'static str, Result<String, RenderError>)> {
    let frame = |account| framed(language, "/de/account", account);
    let step_up = Export::StepUp(step_up_address("de", "/de/account#export"));
    let old = AccountView::new(frame(signed_in()), None, step_up);
    let faulty = |fault| account(language).with_fault(fault);
    let ended = AccountView::new(frame(AccountPart::Ended), None, Export::SignedOut);
    vec![
        ("account", render_account(&account(language))),
        ("account-step-up", render_account(&old)),
        ("account-unconfirmed", render_account(&faulty(ErasureFault::Unconfirmed))),
        ("account-stale", render_account(&faulty(ErasureFault::Stale).with_sent_form(true))),
        ("account-incomplete", render_account(&faulty(ErasureFault::Incomplete))),
        ("account-ended", render_account(&ended.with_sent_form(true))),
        ("erased", render_erased(&frame(AccountPart::SignedOut))),
    ]
}

/// The pages of signing in and out, and the look-up form of each visitor.
fn sign_in_pages(language: Language) -> Vec<(&'static str, Result<String, RenderError>)> {
    let frame = || {
        let frame = Frame::new(language, "/auth/de/callback").with_market("de", "Deutschland");
        frame.with_languages(Vec::new())
    };
    let form = |account| render_market(&MarketView::new(framed(language, "/de/", account)));
    let failure = |failure| {
        let again = sign_in_address("de", PATH);
        render_sign_in_failure(&frame(), failure, &again, Some(PATH), "8f2c1a90")
    };
    let handover =
        |purpose| render_handover(&frame(), purpose, "https://id.example.com/session/end?a=1&b=2");
    vec![
        ("market-signed-out", form(AccountPart::SignedOut)),
        ("market-ended", form(AccountPart::Ended)),
        ("market-unavailable-session", form(AccountPart::Unavailable)),
        ("market-signed-in", form(signed_in())),
        ("sign-out", handover(Handover::SignOut)),
        ("step-up", handover(Handover::StepUp)),
        ("sign-out-again", render_sign_out_again(&frame(), "csrf-token")),
        ("signed-out", render_signed_out(&frame(), &sign_in_address("de", "/de/"))),
        ("sign-in-denied", failure(SignInFailure::Denied)),
        ("sign-in-expired", failure(SignInFailure::Expired)),
        ("sign-in-unreachable", failure(SignInFailure::Unreachable)),
        ("sign-in-refused", failure(SignInFailure::Refused)),
        ("sign-in-unavailable", failure(SignInFailure::Unavailable)),
    ]
}

/// Every page in `language`, with the name it has as a file.
pub fn every_page(language: Language) -> Vec<(String, String)> {
    let frame = |path: &str| Frame::new(language, path);
    let problem = ProblemView::new(
        frame("/de/vehicles/x").with_market("de", "Deutschland"),
        "unknown-vehicle",
        404,
        "8f2c1a90",
    );
    let sign_in = ProblemView::new(frame("/de/account"), "sign-in-required", 401, "8f2c1a90")
        .with_sign_in(&sign_in_address("de", "/de/account"));
    let elsewhere = ProblemView::new(frame("/us/"), "misdirected", 421, "8f2c1a90")
        .with_home("https://us.kerbside.example/us/");
    let mut pages = vec![
        ("home", render_home(&home(language))),
        ("market", render_market(&market(language))),
        (
            "market-wrong",
            render_market(
                &market(language).with_fault("WPOZZZ99ZTS39212", &VinFault::Letters("O".into())),
            ),
        ),
        (
            "market-short",
            render_market(&market(language).with_fault("WP0ZZZ", &VinFault::Length(6))),
        ),
        ("vehicle", render_vehicle(&vehicle(language, &complete()))),
        ("vehicle-states", render_vehicle(&vehicle(language, &states()))),
        ("vehicle-member", render_vehicle(&vehicle(language, &seen_by(Tier::Member)))),
        ("vehicle-owner", render_vehicle(&vehicle(language, &seen_by(Tier::Owner)))),
        ("vehicle-plug-in", render_vehicle(&vehicle(language, &plug_in()))),
        ("vehicle-hostile", render_vehicle(&vehicle(language, &hostile()))),
        ("problem", render_problem(&problem)),
        ("problem-sign-in", render_problem(&sign_in)),
        ("problem-misdirected", render_problem(&elsewhere)),
        ("problems", render_problem_index(&frame("/problems/"))),
    ];
    pages.extend(sign_in_pages(language));
    pages.extend(account_pages(language));
    pages.extend(super::ownership::samples::pages(language));
    for (slug, _) in SLUGS {
        pages.push((
            slug,
            render_problem_type(&frame(&format!("/problems/{slug}")), slug)
                .map(|page| page.expect("a known slug")),
        ));
    }
    pages
        .into_iter()
        .map(|(name, html)| (format!("{name}.{}.html", language.code()), html.expect("a page")))
        .collect()
}

#[test]
fn ok_every_page_renders_whole() {
    let folder = std::env::var_os("KERBSIDE_PREVIEW").map(std::path::PathBuf::from);
    for (name, html) in Language::ALL.into_iter().flat_map(every_page) {
        assert!(
            html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"),
            "{name}: {html}"
        );
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        for inline in ["style=", "<style", "onclick", "javascript:"] {
            assert!(!html.contains(inline), "{name} holds {inline}");
        }
        if let Some(folder) = &folder {
            let written = std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(folder.join(&name), &html));
            assert!(written.is_ok(), "{}: {written:?}", folder.display());
        }
    }
}
