//! The rules of the house, held against the source text itself.
//!
//! Each rule is a function from text to complaints, `file:line: what is wrong`. It is run twice:
//! over the tree, where it must be silent, and over a small broken example, where it must not.

// In a test, a broken promise is a panic.
#![allow(clippy::expect_used)]

use std::fs;
use std::path::Path;

use code::{paths, tokens};
use documents::{documents, missing_tests, undescribed_kinds};
use links::{dead_headings, dead_links, links_without_a_host};
use neighbours::counting_neighbours;

#[path = "tidy/broken.rs"]
mod broken;
#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/footprint.rs"]
mod footprint;
#[path = "tidy/links.rs"]
mod links;
#[path = "tidy/neighbours.rs"]
mod neighbours;
#[path = "tidy/tool.rs"]
mod tool;

// ---- the rules over the tree

/// Which floor a top-level module stands on. An import may only point down.
const FLOORS: &[(&str, u8)] = &[
    ("message", 0),
    ("endpoint", 0),
    ("options", 0),
    ("socket_type", 0),
    ("error", 0),
    ("routing_id", 0),
    ("event", 0),
    ("statistics", 0),
    ("security", 0),
    ("curve", 0),
    ("clock", 0),
    ("wire", 1),
    ("pattern", 1),
    ("sync", 1),
    ("driver", 2),
    ("port", 3),
    ("pump", 4),
    ("lib", 5),
    ("context", 5),
    ("socket", 5),
    ("futures", 5),
    ("kind", 5),
    ("register", 5),
    ("logging", 5),
    ("readiness", 5),
    ("select", 5),
    ("request", 5),
    ("codec", 5),
    ("monitor", 5),
    ("waiting", 5),
    ("proxy", 5),
    ("authenticator", 5),
    ("keygen", 5),
    ("guide", 5),
    ("fuzz", 5),
];

/// The floors inside a top-level module, from the bottom. An import of a sibling may only point down.
const INNER_FLOORS: &[(&str, &[&[&str]])] = &[
    (
        "sync",
        &[
            &["catch", "fork", "prefetch", "primitives", "trials"],
            &["health", "lazy", "permits", "ready_queue", "wake_count"],
            &["parker"],
            &["deferral"],
            &["loop_lock", "wait_queue"],
            &["bounded", "executor", "mailbox", "oneshot", "timeouts"],
            &["duplex"],
        ],
    ),
    (
        "driver",
        &[
            &["roles", "tuning"],
            &["assist", "handoff", "spin"],
            &["wait"],
        ],
    ),
    (
        "port",
        &[
            &["frame_rule", "handles", "known_peers", "lockstep", "names"],
            &["latest", "request_table", "undelivered"],
            &["shared"],
            &["deadline", "holder", "pacing"],
            &["futures"],
            &["receiver", "sender"],
            &["feed", "forward", "request"],
            &["readiness", "monitors"],
        ],
    ),
    (
        "pump",
        &[
            &[
                "counts",
                "descriptor",
                "fair_queue",
                "handshakes",
                "ready",
                "resolver",
                "runner",
                "signal",
                "timers",
                "token",
                "transport",
            ],
            &["env"],
            &["tasks"],
            &["command"],
            &["observers", "queues", "shared"],
            &["pipe", "socket"],
            &[
                "dialer", "egress", "fan_in", "ingress", "listener", "observe", "shrink",
                "shutdown", "zap",
            ],
            &["drain", "os"],
        ],
    ),
];

/// Modules of one floor that import each other, until they are cut apart. There are to be no more.
const CIRCLES: &[&[&str]] = &[&["pipe", "socket"]];

