//! A way for messages between two pumps.
//!
//! Each end is looked after by one pump, and neither ever waits for the other: sending appends
//! to what the other side has not taken yet (how much that may be is the sender's business: it
//! learns what has been taken, and holds back when too much has not), and a hook tells the other
//! pump to look. A hook is called on an edge only: when something is there that was not there
//! when its pump looked last. What a pump leaves lying it knows of, and comes back for.
//!
//! Besides messages there are signals, which overtake them and are always taken.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use crate::sync::bounded::give_back;
use crate::sync::primitives::{Mutex, MutexGuard};
use crate::sync::Hook;

/// One end of a bridge for messages `M` and signals `S`. Dropping it closes it.
pub(crate) struct BridgeEnd<M, S> {
    bridge: Arc<Mutex<[Side<M, S>; 2]>>,
    side: usize,
}

/// What lies at one end.
struct Side<M, S> {
    /// Sent here, not taken yet.
    messages: VecDeque<M>,
    signals: VecDeque<S>,
    /// How many of the messages sent from here were taken since the last look.
    taken: usize,
    /// This side takes no more messages.
    leaving: bool,
    closed: bool,
    /// The hook was called, and this side has not looked since.
    called: bool,
    hook: Option<Arc<dyn Hook>>,
}

/// What an end looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// How many of the messages sent from here were taken since the last look.
    pub(crate) taken: usize,
    /// Whether there are messages to take.
    pub(crate) waiting: bool,
    /// Whether the other side takes no more.
    pub(crate) leaving: bool,
    /// Whether the other side is closed.
    pub(crate) closed: bool,
}

/// A bridge, by its two ends.
pub(crate) fn bridge<M, S>() -> (BridgeEnd<M, S>, BridgeEnd<M, S>) {
    let side = || Side {
        messages: VecDeque::new(),
        signals: VecDeque::new(),
        taken: 0,
        leaving: false,
        closed: false,
        called: false,
        hook: None,
    };
    let bridge = Arc::new(Mutex::new([side(), side()]));
    let end = |side| BridgeEnd {
        bridge: Arc::clone(&bridge),
        side,
    };
    (end(0), end(1))
}

impl<M, S> BridgeEnd<M, S> {
    /// From now on, `hook` is called when there is something new here. What came before is found
    /// by looking.
    pub(crate) fn watch(&self, hook: Arc<dyn Hook>) {
        self.lock().mine().hook = Some(hook);
    }

    /// Sends everything, unless the other side is closed: then everything stays.
    pub(crate) fn send(&self, messages: &mut VecDeque<M>, signals: &mut VecDeque<S>) {
        let hook = {
            let mut sides = self.lock();
            let theirs = sides.theirs();
            if theirs.closed {
                return;
            }
            let edge = is_edge(&theirs.messages, messages) || is_edge(&theirs.signals, signals);
            append(messages, &mut theirs.messages);
            append(signals, &mut theirs.signals);
            theirs.call(edge)
        };
        notify(hook);
    }

    /// Gives the memory that a burst took back, if little is left of it.
    pub(crate) fn give_back(&self) {
        give_back(&mut self.lock().mine().messages);
    }

    /// Messages there is memory for on this side.
    #[cfg(test)]
    pub(crate) fn buffered(&self) -> usize {
        self.lock().mine().messages.capacity()
    }

    /// Takes back the oldest messages that the other side has not taken, until no more than `most`
    /// are left.
    pub(crate) fn take_back(&self, most: usize, into: &mut Vec<M>) {
        let mut sides = self.lock();
        let theirs = sides.theirs();
        let count = theirs.messages.len().saturating_sub(most);
        into.extend(theirs.messages.drain(..count));
    }

    /// Takes the signals, and looks what else there is.
    pub(crate) fn look(&self, signals: &mut VecDeque<S>) -> Look {
        let mut sides = self.lock();
        let mine = sides.mine();
        mine.called = false;
        append(&mut mine.signals, signals);
        let taken = mem::take(&mut mine.taken);
        let waiting = !mine.messages.is_empty();
        let theirs = sides.theirs();
        Look {
            taken,
            waiting,
            leaving: theirs.leaving,
            closed: theirs.closed,
        }
    }

