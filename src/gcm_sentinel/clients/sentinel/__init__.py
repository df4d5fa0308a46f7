"""A SENTINEL gateway: GPU health by exact probes, and the audit ledger. The only importer of `sentinel_sdk` and gRPC.

Nothing of the vendor's is imported before the first call: gRPC costs a tenth of a second and 15 MiB that an agent
without a gateway need not pay.
"""

from gcm_sentinel.clients.sentinel.access import Access
from gcm_sentinel.clients.sentinel.gateway import SentinelGateway

__all__ = ["Access", "SentinelGateway"]
