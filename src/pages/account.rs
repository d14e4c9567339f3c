//! The account page: who is signed in, until when, and what they can do with the data stored about
//! them.

use askama::Template;

use super::account_part::AccountPart;
use super::facet::AsOf;
use super::layout::{Files, Frame, RenderError, page};
use super::message::Messages;

const FILES: Files = Files { styles: &["account.css"], modules: &[], noindex: true };

/// The account page.
#[derive(Clone, Debug)]
pub struct AccountView {
    frame: Frame,
    /// The end of the session; nothing where it has ended.
    ends: Option<AsOf>,
    export: Export,
    /// The box of the form is ticked.
    is_confirmed: bool,
    fault: Option<ErasureFault>,
}

/// The reason for which the form of erasure is shown again to a person who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErasureFault {
    /// Its box was not ticked.
    Unconfirmed,
    /// It is from before the last sign-in of this browser.
    Stale,
    /// A store kept some of the data.
    Incomplete,
}

impl ErasureFault {
    /// Title and remedy.
    fn texts(self, t: Messages) -> [&'static str; 2] {
        match self {
            Self::Unconfirmed => [t.account_erasure_summary(), t.account_erasure_unconfirmed()],
            Self::Stale => [t.account_erasure_summary(), t.account_erasure_stale()],
            Self::Incomplete => {
                [t.account_erasure_incomplete_title(), t.account_erasure_incomplete()]
            }
        }
    }
}

/// The way to the stored data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Export {
    /// The address of the data.
    Download(String),
    /// The address that signs in once more: the data need a fresh sign-in.
    StepUp(String),
    /// None, because nobody is signed in.
    SignedOut,
}

impl AccountView {
    /// The page of the person in `frame`, whose session ends at `ends`.
    pub fn new(frame: Frame, ends: Option<AsOf>, export: Export) -> Self {
        Self { frame, ends, export, is_confirmed: false, fault: None }
    }

    /// The form of erasure again, as it was sent.
    #[must_use]
    pub fn with_sent_form(mut self, is_confirmed: bool) -> Self {
        self.is_confirmed = is_confirmed;
        self
    }

    /// The form of erasure again, with what is wrong.
    #[must_use]
    pub fn with_fault(mut self, fault: ErasureFault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn is_unconfirmed(&self) -> bool {
        self.fault == Some(ErasureFault::Unconfirmed)
    }
}

/// The account page as HTML.
///
/// # Errors
/// [`RenderError`].
pub fn render_account(view: &AccountView) -> Result<String, RenderError> {
    let t = view.frame.t;
    let title = t.page_title(t.account_title());
    let title = if view.fault.is_some() { t.title_error(&title) } else { title };
    let main = AccountTemplate {
        t,
        frame: &view.frame,
        view,
        alert: view.fault.map(|fault| fault.texts(t)),
        erasure: format!("/{}/account/erasure", view.frame.market_code()),
        lead: t.account_lead(view.frame.market_name()),
    };
    page(&view.frame, &title, FILES, &main)
}

/// The page after an erasure.
///
/// # Errors
/// [`RenderError`].
pub fn render_erased(frame: &Frame) -> Result<String, RenderError> {
    let t = frame.t;
    page(frame, &t.page_title(t.erased_title()), FILES, &ErasedTemplate { t, frame })
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountTemplate<'v> {
    t: Messages,
    frame: &'v Frame,
    view: &'v AccountView,
    /// Title and remedy of what is wrong with the form of erasure.
    alert: Option<[&'static str; 2]>,
    /// The address that the form of erasure is sent to.
    erasure: String,
    lead: String,
}

#[derive(Template)]
#[template(path = "erased.html")]
struct ErasedTemplate<'v> {
    t: Messages,
    frame: &'v Frame,
}

#[cfg(test)]
mod tests {
    use super::super::Language;
    use super::super::samples::{account, framed, signed_in};
    use super::*;

    fn check(view: &AccountView, expected: &[&str], unexpected: &[&str]) {
        let html = render_account(view).expect("a page");
        for part in expected {
            assert!(html.contains(part), "{part} is not in {html}");
        }
        for part in unexpected {
            assert!(!html.contains(part), "{part} is in {html}");
        }
    }

    #[test]
    fn ok_who_is_signed_in_until_when_and_what_they_can_do() {
        let expected = [
            "<time datetime=\"2026-11-20T12:30:00.000Z\">20 November 2026, 12:30\u{a0}UTC</time>",
            "&#60;b&#62;Mustermann",
            "href=\"/api/v1/de/me/export\" download",
            "action=\"/de/account/erasure?lang=en\"",
            "name=\"csrf\" value=\"csrf-token\"",
            "type=\"checkbox\" value=\"yes\" required>",
        ];
        check(&account(Language::En), &expected, &["role=\"alert\"", "checked"]);
    }

    #[test]
    fn ok_a_sign_in_that_is_not_fresh_comes_first() {
        let href = "/auth/de/sign-in?return_to=/de/account%23export&step_up=1";
        let frame = framed(Language::En, "/de/account", signed_in());
        let view = AccountView::new(frame, None, Export::StepUp(href.to_owned()));
        let link = "<a class=\"button\" href=\"/auth/de/sign-in?return_to=/de/account%23export&#38;step_up=1\">Sign in again";
        check(&view, &[link], &["me/export"]);
    }

    #[test]
    fn err_without_confirmation_nothing_is_erased_and_the_page_says_so() {
        let view = account(Language::En).with_fault(ErasureFault::Unconfirmed);
        let expected = ["<title>Error: Your account", "role=\"alert\"", "aria-invalid=\"true\""];
        check(&view, &expected, &["checked"]);
    }

    #[test]
    fn err_a_stale_form_and_one_that_left_data_are_shown_again_as_sent() {
        for (fault, text) in [
            (ErasureFault::Stale, "This page is from before your last sign-in."),
            (ErasureFault::Incomplete, "Not everything has been erased"),
        ] {
            let view = account(Language::En).with_sent_form(true).with_fault(fault);
            let expected = ["<title>Error: Your account", "role=\"alert\"", text, " checked>"];
            check(&view, &expected, &["aria-invalid"]);
        }
    }

    #[test]
    fn err_a_form_of_an_ended_session_is_shown_again_with_what_was_entered() {
        let frame = framed(Language::En, "/de/account", AccountPart::Ended);
        let view = AccountView::new(frame, None, Export::SignedOut).with_sent_form(true);
        let back = "/auth/de/sign-in?return_to=/de/account%3Flang%3Den%23erasure";
        let expected = ["Nothing has been erased: your session ended", " checked", back];
        check(&view, &expected, &["name=\"csrf\"", "me/export"]);
    }
}
