//! The conformance kit: one set of checks for every socket type over every transport. A type that
//! becomes supported is covered that day: [`partner`] names every type, and does not compile
//! without a new one.

use crate::common;

mod fairness;
mod full_peer;
mod overflow;
mod reconnect;
mod refusal;

use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{eventually, holds_within, next, put, Transport, PATIENCE};
use zmq_channels::error::{Closed, RecvError, SendError, TryRecvError, TrySendError};
use zmq_channels::socket::CloseReport;
use zmq_channels::{Any, Context, Frame, Linger, Message, Options, Sender, Socket, SocketType};

/// All types over all transports.
const LIMIT: Duration = Duration::from_secs(60);

/// A moment in which every peer could have done something.
const STEP: Duration = Duration::from_millis(20);

// ---- the types

/// The type that receives what this one sends, or sends what it receives.
fn partner(kind: SocketType) -> SocketType {
    use SocketType::*;
    match kind {
        Pair => Pair,
        Pub => Sub,
        Sub => Pub,
        Req => Rep,
        Rep => Req,
        Dealer => Router,
        Router => Dealer,
        Pull => Push,
        Push => Pull,
        XPub => XSub,
        XSub => XPub,
        Stream => Stream,
        Server => Client,
        Client => Server,
        Radio => Dish,
        Dish => Radio,
        Gather => Scatter,
        Scatter => Gather,
        Peer => Peer,
        Channel => Channel,
    }
}

fn supported() -> impl Iterator<Item = SocketType> {
    SocketType::ALL
        .into_iter()
        .filter(|kind| kind.is_supported())
}

/// Whether each message is answered before the next: nothing flows one way only.
fn takes_turns(kind: SocketType) -> bool {
    matches!(kind, SocketType::Req | SocketType::Rep)
}

/// Whether a message names its peer in its first frame, both ways.
fn addresses(kind: SocketType) -> bool {
    use SocketType::*;
    matches!(kind, Router | Server | Peer | Stream)
}

/// Whether what a peer cannot take is dropped instead of waited for.
fn drops(kind: SocketType) -> bool {
    use SocketType::*;
    matches!(kind, Pub | XPub | XSub | Router | Radio)
}

/// Whether messages have as many frames as they like.
fn is_multipart(kind: SocketType) -> bool {
    use SocketType::*;
    !matches!(
        kind,
        Server | Client | Radio | Dish | Gather | Scatter | Peer | Channel | Stream
    )
}

fn has_transport(kind: SocketType, transport: Transport) -> bool {
    kind != SocketType::Stream || !transport.is_inproc()
}

/// Each way messages flow: from a type that sends to one that receives.
fn flows() -> impl Iterator<Item = (SocketType, SocketType)> {
    supported()
        // A REP sends what it was asked for: that is checked from the side of REQ. A STREAM has
        // no messages, only bytes.
        .filter(|kind| !matches!(kind, SocketType::Rep | SocketType::Stream))
        .filter(|kind| kind.sends() && partner(*kind).receives())
        .filter(|kind| partner(*kind).is_supported())
        .map(|kind| (kind, partner(kind)))
}

/// Runs a check for every flow over every transport, and says which one it was that failed.
fn for_each_flow(check: fn(SocketType, SocketType, Transport)) {
    for_each_flow_if(|_| true, check);
}

/// As [`for_each_flow`], for those flows that do not take turns.
fn for_each_free_flow(check: fn(SocketType, SocketType, Transport)) {
    for_each_flow_if(|from| !takes_turns(from), check);
}

fn for_each_flow_if(
    is_meant: fn(SocketType) -> bool,
    check: impl Fn(SocketType, SocketType, Transport) + Send + Sync + 'static,
) {
    common::within(LIMIT, move || {
        at_once(Transport::ALL, |transport| {
            for (from, to) in flows().filter(|(from, _)| is_meant(*from)) {
                if has_transport(from, transport) {
                    told(format!("{from} to {to} over {transport:?}"), || {
                        check(from, to, transport);
                    });
                }
            }
        });
    });
}

/// Runs a check for each case, all at the same time: most of them wait more than they work.
fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

