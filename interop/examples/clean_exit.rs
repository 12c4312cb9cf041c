//! Ends in every way a program may, and leaves nothing: a leak checker says so (`.ci/checkers leaks`).
//!
//! Each context carries messages over tcp, ipc and inproc, then ends by the last handle, by `close_blocking`,
//! by `terminate_blocking` or by `shutdown`.

use std::error::Error;
use std::time::Duration;

use zmq_channels::{Context, Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome {
    let folder = std::env::temp_dir().join(format!("clean-exit-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let ends: [(&str, fn(Context)); 4] = [
        ("the last handle", drop),
        ("close", |context| {
            assert_eq!(context.close_blocking().failure, None)
        }),
        ("terminate", |context| {
            assert_eq!(context.terminate_blocking().failure, None)
        }),
        ("shutdown", |context| context.shutdown()),
    ];
    for (name, end) in ends {
        let context = Context::new();
        for number in 0..3 {
            let places = [
                format!("inproc://{number}"),
                format!("ipc://{}/{number}", folder.display()),
                "tcp://127.0.0.1:*".to_string(),
            ];
            places
                .iter()
                .try_for_each(|place| everything(&context, place))?;
        }
        end(context);
        println!("ended by {name}");
    }
    std::fs::remove_dir_all(folder)?;
    // For a check that the checker notices it.
    if std::env::args().any(|argument| argument == "leak") {
        let leaked = Context::new().socket::<Pull>()?.statistics()?;
        std::hint::black_box(Box::leak(Box::new(leaked)));
    }
    // Dropping the last handle does not wait for the thread, whose state would count as lost.
    while std::fs::read_dir("/proc/self/task")?.count() > 1 {
        std::thread::yield_now();
    }
    Ok(())
}

/// Messages of every pattern, some of which are never taken.
fn everything(context: &Context, place: &str) -> Outcome {
    let (push, pull) = (context.socket::<Push>()?, context.socket::<Pull>()?);
    push.connect(pull.bind(place)?)?;
    for size in [1, 100, 100_000] {
        push.send_timeout_blocking(vec![1_u8; size], PATIENCE)?;
        push.send_timeout_blocking(vec![2_u8; size], PATIENCE)?;
        pull.recv_timeout_blocking(PATIENCE)?;
    }
    pull.close_blocking();

    let (publisher, sub) = (context.socket::<Pub>()?, context.socket::<Sub>()?);
    sub.subscribe("")?;
    sub.connect(publisher.bind(place)?)?;
    publisher.wait_subscribed_blocking(1)?;
    publisher.send_timeout_blocking("news", PATIENCE)?;
    sub.recv_timeout_blocking(PATIENCE)?;
    publisher.close_blocking();

    let (req, rep) = (context.socket::<Req>()?, context.socket::<Rep>()?);
    req.connect(rep.bind(place)?)?;
    req.send_timeout_blocking("question", PATIENCE)?;
    rep.send_timeout_blocking(rep.recv_timeout_blocking(PATIENCE)?, PATIENCE)?;
    req.recv_timeout_blocking(PATIENCE)?;
    req.send_timeout_blocking("never answered", PATIENCE)?;
    rep.close_blocking();

    let (dealer, router) = (context.socket::<Dealer>()?, context.socket::<Router>()?);
    dealer.connect(router.bind(place)?)?;
    dealer.send_timeout_blocking("hello", PATIENCE)?;
    router.send_timeout_blocking(router.recv_timeout_blocking(PATIENCE)?, PATIENCE)?;
    dealer.recv_timeout_blocking(PATIENCE)?;
    router.close_blocking();

    let monitored = context.socket::<Pair>()?;
    let _monitor = monitored.monitor()?;
    monitored.bind(place)?;
    Ok(())
}
