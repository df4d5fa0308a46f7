"""What stands for a container runtime lets a process write where a writable volume is, and nowhere else."""

from __future__ import annotations

import pytest
from tests.cluster.agent import container
from tests.cluster.agent.container import Container
from tests.cluster.agent.pod import Mount, Ready
from tests.cluster.servers import until

CLOSED = ("/", "/usr", "/etc", "/etc/gcm-sentinel", "/root", "/run", "/opt", "/var/lib", "/var/run/secrets")
KERNELS = ("/dev/shm", "/sys/fs/cgroup")  # noqa: S108 - nothing is to be there
TRY = """
for place in "$@"; do
    if (: >> "$place/tried-by-a-test") 2> /dev/null; then echo "wrote $place"; rm -f "$place/tried-by-a-test"; fi
done
for file in /etc/hosts /etc/resolv.conf; do if (: >> "$file") 2> /dev/null; then echo "wrote $file"; fi; done
"""


@pytest.fixture
def run(tmp_path):
    """What a container prints that has a writable volume in /var/lib and a read-only one in /etc."""

    def printed(*command):
        for name in ("state", "files"):
            (tmp_path / name).mkdir()
        state = Mount(tmp_path / "state", "/var/lib/gcm-sentinel", read_only=False)
        account = Mount(tmp_path / "files", "/var/run/secrets/kubernetes.io/serviceaccount", read_only=True)
        files = Mount(tmp_path / "files", "/etc/gcm-sentinel", read_only=True)
        ready = Ready(command, {}, (state, files, account), read_only_root=True)
        found = Container(ready, tmp_path, tmp_path / "log", {})
        until(lambda: bool(found.ended), 60, "it ends by itself")
        assert found.stop() == 0, found.ended
        return found.lines()

    return printed


def test_it_writes_to_its_volume_alone(run):
    assert run("sh", "-c", TRY, "sh", *CLOSED, *KERNELS, "/var/lib/gcm-sentinel") == ["wrote /var/lib/gcm-sentinel"]


def test_where_one_way_to_a_namespace_is_refused_the_other_is_taken(run, monkeypatch):
    refused = (("unshare", "--no-such-way"), *container._NAMESPACES)
    monkeypatch.setattr(container, "_NAMESPACES", refused)

    assert run("echo", "here") == ["here"]


def test_where_none_is_left_it_is_said_what_is_needed(run, monkeypatch):
    monkeypatch.setattr(container, "_NAMESPACES", (("false",),))

    with pytest.raises(RuntimeError, match="CAP_SYS_ADMIN, or user namespaces"):
        run("true")
