//! What a call has to do with other isolates: who asks is agreed by leases in the record (D1), what
//! came is read there, and what was stored is published to KV, which takes one write a second for
//! each key.

use futures::FutureExt as _;

use super::{CallScheduler, Claim, Claimed, Ended, Entry, Envelope, GRACE_MS, Look};
use crate::cache::{self, Freshness, Standing};
use crate::flow::origin_call::CallPhase;
use crate::flow::outcome::{Outcome, Projected};
use crate::flow::response::Via;
use crate::flow::settle;
use crate::flow::vehicle_states::CompletedFetch;
use crate::market::{FacetName, Market, OriginName};
use crate::origin::{ErrorToken, Failure};
use crate::ports::Timestamp;

/// How often the record is looked at while another isolate asks: after a quarter of the time that
/// was waited, within these.
const WATCH_MS: (i64, i64) = (20, 250);
/// KV takes one write a second for each key.
const PUBLISH_MS: u32 = 1_000;
/// KV refuses where another isolate has written within the same second; a lease where another one
/// was quicker.
const MAX_REFUSALS: u8 = 3;

/// What somebody else's call has brought: what is stored, and what the caller sees of it beyond the
/// public part.
pub(super) type News = (Envelope, Option<Projected>);

/// What is to be put to KV, and when.
#[derive(Default)]
pub(super) struct Publication {
    entry: Option<Entry>,
    not_before: Timestamp,
    refusals: u8,
    is_running: bool,
}

impl Publication {
    /// KV should have this; what it should have had before does not matter any more.
    pub(super) fn wants(&mut self, entry: Option<Entry>) {
        self.entry = entry.or(self.entry.take());
    }

    pub(super) fn is_done(&self) -> bool {
        self.entry.is_none() && !self.is_running
    }

    /// Milliseconds until something can be put.
    pub(super) fn due_ms(&self, now: Timestamp) -> Option<u32> {
        let is_waiting = self.entry.is_some() && !self.is_running;
        is_waiting.then(|| u32::try_from(self.not_before.since_ms(now)).unwrap_or(PUBLISH_MS))
    }
}

/// What is wanted of an origin for some facets: their policies, and the generations that are known.
pub(in crate::flow) fn claim(
    market: &Market,
    origin: &OriginName,
    facets: Vec<(FacetName, u32, i64)>,
) -> Claim {
    Claim { origin: origin.clone(), for_ms: lease_ms(market, origin), facets }
}

/// How long a lease is: a call may wait for a slot, or for what it needs, as long as it may take.
fn lease_ms(market: &Market, origin: &OriginName) -> u32 {
    let timeout_ms = market.origins.get(origin).map_or(0, |origin| origin.timeout_ms);
    timeout_ms.saturating_mul(2).saturating_add(GRACE_MS)
}

impl CallScheduler {
    /// Asks the record for the leases of calls that are ready, all in one go.
    pub(super) fn claim(&mut self) {
        let calls = std::mem::take(&mut self.unclaimed);
        if calls.is_empty() {
            return;
        }
        let claims: Vec<Claim> = calls
            .iter()
            .filter_map(|at| self.calls.get(*at))
            .map(|call| self.claim_of(call))
            .collect();
        let store = self.store.clone();
        let claimed = async move { Ended::Claimed(calls, store.claim(&claims).await.ok()) };
        self.running.push(claimed.boxed_local());
    }

    fn claim_of(&self, call: &crate::flow::origin_call::OriginCall) -> Claim {
        let of = |(facet, known): &(FacetName, i64)| {
            (*facet, cache::policy(*facet, &self.market), *known)
        };
        claim(&self.market, &call.origin, call.known.iter().map(of).collect())
    }

