//! An issuer's key set (RFC 7517 §5) and the choice of the key that a token names.

use std::rc::Rc;

use serde_json::{Map, Value};

use super::error::{ProviderError, TokenError};
use super::jwk::VerificationKey;
use crate::ports::SignatureAlgorithm;

/// The keys of an issuer that may verify signatures.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KeySet(Vec<Rc<VerificationKey>>);

impl KeySet {
    /// Reads a key set. Keys that may verify no signature are skipped, whatever stands beside them.
    ///
    /// # Errors
    /// [`ProviderError::Member`] without a list `keys`, [`ProviderError::NoKeys`] where none is
    /// left.
    pub(super) fn from_json(members: &Map<String, Value>) -> Result<Self, ProviderError> {
        let keys = members.get("keys").and_then(Value::as_array);
        let keys = keys.ok_or(ProviderError::Member("keys"))?;
        let usable = keys.iter().filter_map(VerificationKey::from_jwk).map(Rc::new);
        let usable: Vec<_> = usable.collect();
        if usable.is_empty() { Err(ProviderError::NoKeys) } else { Ok(Self(usable)) }
    }

    /// Returns the key for a token's `kid` and algorithm (RFC 7515 §4.1.4, RFC 8725 §3.1). A token
    /// without `kid` fits a set of one key alone (Core §10.1).
    ///
    /// # Errors
    /// [`TokenError::UnknownKey`], [`TokenError::AmbiguousKey`] and [`TokenError::KeyMismatch`].
    pub(super) fn select(
        &self,
        kid: Option<&str>,
        algorithm: SignatureAlgorithm,
        accepted: &[SignatureAlgorithm],
    ) -> Result<Rc<VerificationKey>, TokenError> {
        let fits = |key: &VerificationKey| key.algorithm(accepted) == Some(algorithm);
        let is_meant = |key: &&Rc<VerificationKey>| match kid {
            Some(kid) => key.kid.as_deref() == Some(kid),
            None => true,
        };
        let mut meant = self.0.iter().filter(is_meant);
        let key = meant.next().ok_or(TokenError::UnknownKey)?;
        if meant.next().is_some() {
            return Err(TokenError::AmbiguousKey);
        }
        if fits(key) { Ok(Rc::clone(key)) } else { Err(TokenError::KeyMismatch) }
    }

    /// Returns true if a key of the set signs with this algorithm.
    pub(super) fn signs_with(
        &self,
        algorithm: SignatureAlgorithm,
        accepted: &[SignatureAlgorithm],
    ) -> bool {
        self.0.iter().any(|key| key.algorithm(accepted) == Some(algorithm))
    }

    /// Returns true if a key is (still) in the set.
    pub(super) fn contains(&self, key: &VerificationKey) -> bool {
        self.0.iter().any(|other| **other == *key)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ES: SignatureAlgorithm = SignatureAlgorithm::Es256;
    const RS: SignatureAlgorithm = SignatureAlgorithm::Rs256;
    const PS: SignatureAlgorithm = SignatureAlgorithm::Ps256;

    fn jwk(algorithm: &str, kid: Option<&str>) -> Value {
        let text = include_str!("../../tests/fixtures/signatures.json");
        let fixture: Value = serde_json::from_str(text).expect("JSON");
        let cases = fixture["cases"].as_array().expect("a list");
        let case = cases.iter().find(|case| case["algorithm"] == algorithm).expect("a case");
        let mut jwk = case["jwk"].clone();
        if let Some(kid) = kid {
            jwk["kid"] = json!(kid);
        }
        jwk
    }

    fn parse(keys: Value) -> Result<KeySet, ProviderError> {
        KeySet::from_json(json!({"keys": keys}).as_object().expect("an object"))
    }

    fn check(
        keys: Value,
        kid: Option<&str>,
        algorithm: SignatureAlgorithm,
        expect: Result<Option<&str>, TokenError>,
    ) {
        let selected = parse(keys).expect("a set").select(kid, algorithm, &[ES, RS, PS]);
        let kid = selected.as_ref().map(|key| key.kid.as_deref());
        assert_eq!(kid.map_err(|error| *error), expect);
    }

    #[test]
    fn ok_by_kid_or_the_only_one() {
        let keys =
            json!([jwk("RS256", Some("r")), jwk("ES256", Some("e")), jwk("EdDSA", Some("d"))]);
        check(keys.clone(), Some("e"), ES, Ok(Some("e")));
        check(keys, None, ES, Err(TokenError::AmbiguousKey));
        check(json!([jwk("ES256", None)]), None, ES, Ok(None));
    }

    #[test]
    fn err_unknown_ambiguous_and_foreign() {
        let two = json!([jwk("ES256", Some("1")), jwk("ES256", Some("2"))]);
        check(two.clone(), None, ES, Err(TokenError::AmbiguousKey));
        check(two.clone(), Some("3"), ES, Err(TokenError::UnknownKey));
        check(two.clone(), Some("1"), RS, Err(TokenError::KeyMismatch));
        check(two, None, RS, Err(TokenError::AmbiguousKey));
        let same = json!([jwk("ES256", Some("1")), jwk("RS256", Some("1"))]);
        check(same, Some("1"), ES, Err(TokenError::AmbiguousKey));
        check(json!([jwk("ES256", None)]), Some("1"), ES, Err(TokenError::UnknownKey));
        check(json!([jwk("RS256", Some("1"))]), Some("1"), PS, Err(TokenError::KeyMismatch));
        for kid in ["../../etc/passwd", "1' OR '1'='1", "\u{202e}1", "1\0", ""] {
            check(json!([jwk("ES256", Some("1"))]), Some(kid), ES, Err(TokenError::UnknownKey));
        }
    }

    #[test]
    fn ok_unusable_keys_stand_beside_a_good_one() {
        let keys = json!([
            {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "1"},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "1"},
            "text",
            jwk("ES256", Some("1")),
        ]);
        check(keys, Some("1"), ES, Ok(Some("1")));
    }

    #[test]
    fn err_no_usable_key() {
        for keys in [json!([]), json!([{"kty": "oct", "k": "c2VjcmV0"}])] {
            assert_eq!(parse(keys), Err(ProviderError::NoKeys));
        }
        for keys in [json!({}), json!(null)] {
            assert_eq!(parse(keys), Err(ProviderError::Member("keys")));
        }
    }
}
