//! Sending (zmq_send(3), zmq_msg_send(3)): frames are gathered until the message is whole.

use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use zmq_channels::error::{Refusal, SendTimeoutError, TrySendError};
use zmq_channels::{Frame, Message, Sender, SocketType};

use crate::errno::{
    answer, Errno, Outcome, EAGAIN, EFAULT, EFSM, EHOSTUNREACH, EINVAL, ENOMEM, ENOTSUP,
};
use crate::kind;
use crate::message::{self, Msg, Part};
use crate::receive::{size, DONTWAIT};
use crate::socket::{self, lock, Opened, Socket, Turn};
use crate::value;
use crate::wait::{self, BlockedSignals, Deadline};

/// `ZMQ_SNDMORE`.
const SNDMORE: c_int = 2;

/// The frames of a message that is not whole yet.
#[derive(Default)]
pub(crate) struct Outbound {
    frames: Vec<Frame>,
}

impl Outbound {
    /// Whether the next frame is not the first of its message.
    pub(crate) fn has_begun(&self) -> bool {
        !self.frames.is_empty()
    }
}

/// A call that failed, with the message to be tried again.
type Unsent = (Errno, Option<Message>);

impl Socket {
    /// Sends a frame, or returns it.
    #[inline]
    pub(crate) fn send(&self, part: Part, flags: c_int) -> Result<(), (Errno, Part)> {
        let opened = match self.opened() {
            Ok(opened) => opened,
            Err(errno) => return Err((errno, part)),
        };
        let Some(sender) = &opened.sender else {
            return Err((ENOTSUP, part));
        };
        let mut outbound = lock(&self.outbound);
        // A STREAM's messages have two frames, whatever is said about the second.
        let is_last = opened.kind == SocketType::Stream && outbound.has_begun();
        let more = flags & SNDMORE != 0 && !is_last;
        if !outbound.has_begun() {
            if let Err(errno) = self.may_begin(opened, sender, &part, flags) {
                return Err((errno, part));
            }
        }
        if more {
            outbound.frames.push(part.frame);
            return Ok(());
        }
        let gathered = outbound.frames.len();
        let message = match gathered {
            0 if kind::is_thread_safe(self.kind) => addressed(self.kind, part),
            0 => Message::from(part.frame),
            _ => {
                let mut frames = std::mem::take(&mut outbound.frames);
                frames.push(part.frame);
                Message::from(frames)
            }
        };
        // Sockets of these types may be used by several threads, which must not wait for each other.
        let mut outbound = match kind::is_thread_safe(self.kind) {
            true => {
                drop(outbound);
                None
            }
            false => Some(outbound),
        };
        match self.send_whole(opened, sender, message, flags) {
            Ok(()) => {
                self.sent();
                Ok(())
            }
            // The last frame can be sent again, behind those gathered before.
            Err((errno, Some(message))) => {
                let mut frames = message.into_frames();
                let last = frames.pop().unwrap_or_default();
                if let (true, Some(outbound)) = (errno == EAGAIN, &mut outbound) {
                    outbound.frames = frames;
                }
                Err((errno, returned(last)))
            }
            Err((errno, None)) => Err((errno, Part::default())),
        }
    }

    /// Sends a message of one frame where that needs nothing besides; `None` if it does. The message is
    /// empty if it was sent, and as it was otherwise.
    #[inline]
    fn send_alone(&self, msg: &mut Msg, flags: c_int) -> Option<Outcome> {
        use SocketType::{Dealer, Pair, Pub, Push, XPub};
        if flags & SNDMORE != 0 || !matches!(self.kind, Push | Dealer | Pub | Pair | XPub) {
            return None;
        }
        let sender = match self.opened() {
            Ok(opened) => opened.sender.as_ref()?,
            Err(errno) => return Some(Err(errno)),
        };
        if lock(&self.outbound).has_begun() {
            return None;
        }
        match sender.try_send(Message::from(msg.take_frame())) {
            Ok(()) => {
                msg.clear();
                self.acted();
                Some(Ok(()))
            }
            Err(error) => {
                msg.put_frame(error.into_inner());
                None
            }
        }
    }

    /// Whether the first frame of a message may be sent.
    #[inline]
    fn may_begin(&self, opened: &Opened, sender: &Sender, part: &Part, flags: c_int) -> Outcome {
        let more = flags & SNDMORE != 0;
        match (self.kind, self.exchange.turn()) {
            (SocketType::Rep, Turn::Request) => return Err(EFSM),
            (SocketType::Req, Turn::Reply) if !self.settings().relaxed => return Err(EFSM),
            _ => {}
        }
        if !more {
            return Ok(());
        }
        if kind::is_thread_safe(self.kind) {
            return Err(EINVAL);
        }
        let is_mandatory = || opened.kind == SocketType::Router && self.settings().is_mandatory();
        if (opened.kind == SocketType::Stream || is_mandatory())
            && !opened.socket.has_peer(&part.frame)
        {
            return Err(EHOSTUNREACH);
        }
        // With a time limit the last frame waits; without one the first has to be refused, since what was
        // begun must be finished.
        if self.sending_time(flags) == 0
            && is_mandatory()
            && self.peer_is_full(opened, &part.frame)?
        {
            return Err(EAGAIN);
        }
        if kind::never_waits_for_peers(self.kind) || sender.is_writable() {
            return Ok(());
        }
        self.wait_for_room(sender, flags)
    }

