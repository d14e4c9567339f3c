//! Access tokens of a dealer's staff, by which they attest that a customer holds a car (RFC 9068,
//! RFC 9470 §3).
//!
//! They are the dealers' identity provider's, not the market's: issuer, keys, audience and
//! authentication contexts are those of `[ownership.methods.dealer]`. Leaves to others: the use of
//! each `jti` once, and the rule of two persons (`ownership`).

use serde_json::Value;

use super::bearer::{check_access_claims, check_person};
use super::claims::{Claims, check_sign_in_age};
use super::error::TokenError;
use super::identity::{Issuer, Subject};
use super::jws::Jws;
use super::memory::AuthMemory;
use super::provider::key_set;
use super::verification::{report_refusal, verify_signature};
use crate::market::{ClientAuthentication, DealerMethod, SignIn};
use crate::ports::{Ports, Timestamp};

/// Greatest age of a staff member's sign-in, in seconds.
const MAX_AGE_S: u32 = 300;
const ACCESS_TOKEN: &str = "at+jwt";

/// A member of a dealer's staff, proven by a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DealerStaff {
    /// The dealer, one of the market's list.
    pub dealer: String,
    /// The person at the dealers' identity provider.
    pub staff: Subject,
    /// The token's own identifier, which counts once.
    pub jti: String,
    /// The end of the token: `jti` must be remembered until then.
    pub expires_at: Timestamp,
}

/// Verifies an access token of a dealer's staff. The token is used once, so nothing of it is
/// remembered.
///
/// # Errors
/// [`TokenError`] with the cause; an event reports it.
pub async fn verify_dealer_token(
    ports: &Ports,
    memory: &AuthMemory,
    dealer: &DealerMethod,
    token: &str,
) -> Result<DealerStaff, TokenError> {
    let verified = verify(ports, memory, dealer, token).await;
    verified.inspect_err(|error| report_refusal(ports, "a dealer's token was refused", *error))
}

async fn verify(
    ports: &Ports,
    memory: &AuthMemory,
    dealer: &DealerMethod,
    token: &str,
) -> Result<DealerStaff, TokenError> {
    let jws = Jws::parse(token)?;
    if !jws.is_type(ACCESS_TOKEN) {
        return Err(TokenError::Type);
    }
    let settings = settings(dealer);
    let keys = key_set(ports, memory, &settings).await?;
    verify_signature(ports, memory, &settings, &keys, &jws).await?;
    check_claims(&Claims::parse(&jws.payload)?, dealer, ports.clock.now())
}

/// The settings of the provider, in the form that the verification of tokens takes. Kerbside is no
/// client there.
fn settings(dealer: &DealerMethod) -> SignIn {
    SignIn {
        issuer: dealer.issuer.clone(),
        client_id: String::new(),
        client_authentication: ClientAuthentication::default(),
        client_secret: None,
        client_key: None,
        scopes: Vec::new(),
        audience: Some(dealer.audience.clone()),
        api_clients: Vec::new(),
        access_token_type: ACCESS_TOKEN.to_owned(),
        algorithms: dealer.algorithms.clone(),
        max_age_s: MAX_AGE_S,
        acr_values: dealer.acr_values.clone(),
    }
}

