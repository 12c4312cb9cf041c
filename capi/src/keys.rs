//! Keys of CURVE and their text form (zmq_curve_keypair(3), zmq_curve_public(3), zmq_z85_encode(3),
//! zmq_z85_decode(3)).

use std::ffi::{c_char, c_int, CStr};

use zmq_channels::security::z85;
use zmq_channels::CurveKeypair;

use crate::errno::{self, done, Outcome, EINVAL};
use crate::value;

/// Writes a text with its NUL.
///
/// # Safety
/// The pointer is valid for writes of the text and one more byte.
unsafe fn write(dest: *mut c_char, text: &str) {
    // SAFETY: promised by the caller.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), dest.cast(), text.len());
        *dest.add(text.len()) = 0;
    }
}

/// zmq_z85_encode(3): the text, or null if the size is not divisible by 4.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_z85_encode(
    dest: *mut c_char,
    data: *const u8,
    size: usize,
) -> *mut c_char {
    // SAFETY: the caller gives that many bytes.
    let bytes = unsafe { value::given(data.cast(), size) }.ok_or(EINVAL);
    let text = bytes.and_then(|bytes| z85::encode(bytes).map_err(|_| EINVAL));
    errno::pointer(text.map(|text| {
        // SAFETY: the caller gives room for the text, which has five bytes for each four.
        unsafe { write(dest, &text) };
        dest
    }))
}

/// zmq_z85_decode(3): the bytes, or null if the text is malformed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_z85_decode(dest: *mut u8, text: *const c_char) -> *mut u8 {
    let decode = || -> Outcome<*mut u8> {
        if text.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the caller gives a text that ends with NUL.
        let text = unsafe { CStr::from_ptr(text) }
            .to_str()
            .map_err(|_| EINVAL)?;
        let bytes = z85::decode(text).map_err(|_| EINVAL)?;
        // SAFETY: the caller gives room for the bytes, four for each five of the text.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), dest, bytes.len()) };
        Ok(dest)
    };
    errno::pointer(decode())
}

/// zmq_curve_keypair(3): a new pair of keys, each as a text of 40 characters with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_keypair(public: *mut c_char, secret: *mut c_char) -> c_int {
    done(
        CurveKeypair::generate()
            .map_err(errno::Errno::from)
            .map(|pair| {
                // SAFETY: the caller gives room for two keys.
                unsafe {
                    write(public, &pair.public().to_string());
                    write(secret, &pair.secret().to_z85());
                }
            }),
    )
}

/// zmq_curve_public(3): the public key of a secret one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_public(public: *mut c_char, secret: *const c_char) -> c_int {
    // SAFETY: the caller gives a text that ends with NUL.
    let secret = unsafe { CStr::from_ptr(secret) }
        .to_str()
        .map_err(|_| EINVAL);
    let pair = secret.and_then(|secret| secret.parse::<CurveKeypair>().map_err(|_| EINVAL));
    done(pair.map(|pair| {
        // SAFETY: the caller gives room for a key.
        unsafe { write(public, &pair.public().to_string()) };
    }))
}
