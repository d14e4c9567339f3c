//! From rows of the database to what a report says of models, facets and origins.

use kerbside::usage::CALL_UP_TO_MS;
use serde_json::{Map, Value, json};

use crate::database::Row;

fn number(row: &Row, name: &str) -> i64 {
    row.get(name).and_then(Value::as_f64).map_or(0, whole)
}

fn text(row: &Row, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

#[expect(clippy::cast_possible_truncation, reason = "counts and times are far below 2^53")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^53")]
fn share(part: i64, all: i64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

fn percent(part: i64, all: i64) -> String {
    if all == 0 { "–".to_owned() } else { format!("{:.1} %", share(part, all) * 100.0) }
}

/// Seconds in the unit that a person would take.
fn age(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// A model in a market.
pub struct Model {
    market: String,
    make: Option<String>,
    name: Option<String>,
    from_year: Option<i64>,
    to_year: Option<i64>,
    cars: i64,
    views: i64,
    last_seen: Option<String>,
}

impl Model {
    /// Of a row.
    pub fn of(row: &Row) -> Self {
        Self {
            market: text(row, "market").unwrap_or_default(),
            make: text(row, "make"),
            name: text(row, "model"),
            from_year: row.get("from_year").and_then(Value::as_i64),
            to_year: row.get("to_year").and_then(Value::as_i64),
            cars: number(row, "cars"),
            views: number(row, "views"),
            last_seen: text(row, "last_seen"),
        }
    }

    /// A line of the table.
    pub fn cells(&self) -> Vec<String> {
        let stated =
            |text: &Option<String>| text.clone().unwrap_or_else(|| "not stated".to_owned());
        let years = match (self.from_year, self.to_year) {
            (Some(from), Some(to)) if from != to => format!("{from}–{to}"),
            (Some(year), _) => year.to_string(),
            _ => String::new(),
        };
        vec![
            self.market.clone(),
            stated(&self.make),
            stated(&self.name),
            years,
            self.cars.to_string(),
            self.views.to_string(),
            self.last_seen.clone().unwrap_or_default(),
        ]
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({"market": self.market, "make": self.make, "model": self.name, "from_year": self.from_year,
            "to_year": self.to_year, "cars": self.cars, "views": self.views, "last_seen": self.last_seen})
    }
}

/// How a facet was answered.
#[derive(Default)]
pub struct Facet {
    market: String,
    name: String,
    origin: String,
    /// By state: answers, sum of ages, greatest age.
    states: Vec<(String, i64, i64, i64)>,
}

impl Facet {
    /// Of rows in the order of market, facet and origin.
    pub fn all(rows: &[Row]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for row in rows {
            let word = |name| text(row, name).unwrap_or_default();
            let (market, name, origin) = (word("market"), word("facet"), word("origin"));
            if all.last().is_none_or(|last| {
                (&last.market, &last.name, &last.origin) != (&market, &name, &origin)
            }) {
                all.push(Self { market, name, origin, states: Vec::new() });
            }
            if let Some(last) = all.last_mut() {
                let sum = (
                    word("state"),
                    number(row, "answers"),
                    number(row, "age_s_total"),
                    number(row, "age_s_most"),
                );
                last.states.push(sum);
            }
        }
        all
    }

    /// Answers, sum of ages and greatest age over some states.
    fn sum(&self, states: &[&str]) -> (i64, i64, i64) {
        let those = self.states.iter().filter(|(state, ..)| states.contains(&state.as_str()));
        those.fold((0, 0, 0), |(answers, total, most), (_, a, t, m)| {
            (answers + a, total + t, most.max(*m))
        })
    }

    fn answers(&self, states: &[&str]) -> i64 {
        self.sum(states).0
    }

    /// The answers of which a share is taken.
    fn all_answers(&self) -> i64 {
        let all: i64 = self.states.iter().map(|(_, answers, ..)| answers).sum();
        all - self.answers(&["withheld"])
    }

    /// A line of the table.
    pub fn cells(&self) -> Vec<String> {
        let all = self.all_answers();
        let percent = |states: &[&str]| percent(self.answers(states), all);
        vec![
            self.market.clone(),
            self.name.clone(),
            self.origin.clone(),
            all.to_string(),
            percent(&CACHED),
            percent(&["hit"]),
            percent(&["stale"]),
            percent(&["stale_error"]),
            percent(&["absent", "absent_fetched"]),
            percent(&["fetched"]),
            percent(&["collapsed"]),
            percent(&["pending"]),
            percent(&["unavailable"]),
            self.answers(&["withheld"]).to_string(),
        ]
    }

    /// A line of the table of staleness; nothing where no facet was served.
    #[expect(clippy::cast_precision_loss, reason = "ages are far below 2^53 seconds")]
    pub fn staleness(&self) -> Option<Vec<String>> {
        let (present, age_s, _) =
            self.sum(&["hit", "stale", "stale_error", "fetched", "collapsed"]);
        let (old, old_age_s, oldest_s) = self.sum(&["stale", "stale_error"]);
        let mean = |total: i64, of: i64| {
            if of == 0 { "–".to_owned() } else { age(total as f64 / of as f64) }
        };
        (present > 0).then(|| {
            vec![
                self.market.clone(),
                self.name.clone(),
                present.to_string(),
                percent(self.answers(&["stale"]), present),
                percent(self.answers(&["stale_error"]), present),
                mean(age_s, present),
                mean(old_age_s, old),
                if old == 0 { "–".to_owned() } else { age(oldest_s as f64) },
            ]
        })
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let all = self.all_answers();
        let mut shares = Map::new();
        for (state, answers, ..) in self.states.iter().filter(|(state, ..)| state != "withheld") {
            shares.insert(state.clone(), share(*answers, all).into());
        }
        let (old, old_age_s, oldest_s) = self.sum(&["stale", "stale_error"]);
        let (present, age_s, _) =
            self.sum(&["hit", "stale", "stale_error", "fetched", "collapsed"]);
        json!({
            "market": self.market, "facet": self.name, "origin": self.origin, "answers": all,
            "withheld": self.answers(&["withheld"]), "cached": share(self.answers(&CACHED), all), "share": shares,
            "mean_age_s": share(age_s, present), "mean_stale_age_s": share(old_age_s, old), "most_stale_age_s": oldest_s,
        })
    }
}

/// The states that no origin was waited for.
const CACHED: [&str; 4] = ["hit", "stale", "stale_error", "absent"];

/// How an origin did.
pub struct Origin {
    market: String,
    name: String,
    /// Good calls by the upper bound of their bucket.
    good: Vec<(i64, i64)>,
    /// Errors and how many, most first.
    errors: Vec<(String, i64)>,
}

impl Origin {
    /// Of rows in the order of market, origin and bucket.
    pub fn all(rows: &[Row]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for row in rows {
            let word = |name| text(row, name).unwrap_or_default();
            let (market, name, outcome) = (word("market"), word("origin"), word("outcome"));
            if all.last().is_none_or(|last| (&last.market, &last.name) != (&market, &name)) {
                all.push(Self { market, name, good: Vec::new(), errors: Vec::new() });
            }
            let (Some(last), calls) = (all.last_mut(), number(row, "calls")) else { continue };
            if outcome == "ok" {
                last.good.push((number(row, "up_to_ms"), calls));
            } else if let Some((_, known)) =
                last.errors.iter_mut().find(|(error, _)| *error == outcome)
            {
                *known += calls;
            } else {
                last.errors.push((outcome, calls));
            }
        }
        for origin in &mut all {
            origin.errors.sort_by_key(|(_, calls)| -calls);
        }
        all
    }

    fn failed(&self) -> i64 {
        self.errors.iter().map(|(_, calls)| calls).sum()
    }

    fn calls(&self) -> i64 {
        self.good.iter().map(|(_, calls)| calls).sum::<i64>() + self.failed()
    }

    /// What so many of a hundred good calls did not exceed: within its bucket, calls are taken to
    /// be spread evenly.
    #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
    fn percentile(&self, hundredths: i64) -> Option<i64> {
        let all: i64 = self.good.iter().map(|(_, calls)| calls).sum();
        let rank = (all * hundredths + 99) / 100;
        let mut below = 0;
        for (up_to_ms, calls) in &self.good {
            if below + calls >= rank && *calls > 0 {
                let bounds = CALL_UP_TO_MS.iter().map(|bound| i64::from(*bound));
                let from_ms = bounds.filter(|bound| bound < up_to_ms).max().unwrap_or(0);
                let part = share(rank - below, *calls);
                return Some(whole((up_to_ms - from_ms) as f64 * part) + from_ms);
            }
            below += calls;
        }
        None
    }

    /// A line of the table.
    pub fn cells(&self) -> Vec<String> {
        let ms = |hundredths| {
            self.percentile(hundredths).map_or_else(|| "–".to_owned(), |ms| ms.to_string())
        };
        let errors: Vec<String> =
            self.errors.iter().map(|(error, calls)| format!("{error} {calls}")).collect();
        vec![
            self.market.clone(),
            self.name.clone(),
            self.calls().to_string(),
            percent(self.failed(), self.calls()),
            ms(50),
            ms(95),
            ms(99),
            errors.join(", "),
        ]
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let errors: Map<String, Value> =
            self.errors.iter().map(|(error, calls)| (error.clone(), Value::from(*calls))).collect();
        json!({"market": self.market, "origin": self.name, "calls": self.calls(), "error_share": share(self.failed(), self.calls()),
            "p50_ms": self.percentile(50), "p95_ms": self.percentile(95), "p99_ms": self.percentile(99), "errors": errors})
    }
}
