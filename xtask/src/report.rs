//! `cargo xtask report`: usage by model, cache status of facets, latency of origins, staleness.
//! Reads D1 only.
//!
//! `kerbside::usage` fills the tables that it reads; docs/STORAGE.md describes them.
//! docs/ANALYSIS.md has the SQL for other questions.

mod figures;

use anyhow::{Context, Result};
use kerbside::market::MarketCode;
use serde_json::{Value, json};

use crate::database::{DatabaseArgs, Row};
use crate::market::parse_market_code;
use crate::table::render_aligned;
use figures::{FacetFigures, ModelFigures, OriginFigures};

/// Number of models in the table of the most viewed.
const MAX_MODELS: u32 = 20;

/// Report what is viewed, from which cache or origin, how old and how fast
///
/// Prints tables from a region's D1: the most viewed models, the cache status of each facet
/// (cached, stale, fetched, unavailable), the latency of origins (p50, p95, p99) and their errors,
/// the age of served facets, and the last run of retention. Counts reach D1 some 20 seconds after
/// they were made. docs/ANALYSIS.md has SQL for other questions.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("database").args(["remote", "state"]).required(true)))]
pub struct ReportArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Read a local database, that of --state; the default with --state
    #[arg(long, requires = "state", conflicts_with = "remote")]
    local: bool,
    /// Report one market only
    #[arg(long, value_name = "CODE", value_parser = parse_market_code)]
    market: Option<MarketCode>,
    /// Report the last N hours; a week is 168
    #[arg(long, value_name = "N", default_value_t = 168,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    hours: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The contents of a report.
#[derive(Debug)]
struct Report {
    environment: String,
    hours: u32,
    market: Option<String>,
    models: Vec<ModelFigures>,
    facets: Vec<FacetFigures>,
    origins: Vec<OriginFigures>,
    retention: Option<Value>,
}

/// Runs `cargo xtask report`.
///
/// # Errors
/// A failure of wrangler or of the database.
pub fn run(args: &ReportArgs) -> Result<()> {
    let market = args.market.clone().map(String::from);
    let database = args.database.open()?;
    let database = database.context("say which database: --state DIR, or --remote --env REGION")?;
    let rows = database.query(&statements(args.hours, market.as_deref()))?;
    let environment = args.database.region()?.to_string();
    let report = Report::new(environment, args.hours, market, rows)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.to_json())?);
    } else {
        print!("{}", report.render());
    }
    Ok(())
}

/// Returns the queries, in the order in which [`Report::new`] takes their rows.
fn statements(hours: u32, market: Option<&str>) -> Vec<String> {
    let since = format!("(unixepoch() - {hours} * 3600) * 1000");
    // OK to write into SQL because a market's code is lower-case letters and digits.
    let only = market.map_or_else(String::new, |code| format!(" AND market = '{code}'"));
    vec![
        format!(
            "SELECT market, make, model, count(*) AS cars, sum(views) AS views, \
             min(model_year) AS from_year, max(model_year) AS to_year, \
             strftime('%Y-%m-%dT%H:%M:%SZ', max(last_seen_ms) / 1000, 'unixepoch') AS last_seen \
             FROM vehicle WHERE last_seen_ms >= {since}{only} GROUP BY market, make, model \
             ORDER BY views DESC, cars DESC, market, make, model LIMIT {MAX_MODELS}"
        ),
        format!(
            "SELECT market, facet, origin, state, sum(answers) AS answers, \
             sum(age_s_total) AS age_s_total, max(age_s_most) AS age_s_most FROM usage \
             WHERE hour_ms >= {since}{only} GROUP BY market, facet, origin, state \
             ORDER BY market, facet, origin"
        ),
        format!(
            "SELECT market, origin, outcome, up_to_ms, sum(calls) AS calls FROM origin_call \
             WHERE hour_ms >= {since}{only} GROUP BY market, origin, outcome, up_to_ms \
             ORDER BY market, origin, up_to_ms"
        ),
        "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', ran_at_ms / 1000, 'unixepoch') AS ran_at, state \
         FROM job WHERE name = 'retention'"
            .to_owned(),
    ]
}

