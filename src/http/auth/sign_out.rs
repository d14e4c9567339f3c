//! `POST /auth/{market}/sign-out`: ends the session here, and then at the provider. `GET
//! /auth/{market}/signed-out`: where the provider leads back to.

use super::market::SignInMarket;
use super::respond::{private, redirect};
use crate::auth::{Session, end_session, end_session_address};
use crate::http::context::Context;
use crate::http::credential::NO_SESSION;
use crate::http::form::Form;
use crate::http::page::{auth_frame, page};
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::http::sign_in_state::SignInState;
use crate::pages::{
    Frame, Handover, render_handover, render_sign_out_again, render_signed_out, sign_in_address,
};

/// Ends the session of this browser. The row's rule has checked the CSRF token.
pub(in crate::http) async fn sign_out(
    context: &Context<'_>,
    segment: &str,
) -> Result<Response, Problem> {
    let at = SignInMarket::find(context, segment).await?;
    let frame = form_frame(context, &at).await;
    let mut response = match context.sign_in() {
        SignInState::Active(session) => {
            end_session(&context.ports, session).await.map_err(|_| unavailable())?;
            hand_over(context, &at, session, &frame).await?
        }
        SignInState::Unavailable => return Err(unavailable()),
        // A session that counts in other markets stays.
        SignInState::Anonymous | SignInState::Bearer(_) | SignInState::NotOffered => {
            return Ok(redirect(signed_out_path(&at, &frame)));
        }
        SignInState::Ended => redirect(signed_out_path(&at, &frame)),
    };
    response.append("set-cookie", NO_SESSION);
    Ok(response)
}

/// The form of a sign-out again, because its token is of an earlier session.
///
/// # Errors
/// 401 `sign-in-required` without a session.
pub(in crate::http) async fn sign_out_again(
    context: &Context<'_>,
    segment: &str,
) -> Result<Response, Problem> {
    let at = SignInMarket::find(context, segment).await?;
    let SignInState::Active(session) = context.sign_in() else {
        return Err(Problem::new(Slug::SignInRequired));
    };
    let html = render_sign_out_again(&form_frame(context, &at).await, &session.csrf);
    Ok(private(page(context, 400, html)?))
}

/// The frame of the response to the form, in the language that it has sent.
async fn form_frame(context: &Context<'_>, at: &SignInMarket) -> Frame {
    // OK because the form chooses a language only, and needs no body.
    let chosen = match Form::read_urlencoded(context).await {
        Ok(mut form) => form.text("/lang"),
        Err(_) => None,
    };
    auth_frame(context, &at.market, chosen.as_deref(), None)
}

/// Leads to the provider, where it can end its session too, else to the page after sign-out.
async fn hand_over(
    context: &Context<'_>,
    at: &SignInMarket,
    session: &Session,
    frame: &Frame,
) -> Result<Response, Problem> {
    let sign_in = at.sign_in()?;
    let signed_out = at.signed_out_uri(context)?;
    let language = frame.t.language.code();
    // A provider that cannot be asked keeps its own session; ours has ended.
    let metadata = at.metadata(context, sign_in).await.ok();
    let address = metadata.and_then(|metadata| {
        end_session_address(&metadata, sign_in, session.sid.as_deref(), &signed_out, language)
    });
    match address {
        Some(address) => {
            let html = render_handover(frame, Handover::SignOut, &address);
            Ok(private(page(context, 200, html)?))
        }
        None => Ok(redirect(signed_out_path(at, frame))),
    }
}

/// The path of the page after sign-out, in the language of the form.
fn signed_out_path(at: &SignInMarket, frame: &Frame) -> String {
    format!("/auth/{}/signed-out?lang={}", at.market.code, frame.t.language.code())
}

fn unavailable() -> Problem {
    let detail = "You are still signed in: the sign-out could not be stored. Try again.";
    Problem::with_detail(Slug::ServiceUnavailable, detail)
}

/// The page after sign-out. Its language is `lang`, or `state` where the provider brings it back.
/// Leads a person who is signed in (again) to the market's start page.
pub(in crate::http) async fn signed_out(
    context: &Context<'_>,
    segment: &str,
) -> Result<Response, Problem> {
    let at = SignInMarket::find(context, segment).await?;
    let parameter = |name| context.request.parameter(name);
    let language = parameter("lang").or_else(|| parameter("state"));
    let frame = auth_frame(context, &at.market, language.as_deref(), None);
    let code = at.market.code.as_str();
    let start = format!("/{code}/?lang={}", frame.t.language.code());
    if matches!(context.sign_in(), SignInState::Active(_)) {
        return Ok(redirect(start));
    }
    let html = render_signed_out(&frame, &sign_in_address(code, &start));
    Ok(private(page(context, 200, html)?))
}
