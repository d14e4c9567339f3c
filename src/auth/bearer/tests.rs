//! Access tokens, from the provider's keys to an identity.

use std::future::ready;
use std::rc::Rc;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::auth::fake::{ISSUER, NOW_S, Setup, access_claims, id_claims, logout_claims, set};
use crate::auth::test_provider::SigningKey;
use crate::auth::{ProviderError, SubjectId};
use crate::ports::{Crypto, CryptoError, P256PrivateKey, PublicKey, SignatureAlgorithm};

/// A runtime without signatures.
struct NoCrypto;

impl Crypto for NoCrypto {
    fn verify(
        &self,
        _: SignatureAlgorithm,
        _: PublicKey,
        _: Vec<u8>,
        _: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<bool, CryptoError>> {
        ready(Err(CryptoError::Unavailable)).boxed_local()
    }

    fn sign_es256(
        &self,
        _: P256PrivateKey,
        _: Vec<u8>,
    ) -> LocalBoxFuture<'static, Result<Vec<u8>, CryptoError>> {
        ready(Err(CryptoError::Unavailable)).boxed_local()
    }
}

fn verify(setup: &Setup, token: &str) -> Result<Identity, TokenError> {
    let ports = setup.world.ports();
    setup.world.run(verify_access_token(&ports, &setup.memory, &setup.sign_in, token))
}

fn check(setup: &Setup, token: &str, expect: Result<(), TokenError>) {
    assert_eq!(verify(setup, token).map(|_| ()), expect, "{token}");
}

/// Checks a good token after one claim has changed; `null` removes it.
fn check_claim(name: &str, value: Value, expect: Result<(), TokenError>) {
    check_claims(&[(name, value)], expect);
}

fn check_claims(changes: &[(&str, Value)], expect: Result<(), TokenError>) {
    let setup = Setup::new();
    let mut claims = access_claims();
    for (name, value) in changes {
        set(&mut claims, name, value.clone());
    }
    let verified = verify(&setup, &setup.provider.sign("at+jwt", &claims)).map(|_| ());
    assert_eq!(verified, expect, "{claims}");
}

#[test]
fn ok_an_access_token_is_an_identity() {
    let setup = Setup::new();
    let mut claims = access_claims();
    claims["auth_time"] = json!(NOW_S - 100);
    claims["acr"] = json!("urn:example:mfa");
    let identity = verify(&setup, &setup.provider.sign("at+jwt", &claims)).expect("verified");
    let scopes = vec!["vehicles:read".to_owned(), "me".to_owned()];
    let expect = Identity {
        subject: Subject { issuer: Issuer(ISSUER.into()), id: SubjectId("ada".into()) },
        client: ClientId("partner".into()),
        signed_in_at: Some(Timestamp((NOW_S - 100) * 1_000)),
        acr: Some("urn:example:mfa".into()),
        expires_at: Timestamp((NOW_S + 600) * 1_000),
        credential: Credential::Bearer { scopes },
    };
    assert_eq!(identity, expect);
    assert!(setup.events().is_empty());
}

#[test]
fn ok_every_algorithm_of_the_market() {
    for key in [SigningKey::p256(), SigningKey::p384(), SigningKey::ed25519()] {
        let setup = Setup::new();
        setup.provider.publish(json!([setup.provider.key.jwk_with("1"), key.jwk_with("2")]));
        let header = json!({"alg": key.algorithm(), "kid": "2", "typ": "at+jwt"});
        check(&setup, &key.sign(&header, &access_claims()), Ok(()));
        let mut narrow = Setup::new();
        narrow.provider.publish(json!([key.jwk_with("2")]));
        narrow.sign_in.algorithms = vec!["RS256".into()];
        let refused = Err(TokenError::Algorithm);
        check(&narrow, &key.sign(&header, &access_claims()), refused);
    }
}

