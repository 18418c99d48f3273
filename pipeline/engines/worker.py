"""A Python worker started by the engine itself (`--environment_type=PROCESS`): `python -m pipeline.engines.worker --id=… …`.

What the start-up program of Beam's container does, without a container. Each TaskManager starts its own: a worker pool shared by
two of them stops the worker of one when the other's ends (measured: items ran twice).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

PROVISION = "provision_endpoint"
ENDPOINTS = ("control_endpoint", "logging_endpoint")


def main(arguments: Sequence[str]) -> None:
    """Ask the engine what this worker is for, and become Beam's worker."""
    given = parse(arguments)
    import grpc  # noqa: PLC0415  # with Beam's imports, a second; the command line is checked before
    from apache_beam.portability.api import beam_provision_api_pb2 as provision  # noqa: PLC0415
    from apache_beam.portability.api import beam_provision_api_pb2_grpc as services  # noqa: PLC0415

    name = given.id.strip("'")  # Prism quotes it
    with grpc.insecure_channel(given.provision_endpoint) as channel:
        stub = services.ProvisionServiceStub(channel)
        request = provision.GetProvisionInfoRequest()
        info = stub.GetProvisionInfo(request, metadata=[("worker_id", name)], timeout=60).info
    os.environ.update(environment(name, given, info))
    from apache_beam.runners.worker import sdk_worker_main  # noqa: PLC0415

    sdk_worker_main.main(None)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", required=True)
    parser.add_argument(f"--{PROVISION}", required=True)
    for name in (*ENDPOINTS, "artifact_endpoint"):
        parser.add_argument(f"--{name}", default="")
    return parser.parse_known_args(arguments)[0]


def environment(name: str, given: argparse.Namespace, info: Any) -> dict[str, str]:
    """What Beam's worker reads from its environment."""
    from apache_beam.portability.api import endpoints_pb2  # noqa: PLC0415
    from google.protobuf import json_format, text_format  # noqa: PLC0415

    def descriptor(endpoint: str) -> str:
        url = getattr(given, endpoint) or getattr(info, endpoint).url
        return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url))

    return {
        "WORKER_ID": name,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor("control_endpoint"),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor("logging_endpoint"),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
