//! What is being done for which car in this isolate, and what came of it a moment ago: so that many
//! requests for one car make one read and one call to each origin.
//!
//! Marks are plain data with an expiry: who follows looks again by its own timer, and a leader that
//! was cancelled, which never says so, is replaced once its mark is over. Isolates do not know each
//! other's marks: between them leases count (`cache`), and what a read was granted waits here for
//! the call that needs it.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::cache::{self, Envelope, Lease};
use crate::market::{FacetName, FacetSet, MarketCode, OriginName};
use crate::origin::Failure;
use crate::ports::Timestamp;
use crate::text::SharedStr;

/// What landed is served for so long without asking the stores, which may not show it yet.
const RECENT_MS: i64 = 3_000;
/// A read of the stores that takes longer is done again by the next one.
const READ_MS: u32 = 300;
/// A record that failed is not asked for so long by whoever an answer waits for.
const RECORD_REST_MS: u32 = 5_000;
const BUCKETS: usize = 32;
const MAX_CARS_OF_A_BUCKET: usize = 32;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A car in a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VehicleKey {
    /// The first bytes of `vehicle`, compared first: a car is looked for among hundreds, several
    /// times a request.
    tag: u64,
    market: MarketCode,
    /// The keyed hash that stands for the car.
    vehicle: Rc<str>,
}

impl VehicleKey {
    pub(super) fn new(market: &MarketCode, vehicle: &Rc<str>) -> Self {
        let tag = vehicle.bytes().take(8).fold(0, |tag, byte| tag << 8 | u64::from(byte));
        Self { tag, market: market.clone(), vehicle: Rc::clone(vehicle) }
    }

    /// The tag is text: its bits are not alike.
    fn bucket(&self) -> usize {
        (self.tag.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % BUCKETS
    }
}

/// What the isolate knows of a car before its entry is read.
#[derive(Debug)]
pub(super) enum EntryLookup {
    /// The entry itself.
    Entry(SharedStr),
    /// Something else landed, or another request reads it.
    More,
    /// Nothing; the caller is the one that reads.
    Nothing,
}

/// The number of what landed last. Times are too coarse: in production they stand still between
/// input and output.
pub(super) type Sequence = u64;

/// What came of a facet.
#[derive(Debug, Clone)]
pub(super) enum CompletedFetch {
    /// It is stored, or about to be.
    Envelope(Envelope),
    /// The stores have none.
    Nothing,
    /// Its origin failed.
    Failed(Failure),
}

#[derive(Debug)]
struct Entry {
    facet: FacetName,
    at: Timestamp,
    sequence: Sequence,
    landed: CompletedFetch,
}

#[derive(Debug)]
struct Car {
    key: VehicleKey,
    /// Later cars have greater ones.
    number: Sequence,
    /// The entry that was read a moment ago, whole and fresh, when, and its number among what
    /// landed.
    entry: Option<(SharedStr, Timestamp, Sequence)>,
    reading: Option<(FacetSet, Timestamp)>,
    flights: Vec<(OriginName, Timestamp)>,
    leases: Vec<(OriginName, Lease, Timestamp)>,
    entries: Vec<Entry>,
}

/// The cars of an isolate.
#[derive(Debug, Default)]
pub(super) struct VehicleStates {
    /// By their tags, the latest last: a car is looked for several times a request.
    buckets: [Vec<Car>; BUCKETS],
    sequence: Sequence,
    bytes: usize,
    swept_at: Timestamp,
    record_fails_until: Timestamp,
}

impl VehicleStates {
    /// What has landed so far: pass it to [`VehicleStates::since`].
    pub(super) fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The record (D1) has failed: for some seconds nobody waits for it.
    pub(super) fn record_failed(&mut self, now: Timestamp) {
        self.record_fails_until = now.plus_ms(RECORD_REST_MS);
    }

    /// Whether the record has failed a moment ago.
    pub(super) fn is_record_failing(&self, now: Timestamp) -> bool {
        now < self.record_fails_until
    }

