//! Each rule against small broken examples, where it must not be silent.

use crate::code::code_only;
use crate::documents::{missing_tests, undescribed_kinds};
use crate::links::{dead_headings, dead_links, links_without_a_host};
use crate::neighbours::counting_neighbours;
use crate::{
    avoided_words, beyond_the_clock, crowding_the_root, listings, overgrown, oversize, pointing_up,
    pointing_up_inside, reaching_out, sleeping, test_modules, unfinished, unintroduced,
    unjustified, unproven_unsafe, Source, MAX_COLUMNS, MAX_FIELDS, MAX_FUNCTION_LINES, MAX_LINES,
    MAX_ROOT_NAMES, MAX_TEST_LINES,
};

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.into(),
        text: text.into(),
    }
}

/// Expects one complaint per line of `lines`, in order.
fn caught(complaints: &[String], path: &str, lines: &[usize]) {
    let starts: Vec<String> = lines
        .iter()
        .map(|line| format!("{path}:{line}: "))
        .collect();
    let as_expected = complaints.len() == starts.len()
        && complaints
            .iter()
            .zip(&starts)
            .all(|(complaint, start)| complaint.starts_with(start));
    assert!(
        as_expected,
        "expected complaints at {starts:?}, got {complaints:#?}"
    );
}

#[test]
fn an_import_that_points_up_inside_a_module_is_caught() {
    let check = |path: &str, text: &str, lines: &[usize]| {
        let tests = [vec!["sync".to_owned(), "testing".to_owned()]];
        caught(
            &pointing_up_inside(&source(path, text), &tests),
            path,
            lines,
        );
    };
    let (queue, port) = ("src/sync/bounded/mod.rs", "src/port/sender.rs");
    check(queue, "use crate::sync::primitives::Mutex;", &[]);
    check(queue, "use super::duplex::Duplex;", &[1]);
    check(
        "src/sync/bounded/near.rs",
        "use super::super::parker::Parker;\nuse super::Head;\nuse super::super::duplex::Duplex;",
        &[3],
    );
    check(
        "src/driver/spin.rs",
        "use super::{\n    demand::Demand,\n    wait::WaitSetup,\n};",
        &[3],
    );
    check(
        "src/driver/spin.rs",
        "use crate::driver::wait::WaitSetup;",
        &[1],
    );
    check(port, "use super::shared::Ports;", &[]);
    check(port, "use super::receiver::Receiver;", &[1]);
    check(port, "use super::forward::Relay;", &[1]);
    check("src/port/feed.rs", "use super::forward::Relay;", &[1]);
    check("src/port/mod.rs", "use sender::Sender;", &[]);
    check("src/sync/testing.rs", "use super::duplex::Duplex;", &[]);
    // Those of one circle may, until they are cut apart; of others on their floor none may.
    let pipe = "use crate::pump::socket::Filter;\nuse crate::pump::dialer::Dialer;";
    check("src/pump/pipe/mod.rs", pipe, &[2]);
    check("src/pump/command.rs", "use super::pipe::Loss;", &[1]);
    check(
        queue,
        "#[cfg(test)]\nmod tests {\n    use crate::sync::duplex::Duplex;\n}",
        &[],
    );
    check("src/sync/unheard_of.rs", "", &[1]);
    check("src/wire/frame.rs", "use super::decoder::Decoder;", &[]);
}

