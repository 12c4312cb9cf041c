//! Contexts (zmq_ctx_new(3), zmq_ctx_term(3), zmq_ctx_shutdown(3), zmq_ctx_set(3), zmq_ctx_get(3)).

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use zmq_channels::options::{ContextOptions, Options};
use zmq_channels::{Any, Socket, SocketType};

use crate::errno::{self, answer, done, Outcome, EFAULT, EINVAL, EMFILE, ETERM};
use crate::handle::Handles;
use crate::threads::{self, Scheduling};
use crate::value::{self, Text};
use crate::wait::{self, BlockedSignals, Wakeup};

const IO_THREADS: c_int = 1;
const MAX_SOCKETS: c_int = 2;
/// When it is read.
const SOCKET_LIMIT: c_int = 3;
/// When it is set.
const THREAD_PRIORITY: c_int = 3;
const THREAD_SCHED_POLICY: c_int = 4;
const THREAD_AFFINITY_CPU_ADD: c_int = 7;
const THREAD_AFFINITY_CPU_REMOVE: c_int = 8;
const MAX_MSGSZ: c_int = 5;
const MSG_T_SIZE: c_int = 6;
const THREAD_NAME_PREFIX: c_int = 9;
const ZERO_COPY_RECV: c_int = 10;
const IPV6: c_int = 42;
const BLOCKY: c_int = 70;

/// The highest number of sockets that can be set: libzmq's, where descriptors are the limit.
const MOST_SOCKETS: c_int = 65_535;

/// The library takes a thread for each pump.
const MOST_IO_THREADS: c_int = 1024;

/// The longest prefix of the names of threads, as in libzmq.
const LONGEST_PREFIX: usize = 16;

static CONTEXTS: Handles<Arc<Context>> = Handles::new();

/// A context of the user's.
pub(crate) struct Context {
    settings: Mutex<Settings>,
    /// The library's context, made for the first socket.
    engine: OnceLock<zmq_channels::Context>,
    /// No call on its sockets is possible any more, except closing them.
    ended: AtomicBool,
    open: Mutex<Open>,
    /// Counts what its sockets have done that may bring a message, or room for one, to another of them.
    activity: AtomicU64,
}

#[derive(Clone)]
struct Settings {
    io_threads: c_int,
    max_sockets: c_int,
    max_msgsz: c_int,
    zero_copy: bool,
    ipv6: bool,
    blocky: bool,
    prefix: String,
    scheduling: Scheduling,
}

/// The sockets that are not closed yet.
#[derive(Default)]
struct Open {
    sockets: usize,
    /// Signalled when the last of them is closed.
    waiting: Option<Arc<Wakeup>>,
}

