//! The pages of ownership without script: each step of the proof, the garage, the objection, and
//! what a vehicle page says to whom.

use kerbside::http::Response;
use serde_json::json;

use crate::support::members::{CLIENT, Member, SIGN_IN};
use crate::support::ownership::{CONTACT, Case, OWNERSHIP};
use crate::support::{CAR, MARKET, OPERATOR_TOKEN, body, header};

fn check(answer: &Response, status: u16, expected: &[&str], unexpected: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.body);
    for part in expected {
        assert!(answer.body.contains(part), "{part} is not in {}", answer.body);
    }
    for part in unexpected {
        assert!(!answer.body.contains(part), "{part} is in {}", answer.body);
    }
    if !header(answer, "set-cookie").contains("Max-Age=0") {
        assert!(header(answer, "cache-control").contains("no-store"));
    }
}

/// A page in English.
fn page(case: &Case, member: &Member, rest: &str) -> Response {
    member.get(&case.app, &format!("{}{rest}?lang=en", case.page()))
}

/// A form of a page in English.
fn send(case: &Case, member: &Member, rest: &str, form: &str) -> Response {
    case.form(member, &format!("{}{rest}?lang=en", case.page()), form)
}

/// Follows the 303 of a form.
fn follow(case: &Case, member: &Member, answer: &Response) -> Response {
    assert_eq!(answer.status, 303, "{}", answer.body);
    member.get(&case.app, header(answer, "location"))
}

/// The address of the form with this part in it.
fn action(page: &Response, part: &str) -> String {
    let forms = page.body.split("action=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let found = forms.into_iter().find(|action| action.contains(part));
    found.expect("a form").to_owned()
}

#[test]
fn ok_the_contact_code_step_by_step() {
    let case = Case::new();
    let ada = case.member("ada");
    let choice = page(&case, &ada, "");
    let link = format!("href=\"{}/contact_code?lang=en\"", case.page());
    check(&choice, 200, &["Porsche 911 Carrera 1996", "Choose a proof", &link], &["id=\"held\""]);
    let email = page(&case, &ada, "/contact_code");
    check(&email, 200, &["type=\"email\" autocomplete=\"email\"", "by=phone"], &["type=\"tel\""]);
    let phone = ada.get(&case.app, &format!("{}/contact_code?lang=en&by=phone", case.page()));
    check(&phone, 200, &["type=\"tel\" autocomplete=\"tel\"", "name=\"by\" value=\"phone\""], &[]);
    let started = send(&case, &ada, "/contact_code", &format!("contact={CONTACT}"));
    let code_page = follow(&case, &ada, &started);
    let field = "autocomplete=\"one-time-code\" inputmode=\"text\"";
    check(&code_page, 200, &[field, "Attempts left</dt><dd>5"], &["maxlength", "Choose a proof"]);
    let code = case.code_of("contact_code").to_lowercase().replace(' ', "-");
    let proof = action(&code_page, "/proof");
    let proven = case.form(&ada, &proof, &format!("code=+{code}+"));
    let held = follow(&case, &ada, &proven);
    let expected =
        ["This car is proven to be yours", "Open</dd>", "Prove it again", "id=\"history\""];
    check(&held, 200, &expected, &["id=\"contest\""]);
}

#[test]
fn err_what_was_entered_is_shown_again() {
    let case = Case::new();
    let eve = case.member("eve");
    let wrong = send(&case, &eve, "/contact_code", "contact=%22%3Ex");
    let expected = ["<title>Error: ", "value=\"&#34;&#62;x\"", "aria-invalid=\"true\"", "#contact"];
    check(&wrong, 422, &expected, &[]);
    let phone = send(&case, &eve, "/contact_code", "by=phone&contact=12");
    check(&phone, 422, &["type=\"tel\"", "value=\"12\"", "with its country code"], &[]);
    let started = send(&case, &eve, "/contact_code", "contact=eve@example.com");
    let proof = action(&follow(&case, &eve, &started), "/proof");
    let malformed = case.form(&eve, &proof, "code=123");
    check(&malformed, 422, &["A code has 8 letters", "Attempts left</dt><dd>5"], &[]);
    let mut last = case.form(&eve, &proof, "code=2222+2222");
    let expected =
        ["not the right code. Attempts left: 4", "Attempts left</dt><dd>4", "href=\"#code\""];
    check(&last, 422, &expected, &[]);
    for _ in 0..4 {
        last = case.form(&eve, &proof, "code=2222+2222");
    }
    check(&last, 422, &["has no attempts left", "Choose a proof"], &["name=\"code\""]);
    let locked = case.form(&eve, &proof, "code=2222+2222");
    check(&locked, 423, &["has no attempts left"], &[]);
    case.app.world.advance_s(601);
    let eve = case.member("eve");
    check(&case.form(&eve, &proof, "code=2222+2222"), 423, &["no attempts left"], &[]);
}

#[test]
fn err_a_claim_that_is_late_and_one_that_is_limited() {
    let case = Case::new();
    let eve = case.member("eve");
    let started = send(&case, &eve, "/vehicle_code", "");
    let proof = action(&follow(&case, &eve, &started), "/proof");
    case.app.world.advance_s(601);
    let eve = case.member("eve");
    let late = case.form(&eve, &proof, "code=2222+2222");
    check(&late, 410, &["The time for this proof is over", "Choose a proof"], &[]);
    for _ in 0..2 {
        assert_eq!(send(&case, &eve, "/vehicle_code", "").status, 303);
    }
    let limited = send(&case, &eve, "/vehicle_code", "");
    check(&limited, 429, &["too many proofs. Try again after"], &[]);
    assert!(!header(&limited, "retry-after").is_empty());
}

#[test]
fn ok_the_document_has_its_fields_and_the_claimant_reads_of_a_conflict() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    let started = send(&case, &eve, "/keeper_document", "");
    let form = follow(&case, &eve, &started);
    let number = "id=\"document_number\" name=\"document_number\" type=\"text\"";
    let day = "id=\"first_registration\" name=\"first_registration\" type=\"date\"";
    check(&form, 200, &[number, day], &["one-time-code"]);
    let proof = action(&form, "/proof");
    let missing = case.form(&eve, &proof, "document_number=AB123456&first_registration=");
    let kept = ["value=\"AB123456\"", "id=\"first_registration-error\"", "#first_registration"];
    check(&missing, 422, &kept, &["id=\"document_number-error\""]);
    let hint = "aria-describedby=\"document_number-hint\"";
    check(&form, 200, &["id=\"document_number-hint\">All its letters", hint], &["aria-invalid"]);
    let both = case.form(&eve, &proof, "document_number=1&first_registration=4.5.2019");
    let described = "aria-describedby=\"document_number-hint document_number-error\"";
    let lines = ["href=\"#document_number\"", "href=\"#first_registration\"", described];
    check(&both, 422, &lines, &[]);
    case.hold(&ada);
    let sent = "document_number=AB+123456&first_registration=2019-05-04";
    let conflict = case.form(&eve, &proof, sent);
    check(&conflict, 409, &["Another person holds this car", "ask the seller"], &["id=\"held\""]);
    case.app.world.run_background();
    let kind = case.messages.borrow().last().expect("a message")["kind"].clone();
    assert_eq!(kind, "claim_contested", "the holder is told right after the response");
}

