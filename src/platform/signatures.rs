//! Signatures by Web Crypto. The JavaScript half (`signatures.js`) imports keys and is tested in
//! workerd by itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use js_sys::{Promise, Uint8Array};
use serde_json::{Value, json};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::wasm_bindgen;

use super::executor::Operation;
use crate::ports::{Crypto, CryptoError, P256PrivateKey, PublicKey, SignatureAlgorithm};

#[wasm_bindgen(module = "/src/platform/signatures.js")]
extern "C" {
    fn verify(algorithm: &str, jwk: &str, message: &Uint8Array, signature: &Uint8Array) -> Promise;
    fn sign(algorithm: &str, jwk: &str, message: &Uint8Array) -> Promise;
}

/// Web Crypto.
pub(super) struct WebCrypto;

impl Crypto for WebCrypto {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        key: PublicKey,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<bool, CryptoError>> {
        if !algorithm.fits(&key) {
            return std::future::ready(Err(CryptoError::KeyMismatch)).boxed_local();
        }
        async move {
            let jwk = public_jwk(&key).to_string();
            let (message, signature) = (Uint8Array::from(&*message), Uint8Array::from(&*signature));
            let verified = verify(jwa_name(algorithm), &jwk, &message, &signature);
            let verified =
                Operation::from_promise(&verified).await.map_err(|_| CryptoError::Unavailable)?;
            verified.as_bool().ok_or(CryptoError::InvalidKey)
        }
        .boxed_local()
    }

    fn sign_es256(
        &self,
        key: P256PrivateKey,
        message: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<Vec<u8>, CryptoError>> {
        async move {
            let jwk = private_jwk(&key).to_string();
            let signature = sign("ES256", &jwk, &Uint8Array::from(&*message));
            let signature =
                Operation::from_promise(&signature).await.map_err(|_| CryptoError::Unavailable)?;
            let signature: Uint8Array =
                signature.dyn_into().map_err(|_| CryptoError::InvalidKey)?;
            Ok(signature.to_vec())
        }
        .boxed_local()
    }
}

/// Names an algorithm as RFC 7518 and RFC 8037 do.
fn jwa_name(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::Rs256 => "RS256",
        SignatureAlgorithm::Ps256 => "PS256",
        SignatureAlgorithm::Es256 => "ES256",
        SignatureAlgorithm::Es384 => "ES384",
        SignatureAlgorithm::EdDsa => "EdDSA",
    }
}

fn public_jwk(key: &PublicKey) -> Value {
    match key {
        PublicKey::Rsa { n, e } => json!({"kty": "RSA", "n": encode(n), "e": encode(e)}),
        PublicKey::P256 { x, y } => {
            json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
        }
        PublicKey::P384 { x, y } => {
            json!({"kty": "EC", "crv": "P-384", "x": encode(x), "y": encode(y)})
        }
        PublicKey::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)}),
    }
}

fn private_jwk(key: &P256PrivateKey) -> Value {
    let P256PrivateKey { d, x, y } = key;
    json!({"kty": "EC", "crv": "P-256", "d": encode(d), "x": encode(x), "y": encode(y)})
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
