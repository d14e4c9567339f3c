//! From the vehicle document (`docs/`, the API contract) to the views of the vehicle page.
//!
//! Generic over facets: known fields get their label, order and format from `label`, unknown ones are shown under their own
//! name made readable, so a facet that joins later has a page at once. Takes the document as it was projected for the viewer
//! and decides nothing about who may see what.

use serde_json::{Map, Value};

use super::facet::{AsOf, FacetState, FacetView, Item, Pending, Row, Tier, Tone, Verdict};
use super::label::{self, Kind};
use super::layout::{Frame, web_address};
use super::message::Messages;
use super::vehicle::VehicleView;
use crate::ports::Format;

/// What the conversion needs beside the document.
pub struct Context<'c> {
    /// The frame of the vehicle page; its path is the page's.
    pub frame: &'c Frame,
    /// The locale of numbers and dates, `de-DE`.
    pub locale: &'c str,
    /// Formats numbers and dates.
    pub format: &'c dyn Format,
    /// The tier from which a field of a facet is shown, for the words about withheld fields.
    pub floor: &'c dyn Fn(&str, &str) -> Tier,
    /// Where to sign in, when the market has a sign-in and the viewer is not signed in.
    pub sign_in: Option<&'c str>,
}

/// The vehicle page of a whole document.
pub fn vehicle_view(context: &Context<'_>, document: &Value) -> VehicleView {
    let none = Map::new();
    let metas = document.pointer("/meta/facets").and_then(Value::as_object).unwrap_or(&none);
    let known = label::FACETS.iter().filter_map(|name| metas.get_key_value(*name));
    let others = metas.iter().filter(|(name, _)| !label::FACETS.contains(&name.as_str()));
    let value = |name: &str| document.pointer(&format!("/facets/{name}"));
    let views = known.chain(others).map(|(name, meta)| facet_view(context, name, value(name), meta)).collect();
    let identity = document.pointer("/facets/identity").unwrap_or(&Value::Null);
    let as_of = document.pointer("/meta/facets/identity/as_of").and_then(Value::as_str);
    VehicleView::new(context.frame.clone(), identity, as_of, views)
}

/// One facet: its projected value, if the document holds one, and its entry in `meta.facets`.
pub fn facet_view(context: &Context<'_>, name: &str, value: Option<&Value>, meta: &Value) -> FacetView {
    let t = context.frame.t;
    let state = FacetState::from_word(text_of(meta, "state").unwrap_or_default());
    let mut view = FacetView::new(t, name, state);
    view.source = text_of(meta, "source").map(|source| label::source_name(t, source));
    view.as_of = text_of(meta, "as_of")
        .map(|iso| AsOf { iso: iso.to_owned(), text: context.format.instant(context.locale, iso) });
    view.note = note(context, state, meta);
    view.pending = (state == FacetState::Pending).then(|| pending(context, &view, meta));
    view.withheld = withheld(context, name, meta);
    if state == FacetState::Withheld || !view.withheld.is_empty() {
        view.sign_in = context.sign_in.and_then(web_address);
    }
    if let (FacetState::Fresh | FacetState::Stale, Some(Value::Object(fields))) = (state, value) {
        fill(context, &mut view, fields);
    }
    view
}

fn note(context: &Context<'_>, state: FacetState, meta: &Value) -> Option<String> {
    let t = context.frame.t;
    match state {
        FacetState::Fresh => None,
        FacetState::Stale => Some(stale_note(context, meta)),
        FacetState::Pending => Some(t.note_pending().to_owned()),
        FacetState::Absent => Some(t.note_absent().to_owned()),
        FacetState::Unavailable => {
            let token = text_of(meta, "error").unwrap_or("other");
            Some(
                t.note_unavailable(t.named("error-", token).or_else(|| t.named("error-", "other")).unwrap_or_default()),
            )
        }
        FacetState::Withheld => match Tier::from_word(text_of(meta, "needs").unwrap_or_default()) {
            Tier::Public | Tier::Member => Some(t.note_withheld_member().to_owned()),
            Tier::Owner => Some(t.note_withheld_owner().to_owned()),
        },
    }
}

