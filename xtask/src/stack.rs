//! The whole portal on this machine: the Worker in workerd, its stores, and stand-ins for the legacy systems.
//!
//! Owns the order in which the parts start and how they end. `dev`, `test` and `bench` run the same stack.

mod http;
mod legacy;
pub mod secrets;
mod seed;
mod state;
mod worker;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::build::{self, Profile};
use crate::market::{self, Files};
use crate::process;
use crate::say;
use crate::tools::Node;

pub use legacy::Suggestion;

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
}

impl Options {
    /// What tests and benchmarks run against.
    pub fn for_tests() -> Self {
        let markets = crate::files::root().join("markets");
        Self { port: Port::Free, region: None, markets, legacy: true, secrets: None, state: None }
    }
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Any free one.
    Free,
    /// This one, or any free one where it is taken.
    Preferred(u16),
    /// This one.
    Fixed(u16),
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
    /// The Node that everything runs on.
    pub node: Node,
    // In the order in which they end: the Worker, the systems that it asks, then the folder that they write to.
    worker: worker::Worker,
    legacy: Option<legacy::Legacy>,
    _state: state::State,
}

impl Stack {
    /// Builds what is needed and starts everything.
    ///
    /// # Errors
    /// Market files with errors, a missing tool, a taken port, or a part that does not start; what had started is ended.
    pub fn start(options: &Options) -> Result<Self> {
        let files = Files::of_folder(&options.markets)?;
        let compiled = files.compile(&BTreeMap::new())?;
        let regions = options.region.as_deref().map_or_else(|| REGIONS.to_vec(), |region| vec![region]);
        let served = |region: &str| regions.contains(&region);
        let names = market::secret_names(&compiled, served);

        let node = Node::ensure()?;
        let environment = options.region.as_deref().unwrap_or("eu");
        let state = state::State::open(options.state.as_deref(), environment)?;
        let given = options.secrets.as_deref().map(secrets::read_file).transpose()?.unwrap_or_default();
        let secrets = secrets::complete(names, given, &state.secrets())?;
        let port = free_port(options.port)?;

        // Each takes a second or more to start, and none needs another before the markets are written.
        let seed = seed::Seed::start(&node, environment, &state)?;
        let legacy = options.legacy.then(|| legacy::Legacy::start(&node, &secrets, &state)).transpose()?;
        build::build(Profile::Release, &node)?;
        let settings = worker::Settings { environment, port, regions: &regions, secrets: &secrets };
        let mut worker = worker::Worker::start(&node, &state, &settings)?;
        let legacy = legacy.map(legacy::Legacy::wait_until_ready).transpose()?;

        let hosts = legacy.as_ref().map(|legacy| legacy.hosts.clone()).unwrap_or_default();
        let published = files.compile(&hosts)?;
        seed.finish(&market::entries(&published, served, &market::now()?)?)?;
        worker.wait_until_ready(START_LIMIT)?;

        let here = |suggestion: &Suggestion| {
            published
                .iter()
                .any(|one| one.market.code.as_str() == suggestion.market && served(one.market.region.as_str()))
        };
        let suggestions =
            legacy.iter().flat_map(|legacy| &legacy.suggestions).filter(|one| here(one)).cloned().collect();
        let control = legacy.as_ref().map(|legacy| legacy.control.clone());
        Ok(Self { url: worker.url(), control, suggestions, node, worker, legacy, _state: state })
    }

    /// Where the Worker's log is, as long as the stack runs.
    pub fn worker_log(&self) -> PathBuf {
        self.worker.log().to_owned()
    }

    /// Waits until the person asks to stop, or a part ends by itself.
    ///
    /// # Errors
    /// Always: [`process::Interrupted`], or what ended.
    pub fn watch(&mut self) -> Result<std::convert::Infallible> {
        loop {
            process::pause()?;
            self.worker.check()?;
            if let Some(legacy) = &mut self.legacy {
                legacy.check()?;
            }
        }
    }
}

/// A port that nothing listens on.
fn free_port(wish: Port) -> Result<u16> {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).and_then(|listener| listener.local_addr());
    match wish {
        Port::Fixed(port) => match bind(port) {
            Ok(address) => Ok(address.port()),
            Err(_) => bail!("port {port} is taken: choose another with --port N, or any free one with --port 0"),
        },
        Port::Preferred(port) => bind(port).map(|address| address.port()).or_else(|_| {
            say::line(&format!("port {port} is taken; taking a free one"));
            free_port(Port::Free)
        }),
        Port::Free => Ok(bind(0).context("no port is free")?.port()),
    }
}
