//! Moments on the command line: how long from now, or when.

use crate::jit::span::Span;
use crate::scim::core;

use super::Failure;

/// `P30D` from now, or `2027-01-31T12:00:00Z`.
pub fn parse(flag: &str, text: &str, now: i64) -> Result<i64, Failure> {
    let from_now = text.parse::<Span>().ok().map(|span| now + span.ms());
    from_now.or_else(|| core::parse_instant(text)).ok_or_else(|| {
        Failure::Usage(format!(
            "{flag}: {text:?} is neither a length of time such as P30D nor a time such as 2027-01-31T12:00:00Z"
        ))
    })
}

/// As SCIM prints it; a stamp beyond the year 9999 has no such form.
pub fn text(stamp: i64) -> String {
    core::instant(stamp).unwrap_or_else(|| stamp.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_or_a_time() {
        assert_eq!(parse("--expires", "P1D", 1_000).unwrap(), 86_401_000);
        assert_eq!(parse("--expires", "1970-01-01T00:00:07Z", 1_000).unwrap(), 7_000);
        for text in ["", "tomorrow", "30", "P1M", "2027-01-31"] {
            assert!(parse("--expires", text, 0).unwrap_err().to_string().starts_with("--expires: "), "{text}");
        }
    }
}
