//! The primitives of this floor, from the standard library or, to be model-checked, from loom.
//!
//! Locks here guard plain data that is whole after every statement, so a lock poisoned by a
//! panic elsewhere is still valid and is used on.

use std::ops::Deref;

#[cfg(loom)]
pub(crate) use loom::{
    sync::atomic::{AtomicU8, Ordering},
    sync::MutexGuard,
    thread::{current, Thread},
};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::atomic::{AtomicU8, Ordering},
    sync::MutexGuard,
    thread::{current, Thread},
};

/// For what the whole process has one of; that is never part of a model.
pub(crate) use std::sync::OnceLock as Once;

use std::sync::TryLockError;

#[cfg(loom)]
use loom::sync as primitives;
#[cfg(not(loom))]
use std::sync as primitives;

/// A lock that cannot be poisoned.
#[derive(Debug)]
pub(crate) struct Mutex<T>(primitives::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(primitives::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// `None` if somebody has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

/// Keeps a value on cache lines of its own: two lines, because processors fetch them in pairs.
#[repr(align(128))]
#[derive(Debug)]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