impl Report {
    fn new(
        environment: String,
        hours: u32,
        market: Option<String>,
        results: Vec<Vec<Row>>,
    ) -> Result<Self> {
        let [models, facets, origins, jobs] = results.as_slice() else {
            anyhow::bail!("the database gave {} results instead of 4", results.len());
        };
        let retention = jobs.first().map(|row| {
            let state = row.get("state").and_then(Value::as_str);
            let state: Option<Value> = state.and_then(|text| serde_json::from_str(text).ok());
            json!({"ran_at": row.get("ran_at"), "state": state})
        });
        Ok(Self {
            environment,
            hours,
            market,
            models: models.iter().map(ModelFigures::from_row).collect(),
            facets: FacetFigures::from_rows(facets),
            origins: OriginFigures::from_rows(origins),
            retention,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "environment": self.environment,
            "hours": self.hours,
            "market": self.market,
            "models": self.models.iter().map(ModelFigures::to_json).collect::<Vec<_>>(),
            "facets": self.facets.iter().map(FacetFigures::to_json).collect::<Vec<_>>(),
            "origins": self.origins.iter().map(OriginFigures::to_json).collect::<Vec<_>>(),
            "retention": self.retention,
        })
    }

    fn render(&self) -> String {
        let market = self.market.as_ref().map_or(String::new(), |code| format!(", market {code}"));
        let retention = self.retention.as_ref();
        [
            format!("{}, the last {} hours{market}\n", self.environment, self.hours),
            self.render_models(),
            self.render_facets(),
            self.render_origins(),
            self.render_staleness(),
            format!("\nRetention: {}\n", retention.map_or("has not run yet".into(), format_run)),
        ]
        .concat()
    }

    fn render_models(&self) -> String {
        let columns = ["market", "make", "model", "years", "cars", "views", "last seen"];
        let rows = self.models.iter().map(ModelFigures::to_cells);
        section(
            "Models most looked at (cars seen in this time; views since each car was first stored)",
            &render_aligned(&columns, 4..6, rows),
            "no car was looked at",
        )
    }

    fn render_facets(&self) -> String {
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
        let rows = self.facets.iter().map(FacetFigures::to_cells);
        let text = section(
            "How facets were answered (shares of the answers that were not withheld)",
            &render_aligned(&columns, 3..14, rows),
            "no facet was asked for",
        );
        if self.facets.is_empty() {
            return text;
        }
        text + "cached = hit + stale + instead + none from the cache; instead: stale, because the \
                origin failed\nor was late; none: the origin has no such facet; withheld: number \
                of answers above the caller's tier\n"
    }

    fn render_origins(&self) -> String {
        let columns = ["market", "origin", "calls", "errors", "p50", "p95", "p99", "which errors"];
        let rows = self.origins.iter().map(OriginFigures::to_cells);
        section(
            "Origins (milliseconds of good calls, from a histogram)",
            &render_aligned(&columns, 2..7, rows),
            "no origin was asked",
        )
    }

    fn render_staleness(&self) -> String {
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
        let rows = self.facets.iter().filter_map(FacetFigures::to_staleness_cells);
        section(
            "Staleness served (of the answers that had a facet)",
            &render_aligned(&columns, 2..8, rows),
            "no facet was served",
        )
    }
}

/// Formats a titled table, or why it is empty.
fn section(title: &str, table: &str, if_empty: &str) -> String {
    if table.is_empty() {
        format!("\n{title}\nnothing: {if_empty}\n")
    } else {
        format!("\n{title}\n{table}")
    }
}

/// Formats a run of retention: its time and the rows that it removed.
fn format_run(run: &Value) -> String {
    let at = run.get("ran_at").and_then(Value::as_str).unwrap_or("?");
    let has_more = run.pointer("/state/more") == Some(&Value::Bool(true));
    let more = if has_more { "; more is left for the next run" } else { "" };
    format!("last ran {at}, removed {}{more}", format_removed(run))
}

