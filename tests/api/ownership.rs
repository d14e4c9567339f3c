//! The API of ownership: claims, proofs, what an owner sees, and each refusal.

use kerbside::http::Response;
use serde_json::{Value, json};

use crate::support::members::{CLIENT, Member, SIGN_IN};
use crate::support::ownership::{CONTACT, Case, OWNERSHIP};
use crate::support::{CAR, MARKET, OPERATOR_TOKEN, UNKNOWN_CAR, body, header, problem};

fn check(answer: &Response, status: u16, slug: &str) {
    assert_eq!(problem(answer), (status, slug.to_owned()), "{}", answer.body);
    assert!(header(answer, "cache-control").contains("no-store"), "{}", answer.body);
}

/// The document of the car as a member sees it.
fn vehicle(case: &Case, member: &Member) -> Value {
    body(&member.get(&case.app, &case.app.href(CAR)))
}

fn status(case: &Case, member: &Member) -> Value {
    let answer = member.get(&case.app, &case.href());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(header(&answer, "cache-control"), "private, no-store");
    body(&answer)
}

#[test]
fn ok_a_member_reads_the_methods_and_the_way_to_them() {
    let case = Case::new();
    let ada = case.member("ada");
    let read = status(&case, &ada);
    assert_eq!(read["state"], "none");
    let methods: Vec<_> = read["methods"].as_array().expect("methods").iter().collect();
    let words: Vec<_> = methods.iter().map(|method| method["method"].as_str()).collect();
    let all = ["oem_mapping", "contact_code", "vehicle_code", "keeper_document", "dealer"];
    assert_eq!(words, all.map(Some));
    assert_eq!(methods[1]["strength"], "strong");
    assert_eq!(methods[3]["fields"], json!(["document_number", "first_registration"]));
    assert_eq!(read["links"]["self"], case.href());
    assert_eq!(vehicle(&case, &ada)["links"]["ownership"], case.href());
    let anybody = body(&case.app.get(&case.app.href(CAR)));
    assert_eq!(anybody["links"].get("ownership"), None);
}

#[test]
fn ok_a_proof_opens_the_car_and_giving_it_up_closes_it_at_once() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    assert_eq!(vehicle(&case, &ada)["facets"].get("registration"), None);
    let held = case.hold(&ada);
    assert_eq!(held["state"], "verified");
    assert_eq!(held["grant"]["strength"], "strong");
    let seen = vehicle(&case, &ada);
    assert_eq!(
        (&seen["tier"], &seen["facets"]["registration"]["plate"]),
        (&json!("owner"), &json!("M-AD 1815"))
    );
    assert_eq!(vehicle(&case, &eve)["tier"], "member");
    let cars = body(&ada.get(&case.app, "/api/v1/de/me/vehicles"));
    assert_eq!(cars["vehicles"][0]["state"], "verified");
    assert_eq!(cars["vehicles"][0]["links"]["ownership"], case.href());
    let ended = case.api(&ada, "DELETE", &case.href(), &Value::Null);
    assert_eq!((ended.status, body(&ended)["state"].as_str()), (200, Some("none")));
    assert_eq!(vehicle(&case, &ada)["tier"], "member");
    assert_eq!(body(&ada.get(&case.app, "/api/v1/de/me/vehicles")), json!({"vehicles": []}));
    let again = case.api(&ada, "DELETE", &case.href(), &Value::Null);
    check(&again, 403, "ownership-required");
    assert_eq!(body(&again)["links"]["ownership"], case.href());
}

#[test]
fn ok_a_buyer_stands_with_the_keeper_of_now_and_not_with_the_stored_one() {
    let case = Case::new();
    let market = format!("{MARKET}{SIGN_IN}{OWNERSHIP}");
    case.app.publish(&market.replace("ttl_s = 60\n", "ttl_s = 86400\n"));
    *case.keeper.borrow_mut() = "Seller".into();
    drop(vehicle(&case, &case.member("eve")));
    case.app.world.run_background();
    *case.keeper.borrow_mut() = "Buyer".into();
    case.app.world.advance_s(600);
    let ada = case.member("ada");
    case.hold(&ada);
    let seen = vehicle(&case, &ada);
    assert_eq!(seen["facets"]["registration"]["keeper_name"], "Buyer");
}

