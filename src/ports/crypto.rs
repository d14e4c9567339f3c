//! Signatures as Web Crypto makes and verifies them (RFC 7518, RFC 8037): ID tokens, logout tokens
//! and client assertions. Parsing of tokens is left to their users.
//!
//! Known gaps: no P-521, no encryption; sealing and hashing are pure Rust elsewhere.

use futures::future::LocalBoxFuture;

/// A signature algorithm of JSON Web Algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// ECDSA on P-256 with SHA-256; the signature is `r || s`, 64 bytes.
    Es256,
    /// ECDSA on P-384 with SHA-384; the signature is `r || s`, 96 bytes.
    Es384,
    /// Ed25519; the signature has 64 bytes.
    EdDsa,
}

/// A public key by its parameters, big-endian bytes: what a JSON Web Key holds in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA: modulus `n` and exponent `e`, without leading zeros.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// A point on P-256.
    P256 {
        /// 32 bytes.
        x: Vec<u8>,
        /// 32 bytes.
        y: Vec<u8>,
    },
    /// A point on P-384.
    P384 {
        /// 48 bytes.
        x: Vec<u8>,
        /// 48 bytes.
        y: Vec<u8>,
    },
    /// A point on Ed25519, 32 bytes.
    Ed25519 {
        /// The encoded point.
        x: Vec<u8>,
    },
}

/// A private key on P-256, with its public point: Web Crypto imports both together.
#[derive(Clone, PartialEq, Eq)]
pub struct P256PrivateKey {
    /// The private scalar, 32 bytes.
    pub d: Vec<u8>,
    /// 32 bytes.
    pub x: Vec<u8>,
    /// 32 bytes.
    pub y: Vec<u8>,
}

impl std::fmt::Debug for P256PrivateKey {
    /// Hides the scalar.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("P256PrivateKey").finish_non_exhaustive()
    }
}

/// The cause of a signature that could be neither made nor verified. A wrong signature is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// The key is of another kind than the algorithm asks for.
    #[error("the key does not fit the algorithm")]
    KeyMismatch,
    /// The parameters are no key of their kind.
    #[error("the key is invalid")]
    InvalidKey,
    /// The runtime failed.
    #[error("the runtime could not use the key")]
    Unavailable,
}

/// Makes and verifies signatures.
pub trait Crypto {
    /// Verifies a signature of `message`; `false` if it is wrong or malformed.
    ///
    /// # Errors
    /// Every [`CryptoError`].
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        key: PublicKey,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<bool, CryptoError>>;

    /// Signs `message` with ES256; the signature is `r || s`, 64 bytes.
    ///
    /// # Errors
    /// [`CryptoError::InvalidKey`] and [`CryptoError::Unavailable`].
    fn sign_es256(
        &self,
        key: P256PrivateKey,
        message: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<Vec<u8>, CryptoError>>;
}

impl SignatureAlgorithm {
    /// Returns true if keys of this kind sign with this algorithm.
    pub fn fits(self, key: &PublicKey) -> bool {
        matches!(
            (self, key),
            (Self::Rs256 | Self::Ps256, PublicKey::Rsa { .. })
                | (Self::Es256, PublicKey::P256 { .. })
                | (Self::Es384, PublicKey::P384 { .. })
                | (Self::EdDsa, PublicKey::Ed25519 { .. })
        )
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    use super::*;
    use crate::ports::fake::World;
    use crate::ports::signatures::RingCrypto;

    const FIXTURE: &str = include_str!("../../tests/fixtures/signatures.json");

    /// The algorithm, the public key and the signature of a case.
    fn parse_case(case: &Value) -> (SignatureAlgorithm, PublicKey, Vec<u8>) {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let bytes = |value: &Value| URL_SAFE_NO_PAD.decode(text(value)).expect("base64url");
        let parameter = |name: &str| bytes(&case["jwk"][name]);
        let (algorithm, key) = match text(&case["algorithm"]).as_str() {
            "RS256" => {
                let key = PublicKey::Rsa { n: parameter("n"), e: parameter("e") };
                (SignatureAlgorithm::Rs256, key)
            }
            "PS256" => {
                let key = PublicKey::Rsa { n: parameter("n"), e: parameter("e") };
                (SignatureAlgorithm::Ps256, key)
            }
            "ES256" => {
                let key = PublicKey::P256 { x: parameter("x"), y: parameter("y") };
                (SignatureAlgorithm::Es256, key)
            }
            "ES384" => {
                let key = PublicKey::P384 { x: parameter("x"), y: parameter("y") };
                (SignatureAlgorithm::Es384, key)
            }
            "EdDSA" => (SignatureAlgorithm::EdDsa, PublicKey::Ed25519 { x: parameter("x") }),
            other => panic!("{other} has no case"),
        };
        (algorithm, key, bytes(&case["signature"]))
    }

    #[test]
    fn ok_every_algorithm_verifies_and_refuses_another_message_and_signature() {
        let world = World::new();
        world.use_crypto(Rc::new(RingCrypto));
        let crypto = world.ports().crypto;
        let fixture: Value = serde_json::from_str(FIXTURE).expect("JSON");
        let message = fixture["message"].as_str().expect("a text").as_bytes();
        let cases = fixture["cases"].as_array().expect("a list");
        assert_eq!(cases.len(), 5);
        for case in cases {
            let (algorithm, key, signature) = parse_case(case);
            let verify = |message: &[u8], signature: &[u8]| {
                world.run(crypto.verify(algorithm, key.clone(), message.into(), signature.into()))
            };
            assert_eq!(verify(message, &signature), Ok(true), "{algorithm:?}");
            assert_eq!(verify(b"another", &signature), Ok(false), "{algorithm:?}");
            assert_eq!(verify(message, &signature[1..]), Ok(false), "{algorithm:?}");
        }
    }

    #[test]
    fn err_a_key_of_another_kind_is_refused() {
        let world = World::new();
        world.use_crypto(Rc::new(RingCrypto));
        let key = PublicKey::Ed25519 { x: vec![0; 32] };
        let verified = world.ports().crypto.verify(SignatureAlgorithm::Rs256, key, vec![], vec![]);
        assert_eq!(world.run(verified), Err(CryptoError::KeyMismatch));
    }

    #[test]
    fn ok_signs_es256() {
        use ring::rand::SystemRandom;
        use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

        let world = World::new();
        world.use_crypto(Rc::new(RingCrypto));
        let crypto = world.ports().crypto;
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pkcs8 = pkcs8.expect("a key");
        // PKCS #8 of ring: a head of 36 bytes, the scalar, five bytes, the uncompressed point.
        let (d, point) = (&pkcs8.as_ref()[36..68], &pkcs8.as_ref()[74..]);
        let (x, y) = (point[..32].to_vec(), point[32..].to_vec());
        let key = P256PrivateKey { d: d.to_vec(), x: x.clone(), y: y.clone() };
        let signature = world.run(crypto.sign_es256(key, b"claims".to_vec())).expect("signed");
        let key = PublicKey::P256 { x, y };
        let verified = crypto.verify(SignatureAlgorithm::Es256, key, b"claims".to_vec(), signature);
        assert_eq!(world.run(verified), Ok(true));
    }

    #[test]
    fn err_without_an_implementation_signatures_are_unavailable() {
        let world = World::new();
        let key = PublicKey::Ed25519 { x: vec![0; 32] };
        let verified = world.ports().crypto.verify(SignatureAlgorithm::EdDsa, key, vec![], vec![]);
        assert_eq!(world.run(verified), Err(CryptoError::Unavailable));
    }
}
