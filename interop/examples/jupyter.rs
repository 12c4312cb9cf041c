//! Drives Jupyter kernels (ipykernel, which speaks over libzmq) as notebooks do: over tcp and ipc, without
//! security and with CURVE. `interop/jupyter` builds and starts this with the Python that has ipykernel.
//!
//! A kernel binds five sockets at the places that a connection file tells: shell and control (ROUTER) for
//! requests, iopub (PUB) for what is to be shown, stdin (ROUTER), which is not used here, and a heartbeat
//! (REP) that echoes. Messages are JSON, signed with HMAC-SHA256.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{json, Value};
use sha2::Sha256;
use zmq_channels::error::RecvTimeoutError;
use zmq_channels::kind::Typed;
use zmq_channels::monitor::EventKind;
use zmq_channels::{
    Context, CurveKeypair, Dealer, Frame, Linger, Message, Options, Req, Security, Socket, Sub,
};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a kernel may take to start, and to do one thing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stands between the routing ids and the message.
const DELIMITER: &[u8] = b"<IDS|MSG>";

const CHANNELS: [&str; 5] = ["shell", "iopub", "stdin", "control", "hb"];

fn main() -> ExitCode {
    let Some(python) = std::env::args_os().nth(1) else {
        eprintln!("usage: jupyter PYTHON");
        return ExitCode::FAILURE;
    };
    let (mut passed, mut failed) = (0, 0);
    for transport in ["tcp", "ipc"] {
        for is_secure in [false, true] {
            let name = format!("{transport}{}", if is_secure { " with CURVE" } else { "" });
            let started = Instant::now();
            let outcome = drive(Path::new(&python), transport, is_secure);
            let took = started.elapsed().as_millis();
            match outcome {
                Ok(()) => {
                    passed += 1;
                    println!("ok a kernel over {name} ({took} ms)");
                }
                Err(error) => {
                    failed += 1;
                    println!("FAILED a kernel over {name} ({took} ms)\n    {error}");
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One kernel's life. An error comes with what the kernel has logged.
fn drive(python: &Path, transport: &str, is_secure: bool) -> Outcome {
    let keypair = is_secure.then(CurveKeypair::generate).transpose()?;
    let mut kernel = Kernel::start(python, transport, keypair)?;
    let outcome = converse(&mut kernel);
    outcome.map_err(|error| format!("{error}; the kernel logged:\n{}", kernel.log()).into())
}

fn converse(kernel: &mut Kernel) -> Outcome {
    let client = Client::connect(kernel)?;
    client.wait_until_ready(&mut kernel.process)?;

    let (reply, shown) = client.execute("6*7")?;
    expect("the status", &reply["content"]["status"], &json!("ok"))?;
    expect("what is shown", &shown, &json!("42"))?;
    // Everything of the kernel stays between two requests.
    client.execute("answer = 6*7")?;
    expect(
        "what is shown",
        &client.execute("answer + 1")?.1,
        &json!("43"),
    )?;
    let (reply, _) = client.execute("1/0")?;
    expect(
        "the error",
        &reply["content"]["ename"],
        &json!("ZeroDivisionError"),
    )?;
    // Larger than any buffer, in both directions.
    let large = "x".repeat(1_000_000);
    let (_, shown) = client.execute(&format!("'{large}'"))?;
    expect(
        "its size",
        &json!(shown.as_str().map(str::len)),
        &json!(large.len() + 2),
    )?;

    let echo = client
        .heartbeat
        .request_timeout_blocking("ping", PATIENCE)?;
    if echo != "ping".into() {
        return Err(format!("the heartbeat is {echo:?}").into());
    }
    client.is_ignored_with_a_wrong_key()?;
    if kernel.security.is_some() {
        refuses_without_security(kernel)?;
    }
    let stop = client.request(
        &client.control,
        "shutdown_request",
        json!({"restart": false}),
    )?;
    let reply = client.reply(&client.control, &stop)?;
    expect("the status", &reply["content"]["status"], &json!("ok"))?;
    let status = kernel.wait()?;
    if !status.success() {
        return Err(format!("the kernel ended with {status}").into());
    }
    Ok(())
}

fn expect(what: &str, seen: &Value, expected: &Value) -> Outcome {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what} is {seen}, expected {expected}").into())
}

/// A kernel's process, which ends when this is dropped, and its folder with it.
struct Kernel {
    process: Child,
    folder: PathBuf,
    endpoints: [String; 5],
    key: String,
    security: Option<CurveKeypair>,
}

impl Kernel {
    fn start(python: &Path, transport: &str, security: Option<CurveKeypair>) -> Outcome<Kernel> {
        let folder = format!("zmq-channels-jupyter-{}", process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir(&folder)?;
        let (ip, ports) = match transport {
            "tcp" => ("127.0.0.1".to_owned(), free_ports()?),
            _ => (folder.join("kernel").display().to_string(), [1, 2, 3, 4, 5]),
        };
        // A text that none can guess.
        let key = CurveKeypair::generate()?.public().to_string();
        let mut connection = json!({
            "transport": transport,
            "ip": ip,
            "key": key,
            "signature_scheme": "hmac-sha256",
        });
        let separator = if transport == "tcp" { ':' } else { '-' };
        for (channel, port) in CHANNELS.iter().zip(ports) {
            connection[format!("{channel}_port")] = json!(port);
        }
        if let Some(keypair) = &security {
            connection["curve_publickey"] = json!(keypair.public().to_string());
            connection["curve_secretkey"] = json!(keypair.secret().to_z85());
        }
        let file = folder.join("connection.json");
        fs::write(&file, connection.to_string())?;
        let log = fs::File::create(folder.join("log"))?;
        let process = Command::new(python)
            .args([
                "-m",
                "ipykernel_launcher",
                "--HistoryManager.enabled=False",
                "-f",
            ])
            .arg(&file)
            .env("IPYTHONDIR", folder.join("ipython"))
            // It ends when this program does.
            .env("JPY_PARENT_PID", process::id().to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Kernel {
            process,
            folder,
            endpoints: ports.map(|port| format!("{transport}://{ip}{separator}{port}")),
            key,
            security,
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_else(|error| error.to_string())
    }

    /// Waits until it has ended.
    fn wait(&mut self) -> Outcome<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err("the kernel does not end".into())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Ports that are free now, below those that the system gives to connecting sockets.
fn free_ports() -> Outcome<[u16; 5]> {
    let first = 12_000 + (process::id() % 20_000) as u16;
    let mut ports = (first..).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let mut next = || ports.next().ok_or("no port is free");
    Ok([next()?, next()?, next()?, next()?, next()?])
}

/// A client, connected to four of the sockets.
struct Client {
    shell: Socket<Dealer>,
    control: Socket<Dealer>,
    iopub: Socket<Sub>,
    heartbeat: Socket<Req>,
    key: String,
}

impl Client {
    /// The kernel may still be starting.
    fn connect(kernel: &Kernel) -> Outcome<Client> {
        let context = Context::new();
        let [shell, iopub, _, control, heartbeat] = &kernel.endpoints;
        let client = Client {
            shell: connected(&context, kernel, shell)?,
            control: connected(&context, kernel, control)?,
            iopub: connected(&context, kernel, iopub)?,
            heartbeat: connected(&context, kernel, heartbeat)?,
            key: kernel.key.clone(),
        };
        client.iopub.subscribe("")?;
        Ok(client)
    }

    /// Asks until something is seen on iopub: what is published before the subscription arrives is lost.
    fn wait_until_ready(&self, kernel: &mut Child) -> Outcome {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = kernel.try_wait()? {
                return Err(format!("the kernel ended with {status}").into());
            }
            self.request(&self.shell, "kernel_info_request", json!({}))?;
            match self.iopub.recv_timeout_blocking(Duration::from_millis(500)) {
                Ok(_) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err("nothing is published".into())
    }

    /// Has code executed; returns the reply, and the result as shown, if there is one.
    fn execute(&self, code: &str) -> Outcome<(Value, Value)> {
        let content = json!({
            "code": code,
            "silent": false,
            "store_history": false,
            "user_expressions": {},
            "allow_stdin": false,
        });
        let id = self.request(&self.shell, "execute_request", content)?;
        let mut shown = Value::Null;
        loop {
            let message = self.receive(self.iopub.recv_timeout_blocking(PATIENCE)?)?;
            if message["parent"]["msg_id"] != json!(id) {
                continue;
            }
            match message["header"]["msg_type"].as_str() {
                Some("execute_result") => shown = message["content"]["data"]["text/plain"].clone(),
                Some("status") if message["content"]["execution_state"] == "idle" => break,
                _ => {}
            }
        }
        Ok((self.reply(&self.shell, &id)?, shown))
    }

    /// Sends a request; returns its number, which replies have as their parent's.
    fn request(&self, socket: &Socket<Dealer>, kind: &str, content: Value) -> Outcome<String> {
        let (id, message) = request(&self.key, kind, content)?;
        socket.send_blocking(message)?;
        Ok(id)
    }

    fn reply(&self, socket: &Socket<Dealer>, id: &str) -> Outcome<Value> {
        loop {
            let message = self.receive(socket.recv_timeout_blocking(PATIENCE)?)?;
            if message["parent"]["msg_id"] == json!(id) {
                return Ok(message);
            }
        }
    }

    /// Checks the signature, and reads the parts.
    fn receive(&self, message: Message) -> Outcome<Value> {
        let frames = message.frames();
        let delimiter = frames.iter().position(|frame| *frame == DELIMITER);
        let Some([signature, parts @ ..]) = delimiter.map(|at| &frames[at + 1..]) else {
            return Err(format!("not a message of Jupyter: {message:?}").into());
        };
        let [header, parent, _, content, ..] = parts else {
            return Err(format!("parts are missing: {message:?}").into());
        };
        if *signature != sign(&self.key, &parts[..4])? {
            return Err(format!("signed with another key: {message:?}").into());
        }
        let read = |part: &Frame| serde_json::from_slice::<Value>(part);
        Ok(json!({"header": read(header)?, "parent": read(parent)?, "content": read(content)?}))
    }

    /// The kernel ignores what another has signed: it answers the next request only.
    fn is_ignored_with_a_wrong_key(&self) -> Outcome {
        let (wrong, message) = request("a guess", "kernel_info_request", json!({}))?;
        self.control.send_blocking(message)?;
        let right = self.request(&self.control, "kernel_info_request", json!({}))?;
        let first = self.receive(self.control.recv_timeout_blocking(PATIENCE)?)?;
        if first["parent"]["msg_id"] == json!(wrong) {
            return Err("the kernel accepts a wrong signature".into());
        }
        expect(
            "what is answered",
            &first["parent"]["msg_id"],
            &json!(right),
        )
    }
}

fn connected<K: Typed>(context: &Context, kernel: &Kernel, endpoint: &str) -> Outcome<Socket<K>> {
    let mut options = Options::new().linger(Linger::For(Duration::ZERO));
    if let Some(server) = &kernel.security {
        let security = Security::curve_client(CurveKeypair::generate()?, *server.public());
        options = options.security(security);
    }
    let socket = context.socket_with::<K>(options)?;
    socket.connect(endpoint)?;
    Ok(socket)
}

/// A kernel with CURVE refuses a client without.
fn refuses_without_security(kernel: &Kernel) -> Outcome {
    let socket = Context::new().socket::<Dealer>()?;
    let monitor = socket.monitor()?;
    socket.connect(&kernel.endpoints[0])?;
    loop {
        match monitor.recv_timeout_blocking(PATIENCE)?.kind {
            EventKind::HandshakeFailed { .. } => return Ok(()),
            EventKind::HandshakeSucceeded(_) => return Err("accepted without security".into()),
            _ => {}
        }
    }
}

/// A signed request, and its number.
fn request(key: &str, kind: &str, content: Value) -> Outcome<(String, Message)> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let id = format!("request-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let header = json!({
        "msg_id": id,
        "msg_type": kind,
        "session": "zmq-channels",
        "username": "zmq-channels",
        "date": "2026-01-01T00:00:00Z",
        "version": "5.3",
    });
    let parts = [header, json!({}), json!({}), content];
    let parts = parts.map(|part| Frame::from(part.to_string()));
    let mut message = Message::from((DELIMITER, sign(key, &parts)?));
    message.extend(parts);
    Ok((id, message))
}

/// HMAC-SHA256 over all parts, in hexadecimal.
fn sign(key: &str, parts: &[Frame]) -> Outcome<String> {
    let mut signer = Hmac::<Sha256>::new_from_slice(key.as_bytes())?;
    parts.iter().for_each(|part| signer.update(part));
    let mut text = String::new();
    for byte in signer.finalize().into_bytes() {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}
