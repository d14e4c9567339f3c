//! The entry of a car in KV: the public parts of its facets, ready to be sent, one entry so that a
//! car is one read.
//!
//! Lines of text. The first names the layout, and has a keyed checksum of the others and of the
//! entry's key, because what follows is sent without being parsed; each facet has one line of facts
//! about it and one with its public projection as it is sent, empty where the origin says that
//! there is none. JSON without line breaks needs no escape here and no parser; its length stands
//! among the facts, so that what was cut off is noticed.

use std::ops::Range;

use serde_json::Value;

use super::envelope::{Envelope, Stored};
use super::sealing::SealingRing;
use crate::market::{FacetName, MarketCode};
use crate::ports::{Ports, Rows, Timestamp};
use crate::telemetry::{Event, Level};
use crate::text::SharedStr;

/// The layout that this code writes and reads. An entry of another one counts as empty.
const LAYOUT: &str = "kerbside-car 3";
/// Placeholder of a facet that withholds nothing.
const NOTHING: &str = "-";
/// The shortest lifetime that KV takes, seconds.
const MIN_TTL_S: u64 = 60;

/// The key of a car's entry.
pub fn entry_key(market: &MarketCode, vehicle: &str) -> String {
    ["car:", market.as_str(), ":", vehicle].concat()
}

/// Writes the entry of these facets. Its lifetime in seconds, at least 60, ends when nobody may be
/// served any of them.
pub fn encode_entry(facets: &[(FacetName, Envelope)], now: Timestamp) -> (String, u64) {
    use std::fmt::Write as _;
    let mut text = LAYOUT.to_owned();
    let mut ttl_s = 0;
    for (facet, envelope) in facets {
        let (public, withheld) = match &envelope.stored {
            Stored::Present { public, withheld, .. } => (&**public, &**withheld),
            Stored::Absent => ("", ""),
        };
        let withheld = if withheld.is_empty() { NOTHING } else { withheld };
        let Envelope {
            stored_at,
            generation,
            source,
            policy,
            ttl_s: fresh_s,
            stale_s,
            error_s,
            took_ms,
            ..
        } = envelope;
        // OK because writing to a String never fails.
        let _ = write!(
            text,
            "\n{facet} {generation} {} {policy} {fresh_s} {stale_s} {error_s} {took_ms} {} \
             {withheld} {}\n{public}",
            stored_at.0,
            &**source,
            public.len()
        );
        ttl_s = ttl_s.max(envelope.expires_at().since_ms(now).unsigned_abs() / 1000 + 1);
    }
    (text, ttl_s.max(MIN_TTL_S))
}

/// Adds the checksum under the ring's newest key to an entry that is to be stored under `key`.
pub fn sign_entry(ring: &SealingRing, key: &str, text: &str) -> String {
    let (head, facets) = text.split_at(line_length(text));
    let number = ring.newest();
    // OK because the newest key is held; an entry without a checksum is never read.
    let checksum = ring.checksum(number, key, facets).unwrap_or_default();
    format!("{head} {number} {checksum:016x}{facets}")
}

/// The entry that was read under `key`, if its checksum is right; an empty one otherwise, so that
/// D1 is read. An entry of another layout or under a key that is not held says nothing; any other
/// that does not fit is reported.
pub fn verified_entry(ring: &SealingRing, key: &str, text: String, ports: &Ports) -> SharedStr {
    match is_signed(ring, key, &text) {
        Some(true) => return text.into(),
        Some(false) => {
            let message = "the entry of a car in KV was changed or damaged: it is not served";
            ports.events.emit(Event::new(Level::Error, message));
        }
        None => {}
    }
    SharedStr::from("")
}

/// True if the checksum in an entry's first line is right. `None` for another layout, and under a
/// key that is not held.
fn is_signed(ring: &SealingRing, key: &str, text: &str) -> Option<bool> {
    let (head, facets) = text.split_at(line_length(text));
    let stated = head.strip_prefix(LAYOUT)?.trim_start().split_once(' ');
    let stated = stated.and_then(|(number, checksum)| {
        Some((number.parse().ok()?, u64::from_str_radix(checksum, 16).ok()?))
    });
    let Some((number, checksum)) = stated else { return Some(false) };
    Some(ring.checksum(number, key, facets)? == checksum)
}