#[test]
fn ok_a_contact_that_is_not_on_record_gets_the_same_answer() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    let normal = |member: &Member, contact: &str| {
        let sent = json!({"method": "contact_code", "contact": contact});
        let answer = case.api(member, "POST", &case.href(), &sent);
        let text = answer.body.replace(body(&answer)["claim"]["id"].as_str().expect("id"), "id");
        (answer.status, text)
    };
    let on_record = normal(&ada, CONTACT);
    assert_eq!(on_record, normal(&eve, "eve@example.com"));
    assert_eq!(case.messages.borrow().len(), 1);
    assert_eq!(case.messages.borrow()[0]["to"], CONTACT);
}

#[test]
fn err_wrong_proofs_are_counted_and_then_locked() {
    let case = Case::new();
    let eve = case.member("eve");
    let sent = json!({"method": "contact_code", "contact": "eve@example.com"});
    let started = case.start(&eve, &sent);
    let malformed = case.prove(&eve, &started, &json!({"code": "0000"}));
    check(&malformed, 422, "invalid-request");
    for left in (0..5).rev() {
        let wrong = case.prove(&eve, &started, &json!({"code": "2222-2222"}));
        check(&wrong, 422, "wrong-proof");
        assert_eq!(body(&wrong)["attempts_left"], left);
    }
    let locked = case.prove(&eve, &started, &json!({"code": "2222 2222"}));
    check(&locked, 423, "claim-locked");
    assert!(!header(&locked, "retry-after").is_empty());
}

#[test]
fn err_a_claim_expires_and_the_number_of_claims_is_limited() {
    let case = Case::new();
    let eve = case.member("eve");
    let started = case.start(&eve, &json!({"method": "vehicle_code"}));
    case.app.world.advance_s(601);
    let eve_again = case.member("eve");
    let late = case.prove(&eve_again, &started, &json!({"code": "22222222"}));
    check(&late, 410, "claim-expired");
    for _ in 0..2 {
        case.start(&eve_again, &json!({"method": "vehicle_code"}));
    }
    let fourth = case.api(&eve_again, "POST", &case.href(), &json!({"method": "vehicle_code"}));
    check(&fourth, 429, "rate-limited");
    assert!(header(&fourth, "retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 60));
}

#[test]
fn err_a_weak_proof_does_not_take_a_car_from_its_holder() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    case.hold(&ada);
    let started = case.start(&eve, &json!({"method": "keeper_document"}));
    let document = json!({"document_number": "ab-123456", "first_registration": "2019-05-04"});
    let conflict = case.prove(&eve, &started, &document);
    check(&conflict, 409, "claim-conflict");
    assert_eq!(status(&case, &eve)["state"], "contested");
    assert_eq!(vehicle(&case, &eve)["tier"], "member");
    case.app.world.run_background();
    let told = case.messages.borrow().iter().any(|message| message["kind"] == "claim_contested");
    assert!(told, "the holder is told right after the response");
    let history = ada.get(&case.app, &format!("{}/history", case.href()));
    let acts = body(&history);
    let words: Vec<_> = acts["acts"].as_array().expect("acts").iter().collect();
    assert!(
        words.iter().any(|act| act["action"] == "verify" && act["to"] == "contested"),
        "{acts}"
    );
    for name in ["eve", "subject", "person", "pseudonym"] {
        assert!(!history.body.contains(name), "{name}: {}", history.body);
    }
    check(&eve.get(&case.app, &format!("{}/history", case.href())), 403, "ownership-required");
}

#[test]
fn err_a_document_is_read_field_by_field() {
    let case = Case::new();
    let ada = case.member("ada");
    let started = case.start(&ada, &json!({"method": "keeper_document"}));
    let missing = case.prove(&ada, &started, &json!({"document_number": "AB123456"}));
    check(&missing, 422, "invalid-request");
    assert_eq!(body(&missing)["errors"][0]["pointer"], "/first_registration");
    let both =
        case.prove(&ada, &started, &json!({"document_number": "1", "first_registration": ""}));
    let errors = body(&both)["errors"].as_array().expect("errors").clone();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/document_number", "/first_registration"]);
    let unknown = case.prove(&ada, &started, &json!({"colour": "red"}));
    check(&unknown, 422, "invalid-request");
    let number = json!({"document_number": 7, "first_registration": "2019-05-04"});
    check(&case.prove(&ada, &started, &number), 422, "invalid-request");
}

#[test]
fn ok_the_contact_on_record_objects_without_an_account() {
    let case = Case::new();
    let eve = case.member("eve");
    let held = case.hold_weakly(&eve);
    assert_eq!(held["grant"]["strength"], "weak");
    assert_eq!(held["grant"]["awaits_notice"], true, "{held}");
    assert_eq!(held["grant"].get("personal_from"), None, "{held}");
    let told = body(&eve.get(&case.app, &case.href()));
    assert!(told["grant"]["personal_from"].is_string(), "the message was delivered: {told}");
    let seen = vehicle(&case, &eve);
    assert_eq!(seen["tier"], "owner");
    assert_eq!(seen["facets"]["registration"].get("plate"), None, "before 72 hours: {seen}");
    let objection = format!("{}/objection", case.href());
    let json = [("content-type", "application/json")];
    let object = |code: &str| {
        case.app.send("POST", &objection, &json, json!({"code": code}).to_string().as_bytes())
    };
    check(&object("2222 2222"), 422, "wrong-proof");
    check(&object("no code"), 422, "invalid-request");
    let code = case.code_of("claim_verified").to_lowercase();
    let done = object(&code);
    assert_eq!((done.status, body(&done)), (200, json!({"state": "ended"})));
    assert_eq!(vehicle(&case, &eve)["tier"], "member");
}

#[test]
fn ok_the_makers_record_decides_at_once() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    assert_eq!(case.start(&ada, &json!({"method": "oem_mapping"}))["state"], "verified");
    let refused = case.api(&eve, "POST", &case.href(), &json!({"method": "oem_mapping"}));
    check(&refused, 422, "wrong-proof");
}

