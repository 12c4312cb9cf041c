//! Accepted connections whose handshake is not finished, and which of them makes way where there
//! are too many.
//!
//! A flood of connections must not lock other peers out. A connection that has been silent since
//! it was accepted goes before any that has said something: a peer of ZMTP says its first bytes at
//! once. Among the silent ones, and among the others, the source goes first that has most of them:
//! an address, or over ipc a process. Of one source, the oldest goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a connection may be silent without being held for one that stays so: what it said may
/// not have been read yet.
const GRACE: Duration = Duration::from_millis(10);

/// The unfinished handshakes of one pump, by where the peers are.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    sources: BTreeMap<Arc<str>, Unfinished>,
    count: usize,
}

/// Those of one source, by the serial numbers of their pipes: oldest first.
#[derive(Debug, Default)]
struct Unfinished {
    /// Nothing had come from these at the last check.
    silent: BTreeMap<u64, Silent>,
    /// Slots of the others.
    spoken: BTreeMap<u64, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Silent {
    slot: usize,
    since: Instant,
}

impl Unfinished {
    fn len(&self) -> usize {
        self.silent.len() + self.spoken.len()
    }
}

impl Handshakes {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A connection was accepted; returns what to [`leave`](Self::leave) by.
    pub(super) fn enter(
        &mut self,
        source: String,
        serial: u64,
        slot: usize,
        now: Instant,
    ) -> Arc<str> {
        let source: Arc<str> = source.into();
        let silent = Silent { slot, since: now };
        let unfinished = self.sources.entry(Arc::clone(&source)).or_default();
        unfinished.silent.insert(serial, silent);
        self.count += 1;
        source
    }

    /// A handshake is finished, or its connection ended.
    pub(super) fn leave(&mut self, source: &str, serial: u64) {
        let Some(unfinished) = self.sources.get_mut(source) else {
            return;
        };
        let was_silent = unfinished.silent.remove(&serial).is_some();
        if was_silent || unfinished.spoken.remove(&serial).is_some() {
            self.count -= 1;
        }
        if unfinished.len() == 0 {
            self.sources.remove(source);
        }
    }

    /// The slot of the pipe that is to make way, if there is any but the `newcomer`.
    pub(super) fn victim(
        &mut self,
        newcomer: Option<u64>,
        now: Instant,
        has_spoken: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        if let Some(slot) = self.silent_victim(now, &has_spoken) {
            return Some(slot);
        }
        let (_, most) = self
            .sources
            .iter()
            .filter(|(_, unfinished)| unfinished.len() > 1 || !is_only(unfinished, newcomer))
            .max_by_key(|(_, unfinished)| unfinished.len())?;
        let mut silent = most.silent.iter();
        let silent =
            silent.find(|(serial, silent)| newcomer != Some(**serial) && !has_spoken(silent.slot));
        let slot = match (silent, most.spoken.first_key_value()) {
            (Some((_, silent)), _) => silent.slot,
            (None, Some((_, slot))) => *slot,
            // Others have said something since the last check.
            (None, None) => {
                let mut rest = most.silent.iter();
                rest.find(|(serial, _)| newcomer != Some(**serial))?.1.slot
            }
        };
        Some(slot)
    }

    /// As [`victim`](Self::victim), if there is one that has been silent for a while.
    pub(super) fn silent_victim(
        &mut self,
        now: Instant,
        has_spoken: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        while let Some((source, serial, slot)) = self.most_silent(now) {
            if !has_spoken(slot) {
                return Some(slot);
            }
            self.has_spoken(&source, serial, slot);
        }
        None
    }

    /// The oldest silent connection of the source that has most of them.
    fn most_silent(&self, now: Instant) -> Option<(Arc<str>, u64, usize)> {
        let oldest = |unfinished: &Unfinished| {
            let (serial, silent) = unfinished.silent.first_key_value()?;
            let age = now.saturating_duration_since(silent.since);
            (age >= GRACE).then_some((*serial, silent.slot))
        };
        self.sources
            .iter()
            .filter_map(|(source, unfinished)| {
                let (serial, slot) = oldest(unfinished)?;
                Some((unfinished.silent.len(), source, serial, slot))
            })
            .max_by_key(|(silent, ..)| *silent)
            .map(|(_, source, serial, slot)| (Arc::clone(source), serial, slot))
    }

    fn has_spoken(&mut self, source: &str, serial: u64, slot: usize) {
        if let Some(unfinished) = self.sources.get_mut(source) {
            unfinished.silent.remove(&serial);
            unfinished.spoken.insert(serial, slot);
        }
    }
}

/// Whether there is nothing but the newcomer.
fn is_only(unfinished: &Unfinished, newcomer: Option<u64>) -> bool {
    newcomer.is_some_and(|newcomer| {
        unfinished.spoken.is_empty() && unfinished.silent.keys().all(|serial| *serial == newcomer)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(now: Instant, peers: &[(&str, u64)]) -> Handshakes {
        let mut handshakes = Handshakes::default();
        for (source, serial) in peers {
            handshakes.enter((*source).to_owned(), *serial, *serial as usize, now);
        }
        handshakes
    }

    #[test]
    fn silent_connections_then_frequent_sources_then_old_ones_are_ended() {
        let start = Instant::now();
        let later = start + GRACE;
        let peers = [("b", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 5), ("c", 6)];
        let mut handshakes = filled(start, &peers);
        assert_eq!(handshakes.len(), 6);
        // A peer that has spoken is safe while there is one that has not.
        assert_eq!(handshakes.victim(None, later, |slot| slot != 6), Some(6));
        handshakes.leave("c", 6);
        assert_eq!(handshakes.victim(None, later, |_| true), Some(2));
        handshakes.leave("a", 2);
        handshakes.leave("a", 3);
        assert_eq!(handshakes.victim(None, later, |_| true), Some(1));
        handshakes.leave("b", 1);
        handshakes.leave("b", 5);
        handshakes.leave("b", 5);
        assert_eq!(handshakes.len(), 1);
        assert_eq!(handshakes.victim(None, later, |_| true), Some(4));
        handshakes.leave("a", 4);
        assert_eq!((handshakes.len(), handshakes.sources.len()), (0, 0));
        assert_eq!(handshakes.victim(None, later, |_| true), None);
    }

    #[test]
    fn only_connections_silent_for_a_while_are_ended_for_a_descriptor() {
        let start = Instant::now();
        let mut handshakes = filled(start, &[("a", 1), ("a", 2), ("a", 3), ("b", 4)]);
        assert_eq!(handshakes.silent_victim(start, |_| false), None);
        let later = start + GRACE;
        assert_eq!(handshakes.silent_victim(later, |slot| slot == 1), Some(2));
        assert_eq!(handshakes.silent_victim(later, |_| true), None);
        assert_eq!(handshakes.len(), 4);
    }

    #[test]
    fn a_new_connection_is_not_ended_for_itself() {
        let start = Instant::now();
        let mut handshakes = filled(start, &[("a", 1)]);
        assert_eq!(handshakes.victim(Some(1), start, |_| false), None);
        handshakes.enter("b".to_owned(), 2, 2, start);
        assert_eq!(handshakes.victim(Some(2), start, |_| true), Some(1));
        handshakes.enter("b".to_owned(), 3, 3, start);
        assert_eq!(handshakes.victim(Some(3), start, |_| false), Some(2));
        assert_eq!(handshakes.victim(Some(3), start, |_| true), Some(2));
    }
}
