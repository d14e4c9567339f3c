//! W3C Trace Context: the caller's trace goes on, or a new one starts. Malformed values are replaced, never passed on.

use crate::ports::Random;

/// The trace that a call belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    id: String,
    span: String,
    flags: String,
    state: Option<String>,
}

impl Trace {
    /// Continues the caller's trace where `traceparent` is valid.
    pub(super) fn new(parent: Option<&str>, state: Option<String>, random: &dyn Random) -> Self {
        let span = hex(8, random);
        match parent.and_then(parse) {
            Some((trace_id, flags)) => {
                let state = state.filter(|state| is_state(state));
                Self { id: trace_id.to_owned(), span, flags: flags.to_owned(), state }
            }
            None => Self { id: hex(16, random), span, flags: "00".to_owned(), state: None },
        }
    }

    /// The trace's id: 32 hexadecimal digits.
    pub(super) fn trace_id(&self) -> &str {
        &self.id
    }

    /// This call's own `traceparent`.
    pub(super) fn own(&self) -> String {
        format!("00-{}-{}-{}", self.id, self.span, self.flags)
    }

    /// The headers for origins, whose parent is this call.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let state = self.state.iter().map(|state| ("tracestate".to_owned(), state.clone()));
        std::iter::once(("traceparent".to_owned(), self.own())).chain(state).collect()
    }
}

/// Trace id and flags of a valid `traceparent`. Later versions may be longer.
fn parse(parent: &str) -> Option<(&str, &str)> {
    let mut parts = parent.trim().split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let known = version != "00" || parts.next().is_none();
    let valid = is_hex(version, 2)
        && version != "ff"
        && known
        && is_hex(trace_id, 32)
        && !is_zero(trace_id)
        && is_hex(span_id, 16)
        && !is_zero(span_id)
        && is_hex(flags, 2);
    // Only the sampled flag is passed on: the others are of later versions, or speak of ids that are not made here.
    let flags = if flags.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']) { "01" } else { "00" };
    valid.then_some((trace_id, flags))
}

/// At most 512 characters, 32 members, each `key=value` of printable ASCII.
fn is_state(state: &str) -> bool {
    let member = |member: &str| {
        let member = member.trim();
        member.is_empty() || member.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
    };
    state.len() <= 512
        && state.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && state.split(',').count() <= 32
        && state.split(',').all(member)
}

/// Random bytes as hexadecimal digits, never all zero.
pub(super) fn hex(bytes: usize, random: &dyn Random) -> String {
    use std::fmt::Write as _;
    let mut buffer = vec![0_u8; bytes];
    random.fill(&mut buffer);
    if buffer.iter().all(|byte| *byte == 0) {
        buffer.fill(1);
    }
    buffer.iter().fold(String::with_capacity(bytes * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // OK because writing to a String cannot fail.
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn trace(parent: Option<&str>, state: Option<&str>) -> Trace {
        Trace::new(parent, state.map(ToOwned::to_owned), World::new().ports().random.as_ref())
    }

    #[test]
    fn ok_continues_a_valid_trace_with_a_new_span() {
        let trace = trace(Some(VALID), Some("a=1,b=2"));
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.own().ends_with("-01") && !trace.own().contains("00f067aa0ba902b7"));
        assert_eq!(trace.headers().get(1), Some(&("tracestate".to_owned(), "a=1,b=2".to_owned())));
    }

    #[test]
    fn ok_a_later_version_may_be_longer() {
        let later = format!("cc{}-what-ever", VALID.get(2..).unwrap_or_default());
        assert_eq!(trace(Some(&later), None).trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn err_malformed_is_replaced() {
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let upper = VALID.to_uppercase();
        let long = format!("{VALID}-extra");
        for bad in ["", "x", zero, &upper, &long, &VALID.replacen("00", "ff", 1), "00-4bf9\r\nx-y-01"] {
            let trace = trace(Some(bad), Some("a=1"));
            assert_ne!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736", "{bad}");
            assert_eq!((trace.trace_id().len(), trace.headers().len()), (32, 1), "{bad}");
        }
        for bad in ["a", "=1", "a=\r\n", &"a=1,".repeat(200)] {
            assert_eq!(trace(Some(VALID), Some(bad)).headers().len(), 1, "{bad}");
        }
    }
}
