//! Memory of a whole turn: every linear memory and table of the instance added up, against one limit.
//!
//! wasmtime's own limiter bounds each memory by itself, and a component may hold several. A guest
//! whose growth is refused usually aborts, which looks like any other panic; the limiter remembers
//! that it refused, so that the reason can be told.

use hodhod_core::limits::{INSTANCES, MEMORIES, TABLES};
use wasmtime::{ResourceLimiter, Result};

/// What an element of a table takes in the host, in bytes.
const ELEMENT: usize = 16;

#[derive(Debug)]
pub(crate) struct Limiter {
    limit: usize,
    used: usize,
    refused: bool,
}

impl Limiter {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), used: 0, refused: false }
    }

    /// Bytes that the turn has.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// True if a growth was refused.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Begins another turn of the same instance, which keeps what it has.
    pub(crate) fn begin(&mut self) {
        self.refused = false;
    }

    fn grow(&mut self, bytes: usize) -> bool {
        match self.used.checked_add(bytes).filter(|total| *total <= self.limit) {
            Some(total) => {
                self.used = total;
                true
            }
            None => {
                self.refused = true;
                false
            }
        }
    }
}

impl ResourceLimiter for Limiter {
    // What was counted is never given back. wasmtime also reports growths as failed that it never
    // asked about, so giving back would let a guest empty its account; and a growth that can be
    // foreseen to fail is refused before it is counted.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        Ok(maximum.is_none_or(|most| desired <= most) && self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let bytes = desired.saturating_sub(current).saturating_mul(ELEMENT);
        Ok(maximum.is_none_or(|most| desired <= most) && self.grow(bytes))
    }

    fn instances(&self) -> usize {
        INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut limiter = Limiter::new(1000);
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(!limiter.memory_growing(0, 500, None).unwrap(), "a second memory does not start afresh");
        assert!(limiter.refused());
        assert!(limiter.table_growing(0, 25, None).unwrap());
        assert_eq!(limiter.used(), 1000);
        assert!(!limiter.table_growing(25, 26, None).unwrap());
    }

    #[test]
    fn a_guest_cannot_empty_its_account_by_growths_that_fail() {
        let mut limiter = Limiter::new(1000);
        assert!(limiter.memory_growing(0, 900, None).unwrap());
        limiter.table_grow_failed(wasmtime::Error::msg("of a growth nobody asked about")).unwrap();
        limiter.memory_grow_failed(wasmtime::Error::msg("the same")).unwrap();
        assert!(!limiter.memory_growing(0, 200, None).unwrap());
    }

    #[test]
    fn a_growth_beyond_its_own_maximum_is_refused_and_not_counted() {
        let mut limiter = Limiter::new(1000);
        assert!(!limiter.memory_growing(0, 600, Some(500)).unwrap());
        assert_eq!((limiter.used(), limiter.refused()), (0, false));
    }
}
