//! The look-up page of a market: one form, one field, and help with it.

use askama::Template;

use super::layout::{Files, Frame, RenderError, page};
use super::message::Messages;

/// Longer input is not shown again: nobody mistypes a VIN into this.
const ECHO_LIMIT: usize = 40;

/// The mistake in a VIN, as far as messages differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VinFault {
    /// An empty field.
    Empty,
    /// The number of characters without spaces and hyphens, if it is not 17.
    Length(usize),
    /// Letters that no VIN has, as they are to be named: `I`, `O, Q`.
    Letters(String),
    /// Something that is neither a letter A to Z nor a digit.
    Character,
}

impl VinFault {
    fn text(&self, t: Messages) -> String {
        match self {
            Self::Empty => t.vin_error_empty().to_owned(),
            Self::Length(count) => t.vin_error_length(i64::try_from(*count).unwrap_or(i64::MAX)),
            Self::Letters(found) => t.vin_error_letters(found),
            Self::Character => t.vin_error_character().to_owned(),
        }
    }
}

/// The look-up page. The frame names the market.
#[derive(Clone, Debug)]
pub struct MarketView {
    frame: Frame,
    vin: String,
    fault: Option<String>,
}

impl MarketView {
    /// The empty form.
    pub fn new(frame: Frame) -> Self {
        Self { frame, vin: String::new(), fault: None }
    }

    /// The form again, with what was entered and what is wrong with it. Input that is long, or
    /// holds anything but letters, digits, spaces and hyphens, is not shown again.
    #[must_use]
    pub fn with_fault(mut self, entered: &str, fault: &VinFault) -> Self {
        self.fault = Some(fault.text(self.frame.t));
        let plain = |c: char| c.is_ascii_alphanumeric() || c == ' ' || c == '-';
        if entered.chars().count() <= ECHO_LIMIT && entered.chars().all(plain) {
            entered.clone_into(&mut self.vin);
        }
        self
    }
}

/// The look-up page as HTML; its status is 422 when it holds a fault.
///
/// # Errors
/// [`RenderError`].
pub fn render_market(view: &MarketView) -> Result<String, RenderError> {
    let t = view.frame.t;
    let name = view.frame.market.as_ref().map_or("", |market| market.name.as_str());
    let title = t.page_title(&t.market_title(name));
    let title = if view.fault.is_some() { t.title_error(&title) } else { title };
    let files =
        Files { styles: &["vin-field.css"], modules: &["vin-field.mjs"], ..Files::default() };
    let main = MarketTemplate {
        frame: &view.frame,
        view,
        t,
        heading: t.market_title(name),
        count: t.vin_count("{n}"),
    };
    page(&view.frame, &title, files, &main)
}

#[derive(Template)]
#[template(path = "market.html")]
struct MarketTemplate<'v> {
    frame: &'v Frame,
    view: &'v MarketView,
    t: Messages,
    heading: String,
    count: String,
}

#[cfg(test)]
mod tests {
    use super::super::samples::market;
    use super::super::{Language, render_market};
    use super::*;

    #[test]
    fn ok_the_empty_form() {
        let html = render_market(&market(Language::De)).expect("a page");
        assert!(html.contains(
            "<form class=\"look-up\" method=\"post\" action=\"/de/?lang=de\" novalidate>"
        ));
        assert!(html.contains("<input type=\"hidden\" name=\"lang\" value=\"de\">"));
        assert!(!html.contains("aria-invalid") && !html.contains("role=\"alert\""));
    }

    #[test]
    fn ok_a_fault_is_in_title_summary_and_beside_the_field() {
        let html =
            render_market(&market(Language::En).with_fault("WP0-ZZZ 99", &VinFault::Length(8)))
                .expect("a page");
        assert!(html.contains("<title>Error: Look a car up in Deutschland – Kerbside</title>"));
        assert_eq!(html.matches("A VIN has 17 characters; these are 8.").count(), 2);
        assert!(html.contains("aria-describedby=\"vin-hint vin-error\" aria-invalid=\"true\""));
        assert!(html.contains("value=\"WP0-ZZZ 99\""));
    }

    #[test]
    fn err_input_that_is_no_mistyped_vin_is_not_shown_again() {
        for entered in ["<script>alert(1)</script>", "\"onfocus=alert(1)", &"A".repeat(41)] {
            let html =
                render_market(&market(Language::En).with_fault(entered, &VinFault::Character))
                    .expect("a page");
            assert!(html.contains("name=\"vin\" type=\"text\" value=\"\""), "{html}");
        }
    }
}
