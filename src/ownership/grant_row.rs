//! A grant's row in D1 and the authentication code over it.
//!
//! The code covers every column of a live row: one that was inserted, edited or moved to another
//! car, person or market is no right. An end replaces the code by an empty text, so that a row
//! whose end was edited away is none either. Leaves to others: the meaning of the rows (`holder`).

use jiff::civil::Date;

use super::keys::RightsKeys;
use super::personal_part::{PartPlace, PersonalPart};
use crate::market::{MarketCode, OwnershipMethod};
use crate::ports::{DbValue, FromRow as _, Ports, Row, Timestamp, row_type};
use crate::telemetry::{Event, Level, field};

/// The table.
pub(super) const TABLE: &str = "ownership_grant";

/// The first day of a grant that never opens personal values.
pub(super) const NEVER: Date = Date::MAX;

row_type! {
    /// The columns of a live grant.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct GrantRow {
        pub(super) id: String,
        pub(super) key_id: u8,
        pub(super) market: MarketCode,
        pub(super) vehicle: String,
        pub(super) person: String,
        pub(super) pseudonym: String,
        pub(super) method: OwnershipMethod,
        pub(super) since: Date,
        pub(super) keeper: Option<String>,
        pub(super) verified_at_ms: Timestamp,
        pub(super) effective_from_ms: Timestamp,
        pub(super) personal_from_ms: Option<Timestamp>,
        pub(super) ends_at_ms: Timestamp,
        pub(super) objection: Option<String>,
        pub(super) sealed: String,
        pub(super) mac: String,
        /// The keeper that the registration named first after the proof, where none was known at
        /// it. It shows nothing and only ends the right, so that the code leaves it out.
        pub(super) first_keeper: Option<String>,
    }
}

impl GrantRow {
    /// Replaces the authentication code by that of the columns; nothing where the row's key is not
    /// held.
    pub(super) fn authenticated(self, keys: &RightsKeys) -> Option<Self> {
        let mac = keys.row_mac(self.key_id, TABLE, &self.authenticated_columns())?;
        Some(Self { mac, ..self })
    }

    /// True if the authentication code is that of the columns.
    pub(super) fn is_authentic(&self, keys: &RightsKeys) -> bool {
        keys.is_row_mac(self.key_id, TABLE, &self.authenticated_columns(), &self.mac)
    }

    /// The place of the sealed part.
    pub(super) fn part_place(&self) -> PartPlace<'_> {
        PartPlace { table: TABLE, id: &self.id, person: &self.person }
    }

    /// Opens the sealed part; nothing where it does not open.
    pub(super) fn open(&self, keys: &RightsKeys) -> Option<PersonalPart> {
        PersonalPart::open(keys, self.part_place(), self.key_id, &self.sealed)
    }

    /// The keeper at the proof, else the one that the registration named first after it.
    pub(super) fn known_keeper(&self) -> Option<&str> {
        self.keeper.as_deref().or(self.first_keeper.as_deref())
    }

    /// The parameters in the order of the columns.
    pub(super) fn to_params(&self) -> Vec<DbValue> {
        let mut params = self.authenticated_columns();
        params.extend([self.mac.as_str().into(), self.first_keeper.as_deref().into()]);
        params
    }

    /// The columns before `mac`.
    fn authenticated_columns(&self) -> Vec<DbValue> {
        vec![
            self.id.as_str().into(),
            u32::from(self.key_id).into(),
            (&self.market).into(),
            self.vehicle.as_str().into(),
            self.person.as_str().into(),
            self.pseudonym.as_str().into(),
            self.method.into(),
            self.since.into(),
            self.keeper.as_deref().into(),
            self.verified_at_ms.into(),
            self.effective_from_ms.into(),
            self.personal_from_ms.into(),
            self.ends_at_ms.into(),
            self.objection.as_deref().into(),
            self.sealed.as_str().into(),
        ]
    }
}

/// Reads the rows that have not ended and are no rights all the same: those that Kerbside wrote
/// before `RIGHTS_NOT_BEFORE`, and those under a key that is gone. They are the earlier time of
/// somebody with the car.
pub(super) fn read_void(keys: &RightsKeys, rows: &[Row]) -> Vec<GrantRow> {
    let is_void = |grant: &GrantRow| {
        !keys.holds(grant.key_id)
            || grant.verified_at_ms < keys.not_before() && grant.is_authentic(keys)
    };
    rows.iter().filter_map(|row| GrantRow::from_row(row).ok()).filter(is_void).collect()
}

/// Reads the grants among rows that have not ended: those that Kerbside wrote, and not before
/// `RIGHTS_NOT_BEFORE`. Each other row of somebody else is no right, and an event reports it.
pub(super) fn read_grants(ports: &Ports, keys: &RightsKeys, rows: &[Row]) -> Vec<GrantRow> {
    let read = |row: &Row| {
        let grant = GrantRow::from_row(row).ok().filter(|grant| grant.is_authentic(keys));
        if grant.is_none() {
            report_forged(ports);
        }
        grant.filter(|grant| grant.verified_at_ms >= keys.not_before())
    };
    rows.iter().filter_map(read).collect()
}

/// Reports a row that somebody else than Kerbside has written.
pub(super) fn report_forged(ports: &Ports) {
    let message = "a right's row was written or changed by somebody else: it is no right";
    ports.events.emit(Event::new(Level::Error, message).with(field::CAUSE, "ownership row"));
}
