//! A stored facet: its public projection, its sealed value, and its freshness by age.
//!
//! Leaves to others: its form in KV (`entry`) and in D1 (`rows`).

use std::rc::Rc;

use super::sealing::Sealed;
use crate::disclosure::KeeperHash;
use crate::ports::{Random, Timestamp};
use crate::text::SharedStr;

/// The latest time that is read, the end of the year 9999 in milliseconds.
const MAX_TIME_MS: i64 = 253_402_300_799_999;
/// The longest freshness lifetime, seconds: a year and a tenth.
const MAX_TTL_S: u32 = 34_689_600;
/// The longest fetch, milliseconds: a day. A call takes half a minute; a lease may wait.
const MAX_TOOK_MS: u32 = 86_400_000;

/// A stored facet.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The time of the fetch's end.
    pub stored_at: Timestamp,
    /// The time of the fetch's start, milliseconds by the region's own clock (D1). An older
    /// generation never replaces a newer one.
    pub generation: i64,
    /// The origin's name.
    pub source: SharedStr,
    /// The disclosure policy of the projection. The facet must not be served under another one.
    pub policy: u32,
    /// Seconds that it is fresh: the market's value, and up to a tenth more or less.
    pub ttl_s: u32,
    /// Further seconds of stale-while-revalidate: it is served while it is refreshed.
    pub stale_s: u32,
    /// Seconds of stale-if-error from the end of `ttl_s`: it is served while the origin fails.
    pub error_s: u32,
    /// Duration of the fetch, milliseconds.
    pub took_ms: u32,
    /// True if the generation is that of a lease. Else it is the isolate's clock, which D1 replaces
    /// by its own.
    pub is_leased: bool,
    /// True if a soft purge matches it: it is stale at most.
    pub is_purged: bool,
    /// The keeper of a registration that is about to be recorded: `stored_facet.keeper`. Nothing
    /// where it was read from a store: the sealed value says it to those who may know.
    pub keeper: Option<KeeperHash>,
    /// The stored value.
    pub stored: Stored,
}

/// The stored value of a facet.
#[derive(Debug, Clone)]
pub enum Stored {
    /// The facet.
    Present {
        /// The public projection: a JSON object on one line, sent as it stands.
        public: SharedStr,
        /// Names of fields above the public tier, with commas between them.
        withheld: SharedStr,
        /// The whole facet. Nothing where no field is above public, or where this came from KV,
        /// which has public parts only.
        sealed: Option<Rc<Sealed>>,
    },
    /// The origin reported that there is none (negative caching).
    Absent,
}

/// The meaning of an envelope's age (RFC 9111 §4.2, RFC 5861).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it after the response (stale-while-revalidate).
    Stale,
    /// Serve it only where the origin does not respond (stale-if-error).
    Failing,
    /// Never serve it.
    Expired,
}

impl Envelope {
    /// True if all its numbers are ones that a market and a clock can have given. The limits of a
    /// market file are a year, and two for stale-if-error; jitter adds a tenth, and a soft purge
    /// moves the freshness lifetime into both windows.
    pub fn is_within_bounds(&self) -> bool {
        (0..=MAX_TIME_MS).contains(&self.stored_at.0)
            && (0..=MAX_TIME_MS).contains(&self.generation)
            && self.ttl_s <= MAX_TTL_S
            && self.stale_s <= 2 * MAX_TTL_S
            && self.error_s <= 3 * MAX_TTL_S
            && self.took_ms <= MAX_TOOK_MS
    }

    /// Seconds since it was fetched.
    pub fn age_s(&self, now: Timestamp) -> i64 {
        now.since_ms(self.stored_at) / 1000
    }

