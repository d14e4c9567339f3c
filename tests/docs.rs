//! The documents: links and paths that exist, commands that can be pasted, examples that hold.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use kerbside::market::compile;
use kerbside::origin::{ParsedResponse, parse_response};
use kerbside::ports::OriginResponse;
use kerbside::vehicle::{
    Content, Declaration, FacetName, Kind, Limits, Shape, declarations, shape,
};

/// The most columns of a line of prose.
const MAX_COLUMNS: usize = 100;

/// Folders at the root whose files documents name by path.
const FOLDERS: [&str; 11] = [
    ".ci/",
    "benches/",
    "docs/",
    "fuzz/",
    "legacy/",
    "markets/",
    "migrations/",
    "site/",
    "src/",
    "tests/",
    "xtask/",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below `folder` with this extension, without what is built or installed.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let is_built = name == "target" || name == "node_modules" || name == "build";
            if path.is_dir() && !is_built && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The documents and their texts.
fn documents() -> Vec<(PathBuf, String)> {
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("readable");
        (path, text)
    };
    files(&root(), "md").into_iter().map(read).collect()
}

/// The text without its code blocks.
fn prose(text: &str) -> String {
    let is_prose = |(at, part): (usize, &str)| (at % 2 == 0).then(|| part.to_owned());
    text.split("```").enumerate().filter_map(is_prose).collect()
}

/// The name that a heading has in links, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_anchor(path: &Path, expected: &str) -> bool {
    let text = fs::read_to_string(path).expect("readable");
    text.lines().any(|line| line.starts_with('#') && anchor(line) == expected)
}

/// Checks every document; `check` adds what is wrong with one.
fn check_documents(check: impl Fn(&Path, &str, &mut Vec<String>)) {
    let mut wrong = Vec::new();
    for (path, text) in documents() {
        let mut found = Vec::new();
        check(&path, &text, &mut found);
        wrong.extend(found.into_iter().map(|what| format!("{}: {what}", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    check_documents(|path, text, wrong| {
        let prose = prose(text);
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => path.to_owned(),
                file => path.parent().expect("a folder").join(file),
            };
            let found = file.exists() && (heading.is_empty() || has_anchor(&file, heading));
            wrong.extend((!found).then(|| format!("nothing at {target}")));
        }
    });
}

#[test]
fn paths_in_documents_exist() {
    check_documents(|_, text, wrong| {
        for code in prose(text).split('`').skip(1).step_by(2) {
            let is_path = FOLDERS.iter().any(|folder| code.starts_with(folder))
                && !code.contains(|c: char| c.is_whitespace() || "<>{}*…=".contains(c));
            let found = !is_path || root().join(code).exists();
            wrong.extend((!found).then(|| format!("no file {code}")));
        }
    });
}

/// Names such as `cache::FacetStore`: the module exists, and its source has the last name.
#[test]
fn items_in_documents_exist() {
    let source = |module: &str| {
        let src = root().join("src");
        let mut text = fs::read_to_string(src.join(format!("{module}.rs"))).ok()?;
        let folder = src.join(module);
        let inner = if folder.exists() { files(&folder, "rs") } else { Vec::new() };
        text.extend(inner.iter().map(|path| fs::read_to_string(path).expect("readable")));
        Some(text)
    };
    check_documents(|_, text, wrong| {
        for code in prose(text).split('`').skip(1).step_by(2) {
            let is_path = code.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ':');
            let Some((module, rest)) = code.split_once("::").filter(|_| is_path) else { continue };
            let Some(source) = source(module) else { continue };
            let name = rest.rsplit("::").next().expect("a name");
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let found = source.split(|c| !is_word(c)).any(|word| word == name);
            wrong.extend((!found).then(|| format!("no item {code}")));
        }
    });
}

#[test]
fn decisions_named_in_code_exist() {
    let folder = root().join("docs/decisions");
    let decisions = files(&folder, "md");
    let is_known = |number: &str| {
        let starts = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(number))
        };
        decisions.iter().find(starts).is_some()
    };
    for extension in ["rs", "toml", "mjs", "sql"] {
        for path in files(&root(), extension) {
            let text = fs::read_to_string(&path).expect("readable");
            for number in text.split("docs/decisions/").skip(1).filter_map(|rest| rest.get(..4)) {
                let is_number = number.chars().all(|c| c.is_ascii_digit());
                assert!(!is_number || is_known(number), "{}: no {number}", path.display());
            }
        }
    }
}

#[test]
fn prose_is_wrapped() {
    check_documents(|_, text, wrong| {
        for line in prose(text).lines() {
            let is_free = line.starts_with('|') || line.starts_with('<') || !line.contains(' ');
            let fits = is_free || line.chars().count() <= MAX_COLUMNS;
            wrong.extend((!fits).then(|| format!("more than {MAX_COLUMNS} columns: {line}")));
        }
    });
}

/// zsh takes a comment behind a command for its arguments.
#[test]
fn commands_can_be_pasted() {
    check_documents(|_, text, wrong| {
        for block in text.split("```").skip(1).step_by(2) {
            let is_shell = block.starts_with("sh\n") || block.starts_with("console\n");
            let has_comment = |line: &&str| line.contains(" # ") || line.starts_with("# ");
            let comments = block.lines().filter(|_| is_shell).filter(has_comment);
            wrong.extend(comments.map(|line| format!("a comment behind a command: {line}")));
        }
    });
}