/// Says where it was if the check fails.
fn told(place: String, check: impl FnOnce()) {
    struct Place(String);
    impl Drop for Place {
        fn drop(&mut self) {
            if thread::panicking() {
                eprintln!("in the check of {}", self.0);
            }
        }
    }
    let _place = Place(place);
    check();
}

// ---- a connected pair

/// Two sockets, of which one can send to the other.
struct Line {
    from: Socket<Any>,
    to: Socket<Any>,
    /// What `from` puts in front of a message.
    address: Vec<Frame>,
    endpoint: String,
}

const GROUP: &str = "group";

fn open(context: &Context, kind: SocketType, options: Options) -> Socket<Any> {
    context.socket_of(kind, options).unwrap()
}

/// Opens a socket that wants everything.
fn open_to_receive(context: &Context, kind: SocketType, options: Options) -> Socket<Any> {
    let socket = open(context, kind, options);
    match kind {
        SocketType::Sub | SocketType::XSub => socket.subscribe("").unwrap(),
        SocketType::Dish => socket.join(GROUP).unwrap(),
        _ => {}
    }
    socket
}

/// Opens a line on which messages flow. The receiving side is bound.
fn line(
    kinds: (SocketType, SocketType),
    transport: Transport,
    options: (Options, Options),
) -> Line {
    let (near, far) = transport.contexts();
    let to = open_to_receive(&far, kinds.1, options.1);
    let endpoint = to.bind(transport.endpoint()).unwrap().to_string();
    let from = open(&near, kinds.0, options.0);
    let address = connect(&from, &endpoint);
    let mut line = Line {
        from,
        to,
        address,
        endpoint,
    };
    line.introduce();
    line
}

/// Connects; a PEER knows from then on how to address its peer.
fn connect(from: &Socket<Any>, endpoint: &str) -> Vec<Frame> {
    if from.socket_type() != SocketType::Peer {
        from.connect(endpoint).unwrap();
        return Vec::new();
    }
    let peer = from.connect_peer(endpoint).unwrap();
    Message::to(&peer, "").frames()[..1].to_vec()
}

impl Line {
    /// Waits until messages flow, and leaves no trace of it.
    fn introduce(&mut self) {
        let (from, to) = (self.from.socket_type(), self.to.socket_type());
        if addresses(from) && self.address.is_empty() {
            self.address = vec![who_is_there(&self.from, &self.to)];
        }
        if from == SocketType::Radio {
            self.address = vec![Frame::from(GROUP)];
        }
        if takes_turns(from) {
            return;
        }
        let (sender, receiver) = (self.from.sender().unwrap(), self.to.receiver().unwrap());
        let mut said = 0;
        let heard = holds_within(PATIENCE, || {
            said += 1;
            put(&sender, self.message(format!("there? {said}")));
            loop {
                match receiver.recv_timeout_blocking(STEP / 4) {
                    Ok(message) if body(to, &message) == format!("there? {said}") => break true,
                    Ok(_) => {} // One of those before.
                    Err(_) => break false,
                }
            }
        });
        assert!(heard, "no message ever came");
    }

    fn message(&self, text: impl AsRef<str>) -> Message {
        address(&self.address, text)
    }

    fn sender(&self) -> Sender {
        self.from.sender().unwrap()
    }

    fn put(&self, text: impl AsRef<str>) {
        put(&self.sender(), self.message(text));
    }

    fn next(&self) -> String {
        body(self.to.socket_type(), &next(&self.to.receiver().unwrap()))
    }

    fn nothing_comes(&self) {
        common::nothing_comes(&self.to.receiver().unwrap());
    }

    /// One message there, and for types that take turns one back.
    fn ping(&self, text: &str) {
        self.put(text);
        assert_eq!(self.next(), text);
        if takes_turns(self.from.socket_type()) {
            put(&self.to.sender().unwrap(), text);
            next(&self.from.receiver().unwrap());
        }
    }
}

fn address(address: &[Frame], text: impl AsRef<str>) -> Message {
    let body = Frame::from(text.as_ref());
    address.iter().cloned().chain([body]).collect()
}

