//! The server: the only one that numbers the updates, so that all replicas apply the same in the same order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use zmq_channels::error::SendError;
use zmq_channels::select::Selected;
use zmq_channels::{Context, Message, Options, Pub, Pull, Router, Select, Socket};

use super::{entry, sequence, Endpoints, Failure, HUGZ, I_CAN_HAZ, K_THX_BAI};

pub(crate) struct Server {
    snapshots: Socket<Router>,
    updates: Socket<Pub>,
    values: Socket<Pull>,
    table: BTreeMap<Vec<u8>, Message>,
    sequence: u64,
}

impl Server {
    pub(crate) fn bind(context: &Context, endpoints: Endpoints) -> Result<Server, Failure> {
        // A ROUTER drops what is beyond the high-water mark, but a snapshot has to be complete.
        let without_limit = Options::new().send_high_water_mark(0);
        let server = Server {
            snapshots: context.socket_with(without_limit)?,
            updates: context.socket()?,
            values: context.socket()?,
            table: BTreeMap::new(),
            sequence: 0,
        };
        server.snapshots.bind(endpoints[0])?;
        server.updates.bind(endpoints[1])?;
        server.values.bind(endpoints[2])?;
        Ok(server)
    }

    /// Serves until its context is shut down, with a heartbeat in each interval.
    pub(crate) fn run(mut self, interval: Duration) {
        let mut select = Select::new();
        let from_replicas = select.receiver(self.snapshots.receiver());
        select.receiver(self.values.receiver());
        let mut next_heartbeat = Instant::now() + interval;
        // An error: nothing can be sent any more.
        let mut sent = Ok(());
        while sent.is_ok() {
            let patience = next_heartbeat.saturating_duration_since(Instant::now());
            sent = match select.wait_timeout(patience) {
                Ok(Selected::Received(token, request)) if token == from_replicas => {
                    self.send_snapshot(&request)
                }
                Ok(Selected::Received(_, entry)) => self.publish(&entry),
                Ok(Selected::Ended(..)) => return,
                Ok(_) | Err(_) => Ok(()),
            };
            if Instant::now() >= next_heartbeat {
                sent = sent.and_then(|()| self.updates.send_blocking(entry(HUGZ, 0, "")));
                next_heartbeat = Instant::now() + interval;
            }
        }
    }

    /// Numbers an update, applies it and publishes it. The topic is the key.
    fn publish(&mut self, new: &Message) -> Result<(), SendError> {
        if sequence(new).is_none() {
            return Ok(());
        }
        let (key, value) = (&new[0], &new[4]);
        self.sequence += 1;
        let numbered = entry(key, self.sequence, value);
        if value.is_empty() {
            self.table.remove(&key[..]);
        } else {
            self.table.insert(key.to_vec(), numbered.clone());
        }
        self.updates.send_blocking(numbered)
    }

    /// Sends all values below a subtree, and the number of the last update that they contain.
    fn send_snapshot(&self, request: &Message) -> Result<(), SendError> {
        let [replica, what, subtree] = request.frames() else {
            return Ok(());
        };
        if *what != I_CAN_HAZ {
            return Ok(());
        }
        let wanted = self.table.range(subtree.to_vec()..);
        for (_, value) in wanted.take_while(|(key, _)| key.starts_with(subtree)) {
            self.snapshots.send_to_blocking(replica, value.clone())?;
        }
        let end = entry(K_THX_BAI, self.sequence, subtree);
        self.snapshots.send_to_blocking(replica, end)
    }
}
