//! The order of docs/ARCHITECTURE.md, held by tests: which module may use which, no circle among
//! files, no platform and no wall clock in the core, a header and a limit on length for each file.
//!
//! A use is a path that leads, through re-exports and aliases, to an item that another file defines
//! (`architecture/crate_map.rs`). So a parent that only declares and re-exports its children uses
//! none of them. A parent that defines a type for its children and calls them is a circle; the type
//! belongs into a file below both.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "architecture/crate_map.rs"]
mod crate_map;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate_map::{CrateMap, Use};

/// The most lines of a file before its tests.
const CEILING: usize = 500;

/// The modules that each module uses, in the order of docs/ARCHITECTURE.md: a module uses only
/// those above its row. `lib.rs` is the module map and uses nothing.
const TABLE: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("time", &[]),
    ("vehicle", &["text", "time"]),
    ("market", &["text", "time", "vehicle"]),
    ("disclosure", &["market", "vehicle"]),
    ("telemetry", &["text", "market"]),
    ("ports", &["text", "market", "telemetry"]),
    ("origin", &["text", "time", "market", "vehicle", "ports"]),
    ("audit", &["text", "ports"]),
    ("usage", &["market", "telemetry", "ports"]),
    ("cache", &["text", "vehicle", "market", "disclosure", "telemetry", "ports", "audit", "usage"]),
    ("outbox", &["market", "ports", "cache"]),
    ("registry", &["market", "vehicle", "telemetry", "ports", "cache"]),
    ("auth", &["market", "telemetry", "ports", "origin", "cache"]),
    (
        "ownership",
        &[
            "time",
            "market",
            "vehicle",
            "disclosure",
            "telemetry",
            "ports",
            "origin",
            "audit",
            "cache",
            "outbox",
            "auth",
        ],
    ),
    (
        "flow",
        &[
            "text",
            "market",
            "vehicle",
            "disclosure",
            "telemetry",
            "ports",
            "origin",
            "cache",
            "usage",
        ],
    ),
    ("privacy", &["market", "vehicle", "telemetry", "ports", "audit", "cache", "ownership"]),
    (
        "jobs",
        &[
            "market",
            "telemetry",
            "ports",
            "audit",
            "origin",
            "registry",
            "cache",
            "outbox",
            "ownership",
            "privacy",
        ],
    ),
    ("pages", &["market", "ports"]),
    (
        "http",
        &[
            "text",
            "market",
            "vehicle",
            "disclosure",
            "telemetry",
            "ports",
            "origin",
            "audit",
            "cache",
            "registry",
            "auth",
            "ownership",
            "flow",
            "privacy",
            "jobs",
            "pages",
        ],
    ),
    ("platform", &["telemetry", "ports", "registry", "auth", "ownership", "flow", "jobs", "http"]),
];

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

impl Source {
    /// The text before the tests.
    fn production(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod").next().unwrap_or(&self.text)
    }

    fn is_tests(&self) -> bool {
        self.path.ends_with("tests.rs")
            || self.path.ends_with("fake.rs")
            || self.path.ends_with("samples.rs")
    }

    /// True for files that are compiled for tests alone, and for the fakes.
    fn is_test_code(&self) -> bool {
        self.is_tests() || self.path.to_string_lossy().contains("/tests/")
    }
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let root = src();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside =
                    path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
                let module = inside.split(['/', '.']).next().unwrap_or_default().to_owned();
                found.push(Source {
                    text: fs::read_to_string(&path).expect("readable"),
                    path,
                    module,
                });
            }
        }
    }
    found
}

