//! The client's half of SOCKS 5 (RFC 1928) with user names and passwords (RFC 1929): bytes in,
//! bytes out. Its caller reads no more than [`wanted`](Handshake::wanted): what comes
//! behind the last reply is from the peer.

use std::fmt;
use std::io;

use crate::endpoint::{Address, Endpoint, Host};
use crate::options::SocksProxy;

/// RFC 1928, 3.
const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
/// RFC 1929, 2: the version of the negotiation, which is not that of SOCKS.
const NEGOTIATION: u8 = 1;
/// RFC 1928, 4.
const CONNECT: u8 = 1;
/// RFC 1928, 5.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The longest reply: four bytes, a name of 255 and its length, a port.
pub(crate) const LONGEST: usize = 4 + 1 + 255 + 2;

/// One connection on its way through a proxy.
pub(crate) struct Handshake {
    credentials: Option<(String, String)>,
    /// The request to connect, for when its turn comes.
    request: Vec<u8>,
    state: State,
    to_send: Vec<u8>,
    /// The beginning of a reply.
    reply: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// For the method the proxy chooses.
    AwaitingMethod,
    /// For what it says to user name and password.
    AwaitingVerdict,
    /// For the end of its reply to the request.
    AwaitingConnection,
    Done,
}

impl Handshake {
    /// To `endpoint` through `proxy`; none for an endpoint that is not of TCP.
    pub(crate) fn new(endpoint: &Endpoint, proxy: &SocksProxy) -> Option<Handshake> {
        let Address::Tcp { host, port, .. } = endpoint.address() else {
            return None;
        };
        let method = match proxy.credentials {
            None => NO_AUTHENTICATION,
            Some(_) => USER_AND_PASSWORD,
        };
        Some(Handshake {
            credentials: proxy.credentials.clone(),
            request: request(host, *port),
            state: State::AwaitingMethod,
            // One method, and it is this.
            to_send: vec![VERSION, 1, method],
            reply: Vec::new(),
        })
    }

    /// What is to be written now.
    pub(crate) fn pending(&self) -> &[u8] {
        &self.to_send
    }

    /// That many of the pending bytes have been written.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.to_send.drain(..bytes.min(self.to_send.len()));
    }

    /// How many bytes to read now, at most.
    pub(crate) fn wanted(&self) -> usize {
        let whole = match self.state {
            State::Done => 0,
            State::AwaitingMethod | State::AwaitingVerdict => 2,
            State::AwaitingConnection => reply_length(&self.reply),
        };
        whole.saturating_sub(self.reply.len())
    }

    /// Whether the stream is the peer's from here on.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes that have been read: no more than were wanted.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> io::Result<()> {
        debug_assert!(bytes.len() <= self.wanted(), "the rest is the peer's");
        self.reply.extend_from_slice(bytes);
        // A wrong beginning says how long the rest is in another protocol.
        if self.state == State::AwaitingConnection {
            check_reply(&self.reply)?;
        }
        if self.wanted() > 0 {
            return Ok(());
        }
        let reply = std::mem::take(&mut self.reply);
        self.state = match self.state {
            State::AwaitingMethod => self.choose(&reply)?,
            State::AwaitingVerdict => self.judged(&reply)?,
            State::AwaitingConnection | State::Done => State::Done,
        };
        Ok(())
    }

    /// RFC 1928, 3: the method the proxy chose.
    fn choose(&mut self, reply: &[u8]) -> io::Result<State> {
        match (reply, &self.credentials) {
            ([VERSION, NO_AUTHENTICATION], None) => Ok(self.ask()),
            ([VERSION, USER_AND_PASSWORD], Some((user, password))) => {
                // RFC 1929, 2.
                self.to_send.push(NEGOTIATION);
                for text in [user, password] {
                    self.to_send.push(text.len() as u8);
                    self.to_send.extend_from_slice(text.as_bytes());
                }
                Ok(State::AwaitingVerdict)
            }
            ([VERSION, 0xff], None) => Err(denied("wants to know who we are")),
            ([VERSION, 0xff], Some(_)) => Err(denied("takes no user names")),
            ([VERSION, _], _) => Err(broken("chose a method that was not offered")),
            _ => Err(broken("does not speak version 5")),
        }
    }

    /// RFC 1929, 2: anything but zero means no.
    fn judged(&mut self, reply: &[u8]) -> io::Result<State> {
        match reply {
            [NEGOTIATION, 0] => Ok(self.ask()),
            [NEGOTIATION, _] => Err(denied("does not take this user name and password")),
            _ => Err(broken("answers the password in another version")),
        }
    }

    fn ask(&mut self) -> State {
        self.to_send.append(&mut self.request);
        State::AwaitingConnection
    }
}

