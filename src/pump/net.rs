//! The real world: mio, sockets, a thread that sleeps between turns.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::channel::{
    go_aboard, is_steering, quietly, Alarms, Called, Crowd, Expectation, Health, Helm, Hook,
    Keeping, Lookout, Mailbox, Spell, Steering, Urgency, Vigil, Watch,
};
use crate::endpoint::Endpoint;
use crate::error::BindError;
use crate::options::Options;

use super::lookups::{Lookups, Question};
use super::transport::{self, Begun, BoundListener, Listener, Resolution, Stream, Target};
use super::world::{Readiness, Source, World};
use super::{Command, Company, Pump, HEAVY, HEAVY_TIME};

/// Readiness taken from the kernel in one call.
const EVENTS: usize = 1024;

/// Turns somebody does who lends a hand: what they bring about may take another one, or two.
const HELPING_TURNS: usize = 4;

const WAKER: Token = Token(usize::MAX);

/// A running pump, from outside.
pub(crate) struct Running {
    pub(crate) mailbox: Arc<Mailbox<Command>>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Waits until the pump's thread has ended.
    pub(crate) fn join(self) {
        if self.mailbox.health().is_elsewhere() {
            return;
        }
        // A pump does not panic; if it did, its sockets are closed and there is nothing to say.
        let _ = self.thread.join();
    }
}

/// What the threads of a pump are called.
#[derive(Clone)]
pub(crate) struct ThreadNames {
    pub(crate) pump: String,
    pub(crate) resolver: String,
}

/// Starts a pump on a thread of its own.
pub(crate) fn start(names: ThreadNames, mut company: Company) -> io::Result<Running> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    let registry = poll.registry().try_clone()?;
    let health = Health::new();
    let ship = Arc::new_cyclic(|this: &Weak<Ship>| Ship {
        health: Arc::clone(&health),
        this: this.clone(),
        helm: Helm::new(None),
        lookout: Lookout::new(Post {
            poll,
            events: Events::with_capacity(EVENTS),
            ready: Vec::with_capacity(EVENTS),
        }),
        crowd: Arc::default(),
        waker,
    });
    // The pump's thread has the ship: handles that outlive it keep no file descriptor open.
    let called = Arc::downgrade(&ship);
    let wake = move |urgency| {
        if let Some(ship) = called.upgrade() {
            ship.call(urgency);
        }
    };
    let mailbox = Arc::new(Mailbox::with_health(wake, health));
    let nudge = Nudge(Arc::clone(&mailbox));
    let alarms = Arc::new(Alarms::new(Arc::new(nudge)));
    let net = Net {
        registry,
        mailbox: Arc::clone(&mailbox),
        resolver_name: names.resolver,
        luck: RandomState::new().build_hasher().finish() | 1,
        lookups: Lookups::default(),
    };
    company.spin.watch = Some(ship.this.clone());
    company.spin.crowd = Some(Arc::clone(&ship.crowd));
    let pump = Pump::new(net, Arc::clone(&mailbox), alarms, Instant::now(), company);
    *ship.helm.take() = Some(Box::new(Afloat {
        pump,
        asleep_until: None,
    }));
    let closer = CloseOnDrop(Arc::clone(&mailbox));
    let thread = thread::Builder::new().name(names.pump).spawn(move || {
        let _until_the_end = closer;
        go_aboard();
        if let Err(text) = quietly(|| ship.run()) {
            // It may have been steering, or on its way to.
            let afloat = ship.helm.take().take();
            ship.fail(afloat, &text);
        }
    })?;
    Ok(Running { mailbox, thread })
}

/// A pump, who steers it and who looks out for it. Whoever needs both takes the lookout first.
struct Ship {
    this: Weak<dyn Watch>,
    helm: Helm<Option<Box<Afloat>>>,
    lookout: Lookout<Post>,
    /// Who waits for this pump.
    crowd: Arc<Crowd>,
    /// Wakes the pump's thread while it looks out.
    waker: Waker,
    health: Arc<Health>,
}

/// What the world brings is seen from here.
struct Post {
    poll: Poll,
    events: Events,
    ready: Vec<Readiness>,
}

/// A pump that runs.
struct Afloat {
    pump: Pump<Net>,
    /// What its thread sleeps until at the latest; without a time it sleeps until it is woken.
    asleep_until: Option<Instant>,
}