#[test]
fn an_import_that_points_up_is_caught() {
    let lib = source(
        "src/lib.rs",
        "mod message;\npub mod error;\npub use message::{Frame, Message as M};\npub use socket::Socket;",
    );
    let error = source("src/error.rs", "pub use crate::proxy::ProxyError;");
    let listings = listings(&[lib, error]);
    let check = |path: &str, text: &str, lines: &[usize]| {
        caught(&pointing_up(&source(path, text), &listings), path, lines);
    };
    // A public module lists what it likes, and imports what is below it; a private one does only that.
    check("src/error.rs", "pub use crate::proxy::ProxyError;", &[]);
    check("src/error.rs", "use crate::proxy::ProxyError;", &[1]);
    check(
        "src/error/send.rs",
        "pub use crate::proxy::ProxyError;",
        &[1],
    );
    check("src/wire/mod.rs", "pub use crate::proxy::ProxyError;", &[1]);
    // A file that imports what is listed imports where it lives.
    check(
        "src/wire/mod.rs",
        "use crate::error::{ProxyError, Refusal};",
        &[1],
    );
    check(
        "src/wire/decoder.rs",
        "use crate::message::Frame;\nuse super::frame::Flags;",
        &[],
    );
    check("src/wire/decoder.rs", "use crate::port::Port;", &[1]);
    check(
        "src/wire/decoder.rs",
        "use crate::{\n    error::Refusal,\n    port::{self, Port},\n};",
        &[3, 3],
    );
    check(
        "src/wire/decoder.rs",
        "fn f() {\n    crate::pump::run();\n}",
        &[2],
    );
    check(
        "src/wire/mod.rs",
        "mod tests { use super::super::port::Port; }",
        &[1],
    );
    check(
        "src/wire/mod.rs",
        "mod tests { use super::port::Port; }",
        &[],
    );
    check("src/port/mod.rs", "use super::wire::Decoder;", &[1]);
    check("src/port/mod.rs", "use super::driver::Driver;", &[]);
    check("src/port/sender.rs", "use super::wire::Decoder;", &[]);
    check("src/port/sender.rs", "use crate::pattern::Push;", &[1]);
    check("src/driver/mod.rs", "use crate::port::Ports;", &[1]);
    check("src/sync/mod.rs", "use crate::driver::Driver;", &[1]);
    check("src/pattern/push.rs", "use crate::wire::Event;", &[1]);
    check("src/pattern/push.rs", "use crate::{Frame, Socket};", &[1]);
    check("src/message.rs", "use crate::wire::Event;", &[1]);
    check(
        "src/pump/listener.rs",
        "use crate::{port::Port, wire::Event, pattern::Push};",
        &[],
    );
    check("src/pump/listener.rs", "use crate::context::Context;", &[1]);
    check(
        "src/socket.rs",
        "use crate::{context::Context, pump::Pump};",
        &[],
    );
    check(
        "src/message.rs",
        "// use crate::pump;\n/* crate::pump */ const S: &str = \"crate::pump\";",
        &[],
    );
}

#[test]
fn a_module_without_a_floor_is_caught() {
    let listings = listings(&[source("src/lib.rs", "")]);
    let newcomer = pointing_up(&source("src/cellar.rs", ""), &listings);
    caught(&newcomer, "src/cellar.rs", &[1]);
    assert!(newcomer[0].ends_with("place it"), "{newcomer:?}");
    caught(
        &pointing_up(
            &source("src/error.rs", "use crate::cellar::Wine;"),
            &listings,
        ),
        "src/error.rs",
        &[1],
    );
}

#[test]
fn a_crowded_root_is_caught() {
    let names = |count: usize| {
        let names: Vec<String> = (0..count).map(|name| format!("    N{name},")).collect();
        let text = format!("pub mod kind;\npub use kind::{{\n{}\n}};", names.join("\n"));
        crowding_the_root(&source("src/lib.rs", &text))
    };
    caught(&names(MAX_ROOT_NAMES), "src/lib.rs", &[]);
    caught(
        &names(MAX_ROOT_NAMES + 1),
        "src/lib.rs",
        &[MAX_ROOT_NAMES + 3],
    );
}