fn stale_note(context: &Context<'_>, meta: &Value) -> String {
    let t = context.frame.t;
    let Some(iso) = text_of(meta, "as_of") else { return t.note_stale_undated().to_owned() };
    let date = context.format.date(context.locale, iso);
    if text_of(meta, "error").is_some() { t.note_stale_error(&date) } else { t.note_stale(&date) }
}

fn pending(context: &Context<'_>, view: &FacetView, meta: &Value) -> Pending {
    let frame = context.frame;
    Pending {
        fragment_href: format!("{}?fragment={}&lang={}", frame.path, view.name, frame.t.language.code()),
        reload_href: frame.here(),
        retry_after_s: meta.get("retry_after_s").and_then(Value::as_u64).unwrap_or(2).clamp(1, 30),
        gave_up: frame.t.gave_up(&view.heading),
    }
}

fn withheld(context: &Context<'_>, facet: &str, meta: &Value) -> Vec<String> {
    let t = context.frame.t;
    let names: Vec<&str> =
        meta.get("withheld").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let of_tier = |owner: bool| -> Option<String> {
        let labels: Vec<String> = names
            .iter()
            .filter(|name| ((context.floor)(facet, name) == Tier::Owner) == owner)
            .map(|name| label::field_name(t, facet, name))
            .collect();
        (!labels.is_empty()).then(|| labels.join(", "))
    };
    let member = of_tier(false).map(|fields| t.withheld_member(&fields));
    let owner = of_tier(true).map(|fields| t.withheld_owner(&fields));
    member.into_iter().chain(owner).collect()
}

/// Facts, verdict and entries out of the facet's fields.
fn fill(context: &Context<'_>, view: &mut FacetView, fields: &Map<String, Value>) {
    let facet = view.name.clone();
    let known = label::FIELDS.iter().filter(|(of, _, _)| *of == facet);
    for (_, field, _) in known.clone() {
        view.rows.push(row(context, &facet, field, fields.get(*field).unwrap_or(&Value::Null)));
    }
    if facet == "recalls" {
        view.verdict = Some(recalls_verdict(context.frame.t, fields.get("open")));
    }
    for (field, value) in fields {
        if known.clone().any(|(_, name, _)| name == field) || (facet == "recalls" && field == "open") {
            continue;
        }
        match value {
            Value::Array(entries) if entries.iter().any(Value::is_object) => {
                view.items_label = label::field_name(context.frame.t, &facet, field);
                view.items.extend(entries.iter().filter_map(Value::as_object).map(|e| item(context, &facet, e)));
            }
            Value::Object(parts) if quantity(parts).is_none() && money(parts).is_none() => {
                for (part, value) in parts {
                    view.rows.push(row(context, &facet, &format!("{field}_{part}"), value));
                }
            }
            _ => view.rows.push(row(context, &facet, field, value)),
        }
    }
}

fn recalls_verdict(t: Messages, open: Option<&Value>) -> Verdict {
    let (tone, text) = match open.and_then(Value::as_bool) {
        Some(true) => (Tone::Attention, t.recalls_open()),
        Some(false) => (Tone::Good, t.recalls_none()),
        None => (Tone::Plain, t.recalls_unstated()),
    };
    Verdict { tone, text: text.to_owned() }
}