/// What came of offering a hand.
enum Help {
    /// All is done.
    Done,
    /// There is something left for the pump's thread.
    Begun,
    /// The current thread has no time, or somebody else steers.
    None,
}

impl Ship {
    /// Sleeps, turns, and sleeps again, until the pump is finished.
    fn run(&self) {
        let mut post = self.lookout.take();
        // Since this thread last slept: whether it has called anybody, and never two at once who
        // have something to take.
        let (mut has_called, mut is_crowded) = (false, false);
        let mut expectation = Expectation::default();
        loop {
            let called = Called::so_far();
            let mut steering = self.helm.take();
            let Some(afloat) = steering.as_deref_mut() else {
                return;
            };
            let pump = &mut afloat.pump;
            pump.mailbox.awake();
            pump.turn(Instant::now(), &post.ready);
            if pump.is_finished() {
                let finished = steering.take();
                // Not under the lock: who is told of an end may come back here.
                drop(steering);
                drop(finished);
                return;
            }
            let (anybody, to_take) = called.since();
            has_called |= anybody;
            is_crowded |= to_take > 1;
            // The next piece of a large frame is here sooner than this thread would be asleep.
            let limit = pump.company.spin.limit;
            if expectation.lasts(limit, pump.octets_in, pump.expects_more) {
                drop(steering);
                post.look(Some(Duration::ZERO));
                continue;
            }
            // Before sleep is prepared for: from then on this thread may be called.
            let aside =
                has_called && (!is_crowded || self.crowd.is_empty()) && self.lookout.step_aside();
            if aside {
                if afloat.can_wait_a_moment() {
                    drop(post);
                    drop(steering);
                    self.lookout.stand_by(&self.crowd);
                    (has_called, is_crowded) = (false, false);
                    post = self.lookout.take();
                    post.look(Some(Duration::ZERO));
                    continue;
                }
                self.lookout.step_back();
            }
            let pump = &mut afloat.pump;
            let timeout = if pump.is_busy() || !pump.mailbox.prepare_sleep() {
                Some(Duration::ZERO)
            } else {
                (has_called, is_crowded) = (false, false);
                afloat.asleep_until = pump.deadline();
                afloat
                    .asleep_until
                    .map(|until| until.saturating_duration_since(Instant::now()))
            };
            drop(steering);
            post.look(timeout);
        }
    }

    /// The pump sleeps, and there is something for it.
    fn call(&self, urgency: Urgency) {
        // A thread that lends a hand asks by itself.
        if urgency != Urgency::Errand && self.is_elsewhere() {
            return;
        }
        let help = match urgency {
            Urgency::Errand => self.lend_a_hand(),
            Urgency::Look | Urgency::Wake => Help::None,
        };
        let can_wait = match help {
            Help::Done => true,
            Help::Begun => false,
            Help::None => urgency != Urgency::Wake && self.lookout.is_awaited(),
        };
        if !can_wait {
            self.summon();
        }
    }

    /// Whether this process was forked from the pump's. Then all sockets are closed, in the memory
    /// of this process: neither connections nor the poller are its own, nor is anything dropped.
    fn is_elsewhere(&self) -> bool {
        let is_elsewhere = self.health.is_elsewhere();
        if is_elsewhere {
            if let Some(steering) = self.helm.try_take() {
                abandon(steering);
            }
        }
        is_elsewhere
    }

    /// Has whoever looks out, or is to, do a turn.
    fn summon(&self) {
        if !self.lookout.summon() {
            self.kick();
        }
    }

