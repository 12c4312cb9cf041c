//! One end against any peer's bytes: whole, and cut at random.

use std::collections::VecDeque;

use super::*;

/// A connection with any peer, under NULL or PLAIN.
pub(crate) fn connection(input: &[u8]) {
    let _ = check(&mut Unstructured::new(input), false);
}

/// The same under CURVE.
#[cfg(feature = "curve")]
pub(crate) fn curve_connection(input: &[u8]) {
    let _ = check(&mut Unstructured::new(input), true);
}

fn check(input: &mut Unstructured<'_>, curve: bool) -> Result<()> {
    let socket_type = *input.choose(&SocketType::ALL)?;
    let (mut config, client) = any_config(input, socket_type)?;
    let number = input.int_in_range(0..=2usize)?;
    config.security = match (curve, number) {
        (false, 0) => Security::Null,
        #[cfg(feature = "curve")]
        (true, _) => curve_securities()[usize::from(!client)].clone(),
        _ => plain_securities()[usize::from(!client)].clone(),
    };
    config.authenticates = !matches!(config.security, Security::PlainClient { .. })
        && (config.security.is_server() || input.ratio(1, 4)?);
    let judgement = any_judgement(input)?;
    let mut bytes = Vec::new();
    say_opening(input, &config, &mut bytes)?;
    while !input.is_empty() && bytes.len() < 20_000 {
        say_more(input, &mut bytes)?;
        if input.ratio(1, 8)? {
            break;
        }
    }
    // What is left says what is changed, and where the bytes are cut.
    for _ in 0..input.int_in_range(0..=3u8)? {
        if let Some(last) = bytes.len().checked_sub(1) {
            let at = input.int_in_range(0..=last)?;
            bytes[at] = input.arbitrary()?;
        }
    }
    let listens = input.arbitrary()?;
    let config = Arc::new(config);
    let mut whole = End::new(&config, listens, &judgement);
    whole.hear(&bytes, None);
    let whole = whole.finish();
    let mut cut = End::new(&config, listens, &judgement);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let at_most = match input.is_empty() {
            true => rest.len(),
            false => input.int_in_range(1..=rest.len().min(300))?,
        };
        let (piece, later) = rest.split_at(at_most);
        cut.hear(piece, Some(input.int_in_range(1..=5usize)?));
        if input.ratio(1, 8)? {
            cut.connection.shrink_to_fit();
        }
        rest = later;
    }
    let (mut cut, mut whole) = (cut.finish(), whole);
    if config.socket_type == SocketType::Stream {
        // Without frames, boundaries are where the reads ended.
        join_messages(&mut cut.0);
        join_messages(&mut whole.0);
    }
    assert_eq!(cut, whole, "cut at random");
    Ok(())
}

/// Makes one message of them all.
fn join_messages(events: &mut Vec<Event>) {
    let mut bytes = Vec::new();
    events.retain(|event| match event {
        Event::Message(message) => {
            message
                .iter()
                .for_each(|frame| bytes.extend_from_slice(frame));
            false
        }
        _ => true,
    });
    events.push(Event::Message(bytes.into()));
}

/// A configuration without its security, and whether it is the client of it.
fn any_config(input: &mut Unstructured<'_>, kind: SocketType) -> Result<(Config, bool)> {
    let heartbeat = Heartbeat {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        time_to_live: 1,
    };
    let config = Config {
        oldest_version: *input.choose(&[(1, 0), (1, 0), (2, 0), (3, 0), (3, 1)])?,
        routing_id: some_bytes(input, 3)?.to_vec(),
        max_frame_size: *input.choose(&[None, Some(0), Some(100), Some(1000)])?,
        max_message_size: *input.choose(&[None, None, Some(0), Some(150), Some(3000)])?,
        only_first_subscribe: input.arbitrary()?,
        heartbeat: Some(heartbeat).filter(|_| input.arbitrary().unwrap_or(false)),
        in_batch_size: *input.choose(&[128 << 10, 1 << 10, 256, 8 << 10])?,
        out_batch_size: *input.choose(&[64 << 10, 256])?,
        ..config(kind)
    };
    Ok((config, input.arbitrary()?))
}

