//! The facets of one car in KV and D1.
//!
//! Public reads: KV, one entry; what it lacks or has too old comes from D1, because KV remembers
//! misses and old values for up to a minute. Reads above public: D1, which alone has sealed values.
//! Writes: D1 first, in one transaction that refuses older facets, then KV from the result of that
//! transaction. Leaves to others: the SQL (`rows`, `lease`), the text of an entry (`entry`), and
//! what a rule matches (`purge`).

use std::collections::BTreeMap;
use std::rc::Rc;

use futures::FutureExt as _;

use super::entry::{self, verified_entry};
use super::envelope::{Envelope, Freshness};
use super::lease::{self, Claim, CompletedLease, Lease, LeaseStatus};
use super::place::VehiclePlace;
use super::purge::{self, PurgeRules};
use super::rows;
use super::sealing::{OpenError, Sealed, SealedPlace, SealingError, SealingRing};
use super::vin_event::vin_event;
use crate::disclosure::{self, Right};
use crate::market::{FacetName, Market, OriginName};
use crate::ports::db_clock::MAX_SKEW_MS;
use crate::ports::{Ports, Rows, Statement, StoreError, Timestamp};
use crate::telemetry::{Event, Level, field};
use crate::text::SharedStr;
use crate::usage;
use crate::vehicle::{TypedFacet, typed};

/// Time limit of a read of D1 that a response waits for, milliseconds. Past it the origins are
/// asked as if D1 had failed.
const READ_LIMIT_MS: u32 = 500;
/// Time limit of a statement of D1 that no response waits for, milliseconds.
const WRITE_LIMIT_MS: u32 = 5_000;
/// Time after which every reader of KV sees a write, milliseconds.
pub const KV_DELAY_MS: i64 = 60_000;

/// The stored facets of one car in one market.
#[derive(Clone)]
pub struct FacetStore {
    ports: Ports,
    market: Rc<Market>,
    place: VehiclePlace,
    ring: Rc<SealingRing>,
    purges: Rc<PurgeRules>,
}

/// The result of [`FacetStore::lookup`].
#[derive(Default)]
pub struct StoredFacets {
    /// The facets, whatever their age.
    pub found: BTreeMap<FacetName, Envelope>,
    /// One lease for each claim; empty where D1 was not read.
    pub leases: Vec<(OriginName, Lease)>,
    /// The rows of the piggybacked statement; none where D1 was not read.
    pub piggybacked: Rows,
    /// True if D1 failed or did not respond in time.
    pub has_failed: bool,
    /// The entry that KV lacks although D1 has had it for a minute: pass it to
    /// [`FacetStore::repair_entry`].
    pub repair: Option<KvEntry>,
}

/// The progress of a call that another isolate makes.
#[derive(Debug)]
pub struct LeaseProgress {
    /// The facets that can be served.
    pub facets: BTreeMap<FacetName, Envelope>,
    /// The generation of each row, also of rows that cannot be served.
    pub generations: BTreeMap<FacetName, i64>,
    /// The status of the lease.
    pub status: LeaseStatus,
}

/// A car's entry for KV and its lifetime.
pub struct KvEntry {
    text: String,
    ttl_s: u64,
}

/// The result of one read of D1.
struct RecordRead {
    leases: Vec<Lease>,
    facets: Vec<(FacetName, Envelope)>,
    piggybacked: Rows,
}

impl FacetStore {
    /// The store of a car; `vehicle` is [`crate::vehicle::KeyRing::lookup`].
    pub fn new(
        ports: &Ports,
        market: &Rc<Market>,
        vehicle: &str,
        ring: &Rc<SealingRing>,
        purges: &Rc<PurgeRules>,
    ) -> Self {
        Self {
            ports: ports.clone(),
            market: Rc::clone(market),
            place: VehiclePlace { market: market.code.clone(), vehicle: vehicle.into() },
            ring: Rc::clone(ring),
            purges: Rc::clone(purges),
        }
    }

