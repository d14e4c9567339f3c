//! W3C Trace Context: the caller's trace goes on, or a new one starts. Malformed values are
//! replaced, never passed on.

use std::sync::Arc;

use crate::flow;

/// Random bytes that a trace takes.
pub(super) const RANDOM: usize = 24;

/// The trace of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    id: Arc<str>,
    span: String,
    flags: &'static str,
    state: Option<String>,
}

impl Trace {
    /// Continues the caller's trace where `traceparent` is valid. `random` makes the ids that are
    /// new.
    pub(super) fn new(parent: Option<&str>, state: Option<String>, random: &[u8]) -> Self {
        let (id, span) = random.split_at(random.len().min(16));
        let span = flow::to_nonzero_hex(span);
        match parent.and_then(parse) {
            Some((trace_id, flags)) => {
                let state = state.filter(|state| is_state(state));
                Self { id: trace_id.into(), span, flags, state }
            }
            None => Self { id: flow::to_nonzero_hex(id).into(), span, flags: "00", state: None },
        }
    }

    /// The trace's id: 32 hexadecimal digits.
    pub(super) fn trace_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// The `traceparent` of this request.
    pub(super) fn own(&self) -> String {
        ["00", &self.id, &self.span, self.flags].join("-")
    }

    /// True if the caller records the trace.
    pub(super) fn is_recorded(&self) -> bool {
        self.flags == "01"
    }

    /// The trace for origins: each origin call is a child of it.
    pub(super) fn for_origins(&self) -> flow::OriginTrace {
        flow::OriginTrace { id: Arc::clone(&self.id), flags: self.flags, state: self.state.clone() }
    }
}

/// Trace id and flags of a valid `traceparent`. Later versions may be longer.
fn parse(parent: &str) -> Option<(&str, &'static str)> {
    let mut parts = parent.trim().split('-');
    let (version, trace_id, span_id, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
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
    // Only the sampled flag is passed on: the others are of later versions, or speak of ids that
    // are not made here.
    let flags = if flags.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']) { "01" } else { "00" };
    valid.then_some((trace_id, flags))
}

/// W3C Trace Context §3.3.1: at most 32 members, each `key=value`, no key twice. More than 512
/// characters need not be passed on.
fn is_state(state: &str) -> bool {
    let mut keys: Vec<&str> = Vec::new();
    for member in state
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
        .filter(|member| !member.is_empty())
    {
        let Some((key, value)) = member.split_once('=') else { return false };
        if !is_key(key) || !is_value(value) || keys.contains(&key) {
            return false;
        }
        keys.push(key);
    }
    state.len() <= 512 && (1..=32).contains(&keys.len())
}

/// `simple` or `tenant@system`.
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, most: usize| {
        let others = |byte: u8| {
            byte.is_ascii_lowercase()
                || byte.is_ascii_digit()
                || matches!(byte, b'_' | b'-' | b'*' | b'/')
        };
        part.len() <= most
            && part
                .bytes()
                .next()
                .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
            && part.bytes().all(others)
    };
    match key.split_once('@') {
        Some((tenant, system)) => is_part(tenant, 241) && is_part(system, 14),
        None => is_part(key, 256),
    }
}

/// Printable ASCII without comma and equals sign. The blanks around it were taken off.
fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn trace(parent: Option<&str>, state: Option<&str>) -> Trace {
        Trace::new(parent, state.map(ToOwned::to_owned), &[7; RANDOM])
    }

    #[test]
    fn ok_continues_a_valid_trace_with_a_new_span() {
        let trace = trace(Some(VALID), Some("a=1,b=2"));
        assert_eq!(&*trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.own().ends_with("-01") && !trace.own().contains("00f067aa0ba902b7"));
        assert_eq!(trace.for_origins().state.as_deref(), Some("a=1,b=2"));
    }

    #[test]
    fn ok_a_later_version_may_be_longer() {
        let later = format!("cc{}-what-ever", VALID.get(2..).unwrap_or_default());
        assert_eq!(&*trace(Some(&later), None).trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn err_malformed_is_replaced() {
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let upper = VALID.to_uppercase();
        let long = format!("{VALID}-extra");
        let many = (0..33).map(|number| format!("k{number}=1")).collect::<Vec<_>>().join(",");
        for bad in
            ["", "x", zero, &upper, &long, &VALID.replacen("00", "ff", 1), "00-4bf9\r\nx-y-01"]
        {
            let trace = trace(Some(bad), Some("a=1"));
            assert_ne!(&*trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736", "{bad}");
            assert_eq!((trace.trace_id().len(), trace.for_origins().state), (32, None), "{bad}");
        }
        for bad in [
            "a",
            "=1",
            "a=",
            "A=1",
            "a=1,a=2",
            "a=\r\n",
            "a=1=2",
            "a b=1",
            "a@=1",
            " , ",
            &"x".repeat(600),
            &many,
        ] {
            assert_eq!(trace(Some(VALID), Some(bad)).for_origins().state, None, "{bad}");
        }
        for good in ["a=1", "a=1,,b= x y ", "t/1@s=~!", "0*_-=1"] {
            assert_eq!(trace(Some(VALID), Some(good)).for_origins().state.as_deref(), Some(good));
        }
    }
}