    /// Takes up to `max` messages, and returns how many. A side that takes `max` comes back for more;
    /// one that finds fewer is notified when there are more. None is taken before the signals that
    /// were sent before it: a side that has not seen those is being notified.
    pub(crate) fn take(&self, max: usize, into: &mut VecDeque<M>) -> usize {
        let (count, hook) = {
            let mut sides = self.lock();
            let mine = sides.mine();
            let count = match mine.signals.is_empty() {
                true => mine.messages.len().min(max),
                false => 0,
            };
            if count == mine.messages.len() {
                append(&mut mine.messages, into);
            } else {
                into.extend(mine.messages.drain(..count));
            }
            let theirs = sides.theirs();
            let edge = count > 0 && theirs.taken == 0;
            theirs.taken += count;
            (count, theirs.call(edge))
        };
        notify(hook);
        count
    }

    /// This side takes no more messages. They are the other side's again when it or this
    /// one closes.
    pub(crate) fn leave(&self) {
        let hook = {
            let mut sides = self.lock();
            sides.mine().leaving = true;
            sides.theirs().call(true)
        };
        notify(hook);
    }

    /// Closes the bridge and takes back what the other side has not taken; answers how many
    /// messages it took since the last look.
    pub(crate) fn close(&self, unsent: &mut VecDeque<M>) -> usize {
        // The hook of this side goes, too, only when the lock is given back.
        let (taken, hook, _own) = {
            let mut sides = self.lock();
            let mine = sides.mine();
            let was_closed = mem::replace(&mut mine.closed, true);
            let taken = mem::take(&mut mine.taken);
            let own = mine.hook.take();
            let theirs = sides.theirs();
            append(&mut theirs.messages, unsent);
            (taken, theirs.call(!was_closed), own)
        };
        notify(hook);
        taken
    }

    fn lock(&self) -> Sides<'_, M, S> {
        Sides {
            sides: self.bridge.lock(),
            side: self.side,
        }
    }
}

impl<M, S> Drop for BridgeEnd<M, S> {
    fn drop(&mut self) {
        // Dropped after the lock is given back.
        let mut unsent = VecDeque::new();
        self.close(&mut unsent);
    }
}

impl<M, S> Side<M, S> {
    /// The hook to call, if it must be.
    fn call(&mut self, edge: bool) -> Option<Arc<dyn Hook>> {
        if !edge || mem::replace(&mut self.called, true) {
            return None;
        }
        self.hook.clone()
    }
}

/// Both sides, from one of them.
struct Sides<'a, M, S> {
    sides: MutexGuard<'a, [Side<M, S>; 2]>,
    side: usize,
}

impl<M, S> Sides<'_, M, S> {
    fn mine(&mut self) -> &mut Side<M, S> {
        &mut self.sides[self.side]
    }

    fn theirs(&mut self) -> &mut Side<M, S> {
        &mut self.sides[1 - self.side]
    }
}

fn is_edge<T>(there: &VecDeque<T>, coming: &VecDeque<T>) -> bool {
    there.is_empty() && !coming.is_empty()
}

/// Moves everything; at the price of nothing where that is possible.
fn append<T>(from: &mut VecDeque<T>, into: &mut VecDeque<T>) {
    if into.is_empty() {
        mem::swap(from, into);
    } else {
        into.append(from);
    }
}