fn any_judgement(input: &mut Unstructured<'_>) -> Result<Judgement> {
    Ok(match input.int_in_range(0..=7u8)? {
        0 => Judgement::Unjudged,
        1 => Judgement::Denied {
            status: *input.choose(&[300, 400, 500])?,
            text: String::from("no"),
        },
        2 => Judgement::Failed(crate::security::AuthenticatorFault::MalformedReply),
        _ => Judgement::Allowed(Allowed::default()),
    })
}

/// Appends what a peer says first: the greeting of any version, and what makes it known.
fn say_opening(input: &mut Unstructured<'_>, ours: &Config, bytes: &mut Vec<u8>) -> Result<()> {
    let peers = SocketType::ALL
        .into_iter()
        .filter(|kind| ours.socket_type.accepts(*kind));
    let peers: Vec<SocketType> = peers.collect();
    let peer = match peers.is_empty() || input.ratio(1, 16)? {
        true => *input.choose(&SocketType::ALL)?,
        false => *input.choose(&peers)?,
    };
    if ours.socket_type == SocketType::Stream {
        return Ok(());
    }
    let minor = match input.int_in_range(0..=15u8)? {
        0 => return Ok(()),
        // ZMTP 1.0: a frame with the identity, in both its forms.
        1 => {
            let identity = some_bytes(input, 10)?;
            put_old_header(bytes, 0, identity.len());
            bytes.extend_from_slice(identity);
            return Ok(());
        }
        // ZMTP 2.0, and the revisions that are said to be there.
        2 | 3 => {
            let identity = some_bytes(input, 10)?;
            let length = (identity.len() as u64 + 1).to_be_bytes();
            bytes.push(0xff);
            bytes.extend_from_slice(&length);
            bytes.extend_from_slice(&[0x7f, input.int_in_range(0..=2)?]);
            bytes.push(old::number(peer).unwrap_or(input.int_in_range(0..=12)?));
            put_header(bytes, 0, identity.len());
            bytes.extend_from_slice(identity);
            return Ok(());
        }
        minor => minor % 2,
    };
    let peers = Config {
        security: match &ours.security {
            Security::PlainServer => plain_securities()[0].clone(),
            Security::PlainClient { .. } => Security::PlainServer,
            #[cfg(feature = "curve")]
            Security::CurveServer(_) | Security::CurveClient { .. } => {
                bytes.extend_from_slice(&recorded(ours, peer));
                return Ok(());
            }
            Security::Null => Security::Null,
        },
        ..config(peer)
    };
    say_greeting(minor, &peers.security, bytes);
    let ready = metadata::announcement(&peers);
    match peers.security {
        Security::PlainServer => {
            say_command(b"\x07WELCOME", bytes);
            say_command(&[b"\x05READY", &ready[..]].concat(), bytes);
        }
        Security::PlainClient { .. } => {
            say_command(b"\x05HELLO\x04anna\x06secret", bytes);
            say_command(&[b"\x08INITIATE", &ready[..]].concat(), bytes);
        }
        _ => say_command(&[b"\x05READY", &ready[..]].concat(), bytes),
    }
    Ok(())
}

fn say_greeting(minor: u8, security: &Security, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03");
    bytes.push(minor);
    bytes.extend_from_slice(security.mechanism().name().as_bytes());
    bytes.resize(start + 32, 0);
    bytes.push(u8::from(security.is_server()));
    bytes.resize(start + 64, 0);
}

fn say_command(command: &[u8], bytes: &mut Vec<u8>) {
    put_header(bytes, COMMAND, command.len());
    bytes.extend_from_slice(command);
}

