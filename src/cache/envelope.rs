//! A stored facet: its public projection and what its age means.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ports::Timestamp;

/// The layout that this code writes and reads. Another one counts as nothing stored.
const SCHEMA: u32 = 1;

/// A stored facet. JSON in KV and D1; the projection inside goes out as it is, unparsed.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// When it was fetched.
    pub stored_at: Timestamp,
    /// The origin's name.
    pub source: String,
    /// The disclosure policy that the projection was made under; under another one it must not be served.
    pub policy: u32,
    /// Seconds that it is fresh.
    pub ttl_s: u32,
    /// Further seconds that it is served while it is refreshed.
    pub stale_s: u32,
    /// Further seconds, from the end of `ttl_s`, that it is served while the origin fails.
    pub error_s: u32,
    /// What is stored.
    pub stored: Stored,
}

/// What is stored of a facet.
#[derive(Debug, Clone)]
pub enum Stored {
    /// The public projection, and the names of the fields that it leaves out.
    Present {
        /// A JSON object.
        public: Box<RawValue>,
        /// Names of fields above the public tier.
        withheld: Vec<String>,
    },
    /// The origin says that there is none.
    Absent,
}

/// What an envelope's age means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Serve it.
    Fresh,
    /// Serve it, and refresh it after the answer.
    Stale,
    /// Serve it only where the origin does not answer.
    Failing,
    /// Never serve it.
    Expired,
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
struct Wire {
    schema: u32,
    stored_at_ms: i64,
    source: String,
    policy: u32,
    ttl_s: u32,
    stale_s: u32,
    error_s: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<String>,
}

impl Envelope {
    /// Seconds since it was fetched.
    pub fn age_s(&self, now: Timestamp) -> i64 {
        now.since_ms(self.stored_at) / 1000
    }

    /// What its age means at a time.
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        let past_ttl = self.age_s(now) - i64::from(self.ttl_s);
        match past_ttl {
            ..0 => Freshness::Fresh,
            past if past < self.stale_s.into() => Freshness::Stale,
            past if past < self.error_s.into() => Freshness::Failing,
            _ => Freshness::Expired,
        }
    }

    /// Seconds from its fetch until nobody may be served it.
    pub fn lifetime_s(&self) -> u64 {
        u64::from(self.ttl_s) + u64::from(self.stale_s.max(self.error_s))
    }

    /// Bytes of what it holds, about.
    pub fn bytes(&self) -> usize {
        match &self.stored {
            Stored::Present { public, .. } => public.get().len(),
            Stored::Absent => 0,
        }
    }

    /// The stored text.
    pub fn encode(&self) -> String {
        let (public, withheld) = match &self.stored {
            Stored::Present { public, withheld } => (Some(public.clone()), withheld.clone()),
            Stored::Absent => (None, Vec::new()),
        };
        let Self { stored_at, source, policy, ttl_s, stale_s, error_s, .. } = self;
        let wire = Wire {
            schema: SCHEMA,
            stored_at_ms: stored_at.0,
            source: source.clone(),
            policy: *policy,
            ttl_s: *ttl_s,
            stale_s: *stale_s,
            error_s: *error_s,
            public,
            withheld,
        };
        serde_json::to_string(&wire).unwrap_or_default() // OK because strings and numbers always serialise.
    }

    /// Reads a stored text; nothing where it is damaged or of another layout.
    pub fn decode(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok().filter(|wire: &Wire| wire.schema == SCHEMA)?;
        let stored = match wire.public {
            Some(public) => Stored::Present { public, withheld: wire.withheld },
            None => Stored::Absent,
        };
        Some(Self {
            stored_at: Timestamp(wire.stored_at_ms),
            source: wire.source,
            policy: wire.policy,
            ttl_s: wire.ttl_s,
            stale_s: wire.stale_s,
            error_s: wire.error_s,
            stored,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(stored: Stored) -> Envelope {
        let stored_at = Timestamp(1_000_000);
        Envelope { stored_at, source: "master".into(), policy: 7, ttl_s: 10, stale_s: 20, error_s: 40, stored }
    }

    #[test]
    fn ok_freshness_by_age() {
        let envelope = envelope(Stored::Absent);
        for (age_s, expect) in [
            (0, Freshness::Fresh),
            (9, Freshness::Fresh),
            (10, Freshness::Stale),
            (29, Freshness::Stale),
            (30, Freshness::Failing),
            (49, Freshness::Failing),
            (50, Freshness::Expired),
            (-5, Freshness::Fresh), // The clock of another isolate may run behind.
        ] {
            assert_eq!(envelope.freshness(Timestamp(1_000_000 + age_s * 1000)), expect, "{age_s} s");
        }
    }

    #[test]
    fn ok_round_trip_keeps_the_projection_to_the_letter() {
        let public = RawValue::from_string(r#"{"b":1,"a":[1.50]}"#.into()).expect("JSON");
        let text = envelope(Stored::Present { public, withheld: vec!["vin".into()] }).encode();
        let read = Envelope::decode(&text).expect("readable");
        assert_eq!(read.encode(), text);
        assert!(matches!(read.stored, Stored::Present { public, .. } if public.get() == r#"{"b":1,"a":[1.50]}"#));
        assert!(matches!(Envelope::decode(&envelope(Stored::Absent).encode()).map(|e| e.stored), Some(Stored::Absent)));
    }

    #[test]
    fn err_damaged_or_of_another_layout_is_nothing() {
        let text = envelope(Stored::Absent).encode();
        for damaged in ["", "{}", &text.replace("\"schema\":1", "\"schema\":2"), text.get(..20).unwrap_or_default()] {
            assert!(Envelope::decode(damaged).is_none(), "{damaged}");
        }
    }
}
