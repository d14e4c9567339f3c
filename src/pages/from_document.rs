//! From the vehicle document (the API contract) to the views of the vehicle page.
//!
//! Driven by the vocabulary: its order is the order of a page, its kinds say how a value is
//! written. So a facet has no template of its own; what is particular to one stands in `verdict`,
//! `timeline` and `label`. Takes the document as it was projected for the viewer and decides
//! nothing about who may see what.

use serde_json::{Map, Value};

use super::context::ViewContext;
use super::facet::{
    AsOf, FacetState, FacetView, Item, Pending, Retry, Row, Tone, Verdict, WithheldLine,
};
use super::label;
use super::layout::Frame;
use super::message::Messages;
use super::printable::printable;
use super::timeline;
use super::value_text::format_value;
use super::vehicle::{VehicleView, make_and_model};
use super::verdict::{has_ended, verdict};
use super::withheld::{Subject, withheld_line};
use crate::market::{FacetName, Field, Kind, Shape, Tier, shape};

/// Fields that can name an entry of a list, the best first.
const HEADINGS: [&str; 6] = ["title", "name", "kind", "area", "reference", "code"];

/// The vehicle page of a whole document.
pub fn vehicle_view(context: &ViewContext<'_>, document: &Value) -> VehicleView {
    let document = &*printable(document);
    let meta = |facet: &FacetName| document.pointer("/meta/facets")?.get(facet.as_str());
    let value = |facet: &FacetName| document.get("facets")?.get(facet.as_str());
    let known = FacetName::ALL.iter().filter_map(|facet| Some((facet, meta(facet)?)));
    let views =
        known.map(|(facet, meta)| facet_view(context, *facet, value(facet), meta)).collect();
    let identity = value(&FacetName::Identity).unwrap_or(&Value::Null);
    let as_of =
        meta(&FacetName::Identity).and_then(|meta| meta.get("as_of")).and_then(Value::as_str);
    VehicleView::new(context, identity, as_of, views)
}

/// One facet: its projected value, if the document holds one, and its entry in `meta.facets`.
pub fn facet_view(
    context: &ViewContext<'_>,
    facet: FacetName,
    value: Option<&Value>,
    meta: &Value,
) -> FacetView {
    let t = context.frame.t;
    // OK because an unknown word is read as unavailable.
    let state = FacetState::from_word(text_of(meta, "state").unwrap_or_default());
    let mut view = FacetView::new(t, facet.as_str(), state);
    view.source = text_of(meta, "source").map(|source| label::source_name(t, source));
    view.as_of =
        text_of(meta, "as_of").map(|iso| AsOf { iso: iso.to_owned(), text: context.instant(iso) });
    view.needs = needed_tier(meta);
    view.status_message = status_message(context, state, meta);
    view.pending = (state == FacetState::Pending).then(|| pending(context, &view, meta));
    if state == FacetState::Unavailable {
        view.source = (context.origin)(facet).map(|origin| label::source_name(t, &origin));
        view.retry = Some(retry(context, &view));
    }
    view.has_failed = text_of(meta, "error").is_some() || state == FacetState::Unavailable;
    let has_no_value = view.has_failed || state == FacetState::Absent;
    if let Some(status) = view.status_message.as_ref().filter(|_| has_no_value) {
        view.arrived = t.arrived_otherwise(&view.heading, status);
    }
    view.withheld = match state {
        FacetState::Withheld => vec![withheld_line(context, facet, view.needs, Subject::Facet)],
        _ => withheld_fields(context, facet, meta),
    };
    if let (FacetState::Fresh | FacetState::Stale, Some(Value::Object(fields))) = (state, value) {
        fill(context, &mut view, facet, fields, meta);
    }
    if facet == FacetName::Identity {
        view.title = value.and_then(|identity| make_and_model(t, identity));
    }
    view
}

/// The tier that a withheld facet needs. An unknown word reads as the highest: nothing is promised.
fn needed_tier(meta: &Value) -> Tier {
    let is_member = text_of(meta, "needs") == Some(Tier::Member.as_str());
    if is_member { Tier::Member } else { Tier::Owner }
}

