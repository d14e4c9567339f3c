//! Numbers and dates by the runtime's `Intl`, which knows every locale.

use js_sys::{Date, Number, Object, Reflect};
use wasm_bindgen::JsValue;

use crate::ports::Format;

/// The runtime's `Intl`.
pub(super) struct Intl;

impl Format for Intl {
    fn date(&self, locale: &str, iso: &str) -> String {
        let options = options(&[("dateStyle", "long"), ("timeZone", "UTC")]);
        format_date(iso, |date| date.to_locale_date_string(locale, &options).into())
    }

    fn instant(&self, locale: &str, iso: &str) -> String {
        let options =
            options(&[("dateStyle", "long"), ("timeStyle", "short"), ("timeZone", "UTC")]);
        format_date(iso, |date| {
            format!("{}\u{a0}UTC", String::from(date.to_locale_string(locale, &options)))
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
