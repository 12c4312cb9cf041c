//! The rules for the command-line tool in `src/bin`: a program beside the library, which it uses as every
//! other user does. It may touch the world; its modules have floors and a size of their own.

use crate::code::paths;
use crate::{silent, sources, Source};

/// The modules of the tool, from the bottom. An import may only point down; `main` stands above.
const FLOORS: &[&[&str]] = &[
    &["duration", "exit", "formats", "signals"],
    &["events", "keys", "output", "pages", "progress", "reach"],
    &["args", "run", "security"],
    &["plan"],
    &["sockets"],
    &["receive", "send"],
    &["request"],
    &["bench", "monitor", "proxy", "roles"],
    &["cli"],
];

const FOLDER: &str = "src/bin/zc/";
const MAX_LINES: usize = 300;

pub(crate) fn is_tool(source: &Source) -> bool {
    source.path.starts_with("src/bin/")
}

#[test]
fn the_tools_imports_point_down_and_its_files_are_small() {
    let sources = sources(&["src"]);
    let tool = sources.iter().filter(|source| is_tool(source));
    silent(tool.flat_map(untidy));
}

fn untidy(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        complaints.push(source.at(
            lines,
            &format!("{lines} lines, at most {MAX_LINES}: split it"),
        ));
    }
    let module = source.path.strip_prefix(FOLDER).unwrap_or("");
    let module = module.trim_end_matches(".rs").split('/').next();
    let floor = |name: &str| FLOORS.iter().position(|floor| floor.contains(&name));
    let from = match module {
        Some("main") => return complaints,
        Some(module) if floor(module).is_some() => module,
        _ => {
            complaints.push(source.at(1, "stands on no floor in tests/tidy/tool.rs"));
            return complaints;
        }
    };
    for path in paths(&source.text).iter().filter(|path| !path.in_test) {
        let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let to = match segments[..] {
            ["crate", to, ..] => to,
            // Out of a file of the tool's root; deeper ones say `crate`.
            ["super", to, ..] if source.path == format!("{FOLDER}{from}.rs") => to,
            _ => continue,
        };
        if to != from && floor(to) >= floor(from) || floor(to).is_none() {
            let why = format!("{from} must not import {to}, which stands no lower");
            complaints.push(source.at(path.line, &why));
        }
    }
    complaints
}

#[test]
fn an_import_that_points_up_and_a_long_file_are_caught() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let (path, text) = (path.into(), text.into());
        let complaints = untidy(&Source { path, text });
        let found = |(complaint, part): (&String, &&str)| complaint.contains(part);
        let all = complaints.len() == expected.len();
        let all = all && complaints.iter().zip(expected).all(found);
        assert!(all, "expected {expected:?}, got {complaints:#?}");
    };
    let send = "src/bin/zc/send.rs";
    check(send, "use crate::sockets::timed_out;\nuse std::fs;", &[]);
    check(
        send,
        "use crate::roles::run;",
        &["send.rs:1: send must not import roles"],
    );
    check(
        send,
        "use crate::{exit::Failure,\nreceive::Output};",
        &["send.rs:2: "],
    );
    check(
        send,
        "fn f() {\n    super::bench::run();\n}",
        &["send.rs:2: "],
    );
    check(
        "src/bin/zc/formats/mod.rs",
        "use super::hex;\nuse crate::exit;",
        &["mod.rs:2: "],
    );
    check("src/bin/zc/main.rs", "use crate::cli::Cli;", &[]);
    check("src/bin/zc/other.rs", "", &["stands on no floor"]);
    check("src/bin/other.rs", "", &["stands on no floor"]);
    check(
        send,
        &"\n".repeat(MAX_LINES + 1),
        &["301 lines, at most 300"],
    );
}
