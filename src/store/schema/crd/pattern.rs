//! How the texts of documents are spelled, in the [syntax](https://github.com/google/re2/wiki/Syntax) of API servers: what the reader takes,
//! and nothing else that can be told from a text alone.

/// The words of a purpose.
pub(super) const DOTTED: &str = r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$";
/// A whole number with its unit.
pub(super) const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
pub(super) const FINGERPRINT: &str = "^[0-9a-f]{64}$";
pub(super) const GRPC: &str = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*/[A-Za-z_][A-Za-z0-9_]*$";
/// A serial number without leading bytes of zero.
pub(super) const HEX: &str = "^(00|(0[1-9a-f]|[1-9a-f][0-9a-f])([0-9a-f]{2})*)$";
/// One line without control characters, and without spaces around it.
pub(super) const LINE: &str = r"^[^\p{Z}\p{Cc}]([^\p{Cc}]*[^\p{Z}\p{Cc}])?$";
pub(super) const METHOD: &str = "^[A-Z][A-Z0-9_-]*$";
/// A subdomain of [RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1).
pub(super) const NAME: &str = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$";
/// RFC 3339 in UTC, in the years that are counted in nanoseconds.
pub(super) const TIME: &str = r"^(1[6-9]|2[0-2])[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$";
pub(super) const TRUST_DOMAIN: &str = "^[a-z0-9._-]+$";
pub(super) const UPGRADE: &str = "^[a-z][a-z0-9_.+/-]*$";

/// Labels or an address of IPv6, and a port other than 80 and 443.
pub(super) fn host() -> String {
    let label = "[a-z0-9_][a-z0-9_-]*";
    let below_1000 = "[1-9]|[1-79][0-9]|8[1-9]|[1-35-9][0-9]{2}|4[0-35-9][0-9]|44[0-24-9]";
    let above = "[1-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]";
    format!(r"^({label}(\.{label})*|\[[0-9a-f:.]+\])(:({below_1000}|{above}))?$")
}

/// Segments, of which `*` is any; at the end a slash or `**`. The empty text is refused by its length.
pub(super) fn path() -> String {
    // What is neither a letter, a digit nor one of `-._~`, and is not refused for what it does to a path.
    let escape = "%(2[0-9A-CF]|3[A-F]|40|5[BDE]|60|7[B-D]|[89A-F][0-9A-F])";
    let segment = segment(&format!("[A-Za-z0-9_~!$&'()+,=:@-]|{escape}"));
    format!(r"^(/(\*|{segment}))*(/(\*\*)?)?$")
}

/// A trust domain, and whole segments with their slashes.
pub(super) fn prefix() -> String {
    format!("^spiffe://[a-z0-9._-]{{1,255}}/({}/)*$", segment("[A-Za-z0-9_-]"))
}

/// A trust domain, and at least one segment.
pub(super) fn spiffe_id() -> String {
    format!("^spiffe://[a-z0-9._-]{{1,255}}(/{})+$", segment("[A-Za-z0-9_-]"))
}

/// A segment of these characters and of dots; neither `.` nor `..`.
fn segment(character: &str) -> String {
    format!(r"(\.{{0,2}}({character})|\.{{3}})(\.|{character})*")
}