    /// Who has a lease asks; who has none looks what comes. Without a record everybody asks.
    pub(super) fn claimed(&mut self, calls: &[usize], leases: Option<Vec<Claimed>>) {
        let now = self.ports.clock.now();
        if leases.is_none() {
            self.memory.vehicles().record_failed(now);
        }
        for (place, at) in calls.iter().enumerate() {
            let lease =
                leases.as_ref().map(|leases| leases.get(place).copied().unwrap_or(Claimed::Held));
            let Some(call) =
                self.calls.get_mut(*at).filter(|call| call.phase == CallPhase::Claiming)
            else {
                // The car turned out not to exist meanwhile.
                if let (Some(Claimed::Granted(generation)), Some(call)) =
                    (lease, self.calls.get(*at))
                {
                    let origin = call.origin.clone();
                    self.release(&origin, Some(generation), None);
                }
                continue;
            };
            if let Some(Claimed::Held) = lease {
                call.phase = CallPhase::Watching(now);
                continue;
            }
            if let Some(Claimed::Granted(generation)) = lease {
                call.lease = Some(generation);
            }
            call.give_up_at = give_up_at(&self.market, &call.origin, now).min(self.end);
            call.phase = CallPhase::Queued;
        }
    }

    /// Looks what another isolate's call has brought, where it is time and somebody wants it.
    pub(super) fn watch(&mut self, at: usize, due: Timestamp, now: Timestamp) -> bool {
        let is_unwanted = self.is_unwanted(now);
        let Some(call) = self.calls.get_mut(at) else { return false };
        // What was served stale may have been refreshed long ago, and KV not know it: that is worth
        // one look.
        let is_refresh = call.known.iter().any(|(_, known)| *known > 0);
        if is_unwanted && (call.looks > 0 || !is_refresh) {
            self.finish(at);
            return true;
        }
        if now >= due {
            call.phase = CallPhase::Looking;
            call.looks = call.looks.saturating_add(1);
            let (store, origin, known, right) =
                (self.store.clone(), call.origin.clone(), call.known.clone(), self.right.clone());
            let for_ms = lease_ms(&self.market, &origin);
            let looked = async move {
                Ended::Looked(at, store.look(&origin, for_ms, &known, &right).await.ok())
            };
            self.running.push(looked.boxed_local());
        }
        false
    }

    /// Takes what another isolate has brought, waits on, or asks itself.
    pub(super) fn looked(&mut self, at: usize, look: Option<Look>) {
        let now = self.ports.clock.now();
        let Some(call) = self.calls.get_mut(at).filter(|call| call.phase == CallPhase::Looking)
        else {
            return;
        };
        let Some(look) = look else {
            call.give_up_at = give_up_at(&self.market, &call.origin, now).min(self.end);
            call.phase = CallPhase::Queued;
            return;
        };
        let took_ms = now.since_ms(call.ready_at);
        let known = call.known.clone();
        let mut is_kv_behind = false;
        // Each as it comes: what else the call was to bring may never come.
        for (facet, known) in known {
            let Some(envelope) = look.facets.get(&facet) else { continue };
            let Some(news) = self.news(facet, known, envelope, now) else { continue };
            self.memory.vehicles().land(
                &self.car,
                facet,
                CompletedFetch::Envelope(envelope.clone()),
                now,
            );
            // For that long KV has had an older one: whoever wrote this did not get there.
            is_kv_behind |= known > 0 && now.since_ms(envelope.stored_at) > cache::KV_DELAY_MS;
            self.publish_collapsed(facet, Ok(news), took_ms);
            if let Some(call) = self.calls.get_mut(at) {
                call.known.retain(|(other, _)| *other != facet);
            }
        }
        if is_kv_behind {
            let store = self.store.clone();
            let current = async move { Ended::Recorded(store.current().await) };
            self.running.push(current.boxed_local());
        }
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.known.is_empty() {
            self.finish(at);
            return;
        }
        match look.standing {
            Standing::Running => {
                call.refusals = 0;
                call.phase = CallPhase::Watching(now.plus_ms(pause_ms(took_ms)));
            }
            Standing::Failed(token) => {
                let token = ErrorToken::parse(&token).unwrap_or(ErrorToken::DestinationUnavailable);
                self.settle(
                    at,
                    &Err(Failure::new(token, "another isolate's call for it failed")),
                    now,
                );
            }
            Standing::Free => {
                // What is recorded and was no news is of no use: a newer one is wanted.
                for (facet, known) in &mut call.known {
                    *known = look.generations.get(facet).copied().unwrap_or(0).max(*known);
                }
                call.refusals += 1;
                if call.refusals > MAX_REFUSALS {
                    // A record that neither grants nor has anything: nobody must wait for it.
                    call.give_up_at = give_up_at(&self.market, &call.origin, now).min(self.end);
                    call.phase = CallPhase::Queued;
                } else {
                    call.phase = CallPhase::Claiming;
                    self.unclaimed.push(at);
                }
            }
        }
    }

