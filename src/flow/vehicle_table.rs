//! The vehicles that requests of this isolate work on: single-flight, recent facets and granted
//! leases of each, under a limit of number and bytes.
//!
//! Isolates do not share this table: between them leases in D1 count (`cache`).

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use lru::LruCache;

use super::granted_leases::GrantedLeases;
use super::recent_facets::{CompletedFetch, RecentFacet, RecentFacets, Sequence};
use super::single_flight::{InFlight, Role};
use super::vehicle_key::VehicleKey;
use crate::cache::{Envelope, Lease};
use crate::market::{FacetName, FacetSet, OriginName};
use crate::ports::Timestamp;
use crate::text::SharedStr;

const MAX_VEHICLES: NonZeroUsize = NonZeroUsize::new(1_024).unwrap(); // OK because it is not zero.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Milliseconds between two removals of expired vehicles.
const SWEEP_MS: i64 = 1_000;

/// The isolate's knowledge of a vehicle's KV entry before a read.
#[derive(Debug)]
pub(super) enum EntryLookup {
    /// The entry, read a moment ago.
    Recent(SharedStr),
    /// A facet completed since, or another request reads the stores.
    Busy,
    /// The caller leads the read and must call [`VehicleTable::complete_entry_read`].
    Leader,
}

/// One vehicle.
#[derive(Debug, Default)]
struct VehicleState {
    recent: RecentFacets,
    in_flight: InFlight,
    leases: GrantedLeases,
}

/// The vehicles of an isolate.
#[derive(Debug)]
pub(super) struct VehicleTable {
    vehicles: LruCache<VehicleKey, VehicleState>,
    sequence: Sequence,
    /// Approximate size of all recent facets.
    bytes: usize,
    swept_at: Timestamp,
}

impl Default for VehicleTable {
    fn default() -> Self {
        let vehicles = LruCache::sparse(MAX_VEHICLES);
        Self { vehicles, sequence: 0, bytes: 0, swept_at: Timestamp::default() }
    }
}

impl VehicleTable {
    /// The number of the latest completed read or fetch, for [`VehicleTable::completed_since`].
    pub(super) fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Looks up a vehicle's KV entry before it is read for these facets.
    pub(super) fn lookup_entry(
        &mut self,
        key: &VehicleKey,
        facets: FacetSet,
        now: Timestamp,
    ) -> EntryLookup {
        let vehicle = self.vehicle(key, now);
        if vehicle.recent.has_facets(now) {
            return EntryLookup::Busy;
        }
        if let Some(text) = vehicle.recent.entry(now) {
            return EntryLookup::Recent(text.clone());
        }
        if vehicle.in_flight.is_read(now) {
            return EntryLookup::Busy;
        }
        vehicle.in_flight.lead_read(facets, now);
        EntryLookup::Leader
    }

    /// Ends the read of a vehicle's KV entry; `text` is the entry, if it is a whole and fresh
    /// document. Returns `false` if a facet completed meanwhile: the entry may lack it, is not
    /// remembered and should not be served.
    pub(super) fn complete_entry_read(
        &mut self,
        key: &VehicleKey,
        text: Option<SharedStr>,
        now: Timestamp,
    ) -> bool {
        let sequence = self.next_sequence(now);
        self.update_recent(key, now, |vehicle| {
            vehicle.in_flight.end_read();
            let is_latest = !vehicle.recent.has_facets(now);
            vehicle.recent.set_entry(text.filter(|_| is_latest), now, sequence);
            is_latest
        })
    }

    /// The facets that completed a moment ago, each under its policy and accepted by `is_enough`;
    /// `None` if one is missing.
    pub(super) fn recent_facets(
        &mut self,
        key: &VehicleKey,
        facets: impl Iterator<Item = (FacetName, u32)>,
        is_enough: impl Fn(&Envelope) -> bool,
        now: Timestamp,
    ) -> Option<BTreeMap<FacetName, Envelope>> {
        let recent = self.unfolded(key)?;
        facets
            .map(|(facet, policy)| {
                let envelope = recent.facet(facet, policy, now).filter(|old| is_enough(old))?;
                Some((facet, envelope.clone()))
            })
            .collect()
    }

