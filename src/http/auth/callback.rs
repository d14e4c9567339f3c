//! `GET /auth/{market}/callback`: the identity provider's answer becomes a session.
//!
//! The order of the checks: the response's form, the transaction of this browser, the issuer, the
//! code, the ID token with its nonce, the session. No token of the provider outlives the request.

use super::cookies::{self, Cookies};
use super::market::SignInMarket;
use super::respond::{Failure, redirect};
use crate::auth::{
    AuthorizationError, AuthorizationOutcome, AuthorizationResponse, ClientId, ExchangeError,
    IdToken, IdTokenExpectation, ProvenSignIn, ProviderMetadata, ResponseError, ReturnTo,
    SessionId, SessionKeys, SessionState, StartError, TokenError, Transaction, exchange_code,
    read_session, start_session, verify_id_token,
};
use crate::http::context::Context;
use crate::http::problem::Problem;
use crate::http::response::Response;
use crate::market::SignIn;
use crate::pages::SignInFailure;

/// A callback that fits a transaction of this browser.
struct Callback<'a> {
    context: &'a Context<'a>,
    at: &'a SignInMarket,
    sign_in: &'a SignIn,
    keys: &'a SessionKeys,
    transaction: Transaction,
}

/// Completes a sign-in, and comes back to where it began.
pub(in crate::http) async fn callback(
    context: &Context<'_>,
    segment: &str,
) -> Result<Response, Problem> {
    let at = SignInMarket::find(context, segment).await?;
    let sign_in = at.sign_in()?;
    let keys = context.session_keys()?;
    let response = match AuthorizationResponse::parse(&context.request.query) {
        Ok(response) => response,
        Err(error) => return refuse(error).respond(context, &at, None, false),
    };
    let header = context.request.header_or_empty("cookie");
    let cookies = Cookies::new(&header);
    let open = |value: &str| {
        let now = context.ports.clock.now();
        Transaction::open(&keys, &response.state, value, &at.market.code, sign_in, now)
    };
    let Some(transaction) = cookies.transaction(&response.state).and_then(open) else {
        // They have come back by the browser's history.
        if is_signed_in(context, sign_in, &keys, cookies.session()).await {
            return Ok(redirect(ReturnTo::market(&at.market.code).to_string()));
        }
        let failure = Failure::new(SignInFailure::Expired, "no transaction of this browser fits");
        return failure.respond(context, &at, None, false);
    };
    let callback = Callback { context, at: &at, sign_in, keys: &keys, transaction };
    let result = callback.complete(&response, cookies.session()).await;
    let return_to = callback.transaction.return_to();
    let is_step_up = callback.transaction.is_step_up();
    let mut answer = match result {
        Ok(id) => {
            let return_to = return_to.unwrap_or_else(|| ReturnTo::market(&at.market.code));
            let mut answer = redirect(return_to.to_string());
            cookies::set_session(&mut answer, &id);
            answer
        }
        Err(failure) => failure.respond(context, &at, return_to.as_ref(), is_step_up)?,
    };
    cookies::clear_transaction(&mut answer, &response.state);
    Ok(answer)
}

/// True if this browser has a session that counts in the market.
async fn is_signed_in(
    context: &Context<'_>,
    sign_in: &SignIn,
    keys: &SessionKeys,
    session: Option<&str>,
) -> bool {
    let Some(session) = session else { return false };
    let state = read_session(&context.ports, keys, session).await;
    matches!(state, Ok(SessionState::Active(session)) if session.identity.counts_in(sign_in))
}

/// The failure of a response that does not read. One without a `state` belongs to no sign-in.
fn refuse(error: ResponseError) -> Failure {
    let kind = match error {
        ResponseError::State => SignInFailure::Expired,
        _ => SignInFailure::Refused,
    };
    Failure::new(kind, error)
}

