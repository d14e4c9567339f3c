//! The consequence of a right proof: the decision, written by compare-and-set on the live grants.

use jiff::civil::Date;

use super::claim_row::ClaimRow;
use super::claim_sql;
use super::claim_state::ClaimState;
use super::code::Code;
use super::contact::{Contact, ContactOnRecord};
use super::counts::{Counted, Counter, has_row};
use super::decide::{Decision, EarlierGrant, Ending, Proven, Terms, decide};
use super::ending;
use super::error::ClaimError;
use super::grant_row::{self, GrantRow, read_grants, read_void};
use super::holder::holder_at;
use super::machine::{About, Machine};
use super::messages::{MessageKind, Messages, Notice};
use super::outcome::Settlement;
use super::personal_part::{PartPlace, PersonalPart};
use super::right::select_live;
use super::switch;
use crate::audit::{self, Actor, Condition, EntryId, IS_AUDITED};
use crate::market::OwnershipMethod;
use crate::ports::{Rows, Statement, StoreError, Timestamp, row_type};
use crate::telemetry::{Event, Level, field};

/// Times that a decision is made anew because the grants have changed meanwhile.
const MAX_TRIES: u32 = 8;

/// The statements of the systems about a claim that was proven.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The first day of the holder.
    pub(super) held_since: Option<Date>,
    /// The keeper of the registration now.
    pub(super) keeper: Option<String>,
    /// The contact that is told: for a weak method that on record, for `contact_code` the typed
    /// one.
    pub(super) contact: Option<Contact>,
}

impl Facts {
    /// The facts of a contact on record that has settled. One that changed lately is none.
    pub(super) fn new(machine: &Machine<'_>, record: Option<&ContactOnRecord>) -> Self {
        let now = machine.now();
        let settled = record.filter(|record| record.is_settled(now));
        let contact = settled.and_then(ContactOnRecord::preferred).cloned();
        Self { held_since: None, keeper: None, contact }
    }
}

/// SQL of the version of a car's live rows; `?4` is the market, `?5` the car. Hexadecimal digits,
/// so that a row of somebody else, whatever its values are, cannot keep it from being compared.
const VERSION: &str = "(SELECT coalesce(group_concat(hex(id) || ':' || hex(mac), ' '), '') \
    FROM (SELECT id, mac FROM ownership_grant WHERE market = ?4 AND vehicle = ?5 \
    AND ended_at_ms IS NULL ORDER BY id))";

row_type! {
    /// The version of a car's live rows.
    struct VersionRow { version: String }
}

row_type! {
    /// The last end of the grants of others with one keeper.
    struct EarlierRow { ended_at_ms: Timestamp, keeper: Option<String> }
}

row_type! {
    /// The last end by another keeper.
    struct DisplacedRow { ended_at_ms: Option<Timestamp> }
}

/// The live grants of a car as they were read.
struct Found {
    grants: Vec<GrantRow>,
    /// Grants of others that opened personal values and count no more.
    earlier: Vec<EarlierGrant>,
    /// The last end of one of the claimant's grants because the registration named another keeper.
    displaced_at: Option<Timestamp>,
    /// The ids and codes of all live rows, authentic or not, as [`VERSION`] states them.
    version: String,
    is_open: bool,
}

