//! The module table of docs/ARCHITECTURE.md, held by a test: who may use whom, a header in every
//! file, a ceiling on its length, and no platform or wall clock in the core.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file before its tests.
const CEILING: usize = 500;

/// Who may use whom. `lib.rs` is the module map and uses nothing.
const TABLE: &[(&str, &[&str])] = &[
    ("calendar", &[]),
    ("text", &[]),
    ("market", &["calendar"]),
    ("vehicle", &["market", "calendar"]),
    ("disclosure", &["market", "vehicle"]),
    ("telemetry", &["market", "vehicle", "text"]),
    ("ports", &["market", "vehicle", "telemetry", "calendar"]),
    ("origin", &["market", "vehicle", "disclosure", "telemetry", "ports", "calendar"]),
    ("audit", &["ports"]),
    ("cache", &["market", "vehicle", "disclosure", "telemetry", "ports", "text", "audit"]),
    ("registry", &["market", "vehicle", "telemetry", "ports", "cache"]),
    ("usage", &["market", "telemetry", "ports", "text"]),
    (
        "flow",
        &[
            "market",
            "vehicle",
            "disclosure",
            "telemetry",
            "ports",
            "origin",
            "cache",
            "usage",
            "text",
        ],
    ),
    (
        "privacy",
        &["market", "vehicle", "disclosure", "telemetry", "ports", "audit", "cache", "text"],
    ),
    ("jobs", &["market", "telemetry", "ports", "audit", "cache", "usage", "privacy"]),
    ("pages", &["market", "vehicle", "disclosure", "origin", "ports"]),
    (
        "http",
        &[
            "market",
            "vehicle",
            "disclosure",
            "telemetry",
            "ports",
            "origin",
            "audit",
            "cache",
            "registry",
            "usage",
            "flow",
            "privacy",
            "jobs",
            "pages",
            "text",
        ],
    ),
    ("platform", &["market", "vehicle", "telemetry", "ports", "registry", "jobs", "flow", "http"]),
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
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
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

/// The modules of the crate that a text names: `crate::market::…`, also in `use crate::{a, b}`.
fn used(text: &str) -> Vec<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => {
                rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
            }
        };
        let names = names
            .split(',')
            .map(|name| name.trim().split("::").next().unwrap_or_default().to_owned());
        modules.extend(names.filter(|name| !name.is_empty()));
    }
    modules
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let mut seen = Vec::new();
    for source in sources().iter().filter(|source| source.module != "lib") {
        let allowed = table.get(source.module.as_str());
        let allowed =
            allowed.unwrap_or_else(|| panic!("{} has no row in the table", source.module));
        seen.push(source.module.clone());
        for module in used(source.production()) {
            let known = module == source.module || allowed.contains(&module.as_str());
            assert!(
                known,
                "{} uses {module}, which the table does not allow",
                source.path.display()
            );
        }
    }
    for (module, _) in TABLE {
        assert!(
            seen.iter().any(|known| known == module),
            "{module} stands in the table and nowhere else"
        );
    }
}

#[test]
fn the_table_has_no_circle() {
    let mut done: Vec<&str> = Vec::new();
    for (module, allowed) in TABLE {
        for used in *allowed {
            assert!(done.contains(used), "{module} may use {used}, which stands below it");
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
fn every_file_says_what_it_is_and_stays_short() {
    for source in sources() {
        let path = source.path.display();
        assert!(source.text.starts_with("//!"), "{path} does not open with a //! header");
        let lines = source.production().lines().count();
        assert!(
            lines <= CEILING || source.is_tests(),
            "{path} has {lines} lines before its tests; split it by meaning"
        );
    }
}

#[test]
fn the_reader_of_uses_finds_them() {
    let text = "use crate::{cache, flow::x};\nlet a = crate::market::Tier::Public;\n// crate::comment::x\n";
    assert_eq!(used(text), ["cache", "flow", "market"]);
}
