//! STREAM: bytes to and from peers that speak no ZMTP, each under the id of its connection.

use crate::error::Refusal;
use crate::message::{Frame, Message};
use crate::options::Options;
use crate::routing_id::RoutingId;
use crate::socket_type::SocketType;

use super::routing_table::RoutingTable;
use super::{
    pass, waits_for_peers, Admission, Drop, Interest, Outlet, Pattern, PeerId, PeerIntro, Rejected,
    Verdict, Violation,
};

/// The first bit of the number in an id: set in those of connections that we made.
const DIALED: u32 = 1 << 31;

/// A message is an id and bytes. Bytes may not go missing from a stream, so senders wait for a peer
/// that is full. What is sent to an id that no peer has is dropped.
pub(super) struct Stream {
    table: RoutingTable,
    /// Senders wait for peers that are full.
    admits: bool,
    /// Peers that the user has ended, on their way out.
    ended: Vec<PeerId>,
    /// Whether the user is told of each connection's beginning and end.
    notifies: bool,
}

impl Stream {
    /// Ids for peers that come to us count on from `start`.
    pub(super) fn new(options: &Options, start: u32) -> Self {
        Stream {
            table: RoutingTable::new(start, options),
            admits: waits_for_peers(SocketType::Stream, options),
            ended: Vec::new(),
            notifies: options.routing.stream_notify,
        }
    }

    /// An id that no peer has, for a peer that came to us.
    fn number(&mut self) -> Frame {
        self.table.number(|number| id(number & !DIALED))
    }

    fn notify(&self, id: Frame, outlet: &mut dyn Outlet) {
        if self.notifies {
            outlet.deliver(Message::from([id, Frame::empty()]));
        }
    }
}

impl Pattern for Stream {
    fn attach(
        &mut self,
        peer: PeerId,
        intro: &PeerIntro,
        outlet: &mut dyn Outlet,
    ) -> Result<(), Rejected> {
        let id = match (&intro.alias, intro.dialer) {
            (Some(alias), _) => {
                self.table.enter_reserved(peer, alias, outlet)?;
                self.notify(alias.clone(), outlet);
                return Ok(());
            }
            // Who is connected to again by the same `connect` gets the same id, unless the numbers
            // of dialers have wrapped around to one that is still here.
            (None, Some(dialer)) => self
                .table
                .unless_taken(id(dialer as u32 | DIALED))
                .unwrap_or_else(|| self.number()),
            (None, None) => self.number(),
        };
        self.table.enter(peer, id.clone(), false, outlet)?;
        self.notify(id, outlet);
        Ok(())
    }

    fn detach(&mut self, peer: PeerId, outlet: &mut dyn Outlet) {
        self.ended.retain(|&ended| ended != peer);
        if let Some(id) = self.table.leave(peer, outlet) {
            self.notify(id, outlet);
        }
    }

    fn admit(&mut self, peer: PeerId, message: &mut Message) -> Result<Admission, Violation> {
        match self.table.name(peer) {
            Some(id) => {
                message.push_front(id);
                pass(message)
            }
            None => Ok(Admission::Drop(Drop::PeerGone)),
        }
    }

    fn submit(&mut self, message: &mut Message, outlet: &mut dyn Outlet) -> Verdict {
        let Some((id, bytes)) = message.frames().split_first() else {
            return Verdict::Refused(Refusal::NoFrames);
        };
        if bytes.is_empty() {
            // An id alone says nothing.
            return Verdict::Dropped(Drop::Malformed);
        }
        let peer = RoutingId::new(id).ok().and_then(|id| self.table.find(&id));
        if let Some(peer) = peer {
            if self.ended.contains(&peer) {
                return Verdict::Dropped(Drop::PeerGone);
            }
            if bytes.iter().all(|frame| frame.is_empty()) {
                self.ended.push(peer);
                outlet.disconnect(peer);
                return Verdict::Sent;
            }
        }
        self.table.send(message, self.admits, outlet)
    }

    fn buffers_per_peer(&self) -> bool {
        true
    }

    fn interest(&self, peer: PeerId) -> Option<Interest> {
        self.table.interest(peer)
    }

    fn reserve(&mut self, name: Option<&RoutingId>, outlet: &mut dyn Outlet) -> Option<RoutingId> {
        let name = match name {
            Some(name) => name.frame().clone(),
            None => self.number(),
        };
        let free = self.table.reserve(&name, outlet);
        RoutingId::new(name).ok().filter(|_| free)
    }

    fn release(&mut self, name: &RoutingId, outlet: &mut dyn Outlet) {
        self.table.release(name.frame(), outlet);
    }

    fn name(&self, peer: PeerId) -> Option<RoutingId> {
        self.table.id(peer)
    }

    fn find(&self, name: &RoutingId) -> Option<PeerId> {
        self.table.find(name)
    }

    fn kept(&self) -> usize {
        self.table.kept()
    }

    fn configure(&mut self, options: &Options, _outlet: &mut dyn Outlet) {
        self.table.configure(options);
        self.notifies = options.routing.stream_notify;
    }
}

