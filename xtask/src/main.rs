//! `cargo xtask`: everything a developer, a market manager and CI run here.
//!
//! Owns the choice of the command; each command is a module. Needs Rust and Node; finds or installs
//! the rest. Results go to standard output, progress and errors to standard error.

mod args;
mod audit;
mod bench;
mod build;
mod cache;
mod database;
mod dev;
mod files;
mod fuzz;
mod help;
mod keys;
mod lock;
mod market;
mod operator;
mod process;
mod report;
mod say;
mod size;
mod stack;
mod table;
mod test;
mod tools;
mod version;

use std::process::ExitCode;

use crate::process::Interrupted;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match process::listen().and_then(|()| run(&words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            say::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> anyhow::Result<()> {
    let Some((command, rest)) = words.split_first() else {
        print!("{}", help::OVERVIEW);
        return Ok(());
    };
    let topic = if command == "help" { rest.first() } else { Some(command) };
    if command == "help" || rest.iter().any(|word| word == "--help" || word == "-h") {
        print!("{}", help::of(topic.map(String::as_str))?);
        return Ok(());
    }
    match command.as_str() {
        "--help" | "-h" => print!("{}", help::OVERVIEW),
        "audit" => audit::command(rest)?,
        "build" => build::command(rest)?,
        "cache" => cache::command(rest)?,
        "dev" => dev::command(rest)?,
        "test" => test::command(rest)?,
        "bench" => bench::command(rest)?,
        "fuzz" => fuzz::command(rest)?,
        "keys" => keys::command(rest)?,
        "market" => market::command(rest)?,
        "report" => report::command(rest)?,
        "size" => size::command(rest)?,
        other => anyhow::bail!("there is no command \"{other}\"; `cargo xtask help` lists them"),
    }
    Ok(())
}
