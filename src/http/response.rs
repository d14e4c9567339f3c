//! A response, free of any platform's types, and the one place that writes `Cache-Control` and
//! `Vary`.

use std::borrow::Cow;
use std::fmt;

use futures::stream::LocalBoxStream;

use crate::pages::CONTENT_SECURITY_POLICY;
use crate::text::push_number;

/// A body that is sent in parts: server-sent events.
pub struct EventStream(pub LocalBoxStream<'static, String>);

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}

/// A header's name, in lower case, and its value.
pub type Header = (&'static str, Cow<'static, str>);

/// Typical size in bytes of a response's headers and log line. A body buffer with this much room
/// behind the body takes them without a copy.
pub const HEAD_BYTES: usize = 2_048;

/// Initial capacity of the header list: most responses have fewer.
const HEADER_CAPACITY: usize = 20;

/// The security headers of every response. `site/public/_headers` sets the same on static files,
/// which a test holds; pages replace the policy by their own.
pub const SECURITY_HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
];

/// Lifetime of a response in caches (RFC 9111, RFC 5861).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// `no-store`.
    #[default]
    NoStore,
    /// `private, no-store`: the response is one caller's.
    Private,
    /// `public, max-age`: the response is the same for everybody who sends the same `Vary` headers.
    Public {
        /// Seconds from the origin's answer on.
        max_age_s: i64,
    },
    /// `public, max-age` with times for stale responses.
    Facets {
        /// Seconds from the origin's answer on.
        max_age_s: i64,
        /// Further seconds during which it may be served while it is refreshed.
        stale_while_revalidate_s: i64,
        /// Further seconds during which it may be served while the origin fails.
        stale_if_error_s: i64,
    },
}

/// The parts of a request, beside its address, that its response depends on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DependsOn {
    /// The viewer: the route reads credentials, if there are any.
    pub(super) viewer: bool,
    /// A credential that was sent.
    pub(super) credential: bool,
    /// The header `Origin`.
    pub(super) origin: bool,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers in order. A name occurs several times where it was appended (`set-cookie`).
    pub headers: Vec<Header>,
    /// The body in UTF-8. Sent for every method but `HEAD`.
    pub body: String,
    /// The events that follow the body. Dropping them stops no origin call.
    pub events: Option<EventStream>,
    /// The problem's slug, for telemetry.
    pub problem: Option<&'static str>,
    /// True if the flow took its fast path; such responses are sampled in the log.
    pub is_fast_path: bool,
    /// The lifetime in caches, as the handler states it.
    pub freshness: Freshness,
    /// The request headers that select the response; empty for none.
    pub vary: &'static str,
}

impl Response {
    /// Makes a response with a body.
    pub fn new(status: u16, content_type: &'static str, body: String) -> Self {
        let mut response = Self { body, ..Self::without_body(status) };
        response.append("content-type", content_type);
        response
    }

    /// Makes a response without a body.
    pub fn without_body(status: u16) -> Self {
        Self {
            status,
            headers: Vec::with_capacity(HEADER_CAPACITY),
            body: String::new(),
            events: None,
            problem: None,
            is_fast_path: false,
            freshness: Freshness::NoStore,
            vary: "",
        }
    }

    /// Makes a response of server-sent events.
    pub fn events(events: LocalBoxStream<'static, String>) -> Self {
        let mut response = Self::new(200, "text/event-stream", String::new());
        response.events = Some(EventStream(events));
        response.with_freshness(Freshness::Private)
    }

    /// Makes an HTML page.
    pub fn html(status: u16, body: String) -> Self {
        let mut response = Self::new(status, "text/html; charset=utf-8", body);
        response.append("content-security-policy", CONTENT_SECURITY_POLICY);
        response
    }

    /// Makes an API document.
    pub fn json(status: u16, body: String) -> Self {
        Self::new(status, "application/json", body)
    }

    /// Makes a redirect to another address with GET.
    pub fn see_other(location: String) -> Self {
        let mut response = Self::without_body(303);
        response.append("location", location);
        response
    }

    /// Sets a header: replaces all of the same name.
    pub fn set(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.retain(|(other, _)| *other != name);
        self.append(name, value);
    }

    /// Appends a header: others of the same name stay.
    pub fn append(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.headers.push((name, value.into()));
    }

    /// Returns the response with another lifetime in caches.
    #[must_use]
    pub fn with_freshness(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// Returns the response with the request headers that select it, comma-separated.
    #[must_use]
    pub fn with_vary(mut self, names: &'static str) -> Self {
        self.vary = names;
        self
    }

    /// Writes `Cache-Control` and `Vary`. A response that depended on a credential, even a refused
    /// one, is `private, no-store`, whatever `freshness` says.
    pub(super) fn caching(&mut self, depends_on: DependsOn) {
        let freshness = if depends_on.credential { Freshness::Private } else { self.freshness };
        self.set("cache-control", freshness.to_cache_control());
        let mut vary = Cow::Borrowed(self.vary);
        let viewer = depends_on.viewer.then_some(["Cookie", "Authorization"]);
        let origin = depends_on.origin.then_some("Origin");
        for name in viewer.into_iter().flatten().chain(origin) {
            if !vary.contains(name) {
                let comma = if vary.is_empty() { "" } else { ", " };
                vary.to_mut().push_str(comma);
                vary.to_mut().push_str(name);
            }
        }
        if !vary.is_empty() {
            self.set("vary", vary);
        }
    }

    /// Appends the security headers of every response that it does not have yet: a page has a
    /// policy of its own.
    pub(super) fn secure(&mut self) {
        for (name, value) in SECURITY_HEADERS {
            if !self.headers.iter().any(|(other, _)| *other == name) {
                self.append(name, value);
            }
        }
    }

    /// Makes the response to a request that no handler can take.
    pub fn emergency() -> Self {
        let mut response = Self::new(500, "text/plain", "INTERNAL SERVER ERROR".to_owned());
        response.secure();
        response.caching(DependsOn::default());
        response
    }
}

impl Freshness {
    /// The value of `Cache-Control`.
    fn to_cache_control(self) -> Cow<'static, str> {
        let directives = match self {
            Self::NoStore => return Cow::Borrowed("no-store"),
            Self::Private => return Cow::Borrowed("private, no-store"),
            Self::Public { max_age_s } => &[("public, max-age=", max_age_s)][..],
            Self::Facets { max_age_s, stale_while_revalidate_s, stale_if_error_s } => &[
                ("public, max-age=", max_age_s),
                (", stale-while-revalidate=", stale_while_revalidate_s),
                (", stale-if-error=", stale_if_error_s),
            ],
        };
        let mut value = String::with_capacity(96);
        for (directive, seconds) in directives {
            value.push_str(directive);
            push_number(&mut value, *seconds);
        }
        Cow::Owned(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Freshness = Freshness::Public { max_age_s: 3600 };

    fn values<'r>(response: &'r Response, name: &str) -> Vec<&'r str> {
        let named = response.headers.iter().filter(|(known, _)| *known == name);
        named.map(|(_, value)| &**value).collect()
    }

