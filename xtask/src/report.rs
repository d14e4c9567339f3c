//! `cargo xtask report`: what is consumed, out of which system, how old, and what it cost in time.
//! Reads D1 only.
//!
//! The tables that it reads are filled by `kerbside::cache` (usage, vehicle, origin calls) and
//! described in docs/STORAGE.md; docs/ANALYSIS.md has the SQL for questions of one's own.

mod figures;
mod table;

use std::path::Path;

use anyhow::{Context, Result, bail};
use kerbside::market::MarketCode;
use serde_json::{Value, json};

use crate::args::{Accepts, Args};
use crate::database::{Database, Row};
use crate::stack::REGIONS;
use crate::tools::Node;
use figures::{Facet, Model, Origin};
use table::Table;

const ACCEPTS: Accepts = Accepts {
    command: "report",
    flags: &["--local", "--remote", "--json"],
    options: &["--env", "--state", "--market", "--hours"],
    positional: 0,
};

/// Hours back, where nothing else is said: a week.
const HOURS: u32 = 168;
/// Models in the table of those most looked at.
const MODELS: u32 = 20;

/// What a report says.
struct Report {
    environment: String,
    hours: u32,
    market: Option<String>,
    models: Vec<Model>,
    facets: Vec<Facet>,
    origins: Vec<Origin>,
    retention: Option<Value>,
}

/// `cargo xtask report`.
///
/// # Errors
/// A wrong call, or what wrangler and the database say.
pub fn command(words: &[String]) -> Result<()> {
    let args = Args::parse(&ACCEPTS, words)?;
    let hours = match args.value("--hours") {
        Some(text) => text.parse().ok().filter(|hours| (1..=10_000).contains(hours)),
        None => Some(HOURS),
    };
    let hours = hours.context("--hours needs a whole number from 1 to 10000")?;
    let market = args.value("--market").map(|code| {
        MarketCode::new(code)
            .with_context(|| format!("\"{code}\" is no market code"))
            .map(String::from)
    });
    let market = market.transpose()?;
    let database = open(&args)?;
    let rows = database.query(&statements(hours, market.as_deref()))?;
    let environment = args.value("--env").unwrap_or("eu").to_owned();
    let report = Report::new(environment, hours, market, rows);
    if args.has("--json") {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        print!("{}", report.text());
    }
    Ok(())
}

fn open(args: &Args) -> Result<Database> {
    let region = args.value("--env");
    if let Some(region) = region.filter(|region| !REGIONS.contains(region)) {
        bail!("there is no environment \"{region}\"; there are {}", REGIONS.join(" and "));
    }
    match (args.has("--local"), args.has("--remote"), args.value("--state")) {
        (true, true, _) => bail!("--local and --remote exclude each other"),
        (_, true, Some(_)) => bail!("--state is for a local database: leave --remote out"),
        (_, true, None) => Ok(Database::remote(
            Node::ensure()?,
            region.context("say where: --env eu or --env us")?,
        )),
        (_, false, Some(state)) => {
            Database::of_state(Node::ensure()?, region.unwrap_or("eu"), Path::new(state))
        }
        (true, false, None) => {
            bail!(
                "--local needs --state DIR: the folder that `cargo xtask dev --state DIR` was given"
            )
        }
        (false, false, None) => {
            bail!(
                "say which database: --state DIR of a local stack, or --remote --env eu; see `cargo xtask help report`"
            )
        }
    }
}

/// The questions, in the order in which [`Report::new`] takes the answers.
fn statements(hours: u32, market: Option<&str>) -> Vec<String> {
    let since = format!("(unixepoch() - {hours} * 3600) * 1000");
    // OK to write into SQL because a market's code is lower-case letters and digits.
    let only = market.map(|code| format!(" AND market = '{code}'")).unwrap_or_default();
    vec![
        format!(
            "SELECT market, make, model, count(*) AS cars, sum(views) AS views, min(model_year) AS from_year, \
             max(model_year) AS to_year, strftime('%Y-%m-%dT%H:%M:%SZ', max(last_seen_ms) / 1000, 'unixepoch') AS last_seen \
             FROM vehicle WHERE last_seen_ms >= {since}{only} GROUP BY market, make, model \
             ORDER BY views DESC, cars DESC, market, make, model LIMIT {MODELS}"
        ),
        format!(
            "SELECT market, facet, origin, state, sum(answers) AS answers, sum(age_s_total) AS age_s_total, \
             max(age_s_most) AS age_s_most FROM usage WHERE hour_ms >= {since}{only} \
             GROUP BY market, facet, origin, state ORDER BY market, facet, origin"
        ),
        format!(
            "SELECT market, origin, outcome, up_to_ms, sum(calls) AS calls FROM origin_call WHERE hour_ms >= {since}{only} \
             GROUP BY market, origin, outcome, up_to_ms ORDER BY market, origin, up_to_ms"
        ),
        "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ran_at_ms / 1000, 'unixepoch') AS ran_at, state FROM job \
         WHERE name = 'retention'"
            .to_owned(),
    ]
}

