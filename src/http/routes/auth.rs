//! Rows of signing in and out: `/auth`.

use futures::FutureExt as _;

use super::class::{AUTH, LOGOUTS, MAX_BODY, MAX_LOGOUT};
use crate::http::auth;
use crate::http::route::{Access, Csrf, Route, Surface};

/// The rows.
pub(super) static SIGN_IN: &[Route] = &[
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
];
