//! Which language a page is in: what the visitor chose in the address, else what the browser asks for (RFC 9110, section
//! 12.5.4), else the market's first language.

use super::message::Language;

impl Language {
    /// The language of a code or locale: `de`, `de-AT`, `EN_us`. `None` when there are no texts in it.
    ///
    /// ```
    /// use kerbside::pages::Language;
    /// assert_eq!(Language::from_code("de-AT"), Some(Language::De));
    /// assert_eq!(Language::from_code("fr"), None);
    /// ```
    pub fn from_code(code: &str) -> Option<Self> {
        let primary = code.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// The language of a page. `chosen` is the value of `?lang=` (or of the form's hidden field), `accept` the header
    /// `Accept-Language`, `fallback` the market's first locale.
    pub fn choose(chosen: Option<&str>, accept: Option<&str>, fallback: Option<&str>) -> Self {
        chosen
            .and_then(Self::from_code)
            .or_else(|| accept.and_then(preferred))
            .or_else(|| fallback.and_then(Self::from_code))
            .unwrap_or(Self::En)
    }
}

/// The best language of an `Accept-Language` header that there are texts in. Equal weights keep the header's order.
fn preferred(header: &str) -> Option<Language> {
    let mut best: Option<(u32, Language)> = None;
    // Browsers send fewer than ten; more is somebody trying something.
    for part in header.split(',').take(32) {
        let mut pieces = part.split(';');
        let Some(language) = pieces.next().and_then(Language::from_code) else { continue };
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

    fn check(chosen: Option<&str>, accept: Option<&str>, fallback: Option<&str>, expected: Language) {
        assert_eq!(Language::choose(chosen, accept, fallback), expected, "{chosen:?} {accept:?} {fallback:?}");
    }

    #[test]
    fn ok_the_choice_wins_then_the_browser_then_the_market() {
        check(Some("de"), Some("en"), Some("en-US"), Language::De);
        check(None, Some("fr;q=1, de-AT;q=0.9, en;q=0.8"), Some("en-US"), Language::De);
        check(None, Some("en;q=0.5,de;q=0.75"), None, Language::De);
        check(None, Some("fr, *"), Some("de-DE"), Language::De);
        check(None, None, None, Language::En);
    }

    #[test]
    fn err_nonsense_falls_through() {
        check(Some("<b>"), Some(";;q=,,q=x"), Some("de-DE"), Language::De);
        check(Some("klingon"), Some("de;q=0, en;q=0.001"), None, Language::En);
        check(None, Some(&"x,".repeat(10_000)), Some("??"), Language::En);
    }
}
