//! The pages of signing in and out: the way on to the identity provider after a form, the page
//! after sign-out, and a sign-in that failed.

use askama::Template;

use super::layout::{Files, Frame, RenderError, host_of, page, web_address};
use super::message::Messages;

const FILES: Files = Files { styles: &["problem.css"], modules: &[], noindex: true };

/// The purpose of a visit to the identity provider that a form began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// The session here has ended; the one at the identity provider is to end too.
    SignOut,
    /// A fresh sign-in is needed.
    StepUp,
}

/// The page that answers a form with 200 and leads to the identity provider by a link and a
/// refresh. `href` is its address, or that of the sign-in here. Chromium applies `form-action` to
/// redirects of a form, so that a redirect would be blocked.
///
/// # Errors
/// [`RenderError::Address`] if `href` is no address of the web; else as every page.
pub fn render_handover(
    frame: &Frame,
    purpose: Handover,
    href: &str,
) -> Result<String, RenderError> {
    let href = web_address(href).ok_or(RenderError::Address)?;
    let t = frame.t;
    let host = host_of(&href).to_owned();
    let (heading, text) = match purpose {
        Handover::SignOut => (t.handover_sign_out_title(), t.handover_sign_out_text(&host)),
        Handover::StepUp => (t.handover_step_up_title(), t.handover_step_up_text().to_owned()),
    };
    let link = if host.is_empty() { t.sign_in_again().to_owned() } else { t.handover_link(&host) };
    let frame = frame.clone().with_refresh(&href);
    let main = HandoverTemplate { t, heading, text, href, link };
    page(&frame, &t.page_title(heading), FILES, &main)
}

/// The page after sign-out. `sign_in` is the address to sign in again.
///
/// # Errors
/// [`RenderError`].
pub fn render_signed_out(frame: &Frame, sign_in: &str) -> Result<String, RenderError> {
    let t = frame.t;
    let main = SignedOutTemplate { t, frame, sign_in };
    page(frame, &t.page_title(t.signed_out_title()), FILES, &main)
}

/// The form of a sign-out again, from before the last sign-in of this browser. `csrf` is the token
/// of the session that there is now.
///
/// # Errors
/// [`RenderError`].
pub fn render_sign_out_again(frame: &Frame, csrf: &str) -> Result<String, RenderError> {
    let t = frame.t;
    let main = SignOutAgainTemplate { t, frame, csrf };
    page(frame, &t.page_title(t.sign_out_again_title()), FILES, &main)
}

/// The cause of a sign-in that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInFailure {
    /// The person, or their identity provider, ended it (`access_denied` and its like).
    Denied,
    /// The transaction is unknown in this browser: too old, of another browser, or used already.
    Expired,
    /// The identity provider cannot be reached, or does not answer as one.
    Unreachable,
    /// The identity provider's answer does not pass the checks.
    Refused,
    /// A step-up was not fresh, or lacks the authentication context that was asked for.
    Weak,
    /// A store of Kerbside's own failed.
    Unavailable,
}

impl SignInFailure {
    /// Title, meaning and remedy.
    fn texts(self, t: Messages) -> [&'static str; 3] {
        match self {
            Self::Denied => {
                [t.sign_in_denied_title(), t.sign_in_denied_text(), t.sign_in_denied_todo()]
            }
            Self::Expired => {
                [t.sign_in_expired_title(), t.sign_in_expired_text(), t.sign_in_expired_todo()]
            }
            Self::Unreachable => [
                t.sign_in_unreachable_title(),
                t.sign_in_unreachable_text(),
                t.sign_in_unreachable_todo(),
            ],
            Self::Refused => {
                [t.sign_in_refused_title(), t.sign_in_refused_text(), t.sign_in_refused_todo()]
            }
            Self::Weak => [t.sign_in_weak_title(), t.sign_in_weak_text(), t.sign_in_weak_todo()],
            Self::Unavailable => [
                t.sign_in_unavailable_title(),
                t.sign_in_unavailable_text(),
                t.sign_in_unavailable_todo(),
            ],
        }
    }
}

