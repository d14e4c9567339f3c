//! The whole portal on this machine: the Worker in workerd, its stores, and stand-ins for the
//! legacy systems.
//!
//! Owns the order in which the parts start and how they end. `dev`, `test` and `bench` run the same
//! stack.

mod frozen;
mod http;
mod legacy;
mod port;
pub mod secrets;
mod seed;
mod state;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::build::{self, Profile};
use crate::market::{self, Files};
use crate::process;
use crate::say;
use crate::tools::Node;

pub use legacy::Suggestion;
pub use port::Port;

use port::Reserved;

/// How long the Worker may take from the start of wrangler until it answers.
const START_LIMIT: Duration = Duration::from_mins(1);
/// All regions, where one process serves them all.
pub const REGIONS: [&str; 2] = ["eu", "us"];

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port to listen on.
    pub port: Port,
    /// One region only, or all of them.
    pub region: Option<String>,
    /// The folder of market files.
    pub markets: PathBuf,
    /// Whether to start the stand-ins.
    pub legacy: bool,
    /// Given secrets.
    pub secrets: Option<PathBuf>,
    /// The folder to keep state in; else a temporary one.
    pub state: Option<PathBuf>,
    /// Whether breakers hardly open: tests make origins fail on purpose, and one must not find what
    /// another left.
    pub patient: bool,
    /// Whether the Worker is built anew when its source changes. Otherwise it stays what it was at
    /// the start.
    pub watch: bool,
}

impl Options {
    /// What tests and benchmarks run against.
    pub fn for_tests() -> Self {
        let markets = crate::files::root().join("markets");
        Self {
            port: Port::Free,
            region: None,
            markets,
            legacy: true,
            secrets: None,
            state: None,
            patient: true,
            watch: false,
        }
    }
}

/// A running stack; ends when dropped.
#[derive(Debug)]
pub struct Stack {
    /// Where the portal answers: `http://127.0.0.1:8787`.
    pub url: String,
    /// Where the stand-ins are controlled, if they run.
    pub control: Option<String>,
    /// Cars to try.
    pub suggestions: Vec<Suggestion>,
    /// The token of the operator `dev`, unless operators were given.
    pub operator_token: Option<String>,
    /// The Node that everything runs on.
    pub node: Node,
    // In the order in which they end: the Worker, the systems that it asks, then the folder that
    // they write to.
    worker: worker::Worker,
    legacy: Option<legacy::Legacy>,
    state: state::State,
    _port: Reserved,
}

impl Stack {
    /// Builds what is needed and starts everything.
    ///
    /// # Errors
    /// Market files with errors, a missing tool, a taken port, or a part that does not start; what
    /// had started is ended.
    pub fn start(options: &Options) -> Result<Self> {
        let files = Files::of_folder(&options.markets)?;
        let files = if options.patient { files.patient() } else { files };
        let compiled = files.compile(&BTreeMap::new())?;
        let regions =
            options.region.as_deref().map_or_else(|| REGIONS.to_vec(), |region| vec![region]);
        let served = |region: &str| regions.contains(&region);
        if !compiled.iter().any(|one| served(one.market.region.as_str())) {
            let (folder, regions) = (options.markets.display(), regions.join(" or "));
            bail!(
                "no market file in {folder} has the region {regions}: leave --env out, or name another folder with --markets DIR"
            );
        }
        let names = market::secret_names(&compiled, served);

        let node = Node::ensure()?;
        let environment = options.region.as_deref().unwrap_or("eu");
        let state = state::State::open(options.state.as_deref(), environment)?;
        let given =
            options.secrets.as_deref().map(secrets::read_file).transpose()?.unwrap_or_default();
        if !options.legacy {
            say_made(&names, &given);
        }
        let mut secrets = secrets::complete(names, given, &state.secrets())?;
        let operator_token = secrets.remove(secrets::OPERATOR_TOKEN);
        let port = Reserved::take(options.port)?;

        // Each takes a second or more to start, and none needs another before the markets are
        // written.
        let seed = seed::Seed::start(&node, environment, &state)?;
        let legacy =
            options.legacy.then(|| legacy::Legacy::start(&node, &secrets, &state)).transpose()?;
        build::build(Profile::Release, &node)?;
        let config = if options.watch { None } else { Some(frozen::freeze(&state)?) };
        let settings = worker::Settings {
            config: config.as_deref(),
            environment,
            port: port.number,
            regions: &regions,
            secrets: &secrets,
        };
        let mut worker = worker::Worker::start(&node, &state, &settings)?;
        let legacy = legacy.map(legacy::Legacy::wait_until_ready).transpose()?;

        let hosts = legacy.as_ref().map(|legacy| legacy.hosts.clone()).unwrap_or_default();
        let published = files.compile(&hosts)?;
        seed.finish(&market::entries(&published, served, &market::now()?)?)?;
        worker.wait_until_ready(START_LIMIT)?;

        let here = |suggestion: &Suggestion| {
            published.iter().any(|one| {
                one.market.code.as_str() == suggestion.market && served(one.market.region.as_str())
            })
        };
        let suggestions = legacy
            .iter()
            .flat_map(|legacy| &legacy.suggestions)
            .filter(|one| here(one))
            .cloned()
            .collect();
        let control = legacy.as_ref().map(|legacy| legacy.control.clone());
        let url = worker.url();
        Ok(Self {
            url,
            control,
            suggestions,
            operator_token,
            node,
            worker,
            legacy,
            state,
            _port: port,
        })
    }

    /// The file that holds the secrets that were made, and the operator's token.
    pub fn secrets_file(&self) -> PathBuf {
        self.state.secrets()
    }

    /// Where the Worker's log is, as long as the stack runs.
    pub fn worker_log(&self) -> PathBuf {
        self.worker.log().to_owned()
    }

    /// How tests and benchmarks find everything: environment variables, listed in `cargo xtask help
    /// test`.
    pub fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![
            ("KERBSIDE_URL", self.url.clone().into()),
            ("KERBSIDE_STATE", self.state.path().into()),
            ("KERBSIDE_LOG", self.worker_log().into()),
        ];
        variables.extend(self.control.iter().map(|control| ("KERBSIDE_CONTROL", control.into())));
        variables.extend(
            self.operator_token.iter().map(|token| (secrets::OPERATOR_TOKEN, token.into())),
        );
        variables
    }

    /// Waits until the person asks to stop, or a part ends by itself.
    ///
    /// # Errors
    /// Always: [`process::Interrupted`], or what ended.
    pub fn watch(&mut self) -> Result<std::convert::Infallible> {
        let report = self.state.build_report();
        let mut said = String::new();
        loop {
            process::pause()?;
            let says = std::fs::read_to_string(&report).unwrap_or_default();
            if says != said {
                say::line(if says.is_empty() {
                    "the Worker compiles again and is served"
                } else {
                    &says
                });
                said = says;
            }
            self.worker.check()?;
            if let Some(legacy) = &mut self.legacy {
                legacy.check()?;
            }
        }
    }
}

/// Real origins refuse made secrets; nobody should have to guess why.
fn say_made(names: &BTreeSet<String>, given: &secrets::Secrets) {
    let missing: Vec<&str> =
        names.iter().filter(|name| !given.contains_key(*name)).map(String::as_str).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        say::line(&format!(
            "made up at random: {missing}; give the origins' own with --secrets FILE (NAME=value lines)"
        ));
    }
}
