//! The chain of the audit against real `SQLite`: floods, two runs at once, and every kind of
//! tampering, found by the walk of `cargo xtask audit verify`.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::{join, join_all};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::audit::{
    Action, Actor, ChainCounts, ChainFlaw, ChainWalk, ENTRIES_A_BATCH, Entry, IS_AUDITED,
    RETENTION_MS, SignatureVerdict, SignedHead, act, entry_digest, link_hash, page,
};
use crate::jobs::retention;
use crate::ports::fake::World;
use crate::ports::signatures::RingCrypto;
use crate::ports::{PublicKey, SignatureAlgorithm, sqlite};

struct Region {
    world: Rc<World>,
    database: Rc<Connection>,
    ports: Ports,
}

impl Region {
    /// A region with an audit key.
    fn new() -> Self {
        let region = Self::without_key();
        region.world.secrets.borrow_mut().insert("AUDIT_KEY_1".into(), random_key());
        region
    }

    fn without_key() -> Self {
        let world = World::new();
        world.use_crypto(Rc::new(RingCrypto));
        let database = sqlite::install(&world);
        let ports = world.ports();
        Self { world, database, ports }
    }

    fn act(&self, actor: &str) {
        let entry = Entry {
            reason: Some("né: 5:x"),
            market: Some("de"),
            vehicle: Some("car"),
            ..Entry::new(Actor::Operator(actor), "purge", "r-1")
        };
        self.world.run(act(&self.ports, &entry, &[])).expect("done");
    }

    fn run_job(&self) {
        self.world.run(run(&self.ports)).expect("a run");
    }

    /// Inserts entries as one statement: many at once.
    fn insert(&self, count: i64) {
        let sql = format!(
            "INSERT INTO audit_entry (position, id, at_ms, actor_kind, actor, action, request_id) \
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) \
             SELECT n + (SELECT coalesce(max(position), 0) FROM audit_entry), \
               hex(randomblob(16)), {}, 'system', 'flood', 'flood', 'r-1' FROM n",
            self.world.clock().now().0
        );
        self.database.execute_batch(&sql).expect("entries");
    }

    fn count(&self, sql: &str) -> i64 {
        self.database.query_row(sql, [], |row| row.get(0)).expect("a count")
    }

    /// Walks the chain as the command does, with the region's public keys.
    fn verify(&self) -> Result<ChainCounts, ChainFlaw> {
        let keys = HeadKeys::parse(self.ports.secrets.as_ref()).expect("keys").public_jwks();
        let check = |signed: &SignedHead| self.check(&keys, signed);
        let mut walk = ChainWalk::new(self.world.clock().now(), &check);
        loop {
            let select = page(walk.position(), 400);
            let rows = self.world.run(self.ports.db.batch(vec![select])).expect("SQL").remove(0);
            if rows.is_empty() {
                return walk.end(!keys.is_empty());
            }
            rows.iter().try_for_each(|row| walk.follow(row))?;
        }
    }

    fn check(&self, keys: &[Value], signed: &SignedHead) -> SignatureVerdict {
        let Some(jwk) = keys.iter().find(|jwk| jwk["kid"] == signed.kid.as_str()) else {
            return SignatureVerdict::UnknownKey;
        };
        let number = |name: &str| {
            URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("text")).expect("base64url")
        };
        let key = PublicKey::P256 { x: number("x"), y: number("y") };
        let (message, signature) = (signed.message.clone().into_bytes(), signed.signature.clone());
        let verified = self.ports.crypto.verify(SignatureAlgorithm::Es256, key, message, signature);
        match self.world.run(verified) {
            Ok(true) => SignatureVerdict::Good,
            _ => SignatureVerdict::Bad,
        }
    }

    /// Changes rows as somebody does who may change the schema.
    fn tamper(&self, sql: &str) {
        let list = "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema \
                    WHERE type = 'trigger' AND name LIKE 'audit%'";
        let drop: Option<String> =
            self.database.query_row(list, [], |row| row.get(0)).expect("triggers");
        self.database.execute_batch(&drop.unwrap_or_default()).expect("dropped");
        self.database.execute_batch(sql).expect("SQL");
    }

    fn messages(&self) -> Vec<&'static str> {
        self.world.events.borrow().iter().map(|event| event.message).collect()
    }
}