/// Appends a frame, a command, or anything else.
fn say_more(input: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let names: [&[u8]; 14] = [
        b"\x04PING\0\x01",
        b"\x04PONG",
        b"\x09SUBSCRIBE",
        b"\x06CANCEL",
        b"\x04JOIN",
        b"\x05LEAVE",
        b"\x05ERROR\x03",
        b"\x05READY",
        b"\x05HELLO",
        b"\x07WELCOME",
        b"\x08INITIATE",
        b"\x07MESSAGE",
        b"\x5eRROR",
        b"\x03NEW",
    ];
    match input.int_in_range(0..=9u8)? {
        0 => bytes.extend_from_slice(some_bytes(input, 40)?),
        1 | 2 => {
            let name = *input.choose(&names)?;
            say_command(&[name, &body(input)?].concat(), bytes);
        }
        3 => {
            let body = body(input)?;
            put_old_header(bytes, input.arbitrary::<u8>()? & MORE, body.len());
            bytes.extend_from_slice(&body);
        }
        // Announced, and not there.
        4 => put_header(
            bytes,
            input.arbitrary::<u8>()? & 7,
            input.arbitrary::<u32>()? as usize,
        ),
        kind => {
            let body = body(input)?;
            put_header(bytes, if kind < 7 { MORE } else { 0 }, body.len());
            bytes.extend_from_slice(&body);
        }
    }
    Ok(())
}

/// The bytes of a peer that knows the keys: a handshake, and messages.
#[cfg(feature = "curve")]
fn recorded(ours: &Config, peer: SocketType) -> Vec<u8> {
    use std::cell::RefCell;
    use std::collections::HashMap;
    thread_local! {
        static RECORDED: RefCell<HashMap<(SocketType, SocketType, bool), Vec<u8>>> = RefCell::default();
    }
    let is_server = ours.security.is_server();
    let key = (ours.socket_type, peer, is_server);
    if let Some(bytes) = RECORDED.with_borrow(|recorded| recorded.get(&key).cloned()) {
        return bytes;
    }
    let now = Instant::now();
    let theirs = Config {
        security: curve_securities()[usize::from(!is_server)].clone(),
        ..config(peer)
    };
    // The other end must say what the one under test will say: it has the same random bytes.
    let ours = Config {
        authenticates: false,
        max_frame_size: None,
        ..ours.clone()
    };
    let mut ends = [(ours, 1), (theirs, 2)].map(|(config, seed)| {
        let opening = opening(&config, seed);
        Connection::new(Arc::new(config), opening, now)
    });
    let mut said = Vec::new();
    loop {
        let (mine, _) = drain(&mut ends[0], usize::MAX);
        take(&mut ends[1], &mine, now);
        let (their, _) = drain(&mut ends[1], usize::MAX);
        take(&mut ends[0], &their, now);
        if mine.is_empty() && their.is_empty() {
            break;
        }
        said.extend(their);
    }
    if ends[1].is_ready() {
        ends[1].send(Message::from(vec![b'd'; 100]));
        for frames in [
            &["a"][..],
            &["", "b"],
            &["group", &"c".repeat(300)],
            &["\x01d"],
        ] {
            ends[1].send(Message::from(frames));
        }
        ends[1].subscribe(b"topic");
        ends[1].join(b"group");
        said.extend(drain(&mut ends[1], usize::MAX).0);
    }
    RECORDED.with_borrow_mut(|recorded| recorded.insert(key, said.clone()));
    said
}

/// Reads `bytes`, and drops the events.
#[cfg(feature = "curve")]
fn take(connection: &mut Connection, bytes: &[u8], now: Instant) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = connection.recv_slice();
        let n = room.len().min(rest.len());
        room[..n].copy_from_slice(&rest[..n]);
        connection.recv_advance(n, now);
        rest = &rest[n..];
        while connection.poll_event().is_some() {}
    }
}

/// The end under test.
struct End<'a> {
    connection: Connection,
    config: &'a Config,
    judgement: &'a Judgement,
    events: Vec<Event>,
    now: Instant,
}

impl<'a> End<'a> {
    fn new(config: &'a Arc<Config>, listens: bool, judgement: &'a Judgement) -> Self {
        thread_local! {
            // One beginning of time: a clock is slow, and events have to be equal.
            static NOW: Instant = Instant::now();
        }
        let now = NOW.with(|now| *now);
        let mut connection = match config.socket_type {
            SocketType::Stream => Connection::raw(Arc::clone(config), now),
            _ => Connection::new(Arc::clone(config), opening(config, 1), now),
        };
        if listens && config.socket_type != SocketType::Stream {
            connection.listen();
        }
        End {
            connection,
            config,
            judgement,
            events: Vec::new(),
            now,
        }
    }

