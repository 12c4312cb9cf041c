//! Tasks of the library itself that wait at ports, such as a proxy: futures polled by the pump.
//!
//! A task is woken by a token in the mailbox, from any thread: a user's, another pump's, or this
//! one. Its futures are part of this library: they do not block and do not panic.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use crate::driver::Mailbox;

use super::env::Env;
use super::token::Token;
use super::{Command, Pump};

/// A future that the pump polls until it is ready.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task in its slot.
pub(super) struct Running {
    task: Task,
    waker: Waker,
}

/// Wakes the pump for one task.
struct TaskWaker {
    mailbox: Arc<Mailbox<Command>>,
    slot: usize,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mailbox.deposit(Token::Task(self.slot).number());
    }
}

impl<E: Env> Pump<E> {
    pub(super) fn spawn(&mut self, task: Task) {
        let entry = self.tasks.vacant_entry();
        let slot = entry.key();
        let mailbox = Arc::clone(&self.mailbox);
        entry.insert(Running {
            task,
            waker: Waker::from(Arc::new(TaskWaker { mailbox, slot })),
        });
        self.run_later(slot);
    }

    /// Adds a task to this turn.
    pub(super) fn run_later(&mut self, slot: usize) {
        if self.tasks.contains(slot) {
            self.queues.tasks.push(slot);
        }
    }

    /// Polls each task that was woken once.
    pub(super) fn run_tasks(&mut self) {
        for _ in 0..self.queues.tasks.len() {
            let Some(slot) = self.queues.tasks.pop() else {
                break;
            };
            let Some(running) = self.tasks.get_mut(slot) else {
                continue;
            };
            let mut context = Context::from_waker(&running.waker);
            if running.task.as_mut().poll(&mut context).is_ready() {
                self.tasks.remove(slot);
                self.queues.tasks.forget(slot);
            }
        }
    }

    /// Drops all tasks.
    pub(super) fn end_tasks(&mut self) {
        self.queues.tasks.clear();
        drop(std::mem::take(&mut self.tasks));
    }
}
