//! How a socket ends: flush, close the wire, close `out`, report. And how a pump ends.

use std::time::{Duration, Instant};

use crate::channel::{count_undelivered, Reply};
use crate::clock::later;
use crate::endpoint::Endpoint;

use crate::pump::env::World;
use crate::pump::pipe::{Link, Loss, Path};
use crate::pump::socket::{Closing, HandOver, Hub};
use crate::pump::timers::Timer;
use crate::pump::{Closed, Pump, Release};

/// How long a closed socket's links may take to write their last control octets.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// How long a socket whose linger is over waits for other pumps to take what they have room for:
/// much more than a turn of theirs takes.
const HAND_OVER_TIME: Duration = Duration::from_secs(1);

/// A caller waits until no socket is closing.
pub(in crate::pump) struct Released {
    until: Option<Instant>,
    /// What was undelivered before.
    before: u64,
    reply: Reply<Closed>,
}

impl<W: World> Pump<W> {
    /// Begins to close a socket, or joins a close that has begun.
    pub(in crate::pump) fn close(&mut self, slot: usize, reply: Option<Reply<Closed>>) {
        let now = self.now;
        let Some(hub) = self.hubs.get_mut(slot) else {
            return;
        };
        match &mut hub.closing {
            Some(closing) => closing.replies.extend(reply),
            None => {
                let deadline = hub.linger_deadline(now);
                hub.closing = Some(Closing {
                    deadline,
                    replies: reply.into_iter().collect(),
                    undelivered_before: hub.io.undelivered,
                    waits_for: None,
                    hand_over: None,
                });
                self.closing.push(slot);
                hub.ports.close_sending();
                // Nobody waits for peers of a socket that takes no more messages.
                hub.waits.clear();
                if let Some(deadline) = deadline {
                    self.timers.set(deadline, Timer::Hub(slot));
                }
                self.schedule_send(slot);
            }
        }
    }

    /// A hub's linger timer fired.
    pub(in crate::pump) fn linger_is_over(&mut self, slot: usize) {
        let now = self.now;
        let closing = self.hubs.get(slot).and_then(|hub| hub.closing.as_ref());
        let Some(closing) = closing else {
            return;
        };
        match &closing.hand_over {
            Some(hand_over) if hand_over.until > now => {}
            None if closing.deadline.is_none_or(|deadline| deadline > now) => {}
            None => self.begin_to_hand_over(slot),
            Some(_) => self.end_hub(slot),
        }
    }

    /// A closing socket waits no longer for anything but inproc peers, and for those only until
    /// they have what they have room for.
    fn begin_to_hand_over(&mut self, slot: usize) {
        if !self.has_inproc_peers(slot) {
            return self.end_hub(slot);
        }
        let until = self.now + HAND_OVER_TIME;
        let closing = self.hubs.get_mut(slot).and_then(|hub| hub.closing.as_mut());
        if let Some(closing) = closing {
            let left = usize::MAX;
            closing.hand_over = Some(HandOver { until, left });
            self.timers.set(until, Timer::Hub(slot));
        }
    }

    fn has_inproc_peers(&self, slot: usize) -> bool {
        let Some(hub) = self.hubs.get(slot) else {
            return false;
        };
        let is_inproc = |&link: &usize| {
            let link = self.links.get(link);
            link.is_some_and(|link| matches!(link.path, Path::Inproc(_) | Path::Cross(_)))
        };
        hub.links.iter().any(is_inproc)
    }

