//! ID tokens of a sign-in.

use serde_json::{Value, json};

use super::*;
use crate::auth::SubjectId;
use crate::auth::fake::{ISSUER, NOW_S, Setup, access_claims, id_claims, logout_claims, set};

fn expected() -> IdTokenExpectation {
    IdTokenExpectation { nonce: "n".into(), max_age_s: None, acr_values: vec![] }
}

fn verify(
    setup: &Setup,
    token: &str,
    expected: &IdTokenExpectation,
) -> Result<IdToken, TokenError> {
    let ports = setup.world.ports();
    setup.world.run(verify_id_token(&ports, &setup.memory, &setup.sign_in, token, expected))
}

/// Checks a good token after changes; `null` removes a claim.
fn check(changes: &[(&str, Value)], expected: &IdTokenExpectation, expect: Result<(), TokenError>) {
    let setup = Setup::new();
    let mut claims = id_claims();
    for (name, value) in changes {
        set(&mut claims, name, value.clone());
    }
    let token = setup.provider.sign("JWT", &claims);
    assert_eq!(verify(&setup, &token, expected).map(|_| ()), expect, "{claims}");
}

#[test]
fn ok_an_id_token() {
    let setup = Setup::new();
    let untyped = json!({"alg": "ES256", "kid": "1"});
    let token = setup.provider.key.sign(&untyped, &id_claims());
    let expect = IdToken {
        subject: Subject { issuer: Issuer(ISSUER.into()), id: SubjectId("ada".into()) },
        sid: Some("s1".into()),
        signed_in_at: Some(Timestamp((NOW_S - 5) * 1_000)),
        acr: None,
        name: Some("Ada Lovelace".into()),
        issued_at: Timestamp(NOW_S * 1_000),
    };
    assert_eq!(verify(&setup, &token, &expected()), Ok(expect));
}

#[test]
fn err_claims_of_id_tokens() {
    for (name, value, expect) in [
        ("nonce", json!("other"), TokenError::Nonce),
        ("nonce", Value::Null, TokenError::Nonce),
        ("nonce", json!(["n"]), TokenError::Claim("nonce")),
        ("iss", json!("https://id.example.com/fr"), TokenError::Issuer),
        ("aud", json!("partner"), TokenError::Audience),
        ("aud", json!(["kerbside-de", "partner"]), TokenError::AuthorizedParty),
        ("azp", json!("partner"), TokenError::AuthorizedParty),
        ("events", json!({}), TokenError::Events),
        ("exp", json!(NOW_S - 60), TokenError::Expired),
        ("exp", json!((NOW_S + 60) * 1_000), TokenError::Time("exp")),
        ("iat", Value::Null, TokenError::Missing("iat")),
        ("sub", Value::Null, TokenError::Missing("sub")),
        ("sub", json!(""), TokenError::Claim("sub")),
        ("sid", json!(1), TokenError::Claim("sid")),
    ] {
        check(&[(name, value)], &expected(), Err(expect));
    }
    // The nonce comes first: nothing else of a foreign sign-in's token is looked at.
    let foreign = [("nonce", json!("other")), ("iss", json!("x")), ("exp", json!(1))];
    check(&foreign, &expected(), Err(TokenError::Nonce));
}

#[test]
fn ok_quirks_that_are_safe() {
    let several = [("aud", json!(["kerbside-de", "account"])), ("azp", json!("kerbside-de"))];
    check(&several, &expected(), Ok(()));
    check(&[("aud", json!(["kerbside-de"]))], &expected(), Ok(()));
    check(&[("auth_time", json!(1_795_161_590.5)), ("email", json!("a@b"))], &expected(), Ok(()));
    check(&[("auth_time", Value::Null), ("sid", Value::Null)], &expected(), Ok(()));
}

#[test]
fn err_a_sign_in_that_is_too_old_or_too_weak() {
    let fresh = IdTokenExpectation { max_age_s: Some(300), ..expected() };
    check(&[], &fresh, Ok(()));
    check(&[("auth_time", json!(NOW_S - 359))], &fresh, Ok(()));
    check(&[("auth_time", json!(NOW_S - 361))], &fresh, Err(TokenError::SignInAge));
    check(&[("auth_time", Value::Null)], &fresh, Err(TokenError::Missing("auth_time")));
    let strong = IdTokenExpectation { acr_values: vec!["mfa".into(), "pin".into()], ..expected() };
    check(&[("acr", json!("pin"))], &strong, Ok(()));
    check(&[("acr", json!("password"))], &strong, Err(TokenError::Context));
    check(&[], &strong, Err(TokenError::Context));
    check(&[("acr", json!(["pin"]))], &strong, Err(TokenError::Context));
    check(&[("acr", json!(1))], &expected(), Ok(()));
}

#[test]
fn err_other_tokens_of_the_same_issuer() {
    let setup = Setup::new();
    for (media_type, claims, expect) in [
        ("at+jwt", id_claims(), TokenError::Type),
        ("logout+jwt", id_claims(), TokenError::Type),
        ("JWT", access_claims(), TokenError::Nonce),
        ("JWT", logout_claims(), TokenError::Nonce),
    ] {
        let token = setup.provider.sign(media_type, &claims);
        assert_eq!(verify(&setup, &token, &expected()), Err(expect));
    }
}

#[test]
fn ok_names_without_unseen_characters() {
    let name = |value: Value| {
        let setup = Setup::new();
        let mut claims = id_claims();
        set(&mut claims, "name", value);
        let token = setup.provider.sign("JWT", &claims);
        verify(&setup, &token, &expected()).expect("verified").name
    };
    assert_eq!(name(json!(" Zoë O’Neill-王 ")).as_deref(), Some("Zoë O’Neill-王"));
    for hidden in ["", "\u{202e}adA", "A\u{200b}da", "A\nda", "\u{2066}Ada", "A\u{ad}da"] {
        assert_eq!(name(json!(hidden)), None, "{hidden:?}");
    }
    for value in [json!(1), Value::Null, json!("n".repeat(201))] {
        assert_eq!(name(value), None);
    }
}
