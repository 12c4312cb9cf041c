//! What holds for all errors.

use std::error::Error;
use std::io;

use super::*;

#[test]
fn the_text_of_an_error_does_not_repeat_its_source() {
    let system = || io::Error::from_raw_os_error(24);
    let endpoint = "tcp://127.0.0.1:*".to_owned();
    let source = system();
    let errors: [Box<dyn Error>; 4] = [
        Box::new(BindError::Io { endpoint, source }),
        Box::new(SocketError::Io(system())),
        Box::new(RegisterError::Io(system())),
        Box::new(CurveKeyError::Z85(Z85Error::Length(3))),
    ];
    for error in errors {
        let source = error.source().expect("it has a source").to_string();
        assert!(!error.to_string().contains(&source), "{error}");
    }
}

#[test]
fn send_errors_contain_the_message_and_the_reason() {
    let closed = SendError::Closed(Closed::Context, "a");
    assert_eq!(closed.to_string(), Closed::Context.to_string());
    assert_eq!(closed.closed(), Some(Closed::Context));
    assert!(closed.is_closed() && closed.is_terminated());
    assert_eq!(TrySendError::from(closed.clone()).into_inner(), "a");
    let timeout = SendTimeoutError::from(closed).map(str::len);
    assert_eq!(timeout, SendTimeoutError::Closed(Closed::Context, 1));

    let full = TrySendError::Full("b");
    assert!(full.is_full() && !full.is_closed());
    assert_eq!(full.into_inner(), "b");
    assert!(SendTimeoutError::Timeout("b").is_timeout());
    assert!(!SendTimeoutError::Closed(Closed::Socket, "b").is_timeout());

    let refused = TrySendError::Refused(Refusal::NoFrames, "c");
    assert_eq!(refused.refusal(), Some(Refusal::NoFrames));
    assert!(!refused.is_closed() && !refused.is_full());
    assert_eq!(SendError::Closed(Closed::Socket, ()).refusal(), None);

    let request = RequestError::Closed(Closed::Socket, Some("d".into()));
    assert!(request.is_closed() && !request.is_terminated());
    let request = RequestTimeoutError::from(request);
    assert_eq!(request.into_unsent(), Some("d".into()));
    assert!(RequestTimeoutError::Timeout(None).is_timeout());
}

#[test]
fn all_errors_report_the_end_of_a_socket_as_closed() {
    let shut = Closed::Context;
    assert_eq!(
        TryRecvError::from(RecvError::from(shut)),
        TryRecvError::Closed(shut)
    );
    let timeout = RecvTimeoutError::from(RecvError::from(shut));
    assert_eq!(timeout, RecvTimeoutError::Closed(shut));
    assert!(timeout.is_terminated() && !timeout.is_timeout());
    assert!(TryRecvError::Empty.is_empty() && !TryRecvError::Empty.is_closed());
    assert_eq!(
        WaitTimeoutError::from(WaitError::from(shut)).closed(),
        Some(shut)
    );
    // A failed pump closes its sockets.
    let failed = ObserveError::from(PumpFailure::Forked);
    assert_eq!(failed.closed(), Some(Closed::Socket));
    assert_eq!(SubscribeError::NotManual.closed(), None);
    assert_eq!(BindError::from(shut).to_string(), shut.to_string());
}

/// In the text of any error of this crate: what is a source is not shown, too.
#[test]
fn error_texts_do_not_format_their_source() {
    let sources = [
        include_str!("attach.rs"),
        include_str!("endpoint.rs"),
        include_str!("mod.rs"),
        include_str!("recv.rs"),
        include_str!("request.rs"),
        include_str!("send.rs"),
        include_str!("socket.rs"),
        include_str!("typed.rs"),
        include_str!("../curve.rs"),
        include_str!("../authenticator.rs"),
        include_str!("../event/mod.rs"),
        include_str!("../proxy.rs"),
        include_str!("../security/mod.rs"),
    ];
    for text in sources {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let mut shown = "";
        for line in code.lines().map(str::trim) {
            if line.starts_with("#[error(") {
                shown = line;
            }
            let is_source = line.contains("#[from]") || line.starts_with("source:");
            let repeats = shown.contains("{0}") || shown.contains("{source}");
            assert!(!(is_source && repeats), "{shown} {line}");
        }
    }
}
