//! W3C Trace Context towards origins: each call to one is a span of its own, a child of the
//! caller's trace.

use std::sync::Arc;

use crate::ports::Random;
use crate::text::to_hex;

/// The trace that a request belongs to. Valid by construction: `api` replaces what is malformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// 32 hexadecimal digits.
    pub id: Arc<str>,
    /// `00`, or `01` where the caller records.
    pub flags: &'static str,
    /// `tracestate`, passed on as it came.
    pub state: Option<String>,
}

impl Trace {
    /// The headers of one call to an origin, with a span id that no other call has.
    pub(super) fn child(&self, random: &dyn Random) -> Vec<(String, String)> {
        let parent = format!("00-{}-{}-{}", self.id, hex(8, random), self.flags);
        let state = self.state.iter().map(|state| ("tracestate".to_owned(), state.clone()));
        std::iter::once(("traceparent".to_owned(), parent)).chain(state).collect()
    }
}

/// Random bytes as hexadecimal digits, never all zero.
fn hex(bytes: usize, random: &dyn Random) -> String {
    let mut buffer = vec![0_u8; bytes];
    random.fill(&mut buffer);
    written(&buffer)
}

/// Bytes as hexadecimal digits; all zero, which W3C Trace Context forbids, as all one.
pub fn written(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| *byte == 0) { "01".repeat(bytes.len()) } else { to_hex(bytes) }
}
