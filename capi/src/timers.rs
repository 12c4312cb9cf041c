//! Timers (zmq_timers(3)): functions of the user's that `zmq_timers_execute` calls when they are due.

use std::ffi::{c_int, c_long, c_void};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::errno::{self, answer, done, Outcome, EFAULT, EINVAL, EMFILE};
use crate::handle::{Entered, Handles};
use crate::socket::lock;

/// `zmq_timer_fn`.
pub(crate) type TimerFn = unsafe extern "C" fn(id: c_int, argument: *mut c_void);

static TIMERS: Handles<Timers> = Handles::new();

#[derive(Default)]
struct Timers(Mutex<State>);

#[derive(Default)]
struct State {
    last: c_int,
    /// In the order they were added.
    all: Vec<Timer>,
}

#[derive(Clone, Copy)]
struct Timer {
    id: c_int,
    interval: Duration,
    due: Instant,
    call: TimerFn,
    /// A pointer of the user's, which the function is given.
    argument: usize,
}

impl State {
    fn find(&mut self, id: c_int) -> Outcome<&mut Timer> {
        let found = self.all.iter_mut().find(|timer| timer.id == id);
        found.ok_or(EINVAL)
    }
}

/// The interval from now on. One that no clock reaches is as good as a century.
fn due_after(interval: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 366 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(interval).unwrap_or_else(|| now + CENTURY)
}

fn enter(timers: *mut c_void) -> Outcome<Entered<Timers>> {
    TIMERS.enter(timers).ok_or(EFAULT)
}

fn with<T>(timers: *mut c_void, call: impl FnOnce(&mut State) -> Outcome<T>) -> Outcome<T> {
    call(&mut lock(&enter(timers)?.0))
}

/// zmq_timers_new(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_new() -> *mut c_void {
    errno::pointer(TIMERS.open(Timers::default()).ok_or(EMFILE))
}

/// zmq_timers_destroy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_destroy(timers: *mut *mut c_void) -> c_int {
    if timers.is_null() {
        return done(Err(EFAULT));
    }
    // SAFETY: the caller gives a pointer to a handle.
    let handle = unsafe { &mut *timers };
    let closed = TIMERS.close(*handle, |_| ());
    if closed {
        *handle = std::ptr::null_mut();
    }
    done(closed.then_some(()).ok_or(EFAULT))
}

/// zmq_timers_add(3): the id of the timer.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_add(
    timers: *mut c_void,
    interval: usize,
    call: Option<TimerFn>,
    argument: *mut c_void,
) -> c_int {
    answer(with(timers, |state| {
        let call = call.ok_or(EFAULT)?;
        let interval = Duration::from_millis(interval as u64);
        state.last += 1;
        state.all.push(Timer {
            id: state.last,
            interval,
            due: due_after(interval),
            call,
            argument: argument as usize,
        });
        Ok(state.last)
    }))
}

/// zmq_timers_cancel(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_cancel(timers: *mut c_void, id: c_int) -> c_int {
    done(with(timers, |state| {
        state.find(id)?;
        state.all.retain(|timer| timer.id != id);
        Ok(())
    }))
}

/// zmq_timers_set_interval(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_set_interval(
    timers: *mut c_void,
    id: c_int,
    interval: usize,
) -> c_int {
    done(with(timers, |state| {
        let timer = state.find(id)?;
        timer.interval = Duration::from_millis(interval as u64);
        timer.due = due_after(timer.interval);
        Ok(())
    }))
}

/// zmq_timers_reset(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_reset(timers: *mut c_void, id: c_int) -> c_int {
    done(with(timers, |state| {
        let timer = state.find(id)?;
        timer.due = due_after(timer.interval);
        Ok(())
    }))
}

/// zmq_timers_timeout(3): milliseconds until the next is due, or -1 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_timeout(timers: *mut c_void) -> c_long {
    let timeout = with(timers, |state| {
        let Some(next) = state.all.iter().map(|timer| timer.due).min() else {
            return Ok(-1);
        };
        let left = next.saturating_duration_since(Instant::now());
        // Rounded up: a caller that waits that long finds the timer due.
        let milliseconds = left.as_nanos().div_ceil(1_000_000);
        Ok(c_long::try_from(milliseconds).unwrap_or(c_long::MAX))
    });
    timeout.unwrap_or_else(|errno| {
        errno::set(errno);
        -1
    })
}

/// zmq_timers_execute(3): calls the functions of the timers that are due. They may add and cancel
/// timers.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_execute(timers: *mut c_void) -> c_int {
    done(enter(timers).map(|timers| {
        let now = Instant::now();
        let mut due: Vec<Timer> = lock(&timers.0).all.clone();
        due.retain(|timer| timer.due <= now);
        due.sort_by_key(|timer| timer.due);
        for timer in due {
            match lock(&timers.0).find(timer.id) {
                // An earlier function may have changed it.
                Ok(known) if known.due <= now => known.due = due_after(known.interval),
                Ok(_) | Err(_) => continue,
            }
            // SAFETY: the user's function is called with the user's argument, without a lock.
            unsafe { (timer.call)(timer.id, timer.argument as *mut c_void) };
        }
    }))
}
