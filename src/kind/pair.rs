//! Types with a single peer.

use crate::socket_type::SocketType;

kinds! {
    /// PAIR: exchanges messages with a single peer (RFC 31).
    ///
    /// * `in`: messages to the peer. While it is slow or absent, `in` fills up to the
    ///   [send high-water mark](crate::Options::send_high_water_mark), then senders wait.
    /// * `out`: messages from the peer.
    /// * Peers: one [`Pair`](crate::Pair); another one is refused.
    ///
    /// ```
    /// use zmq_channels::{Context, Pair};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (here, there) = (context.socket::<Pair>()?, context.socket::<Pair>()?);
    /// there.connect(here.bind("tcp://127.0.0.1:*")?)?;
    /// here.send_blocking("ping")?;
    /// assert_eq!(there.recv_blocking()?[0], "ping");
    /// there.send_blocking(["pong", "and more"])?;
    /// assert_eq!(here.recv_blocking()?[1], "and more");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_PAIR")]
    Pair: Pair, Sends Receives;

    /// CHANNEL: exchanges messages of one frame with a single peer (RFC 52).
    ///
    /// * `in`: messages to the peer. While it is slow or absent, `in` fills up to the
    ///   [send high-water mark](crate::Options::send_high_water_mark), then senders wait.
    /// * `out`: messages from the peer.
    /// * Peers: one [`Channel`](crate::Channel); another one is refused.
    ///
    /// ```
    /// use zmq_channels::{Channel, Context};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (here, there) = (context.socket::<Channel>()?, context.socket::<Channel>()?);
    /// there.connect(here.bind("tcp://127.0.0.1:*")?)?;
    /// here.send_blocking("ping")?;
    /// assert_eq!(there.recv_blocking()?[0], "ping");
    /// there.send_blocking("pong")?;
    /// assert_eq!(here.recv_blocking()?[0], "pong");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_CHANNEL")]
    Channel: Channel, Sends Receives;
}