/// Reads the facets of an entry. Damaged facets and entries of another layout are left out.
pub fn decode_entry(text: &SharedStr) -> impl Iterator<Item = (FacetName, Envelope)> + '_ {
    let is_known = text.starts_with(LAYOUT);
    let mut end = line_length(text);
    std::iter::from_fn(move || {
        let rest = text.get(end..).filter(|_| is_known)?.strip_prefix('\n')?;
        let line = end + 1..end + 1 + line_length(rest);
        let start = line.end + 1;
        let facet = read_facet(text, line);
        // The length says where a value ends, so that values are not searched. Where the facts do
        // not add up the value ends with its line.
        end = match &facet {
            Some((_, _, value_end)) => *value_end,
            None => start + line_length(text.get(start..)?),
        };
        Some(facet.map(|(name, envelope, _)| (name, envelope)))
    })
    .flatten()
}

/// Describes the facets of an entry without their values, by the names of D1's columns, and returns
/// the public projection of identity. For operators; damaged lines are shown as far as they read.
pub fn describe_entry(text: &str) -> (Rows, Option<String>) {
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

fn line_length(text: &str) -> usize {
    text.bytes().position(|byte| byte == b'\n').unwrap_or(text.len())
}

/// Reads the facet whose facts are in this line, and the end of its value, which follows.
fn read_facet(text: &SharedStr, line: Range<usize>) -> Option<(FacetName, Envelope, usize)> {
    let mut from = line.start;
    let mut word = || {
        let rest = text.get(from..line.end)?;
        let word = from..from + rest.bytes().position(|byte| byte == b' ').unwrap_or(rest.len());
        from = word.end + 1;
        Some(word)
    };
    let name = FacetName::parse(text.get(word()?)?)?;
    let generation = text.get(word()?)?.parse().ok()?;
    let stored_at = Timestamp(text.get(word()?)?.parse().ok()?);
    let mut number = || text.get(word()?)?.parse().ok();
    let (policy, ttl_s, stale_s, error_s, took_ms) =
        (number()?, number()?, number()?, number()?, number()?);
    let (source, withheld) = (text.part(word()?)?, word().filter(|word| !word.is_empty())?);
    let withheld = if text.get(withheld.clone())? == NOTHING { 0..0 } else { withheld };
    let length: usize = text.get(word()?)?.parse().ok()?;
    let value = line.end + 1..(line.end + 1).checked_add(length)?;
    let is_whole = matches!(text.as_bytes().get(value.end), None | Some(b'\n'));
    if word().is_some() || !is_whole {
        return None;
    }
    let (public, withheld) = (text.part(value.clone())?, text.part(withheld)?);
    // A facet is a JSON object: at least two bytes.
    let is_absent = public.is_empty();
    let stored =
        if is_absent { Stored::Absent } else { Stored::Present { public, withheld, sealed: None } };
    let (is_leased, is_purged) = (true, false);
    let envelope = Envelope {
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
        keeper: None,
        stored,
    };
    if !envelope.is_within_bounds() {
        return None;
    }
    Some((name, envelope, value.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

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
            keeper: None,
            stored,
        };
        let present = |public: &str, withheld: &[&str]| Stored::Present {
            public: public.into(),
            withheld: withheld.join(",").into(),
            sealed: None,
        };
        vec![
            (
                FacetName::Identity,
                envelope(present(r#"{"model":"a b\n—","power":{"value":1.50}}"#, &["vin", "x.y"])),
            ),
            (FacetName::Energy, envelope(present("{}", &[]))),
            (FacetName::Warranty, envelope(Stored::Absent)),
        ]
    }

    #[test]
    fn ok_round_trip_to_the_letter() {
        let now = Timestamp(1_795_161_600_123);
        let (text, ttl_s) = encode_entry(&facets(), now);
        assert_eq!(ttl_s, 411);
        let read: Vec<_> = decode_entry(&text.as_str().into()).collect();
        assert_eq!(read.len(), 3);
        assert_eq!(encode_entry(&read, now).0, text);
        let Stored::Present { public, withheld, .. } = &read[0].1.stored else { panic!("{text}") };
        assert_eq!(&**public, r#"{"model":"a b\n—","power":{"value":1.50}}"#);
        assert_eq!(&**withheld, "vin,x.y");
        assert!(matches!(read[2].1.stored, Stored::Absent));
    }

    #[test]
    fn err_an_entry_that_was_changed_moved_or_is_not_signed_is_empty() {
        let world = World::new();
        let add = |number: u8, byte: u8| {
            let key = STANDARD.encode([byte; 32]);
            world.secrets.borrow_mut().insert(format!("SEALING_KEY_{number}"), key);
            SealingRing::parse(world.ports().secrets.as_ref()).expect("keys")
        };
        let ring = add(1, 7);
        let text = encode_entry(&facets(), Timestamp(0)).0;
        let signed = sign_entry(&ring, "car:de:x", &text);
        let read = |ring: &SealingRing, key: &str, text: &str| {
            decode_entry(&verified_entry(ring, key, text.to_owned(), &world.ports())).count()
        };
        assert_eq!(read(&ring, "car:de:x", &signed), 3);
        assert_eq!(read(&add(2, 8), "car:de:x", &signed), 3, "a rotation keeps entries");
        assert_eq!(read(&ring, "car:de:y", &signed), 0, "another car's");
        assert_eq!(read(&ring, "car:de:x", &text), 0, "no checksum");
        for at in 0..signed.len() {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert_eq!(read(&ring, "car:de:x", &changed), 0, "byte {at}");
        }
        for end in (0..signed.len()).filter(|end| signed.is_char_boundary(*end)) {
            assert_eq!(read(&ring, "car:de:x", &signed[..end]), 0, "cut at {end}");
        }
    }

    #[test]
    fn err_numbers_out_of_their_bounds_are_nothing() {
        let count = |change: fn(&mut Envelope)| {
            let mut facets = facets();
            facets.truncate(1);
            change(&mut facets[0].1);
            decode_entry(&encode_entry(&facets, Timestamp(0)).0.as_str().into()).count()
        };
        assert_eq!(count(|_| {}), 1);
        assert_eq!(count(|envelope| envelope.ttl_s = u32::MAX), 0);
        assert_eq!(count(|envelope| envelope.stale_s = u32::MAX), 0);
        assert_eq!(count(|envelope| envelope.error_s = u32::MAX), 0);
        assert_eq!(count(|envelope| envelope.took_ms = u32::MAX), 0);
        assert_eq!(count(|envelope| envelope.generation = -1), 0);
        assert_eq!(count(|envelope| envelope.stored_at = Timestamp(-1)), 0);
        assert_eq!(count(|envelope| envelope.stored_at = Timestamp(i64::MAX - 1)), 0);
    }

    #[test]
    fn err_damaged_is_nothing_of_that_facet() {
        let (text, _) = encode_entry(&facets(), Timestamp(0));
        let names =
            |text: &str| decode_entry(&text.into()).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(&text.replace("car 3", "car 2")), []);
        assert_eq!(
            names(&text.replace("\nidentity ", "\nidentitx ")),
            [FacetName::Energy, FacetName::Warranty]
        );
        assert_eq!(
            names(&text.replace(" vin,", "  vin,")),
            [FacetName::Energy, FacetName::Warranty]
        );
        for end in 0..text.len() {
            let Some(cut) = text.get(..end) else { continue };
            for (name, envelope) in decode_entry(&cut.into()) {
                let whole =
                    facets().into_iter().find(|(known, _)| *known == name).expect("known").1;
                let same = match (&envelope.stored, &whole.stored) {
                    (Stored::Present { public, .. }, Stored::Present { public: all, .. }) => {
                        public == all
                    }
                    (Stored::Absent, Stored::Absent) => true,
                    _ => false,
                };
                assert!(same, "cut at {end}: {name}");
            }
        }
    }

    #[test]
    fn ok_no_lifetime_below_what_kv_takes() {
        assert_eq!(encode_entry(&facets(), Timestamp(1_795_161_900_000)).1, 111);
        assert_eq!(encode_entry(&facets(), Timestamp(1_795_162_900_000)).1, 60);
    }
}
