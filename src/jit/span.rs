//! A length of time in a connection's settings, as ISO 8601 writes it: `P30D`, `PT10M`, `P1DT12H`, `P2W`.
//!
//! Years and months are refused: they have no fixed length.

use std::fmt;
use std::str::FromStr;

use serde_with::{DeserializeFromStr, SerializeDisplay};

const UNITS: [(char, i64); 5] = [('W', 604_800), ('D', 86_400), ('H', 3_600), ('M', 60), ('S', 1)];
const LONGEST: i64 = 3_650 * 86_400;

/// Whole seconds, more than none, at most ten years.
///
/// ```
/// use rollkeeper::jit::span::Span;
/// let span: Span = "P1DT12H".parse().unwrap();
/// assert_eq!(span.ms(), 36 * 3_600_000);
/// assert_eq!(span.to_string(), "P1DT12H");
/// assert!("P1M".parse::<Span>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, SerializeDisplay, DeserializeFromStr)]
pub struct Span {
    seconds: i64,
}

impl Span {
    pub const fn days(days: u16) -> Self {
        Self { seconds: days as i64 * 86_400 }
    }
    pub const fn minutes(minutes: u16) -> Self {
        Self { seconds: minutes as i64 * 60 }
    }
    /// In milliseconds, as stamps are.
    pub fn ms(self) -> i64 {
        self.seconds * 1000
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || {
            "a length of time is written P30D, PT10M or P1DT12H: weeks, days, hours, minutes and seconds in whole \
             numbers, more than none and at most ten years"
                .to_owned()
        };
        let rest = text.strip_prefix('P').filter(|rest| !rest.ends_with('T')).ok_or_else(refused)?;
        let (mut seconds, mut digits, mut in_time, mut last) = (0_i64, String::new(), false, 0);
        for letter in rest.chars() {
            if letter.is_ascii_digit() {
                digits.push(letter);
                continue;
            }
            if letter == 'T' && digits.is_empty() && !in_time {
                in_time = true;
                continue;
            }
            let place = UNITS.iter().position(|(unit, _)| *unit == letter).ok_or_else(refused)?;
            // Weeks and days stand before the T, the others after it; each once and in this order.
            if digits.is_empty() || in_time != (place > 1) || place < last {
                return Err(refused());
            }
            last = place + 1;
            let count: i64 = digits.parse().map_err(|_| refused())?;
            seconds = count.checked_mul(UNITS[place].1).and_then(|s| s.checked_add(seconds)).ok_or_else(refused)?;
            digits.clear();
        }
        if !digits.is_empty() || seconds == 0 || seconds > LONGEST {
            return Err(refused());
        }
        Ok(Self { seconds })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P")?;
        let mut left = self.seconds;
        for (unit, length) in &UNITS[1..] {
            if *unit == 'H' && left > 0 {
                f.write_str("T")?;
            }
            if left / length > 0 {
                write!(f, "{}{unit}", left / length)?;
            }
            left %= length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn read() {
        let table = [
            ("P30D", Some(30 * 86_400)),
            ("P2W", Some(14 * 86_400)),
            ("PT10M", Some(600)),
            ("PT90S", Some(90)),
            ("P1DT2H3M4S", Some(93_784)),
            ("P3650D", Some(LONGEST)),
            ("P3651D", None),
            ("P0D", None),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("", None),
            ("30D", None),
            ("P1M", None),
            ("P1Y", None),
            ("P1H", None),
            ("PT1D", None),
            ("PT1M1H", None),
            ("PT1M1M", None),
            ("PT1H1", None),
            ("P-1D", None),
            ("P1.5D", None),
            ("p1d", None),
            ("P1DTT1H", None),
            ("P99999999999999999999D", None),
            ("P9223372036854775807W", None),
        ];
        for (text, seconds) in table {
            assert_eq!(text.parse::<Span>().ok().map(|span| span.seconds), seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(seconds in 1..=LONGEST) {
            let span = Span { seconds };
            prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
        }
    }
}
