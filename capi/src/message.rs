//! Messages (zmq_msg_init(3) and the other `zmq_msg_*`): what is in the 64 bytes of a `zmq_msg_t`.
//!
//! A `zmq_msg_t` is one frame. Up to 32 bytes are in it; more are in a [`Block`], or in the memory
//! that the library received them in. Copies share that memory.

mod api;

#[cfg(test)]
pub(crate) use api::*;

use std::ffi::{c_int, c_void, CStr};
use std::mem::ManuallyDrop;
use std::sync::Arc;

use bytes::Bytes;
use zmq_channels::Frame;

use crate::block::Block;
use crate::errno::{Outcome, EFAULT, ENOMEM};
use crate::metadata::Metadata;

/// The longest payload that is in the `zmq_msg_t` itself.
const INLINE: usize = 32;

/// Marks a `zmq_msg_t` that was initialised.
const MAGIC: u32 = 0x7a6d_7121;

/// Further frames of the same message follow.
const MORE: u8 = 1;

/// The longest name of a group (`ZMQ_GROUP_MAX_LENGTH`).
const MAX_GROUP: usize = 255;

const ZMQ_MORE: c_int = 1;
const ZMQ_SHARED: c_int = 3;

/// `zmq_msg_t`.
#[repr(C, align(8))]
pub struct Msg {
    body: Body,
    /// From [`Arc::into_raw`], or null: about the peer that it was received from.
    metadata: *const Metadata,
    /// From [`Box::into_raw`], or null: the group that it was received from or is for.
    group: *mut Group,
    routing_id: u32,
    magic: u32,
    kind: Kind,
    flags: u8,
    len: u8,
}

const _: () = assert!(size_of::<Msg>() <= 64 && align_of::<Msg>() <= align_of::<*const ()>());

/// How the payload is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Inline = 1,
    Block,
    Received,
}

union Body {
    inline: [u8; INLINE],
    /// From [`Block::into_raw`].
    block: *mut c_void,
    received: ManuallyDrop<Bytes>,
}

/// The name of a group with the NUL that C needs.
struct Group([u8; MAX_GROUP + 1]);

/// One frame on its way between the user and a socket.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) frame: Frame,
    pub(crate) routing_id: u32,
    /// Boxed, since few parts have one, and each is moved several times.
    pub(crate) group: Option<Box<Frame>>,
    pub(crate) metadata: Option<Arc<Metadata>>,
    pub(crate) more: bool,
}

impl Msg {
    pub(crate) const fn empty() -> Self {
        Msg {
            body: Body {
                inline: [0; INLINE],
            },
            metadata: std::ptr::null(),
            group: std::ptr::null_mut(),
            routing_id: 0,
            magic: MAGIC,
            kind: Kind::Inline,
            flags: 0,
            len: 0,
        }
    }

    fn with_block(block: Block) -> Self {
        Msg {
            body: Body {
                block: block.into_raw(),
            },
            kind: Kind::Block,
            ..Msg::empty()
        }
    }

    fn of_size(size: usize) -> Outcome<Self> {
        if size <= INLINE {
            let mut msg = Msg::empty();
            msg.len = size as u8;
            return Ok(msg);
        }
        Block::new(size).map(Msg::with_block).ok_or(ENOMEM)
    }

    /// The block, if the payload is in one.
    #[inline]
    fn block(&self) -> Option<ManuallyDrop<Block>> {
        // SAFETY: of this kind, the pointer is from `into_raw`; the share stays the message's.
        let block = || unsafe { Block::from_raw(self.body.block) };
        (self.kind == Kind::Block).then(|| ManuallyDrop::new(block()))
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the kind says which field was stored, and at most `len` bytes of the first; a block
        // and received bytes live as long as this message holds them.
        unsafe {
            match self.kind {
                Kind::Inline => &self.body.inline[..usize::from(self.len)],
                Kind::Received => &self.body.received,
                Kind::Block => {
                    let block = ManuallyDrop::new(Block::from_raw(self.body.block));
                    std::slice::from_raw_parts(block.data(), block.len())
                }
            }
        }
    }

