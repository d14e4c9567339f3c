//! The facets of one car in KV and D1.
//!
//! Read, public: KV, one entry; what it lacks or has too old, D1, because KV remembers misses and
//! old values for up to a minute. Read, above public: D1, which alone has what is sealed. Write: D1
//! first, in one transaction that refuses what is older, then KV from what that transaction left.

mod rows;

use std::collections::BTreeMap;
use std::rc::Rc;

use futures::FutureExt as _;

use super::analysis;
use super::entry;
use super::envelope::{Envelope, Freshness};
use super::lease::{self, Claim, Lease, Standing};
use super::purge::{self, Purges};
use super::sealing::{OpenError, Place, Sealed, SealingRing};
use crate::disclosure::{self, Right};
use crate::market::{FacetName, Market, OriginName};
use crate::ports::db_clock::MAX_SKEW_MS;
use crate::ports::{DbValue, Ports, Rows, Statement, StoreError, Timestamp};
use crate::telemetry::{Event, Level, field};
use crate::text::SharedStr;
use rows::envelopes;

/// A record that takes longer to say what it has counts as one that fails: the origins are asked
/// meanwhile.
const PATIENCE_MS: u32 = 500;
/// What nobody waits for may take longer; then it counts as failed.
const WRITE_PATIENCE_MS: u32 = 5_000;
/// KV shows within this time what was written to it, milliseconds.
pub const KV_DELAY_MS: i64 = 60_000;

/// The stored facets of one car in one market.
#[derive(Clone)]
pub struct FacetStore {
    ports: Ports,
    market: Rc<Market>,
    /// The keyed hash that stands for the car.
    vehicle: Rc<str>,
    ring: Rc<SealingRing>,
    purges: Rc<Purges>,
}

/// What a read found.
#[derive(Default)]
pub struct Read {
    /// The facets, whatever their age.
    pub found: BTreeMap<FacetName, Envelope>,
    /// What came of the claims; empty where the record was not read.
    pub leases: Vec<(OriginName, Lease)>,
    /// The rows of the statement that went along; none where the record was not read.
    pub ridden: Rows,
    /// The record failed, or took too long.
    pub has_failed: bool,
    /// KV should have this and has not: pass it to [`FacetStore::repair`].
    pub repair: Option<Entry>,
}

/// What somebody else's call has brought so far.
#[derive(Debug)]
pub struct Look {
    /// What can be served.
    pub facets: BTreeMap<FacetName, Envelope>,
    /// The generation of each row, also of what cannot be served.
    pub generations: BTreeMap<FacetName, i64>,
    /// How the call stands.
    pub standing: Standing,
}