    /// Does the pump's turns until the vigil is over, awake or asleep in between. Whether much was
    /// read for what this thread got.
    fn look_out(&self, vigil: &Vigil<'_>, spell: &mut Spell<'_, Post>) -> bool {
        let start = Instant::now();
        let (mut sleep, mut octets) = (None, None);
        loop {
            spell.look(Some(sleep.unwrap_or_default()));
            if sleep.take().is_some() {
                vigil.rouse();
                spell.dozes(false);
            }
            let turned = self.steer(self.helm.take(), |afloat| afloat.turn_again(&spell.ready));
            let Some((Some(now), mut steering)) = turned else {
                return false;
            };
            let Some(afloat) = steering.as_deref_mut() else {
                return false;
            };
            let pump = &mut afloat.pump;
            let read = pump.octets_in - *octets.get_or_insert(pump.octets_in);
            if vigil.is_over(now) {
                return read > HEAVY && now.saturating_duration_since(start) < HEAVY_TIME;
            }
            if vigil.spins(now) || pump.is_busy() {
                continue;
            }
            let Some(longest) = vigil.longest_sleep(now) else {
                return false;
            };
            if !pump.mailbox.prepare_sleep() {
                continue;
            }
            afloat.asleep_until = pump.deadline();
            let until = afloat.asleep_until;
            drop(steering);
            if vigil.doze(self.this.clone()) {
                spell.dozes(true);
                sleep = Some(until.map_or(longest, |until| {
                    until.saturating_duration_since(now).min(longest)
                }));
            }
        }
    }

    /// Does a turn for a pump whose thread sleeps, if the current thread has the time for that.
    fn lend_a_hand(&self) -> Help {
        let now = Instant::now();
        if self.is_elsewhere() {
            return Help::Done;
        }
        let Some(steering) = self.helm.lend_a_hand(now) else {
            return Help::None;
        };
        let is_awaited = self.lookout.is_awaited();
        let turned = self.steer(steering, |afloat| {
            afloat.turn_until_it_rests(now, is_awaited)
        });
        match turned {
            Some((true, _)) => Help::Done,
            Some((false, _)) | None => Help::Begun,
        }
    }

    /// Has a thread of the user's do something with the pump. `None` if that has ended: should it
    /// panic, then the pump fails as it does on its own thread, and the user's thread goes on.
    fn steer<'a, R>(
        &'a self,
        mut steering: Steering<'a, Option<Box<Afloat>>>,
        what: impl FnOnce(&mut Afloat) -> R,
    ) -> Option<(R, Steering<'a, Option<Box<Afloat>>>)> {
        let afloat = steering.as_deref_mut()?;
        match quietly(|| what(afloat)) {
            Ok(result) => Some((result, steering)),
            Err(text) => {
                let afloat = steering.take();
                drop(steering);
                self.fail(afloat, &text);
                None
            }
        }
    }

    /// The pump has panicked: all calls that wait for it are told, and its thread ends.
    fn fail(&self, afloat: Option<Box<Afloat>>, text: &str) {
        if let Some(afloat) = afloat {
            afloat.pump.fail(text);
        }
        self.kick();
    }
}

impl Watch for Ship {
    fn keep(&self, vigil: &Vigil<'_>) -> Keeping {
        if is_steering() {
            return Keeping::Denied;
        }
        let Some(mut spell) = self.lookout.relieve() else {
            return Keeping::Denied;
        };
        if self.is_elsewhere() {
            return Keeping::Denied;
        }
        let was_heavy = self.look_out(vigil, &mut spell);
        spell.ready.clear();
        drop(spell);
        // Only now: whoever has something for the pump from now on finds nobody on the lookout.
        let mut steering = self.helm.take();
        let can_wait = steering
            .as_deref_mut()
            .is_some_and(Afloat::can_wait_a_moment);
        drop(steering);
        let in_peace = !was_heavy && (!vigil.has_rivals() || self.crowd.is_empty());
        if !in_peace {
            self.lookout.renounce();
        }
        if !(can_wait && in_peace) {
            self.summon();
        }
        match in_peace {
            true => Keeping::Peaceful,
            false => Keeping::Crowded,
        }
    }

    fn kick(&self) {
        // Fails only if the poller is gone, and then nobody needs to be woken.
        let _ = self.waker.wake();
    }

    fn leave(&self) {
        if !self.is_elsewhere() {
            self.lookout.summon();
        }
    }

    fn decline(&self) {
        self.lookout.decline();
    }
}

/// Closes the sockets of a pump whose thread has not been forked with this process.
fn abandon(steering: Steering<'_, Option<Box<Afloat>>>) {
    let ports = steering.as_deref().map(|afloat| afloat.pump.all_ports());
    // Not under the lock: who is told of an end may come back here.
    drop(steering);
    for ports in ports.into_iter().flatten() {
        ports.finish();
    }
}