    /// Linger is over for a socket that has inproc peers. What they have room for goes to them all
    /// the same: over inproc a message counts as being with the peer when it has been sent, wherever
    /// it is just now. Whether there is more of that to do.
    fn is_handing_over(&mut self, slot: usize) -> bool {
        let Some(hub) = self.hubs.get(slot) else {
            return false;
        };
        let links = hub.links.clone();
        for &link in &links {
            if let Some(Path::Inproc(inproc)) = self.links.get(link).map(|link| &link.path) {
                // There may be room that has not been seen yet.
                self.resume(inproc.twin_hub);
            }
        }
        self.send_first(slot);
        for &link in &links {
            match self.links.get_mut(link).map(|link| &mut link.path) {
                Some(Path::Inproc(_)) => self.transfer_rest(link),
                Some(Path::Cross(cross)) => {
                    let lost = cross.transfer();
                    self.slid(link, lost);
                }
                _ => {}
            }
        }
        if self.comes_forward(slot) {
            self.schedule_send(slot);
            return true;
        }
        // The other pumps say what they have no room for.
        let mut waits = false;
        for link in links {
            let Some(found) = self.links.get_mut(link) else {
                continue;
            };
            let attached = found.attached;
            if let Path::Cross(cross) = &mut found.path {
                let lost = match attached && cross.held() > 0 {
                    true => cross.say_last(),
                    false => 0,
                };
                waits |= !attached || cross.held() > 0;
                self.slid(link, lost);
            }
        }
        waits
    }

    /// Whether fewer messages are left than before that are not with any peer yet.
    fn comes_forward(&mut self, slot: usize) -> bool {
        let Some(hub) = self.hubs.get_mut(slot) else {
            return false;
        };
        let waiting = hub.links.iter().filter_map(|&link| self.links.get(link));
        let waiting = waiting.map(|link| match &link.path {
            Path::Inproc(inproc) => inproc.queue.len(),
            _ => 0,
        });
        let inward = hub.ports.inward().map_or(0, |inward| inward.len());
        let left = waiting.sum::<usize>() + inward + hub.io.pending.len();
        let closing = hub.closing.as_mut();
        let Some(hand_over) = closing.and_then(|closing| closing.hand_over.as_mut()) else {
            return false;
        };
        let before = std::mem::replace(&mut hand_over.left, left);
        0 < left && left < before
    }

    /// Ends the closing sockets that have nothing to wait for any more. This is the one place that
    /// looks, at the end of each turn, whatever the reason was: sent, lost, given up.
    fn end_flushed(&mut self) {
        let mut at = 0;
        while let Some(&slot) = self.closing.get(at) {
            if !self.is_waiting(slot) {
                self.end_hub(slot);
            } else if self.lingered(slot) {
                match self.is_handing_over(slot) {
                    true => at += 1,
                    false => self.end_hub(slot),
                }
            } else if self.released.is_empty() || self.waits_for_network(slot) {
                at += 1;
            } else {
                // No handle of any socket is left: no call opens another one, or makes room.
                self.begin_to_hand_over(slot);
            }
        }
    }

    /// Whether the linger of a closing socket is over.
    fn lingered(&self, slot: usize) -> bool {
        let closing = self.hubs.get(slot).and_then(|hub| hub.closing.as_ref());
        closing.is_some_and(|closing| closing.hand_over.is_some())
    }

    /// Whether a closing socket holds anything that may still get out.
    fn is_waiting(&mut self, slot: usize) -> bool {
        while let Some(link) = self.unflushed(slot) {
            if !self.links.get(link).is_some_and(Link::is_stuck) {
                return true;
            }
            self.lose(link, Loss::World);
        }
        let Some(hub) = self.hubs.get(slot) else {
            return false;
        };
        if hub.parting > 0 {
            return true;
        }
        has_in_hand(hub) && self.may_have_peers(hub)
    }

    /// Whether it is not only sockets of this context that a closing socket waits for.
    fn waits_for_network(&self, slot: usize) -> bool {
        let Some(hub) = self.hubs.get(slot) else {
            return false;
        };
        let is_beyond = |endpoint: &Endpoint| endpoint.inproc_name().is_none();
        let has_in_hand = has_in_hand(hub);
        let holds = |&link: &usize| {
            self.links.get(link).is_some_and(|link| match &link.path {
                Path::Wire(_) | Path::Dialing { .. } | Path::Lent => {
                    has_in_hand || !link.is_flushed()
                }
                Path::Inproc(_) | Path::Cross(_) => false,
            })
        };
        let parts = || {
            self.links.iter().any(|(_, link)| {
                let former = link.former.map(|former| (former.slot, former.serial));
                former == Some((slot, hub.serial)) && matches!(link.path, Path::Wire(_))
            })
        };
        (hub.parting > 0 && parts())
            || hub.links.iter().any(holds)
            || (has_in_hand && self.has_endpoint(hub, is_beyond))
    }

