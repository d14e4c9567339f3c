//! Parts shared by the fuzz targets: markets and origins of the fixtures, and answers.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::LazyLock;

use kerbside::market::{Market, Origin, SignIn, compile};
use kerbside::ports::{
    Crypto, CryptoError, OriginResponse, P256PrivateKey, PublicKey, SignatureAlgorithm,
};
use serde_json::Value;

/// The market whose mappings use every key of the mapping language.
pub static MAPPING: LazyLock<Market> = LazyLock::new(|| {
    compile("mapping.toml", include_str!("../../tests/fixtures/mapping.toml"))
        .expect("valid")
        .market
});

static SOAP: LazyLock<Market> = LazyLock::new(|| {
    compile("market.toml", include_str!("../../tests/fixtures/market.toml")).expect("valid").market
});

/// The layouts of the fixtures.
pub static RECORDS: LazyLock<Vec<Origin>> = LazyLock::new(|| {
    described(
        "record",
        &[
            include_str!("../../tests/fixtures/record/docs.json"),
            include_str!("../../tests/fixtures/record/fields.json"),
            include_str!("../../tests/fixtures/record/groups.json"),
            include_str!("../../tests/fixtures/record/records.json"),
            include_str!("../../tests/fixtures/record/registry.json"),
        ],
    )
});

/// The forms of CSV of the fixtures.
pub static CSV: LazyLock<Vec<Origin>> = LazyLock::new(|| {
    described(
        "csv",
        &[
            include_str!("../../tests/fixtures/csv/docs.json"),
            include_str!("../../tests/fixtures/csv/encodings.json"),
            include_str!("../../tests/fixtures/csv/form.json"),
        ],
    )
});

/// The SOAP origin of the fixtures.
pub fn soap() -> &'static Origin {
    SOAP.origins.get("master").expect("described in market.toml")
}

/// A successful answer.
pub fn answer(content_type: &str, body: &[u8]) -> OriginResponse {
    let content_type = Some(content_type.to_owned()).filter(|text| !text.is_empty());
    OriginResponse { status: 200, content_type, body: body.to_vec(), ..OriginResponse::default() }
}

/// The one of a list that a byte stands for.
pub fn chosen<T>(list: &[T], byte: u8) -> &T {
    list.get(usize::from(byte) % list.len()).expect("within the list")
}

/// Every origin that a file of fixtures describes, each once.
fn described(protocol: &str, files: &[&str]) -> Vec<Origin> {
    let mut origins: Vec<Origin> = Vec::new();
    for file in files {
        let file: Value = serde_json::from_str(file).expect("JSON");
        let cases = file["cases"].as_array().into_iter().flatten();
        for case in std::iter::once(&file).chain(cases) {
            let mut origin = serde_json::json!({"protocol": protocol, "url": "https://mq.example.com/q", "timeout_ms": 2500});
            for part in [&file["origin"], &case["origin"]] {
                let keys = part
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| (key.clone(), value.clone()));
                origin.as_object_mut().expect("an object").extend(keys);
            }
            let origin = serde_json::from_value(origin).expect("an origin");
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    origins
}

/// The issuer of the market that tokens are for.
pub const ISSUER: &str = "https://id.example.com";

/// A market that accepts access tokens of the client `partner`.
pub static SIGN_IN: LazyLock<SignIn> = LazyLock::new(|| {
    let sign_in = serde_json::json!({
        "issuer": ISSUER, "client_id": "kerbside", "audience": "cars", "api_clients": ["partner"],
        "algorithms": ["ES256", "RS256", "PS256", "ES384", "EdDSA"],
    });
    serde_json::from_value(sign_in).expect("valid")
});

/// Signatures that all verify, so that what comes after them is fuzzed.
pub struct TrustingCrypto;

impl Crypto for TrustingCrypto {
    fn verify(
        &self,
        _: SignatureAlgorithm,
        _: PublicKey,
        _: Vec<u8>,
        _: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<bool, CryptoError>>>> {
        Box::pin(ready(Ok(true)))
    }

    fn sign_es256(
        &self,
        _: P256PrivateKey,
        _: Vec<u8>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, CryptoError>>>> {
        Box::pin(ready(Err(CryptoError::Unavailable)))
    }
}
