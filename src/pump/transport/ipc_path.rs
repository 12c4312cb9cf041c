//! The files of ipc listeners.
//!
//! A path outlives the process that bound it, so binding must distinguish a stale file from a
//! listener, while other processes may be binding too. Hence a path is *published*: the socket
//! first listens under a private name, and then that file gets the path by a hard link, which fails
//! if the path exists. A socket at a path is therefore always listening or stale. (Tools that list
//! sockets show the first name, the path with a suffix.) If there are no hard links, or no room for
//! the suffix, the path itself is bound, and counts as stale for a moment until it listens.
//!
//! A stale file is removed under a lock: between the check and the removal, no other process can
//! have removed it, and as long as it exists none can have replaced it by a listener. The lock is a
//! file beside it, which is removed with its holder. Systems other than Linux have no such lock:
//! there several processes that find the same stale file at the same moment may all succeed.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::{SockAddr, Socket};

use super::invalid;
use super::ipc::{listen, non_blocking};
use crate::options::Options;

/// Maximum number of times that the file of a lock may be gone once the lock is taken.
#[cfg(target_os = "linux")]
const LOCK_ATTEMPTS: usize = 16;
/// Maximum number of times that a random name may be taken already.
const NAME_ATTEMPTS: usize = 16;
/// The environment variables that may name a directory for temporary files, in libzmq's order.
const TEMPORARY_DIRECTORY_VARIABLES: [&str; 3] = ["TMPDIR", "TEMPDIR", "TMP"];

pub(super) fn bind_path(path: &Path, options: &Options) -> io::Result<(Socket, BoundFile)> {
    match publish(path, options) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {}
        result => return result,
    }
    // Before the lock, so that finding a listener there creates no file.
    if !is_stale(path)? {
        return Err(ErrorKind::AddrInUse.into());
    }
    // The process that has the lock is about to listen here.
    let _lock = PathLock::take(path)?.ok_or(ErrorKind::AddrInUse)?;
    if !is_stale(path)? {
        return Err(ErrorKind::AddrInUse.into());
    }
    unless_gone(fs::remove_file(path))?;
    publish(path, options)
}

/// Listens at a path that does not exist yet; `AddrInUse` if it does.
fn publish(path: &Path, options: &Options) -> io::Result<(Socket, BoundFile)> {
    let private = with_suffix(path);
    let Ok(address) = SockAddr::unix(&private) else {
        // There is no room for the suffix.
        return listen_at(path, options);
    };
    let published = std::path::absolute(path)?;
    let socket = listen(&address, options)?;
    let private = BoundFile::new(&private)?;
    match fs::hard_link(&private.path, path) {
        // Dropping `private` removes its name only: the file exists under the other.
        Ok(()) => Ok((socket, private.also_at(published))),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(ErrorKind::AddrInUse.into()),
        // There are no hard links here.
        Err(_) => listen_at(path, options),
    }
}

fn listen_at(path: &Path, options: &Options) -> io::Result<(Socket, BoundFile)> {
    let socket = listen(&SockAddr::unix(path)?, options)?;
    Ok((socket, BoundFile::new(path)?))
}

/// The right to remove a file at a path.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct PathLock {
    file: fs::File,
    path: PathBuf,
}

#[cfg(target_os = "linux")]
impl PathLock {
    /// `None` if another process has it.
    fn take(path: &Path) -> io::Result<Option<PathLock>> {
        use rustix::fs::{flock, FlockOperation};

        let mut name = path.as_os_str().to_owned();
        name.push(".zmq-lock");
        let path = std::path::absolute(PathBuf::from(name))?;
        for _ in 0..LOCK_ATTEMPTS {
            let file = match open_lock(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file?,
            };
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                result => result?,
            }
            // Its last holder may have removed it since it was opened.
            let still_there = match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                found => is_same_file(&found?, &file.metadata()?),
            };
            if still_there {
                return Ok(Some(PathLock { file, path }));
            }
        }
        Ok(None)
    }
}

/// Opens an empty file, a new one or one left by a holder that died. An error for anything else,
/// which must not be removed.
#[cfg(target_os = "linux")]
fn open_lock(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    match options.write(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        result => return result,
    }
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() || metadata.len() > 0 {
        let text = format!("{} is in the way", path.display());
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    fs::File::open(path)
}

#[cfg(target_os = "linux")]
fn is_same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    one.dev() == other.dev() && one.ino() == other.ino()
}