#[test]
fn ok_two_members_of_a_dealers_staff_attest() {
    let case = Case::new();
    let ada = case.member("ada");
    let started = case.start(&ada, &json!({"method": "dealer"}));
    let code = started["claim"]["code"].as_str().expect("a code").to_owned();
    assert_eq!(status(&case, &ada)["claim"].get("code"), None, "it is told once");
    check(&case.attest("Bearer x", &code), 401, "sign-in-required");
    check(&case.attest("", &code), 401, "sign-in-required");
    check(&case.attest(&case.staff("s1", "D-9", "0"), &code), 401, "sign-in-required");
    check(&case.attest(&case.staff("s1", "D-1", "1"), "2222 2222"), 422, "wrong-proof");
    let first = case.attest(&case.staff("s1", "D-1", "2"), &code);
    assert_eq!((first.status, body(&first)), (202, json!({"state": "attested"})));
    assert_eq!(header(&first, "cache-control"), "private, no-store");
    check(&case.attest(&case.staff("s1", "D-1", "3"), &code), 422, "wrong-proof");
    check(&case.attest(&case.staff("s2", "D-2", "4"), &code), 422, "wrong-proof");
    let second = case.staff("s2", "D-1", "5");
    let complete = case.attest(&second, &code);
    assert_eq!((complete.status, body(&complete)), (200, json!({"state": "complete"})));
    check(&case.attest(&second, &code), 422, "wrong-proof");
    assert_eq!(status(&case, &ada)["state"], "verified");
}

