//! A message and its frames: plain values that are moved, never half sent.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::peer_info::PeerInfo;
use crate::storage;

/// Payloads up to this many bytes live inside the [`Frame`] itself and cost no allocation:
/// messages of 64 bytes are common in this field, and larger ones cost more to move.
pub const INLINE_CAPACITY: usize = 64;

/// RFC 48 gives the name of a group one byte for its length.
pub(crate) const MAX_GROUP: usize = 255;

/// One frame of a [`Message`]: an immutable run of bytes.
///
/// Small frames (up to [`INLINE_CAPACITY`] bytes) are stored inline. Larger ones share
/// their storage: cloning one copies a pointer, not the payload.
///
/// A frame of up to 2 KiB may share its allocation, of 16 KiB, with others that came before and
/// after it. To keep one for long without that, keep a copy: `frame.to_vec()`. The memory of
/// frames between 4 KiB and 4 MiB is used again for others; of what nobody uses the process
/// keeps 40 MiB at most, mostly less than half of that.
///
/// ```
/// use zmq_channels::Frame;
///
/// let frame = Frame::from("hello");
/// assert_eq!(&frame[..], b"hello");
/// assert_eq!(frame.len(), 5);
/// ```
#[derive(Clone)]
pub struct Frame(Repr);

/// Words of eight bytes, so that a frame is moved in few wide steps: with a tag and a length of
/// one byte each, moving one cost several times as much.
#[derive(Clone)]
#[repr(u64)]
enum Repr {
    Inline {
        len: usize,
        bytes: [u8; INLINE_CAPACITY],
    },
    Shared(Bytes),
}

impl Frame {
    /// A frame of no bytes, such as the delimiter in front of a request.
    #[must_use]
    pub const fn empty() -> Self {
        Frame(Repr::Inline {
            len: 0,
            bytes: [0; INLINE_CAPACITY],
        })
    }

    /// Copies `bytes` into a new frame.
    #[must_use]
    #[inline]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        let mut frame = Frame::empty();
        frame.copy(bytes);
        frame
    }

    /// Fills an empty frame where it stands: an array on the side would be moved once more.
    #[inline]
    fn copy(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Repr::Inline { len, bytes: room } if bytes.len() <= INLINE_CAPACITY => {
                copy_short(bytes, room);
                *len = bytes.len();
            }
            _ => self.0 = Repr::Shared(storage::copy(bytes)),
        }
    }

    /// The first `len` bytes of `window`. What stands behind them is kept, but never seen: so
    /// the copy has a fixed size, and is a few wide moves instead of a call.
    #[inline]
    pub(crate) fn from_window(window: &[u8; INLINE_CAPACITY], len: u8) -> Self {
        debug_assert!(usize::from(len) <= INLINE_CAPACITY);
        Frame(Repr::Inline {
            len: usize::from(len),
            bytes: *window,
        })
    }

    /// The bytes as a shared [`Bytes`]; copies only what is stored inline.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match &self.0 {
            Repr::Inline { .. } => Bytes::copy_from_slice(self),
            Repr::Shared(bytes) => bytes.clone(),
        }
    }

    /// The shared storage of a large frame, if it is stored that way.
    #[inline]
    pub(crate) fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline { .. } => None,
            Repr::Shared(bytes) => Some(bytes),
        }
    }
}

/// Copies at most [`INLINE_CAPACITY`] bytes in steps of the width by which frames are moved: a
/// processor hands what it has just stored to the next load only if both are of one piece.
#[inline]
fn copy_short(bytes: &[u8], room: &mut [u8; INLINE_CAPACITY]) {
    const STEP: usize = 16;
    let (mut steps, mut rooms) = (bytes.chunks_exact(STEP), room.chunks_exact_mut(STEP));
    for (step, room) in steps.by_ref().zip(rooms.by_ref()) {
        room.copy_from_slice(step);
    }
    let rest = steps.remainder();
    let start = bytes.len() - rest.len();
    room[start..bytes.len()].copy_from_slice(rest);
}