fn check_claims(
    claims: &Claims,
    dealer: &DealerMethod,
    now: Timestamp,
) -> Result<DealerStaff, TokenError> {
    if dealer.audience.is_empty() || !dealer.two_person {
        return Err(TokenError::NotOffered);
    }
    let validity = check_access_claims(claims, &dealer.issuer, &dealer.audience, now)?;
    let client = claims.text("client_id")?.ok_or(TokenError::Missing("client_id"))?;
    let id = check_person(claims, client)?;
    let context = claims.context().ok_or(TokenError::Missing("acr"))?;
    if !dealer.acr_values.contains(&context) {
        return Err(TokenError::Context);
    }
    check_sign_in_age(claims.signed_in_at(now)?, MAX_AGE_S, now)?;
    let jti = claims.text("jti")?.ok_or(TokenError::Missing("jti"))?;
    // The claim's name is the market's; its value must be one of the market's list.
    let named = claims.get(&dealer.dealer_claim).and_then(Value::as_str);
    let named = named.filter(|named| dealer.dealers.iter().any(|listed| listed == named));
    Ok(DealerStaff {
        dealer: named.ok_or(TokenError::Dealer)?.to_owned(),
        staff: Subject { issuer: Issuer(dealer.issuer.clone()), id },
        jti: jti.to_owned(),
        expires_at: validity.expires_at,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::SubjectId;
    use crate::auth::fake::{ISSUER, NOW_S, Setup, set};
    use crate::auth::{ProviderError, verify_access_token};

    const ACR: &str = "https://refeds.org/profile/mfa";

    fn dealer(change: impl FnOnce(&mut Value)) -> DealerMethod {
        let mut described = json!({
            "issuer": ISSUER, "audience": "kerbside-dealers", "algorithms": ["ES256"],
            "acr_values": [ACR], "dealers": ["D-1001", "D-1002"],
        });
        change(&mut described);
        serde_json::from_value(described).expect("described")
    }

    fn claims() -> Value {
        json!({
            "iss": ISSUER, "sub": "staff-1", "aud": "kerbside-dealers", "client_id": "portal",
            "iat": NOW_S, "exp": NOW_S + 300, "jti": "t1", "auth_time": NOW_S - 60, "acr": ACR,
            "dealer": "D-1001",
        })
    }

    fn verify(
        setup: &Setup,
        dealer: &DealerMethod,
        token: &str,
    ) -> Result<DealerStaff, TokenError> {
        let ports = setup.world.ports();
        setup.world.run(verify_dealer_token(&ports, &setup.memory, dealer, token))
    }

    fn check_with(media_type: &str, changes: &[(&str, Value)], expect: Result<(), TokenError>) {
        let (setup, mut claims) = (Setup::new(), claims());
        for (name, value) in changes {
            set(&mut claims, name, value.clone());
        }
        let token = setup.provider.sign(media_type, &claims);
        assert_eq!(verify(&setup, &dealer(|_| ()), &token).map(|_| ()), expect, "{claims}");
    }

    fn check(name: &str, value: Value, expect: Result<(), TokenError>) {
        check_with("at+jwt", &[(name, value)], expect);
    }

    #[test]
    fn ok_a_member_of_staff() {
        let setup = Setup::new();
        let token = setup.provider.sign("at+jwt", &claims());
        let staff = verify(&setup, &dealer(|_| ()), &token).expect("verified");
        let expect = DealerStaff {
            dealer: "D-1001".into(),
            staff: Subject { issuer: Issuer(ISSUER.into()), id: SubjectId("staff-1".into()) },
            jti: "t1".into(),
            expires_at: Timestamp((NOW_S + 300) * 1_000),
        };
        assert_eq!(staff, expect);
        check("aud", json!(["other", "kerbside-dealers"]), Ok(()));
        check("auth_time", json!(NOW_S - 359), Ok(()));
    }

    #[test]
    fn err_claims() {
        for (name, value, error) in [
            ("iss", json!("https://id.example.com/de/"), TokenError::Issuer),
            ("aud", json!("kerbside"), TokenError::Audience),
            ("aud", json!(null), TokenError::Missing("aud")),
            ("exp", json!(NOW_S - 60), TokenError::Expired),
            ("exp", json!(NOW_S + 3_601), TokenError::Lifetime),
            ("acr", json!("https://refeds.org/profile/sfa"), TokenError::Context),
            ("acr", json!(null), TokenError::Missing("acr")),
            ("acr", json!([ACR]), TokenError::Missing("acr")),
            ("auth_time", json!(NOW_S - 362), TokenError::SignInAge),
            ("auth_time", json!(NOW_S + 61), TokenError::SignInAge),
            ("auth_time", json!(null), TokenError::Missing("auth_time")),
            ("jti", json!(null), TokenError::Missing("jti")),
            ("jti", json!(""), TokenError::Claim("jti")),
            ("jti", json!(1), TokenError::Claim("jti")),
            ("dealer", json!("D-9999"), TokenError::Dealer),
            ("dealer", json!(["D-1001"]), TokenError::Dealer),
            ("dealer", json!(null), TokenError::Dealer),
            ("client_id", json!(null), TokenError::Missing("client_id")),
            ("sub", json!("portal"), TokenError::ClientCredentials),
            ("sub", json!(null), TokenError::Missing("sub")),
            ("gty", json!("client-credentials"), TokenError::ClientCredentials),
            ("cnf", json!({"jkt": "x"}), TokenError::Bound),
            ("nonce", json!("n"), TokenError::Type),
        ] {
            check(name, value, Err(error));
        }
    }

    #[test]
    fn err_other_tokens_keys_and_algorithms() {
        for media_type in ["JWT", "logout+jwt", ""] {
            check_with(media_type, &[], Err(TokenError::Type));
        }
        let setup = Setup::new();
        let token = setup.provider.sign("at+jwt", &claims());
        let rsa_only = dealer(|all| all["algorithms"] = json!(["RS256"]));
        assert_eq!(verify(&setup, &rsa_only, &token), Err(TokenError::Algorithm));
        let other = Setup::new().provider.sign("at+jwt", &claims());
        assert_eq!(verify(&setup, &dealer(|_| ()), &other), Err(TokenError::Signature));
        let down = Setup::new();
        down.provider.stop();
        let refused = verify(&down, &dealer(|_| ()), &token);
        assert!(matches!(refused, Err(TokenError::Provider(ProviderError::Http(_)))));
    }

    #[test]
    fn err_a_published_method_without_restrictions_accepts_no_token() {
        let setup = Setup::new();
        let token = setup.provider.sign("at+jwt", &claims());
        for (name, value, error) in [
            ("two_person", json!(false), TokenError::NotOffered),
            ("audience", json!(""), TokenError::NotOffered),
            ("acr_values", json!([]), TokenError::Context),
            ("dealers", json!([]), TokenError::Dealer),
            ("dealer_claim", json!("iss"), TokenError::Dealer),
        ] {
            let method = dealer(|all| all[name] = value);
            assert_eq!(verify(&setup, &method, &token), Err(error), "{name}");
        }
    }

    #[test]
    fn err_a_dealers_token_opens_no_member_route() {
        let setup = Setup::new();
        let token = setup.provider.sign("at+jwt", &claims());
        let ports = setup.world.ports();
        let opened =
            setup.world.run(verify_access_token(&ports, &setup.memory, &setup.sign_in, &token));
        assert_eq!(opened.map(|_| ()), Err(TokenError::Audience));
    }
}
