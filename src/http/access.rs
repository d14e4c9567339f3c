//! The checks of rows that look at the caller: who it is, and if the row lets them in.
//!
//! Follows RFC 6750 for bearer tokens. Owns the order of the checks and their responses. Leaves to
//! others: sessions and tokens (`auth`), fresh sign-ins (`step_up`), the right to a vehicle
//! (`ownership`).

use super::context::Context;
use super::credential::{CredentialError, SentCredential};
use super::form::{FORM_TYPE, Form};
use super::problem::{Problem, Slug};
use super::route::{Access, Csrf, Route, Surface};
use super::router;
use super::sign_in_state::SignInState;
use super::step_up::{self, REALM};
use crate::auth::{self, Identity, SessionState};
use crate::market::{Market, SignIn};
use crate::pages::{sign_in_address, step_up_address};

/// The part of routes' patterns that belongs to a car's ownership.
const OWNERSHIP: &str = "/vehicles/{id}/ownership";

/// Finds out who calls, and lets them in or not.
///
/// # Errors
/// Those of [`Context::market`]; 400 for several credentials, 401 and 403 as RFC 6750 and RFC 9470
/// say, 429, 503 where a session or a token cannot be checked.
pub(super) async fn admit(context: &Context<'_>, route: &Route) -> Result<(), Problem> {
    let code = route.market(&context.request.path).ok_or_else(|| Problem::new(Slug::Internal))?;
    let market = context.market(code).await?;
    let state = resolve(context, &market).await?;
    let state = context.set_sign_in(state);
    check_scope(state, route)?;
    if let Access::Member { fresh } = route.access {
        let identity = member(state, context, &market, route)?;
        if fresh && !step_up::is_fresh(context, &market, identity) {
            return Err(step_up::required(&market, &return_to(context, &market, route)));
        }
    }
    if route.csrf == Csrf::Session {
        check_token(context, state).await?;
    }
    check_rate(context, state, route).await
}

/// Finds the meaning of the request's credential.
async fn resolve(context: &Context<'_>, market: &Market) -> Result<SignInState, Problem> {
    let sent = context.credential().as_ref().map_err(|error| ambiguous(*error))?;
    match (&market.sign_in, sent) {
        (None, SentCredential::Bearer(_)) => {
            Err(invalid_token("This market accepts no bearer tokens."))
        }
        (None, _) => Ok(SignInState::NotOffered),
        (Some(_), SentCredential::Nothing) => Ok(SignInState::Anonymous),
        (Some(sign_in), SentCredential::Bearer(token)) => bearer(context, sign_in, token).await,
        (Some(sign_in), SentCredential::Session(value)) => {
            Ok(session(context, sign_in, value).await)
        }
    }
}

async fn session(context: &Context<'_>, sign_in: &SignIn, value: &str) -> SignInState {
    let Ok(keys) = context.session_keys() else { return SignInState::Unavailable };
    match auth::read_session(&context.ports, &keys, value).await {
        Ok(SessionState::Active(session)) if session.identity.counts_in(sign_in) => {
            SignInState::Active(session)
        }
        Ok(SessionState::Active(_)) => SignInState::Anonymous,
        Ok(SessionState::Ended | SessionState::Rejected) => SignInState::Ended,
        Err(_) => SignInState::Unavailable,
    }
}

async fn bearer(
    context: &Context<'_>,
    sign_in: &SignIn,
    token: &str,
) -> Result<SignInState, Problem> {
    match auth::verify_access_token(&context.ports, &context.app.auth, sign_in, token).await {
        Ok(identity) if identity.counts_in(sign_in) => Ok(SignInState::Bearer(Box::new(identity))),
        Err(error) if error.is_unavailable() => {
            let detail = "The identity provider of this market cannot be asked now. Try again.";
            Err(Problem::with_detail(Slug::ServiceUnavailable, detail))
        }
        Ok(_) | Err(_) => Err(invalid_token("The token is not accepted here.")),
    }
}

/// Checks that a bearer token grants the row's scope.
fn check_scope(state: &SignInState, route: &Route) -> Result<(), Problem> {
    let (SignInState::Bearer(identity), Some(scope)) = (state, route.scope) else { return Ok(()) };
    if identity.has_scope(scope) {
        return Ok(());
    }
    let detail = format!("This needs a token with the scope {scope}.");
    let challenge = format!("{REALM}, error=\"insufficient_scope\", scope=\"{scope}\"");
    Err(Problem::with_detail(Slug::InsufficientScope, detail).with_challenge(challenge))
}

