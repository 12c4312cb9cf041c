//! Versions, capabilities, and what zmq_utils.h has: clocks, threads, sleep and atomic counters.

use std::ffi::{c_char, c_int, c_ulong, c_void, CStr};
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::errno::{self, EMTHREAD};
use crate::wait::BlockedSignals;

/// The version of libzmq whose interface this is.
const VERSION: (c_int, c_int, c_int) = (4, 3, 5);

/// `zmq_thread_fn`.
pub(crate) type ThreadFn = unsafe extern "C" fn(argument: *mut c_void);

/// zmq_version(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    // SAFETY: the caller gives three numbers to write to.
    unsafe {
        *major = VERSION.0;
        *minor = VERSION.1;
        *patch = VERSION.2;
    }
}

/// zmq_has(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_has(capability: *const c_char) -> c_int {
    if capability.is_null() {
        return 0;
    }
    // SAFETY: the caller gives a text that ends with NUL.
    let capability = unsafe { CStr::from_ptr(capability) };
    c_int::from(matches!(
        capability.to_bytes(),
        b"ipc" | b"curve" | b"draft"
    ))
}

/// Starts a clock; see the other two functions.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_stopwatch_start() -> *mut c_void {
    Box::into_raw(Box::new(Instant::now())).cast()
}

/// Microseconds since the clock was started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_stopwatch_intermediate(watch: *mut c_void) -> c_ulong {
    // SAFETY: the caller gives what `zmq_stopwatch_start` has returned.
    let start = unsafe { &*watch.cast::<Instant>() };
    c_ulong::try_from(start.elapsed().as_micros()).unwrap_or(c_ulong::MAX)
}

/// Microseconds since the clock was started, which is released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_stopwatch_stop(watch: *mut c_void) -> c_ulong {
    // SAFETY: the caller gives what `zmq_stopwatch_start` has returned, for the last time.
    unsafe {
        let elapsed = zmq_stopwatch_intermediate(watch);
        drop(Box::from_raw(watch.cast::<Instant>()));
        elapsed
    }
}

/// Sleeps for whole seconds.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_sleep(seconds: c_int) {
    thread::sleep(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
}

/// An argument of the user's on its way to a thread.
struct Argument(*mut c_void);

// SAFETY: the user gives the pointer to the function in the other thread.
unsafe impl Send for Argument {}

impl Argument {
    fn pointer(self) -> *mut c_void {
        self.0
    }
}

/// Runs a function in a thread, in which signals are blocked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_threadstart(
    call: Option<ThreadFn>,
    argument: *mut c_void,
) -> *mut c_void {
    let argument = Argument(argument);
    let Some(call) = call else {
        return errno::pointer(Err(errno::EFAULT));
    };
    let _blocked = BlockedSignals::new();
    let run = move || {
        // SAFETY: the user's function is called with the user's argument.
        unsafe { call(argument.pointer()) };
    };
    let thread = thread::Builder::new().spawn(run);
    errno::pointer(
        thread
            .map_err(|_| EMTHREAD)
            .map(|thread| Box::into_raw(Box::new(thread)).cast()),
    )
}

/// Waits for the end of a thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_threadclose(thread: *mut c_void) {
    // SAFETY: the caller gives what `zmq_threadstart` has returned, once.
    let thread = unsafe { Box::from_raw(thread.cast::<JoinHandle<()>>()) };
    let _ = thread.join();
}

/// zmq_atomic_counter_new(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_atomic_counter_new() -> *mut c_void {
    Box::into_raw(Box::new(AtomicI32::new(0))).cast()
}

/// # Safety
/// The pointer is one that `zmq_atomic_counter_new` has returned, and not destroyed.
unsafe fn counter<'a>(counter: *mut c_void) -> &'a AtomicI32 {
    // SAFETY: promised by the caller.
    unsafe { &*counter.cast() }
}

/// zmq_atomic_counter_set(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_set(number: *mut c_void, value: c_int) {
    // SAFETY: promised by the caller.
    unsafe { counter(number) }.store(value, Ordering::SeqCst);
}

/// zmq_atomic_counter_inc(3): the value before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_inc(number: *mut c_void) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { counter(number) }.fetch_add(1, Ordering::SeqCst)
}

/// zmq_atomic_counter_dec(3): 1 while the value is above zero, otherwise 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_dec(number: *mut c_void) -> c_int {
    // SAFETY: promised by the caller.
    let before = unsafe { counter(number) }.fetch_sub(1, Ordering::SeqCst);
    c_int::from(before != 1)
}

/// zmq_atomic_counter_value(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_value(number: *mut c_void) -> c_int {
    // SAFETY: promised by the caller.
    unsafe { counter(number) }.load(Ordering::SeqCst)
}

/// zmq_atomic_counter_destroy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_destroy(number: *mut *mut c_void) {
    // SAFETY: the caller gives a pointer to a counter, which is not used afterwards.
    unsafe {
        if !number.is_null() && !(*number).is_null() {
            drop(Box::from_raw((*number).cast::<AtomicI32>()));
            *number = std::ptr::null_mut();
        }
    }
}