impl Callback<'_> {
    /// Makes the session that the provider's response gives a right to.
    async fn complete(
        &self,
        response: &AuthorizationResponse,
        previous: Option<&str>,
    ) -> Result<SessionId, Failure> {
        let metadata = self.at.metadata(self.context, self.sign_in).await;
        let metadata = metadata.map_err(|error| Failure::new(SignInFailure::Unreachable, error))?;
        response.check_issuer(&metadata).map_err(refuse)?;
        let code = match &response.outcome {
            AuthorizationOutcome::Code(code) => code,
            AuthorizationOutcome::Error(error) => return Err(denied(*error)),
        };
        let token = self.exchange(&metadata, code).await?;
        let token = self.verify(&token).await?;
        self.start(&token, previous).await
    }

    /// Exchanges the code for an ID token.
    async fn exchange(&self, metadata: &ProviderMetadata, code: &str) -> Result<String, Failure> {
        let redirect_uri = self.at.redirect_uri(self.context);
        let redirect_uri = redirect_uri
            .map_err(|_| Failure::new(SignInFailure::Unavailable, "no address of this site"))?;
        let verifier = self.transaction.verifier();
        let ports = &self.context.ports;
        let token =
            exchange_code(ports, metadata, self.sign_in, code, verifier, &redirect_uri).await;
        token.map_err(|error| {
            let kind = match error {
                ExchangeError::Credentials
                | ExchangeError::Refused("invalid_client" | "unauthorized_client") => {
                    SignInFailure::Unavailable
                }
                // The code is used or too old.
                ExchangeError::Refused("invalid_grant") => SignInFailure::Expired,
                error if error.is_unavailable() => SignInFailure::Unreachable,
                _ => SignInFailure::Refused,
            };
            Failure::new(kind, error)
        })
    }

    /// Verifies the ID token. At a step-up the person must have signed in since it began.
    async fn verify(&self, token: &str) -> Result<IdToken, Failure> {
        let ports = &self.context.ports;
        let is_step_up = self.transaction.is_step_up();
        let acr_values = if is_step_up { self.sign_in.acr_values.clone() } else { Vec::new() };
        let expected = IdTokenExpectation {
            nonce: self.transaction.nonce().to_owned(),
            max_age_s: is_step_up.then(|| self.transaction.age_s(ports.clock.now())),
            acr_values,
        };
        let verified =
            verify_id_token(ports, &self.context.app.auth, self.sign_in, token, &expected).await;
        verified.map_err(|error| {
            let kind = match error {
                error if error.is_unavailable() => SignInFailure::Unreachable,
                TokenError::Context | TokenError::SignInAge | TokenError::Missing("auth_time")
                    if is_step_up =>
                {
                    SignInFailure::Weak
                }
                _ => SignInFailure::Refused,
            };
            Failure::new(kind, error)
        })
    }

    /// Begins the session, and ends the one that this browser had.
    async fn start(&self, token: &IdToken, previous: Option<&str>) -> Result<SessionId, Failure> {
        let sign_in = ProvenSignIn {
            market: &self.at.market.code,
            subject: &token.subject,
            client: &ClientId(self.sign_in.client_id.clone()),
            name: token.name.as_deref(),
            signed_in_at: token.signed_in_at,
            acr: token.acr.as_deref(),
            sid: token.sid.as_deref(),
            issued_at: token.issued_at,
            begun_at: self.transaction.begun_at(),
            state: &self.transaction.state,
        };
        let started = start_session(&self.context.ports, self.keys, &sign_in, previous).await;
        started.map_err(|error| {
            let kind = match error {
                StartError::Refused => SignInFailure::Expired,
                StartError::Sealing(_) | StartError::Store(_) => SignInFailure::Unavailable,
            };
            Failure::new(kind, error)
        })
    }
}

/// The failure of a sign-in that the provider refuses.
fn denied(error: AuthorizationError) -> Failure {
    match error {
        AuthorizationError::Denied => {
            Failure::new(SignInFailure::Denied, "the person or the provider ended it")
        }
        AuthorizationError::Unavailable => {
            Failure::new(SignInFailure::Unreachable, "the provider is unavailable, as it says")
        }
        AuthorizationError::Other => {
            Failure::new(SignInFailure::Refused, "the provider refuses the request")
        }
    }
}
