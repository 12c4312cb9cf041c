//! The functions as C calls them.

use std::ffi::{c_int, c_void, CString};
use std::ptr::null_mut;

use crate::context::*;
use crate::endpoint::*;
use crate::errno::*;
use crate::events::*;
use crate::message::*;
use crate::options::*;
use crate::receive::*;
use crate::send::*;
use crate::socket::*;

const DONTWAIT: c_int = 1;
const SNDMORE: c_int = 2;

/// A context and its sockets, which are closed at the end.
struct Scene {
    context: *mut c_void,
    sockets: Vec<*mut c_void>,
}

impl Scene {
    fn new() -> Self {
        Scene {
            context: zmq_ctx_new(),
            sockets: Vec::new(),
        }
    }

    fn socket(&mut self, kind: c_int) -> *mut c_void {
        let socket = zmq_socket(self.context, kind);
        assert!(!socket.is_null());
        set(socket, LINGER, 0);
        self.sockets.push(socket);
        socket
    }

    /// Two sockets that are connected over a transport.
    fn pair(&mut self, bound: c_int, connected: c_int, address: &str) -> [*mut c_void; 2] {
        let (bound, connected) = (self.socket(bound), self.socket(connected));
        assert_eq!(bind(bound, address), 0);
        assert_eq!(connect(connected, &last_endpoint(bound)), 0);
        [bound, connected]
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for socket in self.sockets.drain(..) {
            zmq_close(socket);
        }
        assert_eq!(zmq_ctx_term(self.context), 0);
    }
}

fn bind(socket: *mut c_void, address: &str) -> c_int {
    let address = CString::new(address).unwrap();
    // SAFETY: the text ends with NUL.
    unsafe { zmq_bind(socket, address.as_ptr()) }
}

fn connect(socket: *mut c_void, address: &str) -> c_int {
    let address = CString::new(address).unwrap();
    // SAFETY: the text ends with NUL.
    unsafe { zmq_connect(socket, address.as_ptr()) }
}

fn set(socket: *mut c_void, option: c_int, value: c_int) {
    let value = (&raw const value).cast();
    // SAFETY: the value has that size.
    let set = unsafe { zmq_setsockopt(socket, option, value, size_of::<c_int>()) };
    assert_eq!(set, 0, "{option}");
}

fn get(socket: *mut c_void, option: c_int) -> c_int {
    let (mut value, mut size) = (-1, size_of::<c_int>());
    // SAFETY: there is room of that size.
    let got = unsafe { zmq_getsockopt(socket, option, (&raw mut value).cast(), &raw mut size) };
    assert_eq!(got, 0, "{option}");
    value
}

fn last_endpoint(socket: *mut c_void) -> String {
    let (mut text, mut size) = ([0_u8; 256], 256);
    let room = text.as_mut_ptr().cast();
    // SAFETY: there is room of that size.
    let got = unsafe { zmq_getsockopt(socket, LAST_ENDPOINT, room, &raw mut size) };
    assert_eq!(got, 0);
    assert_eq!(text[size - 1], 0);
    String::from_utf8(text[..size - 1].to_vec()).unwrap()
}

fn send(socket: *mut c_void, bytes: &[u8], flags: c_int) -> c_int {
    // SAFETY: the bytes are valid.
    unsafe { zmq_send(socket, bytes.as_ptr().cast(), bytes.len(), flags) }
}

fn receive(socket: *mut c_void, flags: c_int) -> Result<Vec<u8>, Errno> {
    let mut room = vec![0; 1 << 17];
    // SAFETY: there is room of that size.
    let size = unsafe { zmq_recv(socket, room.as_mut_ptr().cast(), room.len(), flags) };
    match usize::try_from(size) {
        Ok(size) => {
            room.truncate(size);
            Ok(room)
        }
        Err(_) => Err(Errno(zmq_errno())),
    }
}

const PAIR: c_int = 0;
const REQ: c_int = 3;
const REP: c_int = 4;
const DEALER: c_int = 5;
const ROUTER: c_int = 6;
const PULL: c_int = 7;
const PUSH: c_int = 8;

