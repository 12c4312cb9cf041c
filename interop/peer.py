#!/usr/bin/env python3
"""A real libzmq peer, driven line by line.

    peer.py PATH/TO/libzmq.so             one peer, on standard input and output
    peer.py --nursery PATH/TO/libzmq.so   starts and kills peers as it is told, see `Nursery`

Each line of input is one command, a JSON object; each gets one line of output, in order:
{"ok": answer} or {"error": "why"}. The end of the input ends the peer.

libzmq is called through ctypes, so any Python 3.8+ drives any libzmq since 2.2. Version 2 has no
events, `unbind` and `disconnect`.

Commands ("do"), with sockets known by a name of the caller's choice:
  version                                          -> "4.3.5"
  open        socket type                          a new socket; starts watching its events
  set         socket option value                  an integer option, or text; what version 2
                                                   has instead of SNDHWM and RCVHWM goes by
                                                   their names
  bind        socket endpoint                      -> the resolved endpoint
  connect | unbind | disconnect  socket endpoint
  set_bytes  socket option frame                  an option with a value of bytes
  subscribe | unsubscribe        socket topic      a frame, written as below
  join | leave                   socket group      text (DISH)
  connect_peer  socket endpoint  -> the routing id of who is there (PEER)
  send        socket frames timeout                -> whether libzmq took it in time
  recv        socket timeout                       -> the frames, or null if none came
  property    socket name timeout                  receives a message of one frame
                                                   -> what its sender told in the handshake
  send_many   socket first count size timeout      numbered messages, see `pattern`
                                                   -> how many libzmq took; a message it does
                                                      not take within `timeout` ends the run
  recv_many   socket first count size timeout [pause_every pause]
                                                   checks each byte of numbered messages
                                                   -> {"received": n, "wrong": null | frames}
  relay       source target count timeout          passes whole messages on
                                                   -> how many
  echo        socket count timeout                 sends back what it receives
                                                   -> how many
  event       socket names timeout                 waits for a monitor event of one of these
                                                   names, skipping others -> its name, or null
  events      socket                               -> the names of all events not yet read
  close       socket                               as linger says, in the background
  term                                             closes all, waits until everything is sent

The draft types have one frame and something beside it, which is shown as a frame in front: the
routing id of the peer (SERVER, PEER), four bytes, the highest first, or the group (RADIO, DISH).

Times are milliseconds. A frame is written as hexadecimal bytes, or, if it is what
`pattern(seed, length)` gives, as "seed*length".
"""

import array
import ctypes
import glob
import json
import os
import signal
import socket
import struct
import sys
import time

TYPES = {
    name: number
    for number, name in enumerate(
        "PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB STREAM SERVER CLIENT RADIO DISH"
        " GATHER SCATTER DGRAM PEER CHANNEL".split()
    )
}
# The draft types whose messages come from, and go to, a peer; and those with groups.
NUMBERED = ("SERVER", "PEER")
GROUPED = ("RADIO", "DISH")

OPTIONS = {
    "ROUTING_ID": 5, "LINGER": 17, "RECONNECT_IVL": 18, "RECONNECT_IVL_MAX": 21,
    "SNDHWM": 23, "RCVHWM": 24, "ROUTER_MANDATORY": 33, "XPUB_VERBOSE": 40,
    "PLAIN_SERVER": 44, "PLAIN_USERNAME": 45, "PLAIN_PASSWORD": 46,
    "CURVE_SERVER": 47, "CURVE_PUBLICKEY": 48, "CURVE_SECRETKEY": 49, "CURVE_SERVERKEY": 50,
    "PROBE_ROUTER": 51, "REQ_CORRELATE": 52, "REQ_RELAXED": 53, "ROUTER_HANDOVER": 56,
    "ZAP_DOMAIN": 55, "CONNECT_ROUTING_ID": 61, "HANDSHAKE_IVL": 66, "XPUB_NODROP": 69,
    "XPUB_MANUAL": 71,
    "XPUB_WELCOME_MSG": 72, "STREAM_NOTIFY": 73, "INVERT_MATCHING": 74,
    "HEARTBEAT_IVL": 75, "HEARTBEAT_TTL": 76, "HEARTBEAT_TIMEOUT": 77, "XPUB_VERBOSER": 78,
    "METADATA": 95, "ROUTER_NOTIFY": 97, "HELLO_MSG": 110, "DISCONNECT_MSG": 111,
}
HWM, SUBSCRIBE, UNSUBSCRIBE, RCVMORE, EVENTS, RCVTIMEO, SNDTIMEO, LAST_ENDPOINT = 1, 6, 7, 13, 15, 27, 28, 32
SNDMORE = 2
EAGAIN = 11

