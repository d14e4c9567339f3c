//! A registration that names another keeper ends the rights that were proven against the former
//! one, in the transaction that records it.

use kerbside::ports::fake::ScriptedResponse;
use serde_json::json;

use crate::support::marks::EVERY_FIELD;
use crate::support::members::{Member, SIGN_IN};
use crate::support::{CAR, TestApp};

/// A car whose registration names a keeper, and a grant of somebody.
struct Case {
    app: TestApp,
    href: String,
}

/// The answer of a register that names a keeper.
fn registration(keeper: &str) -> ScriptedResponse {
    let registration = json!({"country": "D", "keeper_name": keeper});
    let answer = json!({"identity": {"make": "Porsche"}, "registration": registration});
    ScriptedResponse::ok("application/json", &answer.to_string())
}

impl Case {
    fn new() -> Self {
        let app = TestApp::new();
        app.publish(&format!("{EVERY_FIELD}{SIGN_IN}"));
        let href = app.href(CAR);
        let case = Self { app, href };
        case.registered_to("Erika Mustermann");
        case.visit();
        case
    }

    fn registered_to(&self, keeper: &str) {
        let answer = registration(keeper);
        self.app.world.origins(move |_| answer.clone());
    }

    /// A member's request, which fetches what is not stored any more.
    fn visit(&self) {
        let member = Member::sign_in(&self.app);
        assert_eq!(member.get(&self.app, &self.href).status, 200);
        self.app.world.run_background();
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.app.database.prepare(sql).expect("SQL");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
        rows.map(|row| row.expect("a text")).collect()
    }

    /// The hash of the keeper that is recorded.
    fn keeper(&self) -> String {
        let sql = "SELECT keeper FROM stored_facet WHERE facet = 'registration'";
        self.texts(sql).pop().expect("a keeper")
    }

    /// Grants that were proven against these keepers.
    fn grant(&self, keepers: &[Option<&str>]) {
        for (number, keeper) in keepers.iter().enumerate() {
            let sql = "INSERT INTO ownership_grant SELECT 'grant' || ?1, 1, market, vehicle, 'p', 'p', \
                       'contact_code', '2020-01-01', ?2, 1, ?1 + 1, 1, 9e12, NULL, 'x', 'm', NULL, NULL, NULL \
                       FROM stored_facet WHERE facet = 'registration'";
            let number = i64::try_from(number).expect("few");
            self.app.database.execute(sql, rusqlite::params![number, keeper]).expect("SQL");
        }
    }

    /// Each grant's reason for its end, `live` without one.
    fn grants(&self) -> Vec<String> {
        self.texts("SELECT coalesce(end_reason || mac, 'live') FROM ownership_grant ORDER BY id")
    }

    fn entries(&self) -> Vec<String> {
        self.texts("SELECT action || ' ' || reason FROM audit_entry")
    }
}

#[test]
fn ok_another_keeper_ends_what_was_proven_against_the_former_one() {
    let case = Case::new();
    let erika = case.keeper();
    case.grant(&[Some(&erika)]);
    case.app.world.advance_s(4_000);
    case.visit();
    assert_eq!((case.keeper(), case.grants()), (erika.clone(), vec!["live".to_owned()]));
    case.registered_to("Max Mustermann");
    case.app.world.advance_s(4_000);
    case.visit();
    assert_ne!(case.keeper(), erika);
    assert_eq!(case.grants(), ["keeper_changed"]);
    assert_eq!(case.entries(), ["grant_end keeper_changed"]);
    case.app.world.advance_s(4_000);
    case.visit();
    assert_eq!(case.entries().len(), 1, "it ends once");
}

#[test]
fn ok_who_proved_without_a_known_keeper_stays_with_the_first_one_alone() {
    let case = Case::new();
    case.grant(&[None]);
    for _ in 0..2 {
        case.registered_to("Max Mustermann");
        case.app.world.advance_s(4_000);
        case.visit();
        assert_eq!((case.grants(), case.entries().len()), (vec!["live".to_owned()], 0));
    }
    case.registered_to("max  MUSTERMANN ");
    case.app.world.advance_s(4_000);
    case.visit();
    assert_eq!(case.grants(), ["live"], "another spelling");
    // The stored registration goes, and with it the only other record of its keeper.
    case.app.database.execute_batch("DELETE FROM stored_facet").expect("SQL");
    case.registered_to("Moritz Mustermann");
    case.app.world.advance_s(4_000);
    case.visit();
    assert_eq!(case.grants(), ["keeper_changed"]);
    assert_eq!(case.entries(), ["grant_end keeper_changed"]);
}

#[test]
fn ok_a_former_holder_s_keeper_is_not_the_first_one_of_the_next() {
    let case = Case::new();
    let erika = case.keeper();
    case.grant(&[Some(&erika), None]);
    let sql = "UPDATE ownership_grant SET person = 'former', ended_at_ms = 1, mac = '', \
               end_reason = 'given_up' WHERE id = 'grant0'";
    case.app.database.execute(sql, []).expect("SQL");
    // The authority still has the former holder, then the next one, then somebody else.
    for (keeper, reason) in
        [("Erika Mustermann", "live"), ("Max", "live"), ("Moritz", "keeper_changed")]
    {
        case.registered_to(keeper);
        case.app.world.advance_s(4_000);
        case.visit();
        assert_eq!(case.grants(), ["given_up", reason], "{keeper}");
    }
}

#[test]
fn err_a_registration_that_the_record_refuses_ends_nothing() {
    let case = Case::new();
    case.registered_to("Max Mustermann");
    case.app.world.advance_s(4_000);
    case.visit();
    let max = case.keeper();
    case.grant(&[Some(&max)]);
    // One isolate asks first and hears the former keeper late. Another one is faster.
    case.app.world.advance_s(4_000);
    let (early, fast) = (case.app.another_isolate(), case.app.another_isolate());
    let cookie = Member::sign_in(&case.app).cookie;
    let headers = [("cookie", cookie.as_str())];
    case.app.world.origins(|_| registration("Erika Mustermann").after(1_500));
    case.app.world.run(async {
        let overtaken = early.answer(&case.href, &headers);
        let overtaking = async {
            case.app.world.ports().timer.sleep(100).await;
            case.app.database.execute_batch("DELETE FROM lease").expect("SQL");
            case.app.world.origins(|_| registration("Max Mustermann"));
            fast.answer(&case.href, &headers).await
        };
        let (overtaken, overtaking) = futures::future::join(overtaken, overtaking).await;
        assert_eq!((overtaken.status, overtaking.status), (504, 200));
    });
    case.app.world.run_background();
    assert_eq!((case.keeper(), case.grants()), (max, vec!["live".to_owned()]));
    assert_eq!(case.entries(), [""; 0]);
    let asked = case.app.world.requests().len();
    assert_eq!(asked, 4, "both isolates have asked the register");
}
