//! Findings in leaves of a mapping, and none in correct ones.

use super::*;
use crate::market::Pointer;
use crate::market::file::Market;

const CODE: Kind = Kind::Code(&["petrol", "diesel", "other"]);
const KM: Kind = Kind::Quantity("km");
const MONTH: Kind = Kind::Quantity("month");

/// Reads a leaf as a market file writes it.
fn leaf(text: &str) -> Leaf {
    let file =
        toml::from_str::<std::collections::BTreeMap<String, Leaf>>(&format!("leaf = {text}"));
    file.unwrap_or_else(|error| panic!("{text}: {error}")).remove("leaf").expect("a leaf")
}

fn found(kind: Kind, leaf: &Leaf) -> Vec<String> {
    let mut findings = Findings::default();
    check_leaf(&["f"], kind, leaf, &mut findings);
    findings.into_vec().into_iter().map(|finding| finding.message).collect()
}

fn check(kind: Kind, text: &str, expect: &str) {
    let messages = found(kind, &leaf(text));
    assert!(
        messages.iter().any(|message| message == expect),
        "{text}\nwanted {expect}\n   got {messages:?}"
    );
}

#[test]
fn ok_every_kind_in_its_ways() {
    for (kind, text) in [
        (Kind::Text, r#""/a""#),
        (Kind::Text, r#"{ at = "/a", codes = { "1" = "one", "" = "none" }, default = "x" }"#),
        (Kind::Text, r#"{ at = "/a", as = "date", format = "%Y%m%d" }"#),
        (Kind::Text, r#"{ at = "/a", trim_start = "0", empty = ["", "N/A"] }"#),
        (Kind::Text, r#"{ first_of = ["/a", { at = "/b", trim = "*" }, { const = "x" }] }"#),
        (
            Kind::Text,
            r#"{ each = "/list", when = { field = "key", is = ["A", "B"] }, at = "/value" }"#,
        ),
        (
            Kind::Text,
            r#"{ each = "/list", when = [{ field = "k", not = "A" }, { at = "/n", missing = false }] }"#,
        ),
        (CODE, r#"{ at = "/a", codes = { "1" = "petrol" } }"#),
        (CODE, r#"{ const = "diesel" }"#),
        (Kind::Integer, r#"{ at = "/a", as = "integer", decimal = "," }"#),
        (Kind::Integer, "{ const = 4 }"),
        (Kind::Boolean, r#"{ at = "/a", as = "boolean", yes = "X", no = "" }"#),
        (Kind::Boolean, "{ const = true }"),
        (Kind::Date, r#"{ at = "/a", as = "date" }"#),
        (Kind::Date, r#"{ at = "/a", as = "datetime", format = "%d-%b-%y %H:%M" }"#),
        (Kind::Date, r#"{ at = "/a", as = "odata_date", zone = "+01:00" }"#),
        (Kind::Date, r#"{ const = "2026-11-20" }"#),
        (Kind::Instant, r#"{ at = "/a", as = "datetime" }"#),
        (Kind::Instant, r#"{ at = "/a", as = "datetime", format = "%d.%m.%Y %H:%M", zone = "Z" }"#),
        (Kind::Instant, r#"{ at = "/a", as = "datetime", format = "%Q" }"#),
        (Kind::Instant, r#"{ at = "/a", as = "odata_date" }"#),
        (KM, r#"{ at = "/a", as = "integer", unit = "km" }"#),
        (KM, r#"{ at = "/a", unit = "mi", decimal = "." }"#),
        (
            KM,
            r#"{ first_of = [{ at = "/km", unit = "km" }, { at = "/mi", unit = "mi" }], as = "integer" }"#,
        ),
        (KM, "{ const = 100000 }"),
        (MONTH, r#"{ at = "/a", as = "duration" }"#),
        (MONTH, r#"{ at = "/a", as = "duration", unit = "year" }"#),
        (MONTH, r#"{ at = "/a", as = "number", unit = "month" }"#),
        (
            Kind::Money,
            r#"{ at = "/a", as = "money", decimal = ",", currency = "EUR", currency_at = "/c", minor = true }"#,
        ),
    ] {
        assert_eq!(found(kind, &leaf(text)), Vec::<String>::new(), "{text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of cases")]
fn err_by_key_and_kind() {
    let place = "says no place; write `at` with a pointer, `first_of` with a list, or `const` with the value";
    check(Kind::Text, "{ }", place);
    check(Kind::Text, "{ first_of = [] }", place);
    check(Kind::Text, r#"{ when = { field = "a", is = "b" } }"#, place);
    let beside =
        "has `first_of` beside another place; move `at`, `each`, `when` and `const` into its list";
    check(Kind::Text, r#"{ at = "/a", first_of = ["/b"] }"#, beside);
    check(Kind::Text, r#"{ const = "a", first_of = ["/b"] }"#, beside);
    check(
        Kind::Text,
        r#"{ first_of = [{ const = "a" }, "/b"] }"#,
        "has alternatives after a `const`, which never count; put the `const` last",
    );
    check(
        Kind::Text,
        r#"{ const = "a", trim = "b" }"#,
        "is a constant, of which nothing is looked for or converted; remove the keys beside `const`",
    );
    let nothing = "has a condition on \"/a\" that says nothing; add `is`, `not` or `missing`";
    check(Kind::Text, r#"{ at = "/b", when = { field = "a" } }"#, nothing);
    let two = "has a condition on \"/a\" that says two things; keep `is`, `not` or `missing`";
    check(Kind::Text, r#"{ at = "/b", when = { field = "a", is = "x", missing = true } }"#, two);
    check(Kind::Text, r#"{ at = "/b", when = [{ field = "a", is = "x", not = "y" }] }"#, two);
    check(
        Kind::Text,
        r#"{ at = "/a", as = "integer" }"#,
        "is a text; remove `as`: numbers are written out",
    );
    check(
        Kind::Text,
        r#"{ at = "/a", as = "money" }"#,
        "is a text; remove `as`: the text is taken over as it is",
    );
    check(CODE, r#""/a""#, "needs `codes` that lead to one of petrol, diesel, other");
    check(
        CODE,
        r#"{ at = "/a", codes = { } }"#,
        "has no `codes`, so every value would be refused; list them or add a `default`",
    );
    check(
        CODE,
        r#"{ at = "/a", codes = { D = "diessel" } }"#,
        "\"diessel\" is not a word of this field; did you mean \"diesel\"?",
    );
    check(
        CODE,
        r#"{ at = "/a", codes = { D = "diesel" }, as = "integer" }"#,
        "has `codes`, which take the place of `as`; remove one of them",
    );
    check(
        CODE,
        r#"{ at = "/a", codes = { "D " = "diesel" } }"#,
        "has the code \"D \", which no value equals: blanks around values are cut off",
    );
    check(Kind::Integer, r#""/a""#, "is a whole number; write { at = \"…\", as = \"integer\" }");
    check(Kind::Boolean, r#""/a""#, "is true or false; write { at = \"…\", as = \"boolean\" }");
    check(
        Kind::Boolean,
        r#"{ at = "/a", as = "boolean", codes = { X = "true" } }"#,
        "has `codes` but is true or false; write `yes` and `no` with the texts instead",
    );
    check(
        Kind::Boolean,
        r#"{ at = "/a", as = "boolean", yes = ["J", "1"], no = ["N", "1"] }"#,
        "has \"1\" in `yes` and in `no`; remove one of them",
    );
    check(
        Kind::Text,
        r#"{ at = "/a", yes = "X" }"#,
        "has `yes` or `no`, which go with as = \"boolean\"",
    );
    check(
        Kind::Date,
        r#""/a""#,
        "is a date; write { at = \"…\", as = \"date\", format = \"%d.%m.%Y\" } or as = \"odata_date\"",
    );
    check(
        Kind::Instant,
        r#"{ at = "/a", as = "date" }"#,
        "is an instant; write { at = \"…\", as = \"datetime\" } or as = \"odata_date\"",
    );
    check(Kind::Money, r#""/a""#, "is a sum of money; write { at = \"…\", as = \"money\" }");
    check(
        Kind::Money,
        r#"{ at = "/a", as = "money", currency = "Euro" }"#,
        "\"Euro\" is not a currency of ISO 4217; write three capital letters, like \"EUR\"",
    );
    check(
        Kind::Integer,
        r#"{ at = "/a", as = "integer", minor = true }"#,
        "has `currency`, `currency_at` or `minor`, which go with as = \"money\"",
    );
    check(
        Kind::Text,
        r#"{ at = "/a", decimal = "," }"#,
        "has a `decimal`, which goes with numbers; remove it",
    );
    check(
        Kind::Integer,
        r#"{ at = "/a", as = "integer", decimal = ";" }"#,
        "has a `decimal` that is neither \",\" nor \".\"",
    );
    check(
        Kind::Text,
        r#"{ at = "/a", default = "x" }"#,
        "has a `default`, which goes with `codes`",
    );
    check(
        Kind::Text,
        r#"{ at = "/a", trim = "" }"#,
        "has an empty `trim`; write the characters that are cut off, or remove it: blanks always are",
    );
}

#[test]
fn err_units() {
    check(KM, r#""/a""#, "is a quantity; add `as = \"number\"` and `unit = \"km\"`");
    check(KM, r#"{ at = "/a", as = "date", unit = "km" }"#, "is a quantity; write as = \"number\"");
    check(
        KM,
        r#"{ at = "/a", as = "duration", unit = "km" }"#,
        "is a quantity; write as = \"number\"",
    );
    check(
        KM,
        r#"{ at = "/a", unit = "miles" }"#,
        "\"miles\" is no unit that km comes from; known are: km, mi, m, yd, ft",
    );
    check(
        Kind::Quantity("l/100km"),
        r#"{ at = "/a", unit = "mpg" }"#,
        "has `unit = \"mpg\"`, of which there are two; write \"mpg_imp\" or \"mpg_us\"",
    );
    check(
        Kind::Integer,
        r#"{ at = "/a", as = "integer", unit = "km" }"#,
        "has a `unit` but is no quantity; remove it",
    );
}

#[test]
fn err_times() {
    let says = "has a `format` that says no day; use %Y, %y, %m, %b, %d, %j, %H, %I, %p, %M, %S, %f, %z and literal text, or %s or %Q alone";
    check(Kind::Date, r#"{ at = "/a", as = "date", format = "%d.%m" }"#, says);
    check(Kind::Date, r#"{ at = "/a", as = "date", format = "%d. %B %Y" }"#, says);
    let goes = "has a `format`, which goes with as = \"date\" or \"datetime\"";
    check(Kind::Date, r#"{ at = "/a", as = "odata_date", format = "%d.%m.%Y" }"#, goes);
    check(
        Kind::Instant,
        r#"{ at = "/a", as = "datetime", format = "%d.%m.%Y" }"#,
        "has a `format` without a time of the day; add %H and %M, or map a field that is a date",
    );
    check(
        Kind::Instant,
        r#"{ at = "/a", as = "datetime", format = "%d.%m.%Y %H:%M" }"#,
        "has a `format` without the offset from UTC; add %z, or `zone = \"+01:00\"` with that of the system's clock",
    );
    check(
        Kind::Instant,
        r#"{ at = "/a", as = "datetime", zone = "Europe/Berlin" }"#,
        "has a `zone` that is no offset from UTC; write \"Z\" or one like \"+01:00\"",
    );
    check(
        Kind::Text,
        r#"{ at = "/a", zone = "Z" }"#,
        "has a `zone`, which goes with as = \"datetime\" or \"odata_date\"",
    );
}

#[test]
fn err_constants() {
    let is_not = |kind, text: &str, what: &str| {
        check(kind, text, &format!("has a `const` that is not {what}"));
    };
    is_not(Kind::Text, "{ const = 7 }", "a text; write it in quotes");
    is_not(Kind::Text, "{ const = \" \" }", "a text; write it in quotes");
    is_not(CODE, "{ const = 1 }", "a word; write one of petrol, diesel, other");
    is_not(Kind::Integer, "{ const = \"4\" }", "a whole number; write it without quotes");
    is_not(Kind::Integer, "{ const = 4.5 }", "a whole number; write it without quotes");
    is_not(Kind::Boolean, "{ const = \"yes\" }", "true or false; write it without quotes");
    is_not(
        Kind::Date,
        "{ const = \"20.11.2026\" }",
        "a date; write it in quotes, like \"2026-11-20\"",
    );
    is_not(Kind::Date, "{ const = 2026-11-20 }", "a date; write it in quotes, like \"2026-11-20\"");
    is_not(KM, "{ const = -1 }", "a number; write how many km, without quotes");
    check(
        CODE,
        "{ const = \"petroll\" }",
        "\"petroll\" is not a word of this field; did you mean \"petrol\"?",
    );
    check(
        Kind::Money,
        "{ const = 1 }",
        "is a sum of money, which no file knows of a car; remove `const`",
    );
    check(
        Kind::Instant,
        "{ const = 1 }",
        "is an instant, which no file knows of a car; remove `const`",
    );
}

#[test]
fn err_alternatives_without_end() {
    let most = "has more than 16 alternatives, or some more than 4 deep; keep those that the system really answers with";
    let a = Leaf::at(Pointer::new("/a").expect("a pointer"));
    let wide = Leaf { first_of: vec![a.clone(); 17], ..Leaf::default() };
    assert_eq!(found(Kind::Text, &wide), [most]);
    let deep = (0..5).fold(a, |inner, _| Leaf { first_of: vec![inner], ..Leaf::default() });
    assert_eq!(found(Kind::Text, &deep), [most]);
    assert_eq!(
        found(Kind::Text, deep.first_of.first().expect("an alternative")),
        Vec::<String>::new()
    );
}

#[test]
fn ok_the_alternatives_take_over_what_stands_beside_them() {
    let text = r#"{ first_of = ["/a", { at = "/b", unit = "mi" }, { const = 1 }], unit = "km", as = "integer" }"#;
    let written = serde_json::to_value(leaf(text)).expect("JSON");
    let expect = serde_json::json!({"first_of": [
        {"at": "/a", "as": "integer", "unit": "km"},
        {"at": "/b", "as": "integer", "unit": "mi"},
        {"const": 1},
    ]});
    assert_eq!(written, expect);
    let again: Leaf = serde_json::from_value(written).expect("a leaf");
    assert_eq!(again, leaf(text));
}

#[test]
fn err_keys_and_words_that_are_not_known_name_the_nearest() {
    let error =
        |text: &str| toml::from_str::<Market>(text).expect_err("not a market").message().to_owned();
    for (leaf, expect) in [
        ("{ at = \"/a\", untit = \"km\" }", "unknown field `untit`"),
        ("{ at = \"/a\", as = \"interger\" }", "unknown variant `interger`"),
        ("{ at = \"/a\", when = { feild = \"a\", is = \"b\" } }", "unknown field `feild`"),
        ("{ at = \"/a\", when = { is = \"b\" } }", "a condition looks at one place"),
        ("{ first_of = [{ at = \"a\" }] }", "a JSON Pointer is empty or starts with `/`"),
    ] {
        let message = error(&format!("[facets.identity]\nmap = {{ make = {leaf} }}"));
        assert!(message.starts_with(expect), "{message}");
    }
}
