//! The storage of a message's frames: one inline, several in a vector.

use std::mem;

use super::peer::PeerFrame;
use super::Frame;

/// The frames, and the peer they came from if that is recorded.
///
/// The code that drops a message is inlined in the many places that drop one, and is as large as the
/// compiler is willing to inline: another variant, or another field with a destructor, cost 5 to 15 %
/// more instructions per message. So the peer is an extra frame at the end of the vector. Only this
/// module sees it.
#[derive(Clone)]
pub(super) enum Body {
    /// One frame and no peer.
    One(Frame),
    Many(Many),
}

/// Any number of frames.
#[derive(Clone)]
pub(super) struct Many {
    frames: Vec<Frame>,
    /// Whether the last of them represents the peer.
    has_peer: bool,
}

impl Many {
    const fn without_peer(frames: Vec<Frame>) -> Self {
        Many {
            frames,
            has_peer: false,
        }
    }

    #[inline]
    fn frames(&self) -> &[Frame] {
        match self.has_peer {
            false => &self.frames,
            true => self.frames_before_peer(),
        }
    }

    #[cold]
    #[inline(never)]
    fn frames_before_peer(&self) -> &[Frame] {
        self.frames.split_last().map_or(&[], |(_, others)| others)
    }

    /// Calls a function with the vector without the peer.
    fn with_frames<T>(&mut self, call: impl FnOnce(&mut Vec<Frame>) -> T) -> T {
        let peer = self.take_peer();
        let result = call(&mut self.frames);
        if let Some(peer) = peer {
            self.set_peer(peer);
        }
        result
    }

    fn take_peer(&mut self) -> Option<Frame> {
        let had_peer = mem::take(&mut self.has_peer);
        had_peer.then(|| self.frames.pop()).flatten()
    }

    fn set_peer(&mut self, peer: Frame) {
        self.frames.push(peer);
        self.has_peer = true;
    }
}

impl Body {
    #[inline]
    pub(super) const fn empty() -> Self {
        Body::Many(Many::without_peer(Vec::new()))
    }

    pub(super) fn from_frames(mut frames: Vec<Frame>) -> Self {
        match (frames.len(), frames.pop()) {
            (1, Some(frame)) => Body::One(frame),
            (_, last) => {
                frames.extend(last);
                Body::Many(Many::without_peer(frames))
            }
        }
    }

    #[inline]
    pub(super) fn frames(&self) -> &[Frame] {
        match self {
            Body::One(frame) => std::slice::from_ref(frame),
            Body::Many(many) => many.frames(),
        }
    }

    /// How many there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Body::One(_) => 1,
            Body::Many(many) => many.frames.len() - usize::from(many.has_peer),
        }
    }

    pub(super) fn into_frames(self) -> Vec<Frame> {
        match self {
            Body::One(frame) => vec![frame],
            Body::Many(mut many) => {
                many.take_peer();
                many.frames
            }
        }
    }

    /// The frame, if there is exactly one.
    pub(super) fn into_one(self) -> Result<Frame, Self> {
        match self {
            Body::One(frame) => Ok(frame),
            // One too, if others have been taken off, or if it has a peer.
            Body::Many(mut many) => {
                if many.frames().len() != 1 {
                    return Err(Body::Many(many));
                }
                let only = many.with_frames(Vec::pop);
                only.ok_or(Body::Many(many))
            }
        }
    }

    #[inline]
    pub(super) fn push_back(&mut self, frame: Frame) {
        match self {
            // Most stay alone: no need for a vector.
            Body::Many(many) if many.frames.is_empty() => *self = Body::One(frame),
            Body::One(_) | Body::Many(_) => self.many().with_frames(|frames| frames.push(frame)),
        }
    }

    #[inline]
    pub(super) fn push_front(&mut self, frame: Frame) {
        match self {
            // One allocation of the right size.
            Body::One(only) => {
                let frames = vec![frame, mem::take(only)];
                *self = Body::Many(Many::without_peer(frames));
            }
            Body::Many(many) => many.frames.insert(0, frame),
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<Frame> {
        match self {
            Body::One(only) => {
                let only = mem::take(only);
                *self = Body::empty();
                Some(only)
            }
            Body::Many(many) if many.has_peer => {
                many.with_frames(|frames| (!frames.is_empty()).then(|| frames.remove(0)))
            }
            Body::Many(many) => match &mut many.frames[..] {
                [] => None,
                [first, second] => {
                    let (first, second) = (mem::take(first), mem::take(second));
                    *self = Body::One(second);
                    Some(first)
                }
                [_, ..] => Some(many.frames.remove(0)),
            },
        }
    }

    pub(super) fn pop_back(&mut self) -> Option<Frame> {
        match self {
            Body::One(only) => {
                let only = mem::take(only);
                *self = Body::empty();
                Some(only)
            }
            Body::Many(many) => many.with_frames(Vec::pop),
        }
    }

    /// Bytes in all frames together, and whether there is a peer.
    #[inline]
    pub(super) fn payload(&self) -> (u64, bool) {
        match self {
            Body::One(frame) => (frame.len() as u64, false),
            Body::Many(many) => {
                let bytes = many.frames().iter().map(|frame| frame.len() as u64);
                (bytes.sum(), many.has_peer)
            }
        }
    }

    #[inline]
    pub(super) fn peer(&self) -> Option<&Frame> {
        match self {
            Body::Many(many) if many.has_peer => many.frames.last(),
            Body::One(_) | Body::Many(_) => None,
        }
    }

    pub(super) fn set_peer(&mut self, peer: &PeerFrame) {
        let many = match self {
            Body::One(frame) => {
                // One allocation of the right size.
                let mut frames = Vec::with_capacity(2);
                frames.push(mem::take(frame));
                *self = Body::Many(Many::without_peer(frames));
                self.many()
            }
            Body::Many(many) => {
                many.take_peer();
                many
            }
        };
        many.set_peer(peer.frame());
    }

    #[inline]
    pub(super) fn forget_peer(&mut self) {
        if let Body::Many(many) = self {
            if many.has_peer {
                many.take_peer();
            }
        }
    }

    fn many(&mut self) -> &mut Many {
        if let Body::One(frame) = self {
            *self = Body::Many(Many::without_peer(vec![mem::take(frame)]));
        }
        match self {
            Body::Many(many) => many,
            Body::One(_) => unreachable!("made a vector just above"),
        }
    }
}
