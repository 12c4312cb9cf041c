//! Something that starts at first use and can be closed for good, or begins again.

use std::io;
use std::sync::{Arc, Weak};

use crate::sync::primitives::Mutex;

/// A value made at first use, and given up once.
#[derive(Debug)]
pub(crate) struct Lazy<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    Idle,
    Running(T),
    /// As running, for those that know it.
    Sealed(T),
    Closed,
}

impl<T> Lazy<T> {
    pub(crate) fn new() -> Self {
        Lazy(Mutex::new(State::Idle))
    }

    /// Looks at the value, after making it if there is none. `None` once sealed or closed.
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

    /// Looks at the value, if there is one.
    pub(crate) fn look<U>(&self, look: impl FnOnce(&T) -> U) -> Option<U> {
        match &*self.0.lock() {
            State::Running(value) | State::Sealed(value) => Some(look(value)),
            State::Idle | State::Closed => None,
        }
    }

    /// Gives the value up: no call opens it after that.
    pub(crate) fn close(&self) -> Option<T> {
        match std::mem::replace(&mut *self.0.lock(), State::Closed) {
            State::Running(value) | State::Sealed(value) => Some(value),
            State::Idle | State::Closed => None,
        }
    }

    /// Lets no call [open](Self::open) it after that. A value that is there stays, to be looked at
    /// and to be given up.
    pub(crate) fn seal(&self) {
        let mut state = self.0.lock();
        *state = match std::mem::replace(&mut *state, State::Closed) {
            State::Running(value) | State::Sealed(value) => State::Sealed(value),
            State::Idle | State::Closed => State::Closed,
        };
    }
}

/// A value that is made when it is asked for and not held, and lasts until it is not held any more.
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
