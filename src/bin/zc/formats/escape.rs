//! Bytes as readable text, and back: what is text stays, all else becomes `\xHH`.

/// Appends `bytes` as text without control characters. `\` becomes `\\`; tab, line feed and
/// carriage return become `\t`, `\n` and `\r`; other control characters and what is no UTF-8, `\xHH`.
pub(crate) fn escape(bytes: &[u8], into: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut buffer = [0; 4];
            match c {
                '\\' => into.extend(b"\\\\"),
                '\t' => into.extend(b"\\t"),
                '\n' => into.extend(b"\\n"),
                '\r' => into.extend(b"\\r"),
                c if c.is_control() => escape_bytes(c.encode_utf8(&mut buffer).as_bytes(), into),
                c => into.extend(c.encode_utf8(&mut buffer).as_bytes()),
            }
        }
        escape_bytes(chunk.invalid(), into);
    }
}

fn escape_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    for byte in bytes {
        into.extend(b"\\x");
        super::hex::digits(*byte, into);
    }
}

/// The bytes that were escaped so.
pub(crate) fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, length) = match rest {
            [b'\\', ..] => (b'\\', 1),
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b'0', ..] => (0, 1),
            [b'x', high, low, ..] => (super::hex::byte(*high, *low)?, 3),
            _ => return Err(r"a \ must be followed by \, t, n, r, 0 or xHH".into()),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_back_and_none_is_a_control_character() {
        let all: Vec<u8> = (0..=255).chain("é\u{85}\t\\".bytes()).collect();
        let mut text = Vec::new();
        escape(&all, &mut text);
        assert_eq!(unescape(&text).as_ref(), Ok(&all));
        let text = String::from_utf8(text).unwrap_or_default();
        assert!(text.contains('é') && text.contains("\\x00\\x01"), "{text}");
        assert!(!text.chars().any(char::is_control), "{text}");
    }

    #[test]
    fn what_is_no_escape_is_refused() {
        for text in [r"\", r"\q", r"\x1", r"\xzz"] {
            assert!(unescape(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(unescape(br"\0\xfF"), Ok(vec![0, 255]));
    }
}