impl Context {
    fn new() -> Self {
        Context {
            settings: Mutex::new(Settings {
                io_threads: 1,
                max_sockets: 1023,
                max_msgsz: c_int::MAX,
                zero_copy: true,
                ipv6: false,
                blocky: true,
                prefix: String::new(),
                scheduling: Scheduling::default(),
            }),
            engine: OnceLock::new(),
            ended: AtomicBool::new(false),
            open: Mutex::new(Open::default()),
            activity: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn check(&self) -> Outcome {
        match self.ended.load(Ordering::Relaxed) {
            true => Err(ETERM),
            false => Ok(()),
        }
    }

    /// Counts a new socket; returns whether it uses IPv6, and whether it lingers by default.
    pub(crate) fn add_socket(&self) -> Outcome<(bool, bool)> {
        self.check()?;
        let settings = self.settings().clone();
        let mut open = self.open();
        if open.sockets >= usize::try_from(settings.max_sockets).unwrap_or(0) {
            return Err(EMFILE);
        }
        open.sockets += 1;
        Ok((settings.ipv6, settings.blocky))
    }

    pub(crate) fn count_activity(&self) {
        self.activity.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn activity(&self) -> u64 {
        self.activity.load(Ordering::Acquire)
    }

    /// A socket was closed.
    pub(crate) fn remove_socket(&self) {
        let mut open = self.open();
        open.sockets -= 1;
        if let (0, Some(wakeup)) = (open.sockets, &open.waiting) {
            wakeup.signal();
        }
    }

    /// Opens a socket of the library.
    pub(crate) fn open_socket(&self, kind: SocketType, options: Options) -> Outcome<Socket<Any>> {
        self.check()?;
        // The first socket starts the thread that does the I/O, which inherits the mask: signals of the
        // process are delivered to the user's threads, as their calls are interrupted by them.
        let _blocked = BlockedSignals::new();
        let (engine, scheduling) = (self.engine(), self.settings().scheduling.clone());
        Ok(scheduling.call(|| engine.socket_of(kind, options))?)
    }

    fn engine(&self) -> &zmq_channels::Context {
        self.engine.get_or_init(|| {
            let settings = self.settings();
            let options = ContextOptions::new()
                .pumps(usize::try_from(settings.io_threads).map_or(1, |threads| threads.max(1)))
                .name(settings.prefix.clone());
            zmq_channels::Context::with_options(options).unwrap_or_default()
        })
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all calls on the sockets, and makes those that come fail.
    fn shut_down(&self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(engine) = self.engine.get() {
            // Calls have ended when this returns; the rest continues without the future.
            drop(engine.terminate());
        }
    }

    /// Waits until all sockets are closed and have sent what they linger for.
    fn terminate(&self) -> Outcome {
        self.shut_down();
        let wakeup = Wakeup::new()?;
        self.open().waiting = Some(Arc::clone(&wakeup));
        while self.open().sockets > 0 {
            wakeup.clear();
            if self.open().sockets == 0 {
                break;
            }
            wait::poll_with(&mut [wait::readable(wakeup.fd())], None, None)?;
        }
        if let Some(engine) = self.engine.get() {
            wait::block_on(engine.terminate())?;
        }
        Ok(())
    }

    fn set(&self, option: c_int, bytes: &[u8]) -> Outcome {
        let mut settings = self.settings();
        let number = || value::int(bytes);
        match option {
            IO_THREADS => settings.io_threads = within(number()?, 0, MOST_IO_THREADS)?,
            MAX_SOCKETS => settings.max_sockets = within(number()?, 1, MOST_SOCKETS)?,
            MAX_MSGSZ => settings.max_msgsz = within(number()?, 0, c_int::MAX)?,
            IPV6 => settings.ipv6 = within(number()?, 0, c_int::MAX)? != 0,
            BLOCKY => settings.blocky = within(number()?, 0, c_int::MAX)? != 0,
            ZERO_COPY_RECV => settings.zero_copy = within(number()?, 0, c_int::MAX)? != 0,
            THREAD_PRIORITY => {
                settings.scheduling.priority = within(number()?, 0, c_int::MAX)?;
            }
            THREAD_SCHED_POLICY => {
                settings.scheduling.policy = within(number()?, 0, c_int::MAX)?;
            }
            THREAD_AFFINITY_CPU_ADD => {
                let cpu = within(number()?, 0, threads::MOST_CPUS - 1)?;
                settings.scheduling.cpus.insert(cpu);
            }
            THREAD_AFFINITY_CPU_REMOVE => {
                let is_known = settings.scheduling.cpus.remove(&number()?);
                return is_known.then_some(()).ok_or(EINVAL);
            }
            THREAD_NAME_PREFIX if bytes.len() == size_of::<c_int>() => {
                settings.prefix = within(number()?, 0, c_int::MAX)?.to_string();
            }
            THREAD_NAME_PREFIX => {
                settings.prefix = value::text(bytes, 1..=LONGEST_PREFIX)?;
            }
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    fn get(&self, option: c_int) -> Outcome<c_int> {
        let settings = self.settings();
        Ok(match option {
            IO_THREADS => settings.io_threads,
            MAX_SOCKETS => settings.max_sockets,
            SOCKET_LIMIT => MOST_SOCKETS,
            MAX_MSGSZ => settings.max_msgsz,
            MSG_T_SIZE => 64,
            IPV6 => settings.ipv6.into(),
            BLOCKY => settings.blocky.into(),
            THREAD_SCHED_POLICY => settings.scheduling.policy,
            ZERO_COPY_RECV => settings.zero_copy.into(),
            THREAD_NAME_PREFIX => settings.prefix.parse().unwrap_or(0),
            _ => return Err(EINVAL),
        })
    }
}

fn within(number: c_int, least: c_int, most: c_int) -> Outcome<c_int> {
    match (least..=most).contains(&number) {
        true => Ok(number),
        false => Err(EINVAL),
    }
}

/// The context that a handle stands for.
pub(crate) fn enter(handle: *mut c_void) -> Outcome<Arc<Context>> {
    let context = CONTEXTS.enter(handle).ok_or(EFAULT)?;
    Ok(Arc::clone(&context))
}

/// zmq_ctx_new(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_new() -> *mut c_void {
    let handle = CONTEXTS.open(Arc::new(Context::new()));
    errno::pointer(handle.ok_or(EMFILE))
}

/// zmq_ctx_term(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_term(handle: *mut c_void) -> c_int {
    done(enter(handle).and_then(|context| {
        context.terminate()?;
        CONTEXTS.close(handle, |_| ());
        Ok(())
    }))
}

/// zmq_ctx_shutdown(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_shutdown(handle: *mut c_void) -> c_int {
    done(enter(handle).map(|context| context.shut_down()))
}

/// zmq_ctx_set(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_set(handle: *mut c_void, option: c_int, number: c_int) -> c_int {
    done(enter(handle).and_then(|context| context.set(option, &number.to_ne_bytes())))
}

/// zmq_ctx_get(3).
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_get(handle: *mut c_void, option: c_int) -> c_int {
    answer(enter(handle).and_then(|context| context.get(option)))
}

/// zmq_ctx_set_ext(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_set_ext(
    handle: *mut c_void,
    option: c_int,
    data: *const c_void,
    len: usize,
) -> c_int {
    // SAFETY: the caller gives that many bytes.
    let bytes = unsafe { value::given(data, len) };
    done(enter(handle).and_then(|context| context.set(option, bytes.ok_or(EINVAL)?)))
}

/// zmq_ctx_get_ext(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_get_ext(
    handle: *mut c_void,
    option: c_int,
    data: *mut c_void,
    len: *mut usize,
) -> c_int {
    done(enter(handle).and_then(|context| {
        // SAFETY: the caller gives room for that many bytes.
        let mut room = unsafe { value::Room::new(data, len) }?;
        match option {
            THREAD_NAME_PREFIX => room.put(Text(context.settings().prefix.as_bytes())),
            _ => room.put(context.get(option)?),
        }
    }))
}

/// zmq_init(3), deprecated.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_init(io_threads: c_int) -> *mut c_void {
    let handle = match io_threads {
        0.. => zmq_ctx_new(),
        _ => return errno::pointer(Err(EINVAL)),
    };
    zmq_ctx_set(handle, IO_THREADS, io_threads);
    handle
}

/// zmq_term(3), deprecated.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_term(handle: *mut c_void) -> c_int {
    zmq_ctx_term(handle)
}

/// zmq_ctx_destroy(3), deprecated.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_destroy(handle: *mut c_void) -> c_int {
    zmq_ctx_term(handle)
}
