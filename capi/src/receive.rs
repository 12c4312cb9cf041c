//! Receiving (zmq_recv(3), zmq_msg_recv(3)): whole messages of the library, given out frame by frame.

use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::task::{Context, Poll};

use zmq_channels::error::{RecvTimeoutError, TryRecvError};
use zmq_channels::{Frame, Message, Receiver, SocketType};

use crate::errno::{answer, Outcome, EAGAIN, EFAULT, EFSM, EINVAL, ENOTSUP};
use crate::kind;
use crate::message::{self, Msg, Part};
use crate::metadata::Metadata;
use crate::options::RCVMORE;
use crate::socket::{self, lock, Opened, Socket, Turn};
use crate::wait::{self, BlockedSignals, Deadline};

/// `ZMQ_DONTWAIT`.
pub(crate) const DONTWAIT: c_int = 1;

/// What was received and not given out yet.
#[derive(Default)]
pub(crate) struct Inbound {
    /// The frames of a message after the one given out last.
    rest: std::vec::IntoIter<Frame>,
    /// Whether more follow the frame given out last (`ZMQ_RCVMORE`).
    pub(crate) more: bool,
    /// Of the connection of the last message.
    metadata: Option<Arc<Metadata>>,
}

impl Inbound {
    pub(crate) fn has_rest(&self) -> bool {
        self.rest.len() > 0
    }

    /// Takes a message and gives its first frame out.
    #[inline]
    fn begin(&mut self, kind: SocketType, message: Message) -> Part {
        self.metadata = match message.peer() {
            None => None,
            Some(info) => Some(match self.metadata.take() {
                Some(known) if known.is_of(&info) => known,
                _ => Arc::new(Metadata::new(info)),
            }),
        };
        if message.len() == 1 {
            self.more = false;
            return self.part(Frame::try_from(message).unwrap_or_default());
        }
        self.rest = message.into_frames().into_iter();
        let mut part = Part::default();
        if kind::numbers_peers(kind) {
            let id = self
                .rest
                .next()
                .and_then(|id| <[u8; 4]>::try_from(&id[..]).ok());
            part.routing_id = id.map_or(0, u32::from_be_bytes);
        } else if kind == SocketType::Dish {
            part.group = self.rest.next().map(Box::new);
        }
        let next = self.next().unwrap_or_default();
        Part {
            routing_id: part.routing_id,
            group: part.group,
            ..next
        }
    }

    /// The next frame of the message that was begun.
    fn next(&mut self) -> Option<Part> {
        let frame = self.rest.next()?;
        self.more = self.rest.len() > 0;
        Some(self.part(frame))
    }

    #[inline]
    fn part(&self, frame: Frame) -> Part {
        Part {
            frame,
            more: self.more,
            metadata: self.metadata.clone(),
            ..Part::default()
        }
    }
}

impl Socket {
    /// Receives a frame.
    #[inline]
    pub(crate) fn receive(&self, flags: c_int) -> Outcome<Part> {
        let opened = self.opened()?;
        let receiver = opened.receiver.as_ref().ok_or(ENOTSUP)?;
        let mut inbound = lock(&self.inbound);
        if let Some(part) = inbound.next() {
            self.took(part.more);
            return Ok(part);
        }
        self.may_receive()?;
        let message = match receiver.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Closed(why)) => return Err(why.errno().into()),
            Err(TryRecvError::Empty) => {
                drop(inbound);
                let message = self.wait_for_message(opened, receiver, flags)?;
                inbound = lock(&self.inbound);
                message
            }
        };
        let part = inbound.begin(self.kind, message);
        self.took(part.more);
        Ok(part)
    }

    /// Receives a frame into a message. Most are small, and the only one of their message: their bytes
    /// are copied to where they stay, and nothing else is moved.
    #[inline]
    fn receive_into(&self, msg: &mut Msg, flags: c_int) -> Outcome<c_int> {
        let opened = self.opened()?;
        let receiver = opened.receiver.as_ref().ok_or(ENOTSUP)?;
        let mut inbound = lock(&self.inbound);
        if !inbound.has_rest() {
            self.may_receive()?;
            if let Ok(message) = receiver.try_recv() {
                if let ([frame], None) = (message.frames(), message.peer()) {
                    if msg.fill(frame) {
                        (inbound.more, inbound.metadata) = (false, None);
                        self.took(false);
                        return Ok(size(frame.len()));
                    }
                }
                let part = inbound.begin(self.kind, message);
                return Ok(self.give(part, msg));
            }
        }
        drop(inbound);
        self.receive(flags).map(|part| {
            let len = size(part.frame.len());
            msg.replace(Msg::from(part));
            len
        })
    }

    fn give(&self, part: Part, msg: &mut Msg) -> c_int {
        self.took(part.more);
        let len = size(part.frame.len());
        msg.replace(Msg::from(part));
        len
    }

    /// Receives a whole message, for proxies.
    pub(crate) fn receive_whole(&self) -> Outcome<Message> {
        let opened = self.opened()?;
        let receiver = opened.receiver.as_ref().ok_or(ENOTSUP)?;
        self.may_receive()?;
        let message = match receiver.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Closed(why)) => Err(why.errno().into()),
            Err(TryRecvError::Empty) => self.wait_for_message(opened, receiver, DONTWAIT),
        }?;
        self.took(false);
        Ok(message)
    }

    fn may_receive(&self) -> Outcome {
        match (self.kind, self.exchange.turn()) {
            (SocketType::Req, Turn::Request) | (SocketType::Rep, Turn::Reply) => Err(EFSM),
            _ => Ok(()),
        }
    }

    #[inline]
    fn took(&self, more: bool) {
        self.acted();
        match self.kind {
            SocketType::Req if !more => self.exchange.set(Turn::Request),
            SocketType::Rep if !more => self.exchange.set(Turn::Reply),
            _ => {}
        }
    }

    #[cold]
    fn wait_for_message(
        &self,
        opened: &Opened,
        receiver: &Receiver,
        flags: c_int,
    ) -> Outcome<Message> {
        let timeout = match flags & DONTWAIT {
            0 => self.receive_timeout.load(Ordering::Relaxed),
            _ => 0,
        };
        if timeout != 0 {
            return wait(receiver, Deadline::after(timeout.into()));
        }
        // Before the call gives up, the I/O thread finishes what it was given.
        self.settle(opened)?;
        self.rearm();
        match receiver.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Empty) => Err(EAGAIN),
            Err(TryRecvError::Closed(why)) => Err(why.errno().into()),
        }
    }

    /// Something was done that may bring a message, or room for one, to another socket.
    #[inline]
    pub(crate) fn acted(&self) {
        if self.is_nearby.load(Ordering::Relaxed) {
            self.context.count_activity();
        }
    }

    /// If this has inproc endpoints, waits until the I/O thread has done all that other calls have given
    /// it: a message has then arrived if the call that sent it has returned. Returns whether there was
    /// anything to wait for.
    #[cold]
    pub(crate) fn settle(&self, opened: &Opened) -> Outcome<bool> {
        if !self.is_nearby.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let activity = self.context.activity();
        if self.settled.swap(activity, Ordering::Relaxed) == activity {
            return Ok(false);
        }
        // It may reply to the first question before it goes on with what came before; not to the second.
        opened.socket.options()?;
        opened.socket.options()?;
        Ok(true)
    }
}

