//! W3C Trace Context towards origins: each origin call is a span of its own, a child of the
//! caller's trace.

use std::sync::Arc;

use crate::ports::Random;
use crate::text::to_hex;

/// The trace that a request belongs to. Valid by construction: `http` replaces malformed input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginTrace {
    /// 32 hexadecimal digits.
    pub id: Arc<str>,
    /// `00`, or `01` where the caller records.
    pub flags: &'static str,
    /// `tracestate`, passed on unchanged.
    pub state: Option<String>,
}

impl OriginTrace {
    /// The trace headers of one origin call, with a new span id.
    pub(super) fn child_headers(&self, random: &dyn Random) -> Vec<(String, String)> {
        let mut span = [0_u8; 8];
        random.fill(&mut span);
        let parent = ["00-", &self.id, "-", &to_nonzero_hex(&span), "-", self.flags].concat();
        let state = self.state.iter().map(|state| ("tracestate".to_owned(), state.clone()));
        std::iter::once(("traceparent".to_owned(), parent)).chain(state).collect()
    }
}

/// Writes bytes as hexadecimal digits. All-zero input, which W3C Trace Context forbids, becomes all
/// `01`.
pub fn to_nonzero_hex(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| *byte == 0) { "01".repeat(bytes.len()) } else { to_hex(bytes) }
}
