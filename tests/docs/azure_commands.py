"""The commands of Azure's and GitHub's tools that pages may tell: which options each takes.

They cannot be run here. So that a page cannot tell one that does not exist, or lacks what it needs,
each stands here once, as the vendor's reference has it (https://learn.microsoft.com/cli/azure,
https://learn.microsoft.com/azure/developer/azure-developer-cli/reference). Another command in a
page takes a line here, after a look into that reference.
"""

from __future__ import annotations

from dataclasses import dataclass

ALIASES = {
    "-g": "--resource-group", "-n": "--name", "-l": "--location", "-o": "--output", "-f": "--file",
    "-p": "--parameters", "-e": "--environment", "-t": "--template", "-s": "--subscription",
    "-y": "--yes", "-u": "--uri", "--url": "--uri", "-m": "--method", "-b": "--body",
}  # fmt: skip
EVERYWHERE = {
    "az": {"--query", "--output", "--subscription", "--only-show-errors", "--debug", "--help",
           "--yes"},
    "azd": {"--environment", "--no-prompt", "--cwd", "--debug", "--output", "--help"},
}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A command: options that it needs, others that it takes, and words that stand alone."""

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    words: int = 0


_WHERE = ("--resource-group", "--name")
_BLOB = ("--account-name", "--container-name", "--auth-mode", "--name")
_SP = ("--id",)
COMMANDS: dict[str, Known] = {
    "az login": Known((), ("--tenant", "--use-device-code", "--allow-no-subscriptions", "--scope")),
    "az logout": Known(),
    "az account show": Known(),
    "az account list": Known(),
    "az account set": Known(("--subscription",)),
    "az account get-access-token": Known((), ("--resource", "--scope", "--tenant")),
    "az extension add": Known(("--name",)),
    "az provider register": Known(("--namespace",), ("--wait",)),
    "az provider show": Known(("--namespace",)),
    "az group create": Known(("--name", "--location"), ("--tags",)),
    "az group list": Known(),
    "az group show": Known(("--name",)),
    "az group delete": Known(("--name",), ("--no-wait",)),
    "az group export": Known(("--name",)),
    **{
        f"az deployment {scope} {verb}": Known(
            (where,) if verb in ("show", "list") else (where, "--parameters"),
            ("--name", "--template-file", "--location", "--what-if",
             "--confirm-with-what-if", "--mode", "--no-prompt", "--result-format"),
        )
        for scope, where in (("group", "--resource-group"), ("sub", "--location"))
        for verb in ("create", "what-if", "validate", "show", "list")
    },
    "az bicep build": Known(("--file",), ("--outfile", "--outdir", "--stdout")),
    "az bicep install": Known((), ("--version",)),
    "az bicep lint": Known(("--file",)),
    "az functionapp show": Known(_WHERE),
    "az functionapp list": Known((), ("--resource-group",)),
    "az functionapp restart": Known(_WHERE),
    "az functionapp start": Known(_WHERE),
    "az functionapp stop": Known(_WHERE),
    "az functionapp identity assign": Known(_WHERE, ("--identities",)),
    "az functionapp identity show": Known(_WHERE),
    "az functionapp config appsettings set": Known((*_WHERE, "--settings")),
    "az functionapp config appsettings list": Known(_WHERE),
    "az functionapp config appsettings delete": Known((*_WHERE, "--setting-names")),
    "az functionapp deployment source config-zip": Known((*_WHERE, "--src"),
                                                         ("--build-remote", "--timeout")),
    "az functionapp function list": Known(_WHERE),
    "az functionapp keys list": Known(_WHERE),
    "az functionapp delete": Known(_WHERE),
    "az identity create": Known(_WHERE, ("--location", "--tags")),
    "az identity federated-credential create": Known(
        ("--identity-name", "--name", "--resource-group", "--issuer", "--subject", "--audiences")
    ),
    "az identity show": Known(_WHERE),
    "az identity list": Known((), ("--resource-group",)),
    "az role definition create": Known(("--role-definition",)),
    "az role assignment create": Known(
        ("--role", "--scope"),
        ("--assignee", "--assignee-object-id", "--assignee-principal-type", "--name"),
    ),
    "az role assignment list": Known(
        (), ("--assignee", "--scope", "--all", "--role", "--resource-group", "--include-inherited")
    ),
    "az role assignment delete": Known((), ("--assignee", "--role", "--scope", "--ids")),
    "az ad sp show": Known(_SP),
    "az ad sp list": Known((), ("--display-name", "--filter", "--all")),
    "az ad sp create": Known(_SP),
    "az ad app show": Known(_SP),
    "az ad app list": Known((), ("--display-name", "--filter", "--all")),
    "az ad app create": Known(
        ("--display-name",),
        ("--app-roles", "--web-redirect-uris", "--sign-in-audience", "--identifier-uris",
         "--enable-id-token-issuance"),
    ),
    "az ad app update": Known(_SP, ("--app-roles", "--web-redirect-uris", "--identifier-uris",
                                    "--set", "--enable-id-token-issuance")),
    "az ad app delete": Known(_SP),
    "az ad app federated-credential create": Known(("--id", "--parameters")),
    "az ad app federated-credential list": Known(_SP),
    "az ad signed-in-user show": Known(),
    "az ad user show": Known(_SP),
    "az ad group show": Known(("--group",)),
    "az rest": Known(("--uri",), ("--method", "--body", "--headers", "--uri-parameters",
                                  "--resource", "--output-file")),
    "az resource list": Known((), ("--resource-group", "--resource-type", "--tag")),
    "az resource show": Known((), (*_WHERE, "--resource-type", "--ids", "--api-version")),
    "az keyvault secret set": Known(("--vault-name", "--name"),
                                    ("--value", "--file", "--encoding", "--expires")),
    "az keyvault secret show": Known((), ("--vault-name", "--name", "--id", "--version")),
    "az keyvault secret list": Known(("--vault-name",)),
    "az keyvault secret delete": Known(("--vault-name", "--name")),
    "az keyvault secret recover": Known(("--vault-name", "--name")),
    "az keyvault secret list-versions": Known(("--vault-name", "--name")),
    "az keyvault secret set-attributes": Known(("--vault-name", "--name"),
                                               ("--version", "--enabled", "--expires")),
    "az keyvault show": Known(("--name",), ("--resource-group",)),
    "az keyvault list": Known((), ("--resource-group",)),
    "az keyvault recover": Known(("--name",), ("--location", "--resource-group")),
    "az keyvault list-deleted": Known(),
    "az keyvault purge": Known(("--name",), ("--location",)),
    "az storage account show": Known(("--name",), ("--resource-group",)),
    "az storage account list": Known((), ("--resource-group",)),
    "az storage account network-rule add": Known(("--account-name",),
                                                 ("--ip-address", "--resource-group", "--subnet")),
    "az storage account blob-service-properties show": Known(("--account-name",),
                                                             ("--resource-group",)),
    **{
        f"az storage blob {verb}": Known(needed, ("--account-name", "--blob-endpoint",
                                                  "--auth-mode", *more))
        for verb, needed, more in (
            ("upload", (*_BLOB[1:2], "--name", "--file"), ("--overwrite", "--content-type")),
            ("upload-batch", ("--destination", "--source"),
             ("--overwrite", "--pattern", "--destination-path")),
            ("download", (*_BLOB[1:2], "--name", "--file"), ("--overwrite", "--version-id")),
            ("download-batch", ("--source", "--destination"), ("--overwrite", "--pattern")),
            ("list", _BLOB[1:2], ("--prefix", "--include", "--num-results")),
            ("delete", (*_BLOB[1:2], "--name"), ("--delete-snapshots",)),
            ("delete-batch", ("--source",), ("--pattern", "--dryrun")),
            ("undelete", (*_BLOB[1:2], "--name"), ()),
            ("show", (*_BLOB[1:2], "--name"), ()),
            ("copy start", ("--destination-container", "--destination-blob"),
             ("--source-container", "--source-blob", "--source-uri", "--source-account-name")),
            ("copy start-batch", ("--destination-container",),
             ("--source-container", "--pattern", "--source-account-name", "--destination-path")),
        )
    },
    "az storage container list": Known((), ("--account-name", "--auth-mode", "--prefix")),
    "az storage queue list": Known((), ("--account-name", "--auth-mode")),
    "az storage message peek": Known(("--queue-name",),
                                     ("--account-name", "--auth-mode", "--num-messages")),
    "az storage message clear": Known(("--queue-name",), ("--account-name", "--auth-mode")),
    "az storage entity query": Known(("--table-name",),
                                     ("--account-name", "--auth-mode", "--filter",
                                      "--num-results")),
    "az monitor app-insights query": Known(
        ("--analytics-query",), ("--app", "--apps", "--resource-group", "--offset", "--start-time",
                                 "--end-time", "--ids"),
    ),
    "az monitor app-insights component show": Known((), ("--app", "--resource-group")),
    "az monitor log-analytics query": Known(("--workspace", "--analytics-query"), ("--timespan",)),
    "az monitor log-analytics workspace show": Known((), ("--workspace-name", "--resource-group")),
    "az monitor action-group show": Known(_WHERE),
    "az monitor action-group create": Known(_WHERE, ("--action", "--short-name")),
    "az webapp auth show": Known(_WHERE),
    "az webapp log tail": Known(_WHERE),
    "az eventgrid system-topic list": Known((), ("--resource-group",)),
    "az eventgrid system-topic event-subscription list": Known(
        ("--resource-group", "--system-topic-name")
    ),
    "azd auth login": Known((), ("--tenant-id", "--use-device-code", "--check-status")),
    "azd init": Known((), ("--template", "--location", "--subscription", "--from-code")),
    "azd up": Known((), ("--location", "--subscription")),
    "azd provision": Known((), ("--preview", "--no-state")),
    "azd package": Known((), ("--all", "--output-path"), 1),
    "azd deploy": Known((), ("--all", "--from-package"), 1),
    "azd down": Known((), ("--purge", "--force")),
    "azd env new": Known((), ("--location", "--subscription"), 1),
    "azd env set": Known((), (), 2),
    "azd env set-secret": Known((), (), 1),
    "azd env select": Known((), (), 1),
    "azd env get-value": Known((), (), 1),
    "azd env get-values": Known(),
    "azd env list": Known(),
    "azd env refresh": Known(),
    "azd show": Known(),
    "azd monitor": Known((), ("--logs", "--live", "--overview")),
    "azd pipeline config": Known((), ("--provider", "--principal-name", "--auth-type")),
    "azd hooks run": Known((), ("--service",), 1),
    "func start": Known((), ("--port", "--verbose")),
    "func azure functionapp publish": Known((), ("--build", "--no-build", "--python"), 1),
    "gh secret set": Known((), ("--body", "--env", "--repo"), 1),
    "gh variable set": Known((), ("--body", "--env", "--repo"), 1),
    "gh workflow run": Known((), ("--ref", "--field"), 1),
    "gh run watch": Known((), (), 1),
    "git clone": Known((), ("--depth", "--branch"), 2),
    "git pull": Known((), ("--ff-only",)),
    "git fetch": Known((), ("--tags", "--all")),
    "git checkout": Known((), ("-b",), 1),
    "git status": Known(),
    "bicep build": Known((), ("--stdout", "--outfile"), 1),
    "bicep lint": Known((), (), 1),
    "bicep snapshot": Known((), ("--mode",), 1),
}  # fmt: skip


def faults(words: list[str]) -> list[str]:
    """What is wrong with a command, in words; nothing if it is well."""
    name = next(
        (" ".join(words[:n]) for n in range(len(words), 0, -1) if " ".join(words[:n]) in COMMANDS),
        None,
    )
    if name is None:
        return [f"not known to tests/docs/azure_commands.py: {' '.join(words[:4])}"]
    known, rest = COMMANDS[name], words[len(name.split()) :]
    options = {_option(word) for word in rest if word.startswith("-")}
    allowed = {*known.needs, *known.takes, *EVERYWHERE.get(words[0], ())}
    found = [f"{name} has no option {option}" for option in sorted(options - allowed)]
    found += [f"{name} needs {option}" for option in known.needs if option not in options]
    alone = next((n for n, word in enumerate(rest) if word.startswith("-")), len(rest))
    if alone > known.words:
        found.append(f"{name} takes {known.words} words, not {' '.join(rest[:alone])}")
    return found


def _option(word: str) -> str:
    name = word.partition("=")[0]
    return ALIASES.get(name, name)