fn wait(receiver: &Receiver, deadline: Deadline) -> Outcome<Message> {
    let mut watch = None;
    loop {
        let signals = BlockedSignals::new();
        match receiver.recv_timeout_blocking(deadline.first()) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Closed(why)) => return Err(why.errno().into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let watch = watch.get_or_insert_with(|| receiver.clone());
        wait::with_wakeup(|wakeup, waker| {
            wakeup.clear();
            let pause = match watch.poll_readable(&mut Context::from_waker(waker)) {
                Poll::Ready(()) => Some(std::time::Duration::ZERO),
                Poll::Pending => deadline.left(),
            };
            signals.poll(&mut [wait::readable(wakeup.fd())], pause)
        })?;
        drop(signals);
        match receiver.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Closed(why)) => return Err(why.errno().into()),
            Err(TryRecvError::Empty) if deadline.is_over() => return Err(EAGAIN),
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// A size as it is returned to C.
pub(crate) fn size(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or(c_int::MAX)
}

/// zmq_recv(3): what does not fit is cut off; returns the size of the frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recv(
    handle: *mut c_void,
    buffer: *mut c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    answer(socket::enter(handle).and_then(|socket| {
        let frame = socket.receive(flags)?.frame;
        let copied = frame.len().min(len);
        if copied > 0 {
            if buffer.is_null() {
                return Err(EFAULT);
            }
            // SAFETY: the caller gives room for `len` bytes.
            unsafe { std::ptr::copy_nonoverlapping(frame.as_ptr(), buffer.cast(), copied) };
        }
        Ok(size(frame.len()))
    }))
}

/// zmq_msg_recv(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_recv(msg: *mut Msg, handle: *mut c_void, flags: c_int) -> c_int {
    answer(socket::enter(handle).and_then(|socket| {
        // SAFETY: promised by the caller.
        let msg = unsafe { message::valid(msg) }?;
        socket.receive_into(msg, flags)
    }))
}

/// zmq_recvmsg(3), deprecated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recvmsg(handle: *mut c_void, msg: *mut Msg, flags: c_int) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { zmq_msg_recv(msg, handle, flags) }
}

/// zmq_recviov: a message into memory that the caller must free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recviov(
    handle: *mut c_void,
    iov: *mut libc::iovec,
    count: *mut usize,
    flags: c_int,
) -> c_int {
    answer(socket::enter(handle).and_then(|socket| {
        // SAFETY: the number is read only if there is one.
        if count.is_null() || iov.is_null() || unsafe { *count } == 0 {
            return Err(EINVAL);
        }
        // SAFETY: the caller gives a number of vectors, and that many of them.
        let iovs = unsafe { std::slice::from_raw_parts_mut(iov, *count) };
        let mut taken = 0;
        for iov in iovs {
            let part = socket.receive(flags)?;
            let bytes = &part.frame[..];
            // SAFETY: any size may be allocated; at least one byte, so that null means failure.
            let room = unsafe { libc::malloc(bytes.len().max(1)) };
            if room.is_null() {
                return Err(crate::errno::ENOMEM);
            }
            // SAFETY: the memory was just allocated with that size.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), room.cast(), bytes.len()) };
            (iov.iov_base, iov.iov_len) = (room, bytes.len());
            taken += 1;
            if !part.more {
                break;
            }
        }
        // SAFETY: checked above.
        unsafe { *count = taken };
        Ok(size(taken))
    }))
}

impl Socket {
    /// Whether the frame received last has others after it (`ZMQ_RCVMORE`).
    pub(crate) fn receives_more(&self, option: c_int) -> Option<c_int> {
        (option == RCVMORE).then(|| lock(&self.inbound).more.into())
    }
}
