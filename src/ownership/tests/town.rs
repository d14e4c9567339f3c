//! A town for tests: a market with every method, cars, people, and systems that say what they are
//! told to say.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use futures::future::{LocalBoxFuture, ready};
use jiff::civil::Date;
use serde_json::Value;

use super::d1;
use crate::audit::{Actor, Entry, VehicleAct};
use crate::auth::{DealerStaff, Issuer, Subject, SubjectId};
use crate::cache::{Sealed, SealingRing};
use crate::disclosure::{KeeperHash, Right};
use crate::market::{Market, OwnershipMethod};
use crate::outbox::MessageContext;
use crate::ownership::systems::{Confirmation, SystemError};
use crate::ownership::{
    Attested, Car, ClaimError, ClaimId, ClaimWish, Contact, ContactOnRecord, DeliveredNotice,
    Machine, Outcome, OwnershipStatus, Person, Proof, Revoked, RightsKeys, SwitchWish, Systems,
    attest, authorize, begin_notice_times, give_up, history, object, prove, revoke, start, status,
    switch_method,
};
use crate::ports::fake::World;
use crate::ports::{Ports, Row, Rows, Statement, StoreError, read_column, sqlite};

/// The statements of the systems about one car.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The contact on record, e-mail.
    pub contact: Option<&'static str>,
    /// The day of its last change.
    pub changed_on: Option<Date>,
    /// The first day of the present holder.
    pub held_since: Option<Date>,
    /// True while no system answers.
    pub is_down: bool,
    /// The people whom the maker has as primary users; the typed document that the authority
    /// confirms.
    pub confirms: bool,
    /// The keeper of the registration.
    pub keeper: Option<&'static str>,
}

/// The world, its database, and what its systems say.
pub struct Town {
    pub world: Rc<World>,
    pub database: Rc<rusqlite::Connection>,
    pub market: Market,
    pub facts: RefCell<BTreeMap<String, Facts>>,
    /// The codes that cars show, the last one of each.
    pub shown: RefCell<BTreeMap<String, String>>,
    /// Documents and primary users that systems were asked about.
    pub asked: Cell<u32>,
    /// The keys of messages that were delivered.
    pub delivered: RefCell<BTreeSet<String>>,
}

/// The systems of one car of a town.
struct CarSystems<'a>(&'a Town, String);

impl CarSystems<'_> {
    fn facts(&self) -> Facts {
        self.0.facts.borrow().get(&self.1).cloned().unwrap_or_default()
    }

    fn confirm(&self) -> LocalBoxFuture<'_, Result<Confirmation, SystemError>> {
        let facts = self.facts();
        self.0.asked.set(self.0.asked.get() + 1);
        let answer = Confirmation { is_confirmed: facts.confirms, held_since: facts.held_since };
        ready(if facts.is_down { Err(SystemError::Unavailable) } else { Ok(answer) }).boxed_local()
    }
}

impl Systems for CarSystems<'_> {
    fn contact_on_record(
        &self,
    ) -> LocalBoxFuture<'_, Result<Option<ContactOnRecord>, SystemError>> {
        let facts = self.facts();
        let record = facts.contact.map(|contact| ContactOnRecord {
            email: Contact::email(contact),
            phone: None,
            changed_on: facts.changed_on,
            held_since: facts.held_since,
        });
        ready(if facts.is_down { Err(SystemError::Unavailable) } else { Ok(record) }).boxed_local()
    }

    fn show_code(&self, code: String) -> LocalBoxFuture<'_, ()> {
        self.0.shown.borrow_mut().insert(self.1.clone(), code);
        ready(()).boxed_local()
    }

    fn check_document(&self) -> LocalBoxFuture<'_, Result<Confirmation, SystemError>> {
        self.confirm()
    }

    fn check_primary_user(&self) -> LocalBoxFuture<'_, Result<Confirmation, SystemError>> {
        self.confirm()
    }

    fn keeper(&self) -> LocalBoxFuture<'_, Option<KeeperHash>> {
        let keeper = self.facts().keeper.map(|keeper| KeeperHash(keeper.into()));
        ready(keeper).boxed_local()
    }
}

