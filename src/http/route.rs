//! The type of a row of the route table, and how a path matches its pattern.
//!
//! Segments of a path stay percent-encoded; handlers check them.

use futures::future::LocalBoxFuture;

use super::context::Context;
use super::problem::Problem;
use super::response::Response;
use crate::auth::OperatorRole;
use crate::ports::RateLimitClass;

/// A row of the route table.
#[derive(Debug)]
pub struct Route {
    /// The method in upper case; `GET` answers `HEAD` too.
    pub method: &'static str,
    /// The path. A segment in braces matches any one segment.
    pub pattern: &'static str,
    /// The route as telemetry names it (`url.template`).
    pub name: &'static str,
    /// The document that describes the route, or that it is a page.
    pub surface: Surface,
    /// The callers that the route answers.
    pub access: Access,
    /// The scope that a bearer token needs; `None` for rows that take no bearer token.
    pub scope: Option<&'static str>,
    /// The defence against forged requests of other sites.
    pub csrf: Csrf,
    /// Bytes that are read of a request body.
    pub body_limit: usize,
    /// The limit of requests that the route counts in; `None` for reads, which caches and the
    /// flow's own limits protect.
    pub rate_limit: Option<RateLimitClass>,
    /// The handler, given the segments in braces in order.
    pub(super) handler: Handler,
}

/// Segments in braces of one pattern at most.
const MAX_SEGMENTS: usize = 3;

/// Segments of a path, in the order of the pattern's braces; empty texts for those it lacks.
pub(super) type Segments<'a> = [&'a str; MAX_SEGMENTS];

/// A handler.
pub(super) type Handler =
    for<'a> fn(&'a Context<'a>, Segments<'a>) -> LocalBoxFuture<'a, Result<Response, Problem>>;

/// The kind of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// Public API: described by `/api/v1/openapi.json`, fails with problem documents.
    Api,
    /// HTML for people: fails with pages.
    Page,
    /// Operators' API: described by `docs/operator.openapi.json`, fails with problem documents.
    Operator,
}

/// The callers that a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, with the same response: no credential is read.
    Public,
    /// Everybody, with a response that depends on who asks: on the right to a vehicle, or on the
    /// name in a page's header.
    ByRight,
    /// Members of the market.
    Member {
        /// True if the member must have signed in a short time ago (`max_age_s` of the market), in
        /// one of the market's contexts (`acr_values`).
        fresh: bool,
    },
    /// Staff of a market's dealers, by a bearer token of the dealers' own identity provider. The
    /// handler verifies it, because the market's description says how.
    Staff,
    /// Operators with a token that has the role.
    Operator {
        /// The role that the route needs.
        role: OperatorRole,
    },
}

/// The defence of a route against requests that another site makes in a visitor's browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Csrf {
    /// None: the route changes nothing.
    ReadOnly,
    /// A form of this site: a browser's request must come from the same origin.
    SameOrigin,
    /// None: no browser sends such a request for another site without a preflight, because its
    /// media type is JSON, or its token is in a header.
    Preflight,
    /// The act of a person who is signed in: a browser's request must come from the same origin,
    /// and one with a session must carry the session's token, in the form field `csrf` or the
    /// header `X-CSRF-Token`. A bearer token needs neither.
    Session,
    /// None: the body is a token that the identity provider has signed.
    SignedToken,
}

impl Access {
    /// True if the response depends on the credentials of the request.
    pub const fn reads_viewer(self) -> bool {
        matches!(self, Self::ByRight | Self::Member { .. })
    }
}

/// First segments that name no market.
const RESERVED: [&str; 5] = ["", "api", "auth", "assets", "operator"];

/// Matches a path against a pattern, segment by segment.
pub(super) fn segments<'a>(pattern: &str, path: &'a str) -> Option<Segments<'a>> {
    let mut found = [""; MAX_SEGMENTS];
    let mut places = found.iter_mut();
    let mut rest = path.split('/');
    for (place, expected) in pattern.split('/').enumerate() {
        let segment = rest.next()?;
        match expected {
            "{market}" if place == 1 && RESERVED.contains(&segment) => return None,
            "{market}" if segment.is_empty() => return None,
            _ if expected.starts_with('{') => *places.next()? = segment,
            _ if expected == segment => {}
            _ => return None,
        }
    }
    rest.next().is_none().then_some(found)
}

impl Route {
    /// The market's code in a path of this route, as sent.
    pub fn market<'a>(&self, path: &'a str) -> Option<&'a str> {
        let place = self.pattern.split('/').position(|segment| segment == "{market}")?;
        path.split('/').nth(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_segments_in_order() {
        let pattern = "/api/v1/{market}/vehicles/{id}/facets/{facet}";
        let found = segments(pattern, "/api/v1/de/vehicles/x/facets/recalls");
        assert_eq!(found, Some(["de", "x", "recalls"]));
        assert_eq!(segments("/{market}", "/api"), None);
    }
}
