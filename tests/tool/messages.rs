//! Messages through the tool: every type of socket, every format.

use std::fs;

use crate::common::{within, Folder, LIMIT};
use crate::run::{run, start, start_bound};

#[test]
fn lines_of_standard_input_come_out_of_the_other_tool() {
    within(LIMIT, || {
        let (pull, endpoint) = start_bound("pull -n 3");
        let sent = run(&format!("push {endpoint}"), b"one\n\nthree");
        assert_eq!(sent.printed(), "");
        assert_eq!(pull.end().printed(), "one\n\nthree\n");
    });
}

#[test]
fn arbitrary_bytes_survive_json_hex_and_multipart() {
    within(LIMIT, || {
        let all: Vec<String> = (0..=255).map(|byte| format!("{byte:02x}")).collect();
        let all = all.concat();
        // Text, an empty frame, all bytes, a message of empty frames.
        let sent = format!("7465787420c3a9\n- {all} -\n- -\nff\n");
        let mut text = sent.clone();
        for (from, to) in [
            ("hex", "json"),
            ("json", "multipart"),
            ("multipart", "json"),
            ("json", "hex"),
        ] {
            let (pull, endpoint) = start_bound(&format!("pull -n 4 -f {to}"));
            let pushed = run(&format!("push {endpoint} -f {from}"), text.as_bytes());
            assert_eq!(pushed.printed(), "", "{from} to {to}");
            text = pull.end().printed();
            assert_eq!(text.lines().count(), 4, "{from} to {to}: {text}");
            assert_eq!(text.contains("text é"), to != "hex", "{to}: {text}");
        }
        assert_eq!(text, sent);
    });
}

#[test]
fn a_message_of_the_command_line_is_sent_count_times() {
    within(LIMIT, || {
        let (pull, endpoint) = start_bound("pull -n 4 -f json");
        let push = |more: &str| run(&format!("push {endpoint} {more}"), b"").printed();
        push("-m -1 -m two");
        push("-m a -n 2 --rate 1000");
        push("-f hex -m 00ff");
        let expected = "[\"-1\",\"two\"]\n[\"a\"]\n[\"a\"]\n[{\"hex\":\"00ff\"}]\n";
        assert_eq!(pull.end().printed(), expected);
    });
}

#[test]
fn a_count_ends_what_is_read_and_an_interval_is_kept() {
    within(LIMIT, || {
        let (pull, endpoint) = start_bound("pull -n 3");
        let begun = std::time::Instant::now();
        let pushed = run(
            &format!("push {endpoint} -n 3 --interval 30ms"),
            b"1\n2\n3\n4\n5\n",
        );
        assert_eq!(pushed.printed(), "");
        assert!(begun.elapsed() >= std::time::Duration::from_millis(60));
        assert_eq!(pull.end().printed(), "1\n2\n3\n");
    });
}

#[test]
fn files_are_sent_one_after_the_other_and_raw_ones_whole() {
    within(LIMIT, || {
        let folder = Folder::new();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let (one, two) = (file("one", "1\n2\n"), file("two", "3"));
        let (pull, endpoint) = start_bound("pull -n 5 -f json");
        let sent = run(&format!("push {endpoint} --file {one} --file -"), b"-\n");
        assert_eq!(sent.printed(), "");
        let sent = run(
            &format!("push {endpoint} -f raw --file {one} --file {two}"),
            b"",
        );
        assert_eq!(sent.printed(), "");
        let expected = "[\"1\"]\n[\"2\"]\n[\"-\"]\n[\"1\\n2\\n\"]\n[\"3\"]\n";
        assert_eq!(pull.end().printed(), expected);
    });
}

#[test]
fn a_sub_prints_what_it_has_subscribed_to() {
    within(LIMIT, || {
        let (mut publisher, endpoint) = start_bound("pub --wait-subscribed 2 -f multipart");
        let sub = start(&format!("sub {endpoint} -s a -s c -n 2 -f multipart"));
        let all = start(&format!("sub {endpoint} -n 3"));
        publisher.write(b"a\t1\nb\t2\nc\t3\n");
        assert_eq!(publisher.end().printed(), "");
        assert_eq!(sub.end().printed(), "a\t1\nc\t3\n");
        assert_eq!(all.end().printed(), "a\t1\nb\t2\nc\t3\n");
    });
}

