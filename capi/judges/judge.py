"""What all judges share: where things are kept, how they are had, how cases are run and reported.

A judge runs cases against one library, which the programs find by LD_LIBRARY_PATH. Each case is a
command in a process and a network namespace of its own, with a time limit. What came of the cases is
compared with the judge's file in `expected/`: a case that fails and is not named there fails the run.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache",
                     "zmq-channels-judges")
LOOPBACK = "ip link set lo up multicast on && ip route add 224.0.0.0/4 dev lo"
SIGNALS = {number.value: number.name for number in signal.Signals}


def fail(complaint):
    """Ends the judge: what it needs cannot be had. Never a skip."""
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {complaint}")


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    """Runs a step of the preparation; shows its output only if it fails."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **options)
    if done.returncode:
        say(done.stdout[-6000:])
        fail(f"failed with {done.returncode}: {shlex.join(str(word) for word in command)}")
    return done.stdout


def need_tools(**tools):
    """Installs Debian's packages for those of the tools (tool=package) that are missing."""
    need_packages(*[package for tool, package in tools.items() if not shutil.which(tool.replace("_", "-"))])


def need_files(**files):
    need_packages(*[package.replace("_", "-") for package, file in files.items() if not os.path.exists(file)])


def need_packages(*packages):
    if not packages:
        return
    say(f"installing {' '.join(packages)}")
    if os.geteuid() != 0:
        fail(f"missing {' '.join(packages)}; only root can install them")
    if not shutil.which("apt-get"):
        fail(f"missing {' '.join(packages)}, and this is no Debian")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], env=environment)
    run(["apt-get", "install", "-y", "--no-install-recommends", *packages], env=environment)


