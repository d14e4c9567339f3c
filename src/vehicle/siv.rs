//! AES-SIV (RFC 5297) with AES-256 for VINs: 17 bytes under additional data that is the same for
//! all of them.
//!
//! What depends on the key and the additional data alone is computed once for an isolate: the key
//! schedules, and S2V up to the text. A VIN then takes four blocks of AES rather than nine and two
//! key schedules, which were a tenth of a request that finds everything in the cache. The tests
//! hold it against the crate `aes-siv`.

use aes::Aes256;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use cmac::{Cmac, Mac as _};

/// Characters of a VIN.
const TEXT: usize = 17;
/// Bytes of a sealed VIN: the synthetic initialisation vector, then the text.
pub(super) const SEALED: usize = BLOCK + TEXT;
const BLOCK: usize = 16;

/// One key under one list of additional data.
#[derive(Clone)]
pub(super) struct Siv {
    cipher: Aes256,
    mac: Cmac<Aes256>,
    /// S2V of the additional data (RFC 5297 §2.4).
    state: [u8; BLOCK],
}

impl Siv {
    /// The first half of the key authenticates, the second encrypts.
    pub(super) fn new(key: &[u8; 64], additional: &[&[u8]]) -> Self {
        let (first, second) = key.split_at(32);
        let half = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).unwrap_or_default(); // OK because 64 is twice 32.
        let (cipher, mac) = (Aes256::new(&half(second).into()), Cmac::new(&half(first).into()));
        let mut this = Self { cipher, mac, state: [0; BLOCK] };
        let state = additional
            .iter()
            .fold(this.mac(&[0; BLOCK]), |state, data| xor(doubled(state), this.mac(data)));
        this.state = state;
        this
    }

    /// Seals a text.
    pub(super) fn seal(&self, text: &[u8; TEXT]) -> [u8; SEALED] {
        let vector: [u8; BLOCK] = self.keyed(text).finalize().into_bytes().into();
        let mut sealed = [0; SEALED];
        let (before, after) = sealed.split_at_mut(BLOCK);
        before.copy_from_slice(&vector);
        after.copy_from_slice(&self.crossed(vector, text));
        sealed
    }

    /// Opens what was sealed under this key and this additional data, and nothing else.
    pub(super) fn open(&self, sealed: &[u8; SEALED]) -> Option<[u8; TEXT]> {
        let (vector, text) = sealed.split_at(BLOCK);
        let vector = <[u8; BLOCK]>::try_from(vector).ok()?;
        let text = self.crossed(vector, &<[u8; TEXT]>::try_from(text).ok()?);
        // Compares in constant time.
        self.keyed(&text).verify(&vector.into()).is_ok().then_some(text)
    }

    /// S2V's last step for a text of a block or more: its end is crossed with the state.
    fn keyed(&self, text: &[u8; TEXT]) -> Cmac<Aes256> {
        let mut last = *text;
        for (byte, other) in last.iter_mut().rev().zip(self.state.iter().rev()) {
            *byte ^= other;
        }
        let mut mac = self.mac.clone();
        mac.update(&last);
        mac
    }

    /// Counter mode from the vector, without the bits that S2V's users clear (§2.5). Sealing and
    /// opening are the same.
    fn crossed(&self, vector: [u8; BLOCK], text: &[u8; TEXT]) -> [u8; TEXT] {
        const CLEARED: u128 = !(1 << 63 | 1 << 31);
        let counter = u128::from_be_bytes(vector) & CLEARED;
        let mut stream = [counter, counter.wrapping_add(1)].map(|block| block.to_be_bytes().into());
        self.cipher.encrypt_blocks(&mut stream);
        let mut crossed = *text;
        for (byte, other) in crossed.iter_mut().zip(stream.iter().flatten()) {
            *byte ^= other;
        }
        crossed
    }

    fn mac(&self, data: &[u8]) -> [u8; BLOCK] {
        let mut mac = self.mac.clone();
        mac.update(data);
        mac.finalize().into_bytes().into()
    }
}

/// `dbl` of §2.3.
fn doubled(block: [u8; BLOCK]) -> [u8; BLOCK] {
    let number = u128::from_be_bytes(block);
    let carried = if number >> 127 == 1 { 0x87 } else { 0 };
    (number << 1 ^ carried).to_be_bytes()
}

fn xor(one: [u8; BLOCK], other: [u8; BLOCK]) -> [u8; BLOCK] {
    (u128::from_be_bytes(one) ^ u128::from_be_bytes(other)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_siv::siv::Aes256Siv;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ok_is_what_the_crate_makes(key: [u8; 32], other: [u8; 32], text: [u8; 17], data: Vec<u8>, number: u8) {
            let key: [u8; 64] = [key, other].concat().try_into().expect("64 bytes");
            let additional: [&[u8]; 2] = [&data, &[number]];
            let theirs = Aes256Siv::new(&key.into()).encrypt(additional, &text).expect("sealed");
            let siv = Siv::new(&key, &additional);
            let sealed = siv.seal(&text);
            prop_assert_eq!(sealed.as_slice(), theirs.as_slice());
            prop_assert_eq!(siv.open(&sealed), Some(text));
        }

        #[test]
        fn err_a_changed_bit_does_not_open(key: [u8; 32], text: [u8; 17], at in 0..SEALED, bit in 0..8_u32) {
            let siv = Siv::new(&[key, key].concat().try_into().expect("64 bytes"), &[b"x"]);
            let mut sealed = siv.seal(&text);
            sealed[at] ^= 1_u8 << bit;
            prop_assert_eq!(siv.open(&sealed), None);
        }
    }
}
