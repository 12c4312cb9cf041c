//! ZAP 1.0 (RFC 27): the question whether a peer may come in, and what the answer means.

use super::metadata::{put_property, Metadata};
use crate::message::{Frame, Message};
use crate::security::{AuthenticatorFault, Credentials};

/// The version, as it stands in requests and replies (RFC 27, The ZAP Request).
const VERSION: &str = "1.0";

/// The request id. Each request has its own connection to the handler, so one is enough;
/// libzmq's is the same.
const REQUEST_ID: &str = "1";

/// Whom the question is about, besides what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applicant {
    /// Where its address comes from.
    pub(crate) address: String,
    /// The domain of the socket it wants to talk to.
    pub(crate) domain: String,
    /// The routing id of that socket. (RFC 27 means the applicant's own; libzmq does not.)
    pub(crate) routing_id: Vec<u8>,
}

/// What was made of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Allowed(Allowed),
    /// There was no handler, and none is needed.
    Unjudged,
    Denied {
        /// 300, 400 or 500.
        status: u16,
        /// For people to read.
        text: String,
    },
    Failed(AuthenticatorFault),
}

/// What an answer tells of a peer that may come in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Who it is.
    pub(crate) user_id: Option<String>,
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
}

/// The frames of a request, with the delimiter in front (RFC 27, The ZAP Request).
pub(crate) fn request(applicant: &Applicant, credentials: &Credentials) -> Message {
    let mut message = Message::from([
        "",
        VERSION,
        REQUEST_ID,
        &applicant.domain,
        &applicant.address,
    ]);
    message.push_back(&applicant.routing_id);
    message.push_back(credentials.mechanism().name());
    match credentials {
        Credentials::Null => {}
        Credentials::Plain { username, password } => {
            message.push_back(username.clone());
            message.push_back(password.clone());
        }
        #[cfg(feature = "curve")]
        Credentials::Curve(key) => message.push_back(key.as_bytes()),
    }
    message
}

/// Whom a request is about, without its delimiter; `None` if it is not of ZAP 1.0, or of a
/// mechanism that is not known here.
pub(crate) fn read_request(request: &Message) -> Option<(Applicant, Credentials)> {
    let [version, _id, domain, address, routing_id, mechanism, shown @ ..] = request.frames()
    else {
        return None;
    };
    if *version != VERSION {
        return None;
    }
    let text = |frame: &Frame| String::from_utf8(frame.to_vec()).ok();
    let credentials = match (&mechanism[..], shown) {
        (b"NULL", []) => Credentials::Null,
        (b"PLAIN", [username, password]) => Credentials::Plain {
            username: username.clone(),
            password: password.clone(),
        },
        #[cfg(feature = "curve")]
        (b"CURVE", [key]) => Credentials::Curve(key[..].try_into().ok()?),
        _ => return None,
    };
    let applicant = Applicant {
        address: text(address)?,
        domain: text(domain)?,
        routing_id: routing_id.to_vec(),
    };
    Some((applicant, credentials))
}

/// The answer to a request, both without a delimiter (RFC 27, The ZAP Reply). Names that no
/// property can have make it unreadable.
pub(crate) fn reply(
    request: &Message,
    status: &str,
    text: &str,
    user_id: &str,
    properties: &[(String, Vec<u8>)],
) -> Message {
    let mut metadata = Vec::new();
    for (name, value) in properties {
        // A property without a name is none. Lengths have one byte for names and four for values.
        let fits = name.len() <= 255 && u32::try_from(value.len()).is_ok();
        put_property(&mut metadata, if fits { name } else { "" }, value);
    }
    let id = request.get(1).cloned().unwrap_or_default();
    let mut reply = Message::from(VERSION);
    reply.push_back(id);
    reply.push_back(status);
    reply.push_back(text);
    reply.push_back(user_id);
    reply.push_back(metadata);
    reply
}

/// What a reply means, delimiter included (RFC 27, The ZAP Reply).
pub(crate) fn judgement(reply: &Message) -> Judgement {
    read(reply).unwrap_or_else(Judgement::Failed)
}

