//! Violations in a market file, and suggestions for misspelled words.

/// One violation: the path of the key, and a sentence with cause and fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::market) struct Finding {
    pub(in crate::market) path: Vec<String>,
    pub(in crate::market) message: String,
}

/// The violations found so far.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a violation.
    pub(super) fn add(&mut self, path: &[&str], message: impl Into<String>) {
        let path = path.iter().map(|&key| key.to_owned()).collect();
        self.0.push(Finding { path, message: message.into() });
    }

    /// Adds a violation if a number is out of its range, both ends included.
    pub(super) fn range(&mut self, path: &[&str], value: u32, least: u32, most: u32, unit: &str) {
        if !(least..=most).contains(&value) {
            self.add(path, format!("is {value}; choose {least} to {most} {unit}"));
        }
    }

    /// All violations, in the order of the checks.
    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

/// Suggests the nearest known word, "did you mean …", or lists the known ones.
pub(in crate::market) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let best =
        known.iter().map(|k| (strsim::jaro_winkler(word, k), k)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((score, name)) if score > 0.85 => format!("did you mean \"{name}\"?"),
        _ if known.is_empty() => "none is described".into(),
        _ => format!("known are: {}", known.join(", ")),
    }
}
