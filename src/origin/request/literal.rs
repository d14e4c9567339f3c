//! Literals of typed placeholders, `{identity.model_year:int}`.
//!
//! `OData` v2 (Atom Publishing: URI conventions §2.2.2) and v4 (ABNF construction rules,
//! `primitiveLiteral`) write the same value differently. All other protocols use the plain form,
//! which is v4's. A value of another kind is an error before any request leaves. The kinds are
//! [`crate::market::LITERALS`].

use super::error::EscapeError;
use crate::market::OData;
use crate::time::{LocalTime, parse_iso_date};

/// Most digits of a decimal: those of `Edm.Decimal` in version 2.
const MAX_DIGITS: usize = 29;

/// True for kinds that JSON writes without quotes.
pub(super) fn is_number_kind(kind: &str) -> bool {
    matches!(kind, "int" | "int64" | "decimal")
}

/// Formats a value as a literal of a kind: in the notation of `OData` v2 if `version` says so, else
/// plain. The caller percent-encodes the result.
///
/// # Errors
/// [`EscapeError::Literal`] for a value of another kind.
pub fn format_literal(
    kind: &str,
    value: &str,
    version: Option<OData>,
) -> Result<String, EscapeError> {
    let is_v2 = version == Some(OData::V2);
    let value = value.trim();
    let plain = match kind {
        "int" => value.parse::<i32>().ok().map(|number| number.to_string()),
        "int64" => value.parse::<i64>().ok().map(|number| number.to_string()),
        "decimal" => normalize_decimal(value),
        "date" => parse_iso_date(value).map(|date| date.to_string()),
        "datetime" if is_v2 => utc_instant(value)
            .or_else(|| midnight(value))
            .map(|text| text.trim_end_matches('Z').to_owned()),
        "datetime" | "datetimeoffset" => utc_instant(value),
        "guid" => is_guid(value).then(|| value.to_ascii_lowercase()),
        _ => None,
    };
    let plain = plain.ok_or(EscapeError::Literal)?;
    Ok(match kind {
        "int64" if is_v2 => format!("{plain}L"),
        "decimal" if is_v2 => format!("{plain}M"),
        "date" if is_v2 => format!("datetime'{plain}T00:00:00'"),
        "datetime" | "datetimeoffset" | "guid" if is_v2 => format!("{kind}'{plain}'"),
        _ => plain,
    })
}

