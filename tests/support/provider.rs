//! An identity provider for native tests: metadata, a key set and signed tokens, over the HTTP
//! client of a test world. Its keys are made anew in every test.
//!
//! Names `kerbside`, so that unit tests can use it as well.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    reason = "tests fail by panicking and document themselves; each test program uses its own part"
)]

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kerbside::ports::fake::{ScriptedHttpResponse, World};
use kerbside::ports::{HttpError, HttpRequest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

/// A key of the provider.
pub enum SigningKey {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    pub fn p256() -> Self {
        Self::P256(ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING))
    }

    pub fn p384() -> Self {
        Self::P384(ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING))
    }

    pub fn ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key"))
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// The public key as a JSON Web Key without `kid`, `alg` and `use`.
    pub fn jwk(&self) -> Value {
        let ec = |curve: &str, pair: &EcdsaKeyPair| {
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        };
        match self {
            Self::P256(pair) => ec("P-256", pair),
            Self::P384(pair) => ec("P-384", pair),
            Self::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
        }
    }

    pub fn jwk_with(&self, kid: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = json!(kid);
        jwk["alg"] = json!(self.algorithm());
        jwk["use"] = json!("sig");
        jwk
    }

    /// Signs a header and claims as they are.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_texts(&header.to_string(), &claims.to_string())
    }

    /// The same of any texts, also of those that are no JSON.
    pub fn sign_texts(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::P256(pair) | Self::P384(pair) => {
                pair.sign(&random, signed.as_bytes()).expect("signed").as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", encode(signature))
    }
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key")
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The provider. Clones share one key set.
#[derive(Clone)]
pub struct FakeProvider {
    pub issuer: String,
    pub key: Rc<SigningKey>,
    /// The published key set; `None` while the provider is down.
    pub key_set: Rc<RefCell<Option<Value>>>,
}

impl FakeProvider {
    /// A provider with one key on P-256, whose `kid` is `1`.
    pub fn new(issuer: &str) -> Self {
        let key = Rc::new(SigningKey::p256());
        let key_set = Rc::new(RefCell::new(Some(json!({"keys": [key.jwk_with("1")]}))));
        Self { issuer: issuer.to_owned(), key, key_set }
    }

    /// Publishes other keys.
    pub fn publish(&self, keys: Value) {
        *self.key_set.borrow_mut() = Some(json!({"keys": keys}));
    }

    /// Answers no request from now on.
    pub fn stop(&self) {
        *self.key_set.borrow_mut() = None;
    }

    pub fn metadata(&self) -> Value {
        let issuer = &self.issuer;
        json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "end_session_endpoint": format!("{issuer}/logout"),
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Answers a world's requests for metadata and keys; everything else fails to connect.
    pub fn install(&self, world: &World) {
        let provider = self.clone();
        world.http_responses(move |request| provider.respond(request));
    }

    /// The response to one request, for scripts that answer more than this.
    pub fn respond(&self, request: &HttpRequest) -> ScriptedHttpResponse {
        let Some(key_set) = self.key_set.borrow().clone() else {
            return ScriptedHttpResponse::http_failure(HttpError::Connection);
        };
        let headers = [("content-type", "application/json")];
        let ok = |value: Value| ScriptedHttpResponse::http(200, &headers, &value.to_string());
        match request.url.strip_prefix(&self.issuer) {
            Some("/.well-known/openid-configuration") => ok(self.metadata()),
            Some("/jwks") => ok(key_set),
            _ => ScriptedHttpResponse::http_failure(HttpError::Connection),
        }
    }

    /// Signs claims with the first key under a header of this type.
    pub fn sign(&self, media_type: &str, claims: &Value) -> String {
        self.key.sign(&json!({"alg": "ES256", "kid": "1", "typ": media_type}), claims)
    }
}
