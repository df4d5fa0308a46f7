"""The two methods that published clients call and no proto declares; they live beside their service's declared ones.

gRPC asks its handlers one after the other: a second one for the same service name answers what the first has not.
"""

from __future__ import annotations

import grpc
from google.protobuf.empty_pb2 import Empty

from sentinel.v1 import config_pb2, trust_pb2
from sentinel_gateway.services.configuration import ConfigService
from sentinel_gateway.services.correlation import CorrelationService

CORRELATION = "sentinel.v1.CorrelationService"
CONFIG = "sentinel.v1.ConfigService"
EXTENSION_METHODS = (f"/{CORRELATION}/GetTrustGraph", f"/{CONFIG}/ApplyConfig")


def extension_handlers(correlation: CorrelationService, config: ConfigService) -> tuple[grpc.GenericRpcHandler, ...]:
    """Handlers for both."""
    trust_graph = grpc.unary_unary_rpc_method_handler(
        correlation.GetTrustGraph,
        request_deserializer=Empty.FromString,
        response_serializer=trust_pb2.TrustGraphSnapshot.SerializeToString,
    )
    apply_config = grpc.unary_unary_rpc_method_handler(
        config.ApplyConfig,
        request_deserializer=config_pb2.ConfigUpdate.FromString,
        response_serializer=config_pb2.ConfigAck.SerializeToString,
    )
    return (
        grpc.method_handlers_generic_handler(CORRELATION, {"GetTrustGraph": trust_graph}),
        grpc.method_handlers_generic_handler(CONFIG, {"ApplyConfig": apply_config}),
    )