/// Decides on a right proof and writes the decision; returns it with the keys of messages.
///
/// # Errors
/// [`ClaimError::Unknown`] where the claim has been settled meanwhile.
pub(super) async fn settle(
    machine: &Machine<'_>,
    actor: Actor<'_>,
    (claim, part): (&ClaimRow, &PersonalPart),
    facts: &Facts,
    release: Vec<Statement>,
) -> Result<(Settlement, Vec<String>), ClaimError> {
    for _ in 0..MAX_TRIES {
        let found = find(machine, claim).await?;
        if !found.is_open {
            return Err(ClaimError::Unknown);
        }
        let now = machine.now();
        let proven = Proven {
            person: &claim.person,
            method: claim.method,
            held_since: facts.held_since,
            keeper: facts.keeper.as_deref(),
            displaced_at: found.displaced_at,
            grant_days: machine.grant_days(),
        };
        let decision = decide(&proven, &found.grants, &found.earlier, now);
        let act = Act { machine, actor, claim, part, facts, found: &found, now };
        let mut messages = Messages::default();
        let mut statements = act.statements(&decision, &mut messages)?;
        statements.extend(release.iter().cloned());
        statements.append(&mut messages.statements);
        let grants = Counter::grants(machine.keys, claim.method);
        statements.push(grants.select(now));
        let results = machine.ports.db.batch(statements).await?;
        if has_row(results.first()) {
            watch_rate(machine, claim.method, results.last())?;
            let settlement = match decision {
                Decision::Grant(..) => Settlement::Granted,
                Decision::Keep(_) => Settlement::Kept,
                Decision::Contested => Settlement::Contested,
            };
            return Ok((settlement, messages.keys));
        }
    }
    Err(ClaimError::Store(StoreError::Conflict))
}

/// Reads what a decision needs.
async fn find(machine: &Machine<'_>, claim: &ClaimRow) -> Result<Found, ClaimError> {
    let (ports, now, place) = (machine.ports, machine.now(), machine.place(&claim.vehicle));
    let results = ports
        .db
        .batch(vec![
            select_live(claim.market.as_str(), &claim.vehicle),
            select_earlier(claim, now),
            select_open(&claim.id, now),
            select_version(claim),
            select_displaced(claim, &Counter::displaced(machine.keys, place, &claim.person), now),
            switch::select(),
        ])
        .await?;
    let [live, earlier, open, version, displaced, off] =
        <[Rows; 6]>::try_from(results).map_err(|_| StoreError::Rejected)?;
    if switch::read(ports, &off)?.contains(&claim.method) {
        return Err(ClaimError::NotOffered);
    }
    let displaced = ports.read_rows::<DisplacedRow>("ownership_grant", &displaced)?.pop();
    let version = ports.read_rows::<VersionRow>("ownership_grant", &version)?.pop();
    let ended = ports.read_rows::<EarlierRow>("ownership_grant", &earlier)?.into_iter();
    let ended = ended.map(|row| EarlierGrant { ended_at: row.ended_at_ms, keeper: row.keeper });
    let others = read_void(machine.keys, &live);
    let others = others.iter().filter(|grant| grant.person != claim.person);
    let earlier = ended.chain(others.filter_map(|grant| EarlierGrant::of(grant, now))).collect();
    Ok(Found {
        grants: read_grants(ports, machine.keys, &live),
        earlier,
        displaced_at: displaced.and_then(|row| row.ended_at_ms),
        version: version.ok_or(StoreError::Rejected)?.version,
        is_open: !open.is_empty(),
    })
}

/// Selects a row while a claim waits for its proof.
fn select_open(claim: &str, now: Timestamp) -> Statement {
    let sql = format!("SELECT 1 AS is_open WHERE {}", claim_sql::is_open(1, 2));
    Statement::new("ownership_claim.select_open", sql, vec![claim.into(), now.into()])
}

/// Selects the last ends of the grants of others that opened personal values and have ended, one
/// for each keeper. An ended row has no authentication code: an end that cannot be counts as now.
fn select_earlier(claim: &ClaimRow, now: Timestamp) -> Statement {
    let sql = "SELECT max(CASE WHEN is_possible THEN last_ms ELSE ?4 END) AS ended_at_ms, keeper \
        FROM (SELECT coalesce(keeper, first_keeper) AS keeper, personal_from_ms, \
        min(ended_at_ms, ends_at_ms) AS last_ms, \
        min(ended_at_ms, ends_at_ms) BETWEEN verified_at_ms AND ?4 AS is_possible \
        FROM ownership_grant WHERE market = ?1 AND vehicle = ?2 AND person <> ?3 \
        AND ended_at_ms IS NOT NULL AND end_reason IS NOT 'forged') \
        WHERE personal_from_ms <= last_ms OR NOT is_possible GROUP BY keeper";
    let params = vec![
        (&claim.market).into(),
        claim.vehicle.as_str().into(),
        claim.person.as_str().into(),
        now.into(),
    ];
    Statement::new("ownership_grant.select_earlier", sql, params)
}

