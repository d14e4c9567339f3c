//! Records what the stand-ins answer to the requests that the market files make.
//! `tests/fixtures/markets/record.mjs` starts the stand-ins and runs this.

#![expect(clippy::expect_used, clippy::panic, reason = "who records reads the panic")]

mod common;
#[allow(dead_code, reason = "the other half replays")]
mod exchange;
mod proofs;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::rc::Rc;

use kerbside::ports::fake::{ScriptedResponse, World};
use kerbside::ports::{OriginRequest, OriginResponse};
use kerbside::vehicle::Vin;

use exchange::{Exchange, key};

fn main() {
    let read = |name: &str| -> BTreeMap<String, String> {
        let text = std::env::var(name).expect("set by record.mjs");
        serde_json::from_str(&text).expect("an object of texts")
    };
    let (hosts, secrets) = (read("KERBSIDE_HOSTS"), read("KERBSIDE_SECRETS"));
    // One world: nonces are used once.
    let world = World::new();
    world.secrets.borrow_mut().extend(secrets);
    // The stand-ins take passwords in digests only for some minutes.
    let now_s: i64 =
        std::env::var("KERBSIDE_NOW_S").expect("set by record.mjs").parse().expect("seconds");
    world.advance_s(now_s - 1_795_161_600);
    for (code, cars) in common::CARS {
        let folder = common::folder().join(code);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("a folder");
        let exchanges = Rc::new(RefCell::new(Vec::<Exchange>::new()));
        let (kept, hosts, into) = (Rc::clone(&exchanges), hosts.clone(), folder.clone());
        world.origins(move |request| {
            let response = send(&hosts, request);
            keep(&into, &mut kept.borrow_mut(), request, &response);
            ScriptedResponse { after_ms: 1, outcome: Ok(response) }
        });
        let market = common::read_market(code);
        for vin in *cars {
            common::answers(&world, &market, &Vin::parse(vin).expect("a VIN"));
        }
        for one in proofs::PROOFS.iter().filter(|one| one.code == *code) {
            proofs::outcomes(&world, &market, one);
        }
        let index = serde_json::to_string_pretty(&*exchanges.borrow()).expect("JSON");
        std::fs::write(folder.join("exchanges.json"), index + "\n").expect("written");
    }
}

fn keep(
    folder: &Path,
    exchanges: &mut Vec<Exchange>,
    request: &OriginRequest,
    response: &OriginResponse,
) {
    let asked = key(request);
    if exchanges.iter().any(|exchange| exchange.asked == asked) {
        return;
    }
    let content_type = response.content_type.clone();
    let kind = content_type.as_deref().unwrap_or_default();
    let ending =
        ["json", "xml", "csv"].into_iter().find(|ending| kind.contains(ending)).unwrap_or("bin");
    let number = exchanges.len() + 1;
    let host = request.url.split(['/', '.']).nth(2).unwrap_or_default();
    let file = format!("{number:02}-{host}.{ending}");
    let body = replaced(&response.body, &token_of(&response.body), "recorded");
    std::fs::write(folder.join(&file), body).expect("written");
    exchanges.push(Exchange { number, asked, status: response.status, content_type, file });
}

/// Sends a request to the stand-in of its host, over a connection of its own.
fn send(hosts: &BTreeMap<String, String>, request: &OriginRequest) -> OriginResponse {
    let found = hosts.iter().find(|(host, _)| request.url.starts_with(&format!("{host}/")));
    let (host, address) = found.unwrap_or_else(|| panic!("no stand-in for {}", request.url));
    let path = request.url.strip_prefix(host.as_str()).expect("just found");
    let name = address.strip_prefix("http://").expect("an address of the stand-ins");
    let body = request.body.as_deref().unwrap_or_default();
    let mut head =
        format!("{} {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n", request.method);
    for (name, value) in &request.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
    let mut stream = TcpStream::connect(name).expect("a stand-in that listens");
    stream.write_all(&[head.as_bytes(), body].concat()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let header = |wanted: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.to_owned())
    };
    assert!(header("transfer-encoding").is_none(), "the stand-ins send bodies of a known length");
    let body = replaced(body, address, host);
    OriginResponse {
        status,
        content_type: header("content-type"),
        retry_after: header("retry-after"),
        body,
    }
}

/// A token that was given out, empty where there is none. It is worth nothing when the stand-ins
/// have ended, but need not be kept.
fn token_of(body: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    json.get("access_token").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// Puts one text for another, in bytes: an address for that of the stand-in, as links to next pages
/// name it.
fn replaced(body: &[u8], from: &str, to: &str) -> Vec<u8> {
    match std::str::from_utf8(body) {
        Ok(text) if !from.is_empty() => text.replace(from, to).into_bytes(),
        _ => body.to_vec(),
    }
}
