//! A process that is forked has the handles of its parent's sockets, but not the pump.

use futures::FutureExt;
use zmq_channels::error::{
    BindError, Closed, ConfigureError, ConnectError, ObserveError, PumpFailure, RecvError,
    RegisterError, RequestError, SendError, SocketError, SubscribeError, TryRecvError,
    TrySendError, WaitError,
};
use zmq_channels::monitor::EventKind;
use zmq_channels::select::Selected;
use zmq_channels::{Context, Monitor, Options, Pull, Push, Rep, Req, Select, Socket, Sub};

use crate::common::{alone, next_text, LIMIT, PATIENCE};
use crate::forked::{holds_in_a_child, SOON};

const FORKED: PumpFailure = PumpFailure::Forked;

/// What the parent has when it forks: connections over tcp that have been used, and a pump at rest.
struct Parent {
    context: Context,
    push: Socket<Push>,
    pull: Socket<Pull>,
    req: Socket<Req>,
    rep: Socket<Rep>,
    sub: Socket<Sub>,
    /// Messages wait in it.
    waiting: Socket<Push>,
    monitor: Monitor,
}

impl Parent {
    fn new(options: &Options) -> Parent {
        let context = Context::global();
        let push = context.socket_with::<Push>(options.clone()).unwrap();
        let pull = context.socket_with::<Pull>(options.clone()).unwrap();
        let req = context.socket_with::<Req>(options.clone()).unwrap();
        let rep = context.socket_with::<Rep>(options.clone()).unwrap();
        let sub = context.socket::<Sub>().unwrap();
        push.connect(pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        req.connect(rep.bind("tcp://127.0.0.1:*").unwrap()).unwrap();
        push.send_blocking("before").unwrap();
        assert_eq!(next_text(&pull.receiver()), "before");
        req.wait_connected_timeout_blocking(1, PATIENCE).unwrap();
        let waiting = context.socket_with::<Push>(options.clone()).unwrap();
        waiting.send_blocking("no peer").unwrap();
        let monitor = pull.monitor().unwrap();
        Parent {
            context,
            push,
            pull,
            req,
            rep,
            sub,
            waiting,
            monitor,
        }
    }

    /// As if nothing had happened.
    fn goes_on(&self) {
        for number in 0..10 {
            self.push.send_blocking(number.to_string()).unwrap();
        }
        for number in 0..10 {
            assert_eq!(next_text(&self.pull.receiver()), number.to_string());
        }
        let mut asked = std::pin::pin!(self.req.request("well?"));
        assert!(asked.as_mut().now_or_never().is_none());
        let request = self.rep.recv_blocking().unwrap();
        assert_eq!(request, "well?".into());
        self.rep.send_blocking("yes").unwrap();
        assert_eq!(futures::executor::block_on(asked), Ok("yes".into()));
        assert_eq!(self.monitor.len(), 0, "no connection has come or gone");
        assert_eq!(self.pull.failure(), None);
    }
}

/// A call by its name, and whether it does what it should.
type Check<'a> = (&'static str, Box<dyn FnOnce() -> bool + 'a>);

/// Each is the first call of its child.
fn checks(parent: &Parent) -> Vec<Check<'_>> {
    let Parent {
        context,
        push,
        pull,
        req,
        sub,
        waiting,
        monitor,
        ..
    } = parent;
    let lost = |message: &str| Err(SendError::Closed(Closed::Socket, message.into()));
    vec![
        (
            "send",
            Box::new(move || {
                let sent = push.send_blocking("never") == lost("never");
                sent && push.send_blocking("never") == lost("never")
                    && push.failure() == Some(FORKED)
            }),
        ),
        (
            "a send behind others",
            Box::new(|| {
                waiting.try_send("never")
                    == Err(TrySendError::Closed(Closed::Socket, "never".into()))
            }),
        ),
        (
            "a receive that does not wait",
            Box::new(|| pull.try_recv() == Err(TryRecvError::Closed(Closed::Socket))),
        ),
        (
            "a future that receives",
            Box::new(|| pull.recv().now_or_never() == Some(Err(RecvError::Closed(Closed::Socket)))),
        ),
        (
            "a select",
            Box::new(|| {
                let mut select = Select::new();
                let token = select.receiver(pull.receiver());
                let selected = select.wait();
                selected == Ok(Selected::Ended(token, RecvError::Closed(Closed::Socket)))
            }),
        ),
        (
            "recv",
            Box::new(|| {
                let received = pull.recv_blocking() == Err(RecvError::Closed(Closed::Socket));
                received && pull.failure() == Some(FORKED)
            }),
        ),
        (
            "request",
            Box::new(|| {
                let asked = req.request_blocking("never");
                matches!(asked, Err(RequestError::Closed(Closed::Socket, _)))
            }),
        ),
        (
            "statistics",
            Box::new(|| matches!(pull.statistics(), Err(ObserveError::PumpFailed(FORKED)))),
        ),
        (
            "bind",
            Box::new(|| {
                matches!(
                    pull.bind("tcp://127.0.0.1:*"),
                    Err(BindError::PumpFailed(FORKED))
                )
            }),
        ),
        (
            "connect",
            Box::new(|| {
                matches!(
                    pull.connect("tcp://127.0.0.1:9"),
                    Err(ConnectError::PumpFailed(FORKED))
                )
            }),
        ),
        (
            "subscribe",
            Box::new(|| sub.subscribe("") == Err(SubscribeError::PumpFailed(FORKED))),
        ),
        (
            "options",
            Box::new(|| matches!(pull.options(), Err(ConfigureError::PumpFailed(FORKED)))),
        ),
        (
            "monitor",
            Box::new(|| matches!(pull.monitor(), Err(ObserveError::PumpFailed(FORKED)))),
        ),
        (
            "a monitor's events",
            Box::new(|| monitor.recv_blocking() == Err(RecvError::Closed(Closed::Socket))),
        ),
        (
            "wait",
            Box::new(|| pull.wait_connected_blocking(9) == Err(WaitError::PumpFailed(FORKED))),
        ),
        (
            "register",
            Box::new(|| {
                let stream = futures::stream::pending::<zmq_channels::Message>();
                matches!(
                    push.register_in(stream),
                    Err(RegisterError::PumpFailed(FORKED))
                )
            }),
        ),
        (
            "close",
            Box::new(|| {
                let closed = push.close_blocking();
                closed.failure == Some(FORKED) && closed.undelivered == 0
            }),
        ),
        (
            "socket",
            Box::new(|| {
                matches!(
                    context.socket::<Push>(),
                    Err(SocketError::PumpFailed(FORKED))
                )
            }),
        ),
        (
            "global",
            Box::new(|| {
                let opened = Context::global().socket::<Push>();
                matches!(opened, Err(SocketError::PumpFailed(FORKED)))
            }),
        ),
        (
            "shutdown",
            Box::new(|| {
                context.shutdown();
                true
            }),
        ),
        (
            "a new context",
            Box::new(|| {
                let context = Context::new();
                let (push, pull) = (context.socket::<Push>(), context.socket::<Pull>());
                let (Ok(push), Ok(pull)) = (push, pull) else {
                    return false;
                };
                let connected = pull
                    .bind("tcp://127.0.0.1:*")
                    .map(|bound| push.connect(bound));
                let received = push
                    .send_blocking("x")
                    .map(|()| pull.recv_timeout_blocking(SOON));
                let closed = push.close_blocking().undelivered == 0;
                connected.is_ok() && received == Ok(Ok("x".into())) && closed
            }),
        ),
    ]
}