    /// The result of a facet that completed after `sequence`. A failure or an empty read counts
    /// only for requests that waited for it.
    pub(super) fn completed_since(
        &mut self,
        key: &VehicleKey,
        facet: FacetName,
        policy: u32,
        sequence: Sequence,
    ) -> Option<CompletedFetch> {
        self.unfolded(key)?.completed_since(facet, policy, sequence)
    }

    /// Joins the read of a vehicle's facets.
    pub(super) fn join_read(&mut self, key: &VehicleKey, facets: FacetSet, now: Timestamp) -> Role {
        self.vehicle(key, now).in_flight.join_read(facets, now)
    }

    /// Ends a read; `found` has each facet's policy and stored value, if any. Returns the newest of
    /// each: the stores may not show a recent fetch yet.
    pub(super) fn complete_read(
        &mut self,
        key: &VehicleKey,
        found: impl Iterator<Item = (FacetName, u32, Option<Envelope>)>,
        is_enough: impl Fn(&Envelope) -> bool,
        now: Timestamp,
    ) -> BTreeMap<FacetName, Envelope> {
        let sequence = self.next_sequence(now);
        self.update_recent(key, now, |vehicle| {
            vehicle.in_flight.end_read();
            let mut newest = BTreeMap::new();
            for (facet, policy, stored) in found {
                let is_newer = |recent: &Envelope| {
                    stored.as_ref().is_none_or(|old| old.generation < recent.generation)
                };
                let recent = vehicle.recent.facet(facet, policy, now);
                if let Some(recent) = recent.filter(|recent| is_newer(recent) && is_enough(recent))
                {
                    newest.insert(facet, recent.clone());
                    continue;
                }
                newest.extend(stored.clone().map(|stored| (facet, stored)));
                let fetch = stored.map_or(CompletedFetch::Nothing, CompletedFetch::Envelope);
                vehicle.recent.put(RecentFacet { facet, completed_at: now, sequence, fetch });
            }
            newest
        })
    }

    /// Joins the call to an origin about a vehicle; the caller's leadership expires at `until`.
    pub(super) fn join_fetch(
        &mut self,
        key: &VehicleKey,
        origin: &OriginName,
        until: Timestamp,
        now: Timestamp,
    ) -> Role {
        self.vehicle(key, now).in_flight.join_fetch(origin, until, now)
    }

    /// True if a request of this isolate calls the origin about the vehicle.
    pub(super) fn has_leader(&self, key: &VehicleKey, origin: &OriginName, now: Timestamp) -> bool {
        self.vehicles.peek(key).is_some_and(|vehicle| vehicle.in_flight.has_leader(origin, now))
    }

    /// Ends the caller's call to an origin about a vehicle.
    pub(super) fn end_fetch(&mut self, key: &VehicleKey, origin: &OriginName) {
        if let Some(vehicle) = self.vehicles.peek_mut(key) {
            vehicle.in_flight.end_fetch(origin);
        }
    }

    /// Keeps a lease that a read was granted until its call takes it, or until it expires.
    pub(super) fn put_lease(
        &mut self,
        key: &VehicleKey,
        origin: OriginName,
        lease: Lease,
        until: Timestamp,
        now: Timestamp,
    ) {
        self.vehicle(key, now).leases.put(origin, lease, until, now);
    }

    /// Takes the lease that was kept for the call to an origin.
    pub(super) fn take_lease(
        &mut self,
        key: &VehicleKey,
        origin: &OriginName,
        now: Timestamp,
    ) -> Option<Lease> {
        self.vehicles.peek_mut(key)?.leases.take(origin, now)
    }

    /// Remembers the completed fetch of a facet.
    pub(super) fn complete_fetch(
        &mut self,
        key: &VehicleKey,
        facet: FacetName,
        fetch: CompletedFetch,
        now: Timestamp,
    ) {
        let sequence = self.next_sequence(now);
        self.update_recent(key, now, |vehicle| {
            vehicle.recent.put(RecentFacet { facet, completed_at: now, sequence, fetch });
        });
    }

