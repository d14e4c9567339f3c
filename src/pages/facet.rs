//! One facet as a page shows it: a section that stands alone, so that a late one can be sent by
//! itself.

use askama::Template;

use super::layout::{RenderError, render};
use super::message::Messages;
use crate::market::Tier;

/// The state of a facet (`meta.facets.<name>.state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FacetState {
    /// There, and current.
    Fresh,
    /// There, older than its lifetime.
    Stale,
    /// Still being fetched.
    Pending,
    /// The origin says that there is nothing.
    Absent,
    /// Could not be had.
    Unavailable,
    /// Above the viewer's tier.
    Withheld,
}

impl FacetState {
    /// Every state, in the order in which the start page explains them.
    pub const ALL: [Self; 6] =
        [Self::Fresh, Self::Stale, Self::Pending, Self::Absent, Self::Unavailable, Self::Withheld];

    /// The state's word in documents and in class names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Pending => "pending",
            Self::Absent => "absent",
            Self::Unavailable => "unavailable",
            Self::Withheld => "withheld",
        }
    }

    /// The state of a word in a document. A word of a later version reads as unavailable: nothing
    /// is claimed.
    pub fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or(Self::Unavailable)
    }

    /// The state in the words of the page.
    pub fn word(self, t: Messages) -> &'static str {
        // OK because a test holds a word for each state in each language.
        t.named("state-", self.as_str()).unwrap_or_default()
    }

    /// The meaning of the state, in a sentence.
    pub fn meaning(self, t: Messages) -> &'static str {
        // OK because a test holds a meaning for each state in each language.
        t.named("state-", &format!("{}-meaning", self.as_str())).unwrap_or_default()
    }
}

/// The tone of a badge or sentence. Words and an icon carry it too, never colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something to act on.
    Attention,
    /// All well.
    Good,
    /// Neither.
    Plain,
}

impl Tone {
    /// The word of class names and of the icon.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Good => "good",
            Self::Plain => "plain",
        }
    }
}

/// A sentence that answers the facet's main question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its icon and colour.
    pub tone: Tone,
    /// Its words.
    pub text: String,
}

/// A labelled fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The label.
    pub label: String,
    /// The value, or `None` for *not stated*.
    pub value: Option<String>,
    /// The class on a label that the value says, for its badge.
    pub grade: Option<String>,
}

/// Characters of a word that a box of one column holds.
const MAX_WORD: usize = 14;

impl Row {
    /// True for a value with a word that would break in one column: a VIN.
    fn is_wide(&self) -> bool {
        let words = self.value.iter().flat_map(|value| value.split_whitespace());
        words.map(|word| word.chars().count()).any(|length| length > MAX_WORD)
    }

    /// The badge's shade: `a` to `g`; what comes after is as the last.
    pub fn shade(&self) -> char {
        let letter = self
            .grade
            .as_ref()
            .and_then(|grade| grade.chars().next())
            .map(|letter| letter.to_ascii_lowercase());
        letter.filter(|letter| ('a'..='g').contains(letter)).unwrap_or('g')
    }
}

/// A list as a table: short entries that are read against each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The headings of its columns; the first column names its row.
    pub head: Vec<String>,
    /// Its rows.
    pub rows: Vec<TableRow>,
    /// A line chart of the table. An ornament without further information.
    pub line: Option<Line>,
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// Its cells; `None` for *not stated*.
    pub cells: Vec<Option<String>>,
    /// The badge of a remarkable row.
    pub badge: Option<&'static str>,
}

/// A line through points of a picture of 600 by 96.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The points, from left to right.
    pub points: Vec<(i64, i64)>,
}

/// An entry of a list facet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The entry's heading.
    pub title: Option<String>,
    /// Its status.
    pub status: Option<Verdict>,
    /// Its other fields; those not stated are left out.
    pub rows: Vec<Row>,
}

/// When the facet stood so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// RFC 3339, for machines.
    pub iso: String,
    /// For people.
    pub text: String,
}

/// The data by which a script fetches the facet later, and its message then. Without script the
/// link reloads the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The facet alone.
    pub fragment_href: String,
    /// The whole page.
    pub reload_href: String,
    /// When to ask again.
    pub retry_after_s: u64,
    /// Said when nothing came for half a minute.
    pub gave_up: String,
}