    /// Looks whether a car's entry must be read; the caller says by [`VehicleStates::glanced`] what came of
    /// it.
    pub(super) fn glance(
        &mut self,
        key: &VehicleKey,
        now: Timestamp,
        facets: FacetSet,
    ) -> EntryLookup {
        let car = self.car(key, now);
        match &car.entry {
            _ if car.has_landed(now) => EntryLookup::More,
            Some((text, at, _)) if now.since_ms(*at) < RECENT_MS => {
                EntryLookup::Entry(text.clone())
            }
            _ if car.reading.as_ref().is_some_and(|(_, until)| now < *until) => EntryLookup::More,
            _ => {
                car.reading = Some((facets, now.plus_ms(READ_MS)));
                EntryLookup::Nothing
            }
        }
    }

    /// The entry was read: it, where it is all that is wanted. `false` where something landed
    /// meanwhile, which the entry may not show yet: it is not remembered then, and should not be
    /// the answer.
    pub(super) fn glanced(
        &mut self,
        key: &VehicleKey,
        text: Option<SharedStr>,
        now: Timestamp,
    ) -> bool {
        self.sweep(now);
        self.sequence += 1;
        let (sequence, mut bytes) = (self.sequence, self.bytes);
        let car = self.car(key, now);
        car.reading = None;
        bytes = bytes.saturating_sub(car.entry_bytes());
        let is_latest = !car.has_landed(now);
        car.entry = text.filter(|_| is_latest).map(|text| (text, now, sequence));
        self.bytes = bytes + car.entry_bytes();
        self.shrink();
        is_latest
    }

    /// What landed a moment ago of these facets, each made under its policy and such that it is
    /// enough; nothing where one is lacking.
    pub(super) fn recent(
        &mut self,
        key: &VehicleKey,
        facets: impl Iterator<Item = (FacetName, u32)>,
        is_enough: impl Fn(&Envelope) -> bool,
        now: Timestamp,
    ) -> Option<BTreeMap<FacetName, Envelope>> {
        self.unfold(key);
        let car = self.find(key)?;
        let mut recent = BTreeMap::new();
        for (facet, policy) in facets {
            recent.insert(
                facet,
                car.recent(facet, policy, now).filter(|envelope| is_enough(envelope))?.clone(),
            );
        }
        Some(recent)
    }

    /// What landed of a facet after that. A failure, or that there is nothing, is news for those
    /// who waited only.
    pub(super) fn since(
        &mut self,
        key: &VehicleKey,
        facet: FacetName,
        policy: u32,
        sequence: Sequence,
    ) -> Option<CompletedFetch> {
        self.unfold(key);
        let entry = self.entry(key, facet).filter(|entry| entry.sequence > sequence)?;
        match &entry.landed {
            CompletedFetch::Envelope(envelope) if envelope.policy != policy => None,
            landed => Some(landed.clone()),
        }
    }

    /// Marks facets of a car as being read; says whether somebody else reads them already.
    pub(super) fn read(&mut self, key: &VehicleKey, facets: FacetSet, now: Timestamp) -> bool {
        let car = self.car(key, now);
        let is_read =
            car.reading.as_ref().is_some_and(|(read, until)| now < *until && read.holds(facets));
        if !is_read {
            car.reading = Some((facets, now.plus_ms(READ_MS)));
        }
        is_read
    }

    /// A read has ended: what it found of each facet, or nothing, and the facet's policy. Gives the
    /// newest of each: the stores may not show yet what landed a moment ago.
    pub(super) fn has_read(
        &mut self,
        key: &VehicleKey,
        found: impl Iterator<Item = (FacetName, u32, Option<Envelope>)>,
        is_enough: impl Fn(&Envelope) -> bool,
        now: Timestamp,
    ) -> BTreeMap<FacetName, Envelope> {
        self.sweep(now);
        let (mut sequence, mut bytes) = (self.sequence, self.bytes);
        let car = self.car(key, now);
        car.reading = None;
        let mut newest = BTreeMap::new();
        for (facet, policy, stored) in found {
            let is_newer = |recent: &Envelope| {
                stored.as_ref().is_none_or(|old| old.generation < recent.generation)
            };
            let recent = car
                .recent(facet, policy, now)
                .filter(|recent| is_newer(recent) && is_enough(recent));
            if let Some(recent) = recent {
                newest.insert(facet, recent.clone());
                continue;
            }
            newest.extend(stored.clone().map(|stored| (facet, stored)));
            sequence += 1;
            let landed = stored.map_or(CompletedFetch::Nothing, CompletedFetch::Envelope);
            bytes = car.put(Entry { facet, at: now, sequence, landed }, bytes);
        }
        (self.sequence, self.bytes) = (sequence, bytes);
        self.shrink();
        newest
    }

