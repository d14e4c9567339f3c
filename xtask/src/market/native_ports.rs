//! Ports of this machine for the crate's own code: real HTTP, clock, randomness and signatures.
//!
//! The rest are the crate's fakes, which `market check --live` never reaches.

use std::future::ready;
use std::io::Read as _;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use kerbside::ports::fake::World;
use kerbside::ports::{
    Clock, Crypto, CryptoError, HttpClient, HttpError, HttpRequest, HttpResponse, P256PrivateKey,
    Ports, PublicKey, Random, SignatureAlgorithm, Timestamp,
};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use ureq::Agent;

use crate::stack::secrets::Secrets;

/// A future of one thread, as ports return it.
type Local<T> = Pin<Box<dyn Future<Output = T>>>;

/// A world whose requests really leave this machine.
pub struct NativeWorld {
    world: Rc<World>,
    /// Its ports.
    pub ports: Ports,
}

impl NativeWorld {
    /// Makes a world with these secrets.
    pub fn new(secrets: Secrets) -> Self {
        let world = World::new();
        world.secrets.borrow_mut().extend(secrets);
        let ports = Ports {
            clock: Rc::new(SystemClock),
            http_client: Rc::new(BlockingHttp),
            random: Rc::new(SystemRandom),
            crypto: Rc::new(ClientSignatures),
            ..world.ports()
        };
        Self { world, ports }
    }

    /// Runs a future to its end.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.world.run(future)
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::expect_used, reason = "a made-up state or token id must not be guessable")]
    fn fill(&self, buffer: &mut [u8]) {
        // OK because the operating system has random bytes, or nothing works.
        getrandom::fill(buffer).expect("the system gives random bytes");
    }
}

/// Signs the assertions of clients. It verifies nothing: no token is read here.
struct ClientSignatures;

impl Crypto for ClientSignatures {
    fn verify(
        &self,
        _: SignatureAlgorithm,
        _: PublicKey,
        _: Vec<u8>,
        _: Vec<u8>,
    ) -> Local<Result<bool, CryptoError>> {
        Box::pin(ready(Err(CryptoError::Unavailable)))
    }

    fn sign_es256(
        &self,
        key: P256PrivateKey,
        message: Vec<u8>,
    ) -> Local<Result<Vec<u8>, CryptoError>> {
        let key = SigningKey::from_slice(&key.d).map_err(|_| CryptoError::InvalidKey);
        let signed = key.map(|key| {
            let signature: Signature = key.sign(&message);
            signature.to_bytes().to_vec()
        });
        Box::pin(ready(signed))
    }
}

/// HTTP that waits for each response. It follows no redirect.
struct BlockingHttp;

impl HttpClient for BlockingHttp {
    fn send(&self, request: HttpRequest) -> Local<Result<HttpResponse, HttpError>> {
        Box::pin(ready(send(request)))
    }
}

fn send(request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let agent = build_agent(&request.url, request.timeout_ms);
    let mut builder = ureq::http::Request::builder().method(request.method).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let built = builder.body(request.body.unwrap_or_default()); // OK because GET has no body.
    let mut response =
        agent.run(built.map_err(|_| HttpError::Connection)?).map_err(|error| cause(&error))?;
    let mut body = Vec::new();
    let limit = u64::try_from(request.max_bytes).unwrap_or(u64::MAX); // OK because it only limits.
    let mut reader = response.body_mut().as_reader().take(limit.saturating_add(1));
    reader.read_to_end(&mut body).map_err(|_| HttpError::Incomplete)?;
    if body.len() > request.max_bytes {
        return Err(HttpError::TooLarge);
    }
    let headers = response.headers().iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    Ok(HttpResponse { status: response.status().as_u16(), headers: headers.collect(), body })
}

/// Builds a client that connects to this machine directly, whatever proxy is set.
fn build_agent(url: &str, timeout_ms: u32) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(timeout_ms.into())))
        .max_redirects(0)
        .http_status_as_error(false);
    let config = if url.starts_with("http:") { config.proxy(None) } else { config };
    config.build().into()
}

fn cause(error: &ureq::Error) -> HttpError {
    match error {
        ureq::Error::Timeout(_) => HttpError::Timeout,
        _ => HttpError::Connection,
    }
}
