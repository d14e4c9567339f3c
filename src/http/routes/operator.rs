//! Rows of operators: `/operator/v1`.

use futures::FutureExt as _;

use super::class::{MAX_BODY, OPERATORS};
use crate::auth::OperatorRole;
use crate::http::operator::{audit, erasures, inspections, keys, purges, rights};
use crate::http::route::{Access, Csrf, Route, Surface};

/// Operators who act on what is cached.
const CACHE: Access = Access::Operator { role: OperatorRole::Cache };
/// Operators who act on personal data, and read of acts on it.
const PRIVACY: Access = Access::Operator { role: OperatorRole::Privacy };
/// Operators who end rights and switch methods of proof.
const RIGHTS: Access = Access::Operator { role: OperatorRole::Rights };

/// The rows.
pub(super) static OPERATOR: &[Route] = &[
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
        method: "POST",
        pattern: "/operator/v1/revocations",
        name: "/operator/v1/revocations",
        surface: Surface::Operator,
        access: RIGHTS,
        scope: None,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(OPERATORS),
        handler: |context, _| rights::revoke(context).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/operator/v1/ownership/inspections",
        name: "/operator/v1/ownership/inspections",
        surface: Surface::Operator,
        access: RIGHTS,
        scope: None,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(OPERATORS),
        handler: |context, _| rights::inspect(context).boxed_local(),
    },
    Route {
        method: "GET",
        pattern: "/operator/v1/ownership/methods",
        name: "/operator/v1/ownership/methods",
        surface: Surface::Operator,
        access: RIGHTS,
        scope: None,
        csrf: Csrf::ReadOnly,
        body_limit: 0,
        rate_limit: Some(OPERATORS),
        handler: |context, _| rights::methods(context).boxed_local(),
    },
    Route {
        method: "POST",
        pattern: "/operator/v1/ownership/methods",
        name: "/operator/v1/ownership/methods",
        surface: Surface::Operator,
        access: RIGHTS,
        scope: None,
        csrf: Csrf::Preflight,
        body_limit: MAX_BODY,
        rate_limit: Some(OPERATORS),
        handler: |context, _| rights::switch(context).boxed_local(),
    },
];
