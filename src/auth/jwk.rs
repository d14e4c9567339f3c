//! One JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2) as a key that verifies signatures.
//!
//! Web Crypto in workerd imports keys that no verifier should use, so the rules are held here: RSA
//! of 2048 to 8192 bits with an odd exponent from 3 to 2^33 (RFC 8725 §3.5, the limits of `ring`)
//! and without the ROCA weakness (CVE-2017-15361), points of Ed25519 that are canonical and of
//! large order (RFC 8032 §5.1.3), coordinates of full length. Leaves to the `Crypto` port: points
//! off their curve.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::parse_algorithm;
use crate::ports::{PublicKey, SignatureAlgorithm};

/// Longest `kid`, in bytes.
const MAX_KID: usize = 256;
const MIN_RSA_BITS: usize = 2048;
const MAX_RSA_BITS: usize = 8192;
/// Greatest exponent of an RSA key.
const MAX_RSA_EXPONENT: u64 = (1 << 33) - 1;

/// Members that only private and symmetric keys have: a key that is published with one is spoilt.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key of an issuer that may verify signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VerificationKey {
    /// The name by which tokens refer to it.
    pub kid: Option<String>,
    /// The algorithm that the key set states for it.
    pub stated: Option<SignatureAlgorithm>,
    /// The parameters.
    pub key: PublicKey,
}

impl VerificationKey {
    /// Reads a key; `None` for one that may verify no signature here: another kind or use, a weak
    /// one, a private one, an algorithm that is not supported or does not fit.
    pub(super) fn from_jwk(jwk: &Value) -> Option<Self> {
        let members = jwk.as_object()?;
        if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) || !may_verify(members) {
            return None;
        }
        let kid = match members.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().filter(|kid| kid.len() <= MAX_KID)?.to_owned()),
        };
        let stated = match members.get("alg") {
            None => None,
            Some(name) => Some(parse_algorithm(name.as_str()?)?),
        };
        let key = parse_parameters(members)?;
        let fits = stated.is_none_or(|algorithm| algorithm.fits(&key));
        fits.then_some(Self { kid, stated, key })
    }

    /// Returns the only algorithm that this key is used with (RFC 8725 §3.1): the stated one, else
    /// the first that the market accepts of those that fit.
    pub(super) fn algorithm(&self, accepted: &[SignatureAlgorithm]) -> Option<SignatureAlgorithm> {
        let first = || accepted.iter().copied().find(|algorithm| algorithm.fits(&self.key));
        self.stated.or_else(first)
    }
}

/// Returns true if neither `use` nor `key_ops` keeps a key from verifying (RFC 7517 §4.2, §4.3).
fn may_verify(members: &Map<String, Value>) -> bool {
    let is_for_signatures = members.get("use").is_none_or(|purpose| purpose == "sig");
    let may = |operations: &Value| {
        operations.as_array().is_some_and(|list| list.iter().any(|one| one == "verify"))
    };
    is_for_signatures && members.get("key_ops").is_none_or(may)
}

fn parse_parameters(members: &Map<String, Value>) -> Option<PublicKey> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let exactly = |name: &str, length: usize| bytes(name).filter(|bytes| bytes.len() == length);
    match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let (n, e) = (trim_zeros(&bytes("n")?).to_vec(), trim_zeros(&bytes("e")?).to_vec());
            is_strong_rsa(&n, &e).then_some(PublicKey::Rsa { n, e })
        }
        ("EC", Some("P-256")) => {
            Some(PublicKey::P256 { x: exactly("x", 32)?, y: exactly("y", 32)? })
        }
        ("EC", Some("P-384")) => {
            Some(PublicKey::P384 { x: exactly("x", 48)?, y: exactly("y", 48)? })
        }
        ("OKP", Some("Ed25519")) => {
            let x = exactly("x", 32)?;
            is_strong_ed25519(&x).then_some(PublicKey::Ed25519 { x })
        }
        _ => None,
    }
}

fn trim_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or(&[])
}

/// Returns true if a modulus and an exponent, both without leading zeros, are no known weak key.
fn is_strong_rsa(n: &[u8], e: &[u8]) -> bool {
    let zeros = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = n.len() * 8 - zeros;
    let exponent =
        (e.len() <= 8).then(|| e.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
    let is_odd = |number: u64| number % 2 == 1;
    (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits)
        && n.last().is_some_and(|last| is_odd((*last).into()))
        && exponent.is_some_and(|e| (3..=MAX_RSA_EXPONENT).contains(&e) && is_odd(e))
        && !is_roca(n)
}

/// The primes whose residues give away keys of a faulty smart card library: their moduli are powers
/// of 65537 modulo each of them (Nemec et al., "The Return of Coppersmith's Attack", 2017, §3).
const ROCA_PRIMES: [u64; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

fn is_roca(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| {
        let residue = n.iter().fold(0, |rest, byte| (rest << 8 | u64::from(*byte)) % prime);
        let next = |power: &u64| Some(power * 65537 % prime);
        let orbit_length = usize::try_from(*prime).unwrap_or(usize::MAX); // OK because it is small.
        std::iter::successors(Some(1), next).take(orbit_length).any(|power| power == residue)
    })
}

/// The points of small order on edwards25519, little-endian, without the sign of x. Each verifies
/// signatures that nobody made.
const SMALL_ORDER_POINTS: [[u8; 32]; 5] = [
    point(0),
    point(1),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    PRIME_LESS_ONE,
];

/// 2^255 - 20, the greatest canonical y.
const PRIME_LESS_ONE: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xec;
    bytes[31] = 0x7f;
    bytes
};

const fn point(y: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = y;
    bytes
}