#[test]
fn err_acts_need_a_fresh_sign_in_and_the_token_of_the_session() {
    let case = Case::new();
    let old = Member::sign_in_as(&case.app, "ada", CLIENT, 1_000);
    let sent = json!({"method": "vehicle_code"});
    let stale = case.api(&old, "POST", &case.href(), &sent);
    check(&stale, 401, "sign-in-required");
    assert!(header(&stale, "www-authenticate").contains("insufficient_user_authentication"));
    let back = format!("return_to={}", case.page());
    assert!(body(&stale)["links"]["sign_in"].as_str().is_some_and(|link| link.contains(&back)));
    check(&case.api(&old, "DELETE", &case.href(), &Value::Null), 401, "sign-in-required");
    let ada = case.member("ada");
    let headers = [("cookie", ada.cookie.as_str()), ("content-type", "application/json")];
    let forged = case.app.send("POST", &case.href(), &headers, sent.to_string().as_bytes());
    check(&forged, 400, "invalid-request");
    let anybody = case.app.send("POST", &case.href(), &headers[1..], b"{}");
    check(&anybody, 401, "sign-in-required");
    check(&case.app.get("/api/v1/de/me/vehicles"), 401, "sign-in-required");
}

#[test]
fn err_bodies_and_systems_that_fail() {
    let case = Case::new();
    let ada = case.member("ada");
    let post = |sent: Value| case.api(&ada, "POST", &case.href(), &sent);
    check(&post(json!({"method": "sms"})), 422, "invalid-request");
    check(&post(json!({"method": "contact_code"})), 422, "invalid-request");
    check(&post(json!({"method": "contact_code", "contact": "x"})), 422, "invalid-request");
    check(&post(json!({"method": "contact_code", "to": CONTACT})), 422, "invalid-request");
    check(&post(json!([])), 422, "invalid-request");
    case.is_down.set(true);
    let down = post(json!({"method": "contact_code", "contact": CONTACT}));
    check(&down, 503, "origin-unavailable");
    assert_eq!(header(&down, "retry-after"), "5");
    let forged = case.href().replace("/vehicles/", "/vehicles/A");
    check(&ada.get(&case.app, &forged), 404, "unknown-vehicle");
    let unknown = format!("{}/AAECAwQFBgcICQoLDA0ODw/proof", case.href());
    check(&case.api(&ada, "POST", &unknown, &json!({"code": "22222222"})), 404, "not-found");
}

#[test]
fn ok_a_car_that_nobody_knows_answers_like_any_other() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    let unknown = format!("{}/ownership", case.app.href(UNKNOWN_CAR));
    let sent = json!({"method": "contact_code", "contact": "eve@example.com"});
    let start = |member: &Member, href: &str| body(&case.api(member, "POST", href, &sent));
    let (known, other) = (start(&ada, &case.href()), start(&eve, &unknown));
    assert_eq!(known["claim"]["expires_at"], other["claim"]["expires_at"]);
    assert_eq!((&known["state"], &known["methods"]), (&other["state"], &other["methods"]));
    let proof = |member: &Member, href: &str, status: &Value| {
        let id = status["claim"]["id"].as_str().expect("an id");
        let sent = json!({"code": "22222222"});
        let answer = case.api(member, "POST", &format!("{href}/{id}/proof"), &sent);
        (answer.status, body(&answer)["detail"].clone(), answer.body.len())
    };
    assert_eq!(proof(&ada, &case.href(), &known), proof(&eve, &unknown, &other));
}

fn operator(case: &Case, method: &str, target: &str, sent: &Value) -> Response {
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let headers = [("authorization", &*token), ("content-type", "application/json")];
    let body = if sent.is_null() { String::new() } else { sent.to_string() };
    case.app.send(method, target, &headers, body.as_bytes())
}