impl Report {
    fn new(
        environment: String,
        hours: u32,
        market: Option<String>,
        mut rows: Vec<Vec<Row>>,
    ) -> Self {
        let mut next = || if rows.is_empty() { Vec::new() } else { rows.remove(0) };
        let models = next().iter().map(Model::of).collect();
        let facets = Facet::all(&next());
        let origins = Origin::all(&next());
        let retention = next().first().map(|row| {
            let state = row
                .get("state")
                .and_then(Value::as_str)
                .and_then(|text| serde_json::from_str(text).ok());
            json!({"ran_at": row.get("ran_at"), "state": state.unwrap_or(Value::Null)})
        });
        Self { environment, hours, market, models, facets, origins, retention }
    }

    fn json(&self) -> Value {
        json!({
            "environment": self.environment,
            "hours": self.hours,
            "market": self.market,
            "models": self.models.iter().map(Model::json).collect::<Vec<_>>(),
            "facets": self.facets.iter().map(Facet::json).collect::<Vec<_>>(),
            "origins": self.origins.iter().map(Origin::json).collect::<Vec<_>>(),
            "retention": self.retention,
        })
    }

    fn text(&self) -> String {
        let market =
            self.market.as_ref().map(|code| format!(", market {code}")).unwrap_or_default();
        let mut text = format!("{}, the last {} hours{market}\n", self.environment, self.hours);
        let none = |what: &str| format!("  nothing: {what}\n");

        text += "\nModels most looked at (cars seen in this time; views since each car was first stored)\n";
        let models =
            Table::of(&["market", "make", "model", "years", "cars", "views", "last seen"], 4..6);
        text += &models
            .text(self.models.iter().map(Model::cells))
            .unwrap_or_else(|| none("no car was looked at"));

        text += "\nHow facets were answered (shares of the answers that were not withheld)\n";
        let columns = [
            "market",
            "facet",
            "origin",
            "answers",
            "cached",
            "hit",
            "stale",
            "instead",
            "none",
            "fetched",
            "collapsed",
            "pending",
            "unavailable",
            "withheld",
        ];
        let facets = Table::of(&columns, 3..14);
        text += &facets
            .text(self.facets.iter().map(Facet::cells))
            .unwrap_or_else(|| none("no facet was asked for"));
        if !self.facets.is_empty() {
            text += "  cached = hit + stale + instead + none from the cache; instead: an old one, because the origin failed or was late;\n  \
                     none: the origin says that there is none; withheld: a number of answers above the caller's tier\n";
        }

        text += "\nOrigins (milliseconds of good calls, from a histogram)\n";
        let origins = Table::of(
            &["market", "origin", "calls", "errors", "p50", "p95", "p99", "which errors"],
            2..7,
        );
        text += &origins
            .text(self.origins.iter().map(Origin::cells))
            .unwrap_or_else(|| none("no origin was asked"));

        text += "\nStaleness served (of the answers that had a facet)\n";
        let columns = [
            "market",
            "facet",
            "with a facet",
            "stale",
            "instead",
            "mean age",
            "mean age stale",
            "oldest stale",
        ];
        let stale = Table::of(&columns, 2..8);
        let rows = self.facets.iter().filter_map(Facet::staleness);
        text += &stale.text(rows).unwrap_or_else(|| none("no facet was served"));

        text + "\nRetention: "
            + &self.retention.as_ref().map_or_else(|| "has not run yet\n".to_owned(), ran)
    }
}

/// When retention ran and what it removed.
fn ran(run: &Value) -> String {
    let at = run.get("ran_at").and_then(Value::as_str).unwrap_or("?");
    let has_more = run.pointer("/state/more") == Some(&Value::Bool(true));
    let more = if has_more { "; more is left for the next run" } else { "" };
    format!("last ran {at}, removed {}{more}\n", removed(run))
}

