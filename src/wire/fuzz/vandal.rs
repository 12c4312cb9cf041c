//! Two honest ends, and a vandal who changes what passes between them.

use super::*;

/// Under NULL and PLAIN, the vandal can say anything: the ends must stand it.
pub(crate) fn vandal(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let securities = match input.arbitrary() {
        Ok(true) => plain_securities(),
        _ => [Security::Null, Security::Null],
    };
    let _ = Street::new(securities).walk(&mut input);
}

/// Under CURVE, nothing arrives but what the other end sent, in its order.
#[cfg(feature = "curve")]
pub(crate) fn curve_vandal(input: &[u8]) {
    let mut street = Street::new(curve_securities());
    street.is_sealed = true;
    let _ = street.walk(&mut Unstructured::new(input));
}

/// The two ends, and what is on its way to each.
struct Street {
    ends: [Connection; 2],
    /// What has been said to each end, in pieces that the vandal moves as they are.
    seen: [Vec<Vec<u8>>; 2],
    /// The frames sent to each end.
    sent: [Vec<Frame>; 2],
    /// How many of them have been overtaken by a later one, or have arrived.
    passed: [usize; 2],
    is_ended: [bool; 2],
    is_ready: [bool; 2],
    is_sealed: bool,
    now: Instant,
}

impl Street {
    fn new(securities: [Security; 2]) -> Self {
        let now = Instant::now();
        let kinds = [SocketType::Dealer, SocketType::Router];
        let mut seed = 0;
        let ends = [0, 1].map(|end| {
            seed += 1;
            let security = securities[end].clone();
            let config = Config {
                authenticates: security.is_server(),
                security,
                ..config(kinds[end])
            };
            let opening = opening(&config, seed);
            Connection::new(Arc::new(config), opening, now)
        });
        Street {
            ends,
            seen: Default::default(),
            sent: Default::default(),
            passed: [0; 2],
            is_ended: [false; 2],
            is_ready: [false; 2],
            is_sealed: false,
            now,
        }
    }

    /// Moves bytes until neither end has more to say and the vandal is done.
    fn walk(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        for _ in 0..200 {
            let mut moved = false;
            for from in [0, 1] {
                let said = drain(&mut self.ends[from], usize::MAX).0;
                for piece in self.pieces(input, &said)? {
                    moved = true;
                    self.pass(input, from, piece)?;
                }
            }
            if !moved {
                if input.is_empty() || self.is_ended == [true; 2] {
                    return Ok(());
                }
                self.send(input)?;
            }
        }
        Ok(())
    }

    /// Cuts bytes where frames end, if they are frames, or anywhere.
    fn pieces(&self, input: &mut Unstructured<'_>, said: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut pieces = Vec::new();
        let mut rest = said;
        while !rest.is_empty() {
            let frame = match frame::Header::parse(rest) {
                Ok(Some(header)) => header.length.saturating_add(header.size as usize),
                Ok(None) | Err(_) => rest.len(),
            };
            let at = match input.ratio(1, 16)? {
                true => input.int_in_range(1..=rest.len())?,
                false => frame.min(rest.len()),
            };
            let (piece, later) = rest.split_at(at);
            pieces.push(piece.to_vec());
            rest = later;
        }
        Ok(pieces)
    }

    /// What the vandal makes of a piece.
    fn pass(&mut self, input: &mut Unstructured<'_>, from: usize, piece: Vec<u8>) -> Result<()> {
        let to = 1 - from;
        self.seen[to].push(piece.clone());
        // Mostly none of these: after a change, an end that is under CURVE hears no more.
        match input.int_in_range(0..=63u8)? {
            1 => {
                let mut piece = piece;
                let at = input.choose_index(piece.len())?;
                piece[at] ^= 1 << input.int_in_range(0..=7u8)?;
                self.hear(to, &piece);
            }
            2 => {
                let cut = input.int_in_range(0..=piece.len())?;
                self.hear(to, &piece[..cut]);
            }
            3 => {
                self.hear(to, &piece);
                self.hear(to, &piece);
            }
            4 => {
                // Something of before, to the same end or to the one that said it.
                let whose = input.choose_index(2)?;
                if !self.seen[whose].is_empty() {
                    let old = input.choose_index(self.seen[whose].len())?;
                    let old = self.seen[whose][old].clone();
                    self.hear(to, &old);
                }
                self.hear(to, &piece);
            }
            5 => self.hear(from, &piece),
            6 => {
                // The piece before this one comes again, behind it.
                self.hear(to, &piece);
                if let [.., before, _] = &self.seen[to][..] {
                    let before = before.clone();
                    self.hear(to, &before);
                }
            }
            7 => {
                let forged = body(input)?;
                self.hear(to, &forged);
                self.hear(to, &piece);
            }
            // Lost.
            8 => {}
            _ => self.hear(to, &piece),
        }
        Ok(())
    }

    /// An end that is ready sends a message of one or two frames.
    fn send(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let from = input.choose_index(2)?;
        let frames = input.int_in_range(1..=2usize)?;
        let length = input.int_in_range(4..=400usize)?;
        if !self.is_ready[from] || self.is_ended[from] {
            return Ok(());
        }
        let sent = &mut self.sent[1 - from];
        let mut message = Message::new();
        for _ in 0..frames {
            let mut frame = vec![from as u8; length];
            frame[..4].copy_from_slice(&(sent.len() as u32).to_be_bytes());
            let frame = Frame::from(frame);
            sent.push(frame.clone());
            message.push_back(frame);
        }
        self.ends[from].send(message);
        Ok(())
    }

    fn hear(&mut self, end: usize, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            while let Some(event) = self.ends[end].poll_event() {
                self.check(end, event);
            }
            if rest.is_empty() {
                return;
            }
            let room = self.ends[end].recv_slice();
            let n = room.len().min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            self.ends[end].recv_advance(n, self.now);
            rest = &rest[n..];
        }
    }

    fn check(&mut self, end: usize, event: Event) {
        assert!(!self.is_ended[end], "{event:?} follows the end");
        match event {
            Event::Closed(_) => self.is_ended[end] = true,
            Event::Authenticate(credentials) => {
                self.check_credentials(&credentials);
                self.ends[end].judged(Judgement::Allowed(Allowed::default()));
            }
            Event::Ready(peer) => {
                self.is_ready[end] = true;
                let expected = [SocketType::Router, SocketType::Dealer][end];
                assert!(!self.is_sealed || peer.socket_type == Some(expected));
            }
            Event::Message(message) if self.is_sealed => {
                // A lost frame is a gap; there is no other way to change a message.
                for frame in message {
                    let later = self.sent[end][self.passed[end]..].iter();
                    let at = later.into_iter().position(|sent| *sent == frame);
                    assert!(at.is_some(), "{frame:?} is not what comes next");
                    self.passed[end] += at.unwrap_or_default() + 1;
                }
            }
            other => assert!(!self.is_sealed || !matches!(other, Event::Subscribe(_))),
        }
    }

    fn check_credentials(&self, credentials: &Credentials) {
        match (credentials, self.is_sealed) {
            #[cfg(feature = "curve")]
            (Credentials::Curve(key), true) => {
                let [client, _] = curve_securities();
                let Security::CurveClient { keypair, .. } = &client else {
                    return;
                };
                assert_eq!(key, keypair.public());
            }
            (_, is_sealed) => assert!(!is_sealed),
        }
    }
}