/// Called with no lock held.
fn notify(hook: Option<Arc<dyn Hook>>) {
    if let Some(hook) = hook {
        hook.notify();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::testing::Count;

    type End = BridgeEnd<u32, char>;

    fn watched() -> (End, Arc<Count>, End, Arc<Count>) {
        let (left, right) = bridge();
        let (of_left, of_right) = (Arc::new(Count::default()), Arc::new(Count::default()));
        left.watch(of_left.clone());
        right.watch(of_right.clone());
        (left, of_left, right, of_right)
    }

    fn send(end: &End, messages: impl IntoIterator<Item = u32>, signals: &str) {
        let mut messages = messages.into_iter().collect();
        end.send(&mut messages, &mut signals.chars().collect());
        assert!(messages.is_empty());
    }

    fn look(end: &End) -> (String, Look) {
        let mut signals = VecDeque::new();
        let look = end.look(&mut signals);
        (signals.into_iter().collect(), look)
    }

    fn take(end: &End, max: usize) -> Vec<u32> {
        let mut into = VecDeque::new();
        assert_eq!(end.take(max, &mut into), into.len());
        into.into()
    }

    const NOTHING: Look = Look {
        taken: 0,
        waiting: false,
        leaving: false,
        closed: false,
    };

    const MESSAGES: Look = Look {
        waiting: true,
        ..NOTHING
    };

    #[test]
    fn messages_keep_their_order_and_signals_overtake_them() {
        let (left, _, right, _) = watched();
        send(&left, 0..3, "a");
        send(&left, 3..5, "b");
        send(&right, 9..10, "");
        assert_eq!(look(&right), ("ab".into(), MESSAGES));
        assert_eq!(take(&right, 2), [0, 1]);
        assert_eq!(take(&right, 9), [2, 3, 4]);
        assert_eq!(take(&left, 9), [9]);
        assert_eq!(
            look(&left),
            (
                String::new(),
                Look {
                    taken: 5,
                    ..NOTHING
                }
            )
        );
        assert_eq!(look(&left), (String::new(), NOTHING));
    }

    #[test]
    fn a_hook_is_called_once_per_change_since_the_last_look() {
        let (left, of_left, right, of_right) = watched();
        send(&left, 0..3, "");
        send(&left, 3..4, "a");
        assert_eq!(of_right.get(), 1, "it has not looked yet");
        look(&right);
        send(&left, 4..5, "");
        assert_eq!(of_right.get(), 1, "it knows that there are messages");
        send(&left, [], "b");
        assert_eq!(of_right.get(), 2, "but not that there is a signal");
        look(&right);
        take(&right, 1);
        take(&right, 1);
        assert_eq!(of_left.get(), 1, "messages were taken");
        assert_eq!(take(&right, 9), [2, 3, 4]);
        send(&left, 5..6, "");
        assert_eq!(of_right.get(), 3);
        look(&left);
        look(&right);
        take(&right, 1);
        assert_eq!((of_left.get(), of_right.get()), (2, 3));
        take(&right, 1);
        assert_eq!(of_left.get(), 2, "there was nothing to take");
    }

    #[test]
    fn closing_takes_back_exactly_the_untaken_messages() {
        let (left, _, right, of_right) = watched();
        send(&left, 0..5, "");
        send(&right, 7..9, "z");
        look(&right);
        take(&right, 2);
        let mut unsent = VecDeque::new();
        assert_eq!(left.close(&mut unsent), 2);
        assert_eq!(unsent, [2, 3, 4]);
        assert_eq!(of_right.get(), 2);
        let closed = Look {
            closed: true,
            ..NOTHING
        };
        assert_eq!(look(&right), (String::new(), closed));
        assert_eq!(take(&right, 9), []);
        let mut late = VecDeque::from([1]);
        right.send(&mut late, &mut VecDeque::new());
        assert_eq!(late, [1], "the other side is closed");
        let mut unsent = VecDeque::new();
        assert_eq!(right.close(&mut unsent), 0);
        assert_eq!(unsent, [7, 8]);
    }

    #[test]
    fn the_oldest_untaken_messages_can_be_taken_back() {
        let (left, of_left, right, of_right) = watched();
        send(&left, 0..5, "");
        look(&right);
        take(&right, 1);
        let mut back = Vec::new();
        left.take_back(2, &mut back);
        assert_eq!(back, [1, 2]);
        left.take_back(2, &mut back);
        assert_eq!(back, [1, 2]);
        left.take_back(0, &mut back);
        assert_eq!((back, take(&right, 9)), (vec![1, 2, 3, 4], vec![]));
        assert_eq!(look(&left).1.taken, 1, "what was taken back was not taken");
        assert_eq!((of_left.get(), of_right.get()), (1, 1));
        send(&left, 5..6, "");
        assert_eq!(of_right.get(), 2, "there was nothing any more");
        assert_eq!(take(&right, 9), [5]);
    }

    #[test]
    fn dropping_an_end_closes_it() {
        let (left, of_left, right, _) = watched();
        right.leave();
        assert!(look(&left).1.leaving);
        drop(right);
        assert!(look(&left).1.closed);
        assert_eq!(of_left.get(), 2);
    }
}
