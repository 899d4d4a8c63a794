"""openmined-psi (its exact variant) on as many members: run by an interpreter that has it, as it pins a protobuf.

`make peers` puts it into `var/peers`; the last line is JSON: CPU seconds of both parties together, and bytes in all.
"""

import json
import sys
import time


def run(ours: list[str], theirs: list[str]) -> dict[str, float]:
    """Match both lists once."""
    import private_set_intersection.python as psi  # not in this project's own environment

    begun = time.process_time()
    client, server = psi.client.CreateWithNewKey(True), psi.server.CreateWithNewKey(True)  # noqa: FBT003  its own call
    setup = server.CreateSetupMessage(0.0, len(ours), theirs, psi.DataStructure.RAW)
    request = client.CreateRequest(ours)
    response = server.ProcessRequest(request)
    found = client.GetIntersection(setup, response)
    spent = time.process_time() - begun
    if len(found) != len(set(ours) & set(theirs)):
        raise SystemExit("it did not find who is at both")
    return {"cpu_s": spent, "bytes": sum(len(one.SerializeToString()) for one in (setup, request, response))}


if __name__ == "__main__":
    count = int(sys.argv[1])
    cards = [[f"card-{number:012d}" for number in range(start, start + count)] for start in (0, count // 2)]
    print(json.dumps(run(*cards)))