#[test]
fn frames_are_gathered_and_given_out_one_by_one() {
    for address in ["inproc://frames", "tcp://127.0.0.1:*"] {
        let mut scene = Scene::new();
        let [pull, push] = scene.pair(PULL, PUSH, address);
        let large = vec![7; 100_000];
        for (frame, flags) in [(&b"first"[..], SNDMORE), (b"", SNDMORE), (&large, 0)] {
            assert_eq!(
                send(push, frame, flags),
                c_int::try_from(frame.len()).unwrap()
            );
        }
        for (frame, more) in [(&b"first"[..], 1), (b"", 1), (&large, 0)] {
            assert_eq!(receive(pull, 0).unwrap(), frame);
            assert_eq!(get(pull, RCVMORE), more);
        }
        assert_eq!(receive(pull, DONTWAIT), Err(EAGAIN));
    }
}

#[test]
fn a_message_over_inproc_is_there_when_the_send_has_returned() {
    let mut scene = Scene::new();
    let [one, other] = scene.pair(PAIR, PAIR, "inproc://there");
    for number in 0..1000 {
        let text = number.to_string();
        send(one, text.as_bytes(), DONTWAIT);
        assert_eq!(receive(other, DONTWAIT).unwrap(), text.as_bytes());
    }
}

#[test]
fn without_an_endpoint_nothing_is_accepted() {
    let mut scene = Scene::new();
    for kind in [PUSH, DEALER, PAIR, REQ] {
        let socket = scene.socket(kind);
        assert_eq!((send(socket, b"x", DONTWAIT), zmq_errno()), (-1, EAGAIN.0));
        assert_eq!(connect(socket, "inproc://nowhere"), 0);
        assert_eq!(send(socket, b"x", DONTWAIT), 1, "{kind}");
    }
}

#[test]
fn requests_and_replies_alternate() {
    let mut scene = Scene::new();
    let [rep, req] = scene.pair(REP, REQ, "inproc://alternate");
    assert_eq!(receive(req, DONTWAIT), Err(EFSM));
    assert_eq!((send(rep, b"", 0), zmq_errno()), (-1, EFSM.0));
    assert_eq!(send(req, b"why", 0), 3);
    assert_eq!((send(req, b"why", 0), zmq_errno()), (-1, EFSM.0));
    assert_eq!(receive(rep, 0).unwrap(), b"why");
    assert_eq!(receive(rep, DONTWAIT), Err(EFSM));
    assert_eq!(send(rep, b"so", 0), 2);
    assert_eq!(receive(req, 0).unwrap(), b"so");
}

#[test]
fn closed_handles_and_other_pointers_are_refused() {
    let context = zmq_ctx_new();
    let socket = zmq_socket(context, PUSH);
    assert!(zmq_socket(socket, PUSH).is_null());
    assert_eq!(zmq_errno(), EFAULT.0);
    assert_eq!((zmq_close(context), zmq_errno()), (-1, ENOTSOCK.0));
    assert_eq!(zmq_close(socket), 0);
    assert_eq!((zmq_close(socket), zmq_errno()), (-1, ENOTSOCK.0));
    assert_eq!((send(socket, b"", 0), zmq_errno()), (-1, ENOTSOCK.0));
    assert_eq!((send(null_mut(), b"", 0), zmq_errno()), (-1, ENOTSOCK.0));
    assert_eq!(zmq_ctx_term(context), 0);
    assert_eq!((zmq_ctx_term(context), zmq_errno()), (-1, EFAULT.0));
}

#[test]
fn the_end_of_a_context_wakes_calls_and_waits_for_sockets() {
    let context = zmq_ctx_new() as usize;
    let socket = zmq_socket(context as *mut c_void, PULL) as usize;
    assert_eq!(bind(socket as *mut c_void, "inproc://end"), 0);
    std::thread::scope(|scope| {
        let receiving = scope.spawn(move || receive(socket as *mut c_void, 0));
        let ending = scope.spawn(move || zmq_ctx_term(context as *mut c_void));
        assert_eq!(receiving.join().unwrap(), Err(ETERM));
        assert_eq!(receive(socket as *mut c_void, 0), Err(ETERM));
        assert!(!ending.is_finished());
        assert_eq!(zmq_close(socket as *mut c_void), 0);
        assert_eq!(ending.join().unwrap(), 0);
    });
}