#[test]
fn ok_a_holder_reads_of_another_persons_proof() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    case.hold(&eve);
    case.app.world.advance_s(60);
    let started = case.start(&ada, &json!({"method": "oem_mapping"}));
    assert_eq!(started["state"], "waiting");
    let waits = ["<h1>Your proof is complete and waits</h1>", "It counts as yours from"];
    check(&page(&case, &ada, ""), 200, &waits, &["id=\"held\"", "Choose a proof"]);
    let contest = "Somebody else has proven that this car is theirs";
    check(&page(&case, &eve, ""), 200, &[contest, "before "], &[]);
    let record =
        eve.get(&case.app, &format!("{}?lang=en", case.app.href(CAR).replace("/api/v1", "")));
    check(&record, 200, &["id=\"holder\"", contest], &["This is my car"]);
    let cars = ada.get(&case.app, "/de/garage?lang=en");
    check(&cars, 200, &["It counts as yours from"], &[]);
}

#[test]
fn ok_a_weak_proof_says_what_opens_when() {
    let case = Case::new();
    let eve = case.member("eve");
    case.hold_weakly(&eve);
    check(&page(&case, &eve, ""), 200, &["if the contact on record does not object"], &[]);
    let record = format!("{}?lang=en", case.app.href(CAR).replace("/api/v1", ""));
    let seen = eve.get(&case.app, &record);
    check(&seen, 200, &["Valid until <time", "Your personal data open on", "Opens on "], &["M-AD"]);
    case.app.world.advance_s(72 * 3_600);
    let eve = case.member("eve");
    let later = eve.get(&case.app, &record);
    check(&later, 200, &["id=\"holder\""], &["Your personal data open on"]);
}