/// `stored_facet 12, lease 3`.
fn removed(run: &Value) -> String {
    let tables = run.pointer("/state/removed").and_then(Value::as_object).into_iter().flatten();
    let some: Vec<String> = tables
        .filter(|(_, rows)| rows.as_i64() != Some(0))
        .map(|(table, rows)| format!("{table} {rows}"))
        .collect();
    if some.is_empty() { "nothing".to_owned() } else { some.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(value: &Value) -> Vec<Row> {
        value.as_array().into_iter().flatten().filter_map(Value::as_object).cloned().collect()
    }

    fn report() -> Report {
        let models = json!([{"market": "de", "make": "Porsche", "model": null, "cars": 2, "views": 31, "from_year": 1996,
            "to_year": 2004, "last_seen": "2026-11-20T08:00:00Z"}]);
        let state = |state: &str, answers: i64, total: i64, most: i64| {
            json!({"market": "de", "facet": "recalls", "origin": "recalls", "state": state, "answers": answers,
                "age_s_total": total, "age_s_most": most})
        };
        let usage = json!([
            state("hit", 90, 9_000, 500),
            state("stale", 5, 50_000, 20_000),
            state("stale_error", 1, 200_000, 200_000),
            state("absent_fetched", 2, 0, 0),
            state("unavailable", 2, 0, 0),
            state("withheld", 7, 0, 0)
        ]);
        let call = |outcome: &str, up_to_ms: i64, calls: i64| json!({"market": "de", "origin": "recalls", "outcome": outcome, "up_to_ms": up_to_ms, "calls": calls});
        let calls = json!([
            call("ok", 100, 50),
            call("ok", 125, 45),
            call("ok", 1_000, 5),
            call("http_response_timeout", 2_500, 25)
        ]);
        let job = json!([{"ran_at": "2026-11-20T08:07:00Z", "state": r#"{"removed": {"stored_facet": 12, "lease": 0}, "more": true}"#}]);
        Report::new("eu".into(), 168, None, [models, usage, calls, job].iter().map(rows).collect())
    }

    #[test]
    fn ok_tables() {
        let text = report().text();
        for line in [
            "de Porsche not stated 1996–2004 2 31 2026-11-20T08:00:00Z",
            "de recalls recalls 100 96.0 % 90.0 % 5.0 % 1.0 % 2.0 % 0.0 % 0.0 % 0.0 % 2.0 % 7",
            "de recalls 125 20.0 % 100 125 960 http_response_timeout 25",
            "de recalls 96 5.2 % 1.0 % 45 min 11.6 h 2.3 d",
            "Retention: last ran 2026-11-20T08:07:00Z, removed stored_facet 12; more is left for the next run",
        ] {
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                text.lines().any(|found| words(found) == words(line)),
                "{line:?} is not in\n{text}"
            );
        }
    }

    #[test]
    fn ok_an_empty_database_says_so() {
        let text = Report::new("eu".into(), 24, Some("de".into()), vec![Vec::new(); 4]).text();
        assert!(text.starts_with("eu, the last 24 hours, market de\n"), "{text}");
        assert_eq!(text.matches("nothing: ").count(), 4, "{text}");
        assert!(text.ends_with("Retention: has not run yet\n"), "{text}");
    }

    #[test]
    fn ok_json_has_numbers() {
        let json = report().json();
        assert_eq!(json.pointer("/facets/0/share/stale_error"), Some(&json!(0.01)));
        assert_eq!(json.pointer("/origins/0/p95_ms"), Some(&json!(125)));
        assert_eq!(json.pointer("/models/0/model"), Some(&Value::Null));
        assert_eq!(json.pointer("/retention/state/removed/stored_facet"), Some(&json!(12)));
    }

    #[test]
    fn err_calls_that_mean_no_database() {
        for (words, expect) in [
            ("", "say which database"),
            ("--local", "--local needs --state DIR"),
            ("--remote", "say where"),
            ("--remote --env xx", "no environment"),
            ("--remote --env eu --state x", "leave --remote out"),
            ("--local --remote", "exclude"),
            ("--state x --hours 0", "whole number"),
            ("--state x --market D!", "no market code"),
        ] {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            let error = format!("{:#}", command(&words).expect_err("refused"));
            assert!(error.contains(expect), "{words:?}: {error}");
        }
    }
}
