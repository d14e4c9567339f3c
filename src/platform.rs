//! Cloudflare: the ports over `workerd`, and the entry. Translates and decides nothing.
//!
//! State of the isolate is plain data in [`registry::Memory`] and [`flow::FlowMemory`]. Bindings are the
//! isolate's too; promises, timers and bodies are of one call and are not used by another.

mod entry;
mod executor;
mod fetch;
mod intl;
mod log;
mod rate_limit;
mod scheduled;
mod signatures;
mod stores;
mod tasks;

use std::cell::RefCell;
use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::Env;

use crate::ports::{Background, Clock, Events, Ports, Random, Secrets, Timer, Timestamp};
use crate::telemetry::Event;

/// Takes fewer steps than the standard library's (docs/decisions/0018).
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

thread_local! {
    /// The ports of the call before. All but its background serve the next one: bindings are the
    /// isolate's.
    static PORTS: RefCell<Option<Ports>> = const { RefCell::new(None) };
    static RANDOM: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

/// The ports of one call.
fn ports(env: &Env, context: JsValue) -> worker::Result<Ports> {
    let background = Rc::new(Extended(context));
    if let Some(ports) = PORTS.with_borrow(Clone::clone) {
        return Ok(Ports { background, ..ports });
    }
    let edge = Rc::new(Edge(env.clone()));
    let fetch = Rc::new(fetch::Fetch::new(env));
    let ports = Ports {
        clock: edge.clone(),
        timer: edge.clone(),
        origins: fetch.clone(),
        http_client: fetch,
        cache: Rc::new(stores::KvNamespace::new(env, "CACHE")?),
        markets: Rc::new(stores::KvNamespace::new(env, "MARKETS")?),
        db: Rc::new(stores::D1::new(env, "DB")?),
        assets: Rc::new(fetch::StaticFiles::new(env, "ASSETS")?),
        secrets: edge.clone(),
        random: edge.clone(),
        crypto: Rc::new(signatures::WebCrypto),
        rate_limit: Rc::new(rate_limit::RateLimiters(env.clone())),
        events: edge,
        background: Rc::new(Extended(JsValue::UNDEFINED)),
        format: Rc::new(intl::Intl),
    };
    PORTS.set(Some(ports.clone()));
    Ok(Ports { background, ..ports })
}

/// What the runtime itself offers.
struct Edge(Env);

impl Clock for Edge {
    fn now(&self) -> Timestamp {
        executor::now()
    }
}

impl Timer for Edge {
    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()> {
        executor::Sleep::new(milliseconds).boxed_local()
    }
}

impl Secrets for Edge {
    fn get(&self, name: &str) -> Option<String> {
        self.0.secret(name).ok().map(|secret| secret.to_string())
    }

    fn names(&self) -> Vec<String> {
        js_sys::Object::keys(self.0.unchecked_ref::<js_sys::Object>())
            .iter()
            .filter_map(|name| name.as_string())
            .collect()
    }
}

impl Random for Edge {
    fn fill(&self, buffer: &mut [u8]) {
        RANDOM.with_borrow_mut(|random| random.fill(buffer));
    }
}

impl Events for Edge {
    fn emit(&self, event: Event) {
        log::emit(&event);
    }
}

/// Random bytes that nobody has got yet: a call of the runtime costs as much as a thousand of them.
struct Pool {
    bytes: [u8; 1024],
    used: usize,
}

impl Pool {
    const fn new() -> Self {
        let bytes = [0; 1024];
        Self { used: bytes.len(), bytes }
    }

    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(self.bytes.len()) {
            if self.bytes.len() - self.used < chunk.len() {
                // Predictable bytes would break every user: the instance ends instead.
                assert!(getrandom::fill(&mut self.bytes).is_ok(), "the runtime has no randomness");
                self.used = 0;
            }
            let (_, unused) = self.bytes.split_at_mut(self.used);
            for (byte, unused) in chunk.iter_mut().zip(unused) {
                // What was given out is not kept.
                *byte = std::mem::take(unused);
            }
            self.used += chunk.len();
        }
    }
}

/// What one call may still do after its answer.
struct Extended(JsValue);

impl Background for Extended {
    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        worker::Context::new(self.0.clone().unchecked_into()).wait_until(work);
    }
}
