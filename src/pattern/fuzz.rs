//! Checks of this module, for `fuzz/`; tests run each over a sample of inputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arbitrary::{Result, Unstructured};

use super::testing::{intro, Calls, Given, Heard, Recorder};
use super::*;

mod patterns;
mod subscriptions;

pub(crate) use patterns::patterns;
pub(crate) use subscriptions::subscriptions;

#[cfg(test)]
mod tests {
    use super::super::testing::Random;
    use super::*;

    /// Runs a check over inputs of random bytes.
    fn sample(check: fn(&[u8]), inputs: u64) {
        for seed in 1..=inputs {
            let mut random = Random(seed);
            let input: Vec<u8> = (0..random.below(600))
                .map(|_| random.below(256) as u8)
                .collect();
            check(&input);
        }
    }

    #[test]
    fn subscriptions_behave_like_their_models() {
        sample(subscriptions, 1000);
    }

    #[test]
    fn patterns_keep_their_contracts() {
        sample(patterns, 5000);
    }
}