#[test]
fn io_outside_the_pump_is_caught() {
    let check = |path: &str, text: &str, lines: &[usize]| {
        caught(&reaching_out(&source(path, text), &[]), path, lines);
    };
    let clock = "use std::time::Instant;\nfn f(t: Instant) {\n    Instant::now();\n}";
    check("src/wire/heartbeat.rs", clock, &[3]);
    check("src/port/sender.rs", clock, &[]);
    check("src/pump/timers.rs", clock, &[]);
    check("src/socket.rs", "use std::{fs, thread};", &[1, 1]);
    check("src/socket.rs", "use std::time::SystemTime;", &[1]);
    check(
        "src/port/sender.rs",
        "use std::net::{TcpListener, TcpStream};",
        &[1, 1],
    );
    check(
        "src/wire/mod.rs",
        "fn f() { mio::Poll::new(); }\nfn g() { socket2::Socket::new(); }",
        &[1, 2],
    );
    check("src/context.rs", "use std::sync::{Arc, Mutex};", &[1]);
    check("src/message/storage.rs", "use std::sync::Mutex;", &[]);
    check("src/message/frame.rs", "use std::sync::Mutex;", &[1]);
    check(
        "src/pump/ingress.rs",
        "use std::sync::atomic::{AtomicBool, Ordering};",
        &[1],
    );
    check(
        "src/pump/ingress.rs",
        "use std::sync::{Condvar, RwLock};\nuse std::cell::UnsafeCell;",
        &[1, 1, 2],
    );
    check(
        "src/sync/bounded/mod.rs",
        "use std::sync::{atomic::AtomicUsize, Mutex};",
        &[],
    );
    check(
        "src/socket.rs",
        "//! std::thread, Mutex\n/// `Mutex`\nfn f() {}",
        &[],
    );
}

#[test]
fn only_tests_may_do_io_outside_the_pump() {
    let text = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::thread;\n}\nuse std::thread;";
    caught(
        &reaching_out(&source("src/socket.rs", text), &[]),
        "src/socket.rs",
        &[6],
    );
    let text = "#[cfg(test)]\nuse std::thread;\nuse std::fs;";
    caught(
        &reaching_out(&source("src/socket.rs", text), &[]),
        "src/socket.rs",
        &[3],
    );
    let text =
        "#[cfg(test)]\nfn f(a: [u8; 2], b: u8) { thread::spawn(); std::fs::read(); }\nuse std::fs;";
    caught(
        &reaching_out(&source("src/socket.rs", text), &[]),
        "src/socket.rs",
        &[3],
    );
    caught(
        &reaching_out(
            &source("src/socket.rs", "#[cfg(not(test))]\nuse std::fs;"),
            &[],
        ),
        "src/socket.rs",
        &[2],
    );

    let declaring = source("src/pattern/mod.rs", "mod push;\n#[cfg(test)]\nmod kit;");
    let (beside, kit) = (
        source("src/wire/tests.rs", ""),
        source("src/pattern/kit.rs", "use std::thread;"),
    );
    let push = source("src/pattern/push.rs", "use std::thread;");
    let test_modules = test_modules(&[declaring, beside]);
    caught(&reaching_out(&kit, &test_modules), "", &[]);
    caught(
        &reaching_out(&push, &test_modules),
        "src/pattern/push.rs",
        &[1],
    );
    caught(
        &reaching_out(&source("src/wire/tests.rs", "use std::fs;"), &test_modules),
        "",
        &[],
    );
}

#[test]
fn a_sum_with_a_clock_is_caught() {
    let check = |path: &str, text: &str, lines: &[usize]| {
        caught(&beyond_the_clock(&source(path, text), &[]), path, lines);
    };
    check(
        "src/pump/a.rs",
        "fn f() {\n    self.now + pause;\n    Instant::now() + limit / 2;\n    now.checked_add(d);\n}",
        &[2, 3, 4],
    );
    check(
        "src/pump/a.rs",
        "fn f() {\n    pause.mul_f64(0.5);\n}",
        &[2],
    );
    check(
        "src/pump/a.rs",
        "fn f() { self.now + DRAIN_TIME; now - since; known + more; later(now, wait); }",
        &[],
    );
    check("src/pump/a.rs", "#[test]\nfn f() { now + wait; }", &[]);
    check("src/clock.rs", "fn later() { now.checked_add(wait) }", &[]);
}

