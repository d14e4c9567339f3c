//! Checks of addresses: absolute, encrypted, without credentials and without a placeholder in the
//! host.

use url::Url;

use super::finding::Findings;

pub(super) fn check_address(path: &[&str], text: &str, findings: &mut Findings) {
    let authority = text.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(""); // OK because an address without a host is refused.
    if authority.contains('{') {
        findings.add(
            path,
            "has a placeholder in its host; placeholders may stand in the path and the query only",
        );
        return;
    }
    match Url::parse(text) {
        Err(cause) => findings
            .add(path, format!("is not an address ({cause}); write it in full, like https://erp.example.com/vehicles")),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            findings.add(path, "holds credentials; name a secret in `auth` instead");
        }
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            findings.add(path, "is not encrypted; use https:// (http:// is for 127.0.0.1 and localhost only)");
        }
        Ok(url) if !["http", "https"].contains(&url.scheme()) => {
            findings.add(path, "is not an http address; use https://");
        }
        Ok(url) if url.fragment().is_some() => findings.add(path, "has a #fragment, which is never sent; remove it"),
        Ok(_) => {}
    }
}

/// True for an address of this machine, which plain http may go to.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
