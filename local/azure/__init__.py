"""An emulator of Azure Resource Manager: resources that are there, read as the service shows them.

It stands behind the real protocol: tokens for https://management.azure.com, a version of the API in
each request, role-based access, pages, and the errors of the service. It deploys nothing.
"""

from local.azure.app import create_app
from local.azure.cloud import Cloud

__all__ = ["Cloud", "create_app"]