/// One entry of a list. Its heading is the first of title, name, reference and code that it has.
fn item(context: &Context<'_>, facet: &str, fields: &Map<String, Value>) -> Item {
    let heading =
        ["title", "name", "reference", "code"].into_iter().find(|key| fields.get(*key).is_some_and(Value::is_string));
    let title = heading.and_then(|key| fields.get(key)?.as_str()).map(str::to_owned);
    let status = fields.get("status").and_then(Value::as_str).map(|code| Verdict {
        tone: if code == "open" { Tone::Attention } else { Tone::Plain },
        text: label::code_name(context.frame.t, "status", code),
    });
    let shown = fields
        .iter()
        .filter(|(field, _)| Some(field.as_str()) != heading && (field.as_str() != "status" || status.is_none()));
    // Long text last, so that the short facts stay in one line.
    let (long, short): (Vec<_>, Vec<_>) = shown.partition(|(field, _)| field.as_str() == "description");
    let shown = short.into_iter().chain(long);
    let rows = shown.map(|(field, value)| row(context, facet, field, value));
    Item { title, status, rows: rows.filter(|row| row.value.is_some()).collect() }
}

fn row(context: &Context<'_>, facet: &str, field: &str, value: &Value) -> Row {
    Row {
        label: label::field_name(context.frame.t, facet, field),
        value: written(context, kind_of(facet, field), field, value),
    }
}

/// The kind of a field: from the tables, else from its name. A value that does not fit its kind is written by its shape.
fn kind_of(facet: &str, field: &str) -> Kind {
    let known = label::FIELDS.iter().find(|(of, name, _)| *of == facet && *name == field).map(|(_, _, kind)| *kind);
    let entry = || label::ENTRY_FIELDS.iter().find(|(name, _)| *name == field).map(|(_, kind)| *kind);
    let by_name = || match field.rsplit('_').next() {
        Some("on" | "date" | "from" | "until") => Kind::Date,
        Some("year") => Kind::Year,
        _ => Kind::Text,
    };
    known.or_else(entry).unwrap_or_else(by_name)
}

/// The value in words, or `None` for *not stated*.
fn written(context: &Context<'_>, kind: Kind, field: &str, value: &Value) -> Option<String> {
    let (t, format, locale) = (context.frame.t, context.format, context.locale);
    match value {
        Value::Null => None,
        Value::Bool(yes) => Some(if *yes { t.yes() } else { t.no() }.to_owned()),
        Value::Number(number) if kind == Kind::Year => Some(number.to_string()),
        Value::Number(number) => number.as_f64().map(|number| format.number(locale, number)),
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(code) if kind == Kind::Code => Some(label::code_name(t, field, code)),
        Value::String(iso) if kind == Kind::Date => Some(format.date(locale, iso)),
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().filter_map(|value| written(context, kind, field, value)).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        Value::Object(parts) => quantity(parts)
            .map(|(number, unit)| format.quantity(locale, number, label::unit_name(t, unit)))
            .or_else(|| money(parts).map(|(minor, currency)| format.money(locale, minor, currency)))
            .or_else(|| Some(value.to_string())),
    }
}

fn quantity(parts: &Map<String, Value>) -> Option<(f64, &str)> {
    Some((parts.get("value")?.as_f64()?, parts.get("unit")?.as_str()?))
}

fn money(parts: &Map<String, Value>) -> Option<(i64, &str)> {
    Some((parts.get("amount_minor")?.as_i64()?, parts.get("currency")?.as_str()?))
}