/// Formats the numbers of removed rows: `stored_facet 12, lease 3`.
fn format_removed(run: &Value) -> String {
    let tables = run.pointer("/state/removed").and_then(Value::as_object).into_iter().flatten();
    let counts: Vec<String> = tables
        .filter(|(_, rows)| rows.as_i64() != Some(0))
        .map(|(table, rows)| format!("{table} {rows}"))
        .collect();
    if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct TestCli {
        #[command(flatten)]
        _args: ReportArgs,
    }

    fn rows(value: &Value) -> Vec<Row> {
        value.as_array().into_iter().flatten().filter_map(Value::as_object).cloned().collect()
    }

    fn report() -> Report {
        let models = json!([{
            "market": "de", "make": "Porsche", "model": null, "cars": 2, "views": 31,
            "from_year": 1996, "to_year": 2004, "last_seen": "2026-11-20T08:00:00Z"}]);
        let state = |state: &str, answers: i64, total: i64, most: i64| {
            json!({"market": "de", "facet": "recalls", "origin": "recalls", "state": state,
                "answers": answers, "age_s_total": total, "age_s_most": most})
        };
        let usage = json!([
            state("hit", 90, 9_000, 500),
            state("stale", 5, 50_000, 20_000),
            state("stale_error", 1, 200_000, 200_000),
            state("absent_fetched", 2, 0, 0),
            state("unavailable", 2, 0, 0),
            state("withheld", 7, 0, 0)
        ]);
        let call = |outcome: &str, up_to_ms: i64, calls: i64| {
            json!({"market": "de", "origin": "recalls", "outcome": outcome, "up_to_ms": up_to_ms,
                "calls": calls})
        };
        let calls = json!([
            call("ok", 100, 50),
            call("ok", 125, 45),
            call("ok", 1_000, 5),
            call("http_response_timeout", 2_500, 25)
        ]);
        let state = r#"{"removed": {"stored_facet": 12, "lease": 0}, "more": true}"#;
        let job = json!([{"ran_at": "2026-11-20T08:07:00Z", "state": state}]);
        let results = [models, usage, calls, job].iter().map(rows).collect();
        Report::new("eu".into(), 168, None, results).expect("four results")
    }

    #[test]
    fn ok_tables() {
        let text = report().render();
        for line in [
            "de Porsche not stated 1996–2004 2 31 2026-11-20T08:00:00Z",
            "de recalls recalls 100 96.0 % 90.0 % 5.0 % 1.0 % 2.0 % 0.0 % 0.0 % 0.0 % 2.0 % 7",
            "de recalls 125 20.0 % 100 125 960 http_response_timeout 25",
            "de recalls 96 5.2 % 1.0 % 45 min 11.6 h 2.3 d",
            "Retention: last ran 2026-11-20T08:07:00Z, removed stored_facet 12; more is left for \
             the next run",
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
        let report = Report::new("eu".into(), 24, Some("de".into()), vec![Vec::new(); 4]);
        let text = report.expect("four results").render();
        assert!(text.starts_with("eu, the last 24 hours, market de\n"), "{text}");
        assert_eq!(text.matches("nothing: ").count(), 4, "{text}");
        assert!(text.ends_with("Retention: has not run yet\n"), "{text}");
    }

    #[test]
    fn ok_json_has_numbers() {
        let json = report().to_json();
        assert_eq!(json.pointer("/facets/0/share/stale_error"), Some(&json!(0.01)));
        assert_eq!(json.pointer("/origins/0/p95_ms"), Some(&json!(125)));
        assert_eq!(json.pointer("/models/0/model"), Some(&Value::Null));
        assert_eq!(json.pointer("/retention/state/removed/stored_facet"), Some(&json!(12)));
    }

    #[test]
    fn err_calls_that_mean_no_database() {
        for (line, expect) in [
            ("", "<--remote|--state <DIR>>"),
            ("--local", "--state <DIR>"),
            ("--remote", "--env <REGION>"),
            ("--remote --env xx", "no environment"),
            ("--remote --env eu --state x", "cannot be used with"),
            ("--local --remote", "cannot be used with"),
            ("--state x --hours 0", "not in 1..=10000"),
            ("--state x --market D!", "no market code"),
        ] {
            let words = std::iter::once("report").chain(line.split_whitespace());
            let error = TestCli::try_parse_from(words).expect_err(line).to_string();
            assert!(error.contains(expect), "{line:?}: {error}");
        }
    }
}
