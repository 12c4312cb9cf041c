//! Sockets as the command line asks for them: opened, bound, connected and subscribed.

use std::error::Error;
use std::thread;
use std::time::Duration;

use zmq_channels::error::{BindError, ConnectError, SocketError, WaitError, WaitTimeoutError};
use zmq_channels::kind::Kind;
use zmq_channels::{Any, Context, Dish, Endpoint, Options, Socket, SocketType};

use crate::events;
use crate::exit::{say, Failure, Outcome};
use crate::formats::escape;
use crate::plan::Plan;
use crate::reach::Reach;
use crate::security;

/// A socket with the options of the connections; what is about its type is in `options`.
pub(crate) fn open(
    context: &Context,
    socket_type: SocketType,
    reach: &Reach,
    options: Options,
) -> Result<Socket<Any>, Failure> {
    let mut options = options
        .ipv6(reach.ipv6)
        .security(security::security(&reach.security, context)?);
    if let Some(linger) = reach.linger.or(reach.timeout) {
        options = options.linger(linger);
    }
    if let Some(hwm) = reach.hwm {
        options = options.high_water_marks(hwm);
    }
    let socket = context.socket_of(socket_type, options);
    let socket = socket.map_err(|error| match error {
        SocketError::Option { .. } | SocketError::WithoutEffect { .. } => {
            Failure::Usage(error.to_string())
        }
        error => Failure::because(&error),
    })?;
    if reach.verbose {
        let events = socket.monitor();
        let events = events.map_err(|error| Failure::because(&error))?;
        let tell = move || {
            events
                .into_iter()
                .for_each(|event| say(&events::line(&event)))
        };
        let thread = thread::Builder::new().name("zc-events".into());
        let started = thread.spawn(tell);
        started.map_err(|error| Failure::about("cannot start a thread", &error))?;
    }
    Ok(socket)
}

/// The socket of a plan, with its routing id, subscriptions and groups.
pub(crate) fn open_plan(context: &Context, plan: &Plan) -> Result<Socket<Any>, Failure> {
    let mut options = Options::new();
    if let Some(id) = &plan.routing_id {
        let id = escape::unescape(id.as_bytes()).map_err(Failure::Usage)?;
        options = options.routing_id(id);
    }
    if matches!(plan.socket_type, SocketType::Router) {
        // What no peer can take is told, not lost.
        options = options.router_mandatory(true);
    }
    let socket = open(context, plan.socket_type, &plan.common.reach, options)?;
    if matches!(plan.socket_type, SocketType::Sub | SocketType::XSub) {
        let everything = [String::new()];
        let prefixes = match plan.subscribe.is_empty() {
            true => &everything,
            false => &plan.subscribe[..],
        };
        for prefix in prefixes {
            let subscribed = socket.subscribe(prefix);
            subscribed.map_err(|error| Failure::because(&error))?;
        }
    }
    let Ok(dish) = socket.clone().downcast::<Dish>() else {
        return Ok(socket);
    };
    for group in &plan.join {
        let joined = dish.join(group);
        joined.map_err(|error| Failure::Usage(format!("{group}: {error}")))?;
    }
    Ok(socket)
}

/// Binds and connects to all endpoints.
pub(crate) fn attach(socket: &Socket<Any>, reach: &Reach) -> Outcome {
    for endpoint in &reach.bind {
        bind(socket, endpoint)?;
    }
    for endpoint in reach.endpoints.iter().chain(&reach.connect) {
        connect(socket, endpoint)?;
    }
    Ok(())
}

/// Binds, and tells of what the system chose.
pub(crate) fn bind<K: Kind>(socket: &Socket<K>, endpoint: &str) -> Outcome {
    let bound = socket.bind(endpoint).map_err(|error| match &error {
        BindError::Endpoint(_) | BindError::Unsupported { .. } => Failure::Usage(error.to_string()),
        error => Failure::because(error),
    })?;
    tell_of_choice(endpoint, &bound);
    Ok(())
}

fn tell_of_choice(given: &str, bound: &Endpoint) {
    let bound = bound.to_string();
    if bound != given {
        say(&format!("bound to {bound}"));
    }
}

/// Connects, now or when the peer is there.
pub(crate) fn connect<K: Kind>(socket: &Socket<K>, endpoint: &str) -> Outcome {
    let connected = socket.connect(endpoint).map_err(|error| match &error {
        ConnectError::Endpoint(_) | ConnectError::Unsupported { .. } => {
            Failure::Usage(error.to_string())
        }
        error => Failure::because(error),
    });
    connected.map(drop)
}

/// Waits for peers and subscribers, as far as that is asked for.
pub(crate) fn wait_for_peers(
    socket: &Socket<Any>,
    connected: Option<usize>,
    subscribed: Option<usize>,
    timeout: Option<Duration>,
) -> Outcome {
    if let Some(peers) = connected {
        let waited = match timeout {
            Some(timeout) => socket.wait_connected_timeout_blocking(peers, timeout),
            None => socket.wait_connected_blocking(peers).map_err(untimed),
        };
        waited.map_err(|error| failure("no peer is connected", &error))?;
    }
    if let Some(peers) = subscribed {
        let waited = match timeout {
            Some(timeout) => socket.wait_subscribed_timeout_blocking(peers, timeout),
            None => socket.wait_subscribed_blocking(peers).map_err(untimed),
        };
        waited.map_err(|error| failure("no peer has subscribed", &error))?;
    }
    Ok(())
}

fn untimed(error: WaitError) -> WaitTimeoutError {
    error.into()
}

fn failure(what: &str, error: &WaitTimeoutError) -> Failure {
    match error {
        WaitTimeoutError::Timeout => timed_out(what),
        error => Failure::because(error as &dyn Error),
    }
}

/// A failure that says what did not happen in time.
pub(crate) fn timed_out(what: &str) -> Failure {
    Failure::Timeout(format!("timeout: {what}"))
}
