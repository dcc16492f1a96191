"""The Functions host of the local stack: runs `function_app.app` over Azurite as Azure would.

It reads triggers and code from the app itself, so the app that runs here is exactly the one that is
deployed. Run it as `python -m local.host --app DIR`.
"""
