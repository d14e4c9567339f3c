//! Header fields of a request.

use crate::ports::OriginRequest;

/// Sets a header field, and replaces the one that the protocol set. `name` is in lower case.
pub(in crate::origin) fn set_header(request: &mut OriginRequest, name: &str, value: String) {
    request.headers.retain(|(other, _)| other != name);
    request.headers.push((name.to_owned(), value));
}
