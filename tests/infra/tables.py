"""Tables of Log Analytics that our queries name, with the columns that Microsoft documents.

https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces and its siblings, a page
for each table. Not every column is here; a query that needs another one adds it.
"""

from __future__ import annotations

_ALL = {
    "TenantId": "string", "TimeGenerated": "datetime", "SourceSystem": "string", "Type": "string",
    "_ResourceId": "string", "_SubscriptionId": "string", "_BilledSize": "real",
    "_IsBillable": "string",
}  # fmt: skip
_APP = _ALL | {
    "AppRoleInstance": "string", "AppRoleName": "string", "AppVersion": "string",
    "ClientBrowser": "string", "ClientCity": "string", "ClientCountryOrRegion": "string",
    "ClientIP": "string", "ClientModel": "string", "ClientOS": "string",
    "ClientStateOrProvince": "string", "ClientType": "string", "IKey": "string",
    "ItemCount": "int", "OperationId": "string", "OperationName": "string", "ParentId": "string",
    "Properties": "dynamic", "ResourceGUID": "string", "SDKVersion": "string",
    "SessionId": "string", "SyntheticSource": "string", "UserAccountId": "string",
    "UserAuthenticatedId": "string", "UserId": "string",
}  # fmt: skip
_OPERATION = {
    "Id": "string", "Name": "string", "Success": "bool", "ResultCode": "string",
    "DurationMs": "real", "PerformanceBucket": "string", "Measurements": "dynamic",
}  # fmt: skip
TABLES = {
    "AppTraces": _APP | {"Message": "string", "SeverityLevel": "int", "Measurements": "dynamic"},
    "AppMetrics": _APP | {"Name": "string", "Sum": "real", "Min": "real", "Max": "real"},
    "AppRequests": _APP | _OPERATION | {"Url": "string", "Source": "string"},
    "AppDependencies": (
        _APP | _OPERATION | {"Target": "string", "DependencyType": "string", "Data": "string"}
    ),
    "AppExceptions": _APP | {
        "Assembly": "string", "Details": "dynamic", "ExceptionType": "string",
        "HandledAt": "string", "InnermostAssembly": "string", "InnermostMessage": "string",
        "InnermostMethod": "string", "InnermostType": "string", "Measurements": "dynamic",
        "Message": "string", "Method": "string", "OuterAssembly": "string",
        "OuterMessage": "string", "OuterMethod": "string", "OuterType": "string",
        "ProblemId": "string", "SeverityLevel": "int",
    },
    "StorageQueueLogs": _ALL | {
        "AccountName": "string", "AuthenticationType": "string", "CallerIpAddress": "string",
        "Category": "string", "CorrelationId": "string", "DurationMs": "real",
        "OperationName": "string", "Protocol": "string", "ServerLatencyMs": "real",
        "ServiceType": "string", "StatusCode": "string", "StatusText": "string", "Uri": "string",
    },
}  # fmt: skip
