//! The inproc names of one context: what is bound to each, and what waits for it to be bound.
//!
//! Looking a name up and starting to wait for it is one step under the lock, and so is binding
//! it and learning what waits. So of a bind and a connect that happen at once, on whatever
//! threads, one always learns of the other.

use std::collections::{BTreeMap, HashMap};
use std::mem;

use crate::sync::primitives::Mutex;

/// A waiter: a pump and a number of its choice, each used once.
pub(crate) type Caller = (usize, u64);

/// Names, `B` about what is bound to one, `W` about what waits for one.
pub(crate) struct Names<B, W>(Mutex<HashMap<String, Name<B, W>>>);

struct Name<B, W> {
    bound: Option<B>,
    /// Sorted, so that the callers of one pump are neighbours.
    waiting: BTreeMap<Caller, W>,
}

impl<B: Clone, W> Names<B, W> {
    pub(crate) fn new() -> Self {
        Names(Mutex::new(HashMap::new()))
    }

    /// Binds a name, and returns what waited for it; that waits no more. `None` if it is taken.
    pub(crate) fn bind(&self, name: &str, bound: B) -> Option<BTreeMap<Caller, W>> {
        let mut names = self.0.lock();
        let entry = names.entry(name.to_owned()).or_insert_with(|| Name {
            bound: None,
            waiting: BTreeMap::new(),
        });
        if entry.bound.is_some() {
            return None;
        }
        entry.bound = Some(bound);
        Some(mem::take(&mut entry.waiting))
    }

    /// Frees a name.
    pub(crate) fn unbind(&self, name: &str) {
        self.change(name, |entry| entry.bound = None);
    }

    /// What is bound to a name.
    pub(crate) fn find(&self, name: &str) -> Option<B> {
        self.0.lock().get(name)?.bound.clone()
    }

    /// What is bound to a name; if nothing is, the caller waits until something is.
    pub(crate) fn find_or_wait(&self, name: &str, caller: Caller, waiter: W) -> Option<B> {
        let mut names = self.0.lock();
        match names.get_mut(name) {
            Some(Name {
                bound: Some(bound), ..
            }) => Some(bound.clone()),
            Some(Name { waiting, .. }) => {
                waiting.insert(caller, waiter);
                None
            }
            None => {
                let waiting = BTreeMap::from([(caller, waiter)]);
                let bound = None;
                names.insert(name.to_owned(), Name { bound, waiting });
                None
            }
        }
    }

    /// The caller waits no more, if it still did.
    pub(crate) fn stop_waiting(&self, name: &str, caller: Caller) {
        self.change(name, |entry| {
            entry.waiting.remove(&caller);
        });
    }

    /// Names that are bound or waited for.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Changes an entry, and forgets it if nothing is left there.
    fn change(&self, name: &str, change: impl FnOnce(&mut Name<B, W>)) {
        let mut names = self.0.lock();
        let Some(entry) = names.get_mut(name) else {
            return;
        };
        change(entry);
        if entry.bound.is_none() && entry.waiting.is_empty() {
            names.remove(name);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_owner_at_a_time() {
        let names: Names<u8, ()> = Names::new();
        assert!(names.bind("a", 1).is_some());
        assert!(names.bind("a", 2).is_none());
        assert!(names.bind("b", 2).is_some());
        assert_eq!((names.find("a"), names.find("b")), (Some(1), Some(2)));
        names.unbind("a");
        assert_eq!(names.find("a"), None);
        assert!(names.bind("a", 3).is_some());
        assert_eq!(names.find_or_wait("a", (0, 0), ()), Some(3));
    }

    #[test]
    fn each_waiter_is_notified_once() {
        let names: Names<u8, char> = Names::new();
        assert_eq!(names.find_or_wait("a", (1, 7), 'x'), None);
        assert_eq!(names.find_or_wait("a", (0, 9), 'y'), None);
        assert_eq!(names.find_or_wait("a", (1, 8), 'z'), None);
        names.stop_waiting("a", (1, 8));
        let told: Vec<_> = names.bind("a", 1).unwrap().into_iter().collect();
        assert_eq!(told, [((0, 9), 'y'), ((1, 7), 'x')]);
        names.unbind("a");
        assert!(names.bind("a", 1).unwrap().is_empty());
    }

    #[test]
    fn unused_names_leave_no_entry() {
        let names: Names<u8, ()> = Names::new();
        for round in 0..10 {
            let name = round.to_string();
            names.find_or_wait(&name, (0, round), ());
            names.stop_waiting(&name, (0, round));
            names.find_or_wait(&name, (0, round), ());
            names.bind(&name, 0).unwrap();
            names.stop_waiting(&name, (0, round));
            names.unbind(&name);
            names.unbind(&name);
        }
        assert_eq!(names.len(), 0);
    }
}
