//! Problems for people: the page that a failed request gets, and the page that explains each
//! `/problems/<slug>` (RFC 9457).

use askama::Template;

use super::layout::{Files, Frame, RenderError, host_of, page, web_address};
use super::message::Messages;

/// Every problem and its status, in the order of the API contract. `not-found` is for paths that
/// are in no table.
pub const SLUGS: [(&str, &str); 23] = [
    ("invalid-vin", "422"),
    ("invalid-request", "400, 422"),
    ("unknown-vehicle", "404"),
    ("unknown-market", "404"),
    ("not-found", "404"),
    ("sign-in-required", "401"),
    ("insufficient-scope", "403"),
    ("ownership-required", "403"),
    ("wrong-proof", "422"),
    ("claim-expired", "410"),
    ("claim-locked", "423"),
    ("claim-conflict", "409"),
    ("rate-limited", "429"),
    ("origin-timeout", "504"),
    ("origin-failed", "502"),
    ("origin-unavailable", "503"),
    ("market-unavailable", "503"),
    ("payload-too-large", "413"),
    ("unsupported-media-type", "415"),
    ("method-not-allowed", "405"),
    ("misdirected", "421"),
    ("service-unavailable", "503"),
    ("internal", "500"),
];

/// The files that pages of problems load.
const FILES: Files = Files { styles: &["problem.css"], modules: &[], noindex: false };

/// A problem as it is told to people: its texts come from its slug, so no detail meant for machines
/// gets onto the page.
#[derive(Clone, Debug)]
pub struct ProblemView {
    frame: Frame,
    slug: String,
    status: u16,
    request_id: String,
    /// True if another try may succeed.
    reload: bool,
    /// Address and host of the region that serves the market (`misdirected`).
    elsewhere: Option<(String, String)>,
    /// The address that signs in, where that helps.
    sign_in: Option<String>,
}

impl ProblemView {
    /// The problem `slug` with its status. With a market in `frame`, the page leads back to its
    /// form.
    pub fn new(frame: Frame, slug: &str, status: u16, request_id: &str) -> Self {
        Self {
            frame,
            slug: slug.to_owned(),
            status,
            request_id: request_id.to_owned(),
            reload: false,
            elsewhere: None,
            sign_in: None,
        }
    }

    /// Offers the page of the frame again, because another try may succeed.
    #[must_use]
    pub fn with_reload(mut self) -> Self {
        self.reload = true;
        self
    }

    /// Offers the sign-in at a path of this site.
    #[must_use]
    pub fn with_sign_in(mut self, href: &str) -> Self {
        self.sign_in = Some(href.to_owned());
        self
    }

    /// Names the address where the same thing is served (`links.home`).
    #[must_use]
    pub fn with_home(mut self, address: &str) -> Self {
        self.elsewhere = web_address(address)
            .map(|href| (href, self.frame.t.problems_elsewhere(host_of(address))));
        self
    }
}

/// Title, meaning and remedy of a problem.
struct Texts {
    title: &'static str,
    text: &'static str,
    todo: &'static str,
}

impl Texts {
    fn of(t: Messages, slug: &str) -> Option<Self> {
        let part = |part: &str| t.named("problem-", &format!("{slug}-{part}"));
        Some(Self { title: part("title")?, text: part("text")?, todo: part("todo")? })
    }

    /// The texts of a slug, or those of the nearest one that has some.
    fn for_problem(t: Messages, slug: &str, status: u16) -> Self {
        let nearest = match status {
            404 | 410 => "not-found",
            400..=499 => "invalid-request",
            _ => "internal",
        };
        let none = Self { title: "", text: "", todo: "" };
        Self::of(t, slug).or_else(|| Self::of(t, nearest)).unwrap_or(none)
    }
}

/// The page of a failed request.
///
/// # Errors
/// [`RenderError`].
pub fn render_problem(view: &ProblemView) -> Result<String, RenderError> {
    let t = view.frame.t;
    let texts = Texts::for_problem(t, &view.slug, view.status);
    let explained =
        is_known(&view.slug).then(|| view.frame.href(&format!("/problems/{}", view.slug)));
    let title = t.page_title(texts.title);
    let files = Files { noindex: true, ..FILES };
    page(
        &view.frame,
        &title,
        files,
        &ProblemTemplate { frame: &view.frame, view, t, texts, explained },
    )
}

