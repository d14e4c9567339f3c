//! `cargo xtask dev`: the portal on this machine until the person stops it.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::args::{Accepts, Args};
use crate::say;
use crate::stack::{Options, Port, REGIONS, Stack, Suggestion};

const ACCEPTS: Accepts = Accepts {
    command: "dev",
    flags: &["--no-legacy"],
    options: &["--port", "--env", "--markets", "--secrets", "--state"],
    positional: 0,
};
const DEFAULT_PORT: u16 = 8787;

/// `cargo xtask dev`.
///
/// # Errors
/// Whatever keeps it from starting, and that it was stopped.
pub fn command(words: &[String]) -> Result<()> {
    let options = options(&Args::parse(&ACCEPTS, words)?)?;
    let started = Instant::now();
    let mut stack = Stack::start(&options)?;
    println!("ready {}", stack.url);
    for Suggestion { market, vin, label } in &stack.suggestions {
        println!("  {market}  {vin}  {label}");
    }
    if let Some(control) = &stack.control {
        say::line(&format!("the stand-ins are controlled at {control} (legacy/README.md)"));
    }
    if stack.operator_token.is_some() {
        let file = stack.secrets_file();
        say::line("an operator's commands (docs/OPERATIONS.md) work here with:");
        say::line(&format!(
            "  export KERBSIDE_URL={} KERBSIDE_OPERATOR_TOKEN=$(sed -n \"s/^KERBSIDE_OPERATOR_TOKEN='\\(.*\\)'/\\1/p\" '{}')",
            stack.url,
            file.display()
        ));
    }
    say::line(&format!("started in {}; Ctrl-C ends it", say::seconds(started)));
    match stack.watch()? {}
}

fn options(args: &Args) -> Result<Options> {
    let port = match args.value("--port") {
        None => Port::Preferred(DEFAULT_PORT),
        Some(text) => match text.parse() {
            Ok(0) => Port::Free,
            Ok(port) => Port::Fixed(port),
            Err(_) => bail!("--port is a number from 0 to 65535, not \"{text}\""),
        },
    };
    let region = args.value("--env").map(str::to_owned);
    if let Some(region) = &region
        && !REGIONS.contains(&region.as_str())
    {
        bail!("there is no environment \"{region}\"; there are {}", REGIONS.join(" and "));
    }
    Ok(Options {
        port,
        region,
        markets: args
            .value("--markets")
            .map_or_else(|| crate::files::root().join("markets"), PathBuf::from),
        legacy: !args.has("--no-legacy"),
        secrets: args.value("--secrets").map(PathBuf::from),
        state: args.value("--state").map(PathBuf::from),
        patient: false,
        watch: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        options(&Args::parse(&ACCEPTS, &words)?)
    }

    #[test]
    fn ok_ports() -> Result<()> {
        assert_eq!(check("")?.port, Port::Preferred(8787));
        assert_eq!(check("--port 0")?.port, Port::Free);
        assert_eq!(check("--port 9000")?.port, Port::Fixed(9000));
        Ok(())
    }

    #[test]
    fn err_wrong_values() {
        assert!(check("--port 70000").is_err());
        assert!(check("--port http").is_err());
        assert!(check("--env apac").is_err());
    }
}