/// What was sent, as the receiver of this type sees it: behind the sender's address or the group.
fn body(kind: SocketType, message: &Message) -> String {
    let frames = match kind {
        SocketType::Dish => &message.frames()[1..],
        kind if addresses(kind) => &message.frames()[1..],
        _ => message.frames(),
    };
    let [frame] = frames else {
        panic!("{message:?} is not of one frame");
    };
    String::from_utf8(frame.to_vec()).unwrap()
}

/// The name `addressing` knows `peer` by, which says hello for that.
fn who_is_there(addressing: &Socket<Any>, peer: &Socket<Any>) -> Frame {
    put(&peer.sender().unwrap(), "hello");
    next(&addressing.receiver().unwrap())[0].clone()
}

fn marks(mark: usize) -> Options {
    Options::new()
        .high_water_marks(mark)
        .linger(Linger::For(Duration::ZERO))
}

fn plain() -> (Options, Options) {
    let options = Options::new().linger(Linger::For(Duration::ZERO));
    (options.clone(), options)
}

// ---- the checks

#[test]
fn each_type_has_the_ports_of_its_kind() {
    common::within(LIMIT, || {
        let context = Context::new();
        for kind in supported() {
            let options = Options::new().high_water_marks(7);
            let socket = context.socket_of(kind, options.clone()).unwrap();
            assert_eq!(socket.socket_type(), kind);
            assert_eq!(*socket.options().unwrap(), options);
            assert_eq!(socket.sender().is_some(), kind.sends(), "{kind}");
            assert_eq!(socket.receiver().is_some(), kind.receives(), "{kind}");
            // All handles are of one port.
            if let (Some(one), Some(other)) = (socket.sender(), socket.clone().sender()) {
                assert_eq!((one.capacity(), one.len()), (Some(7), 0), "{kind}");
                one.close();
                assert!(other.is_closed() && socket.is_closed(), "{kind}");
            }
            if let (Some(one), Some(other)) = (socket.receiver(), socket.clone().receiver()) {
                assert_eq!((one.capacity(), one.len()), (Some(7), 0), "{kind}");
                one.close();
                assert!(other.is_closed() && socket.is_closed(), "{kind}");
            }
        }
    });
}

#[test]
fn messages_arrive_in_order_and_whole() {
    for_each_flow(|from, to, transport| {
        let line = line((from, to), transport, plain());
        for round in 0..50 {
            line.ping(&format!("{round}"));
        }
        line.ping("");
        line.ping(&"long".repeat(100_000));
    });
}

#[test]
fn a_closed_socket_drains_and_then_fails() {
    for_each_free_flow(|from, to, transport| {
        let line = line((from, to), transport, plain());
        let (sender, receiver) = (line.sender(), line.to.receiver().unwrap());
        line.put("last");
        eventually("it is here", || receiver.len() == 1);
        assert_eq!(line.to.close_blocking(), CloseReport::default());
        assert_eq!(line.to.close_blocking(), CloseReport::default());
        assert!(line.to.is_closed());
        assert_eq!(body(to, &receiver.recv_blocking().unwrap()), "last");
        assert_eq!(
            receiver.recv_blocking(),
            Err(RecvError::Closed(Closed::Socket))
        );
        assert_eq!(
            receiver.try_recv(),
            Err(TryRecvError::Closed(Closed::Socket))
        );
        line.from.close_blocking();
        let message = line.message("late");
        let refused = sender.send_blocking(message.clone());
        assert_eq!(
            refused,
            Err(SendError::Closed(Closed::Socket, message.clone()))
        );
        let refused = sender.try_send(message.clone());
        assert_eq!(refused, Err(TrySendError::Closed(Closed::Socket, message)));
    });
}

#[test]
fn every_port_reports_shutdown() {
    for_each_flow(|from, to, transport| {
        let (context, other) = transport.contexts();
        let line = [(from, &context), (to, &other)];
        let [from, to] = line.map(|(kind, context)| open(context, kind, Options::new()));
        let endpoint = to.bind(transport.endpoint()).unwrap();
        from.connect(endpoint).unwrap();
        let receiver = to.receiver().unwrap();
        let waiting = thread::spawn(move || receiver.recv_blocking());
        context.shutdown();
        other.shutdown();
        assert_eq!(
            waiting.join().unwrap(),
            Err(RecvError::Closed(Closed::Context))
        );
        let (sender, message) = (from.sender().unwrap(), Message::from(["a", "b"]));
        let refused = sender.send_blocking(message.clone()).unwrap_err();
        assert_eq!(refused.into_inner(), message);
    });
}

