//! `POST /auth/{market}/backchannel-logout`: the provider's log-out (`OpenID` Connect Back-Channel
//! Logout 1.0 §2.5 to §2.8). The token proves itself; no cookie and no session belongs to it.

use serde::Serialize;

use super::market::SignInMarket;
use super::respond::private;
use crate::auth::{ClientId, Issuer, ProviderLogout, end_provider_sessions, verify_logout_token};
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::json;
use crate::http::problem::Problem;
use crate::http::response::Response;
use crate::telemetry::{Event, Level, field};

/// The refusal of a log-out.
#[derive(Serialize)]
struct Refusal {
    error: &'static str,
    error_description: &'static str,
}

impl Refusal {
    const NO_TOKEN: Self = Self {
        error: "invalid_request",
        error_description: "Send a form with the field logout_token.",
    };
    const INVALID: Self =
        Self { error: "invalid_request", error_description: "The logout token is not accepted." };
    const FAILED: Self = Self {
        error: "temporarily_unavailable",
        error_description: "The logout could not be done now. Send it again.",
    };

    /// The response: 400, whatever the cause, as the standard demands.
    fn respond(&self, context: &Context<'_>) -> Result<Response, Problem> {
        Ok(private(json::respond(context, 400, self)?))
    }
}

/// Ends the sessions of a log-out, and those that are about to begin. A repeated one changes
/// nothing.
pub(in crate::http) async fn backchannel_logout(
    context: &Context<'_>,
    segment: &str,
) -> Result<Response, Problem> {
    let at = SignInMarket::find(context, segment).await?;
    let sign_in = at.sign_in()?;
    let token = match Form::read_urlencoded(context).await {
        Ok(mut form) => form.text("/logout_token"),
        Err(_) => None,
    };
    let Some(token) = token else { return Refusal::NO_TOKEN.respond(context) };
    let (ports, memory) = (&context.ports, &context.app.auth);
    let token = match verify_logout_token(ports, memory, sign_in, &token).await {
        Ok(token) => token,
        Err(error) if error.is_unavailable() => return Refusal::FAILED.respond(context),
        Err(_) => return Refusal::INVALID.respond(context),
    };
    let logout = ProviderLogout {
        issuer: &Issuer(sign_in.issuer.clone()),
        subject: token.subject.as_ref(),
        sid: token.sid.as_deref(),
        client: &ClientId(sign_in.client_id.clone()),
        issued_at: token.issued_at,
    };
    let ended = end_provider_sessions(ports, &*context.session_keys()?, &logout).await;
    let Ok(ended) = ended else { return Refusal::FAILED.respond(context) };
    let event = Event::new(Level::Info, "the provider ended sessions");
    let event = event.with(field::MARKET, &at.market.code);
    // OK because a person has few sessions.
    ports.events.emit(event.with(field::COUNT, i64::try_from(ended).unwrap_or(i64::MAX)));
    Ok(private(Response::without_body(200)))
}
