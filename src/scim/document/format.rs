//! The syntax of values that are text in JSON but more than text in the schema (RFC 7643 §2.3.5 to §2.3.7), and of
//! user names (RFC 7644 §5).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::Profile;

/// RFC 7643 §2.3.6: the standard alphabet; missing padding is accepted.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text without white space if it is base64. Certificates are often pasted from PEM, with line breaks.
pub(super) fn base64(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(&compact).is_ok().then_some(compact)
}

/// RFC 7643 §2.3.7: an absolute or relative URI (RFC 3986 §2), judged by its characters alone: it may be a URN, a path
/// or an address that nobody can fetch. Letters beyond ASCII are let through.
pub(super) fn is_reference(text: &str) -> bool {
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let allowed = match c {
            '%' => {
                let hex = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit());
                hex(rest.next()) && hex(rest.next())
            }
            '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`' => false,
            c => !c.is_control() && !c.is_whitespace(),
        };
        if !allowed {
            return false;
        }
    }
    true
}

/// RFC 7643 §2.3.5: an xsd:dateTime with date and time: `2008-01-23T04:56:22Z`. The fraction and the zone may be
/// missing, a year may have more than four digits or a sign, and `24:00:00` is the end of a day.
pub(super) fn is_date_time(text: &str) -> bool {
    split_date_time(text).is_some()
}

fn split_date_time(text: &str) -> Option<()> {
    let (date, time) = text.split_once('T')?;
    is_date(date).then_some(())?;
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    };
    (is_clock(clock) && is_zone(zone)).then_some(())
}

fn is_date(text: &str) -> bool {
    let mut parts = text.strip_prefix('-').unwrap_or(text).split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let (Some(number), Some(month), Some(day)) = (digits(year), two(month), two(day)) else { return false };
    // More than four digits must not start with zero; the calendar repeats every 400 years.
    let year_ok = year.len() == 4 || (5..=9).contains(&year.len()) && !year.starts_with('0');
    let leap = number % 4 == 0 && (number % 100 != 0 || number % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    year_ok && (1..=last).contains(&day)
}

fn is_clock(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':').map(two);
    let (Some(Some(hour)), Some(Some(minute)), Some(Some(second)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let end_of_day = hour == 24 && minute == 0 && second == 0 && fraction.bytes().all(|b| b == b'0');
    is_digits && (end_of_day || hour < 24 && minute < 60 && second < 60)
}

fn is_zone(text: &str) -> bool {
    if text.is_empty() || text == "Z" {
        return true;
    }
    // The sign is one ASCII byte: the caller split the text there.
    match text[1..].split_once(':').map(|(hours, minutes)| (two(hours), two(minutes))) {
        Some((Some(hours), Some(minutes))) => hours < 14 && minutes < 60 || hours == 14 && minutes == 0,
        _ => false,
    }
}

fn two(text: &str) -> Option<u32> {
    (text.len() == 2).then(|| digits(text)).flatten()
}

fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// RFC 7644 §5: user names are prepared by PRECIS before they are compared; one that cannot be prepared cannot be
/// compared. Blanks between the parts of a name are legal (RFC 8265 §3.5).
pub fn is_user_name(text: &str) -> bool {
    // Blanks around a name are a slip that nobody sees; two names that look alike are no two people.
    text.trim() == text
        && text.split(' ').filter(|part| !part.is_empty()).all(|part| UsernameCaseMapped::new().prepare(part).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times() {
        let yes = [
            "2008-01-23T04:56:22Z",
            "2008-01-23T04:56:22",
            "2008-01-23T04:56:22.123456789+02:00",
            "2024-02-29T24:00:00Z",
            "-0044-03-15T12:00:00-14:00",
            "12008-01-23T04:56:22Z",
        ];
        let no = [
            "",
            "2011-05-13",
            "04:42:34Z",
            "2008-01-23t04:56:22z",
            "2008-01-23 04:56:22Z",
            "2008-01-23T04:56Z",
            "2008-13-23T04:56:22Z",
            "2023-02-29T04:56:22Z",
            "2008-01-23T25:00:00Z",
            "2008-01-23T24:00:01Z",
            "2008-01-23T04:56:22.Z",
            "2008-01-23T04:56:22+14:30",
            "2008-01-23T04:56:22+2:00",
            "2008-01-23T04:56:22Zé",
            "02008-01-23T04:56:22Z",
            "2008-01-23T04:56:22Z ",
        ];
        for text in yes {
            assert!(is_date_time(text), "{text}");
        }
        for text in no {
            assert!(!is_date_time(text), "{text}");
        }
    }

    #[test]
    fn binaries_and_references() {
        let binaries = [
            ("TQ==", Some("TQ==")),
            ("TQ", Some("TQ")),
            ("T\r\nQ =\n=", Some("TQ==")),
            ("", Some("")),
            ("-_-_", None),
            ("T", None),
        ];
        for (text, expected) in binaries {
            assert_eq!(base64(text).as_deref(), expected, "{text}");
        }
        let references = [
            ("https://example.com/a?b=c#d", true),
            ("../Users/26", true),
            ("urn:ietf:params:scim", true),
            ("https://example.com/é", true),
            ("a%2Fb", true),
            ("a%2", false),
            ("two words", false),
            ("<a>", false),
        ];
        for (text, expected) in references {
            assert_eq!(is_reference(text), expected, "{text}");
        }
    }

    #[test]
    fn user_names() {
        for text in
            ["bjensen", "ada@acme.example", "ACME\\ada", "ada king", "ｂｊｅｎｓｅｎ", "Jürgen.Müller", "o'neil+x_1"]
        {
            assert!(is_user_name(text), "{text}");
        }
        for text in ["a\tb", "a\u{0}b", "a\u{200b}b"] {
            assert!(!is_user_name(text), "{text:?}");
        }
    }
}
