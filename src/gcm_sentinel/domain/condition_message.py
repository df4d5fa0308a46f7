"""What a node condition's message really says, once the traps of its reporters are taken off.

GCM's checks hand node-problem-detector the last line of their output, cut at 256 bytes. With the default sink that line
is a JSON telemetry record (`_msg` inside, often cut), and after a failed ECC check it can be the OK line of *another*
check. A condition is also True when the check could not run at all. Pure; never raises, whatever the message holds.
"""

from __future__ import annotations

import json
import re

from gcm_sentinel.domain.summaries import ParsedMessage

_CUT_AT_BYTES = 256
_FIELD = re.compile(r'"(?P<key>_msg|health_check)"\s*:\s*"(?P<value>(?:[^"\\]|\\.)*)(?P<end>"?)')
_RESULT = re.compile(r'"result"\s*:\s*(\d+)')

_OK_LINE = re.compile(r"ExitCode\.OK\b|^\s*OK\b\s*[-:]|\bcheck passed\b", re.IGNORECASE)
_BAD_LINE = re.compile(r"ExitCode\.(?:WARN|CRITICAL|UNKNOWN)|^\s*(?:WARNING|CRITICAL|UNKNOWN)\b")
_COULD_NOT_RUN = re.compile(
    r"failed to execute"
    r"|no such file or directory|command not found|executable file not found|permission denied"
    r"|timeout when running plugin|(?:check|plugin|command|script)\b[^.;]{0,40}\btimed?[ -]?out"
    r"|unable to (?:connect|establish a connection) to|(?:host ?engine|dcgm)\b[^.;]{0,40}\b(?:unreachable|not running)"
    r"|connection refused|nvml shared library not found|no module named"
    r"|ExitCode\.UNKNOWN|^\s*UNKNOWN\b\s*[-:]",
    re.IGNORECASE,
)
"""Not "Driver Not Loaded" and not a timeout of the GPU itself (GSP, context switch): those are symptoms."""

_KERNEL_XID = re.compile(r"Xid \(PCI:[0-9A-Fa-f:.]+\): (\d{1,3})\b")
_XID_LIST = re.compile(
    r"\bxids?(?:\s*errors?|\s*codes?)?(?:\s+(?:detected|found))?\s*[:=#]?\s*"
    r"(?P<first>\d{1,3})\b(?P<rest>(?:\s*,\s*\d{1,3}\b(?=\s*(?:[,.;)\]]|$)))*)",
    re.IGNORECASE,
)
_NVIDIA_REASON = re.compile(r"\bNvidiaXID(\d{1,3})(?:Error|Warning)\b")
_RESULT_UNKNOWN = 3


def parse_message(message: str, *, bad: bool) -> ParsedMessage:
    """The content of a condition's message.

    `bad` says whether the condition is in its bad state: an OK line on a bad condition contradicts it.
    """
    record = _record(message)
    text = record["text"] if record else " ".join(message.split())
    could_not_run = bool(_COULD_NOT_RUN.search(text)) or bool(record and record.get("result") == _RESULT_UNKNOWN)
    ok_line = bool(_OK_LINE.search(text)) and not _BAD_LINE.search(text)
    parsed = ParsedMessage(
        text=text,
        truncated=record["truncated"] if record else len(message.encode(errors="replace")) == _CUT_AT_BYTES,
        contradicts=bad and ok_line and not could_not_run,
        check_failed_to_run=could_not_run,
        xids=_xids(text),
    )
    if record and "health_check" in record:
        parsed["health_check"] = record["health_check"]
    if record and "result" in record:
        parsed["result"] = record["result"]
    return parsed


def _record(message: str) -> ParsedMessage | None:
    """The telemetry record in `message`, whole or cut; None when it is plain text."""
    stripped = message.strip()
    if not stripped.startswith(("{", "[{", "[ {")):
        return None
    try:
        return _whole_record(json.loads(stripped))
    except (ValueError, RecursionError):
        pass  # cut
    fields = {found["key"]: found for found in _FIELD.finditer(stripped)}
    result = _RESULT.search(stripped)
    whole_name = fields.get("health_check")
    health_check = _unescape(whole_name["value"]) if whole_name and whole_name["end"] else ""
    said = _unescape(fields["_msg"]["value"]) if "_msg" in fields else ""
    if not (said or health_check or result):
        return ParsedMessage(text=stripped, truncated=True, contradicts=False, check_failed_to_run=False, xids=[])
    return _as_message(said, health_check, int(result.group(1)) if result else None, truncated=True)


def _whole_record(parsed: object) -> ParsedMessage | None:
    first = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if not isinstance(first, dict) or not {"_msg", "health_check", "result"} & first.keys():
        return None
    result = first.get("result")
    return _as_message(
        str(first.get("_msg") or ""),
        str(first.get("health_check") or ""),
        result if isinstance(result, int) and not isinstance(result, bool) else None,
        truncated=False,
    )


def _as_message(said: str, health_check: str, result: int | None, *, truncated: bool) -> ParsedMessage:
    text = " ".join(said.split())
    if not text:
        words = {0: "ok", 1: "warning", 2: "critical", _RESULT_UNKNOWN: "unknown"}
        outcome = f"result {result} ({words.get(result, 'unknown code')})" if result is not None else "no result"
        text = f"health check {health_check or 'of unknown name'!r}: {outcome}, its words were cut off"
    record = ParsedMessage(text=text, truncated=truncated, contradicts=False, check_failed_to_run=False, xids=[])
    if health_check:
        record["health_check"] = health_check
    if result is not None:
        record["result"] = result
    return record


def _unescape(value: str) -> str:
    """The text of a JSON string body that may have been cut in the middle of an escape."""
    for end in (len(value), -1, -2, -3, -4, -5):
        try:
            return str(json.loads(f'"{value[:end]}"'))
        except ValueError:
            continue
    return value


def _xids(text: str) -> list[int]:
    """The Xid numbers a text names, in order, each once."""
    found = [int(number) for number in _KERNEL_XID.findall(text)]
    found += [int(number) for number in _NVIDIA_REASON.findall(text)]
    for listed in _XID_LIST.finditer(text):
        found += [int(number) for number in re.findall(r"\d+", listed["first"] + listed["rest"])]
    return list(dict.fromkeys(number for number in found if number > 0))
