metadata description = 'Log Analytics and Application Insights. Neither takes anything by key: who sends must be signed in.'

@description('Where both are made.')
param location string

@description('Tags.')
param tags object

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param insightsName string

@description('Days for which logs are kept.')
param logDays int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    features: { disableLocalAuth: true }
    retentionInDays: logDays
    sku: { name: 'PerGB2018' }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    WorkspaceResourceId: workspace.id
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Name of the Application Insights component.')
output insightsName string = insights.name

@description('Where telemetry is sent to. It holds no key that would open anything.')
output connectionString string = insights.properties.ConnectionString
