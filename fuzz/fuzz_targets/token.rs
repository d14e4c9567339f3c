//! Any text as key set, header and payload, a line each, of a token whose signature verifies: as an
//! access token, an ID token and a logout token. What is accepted keeps the rules that others rely
//! on.
#![no_main]

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kerbside::auth::{
    AuthMemory, IdTokenExpectation, Identity, SubjectId, verify_access_token, verify_id_token,
    verify_logout_token,
};
use kerbside::ports::fake::{ScriptedHttpResponse, World};
use kerbside_fuzz::{ISSUER, SIGN_IN, TrustingCrypto};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (Some(keys), Some(header), Some(payload)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let world = world(keys);
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.{}", encode(header), encode(payload), "A".repeat(86));
    let (ports, memory) = (world.ports(), AuthMemory::default());
    if let Ok(identity) = world.run(verify_access_token(&ports, &memory, &SIGN_IN, &token)) {
        check_identity(&identity, &world);
        let again = world.run(verify_access_token(&ports, &memory, &SIGN_IN, &token));
        assert_eq!(again, Ok(identity), "what is remembered is what was verified");
    }
    let expected =
        IdTokenExpectation { nonce: "n".into(), max_age_s: Some(300), acr_values: vec![] };
    let verified = world.run(verify_id_token(&ports, &memory, &SIGN_IN, &token, &expected));
    if let Ok(verified) = verified {
        check_subject(&verified.subject.id);
        assert!(verified.signed_in_at.is_some());
    }
    let verified = world.run(verify_logout_token(&ports, &memory, &SIGN_IN, &token));
    if let Ok(verified) = verified {
        assert!(verified.sid.is_some() || verified.subject.is_some());
    }
});

/// A world whose provider has this key set and whose signatures all verify.
fn world(keys: &str) -> Rc<World> {
    let world = World::new();
    world.use_crypto(Rc::new(TrustingCrypto));
    let keys = keys.to_owned();
    world.http_responses(move |request| {
        if request.url.ends_with("/jwks") {
            return ScriptedHttpResponse::http(200, &[], &keys);
        }
        let metadata = serde_json::json!({
            "issuer": ISSUER,
            "authorization_endpoint": format!("{ISSUER}/authorize"),
            "token_endpoint": format!("{ISSUER}/token"),
            "jwks_uri": format!("{ISSUER}/jwks"),
        });
        ScriptedHttpResponse::http(200, &[], &metadata.to_string())
    });
    world
}

fn check_identity(identity: &Identity, world: &Rc<World>) {
    check_subject(&identity.subject.id);
    assert_eq!(
        (identity.subject.issuer.0.as_str(), identity.client.0.as_str()),
        (ISSUER, "partner")
    );
    let left_ms = identity.expires_at.0 - world.ports().clock.now().0;
    assert!((-60_000..=3_660_000).contains(&left_ms));
}

fn check_subject(subject: &SubjectId) {
    assert!((1..=255).contains(&subject.0.len()));
    assert!(subject.0.bytes().all(|byte| matches!(byte, b' '..=b'~')));
}
