//! Cloudflare: the ports over `workerd`, and the entry. Translates and decides nothing.
//!
//! State of the isolate is plain data in [`cache::Memory`]; bindings are taken anew for each call, because objects of one call may
//! not be used by another.

mod entry;
mod fetch;
mod intl;
mod scheduled;
mod stores;

use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use wasm_bindgen::JsCast as _;
use worker::{Context, Env};

use crate::ports::{Background, Clock, Events, Ports, Random, Secrets, Timer, Timestamp};
use crate::telemetry::{Event, Level};

/// The ports of one call.
fn ports(env: &Env, context: &Rc<Context>) -> worker::Result<Ports> {
    let db = Rc::new(stores::D1::new(env, "DB")?);
    let cache = Rc::new(stores::KvNamespace::new(env, "CACHE")?);
    let markets = Rc::new(stores::KvNamespace::new(env, "MARKETS")?);
    let edge = Rc::new(Edge { env: env.clone(), context: Rc::clone(context) });
    Ok(Ports {
        clock: edge.clone(),
        timer: edge.clone(),
        origins: Rc::new(fetch::Fetch::new(env)),
        cache,
        markets,
        db,
        assets: Rc::new(fetch::StaticFiles::new(env, "ASSETS")?),
        secrets: edge.clone(),
        random: edge.clone(),
        events: edge.clone(),
        background: edge,
        format: Rc::new(intl::Intl),
    })
}

/// What the runtime itself offers.
struct Edge {
    env: Env,
    context: Rc<Context>,
}

impl Clock for Edge {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds since 1970 are exact in an f64 and fit an i64"
        )]
        Timestamp(js_sys::Date::now() as i64)
    }
}

impl Timer for Edge {
    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()> {
        worker::Delay::from(std::time::Duration::from_millis(milliseconds.into())).boxed_local()
    }
}

impl Secrets for Edge {
    fn get(&self, name: &str) -> Option<String> {
        self.env.secret(name).ok().map(|secret| secret.to_string())
    }

    fn names(&self) -> Vec<String> {
        js_sys::Object::keys(self.env.unchecked_ref::<js_sys::Object>())
            .iter()
            .filter_map(|name| name.as_string())
            .collect()
    }
}

impl Random for Edge {
    fn fill(&self, buffer: &mut [u8]) {
        // OK because crypto.getRandomValues fails above 65 536 bytes only, and callers ask for tens.
        let _ = getrandom::fill(buffer);
    }
}

impl Events for Edge {
    fn emit(&self, event: &Event) {
        let line = event.to_json();
        match event.level {
            Level::Info => worker::console_log!("{line}"),
            Level::Warn => worker::console_warn!("{line}"),
            Level::Error => worker::console_error!("{line}"),
        }
    }
}

impl Background for Edge {
    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        self.context.wait_until(work);
    }
}