#[test]
fn modules_use_what_the_table_says() {
    let map = CrateMap::read(&src());
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in map.modules().filter(|path| !path.is_empty()) {
        let named = map.named_modules(path).into_iter().filter(|named| *named != path[0]);
        used.entry(path[0].clone()).or_default().extend(named);
    }
    let table = TABLE.iter().map(|(module, allowed)| {
        let allowed = allowed.iter().map(ToString::to_string);
        ((*module).to_owned(), allowed.collect::<BTreeSet<_>>())
    });
    let table: BTreeMap<_, _> = table.collect();
    let mut wrong = Vec::new();
    for module in used.keys().chain(table.keys()).collect::<BTreeSet<_>>() {
        let (Some(used), Some(allowed)) = (used.get(module), table.get(module)) else {
            wrong.push(format!("{module} is not both in the crate and in the table"));
            continue;
        };
        for other in used.difference(allowed) {
            wrong.push(format!("{module} uses {other}, which the table does not allow"));
        }
        for other in allowed.difference(used) {
            wrong.push(format!("{module} may use {other} and does not: remove it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_an_order() {
    let mut done: Vec<&str> = Vec::new();
    for (module, allowed) in TABLE {
        for used in *allowed {
            assert!(done.contains(used), "{module} may use {used}, which has no row above it");
        }
        done.push(module);
    }
}

#[test]
fn only_platform_knows_cloudflare() {
    for source in sources() {
        let code = source.production();
        if source.module != "platform" {
            for word in [
                "worker::",
                "web_sys",
                "js_sys",
                "wasm_bindgen",
                "SystemTime",
                "Instant::now",
                "thread_rng",
            ] {
                let line = code
                    .lines()
                    .find(|line| line.contains(word) && !line.trim_start().starts_with("//"));
                assert!(line.is_none(), "{} has {word}: {line:?}", source.path.display());
            }
        }
        if source.module != "lib" {
            assert!(!code.contains("target_arch"), "{} asks for the target", source.path.display());
        }
        assert!(
            !code.contains("unsafe {") || source.module == "platform",
            "{} is unsafe",
            source.path.display()
        );
    }
}

#[test]
fn only_authorize_derives_a_right() {
    for source in sources().iter().filter(|source| !source.is_test_code()) {
        let name = source.path.to_string_lossy();
        for (word, allowed) in [
            (
                "Tier::Public",
                &[
                    "src/vehicle/field.rs",
                    "src/disclosure/sight.rs",
                    "src/ownership/holder.rs",
                    "src/ownership/fake.rs",
                ][..],
            ),
            ("Right::derived", &["src/ownership/holder.rs"]),
            ("of_disclosure", &["src/vehicle/pii.rs", "src/disclosure/visible.rs"]),
            ("visible_part(", &["src/disclosure/"]),
            ("plaintext(", &["src/disclosure/plaintext.rs", "src/cache/store.rs"]),
            (
                "authorize(",
                &["src/ownership/right.rs", "src/http/context.rs", "src/http/stream.rs"],
            ),
            ("ownership::fake", &["src/pages/samples.rs"]),
            ("disclosure::fake", &[]),
            ("fake::right", &["src/pages/samples.rs"]),
        ] {
            let code =
                source.production().lines().filter(|line| !line.trim_start().starts_with("//"));
            let is_used = code.into_iter().any(|line| line.contains(word));
            let is_allowed = allowed.iter().any(|path| name.contains(path));
            assert!(!is_used || is_allowed, "{name} has {word}: take a `Right` instead");
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    for source in sources() {
        let path = source.path.display();
        assert!(source.text.starts_with("//!"), "{path} does not open with a //! header");
        let lines = source.production().lines().count();
        assert!(
            lines <= CEILING || source.is_test_code(),
            "{path} has {lines} lines before its tests; split it by meaning"
        );
    }
}

#[test]
fn no_circle_among_files() {
    let map = CrateMap::read(&src());
    let mut text = String::new();
    for Use { from, to, name } in circles(&map.uses()).into_iter().flatten() {
        writeln!(text, "{from} uses {name} of {to}").expect("writing to memory");
    }
    assert!(text.is_empty(), "files in circles:\n{text}");
}

/// Groups of files that use each other, directly or through others: the uses within each group.
fn circles(uses: &BTreeSet<Use>) -> Vec<Vec<Use>> {
    let reach = reachable(uses);
    let reaches = |from: &str, to: &str| reach.get(from).is_some_and(|files| files.contains(to));
    let mut found: BTreeMap<&str, Vec<Use>> = BTreeMap::new();
    for used in uses {
        let (from, to) = (used.from.as_str(), used.to.as_str());
        if reaches(to, from) {
            let first = reach.keys().find(|file| reaches(file, from) && reaches(from, file));
            found.entry(first.expect("the file itself")).or_default().push(used.clone());
        }
    }
    found.into_values().collect()
}

/// The files that each file uses, directly or through others.
fn reachable(uses: &BTreeSet<Use>) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for used in uses {
        next.entry(used.from.as_str()).or_default().insert(used.to.as_str());
    }
    let from = |file| {
        let mut seen = BTreeSet::new();
        let mut open = vec![file];
        while let Some(at) = open.pop() {
            open.extend(next.get(at).into_iter().flatten().filter(|to| seen.insert(**to)));
        }
        (file, seen)
    };
    next.keys().map(|file| from(*file)).collect()
}

fn check_circles(texts: &[(&[&str], &str)], expect: &[&str]) {
    let map = CrateMap::from_texts(texts);
    let found = circles(&map.uses());
    let found = found
        .iter()
        .flatten()
        .map(|used| format!("{} uses {} of {}", used.from, used.name, used.to));
    assert_eq!(found.collect::<Vec<_>>(), expect);
}

#[test]
fn a_parent_that_only_declares_is_not_in_a_circle() {
    check_circles(
        &[
            (&[], "mod a;"),
            (&["a"], "mod b; mod c; pub use b::B; pub use c::C;"),
            (&["a", "b"], "pub struct B;"),
            (&["a", "c"], "use super::B; pub struct C(B);"),
        ],
        &[],
    );
}

#[test]
fn a_parent_that_calls_those_who_use_its_types_is_in_a_circle() {
    check_circles(
        &[
            (&[], "mod a;"),
            (&["a"], "mod b; pub struct A; fn run() { vec![b::run()]; }"),
            (&["a", "b"], "pub fn run(_: super::A) {}"),
        ],
        &["a uses run of a/b", "a/b uses A of a"],
    );
}

#[test]
fn uses_are_found_through_aliases_and_reexports() {
    check_circles(
        &[
            (&[], "mod a;"),
            (&["a"], "mod b; mod c; pub use c::C;"),
            (
                &["a", "b"],
                "use crate::a::{self}; fn b() { match x { a::C::One => () } } pub fn d() {}",
            ),
            (&["a", "c"], "use super::b as other; pub enum C { One } fn c() { other::d() }"),
        ],
        &["a/b uses C of a/c", "a/c uses d of a/b"],
    );
}

#[test]
fn tests_are_left_out() {
    check_circles(
        &[
            (&[], "mod a; mod b;"),
            (&["a"], "pub fn a() {} #[cfg(test)] mod tests { use crate::b::b; }"),
            (&["b"], "use crate::a::a; pub fn b() {}"),
        ],
        &[],
    );
}
