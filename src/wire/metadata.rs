//! Metadata: named properties that peers exchange in READY (RFC 37, Metadata).

use super::{CloseReason, CommandPart, Config};

/// Peers announce two or three properties and a few of their users' own. 128 leaves room, and
/// limits the work of a handshake.
pub(super) const MAX_PROPERTIES: usize = 128;

/// The properties of one peer, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata(Vec<(String, Vec<u8>)>);

impl Metadata {
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, CloseReason> {
        const CUT: CloseReason =
            CloseReason::MalformedCommand(CommandPart::Property, "a property is cut short");
        let mut properties = Vec::new();
        while let Some((&length, rest)) = bytes.split_first() {
            if properties.len() == MAX_PROPERTIES {
                return Err(CloseReason::MalformedCommand(
                    CommandPart::Property,
                    "too many properties",
                ));
            }
            let (name, rest) = rest.split_at_checked(usize::from(length)).ok_or(CUT)?;
            let (length, rest) = rest.split_first_chunk().ok_or(CUT)?;
            let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CUT)?;
            let (value, rest) = rest.split_at_checked(length).ok_or(CUT)?;
            properties.push((property_name(name)?, value.to_vec()));
            bytes = rest;
        }
        Ok(Metadata(properties))
    }

    /// The value of the first property with this name, ignoring case (RFC 37, Metadata).
    pub(super) fn value(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(theirs, _)| theirs.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    pub(super) fn into_properties(self) -> Vec<(String, Vec<u8>)> {
        self.0
    }
}

/// The metadata that a socket announces: its type first, then, if its peers may route by it, its
/// identity, even if empty, then the properties set by its user. libzmq looks for exactly these
/// spellings.
pub(super) fn announcement(config: &Config) -> Vec<u8> {
    let socket_type = config.socket_type;
    let mut bytes = Vec::new();
    put_property(&mut bytes, "Socket-Type", socket_type.name().as_bytes());
    if socket_type.announces_identity() {
        put_property(&mut bytes, "Identity", announced_identity(config));
    }
    for (name, value) in &config.metadata {
        put_property(&mut bytes, name, value);
    }
    bytes
}

/// The routing id of a socket whose peers may route by it; empty for others.
pub(super) fn announced_identity(config: &Config) -> &[u8] {
    match config.socket_type.announces_identity() {
        true => &config.routing_id,
        false => &[],
    }
}

pub(super) fn put_property(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    // A constant of this crate, or checked with the options, so both lengths fit.
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
    bytes.extend_from_slice(value);
}

/// RFC 37, Metadata: `name-char = ALPHA | DIGIT | "-" | "_" | "." | "+"`, 1 to 255 of them.
fn property_name(name: &[u8]) -> Result<String, CloseReason> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(byte);
    if name.is_empty() || !name.iter().all(allowed) {
        return Err(CloseReason::MalformedCommand(
            CommandPart::Property,
            "the name of a property",
        ));
    }
    Ok(name.iter().copied().map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket_type::SocketType;

    fn announced(socket_type: SocketType, routing_id: &str, metadata: &[(&str, &str)]) -> Vec<u8> {
        let metadata = metadata.iter();
        announcement(&Config {
            routing_id: routing_id.into(),
            metadata: metadata
                .map(|(name, value)| (String::from(*name), value.as_bytes().to_vec()))
                .collect(),
            ..super::super::tests::config(socket_type)
        })
    }

    #[test]
    fn announcements_are_the_bytes_libzmq_sends() {
        assert_eq!(
            announced(SocketType::Sub, "ignored", &[]),
            b"\x0bSocket-Type\0\0\0\x03SUB"
        );
        assert_eq!(
            announced(SocketType::Dealer, "", &[]),
            b"\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0"
        );
        assert_eq!(
            announced(SocketType::Req, "me", &[("X-a", ""), ("x-B", "1\0")]),
            b"\x0bSocket-Type\0\0\0\x03REQ\x08Identity\0\0\0\x02me\
              \x03X-a\0\0\0\0\x03x-B\0\0\0\x021\0"
        );
    }

    #[test]
    fn names_match_in_any_case_and_the_first_wins() {
        let metadata = Metadata::parse(b"\x01a\0\0\0\x011\x01A\0\0\0\x012\x01b\0\0\0\0").unwrap();
        assert_eq!(metadata.value("A"), Some(&b"1"[..]));
        assert_eq!(metadata.value("B"), Some(&b""[..]));
        assert_eq!(metadata.value("c"), None);
        assert_eq!(metadata.into_properties()[1], ("A".into(), b"2".to_vec()));
    }

    #[test]
    fn metadata_cut_within_a_property_is_refused() {
        let whole = announced(SocketType::Dealer, "me", &[]);
        let first = announced(SocketType::Sub, "", &[]).len() + "DEALER".len() - "SUB".len();
        for cut in 0..=whole.len() {
            let parsed = Metadata::parse(&whole[..cut]);
            assert_eq!(
                parsed.is_ok(),
                [0, first, whole.len()].contains(&cut),
                "{cut}"
            );
        }
    }

    #[test]
    fn bad_names_sizes_and_numbers_are_refused() {
        assert!(Metadata::parse(b"\0\0\0\0\0").is_err());
        assert!(Metadata::parse(b"\x01 \0\0\0\0").is_err());
        assert!(Metadata::parse(b"\x01\xff\0\0\0\0").is_err());
        assert!(Metadata::parse(b"\x01a\xff\xff\xff\xff").is_err());
        assert!(Metadata::parse(&b"\x01a\0\0\0\0".repeat(MAX_PROPERTIES)).is_ok());
        assert!(Metadata::parse(&b"\x01a\0\0\0\0".repeat(MAX_PROPERTIES + 1)).is_err());
    }
}
