//! A facet's main question, answered in words: is a recall open, is there a warranty, do the
//! readings agree.

use serde_json::{Map, Value};

use super::context::ViewContext;
use super::facet::{Tone, Verdict};
use crate::market::FacetName;

/// The verdict, and the field that it states, which no row repeats.
pub fn verdict(
    context: &ViewContext<'_>,
    facet: FacetName,
    fields: &Map<String, Value>,
) -> Option<(Verdict, &'static str)> {
    let t = context.frame.t;
    let yes_or_no =
        |field: &str, yes: &'static str, no: &'static str, unstated: &'static str| match fields
            .get(field)
            .and_then(Value::as_bool)
        {
            Some(true) => (Tone::Attention, yes),
            Some(false) => (Tone::Good, no),
            None => (Tone::Plain, unstated),
        };
    let ((tone, text), field) = match facet {
        FacetName::Recalls => {
            (yes_or_no("open", t.recalls_open(), t.recalls_none(), t.recalls_unstated()), "open")
        }
        FacetName::Damage => (
            yes_or_no("reported", t.damage_reported(), t.damage_none(), t.damage_unstated()),
            "reported",
        ),
        FacetName::Mileage => match word(fields, "verdict") {
            "consistent" => ((Tone::Good, t.mileage_consistent()), "verdict"),
            "inconsistent" => ((Tone::Attention, t.mileage_inconsistent()), "verdict"),
            "not_rated" => ((Tone::Plain, t.mileage_not_rated()), "verdict"),
            _ => ((Tone::Plain, t.mileage_unstated()), "verdict"),
        },
        FacetName::Valuation if word(fields, "rating") == "not_rated" => {
            ((Tone::Plain, t.valuation_not_rated()), "rating")
        }
        FacetName::Registration if word(fields, "status") == "stolen" => {
            ((Tone::Attention, t.registration_stolen()), "")
        }
        FacetName::Warranty => return Some((warranty(context, fields), "valid_until")),
        _ => return None,
    };
    Some((Verdict { tone, text: text.to_owned() }, field))
}

/// True if a warranty that the item describes has ended: the system says so, or its last day is
/// over.
pub fn has_ended(context: &ViewContext<'_>, item: &Map<String, Value>) -> bool {
    match word(item, "status") {
        "expired" | "void" => true,
        "active" => false,
        _ => is_over(context, word(item, "ends_on")),
    }
}

fn warranty(context: &ViewContext<'_>, fields: &Map<String, Value>) -> Verdict {
    let t = context.frame.t;
    let items = fields.get("items").and_then(Value::as_array);
    let mut stated = items.into_iter().flatten().filter_map(Value::as_object).peekable();
    let is_any = stated.peek().is_some();
    let all_ended = is_any && stated.all(|item| has_ended(context, item));
    let until = word(fields, "valid_until");
    let date = || context.format.date(context.locale, until);
    let (tone, text) = match until {
        "" if all_ended => (Tone::Attention, t.warranty_ended().to_owned()),
        "" if is_any => (Tone::Plain, t.warranty_undated().to_owned()),
        "" if items.is_some() => (Tone::Plain, t.warranty_none().to_owned()),
        "" => (Tone::Plain, t.warranty_unstated().to_owned()),
        _ if is_over(context, until) => (Tone::Attention, t.warranty_expired(&date())),
        _ if all_ended => (Tone::Attention, t.warranty_ended().to_owned()),
        _ => (Tone::Good, t.warranty_until(&date())),
    };
    Verdict { tone, text }
}

/// True if a last day lies before today. Days as texts sort like days.
fn is_over(context: &ViewContext<'_>, day: &str) -> bool {
    !day.is_empty() && day < context.today()
}

fn word<'f>(fields: &'f Map<String, Value>, name: &str) -> &'f str {
    // OK because a word that is not stated has no meaning of its own.
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Language;
    use super::super::samples::with_context;
    use super::*;

    /// Today is 20 November 2026.
    fn check(facet: FacetName, fields: Value, tone: Tone, text: &str) {
        with_context(Language::En, |context| {
            let found = verdict(context, facet, fields.as_object().expect("an object"))
                .expect("a verdict")
                .0;
            assert!(found.tone == tone && found.text.contains(text), "{fields}: {found:?}");
        });
    }

    #[test]
    fn ok_yes_no_and_not_stated() {
        check(
            FacetName::Recalls,
            json!({"open": true}),
            Tone::Attention,
            "At least one recall is open",
        );
        check(FacetName::Recalls, json!({}), Tone::Plain, "not stated");
        check(
            FacetName::Damage,
            json!({"reported": true}),
            Tone::Attention,
            "Damage to this car has been reported",
        );
        check(FacetName::Damage, json!({"reported": false}), Tone::Good, "No damage");
        check(FacetName::Damage, json!({"reported": null}), Tone::Plain, "not stated");
        check(
            FacetName::Mileage,
            json!({"verdict": "inconsistent"}),
            Tone::Attention,
            "do not agree",
        );
        check(FacetName::Mileage, json!({"verdict": "not_rated"}), Tone::Plain, "Not rated");
        check(FacetName::Valuation, json!({"rating": "not_rated"}), Tone::Plain, "Not rated");
    }

    #[test]
    fn ok_a_warranty_by_its_last_day_and_by_what_the_system_says() {
        let check =
            |fields: Value, tone, text: &str| check(FacetName::Warranty, fields, tone, text);
        check(json!({"valid_until": "2026-11-20"}), Tone::Good, "until 20 November 2026");
        check(json!({"valid_until": "2026-11-19"}), Tone::Attention, "expired on 19 November 2026");
        check(json!({"items": []}), Tone::Plain, "No warranty is on record");
        check(json!({"items": [{"kind": "paint"}]}), Tone::Plain, "not stated until when");
        check(json!({}), Tone::Plain, "is not stated");
        let of = |status: &str| json!({"valid_until": "2030-01-01", "items": [{"status": status, "ends_on": "2030-01-01"}]});
        check(of("active"), Tone::Good, "until 1 January 2030");
        check(of("expired"), Tone::Attention, "has ended");
        check(json!({"items": [{"status": "void"}]}), Tone::Attention, "has ended");
    }
}
