//! The operator routes of a portal (`/operator/v1/…`) as commands use them.
//!
//! Owns where the portal is, the token, and how refusals are told. Node makes the request: this
//! program has no HTTPS.

use std::io::Read as _;

use anyhow::{Context, Result, bail};
use kerbside::vehicle::Vin;
use serde_json::{Value, json};

use crate::args::Args;
use crate::process;
use crate::tools::Node;

/// Where the token comes from: not from an argument, which everybody on the machine sees.
const TOKEN: &str = "KERBSIDE_OPERATOR_TOKEN";
/// Where the portal is, if `--url` does not say.
const URL: &str = "KERBSIDE_URL";

/// A portal and who we are there.
#[derive(Debug)]
pub struct Portal {
    node: Node,
    url: String,
    token: String,
}

impl Portal {
    /// The portal of `--url` or `KERBSIDE_URL`, with the token of `KERBSIDE_OPERATOR_TOKEN`.
    ///
    /// # Errors
    /// Where one of them is missing, or the token would go out in the clear.
    pub fn open(args: &Args) -> Result<Self> {
        let url = args.value("--url").map(str::to_owned).or_else(|| std::env::var(URL).ok());
        let url = url.context(
            "say where the portal is: --url https://eu.example.com, or the variable KERBSIDE_URL",
        )?;
        let url = checked(&url)?;
        let token = std::env::var(TOKEN).ok().filter(|token| !token.trim().is_empty()).with_context(|| {
            format!(
                "set {TOKEN} to your operator's token; `cargo xtask dev` says how to get its own, and \
                 `cargo xtask keys new operator` makes one"
            )
        })?;
        Ok(Self { node: Node::ensure()?, url, token: token.trim().to_owned() })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks for something.
    ///
    /// # Errors
    /// What the portal refuses, with what to do about it.
    pub fn get(&self, path: &str) -> Result<Value> {
        Ok(self.exchange("GET", path, None)?.1)
    }

    /// Does something; the answer's text and what it says.
    ///
    /// # Errors
    /// What the portal refuses, with what to do about it.
    pub fn post(&self, path: &str, body: Value) -> Result<(String, Value)> {
        self.exchange("POST", path, Some(body))
    }

    fn exchange(&self, method: &str, path: &str, body: Option<Value>) -> Result<(String, Value)> {
        let url = format!("{}/operator/v1/{path}", self.url);
        let request =
            json!({"url": url, "method": method, "token": self.token, "body": body}).to_string();
        let mut command = self.node.command()?;
        command.arg("--no-warnings").arg("xtask/js/request.mjs");
        let answer = process::exchange("the request", &mut command, Some(&request))?;
        let answer: Value = serde_json::from_str(&answer).context("the request gave no answer")?;
        let text = answer.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        let status = answer.get("status").and_then(Value::as_u64).unwrap_or(0);
        if status == 0 {
            bail!("{} does not answer: {text}", self.url);
        }
        let read: Option<Value> = serde_json::from_str(&text).ok();
        match read {
            Some(value) if (200..300).contains(&status) => Ok((text, value)),
            Some(problem) if problem.get("title").is_some() => {
                bail!("{}", refusal(&self.url, status, &problem))
            }
            _ => bail!(
                "{} answered {status}, and not as Kerbside does: is the address right?",
                self.url
            ),
        }
    }
}

/// A problem document as a person reads it.
fn refusal(url: &str, status: u64, problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut lines = vec![format!("{url} refused ({status}): {}", text("title"))];
    let errors = problem.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    if errors.is_empty() && !text("detail").is_empty() {
        lines.push(text("detail").to_owned());
    }
    for error in &errors {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let pointer = part("pointer").trim_start_matches('/');
        let pointer = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
        lines.push(format!("{pointer}{}", part("detail")));
    }
    if status == 401 {
        lines.push(format!(
            "Look at {TOKEN}: its hash must stand in the portal's secret OPERATOR_TOKENS."
        ));
    }
    lines.push(format!("request {}", text("request_id")));
    lines.join("\n  ")
}

/// An address without a slash at its end. A token goes over TLS, or stays on this machine.
fn checked(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let host =
        url.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    match host {
        Some("127.0.0.1" | "localhost") => Ok(url.to_owned()),
        Some(_) => bail!("{url} is not encrypted, and the token would go over it; use https://"),
        None if url.starts_with("https://") => Ok(url.to_owned()),
        None => bail!("\"{url}\" is no address; write it like https://eu.example.com"),
    }
}

/// The VIN of `--vin`, read from standard input where that is `-`, so that it is not in the shell's
/// history.
///
/// # Errors
/// Where it is none.
pub fn vin(args: &Args) -> Result<Option<Vin>> {
    let text = match args.value("--vin") {
        None => return Ok(None),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().take(1_000).read_to_string(&mut text)?;
            text
        }
        Some(text) => text.to_owned(),
    };
    Vin::parse(&text).map(Some).map_err(|error| anyhow::anyhow!("--vin: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_addresses() {
        for good in ["https://eu.example.com", "http://127.0.0.1:8787", "http://localhost:1"] {
            assert_eq!(checked(&format!("{good}/")).ok().as_deref(), Some(good));
        }
        for bad in [
            "http://eu.example.com",
            "http://127.0.0.1.example.com",
            "eu.example.com",
            "file:///etc",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ok_a_refusal_names_each_mistake() {
        let problem = json!({
            "title": "The request cannot be understood", "detail": "x", "request_id": "r-1",
            "errors": [{"pointer": "/facet", "detail": "One of these."}, {"pointer": "", "detail": "Too many."}],
        });
        let expect = "https://x refused (422): The request cannot be understood\n  facet: One of these.\n  Too many.\n  request r-1";
        assert_eq!(refusal("https://x", 422, &problem), expect);
    }
}
