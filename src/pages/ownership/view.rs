//! The page of a car's ownership: the proofs to choose from, the form that starts one, the claim
//! under way, the grant that is held, and what others did about the car.

use askama::Template;

use super::fault::ClaimFault;
use crate::pages::AsOf;
use crate::pages::layout::{Files, Frame, RenderError, page};
use crate::pages::message::Messages;

/// The car of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarView {
    /// Its record.
    pub href: String,
    /// Make, model and year, where they are known.
    pub name: Option<String>,
}

/// A method of proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodView {
    /// Its word in documents: `contact_code`.
    pub word: &'static str,
    /// True if it opens everything at once.
    pub is_strong: bool,
    /// The page that starts it.
    pub href: String,
}

impl MethodView {
    /// A text of the method: its name, or the one with a suffix (`-needs`).
    fn text(&self, t: Messages, suffix: &str) -> &'static str {
        // OK because a test holds each text of each method in each language.
        t.named("method-", &format!("{}{suffix}", self.word)).unwrap_or_default()
    }
}

/// The form that starts a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartForm {
    /// The method.
    pub method: MethodView,
    /// The field of the contact, where the method needs one.
    pub contact: Option<ContactField>,
    /// The address that signs in once more, where that comes first: then there is no form.
    pub step_up: Option<String>,
}

/// The field in which the contact is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactField {
    /// True for a phone number, false for an e-mail address.
    pub is_phone: bool,
    /// The entry before.
    pub entered: String,
    /// The page with the other kind of contact.
    pub other_href: String,
}

/// The form that answers a claim's challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofForm {
    /// The method.
    pub method: MethodView,
    /// The address that the form is sent to.
    pub action: String,
    /// The end of the claim.
    pub until: AsOf,
    /// The attempts that are left.
    pub attempts_left: u32,
    /// The fields.
    pub fields: ProofFields,
    /// The address that signs in once more, where that comes first: then there is no form.
    pub step_up: Option<String>,
}

/// The fields of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofFields {
    /// A code.
    Code,
    /// Fields of the registration document.
    Document(Vec<DocumentFieldView>),
}

/// A field of the registration document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFieldView {
    /// Its name in documents: `issued_on`.
    pub name: &'static str,
    /// True for a day.
    pub is_date: bool,
    /// The entry before.
    pub entered: String,
}

impl DocumentFieldView {
    fn hint(&self, t: Messages) -> Option<&'static str> {
        t.named("document-", &format!("{}-hint", self.name))
    }

    fn label(&self, t: Messages) -> &'static str {
        // OK because a test holds a label for each field in each language.
        t.named("document-", self.name).unwrap_or_default()
    }
}

/// The claim that staff of a dealer confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DealerView {
    /// The code in groups, where it can be shown.
    pub code: Option<String>,
    /// The id of the claim.
    pub claim: String,
    /// Members of staff who have confirmed it; two are needed.
    pub confirmations: u32,
    /// The address of the form that asks for the confirmations.
    pub check: String,
    /// The end of the claim.
    pub until: AsOf,
    /// The status document, which a script polls.
    pub status_href: String,
    /// The page that starts another claim.
    pub restart_href: String,
}

impl DealerView {
    /// The confirmations so far in words.
    fn confirmed(&self, t: Messages) -> String {
        t.dealer_confirmed(&self.confirmations.to_string())
    }
}

/// An act whose result the page states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneNotice {
    /// The car was given up.
    GivenUp,
    /// The proof is right and adds nothing to the one that counts.
    Kept,
}

impl DoneNotice {
    fn text(self, t: Messages) -> &'static str {
        match self {
            Self::GivenUp => t.end_done(),
            Self::Kept => t.kept_text(),
        }
    }
}

/// The grant that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldView {
    /// Its method.
    pub method: MethodView,
    /// The time of the proof.
    pub verified: AsOf,
    /// Its end.
    pub until: AsOf,
    /// The holder's personal data.
    pub personal: PersonalPart,
    /// The time from which another person's proof counts instead.
    pub contested_until: Option<NoticeTime>,
    /// The page that gives the car up.
    pub end_href: String,
}

/// The holder's personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonalPart {
    /// They are shown.
    Open,
    /// They are shown from a time on, in words.
    From(String),
    /// They are shown 72 hours after the contact on record was told.
    AfterNotice,
    /// They are not shown under this grant.
    Never,
}

/// The time from which a proof counts that waits for the present holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeTime {
    /// The time, in words.
    At(String),
    /// 72 hours after the holder was told.
    AfterNotice,
    /// Not as it is: the holder cannot be told.
    Never,
    /// Once it is proven again: nobody holds the car any more.
    Again,
}

impl NoticeTime {
    pub(in crate::pages) fn waiting_text(&self, t: Messages) -> String {
        match self {
            Self::At(date) => t.waiting_text(date),
            Self::AfterNotice => t.waiting_notice_text().to_owned(),
            Self::Never => t.waiting_never_text().to_owned(),
            Self::Again => t.waiting_again_text().to_owned(),
        }
    }

    pub(in crate::pages) fn holder_contest(&self, t: Messages) -> String {
        match self {
            Self::At(date) => t.holder_contest(date),
            Self::AfterNotice | Self::Never | Self::Again => t.holder_contest_notice().to_owned(),
        }
    }

    fn held_contest_text(&self, t: Messages) -> String {
        match self {
            Self::At(date) => t.held_contest_text(date),
            Self::AfterNotice | Self::Never | Self::Again => {
                t.held_contest_notice_text().to_owned()
            }
        }
    }
}

/// An act on the car.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActView {
    /// Its time.
    pub at: AsOf,
    /// The act in words.
    pub text: String,
    /// The reason, as it was stated.
    pub reason: Option<String>,
}