fn status_message(context: &ViewContext<'_>, state: FacetState, meta: &Value) -> Option<String> {
    let t = context.frame.t;
    match state {
        FacetState::Fresh | FacetState::Withheld => None,
        FacetState::Stale => Some(stale_message(context, meta)),
        FacetState::Pending => Some(t.status_pending().to_owned()),
        FacetState::Absent => Some(t.status_absent().to_owned()),
        FacetState::Unavailable => {
            let asked = context.instant(context.now);
            Some(t.status_unavailable(&asked, reason(t, meta)))
        }
    }
}

/// The failure in a sentence: the origin's status says more than the error's token.
fn reason(t: Messages, meta: &Value) -> &'static str {
    let token = match meta.get("received_status").and_then(Value::as_u64) {
        Some(429) => "received-429",
        Some(503) => "received-503",
        Some(500..) => "received-5xx",
        Some(400..) => "received-4xx",
        _ => text_of(meta, "error").unwrap_or("other"),
    };
    // OK because a test holds the words of "other" in each language.
    t.named("error-", token).or_else(|| t.named("error-", "other")).unwrap_or_default()
}

fn stale_message(context: &ViewContext<'_>, meta: &Value) -> String {
    let t = context.frame.t;
    let Some(iso) = text_of(meta, "as_of") else { return t.status_stale_undated().to_owned() };
    let date = context.format.date(context.locale, iso);
    if text_of(meta, "error").is_some() {
        t.status_stale_error(&date)
    } else {
        t.status_stale(&date)
    }
}

fn pending(context: &ViewContext<'_>, view: &FacetView, meta: &Value) -> Pending {
    let frame = context.frame;
    Pending {
        fragment_href: fragment_href(frame, view),
        reload_href: frame.here(),
        retry_after_s: meta.get("retry_after_s").and_then(Value::as_u64).unwrap_or(2).clamp(1, 30),
        gave_up: frame.t.gave_up(&view.heading),
    }
}

fn retry(context: &ViewContext<'_>, view: &FacetView) -> Retry {
    let frame = context.frame;
    let href = format!("{}#{}", frame.here(), view.name);
    Retry { fragment_href: fragment_href(frame, view), href }
}

fn fragment_href(frame: &Frame, view: &FacetView) -> String {
    format!("{}?fragment={}&lang={}", frame.path, view.name, frame.t.language.code())
}

