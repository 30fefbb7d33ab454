//! Whole numbers in as few bytes as they need: seven bits each, the low ones first.

use super::IndexError;

/// Gives the bytes of a number, one by one.
pub(super) fn push(mut number: u64, mut give: impl FnMut(u8)) {
    while 0x80 <= number {
        give(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    give(number.to_le_bytes()[0]);
}

/// The next number; past the end there are only zeros.
pub(super) fn read(from: &mut &[u8]) -> Result<u64, IndexError> {
    // Nearly all are small.
    if let Some((byte @ 0..0x80, rest)) = from.split_first() {
        *from = rest;
        return Ok((*byte).into());
    }
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, rest)) = from.split_first() else { break };
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    if number == 0 { Ok(0) } else { Err(IndexError::Damaged("a number is cut off")) }
}
