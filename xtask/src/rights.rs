//! `cargo xtask rights`: lists and ends rights to a car, and switches methods of proof off and on,
//! through a portal's operator routes. No command gives a right.

use anyhow::Result;
use clap::{Args, Subcommand};
use kerbside::market::{MarketCode, OwnershipMethod};
use serde_json::{Value, json};

use crate::market::parse_market_code;
use crate::operator::{Portal, PortalArgs, VinArg, without_nulls};
use crate::table;

/// Inspect and revoke rights to a car, and switch methods of proof
///
/// The token of the operator, with the role `rights`, comes from the variable
/// `KERBSIDE_OPERATOR_TOKEN`. Every act is an entry in the audit.
#[derive(Debug, Args)]
pub struct RightsArgs {
    #[command(subcommand)]
    action: RightsAction,
}

#[derive(Debug, Subcommand)]
enum RightsAction {
    Inspect(InspectArgs),
    Revoke(RevokeArgs),
    Methods(MethodsArgs),
}

/// List the grants of a car, live and ended, and the claims that wait: no personal data
#[derive(Debug, Args)]
struct InspectArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// The market: de
    #[arg(value_name = "MARKET", value_parser = parse_market_code)]
    market: MarketCode,
    /// The car; - reads the VIN from standard input, so that it is not in the shell's history
    #[arg(value_name = "VIN")]
    vin: VinArg,
    /// The reason, for the audit
    #[arg(long, value_name = "WHY")]
    reason: Option<String>,
}

/// End every claim and grant of a car at once: its holder is told, and sees what a member sees
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("car").required(true).args(["vin", "vehicle"])))]
struct RevokeArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// The market: de
    #[arg(long, value_name = "CODE", value_parser = parse_market_code)]
    market: MarketCode,
    /// The car; - reads the VIN from standard input, so that it is not in the shell's history
    #[arg(long, value_name = "VIN")]
    vin: Option<VinArg>,
    /// The car by its id in the addresses of the portal
    #[arg(long, value_name = "ID")]
    vehicle: Option<String>,
    /// The reason, for the audit and for the holder, who reads it on the car's page
    #[arg(long, value_name = "WHY")]
    reason: String,
}

/// List the methods of proof, or switch one off or on in every market of the region
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("switch").args(["off", "on"])))]
struct MethodsArgs {
    #[command(flatten)]
    portal: PortalArgs,
    /// Switch a method off: no claim of it starts or is proven; grants stay
    #[arg(long, value_name = "METHOD", value_parser = parse_method, requires = "reason")]
    off: Option<OwnershipMethod>,
    /// Switch a method on again
    #[arg(long, value_name = "METHOD", value_parser = parse_method, requires = "reason")]
    on: Option<OwnershipMethod>,
    /// The reason, for the audit; each switch needs one
    #[arg(long, value_name = "WHY", requires = "switch")]
    reason: Option<String>,
}

/// Runs `cargo xtask rights`.
///
/// # Errors
/// Refusals of the portal.
pub fn run(args: &RightsArgs) -> Result<()> {
    match &args.action {
        RightsAction::Inspect(args) => inspect(args),
        RightsAction::Revoke(args) => revoke(args),
        RightsAction::Methods(args) => methods(args),
    }
}

fn inspect(args: &InspectArgs) -> Result<()> {
    let body = without_nulls(json!({
        "market": args.market.as_str(),
        "vin": args.vin.read()?.expose(),
        "reason": args.reason,
    }));
    let (_, found) = Portal::open(&args.portal)?.post("ownership/inspections", &body)?;
    print!("{}", render_rights(&found));
    Ok(())
}

/// Renders the rights to a car as two tables.
fn render_rights(found: &Value) -> String {
    const GRANTS: [&str; 8] = [
        "person",
        "method",
        "strength",
        "verified_at",
        "effective_from",
        "expires_at",
        "ended_at",
        "end_reason",
    ];
    const CLAIMS: [&str; 6] =
        ["person", "method", "strength", "started_at", "expires_at", "attempts"];
    let forged = rows(found, "grants").filter(|row| row.get("is_authentic") == Some(&json!(false)));
    let forged = match forged.count() {
        0 => String::new(),
        count => format!("{count} live rows were written by somebody else: they are no rights\n"),
    };
    let list = |name: &str, columns: &[&str]| {
        let cells = |row: &Value| columns.iter().map(|column| cell(row, column)).collect();
        format!("{name}\n{}", table::render(columns, rows(found, name).map(cells)))
    };
    format!("{}{forged}{}", list("grants", &GRANTS), list("claims", &CLAIMS))
}

