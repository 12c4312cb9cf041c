//! Requests and replies, proxies, monitors, measurements, completions and the manual.

use serde_json::Value;

use crate::common::{within, LIMIT};
use crate::run::{command, run, start, start_bound, start_command};

#[test]
fn each_request_is_answered_as_asked_for() {
    within(LIMIT, || {
        let ask = |rep: &str, expected: &str| {
            let (rep, endpoint) = start_bound(&format!("rep -n 2 {rep}"));
            let asked = run(&format!("req {endpoint}"), b"one\ntwo\n");
            assert_eq!(asked.printed(), expected);
            assert_eq!(rep.end().printed(), "");
        };
        ask("--echo", "one\ntwo\n");
        ask("--reply yes", "yes\nyes\n");
        ask("--reply a --reply b", "a\tb\na\tb\n");
        ask("--exec rev", "eno\nowt\n");
    });
}

#[test]
fn a_command_sees_frames_and_gives_frames() {
    within(LIMIT, || {
        let mut rep = command("rep -n 2 -f json --bind tcp://127.0.0.1:*");
        rep.args(["--exec", "grep -v two"]);
        let rep = start_command(rep);
        let endpoint = rep.bound();
        let input = b"[\"1\",{\"hex\":\"ff00\"}]\n[\"two\"]\n";
        let asked = run(&format!("req {endpoint} -f json"), input);
        // The second command finds nothing, which is its failure.
        assert_eq!(asked.printed(), "[\"1\",{\"hex\":\"ff00\"}]\n[\"\"]\n");
        let end = rep.end();
        assert_eq!(end.code, Some(0));
        assert!(end.stderr.starts_with("zc: grep -v two: exit status: 1"));
    });
}

#[test]
fn a_command_may_read_and_write_more_than_a_pipe_holds() {
    within(LIMIT, || {
        let (rep, endpoint) = start_bound("rep -n 1 -f raw --exec cat");
        let request = vec![b'x'; 1 << 20];
        let asked = run(&format!("req {endpoint} -f raw"), &request);
        assert_eq!(asked.printed().as_bytes(), request);
        assert_eq!(rep.end().printed(), "");
    });
}

#[test]
fn replies_can_be_typed() {
    within(LIMIT, || {
        let (mut rep, endpoint) = start_bound("rep -n 1");
        let req = start(&format!("req {endpoint} -m what"));
        assert_eq!(rep.line(), "what");
        rep.write(b"that\n");
        assert_eq!(req.end().printed(), "that\n");
        assert_eq!(rep.end().printed(), "");
    });
}

#[test]
fn a_proxy_forwards_until_it_is_ended_and_tells_how_much() {
    within(LIMIT, || {
        let any = "tcp://127.0.0.1:*";
        let proxy = start(&format!("proxy {any} {any} --capture {any}"));
        let (capture, front, back) = (proxy.bound(), proxy.bound(), proxy.bound());
        let copies = start(&format!("sub {capture} -n 1 -f multipart"));
        let rep = start(&format!("rep {back} --echo"));
        // A subscription takes a moment to arrive: requests until one is copied.
        let mut asked = 0;
        while copies.stdout.try_recv().is_err() {
            let reply = run(&format!("req {front} --routing-id r -m hello"), b"");
            assert_eq!(reply.printed(), "hello\n");
            asked += 1;
        }
        drop(rep);
        proxy.signal("TERM");
        let end = proxy.end();
        assert_eq!(end.code, Some(0));
        let bytes = 6 * asked;
        let total = format!(
            "zc: forwarded {asked} messages ({bytes} bytes) forth, {asked} ({bytes} bytes) back\n"
        );
        assert_eq!(end.stderr, total);
    });
}

#[test]
fn a_forwarder_carries_topics_between_bound_ends() {
    within(LIMIT, || {
        let (mut publisher, origin) = start_bound("pub --wait-subscribed 1");
        let proxy = start(&format!(
            "proxy -p forwarder --connect-front {origin} tcp://127.0.0.1:*"
        ));
        let sub = start(&format!("sub {} -n 1", proxy.bound()));
        publisher.write(b"news\n");
        assert_eq!(sub.end().printed(), "news\n");
        assert_eq!(publisher.end().printed(), "");
    });
}

#[test]
fn a_monitor_prints_events_as_json() {
    within(LIMIT, || {
        let (monitor, endpoint) = start_bound("monitor pull --json -n 3");
        let push = start(&format!("push {endpoint} -m x"));
        let printed = monitor.end().printed();
        drop(push);
        let events: Vec<Value> = printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let names = ["listening", "accepted", "handshake_succeeded"];
        let found: Vec<&Value> = events.iter().map(|event| &event["event"]).collect();
        assert_eq!(found, names);
        assert_eq!(events[0]["endpoint"], endpoint);
        assert_eq!(events[2]["peer"]["type"], "PUSH");
        assert_eq!(events[2]["peer"]["zmtp"], "3.1");
    });
}

#[test]
fn two_benches_measure_throughput_and_latency() {
    within(LIMIT, || {
        let measured = |local: &str, remote: &str| {
            let local = start(&format!("bench {local} -n 500 -s 10 tcp://127.0.0.1:*"));
            let endpoint = local.bound();
            let remote = run(&format!("bench {remote} -n 500 -s 10 {endpoint}"), b"");
            let printed = [local.end().printed(), remote.printed()].concat();
            serde_json::from_str::<Value>(&printed).unwrap()
        };
        let throughput = measured("local-thr --json", "remote-thr");
        assert_eq!(
            (&throughput["count"], &throughput["size"]),
            (&500.into(), &10.into())
        );
        assert!(throughput["messages_per_second"].as_f64().unwrap() > 0.0);
        let latency = measured("local-lat", "remote-lat --json");
        let trip = &latency["round_trip_us"];
        let [half, most, worst] = ["p50", "p99", "max"].map(|name| trip[name].as_f64().unwrap());
        assert!(0.0 < half && half <= most && most <= worst, "{latency}");
    });
}

#[test]
fn progress_counts_on_standard_error() {
    within(LIMIT, || {
        let (pull, endpoint) = start_bound("pull --progress");
        let push = start(&format!("push {endpoint} -m x --rate 100"));
        pull.hears_of(" received, ");
        drop(push);
    });
}

#[test]
fn completions_and_the_manual_name_every_command() {
    within(LIMIT, || {
        for shell in ["bash", "zsh", "fish"] {
            let text = run(&format!("completions {shell}"), b"").printed();
            assert!(text.contains("dealer") && text.contains("curve-server"));
        }
        let page = run("man", b"").printed();
        assert!(
            page.contains(".TH zc 1") && page.contains("zc\\-dealer(1)"),
            "{page}"
        );
        assert!(page.contains("Exit codes:"));
        let page = run("man dealer", b"").printed();
        assert!(page.contains(".TH zc-dealer 1"), "{page}");
        assert!(page.contains("\\-\\-curve\\-server"));
        assert!(run("man other", b"").failed(2).contains("no such command"));
    });
}

#[test]
fn help_has_examples_and_exit_codes() {
    within(LIMIT, || {
        let help = run("--help", b"").printed();
        assert!(
            help.contains("zc rep --bind tcp://*:5556 --exec") && help.contains("143: SIGTERM")
        );
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "{help}"
        );
        assert!(run("push --help", b"")
            .printed()
            .contains("--wait-connected"));
    });
}
