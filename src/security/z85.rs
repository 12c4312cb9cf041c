//! Z85 (RFC 32): bytes as text that survives source code and command lines.

use std::fmt;

/// The digits, by their value (RFC 32, Formal Specification).
const DIGITS: &[u8; 85] = b"0123456789abcdefghijklmnopqrstuvwxyz\
    ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Writes bytes, whose number is divisible by 4, with 5 digits for each 4 of them
/// (`zmq_z85_encode`).
///
/// ```
/// use zmq_channels::security::z85;
///
/// # fn main() -> Result<(), z85::Z85Error> {
/// let bytes = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
/// assert_eq!(z85::encode(&bytes)?, "HelloWorld");
/// assert_eq!(z85::decode("HelloWorld")?, bytes);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Z85Error::Length`] for any other number of bytes.
#[doc(alias = "zmq_z85_encode")]
pub fn encode(bytes: &[u8]) -> Result<String, Z85Error> {
    let mut text = String::with_capacity(bytes.len() / 4 * 5);
    for quad in bytes.chunks(4) {
        let quad: [u8; 4] = quad.try_into().map_err(|_| Z85Error::Length(bytes.len()))?;
        let value = u32::from_be_bytes(quad);
        for place in [85u32.pow(4), 85u32.pow(3), 85u32.pow(2), 85, 1] {
            text.push(char::from(DIGITS[(value / place % 85) as usize]));
        }
    }
    Ok(text)
}

/// Reads what [`encode`] has written (`zmq_z85_decode`).
///
/// # Errors
/// [`Z85Error::Length`] unless the number of digits is divisible by 5, [`Z85Error::Digit`] for
/// what is no digit, [`Z85Error::TooLarge`] for 5 digits beyond 4 bytes.
#[doc(alias = "zmq_z85_decode")]
pub fn decode(text: &str) -> Result<Vec<u8>, Z85Error> {
    let mut bytes = Vec::with_capacity(text.len() / 5 * 4);
    for (index, digits) in text.as_bytes().chunks(5).enumerate() {
        if digits.len() < 5 {
            return Err(Z85Error::Length(text.len()));
        }
        let mut value = 0;
        for (place, digit) in digits.iter().enumerate() {
            let at = index * 5 + place;
            let digit = DIGITS.iter().position(|known| known == digit);
            value = value * 85 + digit.ok_or(Z85Error::Digit(at))? as u64;
        }
        let value = u32::try_from(value).map_err(|_| Z85Error::TooLarge(index * 5))?;
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    Ok(bytes)
}

/// What is no Z85, or cannot be. It does not show the text, which may be a secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Z85Error {
    /// The number of bytes is not a multiple of four, or that of digits not a multiple of five.
    Length(usize),
    /// No digit of Z85 at this offset.
    Digit(usize),
    /// The 5 digits from this offset on stand for more than 4 bytes hold.
    TooLarge(usize),
}

impl fmt::Display for Z85Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Z85Error::Length(length) => write!(f, "{length} is not a length of Z85"),
            Z85Error::Digit(at) => write!(f, "no digit of Z85 at offset {at}"),
            Z85Error::TooLarge(at) => write!(f, "the digits at offset {at} are out of range"),
        }
    }
}

impl std::error::Error for Z85Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_vector_of_the_rfc_encodes_and_decodes() {
        let bytes = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
        assert_eq!(encode(&bytes), Ok("HelloWorld".to_owned()));
        assert_eq!(decode("HelloWorld"), Ok(bytes.to_vec()));
        assert_eq!(encode(&[0xff; 4]), Ok("%nSc0".to_owned()));
        assert_eq!(decode(""), Ok(Vec::new()));
    }

    #[test]
    fn every_digit_decodes_to_its_value() {
        for value in 0..85u32 {
            let text = encode(&value.to_be_bytes()).unwrap();
            assert_eq!(text.as_bytes()[4], DIGITS[value as usize]);
            assert_eq!(decode(&text), Ok(value.to_be_bytes().to_vec()));
        }
    }

    #[test]
    fn encoded_bytes_decode_to_themselves() {
        let mut random = 0x2545_f491_4f6c_dd1du64;
        for length in (0..64).step_by(4) {
            let bytes: Vec<u8> = std::iter::repeat_with(|| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random as u8
            })
            .take(length)
            .collect();
            assert_eq!(decode(&encode(&bytes).unwrap()), Ok(bytes));
        }
    }

    #[test]
    fn malformed_z85_is_refused() {
        for length in [1, 2, 3, 5, 31, 33] {
            assert_eq!(encode(&vec![0; length]), Err(Z85Error::Length(length)));
        }
        for length in [1, 4, 6, 39, 41] {
            let text = "0".repeat(length);
            assert_eq!(decode(&text), Err(Z85Error::Length(length)));
        }
        // One more than 2^32-1, and the largest there is.
        assert_eq!(decode("00000%nSc1"), Err(Z85Error::TooLarge(5)));
        assert_eq!(decode("#####"), Err(Z85Error::TooLarge(0)));
        for byte in (0..=127u8).filter(|byte| !DIGITS.contains(byte)) {
            let text = format!("0000000{}00", char::from(byte));
            assert_eq!(decode(&text), Err(Z85Error::Digit(7)), "{byte}");
        }
        assert_eq!(decode("0000\u{e9}0000"), Err(Z85Error::Digit(4)));
    }
}