/// How many are accepted, or arrive, when no call reads: exactly both marks, over inproc.
#[test]
fn over_inproc_both_marks_together_are_accepted_by_every_type() {
    common::within(LIMIT, || {
        for (from, to) in flows().filter(|(from, _)| !takes_turns(*from)) {
            // Where one waits for each peer, `in` holds a mark's worth more.
            if addresses(from) && !drops(from) {
                continue;
            }
            told(format!("{from} to {to}"), || {
                let line = line((from, to), Transport::Inproc, (marks(4), marks(3)));
                let sender = line.sender();
                if drops(from) {
                    for number in 0..12 {
                        line.put(number.to_string());
                    }
                    eventually("all are on their way", || sender.is_empty());
                    assert_eq!(sender.dropped(), 5);
                } else {
                    (0..7).for_each(|number| line.put(number.to_string()));
                    let full = sender.send_timeout_blocking(line.message("full"), STEP);
                    assert_eq!(full.unwrap_err().into_inner(), line.message("full"));
                }
                for number in 0..7 {
                    assert_eq!(line.next(), number.to_string());
                }
                line.nothing_comes();
                line.ping("and on it goes");
            });
        }
    });
}

/// Over tcp and ipc the kernel holds some too: nothing is lost of what was accepted, and there is
/// an end to that.
#[test]
fn accepted_messages_are_delivered_and_limited() {
    for_each_free_flow(|from, to, transport| {
        if drops(from) {
            return;
        }
        let line = line((from, to), transport, (marks(4), marks(3)));
        let payload = "x".repeat(60_000);
        let mut accepted = 0;
        let sender = line.sender();
        let message = |number: usize| line.message(format!("{number} {payload}"));
        while accepted < 2000 {
            match sender.send_timeout_blocking(message(accepted), 5 * STEP) {
                Ok(()) => accepted += 1,
                Err(full) => {
                    assert_eq!(full.into_inner(), message(accepted));
                    break;
                }
            }
        }
        assert!(accepted < 2000, "no end to what is accepted");
        for number in 0..accepted {
            let got = line.next();
            assert_eq!(got.split(' ').next().unwrap(), number.to_string());
        }
        line.nothing_comes();
    });
}

#[test]
fn multipart_messages_arrive_whole() {
    for_each_free_flow(|from, to, transport| {
        if !is_multipart(from) || !is_multipart(to) {
            return;
        }
        const SENDERS: usize = 4;
        const EACH: usize = 200;
        let line = line((from, to), transport, (marks(0), marks(0)));
        let skip = usize::from(addresses(to));
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                let (sender, address) = (line.sender(), line.address.clone());
                thread::spawn(move || {
                    for round in 0..EACH {
                        let parts = 1 + round % 20;
                        let text = Frame::from(format!("{number} {round}"));
                        let parts = std::iter::repeat_n(text, parts);
                        let message: Message = address.iter().cloned().chain(parts).collect();
                        put(&sender, message);
                    }
                })
            })
            .collect();
        let mut rounds = HashMap::new();
        for _ in 0..SENDERS * EACH {
            let message = next(&line.to.receiver().unwrap());
            let frames = &message.frames()[skip..];
            assert!(
                frames.iter().all(|frame| frame == &frames[0]),
                "{message:?}"
            );
            let text = String::from_utf8(frames[0].to_vec()).unwrap();
            let (sender, round) = text.split_once(' ').unwrap();
            let due = rounds.entry(sender.to_owned()).or_insert(0);
            assert_eq!(round, due.to_string());
            assert_eq!(frames.len(), 1 + *due % 20);
            *due += 1;
        }
        senders
            .into_iter()
            .for_each(|sender| sender.join().unwrap());
        line.nothing_comes();
    });
}

