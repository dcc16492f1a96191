"""The web pages: read-mostly, server-rendered, behind App Service Authentication."""
