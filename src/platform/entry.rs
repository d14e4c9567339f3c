//! The fetch event: from the runtime's request to a call, from an answer to the runtime's response.

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
use crate::flow;
use crate::http::{
    App, BodyError, Config, EventStream, HEAD_BYTES, Header, Incoming, Request, Response, handle,
};
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
    static FLOW: flow::FlowMemory = flow::FlowMemory::default();
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

/// The fetch event: a response, or the promise of one. By hand rather than by the `worker` crate's
/// macro, which makes a task and a promise of every call and reads what no route needs
/// (benches/README.md).
#[wasm_bindgen]
pub fn fetch(request: web_sys::Request, env: Env, context: JsValue) -> JsValue {
    let call = call(request);
    let Some(config) = config(&env) else {
        return failure("REGIONS or REGION_HOSTS of this deployment does not read");
    };
    let ports = match super::ports(&env, context) {
        Ok(ports) => ports,
        Err(error) => return failure(&error.to_string()),
    };
    let app = App { ports, memory: MEMORY.with(Rc::clone), flow: FLOW.with(Clone::clone), config };
    executor::run(answer(app, call).boxed_local())
}

async fn answer(app: App, call: Request) -> JsValue {
    let is_head = call.method == "HEAD";
    let mut answer = handle(&app, call).await;
    let parts = answer
        .events
        .take()
        .filter(|_| !is_head)
        .map(|events| stream(events, &app.ports))
        .transpose();
    let response = parts.and_then(|parts| response(&mut answer, parts.as_ref(), is_head));
    response.unwrap_or_else(|_| failure("the runtime takes no such response"))
}

/// What no handler can answer.
fn failure(cause: &str) -> JsValue {
    log::report_failure("no answer could be made", cause);
    let body = "INTERNAL SERVER ERROR".into();
    respond(500, "content-type,cache-control\ntext/plain\nno-store", &body).unwrap_or_default()
}

/// Read once an isolate: variables change with a deployment only.
fn config(env: &Env) -> Option<Rc<Config>> {
    if let Some(config) = CONFIG.with_borrow(Clone::clone) {
        return Some(config);
    }
    let variable = |name: &str| env.var(name).map(|value| value.to_string()).unwrap_or_default();
    match Config::parse(&variable("REGIONS"), &variable("REGION_HOSTS")) {
        Ok(config) => {
            let config = Rc::new(config);
            CONFIG.set(Some(Rc::clone(&config)));
            Some(config)
        }
        Err(error) => {
            worker::console_error!("{error}");
            None
        }
    }
}

fn call(request: web_sys::Request) -> Request {
    let head = head(&request);
    let mut lines = head.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    executor::set_now(line().parse().unwrap_or_default());
    let (method, url) = (line(), line());
    let read = ["traceparent", "accept", "if-none-match"].map(|name| (name, line().to_owned()));
    // The crate's Url is 155 KB of code. An address of the runtime is `https://host/path?query`,
    // and escapes what else `?` and `#` are.
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let place = place.split('#').next().unwrap_or_default();
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let path = place.find('/').and_then(|start| place.get(start..)).unwrap_or("/");
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    Request { method, path, query, incoming: Box::new(Received { request, read }) }
}

/// A request, and its headers that were read with its first line.
struct Received {
    request: web_sys::Request,
    read: [(&'static str, String); 3],
}

impl Incoming for Received {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.read.iter().find(|(other, _)| *other == name) {
            Some((_, value)) => {
                Some(value.as_str().into()).filter(|value: &Cow<'_, str>| !value.is_empty())
            }
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

/// A readable stream that gets each part as it comes. Where nobody reads any more the parts are
/// dropped, and with them the last that holds on to them; what runs in the background goes on.
fn stream(mut events: EventStream, ports: &Ports) -> Result<ReadableStream, JsValue> {
    let pipe = web_sys::TransformStream::new()?;
    let writer = pipe.writable().get_writer()?;
    let pump = async move {
        while let Some(text) = events.0.next().await {
            let bytes = Uint8Array::from(text.as_bytes());
            if Operation::from_promise(&writer.write_with_chunk(&bytes)).await.is_err() {
                return;
            }
        }
        // A reader that has left meanwhile needs no end.
        let _ = Operation::from_promise(&writer.close()).await;
    };
    ports.background.spawn(pump.boxed_local());
    Ok(pipe.readable())
}

fn response(
    answer: &mut Response,
    parts: Option<&ReadableStream>,
    is_head: bool,
) -> Result<JsValue, JsValue> {
    let has_body = !is_head && !matches!(answer.status, 204 | 304) && !answer.body.is_empty();
    if !has_body || parts.is_some() {
        let mut head = String::new();
        push_head(&mut head, &answer.headers);
        return respond(answer.status, &head, parts.map_or(&JsValue::NULL, |parts| parts));
    }
    // One text crosses at the price of one. Both sides count alike in ASCII, which the runtime
    // wants headers to be.
    let mut text = std::mem::take(&mut answer.body);
    let head_at = text.len();
    push_head(&mut text, &answer.headers);
    let log_at = text.len();
    if !text.as_bytes().get(head_at..).is_some_and(<[u8]>::is_ascii) {
        return Err(JsValue::NULL);
    }
    log::take(&mut text);
    respond_with(answer.status, &text, log_at - head_at, text.len() - log_at)
}

/// Appends the headers' names with commas between them, then their values, a line each.
fn push_head(text: &mut String, headers: &[Header]) {
    text.reserve(HEAD_BYTES);
    for (place, (name, _)) in headers.iter().enumerate() {
        text.push_str(if place == 0 { "" } else { "," });
        text.push_str(name);
    }
    for (_, value) in headers {
        text.push('\n');
        text.push_str(value);
    }
}
