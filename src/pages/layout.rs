//! The layout around the content of every page: language, title, addresses, the choice of language.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;

use super::account_part::{AccountPart, sign_in_address};
use super::message::{Language, Messages};

/// The policy that every page satisfies: no inline script, no inline style, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A market as pages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketName {
    /// `de`
    pub code: String,
    /// `Deutschland`
    pub name: String,
}

/// The frame of a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The texts, in the language of the page.
    pub t: Messages,
    /// The page's path, without a query: `/de/`.
    pub path: String,
    /// The visitor chose the language by `?lang=`: links inside the site keep it.
    pub chosen: bool,
    /// The market that the page belongs to.
    pub market: Option<MarketName>,
    /// The languages that the page is offered in; empty where its address cannot be opened again.
    pub offered: Vec<Language>,
    /// The sign-in of the visitor, in a market that has one.
    pub account: Option<AccountPart>,
    /// True where the market offers proofs of ownership.
    pub has_garage: bool,
    /// The address that the browser opens next by itself.
    pub refresh: Option<String>,
    /// Seconds after which a browser without script loads the page again.
    pub reload_s: Option<u32>,
}

impl Frame {
    /// The frame of the page at `path` in `language`.
    pub fn new(language: Language, path: &str) -> Self {
        Self {
            t: Messages::new(language),
            path: path.to_owned(),
            chosen: false,
            market: None,
            offered: Language::all(),
            account: None,
            has_garage: false,
            refresh: None,
            reload_s: None,
        }
    }

    /// Keeps the language in links, because the visitor chose it.
    #[must_use]
    pub fn with_chosen_language(mut self, chosen: bool) -> Self {
        self.chosen = chosen;
        self
    }

    /// Names the market in the head of the page.
    #[must_use]
    pub fn with_market(mut self, code: &str, name: &str) -> Self {
        self.market = Some(MarketName { code: code.to_owned(), name: name.to_owned() });
        self
    }

    /// Offers the page in these languages only.
    #[must_use]
    pub fn with_languages(mut self, offered: Vec<Language>) -> Self {
        self.offered = offered;
        self
    }

    /// Shows the visitor's sign-in in the head of the page.
    #[must_use]
    pub fn with_account(mut self, account: Option<AccountPart>) -> Self {
        self.account = account;
        self
    }

    /// Links to the visitor's cars, in a market that offers proofs of ownership.
    #[must_use]
    pub fn with_garage(mut self, has_garage: bool) -> Self {
        self.has_garage = has_garage;
        self
    }

    /// Leads on to another address without the visitor.
    #[must_use]
    pub fn with_refresh(mut self, href: &str) -> Self {
        self.refresh = Some(href.to_owned());
        self
    }

    /// Lets a browser without script load the page again after so many seconds.
    #[must_use]
    pub fn with_reload(mut self, after_s: u32) -> Self {
        self.reload_s = Some(after_s);
        self
    }

    /// The address that signs in and comes back to this page, at `fragment` of it (`recalls`).
    pub fn sign_in(&self, fragment: Option<&str>) -> String {
        let hash = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
        sign_in_address(self.market_code(), &format!("{}{hash}", self.here()))
    }

    /// True if the market has a sign-in that the visitor has not used.
    pub fn offers_sign_in(&self) -> bool {
        matches!(self.account, Some(AccountPart::SignedOut | AccountPart::Ended))
    }

    /// An address of the market's sign-in: `/auth/de/sign-out`.
    pub fn auth(&self, name: &str) -> String {
        format!("/auth/{}/{name}", self.market_code())
    }

    /// The page of the visitor's account.
    pub fn account_page(&self) -> String {
        self.href(&format!("/{}/account", self.market_code()))
    }

    /// The page of the visitor's cars.
    pub fn garage_page(&self) -> String {
        self.href(&format!("/{}/garage", self.market_code()))
    }

    /// The market's code; empty without a market, whose pages have no sign-in.
    pub fn market_code(&self) -> &str {
        self.market.as_ref().map_or("", |market| &market.code)
    }

    /// The market's name; empty without a market.
    pub fn market_name(&self) -> &str {
        self.market.as_ref().map_or("", |market| &market.name)
    }

    /// The CSRF token of the visitor's session; nothing where nobody is signed in.
    pub fn csrf(&self) -> Option<&str> {
        match &self.account {
            Some(AccountPart::SignedIn { csrf, .. }) => Some(csrf),
            _ => None,
        }
    }

