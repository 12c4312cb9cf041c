//! Types that exchange single frames with peers known by number.

use crate::socket_type::SocketType;

kinds! {
    /// SERVER: receives each message with the routing id of a CLIENT, and sends to that id (RFC 41).
    ///
    /// * `in`: the [routing id](crate::RoutingId) of a client, then a single frame, as
    ///   [`send_to`](crate::Socket::send_to) sends it. For an unknown client the message is refused; for a
    ///   full one it waits.
    /// * `out`: messages of all clients, fairly: the routing id, then a single frame.
    /// * Peers: [`Client`](crate::Client).
    ///
    /// ```
    /// use zmq_channels::{Client, Context, Server};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let server = context.socket::<Server>()?;
    /// let endpoint = server.bind("tcp://127.0.0.1:*")?;
    /// let clients = [context.socket::<Client>()?, context.socket::<Client>()?];
    /// for (client, name) in clients.iter().zip(["Anna", "Bert"]) {
    ///     client.connect(&endpoint)?;
    ///     client.send_blocking(name)?;
    /// }
    /// for _ in &clients {
    ///     let mut message = server.recv_blocking()?;
    ///     let sender = message.take_sender().ok_or("no routing id")?;
    ///     server.send_to_blocking(&sender, format!("Hello {}", message[0]))?;
    /// }
    /// assert_eq!(clients[0].recv_blocking()?[0], "Hello Anna");
    /// assert_eq!(clients[1].recv_blocking()?[0], "Hello Bert");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_SERVER")]
    Server: Server, Sends Receives Addresses;

    /// CLIENT: sends to its SERVERs in turn and receives from all of them (RFC 41).
    ///
    /// * `in`: each message, of one frame, goes to one server. While none has room, `in` fills up to
    ///   the [send high-water mark](crate::Options::send_high_water_mark), then senders wait.
    /// * `out`: messages of all servers, fairly, each of one frame.
    /// * Peers: [`Server`](crate::Server).
    ///
    /// ```
    /// use zmq_channels::{Client, Context, Server};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (server, client) = (context.socket::<Server>()?, context.socket::<Client>()?);
    /// client.connect(server.bind("tcp://127.0.0.1:*")?)?;
    /// client.send_blocking("question")?;
    /// let mut question = server.recv_blocking()?;
    /// let sender = question.take_sender().ok_or("no routing id")?;
    /// server.send_to_blocking(&sender, "answer")?;
    /// server.send_to_blocking(&sender, "another answer")?; // there need not be one for each question
    /// assert_eq!(client.recv_blocking()?[0], "answer");
    /// assert_eq!(client.recv_blocking()?[0], "another answer");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_CLIENT")]
    Client: Client, Sends Receives;

    /// PEER: receives each message with the routing id of another PEER, and sends to that id (RFC
    /// 51).
    ///
    /// * `in`: the [routing id](crate::RoutingId) of a peer, then a single frame, as
    ///   [`send_to`](crate::Socket::send_to) sends it. For an unknown peer the message is refused; for a
    ///   full one it waits.
    /// * `out`: messages of all peers, fairly: the routing id, then a single frame.
    /// * Peers: [`Peer`](crate::Peer).
    ///
    /// ```
    /// use zmq_channels::{Context, Peer};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (here, there) = (context.socket::<Peer>()?, context.socket::<Peer>()?);
    /// let id = here.connect_peer(there.bind("tcp://127.0.0.1:*")?)?;
    /// here.send_to_blocking(&id, "hello")?;
    /// let mut message = there.recv_blocking()?;
    /// let sender = message.take_sender().ok_or("no routing id")?;
    /// there.send_to_blocking(&sender, "hello yourself")?;
    /// assert_eq!(here.recv_blocking()?[1], "hello yourself");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_PEER")]
    Peer: Peer, Sends Receives Addresses;
}
