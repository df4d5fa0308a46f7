"""What a broken information source looks like to its client.

"refuse" closes the connection without a word, "timeout" never answers, "403" and "503" are what a proxy in front
would say. "empty" is not here: only the source itself knows what its empty answer looks like.
"""

import asyncio

from aiohttp import web

_REFUSALS = {
    "403": web.HTTPForbidden,
    "503": web.HTTPServiceUnavailable,
}


async def suffer(request: web.Request, fault: str | None) -> web.StreamResponse | None:
    """Act out a fault; None where there is nothing to act out and the source should answer."""
    if fault is None or fault == "empty":
        return None
    if fault == "timeout":
        await asyncio.get_running_loop().create_future()
    if fault == "refuse":
        return hang_up(request)
    refusal = _REFUSALS[fault]
    return web.Response(status=refusal.status_code, text=f"{refusal.status_code} {refusal().reason}\n")


def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection at once; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=web.HTTPServiceUnavailable.status_code)
