//! Published markets, their purge rules and the directory of markets in the isolate's memory.
//!
//! Read from KV with a time limit and kept for seconds; the last good copy serves for as long as KV
//! fails or is slow. Leaves to others: the text of a published market (`market::published`).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;

use crate::cache::purge::{self, PurgeRules};
use crate::cache::{SealingRing, SealingRingError};
use crate::market::published::{self, DirectoryEntry};
use crate::market::{Market, MarketCode};
use crate::ports::{Ports, Timestamp};
use crate::telemetry::{Event, Level, field};
use crate::vehicle::{KeyRing, KeyRingError};

/// Milliseconds that a copy is served before KV is read again.
const READ_AGAIN_MS: i64 = 10_000;
/// Time limit of a read of KV where there is a good copy, milliseconds.
const READ_LIMIT_MS: u32 = 250;
/// Time limit of a read of KV where there is none, milliseconds: without a copy nothing can be
/// served.
const FIRST_READ_LIMIT_MS: u32 = 2_000;
/// Milliseconds over which refused tokens are counted.
const FAILURES_MS: i64 = 60_000;
/// Opened vehicle ids that an isolate remembers.
const MAX_LOOKUPS: NonZeroUsize = NonZeroUsize::new(2_048).unwrap(); // OK because it is not zero.

/// The isolate's memory between requests: plain data with an age, never a future or a lock.
pub struct Memory {
    markets: RefCell<BTreeMap<MarketCode, Remembered<Served>>>,
    directory: RefCell<Option<Remembered<Rc<Vec<DirectoryEntry>>>>>,
    keys: RefCell<Option<Rc<KeyRing>>>,
    sealing: RefCell<Option<Rc<SealingRing>>>,
    /// The keyed hashes of the ids that were opened last. Both are pseudonyms; the VIN is not kept.
    lookups: RefCell<LruCache<Box<str>, Rc<str>>>,
    /// The start and the number of the refused tokens that are counted.
    failures: Cell<(Timestamp, i64)>,
}

/// A market and its purge rules.
#[derive(Clone)]
struct Served {
    market: Rc<Market>,
    purges: Rc<PurgeRules>,
}

#[derive(Clone)]
struct Remembered<T> {
    value: T,
    read_at: Timestamp,
}

impl<T> Remembered<T> {
    fn is_recent(&self, now: Timestamp) -> bool {
        now.since_ms(self.read_at) < READ_AGAIN_MS
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            markets: RefCell::default(),
            directory: RefCell::default(),
            keys: RefCell::default(),
            sealing: RefCell::default(),
            lookups: RefCell::new(LruCache::new(MAX_LOOKUPS)),
            failures: Cell::default(),
        }
    }
}

/// Cause of a market or a directory that cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// No market of this code is published here.
    #[error("no such market")]
    Unknown,
    /// It cannot be read now, and this isolate has no good copy.
    #[error("the market cannot be read now")]
    Unavailable,
}

impl Memory {
    /// The key ring, read from the secrets once.
    ///
    /// # Errors
    /// [`KeyRingError`] where a secret is missing or malformed.
    pub fn keys(&self, ports: &Ports) -> Result<Rc<KeyRing>, KeyRingError> {
        if let Some(keys) = self.keys.borrow().as_ref() {
            return Ok(Rc::clone(keys));
        }
        // A missing secret reads as an empty one, which the key ring refuses.
        let secret = |name: &str| ports.secrets.get(name).unwrap_or_default();
        let keys = Rc::new(KeyRing::parse(&secret("VEHICLE_ID_KEYS"), &secret("LOOKUP_KEY"))?);
        *self.keys.borrow_mut() = Some(Rc::clone(&keys));
        Ok(keys)
    }

    /// The ring of sealing keys, read from the secrets once: secrets change with a deployment only.
    ///
    /// # Errors
    /// [`SealingRingError`] where none is set or one is malformed.
    pub fn sealing(&self, ports: &Ports) -> Result<Rc<SealingRing>, SealingRingError> {
        if let Some(ring) = self.sealing.borrow().as_ref() {
            return Ok(Rc::clone(ring));
        }
        let ring = Rc::new(SealingRing::parse(ports.secrets.as_ref())?);
        *self.sealing.borrow_mut() = Some(Rc::clone(&ring));
        Ok(ring)
    }

