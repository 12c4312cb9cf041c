//! Frame headers: flags and size in front of each body (RFC 37, Framing).

use super::CloseReason;

/// More frames of the same message follow.
pub(super) const MORE: u8 = 0b001;
/// The size takes eight octets instead of one.
pub(super) const LONG: u8 = 0b010;
/// The body is a command, not a part of a message.
pub(super) const COMMAND: u8 = 0b100;

/// Flags, and a size of eight octets.
pub(super) const LONGEST_HEADER: usize = 9;

/// A frame header as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) more: bool,
    pub(super) command: bool,
    /// Octets in the body.
    pub(super) size: u64,
    /// Octets in this header.
    pub(super) length: usize,
}

impl Header {
    /// The header `octets` begin with; `None` if they end within it.
    pub(super) fn parse(octets: &[u8]) -> Result<Option<Header>, CloseReason> {
        let Some((&flags, rest)) = octets.split_first() else {
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
        // RFC 37: sizes range from 0 to 2^63-1 octets.
        if size > u64::MAX >> 1 {
            return Err(CloseReason::MalformedFrame("a size above 2^63-1 octets"));
        }
        Ok(Some(Header {
            more: flags & MORE != 0,
            command: flags & COMMAND != 0,
            size,
            length,
        }))
    }
}

/// Appends the header of a body of `size` octets; `flags` are [`MORE`] or [`COMMAND`] or none.
#[inline]
pub(super) fn put_header(octets: &mut Vec<u8>, flags: u8, size: usize) {
    match u8::try_from(size) {
        Ok(size) => octets.extend_from_slice(&[flags, size]),
        Err(_) => {
            let mut header = [flags | LONG; LONGEST_HEADER];
            header[1..].copy_from_slice(&(size as u64).to_be_bytes());
            octets.extend_from_slice(&header);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_and_are_as_short_as_can_be() {
        for flags in [0, MORE, COMMAND] {
            for size in [0, 1, 254, 255, 256, 65_536, usize::MAX >> 1] {
                let mut octets = Vec::new();
                put_header(&mut octets, flags, size);
                assert_eq!(octets.len(), if size < 256 { 2 } else { 9 });
                let header = Header {
                    more: flags == MORE,
                    command: flags == COMMAND,
                    size: size as u64,
                    length: octets.len(),
                };
                assert_eq!(Header::parse(&octets), Ok(Some(header)));
                for cut in 0..octets.len() {
                    assert_eq!(Header::parse(&octets[..cut]), Ok(None));
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
    fn what_the_rfc_forbids_is_refused_at_the_octet_that_shows_it() {
        for flags in 0..=u8::MAX {
            let allowed = flags < 8 && flags & (MORE | COMMAND) != MORE | COMMAND;
            assert_eq!(Header::parse(&[flags]).is_ok(), allowed, "{flags:#010b}");
        }
        assert!(Header::parse(&[LONG, 0x7f, 255, 255, 255, 255, 255, 255, 255]).is_ok());
        assert!(Header::parse(&[LONG, 0x80, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
