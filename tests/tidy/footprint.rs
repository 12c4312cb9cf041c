//! How much a program takes on with this library: the crates that are built, and the size of the package.

use std::collections::BTreeSet;
use std::process::Command;

use crate::{manifest, numbered, root, silent, sources, test_modules, Source};

/// Crates that the library names itself, without features and with `curve`.
const MAX_DIRECT: usize = 8;
const MAX_DIRECT_WITH_CURVE: usize = 14;

/// Bytes of all files in the package before they are compressed to a quarter. `.ci/run package` checks
/// the size of the package itself.
const MAX_PACKAGED: u64 = 2_300_000;

/// What the package has beside `src` and `examples`. Cargo adds the last four.
const PACKAGED: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    ".cargo_vcs_info.json",
    "Cargo.lock",
    "Cargo.toml",
    "Cargo.toml.orig",
];

#[test]
fn few_crates_are_built() {
    silent(heavy(&manifest("Cargo.toml"), &manifest("Cargo.lock")).into_iter());
}

#[test]
fn the_package_has_what_users_need() {
    let list = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline"])
        .current_dir(root())
        .output();
    let list = list.expect("cargo runs");
    assert!(list.status.success(), "{list:?}");
    let text = String::from_utf8(list.stdout).expect("paths in UTF-8");
    let paths: Vec<&str> = text.lines().collect();
    assert!(paths.contains(&"src/lib.rs"), "{text}");
    let tests = test_modules(&sources(&["src"]));
    silent(surplus(&paths, &tests).into_iter());
    let size = |path: &&str| root().join(path).metadata().map_or(0, |file| file.len());
    let bytes: u64 = paths.iter().map(size).sum();
    assert!(
        bytes <= MAX_PACKAGED,
        "{bytes} bytes, at most {MAX_PACKAGED}"
    );
}

/// Too many crates, or one of them twice.
fn heavy(manifest: &Source, lock: &Source) -> Vec<String> {
    let all = dependencies(manifest);
    let ordinary = all.iter().filter(|dependency| !dependency.optional);
    let bare: BTreeSet<&str> = ordinary.map(|dependency| dependency.name).collect();
    let mut whole = bare.clone();
    whole.extend(feature(manifest, "curve"));
    let mut complaints = Vec::new();
    for (count, limit) in [
        (bare.len(), MAX_DIRECT),
        (whole.len(), MAX_DIRECT_WITH_CURVE),
    ] {
        if count > limit {
            complaints.push(manifest.at(1, &format!("{count} dependencies, at most {limit}")));
        }
    }
    let versions = |name: &str| {
        let crates = reached(lock, &whole);
        crates.iter().filter(|(found, _)| *found == name).count()
    };
    if versions("syn") > 1 {
        complaints.push(lock.at(1, "more than one version of syn is built"));
    }
    complaints
}

/// Packaged files that users of the library do not need.
fn surplus(paths: &[&str], tests: &[Vec<String>]) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in paths {
        let module = Source {
            path: (*path).into(),
            text: String::new(),
        };
        let module = module.module();
        let is_needed = match path.split_once('/') {
            Some(("src", _)) => !tests.iter().any(|test| module.starts_with(test)),
            Some((folder, _)) => folder == "examples",
            None => PACKAGED.contains(path),
        };
        if !is_needed {
            complaints.push(format!(
                "{path}: the package does not need it (`include` in Cargo.toml)"
            ));
        }
    }
    complaints
}

struct Dependency<'a> {
    name: &'a str,
    optional: bool,
}

/// Those of ordinary builds: not of tests, models under loom, and fuzzing.
fn dependencies(manifest: &Source) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut counts = false;
    for (_, text) in numbered(&manifest.text) {
        if let Some(table) = text.strip_prefix('[') {
            counts = table.ends_with("dependencies]")
                && !table.contains("dev-dependencies")
                && !table.contains("cfg(loom)")
                && !table.contains("cfg(zmq_channels_fuzz)");
        } else if let (true, Some((name, value))) = (counts, text.split_once(" = ")) {
            let optional = value.contains("optional = true");
            found.push(Dependency { name, optional });
        }
    }
    found
}

/// The crates that a feature adds.
fn feature<'a>(manifest: &'a Source, feature: &str) -> Vec<&'a str> {
    let line = manifest.text.lines().find(|line| {
        line.split_once(" = [")
            .is_some_and(|(name, _)| name == feature)
    });
    let quoted = line.unwrap_or_default().split('"').skip(1).step_by(2);
    quoted
        .filter_map(|word| word.strip_prefix("dep:"))
        .collect()
}

