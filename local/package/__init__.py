"""The package that is deployed: function_app.py, the rooms below it and what they import.

`build` makes it from this checkout and the pinned distributions, pruned of everything that
function_app.py never imports, as a zip that Azure Functions runs as it is, without a build of its
own. https://learn.microsoft.com/azure/azure-functions/deployment-zip-push
"""
