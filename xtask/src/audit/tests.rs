use kerbside::audit::{self, AnchoredHead, Head, HeadKeys, entry_digest, link_hash};
use serde_json::json;

use super::*;
use crate::market::native_ports::NativeWorld;
use crate::stack::secrets::{Secrets, random_client_key};

const NOW: i64 = 1_795_161_600_000;

/// A first chain.
fn first_chain(length: i64) -> Vec<Row> {
    let mut previous = String::new();
    let entry = |id: i64| {
        let mut entry = Row::new();
        entry.insert("id".to_owned(), id.into());
        entry.insert("at_ms".to_owned(), (NOW + id).into());
        entry.insert("actor".to_owned(), "ada".into());
        entry.insert("previous".to_owned(), previous.clone().into());
        previous = audit::hash(&entry);
        entry.insert("hash".to_owned(), previous.clone().into());
        entry
    };
    (1..=length).map(entry).collect()
}

/// The rows of a second chain behind `previous`, with a head on the last one.
fn chain(length: i64, previous: &str, jws: impl Fn(&Head) -> Option<String>) -> Vec<Row> {
    let mut previous = previous.to_owned();
    let row = |position: i64| {
        let mut row = Row::new();
        let mut set = |name: &str, value: Value| row.insert(name.to_owned(), value);
        set("position", position.into());
        set("id", format!("id-{position}").into());
        set("at_ms", NOW.into());
        set("actor", "ada".into());
        let digest = entry_digest(&row);
        let hash = link_hash(position, NOW, &digest, &previous);
        let mut set = |name: &str, value: Value| row.insert(name.to_owned(), value);
        set("linked_at_ms", NOW.into());
        set("digest", digest.into());
        set("previous", previous.clone().into());
        set("hash", hash.clone().into());
        if position == length {
            let head = Head { position, hash: hash.clone(), at_ms: NOW };
            set("head_at_ms", NOW.into());
            set("head_hash", hash.clone().into());
            set("jws", jws(&head).into());
        }
        previous = hash;
        row
    };
    (1..=length).map(row).collect()
}

fn verify(first: &[Row], second: &[Row], keys: &PublicKeys, wanted: Vec<&str>) -> Result<Verified> {
    let later = |rows: &[Row], column: &str, after: i64| {
        let is_later =
            |row: &&Row| row.get(column).and_then(Value::as_i64).is_some_and(|place| place > after);
        Ok(rows.iter().filter(is_later).take(2).cloned().collect())
    };
    let audit = Audit {
        first_page: &|after| later(first, "id", after),
        page: &|after| later(second, "position", after),
        keys,
        now: Timestamp(NOW + 600_000),
    };
    audit.verify(wanted)
}

fn hash_of(row: Option<&Row>) -> &str {
    row.and_then(|row| row.get("hash")?.as_str()).unwrap_or("missing")
}

/// A signer with a key of its own, and its public key.
fn signer() -> Result<(impl Fn(&Head) -> Option<String>, Value)> {
    let key = random_client_key()?;
    let secrets = Secrets::from([("AUDIT_KEY_1".to_owned(), key.private.to_string())]);
    let world = NativeWorld::new(secrets);
    let keys = HeadKeys::parse(world.ports.secrets.as_ref())?;
    Ok((move |head: &Head| world.run(keys.sign(&world.ports, head)).ok(), key.public))
}

