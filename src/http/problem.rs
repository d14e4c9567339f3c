//! RFC 9457 problem documents: the only place that knows which error is which status. Coarse
//! outside; telemetry is precise.

use serde::Serialize;

use super::response::{Freshness, Header, Response};
use crate::flow::Missing;
use crate::origin::ErrorToken;
use crate::vehicle::VinError;

/// A kind of problem; `/problems/<slug>` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slug {
    /// The text is not a VIN.
    InvalidVin,
    /// The request does not parse, or names something that does not exist.
    InvalidRequest,
    /// The vehicle is unknown.
    UnknownVehicle,
    /// The market is unknown.
    UnknownMarket,
    /// The path is in no route.
    NotFound,
    /// The route needs an authenticated caller.
    SignInRequired,
    /// The credential is good, and does not reach as far as the route needs.
    InsufficientScope,
    /// The act needs a proof that the caller holds the vehicle.
    OwnershipRequired,
    /// A proof is wrong.
    WrongProof,
    /// The claim's time is over.
    ClaimExpired,
    /// No proof of the claim is evaluated now.
    ClaimLocked,
    /// Somebody else holds the vehicle.
    ClaimConflict,
    /// A required origin did not answer in time.
    OriginTimeout,
    /// A required origin's response could not be used.
    OriginFailed,
    /// A required origin cannot be called now.
    OriginUnavailable,
    /// The market's description cannot be read.
    MarketUnavailable,
    /// The body is too long.
    PayloadTooLarge,
    /// The body is of another type.
    UnsupportedMediaType,
    /// The path has other methods.
    MethodNotAllowed,
    /// The client has sent too many requests.
    RateLimited,
    /// The market is served elsewhere.
    Misdirected,
    /// A store or key that the request needs is not available.
    ServiceUnavailable,
    /// Kerbside's own fault.
    Internal,
}

impl Slug {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::InvalidVin,
        Self::InvalidRequest,
        Self::UnknownVehicle,
        Self::UnknownMarket,
        Self::NotFound,
        Self::SignInRequired,
        Self::InsufficientScope,
        Self::OwnershipRequired,
        Self::WrongProof,
        Self::ClaimExpired,
        Self::ClaimLocked,
        Self::ClaimConflict,
        Self::OriginTimeout,
        Self::OriginFailed,
        Self::OriginUnavailable,
        Self::MarketUnavailable,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::MethodNotAllowed,
        Self::RateLimited,
        Self::Misdirected,
        Self::ServiceUnavailable,
        Self::Internal,
    ];

    /// Slug, status and title.
    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::InvalidVin => ("invalid-vin", 422, "This is not a vehicle identification number"),
            Self::InvalidRequest => ("invalid-request", 400, "The request cannot be understood"),
            Self::UnknownVehicle => ("unknown-vehicle", 404, "There is no such vehicle"),
            Self::UnknownMarket => ("unknown-market", 404, "There is no such market"),
            Self::NotFound => ("not-found", 404, "There is nothing at this address"),
            Self::SignInRequired => ("sign-in-required", 401, "Sign in first"),
            Self::InsufficientScope => ("insufficient-scope", 403, "The token does not allow this"),
            Self::OwnershipRequired => {
                ("ownership-required", 403, "Prove that this is your vehicle first")
            }
            Self::WrongProof => ("wrong-proof", 422, "The proof is wrong"),
            Self::ClaimExpired => ("claim-expired", 410, "The claim has expired"),
            Self::ClaimLocked => ("claim-locked", 423, "No proof of this claim is evaluated now"),
            Self::ClaimConflict => ("claim-conflict", 409, "Somebody else holds the vehicle"),
            Self::OriginTimeout => {
                ("origin-timeout", 504, "A source system did not answer in time")
            }
            Self::OriginFailed => ("origin-failed", 502, "A source system gave no usable answer"),
            Self::OriginUnavailable => {
                ("origin-unavailable", 503, "A source system cannot be asked now")
            }
            Self::MarketUnavailable => {
                ("market-unavailable", 503, "This market cannot be served now")
            }
            Self::PayloadTooLarge => ("payload-too-large", 413, "The request body is too long"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", 415, "The request body is of another type")
            }
            Self::MethodNotAllowed => ("method-not-allowed", 405, "This address has other methods"),
            Self::RateLimited => ("rate-limited", 429, "There were too many requests"),
            Self::Misdirected => ("misdirected", 421, "This market is served elsewhere"),
            Self::ServiceUnavailable => ("service-unavailable", 503, "This cannot be done now"),
            Self::Internal => ("internal", 500, "Something went wrong here"),
        }
    }

    /// The last segment of `type`.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }
}

