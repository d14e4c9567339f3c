//! The handlers of the pages of ownership: the proof that a car is the visitor's, step by step.
//!
//! Rows let members in alone. Whether a sign-in is fresh is judged here, so that a form leads to a
//! new sign-in and back. A form is answered with 303, but where it is shown again, and where a code
//! is shown that nothing stores.

use std::collections::BTreeMap;

use super::claim::{self, ClaimRequest, ProofError, ProofResult};
use super::context::Context;
use super::form::Form;
use super::ownership_view::{OwnershipViews, document_fields, with_query};
use super::page::page;
use super::problem::{Problem, Slug};
use super::response::{Freshness, Response};
use crate::market::{Market, OwnershipMethod};
use crate::ownership::{
    ClaimError, ClaimState, ClaimStatus, Code, OwnershipState, OwnershipStatus,
};
use crate::pages::{
    self, ClaimFault, DocumentFieldView, DoneNotice, EndForm, Handover, OwnershipView, ProofFields,
};

/// The query of the page right after the car was given up.
const GIVEN_UP: &str = "done=ended";
/// The query of the page right after a proof that added nothing.
const KEPT: &str = "done=kept";

/// `GET /{market}/vehicles/{id}/ownership`
pub(super) async fn overview<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let views = OwnershipViews::new(context, &market, id, "");
    let request = views.request().await?;
    let status = request.status().await?;
    let mut view = overview_view(&views, &request, &status).await?;
    let done = context.request.parameter("done");
    view.notice = match done.as_deref() {
        Some("ended") if status.state == OwnershipState::None => Some(DoneNotice::GivenUp),
        Some("kept") if status.grant.is_some() => Some(DoneNotice::Kept),
        _ => None,
    };
    // The notice says as much.
    view.ended = view.ended.filter(|_| view.notice != Some(DoneNotice::GivenUp));
    respond(context, 200, &view)
}

/// `GET /{market}/vehicles/{id}/ownership/{method}`: the form that starts a claim.
pub(super) async fn start_form<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
    method: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let method = offered(&market, method)?;
    let views = OwnershipViews::new(context, &market, id, &format!("/{}", method.as_str()));
    let request = views.request().await?;
    let status = request.status().await?;
    if !status.methods.contains(&method) {
        let view = overview_view(&views, &request, &status).await?;
        let fault = Some(ClaimFault::NotOffered);
        return respond(context, 200, &OwnershipView { fault, ..view });
    }
    let is_phone = context.request.parameter("by").as_deref() == Some("phone");
    let start = Some(views.start(method, "", is_phone));
    respond(context, 200, &OwnershipView { start, ..views.page(request.car_name().await) })
}

/// `POST /{market}/vehicles/{id}/ownership/{method}`: starts a claim.
pub(super) async fn start<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
    method: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let method = offered(&market, method)?;
    let views = OwnershipViews::new(context, &market, id, &format!("/{}", method.as_str()));
    let mut form = Form::read_urlencoded(context).await?;
    if let Some(sent) = SentCode::read(method, &mut form) {
        return check_dealer(context, &views, sent).await;
    }
    let is_phone = form.text("/by").as_deref() == Some("phone");
    // OK because a form without the field is one with an empty field.
    let contact = form.text("/contact").unwrap_or_default();
    let start = views.start(method, &contact, is_phone);
    if let Some(address) = &start.step_up {
        return step_up(context, views.page(None), address);
    }
    let request = views.request().await?;
    let typed = (method == OwnershipMethod::ContactCode).then_some(contact.as_str());
    match request.start(method, typed).await {
        Ok(status) if has_code(&status) => {
            let view = overview_view(&views, &request, &status).await?;
            respond(context, 200, &view)
        }
        Ok(_) => Ok(Response::see_other(views.overview_href())),
        Err(error @ ClaimError::NotOffered) => {
            let view = overview_view(&views, &request, &request.status().await?).await?;
            again(context, &request.problem(error), view, ClaimFault::NotOffered)
        }
        Err(error) => {
            let fault = match error {
                ClaimError::WrongProof { .. } => ClaimFault::NotConfirmed,
                ClaimError::Invalid { .. } if is_phone => ClaimFault::Phone,
                ClaimError::Invalid { .. } => ClaimFault::Email,
                error => fault(&views, error).ok_or_else(|| request.problem(error))?,
            };
            let name = claim::car_name(context, &market, id).await;
            let view = OwnershipView { start: Some(start), ..views.page(name) };
            again(context, &request.problem(error), view, fault)
        }
    }
}

/// The code of a dealer's claim that its page sends again: nothing stores it.
struct SentCode {
    claim: String,
    code: Option<Code>,
}

