//! Lists of `OData` services that go on in further pages: `__next` in version 2, `@odata.nextLink`
//! in version 4.
//!
//! A link may be relative or absolute (v4 JSON format §4.5.5) and is followed on the origin's own
//! scheme, host and port only: the request carries credentials. What cannot be followed is a
//! failure; a part of a list never passes for the whole (decision 0007).

use serde_json::Value;

/// Pages that are asked for, unless the market says otherwise.
pub(super) const MAX_PAGES: u8 = 5;

/// Where a list stands in an answer, and the link to its next page.
const PLACES: [(&str, &str, &str); 3] = [
    ("/d", "results", "__next"),
    ("", "value", "@odata.nextLink"),
    ("", "value", "odata.nextLink"),
];

/// Takes the link to the next page out of an answer. Nothing where the list ends here, or there is
/// none.
pub(super) fn take_next(tree: &mut Value) -> Option<String> {
    for (parent, list, link) in PLACES {
        let Some(Value::Object(fields)) = tree.pointer_mut(parent) else { continue };
        if !matches!(fields.get(list), Some(Value::Array(_))) {
            continue;
        }
        // One that is no text stays, and the mapping refuses the list.
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

/// Puts the elements of a further page behind those that are there. Nothing where the page holds no
/// such list.
pub(super) fn append(tree: &mut Value, page: &mut Value) -> Option<()> {
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

/// The address of a next page, where it is on the same origin as `base`, the address that named it.
pub(super) fn resolve(base: &str, link: &str) -> Option<String> {
    // Fetch takes `\` for `/` and drops blanks and tabs: an address that could be read otherwise is
    // not read at all.
    if link.chars().any(|c| c.is_control() || c == '\\') {
        return None;
    }
    let link = encoded(link.trim().split('#').next()?);
    let (root, path) = split(base)?;
    if let Some((scheme, _)) = link.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        let (other, rest) = split(&link)?;
        let is_http = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        return (is_http && normal(other) == normal(root)).then(|| format!("{root}{rest}"));
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

/// An address as scheme and host, and the rest.
fn split(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    let end = url.get(authority..)?.find(['/', '?']).map_or(url.len(), |at| authority + at);
    Some((url.get(..end)?, url.get(end..)?))
}

/// Scheme and host in lower case, without the scheme's own port.
fn normal(root: &str) -> String {
    let root = root.to_ascii_lowercase();
    let port = if root.starts_with("https:") { ":443" } else { ":80" };
    root.strip_suffix(port).map(ToOwned::to_owned).unwrap_or(root)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Services write blanks, quotes and letters beyond ASCII into links as they are.
fn encoded(link: &str) -> String {
    let mut text = String::with_capacity(link.len());
    for c in link.chars() {
        if c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}') {
            text.push(c);
        } else {
            text.push_str(&super::escape::url(c.encode_utf8(&mut [0; 4])));
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
            assert_eq!(take_next(&mut tree).as_deref(), Some(link));
            assert_eq!(append(&mut tree, &mut page), Some(()));
            assert_eq!((&tree, take_next(&mut page)), (&whole, None));
        }
        let mut odd = json!({"d": {"results": [1], "__next": 7}});
        assert_eq!((take_next(&mut odd), odd.pointer("/d/__next")), (None, Some(&json!(7))));
        assert_eq!(append(&mut json!({"value": [1]}), &mut json!({"error": {}})), None);
        assert_eq!(take_next(&mut json!({"__next": "x"})), None);
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
            assert_eq!(resolve(base, link).as_deref(), Some(address), "{link}");
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
            assert_eq!(resolve(base, link), None, "{link}");
        }
    }

    proptest! {
        /// As fetch reads the address, it has the same scheme, host and port.
        #[test]
        fn never_leaves_its_origin(link in "(https?:)?[/\\\\]{0,3}[a-z.@:?#\\\\ \t%0-9-]{0,30}|\\PC{0,30}") {
            let base = "https://sap.example.com/odata/Orders?x=1";
            if let Some(address) = resolve(base, &link) {
                let address = ::url::Url::parse(&address).expect("an address");
                let origin = ::url::Url::parse(base).expect("an address").origin();
                prop_assert_eq!(address.origin(), origin);
                prop_assert!(address.username().is_empty() && address.password().is_none());
            }
        }
    }
}