/// The names of one manifest's dependencies of each kind and target, without crates of this workspace.
fn dependencies(table: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        let Some(inner) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            let is_ours = |value: &toml::Value| value.get("path").is_some();
            let others = inner.iter().filter(|(_, value)| !is_ours(value));
            found.extend(others.map(|(name, _)| name.clone()));
        } else {
            found.extend(dependencies(inner));
        }
    }
    found
}

#[test]
fn every_dependency_has_its_row() {
    let page = fs::read_to_string(root().join("docs/DEPENDENCIES.md")).expect("readable");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let manifests = files(&root(), "toml").into_iter().filter(|path| path.ends_with("Cargo.toml"));
    let mut missing = Vec::new();
    for path in manifests {
        let text = fs::read_to_string(&path).expect("readable");
        for name in dependencies(&text.parse().expect("TOML")) {
            let cell = format!("`{name}`");
            let is_cell = |row: &&&str| row.split('|').nth(1).is_some_and(|it| it.contains(&cell));
            if rows.iter().find(is_cell).is_none() {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "without a row in docs/DEPENDENCIES.md:\n{}", missing.join("\n"));
}

/// The code blocks of one language in a section of docs/MARKETS.md, or in the part before the next
/// heading.
fn examples(heading: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/MARKETS.md")).expect("readable");
    let begin = text.find(&format!("\n{heading}\n")).expect("the heading") + 1;
    let section = &text[begin + heading.len()..];
    let section = section.split("\n## ").next().unwrap_or_default();
    let section = if heading.starts_with("###") {
        section.split("\n### ").next().unwrap_or_default()
    } else {
        section
    };
    let open = format!("```{language}\n");
    section
        .split(&open)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn ok_the_small_market_has_the_stated_version() {
    let market = &examples("## A small example", "toml")[0];
    let said = &examples("## A small example", "text")[0];
    let compiled = compile("markets/fr.toml", market).expect("the example is good");
    let version = &compiled.hash[..12];
    assert!(said.contains(&format!("version {version}")), "the version is {version}: {said}");
}

/// Reads an answer as the origin of a worked example.
fn tree(origin: &str, name: &str, body: Vec<u8>) -> serde_json::Value {
    let market = examples("## A small example", "toml").swap_remove(0);
    let facet = format!(
        "[facets.energy]\norigin = \"{name}\"\n[facets.energy.map]\nemission_standard = \"/x\"\n"
    );
    let text = format!("{market}\n{origin}\n{facet}");
    let compiled = compile("markets/fr.toml", &text).expect("the example is good").market;
    let origin = compiled.origins.iter().find(|(known, _)| known.as_str() == name).expect(name).1;
    let response = OriginResponse { status: 200, body, ..OriginResponse::default() };
    match parse_response(origin, &response) {
        Ok(ParsedResponse::Tree(tree)) => tree,
        _ => panic!("the example's answer does not read"),
    }
}

fn expected(heading: &str) -> serde_json::Value {
    let json = examples(heading, "json").pop().expect("an example");
    serde_json::from_str(&json).expect("JSON")
}

#[test]
fn ok_the_record_of_the_worked_example() {
    let origin = examples("### Records", "toml").pop().expect("an example");
    let hex: String = examples("### Records", "text")[0].split_whitespace().collect();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    let body = (0..hex.len()).step_by(2).map(byte).collect();
    assert_eq!(tree(&origin, "registry", body), expected("### Records"));
}

#[test]
fn ok_the_file_of_the_worked_example() {
    let origin = &examples("### CSV", "toml")[0];
    let text = &examples("### CSV", "text")[0];
    let latin = text.chars().map(|c| u8::try_from(c).expect("Latin 1")).collect();
    assert_eq!(tree(origin, "inspections", latin), expected("### CSV"));
}

/// The kind of a field as docs/MARKETS.md states it.
fn kind_text(kind: Kind, limits: Limits) -> String {
    let Limits { least, most } = limits;
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Code(words) => format!("word: `{}`", words.join("` `")),
        Kind::Integer => format!("whole number, {least} to {most}"),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Quantity(unit) => format!("quantity in `{unit}`, {least} to {most}"),
        Kind::Money => "money".to_owned(),
        Kind::Instant => "instant".to_owned(),
    }
}

/// The limits of the field at a place in its facet.
fn find_limits(declared: &[Declaration], path: &str) -> Limits {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let field = declared.iter().find(|field| field.name == name).expect("a declared field");
    match field.content {
        Content::Value(_, limits) => limits,
        Content::Record(fields) | Content::List(fields) => find_limits(fields, rest),
    }
}

#[test]
fn ok_the_fields_are_those_of_the_declarations() {
    let text = fs::read_to_string(root().join("docs/MARKETS.md")).expect("readable");
    for facet in FacetName::ALL {
        let begin = format!("\n### {}\n", facet.as_str());
        let section = text.split(&begin).nth(1).expect("a section for each facet");
        let section = section.split("\n#").next().expect("a text");
        let found = section.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>();
        let shape = shape(*facet);
        let is_list = matches!(shape, Shape::List { .. });
        let fields =
            shape.fields(false).iter().chain(if is_list { shape.fields(true) } else { &[] });
        let expected = fields.map(|field| {
            let kind = kind_text(field.kind, find_limits(declarations(*facet), field.path));
            let required = if field.required { " yes" } else { "" };
            let tier = field.access.expect("a field with access").floor.as_str();
            format!("| `{}` | {kind} |{required} | {tier} |", field.name)
        });
        assert_eq!(found, expected.collect::<Vec<_>>(), "the section {}", facet.as_str());
    }
}
