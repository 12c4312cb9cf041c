//! What is logged with the feature `tracing`, read by a subscriber that keeps lines.

// In a test, a broken promise is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
#[cfg(target_os = "linux")]
#[path = "common/forked.rs"]
mod forked;

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Mutex};

use common::{alone, eventually, next_text, put, thread_names, within, Transport, LIMIT};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{with_default, Subscriber};
use tracing::{Event, Metadata};
use zmq_channels::{Context, ContextOptions, Linger, Options, Overflow, Pull, Push};

/// Each line: level, spans, fields, in the order in which they were logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The lines that hold each of these words.
    fn with(&self, words: &[&str]) -> Vec<String> {
        let mut lines = self.all();
        lines.retain(|line| words.iter().all(|word| line.contains(word)));
        lines
    }
}

/// Keeps lines, and calls `also` at each.
struct Keeper<F> {
    lines: Lines,
    also: F,
    next: AtomicU64,
    spans: Mutex<HashMap<u64, String>>,
    entered: Mutex<Vec<u64>>,
}

fn keeper<F: Fn() + Send + Sync + 'static>(also: F) -> (Lines, Keeper<F>) {
    let lines = Lines::default();
    let keeper = Keeper {
        lines: lines.clone(),
        also,
        next: AtomicU64::new(1),
        spans: Mutex::default(),
        entered: Mutex::default(),
    };
    (lines, keeper)
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl<F: Fn() + Send + Sync + 'static> Subscriber for Keeper<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "zmq_channels"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut text = Text(String::new());
        let mut spans = self.spans.lock().unwrap();
        if let Some(parent) = span.parent() {
            text.0.clone_from(&spans[&parent.into_u64()]);
        }
        write!(text.0, " {}:", span.metadata().name()).unwrap();
        span.record(&mut text);
        spans.insert(number, text.0);
        Id::from_u64(number)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().level().to_string());
        let entered = self.entered.lock().unwrap().last().copied();
        if let Some(span) = entered {
            text.0.push_str(&self.spans.lock().unwrap()[&span]);
        }
        text.0.push_str(" |");
        event.record(&mut text);
        self.lines.0.lock().unwrap().push(text.0);
        (self.also)();
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().unwrap().push(span.into_u64());
    }

    fn exit(&self, _span: &Id) {
        self.entered.lock().unwrap().pop();
    }
}

fn named(name: &str) -> Context {
    Context::with_options(ContextOptions::new().name(name)).unwrap()
}

#[test]
fn the_life_of_a_connection_is_logged_in_the_spans_of_its_socket() {
    within(LIMIT, || {
        let (lines, keeper) = keeper(|| {});
        with_default(keeper, || {
            let context = named("orders");
            let pull = context.socket::<Pull>().unwrap();
            let endpoint = pull.bind(Transport::Tcp.endpoint()).unwrap();
            let there = Context::new();
            let push = there.socket::<Push>().unwrap();
            push.connect(&endpoint).unwrap();
            put(&push.sender(), "hello");
            assert_eq!(next_text(&pull.receiver()), "hello");
            drop((push, there));
            pull.wait_connected_blocking(0).unwrap();
            drop((pull, context));
            let mine = ["name=\"orders\"", "type=PULL", "number=1"];
            let of = |words: &[&str]| lines.with(&[&mine[..], words].concat());
            let endpoint = format!("endpoint={endpoint}");
            assert_eq!(of(&["INFO", "message=listening", &endpoint]).len(), 1);
            assert_eq!(of(&["DEBUG", "message=accepted", "remote=tcp://"]).len(), 1);
            assert_eq!(
                of(&["INFO", "message=peer connected", "peer=PUSH"]).len(),
                1
            );
            assert_eq!(of(&["message=disconnected"]).len(), 1);
            let last = lines.with(&mine).pop().unwrap();
            assert!(
                last.contains("DEBUG") && last.ends_with("message=closed"),
                "{last}"
            );
            assert_eq!(lines.with(&["type=PUSH", "message=connected"]).len(), 1);
            assert!(lines.with(&["WARN"]).is_empty(), "{:?}", lines.all());
        });
    });
}

