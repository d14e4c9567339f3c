//! Parts that all pages share: the frame in the visitor's language, and the response of a rendered
//! page.

use super::context::Context;
use super::credential::NO_SESSION;
use super::owner_part::offers_proofs;
use super::problem::{Problem, Slug};
use super::response::{Freshness, Response};
use super::sign_in_state::SignInState;
use crate::market::{Locale, Market};
use crate::pages::{AccountPart, Frame, Language, RenderError};
use crate::telemetry::{Event, Field, Level, field};

/// Pages differ by language and by who looks at them.
const VARY: &str = "Cookie, Accept-Language";
/// Lifetime in caches of pages without vehicle data.
const FRESHNESS: Freshness = Freshness::Public { max_age_s: 30 };

/// The cause of a page that could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// The document does not parse.
    #[error("the document does not parse: {0}")]
    Document(#[from] serde_json::Error),
    /// A template failed.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// The event of a page that could not be made.
pub(super) fn not_rendered(error: &PageError) -> Event {
    let cause = Field::Word(error.to_string().into());
    let event = Event::new(Level::Error, "a page could not be rendered");
    Event { fields: vec![(field::CAUSE, cause)], ..event }
}

/// Makes the response of a rendered page. The cookie of a session that has ended goes: the page
/// says so, and the browser's next ones are anybody's.
///
/// # Errors
/// 500 `internal` if the page could not be rendered.
pub(super) fn page(
    context: &Context<'_>,
    status: u16,
    html: Result<String, impl Into<PageError>>,
) -> Result<Response, Problem> {
    let mut page = part(context, status, html)?;
    if matches!(context.sign_in(), SignInState::Ended) {
        page.append("set-cookie", NO_SESSION);
    }
    Ok(page)
}

/// Makes the response of a part of a page, which says nothing about the visitor's session.
///
/// # Errors
/// 500 `internal` if it could not be rendered.
pub(super) fn part(
    context: &Context<'_>,
    status: u16,
    html: Result<String, impl Into<PageError>>,
) -> Result<Response, Problem> {
    let html = html.map_err(|error| {
        context.ports.events.emit(not_rendered(&error.into()));
        Problem::new(Slug::Internal)
    })?;
    Ok(Response::html(status, html).with_vary(VARY).with_freshness(FRESHNESS))
}

/// The frame of a page in the best of its languages: the market's, or all where it belongs to none.
pub(super) fn frame(context: &Context<'_>, path: &str, locales: &[Locale]) -> Frame {
    frame_in(context, path, locales, context.request.parameter("lang"))
}

/// The frame of the market's page at `rest` of its path.
pub(super) fn market_frame(context: &Context<'_>, market: &Market, rest: &str) -> Frame {
    chosen_market_frame(context, market, rest, context.request.parameter("lang"))
}

/// The same in the language that a form has sent, if the market is offered in it.
pub(super) fn chosen_market_frame(
    context: &Context<'_>,
    market: &Market,
    rest: &str,
    chosen: Option<String>,
) -> Frame {
    let path = format!("/{}/{rest}", market.code);
    let frame = frame_in(context, &path, &market.locales, chosen);
    let frame = frame.with_market(market.code.as_str(), &market.name);
    let frame = frame.with_garage(offers_proofs(market));
    frame.with_account(account_part(context, market))
}

/// The visitor's sign-in, for the head of a market's page. A page takes no bearer token.
pub(super) fn account_part(context: &Context<'_>, market: &Market) -> Option<AccountPart> {
    market.sign_in.as_ref()?;
    Some(match context.sign_in() {
        SignInState::NotOffered => return None,
        SignInState::Anonymous | SignInState::Bearer(_) => AccountPart::SignedOut,
        SignInState::Ended => AccountPart::Ended,
        SignInState::Unavailable => AccountPart::Unavailable,
        SignInState::Active(session) => {
            AccountPart::SignedIn { name: session.name.clone(), csrf: session.csrf.clone() }
        }
    })
}

/// The market's locale in a language, or the language alone where the market has none in it.
pub(super) fn locale(market: &Market, language: Language) -> String {
    market
        .locale_of(language.code())
        .map_or_else(|| language.code().to_owned(), ToString::to_string)
}

/// The frame of a page of sign-in. It has no choice of language, because its address cannot be
/// opened again. Its language is `chosen` (the field `lang` of a form), else that of `return_to`.
pub(super) fn auth_frame(
    context: &Context<'_>,
    market: &Market,
    chosen: Option<&str>,
    return_to: Option<&str>,
) -> Frame {
    let chosen = chosen.map(str::to_owned).or_else(|| language_of(return_to?));
    let frame = frame_in(context, &context.request.path, &market.locales, chosen);
    frame.with_languages(Vec::new()).with_market(market.code.as_str(), &market.name)
}

/// The value of `lang` in the query of a path.
fn language_of(path: &str) -> Option<String> {
    let (_, query) = path.split('#').next()?.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "lang").map(|(_, value)| value.into_owned())
}

fn frame_in(
    context: &Context<'_>,
    path: &str,
    locales: &[Locale],
    chosen: Option<String>,
) -> Frame {
    let offered = match locales {
        [] => Language::all(),
        locales => Language::offered(locales.iter().map(Locale::as_str)),
    };
    let accept = context.request.incoming.header("accept-language");
    let language = Language::choose(chosen.as_deref(), accept.as_deref(), &offered);
    let is_chosen = chosen.as_deref().and_then(Language::from_code) == Some(language);
    Frame::new(language, path).with_chosen_language(is_chosen).with_languages(offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_language_of_a_path() {
        for (path, expected) in [
            ("/de/vehicles/x?lang=en#recalls", Some("en")),
            ("/de/?a=b&lang=fr", Some("fr")),
            ("/de/", None),
            ("/de/#?lang=en", None),
        ] {
            assert_eq!(language_of(path).as_deref(), expected, "{path}");
        }
    }
}
