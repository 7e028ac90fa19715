//! What the workload's blobs hold: enough to tell each one from any other, and from
//! itself with a part missing.

use rand::{Rng, SeedableRng, rngs::SmallRng};
use reenact::workload::Write;

/// How large the blobs are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The first blobs are large ones, up to this id.
    pub(crate) large_until: u64,
}

impl Sizes {
    /// Small blobs only.
    pub(crate) const SMALL: Self = Self { large_until: 0 };
    /// The size of a large blob.
    const LARGE: usize = 1 << 20;
    /// The size of the others.
    const REST: usize = 16 << 10;

    fn of(self, id: u64) -> usize {
        if id <= self.large_until { Self::LARGE } else { Self::REST }
    }

    /// The blob that a write puts: its id and value, then bytes drawn from both.
    pub(crate) fn body(self, Write { id, value, .. }: Write) -> Vec<u8> {
        let mut body = [id.to_le_bytes(), value.to_le_bytes()].concat();
        let head = body.len();
        body.resize(self.of(id), 0);
        SmallRng::seed_from_u64(id ^ value.rotate_left(32)).fill_bytes(&mut body[head..]);
        body
    }

    /// The value of the write that made this blob; `None` if it is not, byte for byte,
    /// what a write of that id would have put.
    pub(crate) fn value_of(self, id: u64, body: &[u8]) -> Option<u64> {
        let value = u64::from_le_bytes(body.get(8..16)?.try_into().ok()?);
        (self.body(Write { id, client: 0, value }) == body).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Write = Write { id: 7, client: 1, value: 99 };

    #[test]
    fn a_blob_tells_its_value() {
        let sizes = Sizes { large_until: 7 };
        let body = sizes.body(WRITE);
        assert_eq!(body.len(), 1 << 20);
        assert_eq!(sizes.value_of(7, &body), Some(99));
        assert_eq!(Sizes::SMALL.body(WRITE).len(), 16 << 10);
    }

    #[test]
    fn a_blob_that_was_hurt_tells_none() {
        let body = Sizes::SMALL.body(WRITE);
        for hurt in [&body[..body.len() - 1], &[], &body[..16]] {
            assert_eq!(Sizes::SMALL.value_of(7, hurt), None);
        }
        let zeroes = vec![0; body.len()];
        assert_eq!(Sizes::SMALL.value_of(7, &zeroes), None);
        let mut flipped = body.clone();
        flipped[9000] ^= 1;
        assert_eq!(Sizes::SMALL.value_of(7, &flipped), None);
        assert_eq!(Sizes::SMALL.value_of(8, &body), None, "another's blob");
    }
}