impl Post {
    /// Waits for what the world brings. An interrupted wait brings nothing.
    fn look(&mut self, timeout: Option<Duration>) {
        let polled = self.poll.poll(&mut self.events, timeout);
        self.ready.clear();
        if polled.is_ok() {
            self.ready.extend(self.events.iter().filter_map(readiness));
        }
    }
}

impl Afloat {
    /// A turn for somebody who looks out. The time, unless the pump is finished.
    fn turn_again(&mut self, ready: &[Readiness]) -> Option<Instant> {
        let now = Instant::now();
        self.pump.mailbox.awake();
        self.pump.turn(now, ready);
        (!self.pump.is_finished()).then_some(now)
    }

    /// Whether what is left and what comes now can be left to somebody who comes in a moment. They
    /// see to what is due then.
    fn can_wait_a_moment(&mut self) -> bool {
        let pump = &self.pump;
        let can_wait = !pump.is_finished() && !pump.is_pressed() && pump.mailbox.prepare_absence();
        if can_wait {
            self.asleep_until = Some(pump.now);
        }
        can_wait
    }

    /// False if there is something left for the pump's thread. Somebody who is awaited can do the
    /// rest, unless that is writing: then it is better done beside whoever has so much to send.
    fn turn_until_it_rests(&mut self, now: Instant, is_awaited: bool) -> bool {
        let octets_out = self.pump.octets_out;
        for _ in 0..HELPING_TURNS {
            let pump = &mut self.pump;
            pump.turn(now, &[]);
            if pump.is_finished() {
                return false;
            }
            if !pump.is_busy() && pump.mailbox.prepare_sleep() {
                // Nothing may be due sooner than its thread means to sleep.
                let (due, until) = (pump.deadline(), self.asleep_until);
                return due.is_none_or(|due| until.is_some_and(|until| until <= due));
            }
            if is_awaited && pump.octets_out == octets_out {
                return self.can_wait_a_moment();
            }
        }
        false
    }
}

fn readiness(event: &mio::event::Event) -> Option<Readiness> {
    let source = match event.token() {
        WAKER => return None,
        Token(token) if token % 2 == 0 => Source::Link(token / 2),
        Token(token) => Source::Listener(token / 2),
    };
    let broken = event.is_error();
    Some(Readiness {
        source,
        readable: event.is_readable() || event.is_read_closed() || broken,
        read_closed: event.is_read_closed() || broken,
        writable: event.is_writable() || event.is_write_closed() || broken,
    })
}

fn token(source: Source) -> Token {
    match source {
        Source::Link(slot) => Token(slot * 2),
        Source::Listener(slot) => Token(slot * 2 + 1),
    }
}

/// The world through mio.
pub(crate) struct Net {
    registry: Registry,
    mailbox: Arc<Mailbox<Command>>,
    resolver_name: String,
    luck: u64,
    lookups: Lookups,
}

impl World for Net {
    type Stream = Stream;
    type Listener = Listener;

    fn bind(
        &mut self,
        endpoint: &Endpoint,
        options: &Options,
        slot: usize,
    ) -> Result<(Listener, Endpoint), BindError> {
        let (listener, resolved) = transport::bind(endpoint, options)?;
        self.watch_listener(listener, resolved, slot)
    }

    fn adopt(
        &mut self,
        listener: BoundListener,
        options: &Options,
        slot: usize,
    ) -> Result<(Listener, Endpoint), BindError> {
        let (listener, resolved) = transport::adopt(listener, options)?;
        self.watch_listener(listener, resolved, slot)
    }

    fn accept(&mut self, listener: &Listener) -> io::Result<Stream> {
        listener.accept().map(|(stream, _)| stream)
    }

    fn connect(&mut self, target: &Target, options: &Options) -> io::Result<Begun<Stream>> {
        transport::connect(target, options)
    }

    fn connected(&mut self, stream: &Stream) -> io::Result<bool> {
        stream.connected()
    }

    fn names(&self, stream: &Stream) -> (Option<Endpoint>, Option<Endpoint>) {
        let endpoint = |name: io::Result<String>| name.ok()?.parse().ok();
        (endpoint(stream.local_name()), endpoint(stream.peer_name()))
    }

    fn address(&self, stream: &Stream) -> String {
        stream.address()
    }