#[test]
fn ok_both_chains_and_the_signature() -> Result<()> {
    let (sign, public) = signer()?;
    let keys = PublicKeys::parse(&json!({"keys": [public]}))?;
    let first = first_chain(5);
    let second = chain(5, hash_of(first.last()), sign);
    let wanted = vec![hash_of(first.get(2)), hash_of(second.get(3))];
    let verified = verify(&first, &second, &keys, wanted)?;
    let counts = ChainCounts { linked: 5, signed: 1, ..ChainCounts::default() };
    assert_eq!((verified.first, verified.counts), (5, counts));
    assert_eq!(verified.hash.as_deref(), Some(hash_of(second.last())));
    let text = describe(&verified, None, &keys);
    assert!(text.starts_with("10 entries, the chain is unbroken; the last is of 2026-11-20T08"));
    assert!(
        text.contains("KV holds no head")
            && text.ends_with(&format!("--head: {}\n", hash_of(second.last())))
    );
    let nothing = verify(&[], &[], &keys, Vec::new())?;
    assert_eq!(describe(&nothing, None, &keys), "the audit has no entry yet\n");
    Ok(())
}

#[test]
fn err_the_first_flaw_is_named() -> Result<()> {
    let (sign, public) = signer()?;
    let (forge, _) = signer()?;
    let keys = PublicKeys::parse(&public)?;
    let first = first_chain(3);
    let last = hash_of(first.last()).to_owned();
    let check = |first: &[Row], second: &[Row], wanted: Vec<&str>, expect: &str| {
        let error = verify(first, second, &keys, wanted).expect_err(expect).to_string();
        assert!(error.contains(expect), "{error}");
    };
    let changed = |rows: &[Row], at: usize, name: &str, value: Value| {
        let mut rows = rows.to_vec();
        rows.get_mut(at).map(|row| row.insert(name.to_owned(), value));
        rows
    };
    let second = chain(4, &last, &sign);
    check(&changed(&first, 1, "actor", "eve".into()), &second, vec![], "entry 2 was changed");
    check(&first, &changed(&second, 1, "actor", "eve".into()), vec![], "entry 2 was changed");
    check(&first, &second[1..], vec![], "entry 1 is missing");
    check(&first[..2], &second, vec![], "does not follow the entries of earlier releases");
    check(&first, &second, vec!["0"], "0 is not in it");
    check(&first, &chain(4, &last, forge), vec![], "link 1 and those after it are covered by no");
    check(
        &first,
        &chain(4, &last, |_| None),
        vec![],
        "link 1 and those after it are covered by no",
    );
    let other = chain(4, "", &sign);
    let stolen = other.last().and_then(|row| row.get("jws")).cloned().unwrap_or_default();
    check(&first, &changed(&second, 3, "jws", stolen), vec![], "the head at link 4");
    Ok(())
}

#[test]
fn ok_keys_of_files_and_err_other_files() -> Result<()> {
    let (sign, public) = signer()?;
    let folder = crate::files::TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
    let file = |name: &str, value: &Value| -> Result<PathBuf> {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string())?;
        Ok(path)
    };
    let head = Head { position: 1, hash: "0".to_owned(), at_ms: 0 };
    let jws = sign(&head).context("signed")?;
    let signed = SignedHead::parse(&jws).context("a head")?;
    let mut renamed = public.clone();
    renamed["kid"] = "another".into();
    for value in [public.clone(), renamed, json!({"keys": [public]})] {
        let keys = PublicKeys::read(&[file("key.json", &value)?])?;
        assert_eq!(keys.check(&signed), SignatureVerdict::Good);
        let mut wrong = signed.clone();
        wrong.message.push('x');
        assert_eq!(keys.check(&wrong), SignatureVerdict::Bad);
        let anchored = AnchoredHead { head: head.clone(), jws: Some(jws.clone()) };
        assert!(check_anchor(Some(&anchored), &keys).is_ok());
        let moved = AnchoredHead { head: Head { position: 2, ..head.clone() }, ..anchored };
        assert!(check_anchor(Some(&moved), &keys).is_err());
    }
    assert_eq!(PublicKeys::default().check(&signed), SignatureVerdict::UnknownKey);
    for value in [json!("x"), json!({}), json!({"keys": [{"kty": "RSA"}]})] {
        assert!(PublicKeys::read(&[file("key.json", &value)?]).is_err(), "{value}");
    }
    Ok(())
}
