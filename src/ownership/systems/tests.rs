//! Calls to the systems of ownership: answers, outages and hostile answers.

use std::rc::Rc;

use jiff::civil::date;
use serde_json::json;

use super::*;
use crate::auth::{Issuer, SubjectId};
use crate::market::compile;
use crate::ports::fake::{ScriptedResponse as Scripted, World};
use crate::ports::{OriginRequest, OriginResponse};

const VIN: &str = "WP0ZZZ99ZTS390000";

fn answer(status: u16, body: &str) -> Scripted {
    Scripted::status(status, "application/json", body)
}

struct Case {
    world: Rc<World>,
    market: Market,
    ports: Ports,
    tokens: TokenCache,
    vin: Vin,
}

impl Case {
    fn new(script: impl Fn(&OriginRequest) -> Scripted + 'static) -> Self {
        let text = include_str!("../../../tests/fixtures/ownership.toml");
        let world = World::new();
        world.origins(script);
        let ports = world.ports();
        Self {
            market: compile("ownership.toml", text).expect("valid").market,
            ports,
            world,
            tokens: TokenCache::default(),
            vin: Vin::parse(VIN).expect("valid"),
        }
    }

    fn respond(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self::new(move |_| answer(status, &body))
    }

    /// The same market with the contact of `contact_code` alone.
    fn with_method_contact(mut self) -> Self {
        if let Some(ownership) = &mut self.market.ownership {
            ownership.contact = None;
        }
        self
    }

    fn contact(&self) -> Result<Option<ContactOnRecord>, SystemError> {
        self.world.run(contact_on_record(&self.ports, &self.tokens, &self.market, &self.vin))
    }

    fn document(&self) -> Result<Confirmation, SystemError> {
        let method = self.market.ownership.as_ref().expect("described").methods.clone();
        let typed = BTreeMap::from([
            ("document_number".to_owned(), "ab 12345678".to_owned()),
            ("first_registration".to_owned(), "2019-05-04".to_owned()),
        ]);
        let method = method.keeper_document.expect("described");
        let data = DocumentData::parse(&method, &typed).expect("all fields");
        let Self { ports, tokens, market, vin, .. } = self;
        self.world.run(check_document(ports, tokens, market, vin, &data))
    }

    fn primary_user(&self) -> Result<Confirmation, SystemError> {
        let person = Subject {
            issuer: Issuer("https://id.example.com/de".into()),
            id: SubjectId("1001".into()),
        };
        let Self { ports, tokens, market, vin, .. } = self;
        self.world.run(check_primary_user(ports, tokens, market, vin, &person))
    }

    fn show(&self) -> Result<Reached, SystemError> {
        let Self { ports, tokens, market, vin, .. } = self;
        self.world.run(show_code_in_car(ports, tokens, market, vin, "K4TZ9QHM"))
    }

    fn events(&self) -> String {
        self.world.events.borrow().iter().map(Event::to_json).collect()
    }
}

#[test]
fn err_an_answer_about_another_car_is_no_proof() {
    let body = |vin: &str| {
        let answer = json!({"vin": vin, "contact": {"mail": "ada@example.com"}, "primary": true});
        answer.to_string()
    };
    for (vin, is_about) in [(VIN, true), ("WP0ZZZ99ZTS390001", false)] {
        let mut case = Case::respond(200, &body(vin));
        for origin in case.market.origins.values_mut() {
            origin.about = Some(serde_json::from_value(json!("/vin")).expect("a place"));
        }
        let (contact, confirmed) = (case.contact(), case.primary_user());
        if is_about {
            assert!(contact.expect("an answer").is_some());
            assert!(confirmed.expect("an answer").is_confirmed);
        } else {
            assert_eq!(contact, Err(SystemError::Unavailable));
            assert_eq!(confirmed, Err(SystemError::Unavailable));
        }
    }
}

