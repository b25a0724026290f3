"""What the generator of requests is taught: how a mail is written, and which ids there are."""

import os
import re

import schemathesis

# The ids of a message and of a report, so that not every request is about something that there is none of.
KNOWN = {"messages": os.environ["SEKISHO_MESSAGE"], "reports": os.environ["SEKISHO_REPORT"]}


@schemathesis.serializer("message/rfc822")
def mail(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    made_up = (path_parameters or {}).get("id")
    # Half of the ids that could be some stand for the one that is; what could be none stays as it is.
    if isinstance(made_up, str) and re.fullmatch("[0-9a-f]{32}", made_up) and made_up[0] < "8":
        path_parameters["id"] = KNOWN[context.operation.path.split("/")[3]]
    return path_parameters