    /// A link of a closing socket that has not got rid of everything: the same one as long as that
    /// holds, so that this is a look at one link, mostly.
    fn unflushed(&mut self, slot: usize) -> Option<usize> {
        let hub = self.hubs.get_mut(slot)?;
        let links = &self.links;
        let is_unflushed = |link: usize| {
            let found = links.get(link).filter(|found| found.hub == slot);
            found.is_some_and(|found| !found.is_flushed())
        };
        let closing = hub.closing.as_mut()?;
        if !closing.waits_for.is_some_and(is_unflushed) {
            let mut links = hub.links.iter().copied();
            closing.waits_for = links.find(|&link| is_unflushed(link));
        }
        closing.waits_for
    }

    /// Whether a peer of a socket is there, or may come by one of its endpoints.
    fn may_have_peers(&self, hub: &Hub) -> bool {
        !hub.links.is_empty() || self.has_endpoint(hub, |_| true)
    }

    /// Whether a socket has an endpoint of this kind by which peers may come.
    fn has_endpoint(&self, hub: &Hub, is_wanted: fn(&Endpoint) -> bool) -> bool {
        let listens = |&listener: &usize| {
            let listening = self.listeners.get(listener);
            listening.is_some_and(|listening| is_wanted(&listening.endpoint))
        };
        let dials = |&dialer: &usize| {
            let dialer = self.dialers.get(dialer);
            dialer.is_some_and(|dialer| is_wanted(&dialer.endpoint) && !dialer.has_given_up())
        };
        hub.listeners.iter().any(listens) || hub.dialers.iter().any(dials)
    }

    /// Ends a socket now. What it still holds is counted as undelivered.
    pub(in crate::pump) fn end_hub(&mut self, slot: usize) {
        self.push_batch(slot);
        let Some(hub) = self.hubs.get_mut(slot) else {
            return;
        };
        let mut undelivered = (hub.io.pending.len() + hub.pattern.kept()) as u64;
        if let Some(closing) = &hub.closing {
            undelivered += hub.io.undelivered - closing.undelivered_before;
            self.closing.retain(|&other| other != slot);
        }
        hub.io.pending.clear();
        hub.ports.close_sending();
        if let Some(inward) = hub.ports.inward() {
            undelivered += inward.drain_rest() as u64;
        }
        let listeners = std::mem::take(&mut hub.listeners);
        let dialers = std::mem::take(&mut hub.dialers);
        let links = std::mem::take(&mut hub.links);
        for listener in listeners {
            self.end_listener(listener);
        }
        for &link in &links {
            if let Some(link) = self.links.get(link) {
                undelivered += link.held() as u64;
            }
        }
        for link in links {
            let held = self.links.get(link).map_or(0, |link| link.held());
            if held == 0 {
                self.let_go(link, Some(self.now + GOODBYE_TIME));
            } else {
                self.lose(link, Loss::Asked);
            }
        }
        for dialer in dialers {
            self.forget_dialer(dialer);
        }
        self.stop_watching(slot);
        let Some(mut hub) = self.hubs.try_remove(slot) else {
            return;
        };
        self.undelivered += undelivered;
        count_undelivered(undelivered);
        self.rooms[slot].forget();
        hub.ports.finish();
        // Whoever is told that the socket has closed may open another one.
        drop(hub.seat.take());
        if let Some(closing) = hub.closing.take() {
            for reply in closing.replies {
                reply.send(Closed {
                    undelivered,
                    failure: None,
                });
            }
        }
    }

    /// Everything pending returns `Terminated`; what was accepted gets `grace` to leave.
    pub(in crate::pump) fn begin_shutdown(&mut self, grace: Duration, reply: Reply<()>) {
        if let Some((_, replies)) = &mut self.shutdown {
            replies.push(reply);
            return;
        }
        let until = later(self.now, grace);
        self.shutdown = Some((until, vec![reply]));
        if let Some(until) = until {
            self.timers.set(until, Timer::Shutdown);
        }
        let hubs: Vec<usize> = self.hubs.iter().map(|(slot, _)| slot).collect();
        // All of them first: the end of one socket is not to be seen as a loss by its peers here.
        self.terminate();
        for slot in hubs {
            self.close(slot, None);
        }
    }

