"""The cases of one file per frame kind."""

from encoder import LIMITS

SESSION = "c2Vzc2lvbi1pZC0wMDAwMQ"
SECRET = "s3cr3t-s3cr3t-s3cr3t-A"
SOCKET = "5kq0bGm2Qy6m1x7nq3hE1w"
HASH = {"$bin": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}
SMALL = dict(LIMITS, frame=65536, replay=32768, inbound=16384, queue=131072)


def hello(**given):
    base = dict(v=1, agent="demo/1.0", auth=None, resume=None, features=[], limits=LIMITS, ping_interval=None)
    return {**base, **given}


def resume(**given):
    return {**dict(session=SESSION, secret=SECRET, attach=1, received=0, strict=False), **given}


def welcome(**given):
    base = dict(
        v=1,
        session=SESSION,
        secret=SECRET,
        resumed=False,
        reason=None,
        received=0,
        ping_interval=25000,
        ping_timeout=20000,
        resume_window=120000,
        limits=LIMITS,
        features=[],
        datagrams="emulated",
        alternatives=[],
    )
    return {**base, **given}


def alternative(**given):
    return {**dict(transport="webtransport", url="https://localhost:3000/trunkline", hashes=[]), **given}


def close(code, reason, **given):
    return {**dict(code=code, reason=reason, retry_after=None, url=None, attach=None, data=None), **given}


def goaway(**given):
    return {**dict(reason="restart", slot=1500, deadline=30000, url=None), **given}


def auth(**given):
    return {**dict(auth=None, wanted=False, expires=None), **given}


def event(seq=1, ns="/", ack_id=None, name="say", args=()):
    return dict(seq=seq, ns=ns, ack_id=ack_id, event=name, args=list(args))


DATA_CASES = [
    ("nil data", None),
    ("a map as data", {"role": "guest", "since": 1767225600000}),
    ("bytes as data", {"$bin": "AP8"}),
    ("a boolean as data", False),
]

