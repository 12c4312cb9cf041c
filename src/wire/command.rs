//! Commands, which peers exchange besides messages (RFC 37, Commands).

use super::close_reason::{readable, CommandPart};
use super::CloseReason;

/// Maximum size of the context in a PING or PONG, in bytes (RFC 37, Connection Heartbeating).
pub(super) const MAX_CONTEXT: usize = 16;

/// Sent by libzmq's PLAIN (4.3.2 to 4.3.5 at least) in place of ERROR: in its C++ source the
/// `\x05E` of `"\x05ERROR"` is one byte.
const LIBZMQ_PLAIN_ERROR: &[u8] = b"\x5eRROR";

/// A parsed command; borrows the body of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// Metadata, to be parsed by [`Metadata`](super::metadata::Metadata).
    Ready(&'a [u8]),
    /// The reason, as text for people.
    Error(&'a [u8]),
    /// The client's first command (PLAIN and CURVE).
    Hello(&'a [u8]),
    /// The server's reply (PLAIN and CURVE).
    Welcome(&'a [u8]),
    /// The client's next command (PLAIN and CURVE).
    Initiate(&'a [u8]),
    /// A prefix.
    Subscribe(&'a [u8]),
    /// A prefix.
    Cancel(&'a [u8]),
    /// A group (RFC 48).
    Join(&'a [u8]),
    /// A group (RFC 48).
    Leave(&'a [u8]),
    /// The time-to-live in tenths of a second, 0 for none, and the context to return.
    Ping { ttl: u16, context: &'a [u8] },
    /// The context of the PING it replies to.
    Pong(&'a [u8]),
    /// The name of any other command.
    Other(&'a [u8]),
}

impl<'a> Command<'a> {
    /// Parses the body of a command frame.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, CloseReason> {
        let Some((name, data)) = split_short(body) else {
            return match body.strip_prefix(LIBZMQ_PLAIN_ERROR) {
                Some(data) => error(data),
                None => Err(CloseReason::MalformedCommand(
                    CommandPart::Other,
                    "the name exceeds the body",
                )),
            };
        };
        match name {
            [] => Err(CloseReason::MalformedCommand(
                CommandPart::Other,
                "the name is empty",
            )),
            b"READY" => Ok(Command::Ready(data)),
            b"ERROR" => error(data),
            b"HELLO" => Ok(Command::Hello(data)),
            b"WELCOME" => Ok(Command::Welcome(data)),
            b"INITIATE" => Ok(Command::Initiate(data)),
            b"SUBSCRIBE" => Ok(Command::Subscribe(data)),
            b"CANCEL" => Ok(Command::Cancel(data)),
            b"JOIN" => group(data).map(Command::Join),
            b"LEAVE" => group(data).map(Command::Leave),
            b"PING" => match data.split_first_chunk() {
                Some((ttl, context)) => Ok(Command::Ping {
                    ttl: u16::from_be_bytes(*ttl),
                    context: &context[..context.len().min(MAX_CONTEXT)],
                }),
                None => Err(CloseReason::MalformedCommand(
                    CommandPart::Other,
                    "PING without time-to-live",
                )),
            },
            b"PONG" => Ok(Command::Pong(data)),
            other => Ok(Command::Other(other)),
        }
    }

    /// The error of receiving this command when it is not allowed.
    pub(super) fn unexpected(self) -> CloseReason {
        let name: &[u8] = match self {
            Command::Ready(_) => b"READY",
            Command::Error(_) => b"ERROR",
            Command::Hello(_) => b"HELLO",
            Command::Welcome(_) => b"WELCOME",
            Command::Initiate(_) => b"INITIATE",
            Command::Subscribe(_) => b"SUBSCRIBE",
            Command::Cancel(_) => b"CANCEL",
            Command::Join(_) => b"JOIN",
            Command::Leave(_) => b"LEAVE",
            Command::Ping { .. } => b"PING",
            Command::Pong(_) => b"PONG",
            Command::Other(name) => name,
        };
        CloseReason::UnexpectedCommand(format!("{} command", readable(name)))
    }
}

/// RFC 37, The ERROR Command: a reason of up to 255 bytes.
fn error(data: &[u8]) -> Result<Command<'_>, CloseReason> {
    match (split_short(data), data) {
        (Some((reason, _)), _) => Ok(Command::Error(reason)),
        // CURVE of libzmq 4.1 sends a status of three digits after a length that does not belong to
        // it.
        (None, [_, status @ ..]) if status.len() == 3 && status.iter().all(u8::is_ascii_digit) => {
            Ok(Command::Error(status))
        }
        (None, _) => Err(CloseReason::MalformedCommand(
            CommandPart::Error,
            "ERROR with a cut reason",
        )),
    }
}

/// RFC 48: the name of a group has up to 255 bytes.
fn group(data: &[u8]) -> Result<&[u8], CloseReason> {
    match data.len() {
        0..=255 => Ok(data),
        _ => Err(CloseReason::MalformedCommand(
            CommandPart::Other,
            "a group of more than 255 bytes",
        )),
    }
}

/// Splits off a field of up to 255 bytes that is preceded by its length.
pub(super) fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_parsed() {
        let parse = Command::parse;
        assert_eq!(parse(b"\x05READYabc"), Ok(Command::Ready(b"abc")));
        assert_eq!(parse(b"\x05ERROR\x03400"), Ok(Command::Error(b"400")));
        assert_eq!(parse(b"\x05HELLO\0\0"), Ok(Command::Hello(b"\0\0")));
        assert_eq!(parse(b"\x07WELCOME"), Ok(Command::Welcome(b"")));
        assert_eq!(parse(b"\x08INITIATEx"), Ok(Command::Initiate(b"x")));
        assert_eq!(parse(b"\x05ERROR\x08400"), Ok(Command::Error(b"400")));
        assert_eq!(parse(b"\x5eRROR\x03400"), Ok(Command::Error(b"400")));
        assert_eq!(parse(b"\x09SUBSCRIBE"), Ok(Command::Subscribe(b"")));
        assert_eq!(parse(b"\x06CANCELA"), Ok(Command::Cancel(b"A")));
        assert_eq!(parse(b"\x04JOINgroup"), Ok(Command::Join(b"group")));
        assert_eq!(parse(b"\x05LEAVE"), Ok(Command::Leave(b"")));
        let longest = [b"\x04JOIN".as_slice(), &[b'g'; 255]].concat();
        assert_eq!(parse(&longest), Ok(Command::Join(&longest[5..])));
        let longer = [longest.as_slice(), b"g"].concat();
        assert!(matches!(
            parse(&longer),
            Err(CloseReason::MalformedCommand(..))
        ));
        assert_eq!(
            parse(b"\x04PING\x01\x02ctx"),
            Ok(Command::Ping {
                ttl: 258,
                context: b"ctx"
            })
        );
        assert_eq!(parse(b"\x04PONGctx"), Ok(Command::Pong(b"ctx")));
        assert_eq!(parse(b"\x03NEWx"), Ok(Command::Other(b"NEW")));
    }

    #[test]
    fn an_overlong_context_is_cut() {
        let mut body = b"\x04PING\0\0".to_vec();
        body.extend([7; 65]);
        assert_eq!(
            Command::parse(&body),
            Ok(Command::Ping {
                ttl: 0,
                context: &[7; 16]
            })
        );
    }

    #[test]
    fn malformed_commands_are_refused() {
        for body in [
            &b""[..],
            b"\0",
            b"\x05READ",
            b"\x05ERROR",
            b"\x05ERROR\x04abc",
            b"\x05ERROR\x084000",
            b"\x05ERROR\x08abc",
            b"\x5eRROR",
            b"\x5eRROR\x04abc",
            b"\x04PING",
            b"\x04PING\0",
        ] {
            let read = Command::parse(body);
            assert!(
                matches!(read, Err(CloseReason::MalformedCommand(..))),
                "{body:?} read as {read:?}"
            );
        }
    }
}
