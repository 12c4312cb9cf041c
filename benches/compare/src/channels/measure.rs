//! One cell: threads or tasks around a channel, for a while.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// 64 bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Item {
    number: u64,
    padding: [u64; 6],
    check: u64,
}

const SENDER: u32 = 48;

impl Item {
    pub(crate) fn new(number: u64) -> Item {
        Item {
            number,
            padding: [number; 6],
            check: !number,
        }
    }

    fn is_whole(&self) -> bool {
        self.check == !self.number && self.padding[5] == self.number
    }
}

/// What sends to what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Threads.
    Blocking { senders: usize, receivers: usize },
    /// Tasks on a tokio runtime of two workers.
    Async { senders: usize, receivers: usize },
    /// Two threads, one item, to and fro.
    PingPong,
}

impl Shape {
    pub(crate) const ALL: [Shape; 11] = [
        Shape::blocking(1, 1),
        Shape::blocking(2, 1),
        Shape::blocking(4, 1),
        Shape::blocking(8, 1),
        Shape::blocking(4, 4),
        Shape::awaiting(1, 1),
        Shape::awaiting(2, 1),
        Shape::awaiting(4, 1),
        Shape::awaiting(8, 1),
        Shape::awaiting(4, 4),
        Shape::PingPong,
    ];

    const fn blocking(senders: usize, receivers: usize) -> Shape {
        Shape::Blocking { senders, receivers }
    }

    const fn awaiting(senders: usize, receivers: usize) -> Shape {
        Shape::Async { senders, receivers }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Blocking { senders: 1, .. } => "blocking-1-1",
            Shape::Blocking { senders: 2, .. } => "blocking-2-1",
            Shape::Blocking {
                senders: 4,
                receivers: 1,
            } => "blocking-4-1",
            Shape::Blocking { senders: 4, .. } => "blocking-4-4",
            Shape::Blocking { .. } => "blocking-8-1",
            Shape::Async { senders: 1, .. } => "async-1-1",
            Shape::Async { senders: 2, .. } => "async-2-1",
            Shape::Async {
                senders: 4,
                receivers: 1,
            } => "async-4-1",
            Shape::Async { senders: 4, .. } => "async-4-4",
            Shape::Async { .. } => "async-8-1",
            Shape::PingPong => "ping-pong",
        }
    }
}

/// What one window showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) items: u64,
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
    /// Round trips in nanoseconds, 0 where there are none.
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

impl Found {
    pub(crate) fn per_second(&self) -> f64 {
        self.items as f64 / self.seconds
    }

    pub(crate) fn is_trip(&self) -> bool {
        self.p50 > 0
    }

    pub(crate) fn to_line(self) -> String {
        let Found {
            items,
            seconds,
            cpu,
            p50,
            p99,
        } = self;
        format!("{items} {seconds} {cpu} {p50} {p99}")
    }

    pub(crate) fn from_line(line: &str) -> Option<Found> {
        let mut words = line.split_ascii_whitespace();
        Some(Found {
            items: words.next()?.parse().ok()?,
            seconds: words.next()?.parse().ok()?,
            cpu: words.next()?.parse().ok()?,
            p50: words.next()?.parse().ok()?,
            p99: words.next()?.parse().ok()?,
        })
    }
}

/// A channel for 1000 items.
pub(crate) const CAPACITY: usize = 1000;

/// A channel's two ends.
pub(crate) trait Pipe: 'static {
    type In: Send + 'static;
    type Out: Send + 'static;
    fn open() -> (Self::In, Self::Out);
    fn another_in(end: &Self::In) -> Self::In;
    /// `None` if it has one receiver only.
    fn another_out(end: &Self::Out) -> Option<Self::Out>;
}

pub(crate) trait Blocking: Pipe {
    fn send(end: &Self::In, item: Item) -> bool;
    fn recv(end: &mut Self::Out) -> Option<Item>;
}

pub(crate) trait Awaiting: Pipe {
    fn send(end: &Self::In, item: Item) -> impl Future<Output = bool> + Send;
    fn recv(end: &mut Self::Out) -> impl Future<Output = Option<Item>> + Send;
}

/// What all threads and tasks of a cell share.
struct Common {
    stop: AtomicBool,
    senders: usize,
    receivers: usize,
    /// One for each receiver.
    taken: Vec<Counter>,
}

/// A count on separate cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Counter(AtomicU64);

impl Common {
    fn new(senders: usize, receivers: usize) -> Arc<Common> {
        Arc::new(Common {
            stop: AtomicBool::new(false),
            senders,
            receivers,
            taken: (0..receivers).map(|_| Counter::default()).collect(),
        })
    }

