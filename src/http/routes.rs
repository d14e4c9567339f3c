//! The route table: one row for each method of each path.
//!
//! Everything that is checked before a handler runs stands in its row: access, the CSRF rule, the
//! body limit and the rate limit. The first pattern that matches a path is its route, so that
//! fixed paths stand above `{market}`.

use std::future::ready;

use futures::FutureExt as _;

use super::account;
use super::auth;
use super::operator::{audit, erasures, inspections, keys, purges};
use super::route::{Access, Csrf, Route, Surface};
use super::site;
use super::v1::{self, health, lookups, markets, me, session, vehicles};
use crate::auth::OperatorRole;
use crate::ports::RateLimitClass;

/// Look-ups of VINs. They ask no origin, but each costs cryptography.
const LOOKUPS: RateLimitClass = RateLimitClass { binding: "LOOKUP_LIMIT", period_s: 60 };
/// Requests of operators, counted before their token is checked.
const OPERATORS: RateLimitClass = RateLimitClass { binding: "OPERATOR_LIMIT", period_s: 60 };

/// Sign-in and what a person does with their own data.
const AUTH: RateLimitClass = RateLimitClass { binding: "AUTH_LIMIT", period_s: 60 };

/// Back-channel log-outs: a provider sends those of all people from few addresses.
const LOGOUTS: RateLimitClass = RateLimitClass { binding: "LOGOUT_LIMIT", period_s: 60 };

/// The scope of bearer tokens that look vehicles up and read them.
const READ_VEHICLES: Option<&str> = Some("vehicles:read");
/// The scope of bearer tokens that read what is stored about their person.
const READ_PERSON: Option<&str> = Some("person:read");
/// The scope of bearer tokens that erase it.
const ERASE_PERSON: Option<&str> = Some("person:erase");
/// Operators who act on what is cached.
const CACHE: Access = Access::Operator { role: OperatorRole::Cache };
/// Operators who act on personal data, and read of acts on it.
const PRIVACY: Access = Access::Operator { role: OperatorRole::Privacy };

/// Bytes of a request body: a VIN with much around it.
const MAX_BODY: usize = 16 * 1024;
/// Bytes of a log-out: a token of 16 KiB in a form.
const MAX_LOGOUT: usize = 20 * 1024;