impl Default for Frame {
    fn default() -> Self {
        Frame::empty()
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..*len],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Frame {}

impl std::hash::Hash for Frame {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

macro_rules! frame_equals {
    ($($kind:ty),* $(,)?) => {
        $(impl PartialEq<$kind> for Frame {
            fn eq(&self, other: &$kind) -> bool {
                let other: &[u8] = other.as_ref();
                self[..] == *other
            }
        })*
    };
}

frame_equals!(str, &str, String, [u8], &[u8], Vec<u8>, Bytes);

impl<const N: usize> PartialEq<[u8; N]> for Frame {
    fn eq(&self, other: &[u8; N]) -> bool {
        self[..] == other[..]
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Frame {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self[..] == other[..]
    }
}

/// Shows readable text as text and everything else as hexadecimal bytes, shortened.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let head = &self[..self.len().min(SHOWN)];
        match std::str::from_utf8(head) {
            Ok(text) if !text.chars().any(char::is_control) => write!(f, "{text:?}")?,
            _ => {
                f.write_str("0x")?;
                for byte in head {
                    write!(f, "{byte:02x}")?;
                }
            }
        }
        if self.len() > SHOWN {
            write!(f, "… ({} bytes)", self.len())?;
        }
        Ok(())
    }
}

impl From<Bytes> for Frame {
    #[inline]
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= INLINE_CAPACITY {
            Frame::copy_from_slice(&bytes)
        } else {
            Frame(Repr::Shared(bytes))
        }
    }
}

impl From<Vec<u8>> for Frame {
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() <= INLINE_CAPACITY {
            Frame::copy_from_slice(&bytes)
        } else {
            Frame(Repr::Shared(bytes.into()))
        }
    }
}

impl From<Box<[u8]>> for Frame {
    fn from(bytes: Box<[u8]>) -> Self {
        Frame::from(bytes.into_vec())
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Frame::from(text.into_bytes())
    }
}

impl From<&str> for Frame {
    #[inline]
    fn from(text: &str) -> Self {
        Frame::copy_from_slice(text.as_bytes())
    }
}

impl From<&String> for Frame {
    fn from(text: &String) -> Self {
        Frame::copy_from_slice(text.as_bytes())
    }
}

impl From<&[u8]> for Frame {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Frame::copy_from_slice(bytes)
    }
}

impl From<&Vec<u8>> for Frame {
    fn from(bytes: &Vec<u8>) -> Self {
        Frame::copy_from_slice(bytes)
    }
}

