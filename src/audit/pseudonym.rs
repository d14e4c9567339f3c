//! Pseudonyms: the names of people in entries, keyed hashes with a salt per person. Once a person's
//! erasure has deleted the salt, nobody can tie an entry to the person.
//!
//! Known gap: D1's Time Travel holds deleted salts for 30 days.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ports::db_clock::NOW_MS;
use crate::ports::{
    LookupKey, LookupKeyError, Ports, Random, Row, Secrets, Statement, StoreError, row_type,
};

/// The key of pseudonyms, from the secret `LOOKUP_KEY`. It is never shown.
#[derive(Debug)]
pub struct PseudonymKey(LookupKey);

row_type! {
    /// A person's salt.
    struct SaltRow { salt: String }
}

impl PseudonymKey {
    /// Reads the secret `LOOKUP_KEY`.
    ///
    /// # Errors
    /// [`LookupKeyError`] where it is missing or malformed.
    pub fn parse(secrets: &dyn Secrets) -> Result<Self, LookupKeyError> {
        LookupKey::parse(secrets, "kerbside audit person ").map(Self)
    }
}

/// The pseudonym of a person in the audit, from the person's keyed hash (`auth::person_hash`) and
/// salt. 22 characters of base64url.
pub fn pseudonym(key: &PseudonymKey, salt: &str, person: &str) -> String {
    key.0.hash(&format!("{}:{salt}\n{}:{person}", salt.len(), person.len()))
}

/// Selects the salt of a person for an act, and makes one if there is none. [`read_salt`] reads the
/// row.
pub fn salt(person: &str, random: &dyn Random) -> Statement {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    let sql = format!(
        "INSERT INTO audit_salt (person, salt, used_at_ms) VALUES (?1, ?2, {NOW_MS}) \
         ON CONFLICT (person) DO UPDATE SET used_at_ms = excluded.used_at_ms RETURNING salt"
    );
    let params = vec![person.into(), URL_SAFE_NO_PAD.encode(bytes).into()];
    Statement::new("audit_salt.use", sql, params)
}

/// Selects the salt of a person without making one. [`read_salt`] reads the row.
pub fn find_salt(person: &str) -> Statement {
    let sql = "SELECT salt FROM audit_salt WHERE person = ?1";
    Statement::new("audit_salt.find", sql, vec![person.into()])
}

/// Reads the row of [`salt`] or [`find_salt`]; nothing where the person has no salt.
///
/// # Errors
/// [`StoreError::Rejected`] where the row does not read; an event names the column.
pub fn read_salt(ports: &Ports, rows: &[Row]) -> Result<Option<String>, StoreError> {
    Ok(ports.read_rows::<SaltRow>("audit_salt", rows)?.pop().map(|row| row.salt))
}

/// One of each statement of this file, for the test that prepares all.
#[cfg(test)]
pub(super) fn samples() -> Vec<Statement> {
    let ports = crate::ports::fake::World::new().ports();
    vec![salt("ada", ports.random.as_ref()), find_salt("ada")]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::ports::fake::World;
    use crate::ports::sqlite;

    fn key(byte: u8) -> PseudonymKey {
        let world = World::new();
        world.secrets.borrow_mut().insert("LOOKUP_KEY".into(), STANDARD.encode([byte; 32]));
        PseudonymKey::parse(world.ports().secrets.as_ref()).expect("a key")
    }

    #[test]
    fn ok_key_salt_and_person_make_the_pseudonym() {
        let ada = pseudonym(&key(1), "salt", "ada");
        assert_eq!((ada.len(), &ada), (22, &pseudonym(&key(1), "salt", "ada")));
        for other in [
            pseudonym(&key(2), "salt", "ada"),
            pseudonym(&key(1), "salz", "ada"),
            pseudonym(&key(1), "salt", "bob"),
            pseudonym(&key(1), "sal", "t\n3:ada"),
        ] {
            assert_ne!(ada, other);
        }
    }

    #[test]
    fn err_a_missing_or_short_key_is_refused() {
        let world = World::new();
        let parse = || PseudonymKey::parse(world.ports().secrets.as_ref()).map(drop);
        assert_eq!(parse(), Err(LookupKeyError));
        world.secrets.borrow_mut().insert("LOOKUP_KEY".into(), STANDARD.encode([1; 31]));
        assert_eq!(parse(), Err(LookupKeyError));
    }

    #[test]
    fn ok_a_person_keeps_a_salt_until_it_is_deleted() {
        let world = World::new();
        let database = sqlite::install(&world);
        let ports = world.ports();
        let read = |statement| {
            let rows = world.run(ports.db.batch(vec![statement])).expect("SQL").remove(0);
            read_salt(&ports, &rows).expect("a row")
        };
        assert_eq!(read(find_salt("ada")), None);
        let first = read(salt("ada", ports.random.as_ref())).expect("a salt");
        world.advance_s(60);
        assert_eq!(read(salt("ada", ports.random.as_ref())).as_ref(), Some(&first));
        assert_eq!(read(find_salt("ada")).as_ref(), Some(&first));
        assert_ne!(read(salt("bob", ports.random.as_ref())).as_ref(), Some(&first));
        let used = "SELECT used_at_ms FROM audit_salt WHERE person = 'ada'";
        let used: i64 = database.query_row(used, [], |row| row.get(0)).expect("a time");
        assert_eq!(used, world.clock().now().0);
        database.execute_batch("DELETE FROM audit_salt").expect("SQL");
        assert_ne!(read(salt("ada", ports.random.as_ref())), Some(first));
    }
}
