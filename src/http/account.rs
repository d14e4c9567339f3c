//! The handlers of the account page: who is signed in, and what they do with their own data.
//!
//! The form of erasure is judged here and not by its row alone, so that what was entered is shown
//! again where the session has ended, and a sign-in that is not fresh enough leads to a new one.

use super::context::Context;
use super::credential::NO_SESSION;
use super::form::Form;
use super::own_data;
use super::page::{locale, market_frame, page};
use super::problem::{Problem, Slug};
use super::response::{Freshness, Response};
use super::sign_in_state::SignInState;
use super::step_up::{REALM, is_fresh};
use crate::auth::Session;
use crate::market::Market;
use crate::pages::{self, AccountView, AsOf, ErasureFault, Export, Handover, step_up_address};

/// `GET /{market}/account`
pub(super) async fn show(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    page(context, 200, pages::render_account(&account_view(context, &market)))
}

/// `POST /{market}/account/erasure`: erases what is stored about the caller. Answers 303 to the
/// page that says so; 200 with the way to a fresh sign-in; 401, 422 or 503 with the form again.
pub(super) async fn erase(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    if market.sign_in.is_none() {
        return Err(Problem::new(Slug::NotFound));
    }
    let is_confirmed = Form::read_urlencoded(context).await?.text("/confirm").is_some();
    let SignInState::Active(session) = context.sign_in() else {
        return ended(context, &market, is_confirmed);
    };
    if !is_confirmed {
        return form_again(context, &market, ErasureFault::Unconfirmed, false);
    }
    if !is_fresh(context, &market, &session.identity) {
        return step_up(context, &market);
    }
    let erasure = own_data::erase(context, &own_data::caller(context)?).await?;
    if !own_data::is_complete(&erasure) {
        return form_again(context, &market, ErasureFault::Incomplete, true);
    }
    let frame = market_frame(context, &market, "account/erased");
    let mut response = Response::see_other(frame.here());
    response.append("set-cookie", NO_SESSION);
    Ok(response)
}

/// The form of erasure again, because its token is of an earlier session.
pub(super) async fn erase_again(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let is_confirmed = Form::read_urlencoded(context).await?.text("/confirm").is_some();
    form_again(context, &market, ErasureFault::Stale, is_confirmed)
}

/// `GET /{market}/account/erased`. Who is signed in (again) is led to the account: there is
/// something about them.
pub(super) async fn erased(context: &Context<'_>, market: &str) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    if market.sign_in.is_none() {
        return Err(Problem::new(Slug::NotFound));
    }
    if matches!(context.sign_in(), SignInState::Active(_)) {
        return Ok(Response::see_other(market_frame(context, &market, "account").here()));
    }
    let frame = market_frame(context, &market, "account/erased");
    page(context, 200, pages::render_erased(&frame))
}

fn account_view(context: &Context<'_>, market: &Market) -> AccountView {
    let frame = market_frame(context, market, "account");
    let SignInState::Active(session) = context.sign_in() else {
        return AccountView::new(frame, None, Export::SignedOut);
    };
    let locale = locale(market, frame.t.language);
    let iso = session.expires_at.to_string();
    let zone = market.time_zone.as_str();
    let ends = AsOf { text: context.ports.format.instant(&locale, zone, &iso), iso };
    let export = export(context, market, session, &format!("{}#export", frame.here()));
    AccountView::new(frame, Some(ends), export)
}

/// The way to the caller's data: their address, or that of the sign-in that they need first.
fn export(context: &Context<'_>, market: &Market, session: &Session, return_to: &str) -> Export {
    let code = market.code.as_str();
    if is_fresh(context, market, &session.identity) {
        Export::Download(format!("/api/v1/{code}/me/export"))
    } else {
        Export::StepUp(step_up_address(code, return_to))
    }
}

/// The form again, because its session has ended meanwhile.
fn ended(context: &Context<'_>, market: &Market, is_confirmed: bool) -> Result<Response, Problem> {
    let view = account_view(context, market).with_sent_form(is_confirmed);
    let problem = Problem::new(Slug::SignInRequired).with_challenge(REALM.to_owned());
    Ok(problem.dress(page(context, problem.status, pages::render_account(&view))?))
}

/// The form again, with what is wrong.
fn form_again(
    context: &Context<'_>,
    market: &Market,
    fault: ErasureFault,
    is_confirmed: bool,
) -> Result<Response, Problem> {
    let problem = match fault {
        ErasureFault::Unconfirmed => Problem::invalid(422, "/confirm", "Tick the box."),
        ErasureFault::Stale => Problem::new(Slug::InvalidRequest),
        ErasureFault::Incomplete => Problem::new(Slug::ServiceUnavailable),
    };
    let view = account_view(context, market).with_sent_form(is_confirmed).with_fault(fault);
    Ok(problem.dress(page(context, problem.status, pages::render_account(&view))?))
}

/// The way to a fresh sign-in, which comes back to the form.
fn step_up(context: &Context<'_>, market: &Market) -> Result<Response, Problem> {
    let account = market_frame(context, market, "account");
    let return_to = format!("{}#erasure", account.here());
    let address = step_up_address(market.code.as_str(), &return_to);
    let frame = account.with_languages(Vec::new());
    let html = pages::render_handover(&frame, Handover::StepUp, &address);
    Ok(page(context, 200, html)?.with_freshness(Freshness::NoStore))
}
