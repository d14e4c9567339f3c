//! Sessions over a real database: their life, their ends, and rows that somebody else has written.

use std::rc::Rc;

use rusqlite::Connection;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::market::MarketCode;
use crate::ports::fake::World;
use crate::ports::sqlite;
use crate::ports::{Ports, Statement, StoreError, Timestamp};
use session_keys::tests::keys;

/// One of each statement of this module, for the test that prepares all.
pub(crate) fn samples() -> Vec<Statement> {
    let here = Here::new();
    let id = here.start(&here.proven()).expect("a session");
    let id = here.start_again(&here.proven_by("second"), &id).expect("a session");
    here.world.advance_s(61);
    let session = here.session(&id);
    here.world.run(end_session(&here.ports, &session)).expect("ended");
    here.logout(Some("ada"), Some("sid"));
    here.logout(Some("ada"), None);
    here.world.statements()
}

/// A world with a database and session keys.
struct Here {
    world: Rc<World>,
    database: Rc<Connection>,
    ports: Ports,
    keys: SessionKeys,
    market: MarketCode,
    ada: Subject,
    client: ClientId,
}

impl Here {
    fn new() -> Self {
        let world = World::new();
        Self {
            database: sqlite::install(&world),
            ports: world.ports(),
            world,
            keys: keys(&[1]),
            market: MarketCode::new("de").expect("a code"),
            ada: Subject { issuer: Issuer("https://id".into()), id: SubjectId("ada".into()) },
            client: ClientId("kerbside".into()),
        }
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    fn proven(&self) -> ProvenSignIn<'_> {
        self.proven_by("state")
    }

    fn proven_by<'a>(&'a self, state: &'a str) -> ProvenSignIn<'a> {
        ProvenSignIn {
            market: &self.market,
            subject: &self.ada,
            client: &self.client,
            name: Some("Ada L."),
            signed_in_at: Some(self.now()),
            acr: Some("mfa"),
            sid: Some("sid"),
            issued_at: self.now(),
            begun_at: self.now(),
            state,
        }
    }

    fn start(&self, sign_in: &ProvenSignIn<'_>) -> Result<SessionId, StartError> {
        self.world.run(start_session(&self.ports, &self.keys, sign_in, None))
    }

    fn start_again(
        &self,
        sign_in: &ProvenSignIn<'_>,
        previous: &SessionId,
    ) -> Result<SessionId, StartError> {
        let previous = previous.to_cookie_value();
        self.world.run(start_session(&self.ports, &self.keys, sign_in, Some(&previous)))
    }

    fn read(&self, id: &SessionId) -> SessionState {
        let value = id.to_cookie_value();
        let state = self.world.run(read_session(&self.ports, &self.keys, &value));
        let state = state.expect("a state");
        self.world.run_background();
        state
    }

    fn session(&self, id: &SessionId) -> Session {
        match self.read(id) {
            SessionState::Active(session) => *session,
            other => panic!("{other:?}"),
        }
    }

    fn logout(&self, subject: Option<&str>, sid: Option<&str>) -> usize {
        let subject = subject.map(|id| SubjectId(id.to_owned()));
        let logout = ProviderLogout {
            issuer: &self.ada.issuer,
            subject: subject.as_ref(),
            sid,
            client: &self.client,
            issued_at: self.now(),
        };
        self.world.run(end_provider_sessions(&self.ports, &self.keys, &logout)).expect("ended")
    }

    fn change(&self, sql: &str) {
        self.database.execute_batch(sql).expect("SQL");
    }

    fn alarms(&self) -> usize {
        let is_alarm = |event: &&crate::telemetry::Event| event.message.contains("nobody's");
        self.world.events.borrow().iter().filter(is_alarm).count()
    }
}

