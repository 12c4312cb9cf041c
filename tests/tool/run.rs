//! A running tool: its input, and its output line by line.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::common::PATIENCE;

/// A process that is killed when this is dropped.
pub(crate) struct Tool {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) stdout: Receiver<Vec<u8>>,
    pub(crate) stderr: Receiver<Vec<u8>>,
}

/// What a process came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl End {
    /// What was printed, if all went well and nothing was said on standard error.
    #[track_caller]
    pub(crate) fn printed(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        String::from_utf8(self.stdout).unwrap()
    }

    /// The one line on standard error, if that was the exit code and nothing was printed.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        let lines = self.stderr.lines().count();
        assert_eq!((self.code, lines), (Some(code), 1), "{self:?}");
        assert_eq!(self.stdout, b"", "{}", self.stderr);
        self.stderr.trim().to_owned()
    }
}

/// The tool with these arguments, which are separated by spaces.
pub(crate) fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zc"));
    command.args(arguments.split_whitespace());
    command.env_remove("ZC_PLAIN");
    command
}

pub(crate) fn start(arguments: &str) -> Tool {
    start_command(command(arguments))
}

pub(crate) fn start_command(mut command: Command) -> Tool {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    Tool {
        stdin: child.stdin.take(),
        stdout: lines(child.stdout.take().unwrap()),
        stderr: lines(child.stderr.take().unwrap()),
        child,
    }
}

/// The tool with that on its standard input, to its end.
pub(crate) fn run(arguments: &str, input: &[u8]) -> End {
    let mut tool = start(arguments);
    tool.write(input);
    tool.end()
}

/// Binds to a new endpoint, which is returned.
pub(crate) fn start_bound(arguments: &str) -> (Tool, String) {
    let tool = start(&format!("{arguments} --bind tcp://127.0.0.1:*"));
    let bound = tool.bound();
    (tool, bound)
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            // The test may have seen enough of them.
            if stream.read_until(b'\n', &mut line).unwrap() == 0 || sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

impl Tool {
    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Where it says that it is bound.
    pub(crate) fn bound(&self) -> String {
        let line = next(&self.stderr);
        let endpoint = line.strip_prefix("zc: bound to ");
        endpoint.expect(&line).to_owned()
    }

    pub(crate) fn write(&mut self, input: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(input).unwrap();
        stdin.flush().unwrap();
    }

    /// The next line on its standard output.
    pub(crate) fn line(&self) -> String {
        next(&self.stdout)
    }

    /// Skips lines on its standard error up to one with this in it.
    pub(crate) fn hears_of(&self, what: &str) {
        while !next(&self.stderr).contains(what) {}
    }

    /// SIGINT, SIGTERM, by its short name.
    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args(["-s", name, &self.id()]).status().unwrap();
        assert!(status.success());
    }

    /// Ends its input, and waits for the rest of its output and its exit code.
    pub(crate) fn end(mut self) -> End {
        drop(self.stdin.take());
        let stdout = rest(&self.stdout).concat();
        let stderr = String::from_utf8(rest(&self.stderr).concat()).unwrap();
        let code = self.child.wait().unwrap().code();
        End {
            code,
            stdout,
            stderr,
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next(lines: &Receiver<Vec<u8>>) -> String {
    let line = lines.recv_timeout(PATIENCE).expect("a line");
    String::from_utf8(line).unwrap().trim_end().to_owned()
}

/// All lines to the end of the stream.
fn rest(lines: &Receiver<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => all.push(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => return all,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end after {all:?}"),
        }
    }
}
