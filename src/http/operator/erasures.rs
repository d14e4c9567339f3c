//! `POST /operator/v1/erasures`: erases a car, or what tells of persons in its record, and proves
//! it.

use super::object::{List, Object};
use super::{audited, entry, markets, not_done};
use crate::audit;
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::market::{FacetName, MarketCode};
use crate::privacy::erasure::{self, ErasedMarket, ErasedStore, ErasureProof, ErasureScope};

const FIELDS: [&str; 4] = ["market", "vin", "what", "reason"];
const SHAPE: &str = r#"{"vin": "…", "what": "vehicle"}"#;

/// Copies that an erasure cannot reach at once. Part of every proof.
const LATER: [&str; 5] = [
    "Copies that KV keeps near readers are served until they are looked at again, 60 s at the most; isolates remember a car for \
     3 s and the market's rules for 10 s. After 90 s nobody is served what was erased.",
    "Browsers and caches of others that hold a public page keep it for as long as its Cache-Control said.",
    "D1 can be restored to any minute of the last 30 days (Time Travel) for as long as Cloudflare keeps them. Sealed values in \
     there open only with their key: rotate it and remove the old one to end that earlier.",
    "The audit keeps the keyed hash of the vehicle for three years; entries of earlier releases keep it for ever.",
    "The origins still have the data: the next visit fetches it again, unless it was erased there first.",
];

/// Erases.
pub(in crate::http) async fn create(context: &Context<'_>) -> Result<Response, Problem> {
    let mut form = Form::read_json(context, &FIELDS, SHAPE).await?;
    let (code, vin, reason) = (form.market(), form.vin(), form.reason());
    let what = form.word("/what", &[ErasureScope::Vehicle.as_str(), ErasureScope::Person.as_str()]);
    form.need("/vin", vin.as_ref(), "Say which car.");
    form.check()?;
    let Some(vin) = vin else { return Err(Problem::new(Slug::Internal)) };
    let what = if what == Some(ErasureScope::Person.as_str()) {
        ErasureScope::Person
    } else {
        ErasureScope::Vehicle
    };
    let mut chosen = markets(context).await?;
    if let Some(code) = &code {
        if !chosen.contains(code) {
            // Neither published here nor with anything stored: the same problem as on other routes.
            context.market(code.as_str()).await?;
        }
        chosen = vec![code.clone()];
    }
    let vehicle = context.keys()?.lookup(&vin);
    let written = audit::Entry {
        vehicle: Some(&vehicle),
        market: code.as_ref().map(MarketCode::as_str),
        to_state: Some("erased".into()),
        method: Some(what.as_str().into()),
        reason: reason.as_deref(),
        ..entry(context, "erase")?
    };
    let proof = erasure::erase(&context.ports, &written, &chosen, &vehicle, what)
        .await
        .map_err(not_done)?;
    let complete = is_complete(&proof);
    let text = wire(context, &proof, &vehicle, what);
    let digest = audit::digest(&text);
    let evidence = audit::Entry {
        vehicle: Some(&vehicle),
        market: code.as_ref().map(MarketCode::as_str),
        to_state: Some(if complete { "nothing left" } else { "something left" }.into()),
        evidence: Some(format!("sha256:{digest}").into()),
        ..entry(context, "erasure proof")?
    };
    // The erasure is done and audited. Where this entry fails, the proof says so by having none.
    let witnessed = audit::act(&context.ports, &evidence, &[]).await.ok();
    let mut body = Object::new();
    body.raw("proof", &text)
        .text("digest", &format!("sha256:{digest}"))
        .raw("audit", &audited(witnessed.as_ref()));
    Ok(Response::json(200, body.end()))
}

fn is_complete(proof: &ErasureProof) -> bool {
    proof.unpublished.is_empty()
        && proof.markets.iter().all(|erased| erased.stores.iter().all(|store| store.left == 0))
}

/// The proof. Its digest is that of this very text.
fn wire(context: &Context<'_>, proof: &ErasureProof, vehicle: &str, what: ErasureScope) -> String {
    let mut facets = List::new();
    for facet in what.facets().as_deref().unwrap_or(FacetName::ALL) {
        facets.text(facet.as_str());
    }
    let (mut markets, mut unpublished, mut later) = (List::new(), List::new(), List::new());
    proof.markets.iter().for_each(|erased| markets.raw(&market(erased)));
    proof.unpublished.iter().for_each(|code| unpublished.text(code.as_str()));
    for sentence in LATER {
        later.text(sentence);
    }
    Object::new()
        .text("request_id", &context.request_id)
        .text("what", what.as_str())
        .text("vehicle", vehicle)
        .raw("facets", &facets.end())
        .text("erased_at", &proof.audited.at.to_string())
        .text("read_again_at", &proof.read_again_at.to_string())
        .flag("complete", is_complete(proof))
        .raw("markets", &markets.end())
        .raw("rules_not_in_kv", &unpublished.end())
        .raw("audit", &audited(Some(&proof.audited)))
        .raw("later", &later.end())
        .end()
}

fn market(erased: &ErasedMarket) -> String {
    let (mut stores, mut purges) = (List::new(), List::new());
    for ErasedStore { store, found, removed, left } in &erased.stores {
        let mut object = Object::new();
        object
            .text("store", store)
            .count("found", *found)
            .count("removed", *removed)
            .count("left", *left);
        stores.raw(&object.end());
    }
    erased.purges.iter().for_each(|id| purges.raw(&id.to_string()));
    let mut object = Object::new();
    object
        .text("market", erased.market.as_str())
        .raw("stores", &stores.end())
        .raw("purges", &purges.end());
    object.end()
}