/// A lease that has brought facets: the origin, the generation, and the RFC 9209 token where it did
/// not bring all.
pub type Brought = (OriginName, i64, Option<&'static str>);

/// An entry for KV and how long it lives.
pub struct Entry {
    text: String,
    ttl_s: u64,
}

impl FacetStore {
    /// The store of a car; `vehicle` is [`crate::vehicle::KeyRing::lookup`].
    pub fn new(
        ports: &Ports,
        market: &Rc<Market>,
        vehicle: &str,
        ring: &Rc<SealingRing>,
        purges: &Rc<Purges>,
    ) -> Self {
        Self {
            ports: ports.clone(),
            market: Rc::clone(market),
            vehicle: vehicle.into(),
            ring: Rc::clone(ring),
            purges: Rc::clone(purges),
        }
    }

    /// What is stored of these facets. A store that fails counts as empty: the origins are asked.
    /// `entry` is the car's in KV, where that was read.
    ///
    /// Where the record (D1) is read too, the origins of what is lacking are claimed in the same
    /// transaction, and `rider` goes along. `claims` says which, given what was found, and the
    /// facets that are lacking with the generations that are known of them; it gives nothing where
    /// what was found is enough.
    pub async fn read(
        &self,
        facets: &[FacetName],
        right: &Right,
        entry: Option<SharedStr>,
        claims: impl FnOnce(&BTreeMap<FacetName, Envelope>, &[(FacetName, i64)]) -> Option<Vec<Claim>>,
        rider: impl FnOnce() -> Statement,
    ) -> Read {
        let mut read = Read::default();
        if right.is_public() {
            read.found = self.read_kv(facets, entry).await;
        }
        let now = self.ports.clock.now();
        let good = |envelope: &Envelope| {
            matches!(envelope.freshness(now), Freshness::Fresh | Freshness::Stale)
        };
        let lacking = facets.iter().filter(|facet| !read.found.get(facet).is_some_and(good));
        let known = |facet: &FacetName| {
            read.found.get(facet).map_or(0, |old| old.generation).max(self.floor(*facet))
        };
        let lacking: Vec<(FacetName, i64)> = lacking.map(|facet| (*facet, known(facet))).collect();
        if lacking.is_empty() {
            return read;
        }
        let Some(claims) = claims(&read.found, &lacking) else { return read };
        let Some((leases, rows, ridden)) = self.read_record(&claims, facets, right, rider()).await
        else {
            read.has_failed = true;
            return read;
        };
        let is_late = |(_, row): &(FacetName, Envelope)| {
            right.is_public() && good(row) && now.since_ms(row.stored_at) > KV_DELAY_MS
        };
        if rows.iter().any(|row| lacking.iter().any(|(facet, _)| *facet == row.0) && is_late(row)) {
            read.repair = Some(self.entry(&rows));
        }
        for (facet, recorded) in rows {
            let is_newer =
                read.found.get(&facet).is_none_or(|cached| cached.generation < recorded.generation);
            if facets.contains(&facet) && is_newer && self.is_usable(facet, &recorded) {
                read.found.insert(facet, recorded);
            }
        }
        read.leases = claims.into_iter().map(|claim| claim.origin).zip(leases).collect();
        read.ridden = ridden;
        read
    }

    /// What has come of a call that somebody else makes: the facets that are newer than `known`,
    /// usable or not their generations, and how the call stands. A lease is for `for_ms`.
    ///
    /// # Errors
    /// Where D1 fails.
    pub async fn look(
        &self,
        origin: &OriginName,
        for_ms: u32,
        known: &[(FacetName, i64)],
        right: &Right,
    ) -> Result<Look, StoreError> {
        let results =
            self.ask(vec![self.news(right, known), self.standing(origin, for_ms)]).await?;
        let [rows, standing] = results.as_slice() else { return Err(StoreError::Rejected) };
        let rows = envelopes(rows);
        let generations =
            rows.iter().map(|(facet, envelope)| (*facet, envelope.generation)).collect();
        let usable = self
            .purged(rows)
            .into_iter()
            .filter(|(facet, envelope)| self.is_usable(*facet, envelope));
        Ok(Look { facets: usable.collect(), generations, standing: lease::read_standing(standing) })
    }

    /// Records facets in one transaction, gives the leases back that brought them, with the token
    /// of what else failed, and gives what KV should have now; nothing where the record fails. An
    /// older facet never replaces a newer one.
    pub async fn record(
        &self,
        facets: &[(FacetName, Envelope)],
        leases: &[Brought],
    ) -> Option<Entry> {
        let mut statements = self.end(leases).to_vec();
        statements.push(self.select_public());
        if facets.iter().any(|(facet, _)| *facet == FacetName::Identity) {
            statements.push(analysis::vehicle(self.place()));
        }
        // Rows first: what follows reads them.
        let mut all = self.upserts(facets);
        let at = all.len() + 2;
        all.append(&mut statements);
        let Ok(results) = self.write(all).await else {
            self.warn("facets could not be recorded (D1)");
            return None;
        };
        Some(self.entry(&self.purged(results.get(at).map(envelopes).unwrap_or_default())))
    }

    /// What KV should have of these facets.
    pub fn entry(&self, facets: &[(FacetName, Envelope)]) -> Entry {
        let (text, ttl_s) = entry::encode(facets, self.ports.clock.now());
        Entry { text, ttl_s }
    }

    /// What KV should have while the record fails: what it has, and what has come. What is purged
    /// does not come back.
    pub async fn without_record(&self, facets: &[(FacetName, Envelope)]) -> Entry {
        let mut all: BTreeMap<FacetName, Envelope> = self.entry_in_kv().await.into_iter().collect();
        for (facet, envelope) in facets {
            if all.get(facet).is_none_or(|old| old.generation <= envelope.generation) {
                all.insert(*facet, envelope.clone());
            }
        }
        self.entry(&self.purged(all.into_iter().collect()))
    }

    /// What KV should have by the record; nothing where that fails, or holds nothing.
    pub async fn current(&self) -> Option<Entry> {
        let results = self.write(vec![self.select_public()]).await.ok()?;
        let rows = self.purged(envelopes(results.first()?));
        (!rows.is_empty()).then(|| self.entry(&rows))
    }

    /// The facets without what is purged hard; what is purged soft is marked so. `facets` should be
    /// all of the car, as rules may ask for its identity.
    pub fn purged(&self, facets: Vec<(FacetName, Envelope)>) -> Vec<(FacetName, Envelope)> {
        if self.purges.is_empty() {
            return facets;
        }
        let mut facets: BTreeMap<FacetName, Envelope> = facets.into_iter().collect();
        let hits = self.purges.apply(&self.vehicle, &mut facets);
        let statements = purge::settle(&self.market.code, &self.vehicle, &hits);
        if !statements.is_empty() {
            let db = Rc::clone(&self.ports.db);
            // What cannot be settled now is by the next read.
            let settled = async move { drop(db.batch(statements).await) };
            self.ports.background.spawn(settled.boxed_local());
        }
        facets.into_iter().collect()
    }

    /// The generation that a facet must be newer than, before anything is known of it.
    fn floor(&self, facet: FacetName) -> i64 {
        let origin = self
            .market
            .facets
            .get(&facet)
            .map(|description| description.origin.as_str())
            .unwrap_or_default();
        self.purges.floor(&self.vehicle, facet, origin)
    }

    /// Puts a car's entry near the readers. It fails where another one was put within the last
    /// second.
    ///
    /// # Errors
    /// Where KV refuses.
    pub async fn publish(&self, entry: Entry) -> Result<(), StoreError> {
        self.ports
            .cache
            .put(entry::key(&self.market.code, &self.vehicle), entry.text, entry.ttl_s)
            .await
    }

    /// KV refused again and again: an operator should know.
    pub fn refused(&self) {
        self.warn("a car could not be cached (KV)");
    }

    /// The same for what a read found missing; where that fails the next one does it.
    pub async fn repair(self, entry: Entry) {
        let _ = self.publish(entry).await;
    }

    /// Opens what is sealed of a facet. An operator learns why where it does not open.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, facet: FacetName, sealed: &Sealed) -> Result<Vec<u8>, OpenError> {
        let place = Place { market: &self.market.code, vehicle: &self.vehicle, facet };
        self.ring.open(&place, sealed).inspect_err(|error| {
            let message = match error {
                OpenError::KeyNotHeld => {
                    "a sealed facet cannot be opened: its SEALING_KEY is not set"
                }
                OpenError::Damaged => {
                    "a sealed facet cannot be opened: it is damaged or from another place"
                }
            };
            let event = Event::new(Level::Error, message).with(field::MARKET, &self.market.code);
            self.ports.events.emit(
                event.with(field::FACET, facet).with(field::KEY_ID, i64::from(sealed.key_id)),
            );
        })
    }

    /// Seals a whole facet for its row.
    pub fn seal(&self, facet: FacetName, whole: &[u8]) -> Sealed {
        let place = Place { market: &self.market.code, vehicle: &self.vehicle, facet };
        self.ring.seal(&place, whole, self.ports.random.as_ref())
    }

    /// Asks the record something that an answer waits for.
    pub(super) async fn ask(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        self.ports
            .within(PATIENCE_MS, self.ports.db.batch(statements))
            .await
            .unwrap_or(Err(StoreError::Timeout))
    }

    /// Has the record do something that no answer waits for.
    pub(super) async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        self.ports
            .within(WRITE_PATIENCE_MS, self.ports.db.batch(statements))
            .await
            .unwrap_or(Err(StoreError::Timeout))
    }

    /// Market and car, the first two parameters of every statement.
    pub(super) fn place(&self) -> [DbValue; 2] {
        [DbValue::Text(self.market.code.to_string()), DbValue::Text(self.vehicle.to_string())]
    }

    async fn read_kv(
        &self,
        facets: &[FacetName],
        entry: Option<SharedStr>,
    ) -> BTreeMap<FacetName, Envelope> {
        let all = match entry {
            Some(entry) => self.usable(&entry),
            None => self.entry_in_kv().await,
        };
        let usable = self.purged(all).into_iter();
        usable.filter(|(facet, _)| facets.contains(facet)).collect()
    }

    /// The usable facets of the car's entry.
    async fn entry_in_kv(&self) -> Vec<(FacetName, Envelope)> {
        let Ok(text) = self.ports.cache.get(entry::key(&self.market.code, &self.vehicle)).await
        else {
            self.warn("the facet cache (KV) could not be read");
            return Vec::new();
        };
        self.usable(&text.unwrap_or_default().into())
    }

    fn usable(&self, entry: &SharedStr) -> Vec<(FacetName, Envelope)> {
        entry::decode(entry).filter(|(facet, envelope)| self.is_usable(*facet, envelope)).collect()
    }

    async fn read_record(
        &self,
        claims: &[Claim],
        facets: &[FacetName],
        right: &Right,
        rider: Statement,
    ) -> Option<(Vec<Lease>, Vec<(FacetName, Envelope)>, Rows)> {
        let Ok(mut results) =
            self.ask(vec![self.claims(claims), self.select(right, facets), rider]).await
        else {
            self.warn("the facet record (D1) could not be read");
            return None;
        };
        let ridden = results.pop().unwrap_or_default();
        let rows = results.pop().unwrap_or_default();
        let leases = lease::granted(claims, &results.pop().unwrap_or_default());
        Some((leases, self.purged(envelopes(&rows)), ridden))
    }

    /// Whether it was stored under the present description and disclosure of its facet.
    fn is_usable(&self, facet: FacetName, envelope: &Envelope) -> bool {
        is_possible(envelope, self.ports.clock.now())
            && envelope.policy == policy(facet, &self.market)
    }

    fn warn(&self, message: &'static str) {
        self.ports
            .events
            .emit(Event::new(Level::Warn, message).with(field::MARKET, &self.market.code));
    }
}

/// Whether it can have been stored by now, by any isolate's clock.
pub fn is_possible(envelope: &Envelope, now: Timestamp) -> bool {
    envelope.stored_at.0 <= now.0 + MAX_SKEW_MS
}

/// A number that changes with how a facet is described and with who sees what of it. What was
/// stored under another one is not served: neither a field that a market raised since, nor one that
/// it mapped wrongly before.
pub fn policy(facet: FacetName, market: &Market) -> u32 {
    let revision =
        market.facets.get(&facet).map(|description| description.revision).unwrap_or_default();
    disclosure::policy(facet, market) ^ revision
}
