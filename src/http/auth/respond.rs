//! Responses that all routes of sign-in share.

use super::market::SignInMarket;
use crate::auth::ReturnTo;
use crate::http::context::Context;
use crate::http::page::{auth_frame, page};
use crate::http::problem::Problem;
use crate::http::response::{Freshness, Response};
use crate::pages::{SignInFailure, render_sign_in_failure, sign_in_address, step_up_address};
use crate::telemetry::{Event, Field, Level, field};

/// Seconds after which a person may try again where the provider or a store fails.
const RETRY_AFTER_S: &str = "30";

/// Returns a response as every one of sign-in is: stored nowhere, and without the address of the
/// page in requests that follow it.
pub(super) fn private(mut response: Response) -> Response {
    response.set("referrer-policy", "no-referrer");
    response.with_freshness(Freshness::NoStore)
}

/// A redirect with GET.
pub(super) fn redirect(location: String) -> Response {
    private(Response::see_other(location))
}

/// A sign-in that failed: its cause for the log, and what the person is told.
pub(super) struct Failure {
    pub(super) kind: SignInFailure,
    pub(super) cause: String,
}

impl Failure {
    pub(super) fn new(kind: SignInFailure, cause: impl ToString) -> Self {
        Self { kind, cause: cause.to_string() }
    }

    /// The page of the failure, with a way to try again; an event says the cause.
    ///
    /// # Errors
    /// 500 `internal` if the page could not be rendered.
    pub(super) fn respond(
        &self,
        context: &Context<'_>,
        at: &SignInMarket,
        return_to: Option<&ReturnTo>,
        is_step_up: bool,
    ) -> Result<Response, Problem> {
        let cause = Field::Word(self.cause.clone().into());
        let event = Event::new(self.level(), "a sign-in failed");
        let event = event.with(field::MARKET, &at.market.code);
        context.ports.events.emit(event.with(field::CAUSE, cause));
        let start = ReturnTo::market(&at.market.code);
        let target = return_to.unwrap_or(&start).as_str();
        let code = at.market.code.as_str();
        let again = if is_step_up { step_up_address } else { sign_in_address };
        let (again, back) = (again(code, target), return_to.map(ReturnTo::as_str));
        let frame = auth_frame(context, &at.market, None, back);
        let html = render_sign_in_failure(&frame, self.kind, &again, back, &context.request_id);
        let mut response = private(page(context, self.status(), html)?);
        if self.status() == 503 {
            response.set("retry-after", RETRY_AFTER_S);
        }
        Ok(response)
    }

    const fn status(&self) -> u16 {
        match self.kind {
            SignInFailure::Denied | SignInFailure::Weak => 403,
            SignInFailure::Expired | SignInFailure::Refused => 400,
            SignInFailure::Unreachable | SignInFailure::Unavailable => 503,
        }
    }

    const fn level(&self) -> Level {
        match self.kind {
            SignInFailure::Denied | SignInFailure::Expired | SignInFailure::Weak => Level::Info,
            SignInFailure::Refused | SignInFailure::Unreachable => Level::Warn,
            SignInFailure::Unavailable => Level::Error,
        }
    }
}
