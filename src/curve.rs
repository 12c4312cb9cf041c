//! The keys of CURVE: X25519 (RFC 7748), encoded in Z85 (RFC 32).

use std::fmt;
use std::str::FromStr;

use curve25519_dalek::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::security::z85::{self, Z85Error};

/// Size of a key, public or secret, in bytes.
const KEY: usize = 32;

/// A public key of CURVE: 32 bytes, or 40 digits of Z85.
///
/// ```
/// use zmq_channels::security::CurveKey;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key: CurveKey = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7".parse()?;
/// assert_eq!(key.to_string(), "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
/// assert_eq!(CurveKey::from(*key.as_bytes()), key);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CurveKey([u8; KEY]);

impl CurveKey {
    /// Returns the bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY] {
        &self.0
    }
}

impl From<[u8; KEY]> for CurveKey {
    fn from(bytes: [u8; KEY]) -> Self {
        CurveKey(bytes)
    }
}

impl TryFrom<&[u8]> for CurveKey {
    type Error = CurveKeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, CurveKeyError> {
        let bytes = <[u8; KEY]>::try_from(bytes);
        bytes.map(CurveKey).map_err(|_| CurveKeyError::Length)
    }
}

/// Parses 40 digits of Z85.
impl FromStr for CurveKey {
    type Err = CurveKeyError;

    fn from_str(text: &str) -> Result<Self, CurveKeyError> {
        CurveKey::try_from(&z85::decode(text)?[..])
    }
}

/// In Z85.
impl fmt::Display for CurveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 32 is divisible by 4, so this cannot fail.
        f.write_str(&z85::encode(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for CurveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CurveKey({self})")
    }
}

/// A secret key of CURVE. `Debug` does not show it, comparisons take constant time, and its memory
/// is wiped when it is dropped.
///
/// ```
/// use zmq_channels::security::CurveSecretKey;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key: CurveSecretKey = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6".parse()?;
/// assert_eq!(format!("{key:?}"), "CurveSecretKey(..)");
/// assert_eq!(key.to_z85(), "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CurveSecretKey([u8; KEY]);

impl CurveSecretKey {
    /// Returns the bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY] {
        &self.0
    }

    /// Returns the key in Z85. The text is not wiped; keep it in a safe place.
    #[must_use]
    pub fn to_z85(&self) -> String {
        // 32 is divisible by 4, so this cannot fail.
        z85::encode(&self.0).unwrap_or_default()
    }
}

impl From<[u8; KEY]> for CurveSecretKey {
    fn from(bytes: [u8; KEY]) -> Self {
        CurveSecretKey(bytes)
    }
}

/// Parses 40 digits of Z85.
impl FromStr for CurveSecretKey {
    type Err = CurveKeyError;

    fn from_str(text: &str) -> Result<Self, CurveKeyError> {
        let mut bytes = z85::decode(text)?;
        let key = <[u8; KEY]>::try_from(&bytes[..]);
        bytes.zeroize();
        key.map(CurveSecretKey).map_err(|_| CurveKeyError::Length)
    }
}

impl PartialEq for CurveSecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for CurveSecretKey {}

impl fmt::Debug for CurveSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CurveSecretKey(..)")
    }
}

impl Drop for CurveSecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A secret key and its public key.
///
/// ```
/// use zmq_channels::CurveKeypair;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = CurveKeypair::generate()?;
/// println!("connect with the server key {}", server.public());
/// let again = CurveKeypair::from(server.secret().clone());
/// assert_eq!(again, server);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurveKeypair {
    public: CurveKey,
    secret: CurveSecretKey,
}

impl CurveKeypair {
    /// Returns the public key, to be given to peers.
    #[must_use]
    pub const fn public(&self) -> &CurveKey {
        &self.public
    }

    /// Returns the secret key, to be kept.
    #[must_use]
    pub const fn secret(&self) -> &CurveSecretKey {
        &self.secret
    }
}

/// Computes the public key (`zmq_curve_public`).
impl From<CurveSecretKey> for CurveKeypair {
    fn from(secret: CurveSecretKey) -> Self {
        let public = MontgomeryPoint::mul_base_clamped(secret.0);
        CurveKeypair {
            public: CurveKey(public.to_bytes()),
            secret,
        }
    }
}

/// Parses a secret key of 40 digits of Z85.
impl FromStr for CurveKeypair {
    type Err = CurveKeyError;

    fn from_str(secret: &str) -> Result<Self, CurveKeyError> {
        secret.parse().map(|secret: CurveSecretKey| secret.into())
    }
}

/// A key of CURVE is malformed. The error does not contain the text, which may be a secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CurveKeyError {
    /// It does not have 32 bytes, or 40 digits of Z85.
    #[error("a key is 32 bytes, or 40 characters of Z85")]
    Length,
    /// It is not valid Z85.
    #[error("invalid Z85")]
    Z85(#[from] Z85Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys in the manual page of zmq_curve.
    const PAIRS: [[&str; 2]; 2] = [
        [
            "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
            "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
        ],
        [
            "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
            "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
        ],
    ];

    #[test]
    fn public_keys_follow_from_secret_ones() {
        for [public, secret] in PAIRS {
            let pair: CurveKeypair = secret.parse().unwrap();
            assert_eq!(pair.public().to_string(), public);
            assert_eq!(pair.secret().to_z85(), secret);
        }
        // RFC 7748, section 6.1: Alice.
        let secret = [
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2,
            0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5,
            0x1d, 0xb9, 0x2c, 0x2a,
        ];
        let public = [
            0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e,
            0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e,
            0xaa, 0x9b, 0x4e, 0x6a,
        ];
        let pair = CurveKeypair::from(CurveSecretKey::from(secret));
        assert_eq!(pair.public().as_bytes(), &public);
    }

    #[test]
    fn malformed_keys_are_refused() {
        let parse = |text: &str| text.parse::<CurveKey>();
        assert_eq!(parse(""), Err(CurveKeyError::Length));
        assert_eq!(parse(&"0".repeat(35)), Err(CurveKeyError::Length));
        assert_eq!(parse(&"0".repeat(45)), Err(CurveKeyError::Length));
        let digit = CurveKeyError::Z85(Z85Error::Digit(39));
        assert_eq!(parse(&format!("{}~", "0".repeat(39))), Err(digit));
        let secret = format!("{}~", "0".repeat(39)).parse::<CurveSecretKey>();
        assert_eq!(secret, Err(digit));
        assert_eq!(CurveKey::try_from(&[0; 31][..]), Err(CurveKeyError::Length));
    }

    #[test]
    fn debug_output_contains_no_secret_key() {
        let pair: CurveKeypair = PAIRS[0][1].parse().unwrap();
        let shown = format!("{pair:?} {:?}", pair.secret());
        assert!(shown.contains(PAIRS[0][0]));
        assert!(!shown.contains(&PAIRS[0][1][..8]), "{shown}");
        assert_ne!(pair, PAIRS[1][1].parse().unwrap());
    }
}
