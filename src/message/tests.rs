//! Frames around the inline border, and messages from everything that reads as bytes.

use bytes::Bytes;

use super::*;

mod peers;

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
fn tuples_of_two_to_six_become_frames_in_their_order() {
    let all = ["a", "b", "c", "d", "e", "f"];
    let expected = |count: usize| Message::from(&all[..count]);
    let owned = (String::from("c"), Bytes::from("d"));
    assert_eq!(Message::from(("a", b"b")), expected(2));
    assert_eq!(Message::from(("a", b"b", "c")), expected(3));
    assert_eq!(Message::from(("a", b"b", owned.0, owned.1)), expected(4));
    let frame = Frame::from("e");
    assert_eq!(Message::from(("a", [b'b'], "c", "d", &frame)), expected(5));
    let vector = vec![b'f'];
    assert_eq!(
        Message::from(("a", *b"b", "c", "d", frame, vector)),
        expected(6)
    );
}

#[test]
fn text_and_display_are_those_of_the_frames() {
    let long = "ü".repeat(INLINE_CAPACITY);
    for text in ["", "plain", "line\nline", &long] {
        let frame = Frame::from(text);
        assert_eq!(frame.as_str(), Some(text));
        assert_eq!(frame.to_string(), text);
        assert_eq!(Message::from(frame).to_string(), text);
    }
    let latin = Frame::from(b"caf\xe9");
    assert_eq!(latin.as_str(), None);
    assert_eq!(latin.to_string(), "caf\u{fffd}");
    assert_eq!(
        format!("{:>4}|{:<3}|", Frame::from("ab"), Message::from("c")),
        "  ab|c  |"
    );
    assert_eq!(Message::from(("id", "", "body")).to_string(), "id, , body");
    assert_eq!(Message::new().to_string(), "");
}

#[test]
fn one_frame_becomes_a_value_and_other_messages_come_back() {
    let tagged = |mut message: Message| {
        message.set_tag(7);
        message
    };
    // However it came to have one frame.
    let mut popped = Message::from(["x", "text", "y"]);
    popped.pop_back();
    popped.pop_front();
    let mut shrunk = Message::from(["text", "y"]);
    shrunk.pop_back();
    for message in [Message::from("text"), popped, shrunk] {
        assert_eq!(String::try_from(message.clone()).unwrap(), "text");
        assert_eq!(Vec::try_from(message.clone()).unwrap(), b"text");
        assert_eq!(Frame::try_from(message).unwrap(), "text");
    }
    for message in [Message::new(), ["a", "b"].into(), ["a", "b", "c"].into()] {
        let error = Vec::<u8>::try_from(tagged(message.clone())).unwrap_err();
        assert_eq!(error, FromMessageError::FrameCount(message.clone()));
        let text = error.to_string();
        assert!(text.contains(&message.len().to_string()), "{text}");
        let inner = error.into_inner();
        assert_eq!((inner.tag(), &inner), (7, &message));
        assert!(String::try_from(message).is_err());
    }
    let large = [&[0xFF][..], &[b'a'; 1000]].concat();
    let error = String::try_from(tagged(large.clone().into())).unwrap_err();
    assert!(matches!(error, FromMessageError::NotUtf8(_)));
    let inner = error.into_inner();
    assert_eq!((inner.tag(), inner), (7, large.into()));
}

#[test]
fn messages_are_collected_extended_and_iterated() {
    let mut message = Message::new();
    message.extend(["a"]);
    assert!(
        matches!(message.body, Body::One(_)),
        "no vector for one frame"
    );
    message.extend(vec![b"b".to_vec(), b"c".to_vec()]);
    message.push("d");
    message.extend(Vec::<Frame>::new());
    assert_eq!(message, ["a", "b", "c", "d"].into());
    let by_reference: Message = (&message).into_iter().collect();
    assert_eq!(by_reference, message);
    let texts: Vec<String> = message.iter().map(Frame::to_string).collect();
    assert_eq!(texts, ["a", "b", "c", "d"]);
    assert_eq!(message.into_iter().rev().collect::<Message>()[0], "d");
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
