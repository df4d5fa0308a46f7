"""Plausible names: teams, people, jobs, images, models, change tickets. None of them tells what is wrong."""

from __future__ import annotations

from random import Random
from typing import Literal

WordKind = Literal["team", "job", "user", "image", "model", "change", "person"]

TEAMS = (
    "speech", "vision", "ranking", "multimodal", "reasoning", "robotics", "genomics", "search", "translation",
    "climate", "pretraining", "alignment", "agents", "recsys", "maps",
)  # fmt: skip
PEOPLE = (
    "a.lindqvist", "b.okafor", "c.moreau", "d.tanaka", "e.novak", "f.haddad", "g.silva", "h.kowalski", "i.petrov",
    "j.mbeki", "k.larsen", "l.fontana", "m.garcia", "n.yilmaz", "o.schmidt", "p.nguyen", "r.osei", "s.iyer",
)  # fmt: skip
MODELS = (
    "llama-3b", "mixtral-8x7b", "gpt-neox-20b", "vit-huge", "whisper-l", "t5-xxl", "dlrm-v3", "mamba-7b", "esm-15b",
    "dit-xl", "clip-g", "qwen-72b", "moe-64e", "bert-large", "unet-2b",
)  # fmt: skip
STAGES = ("pretrain", "finetune", "sft", "dpo", "ablation", "sweep", "distill", "rlhf", "longctx", "midtrain")
IMAGES = (
    "registry.corp.example/ml/pytorch-train:2.9.1-cu130",
    "registry.corp.example/ml/megatron:26.09",
    "registry.corp.example/ml/nemo:26.08.1",
    "registry.corp.example/ml/jax-train:0.8.2",
    "registry.corp.example/research/base:2026.10.2",
    "registry.corp.example/ml/deepspeed:0.19.3",
)
NODE_PREFIXES = ("gpu", "hgx", "dgx", "node", "gpunode", "ml", "acc")


def word(kind: WordKind, random: Random) -> str:
    """One name of the kind."""
    if kind == "team":
        return f"team-{random.choice(TEAMS)}"
    if kind == "job":
        return f"{random.choice(MODELS)}-{random.choice(STAGES)}-{random.randint(2, 98)}"
    if kind == "image":
        return random.choice(IMAGES)
    if kind == "model":
        return random.choice(MODELS)
    if kind == "change":
        return f"CHG-{random.randint(1000, 9899)}"
    return random.choice(PEOPLE)
