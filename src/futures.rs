//! The future and iterator types that ports return, for programs that must name them.
//!
//! Most programs do not need them: they write `sender.send(message).await` or `for message in
//! &receiver`. They are for types that have such a future in a field, and for hand-written
//! `Future`s.
//!
//! ```
//! use zmq_channels::futures::RecvFuture;
//! use zmq_channels::{Context, Pull, Push};
//!
//! /// A subsystem that has asked for its next message.
//! struct Pending<'a> {
//!     next: RecvFuture<'a>,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let context = Context::new();
//! let (pull, push) = (context.socket::<Pull>()?, context.socket::<Push>()?);
//! push.connect(pull.bind("inproc://jobs")?)?;
//! let receiver = pull.receiver();
//! let pending = Pending { next: receiver.recv() };
//! push.send_blocking("hello")?;
//! # futures::executor::block_on(async {
//! assert_eq!(pending.next.await?[0], "hello");
//! # Ok(())
//! # })
//! # }
//! ```

pub use crate::port::{
    Drain, IntoIter, Iter, RecvFuture, RecvManyFuture, RecvRequestFuture, RecvRequestTimeoutFuture,
    RecvTimeoutFuture, RequestFuture, RequestTimeoutFuture, RequestsIntoIter, RequestsIter,
    SendFuture, SendTimeoutFuture,
};