/// Says nothing of passwords.
impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// RFC 1928, 4 and 5.
fn request(host: &Host, port: u16) -> Vec<u8> {
    let mut bytes = vec![VERSION, CONNECT, 0];
    match host {
        Host::V4(ip) => {
            bytes.push(IPV4);
            bytes.extend_from_slice(&ip.octets());
        }
        // A zone is about our interfaces, not about the proxy's.
        Host::V6(ip, _) => {
            bytes.push(IPV6);
            bytes.extend_from_slice(&ip.octets());
        }
        // Nothing connects to `*`: the endpoint's parser sees to that.
        Host::Name(_) | Host::Any => {
            let name = host.to_string();
            debug_assert!(u8::try_from(name.len()).is_ok(), "as the endpoint's parser");
            bytes.extend_from_slice(&[NAME, name.len() as u8]);
            bytes.extend_from_slice(name.as_bytes());
        }
    }
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes
}

/// RFC 1928, 6: how long the reply is, as far as its beginning tells. The proxy also says from
/// where it connected, which is of no use to us.
fn reply_length(beginning: &[u8]) -> usize {
    let address = match beginning {
        [_, _, _, IPV4, ..] => 4,
        [_, _, _, IPV6, ..] => 16,
        [_, _, _, NAME, length, ..] => 1 + usize::from(*length),
        // The length of a name comes next; before that, the kind of address.
        [_, _, _, _, ..] => return 5,
        _ => return 4,
    };
    4 + address + 2
}

fn check_reply(beginning: &[u8]) -> io::Result<()> {
    debug_assert!(beginning.len() <= LONGEST);
    match beginning {
        [version, ..] if *version != VERSION => Err(broken("does not speak version 5")),
        [_, reply, ..] if *reply != 0 => Err(refused(*reply)),
        [_, _, _, kind, ..] if ![IPV4, NAME, IPV6].contains(kind) => {
            Err(broken("answers with an address of an unknown kind"))
        }
        _ => Ok(()),
    }
}

fn refused(reply: u8) -> io::Error {
    let why = match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "kind of address not supported",
        _ => "a failure without a name",
    };
    io::Error::other(format!("the proxy could not connect: {why} ({reply})"))
}

