"""The kernels compile and run whatever state Numba's cache is in."""

import subprocess
import sys
from pathlib import Path

import pytest

# Files above the limit cannot be written whole; Python turns that into an OSError.
NO_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
IMPORT = "from spiq.hardware.loihi.simulator import kernels; print(kernels.run.nopython_signatures != [])"


def compiled(cache: Path, before: str = "") -> bool:
    """Whether a new interpreter with its cache in that folder gets its kernels."""
    done = subprocess.run(
        [sys.executable, "-c", f"{before}\n{IMPORT}"],
        env={"NUMBA_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout == "True\n"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    assert compiled(cache)
    return cache


@pytest.mark.parametrize(("ending", "content"), [("nbi", b""), ("nbc", b"no cache")], ids=["index", "code"])
def test_a_damaged_cache_is_left_aside(written: Path, ending: str, content: bytes) -> None:
    (path,) = written.rglob(f"*.{ending}")
    whole = path.read_bytes()
    path.write_bytes(content)
    try:
        assert compiled(written)
    finally:
        path.write_bytes(whole)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on a file's size")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    assert compiled(tmp_path, NO_ROOM)
    assert not list(tmp_path.rglob("*.nbc"))
