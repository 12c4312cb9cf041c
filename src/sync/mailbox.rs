//! Commands from many threads to one loop, and how it is woken. Posting never blocks. The mailbox
//! needs no limit: each command belongs to one call, and there is at most one token of each source.

use std::mem;
use std::sync::Arc;

use crate::sync::health::Health;
use crate::sync::primitives::Mutex;

/// The input of a loop: commands, tokens of sources that need service, and the wake-up of a
/// sleeping loop.
pub(crate) struct Mailbox<C> {
    state: Mutex<State<C>>,
    notify: Box<dyn Fn(Urgency) + Send + Sync>,
    health: Arc<Health>,
}

/// Why a sleeping loop is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A command, or a new earliest deadline: it must wake up.
    Command,
    /// A token: it must service the source soon.
    Token,
    /// A token, for which the depositing thread may run the next turn itself.
    Assist,
}

struct State<C> {
    commands: Vec<C>,
    tokens: Vec<usize>,
    nudged: bool,
    asleep: bool,
    closed: bool,
}

impl<C> State<C> {
    fn is_urgent(&self) -> bool {
        self.nudged || self.closed || !self.commands.is_empty()
    }

    fn has_work(&self) -> bool {
        self.is_urgent() || !self.tokens.is_empty()
    }
}

impl<C> Mailbox<C> {
    /// `notify` ends the loop's sleep. It is called at most once per sleep, with no lock held.
    pub(crate) fn new(notify: impl Fn(Urgency) + Send + Sync + 'static) -> Self {
        Mailbox {
            state: Mutex::new(State {
                commands: Vec::new(),
                tokens: Vec::new(),
                nudged: false,
                asleep: false,
                closed: false,
            }),
            notify: Box::new(notify),
            health: Health::new(),
        }
    }

    /// The health of the loop.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Posts a command; returns it if the loop is gone.
    pub(crate) fn post(&self, command: C) -> Result<(), C> {
        // Before the lock, which may have been held by a thread that was not forked.
        if self.health.is_elsewhere() {
            return Err(command);
        }
        let mut command = Some(command);
        self.leave(Urgency::Command, |state| {
            state.commands.extend(command.take())
        });
        command.map_or(Ok(()), Err)
    }

    /// Deposits the token of a source that needs service. The source's hook is armed again only
    /// when it has been serviced, so there is at most one token of it.
    pub(crate) fn deposit(&self, token: usize) {
        self.leave(Urgency::Token, |state| state.tokens.push(token));
    }

    /// Like [`deposit`](Self::deposit), for a source that one turn of the loop can service.
    pub(crate) fn deposit_for_assist(&self, token: usize) {
        self.leave(Urgency::Assist, |state| state.tokens.push(token));
    }

    /// Makes the loop recompute its sleep (a new earliest deadline).
    pub(crate) fn nudge(&self) {
        if self.health.failure().is_none() {
            self.leave(Urgency::Command, |state| state.nudged = true);
        }
    }

    /// Takes all commands and tokens, in order.
    pub(crate) fn collect(&self, commands: &mut Vec<C>, tokens: &mut Vec<usize>) {
        let mut state = self.state.lock();
        hand_over(&mut state.commands, commands);
        hand_over(&mut state.tokens, tokens);
        state.nudged = false;
    }

    /// The loop is about to sleep. False if there is work: then it must not.
    pub(crate) fn prepare_sleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = !state.has_work();
        state.asleep
    }

    /// Like [`prepare_sleep`](Self::prepare_sleep), if a thread will service the tokens soon.
    pub(crate) fn prepare_absence(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = !state.is_urgent();
        state.asleep
    }

    /// The loop has woken up, for any reason, and need not be woken any more.
    pub(crate) fn awake(&self) {
        self.state.lock().asleep = false;
    }

    /// Whether anything was added since the last [`collect`](Self::collect).
    #[cfg(test)]
    pub(crate) fn has_work(&self) -> bool {
        self.state.lock().has_work()
    }

    /// The loop ends. Returns the commands it has not taken; later ones are returned to their
    /// senders.
    pub(crate) fn close(&self) -> Vec<C> {
        let mut state = self.state.lock();
        state.closed = true;
        state.tokens.clear();
        mem::take(&mut state.commands)
    }

    fn leave(&self, urgency: Urgency, what: impl FnOnce(&mut State<C>)) {
        let wake = {
            let mut state = self.state.lock();
            if state.closed {
                return;
            }
            what(&mut state);
            mem::take(&mut state.asleep)
        };
        if wake {
            (self.notify)(urgency);
        }
    }
}

/// Swaps the buffers if the other is empty.
fn hand_over<T>(from: &mut Vec<T>, to: &mut Vec<T>) {
    if to.is_empty() {
        mem::swap(from, to);
    } else {
        to.append(from);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sync::testing::Count;
    use crate::sync::Hook;

    fn mailbox() -> (Mailbox<&'static str>, Arc<Count>) {
        let wakes = Arc::new(Count::default());
        let counted = wakes.clone();
        (Mailbox::new(move |_| counted.notify()), wakes)
    }

    #[test]
    fn a_loop_that_is_awake_is_not_woken() {
        let (mailbox, wakes) = mailbox();
        mailbox.post("a").unwrap();
        mailbox.deposit(7);
        mailbox.nudge();
        assert_eq!(wakes.get(), 0);
        assert!(!mailbox.prepare_sleep());
        let (mut commands, mut tokens) = (Vec::new(), Vec::new());
        mailbox.collect(&mut commands, &mut tokens);
        assert_eq!((commands, tokens), (vec!["a"], vec![7]));
    }

    #[test]
    fn one_sleep_is_ended_by_one_wake() {
        let (mailbox, wakes) = mailbox();
        for round in 1..4 {
            assert!(mailbox.prepare_sleep());
            mailbox.post("a").unwrap();
            mailbox.post("b").unwrap();
            mailbox.deposit(1);
            mailbox.nudge();
            assert_eq!(wakes.get(), round);
            let (mut commands, mut tokens) = (vec!["before"], vec![0]);
            mailbox.collect(&mut commands, &mut tokens);
            assert_eq!(commands, ["before", "a", "b"]);
            assert_eq!(tokens, [0, 1]);
        }
        assert!(mailbox.prepare_sleep());
        mailbox.awake();
        mailbox.nudge();
        assert_eq!(wakes.get(), 3);
        assert!(!mailbox.prepare_sleep());
    }

    #[test]
    fn tokens_wait_for_an_absent_loop_and_commands_wake_it() {
        let (mailbox, wakes) = mailbox();
        mailbox.deposit(1);
        assert!(!mailbox.prepare_sleep());
        assert!(mailbox.prepare_absence());
        mailbox.post("a").unwrap();
        assert_eq!(wakes.get(), 1);
        assert!(!mailbox.prepare_absence());
        let (mut commands, mut tokens) = (Vec::new(), Vec::new());
        mailbox.collect(&mut commands, &mut tokens);
        assert_eq!((commands, tokens), (vec!["a"], vec![1]));
        mailbox.nudge();
        assert!(!mailbox.prepare_absence());
    }

    #[test]
    fn a_closed_mailbox_returns_commands() {
        let (mailbox, wakes) = mailbox();
        mailbox.post("unseen").unwrap();
        assert_eq!(mailbox.close(), ["unseen"]);
        assert_eq!(mailbox.post("late"), Err("late"));
        mailbox.deposit(1);
        mailbox.nudge();
        assert_eq!(wakes.get(), 0);
        assert!(!mailbox.prepare_sleep());
    }
}
