//! `cargo xtask campaign`: the long forms of tests that draw at random. `cargo xtask test` runs the
//! same tests with small counts.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::build::{self, Profile};
use crate::process::{self, Output};
use crate::progress;
use crate::tools::Node;
use crate::{bench, files, fuzz, test};

/// Number of simulated worlds in each of four parts; `cargo xtask test` takes 500.
const WORLDS: &str = "20000";
/// Number of times that workerd is killed; `cargo xtask test` takes 200.
const KILLS: &str = "2000";
/// Number of simulated sequences of claims; `cargo xtask test` takes 24.
const CLAIM_WORLDS: &str = "20000";
/// The same over D1; `cargo xtask test worker` takes 8.
const CLAIM_WORLDS_ON_D1: &str = "500";
/// Run time of each fuzz target; `cargo xtask test` takes 8 seconds.
const FUZZ_SECONDS: u32 = 1_800;

/// Run the long forms of random tests: hours, for a release or a night
#[derive(Debug, clap::Args)]
pub struct CampaignArgs {
    /// The only campaign to run
    campaign: Option<Campaign>,
}

/// A long form of a random test.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Campaign {
    /// 80 000 simulated worlds of origins, stores and requests (tests/api/simulation.rs)
    Simulation,
    /// 20 000 sequences of claims, proofs and ends (src/ownership/tests/simulation.rs)
    Ownership,
    /// 500 of these over D1 in workerd (tests/worker/ownership-model.test.mjs)
    OwnershipOnD1,
    /// workerd is killed 2000 times while it writes (tests/worker/crash.test.mjs)
    Kills,
    /// Each fuzz target for half an hour
    Fuzz,
    /// 100 000 requests through the flow, and its memory
    Soak,
}

/// Runs `cargo xtask campaign`.
///
/// # Errors
/// A failed campaign; all chosen ones run first.
pub fn run(args: &CampaignArgs) -> Result<()> {
    let chosen = args.campaign.map_or(Campaign::value_variants().to_vec(), |one| vec![one]);
    let mut failed = Vec::new();
    for campaign in chosen {
        let started = Instant::now();
        let result = run_campaign(campaign);
        let took = progress::format_elapsed(started);
        match &result {
            Ok(()) => println!("{campaign:?}: passed in {took}"),
            Err(error) => println!("{campaign:?}: FAILED in {took}: {error:#}"),
        }
        if process::ok_unless_interrupted(result)?.is_none() {
            failed.push(format!("{campaign:?}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

fn run_campaign(campaign: Campaign) -> Result<()> {
    match campaign {
        Campaign::Simulation => {
            let mut cargo = process::command("cargo");
            cargo.args(["test", "--release", "--test", "api", "simulation"]);
            cargo.env("KERBSIDE_WORLDS", WORLDS);
            process::run("the simulation", &mut cargo, Output::Tee(&files::log("simulation")))
        }
        Campaign::Ownership => {
            let mut cargo = process::command("cargo");
            cargo.args(["test", "--release", "--lib", "ownership::tests::simulation"]);
            cargo.env("KERBSIDE_CLAIM_WORLDS", CLAIM_WORLDS);
            process::run("the claims", &mut cargo, Output::Tee(&files::log("claims")))
        }
        Campaign::OwnershipOnD1 => {
            let env = [("KERBSIDE_CLAIM_WORLDS", CLAIM_WORLDS_ON_D1.as_ref())];
            test::parts::node_tests(
                "worker",
                &["ownership-model".to_owned()],
                &Node::ensure()?,
                &env,
            )
        }
        Campaign::Kills => {
            let node = Node::ensure()?;
            build::build(Profile::Release, &node)?;
            let env = [("KERBSIDE_KILLS", KILLS.as_ref())];
            test::parts::node_tests("worker", &["crash".to_owned()], &node, &env)
        }
        Campaign::Fuzz => fuzz::fuzz_all(FUZZ_SECONDS),
        Campaign::Soak => bench::run_benchmarks(Some("flow"), true),
    }
}
