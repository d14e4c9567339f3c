//! The fetch event: from the runtime's request to a call, from an answer to the runtime's response.

use std::cell::RefCell;
use std::rc::Rc;

use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::ReadableStream;
use worker::{Context, Env, Headers, Request, Response, ResponseBody, ResponseBuilder, event};

use super::fetch::read_capped;
use crate::api::{Answer, App, BodyError, Call, Config, Events, Incoming, handle};
use crate::cache::Memory;
use crate::flow;
use crate::ports::Ports;

thread_local! {
    static MEMORY: Rc<Memory> = Rc::new(Memory::default());
    static FLOW: flow::Memory = flow::Memory::default();
    static CONFIG: RefCell<Option<Rc<Config>>> = const { RefCell::new(None) };
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    let Some(config) = config(&env) else {
        return Response::error("REGIONS or REGION_HOSTS of this deployment does not read", 500);
    };
    let ports = super::ports(&env, &Rc::new(context))?;
    let app = App { ports, memory: MEMORY.with(Rc::clone), flow: FLOW.with(Clone::clone), config };
    let call = call(&request);
    let is_head = call.method == "HEAD";
    let mut answer = handle(&app, call).await;
    let events = answer.events.take().filter(|_| !is_head);
    let parts = events.map(|events| stream(events, &app.ports)).transpose()?;
    respond(answer, parts, is_head)
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

fn call(request: &Request) -> Call {
    let raw = request.inner();
    let url = raw.url();
    // The crate's own Method turns verbs that it does not know into GET, and its Url is 155 KB of code.
    let query = url.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default().to_owned());
    Call {
        method: raw.method(),
        path: request.path(),
        query: query.unwrap_or_default(),
        incoming: Box::new(Received(Clone::clone(raw))),
    }
}

struct Received(web_sys::Request);

impl Incoming for Received {
    fn header(&self, name: &str) -> Option<String> {
        self.0.headers().get(name).ok().flatten()
    }

    fn body(&self, limit: usize) -> LocalBoxFuture<'_, Result<Vec<u8>, BodyError>> {
        async move {
            match self.0.body() {
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

/// A readable stream that gets each part as it comes. Where nobody reads any more the parts are dropped, and with them the last
/// that holds on to them; what runs in the background goes on.
fn stream(mut events: Events, ports: &Ports) -> worker::Result<ReadableStream> {
    let pipe = web_sys::TransformStream::new()?;
    let writer = pipe.writable().get_writer()?;
    let pump = async move {
        while let Some(text) = events.0.next().await {
            let bytes = Uint8Array::from(text.as_bytes());
            if JsFuture::from(writer.write_with_chunk(&bytes)).await.is_err() {
                return;
            }
        }
        // A reader that has left meanwhile needs no end.
        let _ = JsFuture::from(writer.close()).await;
    };
    ports.background.spawn(pump.boxed_local());
    Ok(pipe.readable())
}

fn respond(answer: Answer, parts: Option<ReadableStream>, is_head: bool) -> worker::Result<Response> {
    let headers = Headers::new();
    for (name, value) in &answer.headers {
        headers.append(name, value)?;
    }
    let builder = ResponseBuilder::new().with_status(answer.status).with_headers(headers);
    if let Some(parts) = parts {
        return Ok(builder.body(ResponseBody::Stream(parts)));
    }
    let has_body = !is_head && !matches!(answer.status, 204 | 304) && !answer.body.is_empty();
    Ok(if has_body { builder.fixed(answer.body.into_bytes()) } else { builder.empty() })
}