fn market() -> Market {
    let text = include_str!("../../../tests/fixtures/ownership.toml");
    crate::market::compile("ownership.toml", text).expect("a market").market
}

impl Town {
    pub fn new() -> Self {
        let world = World::new();
        for (name, byte) in
            [("RIGHTS_KEY_1", 1), ("LOOKUP_KEY", 2), ("SEALING_KEY_1", 3), ("SESSION_KEY_1", 4)]
        {
            world.secrets.borrow_mut().insert(name.into(), STANDARD.encode([byte; 32]));
        }
        let database = sqlite::install(&world);
        d1::install(&world);
        Self {
            world,
            database,
            market: market(),
            facts: RefCell::default(),
            shown: RefCell::default(),
            asked: Cell::new(0),
            delivered: RefCell::default(),
        }
    }

    /// Says what the systems state about a car.
    pub fn state(&self, car: &str, facts: Facts) {
        self.facts.borrow_mut().insert(car.to_owned(), facts);
    }

    pub fn ports(&self) -> Ports {
        self.world.ports()
    }

    pub fn keys(&self) -> RightsKeys {
        RightsKeys::parse(self.ports().secrets.as_ref()).expect("keys")
    }

    /// Runs an act of the machine.
    async fn with<T>(&self, act: impl AsyncFnOnce(Machine<'_>) -> T) -> T {
        let (ports, keys) = (self.ports(), self.keys());
        let sealing = SealingRing::parse(ports.secrets.as_ref()).expect("keys");
        let machine = Machine {
            ports: &ports,
            keys: &keys,
            sealing: &sealing,
            market: &self.market,
            request_id: "r-1",
            origin: "https://eu.example.com",
        };
        act(machine).await
    }

    pub async fn start_later(
        &self,
        person: &str,
        car: &str,
        method: OwnershipMethod,
        contact: Option<&str>,
    ) -> Result<Outcome, ClaimError> {
        let wish = ClaimWish { method, contact };
        self.with(async |machine| {
            start(&machine, &CarSystems(self, car.into()), who(person), which(car), wish).await
        })
        .await
    }

    pub fn start(
        &self,
        person: &str,
        car: &str,
        method: OwnershipMethod,
        contact: Option<&str>,
    ) -> Result<Outcome, ClaimError> {
        self.world.run(self.start_later(person, car, method, contact))
    }

    pub async fn prove_later(
        &self,
        person: &str,
        car: &str,
        claim: &str,
        proof: Proof<'_>,
    ) -> Result<Outcome, ClaimError> {
        let id = ClaimId::parse(claim).ok_or(ClaimError::Unknown)?;
        self.with(async |machine| {
            prove(&machine, &CarSystems(self, car.into()), who(person), which(car), &id, proof)
                .await
        })
        .await
    }

    pub fn prove(
        &self,
        person: &str,
        car: &str,
        claim: &str,
        proof: Proof<'_>,
    ) -> Result<Outcome, ClaimError> {
        self.world.run(self.prove_later(person, car, claim, proof))
    }

    pub fn attest(
        &self,
        dealer: &str,
        staff: &str,
        jti: &str,
        code: &str,
    ) -> Result<Attested, ClaimError> {
        self.world.run(self.attest_later(dealer, staff, jti, code))
    }

    pub async fn attest_later(
        &self,
        dealer: &str,
        staff: &str,
        jti: &str,
        code: &str,
    ) -> Result<Attested, ClaimError> {
        let issuer = Issuer("https://dealers.example.com".into());
        let staff = DealerStaff {
            dealer: dealer.into(),
            staff: Subject { issuer, id: SubjectId(staff.into()) },
            jti: jti.into(),
            expires_at: self.ports().clock.now().plus_ms(600_000),
        };
        let systems_of = |id: &str| -> Option<Box<dyn Systems + '_>> {
            Some(Box::new(CarSystems(self, id.strip_prefix("id-")?.to_owned())))
        };
        self.with(async |machine| attest(&machine, &staff, code, &systems_of).await).await
    }