    /// Its freshness at a time.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        let past_ttl = self.age_s(now) - i64::from(self.ttl_s);
        match past_ttl {
            ..0 if !self.is_purged => Freshness::Fresh,
            ..0 => Freshness::Stale,
            past if past < self.stale_s.into() => Freshness::Stale,
            past if past < self.error_s.into() => Freshness::Failing,
            _ => Freshness::Expired,
        }
    }

    /// True if this request should refresh it although it is fresh (early refresh). The nearer its
    /// end and the longer its fetch, the likelier, so that of many requests one refreshes in time
    /// (Vattani and others, "Optimal Probabilistic Cache Stampede Prevention", 2015, beta 1).
    pub fn is_due_early(&self, now: Timestamp, random: &dyn Random) -> bool {
        if !self.may_be_due_early(now) {
            return false;
        }
        let left_ms = self.left_ms(now);
        let mut bytes = [0; 4];
        random.fill(&mut bytes);
        let chance = (f64::from(u32::from_be_bytes(bytes)) + 1.0) / 4_294_967_296.0;
        #[expect(clippy::cast_precision_loss, reason = "less than 40 times a u32")]
        let left_ms = left_ms as f64;
        f64::from(self.took_ms) * -chance.ln() >= left_ms
    }

    /// True if [`Self::is_due_early`] can be true at all: e^-40 does not happen, so most requests
    /// need no randomness.
    pub fn may_be_due_early(&self, now: Timestamp) -> bool {
        (1..=40 * i64::from(self.took_ms)).contains(&self.left_ms(now))
    }

    fn left_ms(&self, now: Timestamp) -> i64 {
        i64::from(self.ttl_s) * 1000 - now.since_ms(self.stored_at)
    }

    /// Seconds from its fetch until it must not be served.
    pub fn lifetime_s(&self) -> u64 {
        u64::from(self.ttl_s) + u64::from(self.stale_s.max(self.error_s))
    }

    /// The time from which it must not be served.
    pub fn expires_at(&self) -> Timestamp {
        // OK because three u32 times 1000 fit an i64.
        let lifetime_ms = i64::try_from(self.lifetime_s() * 1000).unwrap_or(i64::MAX);
        Timestamp(self.stored_at.0.saturating_add(lifetime_ms))
    }

    /// Approximate bytes of its values.
    pub fn bytes(&self) -> usize {
        match &self.stored {
            Stored::Present { public, sealed, .. } => {
                public.len() + sealed.as_ref().map_or(0, |sealed| sealed.text.len())
            }
            Stored::Absent => 0,
        }
    }

    /// True if all of it is here, rather than its public part alone.
    pub fn is_whole(&self) -> bool {
        match &self.stored {
            Stored::Present { withheld, sealed, .. } => withheld.is_empty() || sealed.is_some(),
            Stored::Absent => true,
        }
    }
}

/// A lifetime and up to a tenth more or less, so that facets stored together do not expire
/// together.
pub fn jittered(ttl_s: u32, random: &dyn Random) -> u32 {
    let mut bytes = [0; 2];
    random.fill(&mut bytes);
    let tenth = u64::from(ttl_s) * u64::from(u16::from_be_bytes(bytes)) / (5 * u64::from(u16::MAX));
    // A lifetime near the largest u32 stays without jitter.
    u32::try_from(u64::from(ttl_s) - u64::from(ttl_s / 10) + tenth).unwrap_or(ttl_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;

    fn envelope() -> Envelope {
        Envelope {
            stored_at: Timestamp(1_000_000),
            generation: 1,
            source: "master".into(),
            policy: 7,
            ttl_s: 10,
            stale_s: 20,
            error_s: 40,
            took_ms: 500,
            is_leased: true,
            is_purged: false,
            keeper: None,
            stored: Stored::Absent,
        }
    }

    #[test]
    fn ok_freshness_by_age() {
        for (age_s, expect, purged) in [
            (0, Freshness::Fresh, Freshness::Stale),
            (9, Freshness::Fresh, Freshness::Stale),
            (10, Freshness::Stale, Freshness::Stale),
            (29, Freshness::Stale, Freshness::Stale),
            (30, Freshness::Failing, Freshness::Failing),
            (49, Freshness::Failing, Freshness::Failing),
            (50, Freshness::Expired, Freshness::Expired),
            // The clock of another isolate may run behind.
            (-5, Freshness::Fresh, Freshness::Stale),
        ] {
            let now = Timestamp(1_000_000 + age_s * 1000);
            assert_eq!(envelope().freshness(now), expect, "{age_s} s");
            assert_eq!(
                Envelope { is_purged: true, ..envelope() }.freshness(now),
                purged,
                "{age_s} s, purged"
            );
        }
    }

    #[test]
    fn ok_jitter_stays_within_a_tenth_and_reaches_both_ends() {
        let random = World::new().ports().random;
        let drawn: Vec<u32> = (0..2_000).map(|_| jittered(3_600, random.as_ref())).collect();
        assert!(drawn.iter().all(|ttl_s| (3_240..=3_960).contains(ttl_s)));
        assert!(
            drawn.iter().any(|ttl_s| *ttl_s < 3_300) && drawn.iter().any(|ttl_s| *ttl_s > 3_900)
        );
        assert_eq!([jittered(0, random.as_ref()), jittered(1, random.as_ref())], [0, 1]);
    }

    #[test]
    fn ok_early_refresh_gets_likelier_towards_the_end() {
        let random = World::new().ports().random;
        let share = |left_ms: i64| {
            let now = Timestamp(1_000_000 + 10_000 - left_ms);
            (0..2_000).filter(|_| envelope().is_due_early(now, random.as_ref())).count()
        };
        // e^(-left/took): 13.5 % at two fetches' length, 60.7 % at half of one.
        assert!((200..340).contains(&share(1_000)), "{}", share(1_000));
        assert!((1_120..1_310).contains(&share(250)), "{}", share(250));
        assert_eq!([share(20_001), share(0)], [0, 0]);
    }
}
