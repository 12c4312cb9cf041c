//! Every pairing of types, over every transport, whichever side binds, whichever comes first.

use zmq_channels::Context;

use crate::bench::{Bench, Outcome, Party, Transport};
use crate::cases::{case, Case, NEW, OLD, OLDEST, ZMTP_1, ZMTP_2};
use crate::conversation::{Pairing, PAIRINGS, ROUTED};
use crate::side::{Ours, Side, Theirs};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in [NEW, OLD, OLDEST, ZMTP_2, ZMTP_1] {
        for transport in Transport::ALL {
            for pairing in PAIRINGS {
                for (binder, binds) in Party::BINDS {
                    for (first, starts) in
                        [(Party::Ours, "we first"), (Party::Theirs, "they first")]
                    {
                        cases.push(case(
                            format!("exchange/{version}/{transport}/{pairing}/{binds}, {starts}"),
                            move |bench| {
                                exchange(bench, version, transport, pairing, binder, first)
                            },
                        ));
                    }
                }
            }
        }
        for transport in Transport::ALL {
            for pairing in ROUTED {
                for (binder, binds) in Party::BINDS {
                    cases.push(case(
                        format!("exchange/{version}/{transport}/{pairing}/{binds}"),
                        move |bench| {
                            exchange(bench, version, transport, pairing, binder, Party::Ours)
                        },
                    ));
                }
            }
        }
    }
    cases
}

fn exchange(
    bench: &Bench,
    version: &str,
    transport: Transport,
    pairing: Pairing,
    binder: Party,
    first: Party,
) -> Outcome {
    let context = bench.context();
    let (ours, theirs) = if binder == first {
        bound_first(bench, &context, version, transport, pairing, binder)?
    } else {
        connected_first(bench, &context, version, transport, pairing, binder)?
    };
    pairing.flow.prepare(&ours, &theirs)?;
    pairing.flow.everything(&ours, &theirs)
}

/// One side binds before the other exists.
fn bound_first(
    bench: &Bench,
    context: &Context,
    version: &str,
    transport: Transport,
    pairing: Pairing,
    binder: Party,
) -> Outcome<(Ours, Theirs)> {
    let wildcard = bench.wildcard(transport);
    match binder {
        Party::Ours => {
            let ours = Ours::open(context, pairing.ours)?;
            let endpoint = ours.bind(&wildcard)?;
            let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
            theirs.connect(&endpoint)?;
            Ok((ours, theirs))
        }
        Party::Theirs => {
            let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
            let endpoint = theirs.bind(&wildcard)?;
            let ours = Ours::open(context, pairing.ours)?;
            ours.connect(&endpoint)?;
            Ok((ours, theirs))
        }
    }
}

/// One side connects to where nothing listens yet, and tries again until the other has come.
fn connected_first(
    bench: &Bench,
    context: &Context,
    version: &str,
    transport: Transport,
    pairing: Pairing,
    binder: Party,
) -> Outcome<(Ours, Theirs)> {
    let endpoint = bench.endpoint(transport);
    match binder {
        Party::Theirs => {
            let ours = Ours::open(context, pairing.ours)?;
            ours.connect(&endpoint)?;
            let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
            theirs.bind(&endpoint)?;
            Ok((ours, theirs))
        }
        Party::Ours => {
            let theirs = Theirs::open(&bench.peer(version)?, pairing.theirs)?;
            theirs.connect(&endpoint)?;
            // Version 2 tells nothing of its attempts.
            if version != ZMTP_1 {
                theirs.wait_event(&["connect_retried"])?;
            }
            let ours = Ours::open(context, pairing.ours)?;
            ours.bind(&endpoint)?;
            Ok((ours, theirs))
        }
    }
}
