//! From the text of a market file to its compiled form, or to errors that name file, line, key,
//! cause and fix.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{self, Finding};
use super::file::{Facet, Market, Origin};
use super::published;
use super::template::Template;
use crate::vehicle::FacetName;

/// A market that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The market.
    pub market: Market,
    /// The value in KV under [`published::market_key`].
    pub json: String,
    /// The content hash: 32 hexadecimal digits of SHA-256 over the market's JSON.
    pub hash: String,
}

/// One error of a market file. Prints as `markets/de.toml:12: origins.master.timeout_ms: cause;
/// fix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketError {
    /// The file's name as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key's path, empty where the file as a whole does not parse.
    pub key: String,
    /// Cause and fix.
    pub message: String,
}

impl fmt::Display for MarketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, message } = self;
        write!(f, "{file}:{line}: ")?;
        if !key.is_empty() {
            write!(f, "{key}: ")?;
        }
        f.write_str(message)
    }
}

impl std::error::Error for MarketError {}

/// Compiles a market file.
///
/// # Errors
/// Everything that is wrong with it; never an empty list.
pub fn compile(file: &str, text: &str) -> Result<Compiled, Vec<MarketError>> {
    compile_with(file, text, &BTreeMap::new())
}

/// Compiles a market file after replacing the beginnings of the addresses of origins and of
/// issuers: local development puts the stand-ins' addresses (`http://127.0.0.1:4711`) where the
/// file names real hosts (`https://erp.example.com`).
///
/// # Errors
/// Everything that is wrong with the file; never an empty list.
pub fn compile_with(
    file: &str,
    text: &str,
    rewrites: &BTreeMap<String, String>,
) -> Result<Compiled, Vec<MarketError>> {
    let source = Source { file, text };
    let mut market: Market =
        toml::from_str(text).map_err(|error| vec![source.shape_error(&error)])?;
    rewrite(&mut market, rewrites);
    let findings = check::check(&market);
    if !findings.is_empty() {
        return Err(findings.into_iter().map(|finding| source.finding(finding)).collect());
    }
    seal(market).map_err(|error| vec![source.error(0, String::new(), error.to_string())])
}

fn rewrite(market: &mut Market, rewrites: &BTreeMap<String, String>) {
    for origin in market.origins.values_mut() {
        if let Some(Ok(url)) = rewritten(origin.url.as_str(), rewrites).map(Template::new) {
            origin.url = url;
        }
        if let Some(oauth2) = origin.auth.as_mut().and_then(|auth| auth.oauth2.as_mut())
            && let Some(url) = rewritten(&oauth2.token_url, rewrites)
        {
            oauth2.token_url = url;
        }
    }
    if let Some(sign_in) = market.sign_in.as_mut()
        && let Some(issuer) = rewritten(&sign_in.issuer, rewrites)
    {
        sign_in.issuer = issuer;
    }
    let dealer = market.ownership.as_mut().and_then(|one| one.methods.dealer.as_mut());
    if let Some(dealer) = dealer
        && let Some(issuer) = rewritten(&dealer.issuer, rewrites)
    {
        dealer.issuer = issuer;
    }
}

fn rewritten(url: &str, rewrites: &BTreeMap<String, String>) -> Option<String> {
    rewrites.iter().find_map(|(from, to)| {
        let rest = url.strip_prefix(from.as_str())?;
        (rest.is_empty() || rest.starts_with(['/', '?'])).then(|| format!("{to}{rest}"))
    })
}