    /// Reads these facets. A store that fails counts as empty: the origins are asked. `entry` is
    /// the car's entry in KV, where the caller has read it; KV is left out for a right above
    /// public.
    ///
    /// If D1 is read too, the same transaction claims the origins of the missing facets and runs
    /// the piggybacked statement. `claims` names the claims, given the facets found so far and the
    /// missing ones with the generations known of them; it returns nothing where the facets found
    /// are enough.
    pub async fn lookup(
        &self,
        facets: &[FacetName],
        right: &Right,
        entry: Option<SharedStr>,
        claims: impl FnOnce(&BTreeMap<FacetName, Envelope>, &[(FacetName, i64)]) -> Option<Vec<Claim>>,
        piggyback: impl FnOnce() -> Statement,
    ) -> StoredFacets {
        let (mut stored, with_sealed) = (StoredFacets::default(), !right.is_public());
        if !with_sealed {
            stored.found = self.read_kv(facets, entry).await;
        }
        let now = self.ports.clock.now();
        let missing = self.missing(facets, &stored.found, now);
        if missing.is_empty() {
            return stored;
        }
        let Some(claims) = claims(&stored.found, &missing) else { return stored };
        let sealed_of = with_sealed.then_some(facets);
        let Ok(read) = self.read_record(&claims, sealed_of, piggyback()).await else {
            stored.has_failed = true;
            return stored;
        };
        let is_kv_behind = |(facet, row): &(FacetName, Envelope)| {
            missing.iter().any(|(name, _)| name == facet)
                && is_servable(row, now)
                && now.since_ms(row.stored_at) > KV_DELAY_MS
        };
        if !with_sealed && read.facets.iter().any(is_kv_behind) {
            stored.repair = Some(self.kv_entry(&read.facets));
        }
        self.merge_newer(&mut stored.found, facets, read.facets);
        stored.leases = claims.into_iter().map(|claim| claim.origin).zip(read.leases).collect();
        stored.piggybacked = read.piggybacked;
        stored
    }

    /// The facets that are not there or too old, with the generation that a row must be newer than.
    fn missing(
        &self,
        facets: &[FacetName],
        found: &BTreeMap<FacetName, Envelope>,
        now: Timestamp,
    ) -> Vec<(FacetName, i64)> {
        let missing = facets
            .iter()
            .filter(|facet| !found.get(facet).is_some_and(|envelope| is_servable(envelope, now)));
        let known = |facet: &FacetName| {
            found.get(facet).map_or(0, |old| old.generation).max(self.min_generation(*facet))
        };
        missing.map(|facet| (*facet, known(facet))).collect()
    }

    /// Takes in the usable rows that are newer than the facets found.
    fn merge_newer(
        &self,
        found: &mut BTreeMap<FacetName, Envelope>,
        facets: &[FacetName],
        rows: Vec<(FacetName, Envelope)>,
    ) {
        for (facet, row) in rows {
            let is_newer = found.get(&facet).is_none_or(|old| old.generation < row.generation);
            if facets.contains(&facet) && is_newer && self.is_usable(facet, &row) {
                found.insert(facet, row);
            }
        }
    }

    /// The progress of a call that another isolate makes: the facets that are newer than `known`,
    /// the generations of all rows, and the status of the lease, which is for `for_ms`.
    ///
    /// # Errors
    /// [`StoreError`] where D1 fails or a lease does not read.
    pub async fn progress(
        &self,
        origin: &OriginName,
        for_ms: u32,
        known: &[(FacetName, i64)],
        right: &Right,
    ) -> Result<LeaseProgress, StoreError> {
        let (has_rules, now) = (!self.purges.is_empty(), self.ports.clock.now());
        let newer = rows::select_newer(&self.place, !right.is_public(), known, has_rules, now);
        let status = lease::status(&self.place, origin, for_ms);
        let results = self.query(vec![newer, status]).await?;
        let [rows, status] = results.as_slice() else { return Err(StoreError::Rejected) };
        let rows = self.envelopes(rows);
        let generations =
            rows.iter().map(|(facet, envelope)| (*facet, envelope.generation)).collect();
        let usable = self
            .without_purged(rows)
            .into_iter()
            .filter(|(facet, envelope)| self.is_usable(*facet, envelope));
        let status = lease::read_status(status).map_err(|error| self.rejected("lease", error))?;
        Ok(LeaseProgress { facets: usable.collect(), generations, status })
    }