/// The page of a sign-in that failed. `again` is the address that starts it anew, `back` the path
/// that the person came from.
///
/// # Errors
/// [`RenderError`].
pub fn render_sign_in_failure(
    frame: &Frame,
    failure: SignInFailure,
    again: &str,
    back: Option<&str>,
    request_id: &str,
) -> Result<String, RenderError> {
    let t = frame.t;
    let [title, text, todo] = failure.texts(t);
    let main = SignInFailureTemplate { t, frame, title, text, todo, again, back, request_id };
    page(frame, &t.page_title(title), FILES, &main)
}

#[derive(Template)]
#[template(path = "handover.html")]
struct HandoverTemplate {
    t: Messages,
    heading: &'static str,
    text: String,
    href: String,
    link: String,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutTemplate<'v> {
    t: Messages,
    frame: &'v Frame,
    sign_in: &'v str,
}

#[derive(Template)]
#[template(path = "sign_out_again.html")]
struct SignOutAgainTemplate<'v> {
    t: Messages,
    frame: &'v Frame,
    csrf: &'v str,
}

#[derive(Template)]
#[template(path = "sign_in_failure.html")]
struct SignInFailureTemplate<'v> {
    t: Messages,
    frame: &'v Frame,
    title: &'static str,
    text: &'static str,
    todo: &'static str,
    again: &'v str,
    back: Option<&'v str>,
    request_id: &'v str,
}

#[cfg(test)]
mod tests {
    use super::super::samples::{framed, signed_in};
    use super::super::{AccountPart, Language, MarketView, render_market};
    use super::*;

    fn market(account: AccountPart) -> String {
        let frame = framed(Language::En, "/de/", account);
        render_market(&MarketView::new(frame)).expect("a page")
    }

    #[test]
    fn ok_the_head_offers_what_fits_the_visitor() {
        let sign_in = "href=\"/auth/de/sign-in?return_to=/de/%3Flang%3Den\"";
        let out = market(AccountPart::SignedOut);
        assert!(out.contains(&format!("<a {sign_in}>Sign in</a>")), "{out}");
        assert!(!out.contains("sign-out") && !out.contains("role=\"status\"><p>"), "{out}");
        let ended = market(AccountPart::Ended);
        assert!(ended.contains(&format!("<a {sign_in}>Sign in again and come back here</a>")));
        let unknown = market(AccountPart::Unavailable);
        assert!(unknown.contains("Your sign-in cannot be checked") && !unknown.contains(sign_in));
        let inside = market(signed_in());
        assert!(inside.contains("<form method=\"post\" action=\"/auth/de/sign-out\">"), "{inside}");
        assert!(inside.contains("name=\"csrf\" value=\"csrf-token\""));
        assert!(inside.contains("href=\"/de/account?lang=en\""));
        assert!(!inside.contains("<b>Mustermann") && !inside.contains("Sign in<"), "{inside}");
    }

    #[test]
    fn ok_a_market_without_sign_in_promises_none() {
        let frame = framed(Language::En, "/de/", AccountPart::SignedOut).with_account(None);
        let html = render_market(&MarketView::new(frame)).expect("a page");
        assert!(!html.contains("/auth/") && !html.contains("Sign in"), "{html}");
    }

    #[test]
    fn ok_a_handover_leads_on_by_refresh_and_by_link() {
        let frame = Frame::new(Language::De, "/auth/de/sign-out").with_market("de", "Deutschland");
        let html =
            render_handover(&frame, Handover::SignOut, "https://id.example.com/end?a=1&b=\"")
                .expect("a page");
        let address = "https://id.example.com/end?a=1&#38;b=&#34;";
        for part in [format!("content=\"0; url={address}\""), format!("href=\"{address}\"")] {
            assert!(html.contains(&part), "{part}: {html}");
        }
        assert!(html.contains("Weiter bei id.example.com"));
    }

    #[test]
    fn err_a_handover_leads_to_addresses_of_the_web_only() {
        let frame = Frame::new(Language::De, "/auth/de/sign-out").with_market("de", "Deutschland");
        for odd in ["javascript:alert(1)", "//id.example.com", ""] {
            let page = render_handover(&frame, Handover::StepUp, odd);
            assert!(matches!(page, Err(RenderError::Address)), "{odd}");
        }
    }
}
