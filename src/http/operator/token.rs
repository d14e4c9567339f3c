//! Operators' authentication: a bearer token (RFC 6750) whose SHA-256 stands beside a name in the secret
//! `OPERATOR_TOKENS`.
//!
//! Tokens are 256 random bits, so a plain hash keeps them. Without the secret, or with one that
//! does not read, nobody is let in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::http::context::Context;
use crate::http::problem::{Problem, Slug};
use crate::telemetry::{Event, Level, field};

const SECRET: &str = "OPERATOR_TOKENS";
/// Longer ones are not hashed.
const MAX_TOKEN: usize = 512;
/// A visitor's session (RFC 10017).
const SESSION_COOKIE: &str = "__Host-Http-session";
const REALM: &str = "Bearer realm=\"kerbside operators\"";

/// Names and hashes of the tokens.
type Tokens = Vec<(String, [u8; 32])>;

/// Authenticates the operator whose token a request carries, and notes their name.
///
/// # Errors
/// 401 without a good token, 400 with a session beside it, 503 where no operator is configured.
pub(in crate::http) fn authenticate(context: &Context<'_>) -> Result<(), Problem> {
    let tokens = context.ports.secrets.get(SECRET).and_then(|secret| parse(&secret));
    let tokens = tokens.ok_or_else(|| not_configured(context))?;
    let Some(sent) = context.request.incoming.header("authorization") else {
        return Err(unauthorised(
            REALM.to_owned(),
            "Send an operator's token: Authorization: Bearer ….",
        ));
    };
    let cookies = context.request.header_or_empty("cookie");
    if cookies
        .split([';', ','])
        .any(|cookie| cookie.trim().split('=').next() == Some(SESSION_COOKIE))
    {
        let detail = "Send a session or a token, not both.";
        return Err(Problem::with_detail(Slug::InvalidRequest, detail));
    }
    let token = sent
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token);
    let name = token
        .map(str::trim)
        .filter(|token| (1..=MAX_TOKEN).contains(&token.len()))
        .and_then(|token| find(&tokens, &Sha256::digest(token).into()));
    name.map(|name| context.set_operator(name)).ok_or_else(|| {
        let failures = context.app.memory.count_failure(context.started);
        let event = Event::new(Level::Warn, "an operator's token was refused");
        context.ports.events.emit(event.with(field::FAILURES, failures));
        unauthorised(format!("{REALM}, error=\"invalid_token\""), "No operator has this token.")
    })
}

/// Looks at all of every hash, whether it has found one or not.
fn find(tokens: &Tokens, hash: &[u8; 32]) -> Option<String> {
    let mut found = None;
    for (name, known) in tokens {
        let differences = known.iter().zip(hash).fold(0, |all, (one, other)| all | (one ^ other));
        if std::hint::black_box(differences) == 0 {
            found = Some(name.clone());
        }
    }
    found
}

/// `name:base64(SHA-256)`, a comma list. Nothing where it is empty or an entry does not read: a
/// wrong one must not go unnoticed.
fn parse(secret: &str) -> Option<Tokens> {
    let entries = secret.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(|entry| {
        let (name, hash) = entry.split_once(':')?;
        let is_letter =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let is_name = (1..=32).contains(&name.len()) && name.chars().all(is_letter);
        let hash = STANDARD.decode(hash).ok().and_then(|hash| <[u8; 32]>::try_from(hash).ok())?;
        is_name.then(|| (name.to_owned(), hash))
    });
    entries.collect::<Option<Tokens>>().filter(|tokens| !tokens.is_empty())
}

/// True if operators are configured, for `/readyz`.
pub(in crate::http) fn is_configured(context: &Context<'_>) -> bool {
    context.ports.secrets.get(SECRET).and_then(|secret| parse(&secret)).is_some()
}

fn not_configured(context: &Context<'_>) -> Problem {
    let event = Event::new(Level::Error, "the secret OPERATOR_TOKENS is missing or does not read");
    context.ports.events.emit(event);
    let mut problem = Problem::with_detail(
        Slug::ServiceUnavailable,
        "No operator is configured here. Set the secret OPERATOR_TOKENS: `cargo xtask keys new operator` makes a token and its line.",
    );
    problem.headers.clear(); // It does not come back by itself.
    problem
}

fn unauthorised(challenge: String, detail: &str) -> Problem {
    let mut problem = Problem::with_detail(Slug::SignInRequired, detail);
    problem.headers.push(("www-authenticate", challenge.into()));
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, token: &str) -> String {
        format!("{name}:{}", STANDARD.encode(Sha256::digest(token)))
    }

    #[test]
    fn ok_finds_the_name_of_a_token() {
        let tokens = parse(&format!("{}, {},", line("ada", "a"), line("ada", "b"))).expect("valid");
        let name = |token: &str| find(&tokens, &Sha256::digest(token).into());
        assert_eq!(name("a").as_deref(), Some("ada"));
        assert_eq!(
            name("b").as_deref(),
            Some("ada"),
            "two tokens of one person, while the old one is replaced"
        );
        assert_eq!([name("c"), name("")], [None, None]);
    }

    #[test]
    fn err_one_wrong_entry_closes_the_door() {
        let good = line("ada", "a");
        for secret in [
            "",
            " , ",
            "ada",
            "ada:",
            "Ada:AAAA",
            "a b:x",
            &good.replace("ada", ""),
            &good.replace("ada", &"a".repeat(33)),
            &format!("{good},eve:dGVzdA=="),
        ] {
            assert!(parse(secret).is_none(), "{secret}");
        }
    }
}
