//! Published markets and their purges: read from KV together, kept in the isolate for seconds, the
//! last good copy for as long as KV fails.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::cache::Lookups;
use crate::cache::purge::{self, Purges};
use crate::cache::{SealingRing, SealingRingError};
use crate::market::published::{self, DirectoryEntry};
use crate::market::{Market, MarketCode};
use crate::ports::{Ports, StoreError, Timestamp};
use crate::telemetry::{Event, Level, field};
use crate::vehicle::{KeyRing, KeyRingError};

/// Milliseconds that an isolate does not look for a new version.
const LOOK_AGAIN_MS: i64 = 10_000;
/// Refused tokens are counted for so long.
const FAILURES_MS: i64 = 60_000;

/// What an isolate remembers between requests: plain data with an age, never a future or a lock.
#[derive(Default)]
pub struct Memory {
    markets: RefCell<BTreeMap<MarketCode, Remembered<Served>>>,
    directory: RefCell<Option<Remembered<Rc<Vec<DirectoryEntry>>>>>,
    keys: RefCell<Option<Rc<KeyRing>>>,
    sealing: RefCell<Option<Rc<SealingRing>>>,
    lookups: RefCell<Lookups>,
    /// Since when, and how many.
    failures: Cell<(Timestamp, i64)>,
}

/// A market and what is declared outdated in it.
#[derive(Clone)]
struct Served {
    market: Rc<Market>,
    purges: Rc<Purges>,
}

#[derive(Clone)]
struct Remembered<T> {
    value: T,
    looked_at: Timestamp,
}

impl<T> Remembered<T> {
    fn is_recent(&self, now: Timestamp) -> bool {
        now.since_ms(self.looked_at) < LOOK_AGAIN_MS
    }
}

/// Why a market cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// No market of this code is published here.
    #[error("no such market")]
    Unknown,
    /// It is published, but cannot be read now, and this isolate has no good copy.
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

    /// What stands for cars in stores. Not to be held across a wait.
    pub fn lookups(&self) -> RefMut<'_, Lookups> {
        self.lookups.borrow_mut()
    }

    /// What is declared outdated in a market that was just read.
    pub fn purges(&self, code: &MarketCode) -> Rc<Purges> {
        self.markets
            .borrow()
            .get(code)
            .map(|known| Rc::clone(&known.value.purges))
            .unwrap_or_default()
    }

    /// Takes in what an operator has just declared by way of this isolate; others read it from KV.
    pub fn learn(&self, code: &MarketCode, purges: Purges) {
        if let Some(known) = self.markets.borrow_mut().get_mut(code) {
            known.value.purges = Rc::new(purges);
        }
    }

    /// Counts a token that was refused: how many there were in the last minute.
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
/// [`MarketError`], where no good copy can be had.
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
    let texts = ports.markets.get_many(vec![published::market_key(code), purge::key(code)]).await;
    let served = match texts.as_deref() {
        Ok([Some(text), purges]) => {
            let market = read_market(ports, code, text).map(Rc::new);
            let market = market.or_else(|| last_good.as_ref().map(|last| Rc::clone(&last.market)));
            let purges = read_purges(ports, code, purges.as_deref());
            let purges = newer(purges, last_good.map(|last| last.purges), now);
            market.map(|market| Served { market, purges })
        }
        Ok([None, _]) => {
            memory.markets.borrow_mut().remove(code);
            return Err(MarketError::Unknown);
        }
        _ => last_good,
    };
    let served = served.ok_or(MarketError::Unavailable)?;
    let market = Rc::clone(&served.market);
    memory.markets.borrow_mut().insert(code.clone(), Remembered { value: served, looked_at: now });
    Ok(market)
}

/// All markets of all regions, in the order of their codes. Empty where none is published or KV
/// fails.
pub async fn directory(ports: &Ports, memory: &Memory) -> Rc<Vec<DirectoryEntry>> {
    let now = ports.clock.now();
    let remembered = memory.directory.borrow().clone();
    if let Some(known) = remembered.as_ref().filter(|known| known.is_recent(now)) {
        return Rc::clone(&known.value);
    }
    let text = read_one(ports, published::DIRECTORY_KEY.to_owned()).await.ok().flatten();
    let read = text.and_then(|text| published::parse_directory(&text));
    let value = read.map(Rc::new).or(remembered.map(|known| known.value)).unwrap_or_default();
    *memory.directory.borrow_mut() = Some(Remembered { value: Rc::clone(&value), looked_at: now });
    value
}

async fn read_one(ports: &Ports, key: String) -> Result<Option<String>, StoreError> {
    ports.markets.get(key).await
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

/// What KV says, unless it is behind what is known here: it may show an old list for a minute.
/// Lists are whole, so that the one with the newest rule is the newer one.
fn newer(read: Option<Rc<Purges>>, known: Option<Rc<Purges>>, now: Timestamp) -> Rc<Purges> {
    let (Some(read), Some(known)) = (&read, &known) else {
        return read.or(known).unwrap_or_default();
    };
    let is_ahead =
        known.newest() > read.newest() && now.since_ms(Timestamp(known.newest())) < purge::YOUNG_MS;
    Rc::clone(if is_ahead { known } else { read })
}

/// No text: no purges. Nothing where it does not read: what was known goes on.
fn read_purges(ports: &Ports, code: &MarketCode, text: Option<&str>) -> Option<Rc<Purges>> {
    let read = text.map_or_else(|| Some(Purges::default()), Purges::parse);
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
        memory.learn(&code, Purges::parse(&list(now)).expect("a list"));
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
    fn err_unavailable_is_not_unknown() {
        let world = World::new();
        world.stores_fail.set(Some(StoreError::Unavailable));
        let code = MarketCode::new("de").expect("a code");
        let found = world.run(market(&world.ports(), &Memory::default(), &code));
        assert_eq!(found.map(|_| ()), Err(MarketError::Unavailable));
    }
}
