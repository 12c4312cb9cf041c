//! Peers: processes that run `peer.py` over one libzmq.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{json, Value};

use crate::bench::{Outcome, PATIENCE};
use crate::frames::{read_frame, write_frame, Frames};

/// The process that starts and kills the peers of one libzmq; it ends, and they with it, when
/// this is dropped, or when this program is gone.
///
/// Were they started from here, each would for a moment own a copy of every listener this
/// program has, and an endpoint just unbound would not be free.
pub struct Nursery {
    version: String,
    pipes: Mutex<Pipes>,
    next: AtomicU32,
}

struct Pipes {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Nursery {
    pub fn start(python: &Path, version: &str, library: &Path) -> Outcome<Nursery> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer.py");
        let mut child = Command::new(python)
            .args(["-I", "-S"])
            .arg(script)
            .arg("--nursery")
            .arg(library)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe from the nursery")?);
        Ok(Nursery {
            version: version.to_string(),
            pipes: Mutex::new(Pipes {
                child,
                commands,
                answers,
            }),
            next: AtomicU32::new(0),
        })
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    fn ask(&self, command: &Value) -> Outcome<Value> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let Pipes {
            commands, answers, ..
        } = &mut *pipes;
        let commands = commands.as_mut().ok_or("the nursery is closed")?;
        writeln!(commands, "{command}")?;
        let mut line = String::new();
        answers.read_line(&mut line)?;
        read_answer(&line)
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        let pipes = self.pipes.get_mut().unwrap_or_else(PoisonError::into_inner);
        // The end of its input is the end of it.
        pipes.commands = None;
        let _ = pipes.child.wait();
    }
}

/// A peer's process, for the test that has to end it.
#[derive(Clone)]
pub struct Process {
    nursery: Arc<Nursery>,
    pid: u64,
}

impl Process {
    /// SIGKILL: the kernel closes its connections, nothing is said goodbye to.
    pub fn kill(&self) {
        // That it is gone already is fine too.
        let _ = self.nursery.ask(&json!({"do": "kill", "pid": self.pid}));
    }

    /// SIGSTOP: its connections stay, and nothing more is said on them.
    pub fn freeze(&self) -> Outcome {
        self.nursery
            .ask(&json!({"do": "freeze", "pid": self.pid}))
            .map(drop)
    }

    /// SIGCONT: what was frozen goes on.
    pub fn thaw(&self) -> Outcome {
        self.nursery
            .ask(&json!({"do": "thaw", "pid": self.pid}))
            .map(drop)
    }
}

/// A real libzmq in a process of its own, which ends when this is dropped.
pub struct Peer {
    process: Process,
    commands: RefCell<UnixStream>,
    answers: RefCell<BufReader<UnixStream>>,
}

impl Peer {
    /// A new peer; `directory` is where the socket that drives it stands for a moment.
    pub fn start(nursery: &Arc<Nursery>, directory: &Path) -> Outcome<Peer> {
        let number = nursery.next.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("peer-{}-{number}", nursery.version));
        let pid = nursery.ask(&json!({"do": "start", "path": path.to_str()}))?;
        let process = Process {
            nursery: Arc::clone(nursery),
            pid: pid.as_u64().ok_or("no process id")?,
        };
        let commands = UnixStream::connect(path)?;
        let answers = BufReader::new(commands.try_clone()?);
        let peer = Peer {
            process,
            commands: RefCell::new(commands),
            answers: RefCell::new(answers),
        };
        let version = peer.ask(json!({"do": "version"}))?;
        if version != nursery.version() {
            return Err(format!("asked for libzmq {}, got {version}", nursery.version()).into());
        }
        Ok(peer)
    }

    pub fn process(&self) -> Process {
        self.process.clone()
    }

    /// As [`Process::kill`].
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Gives a command and waits for its answer.
    pub fn ask(&self, command: Value) -> Outcome<Value> {
        self.post(command)?;
        self.answer(PATIENCE * 2)
    }

    /// Gives a command; [`answer`](Peer::answer) fetches the answer. Answers come in order.
    pub fn post(&self, command: Value) -> Outcome {
        let line = format!("{command}\n");
        let sent = self.commands.borrow_mut().write_all(line.as_bytes());
        sent.map_err(|error| format!("the peer is gone: {error}").into())
    }

    /// The answer to the oldest command without one.
    pub fn answer(&self, within: Duration) -> Outcome<Value> {
        let mut answers = self.answers.borrow_mut();
        answers.get_ref().set_read_timeout(Some(within))?;
        let mut line = String::new();
        match answers.read_line(&mut line) {
            Ok(0) => Err("the peer is gone".into()),
            Ok(_) => read_answer(&line).map_err(|error| {
                format!("libzmq {}: {error}", self.process.nursery.version).into()
            }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(format!("the peer gave no answer in {within:?}").into())
            }
            Err(error) => Err(format!("the peer is gone: {error}").into()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The answer in a line, or the error.
fn read_answer(line: &str) -> Outcome<Value> {
    let mut answer: Value = serde_json::from_str(line)?;
    match answer.get_mut("ok") {
        Some(value) => Ok(value.take()),
        None => Err(answer["error"].to_string().into()),
    }
}

pub fn write_frames(frames: &Frames) -> Value {
    frames.iter().map(|frame| write_frame(frame)).collect()
}

pub fn read_frames(value: &Value) -> Outcome<Option<Frames>> {
    if value.is_null() {
        return Ok(None);
    }
    let frames = value
        .as_array()
        .ok_or_else(|| format!("no frames: {value}"))?;
    frames
        .iter()
        .map(|frame| read_frame(frame.as_str().ok_or("a frame that is no text")?))
        .collect::<Outcome<Frames>>()
        .map(Some)
}