    /// A link inside the site that keeps a chosen language.
    pub fn href(&self, path: &str) -> String {
        if self.chosen {
            format!("{path}?lang={}", self.t.language.code())
        } else {
            path.to_owned()
        }
    }

    /// The page itself, in the same language.
    pub fn here(&self) -> String {
        self.href(&self.path)
    }

    /// The address of the market's look-up form; the start page without a market.
    pub fn look_up(&self) -> String {
        self.market
            .as_ref()
            .map_or_else(|| self.href("/"), |market| self.href(&format!("/{}/", market.code)))
    }

    /// The page in each language that it is offered in.
    pub fn languages(&self) -> Vec<LanguageLink> {
        self.offered
            .iter()
            .map(|language| LanguageLink {
                code: language.code(),
                name: Messages::new(*language).language_name(),
                href: format!("{}?lang={}", self.path, language.code()),
                current: *language == self.t.language,
            })
            .collect()
    }
}

/// One entry of the choice of language.
#[derive(Clone, Debug)]
pub struct LanguageLink {
    /// `de`
    pub code: &'static str,
    /// The language's name in itself.
    pub name: &'static str,
    /// The address of the page in that language.
    pub href: String,
    /// The page is in that language now.
    pub current: bool,
}

/// The files that a page loads beside the site's own stylesheets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files {
    /// Stylesheets in `/assets/`.
    pub styles: &'static [&'static str],
    /// Script modules in `/assets/`.
    pub modules: &'static [&'static str],
    /// Search engines leave the page out.
    pub noindex: bool,
}

/// A whole page around its main part. The layout is rendered once, here: as a base that every
/// template extends it would be compiled into each of them.
///
/// # Errors
/// [`RenderError`].
pub fn page(
    frame: &Frame,
    title: &str,
    files: Files,
    main: &impl Template,
) -> Result<String, RenderError> {
    let main = RenderedHtml(render(main)?);
    render(&LayoutTemplate { frame, title, files, main })
}

#[derive(Template)]
#[template(path = "layout.html")]
struct LayoutTemplate<'v> {
    frame: &'v Frame,
    title: &'v str,
    files: Files,
    main: RenderedHtml,
}

/// The icon of a state or tone. A template of its own: included in the others, all icons would be
/// compiled into each place.
#[derive(Template)]
#[template(path = "icon.html")]
pub struct Icon<'i> {
    icon: &'i str,
}

/// Returns the icon of a state or tone, for templates.
pub fn icon(icon: &str) -> Icon<'_> {
    Icon { icon }
}

impl HtmlSafe for Icon<'_> {}

/// Rendered HTML, which is not escaped again.
pub struct RenderedHtml(pub String);

impl fmt::Display for RenderedHtml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for RenderedHtml {}

/// The cause of a page that could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template failed.
    #[error("a template failed: {0}")]
    Template(#[from] askama::Error),
    /// A template has rendered nothing.
    #[error("a template has rendered nothing")]
    Empty,
    /// The page would lead to something that is no address of the web.
    #[error("the page would lead to something that is no address of the web")]
    Address,
}

/// Renders a template.
///
/// # Errors
/// [`RenderError`]. An empty text is an error too, so that no page is ever empty.
pub fn render(template: &impl Template) -> Result<String, RenderError> {
    let html = template.render()?;
    if html.is_empty() { Err(RenderError::Empty) } else { Ok(html) }
}

/// The host of an address, for people: `https://us.example.com/us/` → `us.example.com`.
pub fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Only addresses of the web become links; anything else a document may hold (`javascript:`) does
/// not.
pub fn web_address(address: &str) -> Option<String> {
    let path =
        address.starts_with('/') && !address.starts_with("//") && !address.starts_with("/\\");
    let web = address.starts_with("https://") || address.starts_with("http://");
    (path || web).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_links_keep_a_chosen_language_only() {
        let frame = Frame::new(Language::De, "/de/");
        assert_eq!(frame.href("/"), "/");
        assert_eq!(frame.with_chosen_language(true).href("/"), "/?lang=de");
    }

    #[test]
    fn err_only_web_addresses_become_links() {
        assert_eq!(web_address("/auth/de/sign-in"), Some("/auth/de/sign-in".to_owned()));
        for odd in
            ["javascript:alert(1)", "//evil.example", "/\\evil.example", "data:text/html,x", ""]
        {
            assert_eq!(web_address(odd), None, "{odd}");
        }
        assert_eq!(host_of("https://us.example.com:8443/us/"), "us.example.com:8443");
    }
}
