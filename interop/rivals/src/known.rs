//! Cases that fail because of the peer. The same case must fail in a control without this library;
//! if it passes, or the control does, that is reported as a failure.

/// What shows that a fault is the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The peer talks to itself.
    Itself,
    /// libzmq takes our place.
    Libzmq,
}

#[derive(Debug)]
pub struct Known {
    /// Names of cases; `*` stands for any text.
    cases: &'static [&'static str],
    pub control: Control,
    /// It fails now and then only.
    pub sometimes: bool,
    pub reason: &'static str,
}

const fn known(cases: &'static [&'static str], control: Control, reason: &'static str) -> Known {
    Known {
        cases,
        control,
        sometimes: false,
        reason,
    }
}

const fn sometimes(
    cases: &'static [&'static str],
    control: Control,
    reason: &'static str,
) -> Known {
    Known {
        cases,
        control,
        sometimes: true,
        reason,
    }
}

pub const KNOWN: &[Known] = &[
    known(
        &[
            "zeromq/*-PULL/we bind/we go and come back",
            "zeromq/*-PUSH/we bind/we go and come back",
            "zeromq/*-PUB/we bind/we go and come back",
            "zeromq/*-XPUB/we bind/we go and come back",
            "zeromq/*-REQ/we bind/we go and come back",
            "zeromq/*-REP/we bind/we go and come back",
            "zeromq/*-DEALER/we bind/we go and come back",
            "zeromq/*-ROUTER/we bind/we go and come back",
        ],
        Control::Itself,
        "only SUB and XSUB connect again after a connection was lost",
    ),
    sometimes(
        &["zeromq/ipc/*/they bind/they go and come back"],
        Control::Itself,
        "it does not bind to an ipc path that an ended process has left",
    ),
    sometimes(
        &["zeromq/*-REQ/they bind/we go and come back"],
        Control::Itself,
        "its REQ goes on sending to a peer that has gone",
    ),
    known(
        &["rzmq/ipc/*/we bind/we go and come back"],
        Control::Itself,
        "it does not connect again over ipc",
    ),
    known(
        &["rzmq/*-REQ/*several frames*", "rzmq/*-REQ/*empty frames"],
        Control::Itself,
        "its REQ sends single frames only",
    ),
    known(
        &[
            "rzmq/*/we are the server, they bind/*",
            "rzmq/*/they are, we bind/*",
        ],
        Control::Libzmq,
        "the side that binds is the server, whatever the options say",
    ),
    known(
        &["rzmq/*/delimiters by default"],
        Control::Libzmq,
        "DEALER and ROUTER insert and strip delimiters unless AUTO_DELIMITER is off",
    ),
    sometimes(
        &[
            "omq-tokio/*SUB-*PUB/*1 MiB",
            "omq-tokio/*/DISH-RADIO/*1 MiB",
        ],
        Control::Libzmq,
        "its publishers drop messages around large ones, far below the high-water mark",
    ),
];

/// What is known of a case.
pub fn find(name: &str) -> Option<&'static Known> {
    let listed = |known: &&Known| known.cases.iter().any(|pattern| matches(pattern, name));
    KNOWN.iter().find(listed)
}

/// Whether the pattern, in which `*` stands for any text, is the whole name.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(tail) = name.strip_prefix(start) else {
        return false;
    };
    (0..=tail.len()).any(|at| tail.is_char_boundary(at) && matches(rest, &tail[at..]))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_text() {
        assert!(matches("a/*/c", "a/b/c"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a/*/c", "a/b/cd"));
        assert!(!matches("a", "ab"));
        assert!(!matches("*b", "ba"));
    }
}
