//! Checks that all languages have the same messages with the same arguments.

use std::collections::BTreeSet;

use crate::catalogue::{Catalogue, DIRECTORY, Message};

/// Returns one error line for each message that a language lacks, or has with other arguments than
/// the first language that has it.
pub(crate) fn differences(catalogues: &[Catalogue]) -> Vec<String> {
    let keys: BTreeSet<&String> = catalogues.iter().flat_map(|c| c.messages.keys()).collect();
    keys.into_iter().flat_map(|key| key_differences(catalogues, key)).collect()
}

fn key_differences(catalogues: &[Catalogue], key: &str) -> Vec<String> {
    let model = catalogues.iter().find_map(|c| Some((&c.language, c.messages.get(key)?)));
    let Some((model_language, model)) = model else { return Vec::new() };
    let model_file = format!("{model_language}.ftl, line {}", model.line);
    let difference = |catalogue: &Catalogue| {
        let file = format!("{DIRECTORY}/{}.ftl", catalogue.language);
        match catalogue.messages.get(key) {
            None => Some(format!(
                "{file}: {key}: is missing here and is in {model_file}; add or remove it"
            )),
            Some(message) if !message.arguments.keys().eq(model.arguments.keys()) => Some(format!(
                "{file}:{}: {key}: takes {} here and {} in {model_file}; use the same arguments",
                message.line,
                argument_list(message),
                argument_list(model),
            )),
            Some(_) => None,
        }
    };
    catalogues.iter().filter_map(difference).collect()
}

fn argument_list(message: &Message) -> String {
    let names: Vec<String> = message.arguments.keys().map(|name| format!("${name}")).collect();
    if names.is_empty() { "no argument".into() } else { names.join(", ") }
}