    /// Reads bytes, and polls events one by one, or, as a pump does, up to a number of messages.
    fn hear(&mut self, bytes: &[u8], at_once: Option<usize>) {
        let mut rest = bytes;
        loop {
            self.poll(at_once);
            if rest.is_empty() {
                break;
            }
            let room = self.connection.recv_slice();
            assert!(!room.is_empty(), "there is always room");
            let n = room.len().min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            self.connection.recv_advance(n, self.now);
            rest = &rest[n..];
        }
        // Bytes that arrived, those of replies, and room for more of both.
        let batches = 4 * self.config.in_batch_size + 4 * self.config.out_batch_size;
        let most = MOST_KEPT + batches + (200 << 10);
        assert!(self.connection.capacity() < most, "memory is bounded");
    }

    fn poll(&mut self, at_once: Option<usize>) {
        loop {
            let event = match at_once {
                None => self.connection.poll_event(),
                Some(limit) => {
                    let mut messages = VecDeque::new();
                    let event = self.connection.poll_messages(&mut messages, limit);
                    assert!(messages.len() <= limit);
                    let is_full = messages.len() == limit;
                    messages
                        .into_iter()
                        .for_each(|message| self.note(Event::Message(message)));
                    if event.is_none() && is_full {
                        continue;
                    }
                    event
                }
            };
            let Some(event) = event else {
                break;
            };
            self.note(event);
        }
    }

    /// Checks an event against those before it.
    fn note(&mut self, event: Event) {
        let is_closed = matches!(self.events.last(), Some(Event::Closed(_)));
        assert!(!is_closed, "{event:?} follows the end");
        let is_ready = self
            .events
            .iter()
            .any(|event| matches!(event, Event::Ready(_)));
        let kind = self.config.socket_type;
        match &event {
            Event::Authenticate(_) => {
                assert!(!is_ready && self.config.authenticates);
                assert!(self.events.is_empty(), "asked twice");
                self.connection.judged(self.judgement.clone());
            }
            Event::Ready(_) => {
                assert!(!is_ready, "twice");
                let is_allowed =
                    matches!(self.judgement, Judgement::Allowed(_) | Judgement::Unjudged);
                assert!(
                    !self
                        .events
                        .iter()
                        .any(|event| matches!(event, Event::Authenticate(_)))
                        || is_allowed
                );
            }
            Event::Message(message) => {
                assert!(is_ready);
                self.check_message(message);
            }
            Event::Subscribe(_) | Event::Cancel(_) => {
                assert!(is_ready && matches!(kind, SocketType::Pub | SocketType::XPub));
            }
            Event::Join(_) | Event::Leave(_) => assert!(is_ready && kind == SocketType::Radio),
            Event::Closed(_) => assert!(self.connection.is_closed()),
        }
        self.events.push(event);
    }

    fn check_message(&self, message: &Message) {
        assert!(!message.is_empty());
        if self.config.socket_type == SocketType::Stream {
            return;
        }
        let limit = self.config.max_frame_size.unwrap_or(u64::MAX);
        assert!(message.iter().all(|frame| frame.len() as u64 <= limit));
        let limit = self.config.max_message_size.unwrap_or(u64::MAX);
        assert!(message.byte_len() as u64 <= limit);
        if self.config.socket_type == SocketType::Dish {
            assert!(message.len() == 2 && message[0].len() <= 255);
        }
    }

    /// Sends, lets time pass, and returns what happened and what was written.
    fn finish(mut self) -> (Vec<Event>, Vec<u8>) {
        let said = drain(&mut self.connection, usize::MAX).0;
        if self.connection.is_ready() {
            let message = Message::from(["a", "", "b"]);
            self.connection.send(&message);
            assert_eq!(self.connection.staged_messages(), 1);
            let unsent = self.connection.take_unsent();
            match self.config.socket_type {
                SocketType::Stream => assert!(unsent.is_empty()),
                _ => assert_eq!(unsent, [message]),
            }
        }
        self.connection
            .handle_timeout(self.now + Duration::from_secs(3600));
        self.hear(&[], None);
        if self.connection.is_closed() {
            self.hear(b"\x00\x01x", None);
            assert!(matches!(self.events.last(), Some(Event::Closed(_))));
        }
        (self.events, said)
    }
}
