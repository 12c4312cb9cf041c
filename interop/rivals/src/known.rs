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

pub const KNOWN: &[Known] = &[];

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