#[cfg(target_os = "linux")]
impl Drop for PathLock {
    fn drop(&mut self) {
        // Before the lock is released: the next process that gets it sees that the file is gone.
        let _ = fs::remove_file(&self.path);
        let _ = rustix::fs::flock(&self.file, rustix::fs::FlockOperation::Unlock);
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct PathLock;

#[cfg(not(target_os = "linux"))]
impl PathLock {
    fn take(_path: &Path) -> io::Result<Option<PathLock>> {
        Ok(Some(PathLock))
    }
}

/// Whether no process listens at this socket, or the path does not exist. An error for anything but
/// a socket, which must not be removed.
fn is_stale(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "a file that is not a socket is in the way",
            ));
        }
        result => result?,
    };
    // A full backlog, a missing permission or a socket of another type all mean that a process is
    // there. (Not so on BSD, where a full backlog refuses as well.)
    let refused = match non_blocking()?.connect(&SockAddr::unix(path)?) {
        Ok(()) => false,
        Err(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused | ErrorKind::NotFound
        ),
    };
    Ok(refused)
}

fn unless_gone(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", random_name()));
    name.into()
}

/// Six unpredictable characters: the standard library seeds its hash maps at random.
fn random_name() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = RandomState::new().build_hasher().finish();
    let mut name = String::with_capacity(6);
    for _ in 0..6 {
        name.push(char::from(ALPHABET[(random % 32) as usize]));
        random /= 32;
    }
    name
}

pub(super) fn bind_wildcard(options: &Options) -> io::Result<(Socket, BoundFile)> {
    let parent = temporary_directory(|variable| std::env::var(variable).ok())?;
    let directory = PrivateDirectory::create_in(&parent)?;
    // No other user can write there, so there is no race, and no need to publish.
    let (socket, mut file) = listen_at(&directory.0.join("socket"), options)?;
    file.directory = Some(directory);
    Ok((socket, file))
}

/// The first variable that names a directory, or else the system's own. The path must be absolute,
/// as it becomes part of an endpoint for other processes, and UTF-8, as endpoints are.
pub(super) fn temporary_directory(
    variable: impl Fn(&str) -> Option<String>,
) -> io::Result<PathBuf> {
    let named = TEMPORARY_DIRECTORY_VARIABLES
        .into_iter()
        .filter_map(variable)
        .map(PathBuf::from)
        .find(|path| path.is_absolute() && path.is_dir());
    let path = named.unwrap_or_else(std::env::temp_dir);
    if path.to_str().is_none() {
        return Err(directory_is_not_text());
    }
    Ok(path)
}

pub(super) fn directory_is_not_text() -> io::Error {
    invalid("the directory for temporary files has a name that is not UTF-8")
}

/// A directory that only this user may enter, removed on drop if it is empty.
#[derive(Debug)]
struct PrivateDirectory(PathBuf);

impl PrivateDirectory {
    fn create_in(parent: &Path) -> io::Result<PrivateDirectory> {
        for _ in 0..NAME_ATTEMPTS {
            let path = parent.join(format!("zmq-channels-{}", random_name()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                result => return result.map(|()| PrivateDirectory(path)),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// The file of a bound socket, removed on drop unless another has replaced it.
#[derive(Debug)]
pub(super) struct BoundFile {
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
    /// Dropped after the file is removed, when the directory is empty.
    directory: Option<PrivateDirectory>,
}

impl BoundFile {
    pub(super) fn new(path: &Path) -> io::Result<BoundFile> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(BoundFile {
            // The process may have changed its working directory when the file is to be removed.
            path: std::path::absolute(path)?,
            device: metadata.dev(),
            inode: metadata.ino(),
            directory: None,
        })
    }

    /// The same file under another, absolute name.
    fn also_at(&self, path: PathBuf) -> BoundFile {
        BoundFile {
            path,
            device: self.device,
            inode: self.inode,
            directory: None,
        }
    }
}

impl BoundFile {
    /// Removes the file, if it is still there and still the same.
    pub(super) fn remove(&self) -> io::Result<()> {
        let is_ours =
            |metadata: fs::Metadata| metadata.dev() == self.device && metadata.ino() == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

impl Drop for BoundFile {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}
