// A workbook: the runs and what they did, from the log and the metrics of the app.
// https://learn.microsoft.com/azure/azure-monitor/visualize/workbooks-automate

@description('Region of the workbook.')
param location string = resourceGroup().location

@description('Tags of the workbook.')
param tags object = {}

@description('Log Analytics workspace that the app logs into.')
param workspaceId string

@description('The name that people see.')
param displayName string = 'Rollcall runs'

var parts = [
  {
    title: 'Runs'
    query: loadTextContent('../queries/runs.kql')
    view: 'table'
  }
  {
    title: 'Changes that were planned, by kind and action'
    query: loadTextContent('../queries/changes.kql')
    view: 'barchart'
  }
  {
    title: 'What became of changes'
    query: loadTextContent('../queries/outcomes.kql')
    view: 'timechart'
  }
  {
    title: 'Writes, and the share that Graph throttled (per cent)'
    query: loadTextContent('../queries/writes.kql')
    view: 'timechart'
  }
  {
    title: 'Findings by rule'
    query: loadTextContent('../queries/findings.kql')
    view: 'table'
  }
  {
    title: 'Queues: messages, and minutes that the oldest one waits'
    query: loadTextContent('../queries/queues.kql')
    view: 'table'
  }
  {
    title: 'Steps: seconds of a call, minutes in total'
    query: loadTextContent('../queries/steps.kql')
    view: 'table'
  }
]

var timeRange = {
  type: 9
  name: 'time'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    parameters: [
      {
        id: guid(workspaceId, 'TimeRange')
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 604800000 }
        typeSettings: {
          selectableValues: [
            { durationMs: 86400000 }
            { durationMs: 604800000 }
            { durationMs: 2592000000 }
            { durationMs: 7776000000 }
          ]
          allowCustom: true
        }
      }
    ]
  }
}

var queries = [
  for part in parts: {
    type: 3
    name: part.title
    content: {
      version: 'KqlItem/1.0'
      title: part.title
      query: part.query
      size: 0
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      crossComponentResources: [workspaceId]
      timeContextFromParameter: 'TimeRange'
      visualization: part.view
    }
  }
]

resource runs 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'rollcall-runs')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspaceId
    version: '1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([timeRange], queries)
      fallbackResourceIds: [workspaceId]
    })
  }
}

@description('The workbook.')
output workbookId string = runs.id
