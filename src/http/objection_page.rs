//! The handlers of the page on which the contact on record objects. Nobody needs to sign in.

use super::claim::{self, ObjectionError};
use super::context::Context;
use super::form::Form;
use super::ownership_view::with_query;
use super::page::{market_frame, page};
use super::problem::{Problem, Slug};
use super::response::{Freshness, Response};
use crate::market::Market;
use crate::ownership::ClaimError;
use crate::pages::{self, ClaimFault, ObjectionState};

/// `GET /{market}/vehicles/{id}/ownership/objection?code=`: the form, with the code of the
/// message's link. Opening the link ends nothing.
pub(super) async fn show(
    context: &Context<'_>,
    market: &str,
    id: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let state = match context.request.parameter("done").as_deref() {
        Some("ended") => ObjectionState::Done,
        _ => ObjectionState::Form(None),
    };
    // OK because a link without a code leads to an empty field.
    let code = context.request.parameter("code").unwrap_or_default();
    respond(context, &market, id, 200, (&state, &code))
}

/// `POST /{market}/vehicles/{id}/ownership/objection`
pub(super) async fn object(
    context: &Context<'_>,
    market: &str,
    id: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    // OK because a form without the field is one with an empty field.
    let code = Form::read_urlencoded(context).await?.text("/code").unwrap_or_default();
    let error = match claim::object(context, &market, id, &code).await {
        Ok(()) => {
            let path = format!("vehicles/{id}/ownership/objection");
            let href = market_frame(context, &market, &path).here();
            return Ok(Response::see_other(with_query(&href, "done=ended")));
        }
        Err(error) => error,
    };
    let state = match error {
        ObjectionError::Claim(ClaimError::Invalid { .. }) => {
            ObjectionState::Form(Some(ClaimFault::Code))
        }
        ObjectionError::Claim(ClaimError::Unknown) => ObjectionState::Unknown,
        ObjectionError::Claim(error) => return Err(claim::problem(context, error)),
        ObjectionError::Request(problem) => return Err(problem),
    };
    let problem = Problem::new(Slug::WrongProof);
    let page = respond(context, &market, id, problem.status, (&state, &code))?;
    Ok(problem.dress(page))
}

fn respond(
    context: &Context<'_>,
    market: &Market,
    id: &str,
    status: u16,
    (state, code): (&ObjectionState, &str),
) -> Result<Response, Problem> {
    if market.ownership.is_none() {
        return Err(Problem::new(Slug::NotFound));
    }
    let frame = market_frame(context, market, &format!("vehicles/{id}/ownership/objection"));
    let page = page(context, status, pages::render_objection(&frame, state, code))?;
    Ok(page.with_freshness(Freshness::Private))
}