FRAME_CASES = {
    "HELLO": [
        ("fresh session, all defaults", hello()),
        ("an empty agent", hello(agent="")),
        ("auth is a map", hello(auth={"token": "t0ken"})),
        ("auth is bytes", hello(auth={"$bin": "3q2-7w"})),
        ("auth is a user's map whose key starts with a dollar", hello(auth={"$$ticket": 7})),
        ("a resume", hello(resume=resume(attach=3, received=41))),
        ("a resume that received nothing", hello(resume=resume())),
        ("a strict resume", hello(resume=resume(strict=True, received=9007199254740991))),
        ("a secret of another form is still a string", hello(resume=resume(secret=""))),
        ("own limits", hello(limits=SMALL)),
        ("features and a wish for the heartbeat", hello(features=["example-one", "example-two"], ping_interval=5000)),
        (
            "everything",
            hello(
                auth={"name": "Ada", "token": "t0ken"},
                resume=resume(attach=12, received=7, strict=True),
                features=["example-one"],
                limits=SMALL,
                ping_interval=1000,
            ),
        ),
        ("another version is decoded, and refused by the session", hello(v=2)),
    ],
    "WELCOME": [
        ("a fresh session", welcome()),
        ("a resumed session has no secret", welcome(secret=None, resumed=True, received=12)),
        ("a refused resume: unknown", welcome(reason="unknown")),
        ("a refused resume: expired", welcome(reason="expired")),
        ("a refused resume: overflow", welcome(reason="overflow")),
        ("a refused resume: encoding", welcome(reason="encoding")),
        ("a refused resume: moved", welcome(reason="moved")),
        ("short timers", welcome(ping_interval=300, ping_timeout=200, resume_window=2000)),
        ("other limits", welcome(limits=SMALL)),
        ("features", welcome(features=["example-one"])),
        ("native datagrams", welcome(datagrams="native")),
        ("no datagrams", welcome(datagrams="none")),
        ("an alternative", welcome(alternatives=[alternative()])),
        ("an alternative with certificate hashes", welcome(alternatives=[alternative(hashes=[HASH, HASH])])),
        (
            "two alternatives",
            welcome(alternatives=[alternative(), alternative(transport="websocket", url="wss://localhost:3000/trunkline")]),
        ),
    ],
    "PING": [
        ("zeros", dict(t=0, received=0)),
        ("t is the sender's affair", dict(t=1767225600000, received=17)),
        ("greatest integers", dict(t=9007199254740991, received=9007199254740991)),
    ],
    "PONG": [
        ("zeros", dict(t=0, received=0)),
        ("the t of its PING", dict(t=1767225600000, received=300)),
    ],
    "RECEIVED": [
        ("nothing yet", dict(received=0)),
        ("one frame", dict(received=1)),
        ("many frames", dict(received=70000)),
    ],
    "GOAWAY": [
        ("reconnect here", goaway()),
        ("reconnect elsewhere", goaway(reason="moved", slot=0, deadline=5000, url="https://other.example/trunkline")),
    ],
    "CLOSE": [
        ("the plain end", close(1000, "")),
        ("a protocol error", close(3200, "protocol-error: seq 9 after 7")),
        ("an application's code with data", close(4001, "banned", data={"until": 1767225600000})),
        ("superseded names the winner", close(3400, "superseded", attach=4)),
        ("retry later", close(3601, "too-many-attaches", retry_after=10000)),
        (
            "too fast: the limit with its figures, and when to come back",
            close(3602, "too many frames: 5000 a second, 50000 at once", retry_after=1500),
        ),
        ("go elsewhere", close(1012, "restart", retry_after=0, url="https://other.example/trunkline")),
        (
            "unsupported version lists the names that are known",
            close(3001, "unsupported-version", data=["trunkline.v1.msgpack", "trunkline.v1.json"]),
        ),
        ("a code nobody knows", close(3999, "new in a later version")),
        ("a reason beyond ASCII", close(4000, "grüße")),
        ("everything", close(3600, "slow-consumer", retry_after=250, url="wss://b.example/", attach=2, data=True)),
    ],
    "AUTH": [
        ("the server asks", auth(wanted=True, expires=30000)),
        ("the client answers", auth(auth={"token": "t0ken"})),
        ("the server accepts", auth(expires=3600000)),
        ("the server accepts without an end, or the client has none", auth()),
        ("the server asks, and tells no end", auth(wanted=True)),
        ("the end is now", auth(wanted=True, expires=0)),
        ("auth is bytes", auth(auth={"$bin": "3q2-7w"})),
        ("auth is a user's map whose key starts with a dollar", auth(auth={"$$ticket": 7})),
    ],
    "CONNECT": [
        ("the root namespace, no auth", dict(seq=1, ns="/", auth=None)),
        ("a named namespace", dict(seq=2, ns="/chat", auth=None)),
        ("auth is a map", dict(seq=3, ns="/chat", auth={"token": "t0ken"})),
        ("auth is an array", dict(seq=4, ns="/org/7", auth=[1, 2])),
        ("auth is bytes", dict(seq=5, ns="/", auth={"$bin": ""})),
    ],
    "CONNECTED": [
        *((name, dict(seq=1, ns="/", connect=1, socket_id=SOCKET, data=data)) for name, data in DATA_CASES),
        ("a named namespace", dict(seq=4, ns="/chat", connect=2, socket_id="x", data=None)),
    ],
    "REFUSED": [
        *(
            (name, dict(seq=1, ns="/", connect=1, code=3002, message="unauthorized", data=data))
            for name, data in DATA_CASES
        ),
        ("unknown namespace", dict(seq=2, ns="/nowhere", connect=2, code=3004, message="unknown-namespace", data=None)),
        (
            "a CONNECT too many, not looked at",
            dict(seq=3, ns="/n7", connect=8, code=3602, message="too many CONNECTs: 10 a second, 256 at once", data=None),
        ),
        ("an application's code", dict(seq=3, ns="/", connect=9, code=4100, message="", data=None)),
    ],
    "DISCONNECT": [
        ("the root namespace", dict(seq=1, ns="/", code=3013, reason="")),
        ("a named namespace", dict(seq=200, ns="/chat", code=3002, reason="unauthorized")),
        ("an application's code", dict(seq=70000, ns="/", code=4999, reason="kicked")),
    ],
    "EVENT": [
        ("no args, no ack", event()),
        ("one arg", event(seq=2, args=["hello"])),
        ("a nil arg is not no args", event(seq=2, args=[None])),
        ("an ack is asked for", event(seq=3, ack_id=7, args=["hello"])),
        ("ack id zero", event(seq=4, ack_id=0)),
        ("a named namespace", event(seq=5, ns="/chat", args=[{"line": "hi"}])),
        ("several args", event(seq=6, args=[1, "two", [3], {"four": 4}, None, True])),
        ("bytes among the args", event(seq=128, name="upload", args=["a.bin", {"$bin": "AAEC_w"}])),
        ("an event name with any characters", event(seq=65536, name="Größe/€ 😀")),
        ("the shortest name", event(seq=7, name="x")),
        ("the longest name", event(seq=8, name="n" * 255)),
        ("the longest namespace", event(seq=9, ns="/" + "n" * 254)),
        ("names that other systems reserve are free", event(seq=10, name="connect")),
        ("sixteen args", event(seq=11, args=list(range(16)))),
    ],
    "ACK": [
        ("no args", dict(seq=1, ns="/", ack_id=7, args=[])),
        ("one arg", dict(seq=2, ns="/", ack_id=0, args=[True])),
        ("a named namespace, several args", dict(seq=3, ns="/chat", ack_id=9007199254740991, args=["ok", {"$bin": "_w"}])),
    ],
    "FAILED": [
        *(
            (name, dict(seq=1, ns="/", ack_id=7, code=3011, message="internal", data=data))
            for name, data in DATA_CASES
        ),
        ("unknown event", dict(seq=2, ns="/chat", ack_id=8, code=3009, message="unknown-event", data=None)),
        (
            "a wish too many, not done",
            dict(seq=3, ns="/", ack_id=9, code=3602, message="too many joins: 50 a second, 2048 at once", data=None),
        ),
        ("an application's failure", dict(seq=3, ns="/", ack_id=9, code=4042, message="no such room", data={"room": "x"})),
    ],
    "DATAGRAM": [
        ("no args", dict(ns="/", event="tick", args=[])),
        ("a position", dict(ns="/game", event="move", args=[{"x": 1.5, "y": -0.25}])),
        ("bytes", dict(ns="/", event="voice", args=[{"$bin": "AAECAwQFBgc"}])),
    ],
    "LATEST": [
        ("the first version", dict(ns="/", event="moved", key="p1", version=1, args=[1.5, 2.5])),
        ("version zero, no args", dict(ns="/game", event="moved", key="p1", version=0, args=[])),
        ("the longest key", dict(ns="/", event="moved", key="k" * 255, version=70000, args=[{"x": 1}])),
    ],
}
