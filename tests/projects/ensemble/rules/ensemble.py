"""What the members of an ensemble say together."""

import json
from statistics import fmean


def ensemble(input, output, member):
    weights = [json.loads(path.read_text()) for path in input]
    together = {"members": len(member)}
    for name in ["slope", "offset"]:
        values = [weight[name] for weight in weights]
        together[name] = round(fmean(values), 6)
        together[f"{name} apart"] = round(max(values) - min(values), 6)
    output.write_text(json.dumps(together, indent=1) + "\n")
