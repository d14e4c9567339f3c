//! The chain of the audit: links the entries that acts have written since the last run, and signs
//! the chain's new head.
//!
//! The head goes to D1, to KV and to the log: whoever changes D1 alone cannot cut the chain unseen.
//! Two runs at once never fork the chain: each appends only where it still ends as it was read.
//! Leaves to others: the form of links and heads (`audit`), when it runs (`jobs`).

use crate::audit::{
    AnchoredHead, ChainEnd, HEAD_KEY, HEAD_TTL_S, Head, HeadKeyError, HeadKeys, Unlinked,
    append_head, select_unlinked,
};
use crate::ports::{Ports, StoreError};
use crate::telemetry::{Event, Field, Level, field};

/// Batches of a run at most; the next run goes on.
const MAX_BATCHES: u32 = 24;
/// Milliseconds after which a run begins no further batch.
const BUDGET_MS: i64 = 20_000;

/// Links entries and signs the head.
///
/// # Errors
/// [`StoreError`] where a store fails: the next run goes on.
pub async fn run(ports: &Ports) -> Result<(), StoreError> {
    let end = link_entries(ports).await?;
    if end.position > end.head { publish_head(ports, end).await } else { Ok(()) }
}

/// Links entries batch by batch; returns the end of the chain.
async fn link_entries(ports: &Ports) -> Result<ChainEnd, StoreError> {
    let started = ports.clock.now();
    let results = ports.db.batch(select_unlinked().into()).await?;
    let mut unlinked = Unlinked::from_results(ports, results)?;
    for _ in 0..MAX_BATCHES {
        if unlinked.entries.is_empty() || ports.clock.now().since_ms(started) >= BUDGET_MS {
            break;
        }
        let links = unlinked.link(ports)?;
        if links.missing > 0 {
            let event = Event::new(Level::Error, "entries of the audit are missing");
            let event = event.with(field::COUNT, links.missing);
            ports.events.emit(event.with(field::AUDIT_POSITION, links.end.position));
        }
        let [end, entries] = select_unlinked();
        let mut results = ports.db.batch(vec![links.append(), end, entries]).await?;
        unlinked = Unlinked::from_results(ports, results.split_off(1))?;
    }
    Ok(unlinked.end)
}

/// Signs the head at the end of the chain, and keeps it in D1, KV and the log.
async fn publish_head(ports: &Ports, end: ChainEnd) -> Result<(), StoreError> {
    let ChainEnd { position, hash, .. } = end;
    let head = Head { position, hash, at_ms: ports.clock.now().0 };
    let jws = match sign(ports, &head).await {
        Ok(jws) => Some(jws),
        Err(error) => {
            let event = Event::new(Level::Warn, "the audit's head is not signed");
            let cause = Field::Word(error.to_string().into());
            ports.events.emit(Event { fields: vec![(field::CAUSE, cause)], ..event });
            None
        }
    };
    let anchored = AnchoredHead { head, jws };
    let results = ports.db.batch(vec![append_head(&anchored)]).await?;
    if results.first().is_none_or(Vec::is_empty) {
        return Ok(()); // Another run has signed a later head.
    }
    log_head(ports, &anchored);
    // No store holds a head that does not serialise.
    let text = serde_json::to_string(&anchored).map_err(|_| StoreError::Rejected)?;
    ports.cache.put(HEAD_KEY.to_owned(), text, HEAD_TTL_S).await
}

async fn sign(ports: &Ports, head: &Head) -> Result<String, HeadKeyError> {
    HeadKeys::parse(ports.secrets.as_ref())?.sign(ports, head).await
}

fn log_head(ports: &Ports, AnchoredHead { head, jws }: &AnchoredHead) {
    let word = |text: &str| Field::Word(text.to_owned().into());
    let event = Event::new(Level::Info, "the audit's chain has a new head")
        .with(field::AUDIT_POSITION, head.position)
        .with(field::AUDIT_HASH, word(&head.hash));
    let event = match jws {
        Some(jws) => event.with(field::AUDIT_JWS, word(jws)),
        None => event,
    };
    ports.events.emit(event);
}

#[cfg(test)]
mod tests;
