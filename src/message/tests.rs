//! Frames around the inline border, and messages from everything that reads as bytes.

use bytes::Bytes;

use super::*;

#[test]
fn a_message_fills_eleven_words() {
    assert_eq!(std::mem::size_of::<Frame>(), 80);
    assert_eq!(std::mem::size_of::<Message>(), 88);
}

#[test]
fn frames_keep_every_length_around_the_inline_border() {
    for len in [0, 1, 63, 64, 65, 66, 255, 256, 1 << 20] {
        let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
        for frame in [
            Frame::copy_from_slice(&bytes),
            Frame::from(bytes.clone()),
            Frame::from(Bytes::from(bytes.clone())),
        ] {
            assert_eq!(frame, bytes);
            assert_eq!(frame.shared().is_some(), len > INLINE_CAPACITY);
            assert_eq!(Vec::from(frame.clone()), bytes);
            assert_eq!(Bytes::from(frame), bytes);
        }
    }
}

#[test]
fn cloning_a_large_frame_shares_its_storage() {
    let message = Message::from(vec![7u8; 1 << 20]);
    let copy = message.clone();
    assert_eq!(message[0].as_ptr(), copy[0].as_ptr());
}

#[test]
fn everything_that_reads_as_bytes_becomes_a_message() {
    let expected = Message::from("abc");
    assert_eq!(Message::from(String::from("abc")), expected);
    assert_eq!(Message::from(&b"abc"[..]), expected);
    assert_eq!(Message::from(*b"abc"), expected);
    assert_eq!(Message::from(b"abc"), expected);
    assert_eq!(Message::from(b"abc".to_vec()), expected);
    assert_eq!(Message::from(Bytes::from_static(b"abc")), expected);
    assert_eq!(Message::from(Frame::from("abc")), expected);
    let parts = Message::from(["a", "", "c"]);
    assert_eq!(Message::from(vec!["a", "", "c"]), parts);
    assert_eq!(Message::from(&["a", "", "c"][..]), parts);
    assert_eq!(
        Message::from(vec![b"a".to_vec(), vec![], b"c".to_vec()]),
        parts
    );
    assert_eq!(
        Message::from(vec![Bytes::from("a"), Bytes::new(), Bytes::from("c")]),
        parts
    );
    assert_eq!(
        ["a", "", "c"]
            .iter()
            .map(|s| s.to_string())
            .collect::<Message>(),
        parts
    );
    assert_eq!(
        Message::from(&[String::from("a"), String::new(), String::from("c")][..]),
        parts
    );
}

#[test]
fn frames_are_pushed_and_popped_at_both_ends() {
    let mut message = Message::from("body");
    message.push_front("");
    message.push_front("id");
    message.push_back("end");
    assert_eq!(message, Message::from(["id", "", "body", "end"]));
    assert_eq!(message.pop_front().unwrap(), "id");
    assert_eq!(message.pop_back().unwrap(), "end");
    assert_eq!(message.pop_front().unwrap(), "");
    assert_eq!(message.pop_front().unwrap(), "body");
    assert_eq!(message.pop_front(), None);
    assert!(message.is_empty());
    let mut single = Message::from("x");
    assert_eq!(single.pop_front().unwrap(), "x");
    assert!(single.is_empty());
}

#[test]
fn debug_output_is_short_and_readable() {
    assert_eq!(
        format!("{:?}", Message::from(["a", "b"])),
        r#"Message["a", "b"]"#
    );
    assert_eq!(format!("{:?}", Frame::from([0u8, 255])), "0x00ff");
    assert!(format!("{:?}", Frame::from(vec![0u8; 1 << 20])).len() < 200);
}
