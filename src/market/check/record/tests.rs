//! Findings in market files with record and CSV origins.

use crate::market::compile;

/// The record and CSV parts of a market, beside a master that makes it whole.
const MARKET: &str = include_str!("../../../../tests/fixtures/flat.toml");

fn errors(text: &str) -> String {
    match compile("m.toml", text) {
        Ok(_) => String::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn ok_the_market_is_good_and_every_key_changes_the_revision() {
    use crate::market::FacetName;
    assert_eq!(errors(MARKET), "");
    let revision = |text: &str, facet| {
        compile("m.toml", text)
            .map(|compiled| compiled.market.facets.get(&facet).map(|facet| facet.revision))
    };
    for (from, to, facet) in [
        ("cp273", "cp500", FacetName::Identity),
        ("REQ1{", "REQ2{", FacetName::Identity),
        ("length = 80", "length = 82", FacetName::Identity),
        ("length = 80", "length = 80\nshort = true", FacetName::Identity),
        ("at = 20, len = 4", "at = 20, len = 3", FacetName::Identity),
        ("count = 3", "count = 2", FacetName::Identity),
        ("separator = \"\\n\"", "separator = \"|\"", FacetName::Recalls),
        ("separator = \";\"", "separator = \",\"", FacetName::Equipment),
    ] {
        let changed = MARKET.replace(from, to);
        assert_ne!(revision(MARKET, facet), revision(&changed, facet), "{from} -> {to}");
    }
}

/// A change of the file, and the expected error.
const CASES: &[(&str, &str, &str)] = &[
    (
        "\"cp273\"",
        "\"cp274\"",
        "m.toml:13: origins.registry.encoding: `cp274` is not a word that can stand here; did you mean \"cp273\"?",
    ),
    (
        "encoding = \"cp273\"",
        "",
        "m.toml:9: origins.registry: speaks in records and has no `encoding`; add it, like encoding = \"cp273\" or \"iso-8859-1\"",
    ),
    (
        "{vin:17}",
        "{vin:16}",
        "m.toml:14: origins.registry.request: has 16 bytes for a value of 17; no request could be made",
    ),
    (
        "{vin:17}",
        "{vin:x}",
        "m.toml:14: origins.registry.request: `{vin:x}` has no width that can be read; write {vin:17}, or {identity.model_year:>6:0} with `<` or `>` for the side and the character that fills",
    ),
    (
        "{market:2}",
        "{market}",
        "m.toml:14: origins.registry.request: has a placeholder without a width, which would shift what follows; write {market:2}",
    ),
    (
        "{market:2}",
        "{market:4:€}",
        "m.toml:14: origins.registry.request: fills with '€', which is not one byte of the encoding; choose another",
    ),
    (
        "REQ1",
        "REQ€",
        "m.toml:14: origins.registry.request: has a character that the encoding lacks; write what the system knows",
    ),
    (
        "{vin:17}",
        "{identity.trim:17}",
        "m.toml:59: facets.identity.needs: lacks \"identity.trim\", which the request of origin \"registry\" uses; add it",
    ),
    (
        "length = 80",
        "length = 70",
        "m.toml:24: origins.registry.groups.keepers: has bytes 26 to 79, beyond the record's `length` of 70 bytes; correct `at`, `len` or `count`",
    ),
    (
        "at = 2, len = 10",
        "at = 1, len = 10",
        "m.toml:18: origins.registry.layout.plate: has bytes 1 to 10 and \"status\" has 0 to 1; correct `at` or `len`, or say `redefines` where both are meant",
    ),
    (
        "len = 10 },\n  { name = \"first",
        "len = 0 },\n  { name = \"first",
        "m.toml:18: origins.registry.layout.plate.len: is 0; write how many bytes it has",
    ),
    (
        "\"plate\", at",
        "\"status\", at",
        "m.toml:17: origins.registry.layout.status: stands here twice; give each field a name of its own",
    ),
    (
        "\"keepers\", at",
        "\"plate\", at",
        "m.toml:24: origins.registry.groups.plate: stands here twice; give each field a name of its own",
    ),
    (
        "len = 4, type = \"packed\"",
        "len = 17, type = \"packed\"",
        "m.toml:20: origins.registry.layout.km.len: is 17; a packed number has 1 to 16 bytes (31 digits and the sign)",
    ),
    (
        "type = \"packed\"",
        "type = \"packed\", scale = 19",
        "m.toml:20: origins.registry.layout.km.scale: is 19; choose -9 to 18 digits behind the point",
    ),
    (
        "type = \"packed\"",
        "type = \"paked\"",
        "m.toml:20: origins.registry.layout.km.type: `paked` is not a word that can stand here; did you mean \"packed\"?",
    ),
    (
        "type = \"packed\"",
        "tpye = \"packed\"",
        "m.toml:20: origins.registry.layout.km.tpye: `tpye` is not a key of this table; did you mean \"type\"?",
    ),
    (
        "type = \"packed\"",
        "sign = \"leading\", type = \"packed\"",
        "m.toml:20: origins.registry.layout.km.sign: goes with type = \"zoned\"; remove it (a number finds a sign on both sides)",
    ),
    (
        "len = 10 },\n  { name = \"first",
        "len = 10, scale = 2 },\n  { name = \"first",
        "m.toml:18: origins.registry.layout.plate: has `scale` or `signed` and is no number; say its `type` (number, zoned, packed or binary)",
    ),
    (
        ", signed = false",
        "",
        "m.toml:21: origins.registry.layout.n: is binary and does not say its sign; add `signed = true` (PIC S9) or `signed = false` (PIC 9)",
    ),
    (
        "len = 2, type = \"binary\"",
        "len = 9, type = \"binary\"",
        "m.toml:21: origins.registry.layout.n.len: is 9; a binary number has 1 to 8 bytes",
    ),
    (
        "at = 12, len = 8, type = \"date\"",
        "at = 12, len = 6, type = \"date\"",
        "m.toml:19: origins.registry.layout.first_reg.len: is 6, and a date of the format %Y%m%d has 8; correct `len` or say the `format`",
    ),
    (
        "len = 8, type = \"date\" },\n  { name = \"km",
        "len = 8, type = \"date\", format = \"%B\" },\n  { name = \"km",
        "m.toml:19: origins.registry.layout.first_reg.format: says no day; use %Y, %y, %m, %d, %j, %H, %M, %S and literal text",
    ),
    (
        "type = \"packed\"",
        "type = \"packed\", redefines = \"plaet\"",
        "m.toml:20: origins.registry.layout.km.redefines: \"plaet\" is no field of this layout; did you mean \"plate\"?",
    ),
    (
        "type = \"packed\"",
        "type = \"packed\", redefines = \"plate\"",
        "m.toml:20: origins.registry.layout.km.redefines: leaves the bytes of \"plate\", which are 2 to 11: it has 20 to 23; let the longer field be the redefined one",
    ),
    (
        "counted_by = \"n\"",
        "counted_by = \"plate\"",
        "m.toml:24: origins.registry.groups.keepers.counted_by: \"plate\" is no whole number; say its `type` (number, zoned, packed or binary)",
    ),
    (
        "counted_by = \"n\"",
        "counted_by = \"m\"",
        "m.toml:24: origins.registry.groups.keepers.counted_by: \"m\" is no field before it; known are: status, plate, first_reg, km, n",
    ),
    (
        "count = 3",
        "count = 0",
        "m.toml:24: origins.registry.groups.keepers.count: is 0; choose 1 to 10000",
    ),
    (
        "\"keepers\", at = 26",
        "\"keepers\", at = 25",
        "m.toml:24: origins.registry.groups.keepers: has bytes 24 to 25 that are bytes of \"n\" too; correct `at`, `len` or `count`",
    ),
    (
        "\"keepers\", at = 26",
        "\"keepers\"",
        "m.toml:24: origins.registry.groups.keepers: has no `at`; say where its first occurrence stands (only a group after another may go without)",
    ),
    (
        "at = 10, len = 8",
        "at = 12, len = 8",
        "m.toml:26: origins.registry.groups.keepers.layout.since: has bytes 12 to 19, beyond its group's `len` of 18 bytes; correct `at`, `len` or `count`",
    ),
    (
        "at = \"/status\", is = \"04\"",
        "at = \"/n\", is = \"04\"",
        "m.toml:29: origins.registry.not_found: \"04\" is never what the number \"n\" reads as: numbers have no leading zeros; correct one of them, or read the field as text",
    ),
    (
        "at = \"/status\", is",
        "at = \"/stauts\", is",
        "m.toml:29: origins.registry.not_found: \"/stauts\" is nothing of the layout; did you mean \"status\"?",
    ),
    (
        "each = \"/recall\"",
        "each = \"/recal\"",
        "m.toml:77: facets.recalls.each: \"/recal\" is nothing of the layout; did you mean \"recall\"?",
    ),
    (
        "separator = \";\"",
        "separator = \"§\"",
        "m.toml:36: origins.feed.csv.separator: must be one ASCII character that is no letter or digit, like \";\", \",\" or \"\\t\"",
    ),
    (
        "separator = \";\"",
        "separator = \";;\"",
        "m.toml:36: origins.feed.csv.separator: holds a text; write one character in quotes",
    ),
    (
        "separator = \";\"",
        "separator = \";\", quote = \";\"",
        "m.toml:36: origins.feed.csv.quote: is the separator too; one of them is wrong",
    ),
    (
        "separator = \";\"",
        "separator = \";\", quote = \"ab\"",
        "m.toml:36: origins.feed.csv.quote: must be one ASCII character that is no letter or digit, or \"\" where nothing is quoted",
    ),
    (
        "separator = \";\"",
        "separator = \";\", comment = \";\"",
        "m.toml:36: origins.feed.csv.comment: must be one ASCII character, and neither the separator nor the quote",
    ),
    (
        "[\"vin\", \"name\"]",
        "[\"vin\", \"vin\"]",
        "m.toml:36: origins.feed.csv.columns: has \"vin\" twice; give each column a name of its own, or \"\" if it is not read",
    ),
    (
        "columns = [\"vin\", \"name\"]",
        "header = false",
        "m.toml:36: origins.feed.csv.columns: is missing, and there is no header; name the columns in order, like [\"vin\", \"read_on\"]",
    ),
    (
        "csv = {",
        "request = \"vin;'{vin}'\"\ncsv = {",
        "m.toml:36: origins.feed.request: has a placeholder that is no whole field; put separators or line breaks around it, and no quotes",
    ),
    (
        "csv = {",
        "request = \"{vin:17}\"\ncsv = {",
        "m.toml:36: origins.feed.request: has a width; in CSV a value is as long as it is: write {vin}",
    ),
    (
        "csv = {",
        "length = 7\ncsv = {",
        "m.toml:36: origins.feed.length: is for `protocol = \"record\"` only; remove it",
    ),
    (
        "length = 80",
        "csv = {}",
        "m.toml:15: origins.registry.csv: stands at an origin that does not speak CSV; remove it or set `protocol = \"csv\"`",
    ),
    (
        "type = { at = 0, len = 2 }",
        "",
        "m.toml:43: origins.journal.records: has `types` and no `type`; say where a record names its kind, like type = { at = 0, len = 2 }",
    ),
    (
        "type = { at = 0, len = 2 }",
        "type = { at = 0, len = 1 }",
        "m.toml:48: origins.journal.records.types.head.is: \"01\" can never stand in the 1 bytes of `type`; correct one of them",
    ),
    (
        "[\"20\", \"21\"]",
        "[\"20\", \"01\"]",
        "m.toml:51: origins.journal.records.types.recall.is: \"01\" is another kind's too; each word means one kind",
    ),
    (
        "separator = \"\\n\"",
        "separator = \"\"",
        "m.toml:44: origins.journal.records.separator: must be 1 to 4 characters of the encoding, like \"\\n\" or \"\\r\\n\"",
    ),
    (
        "name = \"number\", at = 2, len = 8",
        "name = \"number\", at = 2, len = 8, type = \"packed\"",
        "m.toml:44: origins.journal.records.separator: cannot part records with \"number\" in them, whose bytes may be any; give the origin's `length`",
    ),
    (
        "layout = [ { name = \"vin\", at = 2, len = 17 } ]",
        "layout = []",
        "m.toml:47: origins.journal.records.types.head: has no `layout`; list its fields, like layout = [ { name = \"status\", at = 0, len = 2 } ]",
    ),
    (
        "[origins.journal.records]",
        "layout = [ { name = \"x\", at = 0, len = 1 } ]\n[origins.journal.records]",
        "m.toml:43: origins.journal.layout: stands beside records.types, which have layouts of their own; remove one of them",
    ),
];

#[test]
fn err_names_file_line_key_cause_and_fix() {
    let mut wrong = Vec::new();
    for (from, to, expected) in CASES {
        assert!(MARKET.contains(*from), "the test replaces {from:?}, which is not in the file");
        let errors = errors(&MARKET.replacen(from, to, 1));
        if !errors.lines().any(|line| line == *expected) {
            wrong.push(format!("wanted {expected}\n   got {errors}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ok_redefinitions_may_share_bytes() {
    let parts = "len = 10 }, { name = \"a\", at = 2, len = 5, redefines = \"plate\" }, { name = \"b\", at = 4, len = 5, redefines = \"plate\" },\n  { name = \"first";
    assert_eq!(errors(&MARKET.replacen("len = 10 },\n  { name = \"first", parts, 1)), "");
}