    /// Makes the caller the one that asks an origin about a car, until then; `false` where another
    /// one does.
    pub(super) fn lead(
        &mut self,
        key: &VehicleKey,
        origin: &OriginName,
        until: Timestamp,
        now: Timestamp,
    ) -> bool {
        let car = self.car(key, now);
        car.flights.retain(|(_, until)| now < *until);
        let is_free = car.flights.iter().all(|(other, _)| other != origin);
        if is_free {
            car.flights.push((origin.clone(), until));
        }
        is_free
    }

    /// Whether somebody asks an origin about a car.
    pub(super) fn is_led(&self, key: &VehicleKey, origin: &OriginName, now: Timestamp) -> bool {
        let flights = self.find(key).map(|car| car.flights.as_slice()).unwrap_or_default();
        flights.iter().any(|(other, until)| other == origin && now < *until)
    }

    /// The caller no longer asks an origin about a car.
    pub(super) fn leave(&mut self, key: &VehicleKey, origin: &OriginName) {
        if let Some(car) = self.find_mut(key) {
            car.flights.retain(|(other, _)| other != origin);
        }
    }

    /// What a read came to know of who asks an origin; good until then.
    pub(super) fn grant(
        &mut self,
        key: &VehicleKey,
        origin: OriginName,
        lease: Lease,
        until: Timestamp,
        now: Timestamp,
    ) {
        let car = self.car(key, now);
        // What this isolate was granted and has not used yet is held by itself: so says another
        // read of it.
        let is_granted = |(other, lease, until): &(OriginName, Lease, Timestamp)| {
            *other == origin && matches!(lease, Lease::Granted(_)) && now < *until
        };
        if lease == Lease::Held && car.leases.iter().any(is_granted) {
            return;
        }
        car.leases.retain(|(other, ..)| *other != origin);
        car.leases.push((origin, lease, until));
    }

    /// The lease that was left for whoever asks an origin now.
    pub(super) fn take_lease(
        &mut self,
        key: &VehicleKey,
        origin: &OriginName,
        now: Timestamp,
    ) -> Option<Lease> {
        let car = self.find_mut(key)?;
        let place = car.leases.iter().position(|(other, ..)| other == origin)?;
        let (_, lease, until) = car.leases.swap_remove(place);
        (now < until).then_some(lease)
    }

    /// Remembers for a moment what came of a facet.
    pub(super) fn land(
        &mut self,
        key: &VehicleKey,
        facet: FacetName,
        landed: CompletedFetch,
        now: Timestamp,
    ) {
        self.sweep(now);
        self.sequence += 1;
        let (entry, bytes) =
            (Entry { facet, at: now, sequence: self.sequence, landed }, self.bytes);
        self.bytes = self.car(key, now).put(entry, bytes);
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.bytes > MAX_BYTES && self.cars().nth(1).is_some() {
            self.forget_oldest();
        }
    }

    fn cars(&self) -> impl Iterator<Item = &Car> {
        self.buckets.iter().flatten()
    }

    #[expect(clippy::indexing_slicing, reason = "OK because it is a remainder")]
    fn bucket(&mut self, key: &VehicleKey) -> &mut Vec<Car> {
        &mut self.buckets[key.bucket()]
    }

    fn find(&self, key: &VehicleKey) -> Option<&Car> {
        self.buckets.get(key.bucket())?.iter().rev().find(|car| car.key == *key)
    }

    fn find_mut(&mut self, key: &VehicleKey) -> Option<&mut Car> {
        self.bucket(key).iter_mut().rev().find(|car| car.key == *key)
    }

    fn entry(&self, key: &VehicleKey, facet: FacetName) -> Option<&Entry> {
        self.find(key)?.entries.iter().find(|entry| entry.facet == facet)
    }

