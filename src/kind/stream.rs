//! The type for peers that do not speak ZMTP.

use crate::socket_type::SocketType;

kinds! {
    /// STREAM: exchanges bytes with peers that speak plain TCP, or any protocol over tcp or ipc.
    ///
    /// * `in`: the id of a connection, then frames of bytes; without any bytes it ends the connection,
    ///   once everything before is written. A message for an unknown connection is refused. A connection
    ///   whose peer does not read, up to the high-water mark, delays the messages sent after.
    /// * `out`: the id of a connection (five bytes) and a chunk of at most 8 KiB. Chunk boundaries have no
    ///   meaning, and an empty chunk reports that the connection began or ended; the end is reported like
    ///   any other if this socket ended it (libzmq does not report those).
    /// * Peers: any program. A connection made by this socket keeps its id when it is made again.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::net::TcpStream;
    /// use zmq_channels::{Context, Stream};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Context::new().socket::<Stream>()?;
    /// let endpoint = server.bind("tcp://127.0.0.1:*")?;
    /// let mut client = TcpStream::connect(endpoint.as_str().trim_start_matches("tcp://"))?;
    /// let begun = server.recv_blocking()?;
    /// assert!(begun[1].is_empty());
    ///
    /// client.write_all(b"ping")?;
    /// let message = server.recv_blocking()?;
    /// assert_eq!((&message[0], &message[1]), (&begun[0], &"ping".into()));
    /// server.send_blocking([message[0].clone(), "pong".into()])?;
    /// server.send_blocking(begun)?; // an empty chunk: that is all
    ///
    /// let mut said = String::new();
    /// client.read_to_string(&mut said)?;
    /// assert_eq!(said, "pong");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_STREAM")]
    Stream: Stream, Sends Receives Addresses;
}
