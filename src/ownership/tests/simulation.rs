//! Random sequences of acts by many actors, next to the reference model.
//!
//! After each step: every person's right is the model's; a car has one holder at most; no claim has
//! more attempts than allowed; whatever changed has an entry in the audit. `KERBSIDE_CLAIM_WORLDS`
//! is the number of sequences (`cargo xtask campaign ownership`).

use std::collections::BTreeSet;

use super::model::{Claim, Grant, Loss, Model, Settled};
use super::town::{Facts, Town};
use crate::audit::{Actor, Entry};
use crate::disclosure::KeeperHash;
use crate::market::{OwnershipMethod, Tier};
use crate::ownership::{Attested, ClaimError, Outcome, Proof, expire, keeper_changed};
use crate::ports::Timestamp;
use crate::privacy::erasure::{self, ErasureScope};
use crate::privacy::person;

const PEOPLE: [&str; 4] = ["ada", "bob", "eve", "joe"];
const CARS: [&str; 2] = ["car-0", "car-1"];
const CONTACTS: [&str; 2] = ["zero@example.com", "one@example.com"];
const KEEPERS: [&str; 3] = ["k-1", "k-2", "k-3"];
/// Seconds by which time passes: within a claim, past it, past a day, past the notice, past a
/// grant.
const PAUSES: [i64; 8] = [1, 60, 301, 601, 3_600, 90_000, 3 * 86_400 + 1, 181 * 86_400];
const STEPS: usize = 70;