    fn data(&mut self) -> *mut c_void {
        match (self.kind, self.block()) {
            (_, Some(block)) => block.data().cast(),
            // SAFETY: of this kind, the field was stored.
            (Kind::Inline, _) => unsafe { self.body.inline.as_mut_ptr().cast() },
            // What the user writes to it, other messages see that share it, as with libzmq.
            _ => self.bytes().as_ptr().cast_mut().cast(),
        }
    }

    /// Takes the payload and leaves an empty message.
    #[inline]
    pub(crate) fn take_frame(&mut self) -> Frame {
        let kind = std::mem::replace(&mut self.kind, Kind::Inline);
        let len = std::mem::take(&mut self.len);
        // SAFETY: the kind says which field was stored. It is taken out once, as the message is now
        // one with no bytes.
        unsafe {
            match kind {
                Kind::Inline => Frame::copy_from_slice(&self.body.inline[..usize::from(len)]),
                Kind::Received => Frame::from(ManuallyDrop::take(&mut self.body.received)),
                Kind::Block => {
                    let block = Block::from_raw(self.body.block);
                    match block.len() {
                        // A frame stores that much in itself.
                        0..=64 => Frame::copy_from_slice(block.bytes()),
                        _ => Frame::from(Bytes::from_owner(block)),
                    }
                }
            }
        }
    }

    /// Takes what is to be sent and leaves an empty message.
    #[inline]
    pub(crate) fn take_part(&mut self) -> Part {
        let (routing_id, group) = self.address();
        let part = Part {
            frame: self.take_frame(),
            routing_id,
            group,
            ..Part::default()
        };
        self.release();
        *self = Msg::empty();
        part
    }

    /// Puts the frame of a message back that `take_frame` has taken.
    pub(crate) fn put_frame(&mut self, message: zmq_channels::Message) {
        let frame = message.into_frames().pop().unwrap_or_default();
        let with_frame = Msg::from(Part {
            frame,
            ..Part::default()
        });
        (self.body, self.kind, self.len) = (with_frame.body, with_frame.kind, with_frame.len);
    }