#[test]
fn an_xpub_prints_subscriptions_and_an_xsub_may_send() {
    within(LIMIT, || {
        let (xpub, endpoint) = start_bound("xpub -n 2 -f multipart -m tea");
        let mut xsub = start(&format!("xsub {endpoint} -s t -n 1"));
        assert_eq!(xpub.line(), "\\x01t");
        xsub.write(b"up\n");
        assert_eq!(xpub.line(), "up");
        drop(xsub);
        assert_eq!(xpub.end().code, Some(0));
    });
}

#[test]
fn a_router_shows_and_takes_routing_ids() {
    within(LIMIT, || {
        let (mut router, endpoint) = start_bound("router -n 2 -f multipart");
        let dealer = start(&format!(
            "dealer {endpoint} --routing-id b\\x00b -n 1 -f json -m hi"
        ));
        assert_eq!(router.line(), "b\\x00b\thi");
        router.write(b"b\\x00b\tthere\n");
        assert_eq!(dealer.end().printed(), "[\"there\"]\n");
        let request = start(&format!("req {endpoint} --routing-id q -m what"));
        assert_eq!(router.line(), "q\t\twhat");
        router.write(b"q\t\tthat\n");
        assert_eq!(request.end().printed(), "that\n");
        assert_eq!(router.end().printed(), "");
    });
}

#[test]
fn a_message_to_an_unknown_peer_is_told_of_and_others_are_served() {
    within(LIMIT, || {
        let (mut router, endpoint) = start_bound("router -n 1");
        let dealer = start(&format!("dealer {endpoint} --routing-id d -n 1 -m hi"));
        assert_eq!(router.line(), "d\thi");
        router.write(b"gh\\x00st\tboo\nd\tthere\n");
        assert_eq!(dealer.end().printed(), "there\n");
        let end = router.end();
        assert_eq!(end.code, Some(4));
        let told = "zc: gh\\x00st: no peer has this routing id\nzc: 1 message was not delivered\n";
        assert_eq!(end.stderr, told);
    });
}

#[test]
fn peers_with_two_directions_talk() {
    within(LIMIT, || {
        for (one, other) in [
            ("pair", "pair"),
            ("channel", "channel"),
            ("dealer", "dealer"),
        ] {
            let (one, endpoint) = start_bound(&format!("{one} -n 1 -m ping"));
            let other = run(&format!("{other} {endpoint} -n 1 -m pong"), b"");
            assert_eq!(other.printed(), "ping\n");
            assert_eq!(one.end().printed(), "pong\n");
        }
    });
}

#[test]
fn the_draft_types_work_as_well() {
    within(LIMIT, || {
        let (gather, endpoint) = start_bound("gather -n 1");
        assert_eq!(run(&format!("scatter {endpoint} -m s"), b"").printed(), "");
        assert_eq!(gather.end().printed(), "s\n");

        let (mut server, endpoint) = start_bound("server -n 1");
        let client = start(&format!("client {endpoint} -n 1 -m who"));
        let line = server.line();
        let id = line.strip_suffix("\twho").expect(&line);
        server.write(format!("{id}\tme\n").as_bytes());
        assert_eq!(client.end().printed(), "me\n");

        let (mut radio, endpoint) = start_bound("radio --wait-subscribed 1");
        let dish = start(&format!("dish {endpoint} -j b -n 1"));
        radio.write(b"a\tno\nb\tyes\n");
        assert_eq!(dish.end().printed(), "b\tyes\n");
        assert_eq!(radio.end().printed(), "");
    });
}

#[test]
fn a_stream_talks_to_plain_tcp() {
    use std::io::{Read, Write};
    within(LIMIT, || {
        let (mut stream, endpoint) = start_bound("stream -n 2");
        let address = endpoint.strip_prefix("tcp://").unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"GET /").unwrap();
        let connected = stream.line();
        assert_eq!(stream.line(), format!("{connected}\tGET /"));
        stream.write(format!("{connected}\t404\n").as_bytes());
        let mut answer = [0; 3];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"404");
    });
}
