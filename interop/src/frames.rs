//! What travels: frames as plain bytes, how they are written in a line of JSON, and the
//! messages every pair of sockets has to get across.

use std::sync::OnceLock;

use crate::bench::Outcome;

/// A whole message.
pub type Frames = Vec<Vec<u8>>;

const PATTERN_STEP: u64 = 0x9E_3779_B97F;
const PATTERN_BLOCK: usize = 65_521;
const SHORT_ENOUGH_FOR_HEX: usize = 64;

/// `length` bytes that differ at every position and for every seed (below 2^24), so that
/// nothing lost, doubled, moved or mixed up can look right. The same as in `peer.py`.
pub fn pattern(seed: u32, length: usize) -> Vec<u8> {
    assert!(seed < 1 << 24, "the pattern takes seeds below 2^24");
    if length > PATTERN_BLOCK {
        let block = pattern(seed, PATTERN_BLOCK);
        let mut bytes = Vec::with_capacity(length + block.len() + 8);
        for number in 0_u64.. {
            if bytes.len() >= length {
                break;
            }
            bytes.extend_from_slice(&block);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.truncate(length);
        return bytes;
    }
    let start = u64::from(seed) * 0x1_0000_0001;
    let words = (0_u64..).map(|index| start + index * PATTERN_STEP);
    let mut bytes: Vec<u8> = words
        .take(length.div_ceil(8))
        .flat_map(u64::to_le_bytes)
        .collect();
    bytes.truncate(length);
    bytes
}

/// A frame as `peer.py` reads it.
pub fn write_frame(bytes: &[u8]) -> String {
    if bytes.len() > SHORT_ENOUGH_FOR_HEX {
        let seed = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if seed < 1 << 24 && bytes == pattern(seed, bytes.len()) {
            return format!("{seed}*{}", bytes.len());
        }
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A frame as `peer.py` writes it.
pub fn read_frame(text: &str) -> Outcome<Vec<u8>> {
    if let Some((seed, length)) = text.split_once('*') {
        return Ok(pattern(seed.parse()?, length.parse()?));
    }
    if text.len() % 2 == 1 {
        return Err(format!("no hexadecimal bytes: {text}").into());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| Ok(u8::from_str_radix(&text[at..at + 2], 16)?))
        .collect()
}

/// A message short enough for an error text.
pub fn show(frames: &Frames) -> String {
    let frames: Vec<String> = frames
        .iter()
        .map(|frame| match std::str::from_utf8(frame) {
            Ok(text) if text.len() <= 40 && !text.chars().any(char::is_control) => {
                format!("{text:?}")
            }
            _ => {
                let mut written = write_frame(frame);
                if written.len() > 60 {
                    written.truncate(60);
                    written.push_str(&format!("... ({} bytes)", frame.len()));
                }
                written
            }
        })
        .collect();
    if frames.len() > 6 {
        let some = frames[..6].join(", ");
        return format!("[{some}, ... {} frames]", frames.len());
    }
    format!("[{}]", frames.join(", "))
}

/// A message of these frames.
pub fn message<const N: usize>(frames: [&[u8]; N]) -> Frames {
    frames.iter().map(|frame| frame.to_vec()).collect()
}

/// A message of one frame.
pub fn text(text: &str) -> Frames {
    vec![text.as_bytes().to_vec()]
}

/// What every pair of sockets has to get across, in this order.
pub fn traffic() -> &'static [Frames] {
    static TRAFFIC: OnceLock<Vec<Frames>> = OnceLock::new();
    TRAFFIC.get_or_init(make_traffic)
}

fn make_traffic() -> Vec<Frames> {
    vec![
        text("single"),
        message([b"\x00"]),
        message([b""]),
        message([b"three", b"parts", b"here"]),
        (0..20)
            .map(|part| pattern(part, part as usize * 13))
            .collect(),
        message([b"before", b"", b"", b"behind"]),
        message([b"", b"behind an empty one"]),
        message([b"before an empty one", b""]),
        message([b"", b"", b""]),
        vec![(0..=255).collect()],
        // The border between frames of short and of long size (RFC 37, "Framing").
        vec![pattern(1, 254)],
        vec![pattern(2, 255)],
        vec![pattern(3, 256)],
        vec![pattern(4, 255), pattern(5, 256), pattern(6, 257)],
        // Around the buffers of 8 KiB libzmq reads and writes with.
        vec![pattern(7, 8191)],
        vec![pattern(8, 8192)],
        vec![pattern(9, 8193)],
        vec![pattern(10, 65 << 10)],
        vec![pattern(11, 10 << 20)],
        vec![
            b"small beside big".to_vec(),
            pattern(12, 1 << 20),
            vec![],
            pattern(13, 65 << 10),
        ],
        text("the last one"),
    ]
}
