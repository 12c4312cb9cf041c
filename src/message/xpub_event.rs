//! What an XPUB tells its user: subscriptions, cancellations, and messages of peers.

use super::{Frame, Message};

/// What an XPUB tells its user, read from a message.
///
/// A message of one frame that starts with the byte 1 or 0 is a subscription or a cancellation.
/// Peers cannot say anything else that looks like that: whatever begins so *is* a subscription.
///
/// ```
/// use zmq_channels::message::XPubEvent;
/// use zmq_channels::Message;
///
/// let message = Message::subscribe("weather");
/// assert_eq!(message, b"\x01weather".into());
/// assert_eq!(XPubEvent::from(&message), XPubEvent::Subscribe("weather".into()));
/// assert_eq!(Message::from(XPubEvent::Cancel("weather".into())), b"\0weather".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XPubEvent {
    /// A peer wants messages that start with this.
    Subscribe(Frame),
    /// A peer wants no more messages that start with this, or is gone.
    Cancel(Frame),
    /// A peer says something else.
    User(Message),
}

impl From<Message> for XPubEvent {
    fn from(message: Message) -> Self {
        match message.frames() {
            [frame] => match frame.split_first() {
                Some((1, prefix)) => XPubEvent::Subscribe(prefix.into()),
                Some((0, prefix)) => XPubEvent::Cancel(prefix.into()),
                _ => XPubEvent::User(message),
            },
            _ => XPubEvent::User(message),
        }
    }
}

impl From<&Message> for XPubEvent {
    fn from(message: &Message) -> Self {
        XPubEvent::from(message.clone())
    }
}

impl From<XPubEvent> for Message {
    fn from(event: XPubEvent) -> Self {
        match event {
            XPubEvent::Subscribe(prefix) => Message::subscribe(prefix),
            XPubEvent::Cancel(prefix) => Message::cancel(prefix),
            XPubEvent::User(message) => message,
        }
    }
}
