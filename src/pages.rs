//! Server-rendered HTML for people, over the same documents as the API.
//!
//! Owns the view models (plain structs of decided strings, so that templates hold no logic), the
//! texts, and the way from a vehicle document to the page. Templates are `site/pages/*.html`,
//! compiled in by askama with HTML escaping on; styles and scripts are static files of
//! `site/public`. Leaves routing, status codes and headers to `api`, and says nothing about who may
//! see what: it shows the document that it is given, which is projected for the viewer already.
//! Every page works without script and holds no inline script or style, so the strictest content
//! security policy fits. Follows WCAG 2.2 AA. Known gap: offers and listings have no pages yet.

mod account;
mod account_part;
mod context;
mod facet;
mod from_document;
mod home;
mod label;
mod language;
mod layout;
mod market;
pub mod message;
mod owner_part;
mod ownership;
pub mod plural;
mod printable;
mod problem;
mod sign_in;
mod timeline;
mod value_text;
mod vehicle;
mod verdict;
mod withheld;

#[cfg(test)]
mod samples;

pub use crate::ports::{Format, PlainFormat};
pub use account::{AccountView, ErasureFault, Export, render_account, render_erased};
pub use account_part::{AccountPart, sign_in_address, step_up_address};
pub use context::ViewContext;
pub use facet::{
    AsOf, FacetState, FacetView, Item, Line, Pending, Row, Table, TableRow, Tone, Verdict,
    WithheldLine, WithheldLink, facet_fragment,
};
pub use from_document::{facet_view, vehicle_view};
pub use home::{HomeView, MarketLink, RegionLink, render_home};
pub use layout::{CONTENT_SECURITY_POLICY, Frame, MarketName, RenderError};
pub use market::{MarketView, VinFault, render_market};
pub use message::{Language, Messages};
pub use owner_part::{HolderNotice, OwnerPart};
pub use ownership::{
    ActView, CarView, ClaimFault, ContactField, DealerView, DocumentFieldView, DoneNotice, EndForm,
    EndedCar, EndedView, GarageView, HeldCar, HeldView, MethodView, NoticeTime, ObjectionState,
    OwnershipView, PersonalPart, ProofFields, ProofForm, StartForm, render_garage,
    render_objection, render_ownership,
};
pub use problem::{ProblemView, SLUGS, render_problem, render_problem_index, render_problem_type};
pub use sign_in::{
    Handover, SignInFailure, render_handover, render_sign_in_failure, render_sign_out_again,
    render_signed_out,
};
pub use vehicle::{VehicleView, render_vehicle};
