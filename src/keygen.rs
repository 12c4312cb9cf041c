//! New keys: what a pair of them takes from the world.

use std::io;

use crate::curve::{CurveKeypair, CurveSecretKey};
use crate::pump::entropy;

impl CurveKeypair {
    /// A new pair (`zmq_curve_keypair`), from the operating system's random source.
    ///
    /// # Errors
    /// If that has none to give, which no usual system says.
    #[doc(alias = "zmq_curve_keypair")]
    pub fn generate() -> io::Result<CurveKeypair> {
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        entropy(&mut secret[..])?;
        Ok(CurveSecretKey::from(*secret).into())
    }
}
