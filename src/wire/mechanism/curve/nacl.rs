//! The boxes of NaCl: X25519, HSalsa20, XSalsa20 and Poly1305, put together as `crypto_box` and
//! `crypto_secretbox` are (RFC 26 names them Box and SecretBox).

use std::fmt;

use curve25519_dalek::MontgomeryPoint;
use poly1305::universal_hash::KeyInit;
use poly1305::Poly1305;
use salsa20::cipher::consts::U10;
use salsa20::cipher::{KeyIvInit, StreamCipher};
use salsa20::{hsalsa, Salsa20};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Bytes in front of a box that show whether it is whole.
pub(super) const TAG: usize = 16;

/// Bytes that must not be used twice with one key.
pub(super) const NONCE: usize = 24;

/// A key that both ends have; wiped when it is dropped.
#[derive(Clone)]
pub(in super::super::super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// A key for oneself (`crypto_secretbox`).
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Key(Zeroizing::new(bytes))
    }

    /// What the owner of one of two secret keys, with the public key to the other, agrees on
    /// (`crypto_box_beforenm`); `None` for a public key that would give away what that is.
    pub(super) fn agree(secret: &[u8; 32], public: &[u8; 32]) -> Option<Self> {
        let point = MontgomeryPoint(*public).mul_clamped(*secret);
        let shared = Zeroizing::new(point.to_bytes());
        if bool::from(shared.ct_eq(&[0; 32])) {
            return None;
        }
        Some(Key::derived(&shared, &[0; 16]))
    }

    fn derived(key: &[u8; 32], input: &[u8; 16]) -> Self {
        let mut derived = hsalsa::<U10>(key.into(), input.into());
        let key = Key::new(derived.into());
        derived.zeroize();
        key
    }

    /// The key of all boxes whose nonces begin with `prefix`.
    pub(super) fn stream(&self, prefix: &[u8; 16]) -> StreamKey {
        StreamKey(Key::derived(&self.0, prefix))
    }

    /// A box with `bytes` in it.
    pub(super) fn seal(&self, nonce: &[u8; NONCE], bytes: &[u8]) -> Vec<u8> {
        let mut sealed = vec![0; TAG];
        sealed.extend_from_slice(bytes);
        let (prefix, rest) = split(nonce);
        let tag = self.stream(&prefix).seal(&rest, &mut sealed[TAG..]);
        sealed[..TAG].copy_from_slice(&tag);
        sealed
    }

    /// What is in a box, if it is whole and was sealed with this key and nonce.
    pub(super) fn open(&self, nonce: &[u8; NONCE], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (tag, bytes) = sealed.split_first_chunk()?;
        let mut bytes = Zeroizing::new(bytes.to_vec());
        let (prefix, rest) = split(nonce);
        self.stream(&prefix)
            .open(&rest, tag, &mut bytes)
            .then_some(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The part of a nonce that goes into the key, and the part that goes into the stream.
fn split(nonce: &[u8; NONCE]) -> ([u8; 16], [u8; 8]) {
    let (mut prefix, mut rest) = ([0; 16], [0; 8]);
    prefix.copy_from_slice(&nonce[..16]);
    rest.copy_from_slice(&nonce[16..]);
    (prefix, rest)
}

/// The key of all boxes whose nonces begin alike: half of the work is done once.
#[derive(Clone, Debug)]
pub(super) struct StreamKey(Key);

impl StreamKey {
    /// Encrypts `bytes` where they are; answers the tag.
    pub(super) fn seal(&self, nonce: &[u8; 8], bytes: &mut [u8]) -> [u8; TAG] {
        let (mut stream, mac) = self.begin(nonce);
        stream.apply_keystream(bytes);
        mac.compute_unpadded(bytes).into()
    }

    /// Decrypts `bytes` where they are if the tag is theirs; else leaves them alone.
    pub(super) fn open(&self, nonce: &[u8; 8], tag: &[u8; TAG], bytes: &mut [u8]) -> bool {
        let (mut stream, mac) = self.begin(nonce);
        let expected: [u8; TAG] = mac.compute_unpadded(bytes).into();
        let whole = bool::from(expected.ct_eq(tag));
        if whole {
            stream.apply_keystream(bytes);
        }
        whole
    }

    /// The first 32 bytes of the stream are the key of the tag.
    fn begin(&self, nonce: &[u8; 8]) -> (Salsa20, Poly1305) {
        let key: &[u8; 32] = &self.0 .0;
        let mut stream = Salsa20::new(key.into(), nonce.into());
        let mut mac_key = Zeroizing::new([0; 32]);
        stream.apply_keystream(&mut *mac_key);
        let mac = Poly1305::new((&*mac_key).into());
        (stream, mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let mut bytes = [0; N];
        assert_eq!(digits.len(), 2 * N);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        }
        bytes
    }

    /// The vectors of "Cryptography in NaCl" (D. J. Bernstein), sections 2 to 10.
    fn alice() -> [u8; 32] {
        bytes("77076d0a7318a57d3c16c17251b26645 df4c2f87ebc0992ab177fba51db92c2a")
    }

    fn bobs_public() -> [u8; 32] {
        bytes("de9edb7d7b7dc1b4d35b61c2ece43537 3f8343c85b78674dadfc7e146f882b4f")
    }

    fn nonce() -> [u8; NONCE] {
        bytes("69696ee955b62b73cd62bda875fc73d6 8219e0036b7a0b37")
    }

    const PLAIN: &str = "be075fc53c81f2d5cf141316ebeb0c7b 5228c52a4c62cbd44b66849b64244ffc
        e5ecbaaf33bd751a1ac728d45e6c6129 6cdc3c01233561f41db66cce314adb31
        0e3be8250c46f06dceea3a7fa1348057 e2f6556ad6b1318a024a838f21af1fde
        048977eb48f59ffd4924ca1c60902e52 f0a089bc76897040e082f937763848645e0705";
    const BOX: &str = "f3ffc7703f9400e52a7dfb4b3d3305d9 8e993b9f48681273c29650ba32fc76ce
        48332ea7164d96a4476fb8c531a1186a c0dfc17c98dce87b4da7f011ec48c972
        71d2c20f9b928fe2270d6fb863d51738 b48eeee314a7cc8ab932164548e526ae
        90224368517acfeabd6bb3732bc0e9da 99832b61ca01b6de56244a9e88d5f9b3
        7973f622a43d14a6599b1f654cb45a74 e355a5";

    #[test]
    fn two_keys_agree_and_box_as_nacl_does() {
        let key = Key::agree(&alice(), &bobs_public()).unwrap();
        let agreed = bytes("1b27556473e985d462cd51197a9a46c7 6009549eac6474f206c4ee0844f68389");
        assert_eq!(*key.0, agreed);
        let plain: [u8; 131] = bytes(PLAIN);
        let sealed: [u8; 147] = bytes(BOX);
        assert_eq!(key.seal(&nonce(), &plain), sealed);
        assert_eq!(key.open(&nonce(), &sealed).unwrap()[..], plain);
    }

    #[test]
    fn no_byte_and_no_length_of_a_box_can_be_changed() {
        let key = Key::agree(&alice(), &bobs_public()).unwrap();
        let sealed: [u8; 147] = bytes(BOX);
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut forged = sealed;
                forged[at] ^= 1 << bit;
                assert!(
                    key.open(&nonce(), &forged).is_none(),
                    "byte {at}, bit {bit}"
                );
            }
            assert!(key.open(&nonce(), &sealed[..at]).is_none(), "{at} bytes");
        }
        for at in 0..NONCE {
            let mut other = nonce();
            other[at] ^= 1;
            assert!(key.open(&other, &sealed).is_none(), "nonce byte {at}");
        }
        assert!(key.open(&nonce(), &[&sealed[..], &[0]].concat()).is_none());
    }

    #[test]
    fn keys_of_low_order_are_not_agreed_on() {
        // The points of low order (RFC 7748, section 6.1: an output of all zeros).
        let one = bytes("0100000000000000000000000000000000000000000000000000000000000000");
        let eight = bytes("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
        for public in [[0; 32], one, eight] {
            assert!(Key::agree(&alice(), &public).is_none());
        }
    }

    #[test]
    fn debug_output_contains_no_key() {
        let shown = format!("{:?}", Key::new([7; 32]).stream(&[0; 16]));
        assert_eq!(shown, "StreamKey(Key(..))");
    }
}