#[test]
fn ok_the_dealers_code_stays_with_whoever_sends_it() {
    let case = Case::new();
    let ada = case.member("ada");
    let shown = send(&case, &ada, "/dealer", "");
    check(&shown, 200, &["id=\"dealer-code\"", "Check now", "dealer-code.mjs", ">0 of 2<"], &[]);
    let value = |name: &str| {
        let field = format!("name=\"{name}\" value=\"");
        let rest = shown.body.split(&field).nth(1).expect("a field");
        rest.split('"').next().expect("a value").to_owned()
    };
    let (claim, code) = (value("claim"), value("code"));
    let again = |form: &str| send(&case, &ada, "/dealer", form);
    let fields = format!("claim={claim}&code={}", code.replace(' ', "+"));
    assert!(case.attest(&case.staff("s1", "D-1", "1"), &code).status < 300);
    let first = again(&fields);
    check(&first, 200, &["id=\"dealer-code\"", &code, ">1 of 2<", "name=\"claim\""], &[]);
    // Nothing stores the code: no other request shows it, and a wrong one shows nothing.
    let lost = ["stays on the page that showed it first", ">1 of 2<"];
    check(&page(&case, &ada, ""), 200, &lost, &[&code]);
    for wrong in [format!("claim={claim}&code=2222+2222"), format!("claim=x&code={code}")] {
        assert_eq!(again(&wrong).status, 303, "{wrong}");
    }
    let eve = case.member("eve");
    let foreign = send(&case, &eve, "/dealer", &fields);
    check(&foreign, 410, &["The time for this proof is over"], &[&code]);
    assert!(case.attest(&case.staff("s2", "D-1", "2"), &code).status < 300);
    let held = ["This car is proven to be yours", "Nobody else has done anything."];
    check(&follow(&case, &ada, &again(&fields)), 200, &held, &["staff confirmed"]);
}

#[test]
fn err_a_dealers_code_that_is_late() {
    let case = Case::new();
    let ada = case.member("ada");
    let shown = send(&case, &ada, "/dealer", "");
    let claim = shown.body.split("name=\"claim\" value=\"").nth(1).expect("a claim");
    let claim = claim.split('"').next().expect("a claim").to_owned();
    case.app.world.advance_s(601);
    let late = send(&case, &case.member("ada"), "/dealer", &format!("claim={claim}&code=x"));
    check(&late, 410, &["The time for this proof is over", "Choose a proof"], &[]);
}

#[test]
fn ok_a_weaker_proof_of_the_holder_says_that_it_changes_nothing() {
    let case = Case::new();
    let ada = case.member("ada");
    let started = send(&case, &ada, "/keeper_document", "");
    let proof = action(&follow(&case, &ada, &started), "/proof");
    assert_eq!(
        case.start(&case.member("ada"), &json!({"method": "oem_mapping"}))["state"],
        "verified"
    );
    let sent = "document_number=AB+123456&first_registration=2019-05-04";
    let kept = follow(&case, &ada, &case.form(&ada, &proof, sent));
    check(&kept, 200, &["it changes nothing", "id=\"held\"", "account with the car maker"], &[]);
}

#[test]
fn ok_a_strong_holder_is_offered_strong_proofs() {
    let case = Case::new();
    let ada = case.member("ada");
    case.hold(&ada);
    let strong = ["id=\"method-contact_code\"", "id=\"method-oem_mapping\""];
    check(&page(&case, &ada, ""), 200, &strong, &["id=\"method-vehicle_code\""]);
}

#[test]
fn ok_giving_up_asks_first() {
    let case = Case::new();
    let ada = case.member("ada");
    assert_eq!(page(&case, &ada, "/end").status, 303, "there is nothing to give up");
    case.hold(&ada);
    check(&page(&case, &ada, "/end"), 200, &["Give this car up?", "Keep the car"], &[]);
    let done = follow(&case, &ada, &send(&case, &ada, "/end", ""));
    check(&done, 200, &["You have given this car up"], &["id=\"held\""]);
    let again = send(&case, &ada, "/end", "");
    check(&again, 403, &["There is nothing to give up"], &[]);
}

