//! `cargo xtask dev`: the portal on this machine until it is interrupted.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use crate::progress;
use crate::region::Region;
use crate::stack::{Arrival, Dealers, Options, Person, Port, Stack, Staff, Suggestion};

const DEFAULT_PORT: u16 = 8787;

/// Run the portal on this machine, with stand-ins for the legacy systems
///
/// Builds the Worker, starts stand-ins for the legacy systems and the identity provider, applies
/// the D1 migrations, publishes the markets and starts wrangler dev (real workerd, KV and D1
/// embedded). Prints `ready http://127.0.0.1:<port>`, a few VINs to try, people who can sign in,
/// and then each message to a person and each code that a car shows. Ctrl-C or SIGTERM ends
/// everything that it started.
#[derive(Debug, clap::Args)]
pub struct DevArgs {
    /// Listen on this port; 0 takes any free one [default: 8787, or any free one if that is taken]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Serve one region only [default: all regions in one process]
    #[arg(long, value_name = "REGION")]
    env: Option<Region>,
    /// Folder of market files to publish [default: markets]
    #[arg(long, value_name = "DIR")]
    markets: Option<PathBuf>,
    /// Start no stand-ins; markets keep the addresses in their files
    #[arg(long)]
    no_legacy: bool,
    /// Secrets as NAME=value lines; secrets that it lacks are random
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// Keep KV, D1 and generated secrets there [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs `cargo xtask dev`.
///
/// # Errors
/// Any failure to start, a part that ends by itself, and [`crate::process::Interrupted`].
pub fn run(args: &DevArgs) -> Result<()> {
    let started = Instant::now();
    let mut stack = Stack::start(&options(args))?;
    print_ready(&stack);
    progress::note(&format!("started in {}; Ctrl-C ends it", progress::format_elapsed(started)));
    match stack.watch(|arrival| println!("{}", describe(arrival)))? {}
}

fn print_ready(stack: &Stack) {
    println!("ready {}", stack.url);
    for Suggestion { market, vin, label } in &stack.suggestions {
        println!("  {market}  {vin}  {label}");
    }
    if !stack.people.is_empty() {
        progress::note("people who can sign in on the pages of their market, and their passwords:");
    }
    for Person { market, login, name, password } in &stack.people {
        println!("  {market}  {login}  {password}  {name}");
    }
    if let Some(Dealers { url, staff }) = &stack.dealers {
        progress::note(&format!("dealers' staff attest a claim code at {url}; their passwords:"));
        for Staff { dealer, login, name, password } in staff {
            println!("  {dealer}  {login}  {password}  {name}");
        }
    }
    if let Some(control) = &stack.control {
        progress::note(&format!("the stand-ins are controlled at {control} (legacy/README.md)"));
    }
    if stack.operator_token.is_some() {
        progress::note("an operator's commands (docs/OPERATIONS.md) work here with:");
        progress::note(&format!(
            "  export KERBSIDE_URL={} KERBSIDE_OPERATOR_TOKEN=$(sed -n \
             \"s/^KERBSIDE_OPERATOR_TOKEN='\\(.*\\)'/\\1/p\" '{}')",
            stack.url,
            stack.secrets_file().display()
        ));
    }
}

/// One line about a message to a person or a code in a car.
fn describe(arrival: &Arrival) -> String {
    match arrival {
        Arrival::Message { market, channel, to, kind, code, link } => {
            let code = code.as_ref().map(|code| format!("  code {code}"));
            let link = link.as_ref().map(|link| format!("  {link}"));
            let rest = [code, link].into_iter().flatten().collect::<String>();
            format!("message  {market}  {channel}  {to}  {kind}{rest}")
        }
        Arrival::Shown { market, vin, code } => format!("in the car  {market}  {vin}  code {code}"),
    }
}

fn options(args: &DevArgs) -> Options {
    let port = match args.port {
        None => Port::Preferred(DEFAULT_PORT),
        Some(0) => Port::Free,
        Some(port) => Port::Fixed(port),
    };
    let markets = args.markets.clone().unwrap_or_else(|| crate::files::root().join("markets"));
    Options {
        port,
        region: args.env.clone(),
        markets,
        legacy: !args.no_legacy,
        secrets: args.secrets.clone(),
        state: args.state.clone(),
        patient: false,
        watch: true,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct TestCli {
        #[command(flatten)]
        args: DevArgs,
    }

    fn check(line: &str) -> Result<Options> {
        let words = std::iter::once("dev").chain(line.split_whitespace());
        Ok(options(&TestCli::try_parse_from(words)?.args))
    }

    #[test]
    fn ok_ports() -> Result<()> {
        assert_eq!(check("")?.port, Port::Preferred(8787));
        assert_eq!(check("--port 0")?.port, Port::Free);
        assert_eq!(check("--port 9000")?.port, Port::Fixed(9000));
        Ok(())
    }

    #[test]
    fn ok_arrivals_are_one_line() {
        let message = Arrival::Message {
            market: "de".into(),
            channel: "email".into(),
            to: "ada@example.com".into(),
            kind: "contact_code".into(),
            code: Some("K4TZ9QHM".into()),
            link: None,
        };
        let line = "message  de  email  ada@example.com  contact_code  code K4TZ9QHM";
        assert_eq!(describe(&message), line);
        let shown =
            Arrival::Shown { market: "us".into(), vin: "1HG".into(), code: "K4TZ9QHM".into() };
        assert_eq!(describe(&shown), "in the car  us  1HG  code K4TZ9QHM");
    }

    #[test]
    fn err_wrong_values() {
        assert!(check("--port 70000").is_err());
        assert!(check("--port http").is_err());
        assert!(check("--env apac").is_err());
    }
}
