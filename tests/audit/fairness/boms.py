"""What CycloneDX's own strict validator says of a model card."""

import json
from typing import Any


def problems(bom: dict[str, Any]) -> object | None:
    """What is wrong with a bill of materials by the CycloneDX 1.6 JSON schema; None where nothing is."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom))
