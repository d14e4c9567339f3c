//! The language of a page: the visitor's choice in the address, else the browser's preference (RFC
//! 9110, section 12.5.4), else the market's first language.

use super::message::Language;

impl Language {
    /// The language of a code or locale: `de`, `de-AT`, `EN_us`. `None` when there are no texts in
    /// it.
    ///
    /// ```
    /// use kerbside::pages::Language;
    /// assert_eq!(Language::from_code("de-AT"), Some(Language::De));
    /// assert_eq!(Language::from_code("pl"), None);
    /// ```
    pub fn from_code(code: &str) -> Option<Self> {
        let primary = code.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The languages that the pages of a market are offered in: those of its locales that there are
    /// texts in, the default first. English stands in for a default without texts.
    pub fn offered<'l>(locales: impl Iterator<Item = &'l str>) -> Vec<Self> {
        let mut offered = Vec::new();
        for (place, locale) in locales.enumerate() {
            let language = Self::from_code(locale).or((place == 0).then_some(Self::En));
            if let Some(language) = language.filter(|language| !offered.contains(language)) {
                offered.push(language);
            }
        }
        offered
    }

    /// The language of a page that is offered in these, the default first. `chosen` is the value of
    /// `?lang=` (or of the form's hidden field), `accept` the header `Accept-Language`.
    pub fn choose(chosen: Option<&str>, accept: Option<&str>, offered: &[Self]) -> Self {
        let is_offered = |language: &Self| offered.contains(language);
        chosen
            .and_then(Self::from_code)
            .filter(is_offered)
            .or_else(|| accept.and_then(|accept| preferred(accept, offered)))
            .or_else(|| offered.first().copied())
            .unwrap_or(Self::En)
    }

    /// Every language, the one of pages that belong to no market first.
    pub fn all() -> Vec<Self> {
        let others = Self::ALL.into_iter().filter(|language| *language != Self::En);
        [Self::En].into_iter().chain(others).collect()
    }
}

/// The best language of an `Accept-Language` header among those offered. Equal weights keep the
/// header's order.
fn preferred(header: &str, offered: &[Language]) -> Option<Language> {
    let mut best: Option<(u32, Language)> = None;
    // Browsers send fewer than ten; more is somebody trying something.
    for part in header.split(',').take(32) {
        let mut pieces = part.split(';');
        let language = pieces
            .next()
            .and_then(Language::from_code)
            .filter(|language| offered.contains(language));
        let Some(language) = language else { continue };
        let weight = pieces.find_map(weight_of).unwrap_or(1000);
        if weight > 0 && best.is_none_or(|(known, _)| weight > known) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

/// `q=0.8` as thousandths.
fn weight_of(parameter: &str) -> Option<u32> {
    let value = parameter.trim().strip_prefix("q=")?;
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let digits: String = decimals.chars().chain("000".chars()).take(3).collect();
    Some((whole.parse::<u32>().ok()?.min(1) * 1000 + digits.parse::<u32>().ok()?).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chosen: Option<&str>, accept: Option<&str>, locales: &[&str], expected: Language) {
        let offered = Language::offered(locales.iter().copied());
        assert_eq!(
            Language::choose(chosen, accept, &offered),
            expected,
            "{chosen:?} {accept:?} {locales:?}"
        );
    }

    #[test]
    fn ok_the_choice_wins_then_the_browser_then_the_market() {
        let german = ["de-DE", "en-GB"];
        check(Some("de"), Some("en"), &["en-US", "de-DE"], Language::De);
        check(None, Some("fr;q=1, de-AT;q=0.9, en;q=0.8"), &german, Language::De);
        check(None, Some("en;q=0.5,de;q=0.75"), &german, Language::De);
        check(None, Some("fr, *"), &german, Language::De);
        check(None, Some("fr, en"), &["fr-FR", "en-GB"], Language::Fr);
        check(None, None, &[], Language::En);
    }

    #[test]
    fn err_nonsense_falls_through() {
        let german = ["de-DE", "en-GB"];
        check(Some("<b>"), Some(";;q=,,q=x"), &german, Language::De);
        check(Some("klingon"), Some("de;q=0, en;q=0.001"), &german, Language::En);
        check(None, Some(&"x,".repeat(10_000)), &["??"], Language::En);
    }

    #[test]
    fn ok_a_market_is_in_its_own_languages() {
        let offered = |locales: &[&str]| Language::offered(locales.iter().copied());
        assert_eq!(offered(&["fr-FR", "en-GB", "fr-BE"]), [Language::Fr, Language::En]);
        assert_eq!(offered(&["pl-PL", "de-DE"]), [Language::En, Language::De]);
        check(Some("fr"), Some("fr"), &["de-DE", "en-GB"], Language::De);
        assert_eq!(Language::all().len(), Language::ALL.len());
        assert_eq!(Language::all().first(), Some(&Language::En));
    }
}