impl<const N: usize> From<[u8; N]> for Frame {
    #[inline]
    fn from(bytes: [u8; N]) -> Self {
        Frame::copy_from_slice(&bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Frame {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Frame::copy_from_slice(bytes)
    }
}

impl From<&Frame> for Frame {
    fn from(frame: &Frame) -> Self {
        frame.clone()
    }
}

impl From<Frame> for Bytes {
    fn from(frame: Frame) -> Self {
        match frame.0 {
            Repr::Shared(bytes) => bytes,
            Repr::Inline { .. } => Bytes::copy_from_slice(&frame),
        }
    }
}

impl From<Frame> for Vec<u8> {
    fn from(frame: Frame) -> Self {
        match frame.0 {
            Repr::Shared(bytes) => bytes.into(),
            Repr::Inline { .. } => frame.to_vec(),
        }
    }
}

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
/// Cloning a message never copies a payload larger than [`INLINE_CAPACITY`].
#[derive(Clone)]
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

/// Apart from the frames there may be the peer they came from: then both stand elsewhere, so that a
/// message takes no more room for that. They are shared, not boxed: little is to be done where a message
/// is dropped, so that the compiler still puts all of it there.
#[derive(Clone)]
enum Body {
    Plain(Frames),
    Received(Arc<Received>),
}

#[derive(Clone)]
enum Frames {
    One(Frame),
    Many(Vec<Frame>),
}

#[derive(Clone)]
struct Received {
    frames: Frames,
    peer: Arc<PeerInfo>,
}

impl Received {
    #[cold]
    fn frames(&self) -> &Frames {
        &self.frames
    }

    #[cold]
    fn frames_mut(this: &mut Arc<Self>) -> &mut Frames {
        &mut Arc::make_mut(this).frames
    }
}

impl Message {
    /// The most frames one message has on the wire, 2²⁰: a peer that is sent more ends the
    /// connection. That counts what the type of socket puts in front, so that REQ takes 2 frames
    /// less, and REP 1024 less, for the way back through that many devices. ROUTER takes one more,
    /// which says who the message is for. A message of more frames is refused by `send`
    /// ([`Refusal::TooManyFrames`](crate::Refusal::TooManyFrames)).
    pub const MAX_FRAMES: usize = 1 << 20;

    /// A message without frames, to be filled with [`push_back`](Message::push_back).
    ///
    /// A message that still has no frame cannot be sent.
    #[must_use]
    pub const fn new() -> Self {
        Message {
            tag: 0,
            body: Body::Plain(Frames::Many(Vec::new())),
        }
    }

    /// One frame with a copy of `bytes`, made where the message stands.
    #[inline]
    fn copied(bytes: &[u8]) -> Self {
        let mut message = Message::single(Frame::empty());
        if let Body::Plain(Frames::One(frame)) = &mut message.body {
            frame.copy(bytes);
        }
        message
    }

    #[inline]
    pub(crate) const fn single(frame: Frame) -> Self {
        Message {
            tag: 0,
            body: Body::Plain(Frames::One(frame)),
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
    pub fn to_group(group: impl Into<Frame>, body: impl Into<Frame>) -> Self {
        Message::from_frames(vec![group.into(), body.into()])
    }

    /// The number of frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames().len()
    }

    /// Whether there is no frame at all. A message of one empty frame is not empty.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.frames().is_empty()
    }

    /// The number of bytes in all frames together.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.frames().iter().map(|frame| frame.len()).sum()
    }

    /// The frames, in order.
    #[must_use]
    #[inline]
    pub fn frames(&self) -> &[Frame] {
        let frames = match &self.body {
            Body::Plain(frames) => frames,
            Body::Received(received) => received.frames(),
        };
        match frames {
            Frames::One(frame) => std::slice::from_ref(frame),
            Frames::Many(frames) => frames,
        }
    }

    #[inline]
    fn frames_mut(&mut self) -> &mut Frames {
        match &mut self.body {
            Body::Plain(frames) => frames,
            Body::Received(received) => Received::frames_mut(received),
        }
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

    /// Adds a frame behind the others.
    pub fn push_back(&mut self, frame: impl Into<Frame>) {
        if self.is_empty() {
            // Most stay alone: no need for a vector.
            *self.frames_mut() = Frames::One(frame.into());
        } else {
            self.many().push(frame.into());
        }
    }

    /// Adds a frame in front of the others.
    pub fn push_front(&mut self, frame: impl Into<Frame>) {
        let frames = self.frames_mut();
        match frames {
            // One allocation of the right size.
            Frames::One(only) => *frames = Frames::Many(vec![frame.into(), std::mem::take(only)]),
            Frames::Many(frames) => frames.insert(0, frame.into()),
        }
    }

    /// Takes the first frame off.
    pub fn pop_front(&mut self) -> Option<Frame> {
        let frames = self.frames_mut();
        match frames {
            Frames::One(_) => self.many().pop(),
            Frames::Many(many) => match &mut many[..] {
                [] => None,
                [first, second] => {
                    let (first, second) = (std::mem::take(first), std::mem::take(second));
                    *frames = Frames::One(second);
                    Some(first)
                }
                [_, ..] => Some(many.remove(0)),
            },
        }
    }

    /// Takes the last frame off.
    pub fn pop_back(&mut self) -> Option<Frame> {
        self.many().pop()
    }

    /// The frames as a vector.
    #[must_use]
    pub fn into_frames(self) -> Vec<Frame> {
        let frames = match self.body {
            Body::Plain(frames) => frames,
            Body::Received(received) => Arc::unwrap_or_clone(received).frames,
        };
        match frames {
            Frames::One(frame) => vec![frame],
            Frames::Many(frames) => frames,
        }
    }

    /// The text of a message of one frame, if that is valid UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self.frames() {
            [frame] => std::str::from_utf8(frame).ok(),
            _ => None,
        }
    }