/// What only some modules, and what is inside them, may name: the path's segments (the last one may
/// be the start of a name, marked `*`), and the modules that may.
const RESERVED: &[(&[&str], &[&str])] = &[
    (&["Instant", "now"], &["pump", "driver", "sync", "port"]),
    (&["SystemTime"], &["pump", "driver", "sync", "port"]),
    (&["std", "thread"], &["pump", "driver", "sync", "port"]),
    (&["TcpStream"], &["pump"]),
    (&["TcpListener"], &["pump"]),
    (&["UnixStream"], &["pump"]),
    (&["UnixListener"], &["pump"]),
    (&["std", "fs"], &["pump"]),
    (&["mio"], &["pump"]),
    (&["socket2"], &["pump"]),
    (&["getrandom"], &["pump"]),
    // The storage keeps memory that is not used: what it locks is no message, and no state. Peers are
    // kept by number, for one step each time.
    (
        &["Mutex"],
        &[
            "sync",
            "driver",
            "port",
            "message::storage",
            "message::peer",
        ],
    ),
    (&["RwLock"], &["sync"]),
    (&["Condvar"], &["sync"]),
    (&["Atomic*"], &["sync", "driver", "port"]),
    (&["UnsafeCell"], &["sync"]),
];

/// Names at the crate's root, its modules not counted: what nearly every program uses.
const MAX_ROOT_NAMES: usize = 45;

const MAX_COLUMNS: usize = 110;
/// Files of the library, of examples and of benchmarks.
const MAX_LINES: usize = 500;
/// Files of tests.
const MAX_TEST_LINES: usize = 900;

/// Lines of the README.
const MAX_README_LINES: usize = 150;

/// Folders where functions and structs have a limit, too.
const LIMITED_BELOW: &[&str] = &[
    "src/sync/",
    "src/driver/",
    "src/port/",
    "src/pump/",
    "src/bin/",
];

/// How large functions and structs may be there.
const MAX_FUNCTION_LINES: usize = 75;
const MAX_FIELDS: usize = 17;
const SOURCE_FOLDERS: &[&str] = &[
    "src", "tests", "examples", "runtimes", "benches", "interop", "fuzz", "capi",
];

#[test]
fn imports_point_down() {
    let sources = library();
    let listings = listings(&sources);
    silent(
        sources
            .iter()
            .flat_map(|source| pointing_up(source, &listings)),
    );
}

#[test]
fn the_root_has_few_names() {
    let sources = sources(&["src"]);
    let lib = sources.iter().find(|source| source.path == "src/lib.rs");
    silent(lib.into_iter().flat_map(crowding_the_root));
}

#[test]
fn imports_point_down_inside_the_floors() {
    let sources = library();
    let test_modules = test_modules(&sources);
    silent(
        sources
            .iter()
            .flat_map(|source| pointing_up_inside(source, &test_modules)),
    );
}

#[test]
fn only_the_pump_does_io_and_only_floors_below_it_lock() {
    let sources = library();
    let test_modules = test_modules(&sources);
    silent(
        sources
            .iter()
            .flat_map(|source| reaching_out(source, &test_modules)),
    );
}

#[test]
fn sums_with_a_clock_cannot_panic() {
    let sources = sources(&["src"]);
    let test_modules = test_modules(&sources);
    silent(
        sources
            .iter()
            .flat_map(|source| beyond_the_clock(source, &test_modules)),
    );
}

#[test]
fn nothing_is_left_unfinished() {
    silent(sources(SOURCE_FOLDERS).iter().flat_map(unfinished));
}

#[test]
fn every_text_uses_the_terms_of_the_field() {
    let mut texts = sources(SOURCE_FOLDERS);
    texts.extend(documents());
    silent(texts.iter().flat_map(avoided_words));
}

#[test]
fn every_link_leads_to_a_file_or_a_page() {
    let mut documents = documents();
    documents.push(manifest("Cargo.toml"));
    assert!(documents
        .iter()
        .any(|document| document.path == "README.md"));
    silent(documents.iter().flat_map(dead_links));
    silent(sources(&["src"]).iter().flat_map(dead_headings));
}