/// The crates with their versions that `direct` ones need, on all systems together.
fn reached<'a>(lock: &'a Source, direct: &BTreeSet<&'a str>) -> BTreeSet<(&'a str, &'a str)> {
    let quoted = |text: &'a str| text.split('"').nth(1).unwrap_or_default();
    let crates: Vec<(&str, &str, Vec<&str>)> = lock
        .text
        .split("[[package]]\n")
        .skip(1)
        .map(|package| {
            let mut lines = package.lines();
            let value = |line: Option<&'a str>| quoted(line.unwrap_or_default());
            let (name, version) = (value(lines.next()), value(lines.next()));
            let needs = lines.filter(|line| line.starts_with(" \"")).map(quoted);
            (name, version, needs.collect())
        })
        .collect();
    let mut wanted: Vec<&str> = direct.iter().copied().collect();
    let mut reached = BTreeSet::new();
    while let Some(want) = wanted.pop() {
        // `name`, or `name version` if there are several.
        let (want, version) = want.split_once(' ').unwrap_or((want, ""));
        for (name, found, needs) in &crates {
            let is_it = *name == want && (version.is_empty() || version == *found);
            if is_it && reached.insert((*name, *found)) {
                wanted.extend(needs);
            }
        }
    }
    reached
}

#[test]
fn a_dependency_too_many_and_a_second_syn_are_caught() {
    let file = |path: &str, text: String| Source {
        path: path.into(),
        text,
    };
    let manifest = |count: usize, curve: usize| {
        let names = |prefix: &str, count, rest: &str| {
            let line = |number| format!("{prefix}{number} = {rest}\n");
            (0..count).map(line).collect::<String>()
        };
        let optional = "{ version = \"1\", optional = true }";
        let parts = (0..curve).map(|number| format!("\"dep:c{number}\""));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let text = format!(
            "[features]\ncurve = [{parts}]\n[dependencies]\n{}{}[target.'cfg(unix)'.dependencies]\n\
             a0 = \"1\"\n[target.'cfg(loom)'.dependencies]\nloom = \"1\"\n\
             [target.'cfg(zmq_channels_fuzz)'.dependencies]\narbitrary = \"1\"\n\
             [dev-dependencies]\nb = \"1\"\n",
            names("a", count, "\"1\""),
            names("c", curve, optional),
        );
        file("Cargo.toml", text)
    };
    let lock = |needs: &str| {
        let text = format!(
            "version = 4\n\n[[package]]\nname = \"a0\"\nversion = \"1\"\ndependencies = [\n{needs}]\n\n\
             [[package]]\nname = \"b\"\nversion = \"1\"\ndependencies = [\n \"syn 3\",\n]\n\n\
             [[package]]\nname = \"d\"\nversion = \"1\"\ndependencies = [\n \"syn 2\",\n]\n\n\
             [[package]]\nname = \"syn\"\nversion = \"2\"\n\n[[package]]\nname = \"syn\"\nversion = \"3\"\n"
        );
        file("Cargo.lock", text)
    };
    let check = |count, curve, needs, expected: &[&str]| {
        let complaints = heavy(&manifest(count, curve), &lock(needs));
        let all = complaints.len() == expected.len();
        let mut pairs = complaints.iter().zip(expected);
        let all = all && pairs.all(|(complaint, part)| complaint.contains(part));
        assert!(all, "expected {expected:?}, got {complaints:#?}");
    };
    let optional = MAX_DIRECT_WITH_CURVE - MAX_DIRECT;
    check(MAX_DIRECT, optional, " \"d\",\n", &[]);
    check(
        MAX_DIRECT,
        optional + 1,
        "",
        &["15 dependencies, at most 14"],
    );
    check(MAX_DIRECT + 1, 0, "", &["9 dependencies, at most 8"]);
    check(
        1,
        0,
        " \"d\",\n \"syn 3\",\n",
        &["Cargo.lock:1: more than one"],
    );
}

#[test]
fn a_packaged_test_is_caught() {
    let tests = [["wire", "tests"], ["pump", "sim"]].map(|path| path.map(String::from).to_vec());
    let check = |path, is_surplus| {
        assert_eq!(
            surplus(&[path], &tests).len(),
            usize::from(is_surplus),
            "{path}"
        );
    };
    for path in [
        "src/wire/tests.rs",
        "src/wire/tests/curve.rs",
        "src/pump/sim.rs",
    ] {
        check(path, true);
    }
    for path in ["tests/tidy.rs", "benches/plots/a.svg", "clippy.toml"] {
        check(path, true);
    }
    for path in [
        "src/wire/mod.rs",
        "src/guide/limits.md",
        "examples/rr.rs",
        "README.md",
    ] {
        check(path, false);
    }
}