    /// What somebody else's call has brought, where it is newer than what is known, can be served,
    /// and has all that the caller may see.
    pub(super) fn news(
        &self,
        facet: FacetName,
        known: i64,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Option<News> {
        let is_good = matches!(envelope.freshness(now), Freshness::Fresh | Freshness::Stale);
        let is_enough = self.right.is_public() || envelope.is_whole();
        if !is_good || !is_enough || envelope.generation <= known {
            return None;
        }
        let projected = settle::stored(self.scope(), facet, envelope).ok()?;
        Some((envelope.clone(), projected))
    }

    /// Shows the answer what somebody else's call has brought.
    pub(super) fn publish_collapsed(
        &mut self,
        facet: FacetName,
        result: Result<News, Failure>,
        took_ms: i64,
    ) {
        let (result, projected) = match result {
            Ok((envelope, projected)) => (Ok(envelope), projected),
            Err(failure) => (Err(failure), None),
        };
        if let Ok(envelope) = &result {
            self.question.fields.extend(settle::stored_fields(facet, envelope));
        }
        self.publish(facet, Outcome { result, projected, via: Via::Collapsed, took_ms });
    }

    /// Whether nobody waits for what others bring: they store it, and the answer is out.
    pub(super) fn is_unwanted(&self, now: Timestamp) -> bool {
        let is_awaited = self.calls.iter().any(|call| matches!(call.phase, CallPhase::Waiting));
        (self.board.is_closed() && !is_awaited) || now >= self.end
    }

    /// Gives a lease back.
    pub(super) fn release(
        &mut self,
        origin: &OriginName,
        lease: Option<i64>,
        error: Option<&'static str>,
    ) {
        let Some(generation) = lease else { return };
        let (store, origin) = (self.store.clone(), origin.clone());
        let released = async move {
            store.release(&origin, generation, error).await;
            Ended::Written
        };
        self.running.push(released.boxed_local());
    }

    /// Puts to KV what it should have, at most once a second.
    pub(super) fn publish_entry(&mut self, now: Timestamp) {
        if self.publication.is_running || now < self.publication.not_before {
            return;
        }
        let Some(entry) = self.publication.entry.take() else { return };
        self.publication.is_running = true;
        self.publication.not_before = now.plus_ms(PUBLISH_MS);
        let store = self.store.clone();
        let published = async move { Ended::Published(store.publish(entry).await.is_ok()) };
        self.running.push(published.boxed_local());
    }

    /// KV refuses where another isolate wrote within the second: then what the record has by now is
    /// put a second later.
    pub(super) fn published(&mut self, is_done: bool) {
        self.publication.is_running = false;
        if is_done {
            self.publication.refusals = 0;
            return;
        }
        self.publication.refusals += 1;
        if self.publication.refusals > MAX_REFUSALS {
            self.store.refused();
            return;
        }
        let (store, timer) = (self.store.clone(), self.ports.timer.clone());
        let pause_ms = PUBLISH_MS + u32::from(self.chance()) % PUBLISH_MS;
        let again = async move {
            timer.sleep(pause_ms).await;
            Ended::Recorded(store.current().await)
        };
        self.running.push(again.boxed_local());
    }
}

/// What it waited for others is not taken from the origin's time.
fn give_up_at(market: &Market, origin: &OriginName, now: Timestamp) -> Timestamp {
    now.plus_ms(market.origins.get(origin).map_or(0, |origin| origin.timeout_ms))
}

fn pause_ms(waited_ms: i64) -> u32 {
    u32::try_from((waited_ms / 4).clamp(WATCH_MS.0, WATCH_MS.1)).unwrap_or(0)
}