fn random_key() -> String {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let pkcs8 = pkcs8.expect("a key");
    // PKCS #8 of ring: a head of 36 bytes, the scalar, five bytes, the uncompressed point.
    let (d, point) = (&pkcs8.as_ref()[36..68], &pkcs8.as_ref()[74..]);
    let [d, x, y] = [d, &point[..32], &point[32..]].map(|part| URL_SAFE_NO_PAD.encode(part));
    json!({"kty": "EC", "crv": "P-256", "d": d, "x": x, "y": y}).to_string()
}

#[test]
fn ok_entries_are_linked_signed_and_anchored() {
    let region = Region::new();
    region.run_job();
    assert_eq!(region.verify(), Ok(ChainCounts::default()), "nothing to do");
    for actor in ["ada", "bob", "carl"] {
        region.act(actor);
    }
    let fresh = ChainCounts { unlinked: 3, ..ChainCounts::default() };
    assert_eq!(region.verify(), Ok(fresh));
    region.run_job();
    let linked = ChainCounts { linked: 3, signed: 1, ..ChainCounts::default() };
    assert_eq!(region.verify(), Ok(linked));
    let anchored = region.world.cache.borrow()[HEAD_KEY].clone();
    let anchored: AnchoredHead = serde_json::from_str(&anchored).expect("a head");
    let signed = SignedHead::parse(anchored.jws.as_deref().expect("signed")).expect("a JWS");
    assert_eq!((signed.head.position, &signed.head), (3, &anchored.head));
    let log: Vec<String> = region.world.events.borrow().iter().map(Event::to_json).collect();
    assert_eq!(log.len(), 1, "{log:?}");
    let jws = anchored.jws.expect("signed");
    assert!(log[0].contains(&anchored.head.hash) && log[0].contains(&jws), "{log:?}");
    region.run_job();
    region.act("dora");
    region.run_job();
    let more = ChainCounts { linked: 4, signed: 2, ..ChainCounts::default() };
    assert_eq!(region.verify(), Ok(more));
}

#[test]
fn ok_the_first_link_holds_the_last_hash_of_the_first_chain() {
    let region = Region::new();
    let columns = crate::audit::COLUMNS.join(", ");
    let sql = format!(
        "INSERT INTO audit ({columns}, hash) SELECT 1, 0, 'operator', 'ada', NULL, NULL, NULL, \
         NULL, 'purge', NULL, NULL, NULL, NULL, NULL, NULL, 'r', '', 'last'"
    );
    region.database.execute_batch(&sql).expect("an entry");
    region.act("ada");
    region.run_job();
    assert_eq!(region.count("SELECT count(*) FROM audit_link WHERE previous = 'last'"), 1);
    region.act("ada");
    region.run_job();
    assert_eq!(region.verify().map(|counts| counts.linked), Ok(2));
}

#[test]
fn ok_a_flood_in_flight_delays_no_act_and_loses_no_entry() {
    const FLOOD: usize = 5_000;
    let region = Region::new();
    region.world.stores_take_ms.set(15);
    let claim = |_| async {
        let entry = Entry::new(Actor::Member("pseudonym"), "claim", "r-1");
        act(&region.ports, &entry, &[]).await.map(|_| ())
    };
    let flood = join_all((0..FLOOD).map(claim));
    let started = region.world.clock().now();
    let revoke = async {
        let sql = format!("INSERT INTO job SELECT 'x', 0, '' WHERE {IS_AUDITED} RETURNING name");
        let action = Action::new("job.insert", sql, Vec::new());
        let entry = Entry::new(Actor::Operator("ada"), "revoke", "r-2");
        let done = act(&region.ports, &entry, &[action]).await.expect("done");
        (done.results[0].len(), region.ports.clock.now().since_ms(started))
    };
    let (flood, revoked) = region.world.run(join(flood, revoke));
    assert!(flood.iter().all(Result::is_ok));
    assert_eq!(revoked, (1, 15), "one batch, as long as one batch takes");
    region.world.stores_take_ms.set(0);
    let statements = region.world.statements().len();
    assert_eq!(statements, FLOOD + 2, "no act tries twice");
    region.run_job();
    let counts = region.verify().expect("whole");
    assert_eq!((counts.linked, counts.unlinked, counts.signed), (5_001, 0, 1));
}

