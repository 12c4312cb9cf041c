//! What the targets of `fuzz/` call: each takes any bytes, and panics if a promise is broken.

macro_rules! checks {
    ($($module:ident::$name:ident),* $(,)?) => {
        $(#[allow(missing_docs)] // Described in `fuzz/README.md`.
        pub fn $name(input: &[u8]) {
            crate::$module::fuzz::$name(input);
        })*
    };
}

checks! {
    wire::connection,
    wire::vandal,
    wire::decoder,
    wire::commands,
    pattern::subscriptions,
    pattern::patterns,
}

// Apart from the first two, because a handshake takes as long as a hundred of theirs.
#[cfg(feature = "curve")]
checks! {
    wire::curve_connection,
    wire::curve_vandal,
}