#[test]
fn many_clones_send_and_receive_each_message_once() {
    for_each_free_flow(|from, to, transport| {
        const SENDERS: usize = 16;
        const RECEIVERS: usize = 4;
        const EACH: usize = 100;
        let line = line((from, to), transport, (marks(0), marks(0)));
        let senders: Vec<_> = (0..SENDERS)
            .map(|number| {
                let (sender, address) = (line.sender(), line.address.clone());
                thread::spawn(move || {
                    for round in 0..EACH {
                        put(
                            &sender,
                            self::address(&address, format!("{number} {round}")),
                        );
                    }
                })
            })
            .collect();
        let (got, gathered) = mpsc::channel();
        let receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let (receiver, got) = (line.to.receiver().unwrap(), got.clone());
                thread::spawn(move || {
                    while let Ok(message) = receiver.recv_blocking() {
                        got.send(body(to, &message)).unwrap();
                    }
                })
            })
            .collect();
        drop(got);
        senders
            .into_iter()
            .for_each(|sender| sender.join().unwrap());
        let mut all: Vec<String> = (0..SENDERS * EACH)
            .map(|_| gathered.recv_timeout(PATIENCE).unwrap())
            .collect();
        line.to.close_blocking();
        receivers
            .into_iter()
            .for_each(|receiver| receiver.join().unwrap());
        all.extend(gathered.iter());
        all.sort();
        let mut expected: Vec<String> = (0..SENDERS)
            .flat_map(|number| (0..EACH).map(move |round| format!("{number} {round}")))
            .collect();
        expected.sort();
        assert_eq!(all, expected);
    });
}

#[test]
fn unbind_and_disconnect_end_their_connections() {
    for_each_flow(|from, to, transport| {
        let line = line((from, to), transport, plain());
        line.ping("here");
        line.from.disconnect(&line.endpoint).unwrap();
        line.from.disconnect(&line.endpoint).unwrap_err();
        line.to.unbind(&line.endpoint).unwrap();
        line.to.unbind(&line.endpoint).unwrap_err();
        // The place is free again.
        line.to.bind(&line.endpoint).unwrap();
    });
}

/// Over inproc a message is with the peer when it has been sent.
#[test]
fn over_inproc_closing_without_linger_loses_no_sent_message() {
    for_each_free_flow(|from, to, transport| {
        if transport.is_inproc() {
            let line = line((from, to), transport, plain());
            (0..100).for_each(|number| line.put(number.to_string()));
            assert_eq!(line.from.close_blocking().undelivered, 0);
            (0..100).for_each(|number| assert_eq!(line.next(), number.to_string()));
        }
    });
}

/// What linger says about messages that have no peer to go to.
#[test]
fn linger_is_obeyed() {
    common::within(LIMIT, || {
        let context = Context::new();
        for kind in supported().filter(|kind| kind.sends() && !drops(*kind)) {
            if takes_turns(kind) || addresses(kind) {
                continue;
            }
            for linger in [Duration::ZERO, 3 * STEP] {
                let options = Options::new().linger(Linger::For(linger));
                let socket = context.socket_of(kind, options).unwrap();
                // A peer may come.
                socket.bind(Transport::Inproc.endpoint()).unwrap();
                let sender = socket.sender().unwrap();
                (0..3).for_each(|_| put(&sender, "undeliverable"));
                let start = Instant::now();
                assert_eq!(socket.close_blocking().undelivered, 3, "{kind}");
                assert!(start.elapsed() >= linger, "{kind}");
            }
            // By default without limit: closing waits for the peer that comes.
            let socket = context.socket_of(kind, Options::new()).unwrap();
            let endpoint = socket.bind(Transport::Inproc.endpoint()).unwrap();
            let sender = socket.sender().unwrap();
            (0..3).for_each(|_| put(&sender, "delivered"));
            let closing = thread::spawn({
                let socket = socket.clone();
                move || socket.close_blocking().undelivered
            });
            eventually("closing has begun", || socket.is_closed());
            let to = open(&context, partner(kind), Options::new());
            to.connect(endpoint).unwrap();
            let out = to.receiver().unwrap();
            for _ in 0..3 {
                assert_eq!(next(&out).iter().last().unwrap(), "delivered", "{kind}");
            }
            assert_eq!(closing.join().unwrap(), 0, "{kind}");
        }
    });
}
