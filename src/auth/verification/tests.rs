//! The vectors of Project Wycheproof (tests/fixtures/wycheproof): no invalid one is accepted, and
//! every valid one of our algorithms is.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::auth::claims::Claims;
use crate::auth::test_provider::SigningKey;
use crate::ports::fake::World;
use crate::ports::signatures::RingCrypto;
use crate::ports::{SignatureAlgorithm, Timestamp};

const ALGORITHMS: [SignatureAlgorithm; 5] = [
    SignatureAlgorithm::Es256,
    SignatureAlgorithm::Rs256,
    SignatureAlgorithm::Ps256,
    SignatureAlgorithm::Es384,
    SignatureAlgorithm::EdDsa,
];

macro_rules! vectors {
    ($name:literal) => {
        include_str!(concat!("../../../tests/fixtures/wycheproof/", $name, "_test.json"))
    };
}

/// Verifies a token by a key set alone.
fn verify(keys: &Value, token: &str) -> Result<(), TokenError> {
    let world = World::new();
    world.use_crypto(Rc::new(RingCrypto));
    let jws = Jws::parse(token)?;
    let keys = KeySet::from_json(keys.as_object().expect("an object"))?;
    let key = keys.select(jws.kid.as_deref(), jws.algorithm, &ALGORITHMS)?;
    world.run(verify_with(&world.ports(), &key, &jws))
}

/// The public key set of a group; of symmetric keys the only one there is.
fn key_set(group: &Value) -> Value {
    let key = group.get("public").unwrap_or(&group["private"]);
    if key.get("keys").is_some() { key.clone() } else { json!({"keys": [key]}) }
}

/// Runs a file of tokens; returns how many were accepted.
fn check_tokens(file: &str) -> usize {
    let file: Value = serde_json::from_str(file).expect("JSON");
    let mut accepted = 0;
    for group in file["testGroups"].as_array().expect("groups") {
        for case in group["tests"].as_array().expect("tests") {
            let Some(token) = case["jws"].as_str() else { continue };
            let verified = verify(&key_set(group), token);
            let is_valid = case["result"] == "valid";
            assert!(is_valid || verified.is_err(), "{case}");
            accepted += usize::from(verified.is_ok());
            // Symmetric, longer and other curves' algorithms are refused by intent, each with its
            // reason.
            let refused_by_intent = matches!(
                verified,
                Err(TokenError::Algorithm | TokenError::Encoding | TokenError::Provider(_))
            );
            assert!(!is_valid || verified.is_ok() || refused_by_intent, "{verified:?} {case}");
        }
    }
    accepted
}

#[test]
fn ok_json_web_signatures() {
    assert_eq!(check_tokens(vectors!("json_web_signature")), 16);
}

#[test]
fn ok_json_web_keys() {
    assert_eq!(check_tokens(vectors!("json_web_key")), 1);
}

#[test]
fn ok_json_web_crypto() {
    assert_eq!(check_tokens(vectors!("json_web_crypto")), 2);
}