/// A problem on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its kind.
    pub slug: Slug,
    /// Its status, where the kind has several.
    pub status: u16,
    /// A sentence that helps, in English. Never holds what the caller sent.
    pub detail: String,
    /// The mistakes of the request: JSON Pointer and sentence.
    pub errors: Vec<(&'static str, String)>,
    /// The attempts that a claim has left (`wrong-proof`).
    pub attempts_left: Option<u32>,
    /// Its links, if it has any.
    pub links: Option<Box<ProblemLinks>>,
    /// Headers of the response.
    pub headers: Vec<Header>,
    /// The mistake in the VIN, for the page's form.
    pub vin: Option<VinError>,
}

/// RFC 9457 with Kerbside's members.
#[derive(Serialize)]
struct WireProblem<'p> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'p str,
    instance: String,
    request_id: &'p str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WireError<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_left: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<&'p ProblemLinks>,
}

#[derive(Serialize)]
struct WireError<'p> {
    pointer: &'static str,
    detail: &'p str,
}

/// The links of a problem.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ProblemLinks {
    /// The market's address in the region that serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// The sign-in that would help, or a fresher one: a path of this site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<String>,
    /// The status document of the vehicle's ownership, where the caller proves that it is theirs:
    /// a path of this site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ownership: Option<String>,
}

/// Seconds after which a caller should try again where the origin did not say.
const TRY_AGAIN_S: u32 = 5;

impl Problem {
    /// A problem with its kind's usual sentence.
    pub fn new(slug: Slug) -> Self {
        let detail = match slug {
            Slug::UnknownVehicle => {
                "No vehicle of this market has this identifier. Look the vehicle up again by its VIN, and check each character."
            }
            Slug::UnknownMarket => "GET /api/v1/markets lists the markets of this region.",
            Slug::NotFound => "GET /api/v1/openapi.json lists what there is.",
            Slug::MarketUnavailable => {
                "The market's description cannot be read at the moment. Try again in a few seconds."
            }
            Slug::Internal => "This was logged. Try again; if it stays, tell us the request id.",
            _ => "",
        };
        Self::with_detail(slug, detail)
    }

    /// A problem with a sentence of its own.
    pub fn with_detail(slug: Slug, detail: impl Into<String>) -> Self {
        let (_, status, _) = slug.row();
        let mut headers = Vec::new();
        if status == 503 {
            headers.push(("retry-after", TRY_AGAIN_S.to_string().into()));
        }
        Self {
            slug,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            attempts_left: None,
            links: None,
            headers,
            vin: None,
        }
    }

    /// A request that is wrong at one place.
    pub fn invalid(status: u16, pointer: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let errors = vec![(pointer, detail.clone())];
        Self { status, errors, ..Self::with_detail(Slug::InvalidRequest, detail) }
    }

    /// A text that is not a VIN.
    pub fn invalid_vin(error: VinError) -> Self {
        let detail = error.to_string();
        let errors = vec![("/vin", detail.clone())];
        Self { errors, vin: Some(error), ..Self::with_detail(Slug::InvalidVin, detail) }
    }

