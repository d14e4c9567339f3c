//! Recorded exchanges: a request as Kerbside makes it, and what the stand-in answered.

use std::rc::Rc;

use kerbside::market::Market;
use kerbside::ports::fake::{ScriptedResponse, World};
use kerbside::ports::{OriginRequest, OriginResponse};
use kerbside::text::to_hex;
use serde::{Deserialize, Serialize};

/// One request and its answer. The body lies in a file of its own.
#[derive(Serialize, Deserialize)]
pub struct Exchange {
    /// Its number in the market's recording.
    pub number: usize,
    /// The request, as [`key`] writes it.
    pub asked: String,
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// The file with the body.
    pub file: String,
}

/// A request in words: method, address and body, which is hexadecimal where it is no text. SOAP
/// headers are left out: they hold credentials and change with the time.
pub fn key(request: &OriginRequest) -> String {
    let body = request.body.as_deref().unwrap_or_default();
    let body = match std::str::from_utf8(body) {
        Ok(text) => text.rsplit_once("Header>").map_or(text, |(_, rest)| rest).to_owned(),
        Err(_) => to_hex(body),
    };
    format!("{} {} {body}", request.method, request.url).trim_end().to_owned()
}

/// A world in which the market's origins answer as they were recorded. A request that was not
/// recorded fails the test.
pub fn replay(code: &str, market: &Market) -> Rc<World> {
    let folder = crate::common::folder().join(code);
    let index = std::fs::read_to_string(folder.join("exchanges.json")).expect("recorded exchanges");
    let exchanges: Vec<Exchange> = serde_json::from_str(&index).expect("a list of exchanges");
    let world = World::new();
    for name in market.secret_names() {
        world.secrets.borrow_mut().insert(name, "user:password".to_owned());
    }
    world.origins(move |request| {
        let asked = key(request);
        let found = exchanges.iter().find(|exchange| exchange.asked == asked);
        let Exchange { status, content_type, file, .. } = found.unwrap_or_else(|| {
            panic!("not recorded: {asked}\nrun node tests/fixtures/markets/record.mjs")
        });
        let body = std::fs::read(folder.join(file)).expect("a recorded body");
        let response = OriginResponse {
            status: *status,
            content_type: content_type.clone(),
            retry_after: None,
            body,
        };
        ScriptedResponse { after_ms: 1, outcome: Ok(response) }
    });
    world
}