/// The end of a grant that the visitor had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedView {
    /// The time.
    pub at: AsOf,
    /// The reason in words.
    pub text: &'static str,
    /// The operator's reason, for a revocation.
    pub statement: Option<String>,
}

/// The form that gives the car up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndForm {
    /// The page of the car's ownership.
    pub cancel_href: String,
    /// The address that signs in once more, where that comes first: then there is no form.
    pub step_up: Option<String>,
}

/// A page of a car's ownership. It shows the parts that are there.
#[derive(Clone, Debug)]
pub struct OwnershipView {
    /// The frame.
    pub frame: Frame,
    /// The car.
    pub car: CarView,
    /// The page of the car's ownership.
    pub overview_href: String,
    /// The act right before.
    pub notice: Option<DoneNotice>,
    /// The reason for which the page is shown again.
    pub fault: Option<ClaimFault>,
    /// The form that starts a claim.
    pub start: Option<StartForm>,
    /// The form that answers its challenge.
    pub proof: Option<ProofForm>,
    /// The claim that a dealer confirms.
    pub dealer: Option<DealerView>,
    /// The time from which a complete proof counts.
    pub waiting: Option<NoticeTime>,
    /// True if another person holds the car, and the visitor's proof does not change that.
    pub is_contested: bool,
    /// The grant that is held.
    pub held: Option<HeldView>,
    /// The end of the grant that the visitor had.
    pub ended: Option<EndedView>,
    /// The form that gives the car up.
    pub end: Option<EndForm>,
    /// The methods to choose from.
    pub methods: Option<Vec<MethodView>>,
    /// The acts of others on the car.
    pub acts: Option<Vec<ActView>>,
}

impl OwnershipView {
    /// A page without parts.
    pub fn new(frame: Frame, car: CarView, overview_href: String) -> Self {
        Self {
            frame,
            car,
            overview_href,
            notice: None,
            fault: None,
            start: None,
            proof: None,
            dealer: None,
            waiting: None,
            is_contested: false,
            held: None,
            ended: None,
            end: None,
            methods: None,
            acts: None,
        }
    }

    fn heading(&self) -> &'static str {
        let t = self.frame.t;
        match (&self.held, &self.end) {
            (_, Some(_)) => t.end_title(),
            (Some(_), None) => t.held_title(),
            (None, None) if self.waiting.is_some() => t.waiting_title(),
            (None, None) => t.ownership_title(),
        }
    }

    fn lead(&self) -> String {
        let t = self.frame.t;
        match (&self.held, &self.end, &self.waiting) {
            (_, Some(_), _) => t.end_text().to_owned(),
            (Some(_), None, _) => t.held_lead().to_owned(),
            (None, None, Some(from)) => from.waiting_text(t),
            (None, None, None) => t.ownership_lead().to_owned(),
        }
    }

    fn methods_heading(&self) -> &'static str {
        let t = self.frame.t;
        match (&self.held, self.proof.is_some() || self.dealer.is_some()) {
            (_, true) => t.ownership_other(),
            (Some(_), false) => t.ownership_again(),
            (None, false) => t.ownership_choose(),
        }
    }

    /// The names of the methods that open everything at once, where the market offers some.
    fn strong_methods(&self) -> Option<String> {
        let methods = self.methods.iter().flatten().filter(|method| method.is_strong);
        let names: Vec<&str> = methods.map(|method| method.text(self.frame.t, "")).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The heading, and the method of a form.
    fn title(&self) -> String {
        let t = self.frame.t;
        let proof = self.proof.as_ref().map(|form| &form.method);
        let method = self.start.as_ref().map(|form| &form.method).or(proof);
        let title = match method {
            Some(method) => format!("{} – {}", method.text(t, ""), self.heading()),
            None => self.heading().to_owned(),
        };
        let title = t.page_title(&title);
        if self.fault.is_some() { t.title_error(&title) } else { title }
    }

    /// The ids of what describes a field of the document.
    fn described_by(&self, field: &DocumentFieldView) -> Option<String> {
        let hint = field.hint(self.frame.t).map(|_| format!("{}-hint", field.name));
        let error = self.is_wrong(field.name).then(|| format!("{}-error", field.name));
        let ids: Vec<String> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    fn is_wrong(&self, id: &str) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.is_at(id))
    }
}

/// A page of a car's ownership as HTML.
///
/// # Errors
/// [`RenderError`].
pub fn render_ownership(view: &OwnershipView) -> Result<String, RenderError> {
    let modules: &'static [&'static str] =
        if view.dealer.is_some() { &["dealer-code.mjs"] } else { &[] };
    let files = Files { styles: &["form-field.css", "ownership.css"], modules, noindex: true };
    page(&view.frame, &view.title(), files, &OwnershipTemplate { t: view.frame.t, view })
}

#[derive(Template)]
#[template(path = "ownership.html")]
struct OwnershipTemplate<'v> {
    t: Messages,
    view: &'v OwnershipView,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{DocumentField, OwnershipMethod};
    use crate::pages::Language;

    #[test]
    fn ok_each_method_and_each_field_has_its_texts_in_each_language() {
        for t in Language::ALL.map(Messages::new) {
            for method in OwnershipMethod::ALL {
                let word = method.as_str();
                let view = MethodView { word, is_strong: method.is_strong(), href: String::new() };
                for suffix in ["", "-needs", "-time", "-text", "-submit"] {
                    assert!(!view.text(t, suffix).is_empty(), "{word}{suffix}");
                }
            }
            for field in DocumentField::ALL {
                let (name, is_date) = (field.as_str(), field.is_date());
                let view = DocumentFieldView { name, is_date, entered: String::new() };
                assert!(!view.label(t).is_empty(), "{name}");
            }
        }
    }
}
