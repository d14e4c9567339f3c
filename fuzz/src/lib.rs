//! What the fuzz targets share: a market with an origin of each protocol.

use std::sync::LazyLock;

use kerbside::market::{Market, Origin, compile};
use kerbside::ports::OriginResponse;

static MARKET: LazyLock<Market> = LazyLock::new(|| {
    compile("market.toml", include_str!("market.toml")).expect("the fuzz targets' market is valid").market
});

/// The market of the fuzz targets.
pub fn market() -> &'static Market {
    &MARKET
}

/// One of its origins.
pub fn origin(name: &str) -> &'static Origin {
    market().origins.get(name).expect("described in market.toml")
}

/// A successful answer.
pub fn answer(content_type: &str, body: &[u8]) -> OriginResponse {
    let content_type = Some(content_type.to_owned()).filter(|text| !text.is_empty());
    OriginResponse { status: 200, content_type, body: body.to_vec(), ..OriginResponse::default() }
}
