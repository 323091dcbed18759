//! Numbers as text in numeric order.
//!
//! A number is its sign, its decimal exponent and its digits without leading or trailing zeros: 1,234 is
//! `0.1234 · 10⁴`. The key is `p`, five digits of exponent + 50,000, the digits. A negative number turns order
//! around: `n`, and every digit as its complement to nine, closed by `~` so that -1.2 comes after -1.23. Zero is `o`,
//! between the two.

use serde_json::Number;

pub(super) fn key(number: &Number) -> String {
    let text = number.to_string();
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.as_str()),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        // An f64 prints its exponent in at most four characters; a number that did not would be out of range of JSON's reader.
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().unwrap_or(0)),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let leading = digits.len() - significant.len();
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return "o".to_owned();
    }
    let exponent = exponent + whole.len() as i64 - leading as i64;
    let body = format!("{:05}{significant}", 50_000 + exponent);
    if !negative {
        return format!("p{body}");
    }
    let complement: String = body.bytes().map(|digit| char::from(b'0' + b'9' - digit)).collect();
    format!("n{complement}~")
}
