//! Rules of `[sign_in]` and of `cors_origins`.
//!
//! The limits are those of the code that signs people in and reads their tokens: a file that passes
//! here cannot ask for more than `auth` gives. `cargo xtask market check --live` asks the identity
//! provider itself.

use url::Url;

use super::address::{check_address, is_loopback};
use super::finding::{Findings, nearest};
use crate::market::SignIn;
use crate::market::file::Market;
use crate::market::sign_in::ClientAuthentication;

/// The signature algorithms that tokens may have (RFC 7518, RFC 8037).
const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];
/// The range of `max_age_s`: the longest is also the limit of the code.
const MIN_FRESH_S: u32 = 60;
const MAX_FRESH_S: u32 = 900;

/// Checks how a market signs people in, and the web origins that may read its API.
pub(super) fn check_sign_in(market: &Market, findings: &mut Findings) {
    check_cors_origins(&market.cors_origins, findings);
    let Some(sign_in) = &market.sign_in else { return };
    check_issuer(&sign_in.issuer, findings);
    check_client(sign_in, findings);
    check_request(sign_in, findings);
    check_tokens(sign_in, findings);
}

/// An issuer identifier has neither query nor fragment (`OpenID` Connect Discovery §3).
fn check_issuer(issuer: &str, findings: &mut Findings) {
    let path = ["sign_in", "issuer"];
    check_address(&path, issuer, findings);
    if Url::parse(issuer).is_ok_and(|url| url.query().is_some()) {
        findings.add(
            &path,
            "has a ?query, which no issuer has; write it as the provider's \
            discovery document does",
        );
    }
}

fn check_client(sign_in: &SignIn, findings: &mut Findings) {
    if sign_in.client_id.is_empty() {
        findings.add(
            &["sign_in", "client_id"],
            "is empty; write the client id that the identity provider gave",
        );
    }
    let sends_secret = sign_in.client_authentication != ClientAuthentication::PrivateKeyJwt;
    let credentials = [
        ("client_secret", &sign_in.client_secret, sends_secret),
        ("client_key", &sign_in.client_key, !sends_secret),
    ];
    for (key, named, is_used) in credentials {
        let path = ["sign_in", key];
        let method = if sends_secret { "the secret's methods" } else { "private_key_jwt" };
        match (named, is_used) {
            (None, true) => findings.add(
                &path,
                format!("is missing; {method} needs it: name the Worker's secret that holds it"),
            ),
            (Some(_), false) => findings.add(
                &path,
                format!("is not used by {method}; remove it, or change `client_authentication`"),
            ),
            _ => {}
        }
    }
}

fn check_request(sign_in: &SignIn, findings: &mut Findings) {
    if !sign_in.scopes.iter().any(|scope| scope == "openid") {
        findings.add(
            &["sign_in", "scopes"],
            "lacks \"openid\"; add it: OpenID Connect answers with an ID token only then",
        );
    }
    for (key, words) in [("scopes", &sign_in.scopes), ("acr_values", &sign_in.acr_values)] {
        if let Some(word) = words.iter().find(|word| !is_word(word)) {
            findings.add(
                &["sign_in", key],
                format!("holds {word:?}; write each value as a text of its own, without blanks"),
            );
        }
    }
    let path = ["sign_in", "max_age_s"];
    findings.range(&path, sign_in.max_age_s, MIN_FRESH_S, MAX_FRESH_S, "seconds");
}

/// Values of one parameter are separated by blanks (RFC 6749 §3.3).
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn check_tokens(sign_in: &SignIn, findings: &mut Findings) {
    check_algorithms(&["sign_in", "algorithms"], &sign_in.algorithms, findings);
    check_api_clients(sign_in, findings);
    check_access_token_type(sign_in, findings);
}

/// Checks the signature algorithms of a provider.
pub(super) fn check_algorithms(path: &[&str], algorithms: &[String], findings: &mut Findings) {
    let unknown = |word: &&String| !ALGORITHMS.contains(&word.as_str());
    for word in algorithms.iter().filter(unknown) {
        findings.add(
            path,
            format!(
                "holds {word:?}, which is not accepted; {}",
                nearest(word, ALGORITHMS.into_iter())
            ),
        );
    }
    if algorithms.is_empty() {
        findings.add(
            path,
            "is empty; name the algorithms that the provider signs with, like [\"ES256\"]",
        );
    }
}

