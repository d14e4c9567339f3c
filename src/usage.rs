//! Usage counts: outcomes of facets, durations of origin calls and views of cars, counted in the
//! isolate and added up in D1.
//!
//! Counting is additions in memory. Counts go to D1 in the background, [`SAVE_AFTER_MS`] after the
//! first one, in one transaction of at most three statements. A batch that fails is kept for the
//! next one (where D1 did its work and could not say so, it then counts twice); the counts of an
//! isolate that is ended are lost. Leaves to others: the outcome of a facet (`flow`), tables of
//! results (`cargo xtask report`).

mod vehicles;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::rc::Rc;

use futures::FutureExt as _;

use crate::market::{FacetName, Market, OriginName};
use crate::ports::{Ports, Statement, Timestamp};
use crate::telemetry::{Event, Level, field};
pub use vehicles::update_vehicle;
use vehicles::{CarKey, ViewedVehicle, add_views};

/// Milliseconds between the first count and its save. The platform lets work go on for 30 s after a
/// response.
const SAVE_AFTER_MS: u32 = 20_000;
/// Milliseconds after which a save counts as cancelled; the next request does it.
const OVERDUE_MS: i64 = 5_000;
/// Milliseconds before that save, so that the request's own calls end first.
const OVERDUE_WAIT_MS: u32 = 3_000;
/// Milliseconds after a car's first view before its views are saved: only recorded cars have views,
/// and a new car is recorded after its response.
const SETTLED_MS: u32 = 2_000;
/// Tallies in memory at most; as many are saved at once.
const MAX_TALLIES: usize = 64;
/// Tallies of one save: D1 takes parameters of 2 MB.
const SAVED_TALLIES: usize = 16;
/// Cars in memory at most; as many are saved at once.
const MAX_CARS: usize = 512;
/// Different call counts of one tally at most.
const MAX_CALLS: usize = 512;

const HOUR_MS: i64 = 3_600_000;
const FACETS: usize = FacetName::ALL.len();

/// The upper bounds of the histogram of origins' durations, milliseconds. A longer call counts in
/// the last bucket.
pub const CALL_UP_TO_MS: [u32; 34] = [
    5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 125, 150, 200, 250, 300, 400, 500, 600, 800, 1_000,
    1_250, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 15_000, 20_000, 30_000,
    60_000,
];

/// The outcome of a facet in a response. The words are those of the table `usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// From the cache, fresh.
    Hit,
    /// From the cache, stale; refreshed after the response.
    Stale,
    /// From the cache, stale-if-error: its origin failed or did not respond by the deadline.
    StaleError,
    /// From its origin, now.
    Fetched,
    /// From its origin, now, by the call of another request.
    Collapsed,
    /// Known to be absent, from the cache.
    Absent,
    /// Known to be absent, from its origin, now.
    AbsentFetched,
    /// Missing at the deadline.
    Pending,
    /// Missing.
    Unavailable,
    /// Above the caller's tier.
    Withheld,
}

impl Answered {
    const WORDS: [&str; 10] = [
        "hit",
        "stale",
        "stale_error",
        "fetched",
        "collapsed",
        "absent",
        "absent_fetched",
        "pending",
        "unavailable",
        "withheld",
    ];
}

/// The counts of one isolate.
#[derive(Default)]
pub struct Usage(RefCell<Counts>);

#[derive(Default)]
struct Counts {
    tallies: Vec<Tally>,
    cars: BTreeMap<CarKey, ViewedVehicle>,
    /// The time of the next save.
    due: Option<Timestamp>,
    /// The time before which nothing is saved at once, because D1 failed.
    quiet_until: Timestamp,
}

/// One market in one hour.
struct Tally {
    hour: i64,
    market: Rc<Market>,
    answers: [[Sum; Answered::WORDS.len()]; FACETS],
    calls: Vec<Calls>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    answers: u32,
    age_s_total: i64,
    age_s_most: i64,
}

struct Calls {
    origin: OriginName,
    outcome: &'static str,
    up_to_ms: u32,
    number: u32,
}