#[test]
fn the_descriptor_tells_changes_and_the_events_clear_it() {
    let mut scene = Scene::new();
    let [pull, push] = scene.pair(PULL, PUSH, "tcp://127.0.0.1:*");
    let fd = get(pull, FD);
    let is_rung = |milliseconds| {
        let mut fds = [crate::wait::readable(fd)];
        let time = std::time::Duration::from_millis(milliseconds);
        crate::wait::poll_with(&mut fds, Some(time), None).unwrap() > 0
    };
    while get(pull, EVENTS) != 0 {}
    assert!(!is_rung(0));
    for _ in 0..3 {
        send(push, b"x", 0);
        assert!(is_rung(10_000));
        assert_eq!(get(pull, EVENTS), 1);
        // Told once, though the message is still there.
        assert!(!is_rung(0));
        assert_eq!(receive(pull, DONTWAIT).unwrap(), b"x");
        // Without asking for the events again: a call that finds nothing is as good.
        assert_eq!(receive(pull, DONTWAIT), Err(EAGAIN));
    }
}

#[test]
fn a_message_that_was_not_sent_is_as_before() {
    let mut scene = Scene::new();
    let socket = scene.socket(PUSH);
    for len in [3, 50, 1000] {
        let mut msg = Msg::empty();
        let bytes = vec![5_u8; len];
        // SAFETY: the message and the bytes are valid.
        unsafe {
            assert_eq!(
                zmq_msg_init_buffer(&raw mut msg, bytes.as_ptr().cast(), len),
                0
            );
            assert_eq!(zmq_msg_send(&raw mut msg, socket, DONTWAIT), -1);
            assert_eq!(zmq_errno(), EAGAIN.0);
            assert_eq!(msg.bytes(), bytes);
            assert_eq!(zmq_msg_close(&raw mut msg), 0);
            assert_eq!((zmq_msg_close(&raw mut msg), zmq_errno()), (-1, EFAULT.0));
        }
    }
}

#[test]
fn copies_and_moves_of_messages_share_and_empty() {
    for len in [3, 50, 1000] {
        let bytes = vec![5_u8; len];
        let (mut one, mut other) = (Msg::empty(), Msg::empty());
        let (first, second) = (&raw mut one, &raw mut other);
        // SAFETY: the messages and the bytes are valid.
        unsafe {
            assert_eq!(zmq_msg_init_buffer(first, bytes.as_ptr().cast(), len), 0);
            assert_eq!(zmq_msg_copy(second, first), 0);
            let shares = zmq_msg_data(first) == zmq_msg_data(second);
            assert_eq!(shares, len > 32);
            assert_eq!(zmq_msg_close(first), 0);
            assert_eq!((*second).bytes(), bytes);
            assert_eq!(zmq_msg_init(first), 0);
            assert_eq!(zmq_msg_move(first, second), 0);
            assert_eq!(((*first).bytes(), zmq_msg_size(second)), (&bytes[..], 0));
            assert_eq!((zmq_msg_close(first), zmq_msg_close(second)), (0, 0));
        }
    }
}

#[test]
fn a_router_that_must_route_refuses_unknown_peers() {
    let mut scene = Scene::new();
    let router = scene.socket(ROUTER);
    bind(router, "inproc://mandatory");
    assert_eq!(send(router, b"unknown", SNDMORE), 7);
    assert_eq!(send(router, b"dropped", 0), 7);
    set(router, ROUTER_MANDATORY, 1);
    assert_eq!(
        (send(router, b"unknown", SNDMORE), zmq_errno()),
        (-1, EHOSTUNREACH.0)
    );
}