#[test]
fn documents_name_tests_that_are_there() {
    let documents = documents();
    let is_about_tests = |path: &str| ["docs/checklist.md", "docs/mutants.md"].contains(&path);
    let documents = documents.iter().filter(|text| is_about_tests(&text.path));
    let tests = sources(&["src", "tests"]);
    silent(documents.flat_map(|text| missing_tests(text, &tests)));
}

#[test]
fn every_socket_type_has_its_ports_its_peers_and_a_program() {
    let kinds = sources(&["src/kind"]);
    silent(kinds.iter().flat_map(undescribed_kinds));
}

#[test]
fn links_of_the_readme_work_on_the_registry() {
    let documents = documents();
    let mut documents = documents.iter();
    let readme = documents.find(|document| document.path == "README.md");
    assert!(readme.is_some());
    silent(readme.into_iter().flat_map(links_without_a_host));
}

#[test]
fn the_readme_is_short() {
    let documents = documents();
    let long = documents
        .iter()
        .filter(|document| document.path == "README.md");
    let long = long.filter(|document| document.text.lines().count() > MAX_README_LINES);
    silent(
        long.map(|document| {
            document.at(1, "more lines than a front page has: say it in the guide")
        }),
    );
}

#[test]
fn no_test_sleeps() {
    silent(
        sources(&["src", "tests", "runtimes"])
            .iter()
            .flat_map(sleeping),
    );
}

#[test]
fn tests_that_count_what_the_process_has_run_alone() {
    silent(
        sources(&["src", "tests"])
            .iter()
            .flat_map(counting_neighbours),
    );
}

#[test]
fn every_unsafe_says_why_it_is_sound() {
    // The interface for C declares unsafe functions; clippy asks for the reason of each block there.
    let mut sources = sources(SOURCE_FOLDERS);
    sources.retain(|source| !source.path.starts_with("capi/"));
    silent(sources.iter().flat_map(unproven_unsafe));
}

#[test]
fn lines_and_files_fit() {
    silent(sources(SOURCE_FOLDERS).iter().flat_map(oversize));
}

#[test]
fn functions_and_structs_fit() {
    silent(sources(&["src"]).iter().flat_map(overgrown));
}

#[test]
fn every_module_has_a_head_comment() {
    silent(sources(&["src"]).iter().flat_map(unintroduced));
}

#[test]
fn every_dependency_is_justified() {
    let manifests = ["Cargo.toml", "runtimes/Cargo.toml", "capi/Cargo.toml"].map(manifest);
    silent(manifests.iter().flat_map(unjustified));
}

fn manifest(path: &str) -> Source {
    Source {
        path: path.into(),
        text: read(&root().join(path)),
    }
}

// ---- the rules

struct Source {
    /// From the package's root, with `/`.
    path: String,
    text: String,
}

/// Imports of `crate::…` and `super::…` that name a module of the same or a higher floor. What a public
/// module lists for users (`pub use` in its root) is no import; a file that imports a listed name imports the
/// module it lives in.
fn pointing_up(source: &Source, listings: &Listings) -> Vec<String> {
    let from = source.top_module();
    let Some(from_floor) = floor(from) else {
        return vec![source.place(from)];
    };
    let module = source.module();
    let mut complaints = Vec::new();
    for path in paths(&source.text) {
        let Some(names) = path.root_path(&module) else {
            continue;
        };
        if path.is_public_use && module.len() == 1 && listings.public.contains(&module[0]) {
            continue;
        }
        let to = listings.home(names);
        let Some(to_floor) = floor(to) else {
            complaints.push(source.at(path.line, &format!("{}; place it", unknown(to))));
            continue;
        };
        let seen = match from_floor {
            0 | 1 => to_floor == 0,
            // Neither the driver nor a port knows of ZMTP or patterns.
            2 | 3 => to_floor == 0 || to == "sync" || 1 < to_floor && to_floor < from_floor,
            4 => to_floor < 4,
            _ => true,
        };
        if from != to && !seen {
            let why =
                format!("{from} (floor {from_floor}) must not import {to} (floor {to_floor})");
            complaints.push(source.at(path.line, &why));
        }
    }
    complaints
}

