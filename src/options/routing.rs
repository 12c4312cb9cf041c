//! Peers by routing id, requests and replies, and raw streams.

use super::Options;

/// Which changes of its peers a ROUTER tells its user (`ZMQ_ROUTER_NOTIFY`), as a message of the
/// peer's routing id and an empty frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Notify {
    /// None. The default.
    #[default]
    Never,
    /// That a peer has connected.
    Connects,
    /// That a peer is gone.
    Disconnects,
    /// Both.
    Both,
}

/// Each field is described at its setter.
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
    /// ROUTER: refuses a message to a peer that is not there, giving it back, and waits for room
    /// where the peer is there but full; messages to other peers do not wait
    /// (`ZMQ_ROUTER_MANDATORY`, default false: either message is dropped and counted). SERVER and
    /// PEER always do. Has an effect on full peers only where
    /// [`send_overflow`](Options::send_overflow) is `Block`.
    #[doc(alias = "ZMQ_ROUTER_MANDATORY")]
    #[doc(alias = "ROUTER_MANDATORY")]
    #[must_use]
    pub fn router_mandatory(mut self, router_mandatory: bool) -> Self {
        self.routing.router_mandatory = router_mandatory;
        self
    }

    /// What [`router_mandatory`](Options::router_mandatory) is set to.
    #[must_use]
    pub fn get_router_mandatory(&self) -> bool {
        self.routing.router_mandatory
    }

    /// ROUTER: a peer that announces a routing id that is in use takes it over, and the
    /// connection that had it ends (`ZMQ_ROUTER_HANDOVER`, default false: the newcomer is
    /// refused). An id that was given to an endpoint when connecting stays there.
    #[doc(alias = "ZMQ_ROUTER_HANDOVER")]
    #[doc(alias = "ROUTER_HANDOVER")]
    #[must_use]
    pub fn router_handover(mut self, router_handover: bool) -> Self {
        self.routing.router_handover = router_handover;
        self
    }

    /// What [`router_handover`](Options::router_handover) is set to.
    #[must_use]
    pub fn get_router_handover(&self) -> bool {
        self.routing.router_handover
    }

    /// ROUTER: which peers' coming and going the user is told of (`ZMQ_ROUTER_NOTIFY`; here over
    /// inproc as well).
    #[doc(alias = "ZMQ_ROUTER_NOTIFY")]
    #[doc(alias = "ROUTER_NOTIFY")]
    #[must_use]
    pub fn router_notify(mut self, router_notify: Notify) -> Self {
        self.routing.router_notify = router_notify;
        self
    }

    /// What [`router_notify`](Options::router_notify) is set to.
    #[must_use]
    pub fn get_router_notify(&self) -> Notify {
        self.routing.router_notify
    }

    /// REQ, DEALER, ROUTER: sends each new peer an empty message, so that a ROUTER there learns
    /// of us (`ZMQ_PROBE_ROUTER`, default false).
    #[doc(alias = "ZMQ_PROBE_ROUTER")]
    #[doc(alias = "PROBE_ROUTER")]
    #[must_use]
    pub fn probe_router(mut self, probe_router: bool) -> Self {
        self.routing.probe_router = probe_router;
        self
    }

    /// What [`probe_router`](Options::probe_router) is set to.
    #[must_use]
    pub fn get_probe_router(&self) -> bool {
        self.routing.probe_router
    }

    /// REQ: puts a number in front of each request and takes only the reply with that number
    /// (`ZMQ_REQ_CORRELATE`, default false). [`Socket::request`](crate::Socket::request) does so in
    /// any case.
    #[doc(alias = "ZMQ_REQ_CORRELATE")]
    #[doc(alias = "REQ_CORRELATE")]
    #[must_use]
    pub fn req_correlate(mut self, req_correlate: bool) -> Self {
        self.routing.req_correlate = req_correlate;
        self
    }

    /// What [`req_correlate`](Options::req_correlate) is set to.
    #[must_use]
    pub fn get_req_correlate(&self) -> bool {
        self.routing.req_correlate
    }

    /// REQ: a new request may be sent before the reply to the last one has come, and gives that
    /// one up (`ZMQ_REQ_RELAXED`, default false): from the moment it is accepted no reply to an
    /// earlier one is received, not even one that was already there; it is dropped and counted
    /// ([`DropReason::Late`](crate::statistics::DropReason::Late)). Go with
    /// [`req_correlate`](Options::req_correlate), or late replies are taken for others.
    #[doc(alias = "ZMQ_REQ_RELAXED")]
    #[doc(alias = "REQ_RELAXED")]
    #[must_use]
    pub fn req_relaxed(mut self, req_relaxed: bool) -> Self {
        self.routing.req_relaxed = req_relaxed;
        self
    }

    /// What [`req_relaxed`](Options::req_relaxed) is set to.
    #[must_use]
    pub fn get_req_relaxed(&self) -> bool {
        self.routing.req_relaxed
    }

    /// STREAM: tells the user of each peer's coming and going with an empty message
    /// (`ZMQ_STREAM_NOTIFY`, default true), of connections that the user ended too.
    #[doc(alias = "ZMQ_STREAM_NOTIFY")]
    #[doc(alias = "STREAM_NOTIFY")]
    #[must_use]
    pub fn stream_notify(mut self, stream_notify: bool) -> Self {
        self.routing.stream_notify = stream_notify;
        self
    }

    /// What [`stream_notify`](Options::stream_notify) is set to.
    #[must_use]
    pub fn get_stream_notify(&self) -> bool {
        self.routing.stream_notify
    }
}
