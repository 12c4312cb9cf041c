//! A fair executor for one thread: each task is polled when it was woken, in turn.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::catch::quietly;
use crate::sync::parker::block_on;
use crate::sync::primitives::Mutex;
use crate::sync::ready_queue::ReadyQueue;

/// A task. Its end, even by a panic, does not affect the others.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Spawns tasks on the thread that [runs](Tasks::run) them.
pub(crate) struct Tasks {
    inbox: Mutex<Inbox>,
    ready_queue: Arc<ReadyQueue>,
    /// Woken when the inbox has changed.
    call: Waker,
}

#[derive(Default)]
struct Inbox {
    tasks: Vec<Task>,
    closed: bool,
}

/// The token of the inbox; tasks count from here.
const INBOX: u64 = 0;

impl Tasks {
    pub(crate) fn new() -> Self {
        let ready_queue = ReadyQueue::new();
        Tasks {
            inbox: Mutex::new(Inbox::default()),
            call: ready_queue.waker(INBOX, None),
            ready_queue,
        }
    }

    /// Spawns a task; returns it if the executor is closed.
    pub(crate) fn spawn(&self, task: Task) -> Result<(), Task> {
        {
            let mut inbox = self.inbox.lock();
            if inbox.closed {
                return Err(task);
            }
            inbox.tasks.push(task);
        }
        self.call.wake_by_ref();
        Ok(())
    }

    /// Accepts no more tasks. Those that are awake run until they wait, then all are dropped.
    /// Idempotent.
    pub(crate) fn close(&self) {
        self.inbox.lock().closed = true;
        self.call.wake_by_ref();
    }

    /// Runs tasks until closed. Sleeps while none is awake.
    pub(crate) fn run(&self) {
        let mut running = Running::default();
        let mut called = VecDeque::new();
        loop {
            block_on(None, |context| {
                self.ready_queue.collect(&mut called, Some(context.waker()));
                match called.is_empty() && !self.inbox.lock().closed {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                }
            });
            if called.is_empty() {
                break;
            }
            while let Some(token) = called.pop_front() {
                if token == INBOX {
                    for task in std::mem::take(&mut self.inbox.lock().tasks) {
                        called.push_back(running.add(task, &self.ready_queue));
                    }
                } else {
                    running.poll(token);
                }
            }
        }
        let unseen = std::mem::take(&mut self.inbox.lock().tasks);
        unseen.into_iter().for_each(end);
        running.end();
    }
}

#[derive(Default)]
struct Running {
    tasks: BTreeMap<u64, (Task, Waker)>,
    last: u64,
}

impl Running {
    fn add(&mut self, task: Task, ready_queue: &Arc<ReadyQueue>) -> u64 {
        self.last += 1;
        let waker = ready_queue.waker(self.last, None);
        self.tasks.insert(self.last, (task, waker));
        self.last
    }

    fn poll(&mut self, token: u64) {
        let Some((task, waker)) = self.tasks.get_mut(&token) else {
            return;
        };
        let mut context = Context::from_waker(waker);
        let polled = quietly(|| task.as_mut().poll(&mut context));
        if !matches!(polled, Ok(Poll::Pending)) {
            if let Some((task, _)) = self.tasks.remove(&token) {
                end(task);
            }
        }
    }

    fn end(self) {
        for (task, _) in self.tasks.into_values() {
            end(task);
        }
    }
}

fn end(task: Task) {
    let _ = quietly(|| drop(task));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::oneshot::answer;
    use std::future::{pending, poll_fn};
    use std::thread;

    fn start() -> (Arc<Tasks>, thread::JoinHandle<()>) {
        let tasks = Arc::new(Tasks::new());
        let running = Arc::clone(&tasks);
        (tasks, thread::spawn(move || running.run()))
    }

    fn spawn(tasks: &Tasks, task: impl Future<Output = ()> + Send + 'static) {
        assert!(tasks.spawn(Box::pin(task)).is_ok());
    }

    #[test]
    fn tasks_run_and_wake_each_other() {
        let (tasks, thread) = start();
        let (first, reply) = answer();
        let (second, last) = answer();
        spawn(&tasks, async move { last.send(first.await.unwrap() + 1) });
        spawn(&tasks, async move { reply.send(1) });
        assert_eq!(second.wait(), Some(2));
        tasks.close();
        thread.join().unwrap();
        assert!(tasks.spawn(Box::pin(async {})).is_err());
    }

    #[test]
    fn a_panic_ends_one_task() {
        let (tasks, thread) = start();
        let (panicked, reply) = answer::<()>();
        spawn(&tasks, async move {
            let _dropped = reply;
            panic!("as it should");
        });
        assert_eq!(panicked.wait(), None);
        let (answer, reply) = answer();
        spawn(&tasks, async move { reply.send("alive") });
        assert_eq!(answer.wait(), Some("alive"));
        tasks.close();
        thread.join().unwrap();
    }

    #[test]
    fn closing_drops_tasks_that_wait() {
        let (tasks, thread) = start();
        let (dropped, reply) = answer::<()>();
        spawn(&tasks, async move {
            let _dropped = reply;
            pending().await
        });
        tasks.close();
        assert_eq!(dropped.wait(), None);
        thread.join().unwrap();
    }

    #[test]
    fn a_task_that_never_waits_does_not_starve_others() {
        let (tasks, thread) = start();
        let (stop, mut stopped) = answer::<()>();
        let mut stop = Some(stop);
        spawn(
            &tasks,
            poll_fn(move |context| {
                context.waker().wake_by_ref();
                match Pin::new(stop.as_mut().unwrap()).poll(context) {
                    Poll::Ready(_) => Poll::Ready(()),
                    Poll::Pending => Poll::Pending,
                }
            }),
        );
        for _ in 0..100 {
            let (answer, reply) = answer();
            spawn(&tasks, async move { reply.send(()) });
            assert_eq!(answer.wait(), Some(()));
        }
        std::mem::replace(&mut stopped, answer().1).send(());
        tasks.close();
        thread.join().unwrap();
    }

    #[test]
    fn the_message_of_a_panic_is_returned() {
        assert_eq!(quietly(|| 1), Ok(1));
        assert_eq!(quietly(|| panic!("text")), Err::<(), _>("text".to_owned()));
        let text = 7;
        assert_eq!(
            quietly(|| panic!("text {text}")),
            Err::<(), _>("text 7".to_owned())
        );
    }
}
