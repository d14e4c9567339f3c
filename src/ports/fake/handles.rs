//! The ports over a test world.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::script::{ScriptedHttpResponse, ScriptedResponse};
use super::world::{Flag, Sleep, World};
use crate::ports::{
    Assets, Background, Clock, Crypto, CryptoError, Db, Events, HttpClient, HttpError, HttpRequest,
    HttpResponse, Kv, OriginHttp, OriginHttpError, OriginRequest, OriginResponse, P256PrivateKey,
    PlainFormat, Ports, PublicKey, Random, RateLimit, RateLimitClass, RateLimitDecision, Rows,
    Secrets, SignatureAlgorithm, Statement, StoreError, Timer, Timestamp,
};
use crate::telemetry::Event;

impl World {
    /// Returns the clock of this world; it does not keep the world alive.
    pub fn clock(self: &Rc<Self>) -> Rc<dyn Clock> {
        Rc::new(WeakClock(Rc::downgrade(self)))
    }

    /// Returns the ports of this world.
    pub fn ports(self: &Rc<Self>) -> Ports {
        let markets = Rc::new(Store { world: Rc::clone(self), values: |world| &world.markets });
        let cache = Rc::new(Store { world: Rc::clone(self), values: |world| &world.cache });
        let this = Rc::new(Handle(Rc::clone(self)));
        Ports {
            clock: this.clone(),
            timer: this.clone(),
            origins: this.clone(),
            http_client: this.clone(),
            cache,
            markets,
            db: this.clone(),
            assets: this.clone(),
            secrets: this.clone(),
            random: this.clone(),
            crypto: this.clone(),
            rate_limit: this.clone(),
            events: this.clone(),
            background: this,
            format: Rc::new(PlainFormat),
        }
    }
}

/// A world as its ports.
struct Handle(Rc<World>);

/// A clock that does not keep its world alive.
struct WeakClock(Weak<World>);

impl Clock for WeakClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.upgrade().map_or(0, |world| world.now_ms.get()))
    }
}

/// A key-value store of a world.
struct Store {
    world: Rc<World>,
    values: fn(&World) -> &RefCell<BTreeMap<String, String>>,
}

impl Clock for Handle {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.now_ms.get())
    }
}

impl Timer for Handle {
    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()> {
        let until = self.0.now_ms.get() + i64::from(milliseconds);
        Sleep::until(&self.0, until).boxed_local()
    }
}

impl OriginHttp for Handle {
    fn send(
        &self,
        request: OriginRequest,
    ) -> LocalBoxFuture<'static, Result<OriginResponse, OriginHttpError>> {
        let scripted = match self.0.script.borrow().as_ref() {
            Some(script) => script(&request),
            None => ScriptedResponse::failure(OriginHttpError::Connection),
        };
        let timeout = request.timeout_ms;
        let max_bytes = request.max_bytes;
        self.0.requests.borrow_mut().push(request);
        let sleep = self.sleep(scripted.after_ms.min(timeout));
        async move {
            sleep.await;
            match scripted.outcome {
                _ if scripted.after_ms > timeout => Err(OriginHttpError::Timeout),
                Ok(response) if response.body.len() > max_bytes => Err(OriginHttpError::TooLarge),
                outcome => outcome,
            }
        }
        .boxed_local()
    }
}

impl HttpClient for Handle {
    fn send(
        &self,
        request: HttpRequest,
    ) -> LocalBoxFuture<'static, Result<HttpResponse, HttpError>> {
        let scripted = match self.0.http_script.borrow().as_ref() {
            Some(script) => script(&request),
            None => ScriptedHttpResponse::http_failure(HttpError::Connection),
        };
        let (timeout, max_bytes) = (request.timeout_ms, request.max_bytes);
        self.0.http_requests.borrow_mut().push(request);
        let sleep = self.sleep(scripted.after_ms.min(timeout));
        async move {
            sleep.await;
            match scripted.outcome {
                _ if scripted.after_ms > timeout => Err(HttpError::Timeout),
                Ok(response) if response.body.len() > max_bytes => Err(HttpError::TooLarge),
                outcome => outcome,
            }
        }
        .boxed_local()
    }
}

impl RateLimit for Handle {
    fn check(
        &self,
        class: RateLimitClass,
        key: String,
    ) -> LocalBoxFuture<'static, RateLimitDecision> {
        let decision = match self.0.limits.borrow().as_ref() {
            Some(script) => script(class, &key),
            None => RateLimitDecision::Allowed,
        };
        std::future::ready(decision).boxed_local()
    }
}

impl Crypto for Handle {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        key: PublicKey,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<bool, CryptoError>> {
        match self.0.crypto.borrow().as_ref() {
            Some(crypto) => crypto.verify(algorithm, key, message, signature),
            None => std::future::ready(Err(CryptoError::Unavailable)).boxed_local(),
        }
    }

    fn sign_es256(
        &self,
        key: P256PrivateKey,
        message: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<Vec<u8>, CryptoError>> {
        match self.0.crypto.borrow().as_ref() {
            Some(crypto) => crypto.sign_es256(key, message),
            None => std::future::ready(Err(CryptoError::Unavailable)).boxed_local(),
        }
    }
}

impl Kv for Store {
    fn get_many(
        &self,
        keys: Vec<String>,
    ) -> LocalBoxFuture<'static, Result<Vec<Option<String>>, StoreError>> {
        let values = (self.values)(&self.world).borrow();
        let found = keys.iter().map(|key| values.get(key).cloned()).collect();
        let result = self.world.stores_fail.get().map_or(Ok(found), Err);
        self.world.later(result)
    }

