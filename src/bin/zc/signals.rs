//! Ctrl-C and SIGTERM, as notices to the thread that waits for the end.

use std::io;
use std::sync::mpsc::Sender;

/// Tells of every SIGINT and SIGTERM from now on, with its number. On Windows they end the process as
/// they always do.
#[cfg(unix)]
pub(crate) fn watch<T: Send + 'static>(
    notices: Sender<T>,
    notice: impl Fn(u8) -> T + Send + 'static,
) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    let forward = move || {
        for signal in signals.forever() {
            let signal = u8::try_from(signal).unwrap_or(u8::MAX);
            if notices.send(notice(signal)).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("zc-signals".into());
    thread.spawn(forward).map(drop)
}

#[cfg(not(unix))]
pub(crate) fn watch<T>(_: Sender<T>, _: impl Fn(u8) -> T) -> io::Result<()> {
    Ok(())
}