    pub fn object(&self, car: &str, code: &str) -> Result<Vec<String>, ClaimError> {
        let act = self.with(async |machine| object(&machine, which(car), code).await);
        self.world.run(act)
    }

    pub async fn object_later(&self, car: &str, code: &str) -> Result<Vec<String>, ClaimError> {
        self.with(async |machine| object(&machine, which(car), code).await).await
    }

    pub async fn give_up_later(&self, person: &str, car: &str) -> Result<Vec<String>, ClaimError> {
        self.with(async |machine| give_up(&machine, who(person), which(car)).await).await
    }

    pub fn give_up(&self, person: &str, car: &str) -> Result<Vec<String>, ClaimError> {
        self.world.run(self.give_up_later(person, car))
    }

    /// Erases a person, as they ask for it.
    pub fn erase(&self, person: &str) {
        let entry = Entry::new(Actor::Member("pseudonym"), "erase", "r-1");
        let (ports, keys) = (self.ports(), self.keys());
        let erased = crate::privacy::person::erase(&ports, &keys, &entry, person);
        drop(self.world.run(erased).expect("erased"));
    }

    pub fn revoke(&self, car: &str) -> Result<Revoked, ClaimError> {
        let act = self.with(async |machine| revoke(&machine, "ada", car, "stolen").await);
        self.world.run(act)
    }

    pub fn switch(&self, method: OwnershipMethod, is_off: bool) {
        let ports = self.ports();
        let wish =
            SwitchWish { operator: "ada", method, is_off, reason: "test", request_id: "r-1" };
        self.world.run(switch_method(&ports, wish)).expect("switched");
    }

    pub fn status(&self, person: &str, car: &str) -> OwnershipStatus {
        let (ports, keys) = (self.ports(), self.keys());
        let status = status(&ports, &keys, who(person), &self.market, car);
        self.world.run(status).expect("a status")
    }

    pub fn right(&self, person: &str, car: &str) -> Right {
        let (ports, keys) = (self.ports(), self.keys());
        let right: Result<Right, StoreError> =
            self.world.run(authorize(&ports, &keys, Some(person), &self.market, car));
        right.expect("a right")
    }

    /// Delivers the messages that have not expired, as the outbox does; returns their keys.
    pub fn deliver(&self) -> Vec<String> {
        let (ports, keys) = (self.ports(), self.keys());
        let now = ports.clock.now().0;
        let due = format!("SELECT message_key FROM outbox WHERE expires_at_ms > {now} ORDER BY id");
        let mut due = self.list(&due);
        due.retain(|key| self.delivered.borrow_mut().insert(key.clone()));
        let notices: Vec<DeliveredNotice> =
            due.iter().filter_map(|key| DeliveredNotice::parse(key, Some("de"))).collect();
        let begun = self.world.run(begin_notice_times(&ports, &keys, &notices)).expect("SQL");
        if !begun.is_empty() {
            self.world.run(ports.db.batch(begun)).expect("SQL");
        }
        due
    }

    /// The code of the notice about a weak grant, if one was written.
    pub fn objection_code(&self, grant: &str) -> Option<String> {
        let key = format!("{grant}:claim_verified:");
        let keys = self.list("SELECT message_key FROM outbox ORDER BY id");
        let at = keys.iter().position(|one| one.starts_with(&key))?;
        Some(self.messages()[at]["code"].as_str().expect("a code").to_owned())
    }

