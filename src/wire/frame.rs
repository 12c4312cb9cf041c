//! Frame headers: flags and size in front of each body (RFC 37, Framing, which is RFC 15's but for
//! commands), or, with peers of ZMTP 1.0, size and flags (RFC 13, The Framing Layer).

use super::CloseReason;

/// More frames of the same message follow.
pub(super) const MORE: u8 = 0b001;
/// The size takes eight bytes instead of one.
pub(super) const LONG: u8 = 0b010;
/// The body is a command, not a part of a message.
pub(super) const COMMAND: u8 = 0b100;

/// Flags, and a size of eight bytes.
pub(super) const LONGEST_HEADER: usize = 9;

/// How frame headers are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Length, which counts the flags, then flags: ZMTP 1.0.
    Zmtp1,
    /// Flags, then length: ZMTP 2.0 and later.
    Zmtp2,
}

impl Framing {
    /// The version of the protocol that brought it.
    pub(super) fn version(self) -> (u8, u8) {
        match self {
            Framing::Zmtp1 => (1, 0),
            Framing::Zmtp2 => (2, 0),
        }
    }

    /// The header `bytes` begin with; `None` if they end within it.
    pub(super) fn parse(self, bytes: &[u8]) -> Result<Option<Header>, CloseReason> {
        match self {
            Framing::Zmtp1 => Header::parse_old(bytes),
            Framing::Zmtp2 => Header::parse(bytes),
        }
    }

    /// Appends a header.
    pub(super) fn put_header(self, bytes: &mut Vec<u8>, flags: u8, size: usize) {
        match self {
            Framing::Zmtp1 => put_old_header(bytes, flags, size),
            Framing::Zmtp2 => put_header(bytes, flags, size),
        }
    }
}

/// A frame header as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) more: bool,
    pub(super) command: bool,
    /// Bytes in the body.
    pub(super) size: u64,
    /// Bytes in this header.
    pub(super) length: usize,
}