/// Imports of siblings that stand on the same or a higher floor of a top-level module. Tests are free,
/// and so is the module itself, which stands above all its floors.
fn pointing_up_inside(source: &Source, test_modules: &[Vec<String>]) -> Vec<String> {
    let module = source.module();
    let floors = INNER_FLOORS
        .iter()
        .find(|(top, _)| *top == source.top_module());
    let (Some((_, floors)), Some(from)) = (floors, module.get(1)) else {
        return Vec::new();
    };
    if test_modules.iter().any(|test| module.starts_with(test)) {
        return Vec::new();
    }
    let floor = |name: &str| floors.iter().position(|floor| floor.contains(&name));
    let Some(from_floor) = floor(from) else {
        return vec![source.place(from)];
    };
    let are_a_circle = |to| {
        let mut circles = CIRCLES.iter();
        circles.any(|circle| circle.contains(&from.as_str()) && circle.contains(&to))
    };
    let mut complaints = Vec::new();
    for path in paths(&source.text).iter().filter(|path| !path.in_test) {
        let Some(to) = path.sibling(&module).filter(|to| to != from) else {
            continue;
        };
        if floor(to).is_some_and(|floor| floor >= from_floor) && !are_a_circle(to) {
            let why = format!("{from} must not import {to}, which stands no lower");
            complaints.push(source.at(path.line, &why));
        }
    }
    complaints
}

/// Clocks, threads, files, streams and locks outside the modules they belong to. Tests are free.
fn reaching_out(source: &Source, test_modules: &[Vec<String>]) -> Vec<String> {
    let module = source.module();
    if test_modules.iter().any(|test| module.starts_with(test)) {
        return Vec::new();
    }
    let is_inside = |owner: &&str| {
        let mut segments = owner.split("::").zip(0..);
        segments.all(|(segment, at)| module.get(at).is_some_and(|own| own == segment))
    };
    let mut complaints = Vec::new();
    for path in paths(&source.text).iter().filter(|path| !path.in_test) {
        for (reserved, owners) in RESERVED {
            if path.names(reserved) && !owners.iter().any(is_inside) {
                let name = reserved.join("::");
                let why = format!("{name} belongs to {} only", owners.join(" and "));
                complaints.push(source.at(path.line, &why));
            }
        }
    }
    complaints
}

/// What panics for a long enough duration: a product with a float, and a sum of `now` and anything
/// but a constant. `crate::clock` has sums that do not. Tests are free.
fn beyond_the_clock(source: &Source, test_modules: &[Vec<String>]) -> Vec<String> {
    let module = source.module();
    let is_test = test_modules.iter().any(|test| module.starts_with(test));
    if is_test || source.path == "src/clock.rs" {
        return Vec::new();
    }
    let tokens = tokens(&source.text);
    let texts: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
    let is_constant = |name: &&str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let mut complaints = Vec::new();
    for (at, token) in tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| !token.in_test)
    {
        let rest = match &texts[at + 1..] {
            ["(", ")", rest @ ..] | rest => rest,
        };
        let panics = match (texts[at], rest) {
            ("mul_f32" | "mul_f64" | "from_secs_f32" | "from_secs_f64", _) => true,
            ("now", ["+", addend, ..]) => !is_constant(addend),
            ("now", [".", "checked_add" | "add", ..]) => true,
            _ => false,
        };
        if panics {
            complaints.push(source.at(token.line, "may go beyond the clock: see crate::clock"));
        }
    }
    complaints
}

