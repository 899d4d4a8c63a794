"""What makes a site's folder a site on the network: its node's key, where the coordinator is, and its request."""

import json

from federated.certificates import create_node_key, public_pem
from federated.errors import MalformedError
from federated.keyfile import read_key
from federated.signed import Signed
from federated.site.columns import columns_data, write_mock
from federated.site.folder import SiteFolder
from federated.site.joining import Invitation, SiteRequest, sign_request


def equip_site(folder: SiteFolder, invited: Invitation, *, organisation: str) -> Signed:
    """Make the node's key, keep what the invitation says, make up members to try, and sign the request to be approved.

    Raises:
        FileExistsError: it has a node's key already.
    """
    node = create_node_key(folder.node_key_file)
    known = {"address": invited.coordinator, "authority": invited.authority}
    folder.coordinator_file.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    folder.columns_file.write_text(json.dumps(columns_data(invited.columns), indent=1) + "\n", encoding="utf-8")
    write_mock(folder.mock_file, invited.columns)
    own = folder.approval_key()
    request = SiteRequest(
        site=invited.site,
        organisation=organisation,
        node=public_pem(node),
        approval=own.public_key(),
        speak=read_key(folder.speak_key_file).public_key(),
    )
    signed = sign_request(request, own)
    folder.request_file.write_text(signed.to_text(), encoding="ascii")
    return signed


def coordinator_of(folder: SiteFolder) -> tuple[str, str]:
    """host:port of the coordinator, and the PEM of the authority that vouches for it.

    Raises:
        MalformedError: the folder does not say.
    """
    try:
        known = json.loads(folder.coordinator_file.read_text(encoding="utf-8"))
        return str(known["address"]), str(known["authority"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MalformedError(f"{folder.coordinator_file} cannot be read: is {folder.path} a site's folder?") from error
