//! Peers that are killed in the middle of a conversation, in every pattern: ours goes on with the next.

use std::rc::Rc;
use std::time::{Duration, Instant};

use zmq_channels::{Options, SocketType};

use crate::bench::{Bench, Outcome, Transport, PATIENCE};
use crate::cases::{DRAFT, NEW};
use crate::conversation::{Flow, Pairing, DRAFTS, PAIRINGS, ROUTED};
use crate::frames::Frames;
use crate::peer::Peer;
use crate::side::{Ours, Side, Theirs};

use super::ledger::{Ledger, Tally, STEP};
use super::{run, Lab, Random, Run};

/// At most that many messages are in flight in a direction when a peer is killed.
const BURST: u32 = 20;

pub fn runs() -> Vec<Run> {
    let stable = PAIRINGS.into_iter().chain(ROUTED);
    let stable = stable.map(|pairing| (NEW, pairing));
    // A PEER asks whom it has connected to by a call, which a peer that comes back does not repeat.
    let drafts = DRAFTS
        .into_iter()
        .filter(|pairing| pairing.theirs != "PEER");
    let drafts = drafts.map(|pairing| (DRAFT, pairing));
    let runs = stable.chain(drafts).map(|(version, pairing)| {
        let limit = Duration::from_secs(100);
        run(
            format!("kill -9/{pairing}"),
            (4, 100),
            limit,
            move |lab, count, tally| killed(lab, version, pairing, count, tally),
        )
    });
    runs.collect()
}

/// Messages of both directions; a question and its answer are one each.
#[derive(Default)]
struct Talk {
    ours: Ledger,
    theirs: Ledger,
}

fn killed(lab: &Lab, version: &str, pairing: Pairing, count: u32, tally: &mut Tally) -> Outcome {
    let (bench, mut talk) = (lab.bench(), Talk::default());
    let mut random = Random::new(lab.plan.seed);
    let options = Options::new().reconnect_interval(Duration::from_millis(5));
    let ours = Ours::open_with(&bench.context(), pairing.ours, options)?;
    if pairing.flow == Flow::TheyPublish {
        ours.subscribe(b"")?;
    }
    // Half of the peers bind where ours connects to, the others connect.
    let (theirs_at, ours_at) = (
        bench.endpoint(Transport::Tcp),
        bench.endpoint(Transport::Tcp),
    );
    ours.bind(&ours_at)?;
    ours.connect(&theirs_at)?;
    for kill in 0..count {
        let blame = |error| format!("peer {kill}: {error}");
        let peer = bench.peer(version)?;
        let theirs = Theirs::open(&peer, pairing.theirs)?;
        match random.below(2) {
            0 => drop(theirs.bind(&theirs_at)?),
            _ => theirs.connect(&ours_at)?,
        }
        if pairing.flow == Flow::WePublish {
            theirs.subscribe(b"")?;
        }
        theirs.wait_connected().map_err(blame)?;
        talk.get_through(pairing, &ours, &theirs).map_err(blame)?;
        talk.begin(pairing, &ours, &theirs, &mut random)
            .map_err(blame)?;
        strike(&peer, &ours, &mut talk)?;
        // A REP takes no other request before it has replied to the one whose peer is gone.
        if let (SocketType::Rep, Some(answer)) = (pairing.ours, talk.theirs.owed.take()) {
            ours.send(&answer).map_err(blame)?;
        }
    }
    // What the last one was sent may come to one more.
    let peer = last_peer(&bench, version, pairing, &ours_at)?;
    talk.get_through(pairing, &ours, &peer)?;
    talk.ours.close(tally);
    talk.theirs.close(tally);
    bench.finish()
}

/// Kills the peer, and waits until ours has noticed: what it sends from then on is for the next.
fn strike(peer: &Rc<Peer>, ours: &Ours, talk: &mut Talk) -> Outcome {
    talk.ours.strike();
    talk.theirs.strike();
    peer.kill();
    ours.wait_peers(0)
}

