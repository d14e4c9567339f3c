//! Ids that this isolate has opened, and what stands for their cars in stores, so that a car that
//! is asked for again takes no cryptography. Both are pseudonyms; the VIN itself is not kept.

use std::rc::Rc;

const BUCKETS: usize = 64;
const MAX_OF_A_BUCKET: usize = 32;

/// The latest, at most 2048.
#[derive(Default)]
pub struct Lookups {
    /// By the end of the id, the latest last. None before the first.
    buckets: Vec<Vec<Known>>,
}

struct Known {
    mark: u64,
    id: Box<str>,
    lookup: Rc<str>,
}

impl Lookups {
    /// What stands for the car of an id, where that was opened.
    pub fn get(&self, id: &str) -> Option<Rc<str>> {
        let mark = mark(id);
        let bucket = self.buckets.get(bucket(mark))?;
        let known = bucket.iter().rev().find(|known| known.mark == mark && *known.id == *id)?;
        Some(Rc::clone(&known.lookup))
    }

    /// Remembers an id that was opened.
    pub fn put(&mut self, id: &str, lookup: Rc<str>) {
        self.buckets.resize_with(BUCKETS, Vec::new);
        let mark = mark(id);
        let Some(bucket) = self.buckets.get_mut(bucket(mark)) else { return };
        if bucket.len() >= MAX_OF_A_BUCKET {
            bucket.remove(0);
        }
        bucket.push(Known { mark, id: id.into(), lookup });
    }
}

/// The last characters tell nearly all ids apart.
fn mark(id: &str) -> u64 {
    id.bytes().rev().take(8).fold(0, |mark, byte| mark << 8 | u64::from(byte))
}

/// The mark is text: its bits are not alike.
fn bucket(mark: u64) -> usize {
    (mark.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_it_knows_the_latest_and_stays_small() {
        let mut lookups = Lookups::default();
        assert_eq!(lookups.get("id"), None);
        let id =
            |number: u32| format!("id-{:08}", number.wrapping_mul(2_654_435_761) % 100_000_000);
        for number in 0..10_000 {
            lookups.put(&id(number), number.to_string().into());
            assert_eq!(lookups.get(&id(number)).as_deref(), Some(&*number.to_string()));
        }
        let known = (0..10_000)
            .filter(|number| lookups.get(&id(*number)).as_deref() == Some(&*number.to_string()))
            .count();
        assert!((1_500..=BUCKETS * MAX_OF_A_BUCKET).contains(&known), "{known}");
        lookups.put("one-12345678", "1".into());
        assert_eq!(lookups.get("two-12345678"), None, "the same end is not the same id");
    }
}