    /// Whether the queue of a ROUTER's peer is full.
    pub(crate) fn peer_is_full(&self, opened: &Opened, id: &[u8]) -> Outcome<bool> {
        let mark = self.settings().send_mark();
        let peers = opened.socket.statistics()?.peers;
        Ok(peers.iter().any(|peer| {
            let is_it = peer
                .known_as
                .as_ref()
                .is_some_and(|known| known.as_bytes() == id);
            is_it && mark > 0 && peer.queued >= mark
        }))
    }

    fn sent(&self) {
        self.acted();
        match self.kind {
            SocketType::Req => self.exchange.set(Turn::Reply),
            SocketType::Rep => self.exchange.set(Turn::Request),
            _ => {}
        }
    }

    /// Sends a whole message, for proxies.
    pub(crate) fn forward(&self, message: Message) -> Outcome {
        let opened = self.opened()?;
        let sender = opened.sender.as_ref().ok_or(ENOTSUP)?;
        self.send_whole(opened, sender, message, 0)
            .map_err(|(errno, _)| errno)?;
        self.sent();
        Ok(())
    }

    #[inline]
    fn send_whole(
        &self,
        opened: &Opened,
        sender: &Sender,
        message: Message,
        flags: c_int,
    ) -> Result<(), Unsent> {
        match sender.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => self.send_later(opened, sender, message, flags),
            Err(TrySendError::Closed(why, message)) => Err((why.errno().into(), Some(message))),
            Err(TrySendError::Refused(why, message)) => self.refused(&why, message),
        }
    }

    fn refused(&self, why: &Refusal, message: Message) -> Result<(), Unsent> {
        let routes = matches!(self.kind, SocketType::Router | SocketType::Stream);
        match why {
            // libzmq takes a routing id without a message, and sends nothing.
            _ if routes && message.len() == 1 => Ok(()),
            why => Err((why.errno().into(), Some(message))),
        }
    }

    #[cold]
    fn send_later(
        &self,
        opened: &Opened,
        sender: &Sender,
        message: Message,
        flags: c_int,
    ) -> Result<(), Unsent> {
        let timeout = self.sending_time(flags);
        let waits_for_peers =
            !kind::never_waits_for_peers(self.kind) || self.settings().waits_for_slow_peers();
        if timeout == 0 && waits_for_peers {
            // Before the call gives up, the I/O thread finishes what it was given.
            if let Err(errno) = self.settle(opened) {
                return Err((errno, Some(message)));
            }
            self.rearm();
            return match sender.try_send(message) {
                Ok(()) => Ok(()),
                Err(TrySendError::Full(message)) => Err((EAGAIN, Some(message))),
                Err(TrySendError::Closed(why, message)) => Err((why.errno().into(), Some(message))),
                Err(TrySendError::Refused(why, message)) => self.refused(&why, message),
            };
        }
        let deadline = match waits_for_peers {
            true => Deadline::after(timeout.into()),
            false => Deadline::after(-1),
        };
        self.wait_and_send(sender, message, deadline)
    }

    fn wait_and_send(
        &self,
        sender: &Sender,
        mut message: Message,
        deadline: Deadline,
    ) -> Result<(), Unsent> {
        let mut watch = None;
        loop {
            let signals = BlockedSignals::new();
            message = match sender.send_timeout_blocking(message, deadline.first()) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(message)) => message,
                Err(SendTimeoutError::Closed(why, message)) => {
                    return Err((why.errno().into(), Some(message)));
                }
                Err(SendTimeoutError::Refused(why, message)) => {
                    return self.refused(&why, message);
                }
            };
            if deadline.is_over() {
                return Err((EAGAIN, Some(message)));
            }
            let watch = watch.get_or_insert_with(|| sender.clone());
            if let Err(errno) = pause(watch, &signals, deadline) {
                return Err((errno, Some(message)));
            }
        }
    }

    /// Waits before the first of several frames.
    #[cold]
    fn wait_for_room(&self, sender: &Sender, flags: c_int) -> Outcome {
        let deadline = Deadline::after(self.sending_time(flags).into());
        self.rearm();
        let mut watch = sender.clone();
        loop {
            let signals = BlockedSignals::new();
            if sender.writable_timeout_blocking(deadline.first()) {
                self.context.check()?;
                return Ok(());
            }
            if deadline.is_over() {
                return Err(EAGAIN);
            }
            pause(&mut watch, &signals, deadline)?;
        }
    }

    fn sending_time(&self, flags: c_int) -> c_int {
        match flags & DONTWAIT {
            0 => self.send_timeout.load(Ordering::Relaxed),
            _ => 0,
        }
    }
}

