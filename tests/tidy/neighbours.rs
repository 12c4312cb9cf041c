//! Tests that run beside others, in one process.

use super::{paths, Source};

/// What counts the files, the threads or the memory of the whole process, those of other tests included.
const COUNTERS: &[&str] = &["open_files", "pump_threads", "resident"];

/// Tests that count what their neighbours have, too.
pub(crate) fn counting_neighbours(source: &Source) -> Vec<String> {
    const TEST: &str = "#[test]";
    let mut complaints = Vec::new();
    for (at, _) in source.text.match_indices(TEST) {
        let (before, test) = source.text.split_at(at + TEST.len());
        let names = paths(test.split(TEST).next().unwrap_or_default());
        if names.iter().any(|path| path.names(&["alone"])) {
            continue;
        }
        let counts = |counter: &&str| names.iter().find(|path| path.names(&[counter]));
        if let Some(count) = COUNTERS.iter().find_map(counts) {
            let line = before.lines().count() + count.line - 1;
            complaints
                .push(source.at(line, "a test that counts what the process has runs `alone`"));
        }
    }
    complaints
}
