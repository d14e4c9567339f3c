//! `GET /auth/{market}/sign-in`: begins a sign-in. Nothing is stored; the transaction goes into a
//! cookie.

use super::cookies::{self, Cookies};
use super::market::SignInMarket;
use super::respond::{Failure, redirect};
use crate::auth::{ReturnTo, Transaction, authorization_address};
use crate::http::context::Context;
use crate::http::problem::Problem;
use crate::http::response::Response;
use crate::pages::SignInFailure;

/// Leads to the market's identity provider. A `return_to` that is no path of this site counts as
/// none: the sign-in comes back to the market's start page.
pub(in crate::http) async fn sign_in(
    context: &Context<'_>,
    segment: &str,
) -> Result<Response, Problem> {
    let at = SignInMarket::find(context, segment).await?;
    let sign_in = at.sign_in()?;
    let return_to = context.request.parameter("return_to");
    let return_to = return_to.as_deref().and_then(ReturnTo::parse);
    let is_step_up = context.request.parameter("step_up").as_deref() == Some("1");
    let metadata = match at.metadata(context, sign_in).await {
        Ok(metadata) => metadata,
        Err(error) => {
            let failure = Failure::new(SignInFailure::Unreachable, error);
            return failure.respond(context, &at, return_to.as_ref(), is_step_up);
        }
    };
    let return_to = return_to.unwrap_or_else(|| ReturnTo::market(&at.market.code));
    let (random, now) = (context.ports.random.as_ref(), context.ports.clock.now());
    let transaction =
        Transaction::begin(random, &at.market.code, sign_in, &return_to, is_step_up, now);
    let value = transaction.seal(&*context.session_keys()?, random);
    let value = value.map_err(|error| context.internal("a sign-in could not be sealed", &error))?;
    let redirect_uri = at.redirect_uri(context)?;
    let mut response =
        redirect(authorization_address(&metadata, sign_in, &transaction, &redirect_uri));
    for name in Cookies::new(&context.request.header_or_empty("cookie")).surplus_transactions() {
        cookies::clear(&mut response, name);
    }
    cookies::set_transaction(&mut response, &transaction.state, &value);
    Ok(response)
}
