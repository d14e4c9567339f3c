//! The start page: what this is, and the choice of a market.

use askama::Template;

use super::facet::FacetState;
use super::layout::{Files, Frame, MarketName, RenderError, host_of, page};
use super::message::Messages;

/// A market of this region.
#[derive(Clone, Debug)]
pub struct MarketLink {
    /// The market.
    pub market: MarketName,
    /// The look-up form: `/de/`.
    pub href: String,
}

/// A market of another region.
#[derive(Clone, Debug)]
pub struct RegionLink {
    /// The market.
    pub market: MarketName,
    /// The look-up form at its home: `https://us.example.com/us/`.
    pub href: String,
    /// “Opens us.example.com”.
    pub status: String,
}

/// The start page.
#[derive(Clone, Debug)]
pub struct HomeView {
    frame: Frame,
    here: Vec<MarketLink>,
    elsewhere: Vec<RegionLink>,
}

impl HomeView {
    /// The start page in `frame`, without markets.
    pub fn new(frame: Frame) -> Self {
        Self { frame, here: Vec::new(), elsewhere: Vec::new() }
    }

    /// Adds a market of this region.
    pub fn add_market(&mut self, code: &str, name: &str) {
        let href = self.frame.href(&format!("/{code}/"));
        self.here.push(MarketLink {
            market: MarketName { code: code.to_owned(), name: name.to_owned() },
            href,
        });
    }

    /// Adds a market of another region; `home` is that region's address, without a slash at its
    /// end.
    pub fn add_market_elsewhere(&mut self, code: &str, name: &str, home: &str) {
        let href = self.frame.href(&format!("{home}/{code}/"));
        let status = self.frame.t.home_market_elsewhere(host_of(home));
        self.elsewhere.push(RegionLink {
            market: MarketName { code: code.to_owned(), name: name.to_owned() },
            href,
            status,
        });
    }
}

/// The start page as HTML.
///
/// # Errors
/// [`RenderError`].
pub fn render_home(view: &HomeView) -> Result<String, RenderError> {
    let t = view.frame.t;
    let title = t.page_title(t.home_title());
    let files = Files { styles: &["badge.css", "markets.css", "legend.css"], ..Files::default() };
    page(&view.frame, &title, files, &HomeTemplate { view, t, states: FacetState::ALL })
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomeTemplate<'v> {
    view: &'v HomeView,
    t: Messages,
    states: [FacetState; 6],
}