fn denied(what: &str) -> io::Error {
    let text = format!("the proxy {what}");
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

fn broken(what: &str) -> io::Error {
    let text = format!("the proxy {what}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(to: &str, credentials: Option<(&str, &str)>) -> Handshake {
        let mut proxy = SocksProxy::new("127.0.0.1:1080");
        if let Some((user, password)) = credentials {
            proxy = proxy.credentials(user, password);
        }
        Handshake::new(&to.parse().unwrap(), &proxy).unwrap()
    }

    /// Writes all that is pending, in one go or byte by byte.
    fn said(handshake: &mut Handshake, step: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !handshake.pending().is_empty() {
            let some = handshake.pending().len().min(step);
            all.extend_from_slice(&handshake.pending()[..some]);
            handshake.advance(some);
        }
        all
    }

    /// Receives `bytes`, at most `step` at a time and never more than are wanted; returns how many
    /// it took.
    fn hear(handshake: &mut Handshake, bytes: &[u8], step: usize) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() {
            let some = handshake.wanted().min(step).min(bytes.len() - taken);
            if some == 0 {
                break;
            }
            handshake.receive(&bytes[taken..taken + some])?;
            taken += some;
        }
        Ok(taken)
    }

    const FINE: &[u8] = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00";

    #[test]
    fn every_address_and_reply_cut_at_every_byte() {
        let requests: [(&str, &[u8]); 3] = [
            (
                "tcp://192.0.2.7:5555",
                b"\x05\x01\x00\x01\xc0\x00\x02\x07\x15\xb3",
            ),
            (
                "tcp://[2001:db8::1]:80",
                b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50",
            ),
            (
                "tcp://127.0.0.1:0;zmq.example:1",
                b"\x05\x01\x00\x03\x0bzmq.example\x00\x01",
            ),
        ];
        let replies: [&[u8]; 4] = [
            FINE,
            b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x04\x38",
            b"\x05\x00\x00\x03\x03abc\x04\x38",
            b"\x05\x00\x00\x03\x00\x04\x38",
        ];
        for (to, request) in requests {
            for reply in replies {
                for step in [1, 2, 3, 7, usize::MAX] {
                    let mut socks = handshake(to, None);
                    assert_eq!(said(&mut socks, step), b"\x05\x01\x00");
                    assert_eq!(hear(&mut socks, b"\x05\x00", step).unwrap(), 2);
                    assert_eq!(said(&mut socks, step), request);
                    assert!(!socks.is_done());
                    // What comes behind the reply is left for the peer's reader.
                    let behind = [reply, b"\xff greeting"].concat();
                    assert_eq!(hear(&mut socks, &behind, step).unwrap(), reply.len());
                    assert!(socks.is_done());
                    assert_eq!(socks.wanted(), 0);
                    assert!(socks.pending().is_empty());
                }
            }
        }
    }

    #[test]
    fn user_name_and_password() {
        for step in [1, usize::MAX] {
            let mut socks = handshake("tcp://h:1", Some(("user", "secret")));
            assert_eq!(said(&mut socks, step), b"\x05\x01\x02");
            hear(&mut socks, b"\x05\x02", step).unwrap();
            assert_eq!(said(&mut socks, step), b"\x01\x04user\x06secret");
            hear(&mut socks, b"\x01\x00", step).unwrap();
            assert_eq!(said(&mut socks, step), b"\x05\x01\x00\x03\x01h\x00\x01");
            hear(&mut socks, FINE, step).unwrap();
            assert!(socks.is_done());
        }
        let socks = handshake("tcp://h:1", Some(("user", "secret")));
        assert!(!format!("{socks:?}").contains("secret"));
    }

    #[test]
    fn refusals_and_malformed_replies_are_errors() {
        type Case<'a> = (Option<(&'a str, &'a str)>, &'a [u8], &'a str);
        let known = Some(("u", "p"));
        let cases: [Case<'_>; 10] = [
            (None, b"\x04\x00", "version 5"),
            (None, b"\x05\xff", "who we are"),
            (known, b"\x05\xff", "no user names"),
            (None, b"\x05\x02", "not offered"),
            (known, b"\x05\x00", "not offered"),
            (known, b"\x05\x02\x01\x01", "does not take this"),
            (known, b"\x05\x02\x05\x00", "another version"),
            (None, b"\x05\x00\x04", "version 5"),
            (None, b"\x05\x00\x05\x05", "connection refused (5)"),
            (None, b"\x05\x00\x05\x00\x00\x02", "unknown kind"),
        ];
        for (credentials, bytes, why) in cases {
            for step in [1, usize::MAX] {
                let mut socks = handshake("tcp://h:1", credentials);
                let error = hear(&mut socks, bytes, step).unwrap_err();
                assert!(error.to_string().contains(why), "{error}, not {why}");
                assert!(!socks.is_done());
            }
        }
    }
}