    /// Numbers a completed read or fetch, and removes expired vehicles before it.
    fn next_sequence(&mut self, now: Timestamp) -> Sequence {
        self.sweep(now);
        self.sequence += 1;
        self.sequence
    }

    /// Changes the recent facets of a vehicle and accounts for their size.
    fn update_recent<T>(
        &mut self,
        key: &VehicleKey,
        now: Timestamp,
        update: impl FnOnce(&mut VehicleState) -> T,
    ) -> T {
        let vehicle = self.vehicle(key, now);
        let before = vehicle.recent.bytes();
        let result = update(vehicle);
        let after = vehicle.recent.bytes();
        self.bytes = self.bytes.saturating_sub(before) + after;
        while self.bytes > MAX_BYTES && self.vehicles.len() > 1 {
            self.remove_oldest();
        }
        result
    }

    /// The recent facets of a vehicle, with those of its KV entry.
    fn unfolded(&mut self, key: &VehicleKey) -> Option<&RecentFacets> {
        let vehicle = self.vehicles.peek_mut(key)?;
        let before = vehicle.recent.bytes();
        vehicle.recent.unfold_entry();
        self.bytes = self.bytes.saturating_sub(before) + vehicle.recent.bytes();
        Some(&vehicle.recent)
    }

    /// The state of a vehicle, empty at first.
    fn vehicle(&mut self, key: &VehicleKey, now: Timestamp) -> &mut VehicleState {
        if !self.vehicles.contains(key) {
            self.sweep(now);
            if self.vehicles.len() >= MAX_VEHICLES.get() {
                self.remove_oldest();
            }
        }
        self.vehicles.get_or_insert_mut_ref(key, VehicleState::default)
    }

    /// Removes expired vehicles, once in [`SWEEP_MS`].
    fn sweep(&mut self, now: Timestamp) {
        if now.since_ms(self.swept_at) < SWEEP_MS {
            return;
        }
        self.swept_at = now;
        self.bytes = 0;
        let bytes = &mut self.bytes;
        self.vehicles.retain(|_, vehicle| {
            vehicle.expire(now);
            *bytes += vehicle.recent.bytes();
            !vehicle.is_idle()
        });
    }

    /// Removes the least recently used vehicle.
    fn remove_oldest(&mut self) {
        if let Some((_, vehicle)) = self.vehicles.pop_lru() {
            self.bytes = self.bytes.saturating_sub(vehicle.recent.bytes());
        }
    }
}

impl VehicleState {
    fn expire(&mut self, now: Timestamp) {
        self.recent.expire(now);
        self.in_flight.expire(now);
        self.leases.expire(now);
    }

