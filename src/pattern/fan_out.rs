//! Sending copies of one message to many peers.

use crate::message::Message;

use super::{Drop, Outlet, PeerId, Verdict};

/// Sends each peer a copy. Full peers miss it, and the outlet counts that.
pub(super) fn send_copies(
    peers: &[PeerId],
    message: &mut Message,
    outlet: &mut dyn Outlet,
) -> Verdict {
    let Some((&last, others)) = peers.split_last() else {
        return Verdict::Dropped(Drop::Unmatched);
    };
    let mut missed = 0;
    for &peer in others {
        if outlet.send(peer, &mut message.clone()).is_err() {
            missed += 1;
            outlet.missed(peer, Drop::PeerFull, 1);
        }
    }
    if outlet.send(last, message).is_err() {
        missed += 1;
        outlet.missed(last, Drop::PeerFull, 1);
    }
    if missed > 0 {
        outlet.dropped(Drop::PeerFull, missed);
    }
    Verdict::Sent
}