/// jwt-compact verifies the same token by its own Ed25519 and holds the same claims.
#[test]
fn ok_jwt_compact_agrees() {
    use jwt_compact::alg::Ed25519;
    use jwt_compact::{AlgorithmExt as _, UntrustedToken};

    let signer = SigningKey::ed25519();
    let jwk = signer.jwk();
    let point = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("x")).expect("base64url");
    let theirs = <Ed25519 as jwt_compact::Algorithm>::VerifyingKey::from_slice(&point);
    let theirs = theirs.expect("a key");
    let claims = json!({"iss": "a", "exp": 1_795_162_200, "iat": 1_795_161_600, "sub": "ada"});
    let good = signer.sign(&json!({"alg": "EdDSA"}), &claims);
    let (signed, signature) = good.rsplit_once('.').expect("parts");
    let moved = signer.sign(&json!({"alg": "EdDSA"}), &json!({"sub": "eve"}));
    let moved = format!("{}.{signature}", moved.rsplit_once('.').expect("parts").0);
    let zeros = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
    for (token, is_good) in [(&good, true), (&moved, false), (&zeros, false)] {
        let untrusted = UntrustedToken::new(token).expect("parses");
        let validated = Ed25519.validator::<serde_json::Map<_, _>>(&theirs).validate(&untrusted);
        let ours = verify(&json!({"keys": [jwk]}), token);
        assert_eq!((validated.is_ok(), ours.is_ok()), (is_good, is_good), "{token}");
        if let Ok(validated) = validated {
            let held = Claims::parse(&Jws::parse(token).expect("parses").payload).expect("claims");
            assert_eq!(validated.claims().custom.get("sub"), held.get("sub"));
            let times = held.check_times(Timestamp(1_795_161_600_000)).expect("valid");
            let expires_at = validated.claims().expiration.expect("exp");
            assert_eq!(expires_at.timestamp() * 1_000, times.expires_at.0);
        }
    }
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a text");
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("a byte");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// Runs a file of signatures under keys of `jwk`, as tokens would be; returns how many were
/// accepted.
fn check_signatures(
    file: &str,
    algorithm: SignatureAlgorithm,
    jwk: impl Fn(&Value) -> Value,
) -> usize {
    let world = World::new();
    world.use_crypto(Rc::new(RingCrypto));
    let file: Value = serde_json::from_str(file).expect("JSON");
    let mut accepted = 0;
    for group in file["testGroups"].as_array().expect("groups") {
        let key = VerificationKey::from_jwk(&jwk(group));
        for case in group["tests"].as_array().expect("tests") {
            let verified = key.as_ref().is_some_and(|key| {
                let signed = unhex(&case["msg"]);
                let jws = Jws {
                    algorithm,
                    kid: None,
                    media_type: None,
                    signed: &signed,
                    payload: vec![],
                    signature: unhex(&case["sig"]),
                };
                world.run(verify_with(&world.ports(), key, &jws)).is_ok()
            });
            // One vector is "acceptable": a digest without NULL, which nobody has to take.
            assert_eq!(verified, case["result"] == "valid", "{case}");
            accepted += usize::from(verified);
        }
    }
    accepted
}

fn without_alg(mut jwk: Value) -> Value {
    jwk.as_object_mut().expect("an object").remove("alg");
    jwk
}

#[test]
fn ok_ed25519() {
    let jwk = |group: &Value| without_alg(group["publicKeyJwk"].clone());
    assert_eq!(check_signatures(vectors!("ed25519"), SignatureAlgorithm::EdDsa, jwk), 88);
}

#[test]
fn ok_ecdsa() {
    let ec = |curve: &'static str, length: usize| {
        move |group: &Value| {
            let point = unhex(&group["publicKey"]["uncompressed"]);
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let (x, y) = point[1..].split_at(length);
            json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
        }
    };
    let p256 = vectors!("ecdsa_secp256r1_sha256_p1363");
    assert_eq!(check_signatures(p256, SignatureAlgorithm::Es256, ec("P-256", 32)), 173);
    let p384 = vectors!("ecdsa_secp384r1_sha384_p1363");
    assert_eq!(check_signatures(p384, SignatureAlgorithm::Es384, ec("P-384", 48)), 193);
}

#[test]
fn ok_rsa() {
    let jwk = |group: &Value| {
        let number = |name: &str| URL_SAFE_NO_PAD.encode(unhex(&group["publicKey"][name]));
        json!({"kty": "RSA", "n": number("modulus"), "e": number("publicExponent")})
    };
    let pkcs1 = vectors!("rsa_signature_2048_sha256");
    assert_eq!(check_signatures(pkcs1, SignatureAlgorithm::Rs256, jwk), 9);
    let pss = vectors!("rsa_pss_2048_sha256_mgf1_32");
    assert_eq!(check_signatures(pss, SignatureAlgorithm::Ps256, jwk), 63);
}