    /// An entry that was kept as it was read, as what landed of its facets then.
    fn unfold(&mut self, key: &VehicleKey) {
        let Some(car) = self.find_mut(key) else { return };
        let Some((text, at, sequence)) = car.entry.take() else { return };
        for (facet, envelope) in
            cache::entries(&text).filter(|(_, envelope)| cache::is_possible(envelope, at))
        {
            if car.entries.iter().all(|entry| entry.facet != facet || entry.sequence < sequence) {
                car.put(
                    Entry { facet, at, sequence, landed: CompletedFetch::Envelope(envelope) },
                    0,
                );
            }
        }
        self.bytes = self.cars().map(Car::bytes).sum();
    }

    fn car(&mut self, key: &VehicleKey, now: Timestamp) -> &mut Car {
        let place = self.bucket(key).iter().rposition(|car| car.key == *key).unwrap_or_else(|| {
            self.sweep(now);
            self.sequence += 1;
            let number = self.sequence;
            if self.bucket(key).len() >= MAX_CARS_OF_A_BUCKET {
                let oldest = self.bucket(key).remove(0);
                self.bytes = self.bytes.saturating_sub(oldest.bytes());
            }
            let (flights, leases, entries) = (Vec::new(), Vec::new(), Vec::new());
            let bucket = self.bucket(key);
            bucket.push(Car {
                key: key.clone(),
                number,
                entry: None,
                reading: None,
                flights,
                leases,
                entries,
            });
            bucket.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "OK because the place was just found or made")]
        &mut self.bucket(key)[place]
    }

    /// Once a second: forgets what is over.
    fn sweep(&mut self, now: Timestamp) {
        if now.since_ms(self.swept_at) < 1_000 {
            return;
        }
        self.swept_at = now;
        for bucket in &mut self.buckets {
            bucket.retain_mut(|car| {
                car.entry.take_if(|(_, at, _)| now.since_ms(*at) >= RECENT_MS);
                car.entries.retain(|entry| now.since_ms(entry.at) < RECENT_MS);
                car.flights.retain(|(_, until)| now < *until);
                car.leases.retain(|(.., until)| now < *until);
                car.reading.take_if(|(_, until)| now >= *until);
                let is_idle =
                    car.entries.is_empty() && car.flights.is_empty() && car.leases.is_empty();
                !is_idle || car.reading.is_some() || car.entry.is_some()
            });
        }
        self.bytes = self.cars().map(Car::bytes).sum();
    }

    /// The one that came first, whoever uses it: the time that it is remembered for is short.
    fn forget_oldest(&mut self) {
        let oldest = self.buckets.iter_mut().filter(|bucket| !bucket.is_empty());
        if let Some(bucket) = oldest.min_by_key(|bucket| bucket.first().map(|car| car.number)) {
            self.bytes = self.bytes.saturating_sub(bucket.remove(0).bytes());
        }
    }
}

impl Car {
    /// Whether anything landed a moment ago.
    fn has_landed(&self, now: Timestamp) -> bool {
        self.entries.iter().any(|entry| now.since_ms(entry.at) < RECENT_MS)
    }

    fn entry_bytes(&self) -> usize {
        self.entry.as_ref().map_or(0, |(text, ..)| 256 + text.len())
    }

    fn bytes(&self) -> usize {
        self.entry_bytes() + self.entries.iter().map(Entry::bytes).sum::<usize>()
    }

    /// What landed a moment ago of a facet, made under this policy.
    fn recent(&self, facet: FacetName, policy: u32, now: Timestamp) -> Option<&Envelope> {
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.facet == facet && now.since_ms(entry.at) < RECENT_MS)?;
        match &entry.landed {
            CompletedFetch::Envelope(envelope) if envelope.policy == policy => Some(envelope),
            _ => None,
        }
    }

