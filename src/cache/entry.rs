//! The entry of a car in KV: the public parts of its facets, ready to be sent, one entry so that a car is one read.
//!
//! Lines of text. The first names the layout; each facet has one line of facts about it and one with its public projection as it is
//! sent, empty where the origin says that there is none. JSON without line breaks needs no escape here and no parser; its length stands
//! among the facts, so that what was cut off is noticed.

use std::rc::Rc;

use serde_json::Value;

use super::envelope::{Envelope, Stored};
use crate::market::{FacetName, MarketCode};
use crate::ports::{Rows, Timestamp};

/// The layout that this code writes and reads. Another one counts as nothing stored.
const LAYOUT: &str = "kerbside-car 2";
/// Stands where a facet withholds nothing.
const NOTHING: &str = "-";
/// KV takes no shorter lifetime.
const SHORTEST_TTL_S: u64 = 60;

/// The key of a car's entry.
pub fn key(market: &MarketCode, vehicle: &str) -> String {
    format!("car:{market}:{vehicle}")
}

/// The entry of these facets, and how long KV keeps it: until nobody may be served any of them.
pub fn encode(facets: &[(FacetName, Envelope)], now: Timestamp) -> (String, u64) {
    use std::fmt::Write as _;
    let mut text = LAYOUT.to_owned();
    let mut ttl_s = 0;
    for (facet, envelope) in facets {
        let (public, withheld) = match &envelope.stored {
            Stored::Present { public, withheld, .. } => (public.as_ref(), withheld.join(",")),
            Stored::Absent => ("", String::new()),
        };
        let withheld = if withheld.is_empty() { NOTHING } else { &withheld };
        let Envelope { stored_at, generation, source, policy, ttl_s: fresh_s, stale_s, error_s, took_ms, .. } =
            envelope;
        // OK because a String takes all.
        let _ = write!(
            text,
            "\n{facet} {generation} {} {policy} {fresh_s} {stale_s} {error_s} {took_ms} {source} {withheld} {}\n{public}",
            stored_at.0,
            public.len()
        );
        ttl_s = ttl_s.max(u64::try_from(envelope.expires_at().since_ms(now) / 1000).unwrap_or(0) + 1);
    }
    (text, ttl_s.max(SHORTEST_TTL_S))
}

/// The facets of an entry; nothing of what is damaged or of another layout.
pub fn decode(text: &str) -> impl Iterator<Item = (FacetName, Envelope)> + '_ {
    let mut lines = text.split('\n');
    let is_known = lines.next() == Some(LAYOUT);
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
        .take_while(move |_| is_known)
        .filter_map(|(facts, public)| facet(facts, public))
}

/// What an entry says about its facets without their values, by the names of D1's columns, and the public projection of identity.
/// For operators; damaged lines are shown as far as they read.
pub fn facts(text: &str) -> (Rows, Option<String>) {
    const NAMES: [&str; 11] = [
        "facet",
        "generation",
        "stored_at_ms",
        "policy",
        "ttl_s",
        "stale_s",
        "error_s",
        "took_ms",
        "source",
        "withheld",
        "public_bytes",
    ];
    let (mut rows, mut identity) = (Rows::new(), None);
    let mut lines = text.split('\n').skip(1);
    while let (Some(facts), Some(public)) = (lines.next(), lines.next()) {
        let mut row = serde_json::Map::new();
        for (name, word) in NAMES.into_iter().zip(facts.split(' ')) {
            let word = if word == NOTHING { "" } else { word };
            let number = word.parse::<i64>().ok().filter(|_| name != "source");
            row.insert(name.to_owned(), number.map_or_else(|| Value::from(word), Value::from));
        }
        if facts.starts_with("identity ") {
            identity = Some(public.to_owned());
        }
        rows.push(row);
    }
    (rows, identity)
}

