//! The whole portal on this machine: the Worker in workerd, its stores, and stand-ins for the
//! legacy systems.
//!
//! Owns the order in which the parts start and end. `dev`, `test` and `bench` run the same stack.

mod client_key;
mod frozen;
mod legacy;
mod port;
pub mod secrets;
mod seed;
mod state;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::build::{self, Profile};
use crate::market::{self, MarketFiles};
use crate::process;
use crate::progress::{self, Step};
use crate::region::Region;
use crate::tools::Node;

pub use legacy::{Arrival, Dealers, Person, Staff, Suggestion};
pub use port::Port;

use port::ReservedPort;
use secrets::SecretNames;

/// Time limit from the start of wrangler until the Worker answers.
const START_LIMIT: Duration = Duration::from_mins(1);
/// The interval of the scheduled work, as in the triggers of wrangler.toml.
const SCHEDULE: Duration = Duration::from_mins(1);

/// The settings of a stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port to listen on.
    pub port: Port,
    /// The only region to serve; `None` serves all.
    pub region: Option<Region>,
    /// The folder of market files.
    pub markets: PathBuf,
    /// True to start the stand-ins.
    pub legacy: bool,
    /// The file of given secrets.
    pub secrets: Option<PathBuf>,
    /// The folder of the state; `None` takes a temporary one.
    pub state: Option<PathBuf>,
    /// True for breakers that hardly open: tests make origins fail on purpose, and each starts with
    /// closed breakers.
    pub patient: bool,
    /// True to rebuild the Worker when its source changes.
    pub watch: bool,
}

impl Options {
    /// Returns the settings of tests and benchmarks.
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

/// A running stack; ends on drop.
#[derive(Debug)]
pub struct Stack {
    /// The portal's address: `http://127.0.0.1:8787`.
    pub url: String,
    /// The address of the stand-ins' control server, if they run.
    pub control: Option<String>,
    /// Cars to try.
    pub suggestions: Vec<Suggestion>,
    /// People who can sign in.
    pub people: Vec<Person>,
    /// The dealers' portal, if the stand-ins run.
    pub dealers: Option<Dealers>,
    /// The token of the operator `dev`; `None` if operators were given.
    pub operator_token: Option<String>,
    /// The Node that everything runs on.
    pub node: Node,
    // Fields drop in this order: the Worker, its origins, then the folder that they write to.
    worker: worker::Worker,
    legacy: Option<legacy::Legacy>,
    state: state::State,
    _port: ReservedPort,
}

impl Stack {
    /// Builds what is needed and starts everything.
    ///
    /// # Errors
    /// Market files with errors, a missing tool, a taken port, or a part that does not start; the
    /// parts that had started are ended.
    pub fn start(options: &Options) -> Result<Self> {
        let markets = Markets::load(options)?;
        let node = Node::ensure()?;
        let environment = options.region.clone().map_or_else(Region::local, Ok)?;
        let environment = environment.as_str();
        let state = state::State::open(options.state.as_deref(), environment)?;
        let mut secrets = markets.complete_secrets(options, &state)?;
        let operator_token = secrets.remove(secrets::OPERATOR_TOKEN);
        let identity_seed = secrets.remove(secrets::IDENTITY_SEED);
        let port = ReservedPort::take(options.port)?;

        // Each takes a second or more to start, and none needs another before the markets are
        // written.
        let seed = seed::Seed::start(&node, environment, &state)?;
        let credentials = legacy::Credentials {
            secrets: &secrets,
            identity_seed: identity_seed.as_deref(),
            portal: &port.url(),
        };
        let legacy = options.legacy.then(|| legacy::Legacy::start(&node, &credentials, &state));
        let legacy = legacy.transpose()?;
        build::build(if options.watch { Profile::Dev } else { Profile::Release }, &node)?;
        let step = Step::start("starting the stand-ins and the Worker");
        let config = if options.watch { None } else { Some(frozen::freeze(&state)?) };
        let settings = worker::Settings {
            config: config.as_deref(),
            environment,
            port: port.number,
            regions: &markets.regions,
            secrets: &secrets,
        };
        let mut worker = worker::Worker::start(&node, &state, &settings)?;
        let legacy = legacy.map(legacy::Legacy::wait_until_ready).transpose()?;
        let (suggestions, people) = markets.publish(legacy.as_ref(), seed)?;
        worker.wait_until_ready(START_LIMIT)?;
        step.finish();
        let (url, control) = (worker.url(), legacy.as_ref().map(|legacy| legacy.control.clone()));
        let dealers = legacy.as_ref().and_then(|legacy| legacy.dealers.clone());
        Ok(Self {
            url,
            control,
            suggestions,
            people,
            dealers,
            operator_token,
            node,
            worker,
            legacy,
            state,
            _port: port,
        })
    }

