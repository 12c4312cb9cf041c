//! What an estimator makes of waits: by tables, without a clock.

use super::*;

mod recorded;

use recorded::Recorded;

#[test]
fn an_expectation_lasts_while_more_arrives() {
    const LONG: Duration = Duration::from_secs(60);
    let mut expectation = Expectation::default();
    let mut arrived = 0;
    // The first waits are no trial; on a single processor none is.
    while !expectation.lasts(LONG, arrived, true) {
        arrived += 1;
        if arrived > u64::from(THREADS.long_rest) * 2 {
            assert!(!has_company());
            return;
        }
    }
    assert!(
        expectation.lasts(LONG, arrived, true),
        "nothing has arrived, but soon"
    );
    assert!(expectation.lasts(LONG, arrived + 1, true));
    assert!(
        !expectation.lasts(LONG, arrived + 2, false),
        "it was the last"
    );
    assert!(
        !expectation.lasts(LONG, arrived + 2, true),
        "nothing has arrived since"
    );
    assert!(!expectation.lasts(Duration::ZERO, arrived + 3, true));
    assert!(expectation.lasts(LONG, arrived + 4, true));
}

#[test]
fn an_expectation_that_fails_is_tried_less_and_less_often() {
    let mut expectation = Expectation::default();
    let mut vain = 0;
    for arrived in 1..=u64::from(THREADS.long_rest) {
        // So short that it is over at the next look.
        while expectation.lasts(Duration::from_nanos(1), arrived, true) {}
        vain += u32::from(of_thread(|own| own.trials.is_on()) == Some(true));
    }
    assert!(vain < THREADS.long_rest / 16, "{vain}");
}

#[test]
fn a_thread_that_comes_back_soon_each_time_leads() {
    let mut estimator = Estimator::new(THREADS);
    let mut now = Instant::now();
    let mut waits = |estimator: &mut Estimator, away: Duration, count: u32| -> u32 {
        (0..count).fold(0, |leads, _| {
            now += away;
            let leads = leads + u32::from(estimator.leads(now));
            estimator.end(now);
            leads
        })
    };
    let own = &mut estimator;
    let (soon, late) = (VACANCY / 4, VACANCY);
    assert_eq!(waits(own, soon, STEADY), 0);
    assert_eq!(waits(own, soon, 1000), 1000);
    assert_eq!(waits(own, late, 1000), 0);
    assert_eq!(waits(own, soon, STEADY + 10), 11);
    own.has_rivals();
    assert_eq!(waits(own, soon, CROWDED), 1);
}

/// A thread that waits time and again: how long it is away between its waits, and how long after their
/// beginning what it waits for comes; both in microseconds, and over and over.
struct Waits {
    what: &'static str,
    waits: &'static [(u64, u64)],
    /// In percent of its waits, at least and at most.
    spins: (u32, u32),
    leads: (u32, u32),
}

/// What the rows of the comparison look like to the thread that waits.
const ROWS: &[Waits] = &[
    Waits {
        what: "round trips without a pause",
        waits: &[(3, 8)],
        spins: (95, 100),
        leads: (99, 100),
    },
    Waits {
        what: "a stream of messages of 1 KiB, taken by the thousand",
        waits: &[(350, 5)],
        spins: (95, 100),
        leads: (99, 100),
    },
    Waits {
        what: "a round trip every millisecond",
        waits: &[(880, 120)],
        spins: (0, 3),
        leads: (0, 0),
    },
    Waits {
        what: "a message every millisecond",
        waits: &[(5, 995)],
        spins: (0, 3),
        leads: (99, 100),
    },
    Waits {
        what: "200 us of work per message, at 80 % of the capacity",
        // Two of three come just before it would fall asleep.
        waits: &[(200, 50), (200, 49), (200, 51)],
        spins: (25, 50),
        leads: (99, 100),
    },
    Waits {
        what: "1 ms of work per message",
        waits: &[(1000, 250)],
        spins: (0, 3),
        leads: (0, 0),
    },
    Waits {
        what: "round trips, of which every sixtieth is held up",
        waits: &{
            let mut waits = [(3, 8); 60];
            waits[59] = (3, 500);
            waits
        },
        spins: (95, 100),
        leads: (99, 100),
    },
    Waits {
        what: "round trips, of which every fortieth is held up",
        waits: &{
            let mut waits = [(3, 8); 40];
            waits[39] = (3, 500);
            waits
        },
        spins: (95, 100),
        leads: (99, 100),
    },
];

#[test]
fn the_waits_of_each_row_are_spent_as_it_says() {
    for Waits {
        what,
        waits,
        spins,
        leads,
    } in ROWS
    {
        let waits = waits.iter().map(|&(away, served)| {
            let (away, served) = (Duration::from_micros(away), Duration::from_micros(served));
            (away, served)
        });
        let (spun, led) = spent(waits);
        assert!(
            (spins.0..=spins.1).contains(&spun) && (leads.0..=leads.1).contains(&led),
            "{what}: spins in {spun} %, leads in {led} %"
        );
    }
}

/// In how many percent of the waits a thread spins, and leads, that waits so over and over.
fn spent(waits: impl Iterator<Item = (Duration, Duration)> + Clone) -> (u32, u32) {
    const LIMIT: Duration = Duration::from_micros(50);
    const ROUNDS: u32 = 5000;
    let mut estimator = Estimator::new(THREADS);
    let mut now = Instant::now();
    let (mut spun, mut led) = (0, 0);
    for (away, served) in waits.cycle().take(ROUNDS as usize) {
        now += away;
        let plan = estimator.begin(now, LIMIT, true);
        now += served;
        spun += u32::from(plan.spins_until.is_some());
        led += u32::from(plan.leads);
        if let Some(until) = plan.spins_until {
            estimator.trials.learn(now <= until);
        }
        estimator.end(now);
    }
    (spun * 100 / ROUNDS, led * 100 / ROUNDS)
}

/// A name, recorded waits, and in how many percent of them a thread spins and leads, at least and at most.
type Row = (&'static str, Recorded, (u32, u32), (u32, u32));

const RECORDED: &[Row] = &[
    (
        "round trips, asking",
        recorded::ROUND_TRIPS,
        (95, 100),
        (95, 100),
    ),
    (
        "round trips, replying",
        recorded::REPLIES,
        (95, 100),
        (95, 100),
    ),
    (
        "a round trip every millisecond",
        recorded::PACED,
        (0, 3),
        (0, 3),
    ),
    ("a stream, receiving", recorded::STREAM, (15, 50), (95, 100)),
    ("a stream, sending", recorded::FULL, (0, 5), (95, 100)),
    (
        "200 us of work per message",
        recorded::WORK,
        (15, 50),
        (95, 100),
    ),
    (
        "a message every millisecond",
        recorded::TICKS,
        (0, 3),
        (95, 100),
    ),
];

#[test]
fn recorded_waits_are_spent_as_each_row_says() {
    for (what, waits, spins, leads) in RECORDED {
        let tenths = |tenths: u32| Duration::from_nanos(u64::from(tenths) * 100);
        let waits = waits
            .iter()
            .map(|&(away, served)| (tenths(away), tenths(served)));
        let (spun, led) = spent(waits);
        assert!(
            (spins.0..=spins.1).contains(&spun) && (leads.0..=leads.1).contains(&led),
            "{what}: spins in {spun} %, leads in {led} %"
        );
    }
}
