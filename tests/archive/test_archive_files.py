"""Archives as files: the same bytes for the same content, damage named, hostility refused."""

import hashlib
import io
import resource
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from surrogate_hpo.archive.frames import FrameReader, FrameWriter
from surrogate_hpo.archive.manifest import MANIFEST, differences, manifest_text, read_manifest
from surrogate_hpo.archive.tarball import Member, write_tarball
from surrogate_hpo.archive.unpack import Unpacked, unpack
from surrogate_hpo.errors import DataError

LARGEST = 1 << 24
CONTENT = {
    "run/config.yaml": b"seed: 7\n" * 10,
    "run/results/empty.csv": b"",
    "run/results/store.zarr.zip": np.random.default_rng(0).bytes(300_000),
    "run/results/train/0/model.pt": np.random.default_rng(1).bytes(90_000),
    "run/results/" + "long-name-" * 20: b"x" * 1000,
    "source/größe.py": b"print(1)\n",
}


def write(path: Path, content: dict[str, bytes] = CONTENT, time: int = 1_700_000_000) -> Path:
    members = [Member.of(name, data) for name, data in content.items()]
    listing = manifest_text({m.name: m.sha256 for m in members}).encode()
    write_tarball(path, [Member.of(MANIFEST, listing), *members], time=time)
    return path


def open_archive(path: Path, folder: Path) -> tuple[Unpacked, list[str]]:
    """What came out, and the faults in words."""
    folder.mkdir()
    found = unpack(path, folder, largest_bytes=LARGEST)
    return found, differences(read_manifest((folder / MANIFEST).read_text()), found).lines()


def test_what_goes_in_comes_out_with_its_time(tmp_path):
    found, faults = open_archive(write(tmp_path / "a.tar.zst"), tmp_path / "out")
    assert faults == []
    assert found.checksums.keys() == {MANIFEST, *CONTENT}
    for name, data in CONTENT.items():
        path = tmp_path / "out" / name
        assert path.read_bytes() == data
        assert path.stat().st_mtime == 1_700_000_000


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first, second = write(tmp_path / "a.tar.zst"), write(tmp_path / "b.tar.zst")
    assert first.read_bytes() == second.read_bytes()


def test_common_tools_read_it_and_the_list_of_checksums(tmp_path):
    write(tmp_path / "a.tar.zst")
    out = tmp_path / "out"
    out.mkdir()
    plain = zstandard.ZstdDecompressor().stream_reader(
        (tmp_path / "a.tar.zst").open("rb"), read_across_frames=True
    )
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        tar.extractall(out, filter="data")
    plain.close()
    subprocess.run(["sha256sum", "--check", "--quiet", MANIFEST], cwd=out, check=True)


def decoded(folder, name: str) -> bytes:
    with (folder / f"{name}.tar.zst").open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@example(place=490 / 391926, bit=0)  # in a header of the tar archive, which reads as its end
@example(place=16.5 / 391926, bit=1)  # nothing that Zstandard looks at
def test_one_flipped_bit_anywhere_is_found_and_the_rest_is_read(tmp_path_factory, place, bit):
    folder = tmp_path_factory.mktemp("flip")
    data = bytearray(write(folder / "a.tar.zst").read_bytes())
    data[int(place * len(data))] ^= 1 << bit
    (folder / "b.tar.zst").write_bytes(data)
    (folder / "out").mkdir()
    found = unpack(folder / "b.tar.zst", folder / "out", largest_bytes=LARGEST)
    right = {n: hashlib.sha256(d).hexdigest() for n, d in CONTENT.items()}
    whole = {n for n, digest in right.items() if found.checksums.get(n) == digest}
    # A bit that the decoder does not look at damages nothing.
    assert found.damaged or whole != right.keys() or decoded(folder, "b") == decoded(folder, "a")
    # The small files share a frame with their neighbours; the large ones stand alone.
    large = {n for n, d in CONTENT.items() if len(d) > 1 << 16}
    assert len(large - whole) <= 1


def test_a_damaged_file_is_named_and_no_other(tmp_path):
    data = bytearray(write(tmp_path / "a.tar.zst").read_bytes())
    place = data.find(CONTENT["run/results/store.zarr.zip"][100_000:100_020])
    data[place] ^= 1
    (tmp_path / "b.tar.zst").write_bytes(data)
    _, faults = open_archive(tmp_path / "b.tar.zst", tmp_path / "out")
    assert faults == ["run/results/store.zarr.zip: missing, cannot be read"]


