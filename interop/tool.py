"""The command-line tool `zc` and pyzmq, in both directions. `interop/tool` runs this.

    tool.py PATH/TO/zc

A line a case, `ok` or `FAILED` with what went wrong, and at the end `N passed, M failed`.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
import zmq
import zmq.auth

ZC = sys.argv[1]
SECONDS = 20  # far more than any step takes
BINARY = [b"text", b"", bytes(range(256)), "é".encode(), b""]

CASES = []


def case(function):
    CASES.append(function)
    return function


class Tool:
    """A running zc, killed at the end of its case."""

    def __init__(self, arguments, bound=False, **options):
        command = [ZC, *arguments] + (["--bind", "tcp://127.0.0.1:*"] if bound else [])
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(command, **pipes, **options)
        self.endpoint = None
        if bound:
            line = self.process.stderr.readline().decode()
            assert line.startswith("zc: bound to "), line
            self.endpoint = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def write(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def end(self, stdin=b""):
        out, err = self.process.communicate(stdin, timeout=SECONDS)
        assert self.process.returncode == 0, (self.process.returncode, out, err)
        return out


@contextlib.contextmanager
def socket(kind, **options):
    """A socket of pyzmq's, with options by their names."""
    context = zmq.Context()
    peer = context.socket(kind)
    peer.rcvtimeo = peer.sndtimeo = SECONDS * 1000
    peer.linger = 0
    for name, value in options.items():
        setattr(peer, name, value)
    try:
        yield peer
    finally:
        peer.close()
        context.term()


def frame(value):
    """A frame as zc writes it in JSON."""
    return value.encode() if isinstance(value, str) else bytes.fromhex(value["hex"])


def as_json(frames):
    return json.dumps([{"hex": f.hex()} for f in frames]).encode()


@case
def push_to_pyzmq():
    with socket(zmq.PULL) as pull:
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        with Tool(["push", f"tcp://127.0.0.1:{port}", "-f", "json"]) as push:
            push.end(as_json(BINARY) + b'\n"one"\n')
        assert pull.recv_multipart() == BINARY
        assert pull.recv_multipart() == [b"one"]


@case
def pull_from_pyzmq():
    with Tool(["pull", "-n", "2", "-f", "json"], bound=True) as pull, socket(zmq.PUSH) as push:
        push.connect(pull.endpoint)
        push.send_multipart(BINARY)
        push.send(b"one")
        first, second = pull.end().splitlines()
        assert [frame(value) for value in json.loads(first)] == BINARY
        assert json.loads(second) == ["one"]


@case
def pub_to_pyzmq():
    with Tool(["pub", "--wait-subscribed", "1", "-f", "multipart"], bound=True) as pub:
        with socket(zmq.SUB, subscribe=b"a") as sub:
            sub.connect(pub.endpoint)
            pub.end(b"a\\t\t1\nb\t2\na\t3\n")
            assert sub.recv_multipart() == [b"a\t", b"1"]
            assert sub.recv_multipart() == [b"a", b"3"]


@case
def sub_from_pyzmq():
    with socket(zmq.XPUB) as pub:
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        with Tool(["sub", f"tcp://127.0.0.1:{port}", "-s", "a", "-n", "2"]) as sub:
            assert pub.recv() == b"\x01a"
            for text in [b"a1", b"b", b"a2"]:
                pub.send(text)
            assert sub.end() == b"a1\na2\n"


@case
def req_to_pyzmq():
    with socket(zmq.REP) as rep:
        port = rep.bind_to_random_port("tcp://127.0.0.1")
        with Tool(["req", f"tcp://127.0.0.1:{port}", "-m", "a", "-m", "b", "-n", "2"]) as req:
            for number in [b"1", b"2"]:
                assert rep.recv_multipart() == [b"a", b"b"]
                rep.send(number)
            assert req.end() == b"1\n2\n"