#[test]
fn calls_in_a_forked_child_fail_at_once_and_the_parent_is_unaffected() {
    alone(LIMIT, || {
        let parent = Parent::new(&Options::new());
        for (name, check) in checks(&parent) {
            assert!(holds_in_a_child(check), "{name}");
            parent.goes_on();
        }
        let kind = parent.pull.monitor().unwrap();
        parent.pull.close_blocking();
        assert!(kind.iter().any(|event| event.kind == EventKind::Stopped));
    });
}

#[test]
fn a_forked_child_may_drop_its_handles() {
    alone(LIMIT, || {
        let kept = Parent::new(&Options::new());
        let context = Context::new();
        let dropped = context.socket::<Push>().unwrap();
        dropped
            .connect(kept.pull.bind("tcp://127.0.0.1:*").unwrap())
            .unwrap();
        dropped.send_blocking("from another context").unwrap();
        assert_eq!(next_text(&kept.pull.receiver()), "from another context");
        while kept.monitor.try_recv().is_ok() {}
        let mut handles = Some((dropped.clone(), context.clone(), dropped.sender()));
        drop((dropped, context));
        assert!(holds_in_a_child(|| {
            drop(handles.take());
            true
        }));
        kept.goes_on();
        let (push, ..) = handles.unwrap();
        push.send_blocking("still there").unwrap();
        assert_eq!(next_text(&kept.pull.receiver()), "still there");
    });
}
