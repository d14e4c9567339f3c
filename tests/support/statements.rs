//! Test of all statements: each one prepares against the real migrations, and the list of samples
//! has every name that the code uses.

#![allow(clippy::expect_used, clippy::doc_markdown, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use kerbside::ports::Statement;
use kerbside::ports::fake::World;
use kerbside::ports::sqlite;
use kerbside::privacy::register::TABLES;

/// One of each statement of each module.
fn samples() -> Vec<Statement> {
    [
        kerbside::audit::samples(),
        kerbside::auth::samples(),
        kerbside::outbox::samples(),
        kerbside::ownership::samples(),
        kerbside::cache::samples(),
        kerbside::flow::samples(),
        kerbside::http::samples(),
        kerbside::jobs::samples(),
        kerbside::privacy::samples(),
        kerbside::usage::samples(),
    ]
    .concat()
}

/// The names in a text: every literal behind `Statement::new(` and `Action::new(`, and literals of
/// the form `table.verb` that begin another list.
fn names_in(text: &str) -> BTreeSet<String> {
    let production = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let mut names = BTreeSet::new();
    for (at, _) in production.match_indices('"') {
        let before = production.get(..at).unwrap_or("").trim_end();
        let word = production.get(at + 1..).and_then(|rest| rest.split('"').next()).unwrap_or("");
        let is_direct = ["Statement::new(", "Action::new("].iter().any(|new| before.ends_with(new));
        if is_direct || (before.ends_with('(') && is_name(word)) {
            names.insert(word.to_owned());
        }
    }
    names
}

/// True if a word is `table.verb`; `register` stands for any table.
fn is_name(word: &str) -> bool {
    let Some((table, verb)) = word.split_once('.') else { return false };
    let is_table = table == "register" || TABLES.iter().any(|known| known.name == table);
    is_table && !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
            && !path.ancestors().any(|folder| folder.ends_with("tests"))
        {
            let text = std::fs::read_to_string(&path).expect("readable");
            found.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn ok_every_statement_prepares_against_the_migrations() {
    let database = sqlite::install(&World::new());
    for statement in samples() {
        assert!(is_name(statement.name), "{}: name it table.verb", statement.name);
        let prepared = database.prepare(&statement.sql);
        let prepared = prepared.unwrap_or_else(|error| panic!("{}: {error}", statement.name));
        assert_eq!(
            prepared.parameter_count(),
            statement.params.len(),
            "parameters of {}",
            statement.name
        );
    }
}

#[test]
fn ok_every_statement_of_the_code_is_among_the_samples() {
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    let names: BTreeSet<String> = sources.iter().flat_map(|(_, text)| names_in(text)).collect();
    let sampled: BTreeSet<String> =
        samples().iter().map(|statement| statement.name.to_owned()).collect();
    assert_eq!(names, sampled);
    for (path, text) in &sources {
        let is_definition = path.ends_with("ports/sql.rs");
        let literals = text.matches("Statement {").count() - text.matches("> Statement {").count();
        assert!(is_definition || literals == 0, "{path}: use Statement::new with a name");
    }
}
