//! The texts that are no sources: which there are, and where their links lead.

use std::fs;

use super::{numbered, read, root, Source};

/// Folders of documents, and whether those below count, too.
const FOLDERS: &[(&str, bool)] = &[
    ("", false),
    (".github", true),
    ("benches", false),
    ("docs", true),
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
    // The package is published without some of them.
    let Ok(entries) = fs::read_dir(root().join(folder)) else {
        return;
    };
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

/// Links to files that are not there. Those to items of the library are rustdoc's.
pub(super) fn dead_links(document: &Source) -> Vec<String> {
    let folder = document
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let mut complaints = Vec::new();
    for (line, text) in numbered(&document.text) {
        // A link may begin on the line before.
        let links = text.split("](").skip(1);
        for target in links.filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = file.is_empty() || file.contains("://") || file.contains("::");
            if !is_elsewhere && !root().join(folder).join(file).exists() {
                complaints.push(document.at(line, &format!("{file} is not there")));
            }
        }
    }
    complaints
}
