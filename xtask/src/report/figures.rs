//! Figures of a report about models, facets and origins, computed from rows of the database.

use kerbside::usage::CALL_UP_TO_MS;
use serde_json::{Map, Value, json};

use crate::database::Row;

/// Reads a count or a time; 0 for NULL, the sum of no rows.
fn number(row: &Row, name: &str) -> i64 {
    row.get(name).and_then(Value::as_f64).map_or(0, round)
}

/// Reads a text; `None` for NULL.
fn text(row: &Row, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// Reads a text of a column that is never NULL; `?` shows a database of another shape.
fn required_text(row: &Row, name: &str) -> String {
    text(row, name).unwrap_or_else(|| "?".to_owned())
}

#[expect(clippy::cast_possible_truncation, reason = "counts and times are far below 2^53")]
fn round(number: f64) -> i64 {
    number.round() as i64
}

#[expect(clippy::cast_precision_loss, reason = "counts and times are far below 2^53")]
fn share(part: i64, all: i64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

fn percent(part: i64, all: i64) -> String {
    if all == 0 { "–".to_owned() } else { format!("{:.1} %", share(part, all) * 100.0) }
}

/// Formats an age in the largest unit that fits: `45 min`.
fn format_age(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} d", s / 86_400.0),
    }
}

/// Figures of a model in a market.
#[derive(Debug)]
pub struct ModelFigures {
    market: String,
    make: Option<String>,
    name: Option<String>,
    from_year: Option<i64>,
    to_year: Option<i64>,
    cars: i64,
    views: i64,
    last_seen: Option<String>,
}

impl ModelFigures {
    /// Reads a row.
    pub fn from_row(row: &Row) -> Self {
        Self {
            market: required_text(row, "market"),
            make: text(row, "make"),
            name: text(row, "model"),
            from_year: row.get("from_year").and_then(Value::as_i64),
            to_year: row.get("to_year").and_then(Value::as_i64),
            cars: number(row, "cars"),
            views: number(row, "views"),
            last_seen: text(row, "last_seen"),
        }
    }

    /// Returns a row of the table.
    pub fn to_cells(&self) -> Vec<String> {
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
            self.last_seen.as_deref().unwrap_or("").to_owned(),
        ]
    }

    /// Returns the JSON form.
    pub fn to_json(&self) -> Value {
        json!({
            "market": self.market, "make": self.make, "model": self.name,
            "from_year": self.from_year, "to_year": self.to_year, "cars": self.cars,
            "views": self.views, "last_seen": self.last_seen,
        })
    }
}

/// Figures of a facet from an origin: answers by state, and their ages.
#[derive(Debug)]
pub struct FacetFigures {
    market: String,
    name: String,
    origin: String,
    states: Vec<StateSum>,
}

/// Sums over the answers in a state.
#[derive(Debug, Default)]
struct StateSum {
    state: String,
    answers: i64,
    /// Sum of the ages in seconds.
    age_s: i64,
    /// Greatest age in seconds.
    max_age_s: i64,
}

impl FacetFigures {
    /// Reads rows in the order of market, facet and origin.
    pub fn from_rows(rows: &[Row]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for row in rows {
            let word = |name| required_text(row, name);
            let (market, name, origin) = (word("market"), word("facet"), word("origin"));
            if all.last().is_none_or(|last| {
                (&last.market, &last.name, &last.origin) != (&market, &name, &origin)
            }) {
                all.push(Self { market, name, origin, states: Vec::new() });
            }
            if let Some(last) = all.last_mut() {
                last.states.push(StateSum {
                    state: word("state"),
                    answers: number(row, "answers"),
                    age_s: number(row, "age_s_total"),
                    max_age_s: number(row, "age_s_most"),
                });
            }
        }
        all
    }

    /// Adds up some states.
    fn sum(&self, states: &[&str]) -> StateSum {
        let chosen = self.states.iter().filter(|sum| states.contains(&sum.state.as_str()));
        chosen.fold(StateSum::default(), |total, sum| StateSum {
            state: total.state,
            answers: total.answers + sum.answers,
            age_s: total.age_s + sum.age_s,
            max_age_s: total.max_age_s.max(sum.max_age_s),
        })
    }

