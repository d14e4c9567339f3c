//! A plain match on path segments. What a path is and which verbs it has; nothing else.

/// Where a call goes. Segments are as sent, still percent-encoded and unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/healthz`
    Healthz,
    /// `/readyz`
    Readyz,
    /// `/api/v1/openapi.json`
    OpenApi,
    /// `/api/v1/markets`
    Markets,
    /// `/api/v1/{market}`
    Market {
        /// The market's code.
        market: &'a str,
    },
    /// `/api/v1/{market}/lookups`
    Lookups {
        /// The market's code.
        market: &'a str,
    },
    /// `/api/v1/{market}/vehicles/{id}`
    Vehicle {
        /// The market's code.
        market: &'a str,
        /// The vehicle's id.
        id: &'a str,
    },
    /// `/api/v1/{market}/vehicles/{id}/facets/{facet}`
    Facet {
        /// The market's code.
        market: &'a str,
        /// The vehicle's id.
        id: &'a str,
        /// The facet's name.
        facet: &'a str,
    },
    /// `/operator/v1/…`
    Operator(OperatorRoute),
    /// `/`
    HomePage,
    /// `/{market}/`
    MarketPage {
        /// The market's code.
        market: &'a str,
    },
    /// `/{market}`, which leads to the one with a slash.
    MarketRedirect {
        /// The market's code.
        market: &'a str,
    },
    /// `/{market}/vehicles/{id}`
    VehiclePage {
        /// The market's code.
        market: &'a str,
        /// The vehicle's id.
        id: &'a str,
    },
    /// `/problems/`
    ProblemsPage,
    /// `/problems/{slug}`
    ProblemPage {
        /// The problem's slug.
        slug: &'a str,
    },
}

/// What an operator does; no part of the public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorRoute {
    /// `/operator/v1/purges`
    Purges,
    /// `/operator/v1/erasures`
    Erasures,
    /// `/operator/v1/inspections`
    Inspections,
    /// `/operator/v1/keys`
    Keys,
    /// `/operator/v1/resealings`
    Resealings,
    /// `/operator/v1/audit`
    Audit,
}

/// The route of a path, or nothing.
pub fn route(path: &str) -> Option<Route<'_>> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').take(9).collect();
    Some(match segments.as_slice() {
        [""] => Route::HomePage,
        ["healthz"] => Route::Healthz,
        ["readyz"] => Route::Readyz,
        ["problems"] | ["problems", ""] => Route::ProblemsPage,
        ["problems", slug] => Route::ProblemPage { slug },
        ["api", "v1", "openapi.json"] => Route::OpenApi,
        ["api", "v1", "markets"] => Route::Markets,
        ["api", "v1", "", ..] => return None,
        ["api", "v1", market] => Route::Market { market },
        ["api", "v1", market, "lookups"] => Route::Lookups { market },
        ["api", "v1", market, "vehicles", id] => Route::Vehicle { market, id },
        ["api", "v1", market, "vehicles", id, "facets", facet] => {
            Route::Facet { market, id, facet }
        }
        ["operator", "v1", what] => Route::Operator(OperatorRoute::of(what)?),
        ["" | "api" | "auth" | "assets" | "operator", ..] => return None,
        [market] => Route::MarketRedirect { market },
        [market, ""] => Route::MarketPage { market },
        [market, "vehicles", id] => Route::VehiclePage { market, id },
        _ => return None,
    })
}

impl OperatorRoute {
    fn of(segment: &str) -> Option<Self> {
        Some(match segment {
            "purges" => Self::Purges,
            "erasures" => Self::Erasures,
            "inspections" => Self::Inspections,
            "keys" => Self::Keys,
            "resealings" => Self::Resealings,
            "audit" => Self::Audit,
            _ => return None,
        })
    }

    fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Purges => &["GET", "POST"],
            Self::Keys | Self::Audit => &["GET"],
            Self::Erasures | Self::Inspections | Self::Resealings => &["POST"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Purges => "/operator/v1/purges",
            Self::Erasures => "/operator/v1/erasures",
            Self::Inspections => "/operator/v1/inspections",
            Self::Keys => "/operator/v1/keys",
            Self::Resealings => "/operator/v1/resealings",
            Self::Audit => "/operator/v1/audit",
        }
    }
}

impl Route<'_> {
    /// The verbs of the route; `HEAD` goes with `GET`.
    pub fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Lookups { .. } => &["POST"],
            Self::MarketPage { .. } => &["GET", "POST"],
            Self::Operator(route) => route.methods(),
            _ => &["GET"],
        }
    }

    /// The market's code, as sent.
    pub fn market(&self) -> Option<&str> {
        match self {
            Self::Market { market }
            | Self::Lookups { market }
            | Self::Vehicle { market, .. }
            | Self::Facet { market, .. }
            | Self::MarketPage { market }
            | Self::MarketRedirect { market }
            | Self::VehiclePage { market, .. } => Some(market),
            _ => None,
        }
    }

    /// The route as telemetry names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
            Self::OpenApi => "/api/v1/openapi.json",
            Self::Markets => "/api/v1/markets",
            Self::Market { .. } => "/api/v1/{market}",
            Self::Lookups { .. } => "/api/v1/{market}/lookups",
            Self::Vehicle { .. } => "/api/v1/{market}/vehicles/{id}",
            Self::Facet { .. } => "/api/v1/{market}/vehicles/{id}/facets/{facet}",
            Self::Operator(route) => route.name(),
            Self::HomePage => "/",
            Self::MarketPage { .. } => "/{market}/",
            Self::MarketRedirect { .. } => "/{market}",
            Self::VehiclePage { .. } => "/{market}/vehicles/{id}",
            Self::ProblemsPage => "/problems/",
            Self::ProblemPage { .. } => "/problems/{slug}",
        }
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
            assert_eq!(route(path).as_ref().map(Route::name), Some(name), "{path}");
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
            assert_eq!(route(path), None, "{path}");
        }
    }
}