impl Usage {
    /// Counts one response: the outcome of each facet and its age in seconds.
    pub fn answered(
        &self,
        market: &Rc<Market>,
        facets: impl Iterator<Item = (FacetName, Answered, i64)>,
        now: Timestamp,
    ) {
        let mut counts = self.0.borrow_mut();
        let tally = counts.tally(market, now);
        for (facet, answered, age_s) in facets {
            let sum = tally
                .answers
                .get_mut(facet as usize)
                .and_then(|states| states.get_mut(answered as usize));
            if let Some(sum) = sum {
                sum.add(Sum { answers: 1, age_s_total: age_s, age_s_most: age_s });
            }
        }
    }

    /// Counts one call of an origin that has ended: `ok`, or its RFC 9209 token.
    pub fn called(
        &self,
        market: &Rc<Market>,
        origin: &OriginName,
        outcome: &'static str,
        took_ms: i64,
        now: Timestamp,
    ) {
        let bound = CALL_UP_TO_MS.iter().find(|bound| took_ms <= i64::from(**bound));
        let [.., last] = CALL_UP_TO_MS;
        let up_to_ms = bound.copied().unwrap_or(last);
        self.0.borrow_mut().tally(market, now).call(Calls {
            origin: origin.clone(),
            outcome,
            up_to_ms,
            number: 1,
        });
    }

    /// Counts a view of a car; `vehicle` is its keyed hash.
    pub fn viewed(&self, market: &Rc<Market>, vehicle: &Rc<str>, now: Timestamp) {
        let mut counts = self.0.borrow_mut();
        let has_room = counts.cars.len() < MAX_CARS;
        match counts.cars.entry((market.code.clone(), Rc::clone(vehicle))) {
            Entry::Occupied(known) => {
                let car = known.into_mut();
                car.views = car.views.saturating_add(1);
                car.last = car.last.max(now);
            }
            Entry::Vacant(place) if has_room => {
                place.insert(ViewedVehicle { views: 1, first: now, last: now });
            }
            Entry::Vacant(_) => {}
        }
    }

    /// Schedules a save of the counts: after a while, or now where there are many or it is overdue.
    pub fn keep(self: &Rc<Self>, ports: &Ports, now: Timestamp) {
        let mut counts = self.0.borrow_mut();
        let is_full = counts.cars.len() >= MAX_CARS || counts.tallies.len() >= MAX_TALLIES;
        let is_full = is_full && now >= counts.quiet_until;
        let wait_ms = match counts.due {
            Some(due) if !is_full && now.since_ms(due) < OVERDUE_MS => return,
            _ if is_full => 0,
            Some(_) => OVERDUE_WAIT_MS,
            None => SAVE_AFTER_MS,
        };
        counts.due = Some(now.plus_ms(wait_ms));
        drop(counts);
        let (usage, later) = (Rc::clone(self), ports.clone());
        let saved = async move {
            if wait_ms > 0 {
                later.timer.sleep(wait_ms).await;
            }
            usage.save(&later).await;
            // Without a next request nobody would save what was left.
            if usage.is_left(later.clock.now()) {
                later.timer.sleep(SETTLED_MS).await;
                if usage.is_left(later.clock.now()) {
                    usage.save(&later).await;
                }
            }
        };
        ports.background.spawn(saved.boxed_local());
    }

    /// True if there are counts whose save is not scheduled.
    fn is_left(&self, now: Timestamp) -> bool {
        let counts = self.0.borrow();
        let is_empty = counts.cars.is_empty() && counts.tallies.is_empty();
        !is_empty && counts.due.is_none() && now >= counts.quiet_until
    }

    /// Adds the counts to the numbers of D1.
    async fn save(&self, ports: &Ports) {
        let (tallies, cars) = self.0.borrow_mut().take(ports.clock.now());
        let statements = statements(&tallies, &cars);
        if statements.is_empty() || ports.db.batch(statements).await.is_ok() {
            return;
        }
        let message = "usage could not be recorded (D1); the counts are kept for the next time";
        ports
            .events
            .emit(Event::new(Level::Warn, message).with(field::COUNT, count(tallies.len())));
        let mut counts = self.0.borrow_mut();
        counts.quiet_until = ports.clock.now().plus_ms(SAVE_AFTER_MS);
        for tally in tallies {
            counts.put_back(tally);
        }
        for (key, car) in cars {
            counts.put_back_car(key, car);
        }
    }
}