fn read(reply: &Message) -> Result<Judgement, AuthenticatorFault> {
    let [delimiter, version, id, status, text, user_id, metadata] = reply.frames() else {
        return Err(AuthenticatorFault::MalformedReply);
    };
    if !delimiter.is_empty() {
        return Err(AuthenticatorFault::MalformedReply);
    }
    if *version != VERSION {
        return Err(AuthenticatorFault::BadVersion);
    }
    if *id != REQUEST_ID {
        return Err(AuthenticatorFault::BadRequestId);
    }
    let status = match &status[..] {
        b"200" => 200,
        b"300" => 300,
        b"400" => 400,
        b"500" => 500,
        _ => return Err(AuthenticatorFault::InvalidStatusCode),
    };
    let Ok(metadata) = Metadata::parse(metadata) else {
        return Err(AuthenticatorFault::InvalidMetadata);
    };
    if status != 200 {
        let text = super::close_reason::readable(text);
        return Ok(Judgement::Denied { status, text });
    }
    let user_id = std::str::from_utf8(user_id).map_err(|_| AuthenticatorFault::MalformedReply)?;
    Ok(Judgement::Allowed(Allowed {
        user_id: Some(user_id.to_owned()).filter(|user| !user.is_empty()),
        metadata: metadata.into_properties(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applicant() -> Applicant {
        Applicant {
            address: "127.0.0.1".into(),
            domain: "global".into(),
            routing_id: b"me".to_vec(),
        }
    }

    fn reply(change: impl FnOnce(&mut Vec<Frame>)) -> Judgement {
        let mut frames: Vec<Frame> = ["", "1.0", "1", "200", "OK", "anna"]
            .map(Frame::from)
            .into();
        frames.push(Frame::from(b"\x01k\0\0\0\x02vv"));
        change(&mut frames);
        judgement(&Message::from_frames(frames))
    }

    #[test]
    fn requests_are_the_frames_of_the_rfc() {
        let plain = Credentials::Plain {
            username: "admin".into(),
            password: "secret".into(),
        };
        let request = request(&applicant(), &plain);
        let expected = [
            "",
            "1.0",
            "1",
            "global",
            "127.0.0.1",
            "me",
            "PLAIN",
            "admin",
            "secret",
        ];
        assert_eq!(request, Message::from(expected));
        let null = super::request(&applicant(), &Credentials::Null);
        assert_eq!(null.frames()[..6], request.frames()[..6]);
        assert_eq!(null.frames()[6..], [Frame::from("NULL")]);
    }

    #[test]
    fn requests_and_replies_parse_back() {
        let plain = Credentials::Plain {
            username: "admin".into(),
            password: "secret".into(),
        };
        for credentials in [Credentials::Null, plain] {
            let mut request = request(&applicant(), &credentials);
            request.pop_front();
            let read = read_request(&request);
            assert_eq!(read, Some((applicant(), credentials)));
            let properties = [("k".to_owned(), b"v".to_vec())];
            let mut reply = super::reply(&request, "200", "OK", "anna", &properties);
            reply.push_front("");
            let allowed = Allowed {
                user_id: Some("anna".into()),
                metadata: properties.to_vec(),
            };
            assert_eq!(judgement(&reply), Judgement::Allowed(allowed));
            for cut in 0..request.len() {
                let frames = request.frames()[..cut].to_vec();
                assert_eq!(read_request(&Message::from_frames(frames)), None, "{cut}");
            }
            let mut longer = request.clone();
            longer.push_back("");
            assert_eq!(read_request(&longer), None);
        }
    }

    #[test]
    fn an_accepting_reply_contains_the_user_id() {
        let allowed = Allowed {
            user_id: Some("anna".into()),
            metadata: vec![("k".into(), b"vv".to_vec())],
        };
        assert_eq!(reply(|_| {}), Judgement::Allowed(allowed));
        let unknown = reply(|frames| {
            frames[5] = Frame::empty();
            frames[6] = Frame::empty();
        });
        assert_eq!(unknown, Judgement::Allowed(Allowed::default()));
    }

    #[test]
    fn rejections_have_a_status_and_a_readable_text() {
        for status in [300, 400, 500] {
            let denied = reply(|frames| {
                frames[3] = status.to_string().into();
                frames[4] = "no\n".into();
            });
            let text = "no\u{fffd}".to_owned();
            assert_eq!(denied, Judgement::Denied { status, text });
        }
    }

    #[test]
    fn malformed_replies_are_faults_of_the_handler() {
        type Change = fn(&mut Vec<Frame>);
        let cases: [(Change, AuthenticatorFault); 13] = [
            (|frames| frames.clear(), AuthenticatorFault::MalformedReply),
            (
                |frames| frames.truncate(6),
                AuthenticatorFault::MalformedReply,
            ),
            (
                |frames| frames.push("".into()),
                AuthenticatorFault::MalformedReply,
            ),
            (
                |frames| frames[0] = "x".into(),
                AuthenticatorFault::MalformedReply,
            ),
            (
                |frames| frames[5] = b"\xff".into(),
                AuthenticatorFault::MalformedReply,
            ),
            (
                |frames| frames[1] = "1.1".into(),
                AuthenticatorFault::BadVersion,
            ),
            (
                |frames| frames[2] = "2".into(),
                AuthenticatorFault::BadRequestId,
            ),
            (
                |frames| frames[2] = "".into(),
                AuthenticatorFault::BadRequestId,
            ),
            (
                |frames| frames[3] = "201".into(),
                AuthenticatorFault::InvalidStatusCode,
            ),
            (
                |frames| frames[3] = "2000".into(),
                AuthenticatorFault::InvalidStatusCode,
            ),
            (
                |frames| frames[3] = "".into(),
                AuthenticatorFault::InvalidStatusCode,
            ),
            (
                |frames| frames[6] = "x".into(),
                AuthenticatorFault::InvalidMetadata,
            ),
            (
                |frames| frames[6] = b"\x01k\0\0\0\x02v".into(),
                AuthenticatorFault::InvalidMetadata,
            ),
        ];
        for (index, (change, fault)) in cases.into_iter().enumerate() {
            assert_eq!(reply(change), Judgement::Failed(fault), "case {index}");
        }
    }
}
