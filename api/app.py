"""The Lambda entry of the REST API."""

import json
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aioboto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from api.application import CORS, configure, serialize
from api.backend import Backend
from api.problems import ProblemError
from game.catalogue import load_catalogue
from game.client_config import Deployment
from game.environment import ApiEnvironment
from game.metrics import Metric
from runtime.clock import now_ms
from runtime.container import Container
from runtime.sdk import SDK_CONFIG
from runtime.settings import read
from store.board_rules import Admission, settle
from store.database import open_database
from store.portraits import open_bucket
from store.users import open_user_pool

# Most requests count nothing.
warnings.filterwarnings("ignore", "No application metrics to publish")

logger = Logger(service="podium")
# The namespace is the deployment's: POWERTOOLS_METRICS_NAMESPACE, without which counting fails.
metrics = Metrics(service="api")
app = APIGatewayRestResolver(cors=CORS, serializer=serialize)
configure(app)