/// The page that explains the problem `slug`, or `None` for a slug that does not exist.
///
/// # Errors
/// [`RenderError`].
pub fn render_problem_type(frame: &Frame, slug: &str) -> Result<Option<String>, RenderError> {
    let t = frame.t;
    let known = SLUGS.into_iter().find(|(known, _)| *known == slug);
    let Some(((slug, status), texts)) = known.zip(Texts::of(t, slug)) else { return Ok(None) };
    let title = t.page_title(texts.title);
    page(frame, &title, FILES, &ProblemTypeTemplate { frame, t, slug, status, texts }).map(Some)
}

/// The list of all problems.
///
/// # Errors
/// [`RenderError`].
pub fn render_problem_index(frame: &Frame) -> Result<String, RenderError> {
    let t = frame.t;
    let entries = SLUGS
        .into_iter()
        .filter_map(|(slug, status)| {
            let texts = Texts::of(t, slug)?;
            Some(ListedProblem {
                slug,
                status,
                title: texts.title,
                href: frame.href(&format!("/problems/{slug}")),
            })
        })
        .collect();
    let title = t.page_title(t.problems_heading());
    page(frame, &title, FILES, &ProblemIndexTemplate { t, entries })
}

fn is_known(slug: &str) -> bool {
    SLUGS.iter().any(|(known, _)| *known == slug)
}

struct ListedProblem {
    slug: &'static str,
    status: &'static str,
    title: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemTemplate<'v> {
    frame: &'v Frame,
    view: &'v ProblemView,
    t: Messages,
    texts: Texts,
    explained: Option<String>,
}

#[derive(Template)]
#[template(path = "problem_type.html")]
struct ProblemTypeTemplate<'v> {
    frame: &'v Frame,
    t: Messages,
    slug: &'static str,
    status: &'static str,
    texts: Texts,
}

#[derive(Template)]
#[template(path = "problem_index.html")]
struct ProblemIndexTemplate {
    t: Messages,
    entries: Vec<ListedProblem>,
}

#[cfg(test)]
mod tests {
    use super::super::Language;
    use super::*;

    #[test]
    fn ok_every_slug_has_a_page_in_every_language() {
        for language in Language::ALL {
            for (slug, _) in SLUGS {
                assert!(
                    matches!(
                        render_problem_type(&Frame::new(language, "/problems/x"), slug),
                        Ok(Some(_))
                    ),
                    "{slug}"
                );
            }
            assert_eq!(
                render_problem_index(&Frame::new(language, "/problems/"))
                    .expect("a page")
                    .matches("problem__code")
                    .count(),
                SLUGS.len()
            );
        }
    }

    #[test]
    fn err_an_unknown_slug_has_no_page() {
        let none = render_problem_type(&Frame::new(Language::En, "/problems/x"), "<script>");
        assert!(matches!(none, Ok(None)));
    }

    #[test]
    fn ok_a_problem_without_texts_of_its_own_gets_the_nearest() {
        let page = |slug: &str, status| {
            let view = ProblemView::new(Frame::new(Language::En, "/"), slug, status, "r-1");
            render_problem(&view).expect("a page")
        };
        assert!(page("<b>", 404).contains("<h1>Page not found</h1>"));
        assert!(page("teapot", 418).contains("<h1>The request could not be understood</h1>"));
        assert!(page("teapot", 599).contains("<h1>Something went wrong here</h1>"));
        assert!(!page("<b>", 404).contains("<b>") && page("internal", 500).contains("r-1"));
    }

    #[test]
    fn ok_the_way_home_is_a_web_address() {
        let view = |home: &str| {
            ProblemView::new(Frame::new(Language::En, "/us/"), "misdirected", 421, "r-1")
                .with_home(home)
        };
        let html = render_problem(&view("https://us.example.com/us/")).expect("a page");
        assert!(
            html.contains("<a href=\"https://us.example.com/us/\">Continue at us.example.com</a>")
        );
        assert!(
            !render_problem(&view("javascript:alert(1)")).expect("a page").contains("javascript:")
        );
    }
}