fn unfinished(source: &Source) -> Vec<String> {
    // In pieces, so that this file does not find itself.
    let marks = [
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let mut complaints = Vec::new();
    for (line, text) in numbered(&source.text) {
        for mark in marks.iter().filter(|mark| contains_word(text, mark)) {
            complaints.push(source.at(line, &format!("{mark} is left over")));
        }
    }
    complaints
}

/// Words that have a plainer or a more exact one. In pieces, so that this file does not find itself.
const AVOIDED_WORDS: &[(&str, &str)] = &[
    (concat!("oct", "et"), "byte"),
    (concat!("oct", "ets"), "bytes"),
    (concat!("who", "ever"), "the thread, peer or caller that"),
    (concat!("some", "body"), "another thread, a peer"),
    (concat!("no", "body"), "no peer, no thread"),
    (concat!("any", "body"), "any peer, any thread"),
    (concat!("every", "body"), "every peer, every thread"),
    (concat!("a", "new"), "again"),
    (concat!("in ", "vain"), "without success"),
    (concat!("lu", "ck"), "random numbers, entropy"),
    (concat!("so ", "many"), "that many, n"),
    (concat!("takes no ", "notice"), "ignores"),
    (concat!("take no ", "notice"), "ignore"),
    (
        concat!("beyond ", "all clocks"),
        "beyond the range of the clock",
    ),
    (concat!("for ", "want of"), "because there is no"),
    (concat!("give ", "back"), "return, release"),
    (concat!("make ", "way"), "be ended, be dropped"),
    (concat!("makes ", "way"), "is ended, is dropped"),
    (concat!("out of the ", "house"), "written"),
    (concat!("turn ", "away"), "refuse"),
    (concat!("turns ", "away"), "refuses"),
];

fn avoided_words(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, text) in numbered(&source.text) {
        // The standard library's name for the bytes of an IP address.
        let text = text.to_lowercase().replace(concat!(".oct", "ets()"), "");
        for (word, instead) in AVOIDED_WORDS {
            if contains_word(&text, word) {
                complaints.push(source.at(line, &format!("say `{instead}`, not `{word}`")));
            }
        }
    }
    complaints
}

fn sleeping(source: &Source) -> Vec<String> {
    // Most files: reading their paths takes most of the time.
    if !source.text.contains("sleep") {
        return Vec::new();
    }
    let found = paths(&source.text)
        .into_iter()
        .filter(|path| path.names(&["thread", "sleep"]));
    found
        .map(|path| source.at(path.line, "wait for an event instead of sleeping"))
        .collect()
}

fn unproven_unsafe(source: &Source) -> Vec<String> {
    if !source.text.contains("unsafe") {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let mut complaints = Vec::new();
    for path in paths(&source.text)
        .iter()
        .filter(|path| path.names(&["unsafe"]))
    {
        let above = lines[..path.line - 1].iter().rev();
        // Over the comment's other lines, and over the attribute that lifts the lint.
        let mut comment = above.take_while(|line| line.trim_start().starts_with(['/', '#']));
        if !comment.any(|line| line.trim_start().starts_with("// SAFETY:")) {
            complaints.push(source.at(path.line, "unsafe without `// SAFETY:` above it"));
        }
    }
    complaints
}

fn oversize(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, text) in numbered(&source.text) {
        let columns = text.chars().count();
        // A SHA-256 has 64 digits and cannot be broken.
        let is_hex = |c: char| c.is_ascii_hexdigit();
        let has_checksum = text.split(|c| !is_hex(c)).any(|run| run.len() == 64);
        if columns > MAX_COLUMNS && !has_checksum {
            complaints.push(source.at(line, &format!("{columns} columns, at most {MAX_COLUMNS}")));
        }
    }
    let lines = source.text.lines().count();
    let most = match is_only_for_tests(&source.path) {
        true => MAX_TEST_LINES,
        false => MAX_LINES,
    };
    if lines > most {
        complaints.push(source.at(lines, &format!("{lines} lines, at most {most}: split it")));
    }
    complaints
}

fn is_only_for_tests(path: &str) -> bool {
    let is_tests = path.starts_with("tests/") || path.starts_with("interop/");
    is_tests || path.contains("/tests") || path.contains("/fuzz/") || path.ends_with("/testing.rs")
}