    /// Opens and closes the window, and ends the senders.
    fn watch(&self, window: Duration) -> Found {
        let taken = || {
            self.taken
                .iter()
                .map(|count| count.0.load(Ordering::Relaxed))
        };
        std::thread::sleep(window / 3);
        let (before, cpu, start) = (taken().sum::<u64>(), cpu_seconds(), Instant::now());
        std::thread::sleep(window);
        let (after, seconds) = (taken().sum::<u64>(), start.elapsed().as_secs_f64());
        let cpu = cpu_seconds() - cpu;
        self.stop.store(true, Ordering::Relaxed);
        Found {
            items: after - before,
            seconds,
            cpu,
            p50: 0,
            p99: 0,
        }
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A receiver's check and count.
struct Taker {
    common: Arc<Common>,
    own: usize,
    taken: u64,
    next: Vec<u64>,
}

impl Taker {
    fn new(common: &Arc<Common>, own: usize) -> Taker {
        Taker {
            common: Arc::clone(common),
            own,
            taken: 0,
            next: vec![0; common.senders],
        }
    }

    #[inline]
    fn take(&mut self, item: Item) {
        let (sender, number) = (item.number >> SENDER, item.number & ((1 << SENDER) - 1));
        let next = &mut self.next[sender as usize];
        // With several receivers each sees a part, but forwards.
        let in_order = if self.common.receivers == 1 {
            number == *next
        } else {
            number >= *next
        };
        if !in_order || !item.is_whole() {
            eprintln!("expected item {next} of sender {sender}, got {number}");
            std::process::exit(3);
        }
        *next = number + 1;
        self.taken += 1;
        self.common.taken[self.own]
            .0
            .store(self.taken, Ordering::Relaxed);
    }
}

pub(crate) fn blocking<P: Blocking>(
    senders: usize,
    receivers: usize,
    window: Duration,
) -> Option<Found> {
    let common = Common::new(senders, receivers);
    let (input, output) = P::open();
    let mut outputs = vec![];
    for _ in 1..receivers {
        outputs.push(P::another_out(&output)?);
    }
    outputs.push(output);
    let mut threads = Vec::new();
    for (own, mut output) in outputs.into_iter().enumerate() {
        let mut taker = Taker::new(&common, own);
        threads.push(std::thread::spawn(move || {
            while let Some(item) = P::recv(&mut output) {
                taker.take(item);
            }
        }));
    }
    for sender in 0..senders {
        let (input, common) = (P::another_in(&input), Arc::clone(&common));
        threads.push(std::thread::spawn(move || {
            let mut number = (sender as u64) << SENDER;
            while !common.is_over() && P::send(&input, Item::new(number)) {
                number += 1;
            }
        }));
    }
    drop(input);
    let found = common.watch(window);
    // A process that hangs here is ended from outside, and has no figure.
    threads
        .into_iter()
        .try_for_each(std::thread::JoinHandle::join)
        .ok()?;
    Some(found)
}

pub(crate) fn awaiting<P: Awaiting>(
    senders: usize,
    receivers: usize,
    window: Duration,
) -> Option<Found> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .ok()?;
    let common = Common::new(senders, receivers);
    let (input, output) = P::open();
    let mut outputs = vec![];
    for _ in 1..receivers {
        outputs.push(P::another_out(&output)?);
    }
    outputs.push(output);
    let mut tasks = Vec::new();
    for (own, mut output) in outputs.into_iter().enumerate() {
        let mut taker = Taker::new(&common, own);
        tasks.push(runtime.spawn(async move {
            while let Some(item) = P::recv(&mut output).await {
                taker.take(item);
            }
        }));
    }
    for sender in 0..senders {
        let (input, common) = (P::another_in(&input), Arc::clone(&common));
        tasks.push(runtime.spawn(async move {
            let mut number = (sender as u64) << SENDER;
            while !common.is_over() && P::send(&input, Item::new(number)).await {
                number += 1;
            }
        }));
    }
    drop(input);
    let found = common.watch(window);
    for task in tasks {
        runtime.block_on(task).ok()?;
    }
    Some(found)
}

pub(crate) fn ping_pong<P: Blocking>(window: Duration) -> Option<Found> {
    let (there, mut at_there) = P::open();
    let (back, mut at_back) = P::open();
    std::thread::spawn(move || {
        while let Some(item) = P::recv(&mut at_there) {
            if !P::send(&back, item) {
                return;
            }
        }
    });
    let mut nanos = Vec::with_capacity(1 << 20);
    let (begun, mut number) = (Instant::now(), 0);
    let mut cpu = cpu_seconds();
    while begun.elapsed() < window + window / 3 {
        let sent = Instant::now();
        P::send(&there, Item::new(number));
        let item = P::recv(&mut at_back)?;
        if item.number != number || !item.is_whole() {
            return None;
        }
        number += 1;
        if begun.elapsed() < window / 3 {
            cpu = cpu_seconds();
        } else {
            nanos.push(sent.elapsed().as_nanos() as u64);
        }
    }
    nanos.sort_unstable();
    Some(Found {
        items: nanos.len() as u64,
        seconds: window.as_secs_f64(),
        cpu: cpu_seconds() - cpu,
        p50: *nanos.get(nanos.len() / 2)?,
        p99: *nanos.get(nanos.len() * 99 / 100)?,
    })
}

/// User and system time of this process, in steps of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks = rest.split_ascii_whitespace().skip(11).take(2);
    ticks
        .filter_map(|word| word.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}