    /// The keyed hash of a vehicle id that this isolate opened before.
    pub fn lookup(&self, id: &str) -> Option<Rc<str>> {
        self.lookups.borrow_mut().get(id).cloned()
    }

    /// Remembers the keyed hash of a vehicle id that was opened.
    pub fn remember_lookup(&self, id: &str, lookup: Rc<str>) {
        self.lookups.borrow_mut().put(id.into(), lookup);
    }

    /// The purge rules of a market that was just read.
    pub fn purges(&self, code: &MarketCode) -> Rc<PurgeRules> {
        self.markets
            .borrow()
            .get(code)
            .map(|known| Rc::clone(&known.value.purges))
            .unwrap_or_default() // OK because a market that was not read serves nothing.
    }

    /// Takes in the rules that an operator has just declared by way of this isolate; other isolates
    /// read them from KV.
    pub fn set_purges(&self, code: &MarketCode, purges: PurgeRules) {
        if let Some(known) = self.markets.borrow_mut().get_mut(code) {
            known.value.purges = Rc::new(purges);
        }
    }

    /// Counts a refused token; the number in the last minute.
    pub fn count_failure(&self, now: Timestamp) -> i64 {
        let (since, count) = self.failures.get();
        let (since, count) =
            if now.since_ms(since) < FAILURES_MS { (since, count + 1) } else { (now, 1) };
        self.failures.set((since, count));
        count
    }
}

/// The market of a code.
///
/// # Errors
/// [`MarketError`], where there is no good copy.
pub async fn market(
    ports: &Ports,
    memory: &Memory,
    code: &MarketCode,
) -> Result<Rc<Market>, MarketError> {
    let now = ports.clock.now();
    let remembered = memory.markets.borrow().get(code).cloned();
    if let Some(known) = remembered.as_ref().filter(|known| known.is_recent(now)) {
        return Ok(Rc::clone(&known.value.market));
    }
    let last_good = remembered.map(|known| known.value);
    let keys = vec![published::market_key(code), purge::rules_key(code)];
    let texts = ports.within(limit_ms(last_good.is_some()), ports.markets.get_many(keys)).await;
    let served = match texts.as_ref().map(|texts| texts.as_deref()) {
        Some(Ok([Some(text), purges])) => {
            let market = read_market(ports, code, text).map(Rc::new);
            let market = market.or_else(|| last_good.as_ref().map(|last| Rc::clone(&last.market)));
            let purges = read_purges(ports, code, purges.as_deref());
            let purges = newer(purges, last_good.map(|last| last.purges), now);
            market.map(|market| Served { market, purges })
        }
        Some(Ok([None, _])) => {
            memory.markets.borrow_mut().remove(code);
            return Err(MarketError::Unknown);
        }
        _ => {
            if last_good.is_some() {
                report_copy(ports, "a market could not be read: its last good copy serves");
            }
            last_good
        }
    };
    let served = served.ok_or(MarketError::Unavailable)?;
    let market = Rc::clone(&served.market);
    memory.markets.borrow_mut().insert(code.clone(), Remembered { value: served, read_at: now });
    Ok(market)
}

/// All markets of all regions, in the order of their codes. Empty where none is published.
///
/// # Errors
/// [`MarketError::Unavailable`] where KV fails or is slow and this isolate has no copy.
pub async fn directory(
    ports: &Ports,
    memory: &Memory,
) -> Result<Rc<Vec<DirectoryEntry>>, MarketError> {
    let now = ports.clock.now();
    let remembered = memory.directory.borrow().clone();
    if let Some(known) = remembered.as_ref().filter(|known| known.is_recent(now)) {
        return Ok(Rc::clone(&known.value));
    }
    let last_good = remembered.map(|known| known.value);
    let (key, limit_ms) = (published::DIRECTORY_KEY.to_owned(), limit_ms(last_good.is_some()));
    let text = ports.markets.get_within(key, limit_ms, ports.timer.as_ref()).await;
    let read = match text {
        // KV may lack for a minute what it had, so a copy counts for more than a miss.
        Some(Ok(None)) => last_good.is_none().then(Rc::default),
        Some(Ok(Some(text))) => published::parse_directory(&text).map(Rc::new),
        Some(Err(_)) | None => None,
    };
    if read.is_none() && last_good.is_some() {
        report_copy(ports, "the directory of markets could not be read: the last good copy serves");
    }
    let value = read.or(last_good).ok_or(MarketError::Unavailable)?;
    *memory.directory.borrow_mut() = Some(Remembered { value: Rc::clone(&value), read_at: now });
    Ok(value)
}

