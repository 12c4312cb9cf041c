//! Placeholder.
pub(crate) mod transport;
