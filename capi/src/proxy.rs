//! Proxies (zmq_proxy(3), zmq_proxy_steerable(3), zmq_device(3)): messages between two sockets.

use std::ffi::{c_int, c_void};

use zmq_channels::Message;

use crate::errno::{answer, Outcome, EAGAIN, EFAULT};
use crate::handle::Entered;
use crate::poll::{wait_for, Item, Source, IN, OUT};
use crate::socket::{self, Socket};
use crate::wait::Deadline;

/// How many messages are forwarded before the other direction is looked at.
const BURST: usize = 1000;

/// What has passed through one of the sockets, in one direction.
#[derive(Clone, Copy, Default)]
struct Count {
    messages: u64,
    bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Paused,
    Ended,
}

struct Proxy<'a> {
    frontend: &'a Socket,
    backend: &'a Socket,
    capture: Option<&'a Socket>,
    control: Option<&'a Socket>,
    state: State,
    /// From the frontend, from the backend.
    counts: [Count; 2],
}

impl Proxy<'_> {
    fn run(&mut self) -> Outcome {
        let is_loop = std::ptr::eq(self.frontend, self.backend);
        while self.state != State::Ended {
            let [front, back, control] = self.wait(is_loop)?;
            if control {
                self.obey()?;
            }
            if self.state != State::Active {
                continue;
            }
            if front {
                self.forward(self.frontend, self.backend, 0)?;
            }
            if back && !is_loop {
                self.forward(self.backend, self.frontend, 1)?;
            }
        }
        Ok(())
    }

    /// Waits until something can be forwarded, or for a command. A direction whose receiver has no
    /// room is not waited for, until it has.
    fn wait(&self, is_loop: bool) -> Outcome<[bool; 3]> {
        let is_active = self.state == State::Active;
        let watch = |socket, wanted| Item {
            source: Source::Socket(socket),
            wanted,
            ready: 0,
        };
        let mut items = Vec::with_capacity(3);
        items.extend(self.control.map(|control| watch(control, IN)));
        let controls = items.len();
        if is_active {
            items.push(watch(self.frontend, IN));
            if !is_loop {
                items.push(watch(self.backend, IN));
            }
        }
        wait_for(&mut items, Deadline::after(-1), None)?;
        let control = controls > 0 && items[0].ready != 0;
        let is_ready = |place: usize| items.get(place).is_some_and(|item| item.ready & IN != 0);
        let from_front = is_active && is_ready(controls);
        let from_back = is_active && is_ready(controls + 1);
        if !(from_front || from_back) {
            return Ok([false, false, control]);
        }
        // Whose messages cannot go on: wait for room, and for what the other direction has.
        let sends =
            |socket: &Socket| -> Outcome<bool> { Ok(socket.ready_for(socket.opened()?, OUT) != 0) };
        // A REP that is both sends only when it has received.
        let front = from_front && (is_loop || sends(self.backend)?);
        let back = from_back && sends(self.frontend)?;
        if !front && !back && !control {
            let mut room = Vec::with_capacity(3);
            room.extend(self.control.map(|control| watch(control, IN)));
            if from_front {
                room.push(watch(self.backend, OUT));
            }
            if from_back {
                room.push(watch(self.frontend, OUT));
            }
            wait_for(&mut room, Deadline::after(-1), None)?;
        }
        Ok([front, back, control])
    }

    fn forward(&mut self, from: &Socket, to: &Socket, direction: usize) -> Outcome {
        for _ in 0..BURST {
            let message = match from.receive_whole() {
                Ok(message) => message,
                Err(EAGAIN) => break,
                Err(errno) => return Err(errno),
            };
            let count = &mut self.counts[direction];
            count.messages += 1;
            count.bytes += message.byte_len() as u64;
            if let Some(capture) = self.capture {
                capture.forward(message.clone())?;
            }
            to.forward(message)?;
        }
        Ok(())
    }

    fn obey(&mut self) -> Outcome {
        let Some(control) = self.control else {
            return Ok(());
        };
        let command = match control.receive_whole() {
            Ok(command) => command,
            Err(EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        let word = command.first().map_or(&b""[..], |frame| &frame[..]);
        let word = word.strip_suffix(b"\0").unwrap_or(word);
        match word {
            b"PAUSE" => self.state = State::Paused,
            b"RESUME" => self.state = State::Active,
            b"TERMINATE" => self.state = State::Ended,
            b"STATISTICS" => return control.forward(self.statistics()),
            // libzmq ends its process here; the command is not obeyed.
            _ => {}
        }
        // A REP must reply before it receives again.
        match control.kind {
            zmq_channels::SocketType::Rep => control.forward(Message::from("")),
            _ => Ok(()),
        }
    }

    /// Eight numbers: received and sent by the frontend, then by the backend, messages and bytes each.
    fn statistics(&self) -> Message {
        let [front, back] = self.counts;
        let numbers = [front, back, back, front];
        let frames = numbers
            .into_iter()
            .flat_map(|count| [count.messages, count.bytes]);
        frames.map(u64::to_ne_bytes).collect()
    }
}

fn run(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> Outcome<c_int> {
    if frontend.is_null() || backend.is_null() {
        return Err(EFAULT);
    }
    let (frontend, backend) = (socket::enter(frontend)?, socket::enter(backend)?);
    let enter = |handle: *mut c_void| -> Outcome<Option<Entered<Socket>>> {
        (!handle.is_null())
            .then(|| socket::enter(handle))
            .transpose()
    };
    let (capture, control) = (enter(capture)?, enter(control)?);
    let mut proxy = Proxy {
        frontend: &frontend,
        backend: &backend,
        capture: capture.as_deref(),
        control: control.as_deref(),
        state: State::Active,
        counts: [Count::default(); 2],
    };
    proxy.run()?;
    Ok(0)
}

/// zmq_proxy(3): returns when the context of a socket has ended.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_proxy(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
) -> c_int {
    answer(run(frontend, backend, capture, std::ptr::null_mut()))
}

/// zmq_proxy_steerable(3): obeys `PAUSE`, `RESUME`, `TERMINATE` and `STATISTICS` from a socket.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_proxy_steerable(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> c_int {
    answer(run(frontend, backend, capture, control))
}

/// zmq_device(3), deprecated: the type has no effect.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_device(_kind: c_int, frontend: *mut c_void, backend: *mut c_void) -> c_int {
    zmq_proxy(frontend, backend, std::ptr::null_mut())
}
