//! A world with an identity provider and a market that signs people in with it, for the tests of
//! tokens.

use std::rc::Rc;

use serde_json::{Value, json};

use super::memory::AuthMemory;
use super::test_provider::FakeProvider;
use crate::market::SignIn;
use crate::ports::fake::World;
use crate::ports::signatures::RingCrypto;

/// The issuer of the fake provider.
pub const ISSUER: &str = "https://id.example.com/de";
/// The second at which the world begins.
pub const NOW_S: i64 = 1_795_161_600;

/// The world, its provider, and the market's settings.
pub struct Setup {
    pub world: Rc<World>,
    pub provider: FakeProvider,
    pub memory: AuthMemory,
    pub sign_in: SignIn,
}

impl Setup {
    pub fn new() -> Self {
        let world = World::new();
        world.use_crypto(Rc::new(RingCrypto));
        let provider = FakeProvider::new(ISSUER);
        provider.install(&world);
        let sign_in = json!({
            "issuer": ISSUER, "client_id": "kerbside-de", "audience": "https://cars.example.com",
            "api_clients": ["partner"], "algorithms": ["ES256", "RS256", "PS256", "ES384", "EdDSA"],
        });
        let sign_in = serde_json::from_value(sign_in).expect("valid");
        Self { world, provider, memory: AuthMemory::default(), sign_in }
    }

    /// Messages and causes of the events so far.
    pub fn events(&self) -> Vec<String> {
        let events = self.world.events.borrow();
        events.iter().map(crate::telemetry::Event::to_json).collect()
    }
}

/// Claims of an access token.
pub fn access_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": "https://cars.example.com", "client_id": "partner",
        "iat": NOW_S, "exp": NOW_S + 600, "jti": "1", "scope": "vehicles:read me",
    })
}

/// Claims of an ID token for the nonce `n`.
pub fn id_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": "kerbside-de", "iat": NOW_S, "exp": NOW_S + 600,
        "nonce": "n", "auth_time": NOW_S - 5, "sid": "s1", "name": "Ada Lovelace",
    })
}

/// Claims of a logout token.
pub fn logout_claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "sid": "s1", "aud": "kerbside-de", "iat": NOW_S,
        "exp": NOW_S + 120, "jti": "l1",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    })
}

/// Sets a member, or removes it where the value is `null`.
pub fn set(claims: &mut Value, name: &str, value: Value) {
    if value.is_null() {
        claims.as_object_mut().expect("an object").remove(name);
    } else {
        claims[name] = value;
    }
}