/// Returns true if 32 bytes are a canonical y and no point of small order.
fn is_strong_ed25519(x: &[u8]) -> bool {
    let Ok(mut y) = <[u8; 32]>::try_from(x) else { return false };
    y[31] &= 0x7f;
    let is_canonical = y.iter().rev().le(PRIME_LESS_ONE.iter().rev());
    is_canonical && !SMALL_ORDER_POINTS.contains(&y)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fixture(algorithm: &str) -> Value {
        let text = include_str!("../../tests/fixtures/signatures.json");
        let fixture: Value = serde_json::from_str(text).expect("JSON");
        let cases = fixture["cases"].as_array().expect("a list");
        let case = cases.iter().find(|case| case["algorithm"] == algorithm).expect("a case");
        case["jwk"].clone()
    }

    fn with(mut jwk: Value, name: &str, value: Value) -> Value {
        jwk[name] = value;
        jwk
    }

    fn rsa(bits: usize) -> Value {
        // A modulus of this length whose residues are not those of ROCA.
        let mut n = vec![0x5b; bits / 8];
        n[0] = 0x81;
        json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": "AQAB"})
    }

    #[test]
    fn ok_keys_without_a_stated_use() {
        for algorithm in ["RS256", "PS256", "ES256", "ES384", "EdDSA"] {
            let key = VerificationKey::from_jwk(&fixture(algorithm)).expect("usable");
            let expected = parse_algorithm(algorithm).expect("known");
            assert_eq!((&key.kid, key.stated), (&None, None));
            assert_eq!(key.algorithm(&[expected]), Some(expected));
            let stated =
                with(with(fixture(algorithm), "alg", json!(algorithm)), "use", json!("sig"));
            let key = VerificationKey::from_jwk(&stated).expect("usable");
            assert_eq!(key.algorithm(&[]), Some(expected));
        }
    }

    #[test]
    fn ok_a_key_without_alg_has_one_algorithm() {
        let key = VerificationKey::from_jwk(&fixture("RS256")).expect("usable");
        let (rs, ps) = (SignatureAlgorithm::Rs256, SignatureAlgorithm::Ps256);
        assert_eq!(key.algorithm(&[SignatureAlgorithm::Es256, rs, ps]), Some(rs));
        assert_eq!(key.algorithm(&[ps, rs]), Some(ps));
        assert_eq!(key.algorithm(&[SignatureAlgorithm::Es256]), None);
    }

    #[test]
    fn err_keys_of_another_use() {
        let ec = fixture("ES256");
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!(null)),
            ("key_ops", json!(["encrypt", "wrapKey"])),
            ("key_ops", json!([])),
            ("key_ops", json!("verify")),
            ("alg", json!("ES384")),
            ("alg", json!("RS256")),
            ("alg", json!("ECDH-ES")),
            ("alg", json!(256)),
            ("kid", json!(1)),
            ("kid", json!("k".repeat(257))),
            ("d", json!("AQAB")),
            ("kty", json!("RSA")),
            ("kty", json!("oct")),
            ("kty", json!("EC2")),
            ("crv", json!("P-384")),
            ("crv", json!("P-521")),
            ("crv", json!("secp256k1")),
            ("x", json!("AQAB")),
            ("x", json!(format!("{}=", ec["x"].as_str().expect("a text")))),
            ("y", json!(null)),
        ] {
            let jwk = with(ec.clone(), name, value);
            assert_eq!(VerificationKey::from_jwk(&jwk), None, "{jwk}");
        }
        for jwk in [json!({"kty": "oct", "k": "c2VjcmV0"}), json!([]), json!("EC"), json!({})] {
            assert_eq!(VerificationKey::from_jwk(&jwk), None, "{jwk}");
        }
    }

    #[test]
    fn err_weak_rsa() {
        for (bits, is_usable) in [
            (512, false),
            (1024, false),
            (2040, false),
            (2048, true),
            (8192, true),
            (16_384, false),
        ] {
            assert_eq!(VerificationKey::from_jwk(&rsa(bits)).is_some(), is_usable, "{bits}");
        }
        // 1, 2, 65536, 2^33 + 1, 0, an empty one, nine bytes.
        for e in ["AQ", "Ag", "AQAA", "AgAAAAE", "AA", "", "AQAAAAAAAAAB"] {
            let jwk = with(rsa(2048), "e", json!(e));
            assert_eq!(VerificationKey::from_jwk(&jwk), None, "{e}");
        }
        let mut even = vec![0x5b; 256];
        even[0] = 0x81;
        even[255] = 0x5a;
        let jwk = with(rsa(2048), "n", json!(URL_SAFE_NO_PAD.encode(even)));
        assert_eq!(VerificationKey::from_jwk(&jwk), None);
    }

    #[test]
    fn ok_a_leading_zero_of_a_modulus_is_dropped() {
        let n = URL_SAFE_NO_PAD.decode(fixture("RS256")["n"].as_str().expect("n")).expect("bytes");
        let padded = URL_SAFE_NO_PAD.encode([&[0], &*n].concat());
        let key = VerificationKey::from_jwk(&with(fixture("RS256"), "n", json!(padded)));
        assert_eq!(key, VerificationKey::from_jwk(&fixture("RS256")));
    }

    #[test]
    fn err_small_order_and_non_canonical_ed25519() {
        let mut weak: Vec<[u8; 32]> = SMALL_ORDER_POINTS.to_vec();
        // 2^255 - 19 and the next: other spellings of 0 and 1.
        for first in [0xed, 0xee, 0xff] {
            let mut y = PRIME_LESS_ONE;
            y[0] = first;
            weak.push(y);
        }
        for mut y in weak {
            for sign in [0, 0x80] {
                y[31] |= sign;
                let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(y)});
                assert_eq!(VerificationKey::from_jwk(&jwk), None, "{y:x?}");
            }
        }
    }
}