    pub(crate) fn from_frames(mut frames: Vec<Frame>) -> Self {
        match (frames.len(), frames.pop()) {
            (1, Some(frame)) => Message::single(frame),
            (_, last) => {
                frames.extend(last);
                Message {
                    tag: 0,
                    body: Body::Plain(Frames::Many(frames)),
                }
            }
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

    /// The peer that this message was received from, where the socket that received it has
    /// [`Options::message_peers`](crate::Options#structfield.message_peers); `None` otherwise, and
    /// for a message that was made here.
    ///
    /// It stays with the message while frames are added and taken, and with its clones; equality
    /// ignores it. It is not sent: what is received tells the peer on the last connection it came
    /// over, never one further away, such as the one behind a [`Proxy`](crate::Proxy). A message
    /// that a failed call gives back still has its peer.
    ///
    /// ```
    /// use zmq_channels::{Context, Options, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let pull = context.socket_with::<Pull>(Options::new().message_peers(true))?;
    /// let push = context.socket::<Push>()?;
    /// push.connect(pull.bind("inproc://who")?)?;
    /// push.send_blocking("hello")?;
    ///
    /// let message = pull.recv_blocking()?;
    /// let connection = message.peer().map(|peer| peer.connection);
    /// assert_eq!(connection, Some(pull.statistics()?.peers[0].connection));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn peer(&self) -> Option<&Arc<PeerInfo>> {
        match &self.body {
            Body::Plain(_) => None,
            Body::Received(received) => Some(&received.peer),
        }
    }

    /// Says which peer this was received from.
    pub(crate) fn set_peer(&mut self, peer: &Arc<PeerInfo>) {
        let frames = std::mem::replace(self.frames_mut(), Frames::Many(Vec::new()));
        let peer = Arc::clone(peer);
        self.body = Body::Received(Arc::new(Received { frames, peer }));
    }

    /// The message goes to another socket: whom it was received from is not told there.
    #[inline]
    pub(crate) fn forget_peer(&mut self) {
        if let Body::Received(_) = &self.body {
            let frames = std::mem::replace(self.frames_mut(), Frames::Many(Vec::new()));
            self.body = Body::Plain(frames);
        }
    }

    fn many(&mut self) -> &mut Vec<Frame> {
        let frames = self.frames_mut();
        if let Frames::One(frame) = frames {
            *frames = Frames::Many(vec![std::mem::take(frame)]);
        }
        match frames {
            Frames::Many(frames) => frames,
            Frames::One(_) => unreachable!("made a vector just above"),
        }
    }
}

/// What an XPUB tells its user, read from a message.
///
/// A message of one frame that starts with the byte 1 or 0 is a subscription or a cancellation.
/// Peers cannot say anything else that looks like that: whatever begins so *is* a subscription.
///
/// ```
/// use zmq_channels::{Message, XPubEvent};
///
/// let message = Message::subscribe("weather");
/// assert_eq!(message, b"\x01weather".into());
/// assert_eq!(XPubEvent::from(&message), XPubEvent::Subscribe("weather".into()));
/// assert_eq!(Message::from(XPubEvent::Cancel("weather".into())), b"\0weather".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XPubEvent {
    /// A peer wants messages that start with this.
    Subscribe(Frame),
    /// A peer wants no more messages that start with this, or is gone.
    Cancel(Frame),
    /// A peer says something else.
    User(Message),
}

impl From<Message> for XPubEvent {
    fn from(message: Message) -> Self {
        match message.frames() {
            [frame] => match frame.split_first() {
                Some((1, prefix)) => XPubEvent::Subscribe(prefix.into()),
                Some((0, prefix)) => XPubEvent::Cancel(prefix.into()),
                _ => XPubEvent::User(message),
            },
            _ => XPubEvent::User(message),
        }
    }
}

impl From<&Message> for XPubEvent {
    fn from(message: &Message) -> Self {
        XPubEvent::from(message.clone())
    }
}

impl From<XPubEvent> for Message {
    fn from(event: XPubEvent) -> Self {
        match event {
            XPubEvent::Subscribe(prefix) => Message::subscribe(prefix),
            XPubEvent::Cancel(prefix) => Message::cancel(prefix),
            XPubEvent::User(message) => message,
        }
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

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message")?;
        f.debug_list().entries(self.frames()).finish()
    }
}

