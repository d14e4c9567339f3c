//! A signed token in the compact form (RFC 7515 §3.1), parsed before anything of it is believed.
//!
//! `jwt-compact` takes it apart; the guards before it are ours: length, canonical base64url (§2),
//! strict JSON without duplicates (§4), `crit` and `b64` (§4.1.11, RFC 7797). `jwk`, `jku`, `x5u`
//! and `x5c` are ignored: a token does not choose its key (RFC 8725 §3.10).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_compact::UntrustedToken;
use serde_json::{Map, Value};

use super::algorithm::parse_algorithm;
use super::error::TokenError;
use crate::origin::parse_json;
use crate::ports::SignatureAlgorithm;

/// Longest token, in bytes.
pub(super) const MAX_TOKEN: usize = 16_384;

/// Header members that change how a token is read.
const EXTENSIONS: [&str; 5] = ["crit", "b64", "cty", "enc", "zip"];

/// A signed token whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct Jws<'t> {
    /// The algorithm that the header names.
    pub algorithm: SignatureAlgorithm,
    /// The key that the header names.
    pub kid: Option<String>,
    /// The type that the header names.
    pub media_type: Option<String>,
    /// The bytes that are signed.
    pub signed: &'t [u8],
    /// The payload.
    pub payload: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Parses a token.
    ///
    /// # Errors
    /// [`TokenError::TooLong`], [`TokenError::Parts`], [`TokenError::Encoding`],
    /// [`TokenError::Header`], [`TokenError::Extension`] and [`TokenError::Algorithm`].
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Parts)?;
        if header.is_empty() || payload.contains('.') || signature.is_empty() {
            return Err(TokenError::Parts);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Encoding);
        let (header, payload) = (decode(header)?, decode(payload)?);
        // Held to the same spelling as the others, before the library decodes it.
        decode(signature)?;
        let algorithm = check_header(&header)?;
        let untrusted = UntrustedToken::new(token).map_err(|_| TokenError::Header)?;
        Ok(Self {
            algorithm,
            kid: untrusted.header().key_id.clone(),
            media_type: untrusted.header().token_type.clone(),
            signed: signed.as_bytes(),
            payload,
            signature: untrusted.signature_bytes().to_vec(),
        })
    }

    /// Returns true if `typ` is this media type; `application/` may be left out (RFC 7515 §4.1.9).
    pub(super) fn is_type(&self, expected: &str) -> bool {
        self.media_type.as_deref().is_some_and(|media_type| {
            let (start, rest) = media_type.split_at_checked(12).unwrap_or(("", media_type));
            let is_prefixed = start.eq_ignore_ascii_case("application/");
            let short = if is_prefixed { rest } else { media_type };
            short.eq_ignore_ascii_case(expected)
        })
    }
}

/// Returns the algorithm of a header that holds nothing unsupported.
fn check_header(header: &[u8]) -> Result<SignatureAlgorithm, TokenError> {
    let members = parse_object(header).ok_or(TokenError::Header)?;
    if EXTENSIONS.iter().any(|name| members.contains_key(*name)) {
        return Err(TokenError::Extension);
    }
    let is_text = |name: &str| members.get(name).is_none_or(Value::is_string);
    if !is_text("kid") || !is_text("typ") {
        return Err(TokenError::Header);
    }
    let algorithm = members.get("alg").and_then(Value::as_str).ok_or(TokenError::Header)?;
    parse_algorithm(algorithm).ok_or(TokenError::Algorithm)
}

