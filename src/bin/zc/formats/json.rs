//! A message as a line of JSON: an array of its frames. A frame is a string, or if it is no UTF-8 an
//! object with its bytes in hexadecimal, `{"hex": "00ff"}`.

use serde_json::{Map, Value};
use zmq_channels::{Frame, Message};

use super::hex;

/// One line, with its end.
pub(crate) fn write(message: &Message, into: &mut Vec<u8>) {
    let frames = message.iter().map(|frame| frame_value(frame));
    let value = Value::Array(frames.collect());
    into.extend(value.to_string().as_bytes());
    into.push(b'\n');
}

/// A frame as a string or as `{"hex": …}`.
pub(crate) fn frame_value(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => {
            let mut digits = Vec::with_capacity(2 * bytes.len());
            hex::encode(bytes, &mut digits);
            let digits = String::from_utf8_lossy(&digits).into_owned();
            Value::Object(Map::from_iter([("hex".into(), digits.into())]))
        }
    }
}

/// A message from a line: an array of frames, or the only frame by itself.
pub(crate) fn read(line: &[u8]) -> Result<Message, String> {
    let value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    match value {
        Value::Array(frames) if frames.is_empty() => Err("a message has at least one frame".into()),
        Value::Array(frames) => frames
            .into_iter()
            .map(frame)
            .collect::<Result<Vec<Frame>, String>>()
            .map(Message::from),
        value => frame(value).map(Message::from),
    }
}

fn frame(value: Value) -> Result<Frame, String> {
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Object(object) if object.len() == 1 => match object.get("hex") {
            Some(Value::String(digits)) => hex::decode(digits.as_bytes()).map(Frame::from),
            _ => Err(NO_FRAME.into()),
        },
        _ => Err(NO_FRAME.into()),
    }
}

const NO_FRAME: &str = r#"a frame is a string or {"hex": "00ff"}"#;
