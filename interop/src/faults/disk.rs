//! File systems without room: what the library and the tool say about it, and that both go on.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use zmq_channels::error::BindError;
use zmq_channels::SocketType;

use crate::bench::{Outcome, Transport};
use crate::cases::NEW;
use crate::frames::text;
use crate::side::{Ours, Side, Theirs};

use super::ledger::Tally;
use super::{run, Lab, Run};

const ENOSPC: i32 = 28;

/// The exit code of `zc` for an error on the way.
const FAILURE: i32 = 1;

pub fn runs() -> Vec<Run> {
    let limit = Duration::from_secs(60);
    vec![
        run("full disk/ipc bind", (10, 100), limit, bind),
        run("full disk/zc writes", (3, 20), limit, writes),
    ]
}

/// A path that cannot be bound, for as long as nothing can be created.
fn bind(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    let context = bench.context();
    let theirs = Theirs::open(&bench.peer(NEW)?, "PUSH")?;
    let endpoint = format!("ipc://{}/socket", lab.plan.full.display());
    theirs.connect(&endpoint)?;
    for round in 0..count {
        let filled = Filled::begin(&lab.plan.full)?;
        let ours = Ours::open(&context, SocketType::Pull)?;
        match ours.socket.bind(&*endpoint) {
            Err(BindError::Io { source, .. }) if source.raw_os_error() == Some(ENOSPC) => {}
            other => return Err(format!("a full file system, and bind says {other:?}").into()),
        }
        filled.end()?;
        ours.bind(&endpoint)?;
        theirs.send(&text(&round.to_string()))?;
        ours.expect(&text(&round.to_string()))?;
        ours.socket.close_blocking();
        tally.delivered += 1;
    }
    bench.finish()
}

/// The files that leave no room for another.
struct Filled<'a>(&'a Path);

impl Filled<'_> {
    fn begin(folder: &Path) -> Outcome<Filled<'_>> {
        for number in 0.. {
            match File::create(folder.join(format!("file-{number}"))) {
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(ENOSPC) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Filled(folder))
    }

    fn end(self) -> Outcome {
        for entry in fs::read_dir(self.0)? {
            let path = entry?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("file-"))
            {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// The tool writes what it receives to a file for which there is no room.
fn writes(lab: &Lab, count: u32, tally: &mut Tally) -> Outcome {
    let bench = lab.bench();
    for _ in 0..count {
        let theirs = Theirs::open(&bench.peer(NEW)?, "PUSH")?;
        let endpoint = theirs.bind(&bench.wildcard(Transport::Tcp))?;
        let output = File::create(lab.plan.full.join("output"))?;
        let mut tool = Command::new(&lab.plan.zc)
            .args(["pull", "--connect", &endpoint])
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::piped())
            .spawn()?;
        // More than there is room for; the tool ends in between, and then no peer takes a message.
        let message = vec![vec![b'x'; 100_000]];
        while tool.try_wait()?.is_none() {
            theirs.offer(&message, Duration::from_millis(20))?;
        }
        let ended = tool.wait_with_output()?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        if ended.status.code() != Some(FAILURE) || !said.contains("standard output") {
            return Err(format!("ended with {}, saying {said:?}", ended.status).into());
        }
        fs::remove_file(lab.plan.full.join("output"))?;
        tally.delivered += 1;
        theirs.peer.kill();
    }
    bench.finish()
}
