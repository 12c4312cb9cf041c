//! Bytes as hexadecimal digits, and back.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the two digits of a byte.
pub(crate) fn digits(byte: u8, into: &mut Vec<u8>) {
    into.push(DIGITS[usize::from(byte >> 4)]);
    into.push(DIGITS[usize::from(byte & 15)]);
}

/// Appends the digits of all bytes.
pub(crate) fn encode(bytes: &[u8], into: &mut Vec<u8>) {
    for byte in bytes {
        digits(*byte, into);
    }
}

/// The byte with these two digits.
pub(crate) fn byte(high: u8, low: u8) -> Result<u8, String> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    match (value(high), value(low)) {
        // Two digits below 16 fit.
        (Some(high), Some(low)) => Ok((high << 4 | low) as u8),
        _ => Err("expected hexadecimal digits".into()),
    }
}

/// The bytes with these digits.
pub(crate) fn decode(digits: &[u8]) -> Result<Vec<u8>, String> {
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err("expected an even number of hexadecimal digits".into());
    }
    pairs.map(|pair| byte(pair[0], pair[1])).collect()
}
