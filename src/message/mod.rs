//! Messages and their frames. A message is sent and delivered as a whole, or not at all.

use std::fmt;

mod body;
mod convert;
mod frame;
mod peer;
pub(crate) mod storage;
mod xpub_event;

use body::Body;
pub use convert::FromMessageError;
pub use frame::{Frame, INLINE_CAPACITY};
pub(crate) use peer::PeerFrame;
pub use peer::PeerInfo;
pub use xpub_event::XPubEvent;

/// RFC 48 gives the name of a group one byte for its length.
pub(crate) const MAX_GROUP: usize = 255;

/// A whole ZeroMQ message: one frame or several, sent and delivered all or nothing.
///
/// Anything that reads as bytes becomes a message of one frame, a collection of such
/// things becomes a multipart message:
///
/// ```
/// use zmq_channels::Message;
///
/// let single = Message::from("hello");
/// assert_eq!(single.len(), 1);
///
/// let multipart = Message::from(["status", "", "42"]);
/// assert_eq!(multipart.len(), 3);
/// assert_eq!(multipart[0], "status");
/// assert!(multipart[1].is_empty());
/// ```
///
/// Frames of different types go into a tuple of up to six; with more of them, or a number that is not
/// known before, they are [pushed](Message::push) one by one, or collected:
///
/// ```
/// use zmq_channels::{Frame, Message};
///
/// let mixed = Message::from(("reading", vec![1u8, 2], b"end"));
/// assert_eq!(mixed.len(), 3);
///
/// let mut pushed = Message::from("reading");
/// pushed.push(vec![1u8, 2]);
/// pushed.push("end");
/// assert_eq!(pushed, mixed);
///
/// let collected: Message = mixed.iter().rev().collect();
/// assert_eq!(collected[0].as_str(), Some("end"));
/// ```
///
/// A message of one frame becomes a `String`, a `Vec<u8>` or a [`Frame`] with `try_from`; one of several
/// is taken apart by its index, by [`frames`](Message::frames), or by iteration over it.
///
/// [`Display`](fmt::Display) writes the frames as text, with a comma and a space between them; see
/// [`Frame`].
///
/// Cloning a message never copies a payload larger than [`INLINE_CAPACITY`].
#[derive(Clone)]
#[doc(alias = "zmq_msg_t")]
#[doc(alias = "zmsg")]
#[doc(alias = "multipart")]
pub struct Message {
    /// Names, inside this library, the request or the peer a message belongs to; 0 for none.
    tag: u64,
    body: Body,
}

/// Set in the tags of requests, and of their replies, that no call waits for, but that are counted.
const NUMBERED: u64 = 1 << 63;

/// The tag of a request that is the `number`th of its kind; not 0.
pub(crate) const fn numbered(number: u64) -> u64 {
    number | NUMBERED
}

impl Message {
    /// The most frames one message has on the wire, 2²⁰: a peer that is sent more ends the
    /// connection. That counts what the type of socket puts in front, so that REQ takes 2 frames
    /// less, and REP 1024 less, for the way back through that many devices. ROUTER takes one more,
    /// which says which peer the message is for. A message of more frames is refused by `send`
    /// ([`Refusal::TooManyFrames`](crate::error::Refusal::TooManyFrames)).
    pub const MAX_FRAMES: usize = 1 << 20;

    /// A message without frames, to be filled with [`push`](Message::push).
    ///
    /// A message that still has no frame cannot be sent.
    #[must_use]
    #[doc(alias = "zmq_msg_init")]
    pub const fn new() -> Self {
        Message {
            tag: 0,
            body: Body::empty(),
        }
    }

    /// One frame with a copy of `bytes`, made where the message stands.
    #[inline]
    fn copied(bytes: &[u8]) -> Self {
        let mut message = Message::single(Frame::empty());
        if let Body::One(frame) = &mut message.body {
            frame.copy(bytes);
        }
        message
    }

    #[inline]
    pub(crate) const fn single(frame: Frame) -> Self {
        Message {
            tag: 0,
            body: Body::One(frame),
        }
    }

    /// What an XSUB sends to subscribe to all that starts with `prefix`: one frame, the byte 1
    /// and the prefix. An XPUB gives it to its user in the same form.
    #[must_use]
    pub fn subscribe(prefix: impl AsRef<[u8]>) -> Self {
        Message::word(1, prefix.as_ref())
    }

    /// What an XSUB sends to cancel a subscription: one frame, the byte 0 and the prefix.
    #[must_use]
    pub fn cancel(prefix: impl AsRef<[u8]>) -> Self {
        Message::word(0, prefix.as_ref())
    }

    fn word(first: u8, prefix: &[u8]) -> Self {
        Message::single(Frame::from([&[first], prefix].concat()))
    }

    /// What a RADIO sends to a group: two frames, the name of the group and the body. A name of
    /// more than 255 bytes is refused when it is sent.
    #[must_use]
    #[doc(alias = "zmq_msg_set_group")]
    pub fn to_group(group: impl Into<Frame>, body: impl Into<Frame>) -> Self {
        Message::from_frames(vec![group.into(), body.into()])
    }

