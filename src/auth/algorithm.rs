//! The names of signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).

use crate::market::SignIn;
use crate::ports::{PublicKey, SignatureAlgorithm};

/// Returns the algorithm of an `alg` value; `None` for all that are not supported, among them
/// `none` in every spelling and the symmetric ones.
pub(super) fn parse_algorithm(name: &str) -> Option<SignatureAlgorithm> {
    Some(match name {
        "RS256" => SignatureAlgorithm::Rs256,
        "PS256" => SignatureAlgorithm::Ps256,
        "ES256" => SignatureAlgorithm::Es256,
        "ES384" => SignatureAlgorithm::Es384,
        "EdDSA" | "Ed25519" => SignatureAlgorithm::EdDsa,
        _ => return None,
    })
}

/// Returns the algorithms that a market accepts, in its order.
pub(super) fn accepted_algorithms(sign_in: &SignIn) -> Vec<SignatureAlgorithm> {
    sign_in.algorithms.iter().filter_map(|name| parse_algorithm(name)).collect()
}

/// Returns true if a signature has the length that its key gives it.
pub(super) fn is_signature_length(key: &PublicKey, length: usize) -> bool {
    length
        == match key {
            PublicKey::Rsa { n, .. } => n.len(),
            PublicKey::P256 { .. } | PublicKey::Ed25519 { .. } => 64,
            PublicKey::P384 { .. } => 96,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn err_none_and_symmetric_algorithms_have_no_name() {
        for name in [
            "none", "None", "NONE", "nOnE", "", " none", "HS256", "HS512", "rs256", "RS512",
            "ES512",
        ] {
            assert_eq!(parse_algorithm(name), None, "{name}");
        }
        assert_eq!(parse_algorithm("Ed25519"), parse_algorithm("EdDSA"));
    }
}
