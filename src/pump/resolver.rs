//! Which host names are looked up next: first come, first served. A name that does not resolve is
//! asked for again and again; however many there are of those, each question has its turn.

use std::collections::VecDeque;

use crate::endpoint::Endpoint;

/// Lookups that run at once: outside tests each has a thread while it runs.
const LOOKUPS: usize = 8;

/// The questions of one pump's dialers.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    running: usize,
    waiting: VecDeque<Question>,
}

/// Where an endpoint is whose host has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) endpoint: Endpoint,
    /// Whether addresses of both families are wanted.
    pub(super) ipv6: bool,
    /// The dialers that ask; several where the question is the same.
    pub(super) tickets: Vec<u64>,
}

impl Lookups {
    /// A dialer asks. The question comes back if it is to be looked up now.
    pub(super) fn ask(&mut self, endpoint: &Endpoint, ipv6: bool, ticket: u64) -> Option<Question> {
        let mut waiting = self.waiting.iter_mut();
        let same = waiting.find(|other| other.endpoint == *endpoint && other.ipv6 == ipv6);
        if let Some(same) = same {
            same.tickets.push(ticket);
            return None;
        }
        self.waiting.push_back(Question {
            endpoint: endpoint.clone(),
            ipv6,
            tickets: vec![ticket],
        });
        self.next()
    }

    /// A dialer does not want to know any more.
    pub(super) fn forget(&mut self, ticket: u64) {
        self.waiting.retain_mut(|question| {
            question.tickets.retain(|other| *other != ticket);
            !question.tickets.is_empty()
        });
    }

    /// A question is answered. The one comes back that is to be looked up next.
    pub(super) fn answered(&mut self) -> Option<Question> {
        self.running = self.running.saturating_sub(1);
        self.next()
    }

    fn next(&mut self) -> Option<Question> {
        if self.running >= LOOKUPS {
            return None;
        }
        let question = self.waiting.pop_front()?;
        self.running += 1;
        Some(question)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(number: u64) -> Endpoint {
        Endpoint::parse_for_connect(&format!("tcp://host-{number}.example:1")).unwrap()
    }

    fn tickets(question: Option<Question>) -> Option<Vec<u64>> {
        question.map(|question| question.tickets)
    }

    #[test]
    fn lookups_run_in_the_order_of_requests() {
        let mut lookups = Lookups::default();
        let limit = LOOKUPS as u64;
        for ticket in 0..3 * limit {
            let now = lookups.ask(&endpoint(ticket), false, ticket);
            assert_eq!(tickets(now), (ticket < limit).then(|| vec![ticket]));
        }
        // Each is asked for again as soon as it is answered, as one is that does not resolve.
        for answered in 0..5 * limit {
            let next = tickets(lookups.answered());
            assert_eq!(next, Some(vec![(answered + limit) % (3 * limit)]));
            let again = answered % (3 * limit);
            assert_eq!(lookups.ask(&endpoint(again), false, again), None);
        }
    }

    #[test]
    fn equal_lookups_run_once_and_cancelled_ones_do_not() {
        let mut lookups = Lookups::default();
        for ticket in 0..LOOKUPS as u64 {
            assert!(lookups.ask(&endpoint(0), false, ticket).is_some());
        }
        for (host, ipv6, ticket) in [
            (1, false, 10),
            (2, false, 11),
            (1, true, 12),
            (1, false, 13),
        ] {
            assert_eq!(lookups.ask(&endpoint(host), ipv6, ticket), None);
        }
        lookups.forget(11);
        assert_eq!(tickets(lookups.answered()), Some(vec![10, 13]));
        assert_eq!(tickets(lookups.answered()), Some(vec![12]));
        assert_eq!(lookups.answered(), None);
    }
}