fn facet(facts: &str, public: &str) -> Option<(FacetName, Envelope)> {
    let mut words = facts.split(' ');
    let mut word = || words.next();
    let name = FacetName::parse(word()?)?;
    let generation = word()?.parse().ok()?;
    let stored_at = Timestamp(word()?.parse().ok()?);
    let policy = word()?.parse().ok()?;
    let (ttl_s, stale_s) = (word()?.parse().ok()?, word()?.parse().ok()?);
    let (error_s, took_ms) = (word()?.parse().ok()?, word()?.parse().ok()?);
    let source = Rc::from(word()?);
    let withheld = word().filter(|word| !word.is_empty())?;
    // A facet is an object, which has two bytes at least.
    let length: usize = word()?.parse().ok()?;
    if word().is_some() || length != public.len() {
        return None;
    }
    let withheld: Rc<[String]> = match withheld {
        NOTHING => Rc::new([]),
        names => names.split(',').map(str::to_owned).collect(),
    };
    let stored = match public {
        "" => Stored::Absent,
        public => Stored::Present { public: Rc::from(public), withheld, sealed: None },
    };
    let (is_leased, is_purged) = (true, false);
    Some((
        name,
        Envelope {
            stored_at,
            generation,
            source,
            policy,
            ttl_s,
            stale_s,
            error_s,
            took_ms,
            is_leased,
            is_purged,
            stored,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facets() -> Vec<(FacetName, Envelope)> {
        let envelope = |stored| Envelope {
            stored_at: Timestamp(1_795_161_600_123),
            generation: 1_795_161_600_001,
            source: "master".into(),
            policy: 7,
            ttl_s: 10,
            stale_s: 20,
            error_s: 400,
            took_ms: 35,
            is_leased: true,
            is_purged: false,
            stored,
        };
        let present = |public: &str, withheld: &[&str]| Stored::Present {
            public: public.into(),
            withheld: withheld.iter().map(|name| (*name).to_owned()).collect(),
            sealed: None,
        };
        vec![
            (FacetName::Identity, envelope(present(r#"{"model":"a b\n—","power":{"value":1.50}}"#, &["vin", "x.y"]))),
            (FacetName::Energy, envelope(present("{}", &[]))),
            (FacetName::Warranty, envelope(Stored::Absent)),
        ]
    }

    #[test]
    fn ok_round_trip_to_the_letter() {
        let now = Timestamp(1_795_161_600_123);
        let (text, ttl_s) = encode(&facets(), now);
        assert_eq!(ttl_s, 411);
        let read: Vec<_> = decode(&text).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(encode(&read, now).0, text);
        let Stored::Present { public, withheld, .. } = &read[0].1.stored else { panic!("{text}") };
        assert_eq!(public.as_ref(), r#"{"model":"a b\n—","power":{"value":1.50}}"#);
        assert_eq!(withheld.join(" "), "vin x.y");
        assert!(matches!(read[2].1.stored, Stored::Absent));
    }

    #[test]
    fn err_damaged_is_nothing_of_that_facet() {
        let (text, _) = encode(&facets(), Timestamp(0));
        let names = |text: &str| decode(text).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(&text.replace("car 2", "car 3")), []);
        assert_eq!(names(&text.replace("\nidentity ", "\nidentitx ")), [FacetName::Energy, FacetName::Warranty]);
        assert_eq!(names(&text.replace(" vin,", "  vin,")), [FacetName::Energy, FacetName::Warranty]);
        for end in 0..text.len() {
            let Some(cut) = text.get(..end) else { continue };
            for (name, envelope) in decode(cut) {
                let whole = facets().into_iter().find(|(known, _)| *known == name).expect("known").1;
                let same = match (&envelope.stored, &whole.stored) {
                    (Stored::Present { public, .. }, Stored::Present { public: all, .. }) => public == all,
                    (Stored::Absent, Stored::Absent) => true,
                    _ => false,
                };
                assert!(same, "cut at {end}: {name}");
            }
        }
    }

    #[test]
    fn ok_no_lifetime_below_what_kv_takes() {
        assert_eq!(encode(&facets(), Timestamp(1_795_161_900_000)).1, 111);
        assert_eq!(encode(&facets(), Timestamp(1_795_162_900_000)).1, 60);
    }
}