/// Long functions and structs of many fields, where those have a limit. It goes by rustfmt's layout: what
/// begins on a line ends at the first `}` with the same indentation.
fn overgrown(source: &Source) -> Vec<String> {
    let mut below = LIMITED_BELOW.iter();
    let has_limit = below.any(|folder| source.path.starts_with(folder));
    if !has_limit || is_only_for_tests(&source.path) {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let mut complaints = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let indentation = &line[..line.len() - text.len()];
        let words: Vec<&str> = text.split(['(', ' ', '<']).collect();
        let is_item = |kind: &str| {
            let place = words.iter().position(|word| *word == kind);
            let qualifiers = ["pub", "crate)", "super)", "const", "async", "unsafe"];
            place.is_some_and(|place| words[..place].iter().all(|word| qualifiers.contains(word)))
        };
        let end = format!("{indentation}}}");
        let mut rest = lines[at..].iter();
        let (Some(length), true) = (
            rest.position(|line| *line == end),
            is_item("fn") || is_item("struct"),
        ) else {
            continue;
        };
        if is_item("fn") && length + 1 > MAX_FUNCTION_LINES {
            let why = format!("{} lines, at most {MAX_FUNCTION_LINES}", length + 1);
            complaints.push(source.at(at + 1, &why));
        }
        let is_field = |line: &&&str| {
            let field = line.strip_prefix(indentation).unwrap_or_default();
            let is_own = field.starts_with("    ") && !field.starts_with("     ");
            let is_comment = field.trim_start().starts_with("//");
            is_own && !is_comment && field.ends_with(',') && field.contains(": ")
        };
        let fields = lines[at..at + length].iter().filter(is_field).count();
        if is_item("struct") && fields > MAX_FIELDS {
            let why = format!("{fields} fields, at most {MAX_FIELDS}");
            complaints.push(source.at(at + 1, &why));
        }
    }
    complaints
}

fn unintroduced(source: &Source) -> Vec<String> {
    let introduced = source.text.starts_with("//!")
        // The crate's own doc is its README.
        || source.path == "src/lib.rs" && source.text.starts_with("#![cfg_attr(not(doctest), doc");
    if introduced {
        return Vec::new();
    }
    vec![source.at(
        1,
        "starts without a `//!` line that says what this module is",
    )]
}

fn unjustified(manifest: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let (mut in_dependencies, mut above) = (false, "");
    for (line, text) in numbered(&manifest.text) {
        let mut dependency = in_dependencies && text.starts_with(|c: char| c.is_alphanumeric());
        if let Some(table) = text
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            in_dependencies = table.ends_with("dependencies");
            // `[dependencies.name]` is a dependency by itself.
            dependency = table.contains("dependencies.");
        }
        if dependency && !above.starts_with('#') {
            complaints.push(manifest.at(
                line,
                "a dependency without a comment above it: why this one?",
            ));
        }
        above = text;
    }
    complaints
}

fn floor(module: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, floor)| *floor)
}

fn unknown(module: &str) -> String {
    format!("module {module} stands on no floor in tests/tidy.rs")
}

/// What users see: the public modules, and the names that are re-exported.
struct Listings {
    public: Vec<String>,
    /// The path of a name that is listed, from the crate's root, and the top-level module it lives in.
    names: Vec<(Vec<String>, String)>,
}

impl Listings {
    /// The top-level module in which that lives what is called so.
    fn home<'a>(&'a self, path: &'a [String]) -> &'a str {
        let mut listed = self.names.iter();
        let listed = listed.find(|(name, _)| path.starts_with(name));
        listed.map_or(path[0].as_str(), |(_, module)| module.as_str())
    }
}