fn check_api_clients(sign_in: &SignIn, findings: &mut Findings) {
    let path = ["sign_in", "api_clients"];
    if sign_in.api_clients.iter().any(String::is_empty) {
        findings.add(&path, "holds an empty text; write client ids of the identity provider");
    }
    if sign_in.api_clients.contains(&sign_in.client_id) {
        findings.add(
            &path,
            "holds `client_id`, whose tokens are for the sign-in alone; list other clients",
        );
    }
    let audience = sign_in.audience.as_deref();
    if audience.is_none() && !sign_in.api_clients.is_empty() {
        findings.add(
            &["sign_in", "audience"],
            "is missing; name the audience that access tokens of `api_clients` are for",
        );
    }
    if audience.is_some_and(|audience| audience.trim().is_empty()) {
        findings.add(&["sign_in", "audience"], "is empty; write the audience, or remove it");
    }
}

/// Without the type of RFC 9068 the audience alone tells an access token from an ID token.
fn check_access_token_type(sign_in: &SignIn, findings: &mut Findings) {
    let of_its_own = sign_in.audience.as_ref().is_some_and(|one| *one != sign_in.client_id);
    match sign_in.access_token_type.as_str() {
        "at+jwt" => {}
        "JWT" if of_its_own => {}
        "JWT" => findings.add(
            &["sign_in", "access_token_type"],
            "is \"JWT\", which ID tokens have too; set an `audience` other than `client_id`",
        ),
        _ => findings.add(
            &["sign_in", "access_token_type"],
            "must be \"at+jwt\" (RFC 9068), or \"JWT\" for a provider that predates it",
        ),
    }
}