    fn answers(&self, states: &[&str]) -> i64 {
        self.sum(states).answers
    }

    /// Counts the answers that shares refer to: all but withheld ones.
    fn shared_answers(&self) -> i64 {
        let all: i64 = self.states.iter().map(|sum| sum.answers).sum();
        all - self.answers(&["withheld"])
    }

    /// Returns a row of the table.
    pub fn to_cells(&self) -> Vec<String> {
        let all = self.shared_answers();
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

    /// Returns a row of the table of staleness; `None` if no facet was served.
    #[expect(clippy::cast_precision_loss, reason = "ages are far below 2^53 seconds")]
    pub fn to_staleness_cells(&self) -> Option<Vec<String>> {
        let (served, stale) = (self.sum(&SERVED), self.sum(&STALE));
        let mean_age = |sum: &StateSum| {
            if sum.answers == 0 {
                "–".to_owned()
            } else {
                format_age(sum.age_s as f64 / sum.answers as f64)
            }
        };
        let oldest = || format_age(stale.max_age_s as f64);
        (served.answers > 0).then(|| {
            vec![
                self.market.clone(),
                self.name.clone(),
                served.answers.to_string(),
                percent(self.answers(&["stale"]), served.answers),
                percent(self.answers(&["stale_error"]), served.answers),
                mean_age(&served),
                mean_age(&stale),
                if stale.answers == 0 { "–".to_owned() } else { oldest() },
            ]
        })
    }

    /// Returns the JSON form.
    pub fn to_json(&self) -> Value {
        let all = self.shared_answers();
        let mut shares = Map::new();
        for sum in self.states.iter().filter(|sum| sum.state != "withheld") {
            shares.insert(sum.state.clone(), share(sum.answers, all).into());
        }
        let (served, stale) = (self.sum(&SERVED), self.sum(&STALE));
        json!({
            "market": self.market, "facet": self.name, "origin": self.origin, "answers": all,
            "withheld": self.answers(&["withheld"]), "cached": share(self.answers(&CACHED), all),
            "share": shares, "mean_age_s": share(served.age_s, served.answers),
            "mean_stale_age_s": share(stale.age_s, stale.answers),
            "most_stale_age_s": stale.max_age_s,
        })
    }
}

/// States in which a facet was part of the document.
const SERVED: [&str; 5] = ["hit", "stale", "stale_error", "fetched", "collapsed"];
/// States in which an outdated facet was served.
const STALE: [&str; 2] = ["stale", "stale_error"];
/// States in which the answer waited for no origin.
const CACHED: [&str; 4] = ["hit", "stale", "stale_error", "absent"];

/// Figures of an origin: latency of good calls, and errors.
#[derive(Debug)]
pub struct OriginFigures {
    market: String,
    name: String,
    /// Good calls by the upper bound of their bucket.
    good: Vec<(i64, i64)>,
    /// Errors and their numbers, the most frequent first.
    errors: Vec<(String, i64)>,
}

impl OriginFigures {
    /// Reads rows in the order of market, origin and bucket.
    pub fn from_rows(rows: &[Row]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for row in rows {
            let word = |name| required_text(row, name);
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

    /// Estimates a percentile of the latency of good calls in milliseconds; calls are assumed to
    /// be spread evenly within a bucket.
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
                return Some(round((up_to_ms - from_ms) as f64 * part) + from_ms);
            }
            below += calls;
        }
        None
    }

    /// Returns a row of the table.
    pub fn to_cells(&self) -> Vec<String> {
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

    /// Returns the JSON form.
    pub fn to_json(&self) -> Value {
        let errors: Map<String, Value> =
            self.errors.iter().map(|(error, calls)| (error.clone(), Value::from(*calls))).collect();
        json!({
            "market": self.market, "origin": self.name, "calls": self.calls(),
            "error_share": share(self.failed(), self.calls()), "p50_ms": self.percentile(50),
            "p95_ms": self.percentile(95), "p99_ms": self.percentile(99), "errors": errors,
        })
    }
}