impl SentCode {
    /// Reads the fields of the form that asks for the confirmations; nothing of another form.
    fn read(method: OwnershipMethod, form: &mut Form) -> Option<Self> {
        let claim = form.text("/claim").filter(|_| method == OwnershipMethod::Dealer)?;
        let code = form.text("/code").and_then(|code| Code::parse(&code));
        Some(Self { claim, code })
    }
}

/// The page of a dealer's claim again: the confirmations so far, and the code if it is the claim's.
async fn check_dealer(
    context: &Context<'_>,
    views: &OwnershipViews<'_>,
    sent: SentCode,
) -> Result<Response, Problem> {
    let request = views.request().await?;
    let status = request.status_with_code(sent.code.as_ref()).await?;
    let is_it = |claim: &ClaimStatus| claim.id == sent.claim;
    if status.claim.as_ref().is_some_and(|claim| is_it(claim) && claim.code.is_some()) {
        return respond(context, 200, &overview_view(views, &request, &status).await?);
    }
    if status.state != OwnershipState::None {
        return Ok(Response::see_other(views.overview_href()));
    }
    let view = overview_view(views, &request, &status).await?;
    again(context, &request.problem(ClaimError::Expired), view, ClaimFault::Expired)
}

/// `POST /{market}/vehicles/{id}/ownership/{claim}/proof`
pub(super) async fn prove<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
    claim: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let views = OwnershipViews::new(context, &market, id, "");
    if let Some(address) = views.step_up(&views.overview_href()) {
        return step_up(context, views.page(None), &address);
    }
    let request = views.request().await?;
    let typed = read_proof(context, &market).await?;
    let error = match request.prove(claim, &typed).await {
        Ok(ProofResult { is_kept: true, .. }) => {
            return Ok(Response::see_other(with_query(&views.overview_href(), KEPT)));
        }
        Ok(_) => return Ok(Response::see_other(views.overview_href())),
        Err(error) => error,
    };
    let fault = proof_fault(&views, &error, typed.contains_key("code"));
    let fault = fault.ok_or_else(|| error.problem(context))?;
    let status = request.status().await?;
    let mut view = overview_view(&views, &request, &status).await?;
    refill(&mut view, &typed);
    again(context, &error.problem(context), view, fault)
}

/// The reason that the page gives for a proof that did not succeed.
fn proof_fault(
    views: &OwnershipViews<'_>,
    error: &ProofError,
    has_code: bool,
) -> Option<ClaimFault> {
    Some(match error {
        ProofError::Document(fields) => {
            ClaimFault::Document(fields.iter().map(|field| field.as_str()).collect())
        }
        ProofError::Claim(ClaimError::Invalid { .. }) => ClaimFault::Code,
        ProofError::Claim(ClaimError::WrongProof { attempts_left: left @ 1.. }) if has_code => {
            ClaimFault::WrongCode(*left)
        }
        ProofError::Claim(ClaimError::WrongProof { attempts_left: left @ 1.. }) => {
            ClaimFault::WrongDocument(*left)
        }
        ProofError::Claim(error) => fault(views, *error)?,
    })
}

/// `GET /{market}/vehicles/{id}/ownership/end`: asks if the car is to be given up.
pub(super) async fn end_form<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let views = OwnershipViews::new(context, &market, id, "/end");
    let request = views.request().await?;
    if request.status().await?.grant.is_none() {
        return Ok(Response::see_other(views.overview_href()));
    }
    respond(context, 200, &end_view(&views, claim::car_name(context, &market, id).await))
}

/// `POST /{market}/vehicles/{id}/ownership/end`: gives the car up.
pub(super) async fn end<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let views = OwnershipViews::new(context, &market, id, "/end");
    let view = end_view(&views, None);
    if let Some(address) = view.end.as_ref().and_then(|end| end.step_up.clone()) {
        return step_up(context, view, &address);
    }
    let request = views.request().await?;
    match request.give_up().await {
        Ok(()) => Ok(Response::see_other(with_query(&views.overview_href(), GIVEN_UP))),
        Err(ClaimError::Unknown) => {
            let view = overview_view(&views, &request, &request.status().await?).await?;
            let problem = Problem::ownership_required(String::new());
            again(context, &problem, view, ClaimFault::NothingHeld)
        }
        Err(error) => Err(request.problem(error)),
    }
}