#[test]
fn ok_a_code_asks_the_system_of_its_method() {
    let case = Case::new(|request| {
        let is_own = request.url.starts_with("https://crm2.");
        answer(200, if is_own { r#"{"mobile": "+49 171 1"}"# } else { r#"{"contact": {}}"# })
    });
    let asked = contact_for_code(&case.ports, &case.tokens, &case.market, &case.vin);
    assert!(case.world.run(asked).expect("an answer").expect("a contact").phone.is_some());
    assert_eq!(case.contact(), Ok(None));
}

#[test]
fn ok_the_contact_of_its_own_table_comes_first() {
    let case = Case::new(|request| {
        assert_eq!(request.url, format!("https://crm.example.com/c/{VIN}"));
        answer(200, r#"{"contact": {"mail": " Anna@Example.com "}}"#)
    });
    let contact = case.contact().expect("an answer").expect("a contact");
    assert_eq!(contact.email.as_ref().map(Contact::expose), Some("anna@example.com"));
    assert_eq!((contact.phone, contact.changed_on), (None, None));
}

#[test]
fn ok_the_contact_of_the_method() {
    let answer = json!({
        "mobile": "0170 1234567", "changed": "2026-11-01", "owner": {"from": "2020-02-29"},
    });
    let case = Case::respond(200, &answer.to_string()).with_method_contact();
    let contact = case.contact().expect("an answer").expect("a contact");
    assert_eq!(contact.phone.as_ref().map(Contact::expose), Some("+491701234567"));
    assert_eq!(contact.changed_on, Some(date(2026, 11, 1)));
    assert_eq!(contact.held_since, Some(date(2020, 2, 29)));
}

#[test]
fn ok_no_contact_is_an_answer() {
    for (status, body) in [
        (404, ""),
        (200, "{}"),
        (200, r#"{"contact": null}"#),
        (200, r#"{"contact": {"mail": ""}}"#),
        (200, r#"{"contact": {"mail": "nobody"}}"#),
        (200, r#"{"contact": {"mail": "a@b, c@d"}}"#),
        (200, r#"{"contact": {"mail": "a@b\r\nBcc: c@d"}}"#),
    ] {
        assert_eq!(Case::respond(status, body).contact(), Ok(None), "{status} {body}");
    }
}

#[test]
fn err_an_outage_is_no_answer() {
    for (status, body) in [
        (500, ""),
        (503, ""),
        (401, ""),
        (302, ""),
        (200, ""),
        (200, "<html>Sign in</html>"),
        (200, r#"{"contact": {"mail": ["a@b", "c@d"]}}"#),
        (200, r#"{"contact": {"mail": {"a": 1}}}"#),
    ] {
        let case = Case::respond(status, body);
        assert_eq!(case.contact(), Err(SystemError::Unavailable), "{status} {body}");
        let events = case.events();
        assert!(events.contains("\"origin\":\"crm\"") && !events.contains('@'), "{events}");
    }
    let slow = Case::new(|_| answer(200, "{}").after(901));
    assert_eq!(slow.contact(), Err(SystemError::Unavailable), "beyond the market's deadline");
}

#[test]
fn err_a_market_without_the_system() {
    let mut case = Case::respond(200, "{}");
    case.market.ownership = None;
    assert_eq!(case.contact(), Err(SystemError::NotDescribed));
    assert_eq!(case.show(), Err(SystemError::NotDescribed));
    assert_eq!(case.primary_user(), Err(SystemError::NotDescribed));
    assert_eq!(case.world.requests().len(), 0);
}

#[test]
fn ok_the_car_shows_the_code() {
    let case = Case::new(|request| {
        let body: Value =
            serde_json::from_slice(request.body.as_deref().expect("a body")).expect("JSON");
        assert_eq!(body, json!({"vin": VIN, "text": "K4TZ9QHM"}));
        answer(202, "")
    });
    assert_eq!(case.show(), Ok(Reached::Yes));
    for (status, expect) in [
        (200, Ok(Reached::Yes)),
        (404, Ok(Reached::No)),
        (409, Err(SystemError::Unavailable)),
        (500, Err(SystemError::Unavailable)),
    ] {
        assert_eq!(Case::respond(status, "").show(), expect, "{status}");
    }
}

/// Encodes a record of the registry check.
fn record(text: &str) -> Vec<u8> {
    crate::market::Encoding::of_label("cp273").expect("known").encode(text).expect("encodable")
}

fn bytes(body: Vec<u8>) -> Scripted {
    let response = OriginResponse { status: 200, body, ..OriginResponse::default() };
    Scripted { after_ms: 20, outcome: Ok(response) }
}

#[test]
fn ok_the_authority_confirms_the_document() {
    for (text, expect) in [
        ("0020190504", Confirmation { is_confirmed: true, held_since: Some(date(2019, 5, 4)) }),
        ("00        ", Confirmation { is_confirmed: true, held_since: None }),
        ("0420190504", Confirmation { is_confirmed: false, held_since: None }),
    ] {
        let case = Case::new(move |request| {
            let sent = record(&format!("CHK1{VIN}AB12345678  2019-05-04"));
            assert_eq!(request.body.as_deref(), Some(sent.as_slice()));
            bytes(record(text))
        });
        assert_eq!(case.document(), Ok(expect), "{text}");
    }
    let short = Case::new(|_| bytes(record("00")));
    assert_eq!(short.document(), Err(SystemError::Unavailable), "a record that breaks off");
}

#[test]
fn ok_the_maker_confirms_a_primary_user() {
    let case = Case::new(|request| {
        assert_eq!(request.url, format!("https://users.example.com/u(1001)/cars/{VIN}"));
        let issuer = ("x-issuer".to_owned(), "https://id.example.com/de".to_owned());
        assert!(request.headers.contains(&issuer));
        answer(200, r#"{"primary": true, "since": "2021-06-01"}"#)
    });
    let since = Some(date(2021, 6, 1));
    assert_eq!(case.primary_user(), Ok(Confirmation { is_confirmed: true, held_since: since }));
    for body in [
        r#"{"primary": false, "since": "2021-06-01"}"#,
        r#"{"primary": "yes"}"#,
        r#"{"primary": ["true"]}"#,
        "{}",
        "[]",
    ] {
        let refused = Confirmation { is_confirmed: false, held_since: None };
        assert_eq!(Case::respond(200, body).primary_user(), Ok(refused), "{body}");
    }
    let mut published = Case::respond(200, "{}");
    let tables = &mut published.market.ownership.as_mut().expect("described").methods;
    tables.oem_mapping.as_mut().expect("described").proven.clear();
    let refused = Confirmation { is_confirmed: false, held_since: None };
    assert_eq!(published.primary_user(), Ok(refused), "no condition confirms nothing");
}
