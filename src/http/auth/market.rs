//! A market with sign-in, and the addresses of this site that its identity provider knows.

use std::rc::Rc;

use crate::auth::{ProviderError, ProviderMetadata, provider_metadata};
use crate::http::context::Context;
use crate::http::problem::{Problem, Slug};
use crate::market::{Market, SignIn};

/// A market with sign-in.
pub(super) struct SignInMarket {
    pub(super) market: Rc<Market>,
}

impl SignInMarket {
    /// Finds the market of a path.
    ///
    /// # Errors
    /// Those of [`Context::market`], and 404 `not-found` for a market without sign-in.
    pub(super) async fn find(context: &Context<'_>, segment: &str) -> Result<Self, Problem> {
        let market = context.market(segment).await?;
        if market.sign_in.is_none() {
            return Err(Problem::new(Slug::NotFound));
        }
        Ok(Self { market })
    }

    /// The market's settings.
    ///
    /// # Errors
    /// 404 `not-found`, which [`Self::find`] has ruled out.
    pub(super) fn sign_in(&self) -> Result<&SignIn, Problem> {
        self.market.sign_in.as_ref().ok_or_else(|| Problem::new(Slug::NotFound))
    }

    /// The provider's metadata.
    ///
    /// # Errors
    /// [`ProviderError`] where it cannot be had.
    pub(super) async fn metadata(
        &self,
        context: &Context<'_>,
        sign_in: &SignIn,
    ) -> Result<Rc<ProviderMetadata>, ProviderError> {
        provider_metadata(&context.ports, &context.app.auth, sign_in).await
    }

    /// The address that the provider leads back to with a code.
    ///
    /// # Errors
    /// 500 `internal` where this site does not know its own address.
    pub(super) fn redirect_uri(&self, context: &Context<'_>) -> Result<String, Problem> {
        self.address(context, "callback")
    }

    /// The address that the provider leads back to after a sign-out.
    ///
    /// # Errors
    /// 500 `internal` where this site does not know its own address.
    pub(super) fn signed_out_uri(&self, context: &Context<'_>) -> Result<String, Problem> {
        self.address(context, "signed-out")
    }

    fn address(&self, context: &Context<'_>, page: &str) -> Result<String, Problem> {
        let configured = context.app.config.hosts.get(&self.market.region).cloned();
        let origin = configured.or_else(|| own_origin(&context.request.header_or_empty("host")));
        let origin = origin.ok_or_else(|| {
            context.internal("REGION_HOSTS has no address of the region", &self.market.region)
        })?;
        Ok(format!("{origin}/auth/{}/{page}", self.market.code))
    }
}

/// The origin of a request in local development, where no address is configured.
fn own_origin(host: &str) -> Option<String> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let scheme = if is_local { "http" } else { "https" };
    (!host.is_empty() && host.bytes().all(is_host)).then(|| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_own_origin_of_local_development() {
        for (host, expected) in [
            ("127.0.0.1:8787", Some("http://127.0.0.1:8787")),
            ("localhost", Some("http://localhost")),
            ("[::1]:8787", Some("http://[::1]:8787")),
            ("portal.example.com", Some("https://portal.example.com")),
            ("127.0.0.1.example.com:80", Some("https://127.0.0.1.example.com:80")),
            ("", None),
            ("a/b", None),
            ("a@b", None),
            ("a b", None),
        ] {
            assert_eq!(own_origin(host).as_deref(), expected, "{host}");
        }
    }
}
