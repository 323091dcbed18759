//! Choices out of bytes: proptest makes the bytes and shrinks them; no bytes left is the first choice, the plainest.

use std::cell::Cell;

pub struct Dice<'a> {
    bytes: &'a [u8],
    next: Cell<usize>,
}

impl<'a> Dice<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: Cell::new(0) }
    }

    /// Less than `sides`.
    pub fn roll(&self, sides: usize) -> usize {
        let at = self.next.replace(self.next.get() + 1);
        self.bytes.get(at).map_or(0, |&byte| usize::from(byte) % sides)
    }

    /// True in `n` of `of` cases, false when the bytes are used up.
    pub fn chance(&self, n: usize, of: usize) -> bool {
        self.roll(of) >= of - n
    }

    pub fn pick<'t, T>(&self, from: &'t [T]) -> &'t T {
        &from[self.roll(from.len())]
    }
}