    /// Claims origins. Where D1 fails the caller asks them all the same.
    ///
    /// # Errors
    /// [`StoreError`] where D1 fails or a lease does not read.
    pub async fn claim(&self, claims: &[Claim]) -> Result<Vec<Lease>, StoreError> {
        let results = self.query(vec![lease::claim(&self.place, claims)]).await?;
        let rows = results.first().ok_or(StoreError::Rejected)?;
        lease::read_claimed(claims, rows).map_err(|error| self.rejected("lease", error))
    }

    /// Gives a lease back before its end, with the token where the origin failed.
    pub async fn release(&self, origin: &OriginName, generation: i64, error: Option<&'static str>) {
        let statement = lease::release(&self.place, origin, generation, error);
        // A lease that is not given back expires soon.
        let _ = self.execute(vec![statement]).await;
    }

    /// Records facets in one transaction, gives back the leases that brought them, and returns the
    /// entry that KV should have now; nothing where D1 fails. An older facet never replaces a newer
    /// one. `consequences` are statements of the same transaction, which find the rows as they are
    /// recorded.
    pub async fn record(
        &self,
        facets: &[(FacetName, Envelope)],
        leases: &[CompletedLease],
        consequences: Vec<Statement>,
    ) -> Option<KvEntry> {
        // Rows first: the statements behind them read them.
        let mut statements = self.upserts(facets);
        statements.extend(consequences);
        statements.extend(lease::complete(&self.place, leases));
        let select_at = statements.len();
        statements.push(rows::select(&self.place, None, self.ports.clock.now()));
        if facets.iter().any(|(facet, _)| *facet == FacetName::Identity) {
            let VehiclePlace { market, vehicle } = &self.place;
            statements.push(usage::update_vehicle(market, vehicle));
        }
        let Ok(results) = self.execute(statements).await else {
            self.warn("facets could not be recorded (D1)");
            return None;
        };
        let rows = results.get(select_at)?;
        Some(self.kv_entry(&self.without_purged(self.envelopes(rows))))
    }

    fn upserts(&self, facets: &[(FacetName, Envelope)]) -> Vec<Statement> {
        let (statements, too_long) = rows::upserts(&self.place, facets, self.ports.clock.now());
        for facet in too_long {
            let message = "a facet is too long to be stored: its origin is asked each time";
            let event = Event::new(Level::Error, message).with(field::MARKET, &self.market.code);
            self.ports.events.emit(event.with(field::FACET, facet));
        }
        statements
    }

    /// The entry for KV of these facets.
    pub fn kv_entry(&self, facets: &[(FacetName, Envelope)]) -> KvEntry {
        let (text, ttl_s) = entry::encode_entry(facets, self.ports.clock.now());
        KvEntry { text: entry::sign_entry(&self.ring, &self.entry_key(), &text), ttl_s }
    }

    /// The entry for KV while D1 fails: the present entry with these facets. Purged facets do not
    /// come back.
    pub async fn merged_entry(&self, facets: &[(FacetName, Envelope)]) -> KvEntry {
        let mut all: BTreeMap<FacetName, Envelope> = self.entry_in_kv().await.into_iter().collect();
        for (facet, envelope) in facets {
            if all.get(facet).is_none_or(|old| old.generation <= envelope.generation) {
                all.insert(*facet, envelope.clone());
            }
        }
        self.kv_entry(&self.without_purged(all.into_iter().collect()))
    }

    /// The entry for KV of the rows in D1; nothing where D1 fails or has no row.
    pub async fn recorded_entry(&self) -> Option<KvEntry> {
        let select = rows::select(&self.place, None, self.ports.clock.now());
        let results = self.execute(vec![select]).await.ok()?;
        let rows = self.without_purged(self.envelopes(results.first()?));
        (!rows.is_empty()).then(|| self.kv_entry(&rows))
    }

