"""What a healthy training job writes: a start, then a line every few steps, checkpoints now and then."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel_fleet.history.pod import PodHistory
from sentinel_fleet.stable import jitter, rng, seed64

_CHECKPOINT_EVERY = 25


def training_lines(pod: PodHistory, rank: int, world: int, until: float) -> Iterator[tuple[float, str]]:
    """(instant, line) of one rank's log up to `until`."""
    gang = pod.workload.name if pod.workload is not None else pod.name
    random = rng("training", pod.namespace, gang)
    every_s, step_s = random.uniform(20, 50), random.uniform(1.4, 9.0)
    loss, floor, seed = random.uniform(3.4, 7.0), random.uniform(1.6, 2.3), seed64("loss", gang)
    first_step = random.choice((0, 0, random.randint(2, 90) * 1000))
    start = pod.started
    for delay, text in _opening(rank, world, first_step):
        if start + delay <= until:
            yield start + delay, text
    number, at = 0, start + 90.0
    while at <= until:
        step = first_step + int((at - start - 60.0) / step_s)
        value = floor + (loss - floor) / (1.0 + 0.0004 * step) + 0.02 * jitter(seed, number)
        pace = step_s * (1.0 + 0.006 * jitter(seed ^ 1, number))
        yield (
            at,
            (
                f"[rank{rank}] step {step} | loss {value:.4f} | grad norm {0.9 + 0.2 * jitter(seed ^ 2, number):.3f} | "
                f"step time {pace:.3f} s | lr 2.4e-04"
            ),
        )
        if number % _CHECKPOINT_EVERY == _CHECKPOINT_EVERY - 1 and rank == 0 and at + 4.0 <= until:
            yield at + 4.0, f"[rank0] saved checkpoint /checkpoints/{gang}/step_{step} in 21.4 s"
        number += 1
        at += every_s


def _opening(rank: int, world: int, first_step: int) -> Iterator[tuple[float, str]]:
    yield 2.1, f"[rank{rank}] torch 2.9.1+cu130, {world} processes, backend nccl"
    yield 11.4, f"NCCL INFO Bootstrap: Using bond0 | NCCL INFO NET/IB : Using mlx5_0:1/IB ... [rank{rank}]"
    yield 34.8, f"NCCL INFO ncclCommInitRank comm rank {rank} nranks {world} - Init COMPLETE"
    if first_step:
        yield 52.0, f"[rank{rank}] resumed from checkpoint at step {first_step}"