    #[test]
    fn ok_set_replaces_and_append_adds() {
        let mut response = Response::without_body(204);
        response.append("set-cookie", "a=1");
        response.append("set-cookie", "b=2");
        response.set("etag", "\"1\"");
        response.set("etag", "\"2\"");
        assert_eq!(values(&response, "set-cookie"), ["a=1", "b=2"]);
        assert_eq!(values(&response, "etag"), ["\"2\""]);
    }

    fn caching(freshness: Freshness, vary: &'static str, depends_on: DependsOn) -> Response {
        let mut response = Response::without_body(200).with_vary(vary).with_freshness(freshness);
        response.caching(depends_on);
        response
    }

    #[test]
    fn ok_every_response_has_each_security_header_once() {
        let mut with_own = Response::html(200, String::new());
        with_own.append("referrer-policy", "no-referrer");
        let events = Box::pin(futures::stream::empty());
        let responses = [
            Response::json(200, "{}".to_owned()),
            Response::without_body(304),
            Response::see_other("/de/".to_owned()),
            Response::events(events),
            with_own,
        ];
        for mut response in responses {
            response.secure();
            for (name, value) in SECURITY_HEADERS {
                let found = values(&response, name);
                let is_own = found != [value];
                let has_own = matches!(name, "content-security-policy" | "referrer-policy");
                assert!(found.len() == 1 && (!is_own || has_own), "{name}: {found:?}");
            }
        }
        let emergency = Response::emergency();
        assert_eq!(values(&emergency, "cache-control"), ["no-store"]);
        assert_eq!(values(&emergency, "x-content-type-options"), ["nosniff"]);
        assert_eq!(emergency.status, 500);
    }

    #[test]
    fn ok_policies_load_nothing_from_elsewhere_and_run_nothing_inline() {
        let [(_, of_data), ..] = SECURITY_HEADERS;
        for policy in [of_data, CONTENT_SECURITY_POLICY] {
            let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
            for needed in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
                assert!(directives.contains(&needed), "{needed}: {policy}");
            }
            assert!(
                policy.contains("form-action '"),
                "default-src does not stand for it: {policy}"
            );
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        }
    }

    #[test]
    fn ok_static_files_have_the_same_security_headers() {
        let rules = include_str!("../../site/public/_headers");
        let all = rules.split("\n/").find(|rule| rule.starts_with("*\n")).expect("a rule for all");
        let lines = all.lines().skip(1).filter_map(|line| line.trim().split_once(": "));
        let mut found: Vec<_> =
            lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        found.sort();
        let expected: Vec<_> = SECURITY_HEADERS
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn ok_caching_of_anybodys_response_is_what_the_handler_says() {
        let facets =
            Freshness::Facets { max_age_s: 60, stale_while_revalidate_s: 30, stale_if_error_s: 0 };
        for (freshness, expected) in [
            (Freshness::NoStore, "no-store"),
            (Freshness::Private, "private, no-store"),
            (HOUR, "public, max-age=3600"),
            (facets, "public, max-age=60, stale-while-revalidate=30, stale-if-error=0"),
        ] {
            let response = caching(freshness, "Accept", DependsOn::default());
            assert_eq!(values(&response, "cache-control"), [expected]);
            assert_eq!(values(&response, "vary"), ["Accept"]);
        }
    }

    #[test]
    fn ok_a_response_to_a_credential_is_never_stored() {
        for freshness in [Freshness::NoStore, Freshness::Private, HOUR] {
            let depends_on = DependsOn { credential: true, ..DependsOn::default() };
            let response = caching(freshness, "", depends_on);
            assert_eq!(values(&response, "cache-control"), ["private, no-store"]);
        }
    }

    #[test]
    fn ok_vary_names_what_selects_the_response_once() {
        let viewer = DependsOn { viewer: true, ..DependsOn::default() };
        let both = DependsOn { origin: true, ..viewer };
        for (vary, depends_on, expected) in [
            ("", viewer, "Cookie, Authorization"),
            ("Cookie, Accept", viewer, "Cookie, Accept, Authorization"),
            ("Cookie, Authorization, Accept", viewer, "Cookie, Authorization, Accept"),
            ("Accept", both, "Accept, Cookie, Authorization, Origin"),
        ] {
            let response = caching(HOUR, vary, depends_on);
            assert_eq!(values(&response, "vary"), [expected]);
        }
        assert!(values(&caching(HOUR, "", DependsOn::default()), "vary").is_empty());
    }
}