    /// The facets without those that a hard rule purges; those that a soft rule purges are marked.
    /// `facets` should be all of the car, as rules may ask for its identity.
    pub fn without_purged(&self, facets: Vec<(FacetName, Envelope)>) -> Vec<(FacetName, Envelope)> {
        if self.purges.is_empty() {
            return facets;
        }
        let mut facets: BTreeMap<FacetName, Envelope> = facets.into_iter().collect();
        let hits = self.purges.apply(&self.place.vehicle, &mut facets);
        let statements = purge::record_hits(&self.market.code, &self.place.vehicle, &hits);
        if !statements.is_empty() {
            let db = Rc::clone(&self.ports.db);
            // The next read records hits that are not recorded now.
            let recorded = async move { drop(db.batch(statements).await) };
            self.ports.background.spawn(recorded.boxed_local());
        }
        facets.into_iter().collect()
    }

    /// The generation that a facet must be newer than, before anything is known of it; 0 where no
    /// rule says anything or the market does not have the facet.
    fn min_generation(&self, facet: FacetName) -> i64 {
        let description = self.market.facets.get(&facet);
        description.map_or(0, |description| {
            self.purges.min_generation(&self.place.vehicle, facet, description.origin.as_str())
        })
    }

    /// Writes a car's entry to KV. It fails where another one was written within the last second.
    ///
    /// # Errors
    /// [`StoreError`] of KV.
    pub async fn put_entry(&self, entry: KvEntry) -> Result<(), StoreError> {
        self.ports.cache.put(self.entry_key(), entry.text, entry.ttl_s).await
    }

    /// Reports that KV refused a car's entry each time.
    pub fn report_refused_entry(&self) {
        self.warn("a car could not be cached (KV)");
    }

    /// Writes an entry that a read found missing. Where that fails the next read repeats it.
    pub async fn repair_entry(self, entry: KvEntry) {
        let _ = self.put_entry(entry).await;
    }

    /// Reports fields that a fetch left out because the origin's texts contain the car's VIN.
    pub fn report_vins(&self, facet: FacetName, fields: impl IntoIterator<Item = &'static str>) {
        for name in fields {
            self.ports.events.emit(vin_event(&self.market, facet, name));
        }
    }