#[test]
fn unfinished_work_is_caught() {
    let text = [
        "fn f() { to",
        "do!() }\n// FIX",
        "ME: later\n/// XX",
        "X\nconst ZMQ_XX",
        "X: u8 = 0;",
    ]
    .concat();
    caught(
        &unfinished(&source("tests/a.rs", &text)),
        "tests/a.rs",
        &[1, 2, 3],
    );
}

#[test]
fn an_avoided_word_is_caught() {
    let text = [
        "// eight oct",
        "ets\n// No",
        "body waits\nlet bytes = ip.oct",
        "ets();\n// renewed, a",
        "newest\n// a",
        "new",
    ]
    .concat();
    caught(
        &avoided_words(&source("src/a.rs", &text)),
        "src/a.rs",
        &[1, 2, 5],
    );
}

#[test]
fn a_dead_link_is_caught() {
    let text = "[a](Cargo.toml), [b](no-such-file.md)\n[c](https://example.org/no), [d](#here)\n\
                ![e](src/lib.rs) [f](crate::Context)\n[g](no-such-folder/a.md#b)\n\
                # Here\n[h](#not-here)\n";
    caught(
        &dead_links(&source("README.md", text)),
        "README.md",
        &[1, 4, 6],
    );
    let text = "[up](../../Cargo.toml) [beside](Cargo.toml)\n\n[reference]: none.md\n\
                [a](security.md#keys-on-disk) [b](security.md#lost)\n\
                [c](crate::guide::security#keys-on-disk)\n[d](crate::guide::security#lost)\n\
                ```\nlet code = list[0](none.md);\n```\n";
    caught(
        &dead_links(&source("src/guide/a.md", text)),
        "src/guide/a.md",
        &[1, 3, 4, 6],
    );
}

#[test]
fn a_link_to_no_heading_of_the_guide_is_caught() {
    let text = "/// [a](crate::guide::security#keys-on-disk) [b](crate::guide::security)\n\
                /// [c](crate::guide::security#lost)\n#[doc = \"[d]: crate::guide::memory#lost\"]\n";
    caught(
        &dead_headings(&source("src/a.rs", text)),
        "src/a.rs",
        &[2, 3],
    );
}

#[test]
fn a_test_that_is_not_there_is_caught() {
    let tests = [source(
        "src/a.rs",
        "fn it_holds() {}\nfn it_also_holds_late() {}\n",
    )];
    let text = "| a `b_c` | `it_holds`, `out` |\n| a | `a::it_also…`, `a_b c` |\n\
                | a | `it_hold` |\n| a | `it_holds`, `x::it_fails…` |\n";
    let document = source("docs/a.md", text);
    caught(&missing_tests(&document, &tests), "docs/a.md", &[3, 4]);
}

#[test]
fn a_socket_type_without_ports_or_a_program_is_caught() {
    let page = "/// * `in`: a\n/// * `out`: b\n/// * Peers: c\n/// ```\n/// ```\n#[doc(alias = \"ZMQ_A\")]\n";
    let check = |text: &str, lines: &[usize]| {
        let kinds = source("src/kind/a.rs", text);
        caught(&undescribed_kinds(&kinds), "src/kind/a.rs", lines);
    };
    check(&page.repeat(2), &[]);
    check(&format!("{page}{}", page.replace("/// ```\n", "")), &[10]);
    check(&page.replace("`out`", "out"), &[6]);
    check(&page.replace("/// * Peers: c\n", ""), &[5]);
}

