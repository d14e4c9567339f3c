//! Scripted responses of origins and of the HTTP client.

use crate::ports::http_client::{HttpError, HttpRequest, HttpResponse};
use crate::ports::origin_http::{OriginHttpError, OriginRequest, OriginResponse};

/// A scripted outcome and the milliseconds until it is there.
#[derive(Clone)]
pub struct Scripted<Outcome> {
    /// Milliseconds until the response.
    pub after_ms: u32,
    /// The response or the failure.
    pub outcome: Outcome,
}

/// The scripted response of an origin.
pub type ScriptedResponse = Scripted<Result<OriginResponse, OriginHttpError>>;
/// The scripted response of a service that is no origin.
pub type ScriptedHttpResponse = Scripted<Result<HttpResponse, HttpError>>;

pub(super) type OriginScript = dyn Fn(&OriginRequest) -> ScriptedResponse;
pub(super) type HttpScript = dyn Fn(&HttpRequest) -> ScriptedHttpResponse;

impl<Outcome> Scripted<Outcome> {
    /// Returns the same outcome at another time.
    #[must_use]
    pub fn after(mut self, milliseconds: u32) -> Self {
        self.after_ms = milliseconds;
        self
    }
}

impl ScriptedResponse {
    /// Makes a 200 with a body.
    pub fn ok(content_type: &str, body: &str) -> Self {
        Self::status(200, content_type, body)
    }

    /// Makes a response of any status.
    pub fn status(status: u16, content_type: &str, body: &str) -> Self {
        let response = OriginResponse {
            status,
            content_type: Some(content_type.to_owned()),
            retry_after: None,
            body: body.as_bytes().to_vec(),
        };
        Self { after_ms: 20, outcome: Ok(response) }
    }

    /// Makes a failure.
    pub fn failure(error: OriginHttpError) -> Self {
        Self { after_ms: 20, outcome: Err(error) }
    }
}

impl ScriptedHttpResponse {
    /// Makes a response of any status; header names in lower case.
    pub fn http(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let response =
            HttpResponse { status, headers: headers.collect(), body: body.as_bytes().to_vec() };
        Self { after_ms: 20, outcome: Ok(response) }
    }

    /// Makes a failure.
    pub fn http_failure(error: HttpError) -> Self {
        Self { after_ms: 20, outcome: Err(error) }
    }
}