fn seal(mut market: Market) -> Result<Compiled, serde_json::Error> {
    let mut revisions: BTreeMap<FacetName, u32> = BTreeMap::new();
    for (name, facet) in &market.facets {
        // A facet's lifetimes are no part of its content.
        let asked = market.origins.get(&facet.origin).map(|origin| {
            let Origin { protocol, url, query, headers, version, rest, soap, not_found, .. } =
                origin;
            let Origin { encoding, request, length, short, layout, groups, records, csv, .. } =
                origin;
            let Origin { failed, about, .. } = origin;
            let flat =
                serde_json::json!([encoding, request, length, short, layout, groups, records, csv]);
            let verdicts = serde_json::json!([not_found, failed, about]);
            serde_json::json!([protocol, url, query, headers, version, rest, soap, verdicts, flat])
        });
        // Sums without a currency of their own are in the market's.
        let Facet { each, anchor, when, map, .. } = facet;
        let currency = &market.currency;
        let described = serde_json::json!({
            "each": each, "anchor": anchor, "when": when, "map": map, "asked": asked,
            "currency": currency,
        });
        let digest = Sha256::digest(described.to_string());
        let first: Vec<u8> = digest.iter().take(4).copied().collect();
        revisions
            .insert(*name, first.into_iter().fold(0, |number, byte| number << 8 | u32::from(byte)));
    }
    let body = serde_json::to_string(&market)?;
    for (name, revision) in &revisions {
        if let Some(facet) = market.facets.get_mut(name) {
            facet.revision = *revision;
        }
    }
    let hash = published::content_hash(&body);
    let json = published::wrap(&hash, &serde_json::to_string(&revisions)?, &body);
    Ok(Compiled { market, json, hash })
}

struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, offset: usize, key: String, message: String) -> MarketError {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        MarketError { file: self.file.to_owned(), line, key, message }
    }

    /// An error of the TOML itself or of the file's shape.
    fn shape_error(&self, error: &toml::de::Error) -> MarketError {
        let span = error.span().unwrap_or(0..0);
        let path = self.path_at(&span);
        let message = explain(error.message());
        self.error(span.start, path.join("."), message)
    }

    fn finding(&self, finding: Finding) -> MarketError {
        let offset = self.offset_of(&finding.path);
        self.error(offset, finding.path.join("."), finding.message)
    }

    /// The position of the deepest existing key of a path.
    fn offset_of(&self, path: &[String]) -> usize {
        let Ok(document) = DeTable::parse(self.text) else { return 0 };
        let mut table = document.get_ref();
        let mut offset = 0;
        let mut path = path.iter();
        while let Some(key) = path.next() {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else {
                break;
            };
            offset = name.span().start;
            let inner = match value.get_ref() {
                DeValue::Table(inner) => inner,
                // An entry of a list is known by its `name`.
                DeValue::Array(entries) => {
                    let Some(named) = path.next().and_then(|name| entry_of(entries, name)) else {
                        break;
                    };
                    offset = named.0;
                    named.1
                }
                _ => break,
            };
            table = inner;
        }
        offset
    }

    /// The key path whose name or value covers a place.
    fn path_at(&self, place: &Range<usize>) -> Vec<String> {
        let mut path = Vec::new();
        if let Ok(document) = DeTable::parse(self.text) {
            walk(document.get_ref(), place, &mut path);
        }
        path
    }
}

/// The table of a list whose `name` this is, and where it stands.
fn entry_of<'d, 'i>(
    entries: &'d [Spanned<DeValue<'i>>],
    wanted: &str,
) -> Option<(usize, &'d DeTable<'i>)> {
    entries.iter().find_map(|entry| match entry.get_ref() {
        DeValue::Table(table) if name_of(table) == Some(wanted) => {
            Some((entry.span().start, table))
        }
        _ => None,
    })
}

fn name_of<'d>(table: &'d DeTable<'_>) -> Option<&'d str> {
    table
        .iter()
        .find(|(key, _)| key.get_ref() == "name")
        .and_then(|(_, value)| value.get_ref().as_str())
}

/// Pushes the keys that lead to a place; says whether there was one.
fn walk(table: &DeTable<'_>, place: &Range<usize>, path: &mut Vec<String>) -> bool {
    for (name, value) in table {
        path.push(name.get_ref().to_string());
        let deeper = match value.get_ref() {
            DeValue::Table(inner) => walk(inner, place, path),
            DeValue::Array(entries) => entries.iter().any(|entry| match entry.get_ref() {
                DeValue::Table(inner) => {
                    path.extend(name_of(inner).map(ToOwned::to_owned));
                    let found = walk(inner, place, path);
                    if !found && name_of(inner).is_some() {
                        path.pop();
                    }
                    found
                }
                _ => false,
            }),
            _ => false,
        };
        if deeper || covers(&name.span(), place) || covers(&value.span(), place) {
            return true;
        }
        path.pop();
    }
    false
}

