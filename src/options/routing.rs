//! Options of routing, of requests and replies, and of STREAM.

use super::Options;

/// Which connections and disconnections of peers a ROUTER reports to its user
/// (`ZMQ_ROUTER_NOTIFY`), as a message of the peer's routing id and an empty frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Notify {
    /// None. The default.
    #[default]
    Never,
    /// A peer has connected.
    Connects,
    /// A peer has disconnected.
    Disconnects,
    /// Both.
    Both,
}

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Routing {
    pub(crate) router_mandatory: bool,
    pub(crate) router_handover: bool,
    pub(crate) router_notify: Notify,
    pub(crate) probe_router: bool,
    pub(crate) req_correlate: bool,
    pub(crate) req_relaxed: bool,
    pub(crate) stream_notify: bool,
}

impl Default for Routing {
    fn default() -> Self {
        Routing {
            router_mandatory: false,
            router_handover: false,
            router_notify: Notify::Never,
            probe_router: false,
            req_correlate: false,
            req_relaxed: false,
            stream_notify: true,
        }
    }
}

/// # Routing, requests and streams
impl Options {
    /// ROUTER: returns a message to a peer that is not connected with an error, and waits for room
    /// if the peer is connected but full; messages to other peers do not wait
    /// (`ZMQ_ROUTER_MANDATORY`, default false: the message is dropped and counted in both cases).
    /// SERVER and PEER always do so. For full peers, has an effect only if
    /// [`send_overflow`](Options::send_overflow) is `Block`.
    #[doc(alias = "ZMQ_ROUTER_MANDATORY")]
    #[doc(alias = "ROUTER_MANDATORY")]
    #[must_use]
    pub fn router_mandatory(mut self, router_mandatory: bool) -> Self {
        self.routing.router_mandatory = router_mandatory;
        self
    }

    /// Returns the value of [`router_mandatory`](Options::router_mandatory).
    #[must_use]
    pub fn get_router_mandatory(&self) -> bool {
        self.routing.router_mandatory
    }

    /// ROUTER: a peer that announces a routing id that is in use takes it over, and the connection
    /// that had it ends (`ZMQ_ROUTER_HANDOVER`, default false: the new peer is refused). An id that
    /// was assigned to an endpoint when connecting cannot be taken over.
    #[doc(alias = "ZMQ_ROUTER_HANDOVER")]
    #[doc(alias = "ROUTER_HANDOVER")]
    #[must_use]
    pub fn router_handover(mut self, router_handover: bool) -> Self {
        self.routing.router_handover = router_handover;
        self
    }

    /// Returns the value of [`router_handover`](Options::router_handover).
    #[must_use]
    pub fn get_router_handover(&self) -> bool {
        self.routing.router_handover
    }

    /// ROUTER: whether the user is notified when peers connect and disconnect (`ZMQ_ROUTER_NOTIFY`;
    /// here over inproc as well).
    #[doc(alias = "ZMQ_ROUTER_NOTIFY")]
    #[doc(alias = "ROUTER_NOTIFY")]
    #[must_use]
    pub fn router_notify(mut self, router_notify: Notify) -> Self {
        self.routing.router_notify = router_notify;
        self
    }

    /// Returns the value of [`router_notify`](Options::router_notify).
    #[must_use]
    pub fn get_router_notify(&self) -> Notify {
        self.routing.router_notify
    }

    /// REQ, DEALER, ROUTER: sends each new peer an empty message, so that a ROUTER there learns
    /// this socket's routing id (`ZMQ_PROBE_ROUTER`, default false).
    #[doc(alias = "ZMQ_PROBE_ROUTER")]
    #[doc(alias = "PROBE_ROUTER")]
    #[must_use]
    pub fn probe_router(mut self, probe_router: bool) -> Self {
        self.routing.probe_router = probe_router;
        self
    }

    /// Returns the value of [`probe_router`](Options::probe_router).
    #[must_use]
    pub fn get_probe_router(&self) -> bool {
        self.routing.probe_router
    }

    /// REQ: puts a number in front of each request and accepts only the reply with that number
    /// (`ZMQ_REQ_CORRELATE`, default false). [`Socket::request`](crate::Socket::request) always
    /// does so.
    #[doc(alias = "ZMQ_REQ_CORRELATE")]
    #[doc(alias = "REQ_CORRELATE")]
    #[must_use]
    pub fn req_correlate(mut self, req_correlate: bool) -> Self {
        self.routing.req_correlate = req_correlate;
        self
    }

    /// Returns the value of [`req_correlate`](Options::req_correlate).
    #[must_use]
    pub fn get_req_correlate(&self) -> bool {
        self.routing.req_correlate
    }

    /// REQ: a new request may be sent before the reply to the last one has arrived, which cancels
    /// that one (`ZMQ_REQ_RELAXED`, default false). Once the new request is accepted, no reply to
    /// an earlier one is received, not even one that had already arrived; it is dropped and counted
    /// ([`DropReason::Late`](crate::statistics::DropReason::Late)). Use it with
    /// [`req_correlate`](Options::req_correlate), as a late reply may otherwise be taken for the
    /// reply to another request.
    #[doc(alias = "ZMQ_REQ_RELAXED")]
    #[doc(alias = "REQ_RELAXED")]
    #[must_use]
    pub fn req_relaxed(mut self, req_relaxed: bool) -> Self {
        self.routing.req_relaxed = req_relaxed;
        self
    }

    /// Returns the value of [`req_relaxed`](Options::req_relaxed).
    #[must_use]
    pub fn get_req_relaxed(&self) -> bool {
        self.routing.req_relaxed
    }

    /// STREAM: notifies the user with an empty message when a peer connects or disconnects
    /// (`ZMQ_STREAM_NOTIFY`, default true), including connections that the user ended.
    #[doc(alias = "ZMQ_STREAM_NOTIFY")]
    #[doc(alias = "STREAM_NOTIFY")]
    #[must_use]
    pub fn stream_notify(mut self, stream_notify: bool) -> Self {
        self.routing.stream_notify = stream_notify;
        self
    }

    /// Returns the value of [`stream_notify`](Options::stream_notify).
    #[must_use]
    pub fn get_stream_notify(&self) -> bool {
        self.routing.stream_notify
    }
}