    fn put(
        &self,
        key: String,
        value: String,
        _ttl_s: u64,
    ) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let result = self.world.stores_fail.get().map_or(Ok(()), Err);
        if result.is_ok() {
            (self.values)(&self.world).borrow_mut().insert(key, value);
        }
        std::future::ready(result).boxed_local()
    }

    fn delete(&self, key: String) -> LocalBoxFuture<'static, Result<(), StoreError>> {
        let result = self.world.stores_fail.get().map_or(Ok(()), Err);
        if result.is_ok() {
            (self.values)(&self.world).borrow_mut().remove(&key);
        }
        std::future::ready(result).boxed_local()
    }
}

impl Db for Handle {
    /// Knows no SQL without [`World::use_database`]: then, but for what [`World::database`] says, a
    /// `RETURNING` answers with one row, everything else with none.
    fn batch(
        &self,
        statements: Vec<Statement>,
    ) -> LocalBoxFuture<'static, Result<Vec<Rows>, StoreError>> {
        self.0.statements.borrow_mut().extend(statements.iter().cloned());
        if let Some(error) = self.0.stores_fail.get() {
            return self.0.later(Err(error));
        }
        let table = self.0.table.borrow();
        let scripted = |statement: &Statement| table.as_ref().and_then(|table| table(statement));
        let mut results = match self.0.database.borrow().as_ref() {
            Some(database) => database(&statements),
            None => Ok(statements.iter().map(without_sql).collect()),
        };
        if let Ok(results) = &mut results {
            for (rows, statement) in results.iter_mut().zip(&statements) {
                *rows = scripted(statement).unwrap_or_else(|| std::mem::take(rows));
            }
        }
        self.0.later(results)
    }
}

fn without_sql(statement: &Statement) -> Rows {
    if statement.sql.contains("RETURNING") { vec![serde_json::Map::new()] } else { Vec::new() }
}

impl Assets for Handle {
    /// Returns the path as the file's text.
    fn read(&self, path: &'static str) -> LocalBoxFuture<'static, Result<String, StoreError>> {
        std::future::ready(Ok(format!("\"{path}\""))).boxed_local()
    }
}

impl Secrets for Handle {
    fn get(&self, name: &str) -> Option<String> {
        self.0.secrets.borrow().get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.secrets.borrow().keys().cloned().collect()
    }
}

impl Random for Handle {
    /// Fills with a deterministic sequence, the same in every run.
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0
                .random
                .set(self.0.random.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            *byte = self.0.random.get().to_be_bytes()[0];
        }
    }
}

impl Events for Handle {
    fn emit(&self, event: Event) {
        self.0.events.borrow_mut().push(event);
    }
}

impl Background for Handle {
    fn spawn(&self, work: LocalBoxFuture<'static, ()>) {
        self.0.background.borrow_mut().push_back((work, Arc::new(Flag::new())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASS: RateLimitClass = RateLimitClass { binding: "LIMIT_LOOKUPS", period_s: 60 };

    fn request(timeout_ms: u32, max_bytes: usize) -> HttpRequest {
        HttpRequest {
            method: "POST",
            url: "https://pager.example/alarms".into(),
            headers: Vec::new(),
            body: Some(b"{}".to_vec()),
            timeout_ms,
            max_bytes,
        }
    }

    #[test]
    fn ok_the_http_client_answers_by_its_script() {
        let world = World::new();
        let client = world.ports().http_client;
        let send = |request| world.run(client.send(request));
        assert_eq!(send(request(100, 10)), Err(HttpError::Connection));
        world.http_responses(|_| {
            ScriptedHttpResponse::http(202, &[("location", "/alarms/1")], "accepted")
        });
        let response = send(request(100, 10)).expect("a response");
        assert_eq!((response.status, response.header("location")), (202, Some("/alarms/1")));
        assert_eq!(send(request(100, 7)), Err(HttpError::TooLarge));
        assert_eq!(send(request(10, 10)), Err(HttpError::Timeout));
        world
            .http_responses(|_| ScriptedHttpResponse::http_failure(HttpError::Incomplete).after(5));
        assert_eq!(send(request(10, 10)), Err(HttpError::Incomplete));
        assert_eq!(world.http_requests().len(), 5);
    }

    #[test]
    fn ok_rate_limits_answer_by_their_script() {
        let world = World::new();
        let limits = world.ports().rate_limit;
        let check = |key: &str| world.run(limits.check(CLASS, key.to_owned()));
        assert_eq!(check("a"), RateLimitDecision::Allowed);
        world.rate_limits(|class, key| match key {
            "a" => RateLimitDecision::Limited { retry_after_s: class.period_s },
            _ => RateLimitDecision::Allowed,
        });
        assert_eq!(check("a"), RateLimitDecision::Limited { retry_after_s: 60 });
        assert_eq!(check("b"), RateLimitDecision::Allowed);
    }
}