#[test]
fn ok_a_run_is_bounded_and_the_next_one_goes_on() {
    let region = Region::new();
    let run_rows = i64::from(MAX_BATCHES * ENTRIES_A_BATCH);
    region.insert(run_rows + 700);
    region.run_job();
    assert_eq!(region.count("SELECT count(*) FROM audit_link"), run_rows);
    assert_eq!(region.verify().map(|counts| counts.unlinked), Ok(700));
    region.run_job();
    let counts = region.verify().expect("whole");
    assert_eq!((counts.linked, counts.unlinked, counts.signed), (run_rows + 700, 0, 2));
    region.insert(5_000);
    region.world.stores_take_ms.set(7_000);
    region.run_job();
    let linked = region.count("SELECT count(*) FROM audit_link") - run_rows - 700;
    assert_eq!(linked, 1_000, "a slow database ends the run in time");
}

#[test]
fn ok_two_runs_at_once_make_one_chain() {
    let region = Region::new();
    region.insert(1_700);
    region.world.stores_take_ms.set(15);
    let (first, second) = region.world.run(join(run(&region.ports), run(&region.ports)));
    assert_eq!((first, second), (Ok(()), Ok(())));
    region.world.stores_take_ms.set(0);
    let counts = region.verify().expect("whole");
    assert_eq!((counts.linked, counts.unlinked, counts.signed), (1_700, 0, 1));
    // A run that has read the end before another one appended appends nothing.
    region.act("ada");
    let read = |region: &Region| {
        let results = region.world.run(region.ports.db.batch(select_unlinked().into()));
        Unlinked::from_results(&region.ports, results.expect("SQL")).expect("rows")
    };
    let late = read(&region).link(&region.ports).expect("links");
    region.act("bob");
    region.run_job();
    region.world.run(region.ports.db.batch(vec![late.append()])).expect("no error");
    assert_eq!(region.verify().map(|counts| counts.linked), Ok(1_702));
}

#[test]
fn err_every_tampering_is_found_and_named() {
    let check = |change: &str, expect: ChainFlaw| {
        let region = Region::new();
        for actor in ["ada", "bob", "carl"] {
            region.act(actor);
        }
        region.run_job();
        region.act("dora");
        region.run_job();
        region.world.advance_s(600);
        region.tamper(change);
        assert_eq!(region.verify(), Err(expect), "{change}");
    };
    for column in crate::audit::ENTRY_COLUMNS.iter().filter(|column| **column != "position") {
        let change = format!("UPDATE audit_entry SET {column} = '7' WHERE position = 2");
        check(&change, ChainFlaw::Entry(2));
    }
    for (column, flaw) in [
        ("at_ms", ChainFlaw::Link(2)),
        ("digest", ChainFlaw::Link(2)),
        ("previous", ChainFlaw::Previous(2)),
        ("hash", ChainFlaw::Link(2)),
    ] {
        check(&format!("UPDATE audit_link SET {column} = 7 WHERE position = 2"), flaw);
    }
    for (column, flaw) in [
        ("at_ms = 7", ChainFlaw::Head(3)),
        ("hash = '7'", ChainFlaw::Head(3)),
        ("jws = '7'", ChainFlaw::Head(3)),
        ("jws = substr(jws, 1, length(jws) - 86) || printf('%.86c', 'A')", ChainFlaw::Signature(3)),
        ("position = 2", ChainFlaw::Head(2)),
    ] {
        check(&format!("UPDATE audit_head SET {column} WHERE position = 3"), flaw);
    }
    check("DELETE FROM audit_entry WHERE position = 2", ChainFlaw::Deleted(2));
    check("DELETE FROM audit_link WHERE position = 2", ChainFlaw::Unlinked(2));
    check(
        "DELETE FROM audit_entry WHERE position = 2; DELETE FROM audit_link WHERE position = 2",
        ChainFlaw::Missing(2),
    );
    check(
        "UPDATE audit_entry SET position = 9 WHERE position = 2; \
         UPDATE audit_entry SET position = 2 WHERE position = 3; \
         UPDATE audit_entry SET position = 3 WHERE position = 9",
        ChainFlaw::Entry(2),
    );
    check("UPDATE audit_entry SET position = 0 WHERE position = 1", ChainFlaw::Deleted(1));
    check(
        "INSERT INTO audit_entry SELECT 6, 'x', at_ms, actor_kind, actor, actor_role, subject, \
         vehicle, key_id, market, action, from_state, to_state, reason, method, evidence, \
         policy_version, request_id FROM audit_entry WHERE position = 1",
        ChainFlaw::Missing(5),
    );
    check("DELETE FROM audit_head WHERE position = 4", ChainFlaw::Unsigned(4));
    check("DELETE FROM audit_head", ChainFlaw::Unsigned(1));
}

