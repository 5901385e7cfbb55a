//! How many callers an `x-forwarded-client-cert` header speaks for; whatever is unclear about that is no number.

/// Counts the elements of a header value: what commas outside of quotes separate.
///
/// A quote opens right after `=` and closes before `;`, `,` or the end; inside, a backslash takes the next byte with it. Envoy does not
/// escape URIs (envoyproxy/envoy#32945), so a quote anywhere else is a caller's attempt to hide a comma: `None`, like one that never closes.
pub fn xfcc_elements(value: &str) -> Option<usize> {
    if value.is_empty() {
        return Some(0);
    }
    let mut elements = 1;
    let mut previous = b',';
    let mut bytes = value.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' => elements += 1,
            b'"' if previous == b'=' => {
                close(&mut bytes)?;
                if !matches!(bytes.peek(), None | Some(b';' | b',')) {
                    return None;
                }
            }
            b'"' => return None,
            _ => {}
        }
        previous = byte;
    }
    Some(elements)
}

/// Takes what is left of a quoted value, and its closing quote.
fn close(bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
    loop {
        match bytes.next()? {
            b'"' => return Some(()),
            b'\\' => drop(bytes.next()?),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_elements() {
        for (value, expected) in [
            ("", Some(0)),
            ("URI=spiffe://td/a", Some(1)),
            (r#"By=spiffe://td/b;Hash=00;Subject="CN=a,O=b;c";URI=spiffe://td/a"#, Some(1)),
            (r#"Subject="CN=a\"\,b";URI=spiffe://td/a"#, Some(1)),
            (r#"Subject="";URI=spiffe://td/a"#, Some(1)),
            ("URI=spiffe://td/a,URI=spiffe://td/b", Some(2)),
            (r#"Subject="a",Subject="b""#, Some(2)),
            ("URI=spiffe://td/x,By=spiffe://td/y;URI=spiffe://td/admin", Some(2)),
            (",", Some(2)),
            ("a,,b", Some(3)),
            (r#"Subject="x"#, None),
            (r#"Subject="x\"#, None),
            (r#"Subject="x\""#, None),
            (r#"Subject="x"y;URI=spiffe://td/a"#, None),
            (r#"Subject="x"";URI=spiffe://td/a"#, None),
            (r#"URI=spiffe://td/a",By="x"#, None),
            (r#"""#, None),
        ] {
            assert_eq!(xfcc_elements(value), expected, "{value}");
        }
    }

    #[test]
    fn counts_a_megabyte_without_effort() {
        assert_eq!(xfcc_elements(&",".repeat(1 << 20)), Some((1 << 20) + 1));
    }
}
