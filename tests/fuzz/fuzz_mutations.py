"""Seeded damage to files: of their bytes, their lines and words, and of what containers hold."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from random import Random

Mutation = Callable[[bytes, Random], bytes]
_EXTREME_BYTES = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\0\0\xf0\x7f",
)
_EXTREME_WORDS = (
    b"0", b"-1", b"1e309", b"-1e309", b"nan", b"inf", b"1e300", b"1e-300", b"1000000000",
    b"99999999999999999999999", b"9" * 5000, b"0x10", b"1_0", b"1.2.3", b"1:30", b"020", b"",
    b"true", b"null", b"abc", b"[]", b"{}", b'"abc"', b"-", b"T", b"\xff", b"\0", b"1e5", b"100000",
    b"[" * 3000, b"{a: " * 3000, b"&a [*a]", b"!!int x", b"0.5",
)  # fmt: skip
_EXTREME_VALUES = (
    None, True, 0, -1, 1.5, 1e300, float("nan"), float("inf"), 10**30, 10**400, "", "abc", "1e5",
    [], [[]], {}, {"a": 1}, [1], [None], 10**9, "../../x", "/etc/passwd", [1e9] * 3, [-1] * 3,
)  # fmt: skip
_WORD = re.compile(rb"[-+]?\d[\w.+-]*|\w+")


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Flip bits; cut, double, delete, overwrite parts."""
    data = bytearray(content)
    place = random.randrange(len(data))
    end = min(len(data), place + random.choice((1, 4, 16, 100, 5000)))
    kind = random.randrange(7)
    if kind == 0:
        for _ in range(random.choice((1, 1, 2, 8))):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    elif kind == 1:
        del data[place:]
    elif kind == 2:
        del data[place:end]
    elif kind == 3:
        data[place:place] = data[place:end] * random.choice((1, 2, 50))
    elif kind == 4:
        data[place : place + 4] = random.choice(_EXTREME_BYTES)
    elif kind == 5:
        data[place:end] = random.randbytes(end - place)
    else:
        # Headers stand at the beginning.
        head = random.randrange(min(200, len(data)))
        data[head : head + 4] = random.choice(_EXTREME_BYTES)
    return bytes(data)


def mutate_text(content: bytes, random: Random) -> bytes:
    """Double, delete, exchange lines; replace words by what they cannot be."""
    if random.random() < 0.2:
        return mutate_bytes(content, random)
    lines = content.split(b"\n")
    # As often near the beginning as anywhere.
    last = random.choice((min(len(lines), 12), len(lines)))
    place, other = random.randrange(last), random.randrange(len(lines))
    kind = random.randrange(8)
    if kind == 0:
        lines[place:place] = [lines[place]] * random.choice((1, 2, 1000))
    elif kind == 1:
        del lines[place]
    elif kind == 2:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 3:
        del lines[place:]
    else:
        words = list(_WORD.finditer(lines[place]))
        if words:
            word = random.choice(words)
            line = lines[place]
            lines[place] = line[: word.start()] + random.choice(_EXTREME_WORDS) + line[word.end() :]
    return b"\n".join(lines)


def mutate_json(content: bytes, random: Random) -> bytes:
    """Replace a value anywhere in a document by one of another kind, or delete it."""
    if random.random() < 0.3:
        return mutate_text(content, random)
    document = json.loads(content)
    holder, key = document, None
    while isinstance(holder, dict | list) and holder:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        key = random.choice(keys)
        if not isinstance(holder[key], dict | list) or random.random() < 0.3:
            break
        if not holder[key]:
            break
        holder = holder[key]
    if key is not None:
        if random.random() < 0.2:
            del holder[key]
        else:
            holder[key] = random.choice(_EXTREME_VALUES)
    return json.dumps(document).encode()


def mutate_json_lines(content: bytes, random: Random) -> bytes:
    """Of a file of JSON lines."""
    if random.random() < 0.3:
        return mutate_text(content, random)
    lines = content.splitlines(keepends=True)
    place = random.randrange(len(lines))
    lines[place] = mutate_json(lines[place], random) + b"\n"
    return b"".join(lines)


def mutate_zip(content: bytes, random: Random) -> bytes:
    """Damage an entry and write its checksum anew; or the container itself."""
    if random.random() < 0.3:
        return mutate_bytes(content, random)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(entries))
    kind = random.random()
    if kind < 0.15:
        del entries[name]
    elif name.endswith("json"):
        entries[name] = mutate_json(entries[name], random)
    elif entries[name]:
        entries[name] = mutate_bytes(entries[name], random)
    method = zipfile.ZIP_DEFLATED if kind > 0.95 else zipfile.ZIP_STORED
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
    return target.getvalue()