def debian_source(package):
    """The folder of a Debian source package with Debian's patches, fetched once.

    The machine's own apt configuration is left as it is: a private copy of its Debian entries, turned
    into those of sources, is used with lists of its own.
    """
    home = CACHE / "sources" / package
    if (home / "complete").exists():
        return next(path for path in home.iterdir() if path.is_dir())
    need_tools(dpkg_source="dpkg-dev")
    apt = CACHE / "apt"
    for folder in ("parts", "lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    entries = write_source_entries(apt / "parts")
    if not entries:
        fail("no Debian entry in /etc/apt/sources.list or /etc/apt/sources.list.d")
    options = ["-oDir::Etc::SourceList=/dev/null", f"-oDir::Etc::SourceParts={apt}/parts",
               f"-oDir::State::Lists={apt}/lists", f"-oDir::Cache={apt}/cache", "-oAPT::Sandbox::User=root"]
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    say(f"fetching the source package {package}")
    run(["apt-get", *options, "update"])
    run(["apt-get", *options, "source", package], cwd=home)
    (home / "complete").touch()
    return next(path for path in home.iterdir() if path.is_dir())


def write_source_entries(folder):
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', pathlib.Path("/etc/os-release").read_text(), re.M))
    suite = release.get("VERSION_CODENAME", "")
    written = 0
    for path in pathlib.Path("/etc/apt/sources.list.d").glob("*.sources"):
        for number, stanza in enumerate(re.split(r"\n\s*\n", path.read_text())):
            if re.search(rf"^Suites:.*\b{suite}(\s|$|-)", stanza, re.M):
                stanza = re.sub(r"^Types:.*", "Types: deb-src", stanza, flags=re.M)
                (folder / f"{path.stem}-{number}.sources").write_text(stanza.strip() + "\n")
                written += 1
    lists = [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*.list")]
    lines = [line for path in lists if path.exists() for line in path.read_text().splitlines()
             if re.match(rf"deb\s.*\s{suite}(-\S+)?\s", line)]
    if lines:
        (folder / "one-line.list").write_text("".join("deb-src" + line[3:] + "\n" for line in lines))
    return written + len(lines)


def arguments(description, *, jobs=2, limit=60):
    """The options that all judges share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("filters", nargs="*", help="only the cases whose name contains one of these")
    parser.add_argument("--lib", type=pathlib.Path, metavar="PATH",
                        help="the library to judge (default: the one of ../, built with cargo --release)")
    parser.add_argument("--control", action="store_true", help="judge the real library instead")
    parser.add_argument("--jobs", type=int, default=jobs, help=f"cases at a time ({jobs})")
    parser.add_argument("--limit", type=float, default=limit, help=f"seconds for each case ({limit})")
    parser.add_argument("--again", type=int, default=1,
                        help="how often a case that failed is run again, two at a time (1); it is told")
    parser.add_argument("--results", type=pathlib.Path, help="write what came of each case as JSON")
    parser.add_argument("--list", action="store_true", help="the names of all cases")
    return parser


def build_ours():
    """Builds the library of this package; its path."""
    # cargo-web is Debian 12's Rust 1.85 or newer; its plain cargo is too old.
    need_tools(cargo="cargo-web", cc="gcc")
    say("building the library with cargo")
    manifest = HERE.parent / "Cargo.toml"
    run(["cargo", "build", "--release", "--manifest-path", manifest])
    metadata = run(["cargo", "metadata", "--format-version=1", "--no-deps", "--manifest-path", manifest])
    target = json.loads(metadata[metadata.index("{"):])["target_directory"]
    return pathlib.Path(target) / "release/libzmq.so"


def our_library(path=None):
    """A folder in which libzmq.so.5 is the library to judge."""
    path = (path or build_ours()).resolve()
    if not path.is_file():
        fail(f"no library at {path}")
    return library_folder(path, "ours")


def debian_library():
    """A folder in which libzmq.so.5 is Debian's."""
    need_files(libzmq3_dev="/usr/include/zmq.h")
    for line in run(["ldconfig", "-p"]).splitlines():
        if line.strip().startswith("libzmq.so.5 "):
            return library_folder(pathlib.Path(line.split()[-1]), "debian")
    fail("Debian's libzmq.so.5 is not to be found")


def library_folder(path, kind):
    """A copy, so that a build under way does not change what is being judged."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"judged-{kind}-", dir=scratch()))
    shutil.copy(path, folder / "libzmq.so.5")
    (folder / "libzmq.so").symlink_to("libzmq.so.5")
    return folder


_scratch = []


def scratch():
    """A folder for this run alone, removed at its end."""
    if not _scratch:
        _scratch.append(tempfile.TemporaryDirectory(prefix="zmq-judge-"))
        os.chmod(_scratch[0].name, 0o755)
    return _scratch[0].name


def check_loaded(program, folder):
    """The program must find the library in the folder, or the wrong one would be judged."""
    listed = run(["ldd", program], env={**os.environ, "LD_LIBRARY_PATH": str(folder)})
    if f"libzmq.so.5 => {folder}/libzmq.so.5" not in listed:
        fail(f"{program} does not load the library that is to be judged:\n{listed}")


class Case:
    """A command to run. `passed(output)` may look further than at the exit code."""

    def __init__(self, name, command, *, environment=None, passed=None, limit=None, cwd=None):
        self.name = name
        self.command = [str(word) for word in command]
        self.environment = environment or {}
        self.passed = passed
        self.limit = limit
        self.cwd = cwd


class Outcome:
    def __init__(self, case, verdict, seconds, output, why=""):
        self.name = case.name
        self.verdict = verdict
        self.seconds = seconds
        self.output = output
        self.why = why
        self.attempts = 1


def isolated(command):
    """The command in namespaces of its own, with loopback; all its processes end with it.

    A shell is the first process of the namespace: signals whose default action is to end a process
    are ignored by the first one, and tests end themselves by alarm and abort.
    """
    return ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
            f'{LOOPBACK} || exit 125; "$@"; exit $?', "sh", *command]


def check_isolation():
    done = subprocess.run(isolated(["true"]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        fail(f"no network and process namespaces here (root is needed): {done.stdout.strip()}")


def run_case(case, folder, limit):
    limit = case.limit or limit
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "LC_ALL": "C.UTF-8", **case.environment}
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=scratch()) as cwd, tempfile.TemporaryFile() as output:
        child = subprocess.Popen(isolated(case.command), cwd=case.cwd or cwd, env=environment,
                                 stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                 start_new_session=True)
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            code = None
        output.seek(0)
        text = output.read(1 << 20).decode(errors="replace")
    verdict, why = judge(case, code, text)
    return Outcome(case, verdict, time.monotonic() - begun, text, why)


def judge(case, code, text):
    """passed, failed, crashed, hung or ignored, and why."""
    if code is None or code == 128 + signal.SIGALRM:
        return "hung", "still running at the time limit"
    if code == 125:
        return "failed", "the namespace could not be prepared"
    if code > 128 and code - 128 in SIGNALS:
        return "crashed", SIGNALS[code - 128] + ": " + last_line(text)
    if code == 77 or (code == 0 and re.search(r":IGNORE\b", text) and not re.search(r":PASS\b", text)):
        ignored = re.search(r":IGNORE\b:? *(.*)", text)
        return "ignored", ignored.group(1) if ignored else last_line(text)
    if code:
        broken = re.search(r":(\d+):[^:\n]*:FAIL:? *(.*)", text)
        return "failed", f"line {broken.group(1)}: {broken.group(2)}" if broken else \
            f"exit code {code}: {last_line(text)}"
    complaint = case.passed(text) if case.passed else None
    return ("failed", complaint) if complaint else ("passed", "")


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"


def run_cases(cases, folder, options):
    """Runs all cases, as many at a time as wanted."""
    check_isolation()
    outcomes = {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        pending = [pool.submit(run_case, case, folder, options.limit) for case in cases]
        for future in concurrent.futures.as_completed(pending):
            outcome = future.result()
            outcomes[outcome.name] = outcome
            if outcome.verdict not in ("passed", "ignored"):
                say(f"{outcome.name}: {outcome.verdict}")
            if sys.stderr.isatty():
                print(f"\r{len(outcomes)}/{len(cases)} ", end="", file=sys.stderr, flush=True)
    return [outcomes[case.name] for case in cases]


def run_again(cases, outcomes, folder, options, expectations):
    """Runs those that failed and are not named once more, few at a time: load may have been the cause."""
    by_name = {case.name: case for case in cases}

    def once_more(place):
        outcome = outcomes[place]
        if outcome.verdict in ("passed", "ignored") or expectations.named(outcome.name):
            return
        for attempt in range(2, 2 + options.again):
            second = run_case(by_name[outcome.name], folder, options.limit)
            outcome.attempts = second.attempts = attempt
            if second.verdict == "passed":
                outcomes[place] = second
                return
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(once_more, range(len(outcomes))))


class Expectations:
    """The lines `pattern  inapplicable|differs  reason` of a file in expected/."""

    def __init__(self, *names):
        self.lines = []
        for name in names:
            self.read(HERE / "expected" / f"{name}.txt")

    def read(self, path):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split(None, 2)
            if len(words) != 3 or words[1] not in ("inapplicable", "differs"):
                fail(f"{path}:{number}: want `pattern  inapplicable|differs  reason`")
            self.lines.append(tuple(words))

    def named(self, name):
        """The kind and the reason, if the case is named."""
        for pattern, kind, reason in self.lines:
            if fnmatch.fnmatchcase(name, pattern):
                return kind, reason
        return None


def report(judge_name, outcomes, expectations, control=False):
    """Prints the table and the summary; true if every failure is named."""
    rows, passed, failed, inapplicable, unnamed = [], 0, 0, 0, 0
    for outcome in outcomes:
        named = expectations.named(outcome.name)
        if outcome.verdict == "passed":
            passed += 1
            if named and not control:
                rows.append((outcome.name, "passed", f"though named: {named[1]}"))
            elif outcome.attempts > 1:
                rows.append((outcome.name, "passed", f"at attempt {outcome.attempts}"))
        elif named and named[0] == "inapplicable":
            inapplicable += 1
            rows.append((outcome.name, "not applicable", named[1]))
        else:
            failed += 1
            unnamed += not named
            rows.append((outcome.name, outcome.verdict, f"named: {named[1]}" if named else outcome.why))
    width = max((len(row[0]) for row in rows), default=0)
    for row in rows:
        print(f"{row[0]:{width}}  {row[1]:14}  {row[2]}")
    keep_logs(judge_name, outcomes)
    total = passed + failed
    share = f" ({100 * passed / total:.1f} % of those that apply)" if total else ""
    print(f"\n{judge_name}{' (control)' if control else ''}: {unnamed} of the failures are not named{share}")
    print(f"{passed} passed, {failed} failed, {inapplicable} not applicable", flush=True)
    return not unnamed


def keep_logs(judge_name, outcomes):
    logs = CACHE / "logs" / judge_name
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    for outcome in outcomes:
        if outcome.verdict != "passed":
            name = re.sub(r"[^\w.-]+", "_", outcome.name)[:180]
            (logs / f"{name}.log").write_text(f"{outcome.verdict}: {outcome.why}\n{outcome.output}")


def main(judge_name, options, cases, library, program=None, further=()):
    """Runs the chosen cases against what `library` returns, reports, and ends the process.

    `program` is one that must load it; `further` are more files of expectations.
    """
    chosen = [case for case in cases
              if not options.filters or any(part in case.name for part in options.filters)]
    if options.list:
        print("\n".join(case.name for case in chosen))
        sys.exit()
    if not chosen:
        fail("no case has such a name")
    expectations = Expectations(judge_name, *further)
    folder = library()
    if program:
        check_loaded(program, folder)
    outcomes = run_cases(chosen, folder, options)
    run_again(chosen, outcomes, folder, options, expectations)
    if options.results:
        options.results.write_text(json.dumps([{key: value for key, value in vars(outcome).items()}
                                               for outcome in outcomes], indent=1))
    sys.exit(0 if report(judge_name, outcomes, expectations, options.control) else 1)
