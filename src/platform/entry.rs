//! The fetch event: converts the runtime's request and the core's response.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::ReadableStream;
use worker::Env;

use super::executor::{self, Operation};
use super::fetch::read_capped;
use super::log;
use crate::auth::{AuthMemory, SessionMemory};
use crate::flow;
use crate::http::{
    App, BodyError, Config, EventStream, HEAD_BYTES, Header, Incoming, Request, Response, handle,
};
use crate::ownership::RightsMemory;
use crate::ports::Ports;
use crate::registry::Memory;

#[wasm_bindgen(module = "/src/platform/exchange.js")]
extern "C" {
    fn head(request: &web_sys::Request) -> String;
    #[wasm_bindgen(catch)]
    fn respond(status: u16, head: &str, body: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = respondWith)]
    fn respond_with(
        status: u16,
        text: &str,
        head_length: usize,
        log_length: usize,
    ) -> Result<JsValue, JsValue>;
}

thread_local! {
    static MEMORY: Rc<Memory> = Rc::new(Memory::default());
    static SESSIONS: Rc<SessionMemory> = Rc::new(SessionMemory::default());
    static RIGHTS: Rc<RightsMemory> = Rc::new(RightsMemory::default());
    static AUTH: Rc<AuthMemory> = Rc::new(AuthMemory::default());
    static FLOW: flow::FlowMemory = flow::FlowMemory::default();
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

/// Handles the fetch event; returns a response, or the promise of one.
///
/// Exported by hand: the `worker` crate's macro makes a task and a promise of every request and
/// reads headers that no route needs (docs/DEPENDENCIES.md).
#[wasm_bindgen]
pub fn fetch(request: web_sys::Request, env: Env, context: JsValue) -> JsValue {
    let Some(request) = to_request(request) else {
        return internal_error("the request's head does not parse");
    };
    let app = load_config(&env).and_then(|config| {
        let ports = super::ports(&env, context).map_err(|error| error.to_string())?;
        Ok(App {
            ports,
            memory: MEMORY.with(Rc::clone),
            sessions: SESSIONS.with(Rc::clone),
            rights: RIGHTS.with(Rc::clone),
            flow: FLOW.with(Clone::clone),
            auth: AUTH.with(Rc::clone),
            config,
        })
    });
    match app {
        Ok(app) => executor::run(respond_to(app, request).boxed_local()),
        Err(cause) => internal_error(&cause),
    }
}

async fn respond_to(app: App, request: Request) -> JsValue {
    let is_head = request.method == "HEAD";
    let mut response = handle(&app, request).await;
    let events = response.events.take().filter(|_| !is_head);
    let stream = events.map(|events| to_stream(events, &app.ports)).transpose();
    let converted = stream.and_then(|stream| convert(&mut response, stream.as_ref(), is_head));
    converted.unwrap_or_else(|_| internal_error("the runtime rejects the response"))
}

/// Makes the response to a request that no handler can take.
fn internal_error(cause: &str) -> JsValue {
    log::report_failure("no response could be made", cause);
    // OK because its head is valid; the runtime answers 500 to anything that is no response.
    convert(&mut Response::emergency(), None, false).unwrap_or(JsValue::UNDEFINED)
}

/// Reads the configuration once an isolate: variables change with a deployment only.
fn load_config(env: &Env) -> Result<Rc<Config>, String> {
    if let Some(config) = CONFIG.with_borrow(Clone::clone) {
        return Ok(config);
    }
    let variable = |name: &str| match env.var(name) {
        Ok(value) => Ok(value.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let config = Config::parse(&variable("REGIONS")?, &variable("REGION_HOSTS")?);
    let config = Rc::new(config.map_err(|error| error.to_string())?);
    CONFIG.set(Some(Rc::clone(&config)));
    Ok(config)
}

/// Converts a request of the runtime. Its head crosses as eight lines (`exchange.js`).
fn to_request(request: web_sys::Request) -> Option<Request> {
    let head = head(&request);
    let mut lines = head.split('\n');
    executor::set_now(lines.next()?.parse().ok()?);
    let (method, url) = (lines.next()?.to_owned(), lines.next()?);
    let headers = [
        ("traceparent", lines.next()?.to_owned()),
        ("accept", lines.next()?.to_owned()),
        ("if-none-match", lines.next()?.to_owned()),
        ("cookie", lines.next()?.to_owned()),
        ("authorization", lines.next()?.to_owned()),
    ];
    let (path, query) = split_url(url);
    let (path, query) = (path.to_owned(), query.to_owned());
    Some(Request { method, path, query, incoming: Box::new(Received { request, headers }) })
}

/// Splits a URL of the runtime, `https://host/path?query#fragment`, which escapes every other `?`
/// and `#`; returns path and query. The `url` crate would be 155 KB of code.
fn split_url(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path = rest.find('/').and_then(|start| rest.get(start..)).unwrap_or("/");
    (path, query)
}

/// A request of the runtime, and the headers that crossed with its head.
struct Received {
    request: web_sys::Request,
    headers: [(&'static str, String); 5],
}

impl Incoming for Received {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.headers.iter().find(|(other, _)| *other == name) {
            Some((_, value)) => Some(value.as_str().into()).filter(|_| !value.is_empty()),
            // OK because `get` fails for malformed names only, and ours are constants.
            None => self.request.headers().get(name).ok().flatten().map(Cow::Owned),
        }
    }

    fn body(&self, limit: usize) -> LocalBoxFuture<'_, Result<Vec<u8>, BodyError>> {
        async move {
            match self.request.body() {
                None => Ok(Vec::new()),
                Some(stream) => match read_capped(&stream, limit).await {
                    Ok(Some(bytes)) => Ok(bytes),
                    Ok(None) => Err(BodyError::TooLarge { limit }),
                    Err(_) => Err(BodyError::Broken),
                },
            }
        }
        .boxed_local()
    }
}

/// Makes a readable stream that gets each event as it comes. Once its reader has left, the events
/// and the work behind them are dropped; background work goes on.
fn to_stream(mut events: EventStream, ports: &Ports) -> Result<ReadableStream, JsValue> {
    let pipe = web_sys::TransformStream::new()?;
    let writer = pipe.writable().get_writer()?;
    let pump = async move {
        while let Some(text) = events.0.next().await {
            let bytes = Uint8Array::from(text.as_bytes());
            if Operation::from_promise(&writer.write_with_chunk(&bytes)).await.is_err() {
                return;
            }
        }
        // OK because a reader that has left needs no end of the stream.
        let _ = Operation::from_promise(&writer.close()).await;
    };
    ports.background.spawn(pump.boxed_local());
    Ok(pipe.readable())
}

/// Converts a response for the runtime; its body is `stream`, if there is one.
fn convert(
    response: &mut Response,
    stream: Option<&ReadableStream>,
    is_head: bool,
) -> Result<JsValue, JsValue> {
    let status = response.status;
    let has_body = !is_head && !matches!(status, 204 | 304) && !response.body.is_empty();
    if !has_body || stream.is_some() {
        let mut head = String::new();
        push_head(&mut head, &response.headers);
        return respond(status, &head, stream.map_or(&JsValue::NULL, |stream| stream));
    }
    // Body, head and log cross as one text. Its lengths are bytes here and UTF-16 units in
    // JavaScript: the same for ASCII, which headers must be.
    let mut text = std::mem::take(&mut response.body);
    let head_at = text.len();
    push_head(&mut text, &response.headers);
    let log_at = text.len();
    if !text.as_bytes().get(head_at..).is_some_and(<[u8]>::is_ascii) {
        return Err(JsValue::NULL);
    }
    log::take(&mut text);
    respond_with(status, &text, log_at - head_at, text.len() - log_at)
}

/// Appends the header names with commas between them, then their values, a line each. A name that
/// occurs several times stays so.
fn push_head(text: &mut String, headers: &[Header]) {
    text.reserve(HEAD_BYTES);
    for (index, (name, _)) in headers.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(name);
    }
    for (_, value) in headers {
        text.push('\n');
        text.push_str(value);
    }
}