fn last_peer(bench: &Bench, version: &str, pairing: Pairing, endpoint: &str) -> Outcome<Theirs> {
    let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
    theirs.connect(endpoint)?;
    if pairing.flow == Flow::WePublish {
        theirs.subscribe(b"")?;
    }
    theirs.wait_connected()?;
    Ok(theirs)
}

impl Talk {
    /// Talks until nothing of what a former peer has left is on its way.
    fn get_through(&mut self, pairing: Pairing, ours: &Ours, theirs: &Theirs) -> Outcome {
        match pairing.flow {
            Flow::WeSend => self.ours.get_through(ours, theirs, false),
            Flow::TheySend => self.theirs.get_through(theirs, ours, false),
            Flow::WePublish => self.ours.get_through(ours, theirs, true),
            Flow::TheyPublish => self.theirs.get_through(theirs, ours, true),
            Flow::BothSend => {
                self.ours.get_through(ours, theirs, false)?;
                self.theirs.get_through(theirs, ours, false)
            }
            Flow::WeAsk => self.ours.ask_until_answered(ours, theirs, |_| true),
            Flow::TheyAsk => {
                // To a request of one that was killed only a REP must reply.
                let is_rep = pairing.ours == SocketType::Rep;
                self.theirs
                    .ask_until_answered(theirs, ours, |is_last| is_last || is_rep)
            }
        }
    }

    /// Begins what the death of the peer interrupts.
    fn begin(
        &mut self,
        pairing: Pairing,
        ours: &Ours,
        theirs: &Theirs,
        random: &mut Random,
    ) -> Outcome {
        let burst = random.below(BURST + 1);
        let (we_send, they_send) = match pairing.flow {
            Flow::WeSend | Flow::WePublish => (burst, 0),
            Flow::TheySend | Flow::TheyPublish => (0, burst),
            Flow::BothSend => (burst, random.below(BURST + 1)),
            Flow::WeAsk => return self.ours.ask_halfway(ours, theirs, random),
            Flow::TheyAsk => return self.theirs.ask_halfway(theirs, ours, random),
        };
        for _ in 0..we_send {
            self.ours.offer(ours, STEP)?;
        }
        for _ in 0..they_send {
            self.theirs.offer(theirs, STEP)?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Asks until a request of this peer is answered. Requests that were left by a former one are answered
    /// too, if `answers` says so.
    fn ask_until_answered(
        &mut self,
        asks: &dyn Side,
        replies: &dyn Side,
        answers: impl Fn(bool) -> bool,
    ) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        let mut asked = None;
        while Instant::now() < deadline {
            // Once: it is connected, and a REQ takes no second request before the reply.
            if asked.is_none() {
                asked = self.offer(asks, STEP)?;
            }
            while let Some(request) = replies.poll(STEP)? {
                let number = self.came(&request)?;
                let is_last = asked == Some(number);
                if answers(is_last) {
                    replies.send(&answer_to(&request))?;
                }
                if is_last {
                    return self.await_answer(asks, &request);
                }
            }
            // The answer to a request of before, without which a REQ takes no other.
            drop(asks.poll(Duration::ZERO)?);
        }
        Err("no request was answered".into())
    }

    fn await_answer(&mut self, asks: &dyn Side, request: &Frames) -> Outcome {
        // Answers to requests of before may come first.
        while asks.recv()? != answer_to(request) {}
        Ok(())
    }

    /// A request that is sent, or has arrived, or is answered.
    fn ask_halfway(&mut self, asks: &dyn Side, replies: &dyn Side, random: &mut Random) -> Outcome {
        let steps = random.below(3);
        if self.offer(asks, STEP)?.is_none() || steps == 0 {
            return Ok(());
        }
        let request = replies.recv()?;
        self.came(&request)?;
        match steps {
            1 => self.owed = Some(answer_to(&request)),
            _ => replies.send(&answer_to(&request))?,
        }
        Ok(())
    }
}

/// Never equal to a request.
fn answer_to(request: &Frames) -> Frames {
    let mut answer = request.clone();
    answer[0].push(b'!');
    answer
}