/// Every name that `lib.rs` and the public modules re-export.
fn listings(sources: &[Source]) -> Listings {
    let Some(lib) = sources.iter().find(|source| source.path == "src/lib.rs") else {
        panic!("src/lib.rs is missing");
    };
    let public = tokens(&lib.text);
    let public = public.windows(3).filter_map(|three| match three {
        [a, b, name] if a.text == "pub" && b.text == "mod" => Some(name.text.clone()),
        _ => None,
    });
    let public: Vec<String> = public.collect();
    let mut names = Vec::new();
    for source in sources {
        let module = source.module();
        let is_root = module.is_empty();
        if !is_root && (module.len() > 1 || !public.contains(&module[0])) {
            continue;
        }
        for path in paths(&source.text) {
            let from_root = path.segments.strip_prefix(&["crate".to_string()]);
            let from_root = match is_root {
                true => from_root.unwrap_or(&path.segments),
                false => from_root.unwrap_or_default(),
            };
            if let (true, [home, .., name]) = (path.is_public_use, from_root) {
                if floor(home).is_some() {
                    names.push(([module.clone(), vec![name.clone()]].concat(), home.clone()));
                }
            }
        }
    }
    // The names of modules first, which are the longer ones.
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    Listings { public, names }
}

fn crowding_the_root(lib: &Source) -> Vec<String> {
    let paths = paths(&lib.text);
    let mut names = paths.iter().filter(|path| path.is_public_use);
    let beyond = names.nth(MAX_ROOT_NAMES);
    let why = format!("more than {MAX_ROOT_NAMES} names at the root: list them in a module");
    beyond
        .map(|path| lib.at(path.line, &why))
        .into_iter()
        .collect()
}

/// The modules that are only there in tests: `tests.rs` files, and `#[cfg(test)] mod name;`.
fn test_modules(sources: &[Source]) -> Vec<Vec<String>> {
    let mut modules = Vec::new();
    for source in sources {
        let module = source.module();
        if module.last().is_some_and(|name| name == "tests") {
            modules.push(module.clone());
        }
        for pair in tokens(&source.text).windows(3) {
            if let [keyword, name, end] = pair {
                if keyword.in_test && keyword.text == "mod" && end.text == ";" {
                    modules.push([module.clone(), vec![name.text.clone()]].concat());
                }
            }
        }
    }
    modules
}

impl Source {
    fn at(&self, line: usize, complaint: &str) -> String {
        format!("{}:{line}: {complaint}", self.path)
    }

    fn place(&self, module: &str) -> String {
        self.at(1, &format!("{}; place it", unknown(module)))
    }

    /// `src/wire/decoder.rs` is `[wire, decoder]`; `src/wire/mod.rs` is `[wire]`; `lib.rs` is `[]`.
    fn module(&self) -> Vec<String> {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut module: Vec<String> = inner.split('/').map(str::to_string).collect();
        if module.last().is_some_and(|name| name == "mod") || module == ["lib"] {
            module.pop();
        }
        module
    }

    fn top_module(&self) -> &str {
        let inner = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inner.split('/').next().unwrap_or(inner)
    }
}

fn contains_word(text: &str, word: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(start, _)| {
        !text[..start].ends_with(in_word)
            && (word.ends_with('!') || !text[start + word.len()..].starts_with(in_word))
    })
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

// ---- reading the tree

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All hand-written source files below `folders`: Rust, Python, and scripts that name their shell.
/// A folder that is not there holds none, except `src`.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    for folder in folders {
        collect(&root().join(folder), folder, &mut sources);
    }
    assert!(
        sources.iter().any(|source| source.path.starts_with("src/")),
        "no sources found"
    );
    sources
}

/// Those of the library, without the program beside it.
fn library() -> Vec<Source> {
    let mut sources = sources(&["src"]);
    sources.retain(|source| !tool::is_tool(source));
    sources
}

fn collect(folder: &Path, name: &str, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let (path, full) = (format!("{name}/{file_name}"), entry.path());
        if file_name.starts_with('.') || matches!(file_name.as_str(), "target" | "results") {
            continue; // Built or fetched, not written.
        }
        if full.is_dir() {
            collect(&full, &path, sources);
            continue;
        }
        let is_script = || !file_name.contains('.') && read(&full).starts_with("#!");
        if file_name.ends_with(".rs") || file_name.ends_with(".py") || is_script() {
            sources.push(Source {
                path,
                text: read(&full),
            });
        }
    }
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn silent(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