    /// The number of frames.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Whether there is no frame at all. A message of one empty frame is not empty.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of bytes in all frames together.
    #[must_use]
    #[doc(alias = "zmq_msg_size")]
    pub fn byte_len(&self) -> usize {
        self.frames().iter().map(|frame| frame.len()).sum()
    }

    /// The frames, in order.
    #[must_use]
    #[inline]
    #[doc(alias = "zmq_msg_more")]
    #[doc(alias = "ZMQ_RCVMORE")]
    pub fn frames(&self) -> &[Frame] {
        self.body.frames()
    }

    /// The frame at `index`, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Frame> {
        self.frames().get(index)
    }

    /// The first frame: the topic of a publication, the routing id in front of an envelope.
    #[must_use]
    #[inline]
    pub fn first(&self) -> Option<&Frame> {
        self.frames().first()
    }

    /// The frames, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Frame> {
        self.frames().iter()
    }

    /// Adds a frame behind the others: [`push_back`](Message::push_back), as a [`Vec`] has it.
    ///
    /// ```
    /// use zmq_channels::Message;
    ///
    /// let mut message = Message::new();
    /// message.push("weather");
    /// message.push([17, 4]);
    /// assert_eq!(message, ("weather", [17, 4]).into());
    /// ```
    #[doc(alias = "add")]
    #[doc(alias = "addpart")]
    #[doc(alias = "addstr")]
    #[doc(alias = "zmsg_append")]
    pub fn push(&mut self, frame: impl Into<Frame>) {
        self.push_back(frame);
    }

    /// Adds a frame behind the others.
    #[doc(alias = "zmsg_add")]
    #[doc(alias = "append")]
    pub fn push_back(&mut self, frame: impl Into<Frame>) {
        self.body.push_back(frame.into());
    }

    /// Adds a frame in front of the others.
    #[doc(alias = "zmsg_push")]
    #[doc(alias = "prepend")]
    pub fn push_front(&mut self, frame: impl Into<Frame>) {
        self.body.push_front(frame.into());
    }

    /// Takes the first frame off.
    #[doc(alias = "zmsg_pop")]
    pub fn pop_front(&mut self) -> Option<Frame> {
        self.body.pop_front()
    }

    /// Takes the last frame off.
    pub fn pop_back(&mut self) -> Option<Frame> {
        self.body.pop_back()
    }

    /// The frames as a vector.
    #[must_use]
    pub fn into_frames(self) -> Vec<Frame> {
        self.body.into_frames()
    }

    /// The text of a message of one frame, if that is valid UTF-8.
    #[must_use]
    #[doc(alias = "recv_string")]
    #[doc(alias = "to_str")]
    pub fn as_str(&self) -> Option<&str> {
        match self.frames() {
            [frame] => std::str::from_utf8(frame).ok(),
            _ => None,
        }
    }

    pub(crate) fn from_frames(frames: Vec<Frame>) -> Self {
        Message {
            tag: 0,
            body: Body::from_frames(frames),
        }
    }

    #[inline]
    pub(crate) const fn tag(&self) -> u64 {
        self.tag
    }

    #[inline]
    pub(crate) fn set_tag(&mut self, tag: u64) {
        self.tag = tag;
    }

    /// Whether this is a request, or the reply to one, that a call waits for by its tag.
    pub(crate) const fn belongs_to_a_call(&self) -> bool {
        self.tag != 0 && self.tag & NUMBERED == 0
    }
}

impl Default for Message {
    fn default() -> Self {
        Message::new()
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.frames() == other.frames()
    }
}

impl Eq for Message {}

/// The frames as text, with a comma and a space between them.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frames() {
            [only] => only.fmt(f),
            frames => {
                for (index, frame) in frames.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{frame}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message")?;
        f.debug_list().entries(self.frames()).finish()
    }
}

impl std::ops::Index<usize> for Message {
    type Output = Frame;

    #[inline]
    fn index(&self, index: usize) -> &Frame {
        &self.frames()[index]
    }
}

impl IntoIterator for Message {
    type Item = Frame;
    type IntoIter = std::vec::IntoIter<Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.into_frames().into_iter()
    }
}

impl<'a> IntoIterator for &'a Message {
    type Item = &'a Frame;
    type IntoIter = std::slice::Iter<'a, Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<F: Into<Frame>> FromIterator<F> for Message {
    fn from_iter<I: IntoIterator<Item = F>>(frames: I) -> Self {
        Message::from_frames(frames.into_iter().map(Into::into).collect())
    }
}

impl<F: Into<Frame>> Extend<F> for Message {
    fn extend<I: IntoIterator<Item = F>>(&mut self, frames: I) {
        frames.into_iter().for_each(|frame| self.push_back(frame));
    }
}

#[cfg(test)]
mod tests;
