//! The calls that wait, as futures.
//!
//! Every future first tries the call. If it has to wait, it joins the wait queue under the same
//! lock, and tries again when it is woken. Dropping it leaves the queue, and passes on a wake-up
//! that it has not used.

pub(crate) mod ready;
pub(crate) mod recv;
pub(crate) mod send;
