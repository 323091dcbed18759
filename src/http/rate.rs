//! How often one token may ask: 429 with `Retry-After` beyond it (RFC 6585 §4; RFC 7644 §7.7; IPSIE asks for it on all
//! endpoints).
//!
//! A bucket per token, in this process alone: a client that runs wild is stopped before it costs the others anything, and
//! several servers together let through as many times as much. Kept as one moment per token, the one at which its bucket
//! is full again (the generic cell rate algorithm).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many seconds' worth may come at once.
const BURST: i64 = 2;
const SECOND: i64 = 1_000_000;
/// When so many tokens are known, those that are full again are forgotten.
const MOST_TOKENS: usize = 10_000;

#[derive(Debug)]
pub struct Limiter {
    /// Requests per second; 0 is no limit.
    rate: u32,
    full_at: Mutex<HashMap<String, i64>>,
}

impl Limiter {
    pub fn new(rate: u32) -> Self {
        Self { rate, full_at: Mutex::default() }
    }

    /// Takes one request of that token at that time in milliseconds, or says how many seconds it has to wait.
    pub fn admit(&self, token: &str, now: i64) -> Result<(), u64> {
        if self.rate == 0 {
            return Ok(());
        }
        let now = now.saturating_mul(1_000);
        let each = SECOND / i64::from(self.rate);
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() >= MOST_TOKENS && !full_at.contains_key(token) {
            full_at.retain(|_, moment| *moment > now);
        }
        let moment = full_at.get(token).copied().unwrap_or(now).max(now);
        let wait = moment - now - (BURST * SECOND - each);
        if wait > 0 {
            return Err(u64::try_from(wait).unwrap_or_default().div_ceil(SECOND.unsigned_abs()));
        }
        full_at.insert(token.to_owned(), moment + each);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let limiter = Limiter::new(5);
        let admitted = |token: &str, now: i64| (0..100).filter(|_| limiter.admit(token, now).is_ok()).count();
        assert_eq!(admitted("a", 0), 10, "two seconds' worth at once");
        assert_eq!(limiter.admit("a", 0), Err(1));
        assert_eq!(admitted("b", 0), 10, "each token has its own");
        assert_eq!(admitted("a", 200), 1);
        assert_eq!(admitted("a", 1_200), 5);
        assert_eq!(admitted("a", 100_000), 10, "never more than full");
        // A clock that is put back holds nobody up for longer than the bucket is deep.
        assert!(limiter.admit("a", 99_000).is_err_and(|seconds| seconds <= 3));
    }

    #[test]
    fn no_rate_is_no_limit_and_full_buckets_are_forgotten() {
        assert!((0..10_000).all(|_| Limiter::new(0).admit("a", 0).is_ok()));
        let limiter = Limiter::new(1_000);
        for token in 0..MOST_TOKENS {
            limiter.admit(&token.to_string(), 0).unwrap();
        }
        limiter.admit("one more", 10_000).unwrap();
        assert_eq!(limiter.full_at.lock().unwrap().len(), 1);
    }
}
