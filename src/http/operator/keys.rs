//! `GET /operator/v1/keys` and `POST /operator/v1/resealings`: which keys are held and used, whose
//! tokens end when, and the move of sealed values to the newest key.

use super::object::{List, Object};
use super::{audited, entry, failed, not_done, only_rows, token};
use crate::audit;
use crate::cache::SealingRing;
use crate::http::context::Context;
use crate::http::form::Form;
use crate::http::problem::{Problem, Slug};
use crate::http::response::Response;
use crate::ports::{Ports, Rows};
use crate::privacy::key_use::{self, KeyUse};
use crate::privacy::resealing::{self, Cursor, ResealingError};
use crate::telemetry::{Event, Field, Level, field};

const FIELDS: [&str; 1] = ["after"];
const SHAPE: &str = r#"{"after": "de/9W5cnpqDBdh5y7L2Wg6y2g/recalls"}"#;
const WRONG_CURSOR: &str = "Give `next` of the answer before, or leave it out to begin.";

/// The keys that are held, and the next rows by key and market. The first page has what is not
/// counted in pages: other rows by key, and the operators.
pub(in crate::http) async fn list(context: &Context<'_>) -> Result<Response, Problem> {
    let ring = ring(context)?;
    let after = cursor(context.request.parameter("after"), 400)?;
    let is_first = after == Cursor::default();
    let mut statements = vec![resealing::count(&after)];
    statements.extend(is_first.then(key_use::count));
    let mut results = context.ports.db.batch(statements).await.map_err(failed)?;
    let others = if is_first { results.pop() } else { None };
    let rows = only_rows(results)?;
    let (counts, next) = resealing::read_counts(&context.ports, rows).map_err(failed)?;
    let mut body = Object::new();
    body.raw("held", &numbers(&ring)).number("newest", ring.newest().into()).rows("rows", &counts);
    if let Some(others) = others {
        let used = key_use::read(&context.ports, others).map_err(failed)?;
        body.rows("outbox", &used.outbox)
            .raw("sessions", &sessions(context, &used))
            .raw("rights", &rights(context, &used))
            .raw("operators", &operators(context)?);
    }
    Ok(Response::json(200, with_next(&mut body, next.as_ref())))
}

fn numbers(ring: &SealingRing) -> String {
    let mut held = List::new();
    ring.ids().iter().for_each(|id| held.raw(&id.to_string()));
    held.end()
}

/// The session keys that are held, and the sessions under each; null where they do not read.
fn sessions(context: &Context<'_>, used: &KeyUse) -> String {
    let Ok(keys) = context.session_keys() else { return "null".to_owned() };
    ring_use(keys.ring(), &used.sessions)
}

/// The rights keys that are held, and the claims and grants under each; null where they do not
/// read.
fn rights(context: &Context<'_>, used: &KeyUse) -> String {
    let Ok(keys) = context.rights_keys() else { return "null".to_owned() };
    ring_use(keys.ring(), &used.rights)
}

fn ring_use(ring: &SealingRing, rows: &Rows) -> String {
    Object::new()
        .raw("held", &numbers(ring))
        .number("newest", ring.newest().into())
        .rows("rows", rows)
        .end()
}

/// Name, roles and last day of each token, without its hash.
fn operators(context: &Context<'_>) -> Result<String, Problem> {
    let mut operators = List::new();
    for token in token::all(context)?.iter() {
        let mut roles = List::new();
        token.roles.iter().for_each(|role| roles.text(role.as_str()));
        let entry = Object::new()
            .text("name", &token.name)
            .raw("roles", &roles.end())
            .text("last_day", &token.last_day.to_string())
            .end();
        operators.raw(&entry);
    }
    Ok(operators.end())
}

fn with_next(body: &mut Object, next: Option<&Cursor>) -> String {
    match next {
        Some(next) => body.text("next", &next.text()),
        None => body.raw("next", "null"),
    };
    body.end()
}

/// Seals the next rows under the newest key.
pub(in crate::http) async fn reseal(context: &Context<'_>) -> Result<Response, Problem> {
    let mut form = Form::read_json(context, &FIELDS, SHAPE).await?;
    let after = form.text("/after");
    form.check()?;
    let (after, ring) = (cursor(after, 422)?, ring(context)?);
    let ports = &context.ports;
    let results =
        ports.db.batch(vec![resealing::select(&after, ring.newest())]).await.map_err(failed)?;
    let rows = only_rows(results)?;
    let batch =
        resealing::reseal(ports, &ring, &rows).map_err(|error| not_resealed(ports, error))?;
    let mut done = None;
    if batch.rows > 0 {
        let written = audit::Entry {
            to_state: Some(format!("key {}", ring.newest()).into()),
            method: Some(format!("{} rows after {}", batch.rows, after.text()).into()),
            ..entry(context, "reseal")?
        };
        done = Some(audit::act(ports, &written, &batch.update()).await.map_err(not_done)?);
    }
    let failures = batch.not_held + batch.damaged;
    if failures > 0 {
        let event = Event::new(Level::Error, "sealed facets could not be opened for re-sealing");
        ports.events.emit(event.with(field::FAILURES, i64::try_from(failures).unwrap_or(i64::MAX)));
    }
    let resealed: usize = done.iter().flat_map(|done| &done.results).map(Vec::len).sum();
    let mut body = Object::new();
    body.number("newest", ring.newest().into())
        .count("resealed", resealed)
        .count("failed", failures)
        .count("not_held", batch.not_held)
        .count("damaged", batch.damaged)
        .raw("audit", &audited(done.as_ref()));
    Ok(Response::json(200, with_next(&mut body, batch.next.as_ref())))
}

fn not_resealed(ports: &Ports, error: ResealingError) -> Problem {
    let event = Event::new(Level::Error, "sealed facets could not be re-sealed");
    let cause = Field::Word(error.to_string().into());
    ports.events.emit(Event { fields: vec![(field::CAUSE, cause)], ..event });
    Problem::new(Slug::Internal)
}

fn ring(context: &Context<'_>) -> Result<SealingRing, Problem> {
    // What it says names secrets, never a value.
    SealingRing::parse(context.ports.secrets.as_ref()).map_err(|error| {
        Problem::with_detail(Slug::ServiceUnavailable, format!("Sealing does not work: {error}."))
    })
}

fn cursor(text: Option<String>, status: u16) -> Result<Cursor, Problem> {
    match text {
        None => Ok(Cursor::default()),
        Some(text) => {
            Cursor::parse(&text).ok_or_else(|| Problem::invalid(status, "/after", WRONG_CURSOR))
        }
    }
}