#[test]
fn err_links_that_are_made_anew_without_the_key_are_covered_by_no_signature() {
    let region = Region::new();
    region.act("ada");
    region.act("bob");
    region.run_job();
    // Somebody rewrites an entry, its link and all links behind it, but cannot sign.
    region.tamper("UPDATE audit_entry SET actor = 'eve' WHERE position = 2");
    let rows = region.world.run(region.ports.db.batch(vec![page(0, 9)])).expect("SQL").remove(0);
    let text = |column: &str| rows[1][column].as_str().expect("text");
    let at_ms = rows[1]["at_ms"].as_i64().expect("a time");
    let digest = entry_digest(&rows[1]);
    let hash = link_hash(2, at_ms, &digest, text("previous"));
    region.tamper(&format!(
        "UPDATE audit_link SET digest = '{digest}', hash = '{hash}' WHERE position = 2"
    ));
    assert_eq!(region.verify(), Err(ChainFlaw::Head(2)));
    region.tamper("DELETE FROM audit_head");
    region.world.advance_s(600);
    assert_eq!(region.verify(), Err(ChainFlaw::Unsigned(1)));
    let forger = Region::without_key();
    forger.world.secrets.borrow_mut().insert("AUDIT_KEY_1".into(), random_key());
    let keys = HeadKeys::parse(forger.ports.secrets.as_ref()).expect("keys");
    let head = Head { position: 2, hash, at_ms: 7 };
    let jws = forger.world.run(keys.sign(&forger.ports, &head)).expect("signed");
    region.tamper(&format!("INSERT INTO audit_head VALUES (2, 7, '{}', '{jws}')", head.hash));
    assert_eq!(region.verify(), Err(ChainFlaw::Unsigned(1)), "the forger's key is not known");
}

#[test]
fn err_an_entry_that_is_not_linked_in_time_is_a_flaw() {
    let region = Region::new();
    region.act("ada");
    region.world.advance_s(300);
    assert!(region.verify().is_ok());
    region.world.advance_s(1);
    assert_eq!(region.verify(), Err(ChainFlaw::Unlinked(1)));
}

#[test]
fn err_an_entry_that_was_deleted_before_its_link_is_reported() {
    let region = Region::new();
    region.act("ada");
    region.act("bob");
    region.tamper("DELETE FROM audit_entry WHERE position = 1");
    region.run_job();
    assert!(region.messages().contains(&"entries of the audit are missing"));
    assert_eq!(region.verify(), Err(ChainFlaw::Missing(1)));
}