/// Each loss once, while the socket is open and when it ends.
#[test]
fn losses_are_warned_of_by_reason_and_undelivered_messages_at_the_end() {
    within(LIMIT, || {
        let (lines, keeper) = keeper(|| {});
        with_default(keeper, || {
            let context = Context::new();
            let options = Options::new()
                .send_high_water_mark(3)
                .send_overflow(Overflow::DropNewest)
                .linger(Linger::For(std::time::Duration::ZERO));
            let push = context.socket_with::<Push>(options).unwrap();
            for number in 0..5 {
                push.send_blocking(number.to_string()).unwrap();
            }
            let dropped = || lines.with(&["WARN", "type=PUSH", "message=messages dropped"]);
            eventually("the loss is logged", || !dropped().is_empty());
            assert!(
                dropped()[0].contains("messages=2 total=2"),
                "{:?}",
                dropped()
            );
            push.send_blocking("one more").unwrap();
            drop((push, context));
            let dropped = dropped();
            assert_eq!(dropped.len(), 2, "{dropped:?}");
            assert!(dropped[1].contains("messages=1 total=3"), "{dropped:?}");
            let undelivered = lines.with(&["WARN", "message=undelivered", "messages=3"]);
            assert_eq!(undelivered.len(), 1, "{:?}", lines.all());
        });
    });
}

#[test]
fn without_a_subscriber_there_is_no_thread_and_no_line() {
    alone(LIMIT, || {
        let context = Context::new();
        let _push = context.socket::<Push>().unwrap();
        assert!(!thread_names().contains(&"zmq-log".to_owned()));
        let (lines, keeper) = keeper(|| {});
        // The log begins with a socket.
        with_default(keeper, || {
            let _pull = context.socket::<Pull>().unwrap();
            eventually("the thread has its name", || {
                thread_names().contains(&"zmq-log".to_owned())
            });
        });
        drop((_push, context));
        assert!(!lines.with(&["type=PULL", "message=closed"]).is_empty());
        eventually("the thread ends", || {
            !thread_names().contains(&"zmq-log".to_owned())
        });
    });
}

/// A subscriber is users' code: one that waits holds no socket up, and one that panics ends the log only.
#[test]
fn a_subscriber_that_hangs_or_panics_stops_no_socket() {
    within(LIMIT, || {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let hangs = move || assert!(released.lock().unwrap().recv().is_err());
        let (_, hanging) = keeper(hangs);
        let (_, panicking) = keeper(|| panic!("a subscriber panics, as this test wants"));
        let go = || {
            let context = Context::new();
            for transport in [Transport::Tcp, Transport::Inproc] {
                let pull = context.socket::<Pull>().unwrap();
                let push = context.socket::<Push>().unwrap();
                push.connect(pull.bind(transport.endpoint()).unwrap())
                    .unwrap();
                for number in 0..100 {
                    put(&push.sender(), number.to_string());
                    assert_eq!(next_text(&pull.receiver()), number.to_string());
                }
            }
        };
        with_default(hanging, go);
        drop(release);
        with_default(panicking, go);
    });
}

/// A fork copies no thread, so what the child does with the handles is not logged, and not waited for.
#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_does_not_wait_for_the_log() {
    alone(LIMIT, || {
        let (lines, keeper) = keeper(|| {});
        with_default(keeper, || {
            let context = Context::new();
            let pull = context.socket::<Pull>().unwrap();
            eventually("the log has begun", || {
                !lines.with(&["message=opened"]).is_empty()
            });
            let (context, pull) = (Some(context), Some(pull));
            assert!(forked::holds_in_a_child(|| {
                drop((pull, context));
                true
            }));
        });
    });
}
