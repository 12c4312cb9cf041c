//! `zc TYPE`: a socket that sends, receives, asks or answers.

use zmq_channels::{Any, Context, Rep, Req, Socket, SocketType};

use crate::exit::{Failure, Outcome};
use crate::formats::Shape;
use crate::plan::Plan;
use crate::progress::{Progress, Tally};
use crate::request::{self, Answers};
use crate::run::{Job, Runner, Terms};
use crate::send::{self, Source};
use crate::{receive, sockets};

/// Does what the plan says, to the end.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let (context, tally) = (Context::new(), Tally::default());
    let shape = Shape::new(plan.common.format, plan.socket_type);
    let socket = sockets::open_plan(&context, plan)?;
    let (jobs, is_endless) = match plan.socket_type {
        SocketType::Req => ask(socket.clone(), plan, shape, &tally)?,
        SocketType::Rep => answer(socket.clone(), plan, shape, &tally)?,
        _ => exchange(&socket, plan, shape, &tally)?,
    };
    let runner = Runner::new(&context)?;
    sockets::attach(&socket, &plan.common.reach)?;
    let prints = plan.socket_type.receives();
    let terms = Terms {
        is_endless,
        linger: plan.common.reach.linger,
        progress: Progress::new(tally, plan.common.progress, prints),
    };
    runner.run(jobs, terms)
}

/// Messages in one direction, or in both.
fn exchange(
    socket: &Socket<Any>,
    plan: &Plan,
    shape: Shape,
    tally: &Tally,
) -> Result<(Vec<Job>, bool), Failure> {
    let mut jobs = Vec::new();
    let (count, timeout) = (plan.common.count, plan.common.reach.timeout);
    let wait = waiting(socket.clone(), plan);
    let Some(receiver) = socket.receiver() else {
        let source = Source::new(&plan.sending, shape, count)?;
        let is_endless = source.is_endless();
        jobs.push(sending(socket, source, true, plan, tally)?);
        return Ok((jobs, is_endless));
    };
    match plan.socket_type.sends() {
        true => {
            let source = Source::new(&plan.sending, shape, None)?;
            let is_awaited = source.is_finite();
            jobs.push(sending(socket, source, is_awaited, plan, tally)?);
        }
        false => jobs.push(Job::new(true, wait)),
    }
    let tally = tally.clone();
    jobs.push(Job::new(true, move || {
        receive::receive_all(&receiver, shape, count, timeout, &tally)
    }));
    Ok((jobs, count.is_none()))
}

fn sending(
    socket: &Socket<Any>,
    source: Source,
    is_awaited: bool,
    plan: &Plan,
    tally: &Tally,
) -> Result<Job, Failure> {
    let wait = waiting(socket.clone(), plan);
    let (sender, tally, timeout) = (socket.sender(), tally.clone(), plan.common.reach.timeout);
    let sender = sender.ok_or_else(|| Failure::Usage("this type sends nothing".into()))?;
    Ok(Job::new(is_awaited, move || {
        wait()?;
        send::send_all(source, &sender, timeout, &tally)
    }))
}

/// What comes before the first message.
fn waiting(socket: Socket<Any>, plan: &Plan) -> impl FnOnce() -> Outcome + Send + 'static + use<> {
    let (connected, subscribed) = (plan.common.wait_connected, plan.wait_subscribed);
    let timeout = plan.common.reach.timeout;
    move || sockets::wait_for_peers(&socket, connected, subscribed, timeout)
}

fn ask(
    socket: Socket<Any>,
    plan: &Plan,
    shape: Shape,
    tally: &Tally,
) -> Result<(Vec<Job>, bool), Failure> {
    let source = Source::new(&plan.sending, shape, plan.common.count)?;
    let is_endless = source.is_endless();
    let wait = waiting(socket.clone(), plan);
    let socket = typed::<Req>(socket)?;
    let (timeout, tally) = (plan.common.reach.timeout, tally.clone());
    let job = Job::new(true, move || {
        wait()?;
        request::ask_all(source, &socket, shape, timeout, &tally)
    });
    Ok((vec![job], is_endless))
}

fn answer(
    socket: Socket<Any>,
    plan: &Plan,
    shape: Shape,
    tally: &Tally,
) -> Result<(Vec<Job>, bool), Failure> {
    let answers = Answers::new(&plan.reply, shape)?;
    let wait = waiting(socket.clone(), plan);
    let socket = typed::<Rep>(socket)?;
    let (count, timeout) = (plan.common.count, plan.common.reach.timeout);
    let tally = tally.clone();
    let job = Job::new(true, move || {
        wait()?;
        request::answer_all(&socket, answers, shape, count, timeout, &tally)
    });
    Ok((vec![job], count.is_none()))
}

fn typed<K: zmq_channels::kind::Typed>(socket: Socket<Any>) -> Result<Socket<K>, Failure> {
    let typed = socket.downcast();
    typed.map_err(|other| Failure::Usage(format!("{} is another type", other.socket_type())))
}