/// Selects the last end of one of the claimant's grants because the registration named another
/// keeper.
fn select_displaced(claim: &ClaimRow, erased: &Counter, now: Timestamp) -> Statement {
    let sql = "SELECT max(ended_at_ms) AS ended_at_ms FROM (SELECT ended_at_ms \
        FROM ownership_grant WHERE market = ?1 AND vehicle = ?2 AND person = ?3 \
        AND end_reason = 'keeper_changed' UNION ALL SELECT at_ms FROM ownership_count \
        WHERE counter = ?4 AND expires_at_ms > ?5)";
    let params = vec![
        (&claim.market).into(),
        claim.vehicle.as_str().into(),
        claim.person.as_str().into(),
        erased.name.as_str().into(),
        now.into(),
    ];
    Statement::new("ownership_grant.select_displaced", sql, params)
}

/// Selects the version of the live rows of a car.
fn select_version(claim: &ClaimRow) -> Statement {
    let sql = format!("SELECT {} AS version", VERSION.replace("?4", "?1").replace("?5", "?2"));
    let params = vec![(&claim.market).into(), claim.vehicle.as_str().into()];
    Statement::new("ownership_grant.select_version", sql, params)
}

/// The condition of a decision: the claim waits, its method is on, and the live rows are those that
/// were read.
fn condition(claim: &ClaimRow, version: &str, now: Timestamp) -> Condition {
    let sql = format!(
        "{} AND NOT EXISTS (SELECT 1 FROM ownership_switch WHERE method = ?3) \
         AND {VERSION} = ?6",
        claim_sql::is_open(1, 2)
    );
    let params = vec![
        claim.id.as_str().into(),
        now.into(),
        claim.method.into(),
        (&claim.market).into(),
        claim.vehicle.as_str().into(),
        version.into(),
    ];
    Condition::new(sql, params)
}

/// One decision that is written.
struct Act<'a> {
    machine: &'a Machine<'a>,
    actor: Actor<'a>,
    claim: &'a ClaimRow,
    part: &'a PersonalPart,
    facts: &'a Facts,
    found: &'a Found,
    now: Timestamp,
}