#[test]
fn ok_an_operator_revokes_and_the_holder_reads_why() {
    let case = Case::new();
    let ada = case.member("ada");
    case.hold(&ada);
    let sent = json!({"market": "de", "vin": CAR, "reason": "two owners called"});
    let revoked = operator(&case, "POST", "/operator/v1/revocations", &sent);
    assert_eq!((revoked.status, &body(&revoked)["grants"]), (200, &json!(1)), "{}", revoked.body);
    assert_eq!(vehicle(&case, &ada)["tier"], "member");
    let id = case.app.href(CAR).rsplit('/').next().expect("an id").to_owned();
    let by_id = json!({"market": "de", "vehicle": id, "reason": "again"});
    let again = operator(&case, "POST", "/operator/v1/revocations", &by_id);
    assert_eq!(body(&again), json!({"grants": 0, "claims": 0}));
    case.hold(&case.member("ada"));
    for (sent, pointer) in [
        (json!({"market": "de", "reason": "x"}), "/vin"),
        (json!({"market": "de", "vin": CAR}), "/reason"),
        (json!({"market": "de", "vin": CAR, "vehicle": "x", "reason": "x"}), "/vin"),
        (json!({"market": "de", "vehicle": "x", "reason": "x"}), "/vehicle"),
        (json!({"vin": CAR, "reason": "x"}), "/market"),
    ] {
        let refused = operator(&case, "POST", "/operator/v1/revocations", &sent);
        check(&refused, 422, "invalid-request");
        assert_eq!(body(&refused)["errors"][0]["pointer"], pointer, "{sent}");
    }
}

#[test]
fn ok_an_operator_inspects_the_rights_to_a_car() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    case.hold(&ada);
    case.api(&ada, "DELETE", &case.href(), &Value::Null);
    case.hold_weakly(&eve);
    case.start(&ada, &json!({"method": "dealer"}));
    let path = "/operator/v1/ownership/inspections";
    let answer = operator(&case, "POST", path, &json!({"market": "de", "vin": CAR}));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let found = body(&answer);
    let grants = found["grants"].as_array().expect("grants");
    assert_eq!((grants.len(), found["claims"].as_array().map(Vec::len)), (2, Some(1)), "{found}");
    let ended = grants.iter().find(|grant| grant["end_reason"] == "given_up").expect("it");
    assert_eq!((&ended["method"], &ended["strength"]), (&json!("contact_code"), &json!("strong")));
    let live = grants.iter().find(|grant| grant["end_reason"].is_null()).expect("it");
    assert_eq!((&live["method"], &live["is_authentic"]), (&json!("vehicle_code"), &json!(true)));
    assert_ne!(live["person"], ended["person"]);
    assert_eq!(found["claims"][0]["person"], ended["person"], "one pseudonym a person");
    for personal in [CONTACT, CAR, "ada", "eve", "sealed"] {
        assert!(!answer.body.contains(personal), "{personal}: {}", answer.body);
    }
    let history = body(&eve.get(&case.app, &format!("{}/history", case.href())));
    assert!(history.to_string().contains("inspect_rights"), "the holder reads of it: {history}");
    let refused = operator(&case, "POST", path, &json!({"vin": CAR}));
    check(&refused, 422, "invalid-request");
    assert_eq!(case.app.send("POST", path, &[], b"{}").status, 401);
}

#[test]
fn ok_an_operator_switches_a_method_off_and_on() {
    let case = Case::new();
    let ada = case.member("ada");
    let path = "/operator/v1/ownership/methods";
    let switch = |state: &str| {
        operator(
            &case,
            "POST",
            path,
            &json!({"method": "vehicle_code", "state": state, "reason": "abuse"}),
        )
    };
    let off = body(&switch("off"));
    let of = |list: &Value| {
        let methods = list["methods"].as_array().expect("methods").clone();
        methods.into_iter().find(|method| method["method"] == "vehicle_code").expect("it")
    };
    assert_eq!(
        (of(&off)["state"].as_str(), of(&off)["strength"].as_str()),
        (Some("off"), Some("weak"))
    );
    assert!(of(&off)["switched_at"].is_string());
    let words = status(&case, &ada)["methods"].to_string();
    assert!(!words.contains("vehicle_code"), "{words}");
    let refused = case.api(&ada, "POST", &case.href(), &json!({"method": "vehicle_code"}));
    check(&refused, 422, "invalid-request");
    assert_eq!(of(&body(&switch("on")))["state"], "on");
    assert_eq!(of(&body(&operator(&case, "GET", path, &Value::Null)))["state"], "on");
    case.start(&ada, &json!({"method": "vehicle_code"}));
    check(&operator(&case, "POST", path, &json!({"method": "x"})), 422, "invalid-request");
}

