//! The route table: one row for each method of each path, in one file a surface.
//!
//! Everything that is checked before a handler runs stands in its row: access, the CSRF rule, the
//! body limit and the rate limit. The first pattern that matches a path is its route, so that
//! fixed paths stand above `{market}`.

mod api;
mod auth;
mod class;
mod operator;
mod ownership;
mod pages;

use super::route::Route;

/// The rows of each surface. Those of cached documents come first: a path is looked for in this
/// order.
static TABLES: [&[Route]; 5] =
    [api::API, operator::OPERATOR, auth::SIGN_IN, pages::PAGES, ownership::OWNERSHIP];

/// All routes.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    TABLES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::route::{Access, Csrf, Surface};

    fn described(contract: &str, route: &Route) -> bool {
        let contract: Value = serde_json::from_str(contract).expect("JSON");
        let paths = contract.get("paths").and_then(|paths| paths.get(route.pattern));
        paths.is_some_and(|methods| methods.get(route.method.to_lowercase()).is_some())
    }

    #[test]
    fn ok_each_route_is_in_its_contract_or_is_a_page() {
        for route in routes() {
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
        for route in routes() {
            let Access::Operator { role } = route.access else { continue };
            let operation = &contract["paths"][route.pattern][route.method.to_lowercase()];
            let security = serde_json::json!([{ "token": [role.as_str()] }]);
            assert_eq!(operation["security"], security, "{} {}", route.method, route.pattern);
        }
    }

    #[test]
    fn ok_each_route_that_changes_something_has_a_csrf_rule_and_a_rate_limit() {
        for route in routes() {
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
        for class in routes().filter_map(|route| route.rate_limit) {
            let binding = format!("name = \"{}\"", class.binding);
            let period = format!("period = {}", class.period_s);
            let lines = wrangler.lines().filter(|line| line.contains(&binding));
            let fitting = lines.filter(|line| line.contains(&period));
            assert_eq!(fitting.count(), regions, "{}", class.binding);
        }
    }

    #[test]
    fn ok_access_fits_the_path() {
        for route in routes() {
            let path = route.pattern;
            let is_operators = matches!(route.access, Access::Operator { .. });
            assert_eq!(path.starts_with("/operator/"), is_operators, "{path}");
            assert_eq!(route.surface == Surface::Operator, is_operators, "{path}");
            let is_vehicles = path.contains("/vehicles/{id}") && !path.contains("/ownership");
            assert!(!is_vehicles || route.access == Access::ByRight, "{path}");
            // Claims are of members; the contact on record objects without an account.
            let is_claims = path.contains("/{id}/ownership") && !path.ends_with("/objection");
            let is_members = matches!(route.access, Access::Member { .. });
            assert!(!is_claims || is_members, "{path}");
            // The API asks for a fresh sign-in by its row, pages by their handler.
            let is_act = is_claims && route.method != "GET" && route.surface == Surface::Api;
            assert!(!is_act || route.access == Access::Member { fresh: true }, "{path}");
            // A person is known in a market alone.
            assert!(!route.access.reads_viewer() || path.contains("{market}"), "{path}");
            // The API takes bearer tokens wherever it looks at the caller; pages never do.
            let takes_bearer = route.access.reads_viewer() && route.surface == Surface::Api;
            assert_eq!(route.scope.is_some(), takes_bearer, "{path}");
        }
    }

    #[test]
    fn ok_no_row_is_there_twice() {
        let mut rows: Vec<_> = routes().map(|route| (route.pattern, route.method)).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), routes().count());
    }
}
