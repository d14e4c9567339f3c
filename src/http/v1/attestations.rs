//! `POST /api/v1/{market}/ownership/attestations`: a dealer's staff confirm a claim by its code.
//! The response has no data of the owner.

use serde::Serialize;

use crate::auth::{DealerStaff, verify_dealer_token};
use crate::http::claim;
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::json;
use crate::http::problem::{Problem, Slug};
use crate::http::response::{Freshness, Response};
use crate::http::step_up::REALM;
use crate::market::{DealerMethod, Market, OwnershipMethod};
use crate::ownership::{self, Attested, ClaimError, Systems};

#[derive(Serialize)]
struct AttestationDocument {
    state: &'static str,
}

/// Attests.
///
/// # Errors
/// 404 where the market has no dealers, 401 for a token that is not accepted, 422 for a code or an
/// attestation that does not count, 429, 503.
pub(in crate::http) async fn create(
    context: &Context<'_>,
    market: &str,
) -> Result<Response, Problem> {
    let market = context.market(market).await?;
    let dealer = dealers(&market).ok_or_else(|| {
        Problem::with_detail(Slug::NotFound, "No dealers confirm claims in this market.")
    })?;
    let staff = authenticate(context, dealer).await?;
    let mut form = Form::read_json(context, &["code"], r#"{"code": "…"}"#).await?;
    let code = form.text("/code");
    form.need("/code", code.as_ref(), "Send the code that the claimant tells you.");
    form.check()?;
    let (keys, sealing) = (context.rights_keys()?, context.sealing()?);
    let machine = claim::machine(context, &market, (&keys, &sealing));
    let systems_of = |id: &str| {
        claim::systems(context, &market, id).map(|systems| Box::new(systems) as Box<dyn Systems>)
    };
    // OK because the form has been checked.
    let code = code.unwrap_or_default();
    let attested = ownership::attest(&machine, &staff, &code, &systems_of).await;
    let (status, state) = match attested.map_err(|error| problem(context, error))? {
        Attested::First => (202, "attested"),
        Attested::Second { messages } => {
            claim::deliver(context, messages);
            (200, "complete")
        }
    };
    let document = AttestationDocument { state };
    Ok(json::respond(context, status, &document)?.with_freshness(Freshness::Private))
}

/// The dealers of a market, unless a floor of the code forbids the method.
fn dealers(market: &Market) -> Option<&DealerMethod> {
    let ownership = market.ownership.as_ref()?;
    let is_offered = market.forbidden_method(OwnershipMethod::Dealer).is_none();
    ownership.methods.dealer.as_ref().filter(|_| is_offered)
}

/// Verifies the token of a member of the staff.
async fn authenticate(
    context: &Context<'_>,
    dealer: &DealerMethod,
) -> Result<DealerStaff, Problem> {
    let sent = context.request.header_or_empty("authorization");
    let bearer = sent.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let refused = |challenge: String| {
        let detail = "Send a token of the dealers' identity provider: a member of the staff of a \
                      listed dealer, signed in by several factors in the last five minutes.";
        Problem::with_detail(Slug::SignInRequired, detail).with_challenge(challenge)
    };
    let Some((_, token)) = bearer else { return Err(refused(REALM.to_owned())) };
    let (ports, memory) = (&context.ports, &context.app.auth);
    verify_dealer_token(ports, memory, dealer, token.trim()).await.map_err(|error| {
        if error.is_unavailable() {
            let detail = "The dealers' identity provider cannot be asked now. Try again.";
            return Problem::with_detail(Slug::ServiceUnavailable, detail);
        }
        refused(format!("{REALM}, error=\"invalid_token\""))
    })
}

/// The problem of an attestation: an unknown code says nothing else than one that does not count.
fn problem(context: &Context<'_>, error: ClaimError) -> Problem {
    match error {
        ClaimError::Unknown | ClaimError::Expired => {
            Problem::with_detail(Slug::WrongProof, "No claim waits for this code.")
        }
        error => claim::problem(context, error),
    }
}