fn text_of<'v>(object: &'v Value, key: &str) -> Option<&'v str> {
    object.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::samples::{complete, floor, hostile, member, states, vehicle};
    use super::super::{Language, PlainFormat, facet_fragment, render_vehicle};
    use super::*;

    fn page(language: Language, document: &Value) -> String {
        render_vehicle(&vehicle(language, document))
    }

    fn check(html: &str, expected: &[&str]) {
        for text in expected {
            assert!(html.contains(text), "{text} is not in:\n{html}");
        }
    }

    fn facet(language: Language, name: &str, value: Option<&Value>, meta: &Value) -> FacetView {
        let frame = Frame::new(language, "/de/vehicles/x").with_market("de", "Deutschland");
        let context = Context {
            frame: &frame,
            locale: "de-DE",
            format: &PlainFormat,
            floor: &floor,
            sign_in: Some("/auth/de/sign-in"),
        };
        facet_view(&context, name, value, meta)
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
                "Nur mit Eigentumsnachweis sichtbar: FIN",
                "Nach der Anmeldung sichtbar: Rückrufe im Einzelnen",
                "Für dieses Auto ist mindestens ein Rückruf offen.",
            ],
        );
    }

    #[test]
    fn ok_every_state_has_its_words_in_both_languages() {
        check(
            &page(Language::De, &states()),
            &[
                "Einige Systeme werden noch gefragt.",
                "Die Seite ergänzt diesen Teil von selbst",
                "Aus unserem Bestand vom 1. Oktober 2026; die Quelle war eben nicht zu erreichen.",
                "Die Quelle hat die Verbindung abgelehnt. Über das Auto sagt das nichts",
                "Dieser Teil ist nur mit Eigentumsnachweis sichtbar.",
                "Dieser Teil ist nach der Anmeldung sichtbar.",
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
                "Only the owner sees this part",
                "This part is shown after sign-in.",
                "The source was asked and holds nothing on this.",
            ],
        );
    }

    #[test]
    fn ok_facets_come_in_the_order_of_the_page_and_unknown_ones_last() {
        let html = page(Language::En, &states());
        let places: Vec<_> =
            ["identity", "equipment", "recalls", "warranty", "service_history", "damage", "valuation", "tyre_pressure"]
                .map(|name| html.find(&format!("id=\"{name}\"")))
                .into();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
        check(
            &html,
            &[
                "<dt>Front</dt><dd>2.5\u{a0}bar</dd>",
                "<dt>Checked on</dt><dd>1 March 2026</dd>",
                "<dt>Spare wheel</dt><dd>No</dd>",
                "<dt>Set</dt><dd>summer, winter</dd>",
                "<dt>Price</dt><dd>1,299.00\u{a0}EUR</dd>",
                "<dt>Note</dt><dd class=\"field__missing\">not stated</dd>",
            ],
        );
    }

    #[test]
    fn ok_entries_of_lists_have_heading_status_and_rows() {
        check(
            &page(Language::En, &member()),
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
        let view = facet(Language::En, "recalls", None, &json!({"state": "pending", "retry_after_s": 3}));
        check(
            &facet_fragment(&view),
            &[
                "<section class=\"facet\" id=\"recalls\"",
                "data-state=\"pending\"",
                "data-fragment=\"/de/vehicles/x?fragment=recalls&#38;lang=en\"",
                "data-retry-after=\"3\"",
                "<a href=\"/de/vehicles/x\">Reload page</a>",
            ],
        );
    }

    #[test]
    fn ok_a_value_without_its_state_is_not_shown() {
        let secret = json!({"plate": "HH-AB 123"});
        for state in ["withheld", "pending", "absent", "unavailable", "of a later version"] {
            let view = facet(Language::De, "registration", Some(&secret), &json!({"state": state, "needs": "owner"}));
            assert!(!facet_fragment(&view).contains("HH-AB"), "{state}");
        }
    }

    #[test]
    fn ok_sign_in_is_offered_where_it_helps() {
        let withheld = facet(Language::En, "valuation", None, &json!({"state": "withheld", "needs": "member"}));
        check(&facet_fragment(&withheld), &["<a href=\"/auth/de/sign-in\">Sign in</a>"]);
        let fresh = facet(Language::En, "recalls", Some(&json!({"open": false})), &json!({"state": "fresh"}));
        assert_eq!(fresh.sign_in, None);
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
    fn err_documents_of_any_shape_render() {
        let odd_meta = json!({"facets": 7, "meta": {"facets": {"identity": 7, "": null}}});
        for document in [json!(null), json!([]), json!({"meta": {"facets": []}}), odd_meta] {
            check(&page(Language::De, &document), &["<h1>Fahrzeugauszug</h1>"]);
        }
    }
}
