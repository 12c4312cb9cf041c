//! Events of connections, as text and as JSON.

use serde_json::{Map, Value};
use zmq_channels::monitor::{Event, EventKind, PeerIdentity};
use zmq_channels::SocketType;

use crate::formats::json;

/// An event for people.
pub(crate) fn line(event: &Event) -> String {
    let mut text = name(&event.kind).to_string();
    if let Some(endpoint) = &event.endpoint {
        text.push_str(&format!(" {endpoint}"));
    }
    if let Some(connection) = event.connection {
        text.push_str(&format!(" #{connection}"));
    }
    if let Some(remote) = &event.remote {
        text.push_str(&format!(" from {remote}"));
    }
    if let Some(detail) = detail(&event.kind) {
        text.push_str(&format!(": {detail}"));
    }
    text.replace('\n', " ")
}

/// An event for programs. What is not known is left out.
pub(crate) fn object(event: &Event) -> Value {
    let mut object = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.into(), value);
        }
    };
    let text = |text: &dyn ToString| Value::from(text.to_string());
    set("event", Some(name(&event.kind).into()));
    set("endpoint", event.endpoint.as_ref().map(|end| text(end)));
    set("connection", event.connection.map(Value::from));
    set("local", event.local.as_ref().map(|end| text(end)));
    set("remote", event.remote.as_ref().map(|end| text(end)));
    let known_as = event.known_as.as_ref();
    set(
        "routing_id",
        known_as.map(|id| json::frame_value(id.as_bytes())),
    );
    if let EventKind::HandshakeSucceeded(peer) = &event.kind {
        set("peer", Some(peer_object(peer)));
    }
    let reason = match &event.kind {
        EventKind::HandshakeSucceeded(_) => None,
        kind => detail(kind),
    };
    set("reason", reason.map(Value::from));
    Value::Object(object)
}

fn peer_object(peer: &PeerIdentity) -> Value {
    let mut object = Map::new();
    if let Some(socket_type) = peer.socket_type {
        object.insert("type".into(), socket_type.name().into());
    }
    if let Some((major, minor)) = peer.version {
        object.insert("zmtp".into(), format!("{major}.{minor}").into());
    }
    if !peer.routing_id.is_empty() {
        object.insert("routing_id".into(), json::frame_value(&peer.routing_id));
    }
    if let Some(user) = &peer.user_id {
        object.insert("user".into(), user.as_str().into());
    }
    Value::Object(object)
}

/// As libzmq calls the event, in lower case.
fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Listening => "listening",
        EventKind::BindFailed { .. } => "bind_failed",
        EventKind::ConnectDelayed => "connect_delayed",
        EventKind::Connected => "connected",
        EventKind::ConnectFailed { .. } => "connect_failed",
        EventKind::ConnectRetried { .. } => "connect_retried",
        EventKind::Accepted => "accepted",
        EventKind::AcceptFailed { .. } => "accept_failed",
        EventKind::HandshakeSucceeded(_) => "handshake_succeeded",
        EventKind::HandshakeFailed { .. } => "handshake_failed",
        EventKind::Disconnected { .. } => "disconnected",
        EventKind::Closed => "closed",
        EventKind::CloseFailed { .. } => "close_failed",
        EventKind::PumpFailed { .. } => "failed",
        EventKind::Stopped => "stopped",
        _ => "other",
    }
}

/// What there is to say beside the name.
fn detail(kind: &EventKind) -> Option<String> {
    match kind {
        EventKind::BindFailed { error }
        | EventKind::AcceptFailed { error }
        | EventKind::CloseFailed { error } => Some(error.to_string()),
        EventKind::ConnectFailed { reason }
        | EventKind::HandshakeFailed { reason }
        | EventKind::Disconnected { reason } => Some(reason.to_string()),
        EventKind::ConnectRetried { after } => Some(format!("again in {after:?}")),
        EventKind::HandshakeSucceeded(peer) => {
            let socket_type = peer.socket_type.map_or("unknown type", SocketType::name);
            let version = peer.version;
            let version = version.map(|(major, minor)| format!(", ZMTP {major}.{minor}"));
            Some(format!("{socket_type}{}", version.unwrap_or_default()))
        }
        EventKind::PumpFailed { failure } => Some(failure.to_string()),
        _ => None,
    }
}
