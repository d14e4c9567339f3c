//! The pages of ownership in each of their states, for tests and for the preview.

use super::{
    ActView, CarView, ClaimFault, ContactField, DealerView, DocumentFieldView, DoneNotice, EndForm,
    EndedCar, EndedView, GarageView, HeldCar, HeldView, MethodView, NoticeTime, ObjectionState,
    OwnershipView, PersonalPart, ProofFields, ProofForm, StartForm, render_garage,
    render_objection, render_ownership,
};
use crate::market::{DocumentField, OwnershipMethod};
use crate::pages::layout::RenderError;
use crate::pages::samples::{framed, signed_in, with_context};
use crate::pages::{AccountPart, AsOf, Language, step_up_address};

const CAR: &str = "/de/vehicles/AZJ3bm9wZXE";
const OVERVIEW: &str = "/de/vehicles/AZJ3bm9wZXE/ownership";

/// A page, by its name as a file.
type Sample = (&'static str, Result<String, RenderError>);

/// A method of the sample car.
pub fn method(method: OwnershipMethod) -> MethodView {
    let href = format!("{OVERVIEW}/{}", method.as_str());
    MethodView { word: method.as_str(), is_strong: method.is_strong(), href }
}

/// An instant of the samples.
pub fn instant(language: Language, iso: &str) -> AsOf {
    let text = with_context(language, |context| context.instant(iso));
    AsOf { iso: iso.to_owned(), text }
}

/// The page without parts.
pub fn view(language: Language) -> OwnershipView {
    let frame = framed(language, OVERVIEW, signed_in());
    let name = Some("Porsche <i>911</i> Carrera, 1996".to_owned());
    OwnershipView::new(frame, CarView { href: CAR.to_owned(), name }, OVERVIEW.to_owned())
}

/// The form that starts a method.
pub fn start(language: Language, chosen: OwnershipMethod, is_phone: bool) -> OwnershipView {
    let contact = (chosen == OwnershipMethod::ContactCode).then(|| ContactField {
        is_phone,
        entered: "\"><script>".to_owned(),
        other_href: format!("{OVERVIEW}/contact_code?by=phone"),
    });
    let start = StartForm { method: method(chosen), contact, step_up: None };
    OwnershipView { start: Some(start), ..view(language) }
}

/// The form of a proof.
pub fn proof(language: Language, chosen: OwnershipMethod) -> OwnershipView {
    let field = |field: DocumentField| DocumentFieldView {
        name: field.as_str(),
        is_date: field.is_date(),
        entered: String::new(),
    };
    let fields = if chosen == OwnershipMethod::KeeperDocument {
        ProofFields::Document(DocumentField::ALL.map(field).to_vec())
    } else {
        ProofFields::Code
    };
    let proof = ProofForm {
        method: method(chosen),
        action: format!("{OVERVIEW}/AAECAwQFBgcICQoLDA0ODw/proof"),
        until: instant(language, "2026-11-20T12:30:00.000Z"),
        attempts_left: 4,
        fields,
        step_up: None,
    };
    OwnershipView { proof: Some(proof), ..view(language) }
}

/// The page of a holder.
pub fn held(language: Language, personal: PersonalPart) -> OwnershipView {
    let held = HeldView {
        method: method(OwnershipMethod::VehicleCode),
        verified: instant(language, "2026-11-20T12:30:00.000Z"),
        until: instant(language, "2027-05-19T12:30:00.000Z"),
        personal,
        contested_until: None,
        end_href: format!("{OVERVIEW}/end"),
    };
    let act = |text: &str, reason: Option<&str>| ActView {
        at: instant(language, "2026-11-20T08:00:00.000Z"),
        text: text.to_owned(),
        reason: reason.map(str::to_owned),
    };
    let acts = vec![act("An act", None), act("Another", Some("<b>a reason</b>"))];
    let methods = OwnershipMethod::ALL.map(method).to_vec();
    OwnershipView { held: Some(held), acts: Some(acts), methods: Some(methods), ..view(language) }
}

/// The end of a grant.
fn ended(language: Language) -> EndedView {
    EndedView {
        at: instant(language, "2026-11-20T08:00:00.000Z"),
        text: "Why it ended.",
        statement: Some("<b>two people called</b>".to_owned()),
    }
}

fn forms(language: Language) -> Vec<Sample> {
    let step_up = || Some(step_up_address("de", OVERVIEW));
    let contact = OwnershipMethod::ContactCode;
    let wrong = |fault| {
        let view = start(language, contact, fault == ClaimFault::Phone);
        render_ownership(&OwnershipView { fault: Some(fault), ..view })
    };
    let proof_wrong = |chosen, fault| {
        render_ownership(&OwnershipView { fault: Some(fault), ..proof(language, chosen) })
    };
    let old = OwnershipView {
        start: start(language, contact, false)
            .start
            .map(|form| StartForm { step_up: step_up(), ..form }),
        ..view(language)
    };
    let end = |step_up| OwnershipView {
        end: Some(EndForm { cancel_href: OVERVIEW.to_owned(), step_up }),
        ..view(language)
    };
    let document = ClaimFault::Document(vec!["document_number", "issued_on"]);
    vec![
        ("ownership-email", render_ownership(&start(language, contact, false))),
        ("ownership-phone", render_ownership(&start(language, contact, true))),
        ("ownership-email-wrong", wrong(ClaimFault::Email)),
        ("ownership-phone-wrong", wrong(ClaimFault::Phone)),
        ("ownership-limited", wrong(ClaimFault::Limited("20 November 2026".to_owned()))),
        ("ownership-step-up", render_ownership(&old)),
        (
            "ownership-start-dealer",
            render_ownership(&start(language, OwnershipMethod::Dealer, false)),
        ),
        ("ownership-code", render_ownership(&proof(language, contact))),
        ("ownership-code-wrong", proof_wrong(contact, ClaimFault::WrongCode(4))),
        ("ownership-code-malformed", proof_wrong(contact, ClaimFault::Code)),
        ("ownership-car-code", render_ownership(&proof(language, OwnershipMethod::VehicleCode))),
        ("ownership-document", proof_wrong(OwnershipMethod::KeeperDocument, document)),
        ("ownership-end", render_ownership(&end(None))),
        ("ownership-end-step-up", render_ownership(&end(step_up()))),
    ]
}

fn states(language: Language) -> Vec<Sample> {
    let day = "23 November 2026, 12:30".to_owned();
    let choice = OwnershipView {
        methods: Some(OwnershipMethod::ALL.map(method).to_vec()),
        ..view(language)
    };
    let dealer = |code: Option<&str>| OwnershipView {
        dealer: Some(DealerView {
            code: code.map(str::to_owned),
            claim: "AAECAwQFBgcICQoLDA0ODw".to_owned(),
            confirmations: u32::from(code.is_some()),
            check: method(OwnershipMethod::Dealer).href,
            until: instant(language, "2026-11-20T12:30:00.000Z"),
            status_href: format!("/api/v1{OVERVIEW}"),
            restart_href: method(OwnershipMethod::Dealer).href,
        }),
        ..view(language)
    };
    let contested = held(language, PersonalPart::Open);
    let contested = OwnershipView {
        held: contested
            .held
            .map(|held| HeldView { contested_until: Some(NoticeTime::At(day.clone())), ..held }),
        ..contested
    };
    vec![
        ("ownership", render_ownership(&choice)),
        (
            "ownership-none",
            render_ownership(&OwnershipView { methods: Some(vec![]), ..choice.clone() }),
        ),
        (
            "ownership-given-up",
            render_ownership(&OwnershipView {
                notice: Some(DoneNotice::GivenUp),
                ..choice.clone()
            }),
        ),
        (
            "ownership-kept",
            render_ownership(&OwnershipView {
                notice: Some(DoneNotice::Kept),
                ..held(language, PersonalPart::Open)
            }),
        ),
        (
            "ownership-ended",
            render_ownership(&OwnershipView { ended: Some(ended(language)), ..choice.clone() }),
        ),
        (
            "ownership-contested",
            render_ownership(&OwnershipView { is_contested: true, ..choice.clone() }),
        ),
        (
            "ownership-waiting",
            render_ownership(&OwnershipView {
                waiting: Some(NoticeTime::At(day.clone())),
                methods: None,
                ..choice.clone()
            }),
        ),
        (
            "ownership-waiting-notice",
            render_ownership(&OwnershipView { waiting: Some(NoticeTime::AfterNotice), ..choice }),
        ),
        (
            "ownership-waiting-never",
            render_ownership(&OwnershipView {
                waiting: Some(NoticeTime::Never),
                ..contested.clone()
            }),
        ),
        (
            "ownership-waiting-again",
            render_ownership(&OwnershipView {
                waiting: Some(NoticeTime::Again),
                ..contested.clone()
            }),
        ),
        ("ownership-held-notice", render_ownership(&held(language, PersonalPart::AfterNotice))),
        ("ownership-dealer", render_ownership(&dealer(Some("K7WP 3MXQ")))),
        ("ownership-dealer-lost", render_ownership(&dealer(None))),
        ("ownership-held", render_ownership(&held(language, PersonalPart::From(day)))),
        ("ownership-held-never", render_ownership(&held(language, PersonalPart::Never))),
        ("ownership-held-contested", render_ownership(&contested)),
    ]
}

fn others(language: Language) -> Vec<Sample> {
    let objection = |state: ObjectionState| {
        let path = format!("{OVERVIEW}/objection");
        render_objection(&framed(language, &path, AccountPart::SignedOut), &state, "K7WP\"3MXQ")
    };
    let garage = |personal: &[PersonalPart]| {
        let cars = personal.iter().enumerate().map(|(at, personal)| HeldCar {
            car: CarView {
                href: CAR.to_owned(),
                name: (at > 0).then(|| "Porsche 911 Carrera, 1996".to_owned()),
            },
            vin_end: (at > 0).then(|| "390000".to_owned()),
            plate: (at > 0).then(|| "M-AD <1815>".to_owned()),
            until: instant(language, "2027-05-19T12:30:00.000Z"),
            waiting_until: (at == 0).then(|| NoticeTime::At("23 November 2026, 12:30".to_owned())),
            contested_until: (at == 1).then_some(NoticeTime::AfterNotice),
            personal: personal.clone(),
            ownership_href: OVERVIEW.to_owned(),
        });
        let frame = framed(language, "/de/garage", signed_in());
        let had = EndedCar {
            car: CarView { href: CAR.to_owned(), name: None },
            ended: ended(language),
            ownership_href: OVERVIEW.to_owned(),
        };
        let ended = personal.iter().take(1).map(|_| had.clone()).collect();
        render_garage(&GarageView { frame, cars: cars.collect(), ended })
    };
    let from = PersonalPart::From("23 November 2026, 12:30".to_owned());
    vec![
        ("objection", objection(ObjectionState::Form(None))),
        ("objection-malformed", objection(ObjectionState::Form(Some(ClaimFault::Code)))),
        ("objection-unknown", objection(ObjectionState::Unknown)),
        ("objection-done", objection(ObjectionState::Done)),
        ("garage", garage(&[PersonalPart::Open, from, PersonalPart::Never])),
        ("garage-none", garage(&[])),
    ]
}

/// Every page of ownership in `language`.
pub fn pages(language: Language) -> Vec<Sample> {
    [forms(language), states(language), others(language)].into_iter().flatten().collect()
}