#[test]
fn err_another_keeper_ends_the_right_in_the_response_that_finds_out() {
    let case = Case::new();
    let ada = case.member("ada");
    case.hold(&ada);
    case.app.world.run_background();
    // The registration is not among the requested facets.
    let target = format!("{}?facets=recalls", case.app.href(CAR));
    let tier = || {
        let answer = case.api(&ada, "GET", &target, &Value::Null);
        case.app.world.run_background();
        (answer.status, body(&answer)["tier"].clone())
    };
    case.app.world.advance_s(200);
    assert_eq!(tier(), (200, json!("owner")));
    "Eve".clone_into(&mut case.keeper.borrow_mut());
    case.app.world.advance_s(200);
    assert_eq!(tier(), (200, json!("member")));
    let status = case.api(&ada, "GET", &case.href(), &Value::Null);
    assert_eq!(body(&status)["state"], "none");
}

#[test]
fn err_a_former_holder_s_new_proof_shows_nothing_of_the_buyer() {
    let case = Case::new();
    let ada = case.member("ada");
    case.hold(&ada);
    case.app.world.run_background();
    "Bob Buyer".clone_into(&mut case.keeper.borrow_mut());
    case.app.world.advance_s(200);
    assert_eq!(vehicle(&case, &ada)["tier"], "member");
    case.app.world.run_background();
    // The CRM still has the seller's contact.
    let ada = case.member("ada");
    case.hold(&ada);
    let seen = vehicle(&case, &ada);
    assert!(!seen.to_string().contains("Bob Buyer"), "{}", seen["facets"]["registration"]);
}

/// A published market with the hash of its content.
fn with_its_hash(text: &str) -> String {
    let Some((before, market)) = text.split_once(",\"market\":") else { return text.to_owned() };
    let Some(market) = market.strip_suffix('}') else { return text.to_owned() };
    let hash = &kerbside::audit::digest(market)[..32];
    let at = before.find("\"hash\":\"").expect("a hash") + 8;
    format!("{}{hash}{},\"market\":{market}}}", &before[..at], &before[at + 32..])
}

#[test]
fn err_a_published_market_lowers_no_floor_under_an_open_claim() {
    let case = Case::new();
    let eve = case.member("eve");
    let started = case.start(&eve, &json!({"method": "keeper_document"}));
    let mut changed = 0;
    for text in case.app.world.markets.borrow_mut().values_mut() {
        let place = "/{document.document_number}/{document.first_registration}";
        let weaker = text
            .replace(r#"["document_number","first_registration"]"#, r#"["plate"]"#)
            .replace(place, "/{document.plate}/AB123456/2019-05-04");
        changed += i32::from(weaker != *text);
        *text = with_its_hash(&weaker);
    }
    assert_eq!(changed, 1);
    case.app.world.advance_s(100);
    let eve = case.member("eve");
    let words = status(&case, &eve)["methods"].to_string();
    assert!(!words.contains("keeper_document"), "the floor forbids it: {words}");
    let proven = case.prove(&eve, &started, &json!({"plate": "M-AD 1815"}));
    assert_ne!(proven.status, 200);
    assert_eq!(vehicle(&case, &eve)["tier"], "member");
}

#[test]
fn ok_the_page_of_a_grant_that_waits_in_vain_offers_a_new_proof() {
    let case = Case::new();
    let (ada, bob) = (case.member("ada"), case.member("bob"));
    case.hold(&ada);
    case.hold(&bob);
    case.api(&ada, "DELETE", &case.href(), &Value::Null);
    let page = bob.get(&case.app, &case.page());
    assert!(page.body.contains("hält es nicht mehr"), "{}", page.body);
    assert!(page.body.contains("/ownership/contact_code"), "a way to prove again: {}", page.body);
    case.hold(&bob);
    assert_eq!(vehicle(&case, &bob)["tier"], "owner");
}
