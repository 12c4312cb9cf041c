//! The results in one table: a row a pairing or mechanism, a column a peer.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::libraries::Library;
use crate::Verdict;

/// How many cases of a cell ended in which way.
#[derive(Default)]
struct Cell {
    passed: usize,
    known: usize,
    failed: usize,
}

/// Markdown. A cell says how many cases passed, and how many fail because of the peer.
pub fn draw(results: &[(String, Verdict)]) -> String {
    let mut rows: BTreeMap<String, BTreeMap<&str, Cell>> = BTreeMap::new();
    for (name, verdict) in results {
        let mut parts = name.split('/');
        let (peer, medium, pairing) = (parts.next(), parts.next(), parts.next());
        let (Some(peer), Some(medium), Some(pairing)) = (peer, medium, pairing) else {
            continue;
        };
        let row = match medium {
            "tcp" | "ipc" => joint(pairing),
            mechanism => mechanism.to_string(),
        };
        let cell = rows.entry(row).or_default().entry(peer).or_default();
        match verdict {
            Verdict::Passed => cell.passed += 1,
            Verdict::Known(_) => cell.known += 1,
            Verdict::Failed(_) => cell.failed += 1,
        }
    }
    let peers = Library::PEERS.map(Library::name);
    let mut table = format!("| | {} |\n|---|---|---|---|---|\n", peers.join(" | "));
    for (row, cells) in &rows {
        let cells = peers.map(|peer| cells.get(peer).map_or_else(|| "–".to_string(), show));
        // Writing to a string does not fail.
        let _ = writeln!(table, "| {row} | {} |", cells.join(" | "));
    }
    table
}

/// The pairing, in whichever direction.
fn joint(pairing: &str) -> String {
    let mut types: Vec<&str> = pairing.split('-').collect();
    types.sort_unstable();
    types.dedup();
    types.join(", ")
}

fn show(cell: &Cell) -> String {
    let mut text = cell.passed.to_string();
    if cell.known > 0 {
        let _ = write!(text, ", {} known", cell.known);
    }
    if cell.failed > 0 {
        let _ = write!(text, ", {} FAILED", cell.failed);
    }
    text
}