    fn watch(&mut self, stream: &mut Stream, slot: usize) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.registry
            .register(stream, token(Source::Link(slot)), interest)
    }

    fn watch_room(&mut self, stream: &mut Stream, slot: usize, wanted: bool) -> io::Result<()> {
        match stream {
            // Told only after a write that found no room: that is rare enough.
            Stream::Tcp(_) => Ok(()),
            // Told whenever the peer has read anything.
            #[cfg(unix)]
            Stream::Ipc(_) => {
                let interest = match wanted {
                    true => Interest::READABLE | Interest::WRITABLE,
                    false => Interest::READABLE,
                };
                self.registry
                    .reregister(stream, token(Source::Link(slot)), interest)
            }
        }
    }

    fn finish(&mut self, stream: &mut Stream) -> io::Result<()> {
        stream.shutdown_write()
    }

    fn forget(&mut self, stream: &mut Stream) {
        // Dropping the stream takes it out of the kernel's set in any case.
        let _ = self.registry.deregister(stream);
    }

    fn unbind(&mut self, mut listener: Listener) -> io::Result<()> {
        let _ = self.registry.deregister(&mut listener);
        listener.close()
    }

    fn resolve(&mut self, endpoint: &Endpoint, ipv6: bool, ticket: u64) {
        let next = self.lookups.ask(endpoint, ipv6, ticket);
        self.look_up(next);
    }

    fn stop_resolving(&mut self, ticket: u64) {
        self.lookups.forget(ticket);
    }

    fn resolved(&mut self) {
        let next = self.lookups.answered();
        self.look_up(next);
    }

    fn entropy(&mut self, octets: &mut [u8]) -> io::Result<()> {
        entropy(octets)
    }

    fn random(&mut self) -> u64 {
        // xorshift64: enough for jitter.
        self.luck ^= self.luck << 13;
        self.luck ^= self.luck >> 7;
        self.luck ^= self.luck << 17;
        self.luck
    }
}

/// Fills octets with what nobody can guess: the operating system's luck.
#[cfg(feature = "curve")]
pub(crate) fn entropy(octets: &mut [u8]) -> io::Result<()> {
    Ok(getrandom::fill(octets)?)
}

/// Only CURVE has secrets.
#[cfg(not(feature = "curve"))]
fn entropy(_octets: &mut [u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Net {
    fn watch_listener(
        &mut self,
        mut listener: Listener,
        resolved: Endpoint,
        slot: usize,
    ) -> Result<(Listener, Endpoint), BindError> {
        let token = token(Source::Listener(slot));
        match self
            .registry
            .register(&mut listener, token, Interest::READABLE)
        {
            Ok(()) => Ok((listener, resolved)),
            Err(source) => Err(BindError::Io {
                endpoint: resolved.to_string(),
                source,
            }),
        }
    }

    /// Asks the system's resolver, which blocks, on a thread that lives as long as the question.
    fn look_up(&self, question: Option<Question>) {
        let Some(Question {
            endpoint,
            ipv6,
            tickets,
        }) = question
        else {
            return;
        };
        let (mailbox, asked) = (Arc::clone(&self.mailbox), tickets.clone());
        let spawned = thread::Builder::new()
            .name(self.resolver_name.clone())
            .spawn(move || {
                let targets = match transport::targets(&endpoint) {
                    Ok(Resolution::Ready(target)) => Ok(vec![target]),
                    Ok(Resolution::Lookup { host, port, source }) => {
                        transport::lookup(&host, port, source.as_ref(), ipv6)
                    }
                    Err(error) => Err(error),
                };
                // A pump that has ended needs no answer.
                let _ = mailbox.post(Command::Resolved {
                    tickets: asked,
                    targets,
                });
            });
        if let Err(error) = spawned {
            let _ = self.mailbox.post(Command::Resolved {
                tickets,
                targets: Err(error),
            });
        }
    }
}

/// Wakes the pump because an alarm is due sooner than it meant to sleep.
struct Nudge(Arc<Mailbox<Command>>);

impl Hook for Nudge {
    fn notify(&self) {
        self.0.nudge();
    }
}

/// Whatever ends the thread, nobody may wait for its answers any more.
struct CloseOnDrop(Arc<Mailbox<Command>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
