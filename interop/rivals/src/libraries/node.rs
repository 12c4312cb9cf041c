//! Sockets of the Node.js package `zeromq`: libzmq, with its draft types. One process has them all;
//! `../../../node/peer.js` says what it is told.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{json, Value};
use zmq_channels::SocketType;

use super::{
    Mechanism, Role, CLIENT_PUBLIC, CLIENT_SECRET, SERVER_PUBLIC, SERVER_SECRET, USERNAME,
};
use crate::bench::{Outcome, PATIENCE};
use crate::end::Side;
use crate::frames::{read_frame, write_frame, Frames};

/// Answers that are waited for, by the number of the command.
type Waiting = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

/// The process. It ends when this is dropped, or when this program is gone.
pub struct Node {
    child: Mutex<Child>,
    commands: Mutex<Option<ChildStdin>>,
    waiting: Waiting,
    next: AtomicU64,
    version: String,
}

impl Node {
    pub fn start() -> Outcome<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/peer.js");
        let mut child = Command::new("node")
            .arg("--no-warnings") // that drafts may change
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start node: {error}"))?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe from node")?);
        let waiting = Waiting::default();
        let readers = Arc::clone(&waiting);
        thread::spawn(move || read_answers(answers, &readers));
        let mut node = Node {
            child: Mutex::new(child),
            commands: Mutex::new(commands),
            waiting,
            next: AtomicU64::new(0),
            version: String::new(),
        };
        let version = node.ask(json!({"do": "version"}), PATIENCE * 5)?;
        let text = |name: &str| version[name].as_str().unwrap_or("?").to_string();
        let (package, libzmq, node_js) = (text("zeromq"), text("libzmq"), text("node"));
        node.version = format!("zeromq {package} (npm, libzmq {libzmq}, Node.js {node_js})");
        Ok(node)
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// Gives a command and waits for its answer.
    fn ask(&self, mut command: Value, within: Duration) -> Outcome<Value> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = mpsc::channel();
        lock(&self.waiting).insert(number, answer);
        command["id"] = number.into();
        {
            let mut commands = lock(&self.commands);
            let commands = commands.as_mut().ok_or("node is closed")?;
            writeln!(commands, "{command}").map_err(|error| format!("node is gone: {error}"))?;
        }
        let answer = answered.recv_timeout(within).map_err(|_| {
            lock(&self.waiting).remove(&number);
            format!("node gave no answer in {within:?}")
        });
        let mut answer = answer?;
        match answer.get_mut("ok") {
            Some(value) => Ok(value.take()),
            None => Err(format!("node: {}", answer["error"]).into()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_answers(answers: impl BufRead, waiting: &Waiting) {
    for line in answers.lines().map_while(Result::ok) {
        let Ok(answer) = serde_json::from_str::<Value>(&line) else {
            eprintln!("node says: {line}");
            continue;
        };
        let waiter = answer["id"]
            .as_u64()
            .and_then(|id| lock(waiting).remove(&id));
        if let Some(waiter) = waiter {
            // It may have given up.
            let _ = waiter.send(answer);
        }
    }
    // Without answers nothing is waited for.
    lock(waiting).clear();
}

impl Drop for Node {
    fn drop(&mut self) {
        *lock(&self.commands) = None;
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// A socket in the process.
pub struct Theirs {
    node: Arc<Node>,
    name: u64,
    kind: SocketType,
}

impl Theirs {
    pub fn open(node: &Arc<Node>, kind: SocketType, role: Role) -> Outcome<Theirs> {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let theirs = Theirs {
            node: Arc::clone(node),
            name: NAMES.fetch_add(1, Ordering::Relaxed),
            kind,
        };
        let options = match role {
            Role::Open => json!({}),
            Role::Server(Mechanism::Plain) => json!({"plainServer": true}),
            Role::Server(Mechanism::Curve) => json!({
                "curveServer": true,
                "curvePublicKey": SERVER_PUBLIC,
                "curveSecretKey": SERVER_SECRET,
            }),
            Role::Client(Mechanism::Plain) | Role::WrongClient(Mechanism::Plain) => {
                json!({"plainUsername": USERNAME, "plainPassword": role.password()})
            }
            Role::Client(Mechanism::Curve) | Role::WrongClient(Mechanism::Curve) => json!({
                "curveServerKey": role.server_key(),
                "curvePublicKey": CLIENT_PUBLIC,
                "curveSecretKey": CLIENT_SECRET,
            }),
        };
        theirs.ask(
            "open",
            json!({"type": kind.name(), "options": options}),
            PATIENCE,
        )?;
        Ok(theirs)
    }

    fn ask(&self, what: &str, mut command: Value, within: Duration) -> Outcome<Value> {
        command["do"] = what.into();
        command["socket"] = self.name.into();
        self.node.ask(command, within + PATIENCE)
    }

    /// XSUB subscribes by messages.
    fn subscription(&self, first: u8, topic: &str) -> Outcome {
        let message = [&[first], topic.as_bytes()].concat();
        match self.offer(&vec![message], PATIENCE)? {
            true => Ok(()),
            false => Err("node's XSUB did not take a subscription".into()),
        }
    }
}

impl Side for Theirs {
    fn bind(&self, endpoint: &str) -> Outcome {
        self.ask("bind", json!({"endpoint": endpoint}), PATIENCE)
            .map(drop)
    }

    fn connect(&self, endpoint: &str) -> Outcome {
        self.ask("connect", json!({"endpoint": endpoint}), PATIENCE)
            .map(drop)
    }

    fn subscribe(&self, topic: &str) -> Outcome {
        match self.kind {
            SocketType::XSub => self.subscription(1, topic),
            _ => self
                .ask("subscribe", json!({"topic": topic}), PATIENCE)
                .map(drop),
        }
    }

    fn unsubscribe(&self, topic: &str) -> Outcome {
        match self.kind {
            SocketType::XSub => self.subscription(0, topic),
            _ => self
                .ask("unsubscribe", json!({"topic": topic}), PATIENCE)
                .map(drop),
        }
    }

    fn offer(&self, frames: &Frames, within: Duration) -> Outcome<bool> {
        let written: Vec<String> = frames.iter().map(|frame| write_frame(frame)).collect();
        let timeout = within.as_millis() as u64;
        let command = json!({"frames": written, "timeout": timeout});
        Ok(self.ask("send", command, within)? == true)
    }

    fn poll(&self, within: Duration) -> Outcome<Option<Frames>> {
        let timeout = within.as_millis() as u64;
        let message = self.ask("recv", json!({"timeout": timeout}), within)?;
        let Some(frames) = message.as_array() else {
            return Ok(None);
        };
        let frames = frames.iter().map(|frame| {
            let frame = frame.as_str().ok_or("a frame that is no text")?;
            read_frame(frame)
        });
        frames.collect::<Outcome<Frames>>().map(Some)
    }

    fn wait_alone(&self) -> Outcome {
        self.ask("lost", json!({}), PATIENCE).map(drop)
    }

    fn wait_retried(&self) -> Outcome {
        self.ask("retried", json!({}), PATIENCE).map(drop)
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // If node is gone, so is the socket.
        let _ = self.ask("close", json!({}), Duration::ZERO);
    }
}