/// Normalizes digits with an optional minus and optional decimals: strips leading zeros. Refuses
/// exponents.
fn normalize_decimal(value: &str) -> Option<String> {
    let (sign, digits) = value.strip_prefix('-').map_or(("", value), |rest| ("-", rest));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !fraction.is_none_or(are_digits) || digits.len() > MAX_DIGITS {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(match fraction {
        Some(fraction) => format!("{sign}{whole}.{fraction}"),
        None => format!("{sign}{whole}"),
    })
}

/// Formats an instant in UTC, `2026-11-20T08:00:00Z`. A day without a time is no instant. Formats
/// it anew, because ISO 8601 allows forms that `OData` does not.
fn utc_instant(value: &str) -> Option<String> {
    let moment = LocalTime::parse_iso(value, None)?;
    (value.get(10..11) == Some("T") && value.ends_with('Z')).then(|| moment.to_utc())?
}

fn midnight(value: &str) -> Option<String> {
    let date = parse_iso_date(value)?;
    (value.len() == 10).then(|| format!("{date}T00:00:00"))
}

fn is_guid(value: &str) -> bool {
    let lengths = value.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12])
        && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Checks the plain form and the one of version 2.
    fn check(kind: &str, value: &str, plain: &str, v2: &str) {
        assert_eq!(format_literal(kind, value, None).as_deref(), Ok(plain), "{kind} {value}");
        assert_eq!(
            format_literal(kind, value, Some(OData::V4)).as_deref(),
            Ok(plain),
            "{kind} {value}"
        );
        assert_eq!(
            format_literal(kind, value, Some(OData::V2)).as_deref(),
            Ok(v2),
            "{kind} {value}"
        );
    }

    #[test]
    fn ok_each_kind() {
        check("int", " 0042 ", "42", "42");
        check("int64", "-9223372036854775808", "-9223372036854775808", "-9223372036854775808L");
        check("decimal", "012.50", "12.50", "12.50M");
        check("decimal", "-0.5", "-0.5", "-0.5M");
        check("date", "2026-11-20", "2026-11-20", "datetime'2026-11-20T00:00:00'");
        check("date", "2026-11-20T23:00:00+05:00", "2026-11-20", "datetime'2026-11-20T00:00:00'");
        check(
            "datetime",
            "2026-11-20T08:00:00Z",
            "2026-11-20T08:00:00Z",
            "datetime'2026-11-20T08:00:00'",
        );
        check(
            "datetimeoffset",
            "2026-11-20T08:00:00Z",
            "2026-11-20T08:00:00Z",
            "datetimeoffset'2026-11-20T08:00:00Z'",
        );
        check(
            "datetime",
            "2026-11-20T0800,0011Z",
            "2026-11-20T08:00:00Z",
            "datetime'2026-11-20T08:00:00'",
        );
        let guid = "0000ABCD-12ab-34cd-56ef-00000000000f";
        let lower = guid.to_lowercase();
        check("guid", guid, &lower, &format!("guid'{lower}'"));
        assert_eq!(
            format_literal("datetime", "2026-11-20", Some(OData::V2)).as_deref(),
            Ok("datetime'2026-11-20T00:00:00'")
        );
    }

    #[test]
    fn err_what_is_not_of_its_kind() {
        for (kind, values) in [
            ("int", ["", "1.0", "2147483648", "1 or 1 eq 1", "０"].as_slice()),
            ("int64", &["", "9223372036854775808", "1L"]),
            (
                "decimal",
                &[
                    "",
                    ".",
                    "1.",
                    ".5",
                    "1e3",
                    "+1",
                    "1,5",
                    "NaN",
                    "--1",
                    "123456789012345678901234567890",
                ],
            ),
            ("date", &["", "20.11.2026", "2026-02-30", "2026-11-20'"]),
            (
                "datetime",
                &["", "2026-11-20T08:00:00", "2026-11-20T08:00:00+01:00", "2026-11-20 08:00:00Z"],
            ),
            ("datetimeoffset", &["2026-11-20", "2026-11-20T25:00:00Z"]),
            (
                "guid",
                &[
                    "",
                    "0000abcd12ab34cd56ef00000000000f",
                    "0000abcg-12ab-34cd-56ef-00000000000f",
                    "{}",
                ],
            ),
            ("raw", &["x"]),
        ] {
            for value in values {
                for version in [None, Some(OData::V2), Some(OData::V4)] {
                    if kind == "datetime" && version == Some(OData::V2) && value.len() == 10 {
                        continue;
                    }
                    assert_eq!(
                        format_literal(kind, value, version),
                        Err(EscapeError::Literal),
                        "{kind} {value:?}"
                    );
                }
            }
        }
    }

    proptest! {
        /// A result is one literal: no blank, no parenthesis, no operator, no quotes but the kind's
        /// own.
        #[test]
        fn a_literal_is_one_word(
            value in "\\PC{0,40}|[-0-9T:Z.' ]{0,40}",
            kind in proptest::sample::select(crate::market::LITERALS.as_slice()),
        ) {
            for version in [OData::V2, OData::V4] {
                let Ok(text) = format_literal(kind, &value, Some(version)) else { continue };
                prop_assert!(
                    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:'".contains(&b)),
                    "{}",
                    text
                );
                let quotes = text.matches('\'').count();
                prop_assert!(
                    quotes == 0 || quotes == 2 && version == OData::V2 && text.ends_with('\''),
                    "{}",
                    text
                );
            }
        }

        #[test]
        fn whole_numbers_come_back(number: i64) {
            prop_assert_eq!(
                format_literal("int64", &number.to_string(), Some(OData::V4)),
                Ok(number.to_string())
            );
            prop_assert_eq!(
                format_literal("decimal", &number.to_string(), None),
                Ok(number.to_string())
            );
        }
    }
}
