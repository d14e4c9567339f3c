//! `GET /api/v1/{market}/me/export` and `DELETE /api/v1/{market}/me`: a person's own data out, and
//! erased.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::http::context::Context;
use crate::http::credential::NO_SESSION;
use crate::http::json;
use crate::http::own_data;
use crate::http::problem::Problem;
use crate::http::response::{Freshness, Response};
use crate::ports::Rows;
use crate::privacy::erasure::ErasedStore;
use crate::privacy::person::{self, Exception};

#[derive(Serialize)]
struct ExportDocument<'e> {
    exported_at: String,
    person: PersonDocument<'e>,
    stored: BTreeMap<&'static str, &'e Rows>,
    left_out: Vec<ExceptionDocument>,
}

/// The person, as the identity provider names them.
#[derive(Serialize)]
struct PersonDocument<'e> {
    issuer: &'e str,
    subject: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'e str>,
}

#[derive(Serialize)]
struct ErasureDocument {
    erased_at: String,
    complete: bool,
    stores: Vec<StoreDocument>,
    kept: Vec<ExceptionDocument>,
}

#[derive(Serialize)]
struct StoreDocument {
    store: &'static str,
    found: usize,
    removed: usize,
    left: usize,
}

/// A store and the reason for which it is an exception.
#[derive(Serialize)]
struct ExceptionDocument {
    store: &'static str,
    reason: &'static str,
}

impl From<Exception> for ExceptionDocument {
    fn from(exception: Exception) -> Self {
        Self { store: exception.store, reason: exception.reason }
    }
}

impl From<&ErasedStore> for StoreDocument {
    fn from(erased: &ErasedStore) -> Self {
        let ErasedStore { store, found, removed, left } = *erased;
        Self { store, found, removed, left }
    }
}

/// All that is stored about the caller, as a file.
///
/// # Errors
/// 503 where D1 fails.
pub(in crate::http) async fn export(context: &Context<'_>) -> Result<Response, Problem> {
    let caller = own_data::caller(context)?;
    let tables = own_data::export(context, &caller).await?;
    let document = ExportDocument {
        exported_at: context.ports.clock.now().to_string(),
        person: PersonDocument {
            issuer: &caller.subject.issuer.0,
            subject: &caller.subject.id.0,
            name: caller.name,
        },
        stored: tables.iter().map(|table| (table.field, &table.rows)).collect(),
        left_out: person::left_out().map(Into::into).collect(),
    };
    let mut response = json::respond(context, 200, &document)?.with_freshness(Freshness::Private);
    response.append("content-disposition", "attachment; filename=\"kerbside.json\"");
    Ok(response)
}

/// Erases what is stored about the caller, and ends their sessions.
///
/// # Errors
/// 503 where D1 fails.
pub(in crate::http) async fn erase(context: &Context<'_>) -> Result<Response, Problem> {
    let caller = own_data::caller(context)?;
    let erasure = own_data::erase(context, &caller).await?;
    let document = ErasureDocument {
        erased_at: erasure.audited.at.to_string(),
        complete: own_data::is_complete(&erasure),
        stores: erasure.stores.iter().map(Into::into).collect(),
        kept: person::kept().map(Into::into).collect(),
    };
    let mut response = json::respond(context, 200, &document)?.with_freshness(Freshness::Private);
    response.append("set-cookie", NO_SESSION);
    Ok(response)
}
