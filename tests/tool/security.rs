//! Keys, passwords, and which clients are accepted.

use std::fs;
use std::path::Path;

use crate::common::{within, Folder, LIMIT};
use crate::run::{command, run, start, start_bound, start_command};

/// A pair of keys in files: the public one, and both.
fn keygen(folder: &Path, name: &str) -> (String, String) {
    let name = folder.join(name).display().to_string();
    let printed = run(&format!("keygen {name}"), b"").printed();
    let (public, secret) = (format!("{name}.key"), format!("{name}.key_secret"));
    let text = fs::read_to_string(&public).unwrap();
    assert!(text.contains(printed.trim()) && !text.contains("secret-key"));
    (public, secret)
}

#[test]
fn keys_are_for_their_owner_only_and_never_written_over() {
    within(LIMIT, || {
        let folder = Folder::new();
        let (public, secret) = keygen(folder.path(), "server");
        let before = fs::read_to_string(&secret).unwrap();
        assert!(before.contains("secret-key = \"") && before.contains("public-key = \""));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&secret).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let name = public.strip_suffix(".key").unwrap();
        let why = run(&format!("keygen {name}"), b"").failed(1);
        assert!(why.contains("exists"), "{why}");
        assert_eq!(fs::read_to_string(&secret).unwrap(), before);
        assert_ne!(run("keygen", b"").printed(), run("keygen", b"").printed());
    });
}

#[test]
fn curve_takes_clients_that_know_the_server_and_are_allowed() {
    within(LIMIT, || {
        let folder = Folder::new();
        let (public, secret) = keygen(folder.path(), "server");
        let (friend, friend_secret) = keygen(folder.path(), "friend");
        let (other, _) = keygen(folder.path(), "other");

        let (pull, endpoint) = start_bound(&format!("pull -n 1 --curve-server {secret}"));
        let wrong = run(
            &format!("push {endpoint} -m x --server-key {other} -t 200ms --wait-connected 1"),
            b"",
        );
        assert!(wrong.failed(3).contains("no peer is connected"));
        let pushed = run(
            &format!("push {endpoint} -m secret --server-key {public}"),
            b"",
        );
        assert_eq!(pushed.printed(), "");
        assert_eq!(pull.end().printed(), "secret\n");

        let allowed = format!("pull -n 1 --curve-server {secret} --allow {friend}");
        let (pull, endpoint) = start_bound(&allowed);
        let push =
            format!("push {endpoint} -m x --server-key {public} -t 200ms --wait-connected 1");
        assert!(run(&push, b"").failed(3).contains("no peer is connected"));
        let push =
            format!("push {endpoint} -m friend --server-key {public} --curve {friend_secret}");
        assert_eq!(run(&push, b"").printed(), "");
        assert_eq!(pull.end().printed(), "friend\n");
    });
}

#[test]
fn a_key_may_be_given_in_z85_and_readable_secrets_are_warned_of() {
    within(LIMIT, || {
        let folder = Folder::new();
        let (public, secret) = keygen(folder.path(), "server");
        let text = fs::read_to_string(public).unwrap();
        let key = text.split('"').nth(1).unwrap();
        assert_eq!(key.len(), 40);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
        }
        let pull = start(&format!(
            "pull -n 1 --curve-server {secret} --bind tcp://127.0.0.1:*"
        ));
        #[cfg(unix)]
        pull.hears_of("can be read by others");
        let endpoint = pull.bound();
        let mut push = command(&format!("push {endpoint} -m x"));
        push.args(["--server-key", key]);
        assert_eq!(start_command(push).end().printed(), "");
        assert_eq!(pull.end().printed(), "x\n");
        // A key may begin with a hyphen.
        let key = "-q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
        let push = format!("push tcp://127.0.0.1:1 -m x --linger 0 --server-key {key}");
        assert!(run(&push, b"").failed(4).contains("not delivered"));
        let why = run(
            &format!("push {endpoint} -m x --server-key {secret}.no"),
            b"",
        )
        .failed(2);
        assert!(why.contains("it is no key"), "{why}");
    });
}

#[test]
fn plain_passwords_come_from_arguments_files_or_the_environment() {
    within(LIMIT, || {
        let folder = Folder::new();
        let users = folder.path().join("users");
        fs::write(&users, "admin:pass:word\nguest:\n").unwrap();
        let password = folder.path().join("password");
        fs::write(&password, "admin:pass:word\n").unwrap();
        let (users, password) = (users.display(), password.display());
        let (pull, endpoint) = start_bound(&format!("pull -n 3 --plain-server {users}"));
        let refused = |plain: &str| {
            let push = format!("push {endpoint} {plain} -m x -t 200ms --wait-connected 1");
            assert!(
                run(&push, b"").failed(3).contains("no peer is connected"),
                "{plain}"
            );
        };
        refused("--plain admin:wrong");
        refused("--plain guest:pass:word");
        refused("--plain other:");
        refused("");
        let push = format!("push {endpoint} -m 1 --plain-file {password}");
        assert_eq!(run(&push, b"").printed(), "");
        let push = format!("push {endpoint} -m 2 --plain guest:");
        assert_eq!(run(&push, b"").printed(), "");
        let mut push = command(&format!("push {endpoint} -m 3"));
        push.env("ZC_PLAIN", "admin:pass:word");
        assert_eq!(start_command(push).end().printed(), "");
        assert_eq!(pull.end().printed(), "1\n2\n3\n");
    });
}