/// Waits for room with the user's signals. Where there is some, but not for this message, the
/// caller's next wait is one of the library's.
fn pause(watch: &mut Sender, signals: &BlockedSignals, deadline: Deadline) -> Outcome {
    wait::with_wakeup(|wakeup, waker| {
        wakeup.clear();
        let pause = match watch.poll_writable(&mut Context::from_waker(waker)) {
            Poll::Ready(()) => Some(std::time::Duration::ZERO),
            Poll::Pending => deadline.left(),
        };
        signals.poll(&mut [wait::readable(wakeup.fd())], pause)
    })
    .map(drop)
}

/// A message of a type that has the peer or group in front.
fn addressed(kind: SocketType, part: Part) -> Message {
    match kind {
        SocketType::Server | SocketType::Peer => {
            Message::to(Frame::from(part.routing_id.to_be_bytes()), part.frame)
        }
        SocketType::Radio => Message::to_group(*part.group.unwrap_or_default(), part.frame),
        _ => Message::from(part.frame),
    }
}

fn returned(frame: Frame) -> Part {
    Part {
        frame,
        ..Part::default()
    }
}

/// Sends bytes of the user's.
///
/// # Safety
/// The buffer is null or valid for reads of `len` bytes.
unsafe fn send_bytes(
    handle: *mut c_void,
    buffer: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    answer(socket::enter(handle).and_then(|socket| {
        // SAFETY: promised by the caller.
        let bytes = unsafe { value::given(buffer, len) }.ok_or(EFAULT)?;
        let sent = socket.send(returned(Frame::copy_from_slice(bytes)), flags);
        sent.map(|()| size(len)).map_err(|(errno, _)| errno)
    }))
}

/// zmq_send(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send(
    handle: *mut c_void,
    buffer: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { send_bytes(handle, buffer, len, flags) }
}

/// zmq_send_const(3): the bytes stay as they are as long as the process runs, and are not copied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_send_const(
    handle: *mut c_void,
    buffer: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    answer(socket::enter(handle).and_then(|socket| {
        // SAFETY: promised by the caller, for as long as the process runs.
        let bytes = unsafe { value::given(buffer, len) }.ok_or(EFAULT)?;
        let frame = Frame::from(bytes::Bytes::from_static(bytes));
        let sent = socket.send(returned(frame), flags);
        sent.map(|()| size(len)).map_err(|(errno, _)| errno)
    }))
}

/// zmq_msg_send(3): if it succeeds the message is empty afterwards, otherwise it is as before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_send(msg: *mut Msg, handle: *mut c_void, flags: c_int) -> c_int {
    answer(socket::enter(handle).and_then(|socket| {
        // SAFETY: promised by the caller.
        let msg = unsafe { message::valid(msg) }?;
        let len = size(msg.bytes().len());
        if let Some(sent) = socket.send_alone(msg, flags) {
            return sent.map(|()| len);
        }
        let addressed = msg.address();
        match socket.send(msg.take_part(), flags) {
            Ok(()) => Ok(len),
            Err((errno, part)) => {
                msg.put_back(part, addressed);
                Err(errno)
            }
        }
    }))
}

/// zmq_sendmsg(3), deprecated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendmsg(handle: *mut c_void, msg: *mut Msg, flags: c_int) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { zmq_msg_send(msg, handle, flags) }
}

/// zmq_sendiov: a message of several frames. Returns the size of the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendiov(
    handle: *mut c_void,
    iov: *mut libc::iovec,
    count: usize,
    flags: c_int,
) -> c_int {
    answer(socket::enter(handle).and_then(|socket| {
        if iov.is_null() || count == 0 {
            return Err(EINVAL);
        }
        // SAFETY: the caller gives that many vectors.
        let iovs = unsafe { std::slice::from_raw_parts(iov, count) };
        let mut last = 0;
        for (index, iov) in iovs.iter().enumerate() {
            // SAFETY: the caller gives that many bytes in each.
            let bytes = unsafe { value::given(iov.iov_base, iov.iov_len) }.ok_or(ENOMEM)?;
            let flags = match index + 1 == count {
                true => flags & !SNDMORE,
                false => flags | SNDMORE,
            };
            let sent = socket.send(returned(Frame::copy_from_slice(bytes)), flags);
            sent.map_err(|(errno, _)| errno)?;
            last = size(bytes.len());
        }
        Ok(last)
    }))
}