    /// The file of random secrets and of the operator's token.
    pub fn secrets_file(&self) -> PathBuf {
        self.state.secrets()
    }

    /// The Worker's log file, while the stack runs.
    pub fn worker_log(&self) -> PathBuf {
        self.worker.log().to_owned()
    }

    /// Returns the environment variables of tests and benchmarks, which `cargo xtask help test`
    /// lists.
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

    /// Watches the parts, notes failed builds, hands on what arrives at the stand-ins, and runs the
    /// scheduled work every minute, as the platform does, until a signal or the end of a part.
    ///
    /// # Errors
    /// Always: [`process::Interrupted`], or the part that ended.
    pub fn watch(&mut self, arrived: impl Fn(&Arrival)) -> Result<std::convert::Infallible> {
        let report = self.state.build_report();
        let mut last = String::new();
        let mut scheduled = Instant::now();
        loop {
            process::pause()?;
            if scheduled.elapsed() >= SCHEDULE {
                scheduled = Instant::now();
                self.worker.run_scheduled();
            }
            // The file is missing until the first build under wrangler.
            let message = std::fs::read_to_string(&report).unwrap_or_else(|_| String::new());
            if message != last {
                progress::note(if message.is_empty() {
                    "the Worker compiles again and is served"
                } else {
                    &message
                });
                last = message;
            }
            self.worker.check()?;
            if let Some(legacy) = &mut self.legacy {
                legacy.check()?;
                legacy.arrivals().iter().for_each(&arrived);
            }
        }
    }
}

/// The market files of a stack and the regions that it serves.
#[derive(Debug)]
struct Markets {
    files: MarketFiles,
    regions: Vec<Region>,
    secret_names: SecretNames,
}

impl Markets {
    fn load(options: &Options) -> Result<Self> {
        let files = MarketFiles::load_folder(&options.markets)?;
        let files = if options.patient { files.with_patient_breakers() } else { files };
        let compiled = files.compile_unchanged()?;
        let regions = options.region.clone().map_or_else(Region::all, |region| Ok(vec![region]))?;
        let mut markets = Self { files, regions, secret_names: SecretNames::default() };
        if !compiled.iter().any(|one| markets.serves(one.market.region.as_str())) {
            let regions: Vec<&str> = markets.regions.iter().map(Region::as_str).collect();
            bail!(
                "no market file in {} has the region {}: leave --env out, or name another folder \
                 with --markets DIR",
                options.markets.display(),
                regions.join(" or ")
            );
        }
        markets.secret_names = market::secret_names(&compiled, |region| markets.serves(region));
        Ok(markets)
    }

    fn serves(&self, region: &str) -> bool {
        self.regions.iter().any(|served| served.as_str() == region)
    }

    fn complete_secrets(
        &self,
        options: &Options,
        state: &state::State,
    ) -> Result<secrets::Secrets> {
        let given = match &options.secrets {
            Some(file) => secrets::read_file(file)?,
            None => secrets::Secrets::new(),
        };
        if !options.legacy {
            note_random_secrets(&self.secret_names, &given);
        }
        secrets::complete(&self.secret_names, given, &state.secrets())
    }

    /// Writes the markets to the stores, with the stand-ins' addresses in place of the hosts in the
    /// files; returns the cars and the people to try.
    fn publish(
        &self,
        legacy: Option<&legacy::Legacy>,
        seed: seed::Seed,
    ) -> Result<(Vec<Suggestion>, Vec<Person>)> {
        let published = match legacy {
            Some(legacy) => self.files.compile(&legacy.hosts)?,
            None => self.files.compile_unchanged()?,
        };
        let now = market::publication_time()?;
        let served = |region: &str| self.serves(region);
        seed.finish(&market::initial_entries(&published, served, &now)?)?;
        let is_served = |code: &str| {
            let market = published.iter().find(|one| one.market.code.as_str() == code);
            market.is_some_and(|one| self.serves(one.market.region.as_str()))
        };
        let Some(legacy) = legacy else { return Ok((Vec::new(), Vec::new())) };
        let suggestions = legacy.suggestions.iter().filter(|one| is_served(&one.market));
        let people = legacy.people.iter().filter(|one| is_served(&one.market));
        Ok((suggestions.cloned().collect(), people.cloned().collect()))
    }
}

/// Names the random secrets: real origins refuse them.
fn note_random_secrets(names: &SecretNames, given: &secrets::Secrets) {
    let missing: Vec<&str> =
        names.all().filter(|name| !given.contains_key(*name)).map(String::as_str).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        progress::note(&format!(
            "random: {missing}; give the origins' own with --secrets FILE (NAME=value lines)"
        ));
    }
}