/// The identity of a member.
fn member<'s>(
    state: &'s SignInState,
    context: &Context<'_>,
    market: &Market,
    route: &Route,
) -> Result<&'s Identity, Problem> {
    match state {
        SignInState::NotOffered => {
            Err(Problem::with_detail(Slug::NotFound, "This market has no sign-in."))
        }
        SignInState::Unavailable => Err(Problem::session_unavailable()),
        SignInState::Anonymous | SignInState::Ended => {
            let detail = "Sign in, or send a bearer token of the market's identity provider.";
            let problem = Problem::with_detail(Slug::SignInRequired, detail);
            let return_to = return_to(context, market, route);
            // Claims need a fresh sign-in: one is enough for somebody who has not signed in.
            let address = if route.pattern.contains(OWNERSHIP) {
                step_up_address(market.code.as_str(), &return_to)
            } else {
                sign_in_address(market.code.as_str(), &return_to)
            };
            Err(problem.with_challenge(REALM.to_owned()).with_sign_in(address))
        }
        SignInState::Active(session) => Ok(&session.identity),
        SignInState::Bearer(identity) => Ok(identity),
    }
}

/// The page to come back to after a sign-in: the one that was asked for, that of the car's
/// ownership, or that of the account.
fn return_to(context: &Context<'_>, market: &Market, route: &Route) -> String {
    if route.surface == Surface::Page && route.method == "GET" {
        return context.request.target();
    }
    if route.pattern.contains(OWNERSHIP) {
        let path = context.request.path.trim_start_matches("/api/v1");
        // OK because the pattern has this part.
        let (vehicle, _) = path.split_once("/ownership").unwrap_or((path, ""));
        return format!("{vehicle}/ownership");
    }
    format!("/{}/account", market.code)
}

/// Checks the CSRF token of a request with a session: the header `X-CSRF-Token`, or the form field
/// `csrf`. A request without a session has nothing that another site could misuse.
async fn check_token(context: &Context<'_>, state: &SignInState) -> Result<(), Problem> {
    let session = match state {
        SignInState::Active(session) => session,
        SignInState::Unavailable => return Err(Problem::session_unavailable()),
        _ => return Ok(()),
    };
    let sent = match context.request.incoming.header("x-csrf-token") {
        Some(token) => Some(token.into_owned()),
        None if context.has_body_of(FORM_TYPE) => {
            Form::read_urlencoded(context).await?.text("/csrf")
        }
        None => None,
    };
    if sent.is_some_and(|sent| session.is_csrf_token(&sent)) {
        return Ok(());
    }
    let detail = "The token of the form is missing or belongs to another session. Open the page \
                  again, and send it from there.";
    Err(Problem::invalid(400, "/csrf", detail))
}

/// Counts a member's request in the row's limit, whatever address it comes from.
async fn check_rate(
    context: &Context<'_>,
    state: &SignInState,
    route: &Route,
) -> Result<(), Problem> {
    let Some(class) = route.rate_limit else { return Ok(()) };
    let person = match state {
        SignInState::Active(session) => session.person.clone(),
        SignInState::Bearer(identity) => {
            auth::person_hash(&*context.session_keys()?, &identity.subject)
        }
        _ => return Ok(()),
    };
    router::count(context, class, format!("person:{person}")).await
}

fn ambiguous(error: CredentialError) -> Problem {
    let invalid = |detail: &str| {
        let challenge = format!("{REALM}, error=\"invalid_request\"");
        Problem::with_detail(Slug::InvalidRequest, detail).with_challenge(challenge)
    };
    match error {
        CredentialError::Both => invalid("Send a session or a token, not both."),
        CredentialError::Several => invalid("Send one credential."),
        CredentialError::Malformed => {
            invalid_token("Send a bearer token: Authorization: Bearer ….")
        }
    }
}

fn invalid_token(detail: &str) -> Problem {
    let challenge = format!("{REALM}, error=\"invalid_token\"");
    Problem::with_detail(Slug::SignInRequired, detail).with_challenge(challenge)
}