/// A web origin is compared as browsers send it: scheme, host and a port other than the default.
fn check_cors_origins(origins: &[String], findings: &mut Findings) {
    for text in origins {
        let url = Url::parse(text);
        let is_secure =
            |url: &Url| url.scheme() == "https" || url.scheme() == "http" && is_loopback(url);
        let cause = match url {
            Ok(url) if url.origin().ascii_serialization() != *text => {
                let origin = url.origin();
                let serialized = origin.ascii_serialization();
                let fix = if origin.is_tuple() { &serialized } else { "https://partner.example" };
                format!("is not a web origin; write it as browsers do, like {fix}")
            }
            Ok(url) if is_secure(&url) => continue,
            Ok(_) => "is not encrypted; use https:// (http:// is for 127.0.0.1 and localhost only)"
                .to_owned(),
            Err(cause) => format!("is not a web origin ({cause}); write https://partner.example"),
        };
        findings.add(&["cors_origins"], format!("holds {text:?}, which {cause}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::market::compile;

    const MARKET: &str = include_str!("../../../tests/fixtures/market.toml");
    const GOOD: &str = "issuer = \"https://id.example.com/de\"\nclient_id = \"kerbside\"\n\
        client_secret = \"DE_SECRET\"\n";

    /// Compiles a market with these lines below `[sign_in]`; returns the errors without the file's
    /// name and line.
    fn errors(lines: &str) -> Vec<String> {
        let text = format!("{MARKET}\n[sign_in]\n{lines}");
        let found = compile("m.toml", &text).err().unwrap_or_default();
        found.iter().map(|error| format!("{}: {}", error.key, error.message)).collect()
    }

    fn check_ok(lines: &str) {
        assert_eq!(errors(lines), Vec::<String>::new(), "{lines}");
    }

    fn check_err(lines: &str, start: &str) {
        let found = errors(lines);
        let is_named = found.len() == 1 && found.iter().all(|one| one.starts_with(start));
        assert!(is_named, "{lines}: {found:?}");
    }

    #[test]
    fn ok_each_kind_of_client() {
        check_ok(GOOD);
        check_ok(&format!("{GOOD}client_authentication = \"client_secret_post\""));
        let key = GOOD.replace("client_secret", "client_key");
        check_ok(&format!("{key}client_authentication = \"private_key_jwt\""));
        check_ok(&GOOD.replace("https://id.example.com/de", "http://127.0.0.1:9300/de"));
        check_ok(&format!("{GOOD}audience = \"api\"\napi_clients = [\"partner\"]"));
        check_ok(&format!("{GOOD}audience = \"api\"\naccess_token_type = \"JWT\""));
        check_ok(&format!("{GOOD}acr_values = [\"https://refeds.org/profile/mfa\"]"));
        check_ok(&format!("{GOOD}algorithms = [\"RS256\", \"PS256\", \"ES384\"]\nmax_age_s = 60"));
    }

    #[test]
    fn err_issuers() {
        for (issuer, start) in [
            ("http://id.example.com", "sign_in.issuer: is not encrypted"),
            ("https://id.example.com/?tenant=1", "sign_in.issuer: has a ?query"),
            ("https://id.example.com/#de", "sign_in.issuer: has a #fragment"),
            ("https://user:pass@id.example.com", "sign_in.issuer: holds credentials"),
            ("id.example.com", "sign_in.issuer: is not an address"),
        ] {
            check_err(&GOOD.replace("https://id.example.com/de", issuer), start);
        }
    }

    #[test]
    fn err_credentials_that_do_not_fit_the_method() {
        let none = GOOD.replace("client_secret = \"DE_SECRET\"\n", "");
        check_err(&none, "sign_in.client_secret: is missing");
        let jwt = "client_authentication = \"private_key_jwt\"\n";
        check_err(&format!("{none}{jwt}"), "sign_in.client_key: is missing");
        let both = format!("{GOOD}client_key = \"DE_KEY\"\n");
        check_err(&both, "sign_in.client_key: is not used by the secret's methods");
        check_err(&format!("{both}{jwt}"), "sign_in.client_secret: is not used by private_key_jwt");
        check_err(&GOOD.replace("\"kerbside\"", "\"\""), "sign_in.client_id: is empty");
    }

    #[test]
    fn err_tokens() {
        for (line, start) in [
            ("algorithms = [\"HS256\"]", "sign_in.algorithms: holds \"HS256\""),
            ("algorithms = [\"RS512\"]", "sign_in.algorithms: holds \"RS512\""),
            ("algorithms = [\"none\"]", "sign_in.algorithms: holds \"none\""),
            ("algorithms = []", "sign_in.algorithms: is empty"),
            ("access_token_type = \"jwt\"", "sign_in.access_token_type: must be"),
            ("access_token_type = \"JWT\"", "sign_in.access_token_type: is \"JWT\""),
            (
                "access_token_type = \"JWT\"\naudience = \"kerbside\"",
                "sign_in.access_token_type: is \"JWT\"",
            ),
            ("api_clients = [\"partner\"]", "sign_in.audience: is missing"),
            ("audience = \" \"", "sign_in.audience: is empty"),
            (
                "audience = \"api\"\napi_clients = [\"kerbside\"]",
                "sign_in.api_clients: holds `client_id`",
            ),
            ("audience = \"api\"\napi_clients = [\"\"]", "sign_in.api_clients: holds an empty"),
        ] {
            check_err(&format!("{GOOD}{line}"), start);
        }
    }

    #[test]
    fn err_requests() {
        for (line, start) in [
            ("scopes = [\"profile\"]", "sign_in.scopes: lacks \"openid\""),
            (
                "scopes = [\"openid profile\", \"openid\"]",
                "sign_in.scopes: holds \"openid profile\"",
            ),
            ("acr_values = [\"\"]", "sign_in.acr_values: holds \"\""),
            ("acr_values = [\"a b\"]", "sign_in.acr_values: holds \"a b\""),
            ("max_age_s = 59", "sign_in.max_age_s: is 59; choose 60 to 900 seconds"),
            ("max_age_s = 901", "sign_in.max_age_s: is 901; choose 60 to 900 seconds"),
        ] {
            check_err(&format!("{GOOD}{line}"), start);
        }
    }

    #[test]
    fn cors_origins_are_web_origins() {
        let check = |origin: &str, start: &str| {
            let text = format!("cors_origins = [\"{origin}\"]\n{MARKET}");
            let found = compile("m.toml", &text).err().unwrap_or_default();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            let is_good = start.is_empty() && found.is_empty();
            let wanted = format!("m.toml:1: cors_origins: holds \"{origin}\", which {start}");
            let is_named = found.len() == 1 && found.iter().all(|one| one.starts_with(&wanted));
            assert!(is_good || is_named, "{origin}: {found:?}");
        };
        for good in
            ["https://partner.example", "https://partner.example:8443", "http://127.0.0.1:3000"]
        {
            check(good, "");
        }
        check("http://partner.example", "is not encrypted");
        for bad in [
            "https://partner.example/",
            "https://Partner.example",
            "https://partner.example:443",
            "https://partner.example/app",
        ] {
            check(
                bad,
                "is not a web origin; write it as browsers do, like https://partner.example",
            );
        }
        for bad in ["*", "null", "partner.example"] {
            check(bad, "is not a web origin");
        }
    }
}
