//! Paged lists of `OData` services: `__next` in version 2, `@odata.nextLink` in version 4.
//!
//! A link may be relative or absolute (v4 JSON format §4.5.5) and is followed on the origin's own
//! scheme, host and port only: the request carries credentials. A link that cannot be followed is a
//! failure; a part of a list never passes for the whole (decision 0007).

use serde_json::Value;

use super::request::escape_url;

/// Most pages of a list, unless the market names another limit.
pub(super) const MAX_PAGES: u8 = 5;

/// Parent, list and next link of a list in a response.
const PLACES: [(&str, &str, &str); 3] = [
    ("/d", "results", "__next"),
    ("", "value", "@odata.nextLink"),
    ("", "value", "odata.nextLink"),
];

/// Takes the link to the next page out of a response. `None` at the last page, or without a list.
pub(super) fn take_next_link(tree: &mut Value) -> Option<String> {
    for (parent, list, link) in PLACES {
        let Some(Value::Object(fields)) = tree.pointer_mut(parent) else { continue };
        if !matches!(fields.get(list), Some(Value::Array(_))) {
            continue;
        }
        // A link that is no text stays in the tree, and the mapping refuses the list.
        if let Some(Value::String(next)) =
            fields.get(link).filter(|next| next.as_str().is_some_and(|next| !next.is_empty()))
        {
            let next = next.clone();
            fields.remove(link);
            return Some(next);
        }
    }
    None
}

/// Moves the elements of a further page to the end of the list. `None` if the page has no such
/// list.
pub(super) fn append_page(tree: &mut Value, page: &mut Value) -> Option<()> {
    for (parent, list, _) in PLACES {
        let at = format!("{parent}/{list}");
        if let Some(Value::Array(items)) = tree.pointer_mut(&at) {
            let more = page.pointer_mut(&at)?.as_array_mut()?;
            items.append(more);
            return Some(());
        }
    }
    None
}

/// Resolves a link to a next page against `base`, the URL of the page that holds it. `None` if it
/// leaves the scheme, host or port of `base`.
pub(super) fn resolve_link(base: &str, link: &str) -> Option<String> {
    // Fetch takes `\` for `/` and drops blanks and tabs: refuses ambiguous links altogether.
    if link.chars().any(|c| c.is_control() || c == '\\') {
        return None;
    }
    let link = encode_link(link.trim().split('#').next()?);
    let (root, path) = split_root(base)?;
    if let Some((scheme, _)) = link.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        let (other, rest) = split_root(&link)?;
        let is_http = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        return (is_http && normalize_root(other) == normalize_root(root))
            .then(|| format!("{root}{rest}"));
    }
    if link.starts_with("//") {
        return None;
    }
    if link.starts_with('/') {
        return Some(format!("{root}{link}"));
    }
    let path = path.split('?').next()?;
    let folder = if link.starts_with('?') {
        path
    } else {
        path.rsplit_once('/').map_or("", |(folder, _)| folder)
    };
    let separator = if link.starts_with('?') { "" } else { "/" };
    Some(format!("{root}{folder}{separator}{link}"))
}

/// Splits a URL into scheme and authority, and the rest.
fn split_root(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    let end = url.get(authority..)?.find(['/', '?']).map_or(url.len(), |at| authority + at);
    Some((url.get(..end)?, url.get(end..)?))
}