#[test]
fn a_link_to_no_page_of_docs_rs_is_caught() {
    let check = |path: &str, is_dead: bool| {
        let text = format!("See [this]({path}) and \"{path}\".");
        let lines: &[usize] = if is_dead { &[1, 1] } else { &[] };
        caught(&dead_links(&source("README.md", &text)), "README.md", lines);
    };
    let crate_page =
        |page: &str| format!("https://docs.rs/zmq-channels/latest/zmq_channels/{page}");
    let alive = [
        "",
        "guide/",
        "guide/security/",
        "guide/security/#keys-on-disk",
        "struct.Socket.html",
        "socket/struct.Socket.html#method.bind",
        "select/index.html",
        "trait.Kind.html",
    ];
    for page in &alive[..7] {
        check(&crate_page(page), false);
    }
    // `Kind` is not at the root.
    let dead = [
        alive[7],
        "guide/securities/",
        "guide/security/#lost",
        "guides/",
        "struct.Sockets.html",
        "enum.Socket.html",
        "socket/struct.Socket.html#method.binds",
        "port/",
    ];
    for page in dead {
        check(&crate_page(page), true);
    }
    check("https://docs.rs/zmq-channels", false);
    check("https://docs.rs/zmq-channels/0.1.0/zmq_channels/", true);
    let file = |path: &str| format!("https://docs.rs/crate/zmq-channels/latest/source/{path}");
    check(&file("examples/README.md"), false);
    check(&file("examples/none.rs"), true);
    // It is here, but not in the package.
    check(&file("CONTRIBUTING.md"), true);
    check("https://docs.rs/zmq-channels-other/no/such/page", false);
}

#[test]
fn a_link_that_the_registry_cannot_follow_is_caught() {
    let text = "[a](https://docs.rs) [b](#more)\n![c](docs/floors.svg)\n[d](crate::Context)\n";
    caught(
        &links_without_a_host(&source("README.md", text)),
        "README.md",
        &[2, 3],
    );
}

#[test]
fn a_sleep_is_caught() {
    // Spelled otherwise, so that a search of the tests for sleeps finds none.
    let check = |text: &str, lines: &[usize]| {
        let text = text.replace("nap", "sleep");
        caught(&sleeping(&source("tests/a.rs", &text)), "tests/a.rs", lines);
    };
    check(
        "fn f() {\n    std::thread::nap(d);\n    thread::nap(d);\n}",
        &[2, 3],
    );
    check("use std::thread::{self, nap};", &[1]);
    check("tokio::time::nap(d); // never thread::nap", &[]);
}

#[test]
fn a_test_that_counts_its_neighbours_is_caught() {
    let check = |text: &str, lines: &[usize]| {
        let text = text.replace("@", "#[test]");
        caught(
            &counting_neighbours(&source("tests/a.rs", &text)),
            "tests/a.rs",
            lines,
        );
    };
    let within = "@\nfn a() {\n    within(LIMIT, || {\n        open_files();\n    });\n}\n";
    check(within, &[4]);
    let alone = within.replace("within", "alone");
    check(&alone, &[]);
    check(&format!("{alone}\n{within}"), &[11]);
    check("fn helper() -> usize {\n    open_files()\n}\n", &[]);
}

#[test]
fn an_unproven_unsafe_is_caught() {
    let check = |text: &str, lines: &[usize]| {
        caught(
            &unproven_unsafe(&source("src/a.rs", text)),
            "src/a.rs",
            lines,
        );
    };
    check("fn f() {\n    unsafe { g() }\n}", &[2]);
    check("// SAFETY: not directly above.\n\nunsafe fn f() {}", &[3]);
    check(
        "// SAFETY: one line\n// and another.\n#[allow(unsafe_code)]\nunsafe fn f() {}",
        &[],
    );
    check(
        "#![deny(unsafe_code)]\n// unsafe\nconst WORD: &str = \"unsafe\";",
        &[],
    );
}

