//! Signatures for native tests, by `ring`. The Worker uses Web Crypto; `tests/worker` holds both
//! against the same signatures, which OpenSSL made (`tests/fixtures/signatures.json`).

#![allow(missing_docs, reason = "tests document themselves")]

use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, ready};
use kerbside::ports::{Crypto, CryptoError, P256PrivateKey, PublicKey, SignatureAlgorithm};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ED25519,
    EcdsaKeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

/// Signatures by `ring`.
pub struct RingCrypto;

impl Crypto for RingCrypto {
    fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        key: PublicKey,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<bool, CryptoError>> {
        let verified = match (algorithm, &key) {
            (SignatureAlgorithm::Rs256, PublicKey::Rsa { n, e }) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, &message, &signature),
            (SignatureAlgorithm::Ps256, PublicKey::Rsa { n, e }) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PSS_2048_8192_SHA256, &message, &signature),
            (SignatureAlgorithm::Es256, PublicKey::P256 { x, y }) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, to_point(x, y))
                    .verify(&message, &signature)
            }
            (SignatureAlgorithm::Es384, PublicKey::P384 { x, y }) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, to_point(x, y))
                    .verify(&message, &signature)
            }
            (SignatureAlgorithm::EdDsa, PublicKey::Ed25519 { x }) => {
                UnparsedPublicKey::new(&ED25519, x).verify(&message, &signature)
            }
            _ => return ready(Err(CryptoError::KeyMismatch)).boxed_local(),
        };
        ready(Ok(verified.is_ok())).boxed_local()
    }

    fn sign_es256(
        &self,
        key: P256PrivateKey,
        message: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<Vec<u8>, CryptoError>> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &key.d,
            &to_point(&key.x, &key.y),
            &random,
        );
        let signature = pair.map_err(|_| CryptoError::InvalidKey).and_then(|pair| {
            let signature = pair.sign(&random, &message).map_err(|_| CryptoError::Unavailable)?;
            Ok(signature.as_ref().to_vec())
        });
        ready(signature).boxed_local()
    }
}

/// Encodes a point uncompressed (SEC 1 §2.3.3).
fn to_point(x: &[u8], y: &[u8]) -> Vec<u8> {
    [&[4], x, y].concat()
}