impl Act<'_> {
    /// The statements of a decision: its entry first, then what needs the entry.
    fn statements(
        &self,
        decision: &Decision<'_>,
        messages: &mut Messages,
    ) -> Result<Vec<Statement>, ClaimError> {
        let entry = EntryId::new(self.machine.ports.random.as_ref());
        let (state, endings) = match decision {
            Decision::Grant(_, endings) | Decision::Keep(endings) => {
                (ClaimState::Verified, endings.as_slice())
            }
            Decision::Contested => (ClaimState::Contested, &[][..]),
        };
        let mut all = vec![
            self.audit(&entry, decision, state),
            claim_sql::set_state((&entry).into(), &self.claim.id, state),
        ];
        all.extend(self.end(&entry, endings, messages)?);
        match decision {
            Decision::Grant(terms, _) => all.extend(self.grant(&entry, terms, messages)?),
            Decision::Keep(_) => {}
            Decision::Contested => {
                self.tell_others(&entry, MessageKind::ClaimContested, messages)?;
            }
        }
        Ok(all)
    }

    fn audit(&self, entry: &EntryId, decision: &Decision<'_>, state: ClaimState) -> Statement {
        let claim = self.claim;
        let about =
            About { pseudonym: &claim.pseudonym, vehicle: &claim.vehicle, method: claim.method };
        let reason = match decision {
            Decision::Grant(terms, _) if terms.effective_from > self.now => "waits_for_holder",
            Decision::Grant(..) => "granted",
            Decision::Keep(_) => "kept",
            Decision::Contested => "held_by_another",
        };
        let written = audit::Entry {
            from_state: Some(ClaimState::Challenged.as_str().into()),
            to_state: Some(state.as_str().into()),
            reason: Some(reason),
            ..self.machine.entry(self.actor, "verify", about)
        };
        audit::insert(&written, entry, &condition(claim, &self.found.version, self.now))
    }

    /// Ends grants, each with its own entry behind the decision's.
    fn end(
        &self,
        entry: &EntryId,
        endings: &[Ending<'_>],
        messages: &mut Messages,
    ) -> Result<Vec<Statement>, ClaimError> {
        let is_decided = IS_AUDITED.replace("?1", "?2");
        let mut all = Vec::new();
        for ending in endings {
            let condition = Some((is_decided.as_str(), entry.into()));
            all.extend(ending::end_grant(self.machine, self.actor, *ending, condition, messages)?);
        }
        Ok(all)
    }

    /// Inserts the grant, counts it, and tells the contact on record or the holder.
    fn grant(
        &self,
        entry: &EntryId,
        terms: &Terms,
        messages: &mut Messages,
    ) -> Result<Vec<Statement>, ClaimError> {
        let Machine { keys, ports, .. } = *self.machine;
        let can_object = !self.claim.method.is_strong() && self.tells_contact();
        let objection = can_object.then(|| Code::random(ports.random.as_ref()));
        let waits = terms.effective_from > self.now;
        let deciding = waits.then(|| self.deciding()).flatten();
        // A grant that waits for somebody who cannot be told waits for ever.
        let personal_from = terms.personal_from.filter(|_| !waits || deciding.is_some());
        let row = self.row(&Terms { personal_from, ..terms.clone() }, objection.as_ref())?;
        let is_audited = IS_AUDITED.replace("?1", "?5");
        let grants = Counter::grants(keys, self.claim.method);
        let all = vec![
            ending::insert(entry, &row),
            grants.count(&row.id, self.now, &is_audited, vec![entry.into()]),
        ];
        if let (Some(code), Some(to)) = (&objection, &self.facts.contact) {
            let notice = Notice {
                kind: MessageKind::ClaimVerified,
                cause: &self.claim.id,
                to,
                locale: &self.part.locale,
                person: &self.claim.person,
                vehicle: &self.claim.vehicle,
                vehicle_id: &self.part.vehicle_id,
                code: Some(code),
            };
            let is_audited = IS_AUDITED.replace("?1", "?10");
            messages.add(self.machine, &notice, &is_audited, vec![entry.into()])?;
        }
        if waits {
            self.tell_others(entry, MessageKind::ClaimWaiting, messages)?;
        }
        Ok(all)
    }

    /// True if the contact on record is told in the same transaction and can object.
    fn tells_contact(&self) -> bool {
        self.facts.contact.is_some() && self.machine.notifies()
    }

    /// The id of the grant whose holder must have been told before a waiting grant takes its place:
    /// the one that counts, else the next one; nothing where its holder cannot be told.
    fn deciding(&self) -> Option<&str> {
        let others = self.others();
        let held = holder_at(&self.found.grants, self.now);
        let held = held.filter(|grant| grant.person != self.claim.person);
        let deciding = held.or_else(|| others.min_by_key(|grant| grant.effective_from_ms))?;
        // Each strong one loses their place, so each must be somebody who can be told.
        let can_be_told = |grant: &GrantRow| {
            grant.open(self.machine.keys).is_some_and(|part| part.contact().is_some())
        };
        let mut losing = self.others().filter(|grant| grant.method.is_strong());
        let all_are_told = self.machine.notifies() && losing.all(can_be_told);
        (all_are_told && can_be_told(deciding)).then_some(deciding.id.as_str())
    }

    /// The grants of others who hold the car or wait for it.
    fn others(&self) -> impl Iterator<Item = &GrantRow> {
        let is_other =
            |grant: &&GrantRow| grant.person != self.claim.person && self.now < grant.ends_at_ms;
        self.found.grants.iter().filter(is_other)
    }

    /// Tells the other people who hold the car or wait for it.
    fn tell_others(
        &self,
        entry: &EntryId,
        kind: MessageKind,
        messages: &mut Messages,
    ) -> Result<(), ClaimError> {
        let is_audited = IS_AUDITED.replace("?1", "?10");
        let deciding = self.deciding();
        // The delivery to the deciding one begins the time of a grant that waits (`notice_time`).
        let also = format!("{}.also", self.claim.id);
        for grant in self.others() {
            let is_deciding = deciding == Some(grant.id.as_str());
            let cause = (kind, if is_deciding { self.claim.id.as_str() } else { &also });
            let params = vec![entry.into()];
            messages.tell_holder(self.machine, grant, cause, &is_audited, params)?;
        }
        Ok(())
    }

    /// The row of the new grant. It has the id of its claim.
    fn row(&self, terms: &Terms, objection: Option<&Code>) -> Result<GrantRow, ClaimError> {
        let (claim, keys) = (self.claim, self.machine.keys);
        let part = PersonalPart {
            contact: self.facts.contact.as_ref().map(|contact| contact.expose().to_owned()),
            held_since: None,
            ..self.part.clone()
        };
        let place = PartPlace { table: grant_row::TABLE, id: &claim.id, person: &claim.person };
        let sealed = part.seal(keys, self.machine.ports.random.as_ref(), place)?;
        let objection_place = objection_place(claim.market.as_str(), &claim.vehicle);
        let row = GrantRow {
            id: claim.id.clone(),
            key_id: sealed.key_id,
            market: claim.market.clone(),
            vehicle: claim.vehicle.clone(),
            person: claim.person.clone(),
            pseudonym: claim.pseudonym.clone(),
            method: claim.method,
            since: terms.since,
            keeper: terms.keeper.clone(),
            verified_at_ms: self.now,
            effective_from_ms: terms.effective_from,
            personal_from_ms: terms.personal_from,
            ends_at_ms: terms.ends_at,
            objection: objection
                .and_then(|code| keys.code_hash(sealed.key_id, &objection_place, code)),
            sealed: sealed.text,
            mac: String::new(),
            first_keeper: terms.first_keeper.clone(),
        };
        row.authenticated(keys).ok_or(ClaimError::Sealing(crate::cache::SealingError))
    }
}

/// The place of an objection's code: the car.
pub(super) fn objection_place(market: &str, vehicle: &str) -> String {
    format!("objection {market} {vehicle}")
}

/// Calls an operator when one method gives more grants in an hour than people do.
fn watch_rate(
    machine: &Machine<'_>,
    method: OwnershipMethod,
    rows: Option<&Rows>,
) -> Result<(), StoreError> {
    let ports = machine.ports;
    let counted = Counted::read(ports, rows.ok_or(StoreError::Rejected)?)?;
    if counted.items > super::limits::MAX_GRANTS_AN_HOUR {
        let message = "one method has given more grants in an hour than people prove";
        let event = Event::new(Level::Error, message).with(field::CAUSE, method.as_str());
        ports.events.emit(event.with(field::COUNT, i64::from(counted.items)));
    }
    Ok(())
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let (claim, now) = (super::fake::claim(), Timestamp(0));
    let keys = super::keys::tests::keys(&[1]);
    let place = super::counts::Place { market: &claim.market, vehicle: "car" };
    let displaced = Counter::displaced(&keys, place, "ada");
    vec![
        select_open("id", now),
        select_earlier(&claim, now),
        select_displaced(&claim, &displaced, now),
        select_version(&claim),
    ]
}
