//! Takes function names out of a WebAssembly file: they are a seventh of it, and worker-build keeps
//! them whatever wasm-opt is told.
//!
//! WebAssembly core specification §5.5.2 and §5.5.3 (sections, custom sections), appendix 7.4.1
//! (the name section).

use anyhow::{Context, Result, bail};

const HEADER: usize = 8;
const CUSTOM: u8 = 0;

/// The same module without its `name` section.
///
/// # Errors
/// Where it is no module, or cut off.
pub fn without_names(module: &[u8]) -> Result<Vec<u8>> {
    if !module.starts_with(b"\0asm") {
        bail!("not a WebAssembly module");
    }
    let mut kept = module.get(..HEADER).context("cut off")?.to_vec();
    let mut rest = module.get(HEADER..).unwrap_or_default();
    while let Some((&id, after)) = rest.split_first() {
        let (size, content) = length(after)?;
        let (content, next) = content.split_at_checked(size).context("cut off")?;
        if !(id == CUSTOM && is_name(content)) {
            kept.extend_from_slice(rest.get(..rest.len() - next.len()).unwrap_or_default());
        }
        rest = next;
    }
    Ok(kept)
}

fn is_name(content: &[u8]) -> bool {
    length(content).is_ok_and(|(size, text)| text.get(..size) == Some(b"name"))
}

/// A LEB128 number of up to 32 bits, and what comes after it.
fn length(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    bail!("cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

    fn check(sections: &[u8], expect: &[u8]) {
        let kept = without_names(&[EMPTY, sections].concat()).expect("a module");
        assert_eq!(kept, [EMPTY, expect].concat());
    }

    #[test]
    fn ok_only_the_names_go() {
        check(b"", b"");
        check(b"\x01\x02ab", b"\x01\x02ab");
        check(b"\x00\x06\x04nameX\x01\x02ab\x00\x06\x04othrY", b"\x01\x02ab\x00\x06\x04othrY");
        // A length in more bytes than it needs, as linkers write it.
        check(b"\x00\x86\x80\x00\x04nameX\x01\x82\x00ab", b"\x01\x82\x00ab");
    }

    #[test]
    fn err_cut_off() {
        assert!(without_names(b"ELF").is_err());
        assert!(without_names(b"\0asm").is_err());
        assert!(without_names(b"\0asm\x01\0\0\0\x01\x05ab").is_err());
        assert!(without_names(b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff").is_err());
    }
}
