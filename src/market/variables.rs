//! The placeholders of an origin's request, over all protocols, and which of them are sent.

use super::file::{Method, Origin, Protocol};
use super::request::RequestTemplate;
use super::template::{Template, Variable};

/// The variables of an origin's request, each with the key that it stands in.
pub(super) fn variables(origin: &Origin) -> Vec<(&'static str, Variable)> {
    let mut found = Vec::new();
    for (key, template) in templates(origin) {
        found.extend(template.variables().map(|variable| (key, variable.clone())));
    }
    let of_request = origin.request.iter().flat_map(RequestTemplate::variables);
    found.extend(of_request.map(|variable| ("request", variable.clone())));
    found
}

/// The templates of an origin's request, each with the key that it stands in.
pub(super) fn templates(origin: &Origin) -> Vec<(&'static str, Template)> {
    let mut found = vec![("url", origin.url.clone())];
    found.extend(origin.query.values().map(|template| ("query", template.clone())));
    found.extend(origin.headers.values().map(|template| ("headers", template.clone())));
    found.extend(origin.soap.as_ref().map(|soap| ("soap", soap.body.clone())));
    found.extend(origin.soap.as_ref().and_then(|soap| Some(("soap", soap.header.clone()?))));
    // OK because a request without a body has no texts.
    let of_json =
        origin.rest.as_ref().and_then(|rest| rest.body.as_ref()).map(texts_of).unwrap_or_default();
    found.extend(of_json.into_iter().filter_map(|text| Some(("rest", Template::new(text).ok()?))));
    found
}

/// The variables that requests carry: those of the address, and of the tables that the origin's
/// protocol and method send.
pub(super) fn sent_variables(origin: &Origin) -> Vec<Variable> {
    let is_post = origin.rest.as_ref().is_some_and(|rest| rest.method == Method::Post);
    let is_sent = |key: &str| match key {
        "rest" => origin.protocol == Protocol::Rest && is_post,
        "soap" => origin.protocol == Protocol::Soap,
        "request" => matches!(origin.protocol, Protocol::Record | Protocol::Csv),
        _ => true,
    };
    let found = variables(origin).into_iter().filter(|(key, _)| is_sent(key));
    found.map(|(_, variable)| variable).collect()
}

/// The texts of a JSON body, keys aside.
pub(super) fn texts_of(value: &serde_json::Value) -> Vec<&str> {
    match value {
        serde_json::Value::String(text) => vec![text],
        serde_json::Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        serde_json::Value::Object(fields) => fields.values().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}
