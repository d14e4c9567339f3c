//! A member's own data, for the API and for the page of their account.
//!
//! The route's row demands a fresh sign-in, or the page checks it (`step_up::is_fresh`).

use super::context::Context;
use super::problem::{Problem, Slug};
use super::sign_in_state::SignInState;
use crate::audit::{self, Actor, AuditError, Entry, PseudonymKey};
use crate::auth::{Subject, open_personal_part, person_hash};
use crate::ownership::open_own_row;
use crate::ports::{Row, Statement};
use crate::privacy::person::{self, ExportedTable, PersonErasure};
use crate::telemetry::{Event, Level, field};

/// The caller, whose identity is proven.
pub(super) struct Caller<'c> {
    /// The person.
    pub(super) subject: &'c Subject,
    /// Their name, where a session states it.
    pub(super) name: Option<&'c str>,
    /// The keyed hash under which tables hold them.
    hash: String,
}

/// The caller.
///
/// # Errors
/// 401 `sign-in-required` for anybody else than a member.
pub(super) fn caller<'c>(context: &'c Context<'_>) -> Result<Caller<'c>, Problem> {
    let state = context.sign_in();
    let identity = state.identity().ok_or_else(|| Problem::new(Slug::SignInRequired))?;
    let hash = person_hash(&*context.session_keys()?, &identity.subject);
    let name = match state {
        SignInState::Active(session) => session.name.as_deref(),
        _ => None,
    };
    Ok(Caller { subject: &identity.subject, name, hash })
}

/// Reads all that is stored about the caller.
///
/// # Errors
/// 503 `service-unavailable` where D1 fails.
pub(super) async fn export(
    context: &Context<'_>,
    caller: &Caller<'_>,
) -> Result<Vec<ExportedTable>, Problem> {
    let keys = context.session_keys()?;
    let rights = context.rights_keys()?;
    let open = |table: &str, row: &Row| match table {
        "session" => open_personal_part(&context.ports, &keys, row, caller.subject),
        _ => open_own_row(&rights, table, row, &caller.hash),
    };
    let pseudonym = pseudonym(context, caller, audit::find_salt(&caller.hash)).await?;
    let exported = person::export(&context.ports, &caller.hash, pseudonym.as_deref(), &open).await;
    exported.map_err(|_| not_read())
}

fn not_read() -> Problem {
    let detail = "Your data cannot be read now. Try again in a few seconds.";
    Problem::with_detail(Slug::ServiceUnavailable, detail)
}

/// Erases what is stored about the caller, and writes an audit entry in the same transaction. An
/// erasure that is not complete is an error in the log. The response must clear the session's
/// cookie, if it does not ask for another try.
///
/// # Errors
/// 503 `service-unavailable` where D1 fails: it can be repeated.
pub(super) async fn erase(
    context: &Context<'_>,
    caller: &Caller<'_>,
) -> Result<PersonErasure, Problem> {
    let salt = audit::salt(&caller.hash, context.ports.random.as_ref());
    let pseudonym = pseudonym(context, caller, salt).await?.ok_or_else(not_read)?;
    let entry = Entry {
        subject: Some(&pseudonym),
        market: context.known_market().map(|market| market.code.as_str()),
        to_state: Some("erased".into()),
        method: Some("person".into()),
        ..Entry::new(Actor::Member(&pseudonym), "erase", &context.request_id)
    };
    let keys = context.rights_keys()?;
    let erasure = person::erase(&context.ports, &keys, &entry, &caller.hash).await;
    let erasure = erasure.map_err(|error| match error {
        AuditError::Refused => Problem::new(Slug::Internal),
        AuditError::Unknown => {
            let detail = "Your data may not be erased yet. Do it again: it does no harm twice.";
            Problem::with_detail(Slug::ServiceUnavailable, detail)
        }
    })?;
    if !is_complete(&erasure) {
        report_rest(context, &erasure);
    }
    Ok(erasure)
}

/// True if nothing is left of what an erasure reaches.
pub(super) fn is_complete(erasure: &PersonErasure) -> bool {
    rest(erasure) == 0
}

/// The number of rows that an erasure should have deleted.
fn rest(erasure: &PersonErasure) -> usize {
    erasure.stores.iter().map(|store| store.left).sum()
}

fn report_rest(context: &Context<'_>, erasure: &PersonErasure) {
    let event = Event::new(Level::Error, "an erasure of a person's data left rows");
    let event = match context.known_market() {
        Some(market) => event.with(field::MARKET, &market.code),
        None => event,
    };
    // OK because a person has few rows.
    let count = i64::try_from(rest(erasure)).unwrap_or(i64::MAX);
    context.ports.events.emit(event.with(field::COUNT, count));
}

/// Reads the caller's pseudonym in the audit with a statement that selects the salt; nothing where
/// the caller has no salt. The erasure deletes the salt: nothing links the entries to the person
/// from then on.
async fn pseudonym(
    context: &Context<'_>,
    caller: &Caller<'_>,
    salt: Statement,
) -> Result<Option<String>, Problem> {
    let ports = &context.ports;
    let key = PseudonymKey::parse(ports.secrets.as_ref());
    let key = key.map_err(|_| Problem::new(Slug::Internal))?;
    let results = ports.db.batch(vec![salt]).await.map_err(|_| not_read())?;
    let rows = results.first().map_or(&[][..], Vec::as_slice);
    let salt = audit::read_salt(ports, rows).map_err(|_| not_read())?;
    Ok(salt.map(|salt| audit::pseudonym(&key, &salt, &caller.hash)))
}
