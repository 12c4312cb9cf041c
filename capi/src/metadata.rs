//! Properties of the connection that a message was received from (zmq_msg_gets(3)).

use std::ffi::{c_char, CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zmq_channels::message::PeerInfo;

/// Whether a property was asked for.
static WANTED: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// A property is asked for: sockets that are opened from now on have messages that know it.
pub(crate) fn want() {
    WANTED.store(true, Ordering::Relaxed);
}

/// What the messages of one connection share.
pub(crate) struct Metadata {
    info: Arc<PeerInfo>,
    /// The texts that were given to users. They are not removed, because they last as long as this.
    given: Mutex<Vec<(CString, CString)>>,
}

impl Metadata {
    pub(crate) fn new(info: Arc<PeerInfo>) -> Self {
        Metadata {
            info,
            given: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn is_of(&self, info: &Arc<PeerInfo>) -> bool {
        Arc::ptr_eq(&self.info, info)
    }

    /// The value of a property as a text that lasts as long as this does.
    pub(crate) fn text(&self, name: &CStr) -> Option<*const c_char> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, value)) = given.iter().find(|(known, _)| **known == *name) {
            return Some(value.as_ptr());
        }
        let value = self.find(name.to_str().ok()?)?;
        let value = CString::new(value).ok()?;
        // The text of a `CString` does not move with it.
        let text = value.as_ptr();
        given.push((name.to_owned(), value));
        Some(text)
    }

    fn find(&self, name: &str) -> Option<Vec<u8>> {
        let identity = &self.info.identity;
        match name {
            "Peer-Address" => {
                // libzmq's has no port.
                let remote = self.info.remote.as_ref()?;
                let host = remote.host()?;
                Some(host.as_bytes().to_vec())
            }
            "Routing-Id" | "Identity" if identity.version.is_some() => {
                Some(identity.routing_id.to_vec())
            }
            "Socket-Type" => {
                let kind = identity.socket_type?;
                Some(kind.to_string().into_bytes())
            }
            _ => identity.property(name).map(<[u8]>::to_vec),
        }
    }
}
