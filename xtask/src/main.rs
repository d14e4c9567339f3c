//! `cargo xtask`: everything a developer, a market manager and CI run here.
//!
//! Owns the choice of the command and the exit status; each command is a module with its arguments
//! and its action. Needs Rust and Node; finds or installs the rest. Results go to standard output,
//! progress and errors to standard error.

mod audit;
mod bench;
mod build;
mod cache;
mod campaign;
mod database;
mod dev;
mod files;
mod fuzz;
mod keys;
mod lock;
mod market;
mod operator;
mod process;
mod progress;
mod region;
mod report;
mod rights;
mod size;
mod stack;
mod table;
mod test;
mod tools;
mod version;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::process::Interrupted;

/// Kerbside's own commands.
#[derive(Debug, Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    after_help = "\
Needs Rust and Node; finds or installs everything else, once, under $KERBSIDE_CACHE
(else $XDG_CACHE_HOME/kerbside, else ~/.cache/kerbside)."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::DevArgs),
    Test(test::TestArgs),
    Build(build::BuildArgs),
    Size(size::SizeArgs),
    Bench(bench::BenchArgs),
    Fuzz(fuzz::FuzzArgs),
    Campaign(campaign::CampaignArgs),
    Market(market::MarketArgs),
    Report(report::ReportArgs),
    Cache(cache::CacheArgs),
    Keys(keys::KeysArgs),
    Rights(rights::RightsArgs),
    Audit(audit::AuditArgs),
    Completions(CompletionsArgs),
}

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The script completes a command `xtask`. Define one and load the script, here for zsh:

  xtask() { cargo xtask \"$@\"; }
  source <(cargo xtask completions zsh)")]
struct CompletionsArgs {
    /// The shell that loads the script
    shell: clap_complete::Shell,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error),
    };
    match process::listen_for_signals().and_then(|()| run(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            progress::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints help to standard output with status 0, and usage errors to standard error with status 1.
fn report_usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is the only cause of failure, and nobody reads it then.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn run(command: Option<Command>) -> anyhow::Result<()> {
    match command {
        None => Ok(Cli::command().print_help()?),
        Some(Command::Audit(args)) => audit::run(&args),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Build(args)) => build::run(&args),
        Some(Command::Cache(args)) => cache::run(&args),
        Some(Command::Campaign(args)) => campaign::run(&args),
        Some(Command::Completions(args)) => {
            print_completions(args.shell);
            Ok(())
        }
        Some(Command::Dev(args)) => dev::run(&args),
        Some(Command::Fuzz(args)) => fuzz::run(&args),
        Some(Command::Keys(args)) => keys::run(&args),
        Some(Command::Market(args)) => market::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Rights(args)) => rights::run(&args),
        Some(Command::Size(_)) => size::check(),
        Some(Command::Test(args)) => test::run(&args),
    }
}

fn print_completions(shell: clap_complete::Shell) {
    let mut command = Cli::command().bin_name("xtask");
    clap_complete::generate(shell, &mut command, "xtask", &mut std::io::stdout());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ok_every_command_is_explained() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
        }
    }

    #[test]
    fn err_unknown_commands_and_options() {
        for line in ["xtask serve", "xtask dev --prot 1", "xtask size extra"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
