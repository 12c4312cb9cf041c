//! Contexts, without peers.

use std::time::Duration;

use super::Context;
use crate::{ContextOptions, Pair};

#[test]
fn a_context_passes_its_wait_options_to_its_ports() {
    let spin = Duration::from_micros(7);
    let context = Context::with_options(ContextOptions::new().spin(spin)).unwrap();
    let pair = context.socket::<Pair>().unwrap();
    assert_eq!(pair.sender().ports().wait_context().setup.spin, spin);
    let pair = Context::new().socket::<Pair>().unwrap();
    let spin = ContextOptions::new().get_spin();
    assert_eq!(pair.sender().ports().wait_context().setup.spin, spin);
}