    /// Takes an entry in place of the one of its facet; gives what all cars' entries hold then,
    /// where they held `bytes`.
    fn put(&mut self, entry: Entry, bytes: usize) -> usize {
        let mut bytes = bytes + entry.bytes();
        self.entries.retain(|old| {
            let is_replaced = old.facet == entry.facet;
            bytes = bytes.saturating_sub(if is_replaced { old.bytes() } else { 0 });
            !is_replaced
        });
        self.entries.push(entry);
        bytes
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        match &self.landed {
            CompletedFetch::Envelope(envelope) => 256 + envelope.bytes(),
            CompletedFetch::Nothing | CompletedFetch::Failed(_) => 256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Stored;
    use crate::origin::ErrorToken;

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
            stored: Stored::Present {
                public: "x".repeat(bytes).into(),
                withheld: "".into(),
                sealed: None,
            },
        })
    }

    #[test]
    fn ok_what_landed_is_recent_for_seconds() {
        let (mut cars, facet) = (VehicleStates::default(), FacetName::Identity);
        cars.land(&key("a"), facet, envelope(1_000, 5), Timestamp(1_000));
        let mut of = |name: &str, policy, now| {
            cars.recent(&key(name), std::iter::once((facet, policy)), |_| true, Timestamp(now))
                .is_some()
        };
        assert_eq!([of("a", 7, 3_999), of("a", 7, 4_000), of("a", 8, 2_000)], [true, false, false]);
        assert!(!of("b", 7, 1_000));
        let both = [(facet, 7), (FacetName::Recalls, 7)];
        assert!(
            cars.recent(&key("a"), both.into_iter(), |_| true, Timestamp(1_000)).is_none(),
            "one is lacking"
        );
    }

    #[test]
    fn ok_a_failure_is_news_for_those_who_waited() {
        let (mut cars, facet) = (VehicleStates::default(), FacetName::Identity);
        let before = cars.sequence();
        let failed = CompletedFetch::Failed(Failure::new(ErrorToken::ConnectionRefused, "x"));
        cars.land(&key("a"), facet, failed, Timestamp(1_000));
        let sequence = cars.sequence();
        assert!(matches!(cars.since(&key("a"), facet, 7, before), Some(CompletedFetch::Failed(_))));
        assert!(
            cars.since(&key("a"), facet, 7, sequence).is_none(),
            "even in the same millisecond"
        );
        assert!(
            cars.recent(&key("a"), std::iter::once((facet, 7)), |_| true, Timestamp(1_000))
                .is_none()
        );
    }

    #[test]
    fn ok_a_read_does_not_go_behind_what_landed() {
        let mut cars = VehicleStates::default();
        let stored = |now| match envelope(now, 5) {
            CompletedFetch::Envelope(envelope) => Some(envelope),
            _ => None,
        };
        cars.land(&key("a"), FacetName::Identity, envelope(2_000, 5), Timestamp(2_000));
        let found = [
            (FacetName::Identity, 7, stored(1_000)),
            (FacetName::Recalls, 7, stored(1_000)),
            (FacetName::Energy, 7, None),
        ];
        let newest = cars.has_read(&key("a"), found.into_iter(), |_| true, Timestamp(2_001));
        let generations: Vec<_> =
            newest.iter().map(|(facet, envelope)| (*facet, envelope.generation)).collect();
        assert_eq!(generations, [(FacetName::Identity, 2_000), (FacetName::Recalls, 1_000)]);
        let bytes = cars.bytes;
        cars.has_read(
            &key("a"),
            [(FacetName::Recalls, 7, None)].into_iter(),
            |_| true,
            Timestamp(9_000),
        );
        assert!(cars.bytes < bytes && cars.cars().count() == 1, "{}", cars.bytes);
    }

    #[test]
    fn ok_an_entry_does_not_go_behind_what_landed_while_it_was_read() {
        let (mut cars, facet) = (VehicleStates::default(), FacetName::Identity);
        let envelope_of = |now| match envelope(now, 5) {
            CompletedFetch::Envelope(envelope) => envelope,
            other => panic!("{other:?}"),
        };
        let text = |now: i64| {
            SharedStr::from(cache::entry_text(&[(facet, envelope_of(now))], Timestamp(now)).0)
        };
        let generation = |cars: &mut VehicleStates, now| {
            let recent =
                cars.recent(&key("a"), std::iter::once((facet, 7)), |_| true, Timestamp(now));
            recent.and_then(|recent| recent.get(&facet).map(|envelope| envelope.generation))
        };
        let glance = |cars: &mut VehicleStates, now| {
            cars.glance(&key("a"), Timestamp(now), FacetSet::from_iter([facet]))
        };
        assert!(matches!(glance(&mut cars, 2_000), EntryLookup::Nothing));
        cars.land(&key("a"), facet, envelope(2_000, 5), Timestamp(2_000));
        assert!(!cars.glanced(&key("a"), Some(text(1_000)), Timestamp(2_001)));
        assert_eq!(generation(&mut cars, 2_001), Some(2_000));
        assert!(matches!(glance(&mut cars, 2_002), EntryLookup::More));
        assert!(matches!(glance(&mut cars, 6_000), EntryLookup::Nothing), "it is over");
        assert!(cars.glanced(&key("a"), Some(text(3_000)), Timestamp(6_000)));
        assert!(matches!(glance(&mut cars, 6_001), EntryLookup::Entry(_)));
        assert_eq!(generation(&mut cars, 6_001), Some(3_000));
    }

    #[test]
    fn ok_one_leads_and_who_was_cancelled_is_replaced() {
        let mut cars = VehicleStates::default();
        let mut lead = |name: &str, now| {
            cars.lead(&key("a"), &origin(name), Timestamp(now + 100), Timestamp(now))
        };
        assert_eq!(
            [lead("master", 0), lead("master", 99), lead("recalls", 99)],
            [true, false, true]
        );
        assert!(lead("master", 100), "the mark is over");
        cars.leave(&key("a"), &origin("master"));
        assert!(cars.lead(&key("a"), &origin("master"), Timestamp(300), Timestamp(101)));
    }

    #[test]
    fn ok_one_reads_and_another_that_wants_more_reads_too() {
        let mut cars = VehicleStates::default();
        let [one, two] = [&[FacetName::Identity][..], &[FacetName::Identity, FacetName::Recalls]]
            .map(|facets| facets.iter().copied().collect());
        assert!(!cars.read(&key("a"), one, Timestamp(0)));
        assert!(cars.read(&key("a"), one, Timestamp(100)));
        assert!(!cars.read(&key("a"), two, Timestamp(100)));
        assert!(
            cars.read(&key("a"), one, Timestamp(399)) && !cars.read(&key("a"), one, Timestamp(400))
        );
        cars.has_read(&key("a"), std::iter::empty(), |_| true, Timestamp(401));
        assert!(!cars.read(&key("a"), one, Timestamp(401)));
    }

    #[test]
    fn ok_a_lease_is_taken_once_and_in_time() {
        let mut cars = VehicleStates::default();
        for name in ["master", "recalls"] {
            cars.grant(&key("a"), origin(name), Lease::Granted(7), Timestamp(100), Timestamp(0));
        }
        cars.grant(&key("a"), origin("master"), Lease::Held, Timestamp(100), Timestamp(1));
        assert_eq!(cars.take_lease(&key("b"), &origin("master"), Timestamp(0)), None);
        assert_eq!(
            cars.take_lease(&key("a"), &origin("master"), Timestamp(99)),
            Some(Lease::Granted(7))
        );
        assert_eq!(cars.take_lease(&key("a"), &origin("master"), Timestamp(99)), None);
        assert_eq!(cars.take_lease(&key("a"), &origin("recalls"), Timestamp(100)), None);
    }

    #[test]
    fn ok_it_stays_small() {
        let mut cars = VehicleStates::default();
        for number in 0..2_000 {
            cars.land(
                &key(&number.to_string()),
                FacetName::Identity,
                envelope(0, 100),
                Timestamp(0),
            );
        }
        assert!(
            (900..=BUCKETS * MAX_CARS_OF_A_BUCKET).contains(&cars.cars().count()),
            "{}",
            cars.cars().count()
        );
        for number in 0..100 {
            cars.land(
                &key(&number.to_string()),
                FacetName::Recalls,
                envelope(0, 200_000),
                Timestamp(1),
            );
            assert!(cars.bytes <= MAX_BYTES, "{}", cars.bytes);
        }
        cars.land(&key("last"), FacetName::Identity, envelope(0, 1), Timestamp(10_000));
        assert_eq!(cars.cars().count(), 1, "what is over is swept");
    }
}
