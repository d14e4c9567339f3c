//! From a path and a method to a row of the route table, and the checks that the row asks for.

use super::context::Context;
use super::credential::SentCredential;
use super::problem::{Problem, Slug};
use super::route::{Csrf, Route, segments};
use super::routes::routes;
use crate::ports::{RateLimitClass, RateLimitDecision};

/// The route of a path.
pub(super) enum Match {
    /// A row for the path and the method.
    Found(&'static Route),
    /// Rows for the path, with other methods.
    OtherMethods(Vec<&'static str>, &'static Route),
    /// No row.
    Nothing,
}

impl Match {
    /// The row, or one of those with other methods.
    pub(super) fn route(&self) -> Option<&'static Route> {
        match self {
            Self::Found(route) | Self::OtherMethods(_, route) => Some(route),
            Self::Nothing => None,
        }
    }
}

/// Finds the row of a path and a method.
pub(super) fn find(path: &str, method: &str) -> Match {
    let method = if method == "HEAD" { "GET" } else { method };
    let Some(first) = find_path(path) else { return Match::Nothing };
    match rows(first.pattern).find(|row| row.method == method) {
        Some(row) => Match::Found(row),
        None => Match::OtherMethods(rows(first.pattern).map(|row| row.method).collect(), first),
    }
}

/// The rows of a pattern, one a method.
pub(super) fn rows(pattern: &str) -> impl Iterator<Item = &'static Route> {
    routes().filter(move |row| row.pattern == pattern)
}

/// Finds the first row of a path.
fn find_path(path: &str) -> Option<&'static Route> {
    routes().find(|row| segments(row.pattern, path).is_some())
}

/// Refuses a browser's request that another site has made.
///
/// Browsers say so in `Sec-Fetch-Site` and `Origin`; each that is there must name this site. A
/// request with neither is no browser's. A bearer token is never sent by a browser of its own.
///
/// # Errors
/// 400 `invalid-request`.
pub(super) fn check_origin(context: &Context<'_>, rule: Csrf) -> Result<(), Problem> {
    let is_exempt = match rule {
        Csrf::ReadOnly | Csrf::Preflight | Csrf::SignedToken => true,
        Csrf::SameOrigin => false,
        Csrf::Session => matches!(context.credential(), Ok(SentCredential::Bearer(_))),
    };
    if is_exempt || is_same_origin(context) {
        return Ok(());
    }
    let detail = "Another site has sent this form. Open the page here, and send it from there.";
    Err(Problem::with_detail(Slug::InvalidRequest, detail))
}

/// True if neither header names another site. `Origin: null` names none, so it is another one.
fn is_same_origin(context: &Context<'_>) -> bool {
    let incoming = &context.request.incoming;
    let host = context.request.header_or_empty("host");
    let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, name)| name == host);
    let site = incoming.header("sec-fetch-site");
    site.is_none_or(|site| matches!(&*site, "same-origin" | "none"))
        && incoming.header("origin").is_none_or(|origin| is_own(&origin))
}

/// Counts the request in its limit. A client is told apart by its address, which goes to the
/// platform's counter alone.
///
/// # Errors
/// 429 `rate-limited`.
pub(super) async fn check_rate(
    context: &Context<'_>,
    class: Option<RateLimitClass>,
) -> Result<(), Problem> {
    let Some(class) = class else { return Ok(()) };
    let client = context.request.header_or_empty("cf-connecting-ip").into_owned();
    count(context, class, client).await
}

/// Counts the request in a limit under a key.
///
/// # Errors
/// 429 `rate-limited`.
pub(super) async fn count(
    context: &Context<'_>,
    class: RateLimitClass,
    key: String,
) -> Result<(), Problem> {
    match context.ports.rate_limit.check(class, key).await {
        RateLimitDecision::Allowed => Ok(()),
        RateLimitDecision::Limited { retry_after_s } => Err(Problem::rate_limited(retry_after_s)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_paths() {
        for (path, name) in [
            ("/", "/"),
            ("/de", "/{market}"),
            ("/de/", "/{market}/"),
            ("/de/vehicles/x", "/{market}/vehicles/{id}"),
            ("/problems", "/problems/"),
            ("/problems/", "/problems/"),
            ("/problems/invalid-vin", "/problems/{slug}"),
            ("/operator/v1/purges", "/operator/v1/purges"),
            ("/operator/v1/audit", "/operator/v1/audit"),
            ("/api/v1/markets", "/api/v1/markets"),
            ("/api/v1/openapi.json", "/api/v1/openapi.json"),
            ("/api/v1/de", "/api/v1/{market}"),
            ("/api/v1/de/vehicles/x", "/api/v1/{market}/vehicles/{id}"),
            (
                "/api/v1/de/vehicles/x/facets/recalls",
                "/api/v1/{market}/vehicles/{id}/facets/{facet}",
            ),
        ] {
            assert_eq!(find_path(path).map(|row| row.name), Some(name), "{path}");
        }
    }

    #[test]
    fn err_paths_of_nothing() {
        for path in [
            "",
            "//",
            "/api",
            "/api/",
            "/api/v1",
            "/api/v1/",
            "/api/v2/de",
            "/auth/x",
            "/operator",
            "/operator/",
            "/operator/v1/",
            "/operator/v1/x",
            "/operator/v1/purges/",
            "/operator/vehicles/x",
            "/de/vehicles",
            "/de/vehicles/x/",
            "/de/x",
        ] {
            assert!(find_path(path).is_none(), "{path}");
        }
    }

    #[test]
    fn ok_head_is_get_and_other_methods_are_named() {
        assert!(matches!(find("/", "HEAD"), Match::Found(row) if row.method == "GET"));
        let Match::OtherMethods(methods, _) = find("/de/", "PUT") else { panic!("no such method") };
        assert_eq!(methods, ["GET", "POST"]);
        assert!(matches!(find("/api/v1/", "GET"), Match::Nothing));
    }
}
