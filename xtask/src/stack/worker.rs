//! The Worker in `wrangler dev`: real workerd, local KV and D1.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ureq::Agent;

use super::secrets::{self, Secrets};
use super::state::State;
use crate::files;
use crate::process::{self, Running, tail};
use crate::region::{self, Region};
use crate::tools::Node;

/// Time limit of a request to the Worker that starts.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// The settings of the Worker.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The configuration; `None` takes wrangler.toml.
    pub config: Option<&'a Path>,
    /// The environment of wrangler.toml.
    pub environment: &'a str,
    /// The port on loopback.
    pub port: u16,
    /// The regions that it serves.
    pub regions: &'a [Region],
    /// Its secrets.
    pub secrets: &'a Secrets,
}

impl Settings<'_> {
    /// Returns the arguments of `wrangler dev`.
    fn arguments(&self) -> Result<Vec<OsString>> {
        let regions: Vec<&str> = self.regions.iter().map(Region::as_str).collect();
        let mut arguments: Vec<OsString> = [
            ["--env", self.environment],
            ["--ip", "127.0.0.1"],
            ["--port", &self.port.to_string()],
            ["--inspector-port", "0"],
            ["--local-protocol", "http"],
            ["--var", &format!("REGIONS:{}", regions.join(","))],
            ["--var", &format!("REGION_HOSTS:{}", region_hosts(self)?)],
        ]
        .iter()
        .flatten()
        .map(OsString::from)
        .collect();
        arguments.push("--show-interactive-dev-session=false".into());
        if let Some(config) = self.config {
            arguments.extend(["--config".into(), config.into()]);
        }
        Ok(arguments)
    }
}

/// A running Worker; ends on drop.
#[derive(Debug)]
pub struct Worker {
    port: u16,
    running: Running,
    log: PathBuf,
    // wrangler ends when this closes, even if this process is killed.
    _stdin: Option<ChildStdin>,
}

impl Worker {
    /// Starts wrangler; nothing reads the stores before the first request.
    ///
    /// # Errors
    /// A failure to start Node or to write the secrets.
    pub fn start(node: &Node, state: &State, settings: &Settings<'_>) -> Result<Self> {
        let secrets_file = state.scratch().join("secrets.env");
        secrets::write_private(&secrets_file, &secrets::to_wrangler_dotenv(settings.secrets)?)?;
        let log = state.log("worker");
        let file = File::create(&log)?;
        let mut command = node.wrangler(&["--import", "./xtask/js/wrangler-preload.mjs"])?;
        command.arg("dev").args(settings.arguments()?);
        command.arg("--persist-to").arg(state.stores()).arg("--env-file").arg(&secrets_file);
        // Workers of the same name that run side by side must not find each other.
        command.env("WRANGLER_REGISTRY_PATH", state.scratch().join("registry"));
        command.env("WRANGLER_LOG_PATH", state.log("wrangler"));
        command.env(crate::build::REPORT, state.build_report());
        // The shell of the build command splits words at blanks.
        if let Ok(xtask) = std::env::current_exe()
            && !xtask.to_string_lossy().contains(' ')
        {
            command.env("KERBSIDE_BUILD", format!("{} build", xtask.display()));
        }
        command.stdin(Stdio::piped()).stdout(file.try_clone()?).stderr(file);
        let mut running = Running::start("wrangler", &mut command)?;
        let stdin = running.take_stdin();
        Ok(Self { port: settings.port, running, log, _stdin: stdin })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Begins a run of the scheduled work, which wrangler has no triggers for on this machine. A
    /// run that fails shows in the log.
    pub fn run_scheduled(&self) {
        let url = format!("{}/cdn-cgi/handler/scheduled", self.url());
        std::thread::spawn(move || get_status(&url));
    }

    /// Waits until `/readyz` reports that it is ready.
    ///
    /// # Errors
    /// A Worker that ends or is not ready in time, with the end of its log.
    pub fn wait_until_ready(&mut self, limit: Duration) -> Result<()> {
        let started = Instant::now();
        loop {
            let status = get_status(&format!("{}/readyz", self.url()));
            if status == Some(200) {
                return Ok(());
            }
            self.check()?;
            if started.elapsed() > limit {
                let answer = status.map_or_else(
                    || "does not answer".to_owned(),
                    |status| format!("answers {status}"),
                );
                bail!(
                    "the Worker is not ready after {} s: /readyz {answer}; the end of its log:\n{}",
                    limit.as_secs(),
                    tail(&self.log, 30)
                );
            }
            process::pause()?;
        }
    }

    /// Checks that it still runs.
    ///
    /// # Errors
    /// A Worker that has ended, with the end of its log.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.running.try_wait()? {
            bail!("wrangler dev ended ({status}); the end of its log:\n{}", tail(&self.log, 30));
        }
        Ok(())
    }
}

/// Requests an address on this machine; returns the status, `None` if nothing answers.
fn get_status(url: &str) -> Option<u16> {
    let config = Agent::config_builder()
        .timeout_global(Some(REQUEST_LIMIT))
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None);
    let response = Agent::from(config.build()).get(url).call().ok()?;
    Some(response.status().as_u16())
}

/// Returns the addresses of all regions as JSON: served ones on this machine, others as in
/// wrangler.toml.
fn region_hosts(settings: &Settings<'_>) -> Result<String> {
    let text = files::read_text(&files::root().join("wrangler.toml"))?;
    let mut hosts = region::hosts(&text, settings.environment)
        .context("wrangler.toml: vars.REGION_HOSTS is no JSON object")?;
    for region in settings.regions {
        hosts.insert(region.to_string(), format!("http://127.0.0.1:{}", settings.port).into());
    }
    Ok(serde_json::to_string(&hosts)?)
}