/// All routes.
pub static ROUTES: &[Route] = &[
    Route {
        method: "GET",
        pattern: "/healthz",
        name: "/healthz",
        surface: Surface::Api,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |_, _| ready(Ok(health::healthz())).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/readyz",
        name: "/readyz",
        surface: Surface::Api,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, _| health::readyz(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/api/v1/openapi.json",
        name: "/api/v1/openapi.json",
        surface: Surface::Api,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, _| v1::openapi(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/api/v1/markets",
        name: "/api/v1/markets",
        surface: Surface::Api,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, _| markets::list(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/api/v1/{market}",
        name: "/api/v1/{market}",
        surface: Surface::Api,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, ..]| markets::one(context, market).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/api/v1/{market}/lookups",
        name: "/api/v1/{market}/lookups",
        surface: Surface::Api,
        access: Access::ByRight,
        scope: READ_VEHICLES,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(LOOKUPS),
        handler: |context, [market, ..]| lookups::create(context, market).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/api/v1/{market}/vehicles/{id}",
        name: "/api/v1/{market}/vehicles/{id}",
        surface: Surface::Api,
        access: Access::ByRight,
        scope: READ_VEHICLES,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, id, _]| vehicles::document(context, market, id).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/api/v1/{market}/vehicles/{id}/facets/{facet}",
        name: "/api/v1/{market}/vehicles/{id}/facets/{facet}",
        surface: Surface::Api,
        access: Access::ByRight,
        scope: READ_VEHICLES,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, id, facet]| {
            vehicles::facet(context, market, id, facet).boxed_local()
        },
    },
    Route {
        method: "GET",
        pattern: "/api/v1/{market}/session",
        name: "/api/v1/{market}/session",
        surface: Surface::Api,
        access: Access::ByRight,
        scope: READ_VEHICLES,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, _| ready(session::session(context)).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/api/v1/{market}/me/export",
        name: "/api/v1/{market}/me/export",
        surface: Surface::Api,
        access: Access::Member { fresh: true },
        scope: READ_PERSON,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: Some(AUTH),
        handler: |context, _| me::export(context).boxed_local(),
    },
    Route {
        method: "DELETE",
        pattern: "/api/v1/{market}/me",
        name: "/api/v1/{market}/me",
        surface: Surface::Api,
        access: Access::Member { fresh: true },
        scope: ERASE_PERSON,
        csrf: Csrf::Session,
        body_limit: 0,
        rate_limit: Some(AUTH),
        handler: |context, _| me::erase(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/operator/v1/purges",
        name: "/operator/v1/purges",
        surface: Surface::Operator,
        access: CACHE,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: Some(OPERATORS),
        handler: |context, _| purges::list(context).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/operator/v1/purges",
        name: "/operator/v1/purges",
        surface: Surface::Operator,
        access: CACHE,
        scope: None,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(OPERATORS),
        handler: |context, _| purges::create(context).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/operator/v1/erasures",
        name: "/operator/v1/erasures",
        surface: Surface::Operator,
        access: PRIVACY,
        scope: None,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(OPERATORS),
        handler: |context, _| erasures::create(context).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/operator/v1/inspections",
        name: "/operator/v1/inspections",
        surface: Surface::Operator,
        access: CACHE,
        scope: None,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(OPERATORS),
        handler: |context, _| inspections::create(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/operator/v1/keys",
        name: "/operator/v1/keys",
        surface: Surface::Operator,
        access: PRIVACY,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: Some(OPERATORS),
        handler: |context, _| keys::list(context).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/operator/v1/resealings",
        name: "/operator/v1/resealings",
        surface: Surface::Operator,
        access: PRIVACY,
        scope: None,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(OPERATORS),
        handler: |context, _| keys::reseal(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/operator/v1/audit",
        name: "/operator/v1/audit",
        surface: Surface::Operator,
        access: PRIVACY,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: Some(OPERATORS),
        handler: |context, _| audit::list(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/auth/{market}/sign-in",
        name: "/auth/{market}/sign-in",
        surface: Surface::Page,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: Some(AUTH),
        handler: |context, [market, ..]| auth::sign_in(context, market).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/auth/{market}/callback",
        name: "/auth/{market}/callback",
        surface: Surface::Page,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: Some(AUTH),
        handler: |context, [market, ..]| auth::callback(context, market).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/auth/{market}/sign-out",
        name: "/auth/{market}/sign-out",
        surface: Surface::Page,
        access: Access::ByRight,
        scope: None,
        csrf: Csrf::Session,
        body_limit: MAX_BODY,
        rate_limit: Some(AUTH),
        handler: |context, [market, ..]| auth::sign_out(context, market).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/auth/{market}/signed-out",
        name: "/auth/{market}/signed-out",
        surface: Surface::Page,
        access: Access::ByRight,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, ..]| auth::signed_out(context, market).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/auth/{market}/backchannel-logout",
        name: "/auth/{market}/backchannel-logout",
        surface: Surface::Api,
        access: Access::Public,
        scope: None,
        csrf: Csrf::SignedToken,
        body_limit: MAX_LOGOUT,
        rate_limit: Some(LOGOUTS),
        handler: |context, [market, ..]| auth::backchannel_logout(context, market).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/",
        name: "/",
        surface: Surface::Page,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, _| site::home(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/problems",
        name: "/problems/",
        surface: Surface::Page,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, _| ready(site::problems(context)).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/problems/",
        name: "/problems/",
        surface: Surface::Page,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, _| ready(site::problems(context)).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/problems/{slug}",
        name: "/problems/{slug}",
        surface: Surface::Page,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [slug, ..]| ready(site::problem_type(context, slug)).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/{market}",
        name: "/{market}",
        surface: Surface::Page,
        access: Access::Public,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, ..]| ready(site::with_slash(context, market)).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/{market}/",
        name: "/{market}/",
        surface: Surface::Page,
        access: Access::ByRight,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, ..]| site::market(context, market).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/{market}/",
        name: "/{market}/",
        surface: Surface::Page,
        access: Access::ByRight,
        scope: None,
        csrf: Csrf::SameOrigin,
        body_limit: MAX_BODY,
        rate_limit: Some(LOOKUPS),
        handler: |context, [market, ..]| site::look_up(context, market).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/{market}/vehicles/{id}",
        name: "/{market}/vehicles/{id}",
        surface: Surface::Page,
        access: Access::ByRight,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, id, _]| site::vehicle(context, market, id).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/{market}/account",
        name: "/{market}/account",
        surface: Surface::Page,
        access: Access::Member { fresh: false },
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, ..]| account::show(context, market).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/{market}/account/erasure",
        name: "/{market}/account/erasure",
        surface: Surface::Page,
        access: Access::ByRight,
        scope: None,
        csrf: Csrf::Session,
        body_limit: MAX_BODY,
        rate_limit: Some(AUTH),
        handler: |context, [market, ..]| account::erase(context, market).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/{market}/account/erased",
        name: "/{market}/account/erased",
        surface: Surface::Page,
        access: Access::ByRight,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: None,
        handler: |context, [market, ..]| account::erased(context, market).boxed_local(),
    },
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn described(contract: &str, route: &Route) -> bool {
        let contract: Value = serde_json::from_str(contract).expect("JSON");
        let paths = contract.get("paths").and_then(|paths| paths.get(route.pattern));
        paths.is_some_and(|methods| methods.get(route.method.to_lowercase()).is_some())
    }

    #[test]
    fn ok_each_route_is_in_its_contract_or_is_a_page() {
        for route in ROUTES {
            let contract = match route.surface {
                Surface::Page => continue,
                Surface::Api => include_str!("../../site/public/api/v1/openapi.json"),
                Surface::Operator => include_str!("../../docs/operator.openapi.json"),
            };
            assert!(described(contract, route), "{} {}", route.method, route.pattern);
        }
    }

    #[test]
    fn ok_the_operators_contract_names_the_role_of_each_route() {
        let contract: Value =
            serde_json::from_str(include_str!("../../docs/operator.openapi.json")).expect("JSON");
        for route in ROUTES {
            let Access::Operator { role } = route.access else { continue };
            let operation = &contract["paths"][route.pattern][route.method.to_lowercase()];
            let security = serde_json::json!([{ "token": [role.as_str()] }]);
            assert_eq!(operation["security"], security, "{} {}", route.method, route.pattern);
        }
    }

    #[test]
    fn ok_each_route_that_changes_something_has_a_csrf_rule_and_a_rate_limit() {
        for route in ROUTES {
            let name = format!("{} {}", route.method, route.pattern);
            let changes = !matches!(route.method, "GET" | "HEAD");
            assert_eq!(changes, route.csrf != Csrf::ReadOnly, "{name}");
            let has_body = changes && route.method != "DELETE";
            assert_eq!(has_body, route.body_limit > 0, "{name}");
            assert!(!changes || route.rate_limit.is_some(), "{name}");
            // A form needs no preflight, so that another site could send it.
            let is_form = changes && route.surface == Surface::Page;
            let is_guarded =
                matches!(route.csrf, Csrf::SameOrigin | Csrf::Session | Csrf::SignedToken);
            assert!(!is_form || is_guarded, "{name}");
            // The acts of a member are never another site's.
            let is_members = matches!(route.access, Access::Member { .. });
            assert!(!(changes && is_members) || route.csrf == Csrf::Session, "{name}");
        }
    }

    #[test]
    fn ok_each_rate_limit_has_its_binding_in_each_region() {
        let wrangler = include_str!("../../wrangler.toml");
        let regions = wrangler.matches("REGIONS = ").count();
        for class in ROUTES.iter().filter_map(|route| route.rate_limit) {
            let binding = format!("name = \"{}\"", class.binding);
            let period = format!("period = {}", class.period_s);
            let lines = wrangler.lines().filter(|line| line.contains(&binding));
            let fitting = lines.filter(|line| line.contains(&period));
            assert_eq!(fitting.count(), regions, "{}", class.binding);
        }
    }

    #[test]
    fn ok_access_fits_the_path() {
        for route in ROUTES {
            let path = route.pattern;
            let is_operators = matches!(route.access, Access::Operator { .. });
            assert_eq!(path.starts_with("/operator/"), is_operators, "{path}");
            assert_eq!(route.surface == Surface::Operator, is_operators, "{path}");
            assert!(!path.contains("/vehicles/{id}") || route.access == Access::ByRight, "{path}");
            // A person is known in a market alone.
            assert!(!route.access.reads_viewer() || path.contains("{market}"), "{path}");
            // The API takes bearer tokens wherever it looks at the caller; pages never do.
            let takes_bearer = route.access.reads_viewer() && route.surface == Surface::Api;
            assert_eq!(route.scope.is_some(), takes_bearer, "{path}");
        }
    }

    #[test]
    fn ok_no_row_is_there_twice() {
        let mut rows: Vec<_> = ROUTES.iter().map(|route| (route.pattern, route.method)).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), ROUTES.len());
    }
}