#[test]
fn ok_an_old_sign_in_is_confirmed_first_and_comes_back() {
    let case = Case::new();
    let old = Member::sign_in_as(&case.app, "ada", CLIENT, 1_000);
    let back = format!("/auth/de/sign-in?return_to={}/contact_code%3Flang%3Den&", case.page());
    let form = page(&case, &old, "/contact_code");
    check(
        &form,
        200,
        &["Confirm your sign-in", &back.replace('&', "&#38;")],
        &["<form method=\"post\" action=\"/de/vehicles"],
    );
    let sent = send(&case, &old, "/contact_code", "contact=x");
    check(&sent, 200, &["http-equiv=\"refresh\"", &back.replace('&', "&#38;")], &[]);
    let ended = send(&case, &old, "/end", "");
    check(&ended, 200, &["http-equiv=\"refresh\"", "/ownership/end%3Flang%3Den"], &[]);
    assert_eq!(case.messages.borrow().len(), 0);
    let anybody = case.app.get(&format!("{}?lang=en", case.page()));
    let once = format!("return_to={}%3Flang%3Den&#38;step_up=1", case.page());
    check(&anybody, 401, &["Please sign in", &once], &[]);
    let record = case.app.get(&format!("{}?lang=en", case.page().replace("/ownership", "")));
    assert!(record.body.contains(&once), "one sign-in is enough: {}", record.body);
}

#[test]
fn ok_a_form_from_before_the_last_sign_in_is_shown_again() {
    let case = Case::new();
    let ada = case.member("ada");
    let headers = [
        ("cookie", ada.cookie.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
        ("sec-fetch-site", "same-origin"),
    ];
    let stale = |rest: &str, form: &str| {
        let target = format!("{}{rest}?lang=en", case.page());
        case.app.send("POST", &target, &headers, format!("csrf=old&{form}").as_bytes())
    };
    let expected = ["before your last sign-in", "value=\"ada@example.com\""];
    check(&stale("/contact_code", "contact=ada@example.com"), 400, &expected, &[]);
    check(&stale("/end", ""), 400, &["before your last sign-in", "Give this car up?"], &[]);
    let proof = "/AAECAwQFBgcICQoLDA0ODw/proof";
    check(&stale(proof, "code=x"), 400, &["before your last sign-in"], &[]);
    assert_eq!(case.messages.borrow().len(), 0);
}

#[test]
fn ok_the_contact_objects_by_the_link_of_the_message() {
    let case = Case::new();
    let eve = case.member("eve");
    case.hold_weakly(&eve);
    let link = case.messages.borrow().last().expect("a message")["link"].to_string();
    let path = link.trim_matches('"').trim_start_matches("https://eu.example.com").to_owned();
    let form = case.app.get(&path);
    let code = case.code_of("claim_verified").replace(' ', "");
    check(&form, 200, &["id=\"code\"", &format!("value=\"{code}\"")], &["name=\"csrf\""]);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let target = format!("{}/objection?lang=en", case.page());
    let object =
        |code: &str| case.app.send("POST", &target, &headers, format!("code={code}").as_bytes());
    check(&object("22222222"), 422, &["Nothing was ended", "value=\"22222222\""], &[]);
    check(&object("1"), 422, &["A code has 8 letters"], &[]);
    let done = object(&code);
    assert_eq!(done.status, 303);
    let done = case.app.get(header(&done, "location"));
    check(&done, 200, &["The access has ended"], &["<form method=\"post\" action=\"/de/vehicles"]);
    check(&page(&case, &eve, ""), 200, &["Choose a proof"], &["id=\"held\""]);
    let headers = [headers[0], ("sec-fetch-site", "cross-site")];
    let foreign = case.app.send("POST", &target, &headers, b"code=22222222");
    assert_eq!(foreign.status, 400);
}

#[test]
fn ok_the_garage_lists_the_cars_of_its_owner() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    case.hold(&ada);
    let cars = ada.get(&case.app, "/de/garage?lang=en");
    let record = case.app.href(CAR).replace("/api/v1", "");
    let link = format!("href=\"{record}?lang=en\"");
    let end = &CAR[CAR.len() - 6..];
    let marks = ["Porsche 911 Carrera 1996", &link, "Valid until", end, ">M-AD 1815<"];
    check(&cars, 200, &marks, &[CAR]);
    check(&eve.get(&case.app, "/de/garage?lang=en"), 200, &["No car is proven"], &[&link]);
    check(&case.app.get("/de/garage?lang=en"), 401, &["Please sign in"], &[]);
    let account = ada.get(&case.app, "/de/account?lang=en");
    check(&account, 200, &["href=\"/de/garage?lang=en\""], &[]);
}

