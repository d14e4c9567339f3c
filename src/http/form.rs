//! The one reader of forms: operators' JSON objects of texts, read strictly, and the forms of
//! pages. Every mistake is named by its pointer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::context::Context;
use super::json;
use super::problem::{Problem, Slug};
use crate::market::MarketCode;
use crate::vehicle::{Vin, holds_vin};

/// Characters of a reason at the most.
const MAX_REASON: usize = 200;
/// The media type of a page's form.
pub(super) const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// A form that is being read.
pub(super) struct Form {
    fields: Map<String, Value>,
    errors: Vec<(&'static str, String)>,
}

impl Form {
    /// Reads a JSON body that may have these fields.
    ///
    /// # Errors
    /// Those of [`Context::body`] and [`json::read`].
    pub(super) async fn read_json(
        context: &Context<'_>,
        known: &[&str],
        shape: &str,
    ) -> Result<Self, Problem> {
        let body = context.body("application/json").await?;
        let Value::Object(fields) = json::read(&body, "", shape)? else {
            return Err(Problem::invalid(422, "", format!("Send JSON like {shape}.")));
        };
        let mut form = Self { fields, errors: Vec::new() };
        if form.fields.keys().any(|name| !known.contains(&name.as_str())) {
            form.wrong(
                "",
                format!("There is a field that is not known here. Known are {}.", known.join(", ")),
            );
        }
        Ok(form)
    }

    /// Reads the body of a page's form ([`FORM_TYPE`]). The first of several values counts, and
    /// fields that nobody reads are left alone, as browsers' extensions add some.
    ///
    /// # Errors
    /// Those of [`Context::body`].
    pub(super) async fn read_urlencoded(context: &Context<'_>) -> Result<Self, Problem> {
        let body = context.body(FORM_TYPE).await?;
        let mut fields = Map::new();
        for (name, value) in form_urlencoded::parse(&body).into_owned() {
            fields.entry(name).or_insert(Value::String(value));
        }
        Ok(Self { fields, errors: Vec::new() })
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, pointer: &'static str, detail: impl Into<String>) {
        self.errors.push((pointer, detail.into()));
    }

    /// A text that may be missing. The pointer is a slash and the field's name.
    pub(super) fn text(&mut self, pointer: &'static str) -> Option<String> {
        match self.fields.get(pointer.trim_start_matches('/')) {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.wrong(pointer, "This is a text, or is left out.");
                None
            }
        }
    }

    /// The texts among some fields that were sent, by name.
    pub(super) fn texts<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> BTreeMap<String, String> {
        let text = |name: &str| self.fields.get(name)?.as_str().map(str::to_owned);
        names.into_iter().filter_map(|name| Some((name.to_owned(), text(name)?))).collect()
    }

    /// One of some words. Where it is none of them, the mistake is noted.
    pub(super) fn word(
        &mut self,
        pointer: &'static str,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let text = self.text(pointer);
        let word = text.and_then(|text| words.iter().copied().find(|word| *word == text));
        self.need(pointer, word.as_ref(), &format!("Say one of {}.", words.join(", ")));
        word
    }

    /// A market's code that may be missing.
    pub(super) fn market(&mut self) -> Option<MarketCode> {
        let code = MarketCode::new(self.text("/market")?);
        if code.is_err() {
            self.wrong("/market", "Give a market's code, like de.");
        }
        code.ok()
    }

    /// A VIN that may be missing.
    pub(super) fn vin(&mut self) -> Option<Vin> {
        let vin = Vin::parse(&self.text("/vin")?);
        vin.map_err(|error| self.wrong("/vin", error.to_string())).ok()
    }

    /// The operator's reason, for the audit. It must not contain a VIN.
    pub(super) fn reason(&mut self) -> Option<String> {
        let reason = self.text("/reason")?;
        if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
            self.wrong("/reason", format!("At most {MAX_REASON} characters on one line."));
        } else if holds_vin(&reason) {
            self.wrong(
                "/reason",
                "Leave the VIN out, and anything else of seventeen letters and digits in a row: the audit keeps this. It keeps a keyed hash of the car anyway.",
            );
        }
        Some(reason)
    }

    /// Notes a field that must be there.
    pub(super) fn need<T>(&mut self, pointer: &'static str, value: Option<&T>, detail: &str) {
        if value.is_none() && !self.errors.iter().any(|(known, _)| *known == pointer) {
            self.wrong(pointer, detail);
        }
    }

    /// Checks that no mistake was noted.
    ///
    /// # Errors
    /// 422 with every mistake.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let Some((_, detail)) = self.errors.first() else { return Ok(()) };
        let problem = Problem::with_detail(Slug::InvalidRequest, detail.clone());
        Err(Problem { status: 422, errors: self.errors.clone(), ..problem })
    }
}
