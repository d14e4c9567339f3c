//! Sums of money, exact, in minor units of ISO 4217.

use serde_json::{Number, Value};

use super::decimal::{is_finer_than, parse_decimal, to_minor_units};
use super::scalar::{WrongType, scalar_text, small_object};
use crate::market::Leaf;

/// Currencies of other than two decimals, ISO 4217:2015 with amendments to 2025.
const EXPONENTS: [(u32, &str); 3] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
];

/// Parses a sum. Its currency is the one that the response states at `currency_at` (`stated`), else
/// the leaf's. The market's applies only to a leaf that names neither.
///
/// # Errors
/// [`WrongType`] for text that is no sum, an unknown currency, and decimals that the currency
/// lacks.
pub(super) fn parse_sum(
    leaf: &Leaf,
    text: &str,
    point: char,
    stated: Option<&Value>,
    market_currency: &str,
) -> Result<Value, WrongType> {
    let wrong = |found| WrongType { found };
    let number = parse_decimal(text, point).ok_or(wrong("text that is not a sum of money"))?;
    let stated = match stated {
        Some(value) => scalar_text(value)?.filter(|text| !text.is_empty()),
        None => None,
    };
    let currency = match (&stated, &leaf.currency, &leaf.currency_at) {
        (Some(text), ..) => text.as_ref(),
        (None, Some(currency), _) => currency.as_str(),
        (None, None, None) => market_currency,
        (None, None, Some(_)) => {
            return Err(wrong("a sum of money whose currency is not stated"));
        }
    };
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong("a currency that is not a code of ISO 4217"));
    }
    let exponent = if leaf.minor { 0 } else { currency_exponent(currency) };
    if is_finer_than(number, exponent) {
        return Err(wrong("a sum of money with more decimals than its currency"));
    }
    let units =
        to_minor_units(number, exponent).ok_or(wrong("a sum of money that is too large"))?;
    let amount = Value::Number(Number::from(units));
    Ok(small_object([("amount_minor", amount), ("currency", Value::String(currency.to_owned()))]))
}

/// Returns the number of decimals of a currency.
fn currency_exponent(currency: &str) -> u32 {
    let found = EXPONENTS.iter().find(|(_, codes)| codes.contains(currency));
    found.map_or(2, |(exponent, _)| *exponent)
}
