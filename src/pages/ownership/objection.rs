//! The page on which the contact on record objects to a proof, by the code of the message.

use askama::Template;

use super::fault::ClaimFault;
use crate::pages::layout::{Files, Frame, RenderError, page};
use crate::pages::message::Messages;

/// The state of an objection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectionState {
    /// The form, and what is wrong with what was entered.
    Form(Option<ClaimFault>),
    /// The form: no access is known by the code.
    Unknown,
    /// The access has ended.
    Done,
}

/// The page of an objection as HTML. `code` is what the link of the message or the person entered.
///
/// # Errors
/// [`RenderError`].
pub fn render_objection(
    frame: &Frame,
    state: &ObjectionState,
    code: &str,
) -> Result<String, RenderError> {
    let t = frame.t;
    let error = match state {
        ObjectionState::Form(fault) => fault.as_ref().map(|fault| fault.text(t)),
        ObjectionState::Unknown => Some(t.objection_wrong().to_owned()),
        ObjectionState::Done => None,
    };
    let is_done = *state == ObjectionState::Done;
    let heading = if is_done { t.objection_done_title() } else { t.objection_title() };
    let title = t.page_title(heading);
    let title = if error.is_some() { t.title_error(&title) } else { title };
    let files = Files { styles: &["form-field.css"], modules: &[], noindex: true };
    page(frame, &title, files, &ObjectionTemplate { t, frame, heading, error, is_done, code })
}

#[derive(Template)]
#[template(path = "objection.html")]
struct ObjectionTemplate<'v> {
    t: Messages,
    frame: &'v Frame,
    heading: &'static str,
    error: Option<String>,
    is_done: bool,
    code: &'v str,
}
