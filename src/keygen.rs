//! Generation of keys, which needs the operating system's entropy.

use std::io;

use crate::curve::{CurveKeypair, CurveSecretKey};
use crate::pump::entropy;

impl CurveKeypair {
    /// Generates a key pair (`zmq_curve_keypair`), from the operating system's random source.
    ///
    /// # Errors
    /// An error if that source fails, which does not happen on common systems.
    #[doc(alias = "zmq_curve_keypair")]
    pub fn generate() -> io::Result<CurveKeypair> {
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        entropy(&mut secret[..])?;
        Ok(CurveSecretKey::from(*secret).into())
    }
}