impl std::ops::Index<usize> for Message {
    type Output = Frame;

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

macro_rules! message_of_one_frame {
    ($($kind:ty),* $(,)?) => {
        $(impl From<$kind> for Message {
            #[inline]
            fn from(payload: $kind) -> Self {
                Message::single(Frame::from(payload))
            }
        })*
    };
}

message_of_one_frame!(Frame, &Frame, Bytes, Vec<u8>, Box<[u8]>, String);

macro_rules! message_of_a_copy {
    ($($kind:ty),* $(,)?) => {
        $(impl From<$kind> for Message {
            #[inline]
            fn from(payload: $kind) -> Self {
                Message::copied(payload.as_ref())
            }
        })*
    };
}

message_of_a_copy!(&Vec<u8>, &[u8], &String, &str);

impl<const N: usize> From<[u8; N]> for Message {
    #[inline]
    fn from(bytes: [u8; N]) -> Self {
        Message::copied(&bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Message {
    #[inline]
    fn from(bytes: &[u8; N]) -> Self {
        Message::copied(bytes)
    }
}

impl<F: Into<Frame>> From<Vec<F>> for Message {
    fn from(frames: Vec<F>) -> Self {
        frames.into_iter().collect()
    }
}

impl<F: Into<Frame>, const N: usize> From<[F; N]> for Message {
    fn from(frames: [F; N]) -> Self {
        frames.into_iter().collect()
    }
}

impl<'a, F> From<&'a [F]> for Message
where
    &'a F: Into<Frame>,
{
    fn from(frames: &'a [F]) -> Self {
        frames.iter().collect()
    }
}

impl From<&[&str]> for Message {
    fn from(frames: &[&str]) -> Self {
        frames.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_fills_eleven_words() {
        assert_eq!(std::mem::size_of::<Frame>(), 80);
        assert_eq!(std::mem::size_of::<Message>(), 88);
    }

    #[test]
    fn a_peer_stays_with_the_frames_and_takes_no_room_without() {
        let info = Arc::new(PeerInfo {
            connection: 7,
            endpoint: None,
            local: None,
            remote: None,
            identity: crate::event::PeerIdentity::nearby(None, Frame::empty()),
        });
        let mut message = Message::from("body");
        assert!(message.peer().is_none());
        message.set_peer(&info);
        assert_eq!((message.frames(), message.len()), (&["body".into()][..], 1));
        assert_eq!(message, Message::from("body"));
        message.push_front("address");
        message.push_back("end");
        assert_eq!(message.pop_front().unwrap(), "address");
        assert_eq!(message.pop_front().unwrap(), "body");
        assert_eq!(message.pop_back().unwrap(), "end");
        message.push_back("other");
        for copy in [message.clone(), std::mem::take(&mut message)] {
            assert_eq!(copy.peer().map(|peer| peer.connection), Some(7));
            assert_eq!(copy, Message::from("other"));
        }
        assert!(message.peer().is_none());
        message.set_peer(&info);
        message.forget_peer();
        assert!(message.peer().is_none());
        assert_eq!(Arc::strong_count(&info), 1);
    }

    #[test]
    fn frames_keep_every_length_around_the_inline_border() {
        for len in [0, 1, 63, 64, 65, 66, 255, 256, 1 << 20] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            for frame in [
                Frame::copy_from_slice(&bytes),
                Frame::from(bytes.clone()),
                Frame::from(Bytes::from(bytes.clone())),
            ] {
                assert_eq!(frame, bytes);
                assert_eq!(frame.shared().is_some(), len > INLINE_CAPACITY);
                assert_eq!(Vec::from(frame.clone()), bytes);
                assert_eq!(Bytes::from(frame), bytes);
            }
        }
    }

    #[test]
    fn cloning_a_large_frame_shares_its_storage() {
        let message = Message::from(vec![7u8; 1 << 20]);
        let copy = message.clone();
        assert_eq!(message[0].as_ptr(), copy[0].as_ptr());
    }

    #[test]
    fn everything_that_reads_as_bytes_becomes_a_message() {
        let expected = Message::from("abc");
        assert_eq!(Message::from(String::from("abc")), expected);
        assert_eq!(Message::from(&b"abc"[..]), expected);
        assert_eq!(Message::from(*b"abc"), expected);
        assert_eq!(Message::from(b"abc"), expected);
        assert_eq!(Message::from(b"abc".to_vec()), expected);
        assert_eq!(Message::from(Bytes::from_static(b"abc")), expected);
        assert_eq!(Message::from(Frame::from("abc")), expected);
        let parts = Message::from(["a", "", "c"]);
        assert_eq!(Message::from(vec!["a", "", "c"]), parts);
        assert_eq!(Message::from(&["a", "", "c"][..]), parts);
        assert_eq!(
            Message::from(vec![b"a".to_vec(), vec![], b"c".to_vec()]),
            parts
        );
        assert_eq!(
            Message::from(vec![Bytes::from("a"), Bytes::new(), Bytes::from("c")]),
            parts
        );
        assert_eq!(
            ["a", "", "c"]
                .iter()
                .map(|s| s.to_string())
                .collect::<Message>(),
            parts
        );
        assert_eq!(
            Message::from(&[String::from("a"), String::new(), String::from("c")][..]),
            parts
        );
    }

    #[test]
    fn frames_are_pushed_and_popped_at_both_ends() {
        let mut message = Message::from("body");
        message.push_front("");
        message.push_front("id");
        message.push_back("end");
        assert_eq!(message, Message::from(["id", "", "body", "end"]));
        assert_eq!(message.pop_front().unwrap(), "id");
        assert_eq!(message.pop_back().unwrap(), "end");
        assert_eq!(message.pop_front().unwrap(), "");
        assert_eq!(message.pop_front().unwrap(), "body");
        assert_eq!(message.pop_front(), None);
        assert!(message.is_empty());
        let mut single = Message::from("x");
        assert_eq!(single.pop_front().unwrap(), "x");
        assert!(single.is_empty());
    }

    #[test]
    fn debug_output_is_short_and_readable() {
        assert_eq!(
            format!("{:?}", Message::from(["a", "b"])),
            r#"Message["a", "b"]"#
        );
        assert_eq!(format!("{:?}", Frame::from([0u8, 255])), "0x00ff");
        assert!(format!("{:?}", Frame::from(vec![0u8; 1 << 20])).len() < 200);
    }
}
