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
use serde::Deserialize;

use super::secrets::{self, Secrets};
use super::state::State;
use crate::process::{self, Running, tail};
use crate::tools::Node;

const START_LIMIT: Duration = Duration::from_secs(30);

/// A car to try.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Suggestion {
    /// Its market's code.
    pub market: String,
    /// Its VIN.
    pub vin: String,
    /// Its make, model and year.
    pub label: String,
}

/// A person who can sign in at the identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Person {
    /// Their market's code.
    pub market: String,
    /// The login name.
    pub login: String,
    /// Their name.
    pub name: String,
    /// Their password.
    pub password: String,
}

/// The dealers' portal and its staff.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dealers {
    /// The portal's address.
    pub url: String,
    /// People who can attest there.
    pub staff: Vec<Staff>,
}

/// A member of a dealer's staff.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Staff {
    /// The dealer.
    pub dealer: String,
    /// The login name.
    pub login: String,
    /// Their name.
    pub name: String,
    /// Their password.
    pub password: String,
}

/// A line that the stand-ins print after they are ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// A message to a person.
    Message {
        /// Its market's code.
        market: String,
        /// `email` or `sms`.
        channel: String,
        /// The address or number.
        to: String,
        /// The kind.
        kind: String,
        /// The code.
        code: Option<String>,
        /// The page that it is about.
        link: Option<String>,
    },
    /// A code that a car shows.
    Shown {
        /// Its market's code.
        market: String,
        /// The car's VIN.
        vin: String,
        /// The code.
        code: String,
    },
}

/// The credentials that the stand-ins expect of their callers.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The Worker's secrets.
    pub secrets: &'a Secrets,
    /// The seed of the test people's passwords.
    pub identity_seed: Option<&'a str>,
    /// The portal's address, for back-channel logout.
    pub portal: &'a str,
}

/// The line that the stand-ins print when they are ready.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Ready {
    control: String,
    hosts: BTreeMap<String, String>,
    #[serde(rename = "try")]
    suggestions: Vec<Suggestion>,
    people: Vec<Person>,
    dealers: Option<Dealers>,
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
    /// People who can sign in.
    pub people: Vec<Person>,
    /// The dealers' portal.
    pub dealers: Option<Dealers>,
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
    pub fn start(node: &Node, credentials: &Credentials<'_>, state: &State) -> Result<Self> {
        let log = state.log("legacy");
        let mut command = node.command()?;
        command.args(["legacy/server.mjs", "--exit-with-stdin", "--portal", credentials.portal]);
        command.envs(credentials.secrets.iter());
        command.envs(credentials.identity_seed.map(|seed| (secrets::IDENTITY_SEED, seed)));
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
        let (control, hosts, suggestions, people, dealers) = Default::default();
        let ready = Self {
            control,
            hosts,
            suggestions,
            people,
            dealers,
            running,
            lines,
            log,
            _stdin: stdin,
        };
        Ok(ready)
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
        // The line holds passwords: what is wrong with it is enough.
        let ready: Ready =
            serde_json::from_str(&line).context("the stand-ins did not print their addresses")?;
        let Ready { control, hosts, suggestions, people, dealers } = ready;
        Ok(Self { control, hosts, suggestions, people, dealers, ..self })
    }

    /// Returns what arrived since the last call. Lines of other forms are left out.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.lines.try_iter().filter_map(|line| serde_json::from_str(&line).ok()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_ready_line() -> Result<()> {
        let line = r#"{"ready":true,"control":"http://127.0.0.1:9",
            "hosts":{"https://a.example.com":"http://127.0.0.1:10"},
            "try":[{"market":"de","vin":"WVW","label":"Golf"}],
            "people":[{"market":"de","login":"ada","name":"Ada","password":"x"}]}"#;
        let ready: Ready = serde_json::from_str(line)?;
        assert_eq!(ready.control, "http://127.0.0.1:9");
        assert_eq!(ready.hosts["https://a.example.com"], "http://127.0.0.1:10");
        let car = Suggestion { market: "de".into(), vin: "WVW".into(), label: "Golf".into() };
        assert_eq!(ready.suggestions, [car]);
        let [person] = ready.people.as_slice() else { panic!("one person") };
        assert_eq!((person.login.as_str(), person.password.as_str()), ("ada", "x"));
        assert_eq!(ready.dealers, None);
        Ok(())
    }

    #[test]
    fn ok_arrivals() -> Result<()> {
        let message = r#"{"message":{"market":"de","key":"k","channel":"email",
            "to":"ada@example.com","kind":"contact_code","code":"K4TZ9QHM","locale":"de-DE"}}"#;
        let Arrival::Message { to, code, link, .. } = serde_json::from_str(message)? else {
            panic!("a message");
        };
        assert_eq!(
            (to.as_str(), code.as_deref(), link),
            ("ada@example.com", Some("K4TZ9QHM"), None)
        );
        let shown = r#"{"shown":{"market":"us","vin":"1HG","code":"K4TZ9QHM"}}"#;
        assert!(matches!(serde_json::from_str(shown)?, Arrival::Shown { .. }));
        Ok(())
    }

    #[test]
    fn err_anything_else() {
        for line in ["listening on 3000", "{}"] {
            assert!(serde_json::from_str::<Ready>(line).is_err());
        }
    }
}