fn report_copy(ports: &Ports, message: &'static str) {
    ports.events.emit(Event::new(Level::Warn, message));
}

/// The time limit of a read of KV.
const fn limit_ms(has_copy: bool) -> u32 {
    if has_copy { READ_LIMIT_MS } else { FIRST_READ_LIMIT_MS }
}

fn read_market(ports: &Ports, code: &MarketCode, text: &str) -> Option<Market> {
    let read = published::parse_market(text)
        .ok()
        .map(|(market, _)| market)
        .filter(|market| market.code == *code);
    if read.is_none() {
        let event = Event::new(
            Level::Error,
            "a published market does not read; publish it again with this release's tools",
        );
        ports.events.emit(event.with(field::MARKET, code));
    }
    read
}

/// The rules of KV, unless the known ones are newer: KV may show an old list for a minute. Lists
/// are whole, so the one with the newest rule is the newer one.
fn newer(
    read: Option<Rc<PurgeRules>>,
    known: Option<Rc<PurgeRules>>,
    now: Timestamp,
) -> Rc<PurgeRules> {
    let (Some(read), Some(known)) = (&read, &known) else {
        // OK because a market without a list has no rules.
        return read.or(known).unwrap_or_default();
    };
    let is_ahead =
        known.newest() > read.newest() && now.since_ms(Timestamp(known.newest())) < purge::YOUNG_MS;
    Rc::clone(if is_ahead { known } else { read })
}