/// The names of what the viewer's tier does not see of a facet.
fn names_withheld(meta: &Value) -> impl Iterator<Item = &str> + Clone {
    meta.get("withheld").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Says who sees the fields of a facet that are withheld.
fn withheld_fields(context: &ViewContext<'_>, facet: FacetName, meta: &Value) -> Vec<WithheldLine> {
    let line = |tier: Tier| -> Option<WithheldLine> {
        let is_owners = tier == Tier::Owner;
        let labels: Vec<String> = names_withheld(meta)
            .filter(|name| ((context.floor)(facet, name) == Tier::Owner) == is_owners)
            .map(|name| label::field_name(context.frame.t, facet.as_str(), name))
            .collect();
        let fields = labels.join(", ");
        let subject = Subject::Fields(&fields);
        (!labels.is_empty()).then(|| withheld_line(context, facet, tier, subject))
    };
    [Tier::Member, Tier::Owner].into_iter().filter_map(line).collect()
}

/// Verdict, facts and entries out of the facet's fields.
fn fill(
    context: &ViewContext<'_>,
    view: &mut FacetView,
    facet: FacetName,
    fields: &Map<String, Value>,
    meta: &Value,
) {
    let (own, element) = match shape(facet) {
        Shape::Record(fields) => (fields, &[][..]),
        Shape::List { element, summary } => (summary, element),
    };
    let mut said = "";
    if let Some((verdict, field)) = verdict(context, facet, fields) {
        view.verdict = Some(verdict);
        said = field;
    }
    for field in own.iter().filter(|field| field.name != said) {
        let value = find(fields, field.name);
        // Above the viewer's tier: said below, in one sentence.
        let is_withheld = names_withheld(meta).any(|name| {
            field
                .name
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        if value.is_null()
            && (is_withheld || label::is_quiet(field.name) || has_substitute(field.name, fields))
        {
            continue;
        }
        view.rows.push(row(context, facet, field, value));
    }
    let Some(Value::Array(items)) = fields.get("items") else { return };
    if facet == FacetName::Mileage {
        view.table = (!items.is_empty()).then(|| timeline::table(context, items));
    } else {
        let entries = items.iter().filter_map(Value::as_object);
        view.items = entries.map(|entry| item(context, facet, element, entry)).collect();
    }
}

/// The value of a field, of a nested one too: `range.low`.
fn find<'f>(fields: &'f Map<String, Value>, name: &str) -> &'f Value {
    let found = match name.split_once('.') {
        Some((outer, inner)) => fields.get(outer).and_then(|value| value.get(inner)),
        None => fields.get(name),
    };
    found.unwrap_or(&Value::Null)
}

/// A car that runs on electricity or gas has no consumption of liquid fuel that somebody forgot to
/// state.
fn has_substitute(field: &str, fields: &Map<String, Value>) -> bool {
    field == "consumption"
        && ["electric_consumption", "gas_consumption"]
            .iter()
            .any(|other| fields.contains_key(*other))
}

/// One entry of a list: its heading, its mark, and what else is stated; long text last, so that the
/// short facts stay together.
fn item(
    context: &ViewContext<'_>,
    facet: FacetName,
    element: &[Field],
    fields: &Map<String, Value>,
) -> Item {
    let value = |field: &Field| fields.get(field.name).unwrap_or(&Value::Null);
    let words = |field: &Field| format_value(context, field.kind, field.name, value(field));
    let by_name =
        |name: &str| element.iter().find(|field| field.name == name && !value(field).is_null());
    let heading = HEADINGS.iter().find_map(|name| by_name(name));
    let status = mark(context, facet, fields);
    let has_mark = status.is_some();
    let is_said = |field: &Field| {
        heading.is_some_and(|heading| heading.name == field.name)
            || has_mark && ["status", "result", "repaired"].contains(&field.name)
    };
    let shown = || element.iter().filter(|field| !is_said(field) && !value(field).is_null());
    let short = shown().filter(|field| field.name != "description");
    let long = shown().filter(|field| field.name == "description");
    let rows = short.chain(long).map(|field| row(context, facet, field, value(field)));
    let rows: Vec<Row> = rows.filter(|row| row.value.is_some()).collect();
    // An entry that shows nothing is counted all the same.
    let is_empty = status.is_none() && rows.is_empty();
    let not_stated = || is_empty.then(|| context.frame.t.not_stated().to_owned());
    Item { title: heading.and_then(words).or_else(not_stated), status, rows }
}

/// The tone of an entry's own state.
fn mark(
    context: &ViewContext<'_>,
    facet: FacetName,
    fields: &Map<String, Value>,
) -> Option<Verdict> {
    let t = context.frame.t;
    if let Some(repaired) = fields.get("repaired").and_then(Value::as_bool) {
        let (tone, text) = if repaired {
            (Tone::Good, t.damage_repaired())
        } else {
            (Tone::Attention, t.damage_unrepaired())
        };
        return Some(Verdict { tone, text: text.to_owned() });
    }
    let field = ["status", "result"].into_iter().find(|name| fields.contains_key(*name));
    let (field, code) = match field {
        Some(field) => (field, fields.get(field).and_then(Value::as_str)?),
        None if facet == FacetName::Warranty && has_ended(context, fields) => ("status", "expired"),
        None => return None,
    };
    let tone = match code {
        "open" | "failed" | "void" => Tone::Attention,
        "completed" | "passed" | "active" => Tone::Good,
        _ => Tone::Plain,
    };
    Some(Verdict { tone, text: label::code_name(t, field, code) })
}

fn row(context: &ViewContext<'_>, facet: FacetName, field: &Field, value: &Value) -> Row {
    let label = label::field_name(context.frame.t, facet.as_str(), field.name);
    let is_grade = facet == FacetName::Energy
        && matches!(field.kind, Kind::Code(_))
        && field.name.starts_with("label");
    let grade = value.as_str().filter(|_| is_grade).map(str::to_owned);
    let value = match &grade {
        Some(letter) => Some(context.frame.t.energy_class(letter)),
        None => format_value(context, field.kind, field.name, value),
    };
    Row { label, value, grade }
}

fn text_of<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::{
        VIN, complete, hostile, plug_in, seen_by, signed_in, states, vehicle, with_context,
    };
    use super::super::{
        AccountPart, HolderNotice, Language, NoticeTime, OwnerPart, PersonalPart, facet_fragment,
        render_vehicle, sign_in_address,
    };
    use super::*;

    fn page(language: Language, document: &Value) -> String {
        render_vehicle(&vehicle(language, document)).expect("a page")
    }

    fn check(html: &str, expected: &[&str]) {
        for text in expected {
            assert!(html.contains(text), "{text} is not in:\n{html}");
        }
    }

    fn facet(
        language: Language,
        facet: FacetName,
        value: Option<&Value>,
        meta: &Value,
    ) -> FacetView {
        with_context(language, |context| facet_view(context, facet, value, meta))
    }

    #[test]
    fn ok_facts_codes_units_and_marks_in_german() {
        check(
            &page(Language::De, &complete()),
            &[
                "<html lang=\"de\">",
                "<h1>Porsche 911 Carrera</h1>",
                "<span>Modelljahr 1996</span>",
                "<dt>Kraftstoff</dt><dd>Benzin</dd>",
                "<dt>Hubraum</dt><dd>3.600\u{a0}cm³</dd>",
                "<dt>Farbe</dt><dd class=\"field__missing\">nicht angegeben</dd>",
                "<dd>Fahrzeugstamm</dd>",
                "<time datetime=\"2026-11-20T08:00:00Z\">20. November 2026, 08:00\u{a0}UTC</time>",
                "Aus unserem Bestand vom 2. November 2026; die Quelle wird gerade neu gefragt.",
                "Weisen Sie nach, dass dies Ihr Auto ist, um zu sehen: Erstzulassung, FIN",
                "Melden Sie sich an, um zu sehen: Rückrufe im Einzelnen",
                "Für dieses Auto ist mindestens ein Rückruf offen.",
            ],
        );
    }

    #[test]
    fn ok_every_state_has_its_words() {
        check(
            &page(Language::De, &states()),
            &[
                "Einige Systeme werden noch gefragt.",
                "Die Seite ergänzt diesen Teil von selbst",
                "Aus unserem Bestand vom 1. Oktober 2026; die Quelle war eben nicht zu erreichen.",
                "Die Quelle hat die Verbindung abgelehnt. Über das Auto sagt das nichts",
                "Nach dem Nachweis zu sehen, dass dies Ihr Auto ist</span>",
                "<dt>Wartung</dt><dd>Wann zuletzt gewartet und was gemacht wurde <a",
                "Nach der Anmeldung zu sehen</span>",
                "<dt>Bewertung</dt><dd>Was vergleichbare Autos kosten <a",
                "Die Quelle wurde gefragt und hat dazu nichts verzeichnet.",
                "Für dieses Auto ist kein Rückruf offen.",
            ],
        );
        check(
            &page(Language::En, &states()),
            &[
                "This page fills the part in by itself",
                "From our records of 1 October 2026; the source could not be asked just now.",
                "The source refused the connection. That says nothing about the car",
                "Prove that this is your car to see</span>",
                "Sign in to see</span>",
                "The source was asked and holds nothing on this.",
            ],
        );
    }

    #[test]
    fn ok_facets_come_in_the_order_of_the_product_and_those_withheld_once_at_the_end() {
        let owner = page(Language::En, &seen_by(Tier::Owner));
        let places: Vec<_> =
            FacetName::ALL.iter().map(|name| owner.find(&format!("id=\"{name}\""))).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
        assert!(!owner.contains("id=\"withheld\""));
        let public = page(Language::En, &seen_by(Tier::Public));
        for name in FacetName::ALL {
            assert_eq!(public.matches(&format!("id=\"{name}\"")).count(), 1, "{name}");
        }
        assert_eq!(
            public.matches("<section class=\"facet\"").count(),
            5,
            "four facets, and one part about the others"
        );
        check(
            &public,
            &[
                "More about this car",
                "Sign in to see</span>",
                "<dt>Mileage</dt><dd>Whether the recorded readings agree <a",
            ],
        );
    }

    #[test]
    fn ok_the_owner_reads_all_ten_in_german() {
        check(
            &page(Language::De, &seen_by(Tier::Owner)),
            &[
                "<dt>Erstzulassung</dt><dd>15. März 1996</dd>",
                "<span class=\"grade grade--f\" aria-hidden=\"true\">F</span> Klasse\u{a0}F",
                "<dt>Verbrauch</dt><dd>11,4\u{a0}l/100 km</dd>",
                "Für dieses Auto ist mindestens ein Rückruf offen.",
                "Die Garantie ist am 15. März 2006 abgelaufen.",
                "<dt>Dauer</dt> <dd>24 Monate</dd>",
                "<dt>Letzter Eintrag</dt><dd>22. April 2024</dd>",
                "<dt>Rechnungsbetrag</dt> <dd>1.284,50\u{a0}EUR</dd>",
                "Die Kilometerstände passen nicht zusammen",
                "<th scope=\"row\">1. September 2013</th><td>98.700\u{a0}km</td><td>Angabe des Halters <span class=\"table__badge\">",
                "<dt>Kennzeichen</dt><dd>M-US 1234</dd>",
                "Für dieses Auto ist ein Schaden gemeldet.",
                "Nicht repariert",
                "<dt>Preis von</dt><dd>64.500,00\u{a0}EUR</dd>",
                "Nicht bewertet: Es gibt zu wenige vergleichbare Autos.",
                VIN,
            ],
        );
    }

    #[test]
    fn ok_the_owner_reads_all_ten_in_english_miles_and_in_french() {
        check(
            &page(Language::En, &seen_by(Tier::Owner)),
            &[
                "<td>101,619\u{a0}mi</td>",
                "<dt>Distance limit</dt> <dd>124,274\u{a0}mi</dd>",
                "The warranty expired on 15 March 2006.",
                "Passed with defects",
            ],
        );
        check(
            &page(Language::Fr, &seen_by(Tier::Owner)),
            &[
                "<html lang=\"fr\">",
                "<td>163\u{202f}540\u{a0}km</td>",
                "La garantie a expiré le 15 mars 2006.",
                "Les relevés ne concordent pas\u{a0}: au moins un",
                "<dt>Prix à partir de</dt><dd>64\u{202f}500,00\u{a0}EUR</dd>",
            ],
        );
    }

    #[test]
    fn ok_a_member_reads_summaries_and_what_the_owner_would_see_beside() {
        let html = page(Language::En, &seen_by(Tier::Member));
        check(
            &html,
            &[
                "Prove that this is your car to see: Service entries",
                "Prove that this is your car to see: Readings",
                "Prove that this is your car to see: Damage in detail",
                "<dt>Registration</dt><dd>Plate, keeper and dates on record with the authority <a",
            ],
        );
        for mark in
            ["M-US 1234", "Mustermann", "2024-0815", "Musterstadt", "163,540", "101,619", VIN]
        {
            assert!(!html.contains(mark), "{mark}");
        }
        check(
            &page(Language::En, &plug_in()),
            &[
                "grade--b",
                "<dt>Label, battery discharged</dt>",
                "This car is under warranty until 31 May 2031.",
                "The readings agree",
                "Whether damage has been reported is not stated.",
                "<dt>Electric range</dt><dd>51\u{a0}mi</dd>",
            ],
        );
    }

    #[test]
    fn ok_what_is_of_some_cars_only_is_no_gap_of_the_others() {
        let energy = |value: Value| {
            let view =
                facet(Language::En, FacetName::Energy, Some(&value), &json!({"state": "fresh"}));
            view.rows.into_iter().map(|row| (row.label, row.value)).collect::<Vec<_>>()
        };
        let petrol = energy(json!({"label": "C"}));
        assert_eq!(petrol.len(), 5, "{petrol:?}");
        assert!(petrol.contains(&("Consumption".into(), None)));
        let electric =
            energy(json!({"electric_consumption": {"value": 16.2, "unit": "kWh/100km"}}));
        assert!(!electric.iter().any(|(label, _)| label == "Consumption"), "{electric:?}");
    }

    #[test]
    fn ok_entries_of_lists_have_heading_status_and_rows() {
        check(
            &page(Language::En, &seen_by(Tier::Member)),
            &[
                "Fuel pump may leak",
                "Announced on</dt> <dd>1 March 2019",
                "entry__status--attention",
                "Completed",
                "Tiptronic S",
            ],
        );
    }

    #[test]
    fn ok_a_pending_facet_tells_script_and_reader_how_to_go_on() {
        let view = facet(
            Language::En,
            FacetName::Recalls,
            None,
            &json!({"state": "pending", "retry_after_s": 3}),
        );
        check(
            &facet_fragment(&view).expect("a section"),
            &[
                "<section class=\"facet\" id=\"recalls\"",
                "data-state=\"pending\"",
                "data-fragment=\"/de/vehicles/AZJ3bm9wZXE?fragment=recalls&#38;lang=en\"",
                "data-retry-after=\"3\"",
                "<a href=\"/de/vehicles/AZJ3bm9wZXE?lang=en\">Reload page</a>",
            ],
        );
    }

    #[test]
    fn ok_a_failed_facet_names_its_failure_source_time_and_way_to_try_again() {
        for (error, status, reason) in [
            ("http_protocol_error", Some(500), "The source reported an error of its own."),
            ("http_protocol_error", Some(404), "The source refused the question."),
            ("http_protocol_error", None, "answer could not be used."),
            ("destination_unavailable", Some(429), "says that it is asked too often."),
            ("destination_unavailable", Some(503), "says that it is not available"),
            ("destination_unavailable", None, "because calls to it have failed."),
            ("http_response_timeout", None, "did not answer in time."),
            ("connection_limit_reached", None, "as often as we may."),
        ] {
            let mut meta = json!({"state": "unavailable", "error": error});
            if let (Some(status), Some(meta)) = (status, meta.as_object_mut()) {
                meta.insert("received_status".into(), json!(status));
            }
            let view = facet(Language::En, FacetName::Recalls, None, &meta);
            let html = facet_fragment(&view).expect("a section");
            let retry =
                "<a class=\"facet__retry\" href=\"/de/vehicles/AZJ3bm9wZXE?lang=en#recalls\">";
            let fragment =
                "data-fragment=\"/de/vehicles/AZJ3bm9wZXE?fragment=recalls&#38;lang=en\"";
            let source = "<dt>Source</dt> <dd>";
            let asked = "Asked on 20 November 2026, 09:30\u{a0}UTC.";
            check(&html, &[reason, retry, fragment, source, asked, " data-failed"]);
            assert!(view.arrived.starts_with("Recalls: ") && view.arrived.contains(reason));
            assert!(!view.arrived.contains("has arrived"), "{}", view.arrived);
        }
    }

    #[test]
    fn ok_the_head_says_that_parts_are_missing_where_a_system_has_failed() {
        let missing = "Not every system has answered";
        let pending = "Some systems are still being asked.</p>";
        check(&page(Language::En, &states()), &[pending, missing]);
        let mut document = complete();
        assert!(!page(Language::En, &document).contains(missing));
        if let Some(meta) = document.pointer_mut("/meta/facets/recalls") {
            *meta = json!({"state": "unavailable", "error": "http_response_timeout"});
        }
        check(&page(Language::En, &document), &[&format!("{missing}: parts")]);
    }

    #[test]
    fn ok_a_value_without_its_state_is_not_shown() {
        let secret = json!({"plate": "HH-AB 123"});
        for state in ["withheld", "pending", "absent", "unavailable", "of a later version"] {
            let view = facet(
                Language::De,
                FacetName::Registration,
                Some(&secret),
                &json!({"state": state, "needs": "owner"}),
            );
            assert!(!facet_fragment(&view).expect("a section").contains("HH-AB"), "{state}");
        }
    }

    fn of_visitor(account: Option<AccountPart>, document: &Value) -> String {
        with_context(Language::En, |context| {
            let frame = context.frame.clone().with_account(account);
            let context = ViewContext { frame: &frame, ..*context };
            render_vehicle(&vehicle_view(&context, document)).expect("a page")
        })
    }

    #[test]
    fn ok_sign_in_is_offered_where_it_adds_something_and_comes_back_there() {
        let to = |facet: &str| {
            let path = "/auth/de/sign-in?return_to=/de/vehicles/AZJ3bm9wZXE%3Flang%3Den";
            format!("href=\"{path}%23{facet}\"")
        };
        for account in [AccountPart::SignedOut, AccountPart::Ended] {
            let html = of_visitor(Some(account), &complete());
            check(&html, &[&to("equipment"), &to("valuation"), "Sign in to see: "]);
            for facet in ["registration", "identity"] {
                assert!(!html.contains(&to(facet)), "{facet} is the owner's");
            }
        }
    }

    fn with_owner(account: Option<AccountPart>, owner: &OwnerPart, document: &Value) -> String {
        with_context(Language::En, |context| {
            let frame = context.frame.clone().with_account(account);
            let context = ViewContext { frame: &frame, owner, ..*context };
            render_vehicle(&vehicle_view(&context, document)).expect("a page")
        })
    }

    #[test]
    fn ok_the_way_to_the_proof_leads_through_the_sign_in() {
        let wizard = "/de/vehicles/AZJ3bm9wZXE/ownership";
        for (account, href) in
            [(AccountPart::SignedOut, sign_in_address("de", wizard)), (signed_in(), wizard.into())]
        {
            let owner = OwnerPart::Prove(href.clone());
            let html = with_owner(Some(account), &owner, &seen_by(Tier::Member));
            let link = format!("<a class=\"facet__sign-in\" href=\"{href}\">Prove it <span");
            let own = format!("<a href=\"{href}\">This is my car</a>");
            check(&html, &[&link, &own, "Prove that this is your car to see: Service entries"]);
        }
    }

    #[test]
    fn ok_where_no_proof_is_offered_none_is_promised() {
        for account in [None, Some(signed_in())] {
            let html = with_owner(account, &OwnerPart::NotOffered, &seen_by(Tier::Member));
            check(&html, &["For the owner alone: Service entries", "For the owner alone</span>"]);
            for promise in ["sign-in?", "Sign in to", "Prove", "my car"] {
                assert!(!html.contains(promise), "{promise}");
            }
        }
    }

    #[test]
    fn ok_a_holder_reads_until_when_and_what_opens_later() {
        let notice = |personal, contested_until: Option<&str>| {
            OwnerPart::Held(HolderNotice {
                until: Some(AsOf { iso: "2027-05-19".into(), text: "19 May 2027".into() }),
                personal,
                contested_until: contested_until.map(|at| NoticeTime::At(at.to_owned())),
                href: "/de/vehicles/AZJ3bm9wZXE/ownership".into(),
            })
        };
        let document = seen_by(Tier::Member);
        let html = |owner: &OwnerPart| with_owner(Some(signed_in()), owner, &document);
        let until = "Valid until <time datetime=\"2027-05-19\">19 May 2027</time>";
        let later = html(&notice(PersonalPart::From("23 November".into()), None));
        check(&later, &[until, "Opens on 23 November: Service entries", "open on 23 November, if"]);
        let told = html(&notice(PersonalPart::AfterNotice, None));
        check(&told, &["72 hours after the contact on record was told"]);
        let never = html(&notice(PersonalPart::Never, Some("24 November")));
        check(&never, &["Not opened by your proof: Service entries", "again before 24 November."]);
        let open = html(&notice(PersonalPart::Open, None));
        for absent in ["does not open personal", "Somebody else", "This is my car", "Prove it"] {
            assert!(!open.contains(absent), "{absent}");
        }
    }

    #[test]
    fn ok_without_sign_in_in_the_market_none_is_promised() {
        let html = with_owner(None, &OwnerPart::NotOffered, &complete());
        check(&html, &["Not public: List of equipment", "Not public</span>"]);
        for promise in ["/auth/", "sign-in", "Sign in", "Prove"] {
            assert!(!html.contains(promise), "{promise}");
        }
    }

    #[test]
    fn err_hostile_values_stay_text() {
        for html in Language::ALL.map(|language| page(language, &hostile())) {
            // Every tag of the page is one of the template's own.
            for tag in ["<script>", "<img", "<i>", "onerror=alert(1)>"] {
                assert!(!html.contains(tag), "{tag} is in:\n{html}");
            }
            assert!(html.contains("&#60;script&#62;alert(1)"));
        }
    }

    #[test]
    fn ok_an_entry_that_shows_nothing_is_counted_and_its_fields_are_named() {
        let value = json!({"reported": true, "items": [{"area": "rear"}, {}]});
        let meta = json!({"state": "fresh", "withheld": ["items.description"]});
        let view = facet(Language::En, FacetName::Damage, Some(&value), &meta);
        let titles: Vec<_> = view.items.iter().map(|item| item.title.as_deref()).collect();
        assert_eq!(titles, [Some("Rear"), Some("not stated")]);
        let named = view.withheld.iter().map(|line| line.text.as_str()).collect::<String>();
        assert!(named.ends_with(": Description"), "{named}");
    }

    #[test]
    fn err_documents_of_any_shape_render() {
        let odd_meta = json!({"facets": 7, "meta": {"facets": {"identity": 7, "": null}}});
        for document in [json!(null), json!([]), json!({"meta": {"facets": []}}), odd_meta] {
            check(&page(Language::De, &document), &["<h1>Fahrzeugauszug</h1>"]);
        }
    }
}
