//! libzmq's C interface in pure Rust, on the public API of [`zmq_channels`].
//!
//! Programs and bindings that use `libzmq.so.5` use this library unchanged; `include/zmq.h` is the
//! interface. Each module names the manual pages of libzmq that it implements.
//!
//! * [`handle`]: what the `void *` of contexts and sockets are, and why misuse of them is an error
//! * [`context`], [`threads`], [`socket`], [`endpoint`], [`options`], [`value`], [`kind`]
//! * [`message`], [`block`], [`metadata`], [`send`], [`receive`]
//! * [`wait`], [`events`], [`poll`], [`poller`]: waiting for several sockets, and for signals
//! * [`monitor`], [`proxy`], [`timers`], [`keys`], [`utils`], [`errno`]
//!
//! Only this package has unsafe code: what C promises, the compiler cannot check.

#[cfg(not(unix))]
compile_error!("zmq_fd_t and signals of systems other than Unix are not supported yet");

mod block;
mod context;
mod endpoint;
mod errno;
mod events;
mod handle;
mod keys;
mod kind;
mod message;
mod metadata;
mod monitor;
mod options;
mod poll;
mod poller;
mod proxy;
mod receive;
mod send;
mod socket;
mod threads;
mod timers;
mod utils;
mod value;
mod wait;

#[cfg(test)]
mod tests;