/// The way to ask for a failed facet again, in place by a script or by loading the page again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The facet alone.
    pub fragment_href: String,
    /// The whole page, at the facet.
    pub href: String,
}

/// A sentence about the fields that a higher tier would show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldLine {
    /// The sentence.
    pub text: String,
    /// The way to them, where there is one.
    pub link: Option<WithheldLink>,
}

/// The way to what is withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldLink {
    /// The address of the sign-in, or of the proof of ownership.
    pub href: String,
    /// Its words.
    pub label: &'static str,
}

/// A facet, ready to show.
#[derive(Clone, Debug)]
pub struct FacetView {
    /// The texts.
    pub t: Messages,
    /// The facet's name in the document, also the section's id: `recalls`.
    pub name: String,
    /// Its heading.
    pub heading: String,
    /// Its state.
    pub state: FacetState,
    /// Its state in a word or two.
    pub state_word: &'static str,
    /// The source system.
    pub source: Option<String>,
    /// When it stood so.
    pub as_of: Option<AsOf>,
    /// Its state in a sentence, where a word is not enough.
    pub status_message: Option<String>,
    /// The answer to its main question.
    pub verdict: Option<Verdict>,
    /// Its facts.
    pub rows: Vec<Row>,
    /// The heading of its list.
    pub items_label: String,
    /// The entries of its list.
    pub items: Vec<Item>,
    /// Its list as a table, instead of entries.
    pub table: Option<Table>,
    /// The tier that it needs, where it is withheld.
    pub needs: Tier,
    /// One sentence for each tier that would show more.
    pub withheld: Vec<WithheldLine>,
    /// Set while it is pending.
    pub pending: Option<Pending>,
    /// True if its source was asked and gave no usable answer, also where a stored one is shown.
    pub has_failed: bool,
    /// Set where nothing can be shown for it.
    pub retry: Option<Retry>,
    /// Said when the facet has come in after the page.
    pub arrived: String,
    /// The heading of the page that the facet gives it: the make and model of `identity`.
    pub title: Option<String>,
}

impl FacetView {
    /// An empty facet called `name` in `state`.
    pub fn new(t: Messages, name: &str, state: FacetState) -> Self {
        let heading = super::label::facet_name(t, name);
        Self {
            t,
            name: name.to_owned(),
            arrived: t.arrived(&heading),
            items_label: super::label::field_name(t, name, "items"),
            heading,
            state,
            state_word: state.word(t),
            source: None,
            as_of: None,
            status_message: None,
            verdict: None,
            rows: Vec::new(),
            items: Vec::new(),
            table: None,
            needs: Tier::Owner,
            withheld: Vec::new(),
            pending: None,
            has_failed: false,
            retry: None,
            title: None,
        }
    }
}

/// Renders the section of one facet: the body of `GET /{market}/vehicles/{id}?fragment={name}`.
///
/// # Errors
/// [`RenderError`].
pub fn facet_fragment(facet: &FacetView) -> Result<String, RenderError> {
    render(&FacetTemplate { facet, t: facet.t })
}

#[derive(Template)]
#[template(path = "facet.html")]
struct FacetTemplate<'v> {
    facet: &'v FacetView,
    t: Messages,
}

#[cfg(test)]
mod tests {
    use super::super::Language;
    use super::*;

    #[test]
    fn ok_a_vin_has_a_wide_box() {
        let check = |value: Option<&str>, expect: bool| {
            let value = value.map(str::to_owned);
            let row = Row { label: String::new(), value, grade: None };
            assert_eq!(row.is_wide(), expect, "{row:?}");
        };
        check(Some("WP0ZZZ99ZTS390000"), true);
        check(Some("20. November 2026, 08:00\u{a0}UTC"), false);
        check(Some("Schaltgetriebe"), false);
        check(None, false);
    }

    #[test]
    fn ok_each_state_has_its_words_in_each_language() {
        for language in Language::ALL {
            let t = Messages::new(language);
            for state in FacetState::ALL {
                assert!(!state.word(t).is_empty() && !state.meaning(t).is_empty(), "{state:?}");
            }
            assert!(t.named("error-", "other").is_some(), "{language:?}");
        }
    }
}
