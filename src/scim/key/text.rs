//! Preparation of texts before they are compared (RFC 7644 §5 and §7.8).

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use icu_casemap::CaseMapper;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use precis_profiles::{OpaqueString, UsernameCaseMapped};
use unicode_normalization::UnicodeNormalization as _;

/// NFC, full default case folding, NFC: what `caseExact: false` compares. No locale has a say in it.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    normal(&CaseMapper::new().fold_string(&normal(text)))
}

/// NFC: what `caseExact: true` compares.
pub(in crate::scim) fn normal(text: &str) -> String {
    if unicode_normalization::is_nfc(text) { text.to_owned() } else { text.nfc().collect() }
}

/// A user name as uniqueness and filters see it. RFC 8265 §3.1: a name may have several parts with spaces between,
/// each by the profile. What the profile refuses was stored before it was asked or is only a filter's literal: folded.
pub fn user_name(text: &str) -> String {
    let parts = text.split(' ').map(|part| match part {
        "" => Ok(String::new()),
        part => UsernameCaseMapped::enforce(part).map(|part| part.into_owned()),
    });
    match parts.collect::<Result<Vec<_>, _>>() {
        Ok(parts) => parts.join(" "),
        Err(_) => fold(text),
    }
}

/// RFC 7644 §5: a password by the PRECIS profile OpaqueString (RFC 8265 §4.2): other spaces are spaces, NFC; case and width
/// stay. `None` is what the profile refuses: control characters, and nothing at all.
pub fn password(text: &str) -> Option<String> {
    OpaqueString::enforce(text).ok().map(|prepared| prepared.into_owned())
}

/// A piece of a user name, for `co`, `sw` and `ew`: the mappings of the profile without its judgements, which are
/// about whole names.
pub(in crate::scim) fn user_name_piece(text: &str) -> String {
    let width = |c: char| match c {
        '\u{3000}' | '\u{ff00}'..='\u{ffef}' => c.to_string().nfkc().collect::<Vec<_>>(),
        c => vec![c],
    };
    text.chars().flat_map(width).flat_map(char::to_lowercase).nfc().collect()
}

/// RFC 7643 §2.4: a reference to a resource is equal to itself with, without, or with another version of the protocol in
/// its path.
pub(in crate::scim) fn reference(text: &str) -> String {
    let is_version = |segment: &str| {
        let number = segment.strip_prefix(['v', 'V']).unwrap_or_default();
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    };
    match text.split_once("/scim/") {
        Some((base, rest)) => {
            let rest = rest.split_once('/').filter(|(first, _)| is_version(first)).map_or(rest, |(_, rest)| rest);
            format!("{base}/scim/v2/{rest}")
        }
        None => text.to_owned(),
    }
}

/// RFC 7643 §2.3.6: the standard alphabet, padding not demanded; line breaks come along with pasted certificates.
pub(super) fn binary(text: &str) -> Option<String> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let plain: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some(STANDARD.encode(LENIENT.decode(plain).ok()?))
}
