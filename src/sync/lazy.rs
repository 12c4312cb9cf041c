//! Values that are created on first use, and either closed for good or created again.

use std::io;
use std::sync::{Arc, Weak};

use crate::sync::primitives::Mutex;

/// A value created on first use, and taken out once.
#[derive(Debug)]
pub(crate) struct Lazy<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    Idle,
    Running(T),
    /// Like running, but only for callers that do not create it.
    Sealed(T),
    Closed,
}

impl<T> Lazy<T> {
    pub(crate) fn new() -> Self {
        Lazy(Mutex::new(State::Idle))
    }

    /// Calls `look` with the value, which is created if there is none. `None` once sealed or
    /// closed.
    pub(crate) fn open<U>(
        &self,
        start: impl FnOnce() -> io::Result<T>,
        look: impl FnOnce(&T) -> U,
    ) -> Option<io::Result<U>> {
        let mut state = self.0.lock();
        if let State::Idle = *state {
            match start() {
                Ok(value) => *state = State::Running(value),
                Err(error) => return Some(Err(error)),
            }
        }
        match &*state {
            State::Running(value) => Some(Ok(look(value))),
            State::Idle | State::Sealed(_) | State::Closed => None,
        }
    }

    /// Calls `look` with the value, if there is one.
    pub(crate) fn look<U>(&self, look: impl FnOnce(&T) -> U) -> Option<U> {
        match &*self.0.lock() {
            State::Running(value) | State::Sealed(value) => Some(look(value)),
            State::Idle | State::Closed => None,
        }
    }

    /// Takes the value out: no later call opens it again.
    pub(crate) fn close(&self) -> Option<T> {
        match std::mem::replace(&mut *self.0.lock(), State::Closed) {
            State::Running(value) | State::Sealed(value) => Some(value),
            State::Idle | State::Closed => None,
        }
    }

    /// Prevents later calls of [`open`](Self::open). An existing value stays, to be looked at and
    /// taken out.
    pub(crate) fn seal(&self) {
        let mut state = self.0.lock();
        *state = match std::mem::replace(&mut *state, State::Closed) {
            State::Running(value) | State::Sealed(value) => State::Sealed(value),
            State::Idle | State::Closed => State::Closed,
        };
    }
}

/// A value that is created when it is requested and does not exist, and lives as long as it is
/// held.
pub(crate) struct Recurring<T>(Mutex<Weak<T>>);

impl<T> Recurring<T> {
    pub(crate) fn new() -> Self {
        Recurring(Mutex::new(Weak::new()))
    }

    pub(crate) fn get(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut last = self.0.lock();
        last.upgrade().unwrap_or_else(|| {
            let made = Arc::new(make());
            *last = Arc::downgrade(&made);
            made
        })
    }
}
