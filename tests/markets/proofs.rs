//! The requests of `[ownership]` of each market, shared by the recording and the test: contacts, a
//! code in the car, a document, a primary user, a message.

use std::collections::BTreeMap;
use std::rc::Rc;

use kerbside::auth::{Issuer, Subject, SubjectId};
use kerbside::market::{Market, MessageField, Variable};
use kerbside::origin::{self, GivenValues, TokenCache};
use kerbside::ownership::systems::{
    Confirmation, check_document, check_primary_user, contact_on_record, show_code_in_car,
};
use kerbside::ownership::{Contact, DocumentData};
use kerbside::ports::fake::World;
use kerbside::vehicle::Vin;
use serde_json::{Value, json};

/// The cars of a market's proofs.
pub struct Proofs {
    /// The market.
    pub code: &'static str,
    /// A car whose contact and primary user is the first test person.
    pub known: &'static str,
    /// A car without a contact.
    pub without_contact: &'static str,
    /// The number, the day of issue and of the first registration of the first car's document.
    pub document: [&'static str; 3],
}

pub const PROOFS: [Proofs; 4] = [
    Proofs {
        code: "de",
        known: "WP0ZZZ99ZTS842360",
        without_contact: "YV4ZZZPBZP2561078",
        document: ["SY60042581", "1996-07-06", "1996-07-06"],
    },
    Proofs {
        code: "us",
        known: "1HGFC2F68LG111188",
        without_contact: "WP0BA2A97PS894186",
        document: ["", "", ""],
    },
    Proofs {
        code: "gb",
        known: "WP0ZZZ99ZTS842360",
        without_contact: "WB5ZZZF0ZPW514759",
        document: ["00044055904", "1996-07-06", "1996-07-06"],
    },
    Proofs {
        code: "fr",
        known: "WP0ZZZ99ZTS842360",
        without_contact: "YV4ZZZPBZP2561078",
        document: ["", "", ""],
    },
];

/// Asks every system of a market's proofs; returns the outcomes, with contacts in the clear.
pub fn outcomes(world: &Rc<World>, market: &Market, proofs: &Proofs) -> Value {
    let (ports, tokens) = (world.ports(), TokenCache::default());
    let vin = |text: &str| Vin::parse(text).expect("a VIN");
    let (known, bare) = (vin(proofs.known), vin(proofs.without_contact));
    let contact = |vin: &Vin| {
        let asked = world.run(contact_on_record(&ports, &tokens, market, vin));
        asked.expect("an answer").map(|record| {
            let text = |contact: &Option<Contact>| {
                contact.as_ref().map(|contact| contact.expose().to_owned())
            };
            json!({
                "email": text(&record.email),
                "phone": text(&record.phone),
                "changed_on": record.changed_on.map(|date| date.to_string()),
                "held_since": record.held_since.map(|date| date.to_string()),
            })
        })
    };
    let tables = &market.ownership.as_ref().expect("described").methods;
    let shown = tables.vehicle_code.is_some().then(|| {
        let shown = world.run(show_code_in_car(&ports, &tokens, market, &known, "K4TZ 9QHM"));
        format!("{:?}", shown.expect("an answer"))
    });
    let document = tables.keeper_document.as_ref().map(|method| {
        let check = |number: &str| {
            let [_, issued_on, first] = proofs.document;
            let typed = [
                ("document_number", number),
                ("issued_on", issued_on),
                ("first_registration", first),
            ];
            let typed = typed.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
            let data = DocumentData::parse(method, &typed).expect("all fields");
            let checked = world.run(check_document(&ports, &tokens, market, &known, &data));
            confirmation(checked.expect("an answer"))
        };
        let [number, ..] = proofs.document;
        json!({"right": check(number), "wrong": check("SY00000000")})
    });
    let primary_user = tables.oem_mapping.is_some().then(|| {
        let check = |subject: &str| {
            let issuer = Issuer(format!("https://login.example.com/{}", market.code));
            let person = Subject { issuer, id: SubjectId(subject.to_owned()) };
            let checked = world.run(check_primary_user(&ports, &tokens, market, &known, &person));
            confirmation(checked.expect("an answer"))
        };
        json!({"first person": check("1001"), "second person": check("1002")})
    });
    json!({
        "contact": contact(&known),
        "no contact": contact(&bare),
        "code in the car": shown,
        "document": document,
        "primary user": primary_user,
        "message": format!("{:?}", send_message(world, market)),
    })
}

fn confirmation(confirmation: Confirmation) -> Value {
    json!({
        "is_confirmed": confirmation.is_confirmed,
        "held_since": confirmation.held_since.map(|date| date.to_string()),
    })
}

/// Sends a message as the outbox does.
fn send_message(world: &Rc<World>, market: &Market) -> origin::Receipt {
    let (ports, tokens) = (world.ports(), TokenCache::default());
    let notify = market.ownership.as_ref().and_then(|one| one.notify.as_ref());
    let system = market.origins.get(notify.expect("described")).expect("described");
    let given: BTreeMap<Variable, String> = [
        (MessageField::Kind, "contact_code"),
        (MessageField::Channel, "email"),
        (MessageField::To, "ada@example.com"),
        (MessageField::Code, "K4TZ 9QHM"),
        (MessageField::Link, ""),
        (MessageField::Locale, "en-GB"),
        (MessageField::Key, "recorded"),
    ]
    .map(|(field, text)| (Variable::Message(field), text.to_owned()))
    .into();
    let values = GivenValues { market: market.code.clone(), vin: None, given };
    let headers = [("idempotency-key".to_owned(), "recorded".to_owned())];
    world
        .run(origin::deliver(&ports, &tokens, system, &values, &headers, 5_000))
        .unwrap_or_else(|failure| panic!("{}: {failure:?}", market.code))
}
