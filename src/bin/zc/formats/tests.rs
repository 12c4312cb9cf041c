//! Every format in both directions.

use super::*;

/// Messages with whatever a frame may hold.
fn messages() -> Vec<Message> {
    let all: Vec<u8> = (0..=255).collect();
    vec![
        "text".into(),
        "".into(),
        Message::from([Frame::from(all), Frame::default()]),
        Message::from(["", "a\tb", "c\nd\\", "é", ""]),
        Message::from([Frame::default(), Frame::default()]),
    ]
}

fn read_all(input: &[u8], format: Format, socket_type: SocketType) -> Result<Vec<Message>, String> {
    let mut input = Input::new(input, Shape::new(format, socket_type));
    let mut read = Vec::new();
    while let Some(message) = input.next().map_err(|error| error.to_string())? {
        read.push(message);
    }
    Ok(read)
}

fn write_all(messages: &[Message], format: Format, socket_type: SocketType) -> Vec<u8> {
    let mut written = Vec::new();
    for message in messages {
        Shape::new(format, socket_type).write(message, &mut written);
    }
    written
}

#[test]
fn every_message_comes_back_from_multipart_hex_and_json() {
    for format in [Format::Multipart, Format::Hex, Format::Json] {
        for socket_type in [SocketType::Push, SocketType::Router] {
            let written = write_all(&messages(), format, socket_type);
            let lines = written.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines, messages().len(), "{format:?}");
            let read = read_all(&written, format, socket_type);
            assert_eq!(read, Ok(messages()), "{format:?}");
        }
    }
}

#[test]
fn a_line_is_one_frame_and_keeps_its_bytes() {
    let lines = b"one\ntab\there\r\n\n\xff\x00\nlast".as_slice();
    let frames: [&[u8]; 5] = [b"one", b"tab\there\r", b"", b"\xff\x00", b"last"];
    let expected: Vec<Message> = frames.map(|frame| Message::from(Frame::from(frame))).into();
    let read = read_all(lines, Format::Line, SocketType::Push);
    assert_eq!(read.as_ref(), Ok(&expected));
    let written = write_all(&expected, Format::Line, SocketType::Pull);
    assert_eq!(written, [lines, b"\n".as_slice()].concat());
}

#[test]
fn a_line_to_a_router_names_the_peer_before_a_tab() {
    let message = Message::from([Frame::from(b"\x00\x80id".as_slice()), "a\tb".into()]);
    let written = write_all(
        std::slice::from_ref(&message),
        Format::Line,
        SocketType::Router,
    );
    assert_eq!(String::from_utf8_lossy(&written), "\\x00\\x80id\ta\tb\n");
    let read = read_all(&written, Format::Line, SocketType::Router);
    assert_eq!(read, Ok(vec![message]));
    let refused = read_all(b"no id\n", Format::Line, SocketType::Router);
    assert!(refused.is_err_and(|error| error.starts_with("line 1: ")));
}

#[test]
fn raw_is_one_message_and_writes_nothing_between_frames() {
    let input = b"a\nb\0\n".as_slice();
    let read = read_all(input, Format::Raw, SocketType::Push);
    assert_eq!(read, Ok(vec![Message::from(Frame::from(input))]));
    let written = write_all(&messages()[3..], Format::Raw, SocketType::Pull);
    assert_eq!(written, "a\tbc\nd\\é".as_bytes());
}

#[test]
fn json_takes_a_frame_by_itself_and_tells_the_line_of_a_fault() {
    let read = read_all(
        b"\"one\"\n{\"hex\":\"00FF\"}\n",
        Format::Json,
        SocketType::Push,
    );
    let second = Message::from(Frame::from(b"\x00\xff".as_slice()));
    assert_eq!(read, Ok(vec!["one".into(), second]));
    for fault in [
        "[]",
        "[1]",
        "nothing",
        "{\"hex\":\"0\"}",
        "{\"base64\":\"\"}",
        "[\"a\"",
        "",
    ] {
        let input = format!("\"fine\"\n{fault}\n");
        let read = read_all(input.as_bytes(), Format::Json, SocketType::Push);
        assert!(
            read.is_err_and(|error| error.starts_with("line 2: ")),
            "{fault}"
        );
    }
}

#[test]
fn frames_of_the_command_line_are_text_unless_the_format_has_escapes() {
    let frames = [r"\x41".to_string(), "0aff".into()];
    let read = |format, socket_type| Shape::new(format, socket_type).read_frames(&frames);
    let expected = Ok(Message::from([r"\x41", "0aff"]));
    assert_eq!(read(Format::Line, SocketType::Push), expected);
    let expected = Ok(Message::from(["A", "0aff"]));
    assert_eq!(read(Format::Line, SocketType::Router), expected);
    assert_eq!(read(Format::Multipart, SocketType::Push), expected);
    assert!(read(Format::Hex, SocketType::Push).is_err());
}
