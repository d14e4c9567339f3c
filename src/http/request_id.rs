//! Ids of requests.

use crate::text::push_hex;

/// Sixteen random bytes as a version 4 UUID (RFC 9562).
pub(super) fn uuid(random: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in random.iter().enumerate() {
        let byte = match place {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        push_hex(&mut text, &[byte]);
    }
    text
}
