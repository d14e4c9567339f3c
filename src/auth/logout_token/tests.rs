//! Logout tokens of a provider.

use serde_json::{Value, json};

use super::*;
use crate::auth::fake::{NOW_S, Setup, access_claims, id_claims, logout_claims, set};

fn verify(setup: &Setup, token: &str) -> Result<LogoutToken, TokenError> {
    let ports = setup.world.ports();
    setup.world.run(verify_logout_token(&ports, &setup.memory, &setup.sign_in, token))
}

fn check(name: &str, value: Value, expect: Result<(), TokenError>) {
    let setup = Setup::new();
    let mut claims = logout_claims();
    set(&mut claims, name, value);
    let token = setup.provider.sign("logout+jwt", &claims);
    assert_eq!(verify(&setup, &token).map(|_| ()), expect, "{claims}");
}

#[test]
fn ok_a_logout_token() {
    let setup = Setup::new();
    let expect = LogoutToken {
        subject: Some(SubjectId("ada".into())),
        sid: Some("s1".into()),
        issued_at: Timestamp(NOW_S * 1_000),
        token_id: "l1".into(),
    };
    for media_type in ["logout+jwt", "application/logout+jwt", "JWT"] {
        let token = setup.provider.sign(media_type, &logout_claims());
        assert_eq!(verify(&setup, &token), Ok(expect.clone()));
    }
    let token = setup.provider.key.sign(&json!({"alg": "ES256", "kid": "1"}), &logout_claims());
    assert_eq!(verify(&setup, &token), Ok(expect));
    check("sid", Value::Null, Ok(()));
    check("sub", Value::Null, Ok(()));
}

#[test]
fn err_claims_of_logout_tokens() {
    let event = "http://schemas.openid.net/event/backchannel-logout";
    for (name, value, expect) in [
        ("nonce", json!("n"), TokenError::Nonce),
        ("events", Value::Null, TokenError::Events),
        ("events", json!({}), TokenError::Events),
        ("events", json!([event]), TokenError::Events),
        ("events", json!({event: true}), TokenError::Events),
        ("events", json!({"other": {}}), TokenError::Events),
        ("jti", Value::Null, TokenError::Missing("jti")),
        ("iat", Value::Null, TokenError::Missing("iat")),
        ("exp", Value::Null, TokenError::Missing("exp")),
        ("exp", json!(NOW_S - 60), TokenError::Expired),
        ("aud", json!("partner"), TokenError::Audience),
        ("iss", json!("https://id.example.com/fr"), TokenError::Issuer),
        ("sub", json!("\u{202e}"), TokenError::Claim("sub")),
        ("sid", json!({}), TokenError::Claim("sid")),
    ] {
        check(name, value, Err(expect));
    }
    let setup = Setup::new();
    let mut claims = logout_claims();
    set(&mut claims, "sub", Value::Null);
    set(&mut claims, "sid", Value::Null);
    let token = setup.provider.sign("logout+jwt", &claims);
    assert_eq!(verify(&setup, &token), Err(TokenError::Missing("sub")));
}

#[test]
fn err_other_tokens_of_the_same_issuer() {
    let setup = Setup::new();
    for (media_type, claims, expect) in [
        ("JWT", id_claims(), TokenError::Nonce),
        ("at+jwt", logout_claims(), TokenError::Type),
        ("JWT", access_claims(), TokenError::Audience),
    ] {
        let token = setup.provider.sign(media_type, &claims);
        assert_eq!(verify(&setup, &token), Err(expect));
    }
    let mut without = id_claims();
    set(&mut without, "nonce", Value::Null);
    let token = setup.provider.sign("JWT", &without);
    assert_eq!(verify(&setup, &token), Err(TokenError::Events));
}
