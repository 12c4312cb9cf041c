//! A peer: a child process that runs `peer.py` over one libzmq.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{json, Value};

use crate::bench::{Libzmq, Outcome, PATIENCE};
use crate::frames::{read_frame, write_frame, Frames};

/// A real libzmq in a process of its own, which ends when this is dropped.
pub struct Peer {
    version: String,
    child: Arc<Mutex<Child>>,
    commands: RefCell<ChildStdin>,
    answers: Receiver<String>,
}

impl Peer {
    pub fn start(python: &Path, libzmq: &Libzmq) -> Outcome<Peer> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer.py");
        let mut child = Command::new(python)
            // Isolated and without site packages: it starts in a third of the time.
            .args(["-I", "-S"])
            .arg(script)
            .arg(&libzmq.library)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = child.stdin.take().ok_or("no pipe to the peer")?;
        let output = child.stdout.take().ok_or("no pipe from the peer")?;
        let (lines, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let peer = Peer {
            version: libzmq.version.clone(),
            child: Arc::new(Mutex::new(child)),
            commands: RefCell::new(commands),
            answers,
        };
        let version = peer.ask(json!({"do": "version"}))?;
        if version != libzmq.version.as_str() {
            return Err(format!("asked for libzmq {}, got {version}", libzmq.version).into());
        }
        Ok(peer)
    }

    /// The process, for whoever has to end it from outside.
    pub fn child(&self) -> Arc<Mutex<Child>> {
        Arc::clone(&self.child)
    }

    /// Gives a command and waits for its answer.
    pub fn ask(&self, command: Value) -> Outcome<Value> {
        self.post(command)?;
        self.answer(PATIENCE * 2)
    }

    /// Gives a command; [`answer`](Peer::answer) fetches the answer. Answers come in order.
    pub fn post(&self, command: Value) -> Outcome {
        let mut commands = self.commands.borrow_mut();
        writeln!(commands, "{command}").map_err(|error| format!("peer gone: {error}"))?;
        Ok(())
    }

    /// The answer to the oldest command without one.
    pub fn answer(&self, within: Duration) -> Outcome<Value> {
        let line = self
            .answers
            .recv_timeout(within)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => format!("the peer gave no answer in {within:?}"),
                RecvTimeoutError::Disconnected => "the peer is gone".to_string(),
            })?;
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer.get_mut("ok") {
            Some(value) => Ok(value.take()),
            None => Err(format!("libzmq {}: {}", self.version, answer["error"]).into()),
        }
    }

    /// SIGKILL: the kernel closes its connections, nothing is said goodbye to.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        // Already gone is fine too.
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
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