EVENT_NAMES = {
    0x0001: "connected", 0x0002: "connect_delayed", 0x0004: "connect_retried",
    0x0008: "listening", 0x0010: "bind_failed", 0x0020: "accepted", 0x0040: "accept_failed",
    0x0080: "closed", 0x0100: "close_failed", 0x0200: "disconnected", 0x0400: "monitor_stopped",
    0x0800: "handshake_failed", 0x1000: "handshake_succeeded",
    0x2000: "handshake_failed_protocol", 0x4000: "handshake_failed_auth",
}

# A peer must end by itself if the program that drives it is gone: no call waits for longer.
LONGEST_WAIT = 60_000

# Milliseconds that a socket may take to close when nothing is left to send.
CLOSE_PATIENCE = 1000

# Milliseconds between two looks at a socket whose events are waited for.
ATTEND_EVERY = 5

PATTERN_STEP = 0x9E3779B97F
PATTERN_BLOCK = 65521
SHORT_ENOUGH_FOR_HEX = 64


def pattern(seed, length):
    """`length` bytes that differ at every position and for every seed (below 2**24).

    Large ones repeat a block, each time with its number behind it: quick to make, and the
    block's odd size keeps it out of step with every buffer.
    """
    if length > PATTERN_BLOCK:
        block = pattern(seed, PATTERN_BLOCK)
        numbers = range(length // (PATTERN_BLOCK + 8) + 1)
        return b"".join(block + number.to_bytes(8, "little") for number in numbers)[:length]
    start = seed * 0x1_0000_0001
    words = (length + 7) // 8
    bytes = array.array("Q", range(start, start + words * PATTERN_STEP, PATTERN_STEP)).tobytes()
    return bytes if len(bytes) == length else bytes[:length]


def read_frame(text):
    if "*" in text:
        seed, length = text.split("*")
        return pattern(int(seed), int(length))
    return bytes.fromhex(text)


def write_frame(bytes):
    if len(bytes) > SHORT_ENOUGH_FOR_HEX:
        seed = int.from_bytes(bytes[:4], "little")
        if seed < 1 << 24 and bytes == pattern(seed, len(bytes)):
            return f"{seed}*{len(bytes)}"
    return bytes.hex()


def event_name(frames):
    number = struct.unpack("=H", frames[0][:2])[0]
    return EVENT_NAMES.get(number, f"event_{number:#x}")


class ZmqError(Exception):
    pass


class Library:
    """The few functions of libzmq used here, each raising ZmqError on failure."""

    def __init__(self, path):
        # A wheel keeps libsodium beside libzmq, under a name of its own.
        for sodium in glob.glob(os.path.join(os.path.dirname(path), "libsodium*")):
            ctypes.CDLL(sodium, mode=ctypes.RTLD_GLOBAL)
        self.zmq = zmq = ctypes.CDLL(path)
        pointer, integer, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
        self.major = self.numbers()[0]
        for name, result, arguments in [
            ("zmq_errno", integer, []),
            ("zmq_strerror", ctypes.c_char_p, [integer]),
            ("zmq_init", pointer, [integer]),
            ("zmq_term", integer, [pointer]),
            ("zmq_socket", pointer, [pointer, integer]),
            ("zmq_close", integer, [pointer]),
            ("zmq_setsockopt", integer, [pointer, integer, pointer, size]),
            ("zmq_getsockopt", integer, [pointer, integer, pointer, pointer]),
            ("zmq_bind", integer, [pointer, ctypes.c_char_p]),
            ("zmq_connect", integer, [pointer, ctypes.c_char_p]),
            ("zmq_msg_init", integer, [pointer]),
            ("zmq_msg_data", pointer, [pointer]),
            ("zmq_msg_size", size, [pointer]),
            ("zmq_msg_close", integer, [pointer]),
            ("zmq_msg_init_size", integer, [pointer, size]),
        ]:
            function = getattr(zmq, name)
            function.restype, function.argtypes = result, arguments
        # The first six since version 3, then one since 4. The others has only a libzmq that was
        # built with its draft types.
        for name, result, arguments in [
            ("zmq_unbind", integer, [pointer, ctypes.c_char_p]),
            ("zmq_disconnect", integer, [pointer, ctypes.c_char_p]),
            ("zmq_send", integer, [pointer, ctypes.c_char_p, size, integer]),
            ("zmq_msg_recv", integer, [pointer, pointer, integer]),
            ("zmq_msg_send", integer, [pointer, pointer, integer]),
            ("zmq_socket_monitor", integer, [pointer, ctypes.c_char_p, integer]),
            ("zmq_msg_gets", ctypes.c_char_p, [pointer, ctypes.c_char_p]),
            ("zmq_msg_set_routing_id", integer, [pointer, ctypes.c_uint32]),
            ("zmq_msg_routing_id", ctypes.c_uint32, [pointer]),
            ("zmq_msg_set_group", integer, [pointer, ctypes.c_char_p]),
            ("zmq_msg_group", ctypes.c_char_p, [pointer]),
            ("zmq_join", integer, [pointer, ctypes.c_char_p]),
            ("zmq_leave", integer, [pointer, ctypes.c_char_p]),
            ("zmq_connect_peer", ctypes.c_uint32, [pointer, ctypes.c_char_p]),
        ]:
            if hasattr(zmq, name):
                function = getattr(zmq, name)
                function.restype, function.argtypes = result, arguments
        if self.major == 2:
            zmq.zmq_send.argtypes = zmq.zmq_recv.argtypes = [pointer, pointer, integer]

    def numbers(self):
        numbers = [ctypes.c_int() for _ in range(3)]
        self.zmq.zmq_version(*map(ctypes.byref, numbers))
        return [number.value for number in numbers]

    def version(self):
        return ".".join(map(str, self.numbers()))

    def failure(self, what):
        number = self.zmq.zmq_errno()
        return ZmqError(f"{what}: {self.zmq.zmq_strerror(number).decode()} ({number})")

    def check(self, result, what):
        if result is None or result == -1:
            raise self.failure(what)
        return result

    def took_it(self, result, what):
        """False if the call ran into its timeout."""
        if result == -1:
            if self.zmq.zmq_errno() == EAGAIN:
                return False
            raise self.failure(what)
        return True


class Socket:
    def __init__(self, library, context, kind, name):
        self.library, self.zmq = library, library.zmq
        self.kind = kind
        self.pointer = library.check(self.zmq.zmq_socket(context, TYPES[kind]), f"open {kind}")
        self.timeouts = {}
        # An int, but for version 2, where it has 64 bits: they are 0 where there is none.
        self.more, self.more_size = ctypes.c_int64(), ctypes.c_size_t(8)
        # zmq_msg_t: 64 bytes, aligned to 8.
        self.message = (ctypes.c_uint64 * 16)()
        self.events = None
        if name is not None and library.major > 2:
            watched = f"inproc://events-of-{name}".encode()
            library.check(self.zmq.zmq_socket_monitor(self.pointer, watched, 0xFFFF), "monitor")
            self.events = Socket(library, context, "PAIR", None)
            self.events.call("connect", watched)

    def call(self, function, *arguments):
        return self.library.check(
            getattr(self.zmq, f"zmq_{function}")(self.pointer, *arguments),
            f"{function} {arguments}",
        )

    def set_option(self, option, value):
        bytes = struct.pack("i", value) if isinstance(value, int) else value
        self.call("setsockopt", option, bytes, len(bytes))

    def set_timeout(self, option, milliseconds):
        milliseconds = min(milliseconds, LONGEST_WAIT)
        if self.timeouts.get(option) != milliseconds:
            self.set_option(option, milliseconds)
            self.timeouts[option] = milliseconds

    def attend(self):
        self.call("getsockopt", EVENTS, ctypes.byref(self.more), ctypes.byref(self.more_size))

    def bind(self, endpoint):
        """Binds; -> the resolved endpoint, which version 2 does not tell."""
        if self.library.major == 2 and endpoint.endswith(":*"):
            with socket.create_server(("127.0.0.1", 0)) as free:
                endpoint = endpoint[:-1] + str(free.getsockname()[1])
        self.call("bind", endpoint.encode())
        return endpoint if self.library.major == 2 else self.last_endpoint()

    def last_endpoint(self):
        buffer, size = ctypes.create_string_buffer(512), ctypes.c_size_t(512)
        self.call("getsockopt", LAST_ENDPOINT, buffer, ctypes.byref(size))
        return buffer.value.decode()

    def send(self, frames, timeout):
        self.set_timeout(SNDTIMEO, timeout)
        if self.kind in NUMBERED + GROUPED:
            return self.send_beside(*frames)
        last = len(frames) - 1
        for index, frame in enumerate(frames):
            flags = SNDMORE if index < last else 0
            if self.library.major == 2:
                sent = self.send_old(frame, flags)
            else:
                sent = self.zmq.zmq_send(self.pointer, frame, len(frame), flags)
            if not self.library.took_it(sent, "send"):
                if index:
                    raise self.library.failure("send: libzmq stopped inside a message")
                return False
        return True

    def send_old(self, frame, flags):
        message = ctypes.addressof(self.message)
        self.library.check(self.zmq.zmq_msg_init_size(message, len(frame)), "message")
        ctypes.memmove(self.zmq.zmq_msg_data(message), frame, len(frame))
        sent = self.zmq.zmq_send(self.pointer, message, flags)
        self.zmq.zmq_msg_close(message)
        return sent

    def send_beside(self, beside, body):
        message = ctypes.addressof(self.message)
        self.library.check(self.zmq.zmq_msg_init_size(message, len(body)), "message")
        ctypes.memmove(self.zmq.zmq_msg_data(message), body, len(body))
        if self.kind in NUMBERED:
            number = int.from_bytes(beside, "big")
            self.library.check(self.zmq.zmq_msg_set_routing_id(message, number), "routing id")
        else:
            self.library.check(self.zmq.zmq_msg_set_group(message, beside), "group")
        sent = self.zmq.zmq_msg_send(message, self.pointer, 0)
        if sent == -1:
            failure = self.zmq.zmq_errno(), self.library.failure("send")
            self.zmq.zmq_msg_close(message)
            if failure[0] != EAGAIN:
                raise failure[1]
        return sent != -1

    def beside(self, message):
        """What a received message has beside its frame."""
        if self.kind in NUMBERED:
            return [self.zmq.zmq_msg_routing_id(message).to_bytes(4, "big")]
        if self.kind in GROUPED:
            return [self.zmq.zmq_msg_group(message)]
        return []

    def recv(self, timeout):
        self.set_timeout(RCVTIMEO, timeout)
        frames = []
        message = ctypes.addressof(self.message)
        while True:
            self.zmq.zmq_msg_init(message)
            if self.library.major == 2:
                received = self.zmq.zmq_recv(self.pointer, message, 0)
            else:
                received = self.zmq.zmq_msg_recv(message, self.pointer, 0)
            if not self.library.took_it(received, "recv"):
                return None
            size = self.zmq.zmq_msg_size(message)
            frames += self.beside(message)
            frames.append(ctypes.string_at(self.zmq.zmq_msg_data(message), size))
            self.zmq.zmq_msg_close(message)
            self.zmq.zmq_getsockopt(
                self.pointer, RCVMORE, ctypes.byref(self.more), ctypes.byref(self.more_size)
            )
            if not self.more.value:
                return frames

    def property(self, name, timeout):
        self.set_timeout(RCVTIMEO, timeout)
        message = ctypes.addressof(self.message)
        self.zmq.zmq_msg_init(message)
        self.library.check(self.zmq.zmq_msg_recv(message, self.pointer, 0), "recv")
        value = self.zmq.zmq_msg_gets(message, name)
        self.zmq.zmq_msg_close(message)
        return None if value is None else value.decode()

    def close(self):
        """Closes, and waits (though not for unsent messages) until the endpoints are free."""
        self.call("close")
        if self.events is not None:
            while (frames := self.events.recv(CLOSE_PATIENCE)) is not None:
                if event_name(frames) == "monitor_stopped":
                    break
            self.events.close()


class Peer:
    def __init__(self, library):
        self.library = library
        self.context = library.check(library.zmq.zmq_init(1), "context")
        self.sockets = {}

    def version(self):
        return self.library.version()

    def open(self, socket, type):
        self.sockets[socket] = Socket(self.library, self.context, type, socket)

    def set(self, socket, option, value):
        value = value if isinstance(value, int) else value.encode()
        number = OPTIONS[option]
        if self.library.major == 2 and option in ("SNDHWM", "RCVHWM"):
            # One for both ways, and larger.
            number, value = HWM, struct.pack("Q", value)
        self.sockets[socket].set_option(number, value)

    def set_bytes(self, socket, option, frame):
        self.sockets[socket].set_option(OPTIONS[option], read_frame(frame))

    def bind(self, socket, endpoint):
        return self.sockets[socket].bind(endpoint)

    def connect(self, socket, endpoint):
        self.sockets[socket].call("connect", endpoint.encode())

    def connect_peer(self, socket, endpoint):
        number = self.sockets[socket].call("connect_peer", endpoint.encode())
        if number == 0:
            raise self.library.failure("connect_peer")
        return number.to_bytes(4, "big").hex()

    def unbind(self, socket, endpoint):
        self.sockets[socket].call("unbind", endpoint.encode())

    def disconnect(self, socket, endpoint):
        self.sockets[socket].call("disconnect", endpoint.encode())

    def subscribe(self, socket, topic):
        self.sockets[socket].set_option(SUBSCRIBE, read_frame(topic))

    def unsubscribe(self, socket, topic):
        self.sockets[socket].set_option(UNSUBSCRIBE, read_frame(topic))

    def join(self, socket, group):
        self.sockets[socket].call("join", group.encode())

    def leave(self, socket, group):
        self.sockets[socket].call("leave", group.encode())

    def send(self, socket, frames, timeout):
        return self.sockets[socket].send([read_frame(frame) for frame in frames], timeout)

    def recv(self, socket, timeout):
        frames = self.sockets[socket].recv(timeout)
        return None if frames is None else [write_frame(frame) for frame in frames]

    def property(self, socket, name, timeout):
        return self.sockets[socket].property(name.encode(), timeout)

    def send_many(self, socket, first, count, size, timeout):
        target = self.sockets[socket]
        for index in range(count):
            if not target.send([pattern(first + index, size)], timeout):
                return index
        return count

    def recv_many(self, socket, first, count, size, timeout, pause_every=0, pause=0):
        source = self.sockets[socket]
        for index in range(count):
            frames = source.recv(timeout)
            if frames is None:
                return {"received": index, "wrong": None}
            if frames != [pattern(first + index, size)]:
                return {"received": index, "wrong": [write_frame(frame) for frame in frames]}
            if pause_every and index % pause_every == 0:
                time.sleep(pause / 1000)
        return {"received": count, "wrong": None}

    def relay(self, source, target, count, timeout):
        for index in range(count):
            frames = self.sockets[source].recv(timeout)
            if frames is None or not self.sockets[target].send(frames, timeout):
                return index
        return count

    def echo(self, socket, count, timeout):
        return self.relay(socket, socket, count, timeout)

    def event(self, socket, names, timeout):
        deadline = time.monotonic() + timeout / 1000
        while True:
            # libzmq does part of its work in calls on the socket, as a program that polls it
            # makes all the time.
            self.sockets[socket].attend()
            name = self.next_event(socket, ATTEND_EVERY)
            if name in names or time.monotonic() > deadline:
                return name if name in names else None

    def events(self, socket):
        names = []
        while (name := self.next_event(socket, 0)) is not None:
            names.append(name)
        return names

    def next_event(self, socket, timeout):
        frames = self.sockets[socket].events.recv(timeout)
        if frames is None:
            return None
        return event_name(frames)

    def close(self, socket):
        self.sockets.pop(socket).close()

    def term(self):
        for name in list(self.sockets):
            self.close(name)
        self.library.check(self.library.zmq.zmq_term(self.context), "term")


class Nursery:
    """Starts peers by forking: at once, and from a process that has nothing open which they
    could hold on to. Ends them all when its own input ends.

    Commands:
      start  path     a peer that takes its commands from the connections to this path
                      -> its process id
      freeze pid      SIGSTOP: its connections stay, and nothing more is said on them
      thaw   pid      SIGCONT: it goes on
      kill   pid      SIGKILL; -> when the process is gone
    """

    def __init__(self, library):
        self.library = library
        self.pids = set()

    def start(self, path):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            pid = os.fork()
            if pid == 0:
                sys.stdin.close()
                stream = listener.accept()[0]
                listener.close()
                os.unlink(path)
                # Two files: one for both would forget what it has read ahead when it writes.
                obey(Peer(self.library), stream.makefile("r"), stream.makefile("w"))
                # The answers are not needed any more: leave without waiting for unsent messages.
                os._exit(0)
        self.pids.add(pid)
        return pid

    def freeze(self, pid):
        os.kill(pid, signal.SIGSTOP)

    def thaw(self, pid):
        os.kill(pid, signal.SIGCONT)

    def kill(self, pid):
        if pid in self.pids:
            self.pids.remove(pid)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def kill_all(self):
        for pid in list(self.pids):
            self.kill(pid)


def obey(master, commands, answers):
    for line in commands:
        try:
            command = json.loads(line)
            answer = {"ok": getattr(master, command.pop("do"))(**command)}
        except Exception as failure:  # whatever it is belongs to the one who drives us
            answer = {"error": f"{type(failure).__name__}: {failure}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main():
    library = Library(os.path.abspath(sys.argv[-1]))
    if "--nursery" in sys.argv:
        nursery = Nursery(library)
        obey(nursery, sys.stdin, sys.stdout)
        nursery.kill_all()
    else:
        obey(Peer(library), sys.stdin, sys.stdout)
    os._exit(0)


main()