    /// Empties a message whose frame was sent.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.release();
        *self = Msg::empty();
    }

    /// The peer and the group that it is for.
    #[inline]
    pub(crate) fn address(&self) -> (u32, Option<Box<Frame>>) {
        let group = self.group();
        (
            self.routing_id,
            group.map(|group| Box::new(Frame::from(group.to_bytes()))),
        )
    }

    /// Puts back what could not be sent; the message is the empty one that was left.
    pub(crate) fn put_back(&mut self, part: Part, (routing_id, group): (u32, Option<Box<Frame>>)) {
        *self = Msg::from(Part {
            frame: part.frame,
            routing_id,
            group,
            ..Part::default()
        });
    }

    fn group(&self) -> Option<&CStr> {
        // SAFETY: the pointer is null or from `Box::into_raw`, and the message's until it is closed.
        let group = unsafe { self.group.as_ref() }?;
        CStr::from_bytes_until_nul(&group.0).ok()
    }

    fn set_group(&mut self, name: &[u8]) {
        let mut group = Box::new(Group([0; MAX_GROUP + 1]));
        let len = name.len().min(MAX_GROUP);
        group.0[..len].copy_from_slice(&name[..len]);
        self.release_group();
        self.group = Box::into_raw(group);
    }

    fn release_group(&mut self) {
        if !self.group.is_null() {
            // SAFETY: the pointer is from `Box::into_raw`, and is replaced before it is used again.
            drop(unsafe { Box::from_raw(self.group) });
            self.group = std::ptr::null_mut();
        }
    }

    fn metadata(&self) -> Option<&Metadata> {
        // SAFETY: the pointer is null or from `Arc::into_raw`, and the message's until it is closed.
        unsafe { self.metadata.as_ref() }
    }

    /// Releases what the message holds, after which it must be overwritten.
    #[inline]
    fn release(&mut self) {
        // SAFETY: the kind says which field was stored; the pointers are null or those of a box and a
        // share of this message. None of them is used again.
        unsafe {
            match self.kind {
                Kind::Inline => {}
                Kind::Received => ManuallyDrop::drop(&mut self.body.received),
                Kind::Block => drop(Block::from_raw(self.body.block)),
            }
            self.kind = Kind::Inline;
            if !self.metadata.is_null() {
                drop(Arc::from_raw(self.metadata));
                self.metadata = std::ptr::null();
            }
        }
        self.release_group();
    }

    /// Replaces the message.
    #[inline]
    pub(crate) fn replace(&mut self, other: Msg) {
        self.release();
        *self = other;
    }

    /// Replaces the message by a copy of a small frame; returns false if it is not small.
    #[inline]
    pub(crate) fn fill(&mut self, frame: &[u8]) -> bool {
        let len = frame.len();
        if len > zmq_channels::message::INLINE_CAPACITY {
            return false;
        }
        if len > INLINE {
            let Some(block) = Block::copy(frame) else {
                return false;
            };
            self.replace(Msg::with_block(block));
            return true;
        }
        self.replace(Msg::empty());
        // SAFETY: writing a field of a union of plain bytes.
        unsafe { self.body.inline[..len].copy_from_slice(frame) };
        self.len = len as u8;
        true
    }

    /// A second message with the same payload.
    fn share(&self) -> Self {
        let body = match (self.kind, self.block()) {
            (_, Some(block)) => Body {
                block: Block::clone(&block).into_raw(),
            },
            // SAFETY: the kind says which field was stored.
            (Kind::Received, _) => unsafe {
                Body {
                    received: self.body.received.clone(),
                }
            },
            // SAFETY: as above.
            _ => unsafe {
                Body {
                    inline: self.body.inline,
                }
            },
        };
        if !self.metadata.is_null() {
            // SAFETY: the pointer is from `Arc::into_raw`; the copy has a share too.
            unsafe { Arc::increment_strong_count(self.metadata) };
        }
        let mut copy = Msg {
            body,
            group: std::ptr::null_mut(),
            ..*self
        };
        if let Some(group) = self.group() {
            copy.set_group(group.to_bytes());
        }
        copy
    }
}

impl From<Part> for Msg {
    #[inline]
    fn from(part: Part) -> Self {
        let len = part.frame.len();
        let mut msg = Msg::empty();
        if len <= INLINE {
            // SAFETY: writing a field of a union of plain bytes.
            unsafe { msg.body.inline[..len].copy_from_slice(&part.frame) };
            msg.len = len as u8;
        } else if len > zmq_channels::message::INLINE_CAPACITY {
            msg.body.received = ManuallyDrop::new(Bytes::from(part.frame));
            msg.kind = Kind::Received;
        } else {
            match Block::copy(&part.frame) {
                Some(block) => msg = Msg::with_block(block),
                None => std::process::abort(),
            }
        }
        msg.flags = if part.more { MORE } else { 0 };
        msg.routing_id = part.routing_id;
        if let Some(group) = part.group {
            msg.set_group(&group);
        }
        if let Some(metadata) = part.metadata {
            msg.metadata = Arc::into_raw(metadata);
        }
        msg
    }
}

/// The message that a pointer from C refers to.
///
/// # Safety
/// The pointer is null, or valid for a `zmq_msg_t` that no other thread uses during the call.
#[inline]
pub(crate) unsafe fn valid<'a>(msg: *mut Msg) -> Outcome<&'a mut Msg> {
    // What was not initialised need not have a valid kind, so that is not looked at before.
    // SAFETY: promised by the caller.
    if msg.is_null() || unsafe { (&raw const (*msg).magic).read() } != MAGIC {
        return Err(EFAULT);
    }
    // SAFETY: promised by the caller; it was initialised, as it is marked so.
    Ok(unsafe { &mut *msg })
}
