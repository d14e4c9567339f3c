//! A session's row in D1: its columns, the authentication code over them, and the sealed personal
//! part.
//!
//! The code covers every column, so that a row that was inserted, edited or moved to another id
//! gives no right. Leaves to others: when rows are read, written and deleted.

use serde::{Deserialize, Serialize};

use super::identity::{ClientId, Credential, Identity, Issuer, Subject, SubjectId};
use super::session_keys::SessionKeys;
use crate::cache::{Sealed, SealingContext};
use crate::market::MarketCode;
use crate::ports::{DbValue, Timestamp, row_type};

row_type! {
    /// The columns of a session.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct SessionRow {
        pub(super) id: String,
        pub(super) key_id: u8,
        pub(super) market: MarketCode,
        pub(super) person: String,
        pub(super) provider_session: Option<String>,
        pub(super) issuer: String,
        pub(super) client: String,
        pub(super) signed_in_at_ms: Option<Timestamp>,
        pub(super) issued_at_ms: Timestamp,
        pub(super) created_at_ms: Timestamp,
        pub(super) ends_at_ms: Timestamp,
        pub(super) sealed: String,
        pub(super) mac: String,
    }
}

/// The personal part of a session, sealed as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PersonalPart {
    /// The subject.
    pub(super) sub: String,
    /// The name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The authentication context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) acr: Option<String>,
    /// The provider's session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<String>,
}

fn open_part(keys: &SessionKeys, id: &str, key_id: u8, sealed: String) -> Option<PersonalPart> {
    let sealed = Sealed { key_id, text: sealed };
    let bytes = keys.ring().open(&SessionContext(id), &sealed).ok()?;
    serde_json::from_str(std::str::from_utf8(&bytes).ok()?).ok()
}

/// The place of a session's personal part.
pub(super) struct SessionContext<'a>(pub(super) &'a str);

impl SealingContext for SessionContext<'_> {
    fn context(&self, key_id: u8) -> String {
        format!("session\n{key_id}\n{}", self.0)
    }
}

impl SessionRow {
    /// Replaces the authentication code by that of the columns; nothing where the row's key is not
    /// held.
    pub(super) fn authenticated(self, keys: &SessionKeys) -> Option<Self> {
        let mac = keys.row_mac(self.key_id, &self.to_bytes())?;
        Some(Self { mac, ..self })
    }

    /// True if the authentication code is that of the columns.
    pub(super) fn is_authentic(&self, keys: &SessionKeys) -> bool {
        keys.is_row_mac(self.key_id, &self.to_bytes(), &self.mac)
    }

    /// Opens the personal part; nothing where it does not open or read.
    pub(super) fn open(&self, keys: &SessionKeys) -> Option<PersonalPart> {
        open_part(keys, &self.id, self.key_id, self.sealed.clone())
    }

    /// The identity that the row states.
    pub(super) fn to_identity(&self, part: &PersonalPart) -> Identity {
        let subject =
            Subject { issuer: Issuer(self.issuer.clone()), id: SubjectId(part.sub.clone()) };
        Identity {
            subject,
            client: ClientId(self.client.clone()),
            signed_in_at: self.signed_in_at_ms,
            acr: part.acr.clone(),
            expires_at: self.ends_at_ms,
            credential: Credential::Session,
        }
    }

    /// The parameters in the order of the columns.
    pub(super) fn to_params(&self) -> Vec<DbValue> {
        vec![
            self.id.as_str().into(),
            u32::from(self.key_id).into(),
            (&self.market).into(),
            self.person.as_str().into(),
            self.provider_session.as_deref().into(),
            self.issuer.as_str().into(),
            self.client.as_str().into(),
            self.signed_in_at_ms.into(),
            self.issued_at_ms.into(),
            self.created_at_ms.into(),
            self.ends_at_ms.into(),
            self.sealed.as_str().into(),
            self.mac.as_str().into(),
        ]
    }

    /// The columns but `mac`, each with its kind and length: two rows never give the same bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut params = self.to_params();
        params.pop();
        let mut bytes = b"kerbside session 1\n".to_vec();
        for param in &params {
            let column = match param {
                DbValue::Text(text) => format!("{}:{text}\n", text.len()),
                DbValue::Integer(number) => format!("#{number}\n"),
                DbValue::Null => "-\n".to_owned(),
            };
            bytes.extend_from_slice(column.as_bytes());
        }
        bytes
    }
}
