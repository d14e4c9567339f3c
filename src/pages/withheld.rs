//! The words about what a vehicle page withholds, each with the way to it.
//!
//! Nothing is promised that does not help: sign-in is named where the market has one and the
//! visitor has not used it, and the proof of ownership where the market offers one.

use super::context::ViewContext;
use super::facet::{WithheldLine, WithheldLink};
use super::owner_part::OwnerPart;
use super::ownership::PersonalPart;
use crate::market::{FacetName, Tier};

/// The parts of a page that one line is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'s> {
    /// A facet as a whole.
    Facet,
    /// Fields of a facet, as a list.
    Fields(&'s str),
}

/// The line about what needs `tier` of a facet.
pub(super) fn withheld_line(
    context: &ViewContext<'_>,
    facet: FacetName,
    tier: Tier,
    subject: Subject<'_>,
) -> WithheldLine {
    if tier == Tier::Owner {
        owner_line(context, subject)
    } else {
        member_line(context, facet, subject)
    }
}

fn member_line(context: &ViewContext<'_>, facet: FacetName, subject: Subject<'_>) -> WithheldLine {
    let t = context.frame.t;
    if !context.frame.offers_sign_in() {
        let text = match subject {
            Subject::Facet => t.status_withheld().to_owned(),
            Subject::Fields(fields) => t.withheld(fields),
        };
        return WithheldLine { text, link: None };
    }
    let text = match subject {
        Subject::Facet => t.status_withheld_member().to_owned(),
        Subject::Fields(fields) => t.withheld_member(fields),
    };
    let href = context.frame.sign_in(Some(facet.as_str()));
    WithheldLine { text, link: Some(WithheldLink { href, label: t.sign_in() }) }
}

fn owner_line(context: &ViewContext<'_>, subject: Subject<'_>) -> WithheldLine {
    let t = context.frame.t;
    match context.owner {
        OwnerPart::NotOffered => {
            let text = match subject {
                Subject::Facet => t.status_withheld_owner().to_owned(),
                Subject::Fields(fields) => t.withheld_owner(fields),
            };
            WithheldLine { text, link: None }
        }
        OwnerPart::Prove(href) => {
            let text = match subject {
                Subject::Facet => t.status_withheld_prove().to_owned(),
                Subject::Fields(fields) => t.withheld_prove(fields),
            };
            let link = WithheldLink { href: href.clone(), label: t.withheld_prove_link() };
            WithheldLine { text, link: Some(link) }
        }
        OwnerPart::Held(held) => {
            let text = match (&held.personal, subject) {
                (PersonalPart::From(date), Subject::Facet) => t.status_withheld_from(date),
                (PersonalPart::From(date), Subject::Fields(fields)) => {
                    t.withheld_from(date, fields)
                }
                (PersonalPart::AfterNotice, Subject::Facet) => {
                    t.status_withheld_notice().to_owned()
                }
                (PersonalPart::AfterNotice, Subject::Fields(fields)) => t.withheld_notice(fields),
                (_, Subject::Facet) => t.status_withheld_closed().to_owned(),
                (_, Subject::Fields(fields)) => t.withheld_closed(fields),
            };
            WithheldLine { text, link: None }
        }
    }
}

/// The heading of the facets that need `tier`, named together.
pub(super) fn withheld_heading(context: &ViewContext<'_>, tier: Tier) -> &'static str {
    let t = context.frame.t;
    match (tier, context.owner, context.frame.offers_sign_in()) {
        (Tier::Owner, OwnerPart::Prove(_), _) => t.withheld_facets_prove(),
        (Tier::Owner, ..) => t.withheld_facets_owner(),
        (_, _, true) => t.withheld_facets_member(),
        _ => t.withheld_facets(),
    }
}
