"""The API's OpenAPI description on standard output: `python -m api.description`. The CDK app reads it."""

import sys

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from api.application import CORS, configure, serialize


def describe() -> str:
    """Return the description as JSON text; `GET /openapi.json` answers the same."""
    app = APIGatewayRestResolver(cors=CORS, serializer=serialize)
    configure(app)
    return str(app.get_openapi_json_schema())


if __name__ == "__main__":
    sys.stdout.write(describe())
