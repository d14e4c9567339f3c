//! The stand-ins for the legacy systems: one Node process that prints a line of JSON with its
//! addresses when it is ready.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::secrets::Secrets;
use super::state::State;
use crate::process::{self, Running, tail};
use crate::tools::Node;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A car to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Its market's code.
    pub market: String,
    /// Its VIN.
    pub vin: String,
    /// Its make, model and year.
    pub label: String,
}

/// The stand-ins; end on drop.
#[derive(Debug)]
pub struct Legacy {
    /// The address of their control server.
    pub control: String,
    /// Their addresses by the hosts in the market files.
    pub hosts: BTreeMap<String, String>,
    /// Cars to try.
    pub suggestions: Vec<Suggestion>,
    running: Running,
    lines: mpsc::Receiver<String>,
    log: PathBuf,
    // They end when this closes, even if this process is killed.
    _stdin: Option<ChildStdin>,
}

impl Legacy {
    /// Starts them with the credentials that they require.
    ///
    /// # Errors
    /// A failure to start Node.
    pub fn start(node: &Node, secrets: &Secrets, state: &State) -> Result<Self> {
        let log = state.log("legacy");
        let mut command = node.command()?;
        command.args(["legacy/server.mjs", "--exit-with-stdin"]).envs(secrets.iter());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut running = Running::start("the stand-ins", &mut command)?;
        let stdin = running.take_stdin();
        let stdout = running.take_stdout().context("the stand-ins have no standard output")?;
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let (control, hosts, suggestions) = Default::default();
        Ok(Self { control, hosts, suggestions, running, lines, log, _stdin: stdin })
    }

    /// Waits until they have printed their addresses.
    ///
    /// # Errors
    /// Stand-ins that end or print nothing in time, with the end of their log.
    pub fn wait_until_ready(mut self) -> Result<Self> {
        let started = Instant::now();
        let line = loop {
            if let Ok(line) = self.lines.try_recv() {
                break line;
            }
            self.check()?;
            if started.elapsed() > START_LIMIT {
                bail!(
                    "the stand-ins did not start within {} s; the end of their log:\n{}",
                    START_LIMIT.as_secs(),
                    tail(&self.log, 20)
                );
            }
            process::pause()?;
        };
        (self.control, self.hosts, self.suggestions) =
            parse_ready(&line).with_context(|| format!("the stand-ins printed: {line}"))?;
        Ok(self)
    }

    /// Checks that they still run.
    ///
    /// # Errors
    /// Stand-ins that have ended, with the end of their log.
    pub fn check(&mut self) -> Result<()> {
        if let Some(status) = self.running.try_wait()? {
            bail!("the stand-ins ended ({status}); the end of their log:\n{}", tail(&self.log, 20));
        }
        Ok(())
    }
}

/// Control address, addresses by host, suggestions.
type Ready = (String, BTreeMap<String, String>, Vec<Suggestion>);

fn parse_ready(line: &str) -> Result<Ready> {
    let value: serde_json::Value = serde_json::from_str(line)?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let control = value.get("control").and_then(text).context("no control address")?;
    let hosts = value.get("hosts").and_then(serde_json::Value::as_object).context("no hosts")?;
    let hosts =
        hosts.iter().filter_map(|(host, address)| Some((host.clone(), text(address)?))).collect();
    let suggestions =
        value.get("try").and_then(serde_json::Value::as_array).into_iter().flatten().filter_map(
            |car| {
                let field = |name: &str| car.get(name).and_then(text);
                Some(Suggestion {
                    market: field("market")?,
                    vin: field("vin")?,
                    label: field("label")?,
                })
            },
        );
    Ok((control, hosts, suggestions.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_ready_line() -> Result<()> {
        let line = r#"{"ready":true,"control":"http://127.0.0.1:9",
            "hosts":{"https://a.example.com":"http://127.0.0.1:10"},
            "try":[{"market":"de","vin":"WVW","label":"Golf"}]}"#;
        let (control, hosts, suggestions) = parse_ready(line)?;
        assert_eq!(control, "http://127.0.0.1:9");
        assert_eq!(
            hosts.get("https://a.example.com").map(String::as_str),
            Some("http://127.0.0.1:10")
        );
        assert_eq!(
            suggestions,
            [Suggestion { market: "de".into(), vin: "WVW".into(), label: "Golf".into() }]
        );
        Ok(())
    }

    #[test]
    fn err_anything_else() {
        assert!(parse_ready("listening on 3000").is_err());
        assert!(parse_ready("{}").is_err());
    }
}
