//! Numbers and dates by the runtime's `Intl`, which knows every locale.

use js_sys::{Date, Function, Number, Object, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::ports::Format;

/// The runtime's `Intl`.
pub(super) struct Intl;

impl Format for Intl {
    fn date(&self, locale: &str, iso: &str) -> String {
        let options = options(&[("dateStyle", "long"), ("timeZone", "UTC")]);
        format_date(iso, |date| date.to_locale_date_string(locale, &options).into())
    }

    fn instant(&self, locale: &str, time_zone: &str, iso: &str) -> String {
        format_date(iso, |date| {
            let text = format_instant(locale, time_zone, date);
            let text = text.or_else(|| format_instant(locale, "UTC", date));
            text.unwrap_or_else(|| iso.to_owned())
        })
    }

    fn number(&self, locale: &str, value: f64) -> String {
        Number::from(value).to_locale_string(locale).into()
    }

    fn money(&self, locale: &str, amount_minor: i64, currency: &str) -> String {
        let is_currency =
            currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_currency {
            return format!("{amount_minor} {currency}"); // Intl would throw.
        }
        let options = options(&[("style", "currency"), ("currency", currency)]);
        let digits = js_sys::Intl::NumberFormat::new(&js_sys::Array::of1(&locale.into()), &options)
            .resolved_options();
        let digits = Reflect::get(&digits, &"maximumFractionDigits".into())
            .ok()
            .and_then(|digits| digits.as_f64());
        #[expect(clippy::cast_precision_loss, reason = "amounts of money are below 2^53")]
        let mut value = amount_minor as f64;
        let mut left = digits.unwrap_or(2.0);
        while left > 0.0 {
            value /= 10.0;
            left -= 1.0;
        }
        format_number(locale, value, &options)
            .unwrap_or_else(|| format!("{amount_minor} {currency}"))
    }
}

/// Formats an instant in a time zone, with the zone's name; `None` for a zone that the runtime does
/// not know, for which its constructor throws.
fn format_instant(locale: &str, time_zone: &str, date: &Date) -> Option<String> {
    let options = options(&[
        ("year", "numeric"),
        ("month", "long"),
        ("day", "numeric"),
        ("hour", "numeric"),
        ("minute", "2-digit"),
        ("timeZoneName", "short"),
        ("timeZone", time_zone),
    ]);
    let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?;
    let constructor: Function =
        Reflect::get(&intl, &"DateTimeFormat".into()).ok()?.dyn_into().ok()?;
    let arguments = js_sys::Array::of2(&locale.into(), &options);
    let formatter = Reflect::construct(&constructor, &arguments).ok()?;
    let format: Function = Reflect::get(&formatter, &"format".into()).ok()?.dyn_into().ok()?;
    format.call1(&JsValue::UNDEFINED, date).ok()?.as_string()
}

/// Formats a number; `None` if the runtime fails.
fn format_number(locale: &str, value: f64, options: &Object) -> Option<String> {
    let format =
        js_sys::Intl::NumberFormat::new(&js_sys::Array::of1(&locale.into()), options).format();
    format.call1(&JsValue::UNDEFINED, &JsValue::from_f64(value)).ok()?.as_string()
}

/// Formats a date; returns a text that is no date as it is.
fn format_date(iso: &str, format: impl FnOnce(&Date) -> String) -> String {
    let date = Date::new(&JsValue::from_str(iso));
    if date.get_time().is_nan() { iso.to_owned() } else { format(&date) }
}

fn options(pairs: &[(&str, &str)]) -> Object {
    let options = Object::new();
    for (name, value) in pairs {
        // OK because a plain object takes every property.
        let _ = Reflect::set(&options, &JsValue::from_str(name), &JsValue::from_str(value));
    }
    options
}
