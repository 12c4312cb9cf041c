//! The decoder against a naive one, for any framing, limit, batch size, and cut.

use super::super::decoder::Decoder;
use super::*;

/// A frame: more, command, body.
type Plain = (bool, bool, Vec<u8>);

/// Whether the frame after these is an error that the decoder must name: of its header, or of its
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Waits,
    Malformed,
    TooLarge,
}

/// Decodes any bytes in any pieces.
pub(crate) fn decoder(input: &[u8]) {
    let _ = check(&mut Unstructured::new(input));
}

fn check(input: &mut Unstructured<'_>) -> Result<()> {
    let is_old = input.ratio(1, 4)?;
    let batch = *input.choose(&[1 << 10, 128 << 10, 64, 8 << 10, 300])?;
    let limit = *input.choose(&[None, Some(0), Some(1), Some(40), Some(254), Some(4000)])?;
    let mut bytes = Vec::new();
    for _ in 0..input.int_in_range(0..=40u8)? {
        say(input, is_old, &mut bytes)?;
    }
    let (expected, ends) = naive(&bytes, is_old, limit.unwrap_or(u64::MAX));
    let mut decoder = Decoder::new(batch);
    decoder.limit_frames(limit);
    let (mut rest, mut found) = (&bytes[..], Vec::new());
    loop {
        match take_all(&mut decoder, is_old, input, &mut found)? {
            Ends::Waits if rest.is_empty() => break assert_eq!(ends, Ends::Waits),
            Ends::Waits => {}
            other => break assert_eq!(ends, other),
        }
        let room = decoder.room();
        assert!(!room.is_empty(), "there is always room");
        let most = room.len().min(rest.len());
        let n = match input.is_empty() {
            true => most,
            false => input.int_in_range(1..=most)?,
        };
        room[..n].copy_from_slice(&rest[..n]);
        decoder.arrived(n);
        rest = &rest[n..];
        if input.ratio(1, 16)? {
            decoder.shrink_to_fit();
        }
    }
    assert_eq!(found, expected);
    let most = MOST_KEPT + 2 * batch + 2 * bytes.len() + (16 << 10);
    assert!(decoder.capacity() <= most, "memory is bounded");
    Ok(())
}

/// Appends a frame, or anything.
fn say(input: &mut Unstructured<'_>, is_old: bool, bytes: &mut Vec<u8>) -> Result<()> {
    let kind = input.int_in_range(0..=15u8)?;
    if kind == 0 {
        bytes.extend_from_slice(some_bytes(input, 12)?);
        return Ok(());
    }
    let body = body(input)?;
    match (is_old, kind) {
        (true, 1 | 2) => {
            bytes.push(0xff);
            bytes.extend_from_slice(&(body.len() as u64 + 1).to_be_bytes());
            bytes.push(input.arbitrary()?);
        }
        (true, _) => put_old_header(bytes, u8::from(kind < 6) & MORE, body.len()),
        (false, 1 | 2) => {
            // A short size in the long form.
            bytes.push(frame::LONG | (kind & MORE));
            bytes.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
        (false, 3) => put_header(bytes, COMMAND, body.len()),
        (false, _) => put_header(bytes, u8::from(kind < 7) & MORE, body.len()),
    }
    bytes.extend_from_slice(&body);
    Ok(())
}

/// Takes everything, by each of the ways there are.
fn take_all(
    decoder: &mut Decoder,
    is_old: bool,
    input: &mut Unstructured<'_>,
    found: &mut Vec<Plain>,
) -> Result<Ends> {
    loop {
        if !is_old && input.arbitrary()? {
            if let Some((window, length)) = decoder.next_inline_message() {
                found.push((false, false, window[..usize::from(length)].to_vec()));
                continue;
            }
            if let Some(body) = decoder.next_short_message() {
                found.push((false, false, body.to_vec()));
                continue;
            }
        }
        let had_undecoded = is_old || decoder.has_undecoded();
        let frame = match is_old {
            true => decoder.next_old_frame(),
            false => decoder.next_frame(),
        };
        match frame {
            Ok(Some(frame)) => {
                assert!(had_undecoded);
                let (more, command) = (frame.more, frame.command);
                found.push((more, command, frame.body.into_frame().to_vec()));
            }
            Ok(None) => {
                assert!(is_old || !decoder.has_undecoded());
                return Ok(Ends::Waits);
            }
            Err(CloseReason::FrameTooLarge { .. }) => return Ok(Ends::TooLarge),
            Err(CloseReason::MalformedFrame(_)) => return Ok(Ends::Malformed),
            Err(other) => panic!("{other:?} is not for the decoder to say"),
        }
    }
}

/// All whole frames (RFC 37 and RFC 15, Framing; RFC 13, The Framing Layer), and what follows them.
fn naive(mut bytes: &[u8], is_old: bool, limit: u64) -> (Vec<Plain>, Ends) {
    let mut frames = Vec::new();
    loop {
        let (more, command, size, header) = match (is_old, bytes) {
            (true, [0xff, a, b, c, d, e, f, g, h, flags, ..]) => {
                let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                (flags & 1 == 1, false, length.checked_sub(1), 10)
            }
            // A length of 0 is seen before the flags.
            (true, [0xff, 0, 0, 0, 0, 0, 0, 0, 0]) => return (frames, Ends::Malformed),
            (true, [0xff, ..]) => return (frames, Ends::Waits),
            (true, [0, ..]) => return (frames, Ends::Malformed),
            (true, [length, flags, ..]) => (flags & 1 == 1, false, Some(u64::from(length - 1)), 2),
            (true, _) => return (frames, Ends::Waits),
            (false, [8..=255, ..] | [5 | 7, ..]) => return (frames, Ends::Malformed),
            (false, [flags @ (2 | 3 | 6), a, b, c, d, e, f, g, h, ..]) => {
                let size = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
                let size = Some(size).filter(|size| size >> 63 == 0);
                (flags & 1 == 1, flags & 4 == 4, size, 9)
            }
            (false, [flags @ (0 | 1 | 4), size, ..]) => {
                (flags & 1 == 1, flags & 4 == 4, Some(u64::from(*size)), 2)
            }
            (false, _) => return (frames, Ends::Waits),
        };
        let Some(size) = size else {
            return (frames, Ends::Malformed);
        };
        if size > limit.min(isize::MAX as u64) {
            return (frames, Ends::TooLarge);
        }
        let Some(body) = bytes[header..].get(..size as usize) else {
            return (frames, Ends::Waits);
        };
        frames.push((more, command, body.to_vec()));
        bytes = &bytes[header + body.len()..];
    }
}