    /// Everything pending on any socket here returns `Terminated`.
    pub(in crate::pump) fn terminate(&self) {
        for (_, hub) in &self.hubs {
            hub.ports.terminate();
        }
    }

    /// At the end of a turn: ends sockets that are done, answers those who wait for that, and ends
    /// the pump when its time has come.
    pub(in crate::pump) fn settle(&mut self) {
        if !self.closing.is_empty() {
            self.end_flushed();
        }
        let now = self.now;
        if let Some((until, _)) = &self.shutdown {
            if until.is_some_and(|until| until <= now) || self.hubs.is_empty() {
                let hubs: Vec<usize> = self.hubs.iter().map(|(slot, _)| slot).collect();
                for slot in hubs {
                    self.end_hub(slot);
                }
                let links: Vec<usize> = self.links.iter().map(|(slot, _)| slot).collect();
                for slot in links {
                    self.lose(slot, Loss::Asked);
                }
                self.finish();
                return;
            }
        }
        if !self.released.is_empty() {
            self.answer_released();
        }
        if self.release_requested
            && self.released.is_empty()
            && self.hubs.is_empty()
            && self.links.is_empty()
        {
            self.finish();
        }
    }

    /// A caller waits until no socket is closing, or no handle of this pump's is left.
    pub(in crate::pump) fn release_hubs(&mut self, release: Release, reply: Reply<Closed>) {
        let before = self.undelivered;
        self.release_requested |= release.ends;
        if release.closes {
            // What the pump itself asks of others ends with the connection it is about.
            let hubs = self.hubs.iter().filter(|(_, hub)| hub.errand.is_none());
            let hubs: Vec<usize> = hubs.map(|(slot, _)| slot).collect();
            hubs.into_iter().for_each(|slot| self.close(slot, None));
        }
        let until = release.limit.and_then(|limit| later(self.now, limit));
        if let Some(until) = until {
            self.timers.set(until, Timer::Shutdown);
        }
        self.released.push(Released {
            until,
            before,
            reply,
        });
    }

    /// Answers those who wait until no socket is closing, after ending those that take longer than
    /// they may.
    fn answer_released(&mut self) {
        let now = self.now;
        // A socket that is to be closed may not have been looked after yet.
        let closes = |hub: &Hub| hub.closing.is_some() || hub.ports.close_requested();
        let is_over = |released: &Released| released.until.is_some_and(|until| until <= now);
        if self.released.iter().any(is_over) {
            let closing = self.hubs.iter().filter(|(_, hub)| closes(hub));
            let closing: Vec<usize> = closing.map(|(slot, _)| slot).collect();
            closing.into_iter().for_each(|slot| self.end_hub(slot));
        }
        if self.hubs.iter().any(|(_, hub)| closes(hub)) {
            return;
        }
        self.tell_released();
    }

    fn tell_released(&mut self) {
        for released in std::mem::take(&mut self.released) {
            let undelivered = self.undelivered - released.before;
            released.reply.send(Closed {
                undelivered,
                failure: None,
            });
        }
    }

    fn finish(&mut self) {
        self.tell_released();
        self.finished = true;
        self.end_tasks();
        // What was asked too late gets no answer, which says enough.
        drop(self.mailbox.close());
        let links: Vec<usize> = self.links.iter().map(|(slot, _)| slot).collect();
        for slot in links {
            self.lose(slot, Loss::Asked);
        }
        if let Some((_, replies)) = self.shutdown.take() {
            for reply in replies {
                reply.send(());
            }
        }
    }
}

/// Whether a socket has accepted messages that no peer has yet.
fn has_in_hand(hub: &Hub) -> bool {
    !hub.io.pending.is_empty()
        || hub.pattern.kept() > 0
        || hub.ports.inward().is_some_and(|inward| inward.len() > 0)
}
