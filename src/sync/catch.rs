//! Calling code that may panic: the user's, and a pump's.

use std::panic::{catch_unwind, AssertUnwindSafe};

/// Calls code that may panic. The error is the panic's message, if it has one.
pub(crate) fn quietly<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    // Every caller drops what it called when that panics.
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let said = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            (None, None) => String::new(),
        };
        // A payload can be anything, even something that panics when it is dropped.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
            std::mem::forget(again);
        }
        said
    })
}
