//! A key file holds one PEM block and nothing else ([RFC 7468] §3, strict).
//!
//! [RFC 7468]: https://www.rfc-editor.org/rfc/rfc7468

use base64::{Engine, engine::general_purpose::STANDARD};

/// The label and content of the one block of `text`.
pub(super) fn block(text: &str) -> Option<(&str, Vec<u8>)> {
    let text = text.trim();
    let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    if end.strip_suffix("-----")? != label || body.contains('-') {
        return None;
    }
    let base64: String = body.lines().collect();
    let der = STANDARD.decode(base64).ok()?;
    (!der.is_empty()).then_some((label, der))
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn reads_one_block_alone() {
        let one = "-----BEGIN PUBLIC KEY-----\nAQID\nBAUG\n-----END PUBLIC KEY-----\n";
        assert_eq!(block(one), Some(("PUBLIC KEY", vec![1, 2, 3, 4, 5, 6])));
        assert_eq!(block(&one.replace('\n', "\r\n")), block(one));
        for other in [
            String::new(),
            one.repeat(2),
            format!("x{one}"),
            format!("{one}x"),
            one.replace("END PUBLIC", "END PRIVATE"),
            one.replace("AQID", "AQI"),
            one.replace("AQID", "Proc-Type: 4"),
            one.replace("AQID\nBAUG\n", ""),
        ] {
            assert_eq!(block(&other), None, "{other}");
        }
    }
}
