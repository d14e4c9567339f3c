//! Sums of money: exact, in minor units of ISO 4217.

use serde_json::{Number, Value};

use super::decimal::Decimal;
use super::leaf::object;
use super::scalar::{WrongKind, text_of};
use crate::market::Leaf;

/// Decimals of a currency, ISO 4217:2015 with amendments to 2025: two, unless it is one of these.
const EXPONENTS: [(u32, &str); 3] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// Reads a sum. The currency is what stands at `currency_at`, else the leaf's; the market's only
/// where the leaf says nothing.
pub(super) fn sum(
    leaf: &Leaf,
    text: &str,
    point: char,
    stated: Option<&Value>,
    market: &str,
) -> Result<Value, WrongKind> {
    let number = Decimal::parse(text, point)
        .ok_or(WrongKind { found: "text that is not a sum of money" })?;
    let stated = match stated {
        Some(value) => text_of(value)?.filter(|text| !text.is_empty()),
        None => None,
    };
    let currency = match (&stated, &leaf.currency, &leaf.currency_at) {
        (Some(text), ..) => text.as_ref(),
        (None, Some(currency), _) => currency.as_str(),
        (None, None, None) => market,
        (None, None, Some(_)) => {
            return Err(WrongKind { found: "a sum of money whose currency is not stated" });
        }
    };
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(WrongKind { found: "a currency that is not a code of ISO 4217" });
    }
    let exponent = if leaf.minor { 0 } else { exponent(currency) };
    if number.is_finer_than(exponent) {
        return Err(WrongKind { found: "a sum of money with more decimals than its currency" });
    }
    let units = number
        .minor_units(exponent)
        .ok_or(WrongKind { found: "a sum of money that is too large" })?;
    let amount = Value::Number(Number::from(units));
    Ok(object([("amount_minor", amount), ("currency", Value::String(currency.to_owned()))]))
}

fn exponent(currency: &str) -> u32 {
    let found = EXPONENTS.iter().find(|(_, codes)| codes.contains(currency));
    found.map_or(2, |(exponent, _)| *exponent)
}
