"""Questions to a server that refuses more than two at once: a pool, retries and a timeout.

The server is a real one on this machine. It decides by what it has seen, never by the clock: it
holds answers back until enough questions are there at once.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.flows.space import Flow, Space

from .projects import begin, described, golden, jobs

PATIENCE = 60.0
ITEMS = ["q1", "q2", "q3", "q4", "q6"]


class Server(ThreadingHTTPServer):
    """Answers in capitals; 429 where more than two questions are open, 400 to what is empty."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.changed = threading.Condition()
        self.over = False
        self.open = 0
        self.most = 0
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.hold_until = 2
        self.fail_once: set[str] = set()
        self.hang_once: set[str] = set()

    @property
    def port(self) -> str:
        return str(self.server_address[1])

    def times(self, status: int) -> int:
        return sum(count for (_, one), count in self.statuses.items() if one == status)

    def answer(self, item: str, question: str) -> tuple[int, str]:
        with self.changed:
            self.open += 1
            self.most = max(self.most, self.open)
            self.changed.notify_all()
            try:
                return self._decide(item, question)
            finally:
                self.open -= 1
                self.changed.notify_all()

    def _decide(self, item: str, question: str) -> tuple[int, str]:
        if self.open > 2:
            return 429, "too many"
        if item in self.hang_once:
            self.hang_once.discard(item)
            self.open -= 1
            self.changed.wait_for(lambda: self.over, PATIENCE)
            self.open += 1
            return 504, "too late"
        # The first answers wait until so many questions have been open at once.
        assert self.changed.wait_for(lambda: self.most >= self.hold_until, PATIENCE)
        if item in self.fail_once:
            self.fail_once.discard(item)
            return 500, "not now"
        if not question.strip():
            return 400, "no question"
        return 200, f"{item}: {question.upper()}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        item = self.path.lstrip("/")
        question = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, text = self.server.answer(item, question)
        with self.server.changed:
            self.server.statuses[item, status] += 1
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield made
    with made.changed:
        made.over = True
        made.changed.notify_all()
    made.shutdown()
    thread.join()
    made.server_close()


def _run(space: Space, server: Server, *args: str) -> Flow:
    return space.flow(*args, "--progress", "json", env={"ANSWERS_PORT": server.port})


def _good(space: Space, server: Server, *args: str) -> Flow:
    flow = _run(space, server, *args)
    assert flow.status == 0, flow.text
    return flow


def _foretold(space: Space, server: Server) -> Flow:
    """`-n`, which changes no byte and asks nothing."""
    before, asked = space.snapshot(), server.statuses.total()
    dry = _good(space, server, "-n")
    assert space.snapshot() == before
    assert server.statuses.total() == asked
    return dry


def _deferred(dry: Flow) -> set[str]:
    """The rules of which `-n` says that it cannot know yet."""
    return {event["rule"] for event in dry.events if event["event"] == "rule_deferred"}


def test_as_many_questions_are_open_as_the_pool_allows(space: Space, server: Server) -> None:
    begin(space, "batch")
    flow = _good(space, server)
    assert described(space, flow, ("build/items.txt", "results/answers.txt")) == golden("batch")
    assert server.most == 2
    assert server.statuses == {(item, 200): 1 for item in ITEMS}
    # The port is passed on and is no reason: nothing is asked of another server.
    again = space.flow("--progress", "json", env={"ANSWERS_PORT": "1"})
    assert again.summary["built"] == 0


def test_only_what_changed_is_asked_again(space: Space, server: Server) -> None:
    begin(space, "batch")
    _good(space, server)
    server.statuses.clear()
    server.hold_until = 0

    space.write("prompts/q3.txt", "what is three\n")
    dry = _foretold(space, server)
    assert (dry.certain, dry.planned) == (jobs("ask q3"), jobs("ask q3\nanswers"))
    assert _good(space, server).built == jobs("ask q3\nanswers")
    assert server.statuses == {("q3", 200): 1}

    # Which questions there are is known once the list is made again.
    space.replace("catalogue.csv", "q5,no", "q5,yes")
    dry = _foretold(space, server)
    assert dry.planned == dry.certain == jobs("items")
    assert _deferred(dry) == {"ask", "answers"}
    assert _good(space, server).built == jobs("items\nask q5\nanswers")
    assert server.statuses == {("q3", 200): 1, ("q5", 200): 1}

    # A catalogue that gives the same list stops there.
    space.replace("catalogue.csv", "item,wanted", "name,wanted")
    assert _foretold(space, server).certain == jobs("items")
    assert _good(space, server).built == jobs("items")

    space.replace("catalogue.csv", "q1,yes", "q1,no")
    assert _foretold(space, server).certain == jobs("items")
    assert _good(space, server).built == jobs("items\nanswers")
    assert "q1" not in space.read("results/answers.txt")
    assert server.statuses.total() == 2


def test_what_is_refused_is_tried_again(space: Space, server: Server) -> None:
    """With a larger pool the server sees three at once and refuses some; in the end all is well."""
    begin(space, "batch")
    server.hold_until = 3
    server.fail_once = {"q2"}
    flow = _good(space, server, "--resources", "api=3")
    assert server.times(429) >= 1
    assert server.times(500) == 1
    assert {item for item, status in server.statuses if status == 200} == set(ITEMS)
    assert server.times(200) == len(ITEMS)
    assert flow.built == jobs("items\nask q1|q2|q3|q4|q6\nanswers")
    assert flow.counts() == (7, 0, 0, 0)


def test_a_question_that_hangs_is_given_up_and_asked_again(space: Space, server: Server) -> None:
    begin(space, "batch")
    server.hold_until = 0
    server.hang_once = {"q4"}
    flow = _good(space, server, "--config", "timeout=3s")
    assert flow.counts() == (7, 0, 0, 0)
    assert space.read("build/answers/q4.txt").startswith("q4: WHAT IS 4")
    # How long one waits is no reason to ask again.
    assert _good(space, server).summary["built"] == 0


def test_what_cannot_be_answered_stops_only_what_needs_it(space: Space, server: Server) -> None:
    begin(space, "batch")
    server.hold_until = 0
    space.write("prompts/q2.txt", "\n")
    flow = _run(space, server, "-k", "--retries", "0")
    assert flow.status == 1
    assert flow.counts() == (5, 0, 1, 1)
    assert flow.jobs("job_finished", status="failed") == {"ask q2"}
    assert not space.exists("build/answers/q2.txt")
    assert not space.exists("results/answers.txt")
    server.statuses.clear()

    space.write("prompts/q2.txt", "what is two\n")
    assert _foretold(space, server).certain == jobs("ask q2\nanswers")
    assert _good(space, server).built == jobs("ask q2\nanswers")
    assert server.statuses == {("q2", 200): 1}
