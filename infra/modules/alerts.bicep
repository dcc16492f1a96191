// Alerts by mail: a run failed, a run is held, no run for some hours, a message failed at every try.
// Each is a query over the log (../queries), which finds the lines that sync/events.py writes.
// https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types#log-alerts

@description('Region of the rules; that of the workspace.')
param location string = resourceGroup().location

@description('Tags of every resource.')
param tags object = {}

@description('Begins the names of the action group and the rules.')
@minLength(1)
@maxLength(40)
param namePrefix string

@description('Log Analytics workspace that the app logs into.')
param workspaceId string

@description('Name of the Function App, where others log into the same workspace; empty for all of it.')
param appName string = ''

@description('Addresses that get the mails; without any the alerts stand in the portal alone.')
param alertEmails array = []

@description('Hours without a run after which an alert fires. Longer than the pause between two rosters.')
@minValue(2)
@maxValue(47)
param noRunHours int = 26

@description('Whether the rules are switched on; off for holidays.')
param enabled bool = true

var ofApp = empty(appName) ? '' : '\n| where AppRoleName =~ "${appName}"'

var rules = [
  {
    name: 'run-failed'
    title: 'Rollcall: a run failed'
    description: 'A run ended as failed: `rollcall show RUN` says why. Nothing was removed because of it; the next run does what is left.'
    severity: 1
    query: loadTextContent('../queries/run-failed.kql')
    window: 'PT15M'
    frequency: 'PT5M'
    dimensions: ['App', 'Run', 'Source', 'Step']
  }
  {
    name: 'run-held'
    title: 'Rollcall: a run is held'
    description: 'A guard holds changes until somebody approves or rejects them: look at the portal, or `rollcall show RUN`.'
    severity: 2
    query: loadTextContent('../queries/run-held.kql')
    window: 'PT15M'
    frequency: 'PT5M'
    dimensions: ['App', 'Run', 'Source', 'Held']
  }
  {
    name: 'no-run'
    title: 'Rollcall: no run for ${noRunHours} hours'
    description: 'No roster came and no source was asked. Does the system still deliver its files? Does the app run? `rollcall doctor` checks it.'
    severity: 1
    query: replace(loadTextContent('../queries/no-run.kql'), '26', string(noRunHours))
    window: 'P2D'
    frequency: 'PT1H'
    dimensions: []
  }
  {
    name: 'poison-message'
    title: 'Rollcall: a message failed at every try'
    description: 'Something unforeseen happened at every try. What the message was about is marked as failed; the exceptions of the app say what it was.'
    severity: 1
    query: loadTextContent('../queries/poison-message.kql')
    window: 'PT15M'
    frequency: 'PT5M'
    dimensions: ['App', 'Queue', 'Run']
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${namePrefix}-alerts'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'Rollcall'
    enabled: true
    emailReceivers: [
      for (address, number) in alertEmails: {
        name: 'mail-${number + 1}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alert 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: '${namePrefix}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.title
      description: rule.description
      severity: rule.severity
      enabled: enabled
      scopes: [workspaceId]
      evaluationFrequency: rule.frequency
      windowSize: rule.window
      autoMitigate: true
      // A workspace that nobody has written to yet has no such table, and the rule is right anyway.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: replace(rule.query, '\nAppTraces\n', '\nAppTraces${ofApp}\n')
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: [
              for dimension in rule.dimensions: {
                name: dimension
                operator: 'Include'
                values: ['*']
              }
            ]
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [people.id]
      }
    }
  }
]

@description('The action group, for further rules.')
output actionGroupId string = people.id

@description('The names of the rules.')
output ruleNames array = [for (rule, number) in rules: alert[number].name]