#[test]
fn oversize_is_caught() {
    let wide = format!(
        "//!\n{}\n{}",
        "ü".repeat(MAX_COLUMNS),
        "ü".repeat(MAX_COLUMNS + 1)
    );
    caught(&oversize(&source("src/a.rs", &wide)), "src/a.rs", &[3]);
    let checksum = format!("{} {}", " ".repeat(MAX_COLUMNS), "0a".repeat(32));
    caught(&oversize(&source("interop/run", &checksum)), "", &[]);
    let check = |path: &str, lines: usize, complaints: &[usize]| {
        let text = "\n".repeat(lines);
        caught(&oversize(&source(path, &text)), path, complaints);
    };
    for path in ["src/a.rs", "src/wire/a.rs", "src/pump/a.rs", "benches/a.rs"] {
        check(path, MAX_LINES, &[]);
        check(path, MAX_LINES + 1, &[MAX_LINES + 1]);
    }
    for path in [
        "src/wire/tests/a.rs",
        "src/wire/fuzz/a.rs",
        "tests/a.rs",
        "interop/src/a.rs",
    ] {
        check(path, MAX_TEST_LINES, &[]);
        check(path, MAX_TEST_LINES + 1, &[MAX_TEST_LINES + 1]);
    }
}

#[test]
fn an_oversize_function_is_caught() {
    let function = |lines: usize| {
        let body = "        call();\n".repeat(lines - 2);
        format!("impl A {{\n    pub(crate) fn long(&self) {{\n{body}    }}\n}}\n")
    };
    let structure = |fields: usize| {
        let fields = "    /// One: of many,\n    a: u8,\n".repeat(fields);
        format!("struct A {{\n{fields}}}\n\nstruct B(u8);\n")
    };
    let check = |path: &str, text: &str, lines: &[usize]| {
        caught(&overgrown(&source(path, text)), path, lines);
    };
    check("src/pump/a.rs", &function(MAX_FUNCTION_LINES), &[]);
    check("src/pump/a.rs", &function(MAX_FUNCTION_LINES + 1), &[2]);
    check("src/sync/a.rs", &structure(MAX_FIELDS), &[]);
    check("src/sync/a.rs", &structure(MAX_FIELDS + 1), &[1]);
    // Not where there is no limit, nor in tests.
    check("src/wire/a.rs", &function(MAX_FUNCTION_LINES + 1), &[]);
    check("src/pump/tests/a.rs", &structure(MAX_FIELDS + 1), &[]);
}

#[test]
fn a_module_without_a_head_comment_is_caught() {
    caught(
        &unintroduced(&source("src/a.rs", "use std::fmt;\n//! Late.")),
        "src/a.rs",
        &[1],
    );
    caught(
        &unintroduced(&source("src/a.rs", "#![doc = \"\"]")),
        "src/a.rs",
        &[1],
    );
    caught(
        &unintroduced(&source(
            "src/lib.rs",
            "#![cfg_attr(not(doctest), doc = include_str!(\"../README.md\"))]",
        )),
        "",
        &[],
    );
    caught(&unintroduced(&source("src/a.rs", "//! Words.")), "", &[]);
}

#[test]
fn an_unjustified_dependency_is_caught() {
    let check = |text: &str, lines: &[usize]| {
        caught(
            &unjustified(&source("Cargo.toml", text)),
            "Cargo.toml",
            lines,
        );
    };
    check(
        "[package]\nname = \"a\"\n[dependencies]\n# Why.\na = \"1\"\nb = \"1\"",
        &[6],
    );
    check(
        "[target.'cfg(unix)'.dev-dependencies]\na = { version = \"1\" }",
        &[2],
    );
    check(
        "[dependencies]\n# Why.\na = { features = [\n    \"b\",\n] }\n[lints.rust]\nb = \"deny\"",
        &[],
    );
    check(
        "# Why.\n[dependencies.a]\nversion = \"1\"\n[build-dependencies.b]",
        &[4],
    );
}

#[test]
fn literals_and_comments_are_not_code() {
    let hidden = r###"let b = '"'; let c = '\''; let d = b"x \" hid"; let e = r#"hid " hid"#;
        /* hid /* hid */ hid */ f::<'a>(g); // hid"###;
    let code = code_only(hidden);
    assert!(!code.contains("hid"), "{code}");
    assert!(code.contains("f::<'a>(g);"), "{code}");
    assert_eq!(code.len(), hidden.len());
}
