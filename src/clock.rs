//! Time, identifiers and randomness: the only file that may ask the machine for them.
//!
//! Everything else takes a [`Clock`] or [`Ids`] as an argument, so that every test owns its time and every history
//! can be played again. `clippy.toml` forbids the rest of the crate to go around this file.
//!
//! ```
//! use rollkeeper::clock::{Clock, Ids};
//! let clock = Clock::fixed(1_000);
//! clock.advance(500);
//! assert_eq!(clock.now(), 1_500);
//! assert_eq!(Ids::seeded(7).new(), Ids::seeded(7).new());
//! ```

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// Milliseconds since the epoch, from the machine or from a test. Clones share one time.
#[derive(Clone, Debug)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    pub fn system() -> Self {
        Self(None)
    }

    /// Stands at `now` until it is moved.
    pub fn fixed(now: i64) -> Self {
        Self(Some(Arc::new(AtomicI64::new(now))))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    pub fn now(&self) -> i64 {
        match &self.0 {
            Some(fixed) => fixed.load(Ordering::SeqCst),
            // A machine set before 1970 has no answer worth giving; zero refuses every token as not yet valid.
            None => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// Moves a fixed clock; the machine's is left alone.
    pub fn advance(&self, ms: i64) {
        if let Some(fixed) = &self.0 {
            fixed.fetch_add(ms, Ordering::SeqCst);
        }
    }

    /// Sets a fixed clock; the machine's is left alone.
    pub fn set(&self, now: i64) {
        if let Some(fixed) = &self.0 {
            fixed.store(now, Ordering::SeqCst);
        }
    }
}

/// New identifiers and secret bytes: from the machine, or one reproducible sequence. Clones share the sequence.
#[derive(Clone)]
pub struct Ids(Option<Arc<Mutex<Sequence>>>);

struct Sequence {
    count: u64,
    random: StdRng,
}

impl Ids {
    pub fn system() -> Self {
        Self(None)
    }

    /// The same seed gives the same sequence. For tests only: whoever knows the seed knows the secrets.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(Sequence { count: 0, random: StdRng::seed_from_u64(seed) }))))
    }

    /// A UUID version 7 in lower case with hyphens; within a process each is greater than the one before.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws identifiers")]
    #[expect(clippy::new_ret_no_self, reason = "ids.new() reads as what it does")]
    pub fn new(&self) -> String {
        let Some(sequence) = &self.0 else { return Uuid::now_v7().to_string() };
        let mut sequence = sequence.lock().unwrap_or_else(PoisonError::into_inner);
        sequence.count += 1;
        let count = sequence.count;
        let mut tail = [0; 10];
        sequence.random.fill_bytes(&mut tail);
        uuid::Builder::from_unix_timestamp_millis(count, &tail).into_uuid().to_string()
    }

    /// Bytes nobody can guess.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Some(sequence) => {
                sequence.lock().unwrap_or_else(PoisonError::into_inner).random.fill_bytes(&mut bytes);
            }
            None => rand::rng().fill_bytes(&mut bytes),
        }
        bytes
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Ids(seeded)" } else { "Ids(system)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told_and_for_all_its_clones() {
        let clock = Clock::fixed(10);
        let clone = clock.clone();
        clock.advance(5);
        assert_eq!(clone.now(), 15);
        clone.set(3);
        assert_eq!(clock.now(), 3);
    }

    #[test]
    fn the_machines_clock_is_past_2024_and_cannot_be_moved() {
        let clock = Clock::system();
        clock.set(0);
        assert!(clock.now() > 1_704_067_200_000);
    }

    #[test]
    fn identifiers_are_version_seven_and_increase() {
        for ids in [Ids::system(), Ids::seeded(1)] {
            let drawn: Vec<String> = (0..1_000).map(|_| ids.new()).collect();
            assert!(drawn.is_sorted());
            assert!(drawn.windows(2).all(|pair| pair[0] != pair[1]));
            for id in &drawn {
                let parsed = Uuid::parse_str(id).expect("a uuid");
                assert_eq!((parsed.get_version_num(), parsed.to_string()), (7, id.clone()));
            }
        }
    }

    #[test]
    fn one_seed_is_one_sequence() {
        let draw = |seed| {
            let ids = Ids::seeded(seed);
            (ids.new(), ids.bytes::<32>(), ids.new())
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(Ids::system().bytes::<32>(), Ids::system().bytes::<32>());
    }
}
