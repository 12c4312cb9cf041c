//! Where links lead: to files, to headings in them, and to this crate's pages on docs.rs. Nothing is
//! fetched: those pages are made from files that are here.

use std::fs;

use super::{contains_word, numbered, read, root, Source};

/// Where docs.rs has the pages of this crate, and the files of its package.
const PAGES: &str = "https://docs.rs/zmq-channels";
const FILES: &str = "https://docs.rs/crate/zmq-channels";
const LATEST_PAGES: &str = "/latest/zmq_channels/";
const LATEST_FILES: &str = "/latest/source/";

/// Links to files, headings and pages that are not there. Those to items of the library are rustdoc's.
pub(crate) fn dead_links(document: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, text) in prose(&document.text) {
        for target in targets(text) {
            if let Some(why) = local_fault(document, target) {
                complaints.push(document.at(line, &why));
            }
        }
        for url in urls(text) {
            if !leads_to_a_page(url) {
                complaints.push(document.at(line, &format!("docs.rs has no {url}")));
            }
        }
    }
    complaints
}

/// Links of a text that is also shown where there are none of its neighbours: on the registry's page.
pub(crate) fn links_without_a_host(document: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, text) in prose(&document.text) {
        for target in targets(text) {
            if !target.contains("://") && !target.starts_with('#') {
                let why = format!("{target} leads nowhere on the registry's page: link docs.rs");
                complaints.push(document.at(line, &why));
            }
        }
    }
    complaints
}

/// Links of sources to headings of the guide that are not there: rustdoc knows the pages only.
pub(crate) fn dead_headings(source: &Source) -> Vec<String> {
    let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut complaints = Vec::new();
    for (line, text) in numbered(&source.text) {
        for rest in text.split("guide::").skip(1) {
            let Some((page, rest)) = rest.split_once('#') else {
                continue;
            };
            let heading = rest.split(|c| !in_name(c)).next().unwrap_or_default();
            let path = root().join(format!("src/guide/{page}.md"));
            if page.chars().all(in_name) && path.exists() && !has_heading(&read(&path), heading) {
                complaints.push(source.at(line, &format!("{page} has no heading #{heading}")));
            }
        }
    }
    complaints
}

/// The lines outside code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    numbered(text).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// What the links and pictures of a line lead to, and its definition of a link. A link may begin on the
/// line before.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line.split("](").skip(1);
    let definition = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "));
    inline
        .filter_map(|rest| rest.split([')', ' ']).next())
        .chain(definition.map(|(_, target)| target.trim()))
}

/// This crate's addresses on docs.rs.
fn urls(line: &str) -> impl Iterator<Item = &str> {
    let starts = line.match_indices("https://docs.rs/");
    let urls = starts.filter_map(|(start, _)| {
        line[start..]
            .split([')', '"', '>', ' ', ']', ',', '`'])
            .next()
    });
    urls.filter(|url| {
        let is_of = |base| {
            url.strip_prefix(base)
                .is_some_and(|rest| !rest.starts_with('-'))
        };
        is_of(PAGES) || is_of(FILES)
    })
}

/// What is wrong with a link that leads to no other host.
fn local_fault(from: &Source, target: &str) -> Option<String> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    if file.is_empty() {
        let is_missing = !heading.is_empty() && !has_heading(&from.text, heading);
        return is_missing.then(|| format!("there is no heading #{heading}"));
    }
    let folder = from.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let file = match file.split_once("guide::") {
        Some((_, page)) => format!("src/guide/{page}.md"),
        None if file.contains("://") || file.contains("::") || file == "crate" => return None,
        None => format!("{folder}/{file}")
            .trim_start_matches('/')
            .to_owned(),
    };
    let path = root().join(&file);
    if !path.exists() {
        return Some(format!("{file} is not there"));
    }
    let is_text = file.ends_with(".md") && !heading.is_empty();
    let is_missing = is_text && !has_heading(&read(&path), heading);
    is_missing.then(|| format!("{file} has no heading #{heading}"))
}

/// Whether the page, or the file of the package, is made from something that is here.
fn leads_to_a_page(url: &str) -> bool {
    if let Some(rest) = url.strip_prefix(FILES) {
        return rest.is_empty() || rest.strip_prefix(LATEST_FILES).is_some_and(is_published);
    }
    let Some(rest) = url.strip_prefix(PAGES) else {
        return false;
    };
    let Some(page) = rest.strip_prefix(LATEST_PAGES) else {
        return rest.is_empty();
    };
    let (page, part) = page.split_once('#').unwrap_or((page, ""));
    let (folder, file) = page.rsplit_once('/').unwrap_or(("", page));
    let modules: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    let are_modules = (0..modules.len()).all(|depth| {
        let declaration = format!("pub mod {}", modules[depth]);
        source_of(&modules[..depth]).is_some_and(|text| contains_word(&text, &declaration))
    });
    let is_there = match file.trim_end_matches(".html").split_once('.') {
        Some((kind, name)) => is_item(&modules, kind, name),
        None => matches!(file, "" | "index.html"),
    };
    are_modules && is_there && (part.is_empty() || has_part(&modules, file, part))
}

/// Whether a file of the repository is in the package, too.
fn is_published(file: &str) -> bool {
    let manifest = read(&root().join("Cargo.toml"));
    let included = manifest.split_once("\ninclude = [");
    let included = included.and_then(|(_, rest)| rest.split(']').next());
    let mut included = included.unwrap_or_default().split('"').skip(1).step_by(2);
    let below = format!("/{file}");
    let is_included = included.any(|path| {
        let rest = below.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    root().join(file).exists() && is_included
}

/// The text of the file that a public module is in; `None` if it is not in a separate file.
fn source_of(modules: &[&str]) -> Option<String> {
    let path = modules.join("/");
    let files = match modules {
        [] => vec!["src/lib.rs".to_owned()],
        _ => vec![format!("src/{path}.rs"), format!("src/{path}/mod.rs")],
    };
    let mut paths = files.into_iter().map(|file| root().join(file));
    paths.find(|path| path.exists()).map(|path| read(&path))
}

/// Whether a module lists the name, and something of that kind and name is defined.
fn is_item(modules: &[&str], kind: &str, name: &str) -> bool {
    let is_listed = source_of(modules).is_some_and(|text| contains_word(&text, name));
    is_listed && is_defined("src", &format!("pub {kind} {name}"))
}

fn is_defined(folder: &str, definition: &str) -> bool {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten();
    entries.flatten().any(|entry| {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => is_defined(&path, definition),
            false => path.ends_with(".rs") && contains_word(&read(&entry.path()), definition),
        }
    })
}

/// Whether a page has what is behind the `#`: a heading of the guide, or a method.
fn has_part(modules: &[&str], file: &str, part: &str) -> bool {
    match (modules, part.split_once('.')) {
        (["guide", page], None) if file.is_empty() => {
            let page = root().join(format!("src/guide/{page}.md"));
            page.exists() && has_heading(&read(&page), part)
        }
        (_, Some(("method", name))) => is_defined("src", &format!("pub fn {name}")),
        _ => false,
    }
}

/// Headings are found by their text in lower case, with hyphens between words and without other signs.
fn has_heading(text: &str, heading: &str) -> bool {
    prose(text).any(|(_, line)| {
        let Some(title) = line.strip_prefix('#') else {
            return false;
        };
        let title = title.trim_start_matches('#').trim().to_lowercase();
        let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let anchor: String = title.chars().filter(is_kept).collect();
        anchor.replace(' ', "-") == heading
    })
}