@case
def rep_to_pyzmq():
    with Tool(["rep", "-n", "2", "--echo"], bound=True) as rep, socket(zmq.REQ) as req:
        req.connect(rep.endpoint)
        for message in [BINARY, [b"one"]]:
            req.send_multipart(message)
            assert req.recv_multipart() == message
        rep.end()


@case
def router_and_their_dealer_and_req():
    with Tool(["router", "-n", "2", "-f", "multipart"], bound=True) as router:
        with socket(zmq.DEALER, routing_id=b"\x01d") as dealer:
            dealer.connect(router.endpoint)
            dealer.send(b"hi")
            assert router.process.stdout.readline() == b"\\x01d\thi\n"
            router.write(b"\\x01d\tthere")
            assert dealer.recv_multipart() == [b"there"]
        with socket(zmq.REQ, routing_id=b"r") as req:
            req.connect(router.endpoint)
            req.send(b"what")
            assert router.process.stdout.readline() == b"r\t\twhat\n"
            router.write(b"r\t\tthat")
            assert req.recv_multipart() == [b"that"]


@case
def dealer_and_req_of_zc_and_their_router():
    with socket(zmq.ROUTER) as router:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        end = ["--routing-id", "d", "-m", "hi", "-n", "1", f"tcp://127.0.0.1:{port}"]
        for kind, envelope in [("dealer", [b"d"]), ("req", [b"d", b""])]:
            with Tool([kind, *end]) as tool:
                assert router.recv_multipart() == [*envelope, b"hi"]
                router.send_multipart([*envelope, b"there"])
                assert tool.end() == b"there\n"


@case
def keys_of_zc_serve_pyzmq():
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "server")
        Tool(["keygen", name]).end()
        public, secret = zmq.auth.load_certificate(name + ".key_secret")
        assert zmq.auth.load_certificate(name + ".key") == (public, None)
        options = {"curve_server": 1, "curve_secretkey": secret, "curve_publickey": public}
        with socket(zmq.PULL, **options) as pull:
            port = pull.bind_to_random_port("tcp://127.0.0.1")
            end = [f"tcp://127.0.0.1:{port}", "--server-key", name + ".key", "-m", "secret"]
            Tool(["push", *end]).end()
            assert pull.recv() == b"secret"


@case
def keys_of_pyzmq_serve_zc():
    with tempfile.TemporaryDirectory() as folder:
        server, server_secret = zmq.auth.create_certificates(folder, "server")
        client, client_secret = zmq.auth.create_certificates(folder, "client")
        public, secret = zmq.auth.load_certificate(client_secret)
        key = zmq.auth.load_certificate(server)[0]
        arguments = ["pull", "-n", "1", "--curve-server", server_secret, "--allow", client]
        os.chmod(server_secret, 0o600)
        options = {"curve_serverkey": key, "curve_secretkey": secret, "curve_publickey": public}
        with Tool(arguments, bound=True) as pull, socket(zmq.PUSH, **options) as push:
            push.connect(pull.endpoint)
            push.send(b"secret")
            assert pull.end() == b"secret\n"


@case
def plain_password_of_pyzmq():
    with tempfile.TemporaryDirectory() as folder:
        users = os.path.join(folder, "users")
        with open(users, "w", encoding="ascii") as file:
            file.write("admin:secret\n")
        plain = {"plain_username": b"admin", "plain_password": b"secret"}
        with Tool(["pull", "-n", "1", "--plain-server", users], bound=True) as pull:
            with socket(zmq.PUSH, **plain) as push:
                push.connect(pull.endpoint)
                push.send(b"x")
                assert pull.end() == b"x\n"


def main():
    failed = 0
    print(f"pyzmq {zmq.__version__}, libzmq {zmq.zmq_version()}")
    for body in CASES:
        name = body.__name__.replace("_", " ")
        try:
            body()
            print(f"ok      {name}")
        except Exception:  # told, and counted
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
