//! Types for requests and replies, and those that they are built from.

use crate::socket_type::SocketType;

kinds! {
    /// REQ: sends requests one at a time and receives the reply to each (RFC 28), or has any number of
    /// requests in flight with [`request`](crate::Socket::request), each matched to its reply.
    ///
    /// * `in`: requests. The next one is sent once the reply to the last one has been received.
    /// * `out`: the reply to each request.
    /// * Peers: [`Rep`](crate::Rep), [`Router`](crate::Router). Each request goes to one of them, in
    ///   turn.
    ///
    /// ```
    /// use std::time::Duration;
    /// use zmq_channels::{Context, Rep, Req};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (server, client) = (context.socket::<Rep>()?, context.socket::<Req>()?);
    /// client.connect(server.bind("tcp://127.0.0.1:*")?)?;
    /// client.send_blocking("Hello")?;
    /// assert_eq!(server.recv_blocking()?[0], "Hello");
    /// server.send_blocking("World")?;
    /// assert_eq!(client.recv_blocking()?[0], "World");
    ///
    /// // In one call, from any number of threads and tasks, and with a timeout:
    /// let asked = client.request_timeout_blocking("still there?", Duration::from_millis(1));
    /// assert!(asked.unwrap_err().is_timeout()); // the server does not reply here
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_REQ")]
    Req: Req, Sends Receives;

    /// REP: receives a request, sends the reply to it, and so on in turn (RFC 28), or returns requests
    /// as handles that can be replied to in any order, with
    /// [`requests`](crate::Socket::requests).
    ///
    /// * `in`: the reply to the request received last. Without one, a message is
    ///   [refused](crate::error::Refusal::NoRequest). A reply whose client has gone is dropped and counted.
    /// * `out`: requests of all peers, fairly, one until it is replied to; without their envelopes.
    /// * Peers: [`Req`](crate::Req), and [`Dealer`](crate::Dealer) if it sends an empty frame first.
    ///
    /// ```
    /// use zmq_channels::{Context, Rep, Req};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (server, client) = (context.socket::<Rep>()?, context.socket::<Req>()?);
    /// client.connect(server.bind("tcp://127.0.0.1:*")?)?;
    /// let requests = server.requests(); // clones of it serve in other threads
    /// let serving = std::thread::spawn(move || {
    ///     for request in requests.iter().take(2) {
    ///         let reply = format!("{}, World", request[0]);
    ///         let _ = request.reply(reply); // fails once the socket has closed
    ///     }
    /// });
    /// assert_eq!(client.request_blocking("Hello")?[0], "Hello, World");
    /// assert_eq!(client.request_blocking("Goodbye")?[0], "Goodbye, World");
    /// serving.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_REP")]
    Rep: Rep, Sends Receives;

    /// DEALER: sends to its peers in turn and receives from all of them, without adding an envelope
    /// (RFC 28).
    ///
    /// * `in`: each message goes to one peer. While none has room, `in` fills up to the
    ///   [send high-water mark](crate::Options::send_high_water_mark), then senders wait.
    /// * `out`: messages of all peers, fairly.
    /// * Peers: [`Router`](crate::Router), [`Rep`](crate::Rep), [`Dealer`](crate::Dealer).
    ///
    /// A REP expects an empty frame in front of each request, and returns it in front of the reply:
    ///
    /// ```
    /// use zmq_channels::{Context, Dealer, Rep};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (server, client) = (context.socket::<Rep>()?, context.socket::<Dealer>()?);
    /// client.connect(server.bind("tcp://127.0.0.1:*")?)?;
    /// client.send_blocking(["", "Hello"])?;
    /// assert_eq!(server.recv_blocking()?[0], "Hello");
    /// server.send_blocking("World")?;
    /// let reply = client.recv_blocking()?;
    /// assert!(reply[0].is_empty());
    /// assert_eq!(reply[1], "World");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_DEALER")]
    Dealer: Dealer, Sends Receives;

    /// ROUTER: prepends the sender's routing id to each message it receives, and sends each message
    /// to the peer named by its first frame (RFC 28).
    ///
    /// * `in`: the [routing id](crate::RoutingId) of a peer, then the message, as
    ///   [`send_to`](crate::Socket::send_to) sends it. A message that no peer of that name can take is
    ///   dropped and counted; with [`router_mandatory`](crate::Options::router_mandatory) it is
    ///   refused, or waits for a full peer.
    /// * `out`: messages of all peers, fairly, each behind the routing id of its sender
    ///   ([`take_sender`](crate::Message::take_sender)).
    /// * Peers: [`Dealer`](crate::Dealer), [`Req`](crate::Req) (whose messages have an empty frame in
    ///   front, which replies need too), [`Router`](crate::Router).
    ///
    /// ```
    /// use zmq_channels::{Context, Dealer, Router};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (server, client) = (context.socket::<Router>()?, context.socket::<Dealer>()?);
    /// client.connect(server.bind("tcp://127.0.0.1:*")?)?;
    /// client.send_blocking("first")?; // no need to wait for a reply
    /// client.send_blocking("second")?;
    /// for _ in 0..2 {
    ///     let mut message = server.recv_blocking()?;
    ///     let sender = message.take_sender().ok_or("no routing id")?;
    ///     server.send_to_blocking(&sender, message)?;
    /// }
    /// assert_eq!(client.recv_blocking()?[0], "first");
    /// assert_eq!(client.recv_blocking()?[0], "second");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_ROUTER")]
    Router: Router, Sends Receives Addresses;
}
