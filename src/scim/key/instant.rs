//! Moments as text in the order of time.
//!
//! The key of an instant is its second, counted from about 317,000 years before the epoch so that it is positive and
//! always of 14 digits, then `.` and the fraction of the second without trailing zeros, to any precision.

/// 10^13 seconds; years beyond ±300,000 are refused.
const BIAS: i64 = 10_000_000_000_000;

pub(super) fn key(seconds: i64, fraction: &str) -> String {
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{:014}{point}{fraction}", BIAS.saturating_add(seconds).max(0))
}

/// What [`key`] wrote, as milliseconds since the epoch.
pub(super) fn milliseconds(key: &str) -> Option<i64> {
    let (seconds, fraction) = key.split_once('.').unwrap_or((key, ""));
    let millis = fraction.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    seconds.parse::<i64>().ok()?.checked_sub(BIAS)?.checked_mul(1000)?.checked_add(millis)
}

/// An `xsd:dateTime` as milliseconds since the epoch (finer digits cut off); `None` if it is none.
pub fn parse(text: &str) -> Option<i64> {
    let (seconds, fraction) = parse_parts(text)?;
    let millis = fraction.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    seconds.checked_mul(1000)?.checked_add(millis)
}

/// RFC 7643 §2.3.5: seconds since the epoch and the digits of the fraction. No zone reads as UTC; `24:00:00` is
/// midnight of the next day.
pub(super) fn parse_parts(text: &str) -> Option<(i64, &str)> {
    let (date, clock) = text.split_once('T')?;
    let (negative, date) = match date.strip_prefix('-') {
        Some(date) => (true, date),
        None => (false, date),
    };
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    if date.next().is_some() || !(4..=6).contains(&year.len()) || (year.len() > 4 && year.starts_with('0')) {
        return None;
    }
    let year = digits(year, year.len())? * if negative { -1 } else { 1 };
    let (clock, offset) = zone(clock)?;
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) if !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit()) => {
            (clock, fraction)
        }
        Some(_) => return None,
        None => (clock, ""),
    };
    let mut clock = clock.split(':');
    let (hour, minute, second) = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    let midnight = hour == 24 && minute == 0 && second == 0 && fraction.bytes().all(|b| b == b'0');
    if clock.next().is_some() || (hour > 23 && !midnight) || minute > 59 || second > 59 {
        return None;
    }
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || year.abs() > 300_000 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some((seconds, fraction))
}

/// The clock without its zone, and the zone in seconds east.
fn zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(sign) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (hours, minutes) = clock[sign + 1..].split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if minutes > 59 || hours * 60 + minutes > 14 * 60 {
        return None;
    }
    let offset = hours * 3_600 + minutes * 60;
    Some((&clock[..sign], if clock[sign..].starts_with('-') { -offset } else { offset }))
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap(year)),
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, extended to all years. The year starts in March, so that the leap
/// day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_month = (153 * month + 2) / 5;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1969-12-31T23:59:59.999Z", Some(-1)),
            ("2008-01-23T04:56:22Z", Some(1_201_064_182_000)),
            ("2011-05-13T04:42:34Z", Some(1_305_261_754_000)),
            ("2011-05-13T06:42:34.1239+02:00", Some(1_305_261_754_123)),
            ("2000-02-29T00:00:00", Some(951_782_400_000)),
            ("2011-05-13t04:42:34Z", None),
            ("2011-05-13T04:42:34z", None),
            ("2011-02-29T00:00:00Z", None),
            ("2011-13-01T00:00:00Z", None),
            ("2011-05-13T24:00:01Z", None),
            ("2011-05-13T04:42:60Z", None),
            ("2011-05-13T04:42Z", None),
            ("2011-05-13T04:42:34.Z", None),
            ("2011-05-13T04:42:34+15:00", None),
            ("2011-05-13T04:42:34+0200", None),
            ("11-05-13T04:42:34Z", None),
            ("+2011-05-13T04:42:34Z", None),
            ("2011-05-13T+4:42:34Z", None),
            ("", None),
            ("T", None),
        ] {
            assert_eq!(parse(text), ms, "{text}");
        }
    }
}