#[test]
fn ok_a_session_gives_back_what_was_proven() {
    let here = Here::new();
    let id = here.start(&here.proven()).expect("a session");
    let session = here.session(&id);
    assert_eq!(session.identity.subject, here.ada);
    assert_eq!(session.identity.client, here.client);
    assert_eq!(session.identity.credential, Credential::Session);
    assert_eq!(session.identity.signed_in_at, Some(here.now()));
    assert_eq!(session.identity.acr.as_deref(), Some("mfa"));
    assert_eq!((session.name.as_deref(), session.sid.as_deref()), (Some("Ada L."), Some("sid")));
    assert_eq!(session.person, person_hash(&here.keys, &here.ada));
    assert_eq!(session.expires_at, here.now().plus_ms(30 * 60_000));
    assert_eq!(here.alarms(), 0);
    for text in sqlite::everything(&here.database) {
        for secret in ["\"ada\"", "Ada L.", "mfa", &id.to_cookie_value()[2..], &session.csrf] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(!format!("{session:?}").contains("ada"));
}

#[test]
fn ok_a_session_ends_after_30_idle_minutes_and_after_12_hours() {
    let here = Here::new();
    let idle = here.start(&here.proven()).expect("a session");
    here.world.advance_s(30 * 60 - 1);
    assert!(matches!(here.read(&idle), SessionState::Active(_)));
    here.world.advance_s(30 * 60 - 1);
    assert!(matches!(here.read(&idle), SessionState::Active(_)), "the first use prolonged it");
    here.world.advance_s(30 * 60);
    assert_eq!(here.read(&idle), SessionState::Ended);

    let used = here.start(&here.proven_by("used")).expect("a session");
    let end = here.now().plus_ms(12 * 3_600_000);
    for _ in 0..35 {
        here.world.advance_s(20 * 60);
        here.session(&used);
    }
    assert_eq!(here.session(&used).expires_at, end);
    here.world.advance_s(20 * 60);
    assert_eq!(here.read(&used), SessionState::Ended, "12 hours at most");
}

#[test]
fn err_a_session_from_before_rights_not_before_is_none() {
    let here = Here::new();
    let id = here.start(&here.proven()).expect("a session");
    for (name, byte) in [("SESSION_KEY_1", 1), ("LOOKUP_KEY", 9)] {
        here.world.secrets.borrow_mut().insert(name.into(), STANDARD.encode([byte; 32]));
    }
    for (seconds, counts) in [(-1, true), (0, true), (1, false)] {
        let not_before = Timestamp(here.now().0 + seconds * 1_000).to_string();
        here.world.secrets.borrow_mut().insert("RIGHTS_NOT_BEFORE".into(), not_before);
        let keys = SessionKeys::parse(here.ports.secrets.as_ref()).expect("keys");
        let cookie = id.to_cookie_value();
        let state = read_session(&here.ports, &keys, &cookie);
        let state = here.world.run(state).expect("a state");
        assert_eq!(matches!(state, SessionState::Active(_)), counts, "{seconds}");
    }
}

#[test]
fn ok_a_session_that_is_read_often_is_written_once_a_minute() {
    let here = Here::new();
    let id = here.start(&here.proven()).expect("a session");
    let touches = || {
        here.world.statements().iter().filter(|statement| statement.name == "session.touch").count()
    };
    for _ in 0..59 {
        here.world.advance_s(1);
        here.session(&id);
    }
    assert_eq!(touches(), 0);
    here.world.advance_s(1);
    here.session(&id);
    here.session(&id);
    assert_eq!(touches(), 1);
}

#[test]
fn ok_every_sign_in_has_a_new_id_and_ends_the_browsers_session() {
    let here = Here::new();
    let first = here.start(&here.proven()).expect("a session");
    let second = here.start_again(&here.proven_by("second"), &first).expect("a session");
    assert_ne!(first, second);
    assert_eq!(here.read(&first), SessionState::Ended);
    assert_ne!(here.session(&second).csrf, "");
    let other = here.start(&here.proven_by("another browser")).expect("a session");
    assert!(matches!(here.read(&second), SessionState::Active(_)));
    assert_ne!(here.session(&other).csrf, here.session(&second).csrf);
}

#[test]
fn err_a_transaction_gives_one_session_even_after_sign_out() {
    let here = Here::new();
    let id = here.start(&here.proven()).expect("a session");
    assert_eq!(here.start(&here.proven()), Err(StartError::Refused));
    assert!(matches!(here.read(&id), SessionState::Active(_)));
    here.world.run(end_session(&here.ports, &here.session(&id))).expect("ended");
    assert_eq!(here.read(&id), SessionState::Ended, "replay after sign-out");
    assert_eq!(here.start_again(&here.proven(), &id), Err(StartError::Refused));
    here.world.advance_s(601);
    here.start(&here.proven()).expect("the state itself ends after ten minutes");
}

#[test]
fn ok_a_refused_sign_in_leaves_the_browsers_session() {
    let here = Here::new();
    here.start(&here.proven()).expect("a session");
    let kept = here.start(&here.proven_by("kept")).expect("a session");
    assert_eq!(here.start_again(&here.proven(), &kept), Err(StartError::Refused));
    assert!(matches!(here.read(&kept), SessionState::Active(_)));
}

#[test]
fn ok_a_provider_ends_its_session_and_no_other() {
    let here = Here::new();
    let one = here.start(&here.proven()).expect("a session");
    let other = ProvenSignIn { sid: Some("other"), ..here.proven_by("other") };
    let other = here.start(&other).expect("a session");
    assert_eq!(here.logout(None, Some("sid")), 1);
    assert_eq!(here.logout(None, Some("sid")), 0, "repeated");
    assert_eq!(here.read(&one), SessionState::Ended);
    assert!(matches!(here.read(&other), SessionState::Active(_)));
    let late = here.proven_by("late");
    assert_eq!(here.start(&late), Err(StartError::Refused), "the log-out came first");
    here.world.advance_s(1);
    let late = here.proven_by("late");
    assert_eq!(here.start(&late), Err(StartError::Refused), "whatever its ID token's time");
}

#[test]
fn ok_a_log_out_of_a_person_ends_what_was_issued_until_then() {
    let here = Here::new();
    let before = here.start(&here.proven()).expect("a session");
    let under_way = here.proven_by("under way");
    here.world.advance_s(5);
    assert_eq!(here.logout(Some("ada"), None), 1);
    assert_eq!(here.read(&before), SessionState::Ended);
    assert_eq!(here.start(&under_way), Err(StartError::Refused), "issued before the log-out");
    here.world.advance_s(1);
    let later = here.start(&here.proven_by("later")).expect("a session");
    let logout = ProviderLogout {
        issuer: &here.ada.issuer,
        subject: Some(&here.ada.id),
        sid: None,
        client: &here.client,
        issued_at: Timestamp(here.now().0 - 1000),
    };
    let ended = here.world.run(end_provider_sessions(&here.ports, &here.keys, &logout));
    assert_eq!(ended, Ok(0), "a replay ends no later session");
    assert!(matches!(here.read(&later), SessionState::Active(_)));
    assert_eq!(here.logout(Some("bob"), None), 0);
}

#[test]
fn err_a_token_that_is_made_after_the_log_out_of_its_sign_in_gives_no_session() {
    let here = Here::new();
    here.world.advance_s(3_600);
    for (sid, logout_sid) in [(None, None), (Some("sid"), None), (None, Some("sid"))] {
        for signed_in_at in [None, Some(here.now())] {
            let state = format!("{sid:?}{logout_sid:?}{signed_in_at:?}");
            let before = ProvenSignIn { signed_in_at, sid, ..here.proven_by(&state) };
            here.world.advance_s(2);
            here.logout(Some("ada"), logout_sid);
            here.world.advance_s(2);
            // The code is exchanged now.
            let late = ProvenSignIn { issued_at: here.now(), ..before.clone() };
            assert_eq!(here.start(&late), Err(StartError::Refused), "{state}");
            // A sign-in since is another one.
            let again = ProvenSignIn { signed_in_at: Some(here.now()), state: "x", ..late };
            assert!(here.start(&again).is_ok(), "{state}");
            here.database.execute("DELETE FROM session_tombstone", []).expect("deleted");
        }
    }
}

#[test]
fn ok_a_log_out_ends_the_sessions_of_its_client_alone() {
    let here = Here::new();
    let other = ClientId("other".into());
    let elsewhere = ProvenSignIn { client: &other, sid: None, ..here.proven_by("elsewhere") };
    let elsewhere = here.start(&elsewhere).expect("a session");
    assert_eq!(here.logout(Some("ada"), None), 0);
    assert!(matches!(here.read(&elsewhere), SessionState::Active(_)));
}

#[test]
fn ok_a_log_out_with_a_sid_ends_sessions_that_state_none() {
    let here = Here::new();
    let without = ProvenSignIn { sid: None, ..here.proven() };
    let id = here.start(&without).expect("a session");
    let late = ProvenSignIn { sid: None, ..here.proven_by("late") };
    assert_eq!(here.logout(Some("ada"), Some("sid")), 1);
    assert_eq!(here.read(&id), SessionState::Ended);
    assert_eq!(here.start(&late), Err(StartError::Refused));
    let other_issuer = Issuer("https://other".into());
    let stranger = Subject { issuer: other_issuer, ..here.ada.clone() };
    let stranger = ProvenSignIn { subject: &stranger, ..here.proven_by("stranger") };
    here.start(&stranger).expect("the same sub and sid of another issuer are other ones");
}

#[test]
fn err_an_edited_row_is_nobodys_whatever_the_column() {
    let edits = [
        "key_id = 2",
        "market = 'fr'",
        "market = 'No Market'",
        "person = 'AAAAAAAAAAAAAAAAAAAAAA'",
        "provider_session = NULL",
        "provider_session = 'x'",
        "issuer = 'https://evil'",
        "client = 'other'",
        "signed_in_at_ms = signed_in_at_ms + 1",
        "signed_in_at_ms = NULL",
        "issued_at_ms = issued_at_ms + 1",
        "created_at_ms = created_at_ms + 1",
        "ends_at_ms = ends_at_ms + 1",
        "ends_at_ms = 'soon'",
        "sealed = 'AAAA'",
        "mac = 'AAAA'",
        "mac = ''",
    ];
    for edit in edits {
        let here = Here::new();
        let id = here.start(&here.proven()).expect("a session");
        here.change(&format!("UPDATE session SET {edit}"));
        assert_eq!(here.read(&id), SessionState::Rejected, "{edit}");
        assert_eq!(here.alarms(), 1, "{edit}");
    }
}

#[test]
fn err_a_moved_or_inserted_row_is_nobodys() {
    let here = Here::new();
    let ada = here.start(&here.proven()).expect("a session");
    let mallory = here.start(&here.proven_by("mallory")).expect("a session");
    let hash = |id: &SessionId| here.keys.hash_id(id).expect("a key");
    here.change(&format!("DELETE FROM session WHERE id = '{}'", hash(&mallory)));
    here.change(&format!("UPDATE session SET id = '{}'", hash(&mallory)));
    assert_eq!(here.read(&mallory), SessionState::Rejected, "moved");
    assert_eq!(here.read(&ada), SessionState::Ended);
    let unknown = here.keys.new_id(here.ports.random.as_ref());
    here.change(&format!(
        "INSERT INTO session SELECT '{}', key_id, market, person, provider_session, issuer, client, \
         signed_in_at_ms, issued_at_ms, created_at_ms, ends_at_ms, sealed, mac FROM session",
        hash(&unknown)
    ));
    assert_eq!(here.read(&unknown), SessionState::Rejected, "inserted");
    assert_eq!(here.alarms(), 2);
}

#[test]
fn ok_a_new_key_leaves_sessions_and_a_removed_one_ends_them() {
    let here = Here::new();
    let id = here.start(&here.proven()).expect("a session");
    let here = Here { keys: keys(&[1, 2]), ..here };
    assert!(matches!(here.read(&id), SessionState::Active(_)));
    assert_eq!(here.logout(None, Some("sid")), 1, "look-ups outlive a rotation");
    let next = ProvenSignIn { sid: None, ..here.proven_by("next") };
    let next = here.start(&next).expect("a session");
    assert!(next.to_cookie_value().starts_with("2."));
    let here = Here { keys: keys(&[1]), ..here };
    assert_eq!(here.read(&next), SessionState::Ended);
    assert_eq!(here.alarms(), 0);
}

#[test]
fn err_a_failing_database_is_said() {
    let here = Here::new();
    let id = here.start(&here.proven()).expect("a session");
    here.world.stores_fail.set(Some(StoreError::Timeout));
    let read = here.world.run(read_session(&here.ports, &here.keys, &id.to_cookie_value()));
    assert_eq!(read, Err(StoreError::Timeout));
    assert_eq!(here.start(&here.proven()), Err(StartError::Store(StoreError::Timeout)));
}

#[test]
fn ok_garbage_in_the_cookie_asks_no_store() {
    let here = Here::new();
    for value in ["", "x", "1.", "9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let state = here.world.run(read_session(&here.ports, &here.keys, value));
        assert_eq!(state, Ok(SessionState::Ended), "{value}");
    }
    assert!(here.world.statements().is_empty());
}