impl Header {
    /// The header `bytes` begin with; `None` if they end within it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, CloseReason> {
        let Some((&flags, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        // RFC 37: "Bits 7-3: Reserved. MUST be zero."
        if flags & !(MORE | LONG | COMMAND) != 0 {
            return Err(CloseReason::MalformedFrame("a reserved flag is set"));
        }
        // RFC 37: the MORE bit "SHALL be zero on command frames".
        if flags & COMMAND != 0 && flags & MORE != 0 {
            return Err(CloseReason::MalformedFrame("a command with the MORE flag"));
        }
        let (size, length) = if flags & LONG == 0 {
            match rest.first() {
                Some(&size) => (u64::from(size), 2),
                None => return Ok(None),
            }
        } else {
            match rest.first_chunk() {
                Some(size) => (u64::from_be_bytes(*size), LONGEST_HEADER),
                None => return Ok(None),
            }
        };
        // RFC 37: sizes range from 0 to 2^63-1 bytes.
        if size > u64::MAX >> 1 {
            return Err(CloseReason::MalformedFrame("a size above 2^63-1 bytes"));
        }
        Ok(Some(Header {
            more: flags & MORE != 0,
            command: flags & COMMAND != 0,
            size,
            length,
        }))
    }

    /// The same in the framing of ZMTP 1.0 (RFC 13, The Framing Layer). The length counts the flags
    /// byte, so that there is none of 0. A long length may be a short one.
    pub(super) fn parse_old(bytes: &[u8]) -> Result<Option<Header>, CloseReason> {
        let (length, rest) = match bytes.split_first() {
            None => return Ok(None),
            Some((0xff, rest)) => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            Some((&length, rest)) => (u64::from(length), rest),
        };
        let Some(size) = length.checked_sub(1) else {
            return Err(CloseReason::MalformedFrame("a length of 0"));
        };
        Ok(rest.first().map(|flags| Header {
            // The other bits SHOULD be zero, but need not.
            more: flags & MORE != 0,
            command: false,
            size,
            length: bytes.len() - rest.len() + 1,
        }))
    }
}

/// Appends the header of a body of `size` bytes; `flags` are [`MORE`] or [`COMMAND`] or none.
#[inline]
pub(super) fn put_header(bytes: &mut Vec<u8>, flags: u8, size: usize) {
    match u8::try_from(size) {
        Ok(size) => bytes.extend_from_slice(&[flags, size]),
        Err(_) => {
            let mut header = [flags | LONG; LONGEST_HEADER];
            header[1..].copy_from_slice(&(size as u64).to_be_bytes());
            bytes.extend_from_slice(&header);
        }
    }
}

/// The same in the framing of ZMTP 1.0, which has no commands (RFC 13, The Framing Layer).
#[inline]
pub(super) fn put_old_header(bytes: &mut Vec<u8>, flags: u8, size: usize) {
    debug_assert_eq!(flags & !MORE, 0, "nothing else can be said");
    match u8::try_from(size + 1) {
        Ok(length @ 1..=0xfe) => bytes.extend_from_slice(&[length, flags]),
        Ok(_) | Err(_) => {
            bytes.push(0xff);
            bytes.extend_from_slice(&(size as u64 + 1).to_be_bytes());
            bytes.push(flags);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_headers_parse_back_and_are_minimal() {
        for flags in [0, MORE] {
            for size in [0, 1, 252, 253, 254, 255, 65_536, usize::MAX >> 1] {
                let mut bytes = Vec::new();
                put_old_header(&mut bytes, flags, size);
                assert_eq!(bytes.len(), if size < 254 { 2 } else { 10 });
                let header = Header {
                    more: flags == MORE,
                    command: false,
                    size: size as u64,
                    length: bytes.len(),
                };
                assert_eq!(Header::parse_old(&bytes), Ok(Some(header)));
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse_old(&bytes[..cut]), Ok(None));
                }
            }
        }
        let mut bytes = Vec::new();
        put_old_header(&mut bytes, MORE, 5);
        put_old_header(&mut bytes, 0, 254);
        assert_eq!(bytes, b"\x06\x01\xff\0\0\0\0\0\0\0\xff\0");
    }

    #[test]
    fn unusual_old_headers_are_accepted_unless_flags_are_missing() {
        let long = Header::parse_old(b"\xff\0\0\0\0\0\0\0\x04\x01");
        let header = Header {
            more: true,
            command: false,
            size: 3,
            length: 10,
        };
        assert_eq!(long, Ok(Some(header)));
        for flags in 0..=u8::MAX {
            let header = Header::parse_old(&[1, flags]).unwrap().unwrap();
            assert_eq!((header.more, header.command), (flags & 1 == 1, false));
        }
        for nothing in [&b"\0"[..], b"\xff\0\0\0\0\0\0\0\0"] {
            let header = Header::parse_old(nothing);
            assert!(matches!(header, Err(CloseReason::MalformedFrame(_))));
        }
    }

    #[test]
    fn headers_parse_back_and_are_minimal() {
        for flags in [0, MORE, COMMAND] {
            for size in [0, 1, 254, 255, 256, 65_536, usize::MAX >> 1] {
                let mut bytes = Vec::new();
                put_header(&mut bytes, flags, size);
                assert_eq!(bytes.len(), if size < 256 { 2 } else { 9 });
                let header = Header {
                    more: flags == MORE,
                    command: flags == COMMAND,
                    size: size as u64,
                    length: bytes.len(),
                };
                assert_eq!(Header::parse(&bytes), Ok(Some(header)));
                for cut in 0..bytes.len() {
                    assert_eq!(Header::parse(&bytes[..cut]), Ok(None));
                }
            }
        }
    }

    #[test]
    fn a_long_header_may_carry_a_short_size() {
        let header = Header::parse(&[LONG, 0, 0, 0, 0, 0, 0, 0, 3])
            .unwrap()
            .unwrap();
        assert_eq!((header.size, header.length), (3, 9));
    }

    #[test]
    fn forbidden_headers_are_refused_at_the_first_wrong_byte() {
        for flags in 0..=u8::MAX {
            let allowed = flags < 8 && flags & (MORE | COMMAND) != MORE | COMMAND;
            assert_eq!(Header::parse(&[flags]).is_ok(), allowed, "{flags:#010b}");
        }
        assert!(Header::parse(&[LONG, 0x7f, 255, 255, 255, 255, 255, 255, 255]).is_ok());
        assert!(Header::parse(&[LONG, 0x80, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