    /// A method that the path does not have.
    pub fn method_not_allowed(allowed: &[&'static str]) -> Self {
        let with_head = allowed
            .iter()
            .flat_map(|method| if *method == "GET" { vec!["GET", "HEAD"] } else { vec![*method] });
        let allow = with_head.collect::<Vec<_>>().join(", ");
        let mut problem =
            Self::with_detail(Slug::MethodNotAllowed, format!("Allowed here: {allow}."));
        problem.headers.push(("allow", allow.into()));
        problem
    }

    /// A client that has sent too many requests.
    pub fn rate_limited(retry_after_s: u32) -> Self {
        let detail = format!("Wait {retry_after_s} seconds before the next request.");
        Self::with_detail(Slug::RateLimited, detail).with_retry_after(retry_after_s)
    }

    /// An act that needs a proof of ownership; `address` is that of the status document.
    pub fn ownership_required(address: String) -> Self {
        let detail = "This is for the owner of the vehicle. Prove that it is yours first.";
        let links = ProblemLinks { ownership: Some(address), ..ProblemLinks::default() };
        let problem = Self::with_detail(Slug::OwnershipRequired, detail);
        Self { links: Some(Box::new(links)), ..problem }
    }

    /// A market of another region.
    pub fn misdirected(home: Option<String>) -> Self {
        let problem = Self::with_detail(
            Slug::Misdirected,
            "Another region serves this market; links.home says where.",
        );
        let links = home.map(|home| ProblemLinks { home: Some(home), ..ProblemLinks::default() });
        Self { links: links.map(Box::new), ..problem }
    }

    /// A required facet that is missing.
    pub fn missing(missing: &Missing) -> Self {
        let failure = match missing {
            Missing::Pending => return Self::timeout(),
            Missing::Failed(failure) => failure,
        };
        match failure.token {
            ErrorToken::HttpResponseTimeout => Self::timeout(),
            ErrorToken::DestinationUnavailable | ErrorToken::ConnectionLimitReached => {
                let problem = Self::with_detail(
                    Slug::OriginUnavailable,
                    "The system that knows this vehicle cannot be asked at the moment. Try again later.",
                );
                problem.with_retry_after(failure.retry_after_s.unwrap_or(TRY_AGAIN_S))
            }
            ErrorToken::ConnectionRefused | ErrorToken::HttpProtocolError => Self::with_detail(
                Slug::OriginFailed,
                "The system that knows this vehicle gave no usable answer. Try again later.",
            ),
        }
    }

    fn timeout() -> Self {
        let problem = Self::with_detail(
            Slug::OriginTimeout,
            "The system that knows this vehicle is still being asked. Try again in a few seconds: a late answer is kept.",
        );
        problem.with_retry_after(crate::flow::RETRY_AFTER_S)
    }

    /// The problem document.
    pub fn to_json(&self, request_id: &str) -> Response {
        let (slug, _, title) = self.slug.row();
        let errors =
            self.errors.iter().map(|(pointer, detail)| WireError { pointer, detail }).collect();
        let wire = WireProblem {
            r#type: format!("/problems/{slug}"),
            title,
            status: self.status,
            detail: &self.detail,
            instance: format!("urn:uuid:{request_id}"),
            request_id,
            errors,
            attempts_left: self.attempts_left,
            links: self.links.as_deref(),
        };
        let body = serde_json::to_string(&wire).unwrap_or_default(); // OK because it holds texts and numbers only.
        self.dress(Response::new(self.status, "application/problem+json", body))
    }

    /// A session that cannot be read.
    pub fn session_unavailable() -> Self {
        let detail = "Your session cannot be read now. Try again in a few seconds.";
        Self::with_detail(Slug::ServiceUnavailable, detail)
    }

    /// Returns the problem with a challenge (`WWW-Authenticate`, RFC 9110, section 11.6.1).
    #[must_use]
    pub fn with_challenge(mut self, challenge: String) -> Self {
        self.headers.push(("www-authenticate", challenge.into()));
        self
    }

    /// Returns the problem with the seconds after which another try makes sense (`Retry-After`).
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.headers.retain(|(name, _)| *name != "retry-after");
        self.headers.push(("retry-after", seconds.to_string().into()));
        self
    }

    /// Returns the problem with the address of the sign-in that would help.
    #[must_use]
    pub fn with_sign_in(self, address: String) -> Self {
        let links = ProblemLinks { sign_in: Some(address), ..ProblemLinks::default() };
        Self { links: Some(Box::new(links)), ..self }
    }

    /// True for a form whose CSRF token is missing, or belongs to another session.
    pub fn is_stale_form(&self) -> bool {
        self.errors.iter().any(|(pointer, _)| *pointer == "/csrf")
    }

    /// Adds the problem's headers and slug to a response.
    pub fn dress(&self, mut response: Response) -> Response {
        for (name, value) in &self.headers {
            response.set(name, value.clone());
        }
        response.freshness = Freshness::NoStore;
        response.problem = Some(self.slug.as_str());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_every_slug_has_a_page() {
        for slug in Slug::ALL {
            let statuses = crate::pages::SLUGS
                .iter()
                .find(|(known, _)| *known == slug.as_str())
                .map(|(_, s)| *s);
            let status = Problem::new(slug).status.to_string();
            assert!(
                statuses.is_some_and(|known| known.contains(&status)),
                "{} {status}",
                slug.as_str()
            );
        }
    }

    #[test]
    fn ok_document() {
        let response = Problem::invalid_vin(VinError::Length { length: 3 }).to_json("r-1");
        assert_eq!(
            response.body,
            r#"{"type":"/problems/invalid-vin","title":"This is not a vehicle identification number","status":422,"detail":"A VIN has 17 letters and digits; this has 3.","instance":"urn:uuid:r-1","request_id":"r-1","errors":[{"pointer":"/vin","detail":"A VIN has 17 letters and digits; this has 3."}]}"#
        );
    }
}