/// An id of five bytes: zero and a number.
fn id(number: u32) -> Frame {
    let [a, b, c, d] = number.to_be_bytes();
    Frame::from([0, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{attach, intro, Calls, Given, Heard, Recorder};
    use super::*;

    fn new() -> Stream {
        Stream::new(&Options::new(), 0)
    }

    fn name(stream: &Stream, peer: u32) -> Frame {
        stream.table.name(PeerId(peer)).unwrap().clone()
    }

    fn dialed(stream: &mut Stream, peer: u32, dialer: u64, outlet: &mut Recorder) -> Frame {
        let dialer = Some(dialer);
        let intro = PeerIntro { dialer, ..intro() };
        stream.attach(PeerId(peer), &intro, outlet).unwrap();
        name(stream, peer)
    }

    fn notice(id: &Frame) -> Message {
        Message::from([id.clone(), Frame::empty()])
    }

    #[test]
    fn ids_address_connections_and_notices_report_begin_and_end() {
        let mut outlet = Recorder::default();
        let mut stream = new();
        attach(&mut stream, &[7, 8], &mut outlet);
        let ids = [[0, 0, 0, 0, 1], [0, 0, 0, 0, 2]].map(Frame::from);
        assert_eq!(outlet.delivered, [notice(&ids[0]), notice(&ids[1])]);
        outlet.delivered.clear();
        let heard = Heard::Message("chunk".into());
        stream.hear(PeerId(8), heard, &mut outlet).unwrap();
        let message = Message::from([ids[1].clone(), "chunk".into()]);
        assert_eq!(outlet.delivered, std::slice::from_ref(&message));
        assert!(matches!(stream.give(message, &mut outlet), Given::Sent));
        let pieces = Message::from([ids[0].clone(), "a".into(), "".into(), "b".into()]);
        assert!(matches!(stream.give(pieces, &mut outlet), Given::Sent));
        assert_eq!(
            outlet.take_sent(),
            [(8, "chunk".into()), (7, ["a", "", "b"].into())]
        );
        outlet.delivered.clear();
        stream.detach(PeerId(7), &mut outlet);
        assert_eq!(outlet.delivered, [notice(&ids[0])]);
    }

    #[test]
    fn a_dialer_keeps_its_id_which_no_other_connection_gets() {
        let mut outlet = Recorder::default();
        let mut stream = new();
        let first = dialed(&mut stream, 1, 5, &mut outlet);
        let far = dialed(&mut stream, 2, 5 + (1 << 32), &mut outlet);
        assert_ne!(first, far);
        stream.detach(PeerId(1), &mut outlet);
        attach(&mut stream, &[1], &mut outlet);
        assert_ne!(name(&stream, 1), first);
        assert_eq!(dialed(&mut stream, 3, 5, &mut outlet), first);
        stream.table.recount(DIALED - 1);
        attach(&mut stream, &[9], &mut outlet);
        assert_eq!(name(&stream, 9), [0; 5]);
        // A name that the user gave when connecting counts more.
        let alias = Some(Frame::from("mine"));
        let named = PeerIntro { alias, ..intro() };
        let mine = RoutingId::new("mine").unwrap();
        assert_eq!(stream.reserve(Some(&mine), &mut outlet), Some(mine));
        stream.attach(PeerId(4), &named, &mut outlet).unwrap();
        assert_eq!(name(&stream, 4), "mine");
        let again = stream.attach(PeerId(5), &named, &mut outlet);
        assert_eq!(again, Err(Rejected));
    }

    #[test]
    fn an_empty_chunk_ends_the_connection_and_later_messages_are_dropped() {
        let mut outlet = Recorder::default();
        let mut stream = new();
        attach(&mut stream, &[1], &mut outlet);
        let id = name(&stream, 1);
        outlet.delivered.clear();
        assert!(matches!(stream.give(notice(&id), &mut outlet), Given::Sent));
        assert_eq!(outlet.disconnected, [PeerId(1)]);
        let more = Message::from([id.clone(), "more".into()]);
        for message in [more, notice(&id)] {
            let given = stream.give(message, &mut outlet);
            assert!(matches!(given, Given::Dropped(Drop::PeerGone)));
        }
        assert!(outlet.sent.is_empty());
        assert_eq!(outlet.disconnected.len(), 1);
        // It may be heard until it is gone.
        let heard = Heard::Message("last".into());
        stream.hear(PeerId(1), heard, &mut outlet).unwrap();
        stream.detach(PeerId(1), &mut outlet);
        let last = Message::from([id.clone(), "last".into()]);
        assert_eq!(outlet.delivered, [last, notice(&id)]);
        assert!(stream.table.is_empty() && stream.ended.is_empty());
    }

    #[test]
    fn the_interest_of_a_connection_is_its_id_while_it_is_attached() {
        let mut outlet = Recorder::default();
        let mut stream = new();
        attach(&mut stream, &[1], &mut outlet);
        let id = name(&stream, 1);
        let interest = Interest::Name(id.clone());
        assert_eq!(stream.interest(PeerId(1)), Some(interest));
        stream.detach(PeerId(1), &mut outlet);
        assert_eq!(stream.interest(PeerId(1)), None);
        let message = Message::from([id, "bytes".into()]);
        let given = stream.give(message, &mut outlet);
        assert!(matches!(given, Given::Dropped(Drop::PeerGone)));
    }

    #[test]
    fn without_notices_only_bytes_are_delivered() {
        let mut outlet = Recorder::default();
        let mut stream = Stream::new(&Options::new().stream_notify(false), 0);
        attach(&mut stream, &[1], &mut outlet);
        stream.detach(PeerId(1), &mut outlet);
        assert_eq!(outlet.delivered, []);
        stream.configure(&Options::new(), &mut outlet);
        attach(&mut stream, &[1], &mut outlet);
        assert_eq!(outlet.delivered.len(), 1);
    }
}