#[test]
fn ok_a_former_holder_reads_when_and_why_it_ended() {
    let case = Case::new();
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    case.hold(&ada);
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let headers = [("authorization", &*token), ("content-type", "application/json")];
    let sent = json!({"market": "de", "vin": CAR, "reason": "two people called"}).to_string();
    let revoked = case.app.send("POST", "/operator/v1/revocations", &headers, sent.as_bytes());
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let why = ["Your proof no longer counts", "Customer service ended", "two people called"];
    check(&page(&case, &ada, ""), 200, &why, &["id=\"held\"", "M-AD"]);
    check(&ada.get(&case.app, "/de/garage?lang=en"), 200, &why, &["M-AD", &CAR[CAR.len() - 6..]]);
    let read = body(&ada.get(&case.app, &case.href()));
    assert_eq!(read["ended"]["reason"], "revoked", "{read}");
    assert_eq!(read["ended"]["statement"], "two people called");
    check(&page(&case, &eve, ""), 200, &["Choose a proof"], &["id=\"ended\""]);
    // The next holder's end by another revocation is not told here.
    case.hold(&eve);
    let sent = json!({"market": "de", "vin": CAR, "reason": "stolen papers"}).to_string();
    assert_eq!(
        case.app.send("POST", "/operator/v1/revocations", &headers, sent.as_bytes()).status,
        200
    );
    check(&page(&case, &ada, ""), 200, &why, &["stolen papers"]);
    check(&page(&case, &eve, ""), 200, &["stolen papers"], &["two people called"]);
    // A new proof says nothing of it, and after 30 days nobody does.
    case.app.world.advance_s(86_400);
    let (ada, eve) = (case.member("ada"), case.member("eve"));
    case.hold(&ada);
    check(&page(&case, &ada, ""), 200, &["id=\"held\""], &["id=\"ended\""]);
    case.app.world.advance_s(30 * 86_400);
    drop(eve);
    check(&page(&case, &case.member("eve"), ""), 200, &["Choose a proof"], &["id=\"ended\""]);
}

#[test]
fn ok_a_change_of_keeper_is_told() {
    let case = Case::new();
    let ada = case.member("ada");
    case.hold(&ada);
    let read = || {
        ada.get(&case.app, &case.app.href(CAR));
        case.app.world.run_background();
    };
    read();
    case.app.world.advance_s(200);
    "Eve".clone_into(&mut case.keeper.borrow_mut());
    read();
    let why = ["id=\"ended\"", "The registration names another keeper."];
    check(&page(&case, &ada, ""), 200, &why, &["id=\"held\"", ">Eve<"]);
}

#[test]
fn err_a_method_that_is_switched_off_says_so_beside_the_others() {
    let case = Case::new();
    let ada = case.member("ada");
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let headers = [("authorization", &*token), ("content-type", "application/json")];
    let sent = br#"{"method": "vehicle_code", "state": "off", "reason": "abuse"}"#;
    let off = case.app.send("POST", "/operator/v1/ownership/methods", &headers, sent);
    assert_eq!(off.status, 200, "{}", off.body);
    let seen = ["is not offered at the moment", "id=\"method-contact_code\""];
    let form = "<form method=\"post\" action=\"/de/vehicles";
    check(&page(&case, &ada, "/vehicle_code"), 200, &seen, &[form, "method-vehicle_code"]);
    check(&send(&case, &ada, "/vehicle_code", ""), 422, &seen, &[form, "method-vehicle_code"]);
}

#[test]
fn ok_times_are_in_the_time_zone_of_the_market() {
    let case = Case::new();
    let zone = MARKET.replace("deadline_ms", "time_zone = \"Europe/Berlin\"\ndeadline_ms");
    case.app.publish(&format!("{zone}{SIGN_IN}{OWNERSHIP}"));
    let ada = case.member("ada");
    case.hold(&ada);
    check(&page(&case, &ada, ""), 200, &["20 November 2026, 09:0", "\u{a0}CET<"], &["UTC"]);
    check(&ada.get(&case.app, "/de/garage?lang=en"), 200, &["\u{a0}CEST<"], &["UTC"]);
    let record = format!("{}?lang=en", case.page().replace("/ownership", ""));
    check(&ada.get(&case.app, &record), 200, &["\u{a0}CET<"], &["UTC"]);
    check(&ada.get(&case.app, "/de/account?lang=en"), 200, &["\u{a0}CET<"], &["UTC"]);
}

#[test]
fn err_pages_of_methods_that_the_market_does_not_have() {
    let case = Case::new();
    let ada = case.member("ada");
    for rest in ["/sms", "/contact_code/x", "/"] {
        assert_eq!(page(&case, &ada, rest).status, 404, "{rest}");
    }
    assert_eq!(send(&case, &ada, "/sms", "").status, 404);
}