struct Simulation {
    town: Town,
    model: Model,
    seed: u64,
    tokens: u64,
    /// The outcomes so far, so that the test tells if something never does.
    seen: BTreeSet<String>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let town = Town::new();
        for (car, contact) in CARS.into_iter().zip(CONTACTS) {
            let facts = Facts {
                contact: Some(contact),
                confirms: true,
                keeper: Some("k-1"),
                ..Facts::default()
            };
            town.state(car, facts);
        }
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { town, model: Model::default(), seed, tokens: 0, seen: BTreeSet::new() }
    }

    /// A number below a limit (xorshift).
    fn below(&mut self, limit: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed >> 33).expect("31 bits") % limit
    }

    fn now(&self) -> i64 {
        self.town.ports().clock.now().0
    }

    fn facts(&self, car: usize) -> Facts {
        self.town.facts.borrow()[CARS[car]].clone()
    }

    fn step(&mut self) {
        let (person, car) = (self.below(PEOPLE.len()), self.below(CARS.len()));
        match self.below(60) {
            0..=18 => self.start(person, car),
            19..=37 => self.prove(person, car),
            38..=44 => self.attest(car),
            45 | 46 => self.give_up(person, car),
            47 | 48 => self.object(),
            49 => self.revoke(car),
            50 | 51 => self.change_keeper(car),
            52 => self.erase(person, car),
            53 | 54 => self.change_facts(car),
            55 => self.switch(),
            56 | 57 => self.job(),
            _ => {}
        }
        if self.below(6) == 0 {
            self.deliver();
        }
        // Most steps are within one claim, and few are past a grant.
        let pause = PAUSES[self.below(PAUSES.len())];
        let seconds = match self.below(24) {
            0..=2 => pause.min(3 * 86_400 + 1),
            3 if self.below(4) == 0 => pause,
            _ => 1,
        };
        self.town.world.advance_s(seconds);
        let now = self.now();
        self.model.advance(now);
    }

    fn start(&mut self, person: usize, car: usize) {
        let method = OwnershipMethod::ALL[self.below(5)];
        let typed = if self.below(4) == 0 { "nobody@example.com" } else { CONTACTS[car] };
        let (now, facts) = (self.now(), self.facts(car));
        let started = self.town.start(PEOPLE[person], CARS[car], method, Some(typed));
        let is_contact = method == OwnershipMethod::ContactCode;
        if is_contact && facts.is_down {
            assert_eq!(started.err(), Some(ClaimError::SystemUnavailable));
            return;
        }
        if self.model.starts_today(person, car, now) >= 3 {
            assert!(matches!(started, Err(ClaimError::Limited { .. })));
            return;
        }
        if self.model.off.contains(&method) {
            assert_eq!(started.err(), Some(ClaimError::NotOffered));
            return;
        }
        self.model.starts.push((person, car, now));
        let id =
            self.town.list("SELECT id FROM ownership_claim ORDER BY rowid DESC LIMIT 1").remove(0);
        let mut claim = Claim {
            id,
            car,
            person,
            method,
            expires: now + 600_000,
            attempts: 0,
            is_open: true,
            is_failed: false,
            code: None,
        };
        let holder = self.model.held(car, now).map(|held| held.person);
        let limit = (car, holder.filter(|holder| *holder == person));
        let count = |codes: &[_]| Model::codes_today(codes, limit, now);
        match method {
            OwnershipMethod::ContactCode => {
                let is_known = facts.contact == Some(typed);
                if is_known && count(&self.model.codes) < 3 {
                    self.model.codes.push((car, limit.1, now));
                    claim.code = Some(self.town.code("contact_code"));
                }
            }
            OwnershipMethod::VehicleCode if count(&self.model.shown) < 10 => {
                self.model.shown.push((car, limit.1, now));
                claim.code = Some(self.town.shown.borrow()[CARS[car]].clone());
            }
            OwnershipMethod::Dealer => {
                let status = &started.as_ref().expect("a claim").status;
                let code = status.claim.as_ref().expect("a claim").code.clone();
                claim.code = Some(code.expect("a code").as_str().to_owned());
            }
            _ => {}
        }
        self.model.claims.push(claim);
        if method == OwnershipMethod::OemMapping {
            let at = self.model.claims.len() - 1;
            self.expect_evaluation(at, started, facts.confirms, facts.is_down);
        } else {
            started.expect("a claim");
        }
    }

    fn prove(&mut self, person: usize, car: usize) {
        let is_any = self.below(5) > 0;
        let is_it = |claim: &Claim| {
            if is_any { claim.is_open } else { claim.person == person && claim.car == car }
        };
        let Some(at) = self.model.claims.iter().rposition(is_it) else { return };
        let claim = self.model.claims[at].clone();
        let (person, car) = (claim.person, claim.car);
        if self.below(8) == 0 {
            let other = PEOPLE[(person + 1) % PEOPLE.len()];
            let refused = self.town.prove(other, CARS[car], &claim.id, Proof::Document);
            assert_eq!(refused.err(), Some(ClaimError::Unknown), "another person's claim");
            return;
        }
        let is_right = self.below(3) > 0;
        let code = match (&claim.code, is_right) {
            (Some(code), true) => code.clone(),
            _ => "22222222".to_owned(),
        };
        let is_code =
            matches!(claim.method, OwnershipMethod::ContactCode | OwnershipMethod::VehicleCode);
        let facts = self.facts(car);
        let proof = if is_code { Proof::Code(&code) } else { Proof::Document };
        let result = self.town.prove(PEOPLE[person], CARS[car], &claim.id, proof);
        let now = self.now();
        if !claim.is_open || claim.expires <= now || claim.attempts >= 5 {
            let error = result.expect_err("refused");
            assert!(
                matches!(
                    error,
                    ClaimError::Unknown | ClaimError::Expired | ClaimError::Locked { .. }
                ),
                "{error}"
            );
            return;
        }
        if self.model.off.contains(&claim.method) {
            assert_eq!(result.err(), Some(ClaimError::NotOffered));
            return;
        }
        if matches!(claim.method, OwnershipMethod::Dealer | OwnershipMethod::OemMapping) {
            assert!(matches!(result, Err(ClaimError::Invalid { .. })));
            return;
        }
        if !claim.method.is_strong() && facts.is_down {
            assert_eq!(result.err(), Some(ClaimError::SystemUnavailable));
            return;
        }
        let holds = if is_code { is_right && claim.code.is_some() } else { facts.confirms };
        self.expect_evaluation(at, result, holds, false);
    }

    /// Checks the result of an attempt that was counted, and follows it in the model.
    fn expect_evaluation(
        &mut self,
        at: usize,
        result: Result<Outcome, ClaimError>,
        holds: bool,
        is_down: bool,
    ) {
        let now = self.now();
        let claim = self.model.claims[at].clone();
        let (car, method) = (claim.car, claim.method);
        let can_guess = method != OwnershipMethod::OemMapping;
        let is_full = can_guess && self.model.failures_today(car, method, now) >= 10;
        let is_locked = is_full && !self.model.has_grant(claim.person, car);
        let is_shut = is_locked && claim.code.is_none();
        if !is_shut && is_down {
            assert_eq!(result.err(), Some(ClaimError::SystemUnavailable));
            self.model.starts.pop();
            return;
        }
        self.model.claims[at].attempts += 1;
        if holds && !is_shut {
            self.settle(at, result.and_then(Outcome::into_status).map(drop));
            return;
        }
        let is_last = method == OwnershipMethod::OemMapping || claim.attempts + 1 >= 5;
        if can_guess && !is_full {
            self.model.failures.push((car, method, now));
        }
        self.model.claims[at].is_open = !is_last;
        self.model.claims[at].is_failed = is_last;
        match result.expect_err("refused") {
            ClaimError::Locked { .. } => {
                assert!(is_locked);
                self.seen.insert("locked".to_owned());
            }
            ClaimError::WrongProof { .. } => assert!(!is_locked),
            error => panic!("{error}"),
        }
    }

    fn settle(&mut self, at: usize, result: Result<(), ClaimError>) {
        let now = self.now();
        let claim = self.model.claims[at].clone();
        let keeper = self.known_keeper(&claim.id);
        let settled = self.model.settle(&claim, keeper, now);
        self.model.claims[at].is_open = false;
        let waits = self.model.grants.last().is_some_and(|grant| grant.from > now);
        let is_new = settled == Settled::Granted && waits;
        self.seen.insert(format!(
            "{} {settled:?}{}",
            claim.method.as_str(),
            if is_new { " waits" } else { "" }
        ));
        let expect = if settled == Settled::Contested { Err(ClaimError::Conflict) } else { Ok(()) };
        assert_eq!(result, expect, "{settled:?}");
        if let Some(code) = self.town.objection_code(&claim.id) {
            let grant = self.model.grants.last_mut().expect("a grant");
            grant.codes.push(code.clone());
            self.model.objections.push((claim.car, claim.person, code));
        }
    }

    /// Delivers what waits in the outbox.
    fn deliver(&mut self) {
        let now = self.now();
        for key in self.town.deliver() {
            let mut parts = key.split(':');
            let (grant, kind) = (parts.next().expect("a cause"), parts.next().expect("a kind"));
            if ["claim_verified", "claim_waiting"].contains(&kind) {
                self.seen.insert(format!("told by {kind}"));
                self.model.tell(grant, now);
            }
        }
    }

    /// The keeper with whom a grant stands.
    fn known_keeper(&self, grant: &str) -> Option<String> {
        let known = "SELECT coalesce(keeper, first_keeper, '') FROM ownership_grant WHERE id = ";
        let keeper = self.town.list(&format!("{known}'{grant}'")).pop();
        keeper.filter(|keeper| !keeper.is_empty())
    }

    fn attest(&mut self, car: usize) {
        let now = self.now();
        let is_it = |claim: &Claim| claim.car == car && claim.method == OwnershipMethod::Dealer;
        let Some(at) = self.model.claims.iter().rposition(is_it) else { return };
        let claim = self.model.claims[at].clone();
        let code = claim.code.clone().expect("a code");
        self.tokens += 2;
        // Two fresh tokens; each day's limit is another test's.
        let dealer = format!("D-{}", self.tokens);
        let (one, two) = (self.tokens.to_string(), (self.tokens + 1).to_string());
        let first = self.town.attest(&dealer, "joe", &one, &code);
        if self.model.off.contains(&OwnershipMethod::Dealer) {
            assert_eq!(first, Err(ClaimError::NotOffered));
            return;
        }
        if !claim.is_open || claim.expires <= now {
            assert_eq!(first, Err(ClaimError::Unknown));
            return;
        }
        if matches!(first, Err(ClaimError::Attestation(_))) {
            // A first one of another dealer stands for five minutes.
            return;
        }
        assert_eq!(first, Ok(Attested::First));
        let again = self.town.attest(&dealer, "joe", &format!("{one}b"), &code);
        assert!(matches!(again, Err(ClaimError::Attestation(_))), "the same person");
        if self.below(3) == 0 {
            return;
        }
        let second = self.town.attest(&dealer, "jim", &two, &code);
        if self.facts(car).is_down {
            assert_eq!(second, Err(ClaimError::SystemUnavailable));
            return;
        }
        assert!(matches!(second, Ok(Attested::Second { .. })), "{second:?}");
        let state = self.state_of(&claim.id);
        let result = if state == "contested" { Err(ClaimError::Conflict) } else { Ok(()) };
        self.settle(at, result);
    }

    fn state_of(&self, claim: &str) -> String {
        self.town.list(&format!("SELECT state FROM ownership_claim WHERE id = '{claim}'")).remove(0)
    }

    fn give_up(&mut self, person: usize, car: usize) {
        let is_open = |claim: &Claim| claim.is_open && claim.person == person && claim.car == car;
        let result = self.town.give_up(PEOPLE[person], CARS[car]);
        let has_claim = self.model.claims.iter().any(is_open);
        if self.model.has_grant(person, car) {
            assert!(result.is_ok());
        } else if !has_claim {
            // A row that time has ended may still be there to be given up.
            assert!(matches!(result, Ok(_) | Err(ClaimError::Unknown)));
        }
        self.model.grants.retain(|grant| grant.person != person || grant.car != car);
        self.close(|claim| claim.person == person && claim.car == car);
    }

    fn close(&mut self, is_meant: impl Fn(&Claim) -> bool) {
        for claim in self.model.claims.iter_mut().filter(|claim| is_meant(claim)) {
            claim.is_open = false;
        }
    }

    fn object(&mut self) {
        if self.model.objections.is_empty() {
            return;
        }
        let at = self.below(self.model.objections.len());
        let (car, person, code) = self.model.objections[at].clone();
        let result = self.town.object(CARS[car], &code);
        let held = self.model.held(car, self.now()).cloned();
        let held = held.filter(|grant| !grant.is_strong && grant.codes.contains(&code));
        let Some(held) = held else {
            // Of a grant that the contact has ended already, a second objection changes nothing.
            assert!(matches!(result, Ok(_) | Err(ClaimError::Unknown)), "{result:?}");
            return;
        };
        result.expect("an objection");
        self.seen.insert("objected".to_owned());
        self.model.grants.retain(|grant| grant.id != held.id);
        self.close(|claim| claim.person == person && claim.car == car);
    }

    fn revoke(&mut self, car: usize) {
        self.town.revoke(CARS[car]).expect("revoked");
        self.model.grants.retain(|grant| grant.car != car);
        self.close(|claim| claim.car == car);
    }

    fn change_keeper(&mut self, car: usize) {
        let keeper = KEEPERS[self.below(KEEPERS.len())];
        self.town.facts.borrow_mut().get_mut(CARS[car]).expect("facts").keeper = Some(keeper);
        let stored = format!(
            "INSERT INTO stored_facet (market, vehicle, facet, generation, stored_at_ms, \
             expires_at_ms, source, policy, ttl_s, stale_s, error_s, took_ms, public, withheld, \
             keeper) VALUES ('de', '{}', 'registration', 1, 1, 1, 'x', 1, 1, 1, 1, 1, '', '', \
             '{keeper}') ON CONFLICT DO UPDATE SET keeper = excluded.keeper",
            CARS[car]
        );
        self.town.query(&stored);
        let hash = KeeperHash(keeper.into());
        let ports = self.town.ports();
        let now = Timestamp(self.now());
        let statements = keeper_changed(&self.town.market.code, CARS[car], &hash, now);
        self.town.world.run(ports.db.batch(statements)).expect("SQL");
        let keeps = |grant: &Grant| {
            grant.car != car || grant.keeper.as_deref().is_none_or(|known| known == keeper)
        };
        let lost = self.model.grants.iter().filter(|grant| !keeps(grant));
        let loss = |grant: &Grant| Loss { car, person: grant.person, at: now.0, is_count: false };
        let lost: Vec<_> = lost.map(loss).collect();
        self.model.losses.extend(lost);
        self.model.grants.retain(keeps);
        for at in 0..self.model.grants.len() {
            self.model.grants[at].keeper = self.known_keeper(&self.model.grants[at].id);
        }
    }

    fn erase(&mut self, person: usize, car: usize) {
        let (ports, keys) = (self.town.ports(), self.town.keys());
        let entry = Entry::new(Actor::Member("pseudonym"), "erase", "r-1");
        if self.below(2) == 0 {
            let erased = person::erase(&ports, &keys, &entry, PEOPLE[person]);
            let erased = self.town.world.run(erased).expect("erased");
            assert!(erased.stores.iter().all(|store| store.left == 0));
            self.model.grants.retain(|grant| grant.person != person);
            self.model.claims.retain(|claim| claim.person != person);
            self.model.objections.retain(|(_, objected, _)| *objected != person);
            for loss in self.model.losses.iter_mut().filter(|loss| loss.person == person) {
                loss.is_count = true;
            }
        } else {
            let markets = [self.town.market.code.clone()];
            let erased = erasure::erase(&ports, &entry, &markets, CARS[car], ErasureScope::Vehicle);
            self.town.world.run(erased).expect("erased");
            self.town.world.cancel_background();
            self.model.grants.retain(|grant| grant.car != car);
            self.model.claims.retain(|claim| claim.car != car);
            self.model.objections.retain(|(objected, _, _)| *objected != car);
            self.model.losses.retain(|loss| loss.car != car || loss.is_count);
        }
    }

    fn change_facts(&mut self, car: usize) {
        let (contact, down, confirms) = (self.below(4), self.below(4), self.below(3));
        let mut facts = self.town.facts.borrow_mut();
        let facts = facts.get_mut(CARS[car]).expect("facts");
        facts.contact = (contact > 0).then_some(CONTACTS[car]);
        facts.is_down = down == 0 && confirms == 0;
        facts.confirms = confirms > 0;
    }

    fn switch(&mut self) {
        let method = OwnershipMethod::ALL[self.below(5)];
        let is_off = !self.model.off.contains(&method);
        self.town.switch(method, is_off);
        self.model.off.retain(|off| *off != method);
        if is_off && self.below(3) == 0 {
            self.model.off.push(method);
        } else {
            self.town.switch(method, false);
        }
    }

    fn job(&mut self) {
        let (ports, keys) = (self.town.ports(), self.town.keys());
        while self.town.world.run(expire(&ports, &keys, "job")).expect("SQL") > 0 {}
        let now = self.now();
        let open = self.town.list(&format!(
            "SELECT id FROM ownership_claim WHERE state = 'challenged' AND expires_at_ms <= {now}"
        ));
        assert!(open.is_empty(), "the job leaves nothing");
    }

    /// Everything whose change needs an entry of the audit, and the number of entries.
    fn snapshot(&self) -> (Vec<String>, usize) {
        let rows = self.town.list(
            "SELECT id || ' ' || state FROM ownership_claim UNION ALL \
             SELECT 'grant ' || id || ' ' || coalesce(end_reason, '') FROM ownership_grant \
             UNION ALL SELECT 'off ' || method FROM ownership_switch ORDER BY 1",
        );
        (rows, self.town.list("SELECT id FROM audit_entry").len())
    }

    fn check(&self, before: &(Vec<String>, usize)) {
        let now = self.now();
        for (car, lookup) in CARS.into_iter().enumerate() {
            let mut owners = 0;
            for (person, name) in PEOPLE.into_iter().enumerate() {
                let right = self.town.right(name, lookup);
                let found = (right.tier() == Tier::Owner).then(|| right.since().is_some());
                assert_eq!(
                    found,
                    self.model.right(person, car, now),
                    "{name} and {lookup}: {:#?}",
                    self.model.grants
                );
                owners += usize::from(found.is_some());
            }
            assert!(owners <= 1, "one holder");
        }
        let over = "SELECT id FROM ownership_claim WHERE attempts > 5 UNION ALL \
            SELECT id FROM ownership_grant AS g WHERE person <> '' AND NOT EXISTS (SELECT 1 \
            FROM ownership_claim AS c WHERE c.id = g.id AND c.state <> 'challenged')";
        assert_eq!(self.town.list(over), Vec::<String>::new(), "no grant without its proof");
        let after = self.snapshot();
        assert!(
            after.0 == before.0 || after.1 > before.1,
            "a change without an entry: {:#?} {:#?}",
            before.0,
            after.0
        );
    }
}

#[test]
fn ok_the_machine_agrees_with_its_model() {
    let worlds = std::env::var("KERBSIDE_CLAIM_WORLDS").ok().and_then(|text| text.parse().ok());
    let mut seen = BTreeSet::new();
    for seed in 1..=worlds.unwrap_or(24) {
        let mut simulation = Simulation::new(seed);
        for step in 0..STEPS {
            let before = simulation.snapshot();
            eprintln!("world {seed}, step {step}");
            simulation.step();
            simulation.check(&before);
        }
        seen.append(&mut simulation.seen);
    }
    let expect = [
        "contact_code Granted",
        "contact_code Granted waits",
        "dealer Contested",
        "dealer Granted",
        "keeper_document Contested",
        "keeper_document Granted",
        "oem_mapping Granted",
        "oem_mapping Granted waits",
        "objected",
        "told by claim_verified",
        "told by claim_waiting",
        "vehicle_code Contested",
        "vehicle_code Granted",
    ];
    let missing = expect.iter().filter(|what| !seen.contains(**what));
    assert_eq!(missing.count(), 0, "{seen:?}");
}
