//! Cloudflare: the ports over the runtime (`workerd`), and its events. Holds no policy.
//!
//! The isolate's state is plain data in `registry::Memory` and `flow::FlowMemory`. Bindings belong
//! to the isolate too; promises, timers and bodies belong to one request, and no other uses them.

mod bindings;
mod d1;
mod entry;
mod executor;
mod failure;
mod fetch;
mod intl;
mod kv;
mod log;
mod rate_limit;
mod scheduled;
mod signatures;
mod tasks;

use std::cell::RefCell;
use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::Env;

use crate::ports::{Background, Clock, Events, Ports, Random, Secrets, Timer, Timestamp};
use crate::telemetry::Event;

/// Costs fewer steps than the standard library's allocator (docs/decisions/0018).
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

thread_local! {
    /// The ports of the previous request; the next one replaces its background alone.
    static PORTS: RefCell<Option<Ports>> = const { RefCell::new(None) };
    static RANDOM: RefCell<Pool> = const { RefCell::new(Pool::new()) };
}

/// Returns the ports of one request.
///
/// # Errors
/// A missing binding.
fn ports(env: &Env, context: JsValue) -> worker::Result<Ports> {
    let background = Rc::new(WaitUntil(context));
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
        cache: Rc::new(kv::KvNamespace::new(env, "CACHE")?),
        markets: Rc::new(kv::KvNamespace::new(env, "MARKETS")?),
        db: Rc::new(d1::D1::new(env, "DB")?),
        assets: Rc::new(fetch::StaticFiles::new(env, "ASSETS")?),
        secrets: edge.clone(),
        random: edge.clone(),
        crypto: Rc::new(signatures::WebCrypto),
        rate_limit: Rc::new(rate_limit::RateLimiters::new(env.clone())),
        events: edge,
        background: Rc::new(WaitUntil(JsValue::UNDEFINED)),
        format: Rc::new(intl::Intl),
    };
    PORTS.set(Some(ports.clone()));
    Ok(Ports { background, ..ports })
}

/// The runtime's own services.
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

/// Random bytes in stock: one call of the runtime costs as much as a thousand bytes.
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
                // Bytes that are handed out are not kept.
                *byte = std::mem::take(unused);
            }
            self.used += chunk.len();
        }
    }
}

/// The execution context of one request.
struct WaitUntil(JsValue);

impl Background for WaitUntil {
    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        worker::Context::new(self.0.clone().unchecked_into()).wait_until(work);
    }
}
