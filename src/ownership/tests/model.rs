//! The reference model: who holds which car, by events in the order in which they happen.
//!
//! It ends what a later grant replaces at the moment at which that happens, where the machine
//! derives the holder from rows and time. So the two are written differently and must agree.

use crate::market::OwnershipMethod;

pub const DAY: i64 = 86_400_000;
const NOTICE: i64 = 3 * DAY;

/// A grant that has not ended.
#[derive(Debug, Clone)]
pub struct Grant {
    pub id: String,
    pub car: usize,
    pub person: usize,
    pub is_strong: bool,
    pub from: i64,
    pub verified: i64,
    pub personal: Option<i64>,
    pub ends: i64,
    pub keeper: Option<String>,
    /// True if its personal values never open: its person lost the car to another keeper before.
    pub is_closed: bool,
    /// The codes that object to it: its own, and those of what it has renewed.
    pub codes: Vec<String>,
}

/// The time of a grant that waits for somebody who was not told yet.
pub const UNTOLD: i64 = i64::MAX;

/// A claim that waits for its proof, or was settled.
#[derive(Debug, Clone)]
pub struct Claim {
    pub id: String,
    pub car: usize,
    pub person: usize,
    pub method: OwnershipMethod,
    pub expires: i64,
    pub attempts: u32,
    pub is_open: bool,
    pub is_failed: bool,
    /// The code, if it was delivered.
    pub code: Option<String>,
}

/// The outcome of a right proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Granted,
    Kept,
    Contested,
}

/// The loss of a car to another keeper.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    pub car: usize,
    pub person: usize,
    pub at: i64,
    /// True once the person's erasure has left a count alone, which that of the car leaves.
    pub is_count: bool,
}

/// Everything that the model remembers.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub grants: Vec<Grant>,
    pub claims: Vec<Claim>,
    pub starts: Vec<(usize, usize, i64)>,
    /// Codes that were sent and shown: car, the holder whose own limit it is, time.
    pub codes: Vec<(usize, Option<usize>, i64)>,
    pub shown: Vec<(usize, Option<usize>, i64)>,
    pub failures: Vec<(usize, OwnershipMethod, i64)>,
    /// Codes of objection: car, person, code.
    pub objections: Vec<(usize, usize, String)>,
    pub off: Vec<OwnershipMethod>,
    /// Losses of a car to another keeper.
    pub losses: Vec<Loss>,
}

impl Model {
    /// Lets time pass: a waiting grant whose time has come ends those before it.
    pub fn advance(&mut self, now: i64) {
        let rank = |grant: &Grant| (grant.from, grant.verified);
        let come = self.grants.iter().filter(|grant| grant.from <= now);
        let mut come: Vec<_> = come.map(|grant| (rank(grant), grant.car)).collect();
        come.sort_unstable();
        for (last, car) in come {
            self.grants.retain(|grant| grant.car != car || rank(grant) >= last);
        }
        self.grants.retain(|grant| now < grant.ends);
    }

    /// Tier and openness of personal values of a person's right to a car.
    pub fn right(&self, person: usize, car: usize, now: i64) -> Option<bool> {
        let held = self.held(car, now).filter(|grant| grant.person == person)?;
        Some(held.personal.is_some_and(|from| from <= now))
    }

    pub fn held(&self, car: usize, now: i64) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.car == car && grant.from <= now)
    }

    pub fn has_grant(&self, person: usize, car: usize) -> bool {
        self.grants.iter().any(|grant| grant.person == person && grant.car == car)
    }

    pub fn starts_today(&self, person: usize, car: usize, now: i64) -> usize {
        let is_it = |(p, c, at): &&(usize, usize, i64)| (*p, *c) == (person, car) && now < at + DAY;
        self.starts.iter().filter(is_it).count()
    }

    /// Codes of a list that were sent or shown today under one limit.
    pub fn codes_today(
        codes: &[(usize, Option<usize>, i64)],
        limit: (usize, Option<usize>),
        now: i64,
    ) -> usize {
        codes.iter().filter(|(car, who, at)| (*car, *who) == limit && now < at + DAY).count()
    }

    /// Delivers the notice about a grant: its time begins.
    pub fn tell(&mut self, grant: &str, now: i64) {
        let from = now + NOTICE;
        let untold = self.grants.iter_mut().filter(|one| one.id == grant);
        for grant in untold {
            let personal = (!grant.is_closed).then_some(from);
            if grant.is_strong && grant.from == UNTOLD {
                (grant.from, grant.personal) = (from, personal);
            } else if !grant.is_strong && grant.personal.is_none() {
                grant.personal = personal;
            }
        }
    }

    pub fn failures_today(&self, car: usize, method: OwnershipMethod, now: i64) -> usize {
        let is_it = |(c, m, at): &&(usize, OwnershipMethod, i64)| {
            (*c, *m) == (car, method) && now < at + DAY
        };
        self.failures.iter().filter(is_it).count()
    }

    /// Settles a right proof.
    pub fn settle(&mut self, claim: &Claim, keeper: Option<String>, now: i64) -> Settled {
        let (car, person) = (claim.car, claim.person);
        let is_strong = claim.method.is_strong();
        let held = self.held(car, now).cloned();
        let mine = held.clone().filter(|grant| grant.person == person);
        let waits = self
            .grants
            .iter()
            .find(|g| g.car == car && g.person == person && g.from > now)
            .cloned();
        let others: Vec<Grant> =
            self.grants.iter().filter(|g| g.car == car && g.person != person).cloned().collect();
        if !is_strong && mine.is_none() && !others.is_empty() {
            return Settled::Contested;
        }
        if mine.as_ref().is_some_and(|grant| grant.is_strong) && !is_strong {
            return Settled::Kept;
        }
        let told = waits.as_ref().filter(|own| own.from != UNTOLD);
        if let (None, Some(own), true, false) = (&mine, told, is_strong, others.is_empty()) {
            let from = own.from;
            self.grants.retain(|g| g.car != car || g.person == person || g.from <= from);
            return Settled::Kept;
        }
        let is_held = held.is_some();
        let waited_for = |grant: &Grant| grant.is_strong && (is_held || grant.from != UNTOLD);
        let must_wait = mine.is_none() && others.iter().any(waited_for);
        let from = if must_wait { UNTOLD } else { now };
        self.grants.retain(|grant| {
            let is_mine = grant.person == person;
            let is_waiting = grant.from > now;
            let ends = grant.car == car
                && match (is_mine, is_waiting) {
                    (true, false) => true,
                    (true, true) => is_strong,
                    (false, true) => is_strong && mine.is_some() || !must_wait && mine.is_none(),
                    (false, false) => !must_wait,
                };
            !ends
        });
        let own = is_strong.then_some(from);
        let codes = mine.as_ref().map(|grant| grant.codes.clone()).unwrap_or_default();
        let lost = self.losses.iter().filter(|loss| (loss.car, loss.person) == (car, person));
        let is_closed = lost.map(|loss| loss.at).max().is_some_and(|at| {
            let is_open = |grant: &Grant| grant.personal.is_some() && at < grant.verified;
            !mine.as_ref().is_some_and(is_open)
        });
        let before = mine.and_then(|grant| grant.personal);
        let personal = own.into_iter().chain(before).min().filter(|_| !is_closed);
        let ends = now + 180 * DAY;
        let id = claim.id.clone();
        self.grants.push(Grant {
            id,
            car,
            person,
            is_strong,
            from,
            verified: now,
            personal,
            ends,
            keeper,
            is_closed,
            codes,
        });
        Settled::Granted
    }
}
