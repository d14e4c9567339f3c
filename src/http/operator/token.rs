//! Operators' authentication: a bearer token (RFC 6750) of an entry of the secret
//! `OPERATOR_TOKENS`, whose roles have the one of the route.
//!
//! Leaves to others: the form of entries and the comparison (`auth::OperatorTokens`). Without the
//! secret, or with one malformed entry, nobody is let in.

use crate::auth::{OperatorRole, OperatorToken, OperatorTokens, OperatorTokensError};
use crate::http::context::{Context, Operator};
use crate::http::credential::{SESSION_COOKIE, cookie_pairs};
use crate::http::problem::{Problem, Slug};
use crate::telemetry::{Event, Field, Level, field};

const SECRET: &str = "OPERATOR_TOKENS";
const REALM: &str = "Bearer realm=\"kerbside operators\"";

/// Cause of a region without operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum NotConfigured {
    #[error("it is not set")]
    Missing,
    #[error(transparent)]
    Malformed(#[from] OperatorTokensError),
}

/// Authenticates the operator whose token a request carries, and notes their name.
///
/// # Errors
/// 401 without a token that is good today, 403 for one without the role, 400 with a session beside
/// it, 503 where no operator is configured.
pub(in crate::http) fn authenticate(
    context: &Context<'_>,
    role: OperatorRole,
) -> Result<(), Problem> {
    let tokens = tokens(context).map_err(|cause| not_configured(context, cause))?;
    let sent = sent_token(context)?;
    let entry = sent.as_deref().and_then(|token| tokens.find(token));
    let entry = entry.ok_or_else(|| refused(context))?;
    if entry.has_ended(context.started) {
        return Err(ended(context, entry));
    }
    if !entry.roles.contains(&role) {
        return Err(without_role(context, entry, role));
    }
    context.set_operator(Operator { name: entry.name.clone(), role });
    Ok(())
}

/// Returns the token of the header `Authorization`; `None` for another scheme.
fn sent_token(context: &Context<'_>) -> Result<Option<String>, Problem> {
    let Some(sent) = context.request.incoming.header("authorization") else {
        let detail = "Send an operator's token: Authorization: Bearer ….";
        return Err(unauthorised(REALM.to_owned(), detail));
    };
    let cookies = context.request.header_or_empty("cookie");
    if cookie_pairs(&cookies).any(|(name, _)| name == SESSION_COOKIE) {
        let detail = "Send a session or a token, not both.";
        return Err(Problem::with_detail(Slug::InvalidRequest, detail));
    }
    let parts = sent.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(parts.map(|(_, token)| token.trim().to_owned()))
}

fn tokens(context: &Context<'_>) -> Result<OperatorTokens, NotConfigured> {
    let secret = context.ports.secrets.get(SECRET).ok_or(NotConfigured::Missing)?;
    Ok(OperatorTokens::parse(&secret, context.started)?)
}

/// The entries of all operators, for those who look after them.
///
/// # Errors
/// 503 where no operator is configured.
pub(super) fn all(context: &Context<'_>) -> Result<OperatorTokens, Problem> {
    tokens(context).map_err(|cause| not_configured(context, cause))
}

/// True if operators are configured, for `/readyz`.
pub(in crate::http) fn is_configured(context: &Context<'_>) -> bool {
    tokens(context).is_ok()
}

fn not_configured(context: &Context<'_>, cause: NotConfigured) -> Problem {
    let event = Event::new(Level::Error, "the secret OPERATOR_TOKENS is missing or malformed");
    let words = Field::Word(cause.to_string().into());
    context.ports.events.emit(Event { fields: vec![(field::CAUSE, words)], ..event });
    let detail = format!(
        "No operator is let in here, because of the secret OPERATOR_TOKENS: {cause}. `cargo xtask \
         keys new operator` makes a token and its entry."
    );
    let mut problem = Problem::with_detail(Slug::ServiceUnavailable, detail);
    problem.headers.clear(); // It does not come back by itself.
    problem
}

fn refused(context: &Context<'_>) -> Problem {
    let failures = context.app.memory.count_failure(context.started);
    let event = Event::new(Level::Warn, "an operator's token was refused");
    context.ports.events.emit(event.with(field::FAILURES, failures));
    unauthorised(format!("{REALM}, error=\"invalid_token\""), "No operator has this token.")
}

fn ended(context: &Context<'_>, entry: &OperatorToken) -> Problem {
    let failures = context.app.memory.count_failure(context.started);
    let event = Event::new(Level::Warn, "an operator's token is past its last day")
        .with(field::OPERATOR, Field::Word(entry.name.clone().into()))
        .with(field::FAILURES, failures);
    context.ports.events.emit(event);
    let challenge =
        format!("{REALM}, error=\"invalid_token\", error_description=\"the token has ended\"");
    let detail = "This token is past its last day. `cargo xtask keys new operator` makes another.";
    unauthorised(challenge, detail)
}

fn without_role(context: &Context<'_>, entry: &OperatorToken, role: OperatorRole) -> Problem {
    let role = role.as_str();
    let event = Event::new(Level::Warn, "an operator's token lacks the role of a route")
        .with(field::OPERATOR, Field::Word(entry.name.clone().into()))
        .with(field::ROLE, role);
    context.ports.events.emit(event);
    let detail = format!("This needs an operator's token with the role {role}.");
    let mut problem = Problem::with_detail(Slug::InsufficientScope, detail);
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{role}\"");
    problem.headers.push(("www-authenticate", challenge.into()));
    problem
}

fn unauthorised(challenge: String, detail: &str) -> Problem {
    let mut problem = Problem::with_detail(Slug::SignInRequired, detail);
    problem.headers.push(("www-authenticate", challenge.into()));
    problem
}