fn rows<'v>(found: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    found.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A cell: a text as it is, nothing where there is none.
fn cell(row: &Value, column: &str) -> String {
    match row.get(column) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "–".to_owned(),
    }
}

fn revoke(args: &RevokeArgs) -> Result<()> {
    let vin = args.vin.as_ref().map(VinArg::read).transpose()?;
    let body = without_nulls(json!({
        "market": args.market.as_str(),
        "vin": vin.as_ref().map(kerbside::vehicle::Vin::expose),
        "vehicle": args.vehicle,
        "reason": args.reason,
    }));
    let (_, done) = Portal::open(&args.portal)?.post("revocations", &body)?;
    println!("{}", ended(&done));
    Ok(())
}

/// Says what a revocation has ended.
fn ended(done: &Value) -> String {
    let count = |name: &str| {
        let count = done.get(name).and_then(Value::as_u64).unwrap_or_default();
        format!("{count} {}", if count == 1 { name.trim_end_matches('s') } else { name })
    };
    format!("{} and {} ended", count("grants"), count("claims"))
}

fn methods(args: &MethodsArgs) -> Result<()> {
    let portal = Portal::open(&args.portal)?;
    let wish = args.off.map(|method| (method, "off")).or(args.on.map(|method| (method, "on")));
    let list = match wish {
        None => portal.get("ownership/methods")?,
        Some((method, state)) => {
            let wish = json!({"method": method.as_str(), "state": state, "reason": args.reason});
            portal.post("ownership/methods", &without_nulls(wish))?.1
        }
    };
    print!("{}", render(&list));
    Ok(())
}

/// Renders the list of methods as a table.
fn render(list: &Value) -> String {
    let rows = list.get("methods").and_then(Value::as_array).into_iter().flatten();
    let text =
        |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    let row = |row| ["method", "strength", "state"].map(|name| text(row, name)).to_vec();
    table::render(&["method", "strength", "state"], rows.map(row))
}

fn parse_method(word: &str) -> Result<OwnershipMethod> {
    let known = OwnershipMethod::ALL.map(OwnershipMethod::as_str).join(", ");
    OwnershipMethod::parse(word).ok_or_else(|| anyhow::anyhow!("the methods are {known}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct TestCli {
        #[command(flatten)]
        _args: RightsArgs,
    }

    fn parse(line: &str) -> Result<TestCli, clap::Error> {
        TestCli::try_parse_from(std::iter::once("rights").chain(line.split_whitespace()))
    }

    #[test]
    fn ok_and_err_arguments() {
        for line in [
            "revoke --market de --vin WP0ZZZ99ZTS390000 --reason x",
            "revoke --market de --vehicle AZJ3 --reason x",
            "methods",
            "methods --off vehicle_code --reason x",
            "methods --on dealer --reason x",
            "inspect de WP0ZZZ99ZTS390000",
            "inspect de - --reason x",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        for (line, expect) in [
            ("revoke --market de --vehicle AZJ3", "--reason"),
            ("revoke --market de --reason x", "--vin"),
            ("revoke --market de --vin - --vehicle AZJ3 --reason x", "cannot be used with"),
            ("methods --off dealer --on dealer", "cannot be used with"),
            ("methods --reason x", "--off"),
            ("methods --off sms --reason x", "contact_code"),
            ("methods --off dealer", "--reason <WHY>"),
            ("methods --on dealer", "--reason <WHY>"),
            ("inspect de", "<VIN>"),
        ] {
            let error = parse(line).expect_err(line).to_string();
            assert!(error.contains(expect), "{line}: {error}");
        }
    }

    #[test]
    fn ok_what_has_ended_is_counted() {
        assert_eq!(ended(&json!({"grants": 1, "claims": 2})), "1 grant and 2 claims ended");
        assert_eq!(ended(&json!({"grants": 0, "claims": 1})), "0 grants and 1 claim ended");
    }

    #[test]
    fn ok_rights_are_two_tables() {
        let time = "2026-11-20T08:00:00Z";
        let text = render_rights(&json!({
            "grants": [{"person": "p-1", "method": "dealer", "strength": "weak",
                "is_authentic": false, "verified_at": time, "effective_from": time, "expires_at": time}],
            "claims": [{"person": "p-2", "method": "vehicle_code", "strength": "weak",
                "started_at": time, "expires_at": time, "attempts": 3}],
        }));
        for part in ["p-1", "dealer", "–", "1 live rows", "claims", "p-2", "3"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn ok_methods_are_a_table() {
        let list = json!({"methods": [{"method": "dealer", "strength": "weak", "state": "off"}]});
        let text = render(&list);
        assert!(
            text.contains("method") && text.contains("dealer") && text.contains("off"),
            "{text}"
        );
    }
}