#[test]
fn ok_both_names_of_ed25519() {
    let key = SigningKey::ed25519();
    for stated in ["EdDSA", "Ed25519"] {
        let setup = Setup::new();
        let mut jwk = key.jwk_with("2");
        jwk["alg"] = json!(stated);
        setup.provider.publish(json!([jwk]));
        for alg in ["EdDSA", "Ed25519"] {
            let header = json!({"alg": alg, "kid": "2", "typ": "at+jwt"});
            check(&setup, &key.sign(&header, &access_claims()), Ok(()));
        }
    }
}

#[test]
fn ok_a_verified_token_is_remembered_until_it_expires() {
    let setup = Setup::new();
    let token = setup.provider.sign("at+jwt", &access_claims());
    check(&setup, &token, Ok(()));
    setup.world.use_crypto(Rc::new(NoCrypto));
    check(&setup, &token, Ok(()));
    let other = setup.provider.sign("at+jwt", &access_claims());
    check(&setup, &other, Err(TokenError::CryptoUnavailable));
    setup.world.advance_s(600);
    check(&setup, &token, Err(TokenError::CryptoUnavailable));
}

#[test]
fn err_an_expired_token_is_refused_to_the_second() {
    let setup = Setup::new();
    let token = setup.provider.sign("at+jwt", &access_claims());
    check(&setup, &token, Ok(()));
    setup.world.advance_s(600 + 59);
    check(&setup, &token, Ok(()));
    setup.world.advance_s(1);
    check(&setup, &token, Err(TokenError::Expired));
}

#[test]
fn err_a_key_that_left_the_key_set_takes_its_tokens_along() {
    let setup = Setup::new();
    let token = setup.provider.sign("at+jwt", &access_claims());
    check(&setup, &token, Ok(()));
    let next = SigningKey::ed25519();
    setup.provider.publish(json!([next.jwk_with("2")]));
    let header = json!({"alg": "EdDSA", "kid": "2", "typ": "at+jwt"});
    check(&setup, &next.sign(&header, &access_claims()), Ok(()));
    check(&setup, &token, Err(TokenError::UnknownKey));
}

#[test]
fn err_a_kid_that_another_key_took_over() {
    let setup = Setup::new();
    let token = setup.provider.sign("at+jwt", &access_claims());
    check(&setup, &token, Ok(()));
    setup.provider.publish(json!([SigningKey::p256().jwk_with("1")]));
    setup.world.advance_s(301);
    check(&setup, &token, Err(TokenError::Signature));
}

#[test]
fn err_settings_that_changed_ask_anew() {
    let mut setup = Setup::new();
    let token = setup.provider.sign("at+jwt", &access_claims());
    check(&setup, &token, Ok(()));
    let before = setup.sign_in.clone();
    setup.sign_in.api_clients = vec!["other".into()];
    check(&setup, &token, Err(TokenError::Client));
    setup.sign_in = SignIn { audience: Some("https://fr.example.com".into()), ..before.clone() };
    check(&setup, &token, Err(TokenError::Audience));
    setup.sign_in = SignIn { algorithms: vec!["EdDSA".into()], ..before.clone() };
    check(&setup, &token, Err(TokenError::Algorithm));
    setup.sign_in = SignIn { access_token_type: "JWT".into(), ..before.clone() };
    check(&setup, &token, Err(TokenError::Type));
    setup.sign_in = SignIn { audience: None, ..before.clone() };
    check(&setup, &token, Err(TokenError::NotOffered));
    setup.sign_in = SignIn { api_clients: vec![], ..before.clone() };
    check(&setup, &token, Err(TokenError::NotOffered));
    setup.sign_in = SignIn {
        access_token_type: "JWT".into(),
        audience: Some(before.client_id.clone()),
        ..before
    };
    check(&setup, &token, Err(TokenError::NotOffered));
}

#[test]
fn err_a_token_of_another_market() {
    let mut setup = Setup::new();
    let token = setup.provider.sign("at+jwt", &access_claims());
    setup.sign_in.issuer = "https://id.example.com/fr".into();
    let down = ProviderError::Http(crate::ports::HttpError::Connection);
    check(&setup, &token, Err(TokenError::Provider(down)));
    let claims = json!("https://id.example.com/fr");
    check_claim("iss", claims, Err(TokenError::Issuer));
}