/// The page of a form again, whose token is from before the visitor's last sign-in.
pub(super) async fn stale<'c>(
    context: &'c Context<'c>,
    market: &str,
    id: &'c str,
    step: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let problem = Problem::new(Slug::InvalidRequest);
    if let Ok(method) = offered(&market, step) {
        let views = OwnershipViews::new(context, &market, id, &format!("/{step}"));
        let mut form = Form::read_urlencoded(context).await?;
        if let Some(sent) = SentCode::read(method, &mut form) {
            return check_dealer(context, &views, sent).await;
        }
        let is_phone = form.text("/by").as_deref() == Some("phone");
        // OK because a form without the field is one with an empty field.
        let contact = form.text("/contact").unwrap_or_default();
        let start = Some(views.start(method, &contact, is_phone));
        return again(
            context,
            &problem,
            OwnershipView { start, ..views.page(None) },
            ClaimFault::Stale,
        );
    }
    let views = OwnershipViews::new(context, &market, id, if step == "end" { "/end" } else { "" });
    if step == "end" {
        return again(context, &problem, end_view(&views, None), ClaimFault::Stale);
    }
    let request = views.request().await?;
    let mut view = overview_view(&views, &request, &request.status().await?).await?;
    refill(&mut view, &read_proof(context, &market).await?);
    again(context, &problem, view, ClaimFault::Stale)
}

/// The page of a status, with the acts of others for a holder.
async fn overview_view(
    views: &OwnershipViews<'_>,
    request: &ClaimRequest<'_>,
    status: &OwnershipStatus,
) -> Result<OwnershipView, Problem> {
    let mut view = views.overview(request.car_name().await, status);
    if view.held.is_some() {
        let acts = request.history().await?;
        view.acts = acts.map(|acts| views.acts(&acts));
    }
    Ok(view)
}

fn end_view(views: &OwnershipViews<'_>, name: Option<String>) -> OwnershipView {
    let cancel_href = views.overview_href();
    let step_up = views.step_up(&views.end_href());
    OwnershipView { end: Some(EndForm { cancel_href, step_up }), ..views.page(name) }
}

/// The method of a path, if the market offers it.
fn offered(market: &Market, word: &str) -> Result<OwnershipMethod, Problem> {
    let method = OwnershipMethod::parse(word);
    method
        .filter(|method| market.offered_methods().contains(method))
        .ok_or_else(|| Problem::new(Slug::NotFound))
}

/// True if the response shows a code that nothing stores.
fn has_code(status: &OwnershipStatus) -> bool {
    status
        .claim
        .as_ref()
        .is_some_and(|claim| claim.state == ClaimState::Challenged && claim.code.is_some())
}

/// The fields of a proof that a form has sent: the code, and those of the document.
async fn read_proof(
    context: &Context<'_>,
    market: &Market,
) -> Result<BTreeMap<String, String>, Problem> {
    let form = Form::read_urlencoded(context).await?;
    let names = document_fields(market).iter().map(|field| field.as_str());
    Ok(form.texts(names.chain(["code"])))
}

/// Puts what was entered into the fields of a document again.
fn refill(view: &mut OwnershipView, typed: &BTreeMap<String, String>) {
    let Some(ProofFields::Document(fields)) = view.proof.as_mut().map(|form| &mut form.fields)
    else {
        return;
    };
    for DocumentFieldView { name, entered, .. } in fields {
        // OK because a field that was not sent is empty.
        *entered = typed.get(*name).cloned().unwrap_or_default();
    }
}

/// The reason that a page gives for an error; `None` for those that a page cannot help with.
fn fault(views: &OwnershipViews<'_>, error: ClaimError) -> Option<ClaimFault> {
    Some(match error {
        ClaimError::WrongProof { .. } | ClaimError::Locked { retry_after_s: 0 } => {
            ClaimFault::Failed
        }
        ClaimError::Expired => ClaimFault::Expired,
        ClaimError::Locked { retry_after_s } => ClaimFault::Locked(views.in_seconds(retry_after_s)),
        ClaimError::Limited { retry_after_s } => {
            ClaimFault::Limited(views.in_seconds(retry_after_s))
        }
        ClaimError::Conflict => ClaimFault::Conflict,
        ClaimError::NotOffered => ClaimFault::NotOffered,
        ClaimError::Unknown => ClaimFault::Gone,
        ClaimError::SystemUnavailable => ClaimFault::Unavailable,
        _ => return None,
    })
}

/// A page again, with what is wrong, under the status of its problem.
fn again(
    context: &Context<'_>,
    problem: &Problem,
    view: OwnershipView,
    fault: ClaimFault,
) -> Result<Response, Problem> {
    let view = OwnershipView { fault: Some(fault), ..view };
    Ok(problem.dress(respond(context, problem.status, &view)?))
}

fn respond(context: &Context<'_>, status: u16, view: &OwnershipView) -> Result<Response, Problem> {
    let page = page(context, status, pages::render_ownership(view))?;
    Ok(page.with_freshness(Freshness::Private))
}

/// The way to a fresh sign-in, which comes back to the page.
fn step_up(context: &Context<'_>, view: OwnershipView, address: &str) -> Result<Response, Problem> {
    let frame = view.frame.with_languages(Vec::new());
    let html = pages::render_handover(&frame, Handover::StepUp, address);
    Ok(page(context, 200, html)?.with_freshness(Freshness::NoStore))
}