    fn is_idle(&self) -> bool {
        self.recent.is_empty() && self.in_flight.is_empty() && self.leases.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::{self, Stored};
    use crate::market::MarketCode;
    use crate::origin::{ErrorToken, Failure};

    fn key(vehicle: &str) -> VehicleKey {
        VehicleKey::new(&MarketCode::new("de").expect("a code"), &vehicle.into())
    }

    fn origin(name: &str) -> OriginName {
        OriginName::try_from(name.to_owned()).expect("a name")
    }

    fn envelope(now: i64, bytes: usize) -> CompletedFetch {
        CompletedFetch::Envelope(Envelope {
            stored_at: Timestamp(now),
            generation: now,
            source: "master".into(),
            policy: 7,
            ttl_s: 10,
            stale_s: 0,
            error_s: 0,
            took_ms: 0,
            is_leased: true,
            is_purged: false,
            keeper: None,
            stored: Stored::Present {
                public: "x".repeat(bytes).into(),
                withheld: "".into(),
                sealed: None,
            },
        })
    }

    #[test]
    fn ok_a_completed_fetch_is_recent_for_seconds() {
        let (mut table, facet) = (VehicleTable::default(), FacetName::Identity);
        table.complete_fetch(&key("a"), facet, envelope(1_000, 5), Timestamp(1_000));
        let mut of = |name: &str, policy, now| {
            table
                .recent_facets(
                    &key(name),
                    std::iter::once((facet, policy)),
                    |_| true,
                    Timestamp(now),
                )
                .is_some()
        };
        assert_eq!([of("a", 7, 3_999), of("a", 7, 4_000), of("a", 8, 2_000)], [true, false, false]);
        assert!(!of("b", 7, 1_000));
        let both = [(facet, 7), (FacetName::Recalls, 7)];
        assert!(
            table.recent_facets(&key("a"), both.into_iter(), |_| true, Timestamp(1_000)).is_none(),
            "one is lacking"
        );
    }

    #[test]
    fn ok_a_failure_counts_for_requests_that_waited() {
        let (mut table, facet) = (VehicleTable::default(), FacetName::Identity);
        let before = table.sequence();
        let failed = CompletedFetch::Failed(Failure::new(ErrorToken::ConnectionRefused, "x"));
        table.complete_fetch(&key("a"), facet, failed, Timestamp(1_000));
        let sequence = table.sequence();
        assert!(matches!(
            table.completed_since(&key("a"), facet, 7, before),
            Some(CompletedFetch::Failed(_))
        ));
        assert!(
            table.completed_since(&key("a"), facet, 7, sequence).is_none(),
            "even in the same millisecond"
        );
        assert!(
            table
                .recent_facets(&key("a"), std::iter::once((facet, 7)), |_| true, Timestamp(1_000))
                .is_none()
        );
    }

    #[test]
    fn ok_a_read_does_not_replace_a_newer_fetch() {
        let mut table = VehicleTable::default();
        let stored = |now| match envelope(now, 5) {
            CompletedFetch::Envelope(envelope) => Some(envelope),
            _ => None,
        };
        table.complete_fetch(&key("a"), FacetName::Identity, envelope(2_000, 5), Timestamp(2_000));
        let found = [
            (FacetName::Identity, 7, stored(1_000)),
            (FacetName::Recalls, 7, stored(1_000)),
            (FacetName::Energy, 7, None),
        ];
        let newest = table.complete_read(&key("a"), found.into_iter(), |_| true, Timestamp(2_001));
        let generations: Vec<_> =
            newest.iter().map(|(facet, envelope)| (*facet, envelope.generation)).collect();
        assert_eq!(generations, [(FacetName::Identity, 2_000), (FacetName::Recalls, 1_000)]);
        let bytes = table.bytes;
        table.complete_read(
            &key("a"),
            [(FacetName::Recalls, 7, None)].into_iter(),
            |_| true,
            Timestamp(9_000),
        );
        assert!(table.bytes < bytes && table.vehicles.len() == 1, "{}", table.bytes);
    }

    #[test]
    fn ok_an_entry_does_not_replace_a_fetch_that_completed_during_its_read() {
        let (mut table, facet) = (VehicleTable::default(), FacetName::Identity);
        let envelope_of = |now| match envelope(now, 5) {
            CompletedFetch::Envelope(envelope) => envelope,
            other => panic!("{other:?}"),
        };
        let text = |now: i64| {
            SharedStr::from(cache::encode_entry(&[(facet, envelope_of(now))], Timestamp(now)).0)
        };
        let generation = |table: &mut VehicleTable, now| {
            let recent = table.recent_facets(
                &key("a"),
                std::iter::once((facet, 7)),
                |_| true,
                Timestamp(now),
            );
            recent.and_then(|recent| recent.get(&facet).map(|envelope| envelope.generation))
        };
        let lookup = |table: &mut VehicleTable, now| {
            table.lookup_entry(&key("a"), FacetSet::from_iter([facet]), Timestamp(now))
        };
        assert!(matches!(lookup(&mut table, 2_000), EntryLookup::Leader));
        table.complete_fetch(&key("a"), facet, envelope(2_000, 5), Timestamp(2_000));
        assert!(!table.complete_entry_read(&key("a"), Some(text(1_000)), Timestamp(2_001)));
        assert_eq!(generation(&mut table, 2_001), Some(2_000));
        assert!(matches!(lookup(&mut table, 2_002), EntryLookup::Busy));
        assert!(matches!(lookup(&mut table, 6_000), EntryLookup::Leader), "it has expired");
        assert!(table.complete_entry_read(&key("a"), Some(text(3_000)), Timestamp(6_000)));
        assert!(matches!(lookup(&mut table, 6_001), EntryLookup::Recent(_)));
        assert_eq!(generation(&mut table, 6_001), Some(3_000));
    }

    #[test]
    fn ok_one_leads_and_a_cancelled_leader_is_replaced() {
        let mut table = VehicleTable::default();
        let mut lead = |name: &str, now| {
            table.join_fetch(&key("a"), &origin(name), Timestamp(now + 100), Timestamp(now))
                == Role::Leader
        };
        assert_eq!(
            [lead("master", 0), lead("master", 99), lead("recalls", 99)],
            [true, false, true]
        );
        assert!(lead("master", 100), "the first leader has expired");
        table.end_fetch(&key("a"), &origin("master"));
        assert!(
            table.join_fetch(&key("a"), &origin("master"), Timestamp(300), Timestamp(101))
                == Role::Leader
        );
    }

    #[test]
    fn ok_one_reads_and_another_that_wants_more_reads_too() {
        let mut table = VehicleTable::default();
        let [one, two] = [&[FacetName::Identity][..], &[FacetName::Identity, FacetName::Recalls]]
            .map(|facets| facets.iter().copied().collect());
        assert!((table.join_read(&key("a"), one, Timestamp(0)) == Role::Leader));
        assert!((table.join_read(&key("a"), one, Timestamp(100)) == Role::Follower));
        assert!((table.join_read(&key("a"), two, Timestamp(100)) == Role::Leader));
        assert!(
            (table.join_read(&key("a"), one, Timestamp(399)) == Role::Follower)
                && (table.join_read(&key("a"), one, Timestamp(400)) == Role::Leader)
        );
        table.complete_read(&key("a"), std::iter::empty(), |_| true, Timestamp(401));
        assert!((table.join_read(&key("a"), one, Timestamp(401)) == Role::Leader));
    }

    #[test]
    fn ok_a_lease_is_taken_once_and_in_time() {
        let mut table = VehicleTable::default();
        for name in ["master", "recalls"] {
            table.put_lease(
                &key("a"),
                origin(name),
                Lease::Granted(7),
                Timestamp(100),
                Timestamp(0),
            );
        }
        table.put_lease(&key("a"), origin("master"), Lease::Held, Timestamp(100), Timestamp(1));
        assert_eq!(table.take_lease(&key("b"), &origin("master"), Timestamp(0)), None);
        assert_eq!(
            table.take_lease(&key("a"), &origin("master"), Timestamp(99)),
            Some(Lease::Granted(7))
        );
        assert_eq!(table.take_lease(&key("a"), &origin("master"), Timestamp(99)), None);
        assert_eq!(table.take_lease(&key("a"), &origin("recalls"), Timestamp(100)), None);
    }

    #[test]
    fn ok_it_stays_small() {
        let mut table = VehicleTable::default();
        for number in 0..2_000 {
            table.complete_fetch(
                &key(&number.to_string()),
                FacetName::Identity,
                envelope(0, 100),
                Timestamp(0),
            );
        }
        assert!(
            (900..=MAX_VEHICLES.get()).contains(&table.vehicles.len()),
            "{}",
            table.vehicles.len()
        );
        for number in 0..100 {
            table.complete_fetch(
                &key(&number.to_string()),
                FacetName::Recalls,
                envelope(0, 200_000),
                Timestamp(1),
            );
            assert!(table.bytes <= MAX_BYTES, "{}", table.bytes);
        }
        table.complete_fetch(&key("last"), FacetName::Identity, envelope(0, 1), Timestamp(10_000));
        assert_eq!(table.vehicles.len(), 1, "expired vehicles are removed");
    }
}
