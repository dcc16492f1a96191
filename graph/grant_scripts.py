"""The scripts that grant app roles: what `rollcall grant --apply` does, for who has no Rollcall.

Both look up the roles by their names, want exactly one enabled role of each, leave alone what is
granted already, and end at the first failure.
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-assign-app-role-managed-identity
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .roles import GRAPH_APP, OBJECT_ID

if TYPE_CHECKING:
    from collections.abc import Collection

_BASH = r"""set -euo pipefail
ID="{id}"  # object id of the managed identity, not its client id
API={api}  # Microsoft Graph, in every tenant
GRAPH=$(az ad sp show --id $API --query id -o tsv)
URL="https://graph.microsoft.com/v1.0/servicePrincipals/$ID/appRoleAssignments"
HAS=$(az rest --method GET --url "$URL?\$top=999" \
  --query "value[?resourceId=='$GRAPH'].appRoleId" -o tsv)
for ROLE in \
{roles}
do
  FOUND=$(az ad sp show --id $API -o tsv --query \
    "appRoles[?value=='$ROLE' && isEnabled && contains(allowedMemberTypes, 'Application')].id")
  [[ $(wc -w <<< "$FOUND") -eq 1 ]] || {{ echo "$ROLE: not exactly one such role" >&2; exit 1; }}
  if grep -qxF "$FOUND" <<< "$HAS"; then echo "$ROLE: granted already"; continue; fi
  az rest --method POST --url "$URL" --output none --body \
    "{{\"principalId\":\"$ID\",\"resourceId\":\"$GRAPH\",\"appRoleId\":\"$FOUND\"}}"
  echo "$ROLE: granted"
done
"""
_POWER_SHELL = r"""$ErrorActionPreference = "Stop"
Connect-MgGraph -Scopes AppRoleAssignment.ReadWrite.All, Application.Read.All -NoWelcome
$id = "{id}"  # object id of the managed identity, not its client id
$graph = Get-MgServicePrincipal -Filter "appId eq '{api}'"
$has = Get-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $id -All |
  Where-Object ResourceId -eq $graph.Id
$roles = @(
{roles}
)
foreach ($role in $roles) {{
  $found = @($graph.AppRoles | Where-Object {{
    $_.Value -eq $role -and $_.IsEnabled -and $_.AllowedMemberTypes -contains "Application" }})
  if ($found.Count -ne 1) {{ throw "${{role}}: not exactly one such role" }}
  if ($has.AppRoleId -contains $found[0].Id) {{ "${{role}}: granted already"; continue }}
  New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $id -PrincipalId $id `
    -ResourceId $graph.Id -AppRoleId $found[0].Id | Out-Null
  "${{role}}: granted"
}}
"""


def bash_script(roles: Collection[str], object_id: str = "") -> str:
    """For bash with the Azure CLI. `object_id`: without it the script holds the word OBJECT_ID."""
    lines = " \\\n".join(f"  {role}" for role in roles)
    return _BASH.format(id=object_id or OBJECT_ID, api=GRAPH_APP, roles=lines)


def power_shell_script(roles: Collection[str], object_id: str = "") -> str:
    """For PowerShell with the module Microsoft.Graph; as `bash_script`."""
    lines = "\n".join(f'  "{role}"' for role in roles)
    return _POWER_SHELL.format(id=object_id or OBJECT_ID, api=GRAPH_APP, roles=lines)
