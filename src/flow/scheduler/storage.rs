//! The storing of fetched facets: together to D1, then as one entry to KV.

use super::publication::{PUBLISH_MS, WriteEnd};
use super::state::{CallScheduler, Completion};
use crate::cache::Envelope;
use crate::market::FacetName;
use crate::ports::{Statement, Timestamp};

/// Milliseconds for which fetched facets are collected before they are stored together: each write
/// costs as much as a call.
const SAVE_MS: u32 = 50;

impl CallScheduler {
    /// The time at which unsaved facets must be stored.
    pub(super) fn save_due_at(&self) -> Option<Timestamp> {
        (!self.unsaved.facets.is_empty()).then(|| self.unsaved.since.plus_ms(SAVE_MS))
    }

    /// Stores fetched facets once no further ones come soon. Storing them takes a millisecond, so a
    /// response that is about to go out goes first.
    pub(super) fn save(&mut self, is_settled: bool, now: Timestamp) {
        let Some(due_at) = self.save_due_at() else { return };
        let is_over = is_settled && self.channel.is_closed();
        if !is_over && now < due_at {
            return;
        }
        let (store, facets) = (self.store.clone(), std::mem::take(&mut self.unsaved.facets));
        let leases = std::mem::take(&mut self.unsaved.leases);
        let consequences = self.consequences(&facets, now);
        self.spawn(async move {
            // While D1 fails, KV has at least the facets that came here.
            Completion::Recorded(Some(match store.record(&facets, &leases, consequences).await {
                Some(entry) => entry,
                None => store.merged_entry(&facets).await,
            }))
        });
    }

    /// The statements that follow from the keeper of a registration among the facets.
    fn consequences(&self, facets: &[(FacetName, Envelope)], now: Timestamp) -> Vec<Statement> {
        let keepers = facets.iter().filter_map(|(_, envelope)| envelope.keeper.as_ref());
        let changed = |keeper| (self.keeper_changed)(&self.market.code, &self.lookup, keeper, now);
        keepers.flat_map(changed).collect()
    }

    /// Writes the entry that KV should have, at most once a second.
    pub(super) fn publish_entry(&mut self, now: Timestamp) {
        let Some(entry) = self.publication.start(now) else { return };
        let store = self.store.clone();
        self.spawn(async move { Completion::Published(store.put_entry(entry).await.is_ok()) });
    }

    /// Takes the end of a write to KV. KV refuses it if another isolate wrote within the same
    /// second: the facets that D1 has by then are written a second later.
    pub(super) fn on_published(&mut self, is_ok: bool) {
        match self.publication.end(is_ok) {
            WriteEnd::Done => {}
            WriteEnd::GivenUp => self.store.report_refused_entry(),
            WriteEnd::Retry => {
                let (store, timer) = (self.store.clone(), self.ports.timer.clone());
                let pause_ms = PUBLISH_MS + u32::from(self.random()) % PUBLISH_MS;
                self.spawn(async move {
                    timer.sleep(pause_ms).await;
                    Completion::Recorded(store.recorded_entry().await)
                });
            }
        }
    }
}
