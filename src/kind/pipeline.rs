//! One-way types: tasks and results that go to one of several peers.

use crate::socket_type::SocketType;

kinds! {
    /// PULL: receives from any number of PUSH peers, fair-queued (RFC 30).
    ///
    /// * `in`: none.
    /// * `out`: the messages of all peers, fairly. While it is full, peers wait.
    /// * Peers: [`Push`](crate::Push).
    ///
    /// ```
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let sink = context.socket::<Pull>()?;
    /// let endpoint = sink.bind("tcp://127.0.0.1:*")?;
    /// let workers = [context.socket::<Push>()?, context.socket::<Push>()?];
    /// for worker in &workers {
    ///     worker.connect(&endpoint)?;
    ///     worker.send_blocking("done")?;
    /// }
    /// for result in sink.iter().take(2) {
    ///     assert_eq!(result[0], "done");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_PULL")]
    Pull: Pull, Receives;

    /// PUSH: sends to PULL peers that have room, in turn (RFC 30).
    ///
    /// * `in`: each message goes to one peer. While none has room, `in` fills up to the
    ///   [send high-water mark](crate::Options::send_high_water_mark), then senders wait.
    /// * `out`: none.
    /// * Peers: [`Pull`](crate::Pull).
    ///
    /// ```
    /// use zmq_channels::{Context, Pull, Push};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (ventilator, worker) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    /// worker.connect(ventilator.bind("tcp://127.0.0.1:*")?)?;
    /// for task in ["wash", "dry"] {
    ///     ventilator.send_blocking(task)?;
    /// }
    /// assert_eq!(worker.recv_blocking()?[0], "wash");
    /// assert_eq!(worker.recv_blocking()?[0], "dry");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_PUSH")]
    Push: Push, Sends;

    /// GATHER: receives from any number of SCATTER peers, fair-queued (RFC 49).
    ///
    /// * `in`: none.
    /// * `out`: the messages of all peers, fairly, each of one frame. While it is full, peers wait.
    /// * Peers: [`Scatter`](crate::Scatter).
    ///
    /// ```
    /// use zmq_channels::{Context, Gather, Scatter};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let gather = context.socket::<Gather>()?;
    /// let endpoint = gather.bind("tcp://127.0.0.1:*")?;
    /// let sensors = [context.socket::<Scatter>()?, context.socket::<Scatter>()?];
    /// for sensor in &sensors {
    ///     sensor.connect(&endpoint)?;
    ///     sensor.send_blocking("21 degrees")?;
    /// }
    /// for reading in gather.iter().take(2) {
    ///     assert_eq!(reading[0], "21 degrees");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_GATHER")]
    Gather: Gather, Receives;

    /// SCATTER: sends to GATHER peers that have room, in turn (RFC 49).
    ///
    /// * `in`: each message, of one frame, goes to one peer. While none has room, `in` fills up to
    ///   the [send high-water mark](crate::Options::send_high_water_mark), then senders wait.
    /// * `out`: none.
    /// * Peers: [`Gather`](crate::Gather).
    ///
    /// ```
    /// use zmq_channels::{Context, Gather, Scatter};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (scatter, gather) = (context.socket::<Scatter>()?, context.socket::<Gather>()?);
    /// gather.connect(scatter.bind("tcp://127.0.0.1:*")?)?;
    /// scatter.send_blocking("a task")?;
    /// assert_eq!(gather.recv_blocking()?[0], "a task");
    /// assert!(scatter.try_send(["two", "frames"]).is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_SCATTER")]
    Scatter: Scatter, Sends;
}
