//! The calls that wait, as futures.
//!
//! Every future tries, takes a place in line under the lock that showed it has to wait, and
//! tries again when it is woken. Dropping it gives the place up, and passes on a wake-up that it
//! has not used.

pub(crate) mod ready;
pub(crate) mod recv;
pub(crate) mod send;