def test_a_cut_off_archive_names_what_is_gone(tmp_path):
    data = write(tmp_path / "a.tar.zst").read_bytes()
    (tmp_path / "b.tar.zst").write_bytes(data[: len(data) // 2])
    _, faults = open_archive(tmp_path / "b.tar.zst", tmp_path / "out")
    assert "run/results/store.zarr.zip: missing, cannot be read" in faults
    assert "run/results/train/0/model.pt: missing" in faults


def test_changed_missing_and_unlisted_files_are_named(tmp_path):
    members = [Member.of(name, data) for name, data in CONTENT.items()]
    listing = manifest_text({m.name: m.sha256 for m in members}).encode()
    content = CONTENT | {"run/config.yaml": b"seed: 8\n", "source/more.py": b"import os\n"}
    del content["run/results/train/0/model.pt"]
    packed = [Member.of(n, d) for n, d in {MANIFEST: listing, **content}.items()]
    write_tarball(tmp_path / "a.tar.zst", packed, time=0)
    _, faults = open_archive(tmp_path / "a.tar.zst", tmp_path / "out")
    assert faults == [
        "run/results/train/0/model.pt: missing",
        "run/config.yaml: changed",
        "source/more.py: not listed",
    ]


def test_what_is_hidden_behind_the_end_is_no_part_of_the_archive(tmp_path):
    data = write(tmp_path / "a.tar.zst").read_bytes()
    more = write(tmp_path / "more.tar.zst", {"source/more.py": b"import os\n" * 9999}).read_bytes()
    (tmp_path / "b.tar.zst").write_bytes(data + more)
    _, faults = open_archive(tmp_path / "b.tar.zst", tmp_path / "out")
    assert faults == ["what follows the end of the archive: damaged, cannot be read"]


def test_a_file_that_changes_while_it_is_packed_is_an_error(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    member = Member.of("file", path)
    path.write_bytes(b"behind")
    with pytest.raises(DataError, match="changed while it was packed"):
        write_tarball(tmp_path / "a.tar.zst", [member], time=0)
    assert not list(tmp_path.glob("*.zst"))


def header(name: str = "file", **values: object) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(entry, key, value)
    return entry


HOSTILE = {
    "a symbolic link": [header("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
    "a hard link": [header("link", type=tarfile.LNKTYPE, linkname="../other")],
    "a device": [header("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "a pipe": [header("pipe", type=tarfile.FIFOTYPE)],
    "leads out of the folder": [header("../outside")],
    "'a/../../outside'": [header("a/../../outside")],
    "'/etc/cron.d/job', which leads out": [header("/etc/cron.d/job")],
    "no plain name": [header("a//b")],
    "no plain name of a file": [header("name\nwith a line")],
    "'file' twice": [header("file"), header("file")],
    "more than": [header("file", size=LARGEST + 1)],
    "'file', of -1 bytes": [header("file", size=-1)],
    "an extended header behind another": [header("a", type=tarfile.XHDTYPE)] * 20_000,
    "an extended header of 32768 bytes": [header("a", type=tarfile.XHDTYPE, size=1 << 15)],
}


def hostile(path: Path, headers: list[tarfile.TarInfo]) -> Path:
    with path.open("wb") as stream:
        blocks = [h.tobuf(tarfile.GNU_FORMAT) for h in headers]
        FrameWriter(stream).write(iter([*blocks, bytes(1024)]))
    return path


@pytest.mark.parametrize("said", HOSTILE)
def test_hostile_members_are_refused_and_nothing_lies_outside(tmp_path, said):
    path = hostile(tmp_path / "a.tar.zst", HOSTILE[said])
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match=r"no archive of this workflow is like that") as error:
        unpack(path, tmp_path / "in", largest_bytes=LARGEST)
    assert said in str(error.value)
    assert {p.name for p in tmp_path.iterdir()} == {"a.tar.zst", "in"}


@pytest.mark.parametrize(
    "record",
    [b"18 GNU.sparse.map=\n", b"22 GNU.sparse.major=1\n", b"9 size=a\n", b"0 a=b\n", b"7" * 9000,
     b"999 a=b\n", b"path=b\n", b"-1 a=b\n", b"5 ab\n"],
)  # fmt: skip
def test_extended_headers_other_than_ours_are_refused(tmp_path, record):
    with (tmp_path / "a.tar.zst").open("wb") as stream:
        blocks = [header("x", type=tarfile.XHDTYPE, size=len(record)).tobuf(), record,
                  bytes(-len(record) % 512), header("file").tobuf(), bytes(1024)]  # fmt: skip
        FrameWriter(stream).write(iter(blocks))
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="what is no tar archive"):
        unpack(tmp_path / "a.tar.zst", tmp_path / "in", largest_bytes=LARGEST)


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "in").mkdir()
    path = hostile(tmp_path / "a.tar.zst", [header("a"), header("a/b")])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(path, tmp_path / "in", largest_bytes=LARGEST)


def bomb(kind: str) -> Iterator[bytes]:
    """Four GiB of zeros in a few hundred kB: as a file, or as the name of one."""
    size = 1 << 32
    if kind == "name":
        yield header("pax", type=tarfile.XHDTYPE, size=size).tobuf()
    else:
        yield header("file", size=size).tobuf(tarfile.GNU_FORMAT)
    zeros = bytes(1 << 20)
    for _ in range(size >> 20):
        yield zeros


@pytest.mark.parametrize("kind", ["file", "name"])
def test_bombs_are_refused_before_they_fill_memory_or_disk(tmp_path, kind):
    path = tmp_path / "a.tar.zst"
    code = (
        "import sys; from pathlib import Path\n"
        "from surrogate_hpo.errors import DataError\n"
        "from surrogate_hpo.archive.unpack import unpack\n"
        "try: unpack(Path(sys.argv[1]), Path(sys.argv[2]), largest_bytes=1 << 30)\n"
        "except DataError as error: print(error)\n"
    )
    with path.open("wb") as stream:
        FrameWriter(stream).write(bomb(kind))
    assert path.stat().st_size < 1 << 20
    (tmp_path / "in").mkdir()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))

    done = subprocess.run(
        [sys.executable, "-c", code, path, tmp_path / "in"],
        capture_output=True, text=True, check=False, preexec_fn=limit,
    )  # fmt: skip
    assert "the archive is refused" in done.stdout, done.stderr
    assert sum(p.stat().st_size for p in (tmp_path / "in").iterdir()) == 0


def test_what_is_no_archive_is_said_to_be_none(tmp_path):
    (tmp_path / "in").mkdir()
    plain = tmp_path / "plain"
    plain.write_bytes(b"no archive at all " * 100)
    with pytest.raises(DataError, match="cannot be read"):
        unpack(plain, tmp_path / "in", largest_bytes=LARGEST)
    with plain.open("wb") as stream:
        FrameWriter(stream).write(iter([b"compressed, but no tar " * 100]))
    with pytest.raises(DataError, match="no tar archive"):
        unpack(plain, tmp_path / "in", largest_bytes=LARGEST)


def test_a_window_that_would_fill_the_memory_is_not_decoded(tmp_path):
    parameters = zstandard.ZstdCompressionParameters.from_level(
        1, window_log=30, enable_ldm=True, write_content_size=0
    )
    stream = io.BytesIO()
    with zstandard.ZstdCompressor(compression_params=parameters).stream_writer(
        stream, closefd=False
    ) as writer:
        writer.write(bytes(1 << 20))
    (tmp_path / "a.tar.zst").write_bytes(stream.getvalue())
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        unpack(tmp_path / "a.tar.zst", tmp_path / "in", largest_bytes=LARGEST)


@pytest.mark.parametrize("line", ["", "abc  file", f"{'0' * 64} file", f"{'0' * 64}  "])
def test_a_damaged_list_of_checksums_names_its_line(line):
    with pytest.raises(DataError, match="line 2"):
        read_manifest(f"{'0' * 64}  first\n{line}\n")


def test_frames_are_one_stream(tmp_path):
    path = tmp_path / "a.zst"
    with path.open("wb") as stream:
        writer = FrameWriter(stream)
        for part in (b"one ", b"two ", b"three"):
            writer.write(iter([part]))
    with FrameReader(path) as reader:
        assert reader.read(6) == b"one tw"
        assert reader.read(100) == b"o three"
        assert reader.read(1) == b""