impl Counts {
    /// The tally of a market in this hour.
    fn tally(&mut self, market: &Rc<Market>, now: Timestamp) -> &mut Tally {
        let hour = now.0.div_euclid(HOUR_MS);
        // The newest are last. A market is read anew every few seconds, mostly the same.
        let place =
            self.tallies.iter().rposition(|tally| tally.hour == hour && tally.is_for(market));
        let place = place.unwrap_or_else(|| {
            if self.tallies.len() >= MAX_TALLIES {
                self.tallies.remove(0);
            }
            let answers = [[Sum::default(); Answered::WORDS.len()]; FACETS];
            self.tallies.push(Tally {
                hour,
                market: Rc::clone(market),
                answers,
                calls: Vec::new(),
            });
            self.tallies.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "OK because the place was just found or made")]
        let tally = &mut self.tallies[place];
        if !Rc::ptr_eq(&tally.market, market) {
            tally.market = Rc::clone(market);
        }
        tally
    }

    /// Takes the counts to be saved now. Cars that may not be recorded yet and tallies beyond one
    /// save wait for the next one.
    fn take(&mut self, now: Timestamp) -> (Vec<Tally>, BTreeMap<CarKey, ViewedVehicle>) {
        self.due = None;
        let is_full = self.cars.len() >= MAX_CARS;
        let cars = std::mem::take(&mut self.cars);
        let (cars, young) = cars
            .into_iter()
            .partition(|(_, car)| is_full || now.since_ms(car.first) >= i64::from(SETTLED_MS));
        self.cars = young;
        (self.tallies.drain(..self.tallies.len().min(SAVED_TALLIES)).collect(), cars)
    }

    /// Adds a tally that could not be saved to the counts since. A tally that does not fit is lost.
    fn put_back(&mut self, old: Tally) {
        if let Some(tally) = self
            .tallies
            .iter_mut()
            .find(|tally| tally.hour == old.hour && tally.is_for(&old.market))
        {
            for (sum, old) in
                tally.answers.as_flattened_mut().iter_mut().zip(old.answers.as_flattened())
            {
                sum.add(*old);
            }
            old.calls.into_iter().for_each(|calls| tally.call(calls));
        } else if self.tallies.len() < MAX_TALLIES {
            self.tallies.insert(0, old);
        }
    }

    fn put_back_car(&mut self, key: CarKey, old: ViewedVehicle) {
        let has_room = self.cars.len() < MAX_CARS;
        match self.cars.entry(key) {
            Entry::Occupied(known) => {
                let car = known.into_mut();
                car.views = car.views.saturating_add(old.views);
                car.first = car.first.min(old.first);
            }
            Entry::Vacant(place) if has_room => {
                place.insert(old);
            }
            Entry::Vacant(_) => {}
        }
    }
}

impl Tally {
    /// True if it counts this market, with the same origins behind its facets.
    fn is_for(&self, market: &Rc<Market>) -> bool {
        fn origins(market: &Market) -> impl Iterator<Item = (FacetName, &OriginName)> {
            market.facets.iter().map(|(name, facet)| (*name, &facet.origin))
        }
        Rc::ptr_eq(&self.market, market)
            || (self.market.code == market.code && origins(&self.market).eq(origins(market)))
    }

