//! Commands from many threads to one loop, and its doorbell. Posting never blocks. The mailbox needs no
//! limit: each command is the wish of one call, and there is one token at a time of each thing.

use std::mem;
use std::sync::Arc;

use crate::sync::health::Health;
use crate::sync::primitives::Mutex;

/// The way into a loop: commands, tokens of what wants service, and how its sleep ends.
pub(crate) struct Mailbox<C> {
    state: Mutex<State<C>>,
    notify: Box<dyn Fn(Urgency) + Send + Sync>,
    health: Arc<Health>,
}

/// What a sleeping loop is notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// A command, or a new earliest deadline: it must wake up.
    Command,
    /// A token: it must look, and soon is enough.
    Token,
    /// A token, for which the thread that deposits it may do the next turn itself.
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

    /// How the loop is that this leads to.
    pub(crate) fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Posts a command; gives it back if the loop is gone.
    pub(crate) fn post(&self, command: C) -> Result<(), C> {
        // Before the lock, which a thread may have held that has not been forked.
        if self.health.is_elsewhere() {
            return Err(command);
        }
        let mut command = Some(command);
        self.leave(Urgency::Command, |state| {
            state.commands.extend(command.take())
        });
        command.map_or(Ok(()), Err)
    }

    /// Something wants service. Its hook is armed again only when it has been serviced, so there is
    /// one token of it at a time.
    pub(crate) fn deposit(&self, token: usize) {
        self.leave(Urgency::Token, |state| state.tokens.push(token));
    }

    /// As [`deposit`](Self::deposit), for something that one turn of the loop brings on its way.
    pub(crate) fn deposit_for_assist(&self, token: usize) {
        self.leave(Urgency::Assist, |state| state.tokens.push(token));
    }

    /// Makes the loop look again, for nothing in particular (a new earliest deadline).
    pub(crate) fn nudge(&self) {
        if self.health.failure().is_none() {
            self.leave(Urgency::Command, |state| state.nudged = true);
        }
    }

    /// Hands everything over, in the order it came.
    pub(crate) fn collect(&self, commands: &mut Vec<C>, tokens: &mut Vec<usize>) {
        let mut state = self.state.lock();
        hand_over(&mut state.commands, commands);
        hand_over(&mut state.tokens, tokens);
        state.nudged = false;
    }

    /// The loop is about to sleep. False if something is waiting: then it must not.
    pub(crate) fn prepare_sleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = !state.has_work();
        state.asleep
    }

    /// As [`prepare_sleep`](Self::prepare_sleep), where a thread will look after the tokens soon.
    pub(crate) fn prepare_absence(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = !state.is_urgent();
        state.asleep
    }

    /// The loop has woken up, for whatever reason: it need not be woken any more.
    pub(crate) fn awake(&self) {
        self.state.lock().asleep = false;
    }

    /// Whether something has come since the last [`collect`](Self::collect).
    #[cfg(test)]
    pub(crate) fn has_work(&self) -> bool {
        self.state.lock().has_work()
    }

    /// The loop goes. Returns the commands it has not seen; later ones go back to their posters.
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

/// Exchanges buffers where the other side's is empty.
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
