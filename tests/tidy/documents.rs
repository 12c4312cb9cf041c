//! The texts that are no sources: which there are; which tests they may name; and what the page of a
//! socket type must have.

use std::fs;

use super::{numbered, read, root, Source};

/// Folders of documents, and whether those below count, too.
const FOLDERS: &[(&str, bool)] = &[
    ("", false),
    (".github", true),
    ("benches", false),
    ("capi", true),
    ("docs", true),
    ("examples", false),
    ("interop", false),
    ("src/guide", true),
];

/// All documents of the repository.
pub(super) fn documents() -> Vec<Source> {
    let mut documents = Vec::new();
    for (folder, is_deep) in FOLDERS {
        collect(folder, *is_deep, &mut documents);
    }
    documents
}

fn collect(folder: &str, is_deep: bool, documents: &mut Vec<Source>) {
    let entries = fs::read_dir(root().join(folder)).expect("a folder of documents");
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = match folder {
            "" => name,
            _ => format!("{folder}/{name}"),
        };
        if entry.path().is_dir() && is_deep {
            collect(&path, true, documents);
        } else if path.ends_with(".md") {
            let text = read(&entry.path());
            documents.push(Source { path, text });
        }
    }
}

/// Tests that a table names in its last column and that are not there. A name may be cut with `…`.
pub(super) fn missing_tests(document: &Source, sources: &[Source]) -> Vec<String> {
    let is_test = |name: &str| {
        let name = name.rsplit("::").next().unwrap_or(name);
        let start = match name.strip_suffix('…') {
            Some(start) => format!("fn {start}"),
            None => format!("fn {name}("),
        };
        name == "*" || sources.iter().any(|source| source.text.contains(&start))
    };
    let mut complaints = Vec::new();
    for (line, text) in numbered(&document.text) {
        let row = text.strip_prefix('|').and_then(|row| row.strip_suffix('|'));
        let Some((_, last)) = row.and_then(|row| row.rsplit_once('|')) else {
            continue;
        };
        for name in last.split('`').skip(1).step_by(2) {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_:…*".contains(c);
            if name.contains('_') && name.chars().all(is_name) && !is_test(name) {
                complaints.push(document.at(line, &format!("`{name}` is no test")));
            }
        }
    }
    complaints
}

/// Entries of `kinds!` whose documentation lacks something.
pub(super) fn undescribed_kinds(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut described = String::new();
    for (line, text) in numbered(&source.text) {
        match text.trim_start().strip_prefix("#[doc(alias = \"ZMQ_") {
            Some(_) => {
                for part in ["* `in`: ", "* `out`: ", "* Peers: ", "```"] {
                    if !described.contains(&format!("/// {part}")) {
                        complaints.push(source.at(line, &format!("its page lacks `{part}`")));
                    }
                }
                described.clear();
            }
            None => described.extend([text, "\n"]),
        }
    }
    complaints
}