fn covers(span: &Range<usize>, place: &Range<usize>) -> bool {
    span.start <= place.start && place.end <= span.end
}

/// Adds the fix to what serde says of a shape.
fn explain(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => {
            format!(
                "`{unknown}` is not a key of this table; {}",
                check::nearest(unknown, known.iter().copied())
            )
        }
        Some((unknown, known)) if message.starts_with("unknown variant") => {
            format!(
                "`{unknown}` is not a word that can stand here; {}",
                check::nearest(unknown, known.iter().copied())
            )
        }
        Some((missing, _)) if message.starts_with("missing field") => {
            format!("`{missing}` is missing; add it")
        }
        _ => wrong_type(message).unwrap_or_else(|| message.replace('\n', " ")),
    }
}

/// "invalid type: string "x", expected u32" in words of a market file.
fn wrong_type(message: &str) -> Option<String> {
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    let wanted = match expected.lines().next().unwrap_or(expected) {
        "u8" => "a whole number from 0 to 255, without quotes",
        "u16" => "a whole number from 0 to 65535, without quotes",
        "u32" | "u64" => "a whole number that is not negative, without quotes",
        "a string" => "a text in quotes",
        "a boolean" => "true or false, without quotes",
        "a sequence" => "a list in brackets, like [\"a\", \"b\"]",
        "a character" => "one character in quotes",
        other => other,
    };
    // OK because splitting gives at least one part.
    let found = found.split([' ', '`']).next().unwrap_or_default();
    let found = match found {
        "string" => "a text",
        "integer" => "a number",
        "floating" => "a number with decimals",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a table",
        other => other,
    };
    Some(format!("holds {found}; write {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
code = "de"
name = "Deutschland"
region = "eu"
locales = ["de-DE"]
currency = "EUR"
deadline_ms = 900

[origins.master]
protocol = "rest"
url = "https://erp.example.com/vehicles/{vin}"
timeout_ms = 2500

[facets.identity]
origin = "master"
required = true
ttl_s = 86400
[facets.identity.map]
make = "/brand"
model = { at = "/model" }
"#;

    /// Replaces one text of the good file and returns the errors, one a line.
    fn errors(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "the test replaces {from:?}, which is not in the file");
        let text = GOOD.replace(from, to);
        match compile("m.toml", &text) {
            Ok(_) => String::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn ok_the_designs_own_market() {
        let text = include_str!("../../tests/fixtures/design.toml");
        let errors = compile("design.toml", text).err().unwrap_or_default();
        assert_eq!(errors, []);
    }

    #[test]
    fn ok_compiles_and_reads_back() {
        let compiled = compile("m.toml", GOOD).expect("valid");
        let (market, hash) = published::parse_market(&compiled.json).expect("readable");
        assert_eq!((market, hash.as_str()), (compiled.market, compiled.hash.as_str()));
    }

    #[test]
    fn ok_rewrites_hosts_only_at_a_boundary() {
        let rewrites =
            |from: &str| BTreeMap::from([(from.to_owned(), "http://127.0.0.1:1".to_owned())]);
        let url = |from: &str| {
            let compiled = compile_with("m.toml", GOOD, &rewrites(from)).expect("valid");
            compiled
                .market
                .origins
                .values()
                .map(|origin| origin.url.as_str().to_owned())
                .collect::<String>()
        };
        assert_eq!(url("https://erp.example.com"), "http://127.0.0.1:1/vehicles/{vin}");
        assert_eq!(url("https://erp.example"), "https://erp.example.com/vehicles/{vin}");
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table of cases")]
    fn err_names_file_line_key_cause_and_fix() {
        for (from, to, expected) in [
            (
                "currency = \"EUR\"",
                "currency = \"EUR\"\ntime_zone = \"Europe/Atlantis\"",
                "m.toml:7: time_zone: is not a time zone of the IANA database; write its name, like \"Europe/Berlin\"",
            ),
            (
                "timeout_ms = 2500",
                "timout_ms = 2500",
                "m.toml:12: origins.master.timout_ms: `timout_ms` is not a key of this table; did you mean \"timeout_ms\"?",
            ),
            (
                "\"rest\"",
                "\"resst\"",
                "m.toml:10: origins.master.protocol: `resst` is not a word that can stand here; did you mean \"rest\"?",
            ),
            (
                "timeout_ms = 2500",
                "timeout_ms = \"2500\"",
                "m.toml:12: origins.master.timeout_ms: holds a text; write a whole number that is not negative, without quotes",
            ),
            (
                "protocol = \"rest\"\n",
                "",
                "m.toml:9: origins.master: `protocol` is missing; add it",
            ),
            (
                "2500",
                "0",
                "m.toml:12: origins.master.timeout_ms: is 0; choose 50 to 30000 milliseconds (the platform ends late work after 30 s)",
            ),
            (
                "https://erp",
                "http://erp",
                "m.toml:11: origins.master.url: is not encrypted; use https:// (http:// is for 127.0.0.1 and localhost only)",
            ),
            (
                "timeout_ms = 2500",
                "timeout_ms = 2500\nauth = { basic = \"A_B\", bearer = \"C_D\" }",
                "m.toml:13: origins.master.auth: shows who Kerbside is in several ways (basic, bearer); keep one of them",
            ),
            (
                "timeout_ms = 2500",
                "timeout_ms = 2500\nauth = {}",
                "m.toml:13: origins.master.auth: is empty; name a secret in `basic`, `bearer`, `header` or `oauth2`, a `certificate`, or remove it",
            ),
            (
                "timeout_ms = 2500",
                "timeout_ms = 2500\nauth = { certificate = \"DB\" }",
                "m.toml:13: origins.master.auth.certificate: \"DB\" is a binding of Kerbside's own; name the mTLS binding of this origin's certificate",
            ),
            (
                "timeout_ms = 2500",
                "timeout_ms = 2500\nauth = { bearer = \"secret\" }",
                "m.toml:13: origins.master.auth.bearer: is not a secret's name: it must be 2 to 64 upper-case letters, digits or underscores, a letter first, and none of Kerbside's own (the secret itself is set with `wrangler secret put`)",
            ),
            (
                "timeout_ms = 2500",
                "timeout_ms = 2500\nauth = { oauth2 = { token_url = \"http://a.b/t\", client = \"A_B\" } }",
                "m.toml:13: origins.master.auth.oauth2.token_url: is not encrypted; use https:// (http:// is for 127.0.0.1 and localhost only)",
            ),
            (
                "{vin}",
                "{vin:17}",
                "m.toml:11: origins.master.url: has a placeholder with `:17`, which is no kind of value; known are: int, int64, decimal, date, datetime, datetimeoffset, guid",
            ),
            (
                "https://erp",
                "https://{vin}.erp",
                "m.toml:11: origins.master.url: has a placeholder in its host; placeholders may stand in the path and the query only",
            ),
            (
                "{vin}",
                "{plate}",
                "m.toml:11: origins.master.url: `{plate}` is not known; use {vin}, {market} or {facet.field}",
            ),
            (
                "origin = \"master\"",
                "origin = \"mastr\"",
                "m.toml:15: facets.identity.origin: \"mastr\" is not described; did you mean \"master\"?",
            ),
            (
                "model = {",
                "modell = {",
                "m.toml:20: facets.identity.map.modell: identity has no such field; did you mean \"model\"?",
            ),
            (
                "\"/brand\"",
                "\"brand\"",
                "m.toml:19: facets.identity.map.make: a JSON Pointer is empty or starts with `/`, like /Envelope/Body",
            ),
            (
                "required = true\n",
                "",
                "m.toml:14: facets: has no required facet; set `required = true` where a page without it makes no sense (identity)",
            ),
        ] {
            let errors = errors(from, to);
            assert!(
                errors.lines().any(|line| line == expected),
                "wanted {expected}\n   got {errors}"
            );
        }
    }
}
