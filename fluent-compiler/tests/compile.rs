//! The code generated from messages, and the faults that the compiler refuses.

use fluent_compiler::{Source, compile};

fn plural_categories(language: &str) -> &'static [&'static str] {
    if matches!(language, "de" | "en") { &["one", "other"] } else { &[] }
}

fn sources(de: &str, en: &str) -> [Source; 2] {
    let source =
        |language: &str, text: &str| Source { language: language.into(), text: text.into() };
    [source("de", de), source("en", en)]
}

fn check_ok(de: &str, en: &str, expected: &[&str]) {
    let result = compile(&sources(de, en), plural_categories);
    assert!(result.is_ok(), "{result:?}");
    let code = result.unwrap_or_default();
    for part in expected {
        assert!(code.contains(part), "{part} is not in:\n{code}");
    }
}

fn check_error(de: &str, en: &str, expected: &str) {
    let errors = compile(&sources(de, en), plural_categories).err().unwrap_or_default();
    assert!(
        errors.iter().any(|error| error == expected),
        "{expected}\nis not among\n{}",
        errors.join("\n")
    );
}

#[test]
fn ok_text_terms_references_and_literals() {
    let ftl = "-brand = Kerb\nname = { -brand }side\ntitle = „{ name }“{ \" \" }{ \"\\u00E9\" }\n";
    check_ok(ftl, ftl, &["fn name(self) -> &'static str", "\"Kerbside\"", "„Kerbside“ é"]);
}

#[test]
fn ok_arguments_plurals_numbers_and_words() {
    let ftl = "a = { $n ->\n    [0] none\n    [one] one { $unit }\n   *[other] { $n } { $unit }\n}\n\
               b = { $kind ->\n    [car] Car\n   *[bike] Bike\n}\n";
    check_ok(
        ftl,
        ftl,
        &[
            "fn a(self, n: i64, unit: &str) -> String",
            "if n == 0 {",
            "if category(\"en\", n) == Some(Category::One) {",
            "fn b(self, kind: &str) -> String",
            "if kind == \"car\" {",
        ],
    );
}

#[test]
fn ok_named_messages_go_to_the_table() {
    check_ok(
        "field-make = Marke\n",
        "field-make = Make\n",
        &["(\"field-make\", [\"Marke\", \"Make\"]),"],
    );
}

#[test]
fn err_a_missing_key_names_both_files() {
    let expected =
        "site/messages/en.ftl: b: is missing here and is in de.ftl, line 2; add or remove it";
    check_error("a = A\nb = B\n", "a = A\n", expected);
}

#[test]
fn err_an_extra_key() {
    let expected =
        "site/messages/de.ftl: b: is missing here and is in en.ftl, line 1; add or remove it";
    check_error("a = A\n", "b = B\na = A\n", expected);
}

#[test]
fn err_other_argument_names() {
    let expected = "site/messages/en.ftl:1: a: takes $nombre here and $name in de.ftl, line 1; use the same arguments";
    check_error("a = { $name }\n", "a = { $nombre }\n", expected);
}

#[test]
fn err_unsupported_constructs() {
    let cases = [
        (
            "a = { NUMBER($n) }\n",
            "a: calls NUMBER(), and functions are not supported; pass a formatted argument",
        ),
        ("a = { -t }\n", "a: names the unknown term -t"),
        ("a = { b }\n", "a: names the unknown message b"),
        ("a = { a }\n", "a: refers to itself through a; break the circle"),
        (
            "a = A\n    .title = T\n",
            "a: has attributes, which are not supported; make them messages of their own",
        ),
        ("a = A\na = B\n", "a: is there twice; remove one"),
        (
            "field-a = { $b }\n",
            "field-a: is looked up by name and has arguments; rename it or remove them",
        ),
        (
            "a = { $n ->\n    [few] x\n   *[other] y\n}\n",
            "a: has the plural category few; this language has one, other",
        ),
        (
            "a = { $n ->\n    [1] x\n   *[many] y\n}\n",
            "a: selects by number, but its default is not *[other]",
        ),
    ];
    for (ftl, cause) in cases {
        let line = if cause.contains("twice") { 2 } else { 1 };
        check_error(ftl, "a = A\n", &format!("site/messages/de.ftl:{line}: {cause}"));
    }
}

#[test]
fn err_broken_syntax_and_an_unknown_language() {
    let errors = compile(&sources("a = A\n\nb = { $x\n", "a = A\n"), plural_categories)
        .expect_err("the brace is open");
    assert!(
        errors.iter().any(|e| e.starts_with("site/messages/de.ftl:3: -: not Fluent syntax: ")),
        "{errors:?}"
    );
    let polish = [Source { language: "pl".into(), text: "a = A\n".into() }];
    let expected = "site/messages/pl.ftl:1: -: this language has no plural rule; add it to src/pages/plural.rs";
    assert_eq!(compile(&polish, plural_categories).expect_err("no rule for Polish"), [expected]);
}