/// Reads the rules of a market: none where there is no text, nothing where it does not read.
fn read_purges(ports: &Ports, code: &MarketCode, text: Option<&str>) -> Option<Rc<PurgeRules>> {
    let now = ports.clock.now();
    let parse = |text| PurgeRules::parse(text, now);
    let read = text.map_or_else(|| Some(PurgeRules::default()), parse);
    if read.is_none() {
        let event = Event::new(
            Level::Error,
            "the purges of a market do not read; purge again, which writes them anew",
        );
        ports.events.emit(event.with(field::MARKET, code));
    }
    read.map(Rc::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::StoreError;
    use crate::ports::fake::World;

    fn publish(world: &World, name: &str) {
        let text = include_str!("../tests/fixtures/market.toml").replace("Deutschland", name);
        let json = crate::market::compile("market.toml", &text).expect("valid").json;
        world.markets.borrow_mut().insert("market:de".into(), json);
    }

    #[test]
    fn ok_new_versions_are_seen_and_the_last_good_one_is_kept() {
        let world = World::new();
        let (ports, memory) = (world.ports(), Memory::default());
        let code = MarketCode::new("de").expect("a code");
        let name = || world.run(market(&ports, &memory, &code)).map(|market| market.name.clone());
        assert_eq!(name(), Err(MarketError::Unknown));
        publish(&world, "Eins");
        assert_eq!(name().as_deref(), Ok("Eins"));
        publish(&world, "Zwei");
        assert_eq!(name().as_deref(), Ok("Eins"), "for ten seconds");
        world.advance_s(10);
        assert_eq!(name().as_deref(), Ok("Zwei"));
        world.stores_fail.set(Some(StoreError::Unavailable));
        world.advance_s(3600);
        assert_eq!(name().as_deref(), Ok("Zwei"), "KV fails");
        world.stores_fail.set(None);
        world.advance_s(10);
        world.markets.borrow_mut().insert("market:de".into(), "{}".into());
        assert_eq!(name().as_deref(), Ok("Zwei"), "what lies in KV is damaged");
        world.advance_s(10);
        world.markets.borrow_mut().clear();
        assert_eq!(name(), Err(MarketError::Unknown), "it was taken back");
    }

    #[test]
    fn ok_what_this_isolate_purged_is_not_forgotten_while_kv_shows_an_old_list() {
        let world = World::new();
        publish(&world, "Eins");
        let (ports, memory) = (world.ports(), Memory::default());
        let code = MarketCode::new("de").expect("a code");
        let read = || {
            world.run(market(&ports, &memory, &code)).expect("there");
            memory.purges(&code).newest()
        };
        let list = |generation: i64| {
            format!(
                r#"[{{"id":1,"generation":{generation},"expires_at_ms":{},"hard":0}}]"#,
                i64::MAX
            )
        };
        let now = ports.clock.now().0;
        let put = |text: String| drop(world.markets.borrow_mut().insert("purges:de".into(), text));
        put(list(now - 50_000));
        assert_eq!(read(), now - 50_000);
        memory.set_purges(&code, PurgeRules::parse(&list(now), Timestamp(now)).expect("a list"));
        world.advance_s(10);
        assert_eq!(read(), now, "KV still shows the old list");
        put("damaged".into());
        world.advance_s(10);
        assert_eq!(read(), now, "what does not read changes nothing");
        world.advance_s(300);
        put("[]".into());
        assert_eq!(read(), 0, "rules end");
        put(list(now + 1));
        world.advance_s(10);
        assert_eq!(read(), now + 1);
    }

    #[test]
    fn ok_a_slow_kv_costs_its_limit_and_the_last_good_copy_serves() {
        let world = World::new();
        publish(&world, "Eins");
        let text = r#"[{"code":"de","name":"Eins","region":"eu","locales":["de-DE"]}]"#;
        world.markets.borrow_mut().insert(published::DIRECTORY_KEY.into(), text.into());
        let (ports, memory) = (world.ports(), Memory::default());
        let code = MarketCode::new("de").expect("a code");
        world.stores_take_ms.set(1_999);
        let read = || {
            let began = ports.clock.now();
            let market =
                world.run(market(&ports, &memory, &code)).map(|market| market.name.clone());
            let directory = world.run(directory(&ports, &memory)).map(|entries| entries.len());
            (market, directory, ports.clock.now().since_ms(began))
        };
        assert_eq!(read(), (Ok("Eins".to_owned()), Ok(1), 2 * 1_999), "the first read may wait");
        publish(&world, "Zwei");
        world.advance_s(10);
        assert_eq!(read(), (Ok("Eins".to_owned()), Ok(1), 2 * 250), "the copy serves");
        assert_eq!(read(), (Ok("Eins".to_owned()), Ok(1), 0), "KV rests for ten seconds");
        world.stores_take_ms.set(20);
        world.advance_s(10);
        assert_eq!(read().0.as_deref(), Ok("Zwei"));
    }

    #[test]
    fn err_a_cold_isolate_with_a_slow_kv_is_unavailable() {
        let world = World::new();
        publish(&world, "Eins");
        world.stores_take_ms.set(2_001);
        let (ports, memory) = (world.ports(), Memory::default());
        let code = MarketCode::new("de").expect("a code");
        let found = world.run(market(&ports, &memory, &code)).map(|_| ());
        assert_eq!(found, Err(MarketError::Unavailable));
        let found = world.run(directory(&ports, &memory)).map(|_| ());
        assert_eq!(found, Err(MarketError::Unavailable), "no empty directory is remembered");
        world.stores_take_ms.set(0);
        assert_eq!(world.run(directory(&ports, &memory)).map(|entries| entries.len()), Ok(0));
    }

    #[test]
    fn ok_lookups_remember_the_latest_ids() {
        let memory = Memory::default();
        assert_eq!(memory.lookup("id"), None);
        for number in 0..10_000 {
            memory.remember_lookup(&format!("id-{number}"), number.to_string().into());
        }
        assert_eq!(memory.lookup("id-9999").as_deref(), Some("9999"));
        assert_eq!(memory.lookup("id-7951"), None);
        assert_eq!(memory.lookup("id-7952").as_deref(), Some("7952"));
    }

    #[test]
    fn err_unavailable_is_not_unknown() {
        let world = World::new();
        world.stores_fail.set(Some(StoreError::Unavailable));
        let code = MarketCode::new("de").expect("a code");
        let found = world.run(market(&world.ports(), &Memory::default(), &code));
        assert_eq!(found.map(|_| ()), Err(MarketError::Unavailable));
    }
}
