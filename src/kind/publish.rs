//! Types that publish or subscribe, to topics or groups.

use crate::socket_type::SocketType;

kinds! {
    /// PUB: sends every message to every peer that subscribed to its topic (RFC 29).
    ///
    /// * `in`: messages whose first frame begins with a topic. A peer whose queue has reached the
    ///   [send high-water mark](crate::Options::send_high_water_mark) loses messages, which are counted;
    ///   other peers are not affected. With [`xpub_no_drop`](crate::Options::xpub_no_drop) senders wait.
    /// * `out`: none. [`wait_subscribed`](crate::Socket::wait_subscribed) waits for subscribers.
    /// * Peers: [`Sub`](crate::Sub), [`XSub`](crate::XSub).
    ///
    /// ```
    /// use zmq_channels::{Context, Pub, Sub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (publisher, subscriber) = (context.socket::<Pub>()?, context.socket::<Sub>()?);
    /// subscriber.subscribe("weather.")?;
    /// subscriber.connect(publisher.bind("tcp://127.0.0.1:*")?)?;
    /// publisher.wait_subscribed_blocking(1)?; // what is sent before that reaches no peer
    /// publisher.send_blocking(["traffic.oslo", "slow"])?;
    /// publisher.send_blocking(["weather.oslo", "-3"])?;
    /// assert_eq!(subscriber.recv_blocking()?[0], "weather.oslo");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_PUB")]
    Pub: Pub, Sends Publishes Topical;

    /// SUB: receives messages of the topics it has subscribed to (RFC 29).
    ///
    /// * `in`: none. [`subscribe`](crate::Socket::subscribe) subscribes to all messages whose first
    ///   frame begins with a prefix, [`unsubscribe`](crate::Socket::unsubscribe) cancels that.
    /// * `out`: messages of all peers that match a subscription. While it is full, the publishers'
    ///   queues for this peer fill, and then they drop.
    /// * Peers: [`Pub`](crate::Pub), [`XPub`](crate::XPub).
    ///
    /// ```
    /// use zmq_channels::{Context, Pub, Sub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (publisher, subscriber) = (context.socket::<Pub>()?, context.socket::<Sub>()?);
    /// subscriber.subscribe("weather.")?;
    /// subscriber.subscribe("traffic.oslo")?; // before or after connecting, any number
    /// subscriber.connect(publisher.bind("tcp://127.0.0.1:*")?)?;
    /// publisher.wait_subscribed_blocking(1)?;
    /// publisher.send_blocking(["weather.oslo", "-3"])?;
    /// let message = subscriber.recv_blocking()?;
    /// assert_eq!((message[0].as_str(), message[1].as_str()), (Some("weather.oslo"), Some("-3")));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_SUB")]
    Sub: Sub, Receives Subscribes Topical;

    /// XPUB: PUB that also receives the subscriptions of its peers, and what else they send (RFC
    /// 29).
    ///
    /// * `in`: as on [`Pub`](crate::Pub).
    /// * `out`: single-frame messages that start with the byte 1 or 0, for a subscription and for its
    ///   end, and any other message of a peer; [`XPubEvent`](crate::message::XPubEvent) tells them
    ///   apart. While it is full, nothing is read from any peer, so it has to be received.
    /// * Peers: [`Sub`](crate::Sub), [`XSub`](crate::XSub).
    ///
    /// ```
    /// use zmq_channels::message::XPubEvent;
    /// use zmq_channels::{Context, Sub, XPub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (publisher, subscriber) = (context.socket::<XPub>()?, context.socket::<Sub>()?);
    /// subscriber.subscribe("weather.")?;
    /// subscriber.connect(publisher.bind("tcp://127.0.0.1:*")?)?;
    /// match XPubEvent::from(publisher.recv_blocking()?) {
    ///     XPubEvent::Subscribe(topic) => assert_eq!(topic, "weather."),
    ///     other => panic!("{other:?}"),
    /// }
    /// publisher.send_blocking(["weather.oslo", "-3"])?;
    /// assert_eq!(subscriber.recv_blocking()?[1], "-3");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_XPUB")]
    XPub: XPub, Sends Receives Subscribes Publishes Topical;

    /// XSUB: SUB that subscribes by sending messages, for proxies (RFC 29).
    ///
    /// * `in`: a single-frame message that starts with the byte 1 or 0 subscribes to or unsubscribes
    ///   from the rest of it ([`Message::subscribe`](crate::Message::subscribe)); any other goes to
    ///   all publishers. [`subscribe`](crate::Socket::subscribe) works too.
    /// * `out`: as on [`Sub`](crate::Sub).
    /// * Peers: [`Pub`](crate::Pub), [`XPub`](crate::XPub).
    ///
    /// ```
    /// use zmq_channels::{Context, Message, Pub, XSub};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (publisher, subscriber) = (context.socket::<Pub>()?, context.socket::<XSub>()?);
    /// subscriber.connect(publisher.bind("tcp://127.0.0.1:*")?)?;
    /// subscriber.send_blocking(Message::subscribe("weather."))?;
    /// publisher.wait_subscribed_blocking(1)?;
    /// publisher.send_blocking(["weather.oslo", "-3"])?;
    /// assert_eq!(subscriber.recv_blocking()?[1], "-3");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_XSUB")]
    XSub: XSub, Sends Receives Subscribes Topical;

    /// RADIO: sends every message to every DISH that joined its group (RFC 48).
    ///
    /// * `in`: messages of two frames, the group and the payload
    ///   ([`Message::to_group`](crate::Message::to_group)). A slow peer loses messages, as on
    ///   [`Pub`](crate::Pub).
    /// * `out`: none. [`wait_subscribed`](crate::Socket::wait_subscribed) waits for peers that have
    ///   joined a group.
    /// * Peers: [`Dish`](crate::Dish).
    ///
    /// ```
    /// use zmq_channels::{Context, Dish, Message, Radio};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (radio, dish) = (context.socket::<Radio>()?, context.socket::<Dish>()?);
    /// dish.join("weather")?;
    /// dish.connect(radio.bind("tcp://127.0.0.1:*")?)?;
    /// radio.wait_subscribed_blocking(1)?;
    /// radio.send_blocking(Message::to_group("weather", "fair"))?;
    /// assert_eq!(dish.recv_blocking()?[1], "fair");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_RADIO")]
    Radio: Radio, Sends Publishes Topical;

    /// DISH: receives messages of the groups it has joined (RFC 48).
    ///
    /// * `in`: none. [`join`](crate::Socket::join) joins a group, whose name has to match as a whole,
    ///   and [`leave`](crate::Socket::leave) leaves it.
    /// * `out`: messages of two frames, the group and the payload.
    /// * Peers: [`Radio`](crate::Radio).
    ///
    /// ```
    /// use zmq_channels::{Context, Dish, Radio};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let context = Context::new();
    /// let (radio, dish) = (context.socket::<Radio>()?, context.socket::<Dish>()?);
    /// dish.join("weather")?;
    /// dish.connect(radio.bind("tcp://127.0.0.1:*")?)?;
    /// radio.wait_subscribed_blocking(1)?;
    /// radio.send_blocking(["weather.oslo", "another group"])?;
    /// radio.send_blocking(["weather", "fair"])?;
    /// let message = dish.recv_blocking()?;
    /// assert_eq!((message[0].as_str(), message[1].as_str()), (Some("weather"), Some("fair")));
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ZMQ_DISH")]
    Dish: Dish, Receives Joins Topical;
}
