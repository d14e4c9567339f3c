//! `GET /operator/v1/audit?chain=&after=`: entries as they are hashed, for operators who verify the
//! chains.

use serde_json::Value;

use super::object::Object;
use super::{failed, only_rows};
use crate::audit::{self, AnchoredHead, HeadKeys};
use crate::http::context::Context;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;

/// Entries of one page.
const ENTRIES_A_PAGE: u8 = 200;

/// The chains, and the column by which each is paged.
const CHAINS: [(&str, &str); 2] = [("2", "position"), ("1", "id")];

/// Lists entries: of the second chain with their links and heads, or of the first one, that of
/// earlier Workers.
pub(in crate::http) async fn list(context: &Context<'_>) -> Result<Response, Problem> {
    let after = match context.request.parameter("after") {
        None => 0,
        Some(text) => text.parse().ok().filter(|number| *number >= 0).ok_or_else(|| {
            Problem::invalid(
                400,
                "/after",
                "The number of the last entry that you have, 0 for none.",
            )
        })?,
    };
    let wanted = context.request.parameter("chain");
    let wanted = wanted.as_deref().unwrap_or("2");
    let chain = CHAINS.into_iter().find(|(name, _)| *name == wanted);
    let (name, place) = chain.ok_or_else(|| {
        Problem::invalid(400, "/chain", "2, or 1 for the entries of earlier releases.")
    })?;
    let limit = ENTRIES_A_PAGE.into();
    let page = match name {
        "1" => audit::first_page(after, limit),
        _ => audit::page(after, limit),
    };
    let entries = only_rows(context.ports.db.batch(vec![page]).await.map_err(failed)?)?;
    let last = entries.last().and_then(|entry| entry.get(place)).and_then(Value::as_i64);
    let next = last.filter(|_| entries.len() >= usize::from(ENTRIES_A_PAGE));
    let mut body = Object::new();
    body.rows("entries", &entries)
        .raw("next", &next.map_or("null".to_owned(), |id| id.to_string()));
    if after == 0 && name != "1" {
        push_beside(context, &mut body).await?;
    }
    Ok(Response::json(200, body.end()))
}

/// Adds the public keys of heads, and the head that KV holds. A key that does not read is none: the
/// job reports it.
async fn push_beside(context: &Context<'_>, body: &mut Object) -> Result<(), Problem> {
    let ports = &context.ports;
    let keys = HeadKeys::parse(ports.secrets.as_ref()).map(|keys| keys.public_jwks());
    let text = ports.cache.get(audit::HEAD_KEY.to_owned()).await.map_err(failed)?;
    let anchor = text.and_then(|text| serde_json::from_str::<AnchoredHead>(&text).ok());
    let anchor = serde_json::to_string(&anchor).map_err(|_| Problem::new(Slug::Internal))?;
    // OK because without keys the list is empty.
    body.raw("keys", &Value::from(keys.unwrap_or_default()).to_string()).raw("anchor", &anchor);
    Ok(())
}