    /// Opens the sealed value of a facet, and reports one that does not open.
    ///
    /// # Errors
    /// [`OpenError`]; also where the value does not satisfy the facet's type.
    pub fn open(&self, facet: FacetName, sealed: &Sealed) -> Result<TypedFacet, OpenError> {
        let whole = self.ring.open(&self.sealed_place(facet), sealed);
        let value = whole.and_then(|whole| {
            let mapped = serde_json::from_slice(&whole).map_err(|_| OpenError::Damaged)?;
            typed(facet, mapped).map_err(|_| OpenError::Damaged)
        });
        value.inspect_err(|error| {
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
    ///
    /// # Errors
    /// [`SealingError`]; an event says so.
    pub fn seal(&self, value: &TypedFacet) -> Result<Sealed, SealingError> {
        let (facet, whole) = (value.name(), disclosure::plaintext(value));
        let (place, random) = (self.sealed_place(facet), self.ports.random.as_ref());
        self.ring.seal(&place, whole.as_bytes(), random).inspect_err(|_| {
            let event = Event::new(Level::Error, "a facet could not be sealed: it is not stored")
                .with(field::MARKET, &self.market.code);
            self.ports.events.emit(event.with(field::FACET, facet));
        })
    }

    fn sealed_place(&self, facet: FacetName) -> SealedPlace<'_> {
        SealedPlace { market: &self.market.code, vehicle: &self.place.vehicle, facet }
    }

    fn entry_key(&self) -> String {
        entry::entry_key(&self.market.code, &self.place.vehicle)
    }

    /// Runs statements that a response waits for.
    async fn query(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        let work = self.ports.db.batch(statements);
        self.ports.within(READ_LIMIT_MS, work).await.unwrap_or(Err(StoreError::Timeout))
    }

    /// Runs statements that no response waits for.
    async fn execute(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, StoreError> {
        let work = self.ports.db.batch(statements);
        self.ports.within(WRITE_LIMIT_MS, work).await.unwrap_or(Err(StoreError::Timeout))
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
        let usable = self.without_purged(all).into_iter();
        usable.filter(|(facet, _)| facets.contains(facet)).collect()
    }

    /// The usable facets of the car's entry.
    async fn entry_in_kv(&self) -> Vec<(FacetName, Envelope)> {
        let key = self.entry_key();
        match self.ports.cache.get(key.clone()).await {
            Ok(Some(text)) => self.usable(&verified_entry(&self.ring, &key, text, &self.ports)),
            Ok(None) => Vec::new(),
            Err(_) => {
                self.warn("the facet cache (KV) could not be read");
                Vec::new()
            }
        }
    }

    fn usable(&self, entry: &SharedStr) -> Vec<(FacetName, Envelope)> {
        let facets = entry::decode_entry(entry);
        facets.filter(|(facet, envelope)| self.is_usable(*facet, envelope)).collect()
    }

    async fn read_record(
        &self,
        claims: &[Claim],
        sealed_of: Option<&[FacetName]>,
        piggyback: Statement,
    ) -> Result<RecordRead, StoreError> {
        let claim = lease::claim(&self.place, claims);
        let select = rows::select(&self.place, sealed_of, self.ports.clock.now());
        let results = self.query(vec![claim, select, piggyback]).await.inspect_err(|_| {
            self.warn("the facet record (D1) could not be read");
        })?;
        let [claimed, rows, piggybacked] =
            <[Rows; 3]>::try_from(results).map_err(|_| StoreError::Rejected)?;
        let leases =
            lease::read_claimed(claims, &claimed).map_err(|error| self.rejected("lease", error))?;
        let facets = self.without_purged(self.envelopes(&rows));
        Ok(RecordRead { leases, facets, piggybacked })
    }

    /// Rows of `stored_facet` as envelopes. A row that does not read is reported and left out: the
    /// facet counts as missing, and its origin is asked.
    fn envelopes(&self, rows: &Rows) -> Vec<(FacetName, Envelope)> {
        let read = rows.iter().map(rows::read_envelope);
        read.filter_map(|row| {
            row.inspect_err(|error| self.ports.report_row("stored_facet", *error)).ok()
        })
        .collect()
    }

    fn rejected(&self, table: &'static str, error: crate::ports::RowError) -> StoreError {
        self.ports.report_row(table, error);
        StoreError::Rejected
    }

    /// True if it was stored under the present description and disclosure of its facet.
    fn is_usable(&self, facet: FacetName, envelope: &Envelope) -> bool {
        is_possible(envelope, self.ports.clock.now())
            && envelope.policy == policy(facet, &self.market)
    }

    fn warn(&self, message: &'static str) {
        let event = Event::new(Level::Warn, message).with(field::MARKET, &self.market.code);
        self.ports.events.emit(event);
    }
}

/// True if it is fresh, or stale and may be served while it is refreshed.
fn is_servable(envelope: &Envelope, now: Timestamp) -> bool {
    matches!(envelope.freshness(now), Freshness::Fresh | Freshness::Stale)
}

/// True if it can have been stored by now, by any isolate's clock.
pub fn is_possible(envelope: &Envelope, now: Timestamp) -> bool {
    envelope.stored_at.0 <= now.0 + MAX_SKEW_MS
}

/// A number that changes with the description of a facet and with its disclosure. A facet that was
/// stored under another one is not served: neither a field that a market raised since, nor one that
/// it mapped wrongly before.
pub fn policy(facet: FacetName, market: &Market) -> u32 {
    // A facet that the market does not have is never stored: any number will do for it.
    let revision = market.facets.get(&facet).map_or(0, |description| description.revision);
    disclosure::policy(facet, market) ^ revision
}