    /// The acts of others as the holder reads them: act and state.
    pub fn history(&self, person: &str, car: &str) -> Vec<String> {
        let (ports, keys) = (self.ports(), self.keys());
        let acts = self.world.run(history(&ports, &keys, &self.market, person, car));
        let acts = acts.expect("SQL").expect("the holder's");
        let line = |act: &VehicleAct| {
            format!("{} {}", act.action, act.to_state.as_deref().unwrap_or_default())
        };
        acts.iter().map(line).collect()
    }

    /// The payloads of the outbox, opened, in the order in which they were written.
    pub fn messages(&self) -> Vec<Value> {
        let ring = SealingRing::parse(self.ports().secrets.as_ref()).expect("keys");
        let sql = "SELECT message_key, receiver, market, payload, key_id FROM outbox ORDER BY id";
        let open = |row: &Row| {
            let key: String = read_column(row, "message_key").expect("a key");
            let key_id = read_column(row, "key_id").expect("a number");
            let sealed = Sealed { key_id, text: read_column(row, "payload").expect("a text") };
            let receiver: String = read_column(row, "receiver").expect("a receiver");
            let market: Option<String> = read_column(row, "market").expect("a code or none");
            let (key, receiver, market) = (&*key, &*receiver, market.as_deref());
            let bytes = ring.open(&MessageContext { key, receiver, market }, &sealed);
            let bytes = bytes.expect("opens");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        self.query(sql).iter().map(open).collect()
    }

    /// The kinds of the messages, and whom they reach.
    pub fn kinds(&self) -> Vec<String> {
        let text = |message: &Value, name: &str| message[name].as_str().expect("text").to_owned();
        let line = |message: &Value| format!("{} {}", text(message, "kind"), text(message, "to"));
        self.messages().iter().map(line).collect()
    }

    /// The code of the last message of a kind.
    pub fn code(&self, kind: &str) -> String {
        let messages = self.messages();
        let last = messages.iter().rev().find(|message| message["kind"] == kind);
        last.expect("a message")["code"].as_str().expect("a code").to_owned()
    }

    /// The first column of all rows of a query, as text.
    pub fn list(&self, sql: &str) -> Vec<String> {
        let text = |row: &Row| row.values().next().and_then(Value::as_str).map(str::to_owned);
        self.query(sql).iter().map(|row| text(row).expect("a text")).collect()
    }

    /// The rows of one statement.
    pub fn query(&self, sql: &str) -> Rows {
        let batch = self.ports().db.batch(vec![Statement::new("town.query", sql, Vec::new())]);
        self.world.run(batch).expect("SQL").remove(0)
    }

    /// Starts and proves a claim by the code that the car shows.
    pub fn hold_weakly(&self, person: &str, car: &str) -> Result<Outcome, ClaimError> {
        let started = self.start(person, car, OwnershipMethod::VehicleCode, None);
        let claim = started.expect("a claim").status.claim.expect("a claim").id;
        let code = self.shown.borrow()[car].clone();
        self.prove(person, car, &claim, Proof::Code(&code))
    }

    /// Starts and proves a claim by the contact on record.
    pub fn hold(&self, person: &str, car: &str) {
        let contact = self.facts.borrow().get(car).and_then(|facts| facts.contact);
        let started = self.start(person, car, OwnershipMethod::ContactCode, contact);
        let claim = started.expect("a claim").status.claim.expect("a claim").id;
        let code = self.code("contact_code");
        self.prove(person, car, &claim, Proof::Code(&code)).expect("proven");
    }
}

/// The id of a started claim.
pub fn claim_of(outcome: &Outcome) -> &str {
    &outcome.status.claim.as_ref().expect("a claim").id
}

pub fn who(person: &str) -> Person<'_> {
    Person { hash: person, locale: "de-DE" }
}

/// The car of a keyed hash; its id has `id-` before it.
fn which(car: &str) -> Car<'_> {
    let id: &'static str = Box::leak(format!("id-{car}").into_boxed_str());
    Car { lookup: car, id }
}