#[test]
fn err_keys_that_the_token_brings_are_ignored() {
    let setup = Setup::new();
    let evil = SigningKey::p256();
    let header = json!({
        "alg": "ES256", "kid": "1", "typ": "at+jwt", "jwk": evil.jwk(), "x5c": ["AA"],
        "jku": "https://evil.example/jwks", "x5u": "https://evil.example/x5u",
    });
    check(&setup, &evil.sign(&header, &access_claims()), Err(TokenError::Signature));
    let fetched = setup.world.http_requests();
    assert!(fetched.iter().all(|request| request.url.starts_with(ISSUER)), "{}", fetched.len());
}

#[test]
fn err_signatures() {
    let setup = Setup::new();
    let good = setup.provider.sign("at+jwt", &access_claims());
    let (signed, _) = good.rsplit_once('.').expect("parts");
    let zeros = |length: usize| base64url(&vec![0; length]);
    for signature in [zeros(64), zeros(63), zeros(65), zeros(96), zeros(1), base64url(&DER)] {
        check(&setup, &format!("{signed}.{signature}"), Err(TokenError::Signature));
    }
    check(&setup, &format!("{signed}."), Err(TokenError::Parts));
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "1"});
    let other = SigningKey::p256().sign(&header, &access_claims());
    check(&setup, &other, Err(TokenError::Signature));
    let moved = setup.provider.sign("at+jwt", &json!({"sub": "eve"}));
    let stolen = good.rsplit_once('.').expect("parts").1;
    let mixed = format!("{}.{stolen}", moved.rsplit_once('.').expect("parts").0);
    check(&setup, &mixed, Err(TokenError::Signature));
}