    fn call(&mut self, new: Calls) {
        let is_it = |old: &&mut Calls| {
            old.up_to_ms == new.up_to_ms && old.outcome == new.outcome && old.origin == new.origin
        };
        if let Some(old) = self.calls.iter_mut().find(is_it) {
            old.number = old.number.saturating_add(new.number);
        } else if self.calls.len() < MAX_CALLS {
            self.calls.push(new);
        }
    }
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.answers = self.answers.saturating_add(other.answers);
        self.age_s_total = self.age_s_total.saturating_add(other.age_s_total);
        self.age_s_most = self.age_s_most.max(other.age_s_most);
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The statements of a save. Rows are lists in a JSON list, which D1 unfolds: one parameter,
/// however many rows. All names are words without quotes.
fn statements(tallies: &[Tally], cars: &BTreeMap<CarKey, ViewedVehicle>) -> Vec<Statement> {
    let (mut answers, mut calls) = (String::new(), String::new());
    for tally in tallies {
        let (hour_ms, code) = (tally.hour * HOUR_MS, &tally.market.code);
        for ((facet, description), states) in tally
            .market
            .facets
            .iter()
            .filter_map(|entry| Some((entry, tally.answers.get(*entry.0 as usize)?)))
        {
            for (state, sum) in
                Answered::WORDS.iter().zip(states).filter(|(_, sum)| sum.answers > 0)
            {
                let Sum { answers: number, age_s_total, age_s_most } = sum;
                // OK because writing to a String never fails.
                let _ = write!(
                    answers,
                    r#",[{hour_ms},"{code}","{facet}","{}","{state}",{number},{age_s_total},"#,
                    description.origin
                );
                let _ = write!(answers, "{age_s_most}]");
            }
        }
        for Calls { origin, outcome, up_to_ms, number } in &tally.calls {
            let _ = write!(
                calls,
                r#",[{hour_ms},"{code}","{origin}","{outcome}",{up_to_ms},{number}]"#
            );
        }
    }
    let all = [("usage.add", ADD_ANSWERS, answers), ("origin_call.add", ADD_CALLS, calls)];
    let filled = all.into_iter().filter(|(_, _, rows)| !rows.is_empty());
    let counts = filled.map(|(name, sql, rows)| {
        let list = format!("[{}]", rows.trim_start_matches(','));
        Statement::new(name, sql, vec![list.into()])
    });
    counts.chain(add_views(cars)).collect()
}

const ADD_ANSWERS: &str = "INSERT INTO usage \
    (hour_ms, market, facet, origin, state, answers, age_s_total, age_s_most) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
      value ->> 6, value ->> 7 FROM json_each(?1) WHERE true \
    ON CONFLICT (hour_ms, market, facet, origin, state) DO UPDATE SET \
      answers = answers + excluded.answers, age_s_total = age_s_total + excluded.age_s_total, \
      age_s_most = max(age_s_most, excluded.age_s_most)";

const ADD_CALLS: &str = "INSERT INTO origin_call \
    (hour_ms, market, origin, outcome, up_to_ms, calls) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 \
    FROM json_each(?1) WHERE true \
    ON CONFLICT (hour_ms, market, origin, outcome, up_to_ms) DO UPDATE SET \
      calls = calls + excluded.calls";

/// One of each statement of this module, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<Statement> {
    let rows = [("usage.add", ADD_ANSWERS), ("origin_call.add", ADD_CALLS)];
    let counts = rows.map(|(name, sql)| Statement::new(name, sql, vec!["[]".into()]));
    counts.into_iter().chain(vehicles::samples()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;
    use crate::ports::{DbValue, StoreError};

    fn market(text: &str) -> Rc<Market> {
        Rc::new(crate::market::compile("market.toml", text).expect("valid").market)
    }

    fn de() -> Rc<Market> {
        market(include_str!("../tests/fixtures/market.toml"))
    }

    fn hit(usage: &Usage, market: &Rc<Market>, now: Timestamp) {
        usage.answered(market, [(FacetName::Identity, Answered::Hit, 60)].into_iter(), now);
    }

    /// The parameters of what went to the database.
    fn sent(world: &World) -> Vec<(String, String)> {
        let table = |sql: &str| {
            sql.split(' ')
                .find(|word| ["usage", "origin_call", "vehicle"].contains(word))
                .map(str::to_owned)
        };
        let text = |statement: &Statement| match statement.params.first() {
            Some(DbValue::Text(text)) => text.clone(),
            _ => String::new(),
        };
        world
            .statements()
            .iter()
            .map(|one| (table(&one.sql).unwrap_or_default(), text(one)))
            .collect()
    }

    #[test]
    fn ok_counts_add_up_and_are_saved_once_after_a_while() {
        let (world, usage, market) = (World::new(), Rc::new(Usage::default()), de());
        let ports = world.ports();
        for age_s in [10, 30] {
            usage.answered(
                &market,
                [(FacetName::Recalls, Answered::Stale, age_s)].into_iter(),
                ports.clock.now(),
            );
            usage.viewed(&market, &"abc".into(), ports.clock.now());
            usage.keep(&ports, ports.clock.now());
        }
        let origin = OriginName::new("master").expect("a name");
        for took_ms in [0, 5, 6, 70_000] {
            usage.called(&market, &origin, "ok", took_ms, ports.clock.now());
        }
        usage.called(&market, &origin, "http_response_timeout", 2_500, ports.clock.now());
        assert!(world.statements().is_empty(), "nothing on the way of an answer");
        world.run_background();
        let expected = [
            ("usage", r#"[[1795161600000,"de","recalls","recalls","stale",2,40,30]]"#),
            (
                "origin_call",
                r#"[[1795161600000,"de","master","ok",5,2],[1795161600000,"de","master","ok",10,1],[1795161600000,"de","master","ok",60000,1],[1795161600000,"de","master","http_response_timeout",2500,1]]"#,
            ),
            ("vehicle", r#"[["de","abc",2,1795161600000]]"#),
        ];
        assert_eq!(sent(&world), expected.map(|(table, rows)| (table.to_owned(), rows.to_owned())));
        world.run_background();
        assert_eq!(world.statements().len(), 3, "once");
    }

    #[test]
    fn ok_what_fails_is_kept_and_who_was_ended_is_replaced() {
        let (world, usage, market) = (World::new(), Rc::new(Usage::default()), de());
        let ports = world.ports();
        world.stores_fail.set(Some(StoreError::Unavailable));
        hit(&usage, &market, ports.clock.now());
        usage.viewed(&market, &"abc".into(), ports.clock.now());
        usage.keep(&ports, ports.clock.now());
        world.run_background();
        assert_eq!(world.events.borrow().len(), 1);
        world.stores_fail.set(None);
        hit(&usage, &market, ports.clock.now());
        usage.viewed(&market, &"abc".into(), ports.clock.now());
        usage.keep(&ports, ports.clock.now());
        world.cancel_background();
        world.advance_s(24);
        usage.keep(&ports, ports.clock.now());
        world.run_background();
        assert_eq!(sent(&world).len(), 2, "somebody else may still do it");
        world.advance_s(2);
        usage.keep(&ports, ports.clock.now());
        world.run_background();
        let rows: Vec<_> = sent(&world).into_iter().skip(2).map(|(_, rows)| rows).collect();
        assert_eq!(
            rows,
            [
                r#"[[1795161600000,"de","identity","master","hit",2,120,60]]"#,
                r#"[["de","abc",2,1795161620000]]"#
            ]
        );
    }

    #[test]
    fn ok_hours_and_other_origins_are_told_apart_and_the_same_market_is_not() {
        let (usage, now) = (Usage::default(), Timestamp(1_795_161_600_000));
        let text = include_str!("../tests/fixtures/market.toml");
        let other = market(
            &text
                .replace("origins.recalls]", "origins.recalls2]")
                .replace("\"recalls\"", "\"recalls2\""),
        );
        for (market, at) in [(de(), now), (de(), now), (de(), now.plus_ms(3_600_000)), (other, now)]
        {
            hit(&usage, &market, at);
        }
        let answers: Vec<u32> =
            usage.0.borrow().tallies.iter().map(|tally| tally.answers[0][0].answers).collect();
        assert_eq!(answers, [2, 1, 1]);
    }

    #[test]
    fn ok_it_stays_small_and_is_saved_at_once_where_there_is_much() {
        let (world, usage, market) = (World::new(), Rc::new(Usage::default()), de());
        let ports = world.ports();
        let now = ports.clock.now();
        for number in 0..2_000 {
            usage.viewed(&market, &format!("car{number}").into(), now);
            hit(&usage, &market, now.plus_ms(3_600_000 * (number % 80)));
            usage.called(
                &market,
                &OriginName::new(format!("o{number}")).expect("a name"),
                "ok",
                1,
                now,
            );
        }
        {
            let counts = usage.0.borrow();
            assert_eq!((counts.cars.len(), counts.tallies.len()), (MAX_CARS, MAX_TALLIES));
            assert!(counts.tallies.iter().all(|tally| tally.calls.len() <= MAX_CALLS));
        }
        usage.keep(&ports, ports.clock.now());
        world.run_background_for(0);
        assert_eq!(ports.clock.now(), now, "nobody waited");
        assert_eq!(
            sent(&world).last().map(|(_, rows)| rows.matches("car").count()),
            Some(MAX_CARS)
        );
    }

    #[test]
    fn ok_after_a_long_failure_everything_is_saved_in_parts() {
        let (world, usage, market) = (World::new(), Rc::new(Usage::default()), de());
        let ports = world.ports();
        world.stores_fail.set(Some(StoreError::Unavailable));
        for _ in 0..40 {
            hit(&usage, &market, ports.clock.now());
            usage.keep(&ports, ports.clock.now());
            world.run_background();
            world.advance_s(3_600);
        }
        world.stores_fail.set(None);
        let failed = world.statements().len();
        for _ in 0..3 {
            usage.keep(&ports, ports.clock.now());
            world.run_background();
        }
        let rows =
            sent(&world).into_iter().skip(failed).map(|(_, rows)| rows.matches("hit").count());
        assert_eq!(rows.collect::<Vec<_>>(), [16, 16, 8]);
    }

    #[test]
    fn ok_each_state_has_its_word() {
        let (usage, market) = (Usage::default(), de());
        let states =
            [Answered::Hit, Answered::StaleError, Answered::AbsentFetched, Answered::Withheld];
        usage.answered(
            &market,
            states.into_iter().map(|state| (FacetName::Identity, state, 0)),
            Timestamp(0),
        );
        let statements = statements(&usage.0.borrow().tallies, &BTreeMap::new());
        let text = format!("{:?}", statements.first().map(|one| &one.params));
        for word in ["hit", "stale_error", "absent_fetched", "withheld"] {
            assert!(text.contains(&format!(r#"\"{word}\",1,"#)), "{word}: {text}");
        }
        assert_eq!(Answered::Withheld as usize + 1, Answered::WORDS.len());
    }

    #[test]
    fn ok_the_last_car_is_saved_where_nobody_comes_after() {
        let (world, usage, market) = (World::new(), Rc::new(Usage::default()), de());
        let ports = world.ports();
        usage.viewed(&market, &"old".into(), ports.clock.now());
        usage.keep(&ports, ports.clock.now());
        world.run(ports.timer.sleep(19_000));
        usage.viewed(&market, &"new".into(), ports.clock.now());
        usage.keep(&ports, ports.clock.now());
        world.run_background();
        let rows = sent(&world).into_iter().map(|(_, rows)| rows.get(..14).map(str::to_owned));
        assert_eq!(rows.flatten().collect::<Vec<_>>(), [r#"[["de","old",1"#, r#"[["de","new",1"#]);
    }

    #[test]
    fn ok_a_car_of_this_moment_waits_for_its_record() {
        let (usage, market, now) = (Usage::default(), de(), Timestamp(1_795_161_600_000));
        usage.viewed(&market, &"old".into(), now);
        usage.viewed(&market, &"new".into(), now.plus_ms(1_000));
        let (_, cars) = usage.0.borrow_mut().take(now.plus_ms(2_500));
        assert_eq!(cars.keys().map(|(_, vehicle)| &**vehicle).collect::<Vec<_>>(), ["old"]);
        assert_eq!(usage.0.borrow().cars.len(), 1);
    }
}