/// Parses a JSON object without duplicates, also by escaped names, and of bounded depth.
pub(super) fn parse_object(text: &[u8]) -> Option<Map<String, Value>> {
    match parse_json(std::str::from_utf8(text).ok()?) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn with_header(header: &str) -> String {
        format!("{}.{}.AAAA", encode(header), encode("{}"))
    }

    fn check(token: &str, expect: TokenError) {
        assert_eq!(Jws::parse(token).map(|jws| jws.algorithm), Err(expect), "{token}");
    }

    #[test]
    fn ok_header_members() {
        let token = with_header(
            r#"{"alg":"ES256","typ":"JWT","kid":"1","jku":"https://evil.example/jwks","jwk":{"kty":"oct"},
            "x5u":"https://evil.example/x","x5c":["AA"],"x5t":"AAAAAAAAAAAAAAAAAAAAAAAAAAA","other":{}}"#,
        );
        let jws = Jws::parse(&token).expect("parses");
        assert_eq!((jws.algorithm, jws.kid.as_deref()), (SignatureAlgorithm::Es256, Some("1")));
        assert_eq!((jws.payload.as_slice(), jws.signature.as_slice()), (&b"{}"[..], &[0; 3][..]));
        assert_eq!(jws.signed, token.rsplit_once('.').expect("parts").0.as_bytes());
    }

    #[test]
    fn ok_types_are_media_types() {
        for (typ, expected, is_it) in [
            ("at+jwt", "at+jwt", true),
            ("application/at+jwt", "at+jwt", true),
            ("Application/AT+JWT", "at+jwt", true),
            ("JWT", "at+jwt", false),
            ("at+jwt ", "at+jwt", false),
            ("application/", "at+jwt", false),
            ("äpplication/at+jwt", "at+jwt", false),
            ("jwt", "JWT", true),
        ] {
            let token = with_header(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#));
            assert_eq!(Jws::parse(&token).expect("parses").is_type(expected), is_it, "{typ}");
        }
        let token = with_header(r#"{"alg":"ES256"}"#);
        assert!(!Jws::parse(&token).expect("parses").is_type("JWT"));
    }

    #[test]
    fn err_algorithms_outside_the_list() {
        for alg in ["none", "None", "nOnE", "NONE", "HS256", "HS384", "RS1", "ES256K", "", "es256"]
        {
            check(&with_header(&format!(r#"{{"alg":"{alg}"}}"#)), TokenError::Algorithm);
        }
        for header in ["{}", r#"{"alg":null}"#, r#"{"alg":["ES256"]}"#, r#"{"Alg":"ES256"}"#] {
            check(&with_header(header), TokenError::Header);
        }
    }

    #[test]
    fn err_headers() {
        for header in [
            "[]",
            "",
            "null",
            r#"{"alg":"ES256","alg":"ES256"}"#,
            r#"{"alg":"ES256","\u0061lg":"none"}"#,
            r#"{"alg":"ES256","kid":1}"#,
            r#"{"alg":"ES256","kid":null}"#,
            r#"{"alg":"ES256","typ":{}}"#,
            r#"{"alg":"ES256"} {}"#,
        ] {
            let expect = if header.is_empty() { TokenError::Parts } else { TokenError::Header };
            check(&with_header(header), expect);
        }
        for name in EXTENSIONS {
            for value in ["[\"exp\"]", "[]", "false", "true", "null", "\"A256GCM\""] {
                let header = format!(r#"{{"alg":"ES256","{name}":{value}}}"#);
                check(&with_header(&header), TokenError::Extension);
            }
        }
        let deep = format!(r#"{{"alg":"ES256","a":{}{}}}"#, "[".repeat(4_000), "]".repeat(4_000));
        check(&with_header(&deep), TokenError::Header);
    }

    #[test]
    fn err_structure() {
        let header = encode(r#"{"alg":"ES256"}"#);
        for token in [
            String::new(),
            "a".to_owned(),
            "..".to_owned(),
            header.clone(),
            format!("{header}."),
            format!("{header}.e30"),
            format!("{header}.e30."),
            format!("{header}.e30.AAAA."),
            format!("{header}.e30.AAAA.AAAA.AAAA"),
            format!(".{header}.e30.AAAA"),
            ".e30.AAAA".to_owned(),
        ] {
            check(&token, TokenError::Parts);
        }
        check(&format!("{header}.{}.AAAA", "A".repeat(20_000)), TokenError::TooLong);
        for (payload, signature) in [
            ("e30=", "AAAA"),
            ("e30", "AAA="),
            ("e30", "AB"), // Bits beyond the last byte.
            ("e31", "AAAA"),
            ("e3 0", "AAAA"),
            ("e3+/", "AAAA"),
            ("e30", "A"),
            ("e30\n", "AAAA"),
            ("e30", "AA\u{e4}A"),
        ] {
            check(&format!("{header}.{payload}.{signature}"), TokenError::Encoding);
        }
    }

    proptest! {
        #[test]
        fn never_panics(token in "[a-zA-Z0-9_.=-]{0,80}|\\PC{0,40}", header in "\\PC{0,60}") {
            let _ = Jws::parse(&token);
            let _ = Jws::parse(&with_header(&header));
        }
    }
}