/// The begin of a signature as ASN.1 DER, in the length of one.
const DER: [u8; 70] = {
    let mut bytes = [1; 70];
    bytes[0] = 0x30;
    bytes[1] = 68;
    bytes[2] = 0x02;
    bytes[3] = 32;
    bytes
};

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn err_symmetric_signatures_with_the_public_key() {
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let setup = Setup::new();
    let jwk = setup.provider.key.jwk_with("1");
    let signed = format!(
        "{}.{}",
        base64url(br#"{"alg":"HS256","kid":"1","typ":"at+jwt"}"#),
        base64url(access_claims().to_string().as_bytes())
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(jwk.to_string().as_bytes()).expect("a key");
    mac.update(signed.as_bytes());
    let token = format!("{signed}.{}", base64url(&mac.finalize().into_bytes()));
    check(&setup, &token, Err(TokenError::Algorithm));
}

#[test]
fn err_algorithms_that_do_not_fit_the_key() {
    let setup = Setup::new();
    for alg in ["RS256", "PS256", "ES384", "EdDSA"] {
        let header = json!({"alg": alg, "kid": "1", "typ": "at+jwt"});
        let token = setup.provider.key.sign(&header, &access_claims());
        check(&setup, &token, Err(TokenError::KeyMismatch));
    }
}

#[test]
fn err_a_kid_is_missing_with_several_keys_or_doubled() {
    let setup = Setup::new();
    let (one, two) = (setup.provider.key.jwk_with("1"), SigningKey::p256().jwk_with("2"));
    let token =
        setup.provider.key.sign(&json!({"alg": "ES256", "typ": "at+jwt"}), &access_claims());
    check(&setup, &token, Ok(()));
    let fresh = |keys: Value| {
        let setup = Setup { provider: setup.provider.clone(), ..Setup::new() };
        setup.provider.install(&setup.world);
        setup.provider.publish(keys);
        setup
    };
    check(&fresh(json!([one, two])), &token, Err(TokenError::AmbiguousKey));
    let named = setup.provider.sign("at+jwt", &access_claims());
    let doubled = fresh(json!([one, SigningKey::p256().jwk_with("1")]));
    check(&doubled, &named, Err(TokenError::AmbiguousKey));
    let beside = fresh(json!([one, SigningKey::ed25519().jwk_with("2")]));
    check(&beside, &token, Err(TokenError::AmbiguousKey));
    // A key that no token is verified by is none.
    check(&fresh(json!([one, {"kty": "oct", "k": "c2VjcmV0"}])), &token, Ok(()));
}

#[test]
fn err_off_curve_points() {
    let setup = Setup::new();
    let mut jwk = setup.provider.key.jwk_with("1");
    jwk["y"] = jwk["x"].clone();
    setup.provider.publish(json!([jwk]));
    let token = setup.provider.sign("at+jwt", &access_claims());
    check(&setup, &token, Err(TokenError::Signature));
}

#[test]
fn err_claims_of_access_tokens() {
    for (name, value, expect) in [
        ("iss", Value::Null, TokenError::Missing("iss")),
        ("iss", json!("https://id.example.com/de/"), TokenError::Issuer),
        ("aud", Value::Null, TokenError::Missing("aud")),
        ("aud", json!("kerbside-de"), TokenError::Audience),
        ("aud", json!(["https://other.example"]), TokenError::Audience),
        ("exp", Value::Null, TokenError::Missing("exp")),
        ("iat", Value::Null, TokenError::Missing("iat")),
        ("exp", json!(NOW_S - 60), TokenError::Expired),
        ("iat", json!(NOW_S + 61), TokenError::NotYetValid),
        ("nbf", json!(NOW_S + 61), TokenError::NotYetValid),
        ("exp", json!(NOW_S + 3_601), TokenError::Lifetime),
        ("exp", json!(1.5), TokenError::Time("exp")),
        ("sub", Value::Null, TokenError::Missing("sub")),
        ("sub", json!("partner"), TokenError::ClientCredentials),
        ("gty", json!("client-credentials"), TokenError::ClientCredentials),
        ("idtyp", json!("app"), TokenError::ClientCredentials),
        ("sub", json!("a\u{202e}da"), TokenError::Claim("sub")),
        ("client_id", Value::Null, TokenError::Missing("client_id")),
        ("client_id", json!("kerbside-de"), TokenError::Client),
        ("client_id", json!(["partner"]), TokenError::Claim("client_id")),
        ("azp", json!("other"), TokenError::AuthorizedParty),
        ("cnf", json!({"jkt": "x"}), TokenError::Bound),
        ("cnf", json!({}), TokenError::Bound),
        ("nonce", json!("n"), TokenError::Type),
        ("at_hash", json!("h"), TokenError::Type),
        ("events", json!({}), TokenError::Type),
        ("sub", json!("partner@clients"), TokenError::ClientCredentials),
        ("preferred_username", json!("service-account-partner"), TokenError::ClientCredentials),
        ("clientHost", json!("192.0.2.1"), TokenError::ClientCredentials),
        ("grant_type", json!("client_credentials"), TokenError::ClientCredentials),
        ("scope", json!([1]), TokenError::Claim("scope")),
        ("scope", json!({}), TokenError::Claim("scope")),
        ("auth_time", json!("1"), TokenError::Time("auth_time")),
        ("auth_time", json!(NOW_S + 61), TokenError::SignInAge),
    ] {
        check_claim(name, value, Err(expect));
    }
}

#[test]
fn ok_quirks_that_are_safe() {
    for changes in [
        vec![("aud", json!(["https://cars.example.com", "https://id.example.com/userinfo"]))],
        vec![("auth_time", json!(1_795_161_500.25))],
        vec![("azp", json!("partner")), ("roles", json!([{"a": 1}])), ("ver", json!("2.0"))],
        vec![("exp", json!(NOW_S + 3_600))],
        vec![("nbf", json!(NOW_S + 60))],
        vec![("scope", Value::Null)],
        vec![("scope", json!(["vehicles:read", "me"]))],
        vec![("azp", json!(""))],
    ] {
        check_claims(&changes, Ok(()));
    }
}

#[test]
fn err_other_tokens_of_the_same_issuer() {
    let setup = Setup::new();
    for media_type in ["JWT", "logout+jwt", "", "at+jwt2", "application/jwt"] {
        let token = setup.provider.sign(media_type, &access_claims());
        check(&setup, &token, Err(TokenError::Type));
    }
    let untyped = json!({"alg": "ES256", "kid": "1"});
    check(&setup, &setup.provider.key.sign(&untyped, &id_claims()), Err(TokenError::Type));
    // Where only the claims tell them apart.
    let mut old = Setup::new();
    old.sign_in.access_token_type = "JWT".into();
    for claims in [id_claims(), logout_claims()] {
        let mut claims = claims;
        claims["aud"] = json!("https://cars.example.com");
        claims["azp"] = json!("partner");
        check(&old, &old.provider.sign("JWT", &claims), Err(TokenError::Type));
    }
}

#[test]
fn ok_tokens_that_predate_the_standard() {
    let mut setup = Setup::new();
    setup.sign_in.access_token_type = "JWT".into();
    let mut claims = access_claims();
    for (name, value) in [
        ("client_id", Value::Null),
        ("azp", json!("partner")),
        ("scope", Value::Null),
        ("scp", json!("vehicles:read  me")),
    ] {
        set(&mut claims, name, value);
    }
    let scopes = |claims: &Value| {
        let identity = verify(&setup, &setup.provider.sign("JWT", claims)).expect("verified");
        let Credential::Bearer { scopes } = identity.credential else { panic!("a session") };
        scopes
    };
    assert_eq!(scopes(&claims), ["vehicles:read", "me"]);
    claims["scp"] = json!(["me"]);
    assert_eq!(scopes(&claims), ["me"]);
    claims["scope"] = json!("");
    assert_eq!(scopes(&claims), ["me"], "an empty one is none");
    claims["scope"] = json!("s".repeat(2_000));
    assert_eq!(scopes(&claims), ["s".repeat(2_000)]);
    claims["scope"] = json!("");
    for name in ["cid", "appid"] {
        let mut claims = claims.clone();
        set(&mut claims, "azp", Value::Null);
        claims[name] = json!("partner");
        assert_eq!(scopes(&claims), ["me"], "{name}");
        claims["azp"] = json!("another");
        let token = setup.provider.sign("JWT", &claims);
        check(&setup, &token, Err(TokenError::AuthorizedParty));
    }
    // Okta states no `typ`.
    let untyped = setup.provider.key.sign(&json!({"alg": "ES256", "kid": "1"}), &claims);
    assert!(verify(&setup, &untyped).is_ok());
    let other_type = setup.provider.sign("logout+jwt", &claims);
    check(&setup, &other_type, Err(TokenError::Type));
}

#[test]
fn err_hostile_shapes() {
    let setup = Setup::new();
    let long = "a".repeat(20_000);
    for token in [long.as_str(), ".", "Bearer x", "\0", "ä.ö.ü"] {
        assert!(verify(&setup, token).is_err(), "{token}");
    }
    check(&setup, &long, Err(TokenError::TooLong));
    let key = &setup.provider.key;
    let header = r#"{"alg":"ES256","kid":"1","typ":"at+jwt"}"#;
    let doubled = access_claims().to_string().replacen('{', "{\"\\u0073ub\":\"eve\",", 1);
    check(&setup, &key.sign_texts(header, &doubled), Err(TokenError::Claims));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    check(&setup, &key.sign_texts(header, &deep), Err(TokenError::Claims));
    let crit = r#"{"alg":"ES256","kid":"1","typ":"at+jwt","crit":["exp"]}"#;
    check(&setup, &key.sign_texts(crit, "{}"), Err(TokenError::Extension));
}

#[test]
fn err_a_refusal_is_reported_without_the_token() {
    let setup = Setup::new();
    let mut claims = access_claims();
    claims["sub"] = json!("a-person\n");
    let token = setup.provider.sign("at+jwt", &claims);
    check(&setup, &token, Err(TokenError::Claim("sub")));
    let expect = r#"{"level":"warn","message":"an access token was refused","cause":"the claim sub is malformed"}"#;
    assert_eq!(setup.events(), [expect]);
}
