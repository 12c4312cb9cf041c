//! The texts that are no sources: which there are; and what the page of a socket type must have.

use std::fs;

use super::{numbered, read, root, Source};

/// Folders of documents, and whether those below count, too.
const FOLDERS: &[(&str, bool)] = &[
    ("", false),
    (".github", true),
    ("benches", false),
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
