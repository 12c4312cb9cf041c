//! How the tool ends: exit codes, signals, pipes that break.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::{within, LIMIT};
use crate::run::{command, run, start, start_bound};

/// Nothing listens there: port 1 needs a privilege.
const NOWHERE: &str = "tcp://127.0.0.1:1";

#[test]
fn a_timeout_is_exit_code_3() {
    within(LIMIT, || {
        let fails = |arguments: &str, input: &[u8], what: &str| {
            let why = run(&format!("{arguments} -t 50ms"), input).failed(3);
            assert_eq!(why, format!("zc: timeout: {what}"), "{arguments}");
        };
        fails(&format!("pull {NOWHERE}"), b"", "no message has come");
        fails(&format!("req {NOWHERE} -m x"), b"", "no reply has come");
        fails(&format!("rep {NOWHERE} --echo"), b"", "no request has come");
        fails(
            &format!("push {NOWHERE} --hwm 1"),
            b"1\n2\n3\n4\n",
            "no room for a message",
        );
        fails(
            &format!("push {NOWHERE} -m x --wait-connected 1"),
            b"",
            "no peer is connected",
        );
        fails(
            &format!("pub {NOWHERE} -m x --wait-subscribed 1"),
            b"",
            "no peer has subscribed",
        );
        let (monitor, _) = start_bound("monitor pull -t 50ms");
        let end = monitor.end();
        assert_eq!(
            (end.code, end.stderr.as_str()),
            (Some(3), "zc: timeout: no event has come\n")
        );
    });
}

#[test]
fn what_stays_undelivered_is_exit_code_4() {
    within(LIMIT, || {
        let why = run(&format!("push {NOWHERE} -m x --linger 50ms"), b"").failed(4);
        assert_eq!(why, "zc: 1 message was not delivered");
        let why = run(&format!("push {NOWHERE} --linger 0"), b"1\n2\n").failed(4);
        assert_eq!(why, "zc: 2 messages were not delivered");
    });
}

#[test]
fn wrong_usage_is_exit_code_2() {
    within(LIMIT, || {
        for arguments in [
            "",
            "push",
            "shove tcp://127.0.0.1:1",
            "push tcp://127.0.0.1:1 --format yaml",
            "push tcp://127.0.0.1:1 --timeout soon",
            "push tcp://127.0.0.1:1 --rate 1 --interval 1s",
            "push tcp://127.0.0.1:1 -m a --file b",
            "rep tcp://127.0.0.1:1 --echo --reply a",
            "pull tcp://127.0.0.1:1 --curve keys",
            "pull tcp://127.0.0.1:1 -m x",
            "monitor pip tcp://127.0.0.1:1",
        ] {
            let end = run(arguments, b"");
            assert_eq!((end.code, end.stdout), (Some(2), Vec::new()), "{arguments}");
        }
        for (arguments, reason) in [
            ("push 127.0.0.1:1 -m x", "the scheme is missing"),
            (
                "push tcp://127.0.0.1:* -m x",
                "a wildcard is valid for bind only",
            ),
            ("pull --bind tcp://127.0.0.1", "the port is missing"),
            ("push tcp://127.0.0.1:1 -f hex -m xy", "hexadecimal digits"),
            (
                "push tcp://127.0.0.1:1 --plain user -m x",
                "expected USER:PASSWORD",
            ),
        ] {
            let why = run(arguments, b"").failed(2);
            assert!(why.contains(reason), "{arguments}: {why}");
        }
    });
}

#[test]
fn faults_on_the_way_are_exit_code_1_and_tell_the_place() {
    within(LIMIT, || {
        let (_pull, endpoint) = start_bound("pull");
        let why = run(&format!("push {endpoint} -f json"), b"\"a\"\nb\n").failed(1);
        assert!(why.starts_with("zc: standard input: line 2: "), "{why}");
        let why = run(&format!("push {endpoint} --file /nowhere/file"), b"").failed(1);
        assert!(why.starts_with("zc: /nowhere/file: No such file"), "{why}");
        let why = run(&format!("pull --bind {endpoint}"), b"").failed(1);
        assert_eq!(why, format!("zc: {endpoint} is in use"));
        let (rep, endpoint) = start_bound("rep");
        let req = start(&format!("req {endpoint} -m x"));
        assert_eq!(rep.line(), "x");
        let why = rep.end().stderr;
        assert_eq!(why, "zc: no reply is left for this request\n");
        drop(req);
    });
}

#[test]
fn a_signal_ends_what_has_no_end_with_0_and_all_else_with_its_number() {
    within(LIMIT, || {
        let ends = |arguments: &str, signal: &str, code: i32| {
            let (tool, _) = start_bound(arguments);
            tool.signal(signal);
            let end = tool.end();
            assert_eq!(end.code, Some(code), "{arguments}: {end:?}");
        };
        ends("pull", "INT", 0);
        ends("sub", "TERM", 0);
        ends("rep --echo", "INT", 0);
        ends("pub -m x --interval 10ms", "INT", 0);
        ends("pull -n 1", "INT", 130);
        ends("pull -n 1", "TERM", 143);
        ends("req -m x", "INT", 130);
    });
}

#[test]
fn a_signal_ends_it_while_standard_input_is_open() {
    within(LIMIT, || {
        let (pull, endpoint) = start_bound("pull -n 1");
        let mut push = start(&format!("push {endpoint}"));
        push.write(b"before\n");
        assert_eq!(pull.line(), "before");
        push.signal("INT");
        push.hears_of("interrupted");
    });
}

#[test]
fn what_was_received_before_a_signal_is_printed() {
    within(LIMIT, || {
        let (pull, endpoint) = start_bound("pull -f hex");
        assert_eq!(run(&format!("push {endpoint}"), b"1\n2\n").printed(), "");
        assert_eq!(pull.line(), "31");
        assert_eq!(pull.line(), "32");
        pull.signal("INT");
        assert_eq!(pull.end().printed(), "");
    });
}

#[test]
fn a_signal_ends_waiting_for_a_peer_that_does_not_come() {
    within(LIMIT, || {
        let push = start(&format!("push {NOWHERE} -v -m x"));
        // By then the message was accepted long ago.
        push.hears_of("connect_retried");
        push.hears_of("connect_retried");
        push.signal("INT");
        let end = push.end();
        assert_eq!(end.code, Some(4), "{end:?}");
        // Events are printed by another thread, before or after.
        let mut lines = end.stderr.lines();
        assert!(
            lines.any(|line| line == "zc: 1 message was not delivered"),
            "{end:?}"
        );
    });
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    within(LIMIT, || {
        let mut pull = command("pull --bind tcp://127.0.0.1:*");
        pull.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut pull = pull.spawn().unwrap();
        let mut stderr = BufReader::new(pull.stderr.take().unwrap());
        let mut bound = String::new();
        stderr.read_line(&mut bound).unwrap();
        let endpoint = bound.trim().strip_prefix("zc: bound to ").unwrap();
        let _push = start(&format!("push {endpoint} -m x --rate 1000"));
        let mut stdout = BufReader::new(pull.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "x\n");
        drop(stdout);
        let mut more = String::new();
        stderr.read_line(&mut more).unwrap();
        assert_eq!((pull.wait().unwrap().code(), more.as_str()), (Some(0), ""));
    });
}
