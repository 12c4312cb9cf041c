//! A replica: a snapshot, and the updates that came after it.

use std::collections::BTreeMap;

use zmq_channels::{Context, Dealer, Message, Socket, Sub};

use super::{sequence, Endpoints, Failure, HUGZ, I_CAN_HAZ, K_THX_BAI};

pub(crate) struct Replica {
    updates: Socket<Sub>,
    has_all: bool,
    pub(crate) values: BTreeMap<String, String>,
    /// The number of the last update that `values` contain.
    pub(crate) sequence: u64,
}

impl Replica {
    /// Joins with the values whose keys begin with `subtree`.
    pub(crate) fn join(
        context: &Context,
        [snapshots, updates, _]: Endpoints,
        subtree: &str,
    ) -> Result<Replica, Failure> {
        let mut replica = Replica {
            updates: context.socket()?,
            has_all: subtree.is_empty(),
            values: BTreeMap::new(),
            sequence: 0,
        };
        replica.updates.subscribe(subtree)?;
        replica.updates.subscribe(HUGZ)?;
        replica.updates.connect(updates)?;
        // From the first heartbeat on no update is missed. Only then is the snapshot taken: what is published
        // meanwhile waits in the socket, and is in the snapshot, too.
        while replica.updates.recv_blocking()?[0] != HUGZ {}
        let snapshot = context.socket::<Dealer>()?;
        snapshot.connect(snapshots)?;
        snapshot.send_blocking([I_CAN_HAZ, subtree])?;
        loop {
            let entry = snapshot.recv_blocking()?;
            let number = sequence(&entry).ok_or("this is no snapshot")?;
            if entry[0] == K_THX_BAI {
                replica.sequence = number;
                return Ok(replica);
            }
            replica.apply(&entry);
        }
    }

    /// Waits for the next update, applies it, and returns it. A publisher drops what a subscriber is too slow
    /// or not connected for: a replica of everything finds the gap in the numbers, and has to join again.
    pub(crate) fn update(&mut self) -> Result<Message, Failure> {
        loop {
            let entry = self.updates.recv_blocking()?;
            match sequence(&entry) {
                // A heartbeat has the number 0.
                Some(number) if number > self.sequence => {
                    if self.has_all && number > self.sequence + 1 {
                        return Err("updates were missed".into());
                    }
                    self.sequence = number;
                    self.apply(&entry);
                    return Ok(entry);
                }
                _ => {}
            }
        }
    }

    fn apply(&mut self, entry: &Message) {
        let (key, value) = (entry[0].to_string(), entry[4].to_string());
        if value.is_empty() {
            self.values.remove(&key);
        } else {
            self.values.insert(key, value);
        }
    }
}