/// Normalizes scheme and authority: lower case, without the scheme's default port.
fn normalize_root(root: &str) -> String {
    let root = root.to_ascii_lowercase();
    let port = if root.starts_with("https:") { ":443" } else { ":80" };
    root.strip_suffix(port).map(ToOwned::to_owned).unwrap_or(root)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Percent-encodes blanks, quotes and letters beyond ASCII, which services write into links raw.
fn encode_link(link: &str) -> String {
    let mut text = String::with_capacity(link.len());
    for c in link.chars() {
        if c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}') {
            text.push(c);
        } else {
            text.push_str(&escape_url(c.encode_utf8(&mut [0; 4])));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn ok_pages_of_both_versions() {
        for (first, second, whole, link) in [
            (
                json!({"d": {"results": [1], "__next": "a", "__count": "2"}}),
                json!({"d": {"results": [2]}}),
                json!({"d": {"results": [1, 2], "__count": "2"}}),
                "a",
            ),
            (
                json!({"value": [1], "@odata.nextLink": "b"}),
                json!({"@odata.context": "x", "value": []}),
                json!({"value": [1]}),
                "b",
            ),
        ] {
            let (mut tree, mut page) = (first, second);
            assert_eq!(take_next_link(&mut tree).as_deref(), Some(link));
            assert_eq!(append_page(&mut tree, &mut page), Some(()));
            assert_eq!((&tree, take_next_link(&mut page)), (&whole, None));
        }
        let mut odd = json!({"d": {"results": [1], "__next": 7}});
        assert_eq!((take_next_link(&mut odd), odd.pointer("/d/__next")), (None, Some(&json!(7))));
        assert_eq!(append_page(&mut json!({"value": [1]}), &mut json!({"error": {}})), None);
        assert_eq!(take_next_link(&mut json!({"__next": "x"})), None);
    }

    #[test]
    fn ok_links_on_the_same_origin() {
        let base = "https://sap.example.com/odata/v2/Orders?$filter=x";
        for (link, address) in [
            (
                "https://sap.example.com/odata/v2/Orders?$skiptoken=2",
                "https://sap.example.com/odata/v2/Orders?$skiptoken=2",
            ),
            ("HTTPS://SAP.example.com:443/x", "https://sap.example.com/x"),
            ("https://sap.example.com?x=1", "https://sap.example.com?x=1"),
            ("/x?y#z", "https://sap.example.com/x?y"),
            ("Orders?$skiptoken=a:b", "https://sap.example.com/odata/v2/Orders?$skiptoken=a:b"),
            ("Orders('a:b')", "https://sap.example.com/odata/v2/Orders('a:b')"),
            ("?$skiptoken=2", "https://sap.example.com/odata/v2/Orders?$skiptoken=2"),
            (
                "Orders?$filter=Name eq 'Mü'",
                "https://sap.example.com/odata/v2/Orders?$filter=Name%20eq%20'M%C3%BC'",
            ),
        ] {
            assert_eq!(resolve_link(base, link).as_deref(), Some(address), "{link}");
        }
    }

    #[test]
    fn err_links_that_lead_elsewhere() {
        let base = "https://sap.example.com/odata/v2/Orders";
        for link in [
            "https://evil.example/x",
            "http://sap.example.com/x",
            "https://sap.example.com:8443/x",
            "https://sap.example.com.evil.example/x",
            "https://sap.example.com@evil.example/x",
            "https://evil.example@sap.example.com/x",
            "https://sap.example.com\\@evil.example/x",
            "//evil.example/x",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "https:evil.example",
            "https:/evil.example",
            "file:///etc/passwd",
            "data:application/json,{}",
        ] {
            assert_eq!(resolve_link(base, link), None, "{link}");
        }
    }

    proptest! {
        /// As `fetch` parses the URL, it has the same scheme, host and port.
        #[test]
        fn never_leaves_its_origin(
            link in "(https?:)?[/\\\\]{0,3}[a-z.@:?#\\\\ \t%0-9-]{0,30}|\\PC{0,30}",
        ) {
            let base = "https://sap.example.com/odata/Orders?x=1";
            if let Some(address) = resolve_link(base, &link) {
                let address = ::url::Url::parse(&address).expect("an address");
                let origin = ::url::Url::parse(base).expect("an address").origin();
                prop_assert_eq!(address.origin(), origin);
                prop_assert!(address.username().is_empty() && address.password().is_none());
            }
        }
    }
}
