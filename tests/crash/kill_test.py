# No message with a 250 is lost. 50 sessions send 1,000 messages; `kill -9` ends the server after a random number of 250s; it
# restarts on the same folder and gets the rest. Every message with a 250 is in a mailbox; none is whose final dot was not sent;
# one without a reply to its dot may be. Copies are counted. Then: SIGTERM in the middle, a kill inside DATA, a full disk. The
# seed of the random number is printed.
#   kill_test.py [--rounds N] [--seed S] [--messages 1000] [--sessions 50] [--only kill|term|data|disk|limit]
import argparse
import asyncio
import collections
import contextlib
import os
import random
import re
import resource
import signal
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))  # also when it is run by hand
import by_hand  # noqa: E402
import postroad  # noqa: E402
from postroad import HOST, run_program  # noqa: E402

ID = re.compile(rb"^Subject: mail (\S+)\r$", re.M)
SETTINGS = {"listener": [{}], "log": {"format": "json", "level": "warning"}}


def check(right, sentence):
    if not right:
        raise AssertionError(sentence)


class Load:
    """Messages and the state of each: 'new', 'dot' (final dot sent, no reply), 'kept' (250), 'deferred' (4yz) or 'refused'."""

    def __init__(self, count, size=2000):
        self.state = {f"{i:06}": "new" for i in range(count)}
        self.size = size
        self.answered = 0
        self.bell = None  # called with the number of 250s after each of them
        self.goodbyes = 0

    def of(self, *states):
        return {one for one, state in self.state.items() if state in states}

    def message(self, one):
        head = f"From: <load@client.example>\r\nTo: <box@test.example>\r\nSubject: mail {one}\r\n\r\n"
        return (head + f"{one} " * (self.size // 7)).encode() + b"\r\n.dot\r\n"

    async def session(self, port, work):
        """Sends messages from `work` until it is empty or the server is gone."""
        try:
            reader, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return

        async def reply():
            while True:
                line = await asyncio.wait_for(reader.readline(), postroad.PATIENCE)
                if not line.endswith(b"\n"):
                    raise EOFError
                if line.startswith(b"421"):
                    self.goodbyes += 1
                    raise EOFError
                if line[3:4] != b"-":
                    return line

        one = None
        with contextlib.suppress(OSError, EOFError):
            await reply()
            writer.write(b"EHLO client.example\r\n")
            await reply()
            while work:
                one = work.popleft()
                writer.write(f"MAIL FROM:<load@client.example>\r\nRCPT TO:<box{int(one) % 7}@test.example>\r\nDATA\r\n".encode())
                codes = [(await reply())[:3] for _ in range(3)]
                if codes != [b"250", b"250", b"354"]:
                    check(all(code[:1] in b"234" for code in codes), f"unexpected replies: {codes}")
                    self.state[one] = "deferred"
                    if codes[2] == b"354":
                        raise EOFError
                    continue
                text = by_hand.stuffed(self.message(one))
                half = random.randrange(1, len(text) - 5)
                writer.write(text[:half])
                await writer.drain()
                self.state[one] = "dot"
                writer.write(text[half:])
                answer = await reply()
                if answer.startswith(b"250"):
                    self.state[one] = "kept"
                    self.answered += 1
                    if self.bell:
                        self.bell(self.answered)
                else:
                    self.state[one] = "deferred" if answer[:1] == b"4" else "refused"
                one = None
            writer.write(b"QUIT\r\n")
            await reply()
        if one is not None and self.state[one] == "new":
            work.append(one)  # its dot was not sent
        writer.close()

    def send(self, port, sessions, bell=None):
        """Sends messages that are 'new' or 'deferred' in so many sessions at once."""
        for one in self.of("deferred"):
            self.state[one] = "new"
        self.bell = bell
        work = collections.deque(sorted(self.of("new")))

        async def all_of_them():
            await asyncio.gather(*(self.session(port, work) for _ in range(sessions)))
        asyncio.run(all_of_them())

    def found(self, server):
        """How often each message is in a mailbox. An incomplete one fails the test."""
        found = collections.Counter()
        for mail in server.mails():
            one = ID.search(mail.octets)[1].decode()
            check(mail.message == self.message(one), f"message {one} arrived changed: {mail.path}")
            found[one] += 1
        return found

    def wait_delivered(self, server, patience=60):
        """Waits until every message with a 250 is in a mailbox."""
        kept = self.of("kept")
        for _ in range(50):
            found = self.found(server)
            lost = kept - set(found)
            if not lost:
                return found
            # At least so many more files must arrive.
            done = postroad.run("mail", "wait", "--data", server.data, "--count", sum(found.values()) + len(lost), "--timeout", f"{patience}s",
                                timeout=patience + 30)
            if done.returncode != 0:
                break
        lost = kept - set(self.found(server))
        check(not lost, f"{len(lost)} messages got a 250 and are in no mailbox: {sorted(lost)[:5]}…; log: {server.log[-3000:]}")
        return self.found(server)

    def result(self, server):
        found = self.wait_delivered(server)
        phantoms = set(found) & self.of("new", "deferred", "refused")
        check(not phantoms, f"{len(phantoms)} messages are in a mailbox although their final dot was not sent or was refused: {sorted(phantoms)[:5]}")
        copies = sum(found.values()) - len(found)
        unknown = self.of("dot")
        return (f"{len(self.of('kept'))} got a 250, all in a mailbox; {len(unknown)} without a reply to the dot, {len(unknown & set(found))} of "
                f"them in a mailbox; {copies} duplicates")


def kill_round(options, seed):
    random.seed(seed)
    load = Load(options.messages)
    mark = random.randrange(options.messages // 10, options.messages * 9 // 10)
    with postroad.Server(SETTINGS) as server:
        load.send(server.port, options.sessions, lambda count: os.kill(server.pid, signal.SIGKILL) if count == mark else None)
        check(server.process.wait(postroad.PATIENCE) == -signal.SIGKILL, "the server did not end by the kill")
        first = load.answered
        server.restart()
        load.send(server.port, options.sessions)
        check(not load.of("new", "deferred", "refused"), f"messages that were never accepted: {sorted(load.of('new', 'deferred', 'refused'))[:5]}")
        print(f"kill -9 (seed {seed}): killed at the 250 number {mark} ({first} were seen); of {options.messages} messages by {options.sessions} sessions "
              + load.result(server), flush=True)


def term_round(options, seed):
    """SIGTERM: sessions end their transaction and get 421, the server exits with 0, and nothing is lost."""
    random.seed(seed)
    load = Load(options.messages)
    mark = random.randrange(options.messages // 10, options.messages // 2)
    with postroad.Server(SETTINGS) as server:
        load.send(server.port, options.sessions, lambda count: server.terminate() if count == mark else None)
        code = server.wait_end()
        check(code == 0, f"the server ended with {code}: {server.log[-2000:]}")
        unknown, goodbyes = load.of("dot"), load.goodbyes
        check(not unknown, f"{len(unknown)} complete messages got no reply")
        check(goodbyes > 0, "no session got a 421")
        server.start()
        load.send(server.port, options.sessions)
        print(f"SIGTERM (seed {seed}): at the 250 number {mark}, {goodbyes} sessions got 421; of {options.messages} messages " + load.result(server), flush=True)


def data_round(options, seed):
    """A kill, or a lost connection, inside DATA: nothing of the message remains, neither in a mailbox nor after the next start."""
    load = Load(1)
    with postroad.Server(SETTINGS) as server:
        for end in ("connection", "server"):
            with by_hand.Session(server.port) as session:
                for line in ("EHLO client.example", "MAIL FROM:<a@client.example>", "RCPT TO:<box@test.example>", "DATA"):
                    session.say(line)
                session.send(b"Subject: mail half\r\n\r\n" + b"half of it\r\n" * 100_000)
                if end == "server":
                    server.kill()
            if end == "server":
                server.start()
        with by_hand.Session(server.port) as session:
            session.say("EHLO client.example")
            check(session.mail("a@client.example", ["box@test.example"], load.message("000000")).startswith("250"), "the next message was not accepted")
        mails = server.wait_mail(1)
        server.stop()
        check([ID.search(mail.octets)[1] for mail in mails] == [b"000000"], "a part of the interrupted message was delivered")
        left = sum(path.stat().st_size for path in (server.data / "spool").rglob("*") if path.is_file())
        print(f"killed in DATA: nothing of the message is in a mailbox; the spool's files have {left} bytes", flush=True)


def one_message(port, name, size):
    with by_hand.Session(port) as session:
        session.say("EHLO client.example")
        text = f"Subject: mail {name}\r\n\r\n".encode() + (b"0123456789" * 7 + b"\r\n") * (size // 72)
        return session.mail("a@client.example", ["box@test.example"], text)


def disk_round(options, seed):
    """A full disk under the spool: 452, nothing acknowledged is lost, and the same process accepts messages when there is space."""
    with tempfile.TemporaryDirectory(prefix="postroad-full-") as folder:
        spool = os.path.join(folder, "data", "spool")
        os.makedirs(spool, mode=0o700)
        mounted = os.geteuid() == 0 and run_program("mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "none", spool).returncode == 0
        if not mounted:
            print("full disk: skipped, a tmpfs cannot be mounted here; the part `limit` tests a write that fails", flush=True)
            return
        try:
            with postroad.Server({**SETTINGS, "spool": {"segment": "1MiB", "reserve": 0}}, folder=folder) as server:
                taken = ["before"]
                check(one_message(server.port, "before", 1000).startswith("250"), "a message was not accepted with space on the disk")
                server.wait_mail(1)
                ballast = os.path.join(spool, ".ballast")
                with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                    while True:
                        file.write(b"\0" * 65536)
                codes = collections.Counter()
                for i in range(20):
                    answer = one_message(server.port, f"full{i}", 3_000_000)
                    codes[answer[:9]] += 1
                    check(answer[:3] in ("452", "451"), f"the reply on a full disk was {answer}")
                answer = one_message(server.port, "small", 500)
                codes[answer[:9]] += 1
                if answer.startswith("250"):
                    taken.append("small")
                check(server.process.poll() is None, "the server ended on a full disk")
                check(codes["452 4.3.1"] >= 20, f"a full disk is 452 4.3.1; the replies were {dict(codes)}")
                os.unlink(ballast)
                for i in range(3):
                    # The first message lets the server check again and may still get 452.
                    for _ in range(20):
                        answer = one_message(server.port, f"after{i}", 2_000_000)
                        if not answer.startswith("452"):
                            break
                    check(answer.startswith("250"), f"there is space again, and a message got {answer}")
                    taken.append(f"after{i}")
                server.wait_mail(len(taken))
                server.restart()
                names = sorted(ID.search(mail.octets)[1].decode() for mail in server.wait_mail(len(taken)))
                check(names == sorted(taken), f"accepted {sorted(taken)}, in the mailbox {names}")
            print(f"full disk: replies while full {dict(codes)}; messages are accepted when there is space; all {len(taken)} with a 250 are in the mailbox",
                  flush=True)
        finally:
            run_program("umount", spool)


def limit_round(options, seed):
    """A write that fails for another reason (the limit on file sizes, EFBIG): 451 or 452; then messages are accepted again."""
    def refuse_growth():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with postroad.Server({**SETTINGS, "spool": {"segment": "64MiB"}}, preexec_fn=refuse_growth, restore_signals=False) as server:
        check(one_message(server.port, "before", 1000).startswith("250"), "a message was not accepted without a limit")
        server.wait_mail(1)
        # Only the soft limit: it can be raised again.
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        codes = collections.Counter(one_message(server.port, f"big{i}", 3_000_000)[:9] for i in range(10))
        check(all(code[:3] in ("451", "452") for code in codes), f"the replies to a failed write were {dict(codes)}")
        check(server.process.poll() is None, "the server ended on a failed write")
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for i in range(3):
            answer = one_message(server.port, f"after{i}", 3_000_000)
            check(answer.startswith("250"), f"writes work again, and a message got {answer}")
        names = sorted(ID.search(mail.octets)[1].decode() for mail in server.wait_mail(4))
        check(names == ["after0", "after1", "after2", "before"], f"in the mailbox: {names}")
        print(f"failed writes: replies {dict(codes)}; afterwards messages are accepted, and all 4 with a 250 are in the mailbox", flush=True)


ROUNDS = {"kill": kill_round, "term": term_round, "data": data_round, "disk": disk_round, "limit": limit_round}


def main():
    parser = argparse.ArgumentParser(description="Kills the server at random moments and counts what remains.")
    parser.add_argument("--rounds", type=int, default=1, help="repetitions of the kill and the SIGTERM")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--only", choices=ROUNDS, action="append")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    failed = False
    for name in options.only or ROUNDS:
        for number in range(options.rounds if name in ("kill", "term") else 1):
            try:
                ROUNDS[name](options, seed + number)
            except AssertionError as error:
                failed = True
                print(f"FAILED {name} (seed {seed + number}): {error}", flush=True)
    print("a part failed" if failed else "no message with a 250 was lost")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