#[test]
fn ok_without_a_key_the_head_is_unsigned_and_the_log_says_so() {
    let region = Region::without_key();
    region.act("ada");
    region.run_job();
    let unsigned = ChainCounts { linked: 1, unsigned: 1, ..ChainCounts::default() };
    assert_eq!(region.verify(), Ok(unsigned));
    assert!(region.messages().contains(&"the audit's head is not signed"));
    let malformed = |name: &str, value: &str| {
        region.world.secrets.borrow_mut().insert(name.to_owned(), value.to_owned());
        let parsed = HeadKeys::parse(region.ports.secrets.as_ref()).map(drop);
        region.world.secrets.borrow_mut().remove(name);
        parsed
    };
    for name in ["AUDIT_KEY_0", "AUDIT_KEY_256", "AUDIT_KEY_x"] {
        let error = HeadKeyError::Malformed(name.to_owned());
        assert_eq!(malformed(name, &random_key()), Err(error));
    }
    for value in ["", "x", "{}", r#"{"kty":"EC","crv":"P-384","d":"","x":"","y":""}"#] {
        assert_eq!(
            malformed("AUDIT_KEY_1", value),
            Err(HeadKeyError::Malformed("AUDIT_KEY_1".to_owned()))
        );
    }
}

#[test]
fn ok_the_key_of_the_highest_number_signs_and_earlier_ones_stay_known() {
    let region = Region::new();
    region.act("ada");
    region.run_job();
    region.world.secrets.borrow_mut().insert("AUDIT_KEY_10".into(), random_key());
    region.act("bob");
    region.run_job();
    assert_eq!(region.verify().map(|counts| counts.signed), Ok(2));
    region.world.secrets.borrow_mut().remove("AUDIT_KEY_1");
    let counts = region.verify().expect("the last head covers all");
    assert_eq!((counts.signed, counts.unknown_key), (1, 1));
}

#[test]
fn ok_entries_past_their_retention_go_and_the_chain_stays_whole() {
    let region = Region::new();
    for actor in ["ada", "bob"] {
        region.act(actor);
    }
    region.run_job();
    let early = "DELETE FROM audit_entry WHERE position = 1";
    assert!(region.database.execute_batch(early).is_err(), "too early");
    region.world.advance_s(RETENTION_MS / 1000 - 60);
    region.act("carl");
    region.act("dora");
    assert!(region.database.execute_batch("DELETE FROM audit_head").is_err(), "the last head");
    region.run_job();
    region.world.advance_s(121);
    let report = region.world.run(retention::run(&region.ports)).expect("a report");
    let removed = |table: &str| report.removed.iter().find(|(name, _)| *name == table);
    assert_eq!(removed("audit_entry").map(|(_, rows)| *rows), Some(2));
    assert_eq!(removed("audit_head").map(|(_, rows)| *rows), Some(1));
    let counts = region.verify().expect("whole");
    assert_eq!((counts.expired, counts.linked, counts.signed), (2, 2, 1));
    region.act("eve");
    assert_eq!(region.count("SELECT max(position) FROM audit_entry"), 5);
    region.world.advance_s(RETENTION_MS / 1000 + 121);
    region.world.run(retention::run(&region.ports)).expect("a report");
    assert_eq!(region.count("SELECT count(*) FROM audit_entry"), 1, "one without a link stays");
    region.run_job();
    region.world.run(retention::run(&region.ports)).expect("a report");
    assert_eq!(region.count("SELECT count(*) FROM audit_entry"), 0);
    region.act("ada");
    region.run_job();
    let counts = region.verify().expect("whole");
    assert_eq!((counts.expired, counts.linked), (5, 1), "positions are never used again");
}

#[test]
fn err_a_store_that_fails_is_said_and_the_next_run_goes_on() {
    let region = Region::new();
    region.act("ada");
    region.world.stores_fail.set(Some(StoreError::Unavailable));
    assert_eq!(region.world.run(run(&region.ports)), Err(StoreError::Unavailable));
    region.world.stores_fail.set(None);
    region.run_job();
    assert_eq!(region.verify().map(|counts| counts.signed), Ok(1));
}
